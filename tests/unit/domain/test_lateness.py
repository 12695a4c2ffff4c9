"""Warned before a due date, late after it, and neither while the clock stands."""

from datetime import timedelta

import pytest

from gateway.domain.deadline import due
from gateway.domain.deadline_parts import Stop, StopKind, Term, Unit
from gateway.domain.lateness import Standing, late_by, standing, warn_at
from tests.unit.sample_times import at, hours, warned

STOP = Stop(StopKind.FEE, at("18/11/2026", "10:00"), at("19/11/2026", "10:00"))
FOUR_DAYS = due(at("16/11/2026", "07:00"), Term(4), hours())
"""Due on the 20th at 17:00: five open days, 40 hours."""


@pytest.mark.parametrize(
    ("rule", "warned_at"),
    [
        ({"share_percent": 80}, ("19/11/2026", "17:00")),
        ({"share_percent": 50}, ("18/11/2026", "11:00")),
        ({"working_days": 1}, ("19/11/2026", "17:00")),
        ({"working_days": 2}, ("18/11/2026", "17:00")),
        ({"working_days": 9}, ("16/11/2026", "07:00")),
    ],
)
def test_a_warning_comes_after_a_share_of_the_term_or_days_before_its_end(
    rule: dict[str, int], warned_at: tuple[str, str]
) -> None:
    assert at(*warned_at) == warn_at(FOUR_DAYS, warned(**rule))


def test_the_calendar_warns_after_80_percent() -> None:
    assert at("19/11/2026", "17:00") == warn_at(FOUR_DAYS, hours())


def test_time_stopped_is_no_part_of_the_share() -> None:
    found = due(at("16/11/2026", "07:00"), Term(4), hours(), stops=(STOP,))
    assert at("23/11/2026", "17:00") == found.at
    assert at("19/11/2026", "11:00") == warn_at(found, warned(share_percent=50))


@pytest.mark.parametrize(
    ("now", "stands"),
    [
        (("16/11/2026", "07:00"), Standing.IN_TIME),
        (("18/11/2026", "09:59"), Standing.IN_TIME),
        (("18/11/2026", "10:00"), Standing.STOPPED),
        (("19/11/2026", "09:59"), Standing.STOPPED),
        (("19/11/2026", "10:00"), Standing.IN_TIME),
        (("20/11/2026", "16:59"), Standing.IN_TIME),
        (("20/11/2026", "17:00"), Standing.WARNED),
        (("23/11/2026", "17:00"), Standing.WARNED),
        (("23/11/2026", "17:01"), Standing.LATE),
    ],
)
def test_an_unfinished_case_stands_to_its_due_date(now: tuple[str, str], stands: Standing) -> None:
    found = due(at("16/11/2026", "07:00"), Term(4), hours(), stops=(STOP,))
    assert stands is standing(found, at(*now), hours())


def test_a_case_that_waits_is_neither_warned_of_nor_late() -> None:
    waits = (Stop(StopKind.SUPPLEMENT, at("18/11/2026", "10:00"), None),)
    found = due(at("16/11/2026"), Term(4), hours(), stops=waits)
    assert Standing.STOPPED is standing(found, at("16/11/2027"), hours())
    assert warn_at(found, hours()) is None
    assert timedelta(0) == late_by(found, at("16/11/2027"), hours())


def test_late_is_counted_in_working_time() -> None:
    assert timedelta(0) == late_by(FOUR_DAYS, at("20/11/2026", "17:00"), hours())
    assert timedelta(hours=12) == late_by(FOUR_DAYS, at("25/11/2026", "11:00"), hours())


def test_a_same_day_term_is_warned_of_too() -> None:
    found = due(at("23/11/2026", "09:00"), Term(0, Unit.SAME_DAY), hours())
    assert at("23/11/2026", "15:48") == warn_at(found, hours())
