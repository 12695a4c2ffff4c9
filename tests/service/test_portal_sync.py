"""The national portal is told of every case, in order and once, over real HTTP, whatever goes wrong on the way."""

import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import pytest
from service_faults import Killed
from service_portal import Country, country
from service_wires import ipn
from service_world import NOW, World, at_once

from gateway import jobs
from gateway.domain.case import NATIONAL, TABLE, CaseEvent, CaseState
from gateway.domain.errors import NotFound
from gateway.ports import HttpAnswer, HttpDoor, HttpRequest
from gateway.service import behind, cases, extensions, outages, portal_record, portal_sync_ends
from gateway.store import cases as case_store
from gateway.store import portal_sync as store
from gateway.store import spine

pytestmark = pytest.mark.service

CODES = {state.value: str(code) for state, (code, _) in NATIONAL.items()}


@pytest.fixture
def land(world: World) -> Iterator[Country]:
    with country(world) as made:
        yield made


def gone(world: World, code: str) -> list[str]:
    """The national codes of the states that a case went through, after its first one."""
    query = (
        "SELECT to_state FROM events WHERE case_code = :code AND subject_kind = 'case' AND from_state <> to_state "
        "AND from_state <> 'draft' ORDER BY version"
    )
    return [CODES[state] for (state,) in world.rows(query, code=code)]


def in_step(land: Country, code: str) -> bool:
    """Whether the portal has every step of a case, once and in order, and both sides say so."""
    return (gone(land.world, code), "in_step") == (land.has(code), land.state(code))


def end(world: World, code: str, minute: int = 30) -> None:
    with world.transaction() as connection:
        cases.hand_over(connection, code, "test", NOW + timedelta(minutes=minute))


# --- the usual way ------------------------------------------------------------------------------


def test_a_case_is_registered_and_told_in_steps_and_its_record_has_the_dates_of_the_end(
    land: Country,
) -> None:
    code = land.world.case("result_ready")
    end(land.world, code)
    land.run()
    assert ["2", "4", "9", "10"] == land.has(code)
    assert in_step(land, code)
    record = land.record(code)
    assert ("10", "20261124103000") == (record["TrangThaiHoSo"], record["NgayTra"])
    assert ("20261124100000", "20261124100000") == (record["NgayKetThucXuLy"], record["NgayTiepNhan"])
    assert ("20261209170000", "3", "0") == (
        record["NgayHenTra"],
        record["DuocThanhToanTrucTuyen"],
        record["HinhThuc"],
    )
    assert "Nguyễn Thị Bí Mật" == record["ChuHoSo"]
    assert "0912345678" not in str(record)
    assert {"DongBoHoSoMC": 2, "CapNhatTienDoHoSoMC": 1} == land.listed()["calls"]


def test_a_draft_is_not_told(land: Country) -> None:
    wanted = land.world.case_wanted()
    code = cases.register(land.world.context, land.world.caller, wanted, NOW)[0].case_code
    land.run()
    assert ({}, "none") == (land.listed()["cases"], land.state(code))


def test_each_step_is_told_as_it_comes_and_nothing_twice(land: Country) -> None:
    code = land.world.case()
    land.run()
    assert ([], "1") == (land.has(code), land.record(code)["TrangThaiHoSo"])
    for event in (
        "accept",
        "process",
        "ask_supplement",
        "supplement_given",
        "ask_supplement",
        "process",
        "finish",
    ):
        land.world.decide(code, event)
        land.run()
        assert in_step(land, code), event
    assert ["2", "4", "5", "2", "5", "4", "9"] == land.has(code)
    before = land.listed()["calls"]
    land.run()
    assert before == land.listed()["calls"]


def test_states_that_come_again_are_all_told_after_an_absence(land: Country) -> None:
    code = land.world.case("processing")
    for _ in range(4):
        land.world.decide(code, "ask_supplement")
        land.world.decide(code, "process")
    land.run()
    assert ["2", "4", *["5", "4"] * 4] == land.has(code)
    assert in_step(land, code)


@pytest.mark.parametrize(
    ("events", "codes", "date"),
    [
        (("refuse",), ["3"], "NgayTuChoi"),
        (("accept", "ask_supplement", "stop"), ["2", "5", "8"], "NgayKetThucXuLy"),
        (("ask_fee", "withdraw"), ["6", "7"], "NgayKetThucXuLy"),
    ],
)
def test_an_end_without_a_result_is_told_as_what_it_is(
    land: Country, events: tuple[str, ...], codes: list[str], date: str
) -> None:
    code = land.world.case()
    for event in events:
        land.world.decide(code, event)
    land.run()
    assert (codes, True) == (land.has(code), date in land.record(code))
    assert "9" not in land.has(code)
    assert codes[-1] == land.record(code)["TrangThaiHoSo"]


