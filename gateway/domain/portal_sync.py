"""Telling a case to the national portal: what goes next, and what became of a call that got no answer.

A case is registered in its first state, then its steps go in their order, at last its record is brought up to date.
`told_state` is what the portal has by its own answers; draft: it does not know the case. A call never has a state
twice, nor the one that it begins from: so the state that a look-up finds says which of its steps were taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.domain.case import NATIONAL, CaseState


class SyncState(StrEnum):
    """How far the portal has been told; `none` (a case that it knows nothing of) has no row."""

    WAITING = "waiting"
    IN_STEP = "in_step"
    REFUSED = "refused"


class SyncEvent(StrEnum):
    FALL_BEHIND = "fall_behind"
    CATCH_UP = "catch_up"
    REFUSE = "refuse"
    RETRY = "retry"


_S, _E = SyncState, SyncEvent

TABLE: Mapping[tuple[SyncState, SyncEvent], SyncState] = {
    (_S.IN_STEP, _E.FALL_BEHIND): _S.WAITING,
    (_S.WAITING, _E.CATCH_UP): _S.IN_STEP,
    (_S.WAITING, _E.REFUSE): _S.REFUSED,
    (_S.REFUSED, _E.RETRY): _S.WAITING,
}


class Sending(StrEnum):
    """What a call is about."""

    REGISTER = "register"
    STEPS = "steps"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Move:
    """A case came from one state into another; `version` is the case's own and only grows."""

    version: int
    from_state: CaseState
    to_state: CaseState
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """What the portal has: the state and the version of the last step, and the version that its record is of.

    `stale`: something of the record that is no step has changed since, such as how it was paid.
    """

    state: CaseState = CaseState.DRAFT
    version: int = 0
    recorded: int = 0
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The next call; of an update `moves` is empty."""

    sending: Sending
    moves: tuple[Move, ...] = ()

    @property
    def through(self) -> int:
        return self.moves[-1].version if self.moves else 0


class Halt(StrEnum):
    NOTHING = "nothing"
    GAP = "gap"
    """The next step does not follow from the last one that was told: one between them is not there yet."""


def plan(told: Told, moves: Sequence[Move], most: int) -> Plan | Halt:
    """The next call about a case of these moves, or why there is none; `most` steps at a time."""
    open_ = sorted(
        (move for move in moves if move.version > told.version and move.from_state != move.to_state),
        key=lambda move: move.version,
    )
    if told.state is CaseState.DRAFT:
        if not open_:
            return Halt.NOTHING
        return Halt.GAP if open_[0].from_state is not CaseState.DRAFT else Plan(Sending.REGISTER, (open_[0],))
    if told.recorded == 0:
        return Plan(Sending.UPDATE)
    batch = _batch(told.state, open_, most)
    if batch:
        return Plan(Sending.STEPS, batch)
    if open_:
        return Halt.GAP
    return Plan(Sending.UPDATE) if told.recorded < told.version or told.stale else Halt.NOTHING


def _batch(state: CaseState, moves: Sequence[Move], most: int) -> tuple[Move, ...]:
    batch: list[Move] = []
    seen = {state}
    for move in moves[:most]:
        if move.from_state is not state or move.to_state in seen:
            break
        batch.append(move)
        state = move.to_state
        seen.add(state)
    return tuple(batch)


def taken(told: Told, sent: Plan, *, is_new: bool) -> Told:
    """What the portal has after it took a call. `is_new`: it did not know the case before, and has our record."""
    if sent.sending is Sending.UPDATE:
        return Told(told.state, told.version, told.version)
    last = sent.moves[-1]
    recorded = told.recorded
    if sent.sending is Sending.REGISTER:
        recorded = last.version if is_new else 0
    stale = told.stale and not (sent.sending is Sending.REGISTER and is_new)
    return Told(last.to_state, last.version, recorded, stale)


class Finding(StrEnum):
    """What a look-up says of a call that got no answer."""

    TAKEN = "taken"
    NOT_TAKEN = "not_taken"
    LOST = "lost"
    """The portal does not have a case that it had: it is told from the beginning."""
    DIFFERS = "differs"
    """It has a state that we never told it: somebody has to look."""


def judge(told: Told, sent: Plan, found: CaseState | None, *, is_there: bool) -> tuple[Finding, Told]:
    """What became of `sent`, and what the portal has; `found` is None for a state that no table has."""
    if not is_there:
        return (Finding.NOT_TAKEN, told) if sent.sending is Sending.REGISTER else (Finding.LOST, Told())
    if sent.sending is Sending.REGISTER:
        return Finding.TAKEN, taken(told, sent, is_new=False)
    for place, move in enumerate(sent.moves, 1):
        if move.to_state is found:
            return Finding.TAKEN, taken(told, Plan(sent.sending, sent.moves[:place]), is_new=False)
    return (Finding.NOT_TAKEN if found is told.state else Finding.DIFFERS), told


def is_told(state: str | None) -> bool:
    """Whether the portal is told of this state of a case."""
    return state in {each.value for each in NATIONAL}
