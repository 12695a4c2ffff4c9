"""Due dates: each unit of a term, the hour of same-day procedures, stops, extensions, and what is not known."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.domain.deadline import MOST_STOPS, due
from gateway.domain.deadline_parts import Due, Extension, Stop, StopKind, Term, Unit, What
from gateway.domain.deadline_words import explain_en, explain_vi
from gateway.domain.errors import Malformed
from gateway.domain.workdays import Source
from tests.unit.sample_times import at, by_the_hour, calendar, hours

SAME_DAY = Term(0, Unit.SAME_DAY)


def stop(begins: datetime, ends: datetime | None, kind: StopKind = StopKind.SUPPLEMENT) -> Stop:
    return Stop(kind, begins, ends, "12/GN")


def days(count: int) -> Term:
    return Term(count, Unit.CALENDAR_DAYS)


def on_time(found: Due) -> datetime:
    assert found.at is not None
    return found.at


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


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "received",
    [
        datetime(2026, 2, 13, 9),  # noqa: DTZ001 - the point of the test
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, tzinfo=UTC),
        datetime(1999, 12, 31, tzinfo=UTC),
    ],
)
def test_a_time_without_an_offset_or_outside_this_century_is_refused(received: datetime) -> None:
    with pytest.raises(Malformed, match="offset"):
        due(received, Term(1), hours())
    with pytest.raises(Malformed, match="offset"):
        Stop(StopKind.FEE, received, None)


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
    for given in (*bad, {"extensions": (Extension(Term(1), "05/XL"),) * 21}):
        with pytest.raises(Malformed, match="few stops"):
            due(at("13/11/2026"), Term(1), hours(), **given)  # type: ignore[arg-type]


# --- words --------------------------------------------------------------------------------------

TOLD = due(
    at("14/08/2026", "18:00"),
    Term(7),
    hours(),
    stops=(
        Stop(StopKind.SUPPLEMENT, at("18/08/2026", "10:00"), at("20/08/2026", "15:00"), "12/BS"),
        Stop(StopKind.OUTAGE, at("20/08/2026", "14:00"), at("21/08/2026", "08:00"), "GN-1"),
    ),
    extensions=(Extension(Term(1), "05/XL"),),
)


def test_a_due_date_explains_itself_in_vietnamese() -> None:
    office, notice = hours().week.source.vi, calendar().days[date(2026, 8, 22)].source.vi
    assert explain_vi(TOLD) == (
        "Tiếp nhận lúc 18:00 ngày 14/08/2026.",
        f"Ngoài giờ làm việc: tính từ 07:00 ngày 17/08/2026 ({office}).",
        "Thời hạn 7 ngày làm việc, tính từ 07:00 ngày 18/08/2026 (Bộ luật Dân sự 2015, Điều 147 khoản 2).",
        "Thời gian được tính: từ 07:00 ngày 18/08/2026 đến 10:00 ngày 18/08/2026.",
        (
            "Tạm dừng từ 10:00 ngày 18/08/2026 đến 15:00 ngày 20/08/2026: chờ bổ sung, hoàn thiện hồ sơ "
            "(12/BS; Thông tư 03/2025/TT-VPCP, Mẫu số 02)."
        ),
        (
            "Tạm dừng từ 14:00 ngày 20/08/2026 đến 08:00 ngày 21/08/2026: gián đoạn dịch vụ đã được xác nhận "
            "(GN-1; giấy xác nhận gián đoạn dịch vụ)."
        ),
        "Thời gian được tính: từ 08:00 ngày 21/08/2026 đến 15:00 ngày 28/08/2026.",
        f"Làm việc ngày 22/08/2026: Làm bù dịp Quốc khánh ({notice}).",
        "Gia hạn thêm 1 ngày làm việc từ 15:00 ngày 28/08/2026 (05/XL; Thông tư 03/2025/TT-VPCP, Mẫu số 04).",
        f"Nghỉ ngày 31/08/2026: Nghỉ hoán đổi dịp Quốc khánh ({notice}).",
        f"Nghỉ từ ngày 01/09/2026 đến hết ngày 02/09/2026: Quốc khánh ({notice}).",
        "Thời hạn 1 ngày làm việc, tính từ 07:00 ngày 03/09/2026 (Bộ luật Dân sự 2015, Điều 147 khoản 2).",
        "Thời gian được tính: từ 07:00 ngày 03/09/2026 đến 17:00 ngày 03/09/2026.",
        "Hẹn trả kết quả lúc 17:00 ngày 03/09/2026.",
    )


def test_a_due_date_explains_itself_in_english() -> None:
    told = explain_en(TOLD)
    assert len(told) == len(TOLD.steps)
    assert told[4:6] == (
        (
            "The clock stood from 10:00 on 18/08/2026 to 15:00 on 20/08/2026: "
            "waiting for the application to be completed (12/BS; Circular 03/2025/TT-VPCP, form 02)."
        ),
        (
            "The clock stood from 14:00 on 20/08/2026 to 08:00 on 21/08/2026: certified outage of a service "
            "(GN-1; certificate of an outage)."
        ),
    )
    assert told[8] == (
        "Extended by 1 working day from 15:00 on 28/08/2026 (05/XL; Circular 03/2025/TT-VPCP, form 04)."
    )
    assert told[-1] == "Due at 17:00 on 03/09/2026."


def every_step() -> list[Due]:
    """Due dates that have steps of each sort between them."""
    waits = (stop(at("18/11/2026", "10:00"), None, StopKind.FEE),)
    return [
        TOLD,
        due(at("16/11/2026"), Term(3), hours(), stops=waits),
        due(at("23/11/2026", "15:01"), SAME_DAY, hours()),
        due(at("23/11/2026"), SAME_DAY, hours()),
        due(at("10/11/2026"), days(4), hours()),
        due(at("01/02/2027"), Term(240, Unit.WORKING_HOURS), hours()),
        due(at("28/12/2027"), Term(5), hours()),
    ]


def test_every_step_has_words_in_both_languages_that_leave_nothing_open() -> None:
    assert set(What) == {step.what for found in every_step() for step in found.steps}
    for found in every_step():
        for told in (*explain_vi(found), *explain_en(found)):
            assert not {"{", "}"} & set(told)
            assert "  " not in told
            assert "()" not in told


def test_steps_are_told_in_order_and_with_their_source() -> None:
    bare = {What.RECEIVED, What.RUNS, What.DUE, What.BEYOND_CALENDAR}
    for found in every_step():
        legs = [
            step.from_at
            for step in found.steps
            if step.what not in {What.DUE, What.BEYOND_CALENDAR, What.REST}
        ]
        assert legs == sorted(legs)
        for step in found.steps:
            assert (step.source is None) == (step.what in bare), step.what


def test_a_day_that_is_expected_says_so() -> None:
    told = [each for each in explain_vi(due(at("01/02/2027"), Term(5), hours())) if "Tết" in each]
    assert all(each.endswith("; dự kiến).") for each in told)
    assert 3 == len(told)


def test_a_source_is_never_half_empty() -> None:
    found = [step.source for each in every_step() for step in each.steps if step.source is not None]
    assert all(isinstance(each, Source) and each.vi and each.en for each in found)
