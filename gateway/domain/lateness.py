"""Whether a case is in time: warned before its due date, and broken after it.

When the warning comes is the agency's rule: after a share of the term, or so many working days before its end.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from gateway.domain.deadline_parts import Due
from gateway.domain.workdays import NONE, WHOLE_PERCENT, Timetable
from gateway.domain.worktime import advance_around, worked, worked_around


class Standing(StrEnum):
    """How an unfinished case stands to its due date."""

    IN_TIME = "in_time"
    WARNED = "warned"
    LATE = "late"
    STOPPED = "stopped"


def warn_at(due: Due, timetable: Timetable) -> datetime | None:
    """When the agency is to be warned: never after the due date, nor before the start; None while nothing is due."""
    if due.at is None:
        return None
    rules = timetable.calendar.rules
    work = worked_around(timetable, due.starts_at, due.at, due.stops)
    if rules.warning.share_percent is not None:
        before = work * rules.warning.share_percent // WHOLE_PERCENT
    else:
        before = max(work - (rules.warning.working_days or 0) * rules.day_hours, NONE)
    return advance_around(timetable, due.starts_at, before, due.stops)[-1]


def standing(due: Due, now: datetime, timetable: Timetable) -> Standing:
    """How a case that is not finished at `now` stands. The moment that is due is still in time."""
    if due.at is None:
        return Standing.STOPPED
    if now > due.at:
        return Standing.LATE
    if any(stop <= now < go for stop, go in due.stops):
        return Standing.STOPPED
    warned_at = warn_at(due, timetable)
    return Standing.WARNED if warned_at is not None and now >= warned_at else Standing.IN_TIME


def late_by(due: Due, at: datetime, timetable: Timetable) -> timedelta:
    """The working time by which `at` is past the due date; none where it is not, or nothing is due."""
    return NONE if due.at is None else worked(timetable, due.at, at)
