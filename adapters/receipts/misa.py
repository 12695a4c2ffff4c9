"""MISA meInvoice, electronic receipts, by REST: token, invoice, status by RefID, deletion, download.

Documents: those of its integration interface as public clients read them (`specs/payments.md` section 9), and of
receipts nothing: so paths, codes, the names of members and what `PublishStatus` and `EInvoiceStatus` say are settings
(`misa_wire.py`, with what we write). Nothing is signed by us: a token and the header CompanyTaxCode go with every
call, TLS does the rest. SignType 2: MISA signs.

RefID is our key, unique for ever. After anything unclear the status is asked by it, and so it is when a code of
`duplicates` says that it is known. Every answer is an envelope `{success, errorCode, …}`; its list stands in it as
JSON, or as a text that holds JSON: both are read. An expired token is 401, or a code of `stale`.
"""

from collections.abc import Mapping
from datetime import datetime

from adapters.receipts.misa_wire import (
    CANCEL,
    DOWNLOAD,
    ISSUE,
    STATUS,
    Settings,
    encode_cancel,
    encode_issue,
    encode_list,
    encode_login,
)
from adapters.receipts.shared import (
    MAX_CODE,
    STALE,
    Session,
    Token,
    code_text,
    decided,
    done,
    file_of,
    given,
    in_doubt,
    known_already,
    own_series,
    padded,
    shown,
    standing_of,
    token_of,
)
from gateway.domain import wire
from gateway.domain.errors import Malformed, OutcomeUnknown, Refused
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
    Standing,
)

__all__ = ["Misa", "Settings"]


def decode_login(settings: Settings, body: bytes) -> Token:
    """Raises `Malformed`, `Refused`, `OutcomeUnknown`."""
    told = wire.strict_json_object(body)
    _said_yes(settings, told)
    return token_of(told.get(settings.name("data")), None, usual_life_s=settings.token_life_s)


def decode_envelope(settings: Settings, answer: HttpAnswer) -> tuple[str, dict[str, object]]:
    """The code of an answer (empty for yes) and its members. Raises `Refused`, `OutcomeUnknown`, `Malformed`.

    Codes of `duplicates` and `absent` are given back; what they mean depends on the call.
    """
    told = wire.strict_json_object(decided(answer))
    return _said_yes(settings, told), told


def _said_yes(settings: Settings, told: Mapping[str, object]) -> str:
    success = told.get(settings.name("success"))
    if not isinstance(success, bool):
        raise Malformed("misa: an answer does not say whether it succeeded")
    code = wire.printed(told, settings.name("errorCode"))
    return "" if success and not code else _judged(settings, code)


def _judged(settings: Settings, code: str) -> str:
    if code in settings.duplicates | settings.absent:
        return code
    if code in settings.refusals:
        raise Refused("misa: refused", code=code)
    raise OutcomeUnknown(f"misa: code {shown(code)} is in no table")


def decode_list(settings: Settings, told: Mapping[str, object], member: str) -> list[dict[str, object]]:
    """The list of an envelope, as JSON or as a text that holds it. Raises `Malformed`."""
    value = told.get(settings.name(member))
    if isinstance(value, str):
        inner = wire.strict_json_object(b'{"list":' + value.encode("utf-8", "replace") + b"}")
        value = inner["list"] if inner.keys() == {"list"} else None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Malformed("misa: an answer has no list of objects")
    return value


def decode_issue(settings: Settings, answer: HttpAnswer, order: ReceiptOrder) -> IssuedReceipt | None:
    """The receipt, or None where the key is known already. Raises `Refused`, `OutcomeUnknown`."""
    with in_doubt():
        code, told = decode_envelope(settings, answer)
        item = {} if code else _only(settings, decode_list(settings, told, "publishInvoiceResult"))
        own = wire.printed(item, settings.name("ErrorCode"))
        code = code or (_judged(settings, own) if own else "")
        if code in settings.duplicates:
            return None
        if code:
            raise OutcomeUnknown(f"misa: {shown(code)} is no answer to an issue")
        _about(settings, item, order.key, order.series)
        return IssuedReceipt(
            key=order.key,
            series=order.series,
            number=padded(_text(settings, item, "InvNo")),
            provider_ref=_text(settings, item, "TransactionID"),
            lookup_code=_text(settings, item, "TransactionID"),
            tax_authority_code=_text(settings, item, "InvCode"),
            amount_vnd=order.amount_vnd,
            issued_at=order.issued_at,
        )


