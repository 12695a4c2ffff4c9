"""What goes to Viettel: the contract, and each call as it is written. See `viettel.py`, which alone uses this."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final
from urllib.parse import urlencode

from adapters.receipts.shared import (
    KIND_WORDS,
    MAX_CODE,
    MAX_REASON,
    checked_codes,
    checked_standings,
    fitting,
    given,
    own_series,
)
from gateway.domain import wire
from gateway.domain.errors import Malformed, Misconfigured
from gateway.ports import (
    FeeLine,
    HttpRequest,
    IssuedReceipt,
    PayForm,
    ReceiptFile,
    ReceiptOrder,
    Standing,
)

LOGIN: Final = "/auth/login"
API: Final = "/services/einvoiceapplication/api/InvoiceAPI"
CREATE, SEARCH = f"{API}/InvoiceWS/createInvoice", f"{API}/InvoiceWS/searchInvoiceByTransactionUuid"
CANCEL, PAPER = (
    f"{API}/InvoiceWS/cancelTransactionInvoice",
    f"{API}/InvoiceUtilsWS/getInvoiceRepresentationFile",
)
ORIGINAL, REPLACING = "1", "3"  # adjustmentType: 1 original, 3 replacing, 5 adjusting, 7 cancelled
UNTAXED: Final = -2
PAYMENT_METHODS: Final[Mapping[PayForm, str]] = MappingProxyType(
    {PayForm.CASH: "6", PayForm.TRANSFER: "7", PayForm.ONLINE: "7"}
)
STANDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "": Standing.HOLDS,  # by a client of 2026 a search finds issued ones only
        "Hóa đơn gốc": Standing.HOLDS,
        "Hóa đơn thay thế": Standing.HOLDS,
        "Hóa đơn bị thay thế": Standing.REPLACED,
        "Hóa đơn xóa bỏ": Standing.CANCELLED,
    }
)
BEARER, COOKIE = "bearer", "cookie"


@dataclass(frozen=True, slots=True)
class Settings:
    """The contract with Viettel. `token_as`: the token goes as `bearer` or as `cookie`.

    `duplicates`, `absent` and `refusals` are codes: the key is used, nothing is there, nothing was done. `standings`
    says what `status` means. `invoice_type` is the first part of the form's sign when empty.
    """

    tax_code: str
    base_url: str
    username: str
    password: str = field(repr=False)
    token_as: str = BEARER
    token_life_s: int = 1200
    invoice_type: str = ""
    unit: str = "lần"
    success_codes: frozenset[str] = frozenset({"", "200"})
    duplicates: frozenset[str] = frozenset({"TRANSACTION_UUID_INVALID"})
    absent: frozenset[str] = frozenset({"NOT_FOUND_DATA"})
    refusals: frozenset[str] = frozenset({"INVOICE_SERIAL_NOT_FOUND", "INVOICE_TEMPLATE_NOT_FOUND"})
    standings: Mapping[str, str] = field(default_factory=lambda: STANDINGS)
    timeout_s: float = 15.0

    def __post_init__(self) -> None:
        """Raises `Misconfigured`."""
        if not self.base_url.startswith(("https://", "http://")):
            raise Misconfigured("viettel: base_url is an absolute http(s) URL")
        if not all((self.tax_code, self.username, self.password)) or self.token_as not in {BEARER, COOKIE}:
            raise Misconfigured("viettel: a tax code and a login are given, and token_as is bearer or cookie")
        checked_codes(self.success_codes, self.duplicates, self.absent, self.refusals)
        checked_standings(self.standings)


def encode_login(settings: Settings) -> HttpRequest:
    body = wire.compact_json({"username": settings.username, "password": settings.password})
    headers = {"content-type": "application/json"}
    url = address(settings, LOGIN)
    return HttpRequest("POST", url, headers=headers, body=body, timeout_s=settings.timeout_s)


def encode_issue(settings: Settings, order: ReceiptOrder) -> bytes:
    """The receipt as JSON. Raises `Malformed`, and `Misconfigured` for a series of another issuer."""
    return _encoded(settings, order, {"adjustmentType": ORIGINAL})


def encode_replace(
    settings: Settings, order: ReceiptOrder, old: IssuedReceipt, reason: str, now: datetime
) -> bytes:
    """The receipt that takes the place of `old`: a createInvoice that names it. Raises as `encode_cancel`."""
    own_series(old.series, settings.tax_code)
    named = {
        "adjustmentType": REPLACING,
        "originalInvoiceId": old.series.sign + old.number,
        "originalInvoiceIssueDate": _issued_ms(old),
        "originalTemplateCode": old.series.form,
        "additionalReferenceDesc": given("the reason", reason, MAX_REASON),
        "additionalReferenceDate": milliseconds(now),
    }
    return _encoded(settings, order, named)


def _encoded(settings: Settings, order: ReceiptOrder, adjustment: Mapping[str, object]) -> bytes:
    own_series(order.series, settings.tax_code)
    return wire.compact_json(
        {
            "generalInvoiceInfo": _general(settings, order, adjustment),
            "buyerInfo": _buyer(order),
            "sellerInfo": {
                "sellerLegalName": given("the collector's name", order.collector_name),
                "sellerTaxCode": settings.tax_code,
            },
            "payments": [
                {"paymentMethod": PAYMENT_METHODS[order.form], "paymentMethodName": order.form.value}
            ],
            "itemInfo": [_item(settings, place, line) for place, line in enumerate(order.lines, 1)],
            "taxBreakdowns": [{"taxPercentage": UNTAXED, "taxableAmount": order.amount_vnd, "taxAmount": 0}],
            "summarizeInfo": {
                "sumOfTotalLineAmountWithoutTax": order.amount_vnd,
                "totalAmountWithoutTax": order.amount_vnd,
                "totalTaxAmount": 0,
                "totalAmountWithTax": order.amount_vnd,
                "totalAmountWithTaxInWords": order.amount_in_words,
                "discountAmount": 0,
            },
        }
    )


def _general(settings: Settings, order: ReceiptOrder, adjustment: Mapping[str, object]) -> dict[str, object]:
    return {
        "invoiceType": settings.invoice_type or order.series.form[:5],
        "templateCode": order.series.form,
        "invoiceSeries": order.series.sign,
        "invoiceIssuedDate": milliseconds(order.issued_at),
        "currencyCode": "VND",
        **adjustment,
        "paymentStatus": True,
        "cusGetInvoiceRight": True,
        "transactionUuid": order.key,
        "invoiceNote": given("the case code", order.case_code, MAX_CODE),
    }


def _buyer(order: ReceiptOrder) -> dict[str, object]:
    told = {
        "buyerName": given("the payer's name", order.payer.name),
        "buyerAddressLine": fitting("the payer's address", order.payer.address),
        "buyerIdNo": fitting("the payer's number", order.payer.id_number, MAX_CODE),
    }
    return {name: text for name, text in told.items() if text}


def _item(settings: Settings, place: int, line: FeeLine) -> dict[str, object]:
    return {
        "lineNumber": place,
        "itemCode": fitting("the code of a fee", line.code, MAX_CODE),
        "itemName": given("the name of a fee", line.name),
        "unitName": settings.unit,
        "unitPrice": line.amount_vnd,
        "quantity": 1,
        "itemTotalAmountWithoutTax": line.amount_vnd,
        "taxPercentage": UNTAXED,
        "taxAmount": 0,
        "itemNote": KIND_WORDS[line.kind],
    }


def encode_search(settings: Settings, key: str) -> bytes:
    return urlencode({"supplierTaxCode": settings.tax_code, "transactionUuid": key}).encode()


def encode_cancel(settings: Settings, receipt: IssuedReceipt, reason: str, now: datetime) -> bytes:
    """A cancellation as a form. Raises `Malformed` when it is not known when the receipt was issued."""
    own_series(receipt.series, settings.tax_code)
    why = given("the reason", reason, MAX_REASON)
    told = {
        "supplierTaxCode": settings.tax_code,
        "templateCode": receipt.series.form,
        "invoiceNo": receipt.series.sign + receipt.number,
        "strIssueDate": str(_issued_ms(receipt)),
        "additionalReferenceDesc": why,
        "additionalReferenceDate": str(milliseconds(now)),
        "reasonDelete": why,
    }
    return urlencode(told).encode()


def encode_fetch(settings: Settings, receipt: IssuedReceipt, kind: ReceiptFile) -> bytes:
    own_series(receipt.series, settings.tax_code)
    told = {
        "supplierTaxCode": settings.tax_code,
        "invoiceNo": receipt.series.sign + receipt.number,
        "templateCode": receipt.series.form,
        "fileType": kind.value.upper(),
    }
    return wire.compact_json(told)


def _issued_ms(receipt: IssuedReceipt) -> int:
    if receipt.issued_at is None:
        raise Malformed("viettel: a receipt is named with its moment, which is not known")
    return milliseconds(receipt.issued_at)


def milliseconds(moment: datetime) -> int:
    """A moment as Viettel writes it. Raises `Malformed` without a zone."""
    if moment.utcoffset() is None:
        raise Malformed("viettel: a moment has a zone")
    return round(moment.timestamp() * 1000)


def address(settings: Settings, path: str) -> str:
    return settings.base_url.rstrip("/") + path
