"""Money that leaves the account is explained by a refund that was settled out of it, or is a break."""

import pytest
from service_bank import Day, line
from service_world import ACCOUNT, FEE_VND, World

from gateway.service import refund_sending, refunds
from gateway.store import refunds as refund_store

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


@pytest.fixture
def day(world: World, case_code: str) -> Day:
    made = Day(world, case_code)
    made.reconcile()  # what other tests left
    return made


def test_money_out_that_nothing_explains_is_a_break_and_takes_the_money_off_the_bank(day: Day) -> None:
    payment_id, code = day.paid()
    day.take_in(line(f"tt {code}"), line(f"REVERSAL tt {code}", -FEE_VND, "FT2"))
    assert [(payment_id, "by_reference"), (None, "unexplained_debit")] == day.reconcile()
    assert {f"bank:{ACCOUNT}": 0, f"unmatched:{ACCOUNT}": FEE_VND, "provider:vnpay": -FEE_VND} == day.booked()
    assert [] == day.reconcile(), "a break that stays one is not told again"


def given_back(day: Day, payment_id: str, bank_ref: str, amount_vnd: int = FEE_VND) -> refund_store.Refund:
    """A refund that a clerk transferred out of the account."""
    world, asked = day.world, {"reference": day.world.fresh("rf"), "reason": "thu thừa"}
    wanted = {**asked, "amount_vnd": amount_vnd, "refundable_vnd": FEE_VND}
    refund, _ = refunds.request(world.context, world.caller, payment_id, wanted, day.noon)
    refunds.approve(world.context, refund.id, "staff:chief", day.noon)
    return refund_sending.settle_by_hand(
        world.context,
        refund.id,
        by="staff:cashier",
        bank_ref=bank_ref,
        account=ACCOUNT,
        proof=b"uy nhiem chi",
        now=day.noon,
    )


@pytest.mark.parametrize(
    ("memo", "bank_ref"),
    [("hoan phi {wire}", "FT9"), ("HOAN PHI", "ft-{number}"), ("hoan phi ft {number}.", "FT9")],
)
def test_money_out_that_names_a_settled_refund_is_explained_by_it_and_not_booked_twice(
    day: Day, memo: str, bank_ref: str
) -> None:
    payment_id, code = day.paid()
    number = day.world.fresh("77").replace("-", "")
    refund = given_back(day, payment_id, f"FT-{number}")
    names = {"wire": refund.wire_reference, "number": number}
    day.take_in(line(code), line(memo.format(**names), -FEE_VND, bank_ref.format(**names)))
    assert [(payment_id, "by_reference"), (None, "by_refund")] == day.reconcile()
    assert {f"bank:{ACCOUNT}": FEE_VND, "provider:vnpay": -FEE_VND} == day.booked()
    assert [("bank:" + ACCOUNT, 0, FEE_VND)] == day.world.ledger(refund.id)[1:]
    assert day.close().green


def test_money_out_of_another_sum_than_the_refund_that_it_names_is_a_break(day: Day) -> None:
    payment_id, _ = day.paid()
    refund = given_back(day, payment_id, day.world.fresh("FT78"))
    day.take_in(line(refund.wire_reference, 1 - FEE_VND))
    assert [(None, "amount_differs")] == day.reconcile()


def test_one_refund_explains_one_line(day: Day) -> None:
    payment_id, _ = day.paid()
    wire = given_back(day, payment_id, day.world.fresh("FT79")).wire_reference
    day.take_in(line(wire, -FEE_VND), line(wire, -FEE_VND, "FT2"))
    assert [(None, "by_refund"), (None, "unexplained_debit")] == day.reconcile()


def test_money_out_that_was_a_break_is_explained_when_the_refund_is_settled(day: Day) -> None:
    payment_id, _ = day.paid()
    number = day.world.fresh("FT80")
    day.take_in(line("hoan phi", -FEE_VND, number))
    assert [(None, "unexplained_debit")] == day.reconcile()
    given_back(day, payment_id, number)
    assert [(None, "by_refund")] == day.reconcile()
    assert {f"bank:{ACCOUNT}": 0, f"unmatched:{ACCOUNT}": 0} == day.booked()
