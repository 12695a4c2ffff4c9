"""Viettel's receipts, played: login, createInvoice, searchInvoiceByTransactionUuid, cancellation, file.

Paths and members are those of the portals that use it; NOT_FOUND_DATA, TRANSACTION_UUID_INVALID and
INVOICE_SERIAL_NOT_FOUND, and a refusal as HTTP 400 with its word in `message`, those of public clients. The other words
are this world's choice.
"""

import base64
import dataclasses
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from flask import Flask, Response, request

from sandbox.receipt_book import TOKEN_LIFE_S, Book, Trouble, Wanted, number_text, paper, signed_file
from sandbox.serving import json_answer, new_app, read_json, same, text_of
from sandbox.state import VIETNAM, Ground

PROVIDER: Final = "viettel_receipts"
API: Final = "/services/einvoiceapplication/api/InvoiceAPI"
NOT_FOUND: Final = "NOT_FOUND_DATA"
BAD: Final = "BAD_REQUEST_DATA"
ORIGINAL, REPLACING = "1", "3"
NOBODY: Final = "-"
"""The key of no receipt."""
WORDS: Final[Mapping[Trouble, str]] = {
    Trouble.KNOWN: "TRANSACTION_UUID_INVALID",
    Trouble.SERIES: "INVOICE_SERIAL_NOT_FOUND",
    Trouble.NUMBERS: "INVOICE_NUMBER_USED_UP",
    Trouble.DATE: "INVOICE_ISSUED_DATE_INVALID",
    Trouble.REFUSED: "INVOICE_CERTIFICATE_EXPIRED",
    Trouble.NOBODY: "INVOICE_ORIGINAL_NOT_FOUND",
    Trouble.OVER: "INVOICE_ALREADY_CANCELLED",
}
STATUS: Final[Mapping[str, str]] = {
    "issued": "Hóa đơn gốc",
    "replaced": "Hóa đơn bị thay thế",
    "cancelled": "Hóa đơn xóa bỏ",
}
PAYMENT_METHODS: Final = frozenset({"6", "7"})
KEY_LENGTHS: Final = range(10, 37)
LATEST_MS: Final = 4_102_444_800_000


@dataclass(frozen=True, slots=True)
class ViettelReceiptsSettings:
    """One company's login. `numbers`: how many a series has, 0 for no end."""

    port: int
    tax_code: str
    username: str
    password: str = field(repr=False)
    numbers: int = 0
    slow_s: float = 12.0


class ViettelReceipts:
    """What each call does."""

    def __init__(self, settings: ViettelReceiptsSettings, ground: Ground) -> None:
        self.settings = settings
        self.book = Book(PROVIDER, ground, numbers=settings.numbers, slow_s=settings.slow_s)

    def log_in(self, asked: Mapping[str, object]) -> Response:
        username, password = text_of(asked.get("username")), text_of(asked.get("password"))
        if not same(self.settings.username, username) or not same(self.settings.password, password):
            return json_answer({"error": "invalid_grant"}, 401)
        told = {"access_token": self.book.new_token(), "token_type": "bearer", "expires_in": TOKEN_LIFE_S}
        return json_answer(told)

    def create(self, tax_code: str, asked: Mapping[str, object]) -> Response:
        wanted = _wanted(asked) if tax_code == self.settings.tax_code else None
        if wanted is not None and self._is_replacing(asked):
            wanted = self._in_place_of(wanted, _part(asked, "generalInvoiceInfo"))
        if wanted is None:
            return _no(BAD)
        row, fault = self.book.issue(wanted)
        given = _no(WORDS[row]) if isinstance(row, Trouble) else _yes(self._told(row))
        return self.book.sent(fault, given)

    @staticmethod
    def _is_replacing(asked: Mapping[str, object]) -> bool:
        return _part(asked, "generalInvoiceInfo").get("adjustmentType") == REPLACING

    def _in_place_of(self, wanted: Wanted, general: Mapping[str, object]) -> Wanted | None:
        """`wanted` with the receipt that it names; None where it is not named as it was issued."""
        form, number = text_of(general.get("originalTemplateCode")), text_of(general.get("originalInvoiceId"))
        row = self.book.by_number(form, number)
        if row is None:
            return dataclasses.replace(wanted, replaces=NOBODY)
        told = (general.get("originalInvoiceIssueDate"), text_of(general.get("additionalReferenceDesc")))
        if told[0] != row["issued_ms"] or not told[1] or not general.get("additionalReferenceDate"):
            return None
        return dataclasses.replace(wanted, replaces=row["key"])

    def _told(self, row: sqlite3.Row) -> dict[str, object]:
        return {
            "supplierTaxCode": self.settings.tax_code,
            "invoiceNo": row["sign"] + number_text(row),
            "transactionID": f"2611240849{row['id']:06d}",
            "reservationCode": row["reference"],
            "codeOfTax": None,
        }

    def search(self, asked: Mapping[str, str]) -> Response:
        row = self.book.by_key(asked.get("transactionUuid", ""))
        if row is None or asked.get("supplierTaxCode") != self.settings.tax_code:
            return _no(NOT_FOUND)
        found = {**self._told(row), "issueDate": row["issued_ms"], "status": STATUS[row["state"]]}
        return _yes([found])

    def cancel(self, asked: Mapping[str, str]) -> Response:
        row = self.book.by_number(asked.get("templateCode", ""), asked.get("invoiceNo", ""))
        if row is None or asked.get("supplierTaxCode") != self.settings.tax_code:
            return _no(NOT_FOUND)
        reason = asked.get("reasonDelete", "")
        if not reason or asked.get("strIssueDate") != str(row["issued_ms"]):
            return _no(BAD)
        if not asked.get("additionalReferenceDesc") or not asked.get("additionalReferenceDate"):
            return _no(BAD)
        return _yes(None) if self.book.cancel(row, reason) else _no("INVOICE_ALREADY_CANCELLED")

    def file(self, asked: Mapping[str, object]) -> Response:
        form, number = text_of(asked.get("templateCode")), text_of(asked.get("invoiceNo"))
        row = self.book.by_number(form, number)
        makers = {"PDF": paper, "XML": signed_file}
        make = makers.get(text_of(asked.get("fileType")))
        if row is None or make is None or asked.get("supplierTaxCode") != self.settings.tax_code:
            return _no(NOT_FOUND)
        content = base64.b64encode(make(row)).decode()
        return json_answer(
            {"errorCode": 200, "description": None, "fileName": number, "fileToBytes": content}
        )


