"""Working days and working time: what the calendar says of a day, and counting both ways."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.workdays import (
    RESTS,
    EarlyWarning,
    OfficeDay,
    Timetable,
    Week,
    add_working_days,
    day_of,
    working_days_between,
    working_time_of_days,
)
from gateway.domain.worktime import (
    advance,
    advance_around,
    closing,
    merged,
    next_open,
    rewind,
    worked,
    worked_around,
)
from tests.unit.sample_times import MOMENTS, WORK, at, calendar, hours

DATES = st.dates(date(2024, 1, 1), date(2027, 6, 1))
HOUR = timedelta(hours=1)
NEVER = Timetable(calendar(), Week("*", (RESTS,) * 7, calendar().weeks[0].source))


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 8, 22), True),
        (date(2026, 8, 31), False),
        (date(2026, 1, 2), False),
        (date(2026, 1, 10), True),
        (date(2025, 4, 26), True),
        (date(2026, 11, 24), False),
        (date(2025, 11, 24), True),
        (date(2026, 4, 26), False),
        (date(2026, 4, 27), False),
        (date(2026, 11, 28), False),
        (date(2028, 1, 3), True),
    ],
)
def test_a_day_is_worked_as_its_week_or_the_state_says(day: date, works: object) -> None:
    assert works == hours().is_working(day)


def test_five_working_days_across_tet_of_2026_end_on_the_27th() -> None:
    assert date(2026, 2, 27) == add_working_days(date(2026, 2, 13), 5, hours())
    assert working_days_between(date(2026, 2, 13), date(2026, 2, 27), hours()) == 5


def test_a_make_up_saturday_has_the_hours_of_the_day_that_it_stands_in_for() -> None:
    week = hours().week
    short = OfficeDay(((timedelta(hours=8), timedelta(hours=11)),))
    odd = replace(hours(), week=replace(week, days=(short, *week.days[1:])))
    assert short == odd.day(date(2026, 8, 22)), "stands in for a Monday"
    assert week.days[4] == odd.day(date(2026, 1, 10)), "stands in for a Friday"


def test_an_agency_has_the_week_with_the_longest_code_that_fits_it() -> None:
    week = calendar().weeks[0]
    known = replace(
        calendar(), weeks=(week, *(replace(week, agency=code) for code in ("H28*", "H28.5*", "H29")))
    )
    asked = ("H28", "H28.51.01", "H29", "H29.1", "G01")
    assert ["H28*", "H28.5*", "H29", "*", "*"] == [known.of(code).week.agency for code in asked]


def test_only_days_that_change_the_week_are_told() -> None:
    told = [day.on for day in hours().declared(date(2026, 4, 20), date(2026, 5, 3))]
    assert [date(2026, 4, 27), date(2026, 4, 30), date(2026, 5, 1)] == told, "the 26th is a Sunday"


def test_both_ends_of_a_time_are_told_and_looked_at() -> None:
    first, last = date(2026, 4, 30), date(2026, 5, 1)
    assert [first, last] == [day.on for day in hours().declared(first, last)]
    assert hours().is_sure(date(2024, 1, 1), date(2026, 12, 31))
    ends = replace(calendar(), to_on=date(2026, 12, 31)).of("H28")
    assert ends.is_sure(date(2026, 12, 1), date(2026, 12, 31))
    assert not ends.is_sure(date(2026, 12, 1), date(2027, 1, 1))


def test_days_of_different_length_are_each_counted_as_they_are() -> None:
    week = hours().week
    short = OfficeDay(((timedelta(hours=8), timedelta(hours=11)),))
    odd = replace(hours(), week=replace(week, days=(*week.days[:4], short, *week.days[5:])))
    assert timedelta(hours=8 + 3 + 8) == working_time_of_days(date(2026, 11, 19), 3, odd)


def test_what_is_expected_or_beyond_the_calendar_is_not_sure() -> None:
    assert hours().is_sure(date(2026, 1, 1), date(2027, 2, 3))
    assert not hours().is_sure(date(2027, 2, 1), date(2027, 2, 4))
    assert not hours().is_sure(date(2027, 12, 1), date(2028, 1, 1))
    assert not hours().is_sure(date(2023, 12, 31), date(2024, 1, 1))


@given(DATES, st.integers(0, 300))
def test_working_days_are_counted_both_ways(start: date, days: int) -> None:
    assert days == working_days_between(start, add_working_days(start, days, hours()), hours())


@given(DATES, st.integers(1, 60))
def test_the_time_of_days_is_that_between_their_first_opening_and_last_closing(
    start: date, days: int
) -> None:
    first = add_working_days(start, 1, hours())
    last = add_working_days(start, days, hours())
    midnight = at(f"{first:%d/%m/%Y}", "00:00")
    ends = at(f"{last:%d/%m/%Y}", "23:59")
    assert worked(hours(), midnight, ends) == working_time_of_days(first, days, hours())


# --- hours --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "opens"),
    [
        (("13/02/2026", "09:00"), ("13/02/2026", "09:00")),
        (("13/02/2026", "06:59"), ("13/02/2026", "07:00")),
        (("13/02/2026", "11:30"), ("13/02/2026", "13:30")),
        (("13/02/2026", "17:00"), ("23/02/2026", "07:00")),
        (("21/08/2026", "18:00"), ("22/08/2026", "07:00")),
    ],
)
def test_what_comes_outside_the_hours_counts_from_the_next_opening(
    asked: tuple[str, str], opens: tuple[str, str]
) -> None:
    assert at(*opens) == next_open(hours(), at(*asked))


@pytest.mark.parametrize(
    ("start", "work", "end"),
    [
        (("23/11/2026", "09:00"), 8, ("25/11/2026", "09:00")),
        (("23/11/2026", "07:00"), 8, ("23/11/2026", "17:00")),
        (("23/11/2026", "11:00"), 1, ("23/11/2026", "14:00")),
        (("21/08/2026", "16:00"), 9, ("22/08/2026", "17:00")),
        (("13/02/2026", "16:00"), 2, ("23/02/2026", "08:00")),
    ],
)
def test_working_hours_pass_only_while_the_agency_is_open(
    start: tuple[str, str], work: int, end: tuple[str, str]
) -> None:
    assert at(*end) == advance(hours(), at(*start), work * HOUR)
    assert work * HOUR == worked(hours(), at(*start), at(*end))
    assert at(*start) == rewind(hours(), at(*end), work * HOUR)


@given(MOMENTS, WORK)
def test_working_time_is_counted_both_ways(start: datetime, work: timedelta) -> None:
    end = advance(hours(), start, work)
    assert work == worked(hours(), start, end)
    assert next_open(hours(), start) == next_open(hours(), rewind(hours(), end, work))


@given(MOMENTS, WORK, WORK)
def test_working_time_adds_up(start: datetime, first: timedelta, second: timedelta) -> None:
    assert advance(hours(), start, first + second) == advance(hours(), advance(hours(), start, first), second)


@given(MOMENTS, WORK)
def test_an_end_lies_in_working_hours(start: datetime, work: timedelta) -> None:
    end = advance(hours(), start, work)
    clock = end.astimezone(start.tzinfo) - at(f"{day_of(end):%d/%m/%Y}", "00:00")
    assert any(opens < clock <= closes for opens, closes in hours().day(day_of(end)).periods)


@given(MOMENTS, MOMENTS)
def test_nothing_passes_backwards(one: datetime, other: datetime) -> None:
    assert timedelta(0) == worked(hours(), max(one, other), min(one, other))


def test_time_within_stops_does_not_count_and_no_moment_of_it_twice() -> None:
    spans = merged(
        [
            (at("18/11/2026", "10:00"), at("19/11/2026", "10:00")),
            (at("19/11/2026", "08:00"), at("19/11/2026", "16:00")),
            (at("20/11/2026", "12:00"), at("20/11/2026", "12:00")),
        ]
    )
    assert ((at("18/11/2026", "10:00"), at("19/11/2026", "16:00")),) == spans
    path = advance_around(hours(), at("18/11/2026", "09:00"), 8 * HOUR, spans)
    assert (at("18/11/2026", "09:00"), *spans[0], at("20/11/2026", "15:00")) == path
    assert 8 * HOUR == worked_around(hours(), path[0], path[-1], spans)


def test_a_stop_that_is_over_hides_no_later_one() -> None:
    spans = (
        (at("16/11/2026", "10:00"), at("17/11/2026", "10:00")),
        (at("18/11/2026", "10:00"), at("18/11/2026", "11:00")),
    )
    assert at("18/11/2026", "14:00") == advance_around(hours(), at("18/11/2026"), 2 * HOUR, spans)[-1]


def test_what_ends_as_a_stop_begins_is_not_moved() -> None:
    spans = ((at("18/11/2026", "10:00"), at("19/11/2026", "10:00")),)
    assert at("18/11/2026", "10:00") == advance_around(hours(), at("18/11/2026"), HOUR, spans)[-1]


def test_a_timetable_without_hours_is_an_error_and_no_endless_search() -> None:
    day = at("13/02/2026")
    for ask in (
        lambda: add_working_days(date(2026, 2, 13), 1, NEVER),
        lambda: working_time_of_days(date(2026, 2, 13), 1, NEVER),
        lambda: next_open(NEVER, day),
        lambda: advance(NEVER, day, HOUR),
        lambda: rewind(NEVER, day, HOUR),
    ):
        with pytest.raises(ValueError, match="no working"):
            ask()


def test_what_lies_the_other_way_is_refused() -> None:
    with pytest.raises(ValueError, match="lies ahead"):
        add_working_days(date(2026, 2, 13), -1, hours())
    with pytest.raises(ValueError, match="forwards"):
        advance(hours(), at("13/02/2026"), -HOUR)
    with pytest.raises(ValueError, match="asked for"):
        rewind(hours(), at("13/02/2026"), timedelta(0))
    with pytest.raises(ValueError, match="not worked"):
        closing(hours(), at("24/11/2026"))


@pytest.mark.parametrize(
    ("share", "days"), [(None, None), (80, 2), (0, None), (100, None), (None, 0), (-1, None)]
)
def test_a_warning_has_one_rule_that_can_be(share: int | None, days: int | None) -> None:
    with pytest.raises(ValueError, match="warning"):
        EarlyWarning(share, days)
