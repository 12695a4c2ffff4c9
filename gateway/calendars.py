"""The calendar file, read and checked: what is declared off or worked, with its source, and the hours of agencies.

A file that contradicts itself is refused whole: a due date from it would be wrong for every case.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.domain.errors import Misconfigured
from gateway.domain.workdays import (
    ANY_AGENCY,
    Calendar,
    DayKind,
    DeclaredDay,
    EarlyWarning,
    OfficeDay,
    Period,
    Rules,
    Source,
    Week,
)

MOST_YEARS: Final = 50
_NAMES: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SATURDAY: Final = 5
_PAIRED: Final = {DayKind.COMPENSATION, DayKind.SWAPPED, DayKind.MAKE_UP}


class _Part(BaseModel):
    """A misspelled name is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Words(_Part):
    vi: str = Field(min_length=1, max_length=300)
    en: str = Field(min_length=1, max_length=300)


class _Day(_Words):
    on: date
    kind: DayKind
    source: str
    status: Literal["sure", "expected"]
    pair: date | None = None


_Hours = list[tuple[time, time]]


class _Week(_Part):
    agency: str = Field(pattern=r"^([A-Za-z0-9.]{1,60}\*?|\*)$")
    source: str
    mon: _Hours
    tue: _Hours
    wed: _Hours
    thu: _Hours
    fri: _Hours
    sat: _Hours
    sun: _Hours


class _Warning(_Part):
    share_percent: int | None = None
    working_days: int | None = None


class _Rules(_Part):
    same_day_until: time
    same_day_source: str
    working_day_hours: int = Field(ge=1, le=24)
    days_by_the_hour: bool
    warning: _Warning


class _File(_Part):
    from_on: date
    to_on: date
    rules: _Rules
    sources: dict[str, _Words]
    weeks: list[_Week]
    days: list[_Day]


def read(data: Mapping[str, Any]) -> Calendar:
    """The calendar in `data`, the decoded JSON. Raises `Misconfigured`, which names the entry and what is wrong."""
    try:
        file = _File.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _wrong(".".join(map(str, first["loc"])), first["msg"]) from None
    if not file.from_on <= file.to_on or file.to_on.year - file.from_on.year >= MOST_YEARS:
        raise _wrong("to_on", f"the calendar covers up to {MOST_YEARS} years, forwards")
    days = _declared(file)
    return Calendar(file.from_on, file.to_on, days, _weeks(file), _rules(file))


def _wrong(where: object, why: str) -> Misconfigured:
    return Misconfigured(f"calendar: {where}: {why}")


def _source(file: _File, name: str, where: object) -> Source:
    if name not in file.sources:
        raise _wrong(where, f"there is no source {name[:60]}")
    return _both(file.sources[name])


def _both(words: _Words) -> Source:
    return Source(words.vi, words.en)


def _rules(file: _File) -> Rules:
    given = file.rules
    try:
        warning = EarlyWarning(given.warning.share_percent, given.warning.working_days)
    except ValueError as error:
        raise _wrong("rules.warning", str(error)) from None
    return Rules(
        same_day_until=given.same_day_until,
        same_day_source=_source(file, given.same_day_source, "rules.same_day_source"),
        day_hours=timedelta(hours=given.working_day_hours),
        days_by_the_hour=given.days_by_the_hour,
        warning=warning,
    )


# --- hours --------------------------------------------------------------------------------------


def _weeks(file: _File) -> tuple[Week, ...]:
    agencies = [week.agency for week in file.weeks]
    _once(agencies, "weeks")
    if ANY_AGENCY not in agencies:
        raise _wrong("weeks", f"there are no hours for the agencies that no other week names ({ANY_AGENCY})")
    return tuple(_week(file, week) for week in file.weeks)


def _week(file: _File, week: _Week) -> Week:
    where = f"weeks {week.agency}"
    hours: Iterable[_Hours] = (getattr(week, name) for name in _NAMES)
    days = tuple(
        OfficeDay(_periods(each, f"{where} {name}")) for name, each in zip(_NAMES, hours, strict=True)
    )
    if not all(day.periods for day in days[:_SATURDAY]):
        # a make-up day takes the hours of the weekday that it stands in for, and needs some
        raise _wrong(where, "every day from Monday to Friday has hours")
    return Week(week.agency, days, _source(file, week.source, where))


def _periods(hours: _Hours, where: str) -> tuple[Period, ...]:
    found = tuple((_clock(opens), _clock(closes)) for opens, closes in hours)
    edges = [edge for period in found for edge in period]
    if edges != sorted(set(edges)):
        raise _wrong(where, "the hours are not in order, or touch each other")
    return found


def _clock(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)


# --- days ---------------------------------------------------------------------------------------


def _declared(file: _File) -> dict[date, DeclaredDay]:
    _once([day.on for day in file.days], "days")
    given = {day.on: day for day in file.days}
    for day in file.days:
        _check(day, given, file)
    return {
        day.on: DeclaredDay(
            on=day.on,
            kind=day.kind,
            name=_both(day),
            source=_source(file, day.source, day.on),
            sure=day.status == "sure",
            pair=day.pair,
        )
        for day in file.days
    }


def _once(names: Iterable[object], where: str) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            raise _wrong(where, f"{name} stands there {times} times")


def _check(day: _Day, given: Mapping[date, _Day], file: _File) -> None:
    if not file.from_on <= day.on <= file.to_on:
        raise _wrong(day.on, "lies outside the days that the calendar covers")
    if (day.kind in _PAIRED) != (day.pair is not None):
        raise _wrong(day.on, f"a {day.kind.value} day has {'its' if day.kind in _PAIRED else 'no'} pair")
    wrong = _WRONG[day.kind](day, given)
    if wrong:
        raise _wrong(day.on, wrong)


def _rests(on: date) -> bool:
    """By the week of the state, whatever hours one agency has."""
    return on.weekday() >= _SATURDAY


def _is_pair(day: _Day, given: Mapping[date, _Day], kind: DayKind) -> bool:
    other = None if day.pair is None else given.get(day.pair)
    return other is not None and other.kind is kind and other.pair == day.on


def _wrong_compensation(day: _Day, given: Mapping[date, _Day]) -> str:
    other = None if day.pair is None else given.get(day.pair)
    if _rests(day.on):
        return "a day of weekly rest compensates nothing"
    if other is None or other.kind is not DayKind.HOLIDAY or not _rests(other.on) or other.on > day.on:
        return "a compensation is for a holiday before it, on a day of weekly rest"
    twins = [each for each in given.values() if each.kind is day.kind and each.pair == day.pair]
    return "the same holiday is compensated twice" if len(twins) > 1 else ""


def _wrong_swapped(day: _Day, given: Mapping[date, _Day]) -> str:
    if _rests(day.on):
        return "a day of weekly rest cannot be swapped off"
    return "" if _is_pair(day, given, DayKind.MAKE_UP) else "its pair is no make-up day of it"


def _wrong_make_up(day: _Day, given: Mapping[date, _Day]) -> str:
    if not _rests(day.on):
        return "a make-up day is a day of weekly rest"
    return "" if _is_pair(day, given, DayKind.SWAPPED) else "its pair is no day that was swapped off for it"


_WRONG: Final[Mapping[DayKind, Callable[[_Day, Mapping[date, _Day]], str]]] = {
    DayKind.HOLIDAY: lambda _, __: "",
    DayKind.COMPENSATION: _wrong_compensation,
    DayKind.SWAPPED: _wrong_swapped,
    DayKind.MAKE_UP: _wrong_make_up,
}
