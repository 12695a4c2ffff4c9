"""MISA's receipts, played: token, invoice, status by RefID, deletion, download.

Paths, the envelope, its list as a text that holds JSON, and the codes DuplicateInvoiceRefID, TokenExpiredCode,
InvalidInvoiceDate, InvalidInvoiceData and LicenseInfo_OutOfInvoice are those of public clients of the interface for
invoices. That receipts go the same way, and every other code, is this world's choice.
"""

import base64
import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from flask import Flask, Response, request

from sandbox.receipt_book import Book, Trouble, Wanted, number_text, paper, signed_file
from sandbox.serving import json_answer, json_object, new_app, read_json, same, text_of
from sandbox.state import VIETNAM, Ground

PROVIDER: Final = "misa_receipts"
CODES: Final[Mapping[Trouble, str]] = {
    Trouble.KNOWN: "DuplicateInvoiceRefID",
    Trouble.SERIES: "InvalidInvoiceSeries",
    Trouble.NUMBERS: "LicenseInfo_OutOfInvoice",
    Trouble.DATE: "InvalidInvoiceDate",
    Trouble.REFUSED: "InvalidTaxCode",
    Trouble.NOBODY: "RefIdNotFound",
    Trouble.OVER: "InvoiceDeleted",
}
STATUS: Final[Mapping[str, int]] = {"issued": 1, "cancelled": 2, "replaced": 7}
MAX_KEYS: Final = 50
BAD, ABSENT, OVER, STALE = "InvalidInvoiceData", "RefIdNotFound", "InvoiceDeleted", "TokenExpiredCode"


@dataclass(frozen=True, slots=True)
class MisaReceiptsSettings:
    """One company's login. `numbers`: how many a series has, 0 for no end."""

    port: int
    tax_code: str
    app_id: str
    username: str
    password: str = field(repr=False)
    numbers: int = 0
    slow_s: float = 12.0


class MisaReceipts:
    """What each call does."""

    def __init__(self, settings: MisaReceiptsSettings, ground: Ground) -> None:
        self.settings = settings
        self.book = Book(PROVIDER, ground, numbers=settings.numbers, slow_s=settings.slow_s)

    def log_in(self, asked: Mapping[str, object]) -> Response:
        ours = self.settings
        right = {
            "appid": ours.app_id,
            "taxcode": ours.tax_code,
            "username": ours.username,
            "password": ours.password,
        }
        if not all(same(value, text_of(asked.get(name))) for name, value in right.items()):
            return _no("UnAuthorize")
        return _yes(data=self.book.new_token())

    def issue(self, asked: Mapping[str, object]) -> Response:
        wanted = _wanted(asked, self.settings.tax_code)
        if wanted is None:
            return _no(BAD)
        row, fault = self.book.issue(wanted)
        told = {"RefID": wanted.key, "InvSeries": wanted.sign, "InvTemplateNo": wanted.form}
        if isinstance(row, Trouble):
            told |= {"TransactionID": "", "InvNo": "", "ErrorCode": CODES[row]}
        else:
            told |= {"TransactionID": row["reference"], "InvNo": number_text(row), "ErrorCode": ""}
        listed = json.dumps([told], ensure_ascii=False)
        return self.book.sent(fault, _yes(publishInvoiceResult=listed))

    def status(self, keys: Sequence[str]) -> Response:
        rows = [self.book.by_key(key) for key in keys[:MAX_KEYS]]
        return _yes(data=json.dumps([_told(row) for row in rows if row is not None]))

    def cancel(self, asked: Mapping[str, object]) -> Response:
        row, reason = self.book.by_key(text_of(asked.get("RefID"))), text_of(asked.get("CancelReason"))
        if row is None or row["reference"] != text_of(asked.get("TransactionID")):
            return _no(ABSENT)
        if not reason or number_text(row) != text_of(asked.get("InvNo")):
            return _no(BAD)
        return _yes(data=None) if self.book.cancel(row, reason) else _no(OVER)

    def download(self, references: Sequence[str], kind: str) -> Response:
        makers = {"pdf": paper, "xml": signed_file}
        row = self.book.by_reference(references[0]) if len(references) == 1 else None
        if row is None or kind not in makers:
            return _no(ABSENT)
        content = base64.b64encode(makers[kind](row)).decode()
        told = {"TransactionID": row["reference"], "Data": content, "ErrorCode": ""}
        return _yes(data=json.dumps([told]))


