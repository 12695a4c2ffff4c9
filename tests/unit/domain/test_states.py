"""Every move of a payment, a try and a refund, and every move that must not be: the tables written out in words.

The words are also those of the database and of the API: a state that is called otherwise is another one.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import pytest

from gateway.domain import payment, refund
from gateway.domain.errors import Forbidden
from gateway.domain.machine import allowed, dot, sources, step, target, terminal

PAYMENT = """
            start     take_back  lose_sight  see_pending  pay    fail     expire    cancel
created     pending   -          unknown     -            paid   -        expired   cancelled
pending     pending   created    unknown     -            paid   failed   expired   cancelled
unknown     -         -          -           pending      paid   failed   -         -
paid        -         -          -           -            -      -        -         -
failed      pending   -          unknown     -            paid   -        expired   cancelled
expired     -         -          -           -            paid   -        -         -
cancelled   -         -          -           -            paid   -        -         -
"""
ATTEMPT = """
            send      lose_sight  succeed     fail     abandon
intended    sent      unknown     succeeded   failed   abandoned
sent        -         unknown     succeeded   failed   abandoned
succeeded   -         -           -           -        -
failed      -         -           succeeded   -        -
unknown     sent      -           succeeded   failed   abandoned
abandoned   -         -           succeeded   -        -
"""
REFUND = """
            approve    decline    send   not_sent   succeed     fail     lose_sight
