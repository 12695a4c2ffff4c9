"""What a due date is made of: the term, the stops, the extensions, and the steps that explain it.

Making a value checks it. Every maker raises `Malformed`.
"""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from gateway.domain.errors import Malformed
from gateway.domain.workdays import Source, day_of
from gateway.domain.worktime import Span

MOST_UNITS: Final = 2000
_YEARS: Final = range(2000, 2100)


class Unit(StrEnum):
    """What a term counts; a same-day term counts nothing."""

    SAME_DAY = "same_day"
    WORKING_DAYS = "working_days"
    WORKING_HOURS = "working_hours"
    CALENDAR_DAYS = "calendar_days"


@dataclass(frozen=True, slots=True)
class Term:
    """How long a procedure may take."""

    count: int
    unit: Unit = Unit.WORKING_DAYS

    def __post_init__(self) -> None:
        good = self.count == 0 if self.unit is Unit.SAME_DAY else 0 < self.count <= MOST_UNITS
        demand(good, f"a term counts from 1 to {MOST_UNITS}, and a same-day term nothing")

    @classmethod
    def of_working_days(cls, days: int) -> "Term":
        """As the catalogue has it: 0 working days are a same-day procedure."""
        return cls(days) if days else cls(0, Unit.SAME_DAY)


class StopKind(StrEnum):
    """Why the clock stood: states 5 and 6 of the National portal, or a provider that was down."""

    SUPPLEMENT = "supplement"
    FEE = "fee"
    OUTAGE = "outage"


@dataclass(frozen=True, slots=True)
class Stop:
    """From when to when the clock stood; `to_at` is None while it does. An outage counts when it is certified.

    `reference` is the paper's number: of the request (form 02), or of the certificate.
    """

    kind: StopKind
    from_at: datetime
    to_at: datetime | None
    reference: str = ""

    def __post_init__(self) -> None:
        check_moment(self.from_at)
        if self.to_at is not None:
            check_moment(self.to_at)
            demand(self.from_at < self.to_at, "a stop ends after it began")
        certified = self.to_at is not None and bool(self.reference.strip())
        demand(self.kind is not StopKind.OUTAGE or certified, "an outage is over, and certified")


@dataclass(frozen=True, slots=True)
class Extension:
    """More time, by form 04 whose number is `reference`; counted from the due date before it."""

    term: Term
    reference: str

    def __post_init__(self) -> None:
        demand(bool(self.reference.strip()), "an extension has its paper")
        demand(self.term.unit is not Unit.SAME_DAY, "an extension is longer than nothing")


class What(StrEnum):
    """What a step of an explanation says."""

    RECEIVED = "received"
    FROM_OPENING = "from_opening"
    COUNTED = "counted"
    SAME_DAY = "same_day"
    NEXT_DAY_AFTER_HOUR = "next_day_after_hour"
    RUNS = "runs"
    REST = "rest"
    MADE_UP = "made_up"
    STOPPED = "stopped"
    MOVED_OFF_REST = "moved_off_rest"
    EXTENDED = "extended"
    WAITS = "waits"
    BEYOND_CALENDAR = "beyond_calendar"
    DUE = "due"


@dataclass(frozen=True, slots=True)
class Step:
    """One reason of a due date: what, from when to when, and where it stands.

    `name` is that of a day, `term` what is counted from here on, `stop` why the clock stood, `reference` the paper.
    What is not `sure` is expected and not decided.
    """

    what: What
    from_at: datetime
    to_at: datetime
    source: Source | None = None
    name: Source | None = None
    term: Term | None = None
    stop: StopKind | None = None
    reference: str = ""
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Due:
    """`at` is when the result is due, None while an open stop keeps that unknown; `steps` say why, in order.

    `starts_at` is `received_at`, or the opening after it; `stops` are the times that do not count. Not `sure`: a day
    on the way is expected and not decided, or lies beyond the calendar.
    """

    received_at: datetime
    starts_at: datetime
    at: datetime | None
    stops: tuple[Span, ...]
    steps: tuple[Step, ...]
    sure: bool

    @property
    def on(self) -> date | None:
        """The day in Việt Nam."""
        return None if self.at is None else day_of(self.at)


def demand(holds: bool, sentence: str) -> None:  # noqa: FBT001 - reads as an assertion does
    if not holds:
        raise Malformed(sentence)


def check_moment(at: datetime) -> None:
    """Raises `Malformed` for a time without an offset, or outside this century."""
    demand(at.tzinfo is not None and at.year in _YEARS, "a time has an offset and lies in this century")
