"""The calendar file as tests use it, moments of Việt Nam, and what hypothesis draws of both."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from gateway import calendars
from gateway.domain.deadline_parts import Stop, StopKind, Term, Unit
from gateway.domain.workdays import VIETNAM, Calendar, EarlyWarning, Timetable

FILE = Path("gateway/data/calendar.json")
FIRST, LAST = datetime(2024, 1, 1), datetime(2027, 6, 1)  # noqa: DTZ001 - hypothesis adds the offset


def file() -> dict[str, Any]:
    """The file as decoded JSON, fresh to be changed."""
    decoded: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return decoded


@cache
def calendar() -> Calendar:
    return calendars.read(file())


@cache
def hours() -> Timetable:
    return calendar().of("H28")


def by_the_hour() -> Timetable:
    known = calendar()
    return replace(known, rules=replace(known.rules, days_by_the_hour=True)).of("H28")


def warned(**rule: int) -> Timetable:
    known = calendar()
    return replace(known, rules=replace(known.rules, warning=EarlyWarning(**rule))).of("H28")


def at(day: str, clock: str = "09:00") -> datetime:
    """`at("13/02/2026", "15:01")` in Việt Nam."""
    return datetime.strptime(f"{day} {clock}", "%d/%m/%Y %H:%M").replace(tzinfo=VIETNAM)


MOMENTS = st.datetimes(FIRST, LAST, timezones=st.just(VIETNAM))
WORK = st.timedeltas(timedelta(microseconds=1), timedelta(hours=800))
TERMS = st.one_of(
    st.builds(Term, st.integers(1, 60), st.sampled_from(sorted(set(Unit) - {Unit.SAME_DAY}))),
    st.just(Term(0, Unit.SAME_DAY)),
)


@st.composite
def stops_near(draw: st.DrawFn, received_at: datetime) -> tuple[Stop, ...]:
    """Up to four stops around a case that came then; they may overlap."""
    found = []
    for _ in range(draw(st.integers(0, 4))):
        begins = received_at + draw(st.timedeltas(timedelta(days=-5), timedelta(days=60)))
        lasts = draw(st.timedeltas(timedelta(microseconds=1), timedelta(days=21)))
        found.append(Stop(draw(st.sampled_from(StopKind)), begins, begins + lasts, "01/GN"))
    return tuple(found)
