"""The desk takes what is owed; a break is worked by a person; what is owed has an owner and a time."""

from dataclasses import replace
from datetime import timedelta

import pytest
from service_bank import Day, line
from service_transfers import notice, with_transfers
from service_world import ACCOUNT, FEE_VND, NOW, World

from gateway.domain.errors import Forbidden, Malformed, Misconfigured, NotFound
from gateway.ports import Method, Taking
from gateway.service import breaks, desk, payments
from gateway.store import obligations

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def house(world: World) -> World:
    return with_transfers(world)


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


def taking(house: World, code: str, amount_vnd: int = FEE_VND, paper: str = "") -> Taking:
    return Taking(code, amount_vnd, Method.CASH, "motcua.lan", paper or house.fresh("AA-26P/"), NOW)


def test_what_a_clerk_took_pays_and_the_same_paper_again_changes_nothing(
    house: World, case_code: str
) -> None:
    payment_id = house.payment(case_code)
    took = taking(house, house.found(payment_id).order_code)
    for _ in range(2):
        assert "paid" == desk.take(house.context, took, NOW).state
    assert (FEE_VND, ["succeeded"], []) == (
        house.found(payment_id).paid_vnd,
        house.tries(payment_id),
        house.obligations(payment_id),
    )


def test_the_desk_completes_what_a_transfer_left_missing(house: World, case_code: str) -> None:
    payment_id, reference = house.started(case_code, "vietqr")
    house.hear("sepay", notice(reference, 50_000))
    code = house.found(payment_id).order_code
    with pytest.raises(Forbidden, match=str(FEE_VND - 50_000)):
        desk.take(house.context, taking(house, code), NOW)
    assert "paid" == desk.take(house.context, taking(house, code, FEE_VND - 50_000), NOW).state


def test_the_desk_takes_nothing_for_what_is_paid_over_unclear_or_unknown(
    house: World, case_code: str
) -> None:
    payment_id, reference = house.started(case_code, "vnpay")
    code = house.found(payment_id).order_code
    house.do("UPDATE attempts SET state = 'unknown' WHERE reference = :it", it=reference)
    with pytest.raises(Forbidden, match="not clear"):
        desk.take(house.context, taking(house, code), NOW)
    house.do("UPDATE attempts SET state = 'sent' WHERE reference = :it", it=reference)
    payments.cancel(house.context, house.caller, payment_id, NOW)
    with pytest.raises(Forbidden, match="paid, or over"):
        desk.take(house.context, taking(house, code), NOW)
    with pytest.raises(NotFound):
        desk.take(house.context, taking(house, "C4261124K7Q2M9XT"), NOW)
    with pytest.raises(Malformed):
        desk.take(house.context, taking(house, code, 0), NOW)
    with pytest.raises(Misconfigured):
        desk.take(replace(house.context, providers={}), taking(house, code), NOW)


def test_one_paper_stands_for_one_sum_of_money(house: World, case_code: str) -> None:
    first, second = (house.found(house.payment(case_code)) for _ in range(2))
    paper = house.fresh("AA-26P/")
    desk.take(house.context, taking(house, first.order_code, paper=paper), NOW)
    with pytest.raises(Forbidden, match="other money"):
        desk.take(house.context, taking(house, second.order_code, paper=paper), NOW)
    assert 0 == house.found(second.id).paid_vnd


def test_a_break_that_a_person_explains_pays_the_order_and_closes_the_day(
    house: World, case_code: str
) -> None:
    day = Day(house, case_code)
    payment_id, reference = house.started(case_code, "vietqr")
    day.take_in(line("NGUYEN THI A nop tien"))
    assert [(None, "no_reference")] == day.reconcile()
    assert not day.close().green
    (found,) = [each for each in breaks.listed(house.context, ACCOUNT) if each.value_on == day.on]
    assert "NGUYEN THI A" in found.text
    done = breaks.assign(
        house.context, found.line_id, reference, account=ACCOUNT, by="staff:ketoan.hoa", now=day.noon
    )
    assert ("paid", FEE_VND) == (done.state, done.paid_vnd)
    assert day.close().green
    with pytest.raises(NotFound):
        breaks.assign(house.context, found.line_id, reference, account=ACCOUNT, by="staff:a", now=day.noon)
    assert payment_id == done.id


def test_what_is_owed_is_listed_by_its_time_and_told_of_once_when_it_is_over(
    house: World, case_code: str
) -> None:
    _, reference = house.started(case_code, "vietqr")
    house.hear("sepay", notice(reference, FEE_VND + 7_000))
    with house.engine.connect() as connection:
        mine = [each for each in obligations.open_ones(connection, 500) if each.amount_vnd == 7_000]
    assert [("refund_due", "finance", NOW + timedelta(days=5))] == [(m.kind, m.owner, m.due_at) for m in mine]
    assert 0 == payments.call_in_overdue(house.context, NOW)
    assert payments.call_in_overdue(house.context, NOW + timedelta(days=6)) > 0
    assert 0 == payments.call_in_overdue(house.context, NOW + timedelta(days=6))
    assert ["obligation_overdue"] == house.alarms(mine[0].id)
