"""What the receipt providers have in common: texts of a legal paper, numbers, a login, and what is in doubt."""

import base64
import binascii
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from gateway.domain import wire
from gateway.domain.errors import (
    InputError,
    Malformed,
    Misconfigured,
    OutcomeUnknown,
    ReferenceConflict,
    Refused,
    Unreachable,
)
from gateway.ports import (
    HttpAnswer,
    HttpDoor,
    HttpRequest,
    IssuedReceipt,
    NotThere,
    ReceiptFile,
    ReceiptOrder,
    ReceiptSeries,
    Standing,
)

NOT_DECIDED: Final = frozenset({408, 425, 429})  # "not now": what becomes of it is still open
STALE: Final = 401
MAX_NAME: Final = 400
MAX_CODE: Final = 100
MAX_REASON: Final = 255
UNCUT: Final = 1_000_000_000
MAX_DIGITS: Final = 8
LONGEST_TOKEN_LIFE_S: Final = 24 * 3600
TOKEN_MARGIN_S: Final = 60
PDF_BEGINS: Final = b"%PDF-"
KIND_WORDS: Final[Mapping[str, str]] = MappingProxyType({"phi": "Phí", "le_phi": "Lệ phí"})
"""A kind of line in the words that stand on the paper, where the wire has no code for it."""

_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,60}")
_NUMBER = re.compile(r"[0-9]{1,12}")
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
_NO_CHARACTER = re.compile("[\ufdd0-\ufdef\ufffe\uffff]+")  # nor does XML 1.0 take the last two


def fitting(name: str, text: str, most: int = MAX_NAME) -> str:
    """`text` in NFC on one line. Raises `Malformed` when it is longer than `most`: a legal paper is not cut."""
    kept = wire.one_line(_NO_CHARACTER.sub(" ", text), UNCUT)
    if len(kept) > most:
        raise Malformed(f"{name} is longer than {most} characters")
    return kept


def given(name: str, text: str, most: int = MAX_NAME) -> str:
    """As `fitting`, for what must be there."""
    kept = fitting(name, text, most)
    if not kept:
        raise Malformed(f"{name} is empty")
    return kept


def padded(text: str) -> str:
    """A receipt's number with at least seven digits. Raises `Malformed`, also for none and for more than eight."""
    digits = text.lstrip("0") if _NUMBER.fullmatch(text) else ""
    if not digits or len(digits) > MAX_DIGITS:
        raise Malformed("a number of a receipt has one to eight digits")
    return digits.zfill(7)


def shown(code: str) -> str:
    """A provider's code as it may stand in an error: what is no code is not repeated, it could be anything."""
    return code if _CODE.fullmatch(code) else "?"


def code_text(told: Mapping[str, object], name: str) -> str:
    """A member that is a code: one line of at most `MAX_CODE`, empty where there is none. Raises `Malformed`."""
    text = wire.printed(told, name)
    if wire.one_line(text, MAX_CODE) != text:
        raise Malformed(f"{shown(name)} is no code")
    return text


def checked_codes(*groups: frozenset[str]) -> None:
    """Raises `Misconfigured` when a code stands in two groups: it would mean two things."""
    if sum(map(len, groups)) != len(frozenset().union(*groups)):
        raise Misconfigured("a code means one thing only")


def done(code: str, absent: frozenset[str]) -> None:
    """Nothing where an answer says yes (no code). Raises `Refused` for a code of `absent`, else `OutcomeUnknown`."""
    if code in absent:
        raise Refused("there is no such receipt", code=code)
    if code:
        raise OutcomeUnknown(f"{shown(code)} is no answer to this call")


def checked_standings(table: Mapping[str, str]) -> None:
    """Raises `Misconfigured` when a status means no standing of ours."""
    if not set(table.values()) <= set(Standing):
        raise Misconfigured("standings says of a status: holds, cancelled or replaced")


def standing_of(table: Mapping[str, str], status: str) -> Standing:
    """Raises `OutcomeUnknown` for a status that the table has not: nothing may follow from it."""
    if status not in table:
        raise OutcomeUnknown(f"the status {shown(status)} of a receipt is in no table")
    return Standing(table[status])


def own_series(series: ReceiptSeries, tax_code: str) -> None:
    """Raises `Misconfigured` when the series belongs to another issuer than the contract."""
    if series.issuer_tax_code != tax_code:
        raise Misconfigured("the series belongs to another issuer than this contract")


