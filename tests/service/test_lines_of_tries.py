"""Each try of a payment and each success of a try is money of its own, and finds its own line."""

from datetime import timedelta

import pytest
from service_bank import Day, line
from service_wires import confirm, platform
from service_world import FEE_VND, World

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
