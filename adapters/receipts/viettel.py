"""Viettel S-Invoice, electronic receipts, by REST: createInvoice, search by transactionUuid, cancellation, file.

Documents: not public; paths and members are those of the portals that use it (`specs/payments.md` section 9), codes and
the shape of a refusal those of public clients. Nothing is signed by us: a token goes with every call, TLS does the
rest; Viettel signs the receipt. Times are milliseconds since 1970. What we write is in `viettel_wire.py`.

transactionUuid is our key, unique for ever: after anything unclear the receipt is searched by it, and so it is when the
key is called used. A refusal is `errorCode`, or HTTP 4xx with its word in `message`. An expired token is 401, and by
one client HTTP 500 with `GENERAL`: that tells nothing of the receipt, so it stays in doubt, and the next call logs in
anew. invoiceNo is the sign and the number in one text.

No list of codes or of `status` is public, so they are settings; what is in none of them is not known yet.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from adapters.receipts.shared import (
    NOT_DECIDED,
    STALE,
    Session,
    Token,
    code_text,
    decided,
    done,
    file_of,
    in_doubt,
    known_already,
    own_series,
    padded,
    shown,
    standing_of,
    token_of,
)
from adapters.receipts.viettel_wire import (
    BEARER,
    CANCEL,
    CREATE,
    PAPER,
    SEARCH,
    Settings,
    address,
    encode_cancel,
    encode_fetch,
    encode_issue,
    encode_login,
    encode_replace,
    encode_search,
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
)

__all__ = ["Settings", "Viettel"]

# from 2000 to 2099: a number outside is no moment in milliseconds
EARLIEST_MS: Final = 946_684_800_000
LATEST_MS: Final = 4_102_444_800_000
JSON, FORM = "application/json", "application/x-www-form-urlencoded"

_WORD = re.compile(r"[A-Z][A-Z0-9_]{2,59}")


def decode_login(settings: Settings, body: bytes) -> Token:
    """Raises `Malformed`."""
    told = wire.strict_json_object(body)
    return token_of(told.get("access_token"), told.get("expires_in"), usual_life_s=settings.token_life_s)


def decode_answer(settings: Settings, answer: HttpAnswer) -> tuple[str, dict[str, object]]:
    """The code of an answer (empty for yes) and its members. Raises `Refused`, `OutcomeUnknown`, `Malformed`.

    Codes of `duplicates` and `absent` are given back; what they mean depends on the call.
    """
    code, told = _refusal(answer) or _spoken(answer)
    if code in settings.success_codes and not _said_no(answer):
        return "", told
    if code in settings.duplicates | settings.absent:
        return code, told
    if code in settings.refusals:
        raise Refused("viettel: refused", code=code)
    raise OutcomeUnknown(f"viettel: code {shown(code)} is in no table")


def _said_no(answer: HttpAnswer) -> bool:
    return 400 <= answer.status <= 499 and answer.status not in NOT_DECIDED  # noqa: PLR2004 - the range of RFC 9110


def _refusal(answer: HttpAnswer) -> tuple[str, dict[str, object]] | None:
    """The word of a 4xx, or None when it is none. Raises `Refused` for one without a word, from whoever it came."""
    if not _said_no(answer):
        return None
    try:
        told = wire.strict_json_object(answer.body)
        words = [wire.printed(told, name) for name in ("errorCode", "message")]
    except Malformed:
        told, words = {}, []
    word = next((word for word in words if _WORD.fullmatch(word)), None)
    if word is None:
        raise Refused(f"viettel: answered with HTTP status {answer.status}", code=f"HTTP {answer.status}")
    return word, told


def _spoken(answer: HttpAnswer) -> tuple[str, dict[str, object]]:
    told = wire.strict_json_object(decided(answer))
    if "errorCode" not in told:
        raise Malformed("viettel: an answer has no errorCode")
    return wire.printed(told, "errorCode"), told


def decode_issue(settings: Settings, answer: HttpAnswer, order: ReceiptOrder) -> IssuedReceipt | None:
    """The receipt, or None where the key is known already. Raises `Refused`, `OutcomeUnknown`."""
    with in_doubt():
        code, told = decode_answer(settings, answer)
        if code in settings.duplicates:
            return None
        if code:
            raise OutcomeUnknown(f"viettel: {shown(code)} is no answer to an issue")
        result = told.get("result")
        if not isinstance(result, dict) or wire.printed(result, "supplierTaxCode") != settings.tax_code:
            raise Malformed("viettel: the answer is about another issuer")
        return IssuedReceipt(
            key=order.key,
            series=order.series,
            number=_number(order.series, result),
            provider_ref=code_text(result, "transactionID"),
            lookup_code=code_text(result, "reservationCode"),
            tax_authority_code=code_text(result, "codeOfTax"),
            amount_vnd=order.amount_vnd,
            issued_at=order.issued_at,
        )


def decode_found(
    settings: Settings, answer: HttpAnswer, key: str, series: ReceiptSeries
) -> IssuedReceipt | NotThere:
    """What is there under `key`. Raises `Refused`, `OutcomeUnknown`, `Malformed`."""
    code, told = decode_answer(settings, answer)
    found = told.get("result")
    if code in settings.absent or (not code and found == []):
        return NotThere(key)
    if code or not isinstance(found, list):
        raise Malformed("viettel: a search is not answered with a list")
    if len(found) != 1 or not isinstance(item := found[0], dict):
        raise OutcomeUnknown("viettel: what is there under the key is not one receipt")
    ours = {"supplierTaxCode": settings.tax_code, "transactionUuid": key, "templateCode": series.form}
    if any(wire.printed(item, name) not in {"", text} for name, text in ours.items()):
        raise OutcomeUnknown("viettel: what was found is not what was searched for")
    return IssuedReceipt(
        key=key,
        series=series,
        number=_number(series, item),
        standing=standing_of(settings.standings, wire.printed(item, "status")),
        provider_ref=code_text(item, "transactionID"),
        lookup_code=code_text(item, "reservationCode"),
        tax_authority_code=code_text(item, "codeOfTax"),
        issued_at=_moment(item.get("issueDate")),
    )


def decode_done(settings: Settings, answer: HttpAnswer) -> None:
    """The answer to a cancellation. Raises `Refused`, `OutcomeUnknown`."""
    with in_doubt():
        code, _ = decode_answer(settings, answer)
    done(code, settings.absent)


def decode_file(settings: Settings, answer: HttpAnswer, kind: ReceiptFile) -> bytes:
    """Raises `Refused`, `OutcomeUnknown`, `Malformed`."""
    code, told = decode_answer(settings, answer)
    done(code, settings.absent)
    return file_of(wire.printed(told, "fileToBytes"), kind)


def _number(series: ReceiptSeries, told: Mapping[str, object]) -> str:
    text = wire.printed(told, "invoiceNo")
    if not text.startswith(series.sign):
        raise Malformed("viettel: invoiceNo is not of the series that was asked for")
    return padded(text[len(series.sign) :])


def _moment(value: object) -> datetime | None:
    if not isinstance(value, int) or isinstance(value, bool) or not EARLIEST_MS <= value < LATEST_MS:
        return None
    return datetime.fromtimestamp(value / 1000, UTC)


class Viettel:
    """`gateway.ports.ReceiptProvider`. Its only state is the token."""

    name = "viettel"
    capabilities = frozenset(
        {
            ReceiptCapability.CANCEL,
            ReceiptCapability.REPLACE,
            ReceiptCapability.PDF,
            ReceiptCapability.XML,
        }
    )

    def __init__(self, settings: Settings, http: HttpDoor) -> None:
        self._settings = settings
        self._session = Session(http, encode_login(settings), lambda body: decode_login(settings, body))

    def issue(self, order: ReceiptOrder, now: datetime) -> IssuedReceipt:
        return self._create(encode_issue(self._settings, order), order, now)

    def replace(self, order: ReceiptOrder, old: IssuedReceipt, reason: str, now: datetime) -> IssuedReceipt:
        return self._create(encode_replace(self._settings, order, old, reason, now), order, now)

    def _create(self, body: bytes, order: ReceiptOrder, now: datetime) -> IssuedReceipt:
        answer = self._call(f"{CREATE}/{quote(self._settings.tax_code)}", body, now, kind=JSON)
        issued = decode_issue(self._settings, answer, order)
        return issued or known_already(lambda: self.look_up(order.key, order.series, now), order)

    def look_up(self, key: str, series: ReceiptSeries, now: datetime) -> IssuedReceipt | NotThere:
        own_series(series, self._settings.tax_code)
        answer = self._call(SEARCH, encode_search(self._settings, key), now, kind=FORM)
        return decode_found(self._settings, answer, key, series)

    def cancel(self, receipt: IssuedReceipt, reason: str, now: datetime) -> None:
        body = encode_cancel(self._settings, receipt, reason, now)
        decode_done(self._settings, self._call(CANCEL, body, now, kind=FORM))

    def fetch(self, receipt: IssuedReceipt, kind: ReceiptFile, now: datetime) -> bytes:
        answer = self._call(PAPER, encode_fetch(self._settings, receipt, kind), now, kind=JSON)
        return decode_file(self._settings, answer, kind)

    def _call(self, path: str, body: bytes, now: datetime, *, kind: str) -> HttpAnswer:
        def made(token: str) -> HttpRequest:
            bearer = self._settings.token_as == BEARER
            proof = {"authorization": f"Bearer {token}"} if bearer else {"cookie": f"access_token={token}"}
            headers = {"accept": JSON, "content-type": kind, **proof}
            url = address(self._settings, path)
            return HttpRequest("POST", url, headers=headers, body=body, timeout_s=self._settings.timeout_s)

        answer = self._session.send(made, now, stale=lambda given: given.status == STALE)
        if answer.status >= 500:  # noqa: PLR2004 - the range of RFC 9110
            self._session.forget()
        return answer