def test_a_case_that_is_there_already_is_updated_and_then_told(land: Country) -> None:
    code = land.world.case("accepted")
    assert land.context.case_portal is not None
    with land.world.engine.connect() as connection:
        case = case_store.find(connection, code)
        assert case is not None
        theirs = portal_record.record(land.context, connection, case, store.moves(connection, code)[:1])
    land.context.case_portal.put(replace(theirs, procedure_name="Theirs"), NOW, known=False)
    land.run()
    assert in_step(land, code)
    assert "Theirs" != land.record(code)["TenTTHC"]
    assert 2 == land.listed()["cases"][code]["updates"], "at once, and when it was in step"


def test_money_and_the_way_home_bring_the_record_up_to_date_without_a_step(land: Country) -> None:
    code = land.world.case()
    land.run()
    assert "3" == land.record(code)["DuocThanhToanTrucTuyen"]
    _, reference = land.world.started(code, "vnpay")
    land.world.hear("vnpay", ipn(reference, number="16000001"))
    land.run()
    assert ("2", [], "in_step") == (
        land.record(code)["DuocThanhToanTrucTuyen"],
        land.has(code),
        land.state(code),
    )
    updates = land.listed()["cases"][code]["updates"]
    land.run()
    assert updates == land.listed()["cases"][code]["updates"]


def test_a_step_whose_cause_lies_before_the_one_before_it_is_told_with_that_ones_time(land: Country) -> None:
    code = land.world.case("result_ready")
    end(land.world, code, -30)
    land.run()
    assert in_step(land, code)
    steps = land.listed()["cases"][code]["steps"]
    assert ["20261124100000"] * 4 == [step["ThoiDiemXuLy"] for step in steps]


def test_without_a_portal_nothing_is_noted_and_nothing_is_lost(land: Country) -> None:
    assert "case_portal" not in behind.consumers(land.world.context)
    assert "case_portal" in behind.consumers(land.context)
    code = land.world.case("accepted")
    assert "none" == land.state(code)
    land.run()
    assert in_step(land, code)


# --- what goes wrong ----------------------------------------------------------------------------


def test_a_session_that_ends_in_the_middle_is_renewed(world: World) -> None:
    with country(world, session_calls=2) as land:
        codes = [world.case("processing") for _ in range(5)]
        land.run()
        assert [True] * 5 == [in_step(land, code) for code in codes]
        land.control(expire_sessions=True)
        world.decide(codes[0], "finish")
        land.run()
        assert in_step(land, codes[0])


@pytest.mark.parametrize("service", ["DongBoHoSoMC", "CapNhatTienDoHoSoMC"])
@pytest.mark.parametrize("fault", ["lose_answer", "garbage", "unavailable", "reset", "hang"])
def test_a_call_without_an_answer_is_looked_up_and_then_sent_only_if_it_was_not_taken(
    land: Country, fault: str, service: str
) -> None:
    land.settle(timeout_s=0.3)
    code = land.world.case("processing")
    land.control(fault=fault, service=service)
    land.hear()
    how = [land.turn() for _ in range(2)]
    assert "OutcomeUnknown" in how
    assert land.row(code)["sending"] is not None
    before = land.listed()["calls"]
    land.turn()
    assert before == land.listed()["calls"], "nothing more before its time"
    land.pass_time(seconds=121)
    land.turn()
    assert 1 == land.listed()["calls"]["TraCuuHoSo"]
    land.run()
    assert in_step(land, code)
    is_sent_again = service == "CapNhatTienDoHoSoMC" and fault not in {"lose_answer", "garbage"}
    assert (2 if is_sent_again else 1) == land.listed()["calls"]["CapNhatTienDoHoSoMC"]
    assert [] == land.world.alarms(code)


def test_x23_what_was_taken_without_an_answer_is_not_told_twice(land: Country) -> None:
    code = land.world.case("processing")
    land.control(fault="lose_answer", service="CapNhatTienDoHoSoMC", times=1)
    land.run_for(hours=1)
    assert in_step(land, code)
    assert 1 == land.listed()["calls"]["CapNhatTienDoHoSoMC"]


def test_not_there_is_not_believed_while_the_call_may_still_be_under_way(land: Country) -> None:
    code = land.world.case()
    land.control(fault="reset")
    land.hear()
    assert "OutcomeUnknown" == land.turn()
    land.world.do("UPDATE portal_sync SET next_at = :now", now=land.now)
    assert "worked" == land.turn()
    assert ("register", 2) == (land.row(code)["sending"], land.row(code)["failures"])
    land.pass_time(minutes=10)
    land.run()
    assert in_step(land, code)