def decode_found(
    settings: Settings, answer: HttpAnswer, key: str, series: ReceiptSeries
) -> IssuedReceipt | NotThere:
    """What is there under `key`. Raises `Refused`, `OutcomeUnknown`, `Malformed`."""
    code, told = decode_envelope(settings, answer)
    found = [] if code else decode_list(settings, told, "data")
    if code in settings.absent or (not code and not found):
        return NotThere(key)
    if code:
        raise OutcomeUnknown(f"misa: {shown(code)} is no answer to a question")
    item = _only(settings, found)
    _about(settings, item, key, series)
    if _text(settings, item, "PublishStatus") not in settings.published:
        raise OutcomeUnknown("misa: the receipt is known, and not issued by what it says")
    gone = item.get(settings.name("IsDelete")) is True
    standing = standing_of(settings.standings, _text(settings, item, "EInvoiceStatus"))
    return IssuedReceipt(
        key=key,
        series=series,
        number=padded(_text(settings, item, "InvNo")),
        standing=Standing.CANCELLED if gone else standing,
        provider_ref=_text(settings, item, "TransactionID"),
        lookup_code=_text(settings, item, "TransactionID"),
        tax_authority_code=_text(settings, item, "InvoiceCode"),
        amount_vnd=_amount(item.get(settings.name("TotalAmount"))),
    )


def _only(settings: Settings, items: list[dict[str, object]]) -> dict[str, object]:
    if len(items) != 1:
        raise OutcomeUnknown(f"misa: {settings.name('RefID')} is not that of one receipt")
    return items[0]


def _about(settings: Settings, item: Mapping[str, object], key: str, series: ReceiptSeries) -> None:
    told = [_text(settings, item, name) for name in ("RefID", "InvSeries", "InvTemplateNo")]
    if told[:2] != [key, series.sign] or told[2] not in {"", series.form}:
        raise OutcomeUnknown("misa: the answer is about another receipt")


def _text(settings: Settings, item: Mapping[str, object], name: str) -> str:
    return code_text(item, settings.name(name))


def _amount(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
        raise Malformed("misa: a sum is not a whole number")
    return int(value)


def decode_done(settings: Settings, answer: HttpAnswer) -> None:
    """The answer to a cancellation. Raises `Refused`, `OutcomeUnknown`."""
    with in_doubt():
        code, _ = decode_envelope(settings, answer)
    done(code, settings.absent)


def decode_file(settings: Settings, answer: HttpAnswer, kind: ReceiptFile, transaction: str) -> bytes:
    """Raises `Refused`, `OutcomeUnknown`, `Malformed`."""
    code, told = decode_envelope(settings, answer)
    done(code, settings.absent)
    item = _only(settings, decode_list(settings, told, "data"))
    if own := wire.printed(item, settings.name("ErrorCode")):
        done(_judged(settings, own), settings.absent)
    if _text(settings, item, "TransactionID") != transaction:
        raise Malformed("misa: the file is of another receipt")
    return file_of(wire.printed(item, settings.name("Data")), kind)


def is_stale(settings: Settings, answer: HttpAnswer) -> bool:
    """Whether the token was not taken: by its status, or by its code."""
    if answer.status == STALE:
        return True
    try:
        return (
            wire.printed(wire.strict_json_object(answer.body), settings.name("errorCode")) in settings.stale
        )
    except Malformed:
        return False


class Misa:
    """`gateway.ports.ReceiptProvider`. Its only state is the token."""

    name = "misa"
    capabilities = frozenset({ReceiptCapability.CANCEL, ReceiptCapability.PDF, ReceiptCapability.XML})

    def __init__(self, settings: Settings, http: HttpDoor) -> None:
        self._settings = settings
        self._session = Session(http, encode_login(settings), lambda body: decode_login(settings, body))

    def issue(self, order: ReceiptOrder, now: datetime) -> IssuedReceipt:
        answer = self._call(self._settings.url(ISSUE), encode_issue(self._settings, order), now)
        issued = decode_issue(self._settings, answer, order)
        return issued or known_already(lambda: self.look_up(order.key, order.series, now), order)

    def look_up(self, key: str, series: ReceiptSeries, now: datetime) -> IssuedReceipt | NotThere:
        own_series(series, self._settings.tax_code)
        answer = self._call(self._settings.url(STATUS), encode_list(key), now)
        return decode_found(self._settings, answer, key, series)

    def cancel(self, receipt: IssuedReceipt, reason: str, now: datetime) -> None:
        body = encode_cancel(self._settings, receipt, reason, now)
        decode_done(self._settings, self._call(self._settings.url(CANCEL), body, now))

    def fetch(self, receipt: IssuedReceipt, kind: ReceiptFile, now: datetime) -> bytes:
        own_series(receipt.series, self._settings.tax_code)
        transaction = given("MISA's name of the receipt", receipt.provider_ref, MAX_CODE)
        answer = self._call(self._settings.url(DOWNLOAD, kind.value), encode_list(transaction), now)
        return decode_file(self._settings, answer, kind, transaction)

    def _call(self, url: str, body: bytes, now: datetime) -> HttpAnswer:
        def made(token: str) -> HttpRequest:
            headers = {
                "accept": "application/json",
                "authorization": f"Bearer {token}",
                "companytaxcode": self._settings.tax_code,
                "content-type": "application/json",
            }
            return HttpRequest("POST", url, headers=headers, body=body, timeout_s=self._settings.timeout_s)

        return self._session.send(made, now, stale=lambda answer: is_stale(self._settings, answer))
