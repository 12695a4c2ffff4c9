"""What a citizen is told of the cost of a case, in every state of its money."""

from collections.abc import Callable

import pytest
from service_wires import ipn
from service_world import NOW, World

from gateway.service import behind, cases, standing

pytestmark = pytest.mark.service


def paid(world: World, code: str) -> None:
    _, reference = world.started(code)
    world.hear("vnpay", ipn(reference, number=world.fresh("210")))
    while behind.consume(world.context, "cases", NOW):
        pass


def refused_and_paid(world: World, code: str) -> None:
    _, reference = world.started(code)
    world.decide(code, "refuse")
    world.hear("vnpay", ipn(reference, number=world.fresh("211")))
    while behind.consume(world.context, "cases", NOW):
        pass


def change(world: World, code: str, what: str) -> None:
    world.do(f"UPDATE cases SET {what} WHERE case_code = :code", code=code)


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        (lambda *_: None, "200.000 đ, chưa nộp"),
        (paid, "200.000 đ, đã nộp đủ"),
        (lambda world, code: world.decide(code, "refuse"), "200.000 đ, không phải nộp nữa"),
        (refused_and_paid, "200.000 đ; 200.000 đ sẽ được hoàn lại"),
        (
            lambda world, code: world.do("UPDATE cases SET pay = 'at_agency' WHERE case_code = :c", c=code),
            "200.000 đ, nộp tại cơ quan",
        ),
        (
            lambda world, code: world.do("UPDATE cases SET fees = '[]' WHERE case_code = :c", c=code),
            "Không phải nộp",
        ),
    ],
    ids=["open", "paid", "refused", "paid after it was refused", "at the agency", "free"],
)
def test_the_cost_is_told_as_it_stands(world: World, happened: Callable[..., object], told: str) -> None:
    happened(world, code := world.case())
    assert told == standing.costs(world.context, cases.find(world.context, world.caller, code))[0]
