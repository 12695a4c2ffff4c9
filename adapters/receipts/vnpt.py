"""VNPT Invoice, electronic receipts: publish, replace, cancel, list by key, download, by SOAP 1.1.

Documents: none is public; names, the SOAPAction in quotes, the inner XML and the codes are those of the portals that
use it (`specs/payments.md` section 9), the parameters of the lesser calls those of public clients. Nothing is
signed: a login or two go with every message, and TLS does the rest; VNPT signs the receipt itself.

The key (fkey) is ours and unique for ever. The answer to an issue is a text, `OK:form;sign-key_number[,key_number]`:
the sign holds hyphens, and keys hold hyphens and underscores, so it is read from what we sent and from the right.
`ERR:13` says that the key is known: then it is looked up. `ERR:5` (not published) and `ERR:35` (never explained) leave
open what was kept, so that may only be looked up. What `status` says in a look-up is not public: it is a setting.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from adapters.receipts.shared import (
    file_of,
    in_doubt,
    known_already,
    own_series,
    padded,
    standing_of,
)
from adapters.receipts.vnpt_wire import (
    Settings,
    answer_text,
    decode_xml,
    encode_receipt,
    encode_replacement,
    message,
    ready,
)
from gateway.domain.errors import Malformed, OutcomeUnknown, Refused, Unsupported
from gateway.ports import (
    HttpAnswer,
    HttpDoor,
    HttpRequest,
    IssuedReceipt,
    NotThere,
    ReceiptCapability,
    ReceiptFile,
    ReceiptOrder,
    ReceiptSeries,
)

__all__ = ["Settings", "Vnpt"]

IMPORT, FIND, CANCEL, PAPER = "ImportAndPublishInv", "listInvByCusFkey", "cancelInv", "downloadInvPDFFkey"
REPLACE: Final = "ReplaceInvoiceAction"
DUPLICATE: Final = "13"
# What a code says depends on the call, and each of these says that nothing was done. Any other leaves it open.
REFUSALS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        IMPORT: {
            "1": "the login is not taken",
            "3": "the XML is not as prescribed",
            "6": "the series has not enough numbers left",
            "7": "the user has no company",
            "10": "there are too many receipts in one call",
            "20": "form and sign are not registered, or used up",
            "21": "the number is given twice",
            "29": "the certificate has expired",
            "30": "the date is before that of the receipt issued last",
        },
        REPLACE: {
            "1": "the login is not taken",
            "2": "there is no receipt to be replaced",
            "3": "the XML is not as prescribed",
            "6": "the series has not enough numbers left",
            "7": "the user has no company",
            "8": "it was replaced before",
            "9": "its state allows no replacement",
            "20": "form and sign are not registered, or used up",
            "29": "the certificate has expired",
            "30": "the date is before that of the receipt issued last",
        },
        FIND: {
            "1": "the login is not taken",
            "4": "no form is registered",
            "7": "the user has no company",
        },
        CANCEL: {
            "1": "the login is not taken",
            "2": "there is no such receipt",
            "8": "it was replaced or cancelled before",
            "9": "its state allows no cancellation",
        },
        PAPER: {
            "1": "the login is not taken",
            "4": "no form is registered",
            "6": "there is no such receipt",
            "7": "the user has no company",
            "11": "it counts as unpaid",
            "12": "the tax office has not accepted it",
            "13": "the tax office has not accepted it",
        },
    }
)

_ERROR = re.compile(r"ERR:\s*([0-9]{1,4})(?![0-9])", re.ASCII)
_DONE = re.compile(r"OK(?::.*)?", re.DOTALL)
_AMOUNT = re.compile(r"([0-9]{1,15})(?:\.0{1,4})?")


def refuse(operation: str, text: str) -> None:
    """Nothing when `text` is no error. Raises `Refused` for a code of the call's table, `OutcomeUnknown` for others."""
    if not text.startswith("ERR"):
        return
    found = _ERROR.match(text)
    code = str(int(found[1])) if found else ""
    meaning = REFUSALS[operation].get(code)
    if meaning is None:
        raise OutcomeUnknown(f"vnpt: {operation} is answered with ERR:{code or '?'}, which is in no table")
    raise Refused(f"vnpt: {meaning}", code=f"ERR:{code}")


