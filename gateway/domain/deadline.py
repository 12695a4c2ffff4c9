"""When a case is due, and why: the term counted in the agency's working time, around stops, with each extension.

The rules, as `specs/case.md` B5 has them:

* what comes outside the hours counts from the next opening;
* of a term in days the day of receipt is not counted (Civil Code 2015 Art. 147.2), and it ends with its last day;
* a same-day procedure that came after 15:00 is due on the next working day; after a stop it begins anew;
* a term in calendar days whose last day is a day of rest ends on the next working day (Art. 148.5);
* the clock stands while the citizen must act (state 5) or pay (state 6), and in a certified outage: the due date
  moves by the time stopped, a moment of two stops counted once;
* an extension (form 04) counts from the due date before it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from gateway.domain.deadline_parts import (
    Due,
    Extension,
    Step,
    Stop,
    StopKind,
    Term,
    Unit,
    What,
    check_moment,
    demand,
)
from gateway.domain.workdays import (
    DAY,
    NONE,
    DayKind,
    Source,
    Timetable,
    add_working_days,
    day_of,
    moment,
    split,
    working_time_of_days,
)
from gateway.domain.worktime import Span, advance_around, closing, merged, next_open

MOST_STOPS: Final = 100
MOST_EXTENSIONS: Final = 20

FIRST_DAY: Final = Source("Bộ luật Dân sự 2015, Điều 147 khoản 2", "Civil Code 2015, Art. 147(2)")
FROM_HOUR: Final = Source("Bộ luật Dân sự 2015, Điều 147 khoản 1", "Civil Code 2015, Art. 147(1)")
LAST_DAY: Final = Source("Bộ luật Dân sự 2015, Điều 148 khoản 5", "Civil Code 2015, Art. 148(5)")
EXTENDED: Final = Source("Thông tư 03/2025/TT-VPCP, Mẫu số 04", "Circular 03/2025/TT-VPCP, form 04")
STOPPED: Final = {
    StopKind.SUPPLEMENT: Source("Thông tư 03/2025/TT-VPCP, Mẫu số 02", "Circular 03/2025/TT-VPCP, form 02"),
    StopKind.FEE: Source(
        "Cổng Dịch vụ công quốc gia, trạng thái 6", "National Public Service Portal, state 6"
    ),
    StopKind.OUTAGE: Source("giấy xác nhận gián đoạn dịch vụ", "certificate of an outage"),
}
assert set(STOPPED) == set(StopKind), "every stop has its source"


@dataclass(frozen=True, slots=True)
class _Leg:
    """A term or an extension, counted: stops before `from_at` do not move it."""

    from_at: datetime
    at: datetime
    steps: tuple[Step, ...]


def due(
    received_at: datetime,
    term: Term,
    timetable: Timetable,
    *,
    stops: Sequence[Stop] = (),
    extensions: Sequence[Extension] = (),
) -> Due:
    """When a case that came at `received_at` is due, with the reasons.

    Raises `Malformed` for a time outside this century or without an offset, for more stops or extensions than a case
    can have, and for two stops that are open; `ValueError` where the timetable has no working day left.
    """
    check_moment(received_at)
    waits = [stop for stop in stops if stop.to_at is None]
    few = len(stops) <= MOST_STOPS and len(extensions) <= MOST_EXTENSIONS
    demand(few and len(waits) <= 1, "a case has few stops and extensions, and waits for one thing at a time")
    spans = merged((stop.from_at, stop.to_at) for stop in stops if stop.to_at is not None)
    starts_at = next_open(timetable, received_at)
    steps = list(_reception(received_at, starts_at, timetable))
    at, told_on = starts_at, day_of(received_at) - DAY
    for leg_term, paper in ((term, ""), *((each.term, each.reference) for each in extensions)):
        leg = _count(leg_term, at, timetable, spans)
        if paper:
            steps.append(Step(What.EXTENDED, at, at, EXTENDED, term=leg_term, reference=paper))
        told = (
            *leg.steps,
            *_declared(timetable, told_on + DAY, day_of(leg.at)),
            *_stopped(stops, leg),
        )
        steps += sorted(told, key=lambda step: step.from_at)
        at, told_on = leg.at, day_of(leg.at)
    found = Due(received_at, starts_at, at, spans, tuple(steps), sure=True)
    return _waiting(found, waits[0]) if waits and waits[0].from_at < at else _ended(found, at, timetable)


def _reception(received_at: datetime, starts_at: datetime, timetable: Timetable) -> Iterator[Step]:
    yield Step(What.RECEIVED, received_at, received_at)
    if starts_at != received_at:
        yield Step(What.FROM_OPENING, received_at, starts_at, timetable.week.source)


def _waiting(found: Due, wait: Stop) -> Due:
    """The clock stands before the due date: what is said stops there, and the date is unknown."""
    past = (
        replace(step, to_at=min(step.to_at, wait.from_at)) if step.what is What.RUNS else step
        for step in found.steps
        if step.from_at < wait.from_at
    )
    source = STOPPED[wait.kind]
    last = Step(What.WAITS, wait.from_at, wait.from_at, source, stop=wait.kind, reference=wait.reference)
    return replace(found, at=None, steps=(*past, last))


def _ended(found: Due, at: datetime, timetable: Timetable) -> Due:
    first_on, last_on, known = day_of(found.received_at), day_of(at), timetable.calendar
    last = [Step(What.DUE, at, at)]
    if first_on < known.from_on or known.to_on < last_on:
        covers = (moment(known.from_on, NONE), moment(known.to_on, NONE))
        last.insert(0, Step(What.BEYOND_CALENDAR, *covers, sure=False))
    return replace(found, steps=(*found.steps, *last), sure=timetable.is_sure(first_on, last_on))


# --- what happened on the way -------------------------------------------------------------------


def _declared(timetable: Timetable, from_on: date, to_on: date) -> Iterator[Step]:
    """The declared days of a leg; those that follow each other under one name are one step."""
    last: Step | None = None
    for day in timetable.declared(from_on, to_on):
        what = What.MADE_UP if day.kind is DayKind.MAKE_UP else What.REST
        ends = moment(day.on, DAY)
        here = Step(what, moment(day.on, NONE), ends, day.source, day.name, sure=day.sure)
        if (
            last is not None
            and last.to_at == here.from_at
            and last == replace(here, from_at=last.from_at, to_at=last.to_at)
        ):
            last = replace(last, to_at=ends)
            continue
        if last is not None:
            yield last
        last = here
    if last is not None:
        yield last


def _stopped(stops: Iterable[Stop], leg: _Leg) -> Iterator[Step]:
    for stop in stops:
        if stop.to_at is not None and stop.from_at < leg.at and leg.from_at < stop.to_at:
            source = STOPPED[stop.kind]
            yield Step(
                What.STOPPED,
                stop.from_at,
                stop.to_at,
                source,
                stop=stop.kind,
                reference=stop.reference,
            )


# --- how each unit is counted -------------------------------------------------------------------


def _count(term: Term, start: datetime, timetable: Timetable, spans: Sequence[Span]) -> _Leg:
    rules = timetable.calendar.rules
    match term.unit:
        case Unit.SAME_DAY:
            return _same_day(start, timetable, spans)
        case Unit.CALENDAR_DAYS:
            return _calendar_days(term, start, timetable, spans)
        case Unit.WORKING_DAYS if not rules.days_by_the_hour:
            return _whole_days(term, start, timetable, spans)
        case Unit.WORKING_DAYS:
            return _hours(term, start, term.count * rules.day_hours, timetable, spans)
        case Unit.WORKING_HOURS:
            return _hours(term, start, timedelta(hours=term.count), timetable, spans)


def _hours(term: Term, start: datetime, work: timedelta, timetable: Timetable, spans: Sequence[Span]) -> _Leg:
    first = Step(What.COUNTED, start, start, FROM_HOUR, term=term)
    return _run(first, work, timetable, spans)


def _whole_days(term: Term, start: datetime, timetable: Timetable, spans: Sequence[Span]) -> _Leg:
    first_on = add_working_days(day_of(start), 1, timetable)
    begins = moment(first_on, timetable.day(first_on).periods[0][0])
    work = working_time_of_days(first_on, term.count, timetable)
    return _run(Step(What.COUNTED, begins, begins, FIRST_DAY, term=term), work, timetable, spans)


def _run(first: Step, work: timedelta, timetable: Timetable, spans: Sequence[Span]) -> _Leg:
    path = advance_around(timetable, first.from_at, work, spans)
    runs = (
        Step(What.RUNS, begins, ends)
        for begins, ends in zip(path[::2], path[1::2], strict=True)
        if begins < ends
    )
    return _Leg(first.from_at, path[-1], (first, *runs))


def _same_day(start: datetime, timetable: Timetable, spans: Sequence[Span]) -> _Leg:
    """A stop that begins before the due date lets the day begin anew when it ends, by the same rule."""
    at, last = _same_day_due(start, timetable)
    steps = [last]
    for stop, go in spans:
        if stop < at and start < go:
            again, last = _same_day_due(next_open(timetable, go), timetable)
            steps.append(last)
            at = max(at, again)
    return _Leg(start, at, tuple(steps))


def _same_day_due(start: datetime, timetable: Timetable) -> tuple[datetime, Step]:
    rules, (on, clock) = timetable.calendar.rules, split(start)
    until = datetime.combine(on, rules.same_day_until) - datetime.combine(on, datetime.min.time())
    if clock <= until:
        at = closing(timetable, start)
        return at, Step(What.SAME_DAY, start, at, rules.same_day_source)
    at = closing(timetable, moment(add_working_days(on, 1, timetable), NONE))
    return at, Step(What.NEXT_DAY_AFTER_HOUR, start, at, rules.same_day_source)


def _calendar_days(term: Term, start: datetime, timetable: Timetable, spans: Sequence[Span]) -> _Leg:
    """The term ends at midnight after its last day (Art. 148.6), which stops move; then the working day decides."""
    begins = moment(day_of(start) + DAY, NONE)
    ends = begins + term.count * DAY
    for stop, go in spans:
        if stop < ends and begins < go:
            ends += go - max(stop, begins)
    last_on = day_of(ends - timedelta(microseconds=1))
    on = last_on if timetable.is_working(last_on) else add_working_days(last_on, 1, timetable)
    at = closing(timetable, moment(on, NONE))
    steps = [Step(What.COUNTED, begins, begins, FIRST_DAY, term=term), Step(What.RUNS, begins, ends)]
    if on != last_on:
        steps.append(Step(What.MOVED_OFF_REST, moment(last_on, NONE), at, LAST_DAY))
    return _Leg(begins, at, tuple(steps))
