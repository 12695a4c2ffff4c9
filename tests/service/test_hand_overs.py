"""A case that goes between agencies: one of them owns its status at any time, and nobody else sees it."""

import contextlib
import random
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from service_world import NOW, World, at_once, minutes

from gateway.domain.errors import Forbidden, GatewayError, Malformed, NotFound, ReferenceConflict
from gateway.domain.hand_over import StepState
from gateway.service import cases, extensions, fee_changes, hand_overs, results
from gateway.service.access import Caller
from gateway.store import case_steps, portals, spine
from gateway.store import cases as store
from tests.papers import pdf

pytestmark = pytest.mark.service

MINISTRY, DEPARTMENT = "G17", "H28.12"


@pytest.fixture
def ministry(world: World) -> Iterator[Caller]:
    """A portal of the ministry of construction, with a key."""
    with world.engine.begin() as connection:
        portal = portals.add_portal(connection, name="Bộ Xây dựng", agency_code=MINISTRY, live=False)
        portals.add_key(connection, portal_id=portal, keyid="g17", public_pem="-", scopes=("read",))
    yield Caller(portal, MINISTRY, "test")
    world.do("DELETE FROM portal_keys WHERE keyid = 'g17'")


def act(world: World, caller: Caller, code: str, event: str, **more: object) -> store.Case:
    wanted: dict[str, Any] = {"reference": world.fresh("ho"), "event": event, **more}
    return hand_overs.act(world.context, caller, code, wanted, NOW)


def decide(world: World, caller: Caller, code: str, event: str) -> store.Case:
    wanted = {"reference": world.fresh("tr"), "event": event}
    return cases.transition(world.context, caller, code, wanted, NOW)


def steps(world: World, code: str) -> list[case_steps.Step]:
    with world.engine.connect() as connection:
        return list(case_steps.of_case(connection, code))


def handed_over(world: World, to: str = MINISTRY, **more: object) -> str:
    code = world.case("processing")
    act(world, world.caller, code, "transfer", transfer_to=to, **more)
    return code


def test_the_sender_has_the_case_until_the_receiver_acknowledges_it(world: World, ministry: Caller) -> None:
    code = handed_over(world)
    assert "H28" == cases.find(world.context, ministry, code).handler
    with pytest.raises(Forbidden, match="the case is with H28 now"):
        decide(world, ministry, code, "stop")
    assert MINISTRY == act(world, ministry, code, "acknowledge").handler
    with pytest.raises(Forbidden, match="the case is with G17 now"):
        decide(world, world.caller, code, "stop")
    assert "result_ready" == decide(world, ministry, code, "finish").state


def test_who_does_not_have_the_case_changes_nothing_of_it(world: World, ministry: Caller) -> None:
    code = handed_over(world)
    act(world, ministry, code, "acknowledge")
    later = {"reference": world.fresh("ex"), "reason": "chờ", "new_due_on": date(2026, 12, 31)}
    line = {"kind": "phi", "code": "P", "name": "Phí", "amount_vnd": 1000}
    fees = {"reference": world.fresh("fe"), "reason": "chờ", "lines": [line]}
    paper = {"name": "result", "media_type": "application/pdf"}
    for refused in (
        lambda: extensions.extend(world.context, world.caller, code, later, NOW),
        lambda: fee_changes.change(world.context, world.caller, code, fees, NOW),
        lambda: results.store_result(world.context, world.caller, code, paper, pdf("kq"), NOW),
        lambda: act(world, world.caller, code, "transfer", transfer_to=DEPARTMENT),
        lambda: act(world, world.caller, code, "return_step", reason="x"),
    ):
        with pytest.raises(Forbidden, match="the case is with G17 now"):
            refused()
    assert extensions.extend(world.context, ministry, code, later, NOW).due_on == date(2026, 12, 31)
    assert results.store_result(world.context, ministry, code, paper, pdf("kq"), NOW).code == "result-1"


def test_the_citizen_withdraws_at_the_portal_that_took_the_case_whoever_has_it(
    world: World, ministry: Caller
) -> None:
    code = handed_over(world)
    act(world, ministry, code, "acknowledge")
    assert "withdrawn" == decide(world, world.caller, code, "withdraw").state
    assert [StepState.DONE] == [each.state for each in steps(world, code)]


def test_it_is_seen_from_the_hand_over_on_and_by_nobody_else(world: World, ministry: Caller) -> None:
    code = world.case("processing")
    for nobody in (ministry, world.stranger):
        with pytest.raises(NotFound):
            cases.find(world.context, nobody, code)
    act(world, world.caller, code, "transfer", transfer_to=MINISTRY)
    assert code == cases.find(world.context, ministry, code).case_code
    for asked in (cases.find, lambda c, who, code: act(world, who, code, "acknowledge")):
        with pytest.raises(NotFound):
            asked(world.context, world.stranger, code)


