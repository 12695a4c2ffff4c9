"""Money that came for nothing is real, and owed back; a case that ended asks for no more."""

from dataclasses import replace

import pytest
from service_refunds import approved, vnpay_says
from service_wires import ipn, paid_at_vnpay, platform
from service_world import FEE_VND, GUEST, NOW, World, nobody_listens

from adapters import bank_webhook
from gateway.domain.errors import Forbidden, OutcomeUnknown, Unreachable, Unsupported
from gateway.ports import HttpAnswer, HttpRequest
from gateway.service import attempts, behind, payments, refund_sending

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def quiet(world: World) -> None:
    world.wire.answer = nobody_listens
    world.wire.asked.clear()


def follow(world: World) -> None:
    while behind.consume(world.context, "cases", NOW):
        pass


def pay(world: World, reference: str) -> None:
    world.hear("vnpay", ipn(reference, number=world.fresh("180")))
    follow(world)


def test_money_after_a_cancellation_is_owed_back(world: World) -> None:
    payment_id, reference = world.started(world.case())
    payments.cancel(world.context, world.caller, payment_id, NOW)
    pay(world, reference)
    assert ("paid", [("refund_due", FEE_VND)]) == (
        world.found(payment_id).state,
        world.obligations(payment_id),
    )


@pytest.mark.parametrize("ending", ["refuse", "withdraw"])
def test_a_case_that_ended_without_a_result_asks_for_no_more_and_owes_back_what_comes(
    world: World, ending: str
) -> None:
    case_code = world.case()
    payment_id, reference = world.started(case_code)
    if ending == "withdraw":
        world.decide(case_code, "accept")
    world.decide(case_code, ending)
    follow(world)
    assert "cancelled" == world.found(payment_id).state
    pay(world, reference)
    assert [("refund_due", FEE_VND)] == world.obligations(payment_id)


def test_a_fee_that_is_paid_a_second_time_by_another_order_is_owed_back_once(world: World) -> None:
    case_code = world.case()
    (first, one), (second, two) = world.started(case_code), world.started(case_code)
    for reference in (one, two):
        pay(world, reference)
    assert ([], [("refund_due", FEE_VND)]) == (world.obligations(first), world.obligations(second))
    follow(world)
    assert [("refund_due", FEE_VND)] == world.obligations(second)


def test_of_two_orders_that_are_paid_before_anybody_looks_one_is_kept(world: World) -> None:
    """Found when receipts were refused to what is owed back: each saw the other, and both were owed back."""
    case_code = world.case()
    (first, one), (second, two) = world.started(case_code), world.started(case_code)
    for reference in (one, two):
        world.hear("vnpay", ipn(reference, number=world.fresh("181")))
    follow(world)
    assert [[], [("refund_due", FEE_VND)]] == [world.obligations(each) for each in (first, second)]


def test_a_fee_that_was_given_back_may_be_paid_again(world: World) -> None:
    case_code = world.case()
    first, one = world.started(case_code)
    pay(world, one)
    world.wire.answer = vnpay_says("00", "00", vnp_TransactionNo=world.fresh("16"))
    refund_sending.send(world.context, approved(world, first).id, NOW)
    assert FEE_VND == world.found(first).refunded_vnd
    second, two = world.started(case_code)
    pay(world, two)
    assert [[], []] == [world.obligations(each) for each in (first, second)]


def test_another_line_than_the_cases_own_is_owed_by_itself(world: World) -> None:
    case_code = world.case()
    _, one = world.started(case_code)
    line = {"kind": "postage", "code": "cuoc", "name": "Cước", "amount_vnd": 30_000, "account": None}
    second = world.payment(case_code, lines=[line])
    two = world.start(second, "vnpay").reference
    pay(world, one)
    world.hear("vnpay", ipn(two, number=world.fresh("190"), amount_vnd=30_000))
    follow(world)
    assert ("paid", []) == (world.found(second).state, world.obligations(second))


def test_x11_another_way_to_pay_begins_only_after_the_first_was_asked_about(world: World) -> None:
    """Failure X11: the call-back of the first may be lost."""
    payment_id, reference = world.started(world.case())
    world.wire.answer = paid_at_vnpay(reference)
    with pytest.raises(Forbidden):
        world.start(payment_id, "dvcqg")
    assert ("paid", ["succeeded"]) == (world.found(payment_id).state, world.tries(payment_id))
    assert 1 == len(world.wire.asked), "the first provider was asked, the second not"


def test_a_provider_that_is_down_bars_no_other_way(world: World) -> None:
    def down_but_the_platform(request: HttpRequest) -> HttpAnswer:
        if b"vnp_TxnRef" in (request.body or b""):
            raise OutcomeUnknown("no answer")
        return platform()(request)

    payment_id, _ = world.started(world.case())
    world.wire.answer = down_but_the_platform
    assert "sent" == world.start(payment_id, "dvcqg").state
    assert 2 == len(world.wire.asked)


def test_a_provider_that_was_not_reached_leaves_the_payment_as_it_was(world: World) -> None:
    payment_id = world.payment(world.case())
    with pytest.raises(Unreachable):
        world.start(payment_id, "dvcqg")
    assert ("created", ["abandoned"]) == (world.found(payment_id).state, world.tries(payment_id))


def test_the_provider_that_a_portal_wants_is_kept(world: World) -> None:
    payment_id = world.payment(world.case(), provider="dvcqg")
    assert "dvcqg" == world.found(payment_id).wanted_provider


def test_a_provider_that_nobody_can_be_sent_to_leaves_no_try_behind(world: World) -> None:
    watcher = bank_webhook.BankWebhook(
        bank_webhook.Settings("0123456789", "a secret", name="sepay"), world.wire
    )
    context = replace(world.context, providers={**world.context.providers, "sepay": watcher})
    payment_id = world.payment(world.case())
    with pytest.raises(Unsupported):
        attempts.start(context, payment_id, "sepay", GUEST, NOW)
    assert ("created", []) == (world.found(payment_id).state, world.tries(payment_id))
