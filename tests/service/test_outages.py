"""Outages that a person certified: the due dates of the cases of that time move by them, once, and are explained."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from service_papers import decide, extend
from service_world import AGENCY, World
from sqlalchemy.exc import SQLAlchemyError

from gateway.domain.errors import Malformed, NotFound
from gateway.service import cases, outages, show_case
from gateway.service.outages import Certificate
from gateway.store import cases as case_store
from gateway.store import outages as store
from gateway.store import spine

pytestmark = pytest.mark.service

DUE, LATER = date(2026, 12, 9), date(2026, 12, 11)
"""Ten working days after the reception on 24/11/2026, a day of rest, and two more."""
AFTER = datetime(2026, 12, 2, 3, 0, tzinfo=UTC)


def at(day: int, hour: int = 7, month: int = 11) -> datetime:
    """An hour of that day in Việt Nam."""
    return datetime(2026, month, day, tzinfo=UTC) + timedelta(hours=hour - 7)


TWO_DAYS = (at(26), at(27, 17))


@pytest.fixture(autouse=True)
def _nothing_of_the_test_before(world: World) -> None:
    """An outage concerns every case that is open, so those have their result; and no certificate holds."""
    with world.engine.connect() as connection:
        held = [each.id for each in store.listed(connection, 100) if not each.taken_back]
    for outage_id in held:
        outages.take_back(world.context, outage_id, "xong", "staff:test")
    world.do("UPDATE cases SET finished_at = '2026-11-01Z' WHERE finished_at IS NULL")
    world.do("DELETE FROM procrastinate_jobs")


def certify(
    world: World, span: tuple[datetime, datetime] = TWO_DAYS, agency: str | None = "H28", **more: object
) -> int:
    wanted = Certificate(agency, *span, reason="Đứt cáp quang", by="staff:lan")
    outage, is_new = outages.certify(world.context, replace(wanted, **more), AFTER)  # type: ignore[arg-type]
    assert is_new
    follow(world, outage.id)
    return outage.id


def follow(world: World, outage_id: int) -> None:
    """What a worker does of the jobs, until none is left."""
    while waiting := world.jobs(outages.TASK, str(outage_id)):
        world.do("DELETE FROM procrastinate_jobs WHERE lock = :lock", lock=f"{outages.TASK}:{outage_id}")
        for args, _ in waiting:
            outages.follow(world.context, now=AFTER, **args)


def take_back(world: World, outage_id: int) -> None:
    outages.take_back(world.context, outage_id, "Nhập nhầm ngày", "staff:minh")
    follow(world, outage_id)


def due_on(world: World, code: str) -> date | None:
    return cases.find(world.context, world.caller, code).due_on


def told(world: World, code: str) -> dict[str, object]:
    with world.engine.connect() as connection:
        case, timeline = case_store.find(connection, code), list(spine.of_case(connection, code))
    assert case is not None
    return show_case.case(world.context, case, show_case.Parts(timeline=timeline))


def test_the_cases_of_that_time_move_by_its_working_time_once_and_say_why(world: World) -> None:
    code = world.case("accepted")
    before = cases.find(world.context, world.caller, code)
    outage_id = certify(world)
    case = cases.find(world.context, world.caller, code)
    assert (DUE, LATER, before.version + 1) == (before.due_on, case.due_on, case.version)
    assert ("case.due_moved", "accepted", "accepted", case.version) == world.spine(code)[-1]
    shown = told(world, code)
    assert "tính lại do gián đoạn dịch vụ, ngày hẹn trước là 09/12/2026: Đứt cáp quang" == shown["due_reason"]
    (step,) = [each["vi"] for each in shown["due_steps"] if "gián đoạn" in each["vi"]]  # type: ignore[attr-defined]
    assert "07:00 ngày 26/11/2026" in step
    assert f"GĐ/{outage_id}" in step
    outages.follow(world.context, outage_id, "", AFTER)
    assert case == cases.find(world.context, world.caller, code), "a second time changes nothing"


def test_what_was_no_case_of_that_time_stays_as_it_was(world: World) -> None:
    registered, ended, later = world.case(), world.case("processing"), world.case()
    decide(world, ended, "finish", at(25))
    decide(world, later, "accept", at(30))
    certify(world)
    for code in (registered, ended, later):
        assert "case.due_moved" not in world.types(code)


def test_a_case_that_was_finished_meanwhile_is_judged_by_the_moved_day(world: World) -> None:
    code, stopped = world.case("processing"), world.case("processing")
    decide(world, code, "finish", at(1, month=12))
    decide(world, stopped, "stop", at(25))
    certify(world)
    assert (LATER, DUE) == (due_on(world, code), due_on(world, stopped))


def test_an_agency_s_outage_is_that_of_all_under_it_and_of_no_other(world: World) -> None:
    agencies = {**world.context.agencies, "H28.15": AGENCY, "H44": AGENCY}
    wide = replace(world, context=replace(world.context, agencies=agencies))
    codes = {}
    for agency in ("H28", "H28.15", "H44"):
        codes[agency] = world.case("accepted")
        world.do("UPDATE cases SET agency_code = :a WHERE case_code = :c", a=agency, c=codes[agency])
    certify(wide, agency="000.00.15.H28")
    assert [DUE, LATER, DUE] == [due_on(world, codes[each]) for each in ("H28", "H28.15", "H44")]
    certify(wide, (at(30), at(30, 17)), agency=None)
    expected = [date(2026, 12, 10), date(2026, 12, 14), date(2026, 12, 10)]
    assert expected == [due_on(world, codes[each]) for each in ("H28", "H28.15", "H44")]


def test_an_outage_within_a_wait_counts_once_and_one_around_it_for_the_rest(world: World) -> None:
    waits = world.case("accepted")
    decide(world, waits, "ask_supplement", at(26), reason="mờ")
    certify(world)
    assert DUE == due_on(world, waits), "while it waits nothing is due"
    decide(world, waits, "supplement_given", at(1, month=12))
    assert date(2026, 12, 14) == due_on(world, waits), (
        "three days that it waited, two of them with the outage"
    )
    extended = world.case("accepted")
    extend(world, extended, date(2026, 12, 15), at(27))
    certify(world, (at(30), at(30, 17)))
    assert date(2026, 12, 16) == due_on(world, extended)


def test_an_outage_that_is_certified_while_the_case_waits_counts_when_it_goes_on(world: World) -> None:
    code = world.case("accepted")
    decide(world, code, "ask_supplement", at(30), reason="mờ")
    certify(world)
    assert DUE == due_on(world, code)
    decide(world, code, "supplement_given", at(1, month=12))
    assert date(2026, 12, 14) == due_on(world, code), "two days of the outage, and the one that it waited"


def test_two_workers_that_meet_at_a_case_move_it_once(world: World) -> None:
    code = world.case("accepted")
    wanted = Certificate("H28", *TWO_DAYS, reason="Đứt cáp quang", by="staff:an")
    outage, _ = outages.certify(world.context, wanted, AFTER)
    with ThreadPoolExecutor(2) as pool:
        with world.transaction() as connection:
            case_store.find(connection, code, lock=True)
            met = [pool.submit(outages.follow, world.context, outage.id, "", AFTER) for _ in range(2)]
            world.until_waiting(2)
        for each in met:
            each.result(30)
    assert (1, LATER) == (world.types(code).count("case.due_moved"), due_on(world, code))


def test_outages_that_overlap_count_each_moment_once(world: World) -> None:
    code = world.case("accepted")
    certify(world, (at(26), at(27, 17, 11)), reason="Mất điện")
    certify(world, (at(27), at(30, 17)))
    assert date(2026, 12, 14) == due_on(world, code)


def test_a_certificate_that_was_a_mistake_is_taken_back_and_the_day_is_the_one_before(world: World) -> None:
    code = world.case("accepted")
    outage_id = certify(world)
    for _ in range(2):
        take_back(world, outage_id)
    assert DUE == due_on(world, code)
    assert 2 == world.types(code).count("case.due_moved")
    reason = "tính lại vì xác nhận gián đoạn đã được rút, ngày hẹn trước là 11/12/2026: Nhập nhầm ngày"
    assert reason == told(world, code)["due_reason"]
    by = world.rows(
        "SELECT actor FROM events WHERE type = 'case.due_moved' AND case_code = :c ORDER BY id", c=code
    )
    assert [("staff:lan",), ("staff:minh",)] == by
    assert not any("gián đoạn" in each["vi"] for each in told(world, code)["due_steps"])  # type: ignore[attr-defined]
    with world.engine.connect() as connection:
        assert [(outage_id, True)] == [(each.id, each.taken_back) for each in store.listed(connection, 1)]
    assert certify(world) != outage_id, "the right one may be certified then"
    assert LATER == due_on(world, code)


def test_a_batch_of_before_that_runs_late_undoes_nothing(world: World) -> None:
    code = world.case("accepted")
    outage_id = certify(world)
    take_back(world, outage_id)
    outages.follow(world.context, outage_id, "", AFTER)
    assert DUE == due_on(world, code)


def test_many_cases_follow_batch_by_batch(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "BATCH", 2)
    codes = [world.case("accepted") for _ in range(5)]
    wanted = Certificate(None, *TWO_DAYS, reason="Đứt cáp quang", by="staff:an")
    outage, _ = outages.certify(world.context, wanted, AFTER)
    follow(world, outage.id)
    assert [1] * 5 == [world.types(code).count("case.due_moved") for code in codes]
    assert [LATER] * 5 == [due_on(world, code) for code in codes]


def test_the_same_certificate_again_is_the_first_one(world: World) -> None:
    span = (at(26, 9), at(26, 10))
    outage_id = certify(world, span)
    wanted = Certificate("H28", *span, reason="Khác", by="staff:minh")
    kept, is_new = outages.certify(world.context, wanted, AFTER)
    assert (outage_id, "staff:lan", False) == (kept.id, kept.certified_by, is_new)


def test_no_row_of_a_certificate_is_ever_changed(world: World) -> None:
    certify(world, (at(26, 9), at(26, 11)))
    for change in ("UPDATE certified_outages SET reason = ''", "DELETE FROM certified_outages"):
        with pytest.raises(SQLAlchemyError):
            world.do(change)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"to_at": TWO_DAYS[0]}, Malformed),
        ({"to_at": AFTER + timedelta(seconds=1)}, Malformed),
        ({"from_at": AFTER - timedelta(days=40)}, Malformed),
        ({"reason": " "}, Malformed),
        ({"reason": "a\u202eb"}, Malformed),
        ({"agency_code": "h28"}, Malformed),
        ({"agency_code": "H44"}, NotFound),
    ],
)
def test_what_is_no_outage_is_refused_and_kept_nowhere(
    world: World, change: dict[str, object], error: type[Exception]
) -> None:
    before = world.rows("SELECT id FROM certified_outages")
    wanted = Certificate("H28", *TWO_DAYS, reason="Đứt cáp quang", by="staff:lan")
    with pytest.raises(error):
        outages.certify(world.context, replace(wanted, **change), AFTER)  # type: ignore[arg-type]
    assert before == world.rows("SELECT id FROM certified_outages")
    with pytest.raises(NotFound):
        outages.take_back(world.context, 10**12, "nhầm", "staff:lan")


def test_a_case_that_cannot_be_reckoned_holds_up_no_other_and_is_told_to_a_person(world: World) -> None:
    lost, code = world.case("accepted"), world.case("accepted")
    world.do("UPDATE cases SET procedure_version = 99 WHERE case_code = :c", c=lost)
    certify(world, (at(26), at(26, 17)))
    assert ["outage_not_counted"] == world.alarms(lost)
    assert date(2026, 12, 10) == due_on(world, code)