def _told(row: sqlite3.Row) -> dict[str, object]:
    return {
        "RefID": row["key"],
        "TransactionID": row["reference"],
        "InvTemplateNo": row["form"],
        "InvSeries": row["sign"],
        "InvNo": number_text(row),
        "PublishStatus": 1,
        "EInvoiceStatus": STATUS[row["state"]],
        "IsDelete": row["state"] != "issued",
        "TotalAmount": row["amount_vnd"],
    }


def _yes(**members: object) -> Response:
    return json_answer({"success": True, "errorCode": "", "descriptionErrorCode": "", **members})


def _no(code: str) -> Response:
    return json_answer({"success": False, "errorCode": code, "descriptionErrorCode": code, "data": None})


def _vnd(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def _wanted(asked: Mapping[str, object], tax_code: str) -> Wanted | None:
    """One receipt, or None when it is not as prescribed."""
    receipts = asked.get("InvoiceData")
    if not isinstance(receipts, list) or len(receipts) != 1 or not isinstance(told := receipts[0], dict):
        return None
    rows = told.get("OriginalInvoiceDetail")
    lines = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    sums, amount = [_vnd(row.get("Amount")) for row in lines], _vnd(told.get("TotalAmount"))
    if not sums or min(sums) <= 0 or sum(sums) != amount:
        return None
    names = ("RefID", "BuyerFullName", "TotalAmountInWords", "CustomField1", "PaymentMethodName")
    if not all(text_of(told.get(name)) for name in names) or told.get("SellerTaxCode") != tax_code:
        return None
    try:
        day = datetime.strptime(text_of(told.get("InvDate")), "%Y-%m-%d").replace(tzinfo=VIETNAM)
    except ValueError:
        return None
    return Wanted(
        key=text_of(told["RefID"]),
        form=text_of(told.get("InvTemplateNo")),
        sign=text_of(told.get("InvSeries")),
        amount_vnd=amount,
        payer=text_of(told["BuyerFullName"]),
        case_code=text_of(told["CustomField1"]),
        issued_on=day.date(),
        issued_ms=round(day.timestamp() * 1000),
    )


def _read_list() -> list[str]:
    """The texts of a list that is the body of the current request; none for any other body."""
    listed = (json_object(b'{"list":' + request.get_data(cache=True) + b"}") or {}).get("list")
    return [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []


def _guard(app: Flask, misa: MisaReceipts) -> None:
    """No address of the interface without a token and the company's tax code."""

    @app.before_request
    def admit() -> Response | None:
        if not request.path.startswith("/invoice"):
            return None
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not misa.book.admits(token):
            return _no(STALE)
        if request.headers.get("CompanyTaxCode") != misa.settings.tax_code:
            return _no("InvalidTaxCode")
        return None


def misa_receipts_app(misa: MisaReceipts) -> Flask:
    """The calls, `GET /_receipts` and `POST /_control`."""
    app = new_app(PROVIDER)

    _guard(app, misa)

    @app.post("/auth/token")
    def token() -> Response:
        return misa.log_in(read_json() or {})

    @app.post("/invoice")
    def issue() -> Response:
        return misa.issue(read_json() or {})

    @app.post("/invoice/status")
    def status() -> Response:
        return misa.status(_read_list())

    @app.post("/invoice/deleted")
    def cancel() -> Response:
        return misa.cancel(read_json() or {})

    @app.post("/invoice/download")
    def download() -> Response:
        return misa.download(_read_list(), request.args.get("downloadDataType", ""))

    @app.get("/_receipts")
    def receipts() -> Response:
        return misa.book.listed()

    @app.post("/_control")
    def control() -> Response:
        return misa.book.control(read_json() or {})

    return app
