"""A case that ended without a result: a rule says whether what was paid is owed back, and nothing is sent."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import permutations

import pytest
from service_post import Post, delivery_wanted
from service_refunds import approved, vnpay_says
from service_wires import ipn
from service_world import FEE_VND, NOW, PROCEDURE, World

from gateway.domain.catalogue import Catalogue
from gateway.service import behind, deliveries, payments, refund_sending
from gateway.store import cases as store

pytestmark = pytest.mark.service

Rule = Callable[..., None]
ENDINGS = {"refuse": (), "withdraw": ("accept",), "stop": ("accept", "process")}


@pytest.fixture(autouse=True)
def quiet(world: World) -> None:
    world.wire.asked.clear()


@pytest.fixture
def owes_back(world: World, monkeypatch: pytest.MonkeyPatch) -> Rule:
    def rule(*, value: bool) -> None:
        known = world.context.catalogue.now(PROCEDURE, date(2026, 11, 24))
        catalogue = Catalogue.of([replace(known, refund_when_refused=value)])
        monkeypatch.setattr(world, "context", replace(world.context, catalogue=catalogue))

    return rule


def follow(world: World) -> None:
    while behind.consume(world.context, "cases", NOW):
        pass


def paid(world: World, code: str) -> str:
    payment_id, reference = world.started(code)
    world.hear("vnpay", ipn(reference, number=world.fresh("200")))
    return payment_id


def end(world: World, code: str, ending: str) -> None:
    for event in (*ENDINGS[ending], ending):
        world.decide(code, event)


def money(world: World, code: str) -> store.CaseMoney:
    with world.engine.connect() as connection:
        return store.money(connection, code)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("rule", [True, False])
def test_the_rule_of_the_procedure_says_whether_what_was_paid_is_owed_back(
    world: World, owes_back: Rule, ending: str, *, rule: bool
) -> None:
    owes_back(value=rule)
    payment_id = paid(world, code := world.case())
    end(world, code, ending)
    follow(world)
    owed = [("refund_due", FEE_VND)] if rule else []
    assert (owed, FEE_VND * rule) == (world.obligations(payment_id), money(world, code).owed_back_vnd)
    assert rule is ("refund.owed" in world.types(payment_id))


@pytest.mark.parametrize("rule", [True, False])
def test_money_that_comes_after_the_end_goes_back_whatever_the_rule(
    world: World, owes_back: Rule, *, rule: bool
) -> None:
    owes_back(value=rule)
    code = world.case()
    payment_id, reference = world.started(code)
    end(world, code, "refuse")
    world.hear("vnpay", ipn(reference, number=world.fresh("201")))
    follow(world)
    assert [("refund_due", FEE_VND)] == world.obligations(payment_id)


@pytest.mark.parametrize("order", list(permutations(["pay", "end", "look"])))
def test_the_order_of_what_happened_decides_and_not_when_it_was_looked_at(
    world: World, owes_back: Rule, order: tuple[str, ...]
) -> None:
    owes_back(value=False)
    code = world.case()
    payment_id, reference = world.started(code)
    acts: dict[str, Callable[[], object]] = {
        "pay": lambda: world.hear("vnpay", ipn(reference, number=world.fresh("202"))),
        "end": lambda: end(world, code, "refuse"),
        "look": lambda: follow(world),
    }
    for act in order:
        acts[act]()
    follow(world)
    late = order.index("pay") > order.index("end")
    assert ([("refund_due", FEE_VND)] if late else []) == world.obligations(payment_id)


def test_what_was_given_back_or_is_owed_back_already_is_not_owed_twice(world: World, owes_back: Rule) -> None:
    owes_back(value=True)
    code = world.case()
    (kept, one), (double, two) = world.started(code), world.started(code)
    for reference in (one, two):
        world.hear("vnpay", ipn(reference, number=world.fresh("203")))
    follow(world)
    end(world, code, "refuse")
    follow(world)
    assert [FEE_VND, FEE_VND] == [sum(vnd for _, vnd in world.obligations(each)) for each in (kept, double)]
    world.wire.answer = vnpay_says("00", "00", vnp_TransactionNo=world.fresh("16"))
    refund_sending.send(world.context, approved(world, kept).id, NOW)
    assert FEE_VND == money(world, code).owed_back_vnd


def test_looking_twice_owes_once(world: World, owes_back: Rule) -> None:
    owes_back(value=True)
    payment_id = paid(world, code := world.case())
    end(world, code, "refuse")
    follow(world)
    world.do("UPDATE cursors SET position = '0-0' WHERE name = 'consumer:cases'")
    follow(world)
    assert [("refund_due", FEE_VND)] == world.obligations(payment_id)
    assert 1 == world.types(payment_id).count("refund.owed")


def test_deliveries_that_waited_for_the_result_are_cancelled_and_open_payments_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world, "context", replace(world.context, operators={"post": Post()}))
    code = world.case()
    delivery, _ = deliveries.order(world.context, world.caller, delivery_wanted(world, code), NOW)
    payment_id = world.payment(code)
    end(world, code, "withdraw")
    follow(world)
    states = (
        deliveries.find(world.context, world.caller, delivery.id).state,
        payments.find(world.context, world.caller, payment_id).state,
    )
    assert ("cancelled", "cancelled") == states
