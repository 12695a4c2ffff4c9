"""Working-day rule: weekends rest unless a day is declared a working one, and declared days off rest.

Calendar days are data both ways (Labour Code 2019 Art. 112, NQ 28/2026/QH16, swapped days each year).
"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

SATURDAY = 5
LONGEST_WAIT_DAYS = 3660
SAME_DAY_UNTIL = time(15, 0)
"""What is received later is no longer done on the same day (`specs/case.md` B1, B5)."""


def is_working_day(on: date, calendar: Mapping[date, bool]) -> bool:
    """Whether `on` is worked. `calendar` maps declared days to True (worked) or False (off)."""
    return calendar.get(on, on.weekday() < SATURDAY)


def due_day(received_at: datetime, days: int, calendar: Mapping[date, bool]) -> date:
    """The day for the result of what was received at `received_at`, in the zone of its desk.

    Of a procedure of the same day (`days` is 0) this is the next working day when it came after 15:00, or on a day off.
    """
    on = received_at.date()
    if days == 0 and is_working_day(on, calendar) and received_at.time() <= SAME_DAY_UNTIL:
        return on
    return add_working_days(on, max(days, 1), calendar)


def add_working_days(start: date, days: int, calendar: Mapping[date, bool]) -> date:
    """The working day that is `days` working days after `start`; `start` itself is not counted."""
    if days < 0:
        raise ValueError("a deadline lies ahead")
    on, left = start, days
    for _ in range(LONGEST_WAIT_DAYS):
        if left == 0:
            return on
        on += timedelta(days=1)
        left -= is_working_day(on, calendar)
    raise ValueError("the calendar has no working day left")
