"""How a call to the national portal ends: what it took is noted, what it refused waits for a person."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from gateway.domain.case import NATIONAL, CaseState
from gateway.domain.errors import NotFound
from gateway.domain.machine import step
from gateway.domain.portal_sync import TABLE, Move, Plan, SyncEvent, SyncState, Told
from gateway.ports import CasePortal, KnownCase, UnknownCase
from gateway.service.context import Context
from gateway.store import alarms, spine
from gateway.store import cases as case_store
from gateway.store import portal_sync as store

DONE: dict[str, object] = {"sending": None, "sent_through": None, "sent_at": None}
"""No call is out."""


@dataclass(frozen=True, slots=True)
class Held:
    """A case in our hands: what is out or goes out, and what the portal has."""

    case: case_store.Case
    sync: store.Sync
    moves: Sequence[Move]
    told: Told
    sent: Plan
    look_up: bool


def change(
    context: Context, held: Held, values: dict[str, object], then: Callable[[Connection], None] | None = None
) -> None:
    """Write the end of this call, unless it was ended by somebody else meanwhile."""
    with context.engine.begin() as connection:
        sync = store.find(connection, held.case.case_code, lock=True)
        assert sync is not None
        if (sync.sending, sync.sent_at) != (held.sync.sending, held.sync.sent_at):
            return
        store.change(connection, sync.case_code, values)
        if then is not None:
            then(connection)


def settle(context: Context, held: Held, told: Told, code: str, now: datetime) -> None:
    """The portal took it, and has `told` now."""
    values = {**_told(held, told), **DONE, "failures": 0, "next_at": now, "code": code or None}

    def then(connection: Connection) -> None:
        data = {"sent": held.sent.sending.value, **_national(told.state)}
        _append(connection, held.case, held.sync.version + 1, "sync.told", now, data)
        for name in ("sync_unclear", "sync_state_differs", "sync_lost"):
            alarms.close(connection, name, held.case.case_code, now)

    change(context, held, values, then)


def lose(context: Context, held: Held, code: str, now: datetime) -> None:
    """The portal does not have a case that it had: after a pause it is told it from the beginning."""
    pause, failures = _pause(context, held.sync.failures)
    values = {
        **_told(held, Told()),
        **DONE,
        "failures": failures,
        "next_at": now + pause,
        "code": code or None,
    }

    def then(connection: Connection) -> None:
        _append(connection, held.case, held.sync.version + 1, "sync.lost", now, {"code": code})
        detail = f"told {held.sync.told_state}, and the portal has no such case"
        alarms.raise_alarm(connection, "sync_lost", held.case.case_code, detail)

    change(context, held, values, then)


def _told(held: Held, told: Told) -> dict[str, object]:
    return {
        "version": held.sync.version + 1,
        "told_state": told.state.value,
        "told_version": told.version,
        "recorded_version": told.recorded,
        "recorded_facts": held.sync.recorded_facts if told.stale else held.sync.facts,
    }


def _pause(context: Context, failures: int) -> tuple[timedelta, int]:
    """How long it is left alone after one more failure, and how many there are then."""
    delays = context.schedules.sync_s
    return timedelta(seconds=delays[min(failures, len(delays) - 1)]), failures + 1


def _national(state: CaseState) -> dict[str, object]:
    return {"national_code": NATIONAL[state][0]} if state in NATIONAL else {}


def refuse(context: Context, portal: CasePortal, held: Held, code: str, now: datetime) -> None:
    state = step(TABLE, SyncState(held.sync.state), SyncEvent.REFUSE)
    values = {**DONE, "state": state.value, "version": held.sync.version + 1, "code": code}

    def then(connection: Connection) -> None:
        data = {"sent": held.sent.sending.value, "code": code}
        _append(connection, held.case, held.sync.version + 1, "sync.refused", now, data)
        detail = f"{portal.name} refused {held.sent.sending}, code {code}"
        alarms.raise_alarm(connection, "sync_refused", held.case.case_code, detail)

    change(context, held, values, then)


def _append(
    connection: Connection,
    case: case_store.Case,
    version: int,
    type_: str,
    now: datetime,
    data: Mapping[str, object],
    *,
    actor: str = "gateway",
) -> None:
    spine.append(
        connection,
        spine.Change(
            subject_kind="sync",
            subject_id=case.case_code,
            type=type_,
            version=version,
            actor=actor,
            cause="portal_sync",
            occurred_at=now,
            portal_id=case.portal_id,
            case_code=case.case_code,
            data=data,
        ),
    )


def put_off(context: Context, held: Held, now: datetime, *, code: str | None = None) -> None:
    """Nobody knows whether it was taken: it is looked up after a pause."""
    pause, failures = _pause(context, held.sync.failures)

    def then(connection: Connection) -> None:
        if failures > len(context.schedules.sync_s):
            detail = f"{held.sent.sending}, looked up {failures} times"
            alarms.raise_alarm(connection, "sync_unclear", held.case.case_code, detail)

    change(context, held, {"failures": failures, "next_at": now + pause, "code": code}, then)


def differs(context: Context, held: Held, found: KnownCase | UnknownCase, now: datetime) -> None:
    """The portal has a state that it was not told by us: one side is wrong, and nothing more is sent meanwhile."""
    has = found.code if isinstance(found, KnownCase) else "none"
    with context.engine.begin() as connection:
        detail = f"told {held.sync.told_state}, the portal has code {has[:60]}"
        alarms.raise_alarm(connection, "sync_state_differs", held.case.case_code, detail)
    put_off(context, held, now)


def unknown_code(context: Context, portal: CasePortal, code: str, case_code: str) -> None:
    with context.engine.begin() as connection:
        subject = f"{portal.name}:{code[:60] or 'none'}"
        alarms.raise_alarm(connection, "unknown_sync_code", subject, case_code)


def stumble(context: Context, case_code: str, now: datetime) -> None:
    """An error of ours: the case is left alone for a while, and a call that is out is looked up then."""
    with context.engine.begin() as connection:
        sync = store.find(connection, case_code, lock=True)
        assert sync is not None
        pause, failures = _pause(context, sync.failures)
        store.change(connection, case_code, {"failures": failures, "next_at": now + pause})
        if failures > len(context.schedules.sync_s):
            alarms.raise_alarm(connection, "sync_unclear", case_code, f"failed {failures} times")


def retry(context: Context, case_code: str, by: str, now: datetime) -> None:
    """A person, `by` as an actor, mended what the portal refused a case for; nothing where it was not refused.

    Raises `NotFound`.
    """
    with context.engine.begin() as connection:
        sync = store.find(connection, case_code, lock=True)
        case = case_store.find(connection, case_code)
        if sync is None or case is None:
            raise NotFound("the national portal is not told of a case of this code")
        if sync.state != SyncState.REFUSED:
            return
        state, version = step(TABLE, SyncState.REFUSED, SyncEvent.RETRY), sync.version + 1
        values = {"state": state.value, "version": version, "failures": 0, "next_at": now}
        store.change(connection, case_code, values)
        _append(connection, case, version, "sync.retried", now, {}, actor=by)
        alarms.close(connection, "sync_refused", case_code, now)
