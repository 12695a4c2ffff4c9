"""The same messages in any order, and any number of times, end in the same money."""

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from service_transfers import notice, with_transfers
from service_wires import FAILED, PENDING, ipn
from service_world import FEE_VND, World

from gateway.ports import InboundMessage

pytestmark = pytest.mark.service

SAID = ("paid 1", "paid 2", "failed", "pending", "half", "rest", "too much", "whole")
SUMS = {"half": FEE_VND // 2, "rest": FEE_VND - FEE_VND // 2, "too much": FEE_VND + 5_000, "whole": FEE_VND}


@pytest.fixture(scope="module")
def house(world: World) -> World:
    return with_transfers(world)


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


def messages(said: Sequence[str], number: int, bank: str, transfer: str) -> list[tuple[str, InboundMessage]]:
    """What is said of a payment with a try at VNPAY and one by transfer; numbers are its own."""
    made = []
    for what in said:
        mark = number * 100 + SAID.index(what)
        if what in SUMS:
            made.append(("sepay", notice(transfer, SUMS[what], number=mark)))
        else:
            codes = {"failed": FAILED, "pending": PENDING}.get(what, ("00", "00"))
            made.append(("vnpay", ipn(bank, codes, number=f"19{mark}")))
    return made


def end(house: World, payment_id: str) -> object:
    """All that is left of it when everything has been said."""
    payment = house.found(payment_id)
    owed = house.rows(
        "SELECT kind, sum(amount_vnd)::bigint FROM obligations WHERE payment_id = :id AND settled_at IS NULL "
        "GROUP BY kind ORDER BY kind",
        id=payment_id,
    )
    booked = house.rows(
        "SELECT l.account, sum(l.debit_vnd)::bigint, sum(l.credit_vnd)::bigint FROM ledger l "
        "JOIN events e ON e.id = l.event_id WHERE e.subject_id = :id GROUP BY l.account ORDER BY l.account",
        id=payment_id,
    )
    return payment.state, payment.paid_vnd, owed, booked, house.tries(payment_id)


def told(house: World, case_code: str, order: Sequence[str], again: Sequence[int] = ()) -> object:
    """A payment with both tries, what is said of it in this order, and some of it once more."""
    house.do("DELETE FROM provider_health")  # nobody listens here, which is not what this is about
    payment_id, bank = house.started(case_code, "vnpay")
    transfer = house.start(payment_id, "vietqr").reference
    number = int(house.fresh("n").partition("-")[2]) + 10_000
    said = messages(order, number, bank, transfer)
    for provider, message in [*said, *(said[at % len(said)] for at in again)]:
        house.hear(provider, message)
    return end(house, payment_id)


@pytest.mark.parametrize("said", list(combinations(SAID, 2)), ids=" and ".join)
def test_each_two_messages_end_in_the_same_money_either_way(
    house: World, case_code: str, said: tuple[str, str]
) -> None:
    assert told(house, case_code, said) == told(house, case_code, said[::-1])


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.data())
def test_any_order_of_the_same_messages_ends_in_the_same_money(
    house: World, case_code: str, data: st.DataObject
) -> None:
    said = data.draw(st.lists(st.sampled_from(SAID), min_size=1, max_size=5, unique=True))
    ends = []
    for order in (said, data.draw(st.permutations(said)), data.draw(st.permutations(said))):
        again = data.draw(st.lists(st.integers(0, 4), max_size=2))
        ends.append(told(house, case_code, order, again))
    assert ends[0] == ends[1] == ends[2]