def test_a_portal_of_the_other_mode_never_sees_it(world: World, ministry: Caller) -> None:
    world.do("UPDATE portals SET live = true WHERE id = :id", id=ministry.portal_id)
    try:
        code = handed_over(world)
        with pytest.raises(NotFound):
            cases.find(world.context, ministry, code)
        # nobody of its mode speaks for the ministry, so the portal that took the case does
        assert MINISTRY == act(world, world.caller, code, "acknowledge").handler
    finally:
        world.do("UPDATE portals SET live = false WHERE id = :id", id=ministry.portal_id)


def test_where_the_receiver_has_no_portal_here_the_one_that_took_the_case_speaks_for_it(world: World) -> None:
    code = handed_over(world, "G06")
    act(world, world.caller, code, "acknowledge")
    assert "G06" == cases.find(world.context, world.caller, code).handler
    assert "result_ready" == decide(world, world.caller, code, "finish").state


def test_a_department_is_named_in_either_system_and_its_province_speaks_for_it(world: World) -> None:
    code = handed_over(world, "000.00.12.H28")
    with pytest.raises(Forbidden, match=r"waits to be acknowledged by 000\.00\.12\.H28"):
        act(world, world.caller, code, "transfer", transfer_to=MINISTRY)
    act(world, world.caller, code, "acknowledge")
    with pytest.raises(Forbidden, match=r"is with H28\.12 already"):
        act(world, world.caller, code, "transfer", transfer_to=DEPARTMENT)


def test_what_is_not_taken_is_the_senders_again_with_a_reason(world: World, ministry: Caller) -> None:
    code = handed_over(world, reason="thẩm định kết cấu", step="Thẩm định")
    with pytest.raises(Malformed, match="says why"):
        act(world, ministry, code, "return_step")
    assert "H28" == act(world, ministry, code, "return_step", reason="không thuộc thẩm quyền").handler
    (step,) = steps(world, code)
    assert ("returned", "thẩm định kết cấu", "không thuộc thẩm quyền") == (
        step.state,
        step.reason,
        step.why_returned,
    )
    act(world, world.caller, code, "transfer", transfer_to=MINISTRY)
    act(world, ministry, code, "acknowledge")
    assert "H28" == act(world, ministry, code, "return_step", reason="xong phần việc").handler
    with pytest.raises(Forbidden, match="with its sender again"):
        act(world, world.caller, code, "return_step", reason="x")


def test_the_sender_takes_it_back_until_it_is_acknowledged(world: World, ministry: Caller) -> None:
    code = handed_over(world)
    act(world, world.caller, code, "return_step", reason="gửi nhầm")
    with pytest.raises(Forbidden, match="nothing of this case waits"):
        act(world, world.caller, code, "acknowledge")
    with pytest.raises(NotFound):
        cases.find(world.context, ministry, code)
    with world.engine.connect() as connection:
        told = spine.read_after(connection, spine.START, 500, ministry.portal_id)
    assert "case.step_returned" == told[-1].type, (
        "who was sent it by mistake hears that it is not there any more"
    )


def test_a_step_is_done_when_the_next_agency_has_the_case(world: World, ministry: Caller) -> None:
    code = handed_over(world)
    act(world, ministry, code, "acknowledge")
    act(world, ministry, code, "transfer", transfer_to=DEPARTMENT)
    assert ["acknowledged", "handed_over"] == [each.state for each in steps(world, code)]
    act(world, world.caller, code, "acknowledge")
    assert ["done", "acknowledged"] == [each.state for each in steps(world, code)]
    assert code == cases.find(world.context, ministry, code).case_code, "who had it may still look"


def test_a_step_has_a_day_that_is_not_after_the_cases_own(world: World, ministry: Caller) -> None:
    code = handed_over(world, due={"count": 2, "unit": "working_days"})
    (step,) = steps(world, code)
    assert step.due_at is not None
    assert date(2026, 11, 27) == step.due_at.astimezone(cases.VIETNAM).date()
    other = world.case("processing")
    with pytest.raises(Malformed, match="after the case on 2026-12-09"):
        act(
            world,
            world.caller,
            other,
            "transfer",
            transfer_to=MINISTRY,
            due={"count": 30, "unit": "working_days"},
        )
    assert [] == steps(world, other)