def decided(answer: HttpAnswer) -> bytes:
    """The body of an answer that says what became of a call. Raises `Refused` (4xx) and `OutcomeUnknown`."""
    if answer.status in NOT_DECIDED:
        raise OutcomeUnknown(f"answered with HTTP status {answer.status}")
    wire.usable_status(answer.status)
    return answer.body


@contextmanager
def in_doubt() -> Iterator[None]:
    """Around the reading of an answer to what changes something: unreadable means in doubt, for it has left us."""
    try:
        yield
    except InputError as error:
        raise OutcomeUnknown(f"the answer cannot be read: {error}") from None


def known_already(look_up: Callable[[], IssuedReceipt | NotThere], order: ReceiptOrder) -> IssuedReceipt:
    """What the provider has under a key that it calls a duplicate. Raises as `ReceiptProvider.issue`."""
    try:
        found = look_up()
    except (Unreachable, Refused, InputError) as error:  # it is there, and could not be looked at
        raise OutcomeUnknown(f"the key is known, and could not be looked up: {error}") from None
    if isinstance(found, NotThere):
        raise OutcomeUnknown("the key is called a duplicate, and nothing is there under it")
    if found.standing != Standing.HOLDS or found.amount_vnd not in {None, order.amount_vnd}:
        raise ReferenceConflict("the key has a receipt that does not hold any more, or one of another sum")
    return replace(found, repeated=True)


def file_of(text: str, kind: ReceiptFile) -> bytes:
    """A file that stands in an answer as Base64. Raises `Malformed`, also for what is no such file."""
    try:
        content = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise Malformed("a file is not Base64") from None
    begins = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not begins.startswith(PDF_BEGINS if kind == ReceiptFile.PDF else b"<"):
        raise Malformed("a file is not of the kind that was asked for")
    return content


@dataclass(frozen=True, slots=True)
class Token:
    """What a login gives, and for how many seconds by its word."""

    value: str = field(repr=False)
    life_s: int


class Session:
    """Logs in and keeps the token, for all threads: one asks, the others wait for its answer.

    `login` is the request, `read` the token of an answer (raises `InputError`, `Refused`).
    """

    def __init__(self, http: HttpDoor, login: HttpRequest, read: Callable[[bytes], Token]) -> None:
        self._http, self._login, self._read = http, login, read
        self._lock = threading.Lock()
        self._token: str | None = None
        self._until: datetime | None = None

    def send(
        self, made: Callable[[str], HttpRequest], now: datetime, *, stale: Callable[[HttpAnswer], bool]
    ) -> HttpAnswer:
        """One call with a token, and once more with a new one when the token is no longer taken (`stale`).

        What is refused for its token was not looked at: so the second call is the first. Raises `Refused`,
        `Unreachable` (also when the login did not come to an end) and `OutcomeUnknown`.
        """
        token = self.token(now)
        answer = self._http.send(made(token))
        if stale(answer):
            answer = self._http.send(made(self.token(now, unless=token)))
            if stale(answer):
                raise Refused("a new token is not taken", code=f"HTTP {STALE}")
        return answer

    def token(self, now: datetime, *, unless: str | None = None) -> str:
        """The kept token; a new one when that is `unless` or near its end."""
        with self._lock:
            kept, until = self._token, self._until
            if kept is None or until is None or kept == unless or until <= now:
                return self._fetch(now)
            return kept

    def forget(self) -> None:
        """The next call logs in anew."""
        with self._lock:
            self._token = None

    def _fetch(self, now: datetime) -> str:
        self._token = None
        try:
            token = self._read(decided(self._http.send(self._login)))
        except (OutcomeUnknown, InputError) as error:  # what the token is for has not left us
            raise Unreachable(f"the login did not come to an end: {error}") from None
        life_s = max(min(token.life_s, LONGEST_TOKEN_LIFE_S) - TOKEN_MARGIN_S, 0)
        self._token, self._until = token.value, now + timedelta(seconds=life_s)
        return token.value


def token_of(value: object, life: object, *, usual_life_s: int) -> Token:
    """A token as a login's JSON gives it. Raises `Malformed`, also for one that does not fit into a header."""
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise Malformed("a login's answer has no token")
    known = isinstance(life, int) and not isinstance(life, bool) and life > 0
    return Token(value, life if known and isinstance(life, int) else usual_life_s)
