"""Working time: how much of it lies between two moments, and which moment comes so much of it later or earlier.

Only the hours when an agency is open count, to the microsecond; moments are UTC. An end is never the opening of a day
but the closing of the one before, a beginning never a closing but the next opening: at both the same time has passed.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from gateway.domain.workdays import DAY, LONGEST_WAIT_DAYS, NONE, Timetable, day_of, moment, split

Span = tuple[datetime, datetime]
"""From one moment to a later one."""


def next_open(timetable: Timetable, at: datetime) -> datetime:
    """`at` where the agency is open then, otherwise the next opening. Raises `ValueError` where there is none."""
    on, clock = split(at)
    for _ in range(LONGEST_WAIT_DAYS):
        for opens, closes in timetable.day(on).periods:
            if clock < closes:
                return moment(on, max(clock, opens))
        on, clock = on + DAY, NONE
    raise ValueError("the calendar has no working hour left")


def closing(timetable: Timetable, at: datetime) -> datetime:
    """When the working day of `at` ends. Raises `ValueError` where that day is not worked."""
    on = day_of(at)
    periods = timetable.day(on).periods
    if not periods:
        raise ValueError("this day is not worked")
    return moment(on, periods[-1][1])


def advance(timetable: Timetable, start: datetime, work: timedelta) -> datetime:
    """The moment when `work` of working time has passed since `start`; for none of it, the next open moment.

    Raises `ValueError` for less than none, and where the calendar has no more.
    """
    if work < NONE:
        raise ValueError("working time passes forwards")
    if work == NONE:
        return next_open(timetable, start)
    (on, clock), left = split(start), work
    for _ in range(LONGEST_WAIT_DAYS):
        day = timetable.day(on)
        if clock == NONE and left > day.length:
            left -= day.length
        else:
            for opens, closes in day.periods:
                begins = max(opens, clock)
                if begins < closes and left <= closes - begins:
                    return moment(on, begins + left)
                left -= max(closes - begins, NONE)
        on, clock = on + DAY, NONE
    raise ValueError("the calendar has no working hour left")


def rewind(timetable: Timetable, end: datetime, work: timedelta) -> datetime:
    """The latest moment from which `work` of working time passes until `end`. Raises `ValueError` as `advance`."""
    if work <= NONE:
        raise ValueError("some working time is asked for")
    (on, clock), left = split(end), work
    for _ in range(LONGEST_WAIT_DAYS):
        day = timetable.day(on)
        if clock == DAY and left > day.length:
            left -= day.length
        else:
            for opens, closes in reversed(day.periods):
                ends = min(closes, clock)
                if opens < ends and left <= ends - opens:
                    return moment(on, ends - left)
                left -= max(ends - opens, NONE)
        on, clock = on - DAY, DAY
    raise ValueError("the calendar has no working hour left")


def worked(timetable: Timetable, start: datetime, end: datetime) -> timedelta:
    """The working time from `start` to `end`; none where `end` is not later."""
    if end <= start:
        return NONE
    (on, clock), (last_on, last_clock) = split(start), split(end)
    total = NONE
    while on < last_on:
        total += _from(timetable, on, clock)
        on, clock = on + DAY, NONE
    return total + _from(timetable, on, clock) - _from(timetable, on, last_clock)


def _from(timetable: Timetable, on: date, clock: timedelta) -> timedelta:
    day = timetable.day(on)
    if clock == NONE:
        return day.length
    return sum((max(closes - max(opens, clock), NONE) for opens, closes in day.periods), NONE)


# --- around what does not count -----------------------------------------------------------------


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same time, in order and each moment of it once."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return tuple(found)


def advance_around(
    timetable: Timetable, start: datetime, work: timedelta, stops: Iterable[Span]
) -> tuple[datetime, ...]:
    """As `advance`, but time within `stops` does not count. `stops` as `merged` gives them.

    The answer is the end, after the moments when the clock began and stopped on the way: `start`, stop, go, …, end.
    """
    path, left = [start], work
    for stop, go in stops:
        if go <= path[-1]:
            continue
        run = worked(timetable, path[-1], stop)
        if left <= run:
            break
        left -= run
        path += [max(stop, path[-1]), go]
    return (*path, advance(timetable, path[-1], left))


def worked_around(timetable: Timetable, start: datetime, end: datetime, stops: Iterable[Span]) -> timedelta:
    """As `worked`, without the time within `stops`, which are as `merged` gives them."""
    lost = sum((worked(timetable, max(start, stop), min(end, go)) for stop, go in stops), NONE)
    return worked(timetable, start, end) - lost
