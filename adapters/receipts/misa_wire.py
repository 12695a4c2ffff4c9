"""What goes to MISA: the contract, and each call as it is written. See `misa.py`, which alone uses this."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

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
from gateway.ports import HttpRequest, IssuedReceipt, ReceiptOrder, Standing

TOKEN, ISSUE, STATUS, CANCEL, DOWNLOAD = "token", "issue", "status", "cancel", "download"
PATHS: Final[Mapping[str, str]] = MappingProxyType(
    {
        TOKEN: "/auth/token",
        ISSUE: "/invoice",
        STATUS: "/invoice/status?invoiceWithCode=false&invoiceCalcu=false&inputType=2",
        CANCEL: "/invoice/deleted",
        DOWNLOAD: "/invoice/download?downloadDataType={kind}",
    }
)
UNTAXED: Final = "KCT"
# EInvoiceStatus: 1 original, 2 cancelled, 3 replacing, 5 adjusting, 7 replaced, 8 adjusted
STANDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("", "1", "3", "5", "8"), Standing.HOLDS),
        "2": Standing.CANCELLED,
        "7": Standing.REPLACED,
    }
)
REFUSALS: Final = frozenset(
    {
        *("InvalidAppID", "InactiveAppID", "UnAuthorize", "InvalidTaxCode", "InvalidInvoiceDate"),
        *("InvalidInvoiceData", "LicenseInfo_OutOfInvoice"),
    }
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The contract with MISA.

    `paths` and `names` replace ours: a call's path below `base_url`, a member's name. `published` are values of
    PublishStatus that say that a receipt was issued, `standings` says what EInvoiceStatus means. `duplicates`,
    `absent`, `stale` and `refusals` are codes: the key is known, nothing is there, the token has ended, nothing was
    done.
    """

    tax_code: str
    base_url: str
    app_id: str
    username: str
    password: str = field(repr=False)
    sign_type: int = 2
    token_life_s: int = 24 * 3600
    unit: str = "lần"
    paths: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    published: frozenset[str] = frozenset({"1"})
    duplicates: frozenset[str] = frozenset({"DuplicateInvoiceRefID", "InvoiceDuplicated"})
    absent: frozenset[str] = frozenset({"RefIdNotFound"})
    stale: frozenset[str] = frozenset({"TokenExpiredCode", "InvalidTokenCode"})
    refusals: frozenset[str] = REFUSALS
    standings: Mapping[str, str] = field(default_factory=lambda: STANDINGS)
    timeout_s: float = 15.0

    def __post_init__(self) -> None:
        """Raises `Misconfigured`."""
        if not self.base_url.startswith(("https://", "http://")):
            raise Misconfigured("misa: base_url is an absolute http(s) URL")
        if not all((self.tax_code, self.app_id, self.username, self.password)) or set(self.paths) - set(
            PATHS
        ):
            raise Misconfigured("misa: tax code, app_id and login are given, and paths names no unknown call")
        checked_codes(self.duplicates, self.absent, self.stale, self.refusals)
        checked_standings(self.standings)

    def url(self, call: str, kind: str = "") -> str:
        return self.base_url.rstrip("/") + self.paths.get(call, PATHS[call]).replace("{kind}", kind)

    def name(self, ours: str) -> str:
        """The contract's name of a member that we call `ours`."""
        return self.names.get(ours, ours)


def encode_login(settings: Settings) -> HttpRequest:
    told = {"appid": settings.app_id, "taxcode": settings.tax_code}
    login = {"username": settings.username, "password": settings.password}
    body = _body(settings, {**told, **login})
    headers = {"content-type": "application/json"}
    return HttpRequest("POST", settings.url(TOKEN), headers=headers, body=body, timeout_s=settings.timeout_s)


def encode_issue(settings: Settings, order: ReceiptOrder) -> bytes:
    """One receipt as JSON. Raises `Malformed`, and `Misconfigured` for a series of another issuer."""
    own_series(order.series, settings.tax_code)
    receipt = {
        "RefID": order.key,
        "InvTemplateNo": order.series.form,
        "InvSeries": order.series.sign,
        "InvDate": _day(order.issued_at),
        "CurrencyCode": "VND",
        "ExchangeRate": 1,
        "PaymentMethodName": order.form.value,
        "SellerTaxCode": settings.tax_code,
        "SellerLegalName": given("the collector's name", order.collector_name),
        "BuyerCode": fitting("the payer's number", order.payer.id_number, MAX_CODE),
        "BuyerFullName": given("the payer's name", order.payer.name),
        "BuyerAddress": fitting("the payer's address", order.payer.address),
        "TotalAmountWithoutVATOC": order.amount_vnd,
        "TotalVATAmountOC": 0,
        "TotalAmountOC": order.amount_vnd,
        "TotalAmount": order.amount_vnd,
        "TotalAmountInWords": order.amount_in_words,
        "CustomField1": given("the case code", order.case_code, MAX_CODE),
        "OriginalInvoiceDetail": [
            {
                "LineNumber": place,
                "ItemCode": fitting("the code of a fee", line.code, MAX_CODE),
                "ItemName": given("the name of a fee", line.name),
                "UnitName": settings.unit,
                "Quantity": 1,
                "UnitPrice": line.amount_vnd,
                "AmountOC": line.amount_vnd,
                "Amount": line.amount_vnd,
                "VATRateName": UNTAXED,
                "CustomField1Detail": KIND_WORDS[line.kind],
            }
            for place, line in enumerate(order.lines, 1)
        ],
    }
    return _body(
        settings, {"SignType": settings.sign_type, "InvoiceData": [receipt], "PublishInvoiceData": None}
    )


def encode_cancel(settings: Settings, receipt: IssuedReceipt, reason: str, now: datetime) -> bytes:
    """Raises `Malformed` when MISA's own name of the receipt is not known."""
    own_series(receipt.series, settings.tax_code)
    told = {
        "RefID": receipt.key,
        "TransactionID": given("MISA's name of the receipt", receipt.provider_ref, MAX_CODE),
        "InvNo": receipt.number,
        "RefDate": _day(now),
        "CancelReason": given("the reason", reason, MAX_REASON),
    }
    return _body(settings, told)


def _day(moment: datetime) -> str:
    if moment.utcoffset() is None:
        raise Malformed("misa: a moment has a zone")
    return f"{moment.astimezone(wire.VIETNAM):%Y-%m-%d}"


def _body(settings: Settings, told: Mapping[str, object]) -> bytes:
    renamed = _renamed(settings, told)
    assert isinstance(renamed, dict), "a mapping is renamed into a mapping"
    return wire.compact_json(renamed)


def _renamed(settings: Settings, value: object) -> object:
    if isinstance(value, Mapping):
        return {settings.name(name): _renamed(settings, inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_renamed(settings, inner) for inner in value]
    return value


def encode_list(text: str) -> bytes:
    """A list of one key or code."""
    return json.dumps([text], ensure_ascii=False).encode("utf-8", "replace")
