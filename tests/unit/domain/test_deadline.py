"""Due dates: each unit of a term, the hour of same-day procedures, stops, extensions, and what is not known."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.domain.deadline import MOST_EXTENSIONS, MOST_STOPS, due
from gateway.domain.deadline_parts import Extension, Stop, StopKind, Term, Unit, What
from gateway.domain.errors import Malformed
from tests.unit.sample_times import at, by_the_hour, calendar, hours

SAME_DAY = Term(0, Unit.SAME_DAY)


def stop(begins: datetime, ends: datetime | None, kind: StopKind = StopKind.SUPPLEMENT) -> Stop:
    return Stop(kind, begins, ends, "12/GN")


def days(count: int) -> Term:
    return Term(count, Unit.CALENDAR_DAYS)


@pytest.mark.parametrize(
    ("received", "count", "ends"),
    [
        (("13/02/2026", "09:00"), 5, "27/02/2026"),
        (("13/02/2026", "17:01"), 5, "02/03/2026"),
        (("14/02/2026", "10:00"), 5, "02/03/2026"),
        (("23/11/2026", "16:59"), 1, "25/11/2026"),
        (("20/11/2026", "09:00"), 3, "26/11/2026"),
        (("20/08/2026", "09:00"), 2, "22/08/2026"),
        (("28/08/2026", "09:00"), 1, "03/09/2026"),
        (("31/12/2025", "09:00"), 1, "05/01/2026"),
        (("09/01/2026", "09:00"), 1, "10/01/2026"),
        (("25/04/2025", "09:00"), 1, "26/04/2025"),
        (("30/04/2025", "09:00"), 1, "06/05/2025"),
    ],
)
def test_working_days_begin_after_the_day_of_receipt_and_end_with_their_last(
    received: tuple[str, str], count: int, ends: str
) -> None:
    assert at(ends, "17:00") == due(at(*received), Term(count), hours()).at


@pytest.mark.parametrize(
    ("received", "ends"),
    [
        (("23/11/2026", "14:59"), "23/11/2026"),
        (("23/11/2026", "15:00"), "23/11/2026"),
        (("23/11/2026", "15:01"), "25/11/2026"),
        (("23/11/2026", "12:00"), "23/11/2026"),
        (("23/11/2026", "17:30"), "25/11/2026"),
        (("24/11/2026", "08:00"), "25/11/2026"),
        (("21/08/2026", "15:01"), "22/08/2026"),
    ],
)
def test_a_same_day_procedure_that_came_after_15_00_is_due_on_the_next_working_day(
    received: tuple[str, str], ends: str
) -> None:
    assert at(ends, "17:00") == due(at(*received), Term.of_working_days(0), hours()).at


def test_one_microsecond_after_15_00_is_after() -> None:
    late = at("23/11/2026", "15:00") + timedelta(microseconds=1)
    assert at("25/11/2026", "17:00") == due(late, SAME_DAY, hours()).at


def test_the_hour_of_same_day_procedures_is_the_calendars() -> None:
    rules = replace(calendar().rules, same_day_until=at("01/01/2026", "10:00").time())
    early = replace(calendar(), rules=rules).of("H28")
    assert at("23/11/2026", "17:00") == due(at("23/11/2026", "10:00"), SAME_DAY, early).at
    assert at("25/11/2026", "17:00") == due(at("23/11/2026", "10:01"), SAME_DAY, early).at


@pytest.mark.parametrize(
    ("received", "count", "ends"),
    [
        (("23/11/2026", "09:00"), 8, ("25/11/2026", "09:00")),
        (("23/11/2026", "12:00"), 4, ("25/11/2026", "07:30")),
        (("22/11/2026", "12:00"), 4, ("23/11/2026", "11:00")),
        (("23/11/2026", "07:00"), 8, ("23/11/2026", "17:00")),
    ],
)
def test_working_hours_begin_with_receipt(
    received: tuple[str, str], count: int, ends: tuple[str, str]
) -> None:
    assert at(*ends) == due(at(*received), Term(count, Unit.WORKING_HOURS), hours()).at


def test_days_may_be_counted_by_the_hour_where_a_calendar_says_so() -> None:
    assert at("27/02/2026", "09:00") == due(at("13/02/2026"), Term(5), by_the_hour()).at
    assert at("25/11/2026", "17:00") == due(at("23/11/2026", "17:01"), Term(1), by_the_hour()).at


@pytest.mark.parametrize(
    ("received", "count", "ends"),
    [
        (("10/11/2026", "09:00"), 3, "13/11/2026"),
        (("10/11/2026", "09:00"), 4, "16/11/2026"),
        (("10/11/2026", "09:00"), 14, "25/11/2026"),
        (("10/11/2026", "18:00"), 2, "13/11/2026"),
        (("11/08/2026", "09:00"), 11, "22/08/2026"),
    ],
)
def test_calendar_days_move_off_a_day_of_rest(received: tuple[str, str], count: int, ends: str) -> None:
    assert at(ends, "17:00") == due(at(*received), days(count), hours()).at


# --- stops --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begins", "ends", "moved_to"),
    [
        (("17/11/2026", "10:00"), ("17/11/2026", "11:00"), ("20/11/2026", "08:00")),
        (("17/11/2026", "07:00"), ("18/11/2026", "07:00"), ("20/11/2026", "17:00")),
        (("17/11/2026", "17:00"), ("18/11/2026", "07:00"), ("19/11/2026", "17:00")),
        (("17/11/2026", "11:30"), ("17/11/2026", "13:30"), ("19/11/2026", "17:00")),
        (("16/11/2026", "08:00"), ("16/11/2026", "16:00"), ("19/11/2026", "17:00")),
        (("20/11/2026", "08:00"), ("23/11/2026", "16:00"), ("19/11/2026", "17:00")),
        (("13/11/2026", "08:00"), ("18/11/2026", "07:00"), ("20/11/2026", "17:00")),
    ],
)
@pytest.mark.parametrize("kind", StopKind)
def test_a_due_date_moves_by_the_working_time_stopped(
    begins: tuple[str, str], ends: tuple[str, str], moved_to: tuple[str, str], kind: StopKind
) -> None:
    stopped = (stop(at(*begins), at(*ends), kind),)
    assert at(*moved_to) == due(at("16/11/2026"), Term(3), hours(), stops=stopped).at


def test_a_moment_of_two_stops_is_added_once() -> None:
    both = (
        stop(at("17/11/2026", "07:00"), at("17/11/2026", "11:00")),
        stop(at("17/11/2026", "10:00"), at("18/11/2026", "07:00"), StopKind.OUTAGE),
    )
    assert at("20/11/2026", "17:00") == due(at("16/11/2026"), Term(3), hours(), stops=both).at


@pytest.mark.parametrize(
    ("ends", "due_on"),
    [("14:30", "23/11/2026"), ("15:00", "23/11/2026"), ("15:01", "25/11/2026"), ("17:30", "25/11/2026")],
)
def test_a_same_day_procedure_begins_anew_when_a_stop_ends(ends: str, due_on: str) -> None:
    paid = (stop(at("23/11/2026", "10:00"), at("23/11/2026", ends), StopKind.FEE),)
    assert at(due_on, "17:00") == due(at("23/11/2026"), SAME_DAY, hours(), stops=paid).at


def test_what_was_over_before_the_case_came_moves_nothing() -> None:
    past = (stop(at("20/11/2026", "10:00"), at("23/11/2026", "08:00"), StopKind.OUTAGE),)
    assert at("23/11/2026", "17:00") == due(at("23/11/2026"), SAME_DAY, hours(), stops=past).at


def test_calendar_days_move_by_the_time_stopped() -> None:
    two_days = (stop(at("11/11/2026", "10:00"), at("13/11/2026", "10:00")),)
    assert at("16/11/2026", "17:00") == due(at("10/11/2026"), days(3), hours(), stops=two_days).at
    one_hour = (stop(at("11/11/2026", "10:00"), at("11/11/2026", "11:00")),)
    assert at("13/11/2026", "17:00") == due(at("10/11/2026"), days(2), hours(), stops=one_hour).at


def test_nothing_is_due_while_the_clock_stands() -> None:
    waits = (stop(at("18/11/2026", "10:00"), None),)
    found = due(at("16/11/2026"), Term(3), hours(), stops=waits)
    assert (None, None) == (found.at, found.on)
    assert What.WAITS is found.steps[-1].what
    assert [at("18/11/2026", "10:00")] == [step.to_at for step in found.steps if step.what is What.RUNS], (
        "nothing is told of what comes after"
    )


def test_a_stop_that_opens_after_the_due_date_changes_nothing() -> None:
    waits = (stop(at("20/11/2026", "10:00"), None),)
    assert at("19/11/2026", "17:00") == due(at("16/11/2026"), Term(3), hours(), stops=waits).at


def test_a_stop_that_opens_at_the_due_date_changes_nothing() -> None:
    waits = (stop(at("19/11/2026", "17:00"), None),)
    assert at("19/11/2026", "17:00") == due(at("16/11/2026"), Term(3), hours(), stops=waits).at


def test_only_stops_that_move_the_due_date_are_told() -> None:
    moves = stop(at("17/11/2026", "10:00"), at("17/11/2026", "11:00"))
    before = stop(at("16/11/2026", "08:00"), at("17/11/2026", "07:00"))
    after = stop(at("20/11/2026", "08:00"), at("23/11/2026", "10:00"))
    found = due(at("16/11/2026"), Term(3), hours(), stops=(before, moves, after))
    assert [moves.from_at] == [step.from_at for step in found.steps if step.what is What.STOPPED]
    assert at("20/11/2026", "08:00") == found.at


def test_each_start_of_a_same_day_procedure_is_told() -> None:
    paid = (stop(at("23/11/2026", "10:00"), at("23/11/2026", "15:01"), StopKind.FEE),)
    told = [step.what for step in due(at("23/11/2026"), SAME_DAY, hours(), stops=paid).steps]
    assert [
        What.RECEIVED,
        What.SAME_DAY,
        What.STOPPED,
        What.NEXT_DAY_AFTER_HOUR,
        What.REST,
        What.DUE,
    ] == told


# --- extensions ---------------------------------------------------------------------------------


def test_an_extension_counts_from_the_due_date_before_it() -> None:
    longer = (Extension(Term(2), "05/XL"), Extension(Term(1), "06/XL"))
    assert at("25/11/2026", "17:00") == due(at("16/11/2026"), Term(3), hours(), extensions=longer).at


def test_a_stop_in_an_extension_moves_its_end() -> None:
    longer = (Extension(Term(2), "05/XL"),)
    stopped = (stop(at("20/11/2026", "07:00"), at("20/11/2026", "08:00")),)
    found = due(at("16/11/2026"), Term(3), hours(), stops=stopped, extensions=longer)
    assert at("25/11/2026", "08:00") == found.at
    told = [step.what for step in found.steps]
    assert told.index(What.EXTENDED) < told.index(What.STOPPED)
    assert 1 == told.count(What.STOPPED)


def test_a_day_off_is_told_once_whichever_part_of_the_time_it_lies_in() -> None:
    longer = (Extension(Term(2), "05/XL"), Extension(Term(1), "06/XL"))
    found = due(at("20/11/2026"), Term(3), hours(), extensions=longer)
    assert [at("24/11/2026", "00:00")] == [step.from_at for step in found.steps if step.what is What.REST]
    on_a_holiday = due(at("24/11/2026"), Term(3), hours(), extensions=longer)
    assert 1 == sum(step.what is What.REST for step in on_a_holiday.steps)


# --- what is known ------------------------------------------------------------------------------


def test_a_due_date_over_expected_days_is_not_sure_and_says_so() -> None:
    found = due(at("01/02/2027"), Term(5), hours())
    assert (date(2027, 2, 15), False) == (found.on, found.sure)
    assert [False] * 3 == [step.sure for step in found.steps if step.what is What.REST]
    assert due(at("25/01/2027"), Term(5), hours()).sure


@pytest.mark.parametrize("received", ["28/12/2027", "28/12/2023"])
def test_a_due_date_beyond_the_calendar_is_not_sure_and_says_so(received: str) -> None:
    found = due(at(received), Term(5), hours())
    assert not found.sure
    assert What.BEYOND_CALENDAR is found.steps[-2].what


@pytest.mark.parametrize(("received", "count"), [("31/12/2027", 1), ("30/12/2027", 1), ("01/01/2024", 1)])
def test_the_first_and_the_last_day_of_the_calendar_are_within_it(received: str, count: int) -> None:
    found = due(at(received), Term(count), hours())
    beyond = [step for step in found.steps if step.what is What.BEYOND_CALENDAR]
    assert (received != "31/12/2027") == (not beyond) == found.sure
    assert all(not step.sure for step in beyond)


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "received",
    [
        datetime(2026, 2, 13, 9),  # noqa: DTZ001 - the point of the test
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, tzinfo=UTC),
        datetime(1999, 12, 31, tzinfo=UTC),
        datetime(2100, 1, 1, tzinfo=UTC),
    ],
)
def test_a_time_without_an_offset_or_outside_this_century_is_refused(received: datetime) -> None:
    with pytest.raises(Malformed, match="offset"):
        due(received, Term(1), hours())
    with pytest.raises(Malformed, match="offset"):
        Stop(StopKind.FEE, received, None)
    if received.tzinfo is not None and received.year > 2026:
        with pytest.raises(Malformed, match="offset"):
            Stop(StopKind.FEE, at("13/02/2026"), received)


def test_the_years_and_counts_that_are_taken_are_taken() -> None:
    assert due(datetime(2000, 1, 1, tzinfo=UTC), Term(1), hours()).at == at("04/01/2000", "17:00")
    assert due(datetime(2099, 12, 31, tzinfo=UTC), Term(1), hours()).on == date(2100, 1, 1)
    assert due(at("13/02/2026"), Term(2000), hours()).on == date(2033, 11, 16)
    few = {"stops": (stop(at("16/11/2025"), at("17/11/2025")),) * MOST_STOPS}
    assert due(at("12/11/2026"), Term(1), hours(), **few).on == date(2026, 11, 13)  # type: ignore[arg-type]
    papers = (Extension(Term(1), "05/XL"),) * MOST_EXTENSIONS
    assert due(at("02/11/2026"), Term(1), hours(), extensions=papers).on == date(2026, 12, 2)


@pytest.mark.parametrize("unit", set(Unit) - {Unit.SAME_DAY})
@pytest.mark.parametrize("count", [-1, 0, 2001])
def test_a_term_counts_something_and_not_for_ever(unit: Unit, count: int) -> None:
    with pytest.raises(Malformed, match="term"):
        Term(count, unit)


def test_a_same_day_term_counts_nothing() -> None:
    with pytest.raises(Malformed, match="same-day"):
        Term(1, Unit.SAME_DAY)
    assert (Term(10), SAME_DAY) == (Term.of_working_days(10), Term.of_working_days(0))
    with pytest.raises(Malformed, match="term"):
        Term.of_working_days(-1)


def test_a_stop_ends_after_it_began_and_an_outage_has_its_certificate() -> None:
    begins = at("13/02/2026")
    with pytest.raises(Malformed, match="after it began"):
        stop(begins, begins)
    with pytest.raises(Malformed, match="certified"):
        Stop(StopKind.OUTAGE, begins, None, "01/GN")
    with pytest.raises(Malformed, match="certified"):
        Stop(StopKind.OUTAGE, begins, at("14/02/2026"), " ")


def test_an_extension_has_its_paper_and_some_length() -> None:
    with pytest.raises(Malformed, match="paper"):
        Extension(Term(1), " ")
    with pytest.raises(Malformed, match="longer"):
        Extension(SAME_DAY, "05/XL")


def test_a_case_has_few_stops_and_extensions_and_waits_for_one_thing() -> None:
    waits, over = stop(at("16/11/2026"), None), stop(at("16/11/2026"), at("17/11/2026"))
    bad = ({"stops": (waits, waits)}, {"stops": (over,) * (MOST_STOPS + 1)})
    for given in (*bad, {"extensions": (Extension(Term(1), "05/XL"),) * (MOST_EXTENSIONS + 1)}):
        with pytest.raises(Malformed, match="few stops"):
            due(at("13/11/2026"), Term(1), hours(), **given)  # type: ignore[arg-type]
