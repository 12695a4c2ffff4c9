"""The desk takes what is owed; a break is worked by a person; what is owed has an owner and a time."""

from dataclasses import replace
from datetime import timedelta

import pytest
from service_bank import Day, line
from service_transfers import notice, with_transfers
from service_world import ACCOUNT, FEE_VND, NOW, World

from gateway.domain.errors import Forbidden, Malformed, Misconfigured, NotFound
from gateway.ports import Method, Taking
from gateway.service import behind, breaks, desk, payments
from gateway.service.accesses import Viewing
from gateway.store import obligations

pytestmark = pytest.mark.service

LOOK = Viewing("staff:lan", "breaks list", "đối soát", NOW)


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


def test_x15_a_break_that_a_person_explains_pays_the_order_and_closes_the_day(
    house: World, case_code: str
) -> None:
    day = Day(house, case_code)
    payment_id, reference = house.started(case_code, "vietqr")
    day.take_in(line("NGUYEN THI A nop tien"))
    assert [(None, "no_reference")] == day.reconcile()
    assert not day.close().green
    (found,) = [each for each in breaks.listed(house.context, ACCOUNT, LOOK) if each.value_on == day.on]
    assert "NGUYEN THI A" in found.text
    done = breaks.assign(
        house.context, found.line_id, reference, account=ACCOUNT, by="staff:ketoan.hoa", now=day.noon
    )
    assert ("paid", FEE_VND) == (done.state, done.paid_vnd)
    assert day.close().green
    with pytest.raises(NotFound):
        breaks.assign(house.context, found.line_id, reference, account=ACCOUNT, by="staff:a", now=day.noon)
    assert payment_id == done.id


def test_x22_what_is_owed_is_listed_by_its_time_and_told_of_once_when_it_is_over(
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


def test_lines_with_an_account_of_their_own_are_passed_on_and_the_day_closes(
    house: World, case_code: str
) -> None:
    day = Day(house, case_code)
    lines = [
        {"kind": "phi", "code": "PH7", "name": "Phí", "amount_vnd": 80_000},
        {"kind": "postage", "code": "PO1", "name": "Cước", "amount_vnd": 30_000, "account": "9988776655"},
        {"kind": "le_phi", "code": "LP7", "name": "Lệ phí", "amount_vnd": 5_000, "account": ACCOUNT},
    ]
    payment_id = house.payment(case_code, lines=lines)
    reference = house.start(payment_id, "vietqr").reference
    house.hear("sepay", notice(reference, 115_000, at=day.noon), day.noon)
    while behind.consume(house.context, "cases", day.noon):
        pass
    assert [("pass_on", 30_000)] == house.obligations(payment_id)
    with house.engine.connect() as connection:
        (owed,) = [each for each in obligations.open_ones(connection, 500) if each.kind == "pass_on"]
    assert ("account:9988776655", 30_000) == (owed.provider, owed.amount_vnd)
    day.take_in(line(reference, 115_000), line("chuyen cuoc buu chinh", -30_000))
    assert [(payment_id, "by_reference"), (None, "unexplained_debit")] == day.reconcile()
    (out,) = [each for each in breaks.listed(house.context, ACCOUNT, LOOK) if each.amount_vnd == -30_000]
    with pytest.raises(NotFound):
        breaks.pass_on(house.context, out.line_id, "obl_none", account=ACCOUNT, by="staff:a", now=day.noon)
    assert 30_000 == breaks.pass_on(
        house.context, out.line_id, owed.id, account=ACCOUNT, by="staff:a", now=day.noon
    )
    assert day.close().green
    with pytest.raises(NotFound):
        breaks.pass_on(house.context, out.line_id, owed.id, account=ACCOUNT, by="staff:a", now=day.noon)


def test_another_sum_than_what_is_to_be_passed_on_is_refused_and_changes_nothing(
    house: World, case_code: str
) -> None:
    day = Day(house, case_code)
    postage = {
        "kind": "postage",
        "code": "PO2",
        "name": "Cước",
        "amount_vnd": 40_000,
        "account": "9988776655",
    }
    payment_id = house.payment(case_code, lines=[postage])
    house.hear("sepay", notice(house.start(payment_id, "vietqr").reference, 40_000, at=day.noon), day.noon)
    while behind.consume(house.context, "cases", day.noon):
        pass
    day.take_in(line("chuyen cuoc", -39_000))
    day.reconcile()
    (out,) = [each for each in breaks.listed(house.context, ACCOUNT, LOOK) if each.amount_vnd == -39_000]
    (owed,) = house.rows("SELECT id FROM obligations WHERE payment_id = :id", id=payment_id)
    with pytest.raises(Forbidden, match="40000"):
        breaks.pass_on(house.context, out.line_id, owed[0], account=ACCOUNT, by="staff:a", now=day.noon)
    assert 1 == house.one(
        "SELECT count(*) FROM obligations WHERE id = :id AND settled_at IS NULL", id=owed[0]
    )
