"""Giving money back: never more than came, agreed to by two, sent once, and true when it is unclear."""

import json

import pytest
from service_refunds import CASHIER, CHIEF, approved, ask, found, paid, vnpay_says, wanted
from service_wires import ipn
from service_world import ACCOUNT, FEE_VND, NOW, World, at_once, contiguous, nobody_listens

from gateway.domain.errors import (
    Forbidden,
    Malformed,
    NotFound,
    OutcomeUnknown,
    PreconditionFailed,
    ReferenceConflict,
)
from gateway.ports import HttpAnswer, HttpRequest
from gateway.service import refund_sending, refunds
from gateway.store import refunds as store

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


@pytest.fixture(autouse=True)
def quiet(world: World) -> None:
    world.wire.answer = nobody_listens
    world.wire.asked.clear()


def left_vnd(world: World, payment_id: str) -> int:
    with world.transaction() as connection:
        return store.refundable_vnd(connection, [payment_id]).get(payment_id, 0)


def test_a_refund_that_is_sent_and_confirmed_is_counted_and_booked_once(world: World, case_code: str) -> None:
    payment_id = paid(world, case_code)
    refund = approved(world, payment_id)
    world.wire.answer = vnpay_says("00", "00")
    refund_sending.send(world.context, refund.id, NOW)
    refund_sending.send(world.context, refund.id, NOW)
    assert 1 == len(world.wire.asked)
    assert "succeeded" == found(world, refund).state
    payment = world.found(payment_id)
    assert (FEE_VND, FEE_VND, "paid") == (payment.paid_vnd, payment.refunded_vnd, payment.state)
    assert [("collected:H28", FEE_VND, 0), ("provider:vnpay", 0, FEE_VND)] == world.ledger(refund.id)
    assert contiguous(world.spine(refund.id))
    assert contiguous(world.spine(payment_id))
    assert 0 == left_vnd(world, payment_id)


@pytest.mark.parametrize("amount_vnd", [FEE_VND + 1, 10**13])
def test_more_than_came_is_never_given_back(world: World, case_code: str, amount_vnd: int) -> None:
    payment_id = paid(world, case_code)
    with pytest.raises(Forbidden):
        ask(world, payment_id, amount_vnd)
    assert FEE_VND == left_vnd(world, payment_id)


def test_another_belief_of_what_is_left_is_refused(world: World, case_code: str) -> None:
    payment_id = paid(world, case_code)
    with pytest.raises(PreconditionFailed):
        ask(world, payment_id, 1000, FEE_VND - 1)
    ask(world, payment_id, 1000)
    with pytest.raises(PreconditionFailed):
        ask(world, payment_id, 1000)
    assert FEE_VND - 1000 == left_vnd(world, payment_id)


def test_x21_requests_at_once_can_together_not_give_back_more_than_came(world: World, case_code: str) -> None:
    payment_id = paid(world, case_code)

    def one(_: int) -> bool:
        try:
            ask(world, payment_id, FEE_VND)
        except PreconditionFailed:
            return False
        return True

    assert 1 == sum(at_once(8, one))
    assert 0 == left_vnd(world, payment_id)


def test_a_reference_is_idempotent_for_ever(world: World, case_code: str) -> None:
    payment_id = paid(world, case_code)
    asked = wanted(world, 1000)
    first, is_new = refunds.request(world.context, world.caller, payment_id, asked, NOW)
    again, is_again_new = refunds.request(world.context, world.caller, payment_id, asked, NOW)
    assert (True, False, first.id) == (is_new, is_again_new, again.id)
    with pytest.raises(ReferenceConflict):
        refunds.request(world.context, world.caller, payment_id, {**asked, "amount_vnd": 999}, NOW)


def test_nothing_unpaid_and_nothing_of_another_portal_is_given_back(world: World, case_code: str) -> None:
    unpaid = world.payment(case_code)
    with pytest.raises(Forbidden):
        ask(world, unpaid, 1000, 0)
    payment_id = paid(world, case_code)
    with pytest.raises(NotFound):
        refunds.request(world.context, world.stranger, payment_id, wanted(world), NOW)


def test_a_refund_waits_for_a_second_person_unless_it_is_below_the_limit(
    world: World, case_code: str
) -> None:
    payment_id = paid(world, case_code)
    refund = ask(world, payment_id, 1000)
    assert ("requested", []) == (refund.state, world.jobs("send_refund", refund.id))
    with pytest.raises(Forbidden):
        refunds.approve(world.context, refund.id, refund.requested_by, NOW)
    assert "approved" == refunds.approve(world.context, refund.id, CHIEF, NOW).state
    assert 1 == len(world.jobs("send_refund", refund.id))
    with pytest.raises(Forbidden):
        refunds.approve(world.context, refund.id, CHIEF, NOW)


def test_a_declined_refund_frees_the_money(world: World, case_code: str) -> None:
    payment_id = paid(world, case_code)
    refund = ask(world, payment_id)
    assert "declined" == refunds.decline(world.context, refund.id, CHIEF, NOW).state
    assert FEE_VND == left_vnd(world, payment_id)
    refund_sending.send(world.context, refund.id, NOW)
    assert [] == world.wire.asked