def _request(settings: Settings, operation: str, url: str, **arguments: str | int) -> HttpRequest:
    headers, body = message(operation, **arguments)
    return HttpRequest("POST", url, headers=headers, body=body, timeout_s=settings.timeout_s)


def encode_issue(settings: Settings, order: ReceiptOrder) -> HttpRequest:
    """Raises `Malformed`, and `Misconfigured` for a series of another issuer."""
    own_series(order.series, settings.tax_code)
    return _request(
        settings,
        IMPORT,
        settings.publish_url,
        Account=settings.account,
        ACpass=settings.account_password,
        xmlInvData=encode_receipt(settings, order),
        username=settings.username,
        password=settings.password,
        pattern=order.series.form,
        serial=order.series.sign,
        convert=0,
    )


def encode_replace(settings: Settings, order: ReceiptOrder, old: IssuedReceipt) -> HttpRequest:
    """Raises as `encode_issue`. No reason goes with it: the wire has no place for one."""
    own_series(order.series, settings.tax_code)
    own_series(old.series, settings.tax_code)
    arguments: dict[str, str | int] = {
        "Account": settings.account,
        "ACpass": settings.account_password,
        "xmlInvData": encode_replacement(settings, order),
        "username": settings.username,
        "pass": settings.password,
        "fkey": old.key,
        "Attachfile": "",
        "convert": 0,
        "pattern": order.series.form,
        "serial": order.series.sign,
    }
    return _request(settings, REPLACE, settings.business_url, **arguments)


def decode_published(text: str, series: ReceiptSeries) -> tuple[tuple[str, str], ...]:
    """Each key and its number in `OK:form;sign-key_number[,…]`. Raises `Malformed`, also for another series."""
    before = f"OK:{series.form};{series.sign}-"
    if not text.startswith(before):
        raise Malformed("vnpt: the answer is not about the series that was asked for")
    parts = [item.rpartition("_") for item in text[len(before) :].split(",")]
    return tuple((key, padded(number)) for key, _, number in parts)


def decode_replacing(text: str, series: ReceiptSeries) -> tuple[tuple[str, str], ...]:
    """The number in `OK:form;sign;number`; where the answer has `key_number` there, with its key, else with none.

    Raises as `decode_published`.
    """
    parts = [part.strip() for part in text.removeprefix("OK:").split(";")]
    if not text.startswith("OK:") or parts[:-1] != [series.form, series.sign]:
        raise Malformed("vnpt: the answer is not about the series that was asked for")
    key, _, number = parts[-1].rpartition("_")
    return ((key, padded(number)),)


def decode_issue(answer: HttpAnswer, order: ReceiptOrder, operation: str = IMPORT) -> IssuedReceipt | None:
    """The receipt, or None where the key is known already. Raises `Refused`, `OutcomeUnknown`."""
    with in_doubt():
        text = answer_text(operation, answer)
        if (found := _ERROR.match(text)) and str(int(found[1])) == DUPLICATE:
            return None
        refuse(operation, text)
        is_new = operation == IMPORT
        published = (decode_published if is_new else decode_replacing)(text, order.series)
        if [key or (order.key if not is_new else "") for key, _ in published] != [order.key]:
            raise Malformed("vnpt: the answer is about another key")
        return IssuedReceipt(
            key=order.key,
            series=order.series,
            number=published[0][1],
            lookup_code=order.key,
            amount_vnd=order.amount_vnd,
            issued_at=order.issued_at,
        )