def test_whatever_the_seed_breaks_every_case_is_told_in_order_and_once(world: World) -> None:
    with country(world, fault_every=3) as land:
        land.settle(timeout_s=1.0)
        chance, codes = random.Random(4), [world.case() for _ in range(8)]
        for _ in range(6):
            for code in codes:
                step_somewhere(world, code, chance)
            land.run_for(hours=0.2)
        land.run_for(hours=20, every=timedelta(minutes=15))
        assert [] == [code for code in codes if not in_step(land, code)]
        assert land.listed()["calls"]["TraCuuHoSo"] > 10
        assert [] == world.rows(
            "SELECT name, subject FROM alarms WHERE name LIKE '%sync%' AND closed_at IS NULL"
        )


def step_somewhere(world: World, code: str, chance: random.Random) -> None:
    state = CaseState(world.one("SELECT state FROM cases WHERE case_code = :code", code=code))
    possible = [event for from_, event in TABLE if from_ is state and event in cases.AGENCY_EVENTS]
    keeping = [
        event for event in possible if event not in {CaseEvent.REFUSE, CaseEvent.WITHDRAW, CaseEvent.STOP}
    ]
    if keeping:
        world.decide(code, chance.choice(keeping).value)


@dataclass
class Broken:
    """A door in which the process dies, `before` or after a call has gone out, at the call of that number."""

    door: HttpDoor
    at: int
    before: bool
    calls: int = 0
    asked: list[HttpRequest] = field(default_factory=list)

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.calls += 1
        if self.before and self.calls == self.at:
            raise Killed
        answer = self.door.send(request)
        if self.calls == self.at:
            raise Killed
        return answer


def turned(land: Country) -> str:
    try:
        return land.turn()
    except Killed:
        land.settle()  # another process takes over
        return "Killed"


@pytest.mark.parametrize("at", [1, 2, 3, 4])
@pytest.mark.parametrize("before", [True, False])
def test_a_worker_that_dies_at_any_call_leaves_a_case_that_is_told_in_order_and_once(
    land: Country,
    at: int,
    before: bool,  # noqa: FBT001 - a parameter of the table
) -> None:
    code = land.world.case("result_ready")
    land.hear()
    land.settle(Broken(land.door, at, before))
    assert "Killed" in [turned(land) for _ in range(6)]
    land.run()
    assert not in_step(land, code), "another worker waits, for the call may be under way"
    land.pass_time(minutes=3)
    land.run()
    assert in_step(land, code)


def test_workers_at_once_do_not_tell_anything_twice(land: Country) -> None:
    codes = [land.world.case("result_ready") for _ in range(12)]
    land.hear()
    at_once(4, lambda _: [land.turn() for _ in range(6)])
    land.run()
    assert [True] * 12 == [in_step(land, code) for code in codes]
    assert {"DongBoHoSoMC": 24, "CapNhatTienDoHoSoMC": 12} == land.listed()["calls"]


def test_a_portal_that_is_away_is_left_alone_but_for_a_probe_and_then_everything_is_caught_up(
    land: Country,
) -> None:
    codes = [land.world.case("processing") for _ in range(10)]
    land.control(away=True)
    calls = "SELECT count(*) FROM calls WHERE path LIKE '/dvcqg/%'"
    before = land.world.one(calls)
    failed = land.run_for(hours=4, every=timedelta(minutes=1))
    assert 24 <= failed <= 34, "five, then probes after pauses that grow to ten minutes"
    assert land.world.one(calls) - before <= 34
    assert ["provider_down"] == land.world.alarms("dvcqg_sync")
    with land.world.engine.connect() as connection:
        lag = store.lag(connection)
    assert (10, NOW, 0) == (lag.waiting, lag.oldest_at, lag.refused)
    assert ["waiting"] * 10 == [land.state(code) for code in codes]
    land.control(away=False)
    land.run_for(hours=0.3)
    assert [True] * 10 == [in_step(land, code) for code in codes]
    with land.world.engine.connect() as connection:
        assert store.Lag(0, None, 0) == store.lag(connection)
    assert [] == land.world.rows("SELECT name FROM alarms WHERE closed_at IS NULL")


