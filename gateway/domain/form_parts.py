"""What the official forms have in common: who speaks, whose case it is, what came, what is owed; and their checks.

Making a value checks it, so that one that exists can be printed. What names or reaches a person stays out of `repr`.
Every maker raises `Malformed`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum
from itertools import pairwise
from typing import Final

from gateway.domain.codes import parse_case_code
from gateway.domain.errors import Malformed
from gateway.domain.fees import FeeKind
from gateway.domain.money import Vnd, check_vnd

MAX_TEXT_CHARS: Final = 2000
"""Of one text. Nothing on a form is cut, so what is longer is refused."""
MAX_URL_CHARS: Final = 500
MAX_ROWS: Final = 2000
"""Of one list: the papers of a large drawing set, a month of a busy desk's book."""
MAX_COUNT: Final = 100_000
_YEARS: Final = range(2000, 2100)
_VIETNAM: Final = timezone(timedelta(hours=7))
_PHONE: Final = re.compile(r"\+?[0-9][0-9 .()-]{2,30}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_URL: Final = re.compile(r"https?://[!-~]+")


@dataclass(frozen=True, slots=True)
class FormKind:
    """What a form is called. `code` is the circular's number, or a word for a page that is ours."""

    code: str
    title: str
    title_en: str


class ResultWay(StrEnum):
    """How the result is returned: HinhThuc of the National portal."""

    COUNTER = "counter"
    POST = "post"
    ONLINE = "online"


class Timeliness(StrEnum):
    EARLY = "early"
    ON_TIME = "on_time"
    LATE = "late"


def timeliness(due_at: datetime, finished_at: datetime) -> Timeliness:
    """Early is a day or more before the day that was promised in Vietnam; late is any moment after the promise."""
    if finished_at > due_at:
        return Timeliness.LATE
    early = finished_at.astimezone(_VIETNAM).date() < due_at.astimezone(_VIETNAM).date()
    return Timeliness.EARLY if early else Timeliness.ON_TIME


@dataclass(frozen=True, slots=True)
class Office:
    """Who speaks: the two lines of the head, the place of the date line, and how to reach the desk.

    What an office does not tell is left out on paper.
    """

    authority: str
    unit: str
    code: str
    place: str = ""
    phone: str = ""
    address: str = ""
    hours: str = ""

    def __post_init__(self) -> None:
        check(self, required=("unit",))
        demand(
            self.phone == "" or _PHONE.fullmatch(self.phone) is not None,
            "The desk's phone is no phone number",
        )


@dataclass(frozen=True, slots=True)
class Head:
    """`number` is the form's own, as in `0123/TNHS`, empty where an office gives none; `track_url` goes into the QR."""

    office: Office
    issued_at: datetime
    track_url: str = field(repr=False)
    number: str = ""

    def __post_init__(self) -> None:
        check(self)
        good = len(self.track_url) <= MAX_URL_CHARS and _URL.fullmatch(self.track_url) is not None
        demand(good, "The address for following the case is no web address")


@dataclass(frozen=True, slots=True)
class Person:
    """A citizen or an organisation, as it is written to."""

    name: str = field(repr=False)
    address: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    id_number: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        check(self, required=("name",))


@dataclass(frozen=True, slots=True)
class Official:
    """Who signs or answers. `title` as it stands above the name: `GIÁM ĐỐC`, `NGƯỜI TIẾP NHẬN HỒ SƠ`."""

    name: str = field(repr=False)
    title: str = ""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose case it is and what it asks for. `owner` is the case's owner where another person handed it in."""

    case_code: str
    procedure_name: str
    applicant: Person
    procedure_code: str = ""
    summary: str = field(default="", repr=False)
    owner: Person | None = None

    def __post_init__(self) -> None:
        check(self, required=("procedure_name",))
        parse_case_code(self.case_code)


@dataclass(frozen=True, slots=True)
class Fee:
    """What is owed, in VND, without it being taken by hand."""

    kind: FeeKind
    name: str
    amount_vnd: Vnd
    code: str = ""

    def __post_init__(self) -> None:
        check(self, required=("name",))


@dataclass(frozen=True, slots=True)
class PaperItem:
    """A paper of the case, and how many of it came: originals, certified copies, plain copies, files."""

    name: str
    originals: int = 0
    certified: int = 0
    copies: int = 0
    files: int = 0

    def __post_init__(self) -> None:
        check(self, required=("name",))
        demand(self.originals + self.certified + self.copies + self.files > 0, "A paper came at least once")


@dataclass(frozen=True, slots=True)
class GivenFile:
    """A document as it arrived: its size in bytes and the SHA-256 of these bytes, in hex."""

    code: str
    name: str = field(repr=False)
    size_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        check(self, required=("code", "name"), largest=2**50)
        demand(is_sha256(self.sha256), "A SHA-256 is 64 hex digits")


def total_vnd(fees: Iterable[Fee]) -> Vnd:
    return sum(fee.amount_vnd for fee in fees)


# --- rules --------------------------------------------------------------------------------------


def demand(holds: bool, sentence: str) -> None:  # noqa: FBT001 - reads as an assertion does
    if not holds:
        raise Malformed(sentence)


def check(form: object, *, required: tuple[str, ...] = (), largest: int = MAX_COUNT) -> None:
    """What holds for every field by its sort; the texts named in `required` have a letter."""
    for each in fields(form):  # type: ignore[arg-type]  # only dataclasses come here
        value: object = getattr(form, each.name)
        if isinstance(value, str):
            _check_text(each.name, value, required=each.name in required)
        elif isinstance(value, datetime):
            good = value.tzinfo is not None and value.year in _YEARS
            demand(good, f"{each.name} has an offset and lies in this century")
        elif isinstance(value, date):
            demand(value.year in _YEARS, f"{each.name} lies in this century")
        elif isinstance(value, tuple):
            demand(len(value) <= MAX_ROWS, f"{each.name} has at most {MAX_ROWS} rows")
            for text in value:
                if isinstance(text, str):
                    _check_text(each.name, text, required=True)
        elif each.name.endswith("_vnd"):
            check_vnd(value)
        elif isinstance(value, int):
            demand(0 <= value <= largest, f"{each.name} is from 0 to {largest}")


def _check_text(name: str, text: str, *, required: bool) -> None:
    demand(len(text) <= MAX_TEXT_CHARS, f"{name} has at most {MAX_TEXT_CHARS} letters")
    demand(bool(text.strip()) or not required, f"{name} is needed")


def in_order(*moments: datetime) -> None:
    good = all(first <= second for first, second in pairwise(moments))
    demand(good, "The times of the form are not in order")


def day_of(moment: datetime) -> date:
    return moment.astimezone(_VIETNAM).date()


def is_sha256(text: str) -> bool:
    """Whether `text` is 64 lower-case hex digits."""
    return _SHA256.fullmatch(text) is not None
