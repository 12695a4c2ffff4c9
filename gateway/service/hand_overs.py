"""Cases that move between agencies (liên thông): handed over, acknowledged, passed on, given back."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from gateway.domain import agencies
from gateway.domain.case import CaseState
from gateway.domain.deadline import due
from gateway.domain.deadline_parts import Term, Unit
from gateway.domain.errors import Forbidden, Malformed
from gateway.domain.hand_over import TABLE, TRANSFER, TRANSFERABLE, StepEvent, StepState
from gateway.domain.machine import step
from gateway.service import access, case_moves, open_steps
from gateway.service.access import Caller
from gateway.service.context import Context
from gateway.service.idempotency import same_or_conflict
from gateway.store import case_steps
from gateway.store import cases as store
from gateway.store.case_steps import Step

EVENTS = frozenset({TRANSFER, StepEvent.ACKNOWLEDGE.value, StepEvent.RETURN.value})
"""What agencies ask for here, by the name of the event."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Who asks about which case, locked, and when."""

    connection: Connection
    case: store.Case
    caller: Caller
    now: datetime


def act(
    context: Context, caller: Caller, case_code: str, wanted: Mapping[str, Any], now: datetime
) -> store.Case:
    """Hand a case over, acknowledge it, or give it back; the same reference again is answered as the first time.

    `wanted` has `reference`, `event`; `transfer_to` (an identifier of either system), and where they are told `step`
    (what is to be done there) and `due` (`count` and `unit` of a term) with `transfer`; `reason` with `return_step`.

    Raises `NotFound`, `Forbidden`, `Malformed`, `ReferenceConflict`.
    """
    with context.engine.begin() as connection:
        case = access.seen(connection, caller, case_code, lock=True)
        print_ = case_moves.print_of(wanted)
        before = store.remember_transition(connection, case_code, wanted["reference"], print_)
        if before is not None:
            same_or_conflict(before, print_)
            return case
        asked = _Asked(connection, case, caller, now)
        if wanted["event"] == TRANSFER:
            return _transfer(context, asked, wanted)
        waiting, held = open_steps.of(connection, case_code)
        if wanted["event"] == StepEvent.ACKNOWLEDGE:
            return _acknowledge(asked, waiting, held)
        return _return(asked, waiting, held, wanted)


def _transfer(context: Context, asked: _Asked, wanted: Mapping[str, Any]) -> store.Case:
    connection, case, now = asked.connection, asked.case, asked.now
    access.check_decides(connection, asked.caller, case)
    if CaseState(case.state) not in TRANSFERABLE:
        raise Forbidden(f"a case in state {case.state} is not handed over")
    to = str(wanted["transfer_to"])
    if agencies.same(to, case.handler):
        raise Forbidden(f"the case is with {to} already")
    waiting, _ = open_steps.of(connection, case.case_code)
    if waiting is not None:
        raise Forbidden(f"the case waits to be acknowledged by {waiting.agency_code}")
    made = Step(
        case_code=case.case_code,
        number=case_steps.next_number(connection, case.case_code),
        from_agency=case.handler,
        agency_code=to,
        name=wanted.get("step") or "",
        reason=wanted.get("reason") or "",
        why_returned=None,
        state=StepState.HANDED_OVER.value,
        due_at=_due_at(context, case, to, wanted.get("due"), now),
        handed_over_at=now,
        acknowledged_at=None,
        ended_at=None,
    )
    case_steps.add(connection, made)
    return _told(asked, "case.transferred", case.handler, made)


def _due_at(
    context: Context, case: store.Case, to: str, given: Mapping[str, Any] | None, now: datetime
) -> datetime | None:
    """When the step is due by the receiver's hours. Raises `Malformed` where the case itself is due before."""
    if given is None:
        return None
    found = due(now, Term(given["count"], Unit(given["unit"])), context.calendar.of(to))
    if case.due_on is not None and found.on is not None and found.on > case.due_on:
        raise Malformed(
            f"the step would be due on {found.on.isoformat()}, after the case on {case.due_on.isoformat()}: "
            "name a later day for the case first"
        )
    return found.at


def _acknowledge(asked: _Asked, waiting: Step | None, held: Step | None) -> store.Case:
    if waiting is None:
        raise Forbidden("nothing of this case waits to be acknowledged")
    access.check_decides(asked.connection, asked.caller, asked.case, waiting.agency_code)
    if held is not None:
        to_state = step(TABLE, StepState(held.state), StepEvent.MOVE_ON)
        assert case_steps.move(asked.connection, held, to_state, asked.now)
    to_state = step(TABLE, StepState(waiting.state), StepEvent.ACKNOWLEDGE)
    assert case_steps.move(asked.connection, waiting, to_state, asked.now, acknowledged=True)
    return _told(asked, "case.step_acknowledged", waiting.agency_code, waiting)


def _return(asked: _Asked, waiting: Step | None, held: Step | None, wanted: Mapping[str, Any]) -> store.Case:
    if not wanted.get("reason"):
        raise Malformed("a case that is given back says why")
    back = waiting or held
    if back is None:
        raise Forbidden("this case was not handed over, or is with its sender again")
    if waiting is None or not _takes_back(asked.caller, waiting):
        access.check_decides(asked.connection, asked.caller, asked.case, back.agency_code)
    to_state = step(TABLE, StepState(back.state), StepEvent.RETURN)
    # told first: a receiver that never acknowledged hears of it, and sees the case no more
    changed = _told(asked, "case.step_returned", back.from_agency, back)
    assert case_steps.move(asked.connection, back, to_state, asked.now, why_returned=wanted["reason"])
    return changed


def _takes_back(caller: Caller, waiting: Step) -> bool:
    """Who handed it over may take it back until it is acknowledged."""
    return access.speaks_for(caller.agency_code, waiting.from_agency)


def _told(asked: _Asked, type_: str, handler: str, about: Step) -> store.Case:
    """The case with whoever has it now, and its event."""
    case = replace(asked.case, handled_by=handler)
    assert store.change(asked.connection, case.case_code, [case.state], {"handled_by": handler})
    data = {
        "step": about.number,
        "from_agency": about.from_agency,
        "to_agency": about.agency_code,
        "handled_by": handler,
        "due_at": None if about.due_at is None else about.due_at.isoformat(timespec="seconds"),
    }
    case_moves.append(asked.connection, case, asked.caller, type_, asked.now, to_state=case.state, data=data)
    changed = store.find(asked.connection, case.case_code)
    assert changed is not None
    return changed