def test_what_waits_for_its_time_is_due_at_once_when_the_portal_answers_again(land: Country) -> None:
    first, later = land.world.case("accepted"), land.world.case("accepted")
    land.hear()
    land.world.do(
        "UPDATE portal_sync SET next_at = :at WHERE case_code = :code",
        at=NOW + timedelta(hours=1),
        code=later,
    )
    land.control(away=True)
    assert "Unreachable" == land.turn()
    land.control(away=False)
    land.run()
    assert [True, True] == [in_step(land, first), in_step(land, later)]


def test_a_portal_that_does_not_let_us_in_has_refused_no_case(land: Country) -> None:
    code = land.world.case("accepted")
    land.settle(username="somebody else")
    failed = land.run_for(hours=1, every=timedelta(minutes=1))
    assert 0 < failed < 20
    assert ("waiting", "draft", None) == tuple(
        land.row(code)[name] for name in ("state", "told_state", "sending")
    )
    assert {"sync_shut_out", "provider_down"} == set(land.world.alarms("dvcqg_sync"))
    land.settle()
    land.run_for(hours=0.5)
    assert in_step(land, code)
    assert [] == land.world.rows("SELECT name FROM alarms WHERE closed_at IS NULL")


def test_a_code_that_no_table_has_is_neither_progress_nor_failure(land: Country) -> None:
    code = land.world.case("accepted")
    land.settle(taken=frozenset({"00"}), refusals=frozenset({"500"}))
    land.run()
    assert ("waiting", "draft", "register") == tuple(
        land.row(code)[name] for name in ("state", "told_state", "sending")
    )
    assert ["unknown_sync_code"] == land.world.alarms("dvcqg_sync:0")
    land.settle()
    land.pass_time(minutes=3)
    land.run()
    assert in_step(land, code)


def test_a_later_day_reaches_the_record_though_the_case_took_no_step(land: Country) -> None:
    code = land.world.case("processing")
    land.run()
    before = land.record(code)["NgayHenTra"]
    wanted = {"reference": land.world.fresh("ex"), "reason": "chậm", "new_due_on": date(2026, 12, 15)}
    extensions.extend(land.world.context, land.world.caller, code, wanted, land.now)
    land.run()
    assert ("20261209170000", "20261215170000") == (before, land.record(code)["NgayHenTra"])


def test_a_day_that_an_outage_moved_reaches_the_record(land: Country) -> None:
    code = land.world.case("processing")
    land.run()
    context, ended_at = land.world.context, NOW + timedelta(days=3, hours=7)
    span = {"from_at": ended_at - timedelta(hours=10), "to_at": ended_at}
    wanted = outages.Certificate(None, **span, reason="Mất điện", by="staff:lan")
    land.pass_time(days=4)
    outage, _ = outages.certify(context, wanted, land.now)
    outages.follow(context, outage.id, "", land.now)
    land.run()
    assert "20261210170000" == land.record(code)["NgayHenTra"]


def test_what_the_portal_refuses_waits_for_a_person_and_goes_on_where_it_stood(land: Country) -> None:
    code, other = land.world.case("accepted"), land.world.case("accepted")
    land.world.do("UPDATE cases SET procedure_code = :long WHERE case_code = :code", long="9" * 55, code=code)
    land.run()
    assert ("refused", "302") == (land.row(code)["state"], land.row(code)["code"])
    assert (["sync_refused"], "refused") == (land.world.alarms(code), land.state(code))
    assert in_step(land, other)
    land.world.decide(code, "process")
    land.run()
    assert "refused" == land.row(code)["state"]
    land.world.do("UPDATE cases SET procedure_code = '2.000488' WHERE case_code = :code", code=code)
    portal_sync_ends.retry(land.context, code, "staff:lan", land.now)
    land.run()
    assert in_step(land, code)
    assert ["2", "4"] == land.has(code)
    assert [] == land.world.rows("SELECT name FROM alarms WHERE closed_at IS NULL")
    portal_sync_ends.retry(land.context, code, "staff:lan", land.now)
    assert "in_step" == land.row(code)["state"]
    with pytest.raises(NotFound):
        portal_sync_ends.retry(land.context, "H28-261124-9999", "staff:lan", land.now)
    assert ["sync.refused", "sync.retried", "sync.told", "sync.told", "sync.told"] == [
        type_ for type_ in land.world.types(code) if type_.startswith("sync.")
    ]
    versions = [version for type_, _, _, version in land.world.spine(code) if type_.startswith("sync.")]
    assert [2, 3, 4, 5, 6] == versions


