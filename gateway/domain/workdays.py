"""The days and hours that an agency works: its week, and the days that the state declares off or worked.

Days are declared both ways: holidays (Labour Code 2019 Art. 112, NQ 28/2026/QH16), days off for a holiday on a day of
weekly rest (Art. 111.3), and days that the Prime Minister swaps, one off for one worked. Beyond the years that a
calendar covers only the week is known, and an answer from there is not sure. Times of day are those of Việt Nam.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from enum import StrEnum
from typing import Final

VIETNAM: Final = timezone(timedelta(hours=7))
DAY: Final = timedelta(days=1)
NONE: Final = timedelta(0)
DAYS_OF_WEEK: Final = 7
LONGEST_WAIT_DAYS: Final = 3660
ANY_AGENCY: Final = "*"
WHOLE_PERCENT: Final = 100

Period = tuple[timedelta, timedelta]
"""From opening to closing, counted from midnight."""


class DayKind(StrEnum):
    """Why a day is not what its week says."""

    HOLIDAY = "holiday"
    COMPENSATION = "compensation"
    SWAPPED = "swapped"
    MAKE_UP = "make_up"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule or a day stands, in both languages."""

    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class DeclaredDay:
    """`pair`: the other day of a swap, or the holiday that a compensation is for. Not `sure`: expected, not decided."""

    on: date
    kind: DayKind
    name: Source
    source: Source
    sure: bool
    pair: date | None = None


@dataclass(frozen=True, slots=True)
class OfficeDay:
    """The opening hours of one day, in order and apart; empty on a day of rest."""

    periods: tuple[Period, ...]
    length: timedelta = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "length", sum((closes - opens for opens, closes in self.periods), NONE))


RESTS: Final = OfficeDay(())


@dataclass(frozen=True, slots=True)
class Week:
    """The hours of the agencies whose code is `agency`, or begins with it (`H28*`); Monday first."""

    agency: str
    days: tuple[OfficeDay, ...]
    source: Source

    def is_of(self, agency: str) -> bool:
        prefix = self.agency.removesuffix(ANY_AGENCY)
        return agency.startswith(prefix) if prefix != self.agency else agency == self.agency


@dataclass(frozen=True, slots=True)
class EarlyWarning:
    """When an agency is warned of a due date: after a share of the term (percent), or so many working days before."""

    share_percent: int | None = None
    working_days: int | None = None

    def __post_init__(self) -> None:
        given = [each for each in (self.share_percent, self.working_days) if each is not None]
        if len(given) != 1 or given[0] < 1 or (self.share_percent or 0) >= WHOLE_PERCENT:
            raise ValueError(
                "a warning comes after 1 to 99 percent of the term, or so many days before its end"
            )


@dataclass(frozen=True, slots=True)
class Rules:
    """How terms are counted.

    `same_day_until`: a same-day case that came later is due on the next working day. `day_hours` is one working day
    where days are counted by the hour (`days_by_the_hour`), as some provincial systems do; the law counts whole days.
    """

    same_day_until: time
    same_day_source: Source
    day_hours: timedelta
    days_by_the_hour: bool
    warning: EarlyWarning


@dataclass(frozen=True, slots=True)
class Calendar:
    """What is declared from one day to another, both counted, and the hours of every agency."""

    from_on: date
    to_on: date
    days: Mapping[date, DeclaredDay]
    weeks: tuple[Week, ...]
    rules: Rules

    def of(self, agency: str) -> "Timetable":
        """The days and hours of an agency: by the week with the longest matching code."""
        fitting = [week for week in self.weeks if week.is_of(agency)]
        return Timetable(self, max(fitting, key=lambda week: len(week.agency)))


@dataclass(frozen=True, slots=True)
class Timetable:
    """When one agency is open."""

    calendar: Calendar
    week: Week

    def day(self, on: date) -> OfficeDay:
        """The hours of a day; a make-up day has those of the day that it stands in for."""
        declared = self.calendar.days.get(on)
        if declared is None:
            return self.week.days[on.weekday()]
        if declared.kind is DayKind.MAKE_UP:
            return self.week.days[(declared.pair or on).weekday()]
        return RESTS

    def is_working(self, on: date) -> bool:
        return bool(self.day(on).periods)

    def declared(self, from_on: date, to_on: date) -> Iterator[DeclaredDay]:
        """The declared days from one day to another, both counted, that change what the week says; in order."""
        inside = [found for on, found in self.calendar.days.items() if from_on <= on <= to_on]
        for found in sorted(inside, key=lambda day: day.on):
            if self.week.days[found.on.weekday()] != self.day(found.on):
                yield found

    def is_sure(self, from_on: date, to_on: date) -> bool:
        """Whether each day from one to another is covered by the calendar and none is merely expected."""
        covered = self.calendar.from_on <= from_on and to_on <= self.calendar.to_on
        return covered and all(day.sure for day in self.declared(from_on, to_on))


# --- days ---------------------------------------------------------------------------------------


def add_working_days(start: date, days: int, timetable: Timetable) -> date:
    """The working day that is `days` working days after `start`; `start` itself is not counted.

    Civil Code 2015 Art. 147.2. Raises `ValueError` for a negative number, and where no working day is left.
    """
    if days < 0:
        raise ValueError("a deadline lies ahead")
    on, left = start, days
    for _ in range(LONGEST_WAIT_DAYS):
        if left == 0:
            return on
        on += DAY
        left -= timetable.is_working(on)
    raise ValueError("the calendar has no working day left")


def working_days_between(start: date, end: date, timetable: Timetable) -> int:
    """How many working days come after `start`, up to `end` and with it; 0 where `end` is not later."""
    return sum(timetable.is_working(start + DAY * number) for number in range(1, (end - start).days + 1))


def working_time_of_days(first_on: date, days: int, timetable: Timetable) -> timedelta:
    """The working time of so many working days from `first_on` on. Raises `ValueError` where there are too few."""
    on, left, total = first_on, days, NONE
    for _ in range(LONGEST_WAIT_DAYS):
        length = timetable.day(on).length
        if length:
            total, left = total + length, left - 1
            if left == 0:
                return total
        on += DAY
    raise ValueError("the calendar has no working day left")


# --- moments ------------------------------------------------------------------------------------


def day_of(at: datetime) -> date:
    """The day in Việt Nam."""
    return at.astimezone(VIETNAM).date()


def split(at: datetime) -> tuple[date, timedelta]:
    """The day in Việt Nam, and the time of it."""
    local = at.astimezone(VIETNAM).replace(tzinfo=None)
    return local.date(), local - datetime.combine(local.date(), time())


def moment(on: date, clock: timedelta) -> datetime:
    """A time of a day in Việt Nam, as UTC."""
    return (datetime.combine(on, time(), VIETNAM) + clock).astimezone(UTC)