@pytest.mark.parametrize("state", ["draft", "result_ready", "supplement_required", "refused"])
def test_what_nobody_works_on_is_not_handed_over(world: World, state: str) -> None:
    if state == "draft":
        code = cases.register(world.context, world.caller, world.case_wanted(), NOW)[0].case_code
    else:
        code = world.case("result_ready" if state == "result_ready" else "registered")
    if state in {"supplement_required", "refused"}:
        world.decide(code, {"refused": "refuse"}.get(state, "ask_supplement"))
    with pytest.raises(Forbidden, match=f"in state {state}"):
        act(world, world.caller, code, "transfer", transfer_to=MINISTRY)


def test_an_identifier_of_no_system_is_refused(world: World) -> None:
    with pytest.raises(Malformed):
        handed_over(world, "XYZ")


def test_the_same_reference_is_answered_as_the_first_time(world: World) -> None:
    code = world.case("processing")
    wanted = {"reference": world.fresh("ho"), "event": "transfer", "transfer_to": MINISTRY}
    versions = [hand_overs.act(world.context, world.caller, code, wanted, NOW).version for _ in range(2)]
    assert (1, versions[0]) == (len(steps(world, code)), versions[1])
    with pytest.raises(ReferenceConflict):
        hand_overs.act(world.context, world.caller, code, {**wanted, "transfer_to": "G06"}, NOW)


def test_both_portals_are_told_and_the_case_has_each_event_once(world: World, ministry: Caller) -> None:
    before = world.one("SELECT coalesce(max(id), 0) FROM events")
    code = handed_over(world)
    act(world, ministry, code, "acknowledge")
    decide(world, ministry, code, "finish")
    with world.engine.connect() as connection:
        own, theirs = (
            [
                each
                for each in spine.read_after(connection, spine.START, 500, who.portal_id)
                if each.id > before
            ]
            for who in (world.caller, ministry)
        )
        timeline = [each.type for each in spine.of_case(connection, code)]
    told = ["case.transferred", "case.step_acknowledged", "case.result_ready"]
    assert told == [each.type for each in theirs]
    assert {code} == {str(each.data["case_code"]) for each in theirs}
    assert told == [each.type for each in own if each.case_code == code][-3:]
    assert [1, 1, 1] == [timeline.count(each) for each in told]


def test_of_two_transfers_at_once_one_waits_and_the_other_is_told_so(world: World) -> None:
    code = world.case("processing")

    def one(number: int) -> str:
        try:
            act(world, world.caller, code, "transfer", transfer_to=("G06", "G17")[number])
        except Forbidden as error:
            return str(error).partition(" by ")[0]
        return "done"

    assert {"done", "the case waits to be acknowledged"} == set(at_once(2, one))


def test_acknowledged_or_given_back_at_once_is_one_of_them(world: World, ministry: Caller) -> None:
    for _ in range(5):
        code = handed_over(world)

        def one(number: int, code: str = code) -> str:
            try:
                if number:
                    return act(world, world.caller, code, "return_step", reason="nhầm").handler
                return act(world, ministry, code, "acknowledge").handler
            except (Forbidden, NotFound):
                return "refused"

        ended = sorted(at_once(2, one))
        assert ended in [["H28", "refused"], ["G17", "refused"]]
        assert ended[0] == cases.find(world.context, world.caller, code).handler


@pytest.mark.parametrize("seed", range(6))
def test_one_agency_and_no_other_decides_whatever_is_asked_for(
    world: World, ministry: Caller, seed: int
) -> None:
    """A walk of a hundred acts by two portals: whoever the case says has it can decide, and the other one cannot."""
    chance, code = random.Random(seed), world.case("processing")
    for number in range(100):
        who = chance.choice((world.caller, ministry))
        event = chance.choice(("transfer", "acknowledge", "return_step"))
        more = {"transfer": {"transfer_to": chance.choice(("G17", "H28"))}, "return_step": {"reason": "x"}}
        with contextlib.suppress(GatewayError):
            act(world, who, code, event, **more.get(event, {}))
        case = cases.find(world.context, world.caller, code)
        held = [each for each in steps(world, code) if each.state == StepState.ACKNOWLEDGED]
        waiting = [each for each in steps(world, code) if each.state == StepState.HANDED_OVER]
        assert len(held) <= 1 >= len(waiting)
        assert not held or held[0].agency_code == case.handler
        able = []
        for each in (world.caller, ministry):
            line = {"kind": "phi", "code": "P", "name": "Phí", "amount_vnd": 1000 + number}
            wanted = {"reference": world.fresh("fe"), "reason": "x", "lines": [line]}
            try:
                fee_changes.change(world.context, each, code, wanted, minutes(number))
            except (Forbidden, NotFound):
                continue
            able.append(each.agency_code)
        assert [case.handler] == able
