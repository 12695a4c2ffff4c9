"""Periods count by the calendar, and of an event's data stays what names nobody."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import case, machine
from gateway.domain.leaf import OPEN_DATA
from gateway.domain.retention import are_accounts_over, left_of, months_before

VIETNAM = timezone(timedelta(hours=7))


@pytest.mark.parametrize(
    ("at", "months", "expected"),
    [
        ((2031, 11, 24), 60, (2026, 11, 24)),
        ((2026, 3, 31), 1, (2026, 2, 28)),
        ((2028, 3, 31), 1, (2028, 2, 29)),
        ((2026, 1, 15), 1, (2025, 12, 15)),
        ((2026, 12, 31), 12, (2025, 12, 31)),
        ((2026, 5, 1), 1200, (1926, 5, 1)),
    ],
)
def test_months_are_counted_by_the_calendar(
    at: tuple[int, int, int], months: int, expected: tuple[int, int, int]
) -> None:
    assert datetime(*expected, 7, 30, tzinfo=UTC) == months_before(datetime(*at, 7, 30, tzinfo=UTC), months)


@given(st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1)), st.integers(1, 1000), st.integers(1, 1000))  # noqa: DTZ001 - days of a calendar
def test_a_longer_period_reaches_no_later_and_a_later_day_no_earlier(
    at: datetime, one: int, more: int
) -> None:
    assert months_before(at, one + more) < months_before(at, one) < at
    assert months_before(at, one) <= months_before(at + timedelta(days=1), one)


@pytest.mark.parametrize(
    ("now", "over"),
    [
        ((2036, 12, 31, 23, 59), False),
        ((2037, 1, 1, 0, 0), True),
    ],
)
def test_the_time_of_accounts_counts_from_the_end_of_their_year(
    now: tuple[int, int, int, int, int], *, over: bool
) -> None:
    for last in (datetime(2026, 1, 1, tzinfo=VIETNAM), datetime(2026, 12, 31, 23, 59, tzinfo=VIETNAM)):
        assert over == are_accounts_over(last, datetime(*now, tzinfo=VIETNAM), 120)


def test_of_an_events_data_stays_what_names_nobody() -> None:
    data = {
        "national_code": 5,
        "reasons": ["break"],
        "reason": "Trần Thị",
        "what_a_later_release_tells": "Trần Thị",
        "pdf_sha256": "ab",
        "sha256": "cd",
        "was_due_on": "2026-12-09",
        "receipt_number": "H28-26E-0000001",
        "supplement": [{"code": "to-khai", "reason": "Trần Thị"}, "Trần Thị"],
        "documents": [{"code": "to-khai", "sha256": "ef", "name": "Trần Thị.pdf"}],
    }
    assert {
        "national_code": 5,
        "reasons": ["break"],
        "pdf_sha256": "ab",
        "sha256": "cd",
        "was_due_on": "2026-12-09",
        "receipt_number": "H28-26E-0000001",
        "supplement": [{"code": "to-khai"}],
        "documents": [{"code": "to-khai", "sha256": "ef"}],
    } == left_of(data)


@given(
    st.dictionaries(
        st.text() | st.sampled_from(sorted(OPEN_DATA)), st.text() | st.integers() | st.lists(st.text())
    )
)
def test_what_is_left_is_left_again(data: dict[str, object]) -> None:
    left = left_of(data)
    assert left == left_of(left)
    assert left.keys() <= data.keys()


def test_nothing_happens_to_a_case_that_has_ended() -> None:
    assert machine.terminal(case.TABLE) == case.ENDED