def test_x23_an_answer_that_was_lost_is_unclear_and_the_refund_is_never_sent_again(
    world: World, case_code: str
) -> None:
    def lost(_: HttpRequest) -> HttpAnswer:
        raise OutcomeUnknown("the connection broke")

    payment_id = paid(world, case_code)
    refund = approved(world, payment_id)
    world.wire.answer = lost
    for _ in range(3):
        refund_sending.send(world.context, refund.id, NOW)
    assert (1, "unknown") == (len(world.wire.asked), found(world, refund).state)
    assert ["refund_unclear"] == world.alarms(refund.id)
    assert (0, 0) == (left_vnd(world, payment_id), world.found(payment_id).refunded_vnd)


def test_a_worker_that_died_with_a_refund_in_its_hands_leaves_it_unclear(
    world: World, case_code: str
) -> None:
    refund = approved(world, paid(world, case_code))
    world.do("UPDATE refunds SET state = 'sent', version = version + 1 WHERE id = :id", id=refund.id)
    world.wire.answer = vnpay_says("00", "00")
    refund_sending.send(world.context, refund.id, NOW)
    assert ([], "unknown") == (world.wire.asked, found(world, refund).state)


def test_what_did_not_leave_us_goes_out_later(world: World, case_code: str) -> None:
    refund = approved(world, paid(world, case_code))
    refund_sending.send(world.context, refund.id, NOW)
    assert "approved" == found(world, refund).state
    assert 2 == len(world.jobs("send_refund", refund.id)), "the one of the approval, and the next"
    world.wire.answer = vnpay_says("00", "00")
    refund_sending.send(world.context, refund.id, NOW)
    assert "succeeded" == found(world, refund).state


def test_a_plain_no_frees_the_money_and_is_told(world: World, case_code: str) -> None:
    payment_id = paid(world, case_code)
    refund = approved(world, payment_id)
    world.wire.answer = vnpay_says("91")
    refund_sending.send(world.context, refund.id, NOW)
    assert ("failed", FEE_VND) == (found(world, refund).state, left_vnd(world, payment_id))
    assert ["refund_failed"] == world.alarms(refund.id)
    other = ask(world, payment_id, FEE_VND)
    with pytest.raises(Forbidden):
        refunds.approve(world.context, refund.id, CHIEF, NOW)
    refunds.decline(world.context, other.id, CHIEF, NOW)
    assert "approved" == refunds.approve(world.context, refund.id, CHIEF, NOW).state


def test_another_sum_in_the_answer_is_not_believed(world: World, case_code: str) -> None:
    refund = approved(world, paid(world, case_code))
    world.wire.answer = vnpay_says("00", "00", vnp_Amount="100")
    refund_sending.send(world.context, refund.id, NOW)
    assert "unknown" == found(world, refund).state


def test_a_second_success_goes_back_first_and_settles_what_was_owed(world: World, case_code: str) -> None:
    payment_id, reference = world.started(case_code)
    second = world.start(payment_id, "vnpay")
    assert reference == second.reference, "an open try is gone on with"
    world.do("UPDATE attempts SET state = 'failed' WHERE payment_id = :id", id=payment_id)
    world.do("UPDATE payments SET state = 'failed' WHERE id = :id", id=payment_id)
    later = world.start(payment_id, "vnpay").reference
    for each in (reference, later):
        world.hear("vnpay", ipn(each, number=world.fresh("160")))
    assert [("refund_due", FEE_VND)] == world.obligations(payment_id)
    refund = approved(world, payment_id, FEE_VND, 2 * FEE_VND)
    world.wire.answer = vnpay_says("00", "00")
    refund_sending.send(world.context, refund.id, NOW)
    asked = json.loads(world.wire.asked[0].body or b"{}")
    assert later == asked["vnp_TxnRef"]
    assert 1 == world.one("SELECT count(settled_at) FROM obligations WHERE payment_id = :id", id=payment_id)
    assert FEE_VND == left_vnd(world, payment_id)


def test_where_the_provider_has_no_way_a_clerk_transfers_it_with_a_proof(
    world: World, case_code: str
) -> None:
    refund = approved(world, paid(world, case_code))
    world.do("UPDATE refunds SET provider = 'dvcqg' WHERE id = :id", id=refund.id)
    refund_sending.send(world.context, refund.id, NOW)
    assert ("approved", ["refund_by_hand"]) == (found(world, refund).state, world.alarms(refund.id))

    def settle(by: str, proof: bytes) -> store.Refund:
        return refund_sending.settle_by_hand(
            world.context, refund.id, by=by, bank_ref="FT1", account=ACCOUNT, proof=proof, now=NOW
        )

    with pytest.raises(Forbidden):
        settle(CHIEF, b"%PDF-1.4 uy nhiem chi")
    with pytest.raises(Malformed):
        settle(CASHIER, b"")
    assert "succeeded" == settle(CASHIER, b"%PDF-1.4 uy nhiem chi").state
    with pytest.raises(Forbidden):
        settle(CASHIER, b"%PDF-1.4 uy nhiem chi")
    assert [("collected:H28", FEE_VND, 0), (f"bank:{ACCOUNT}", 0, FEE_VND)] == world.ledger(refund.id)


def test_one_reference_for_two_payments_at_once_is_one_refund_and_conflicts(
    world: World, case_code: str
) -> None:
    payment_ids = [paid(world, case_code) for _ in range(4)]
    asked = wanted(world, 1000)

    def one(number: int) -> str:
        try:
            refunds.request(world.context, world.caller, payment_ids[number], asked, NOW)
        except ReferenceConflict:
            return "conflict"
        return "made"

    assert ["conflict"] * 3 + ["made"] == sorted(at_once(4, one))
