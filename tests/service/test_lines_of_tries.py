"""Each try of a payment and each success of a try is money of its own, and finds its own line."""

from datetime import timedelta

import pytest
from service_bank import Day, line
from service_wires import FAILED, confirm, ipn, paid_at_vnpay, platform
from service_world import FEE_VND, World

from gateway.service import reports

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


@pytest.fixture
def day(world: World, case_code: str) -> Day:
    return Day(world, case_code)


def test_the_money_of_a_second_try_is_matched_with_that_try(day: Day) -> None:
    world = day.world
    payment_id, reference = world.started(day.case_code)
    world.wire.answer = platform()
    second = world.start(payment_id, "dvcqg").reference
    said = confirm(second, number=f"VNP-{second}", paid_at=f"{day.on:%Y%m%d}095500")
    world.hear("dvcqg", said, day.noon)
    day.say_paid(reference)
    day.take_in(line(f"nop {second}"), line(f"nop {reference}"))
    assert [(payment_id, "by_reference")] * 2 == day.reconcile()
    query = (
        "SELECT a.reference FROM matches m JOIN attempts a ON a.id = m.attempt_id WHERE payment_id = :id "
        "ORDER BY m.line_id"
    )
    assert [(second,), (reference,)] == world.rows(query, id=payment_id)


def test_the_money_of_the_tenth_try_is_matched_with_that_try(day: Day) -> None:
    world = day.world
    payment_id, reference = world.started(day.case_code)
    tenth = f"{reference}10"
    world.do(
        "UPDATE attempts SET number = 10, reference = :new WHERE reference = :old", new=tenth, old=reference
    )
    day.say_paid(tenth)
    day.take_in(line(f"nop {tenth}"))
    assert [(payment_id, "by_reference")] == day.reconcile()


def test_two_successes_of_one_try_are_two_sums_and_each_finds_its_line(day: Day) -> None:
    payment_id, code = day.paid()
    day.take_in(line(code))
    assert [(payment_id, "by_reference")] == day.reconcile()
    assert day.close().green
    later = day.on + timedelta(days=1)
    day.say_paid(code, on=later)
    day.take_in(line(code, bank_ref="FT2"), on=later)
    assert [(payment_id, "by_reference")] == day.reconcile()
    closes = [day.close(each) for each in (day.on, later)]
    assert [(True, FEE_VND, FEE_VND, FEE_VND)] * 2 == [
        (close.green, close.expected_vnd, close.received_vnd, close.booked_vnd) for close in closes
    ]


def test_a_failed_try_whose_money_the_bank_shows_is_asked_about_once_more(day: Day) -> None:
    """It succeeded after it had failed, and the call that says so is lost."""
    world = day.world
    payment_id = world.payment(day.case_code)
    attempt = world.start(payment_id, "vnpay")
    reference = attempt.reference
    world.hear("vnpay", ipn(reference, FAILED), day.noon)
    day.take_in(line(f"VNPAY {reference}"))
    assert [(None, "not_awaited")] == day.reconcile()
    assert [({"attempt_id": attempt.id}, None)] == world.jobs("ask_once_more", attempt.id)
    world.wire.answer = paid_at_vnpay(reference)
    reports.ask_once_more(world.context, attempt.id, day.noon)
    assert ("paid", FEE_VND) == (world.found(payment_id).state, world.found(payment_id).paid_vnd)
    assert [(payment_id, "by_reference")] == day.reconcile()
