"""Telling the national portal of cases: registration, then every step in its order, then the record up to date.

A consumer of the spine notes which cases have moved; a loop works on those that are due, one call at a time for each. A
call is written down before it is made. What got no answer is looked up before anything more is sent (house law 3): what
the portal has is never sent again, what it has not is. While the portal is away nothing is called but one probe after
each pause; when it answers again everything is due at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

import structlog
from sqlalchemy import Connection

from gateway.domain.case import CaseState
from gateway.domain.errors import Malformed, OutcomeUnknown, Refused, TransportError, Unreachable
from gateway.domain.machine import step
from gateway.domain.portal_sync import (
    TABLE,
    Finding,
    Halt,
    Plan,
    Sending,
    SyncEvent,
    SyncState,
    Told,
    is_told,
    judge,
    plan,
    taken,
)
from gateway.ports import STEPS_MOST, CasePortal, KnownCase, SyncAnswer, SyncVerdict
from gateway.service import portal_record, watch
from gateway.service import portal_sync_ends as ends
from gateway.service.context import Context
from gateway.service.portal_sync_ends import Held
from gateway.store import alarms, spine
from gateway.store import cases as case_store
from gateway.store import health as health_store
from gateway.store import portal_sync as store

log = structlog.get_logger()

R = TypeVar("R")

TURN = 50
SHOWN_AT_ONCE = 500
IN_FLIGHT = timedelta(minutes=2)
"""No call lasts longer: until then "not taken" may only mean "not taken yet"."""
OTHER_FACTS = frozenset(
    {
        "case.extended",
        "case.due_moved",
        "case.fees_changed",
        "case.step_acknowledged",
        "case.step_returned",
        "payment.succeeded",
        "refund.succeeded",
        "delivery.ordered",
    }
)
"""What changes the record of a case without a step: its day, its fees, their payment, how the result is returned, and
which agency has it."""
GAP_PAUSE = timedelta(seconds=30)
GAP_ALARM_AFTER = timedelta(minutes=10)


def note_moves(context: Context, connection: Connection, events: Sequence[spine.Event]) -> None:  # noqa: ARG001 - as the other consumers
    """Cases that have moved are to be told; those that changed otherwise have a record that is out of date."""
    moved: dict[str, datetime] = {}
    changed: dict[str, datetime] = {}
    for event in events:
        if event.case_code is None:
            continue
        if event.type in OTHER_FACTS:
            changed.setdefault(event.case_code, event.occurred_at)
        elif event.subject_kind == "case" and is_told(event.to_state):
            moved.setdefault(event.case_code, event.occurred_at)
    store.fall_behind(connection, moved)
    store.outdate(connection, changed)


def turn(context: Context, portal: CasePortal) -> bool:
    """Work on the cases that are due; returns whether there was work that could be done.

    A case that we stumble over is put off, for the others' sake. Raises the `TransportError` that ended the turn.
    """
    now = context.clock()
    with context.engine.begin() as connection:
        shown = store.show(connection, SHOWN_AT_ONCE)
        health = health_store.see(connection, portal.name).health
        codes = store.due(connection, now, TURN) if health.is_up or health.is_due(now) else ()
    for code in codes:
        try:
            work(context, portal, code, context.clock())
        except TransportError:
            raise
        except Exception as error:  # noqa: BLE001 - what is wrong with one case does not hold up the others
            log.error("sync_failed", case=code, error=type(error).__name__)
            ends.stumble(context, code, context.clock())
    return bool(codes) or shown > 0


def work(context: Context, portal: CasePortal, case_code: str, now: datetime) -> None:
    """One call about a case that is due. Raises `Unreachable`, `OutcomeUnknown`."""
    held = _take(context, case_code, now)
    if held is None:
        return
    try:
        if held.look_up:
            _look(context, portal, held, now)
        else:
            _send(context, portal, held, now)
    except Unreachable:
        # the call did not go out; one that is looked up stays as it was
        ends.change(context, held, {"next_at": now} if held.look_up else {**ends.DONE, "next_at": now})
        raise
    except OutcomeUnknown:
        ends.put_off(context, held, now)
        raise


def _take(context: Context, case_code: str, now: datetime) -> Held | None:
    """Take a case and write down what is about to be done; None where there is nothing to do or another has it."""
    with context.engine.begin() as connection:
        sync = store.take(connection, case_code, now)
        if sync is None:
            return None
        case = case_store.find(connection, case_code)
        assert case is not None
        moves = store.moves(connection, case_code)
        stale = sync.facts > sync.recorded_facts
        told = Told(CaseState(sync.told_state), sync.told_version, sync.recorded_version, stale)
        store.change(connection, case_code, {"next_at": now + IN_FLIGHT})
        if sync.sending is not None:
            through = sync.sent_through or 0
            batch = tuple(move for move in moves if told.version < move.version <= through)
            return Held(case, sync, moves, told, Plan(Sending(sync.sending), batch), look_up=True)
        next_ = plan(told, moves, STEPS_MOST)
        if isinstance(next_, Halt):
            _halt(connection, sync, next_, now)
            return None
        out = replace(sync, sending=next_.sending.value, sent_through=next_.through, sent_at=now)
        store.change(connection, case_code, {name: getattr(out, name) for name in ends.DONE})
        return Held(case, out, moves, told, next_, look_up=False)


def _halt(connection: Connection, sync: store.Sync, halt: Halt, now: datetime) -> None:
    if halt is Halt.NOTHING:
        state = step(TABLE, SyncState(sync.state), SyncEvent.CATCH_UP)
        store.change(connection, sync.case_code, {"state": state.value, "failures": 0})
        alarms.close(connection, "sync_out_of_order", sync.case_code, now)
        return
    store.change(connection, sync.case_code, {"next_at": now + GAP_PAUSE})
    if now - sync.behind_since > GAP_ALARM_AFTER:
        detail = f"told {sync.told_state}, version {sync.told_version}"
        alarms.raise_alarm(connection, "sync_out_of_order", sync.case_code, detail)


def _send(context: Context, portal: CasePortal, held: Held, now: datetime) -> None:
    try:
        answer = _spoken(context, portal, lambda: _call(context, portal, held, now), now)
    except _Unwritable:  # no portal could take it: that is for a person, as a refusal is
        ends.refuse(context, portal, held, Malformed.__name__, now)
        return
    verdict = answer.verdict
    if verdict is SyncVerdict.TAKEN:
        ends.settle(context, held, taken(held.told, held.sent, is_new=True), answer.code, now)
    elif verdict is SyncVerdict.ALREADY_THERE and held.sent.sending is Sending.REGISTER:
        ends.settle(context, held, taken(held.told, held.sent, is_new=False), answer.code, now)
    elif verdict is SyncVerdict.NOT_THERE and held.sent.sending is not Sending.REGISTER:
        ends.lose(context, held, answer.code, now)
    elif verdict is SyncVerdict.REFUSED:
        ends.refuse(context, portal, held, answer.code, now)
    else:
        ends.unknown_code(context, portal, answer.code, held.case.case_code)
        ends.put_off(context, held, now, code=answer.code)


class _Unwritable(Exception):  # noqa: N818 - named for what happened
    """The case cannot be written on the wire: that says nothing of the portal, and nothing was sent."""


def _call(context: Context, portal: CasePortal, held: Held, now: datetime) -> SyncAnswer:
    through = max(held.told.version, held.sent.through)
    so_far = [move for move in held.moves if move.version <= through]
    try:
        if held.sent.sending is Sending.STEPS:
            return portal.tell(portal_record.steps(context, held.case, so_far, held.sent.moves), now)
        with context.engine.connect() as connection:
            record = portal_record.record(context, connection, held.case, so_far)
        return portal.put(record, now, known=held.sent.sending is Sending.UPDATE)
    except Malformed as error:
        raise _Unwritable from error


def _look(context: Context, portal: CasePortal, held: Held, now: datetime) -> None:
    """It was sent, and nobody knows what became of it."""
    case = held.case
    try:
        found = _spoken(context, portal, lambda: portal.look_up(case.case_code, case.agency_code, now), now)
    except Malformed:
        ends.put_off(context, held, now)
        return
    state = found.state if isinstance(found, KnownCase) else None
    finding, told = judge(held.told, held.sent, state, is_there=isinstance(found, KnownCase))
    in_flight = held.sync.sent_at is not None and now - held.sync.sent_at < IN_FLIGHT
    if isinstance(found, KnownCase) and found.state is None:
        ends.unknown_code(context, portal, found.code, case.case_code)
    if finding is Finding.TAKEN:
        ends.settle(context, held, told, "", now)
    elif finding is Finding.DIFFERS:
        ends.differs(context, held, found, now)
    elif in_flight:
        ends.put_off(context, held, now)
    elif finding is Finding.LOST:
        ends.lose(context, held, "", now)
    else:  # nothing of it was taken: it is sent again
        ends.change(context, held, {**ends.DONE, "next_at": now})


def _spoken(context: Context, portal: CasePortal, call: Callable[[], R], now: datetime) -> R:
    """What a call gives; when the portal has come up again, everything that waits is due at once.

    Raises what the call raises, and `Unreachable` while the portal is down.
    """
    watch.enter(context, portal, now)
    with context.engine.connect() as connection:
        before = health_store.see(connection, portal.name).health
    answer = watch.spoken(context, portal.name, lambda: _let_in(context, portal, call), now)
    if not before.is_up or before.failures:
        with context.engine.begin() as connection:
            store.hasten(connection, now, now - IN_FLIGHT)
            alarms.close(connection, "sync_shut_out", portal.name, now)
    return answer


def _let_in(context: Context, portal: CasePortal, call: Callable[[], R]) -> R:
    """For a case it is the same whether the portal cannot be reached or does not let us call: nothing was looked at."""
    try:
        return call()
    except Refused as error:
        with context.engine.begin() as connection:
            alarms.raise_alarm(connection, "sync_shut_out", portal.name, f"code {error.code[:60]}")
        raise Unreachable("the portal does not let us call; nothing of the case was looked at") from None
