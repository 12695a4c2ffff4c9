"""A rule of the procedure says whether its fee is paid before, with or after the reception, or not here at all."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest
from service_wires import ipn
from service_world import FEE_VND, NOW, PROCEDURE, World

from gateway.domain.catalogue import Catalogue
from gateway.domain.errors import Forbidden
from gateway.domain.procedure import PayWhen
from gateway.service import behind, cases, fee_changes, show_case
from gateway.store import cases as store

pytestmark = pytest.mark.service

Follows = Callable[..., None]


@pytest.fixture
def follows(world: World, monkeypatch: pytest.MonkeyPatch) -> Follows:
    """Make the procedure another one for this test."""

    def change(**changes: object) -> None:
        known = world.context.catalogue.now(PROCEDURE, date(2026, 11, 24))
        catalogue = Catalogue.of([replace(known, **changes)])  # type: ignore[arg-type]
        monkeypatch.setattr(world, "context", replace(world.context, catalogue=catalogue))

    return change


def follow(world: World) -> None:
    while behind.consume(world.context, "cases", NOW):
        pass


def shown(world: World, code: str) -> dict[str, object]:
    parts = show_case.Parts(money=store.CaseMoney(0, FEE_VND, 0))
    return show_case.case(world.context, cases.find(world.context, world.caller, code), parts)


def can_be_paid(world: World, code: str) -> bool:
    """Whether a payment of the case is taken, which its links must say before."""
    told = "payments" in shown(world, code)["links"]  # type: ignore[operator]
    try:
        world.payment(code)
    except Forbidden:
        assert not told
        return False
    assert told
    return True


@pytest.mark.parametrize("pay", [PayWhen.BEFORE, PayWhen.WITH])
def test_nothing_can_be_paid_before_the_case_is_complete_and_submitted(
    world: World, follows: Follows, pay: PayWhen
) -> None:
    follows(pay=pay)
    code = cases.register(world.context, world.caller, world.case_wanted(), NOW)[0].case_code
    assert not can_be_paid(world, code)
    assert can_be_paid(world, world.case())


def test_a_fee_that_comes_before_holds_the_reception_until_all_of_it_is_here(
    world: World, follows: Follows
) -> None:
    follows(pay=PayWhen.BEFORE)
    code = world.case()
    _, reference = world.started(code)
    with pytest.raises(Forbidden, match="200000 VND are not here"):
        world.decide(code, "accept")
    assert "registered" == cases.find(world.context, world.caller, code).state
    world.hear("vnpay", ipn(reference, number=world.fresh("190")))
    follow(world)
    world.decide(code, "accept")
    assert "accepted" == cases.find(world.context, world.caller, code).state


def test_such_a_case_can_be_refused_unpaid_and_received_when_its_agency_waives_the_fee(
    world: World, follows: Follows
) -> None:
    follows(pay=PayWhen.BEFORE)
    world.decide(refused := world.case(), "refuse")
    waived = world.case()
    line = {"kind": "le_phi", "code": "LLTP-01", "name": "Miễn", "amount_vnd": 0}
    wanted = {"reference": world.fresh("fee"), "lines": [line], "reason": "hộ nghèo"}
    fee_changes.change(world.context, world.caller, waived, wanted, NOW)
    world.decide(waived, "accept")
    states = [cases.find(world.context, world.caller, each).state for each in (refused, waived)]
    assert ["refused", "accepted"] == states


def test_a_reception_by_a_supplement_waits_for_the_fee_too(world: World, follows: Follows) -> None:
    follows(pay=PayWhen.BEFORE)
    world.decide(code := world.case(), "ask_supplement")
    for event in ("supplement_given", "process"):
        with pytest.raises(Forbidden, match="paid before the case is received"):
            world.decide(code, event)


def test_what_comes_to_the_counter_may_be_paid_there_and_is_received_unpaid(
    world: World, follows: Follows
) -> None:
    follows(pay=PayWhen.BEFORE)
    world.decide(code := world.case(channel="counter"), "accept")
    assert ("accepted", "with") == (shown(world, code)["state"], shown(world, code)["pay"])


def test_a_fee_that_comes_after_is_payable_from_the_reception_on(world: World, follows: Follows) -> None:
    follows(pay=PayWhen.AFTER)
    code = world.case()
    with pytest.raises(Forbidden, match="once the case is received"):
        world.payment(code)
    assert not can_be_paid(world, code)
    world.decide(code, "accept")
    assert can_be_paid(world, code)


def test_or_when_the_agency_asks_for_it_but_not_while_it_waits_for_a_supplement(
    world: World, follows: Follows
) -> None:
    follows(pay=PayWhen.AFTER)
    asked, lacking = world.case(), world.case()
    world.decide(asked, "ask_fee")
    world.decide(lacking, "ask_supplement")
    assert (True, False) == (can_be_paid(world, asked), can_be_paid(world, lacking))


def test_below_level_4_the_fee_is_paid_at_the_agency(world: World, follows: Follows) -> None:
    follows(level=3)
    code = world.case()
    assert "at_agency" == shown(world, code)["pay"]
    for state in ("registered", "accepted"):
        assert state == shown(world, code)["state"]
        assert not can_be_paid(world, code)
        with pytest.raises(Forbidden, match="at the agency, not online"):
            world.payment(code)
        if state == "registered":
            world.decide(code, "accept")