def test_a_case_that_the_portal_lost_is_told_from_the_beginning(land: Country) -> None:
    code = land.world.case("accepted")
    land.run()
    land.world.decide(code, "process")
    with country(land.world) as empty:
        land.world.do(
            "INSERT INTO portal_sync (case_code, told_state, told_version, recorded_version, next_at, behind_since) "
            "VALUES (:code, 'accepted', 3, 3, :now, :now)",
            code=code,
            now=NOW,
        )
        empty.run()
        assert (["sync_lost"], "draft") == (land.world.alarms(code), empty.row(code)["told_state"])
        empty.pass_time(minutes=3)
        empty.run()
        assert in_step(empty, code)
        assert ["2", "4"] == empty.has(code)


def test_a_state_that_was_never_told_stops_the_telling_until_a_person_has_looked(land: Country) -> None:
    code = land.world.case("accepted")
    land.control(fault="lose_answer", service="CapNhatTienDoHoSoMC")
    land.hear()
    while land.turn() != "OutcomeUnknown":
        pass
    land.world.decide(code, "process")
    other = replace(land.context, clock=lambda: land.now)
    with land.world.engine.connect() as connection:
        case = case_store.find(connection, code)
        assert case is not None
        moves = store.moves(connection, code)
        told = portal_record.steps(other, case, moves, moves[-1:])
    assert land.context.case_portal is not None
    stopped = replace(told[0], state=CaseState.STOPPED)
    land.context.case_portal.tell((stopped,), NOW)
    land.run_for(hours=8, every=timedelta(minutes=10))
    assert {"sync_state_differs", "sync_unclear"} == set(land.world.alarms(code))
    assert (["2", "8"], "steps", "waiting") == (land.has(code), land.row(code)["sending"], land.state(code))


def test_a_case_never_overtakes_a_step_that_is_not_there_yet(land: Country) -> None:
    """The step of a transaction that commits late comes behind one that follows from it."""
    code = land.world.case()

    def write(version: int, from_state: str, to_state: str) -> None:
        with land.world.transaction() as connection:
            change = spine.Change(
                subject_kind="case",
                subject_id=code,
                type=f"case.{to_state}",
                version=version,
                actor="test",
                cause="test",
                occurred_at=NOW,
                case_code=code,
                from_state=from_state,
                to_state=to_state,
            )
            spine.append(connection, change)

    write(4, "accepted", "processing")
    land.run()
    assert ([], "registered") == (land.has(code), land.row(code)["told_state"])
    land.run_for(hours=0.3)
    assert (["sync_out_of_order"], []) == (land.world.alarms(code), land.has(code))
    write(3, "registered", "accepted")
    land.pass_time(minutes=1)
    land.run()
    assert ["2", "4"] == land.has(code)
    assert in_step(land, code)
    assert [] == land.world.rows("SELECT name FROM alarms WHERE closed_at IS NULL")


def test_a_case_that_we_stumble_over_does_not_hold_up_the_others(land: Country) -> None:
    bad, good = land.world.case("accepted"), land.world.case("accepted")
    sealed = land.world.one("SELECT applicant_sealed FROM cases WHERE case_code = :code", code=bad)
    land.world.do("UPDATE cases SET applicant_sealed = 'x'::bytea WHERE case_code = :code", code=bad)
    land.run()
    assert in_step(land, good)
    land.run_for(hours=5, every=timedelta(minutes=10))
    assert (["sync_unclear"], []) == (land.world.alarms(bad), land.has(bad))
    land.world.do("UPDATE cases SET applicant_sealed = :old WHERE case_code = :code", old=sealed, code=bad)
    land.run_for(hours=2, every=timedelta(minutes=10))
    assert in_step(land, bad)


def test_a_look_up_that_gets_no_answer_leaves_its_call_as_it_was(land: Country) -> None:
    code = land.world.case()
    land.control(fault="lose_answer")
    land.hear()
    assert "OutcomeUnknown" == land.turn()
    land.pass_time(minutes=3)
    land.control(fault="lose_answer", service="TraCuuHoSo")
    assert "OutcomeUnknown" == land.turn()
    assert ("register", "draft") == (land.row(code)["sending"], land.row(code)["told_state"])
    land.run_for(hours=1)
    assert in_step(land, code)
    assert 1 == land.listed()["calls"]["DongBoHoSoMC"] - 1, "registered once, then brought up to date"


def test_a_worker_has_a_loop_for_the_portal_and_a_consumer_only_where_there_is_one(land: Country) -> None:
    pace = jobs.Pace(60.0, 10.0, 30.0)
    ours = {loop.name for loop in jobs.loops(land.context, pace, threading.Event())}
    none = {loop.name for loop in jobs.loops(land.world.context, pace, threading.Event())}
    assert {"case_portal", "consumer:case_portal"} == ours - none
