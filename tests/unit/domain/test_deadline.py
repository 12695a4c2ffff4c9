"""When a result is due: working days, and the hour after which a day is over for what is done on the same day."""

from datetime import date, datetime, timedelta, timezone

import pytest

from gateway.domain.deadline import add_working_days, due_day, is_working_day

VIETNAM = timezone(timedelta(hours=7))
CALENDAR = {
    date(2026, 11, 24): False,  # Ngày Văn hóa Việt Nam
    date(2026, 8, 22): True,  # a Saturday that is worked for Monday 31/08
    date(2026, 8, 31): False,
}


def received(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=VIETNAM)


@pytest.mark.parametrize(
    ("at", "days", "expected"),
    [
        (received(date(2026, 11, 20), 9), 0, date(2026, 11, 20)),
        (received(date(2026, 11, 20), 15), 0, date(2026, 11, 20)),
        (received(date(2026, 11, 20), 15, 1), 0, date(2026, 11, 23)),
        (received(date(2026, 11, 23), 15, 1), 0, date(2026, 11, 25)),
        (received(date(2026, 11, 22), 9), 0, date(2026, 11, 23)),
        (received(date(2026, 11, 24), 9), 0, date(2026, 11, 25)),
        (received(date(2026, 11, 23), 9), 1, date(2026, 11, 25)),
        (received(date(2026, 11, 23), 16), 1, date(2026, 11, 25)),
        (received(date(2026, 8, 21), 15, 1), 0, date(2026, 8, 22)),
        (received(date(2026, 8, 28), 9), 1, date(2026, 9, 1)),
    ],
)
def test_a_result_is_due_on_a_working_day_that_can_be_kept(at: datetime, days: int, expected: date) -> None:
    assert expected == due_day(at, days, CALENDAR)
    assert is_working_day(expected, CALENDAR)


def test_a_deadline_lies_ahead() -> None:
    with pytest.raises(ValueError, match="ahead"):
        add_working_days(date(2026, 11, 24), -1, CALENDAR)
