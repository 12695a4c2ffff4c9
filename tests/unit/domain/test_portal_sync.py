"""The order in which a case is told holds for every way that it can go, and whatever gets lost on the way."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.case import NATIONAL, TABLE, CaseState
from gateway.domain.machine import terminal
from gateway.domain.portal_sync import TABLE as SYNC_TABLE
from gateway.domain.portal_sync import (
    Finding,
    Halt,
    Move,
    Plan,
    Sending,
    SyncState,
    Told,
    is_told,
    judge,
    plan,
    taken,
)

S = CaseState
NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
MOST = 10


def moves(*states: CaseState) -> list[Move]:
    """A case that went through these states; versions from 2, as a case's have them."""
    pairs = zip((S.DRAFT, *states), states, strict=False)
    return [Move(number, a, b, NOW + timedelta(minutes=number)) for number, (a, b) in enumerate(pairs, 2)]


WAY = moves(S.REGISTERED, S.ACCEPTED, S.PROCESSING, S.RESULT_READY, S.RESULT_DELIVERED)


def test_a_case_is_registered_then_told_in_steps_then_its_record_is_brought_up_to_date() -> None:
    told = Told()
    sent = []
    while isinstance(next_ := plan(told, WAY, MOST), Plan):
        sent.append((next_.sending, [move.to_state for move in next_.moves]))
        told = taken(told, next_, is_new=True)
    assert [
        (Sending.REGISTER, [S.REGISTERED]),
        (Sending.STEPS, [S.ACCEPTED, S.PROCESSING, S.RESULT_READY, S.RESULT_DELIVERED]),
        (Sending.UPDATE, []),
    ] == sent
    assert (Halt.NOTHING, Told(S.RESULT_DELIVERED, 6, 6)) == (next_, told)


def test_a_case_that_was_there_already_is_updated_before_its_steps() -> None:
    told = taken(Told(), Plan(Sending.REGISTER, tuple(WAY[:1])), is_new=False)
    assert Plan(Sending.UPDATE) == plan(told, WAY, MOST)
    told = taken(told, Plan(Sending.UPDATE), is_new=False)
    assert Plan(Sending.STEPS, tuple(WAY[1:])) == plan(told, WAY, MOST)


@pytest.mark.parametrize("lacking", range(len(WAY)))
def test_a_step_is_not_told_while_one_before_it_is_not_there(lacking: int) -> None:
    told, there = Told(), [move for place, move in enumerate(WAY) if place != lacking]
    sent: list[CaseState] = []
    while isinstance(next_ := plan(told, there, MOST), Plan):
        sent += [move.to_state for move in next_.moves]
        told = taken(told, next_, is_new=True)
    expected = Halt.NOTHING if lacking == len(WAY) - 1 else Halt.GAP
    assert (expected, [move.to_state for move in WAY[:lacking]]) == (next_, sent)


def test_a_call_has_no_more_steps_than_may_be() -> None:
    told = Told(S.REGISTERED, 2, 2)
    assert Plan(Sending.STEPS, tuple(WAY[1:3])) == plan(told, WAY, 2)


def test_a_move_that_leaves_the_state_as_it_was_is_no_step() -> None:
    still = Move(7, S.RESULT_DELIVERED, S.RESULT_DELIVERED, NOW)
    assert Halt.NOTHING == plan(Told(S.RESULT_DELIVERED, 6, 6), [*WAY, still], MOST)


def test_a_state_that_comes_again_begins_a_new_call() -> None:
    way = moves(S.REGISTERED, S.ACCEPTED, S.SUPPLEMENT_REQUIRED, S.ACCEPTED, S.FEE_DUE)
    next_ = plan(Told(S.REGISTERED, 2, 2), way, MOST)
    assert Plan(Sending.STEPS, tuple(way[1:3])) == next_


@pytest.mark.parametrize(
    ("sending", "found", "is_there", "finding"),
    [
        (Sending.REGISTER, S.REGISTERED, True, Finding.TAKEN),
        (Sending.REGISTER, None, True, Finding.TAKEN),
        (Sending.REGISTER, None, False, Finding.NOT_TAKEN),
        (Sending.STEPS, S.REGISTERED, True, Finding.NOT_TAKEN),
        (Sending.STEPS, S.PROCESSING, True, Finding.TAKEN),
        (Sending.STEPS, S.STOPPED, True, Finding.DIFFERS),
        (Sending.STEPS, None, True, Finding.DIFFERS),
        (Sending.STEPS, None, False, Finding.LOST),
        (Sending.UPDATE, S.REGISTERED, True, Finding.NOT_TAKEN),
        (Sending.UPDATE, S.STOPPED, True, Finding.DIFFERS),
        (Sending.UPDATE, None, False, Finding.LOST),
    ],
)
def test_a_look_up_says_what_became_of_a_call(
    sending: Sending,
    found: CaseState | None,
    is_there: bool,  # noqa: FBT001 - a column of the table above
    finding: Finding,
) -> None:
    told = Told() if sending is Sending.REGISTER else Told(S.REGISTERED, 2, 2)
    sent = {Sending.REGISTER: WAY[:1], Sending.STEPS: WAY[1:4], Sending.UPDATE: []}[sending]
    assert finding == judge(told, Plan(sending, tuple(sent)), found, is_there=is_there)[0]


def test_a_portal_that_lost_a_case_is_told_it_from_the_beginning() -> None:
    _, told = judge(Told(S.ACCEPTED, 3, 3), Plan(Sending.STEPS, tuple(WAY[2:])), None, is_there=False)
    assert Plan(Sending.REGISTER, tuple(WAY[:1])) == plan(told, WAY, MOST)


def test_only_what_has_a_national_code_is_told() -> None:
    assert {state for state in S if is_told(state.value)} == set(NATIONAL)
    assert not is_told(None)


def test_every_state_of_the_table_is_left_again() -> None:
    assert frozenset() == terminal(SYNC_TABLE)
    assert {state for state, _ in SYNC_TABLE} == set(SyncState)


@st.composite
def ways(draw: st.DrawFn) -> list[Move]:
    """A way that a case may go by its own table."""
    states = [S.REGISTERED]
    for _ in range(draw(st.integers(0, 25))):
        after = sorted({to for (state, _), to in TABLE.items() if state is states[-1] and to is not state})
        if not after:
            break
        states.append(draw(st.sampled_from(after)))
    return moves(*states)


@given(ways(), st.data())
def test_whatever_gets_lost_the_portal_hears_every_step_once_and_in_order(
    way: Sequence[Move], data: st.DataObject
) -> None:
    told = Told()
    heard: list[CaseState] = []
    for _ in range(300):
        next_ = plan(told, way, MOST)
        if not isinstance(next_, Plan):
            break
        fate = data.draw(st.sampled_from(["answered", "taken", "partly", "lost"]))
        some = data.draw(st.integers(0, len(next_.moves))) if fate == "partly" else len(next_.moves)
        if fate != "lost" and next_.moves:
            heard += [move.to_state for move in next_.moves[:some]]
        if fate == "answered":
            told = taken(told, next_, is_new=True)
            continue
        found = heard[-1] if heard else None
        finding, told = judge(told, next_, found, is_there=bool(heard))
        assert finding in {Finding.TAKEN, Finding.NOT_TAKEN}
    else:
        return
    assert [move.to_state for move in way] == heard