requested   approved   declined   -      -          -           -        -
approved    -          declined   sent   -          -           -        -
sent        -          -          -      approved   succeeded   failed   unknown
succeeded   -          -          -      -          -           -        -
failed      approved   declined   -      -          succeeded   -        -
unknown     -          -          -      -          succeeded   failed   -
declined    -          -          -      -          -           -        -
"""
NOUNS = [
    (PAYMENT, payment.TABLE, payment.PaymentState, payment.PaymentEvent),
    (ATTEMPT, payment.ATTEMPT_TABLE, payment.AttemptState, payment.AttemptEvent),
    (REFUND, refund.TABLE, refund.RefundState, refund.RefundEvent),
]


def written(grid: str) -> Iterator[tuple[str, str, str]]:
    """Every state with every event, and what it leads to: "-" is nowhere."""
    events, *rows = (line.split() for line in grid.strip().splitlines())
    for state, *to in rows:
        yield from zip([state] * len(events), events, to, strict=True)


def moved(table: Mapping[tuple[StrEnum, StrEnum], StrEnum], state: StrEnum, event: StrEnum) -> str:
    try:
        return step(table, state, event).value
    except Forbidden:
        return "-"


@pytest.mark.parametrize(("grid", "table", "state", "event"), NOUNS, ids=["payment", "attempt", "refund"])
def test_each_event_leads_where_it_is_written_and_nowhere_else(
    grid: str, table: Mapping[tuple[StrEnum, StrEnum], StrEnum], state: type[StrEnum], event: type[StrEnum]
) -> None:
    expected = list(written(grid))
    assert expected == [(a, b, moved(table, state(a), event(b))) for a, b, _ in expected]
    assert {each for each, _, _ in expected} == {each.value for each in state}
    assert {each for _, each, _ in expected} == {each.value for each in event}


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("created", "created"),
        ("pending", "pending"),
        ("unknown", "pending"),
        ("paid", "success"),
        ("failed", "failed"),
        ("expired", "expired"),
        ("cancelled", "cancelled"),
    ],
)
def test_a_portal_is_told_of_a_payment_and_of_unknown_money_only_that_it_is_awaited(
    state: str, told: str
) -> None:
    assert told == payment.PUBLIC[payment.PaymentState(state)].value


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("requested", "requested"),
        ("approved", "pending"),
        ("sent", "pending"),
        ("unknown", "pending"),
        ("succeeded", "success"),
        ("failed", "failed"),
        ("declined", "declined"),
    ],
)
def test_a_portal_is_told_of_a_refund_and_never_success_before_it_is_one(state: str, told: str) -> None:
    assert told == refund.PUBLIC[refund.RefundState(state)].value


def test_a_payment_is_finished_when_it_is_paid_or_nobody_may_pay_it_any_more() -> None:
    finished = [state.value for state in payment.PaymentState if payment.is_finished(state)]
    assert ["paid", "expired", "cancelled"] == finished
    assert {True, False} == {payment.is_finished(state) for state in payment.PaymentState}


def test_a_refund_takes_up_its_part_until_it_is_declined_or_has_failed() -> None:
    assert {"requested", "approved", "sent", "succeeded", "unknown"} == {each.value for each in refund.HOLDS}


# --- what is derived from a table ---------------------------------------------------------------


class Door(StrEnum):
    OPEN = "open"
    SHUT = "shut"
    LOCKED = "locked"
    GONE = "gone"


class Hand(StrEnum):
    PUSH = "push"
    PULL = "pull"
    TURN = "turn"
    BREAK = "break"
    KNOCK = "knock"


DOOR = {
    (Door.SHUT, Hand.PULL): Door.OPEN,
    (Door.OPEN, Hand.PUSH): Door.SHUT,
    (Door.SHUT, Hand.PUSH): Door.SHUT,
    (Door.SHUT, Hand.TURN): Door.LOCKED,
    (Door.LOCKED, Hand.TURN): Door.SHUT,
    (Door.SHUT, Hand.BREAK): Door.GONE,
    (Door.OPEN, Hand.BREAK): Door.GONE,
    (Door.GONE, Hand.BREAK): Door.GONE,
}


def test_a_move_that_is_in_no_table_is_refused_and_says_which() -> None:
    with pytest.raises(Forbidden, match=r"^knock is not possible in state gone$"):
        step(DOOR, Door.GONE, Hand.KNOCK)


def test_an_event_comes_from_the_states_that_the_table_names_in_the_order_of_the_enum() -> None:
    assert (Door.OPEN, Door.SHUT) == sources(DOOR, Hand.PUSH)
    assert (Door.OPEN, Door.SHUT, Door.GONE) == sources(DOOR, Hand.BREAK)
    assert () == sources(DOOR, Hand.KNOCK)


def test_an_event_has_a_target_when_it_leads_to_one_state_only() -> None:
    assert Door.GONE == target(DOOR, Hand.BREAK)
    with pytest.raises(ValueError, match="turn leads to 2 states"):
        target(DOOR, Hand.TURN)
    with pytest.raises(ValueError, match="knock leads to 0 states"):
        target(DOOR, Hand.KNOCK)


def test_the_events_of_a_state_are_in_the_order_of_the_table() -> None:
    assert (Hand.PULL, Hand.PUSH, Hand.TURN, Hand.BREAK) == allowed(DOOR, Door.SHUT)
    assert (Hand.TURN,) == allowed(DOOR, Door.LOCKED)


def test_a_state_is_final_when_nothing_leads_out_of_it_though_it_may_lead_to_itself() -> None:
    assert frozenset({Door.GONE}) == terminal(DOOR)
    assert {"succeeded"} == {each.value for each in terminal(payment.ATTEMPT_TABLE)}
    assert {"paid"} == {each.value for each in terminal(payment.TABLE)}
    assert {"succeeded", "declined"} == {each.value for each in terminal(refund.TABLE)}


def test_the_picture_has_final_states_with_two_lines_and_an_arrow_for_each_move() -> None:
    table = {(Door.SHUT, Hand.PULL): Door.OPEN, (Door.OPEN, Hand.BREAK): Door.GONE}
    expected = """digraph door {
  rankdir=LR;
  node [shape=box, style=rounded];
  locked [peripheries=2];
  gone [peripheries=2];
  shut -> open [label="pull"];
  open -> gone [label="break"];
}
"""
    assert expected == dot("door", table)
