"""What holds for every due date, whatever comes: drawn cases, terms, stops and extensions."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.deadline import due
from gateway.domain.deadline_parts import Due, Extension, Stop, StopKind, Term, Unit, What
from gateway.domain.lateness import Standing, late_by, standing, warn_at
from gateway.domain.workdays import Timetable, add_working_days, day_of, split, working_days_between
from gateway.domain.worktime import worked_around
from tests.unit.sample_times import MOMENTS, TERMS, by_the_hour, hours, stops_near, warned

TABLES = st.sampled_from([hours(), by_the_hour(), warned(working_days=2)])
EXTENSIONS = st.lists(
    st.builds(Extension, TERMS.filter(lambda term: term.unit is not Unit.SAME_DAY), st.just("05/XL")),
    max_size=2,
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[datetime, tuple[Stop, ...]]:
    received_at = draw(MOMENTS)
    return received_at, draw(stops_near(received_at))


def end(found: Due) -> datetime:
    assert found.at is not None
    return found.at


@given(cases(), TERMS, TABLES, EXTENSIONS)
def test_a_due_date_lies_in_working_hours_and_after_the_receipt(
    case: tuple[datetime, tuple[Stop, ...]], term: Term, table: Timetable, more: list[Extension]
) -> None:
    received_at, stops = case
    found = due(received_at, term, table, stops=stops, extensions=more)
    on, clock = split(end(found))
    assert any(opens < clock <= closes for opens, closes in table.day(on).periods)
    assert received_at <= found.starts_at < end(found)


@given(cases(), TERMS, TABLES, st.timedeltas(timedelta(0), timedelta(days=10)))
def test_what_comes_later_is_due_no_sooner(
    case: tuple[datetime, tuple[Stop, ...]], term: Term, table: Timetable, later: timedelta
) -> None:
    received_at, stops = case
    first = due(received_at, term, table, stops=stops)
    second = due(received_at + later, term, table, stops=stops)
    assert end(first) <= end(second)


@given(MOMENTS, st.integers(1, 60), st.integers(0, 20), st.sampled_from(sorted(set(Unit) - {Unit.SAME_DAY})))
def test_a_longer_term_ends_no_sooner(received_at: datetime, count: int, more: int, unit: Unit) -> None:
    short, long = Term(count, unit), Term(count + more, unit)
    assert end(due(received_at, short, hours())) <= end(due(received_at, long, hours()))


@given(cases(), TERMS, TABLES, EXTENSIONS, st.data())
def test_a_stop_never_shortens_a_term(
    case: tuple[datetime, tuple[Stop, ...]],
    term: Term,
    table: Timetable,
    more: list[Extension],
    data: st.DataObject,
) -> None:
    received_at, stops = case
    fewer = tuple(stop for stop in stops if data.draw(st.booleans()))
    all_of_them = due(received_at, term, table, stops=stops, extensions=more)
    assert end(due(received_at, term, table, stops=fewer, extensions=more)) <= end(all_of_them)


@given(cases(), TERMS, TABLES, EXTENSIONS)
def test_the_order_of_stops_does_not_matter(
    case: tuple[datetime, tuple[Stop, ...]], term: Term, table: Timetable, more: list[Extension]
) -> None:
    received_at, stops = case
    found = due(received_at, term, table, stops=stops, extensions=more)
    assert found.at == due(received_at, term, table, stops=stops[::-1], extensions=more).at


@given(MOMENTS, st.integers(1, 60))
def test_whole_days_are_as_many_as_the_term_says(received_at: datetime, count: int) -> None:
    found = due(received_at, Term(count), hours())
    assert count == working_days_between(day_of(found.starts_at), day_of(end(found)), hours())
    assert add_working_days(day_of(found.starts_at), count, hours()) == found.on


@given(cases(), st.integers(1, 400))
def test_working_hours_are_as_many_as_the_term_says(
    case: tuple[datetime, tuple[Stop, ...]], count: int
) -> None:
    received_at, stops = case
    found = due(received_at, Term(count, Unit.WORKING_HOURS), hours(), stops=stops)
    assert timedelta(hours=count) == worked_around(hours(), found.starts_at, end(found), found.stops)


@given(cases(), TERMS.filter(lambda term: term.unit in {Unit.WORKING_DAYS, Unit.WORKING_HOURS}), TABLES)
def test_the_runs_that_are_told_are_the_time_that_counts(
    case: tuple[datetime, tuple[Stop, ...]], term: Term, table: Timetable
) -> None:
    received_at, stops = case
    found = due(received_at, term, table, stops=stops)
    runs = [step for step in found.steps if step.what is What.RUNS]
    told = sum((worked_around(table, run.from_at, run.to_at, ()) for run in runs), timedelta(0))
    assert worked_around(table, runs[0].from_at, end(found), found.stops) == told


@given(cases(), TERMS, st.timedeltas(timedelta(hours=-200), timedelta(days=90)))
def test_an_open_stop_hides_the_due_date_or_comes_after_it(
    case: tuple[datetime, tuple[Stop, ...]], term: Term, later: timedelta
) -> None:
    received_at, stops = case
    closed = end(due(received_at, term, hours(), stops=stops))
    begins = received_at + later
    found = due(received_at, term, hours(), stops=(*stops, Stop(StopKind.FEE, begins, None)))
    assert found.at == (None if begins < closed else closed)
    assert all(step.from_at <= begins for step in found.steps if found.at is None)


@given(cases(), TERMS, TABLES)
def test_a_warning_comes_between_the_start_and_the_due_date(
    case: tuple[datetime, tuple[Stop, ...]], term: Term, table: Timetable
) -> None:
    received_at, stops = case
    found = due(received_at, term, table, stops=stops)
    warned_at = warn_at(found, table)
    assert warned_at is not None
    assert found.starts_at <= warned_at <= end(found)


@given(cases(), TERMS, TABLES, st.timedeltas(timedelta(0), timedelta(days=120)))
def test_late_is_any_moment_after_the_due_date_and_only_then(
    case: tuple[datetime, tuple[Stop, ...]], term: Term, table: Timetable, later: timedelta
) -> None:
    received_at, stops = case
    found = due(received_at, term, table, stops=stops)
    now = received_at + later
    assert (now > end(found)) == (standing(found, now, table) is Standing.LATE)
    assert now > end(found) or late_by(found, now, table) == timedelta(0)