def decode_found(
    settings: Settings, answer: HttpAnswer, key: str, series: ReceiptSeries
) -> IssuedReceipt | NotThere:
    """What is there under `key`. Raises `Refused`, `OutcomeUnknown`, `Malformed`."""
    text = answer_text(FIND, answer)
    refuse(FIND, text)
    root = decode_xml(text)
    if root.tag != "Data":
        raise Malformed("vnpt: a look-up is not answered with a list")
    items = [{str(part.tag): (part.text or "").strip() for part in item} for item in root]
    if not items:
        return NotThere(key)
    ours = [item for item in items if (item.get("pattern"), item.get("serial")) == (series.form, series.sign)]
    if len(ours) != 1 or len(items) != 1 or ours[0].get("fkey", key) != key:
        raise OutcomeUnknown("vnpt: what is there under the key is not one receipt of this series")
    item = ours[0]
    return IssuedReceipt(
        key=key,
        series=series,
        number=padded(item.get("invNum", "")),
        standing=standing_of(settings.standings, item.get("status", "")),
        lookup_code=key,
        amount_vnd=_amount(item.get("amount", "")),
    )


def _amount(text: str) -> int | None:
    if not text:
        return None
    if not (found := _AMOUNT.fullmatch(text)):
        raise Malformed("vnpt: a sum is not a whole number")
    return int(found[1])


class Vnpt:
    """`gateway.ports.ReceiptProvider`. VNPT knows a receipt by its key alone, and asks for no reason."""

    name = "vnpt"
    capabilities = frozenset({ReceiptCapability.CANCEL, ReceiptCapability.REPLACE, ReceiptCapability.PDF})

    def __init__(self, settings: Settings, http: HttpDoor) -> None:
        self._settings, self._http = settings, http
        ready()  # reads the WSDL now, not within a call

    def issue(self, order: ReceiptOrder, now: datetime) -> IssuedReceipt:
        answer = self._http.send(encode_issue(self._settings, order))
        issued = decode_issue(answer, order)
        return issued or known_already(lambda: self.look_up(order.key, order.series, now), order)

    def replace(
        self,
        order: ReceiptOrder,
        old: IssuedReceipt,
        reason: str,  # noqa: ARG002 - the wire has no place for it
        now: datetime,
    ) -> IssuedReceipt:
        answer = self._http.send(encode_replace(self._settings, order, old))
        issued = decode_issue(answer, order, REPLACE)
        return issued or known_already(lambda: self.look_up(order.key, order.series, now), order)

    def look_up(self, key: str, series: ReceiptSeries, now: datetime) -> IssuedReceipt | NotThere:  # noqa: ARG002 - has no clock
        own_series(series, self._settings.tax_code)
        answer = self._call(FIND, self._settings.portal_url, key=key, fromDate="", toDate="")
        return decode_found(self._settings, answer, key, series)

    def cancel(self, receipt: IssuedReceipt, reason: str, now: datetime) -> None:  # noqa: ARG002 - the wire has no reason
        settings = self._settings
        own_series(receipt.series, settings.tax_code)
        login = {"Account": settings.account, "ACpass": settings.account_password}
        answer = self._call(CANCEL, settings.business_url, **login, fkey=receipt.key)
        with in_doubt():
            text = answer_text(CANCEL, answer)
            refuse(CANCEL, text)
            if not _DONE.fullmatch(text):
                raise Malformed("vnpt: a cancellation is answered with neither OK nor an error")

    def fetch(self, receipt: IssuedReceipt, kind: ReceiptFile, now: datetime) -> bytes:  # noqa: ARG002 - has no clock
        if kind != ReceiptFile.PDF:
            raise Unsupported("vnpt: only the PDF can be had")
        own_series(receipt.series, self._settings.tax_code)
        answer = self._call(PAPER, self._settings.portal_url, fkey=receipt.key)
        text = answer_text(PAPER, answer)
        refuse(PAPER, text)
        return file_of(text, ReceiptFile.PDF)

    def _call(self, operation: str, url: str, **arguments: str) -> HttpAnswer:
        login = {"userName": self._settings.username, "userPass": self._settings.password}
        return self._http.send(_request(self._settings, operation, url, **arguments, **login))