def _yes(result: object) -> Response:
    return json_answer({"errorCode": None, "description": None, "result": result})


def _no(word: str) -> Response:
    return json_answer({"code": 400, "message": word, "data": "Yêu cầu không được thực hiện"}, 400)


def _part(asked: Mapping[str, object], name: str) -> Mapping[str, object]:
    part = asked.get(name)
    return part if isinstance(part, dict) else {}


def _rows(asked: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    rows = asked.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _wanted(asked: Mapping[str, object]) -> Wanted | None:
    """A createInvoice, or None when it is not as prescribed."""
    general, buyer = _part(asked, "generalInvoiceInfo"), _part(asked, "buyerInfo")
    total, lines = _part(asked, "summarizeInfo"), _rows(asked, "itemInfo")
    sums = [_whole(line.get("itemTotalAmountWithoutTax")) for line in lines]
    amount, moment = _whole(total.get("totalAmountWithTax")), _whole(general.get("invoiceIssuedDate"))
    key, methods = text_of(general.get("transactionUuid")), _rows(asked, "payments")
    texts = [
        text_of(buyer.get("buyerName")),
        text_of(_part(asked, "sellerInfo").get("sellerTaxCode")),
        text_of(total.get("totalAmountWithTaxInWords")),
        text_of(general.get("invoiceNote")),
    ]
    right = {
        "currencyCode": "VND",
        "invoiceType": text_of(general.get("templateCode"))[:5],
    }
    if not all(texts) or any(general.get(name) != value for name, value in right.items()):
        return None
    if general.get("adjustmentType") not in {ORIGINAL, REPLACING}:
        return None
    if not sums or min(sums) <= 0 or sum(sums) != amount or len(key) not in KEY_LENGTHS:
        return None
    if not methods or any(text_of(each.get("paymentMethod")) not in PAYMENT_METHODS for each in methods):
        return None
    if not 0 < moment < LATEST_MS:
        return None
    return Wanted(
        key=key,
        form=text_of(general.get("templateCode")),
        sign=text_of(general.get("invoiceSeries")),
        amount_vnd=amount,
        payer=texts[0],
        case_code=texts[3],
        issued_on=datetime.fromtimestamp(moment / 1000, VIETNAM).date(),
        issued_ms=moment,
    )


def viettel_receipts_app(viettel: ViettelReceipts) -> Flask:
    """The calls, `GET /_receipts` and `POST /_control`."""
    app = new_app(PROVIDER)

    @app.before_request
    def admit() -> Response | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not request.path.startswith(API) or viettel.book.admits(token):
            return None
        return json_answer({"error": "invalid_token"}, 401)

    @app.post("/auth/login")
    def login() -> Response:
        return viettel.log_in(read_json() or {})

    @app.post(f"{API}/InvoiceWS/createInvoice/<tax_code>")
    def create(tax_code: str) -> Response:
        return viettel.create(tax_code, read_json() or {})

    @app.post(f"{API}/InvoiceWS/searchInvoiceByTransactionUuid")
    def search() -> Response:
        return viettel.search(request.form.to_dict())

    @app.post(f"{API}/InvoiceWS/cancelTransactionInvoice")
    def cancel() -> Response:
        return viettel.cancel(request.form.to_dict())

    @app.post(f"{API}/InvoiceUtilsWS/getInvoiceRepresentationFile")
    def file() -> Response:
        return viettel.file(read_json() or {})

    @app.get("/_receipts")
    def receipts() -> Response:
        return viettel.book.listed()

    @app.post("/_control")
    def control() -> Response:
        return viettel.book.control(read_json() or {})

    return app
