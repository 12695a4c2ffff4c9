"""How a case moves: its state, the times that follow, its event, and the official papers that this makes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from gateway.domain.case import ENDED_WITHOUT_RESULT, IN_WORK, NATIONAL, TABLE, CaseEvent, CaseState
from gateway.domain.errors import Forbidden
from gateway.domain.machine import sources, step
from gateway.domain.procedure import PayWhen
from gateway.service import access, due_dates, open_steps, paper_facts
from gateway.service.access import Caller
from gateway.service.context import Context
from gateway.service.idempotency import fingerprint
from gateway.service.paper_facts import Cause, Said
from gateway.store import cases as store
from gateway.store import spine

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
EXTENSION = "extension"
"""What stands for the event in the fingerprint of an extension, whose references are those of decisions."""
WORDLESS = frozenset(
    {
        *("step", "from_agency", "to_agency", "handled_by", "due_at", "due_on", "was_due_on", "owed_vnd"),
        *("document", "documents", "sha256", "national_code", "national_name"),
    }
)
"""What of an event the portals of receiving agencies are told; the words of a decision stand with the case."""
OVER = ENDED_WITHOUT_RESULT | {CaseState.RESULT_READY}
"""No agency has anything more to do with a case in these."""
LATER = frozenset({"supplement", "official", "transfer_to", "step", "due"})
"""What a decision may say since a later release: a replay from before has the fingerprint that it had then."""


def print_of(wanted: Mapping[str, Any]) -> str:
    """The fingerprint of what an agency decides; what came with later releases is no part of it until it is told."""
    return fingerprint({name: value for name, value in wanted.items() if value or name not in LATER})


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a move: on the spine, and on the paper that it makes."""

    data: Mapping[str, Any] = field(default_factory=dict)
    said: Said = field(default_factory=Said)


def _dates(
    context: Context, connection: Connection, case: store.Case, to_state: CaseState, now: datetime
) -> dict[str, Any]:
    """The times that a move sets.

    The first one into work is the reception, by whichever event it comes; one out of a wait for the citizen moves the
    due date by the time that it lasted. Raises `Forbidden` where the reception waits for the fee.
    """
    if to_state is CaseState.RESULT_READY:
        return {"finished_at": now}
    if to_state not in IN_WORK:
        return {}
    if case.accepted_at is None:
        _paid_before(connection, case)
        return {"accepted_at": now, "due_on": due_dates.promised(context, case, now).on}
    if CaseState(case.state) in due_dates.WAITING:
        found = due_dates.reckoned(context, case, spine.of_case(connection, case.case_code), now)
        assert found is not None
        return {"due_on": found.on}
    return {}


def _paid_before(connection: Connection, case: store.Case) -> None:
    """Raises `Forbidden` where the fee comes before the reception and is not all here; unclear money is not."""
    if case.pay != PayWhen.BEFORE:
        return
    paid_vnd, owed_vnd = store.paid_and_owed(connection, case.case_code)
    if paid_vnd < owed_vnd:
        raise Forbidden(
            f"the fee of this procedure is paid before the case is received: {owed_vnd - paid_vnd} VND are not here"
        )


def hand_over(connection: Connection, case_code: str, cause: str, handed_over_at: datetime) -> None:
    """The result is in the citizen's hands, by proof: result_ready becomes result_delivered, where it can."""
    case = store.find(connection, case_code, lock=True)
    assert case is not None
    if (CaseState(case.state), CaseEvent.DELIVER) in TABLE:
        caller, values = Caller(case.portal_id, case.agency_code, cause), {"handed_over_at": handed_over_at}
        _move(connection, case, caller, CaseEvent.DELIVER, handed_over_at, values=values, actor="gateway")


def fee_paid(context: Context, connection: Connection, case_code: str, cause: str, at: datetime) -> None:
    """The fee that a case waited for is paid; nothing where the case has no such move now."""
    case = store.find(connection, case_code, lock=True)
    assert case is not None
    if (CaseState(case.state), CaseEvent.FEE_PAID) in TABLE:
        caller = Caller(case.portal_id, case.agency_code, cause)
        advance(context, connection, case, caller, CaseEvent.FEE_PAID, at, actor="gateway")


def advance(
    context: Context,
    connection: Connection,
    case: store.Case,
    caller: Caller,
    event: CaseEvent,
    now: datetime,
    *,
    values: Mapping[str, Any] | None = None,
    told: Told | None = None,
    actor: str | None = None,
) -> store.Case:
    """Move a case, set the times that follow, and put down the papers that this makes; the case as it is then."""
    told = told or Told()
    dates = _dates(context, connection, case, step(TABLE, CaseState(case.state), event), now)
    values = {**dates, **(values or {})}
    event_id = _move(connection, case, caller, event, now, values=values, data=told.data, actor=actor)
    if case.handled_by is not None and step(TABLE, CaseState(case.state), event) in OVER:
        open_steps.end(connection, case.case_code, now)
    changed = store.find(connection, case.case_code)
    assert changed is not None
    forms = [paper_facts.RECEPTION] if "accepted_at" in dates else []
    # without a due day a case was taken in before there were papers, and its control slip would lack it
    if event in paper_facts.FORMS and not (event is CaseEvent.FINISH and changed.due_on is None):
        forms.append(paper_facts.FORMS[event])
    for form in forms:
        paper_facts.plan(context, connection, changed, Cause(event_id, form, now, told.said))
    return changed


def _move(
    connection: Connection,
    case: store.Case,
    caller: Caller,
    event: CaseEvent,
    now: datetime,
    *,
    values: Mapping[str, Any],
    data: Mapping[str, Any] | None = None,
    actor: str | None = None,
) -> int:
    to_state = step(TABLE, CaseState(case.state), event)
    from_states = [state.value for state in sources(TABLE, event)]
    if not store.change(connection, case.case_code, from_states, {"state": to_state.value, **values}):
        raise Forbidden("the case has moved on meanwhile")
    code, words = NATIONAL[to_state]
    return append(
        connection,
        case,
        caller,
        f"case.{to_state.value}",
        now,
        to_state=to_state.value,
        data={"national_code": code, "national_name": words, **(data or {})},
        actor=actor,
    )


def append(
    connection: Connection,
    case: store.Case,
    caller: Caller,
    type_: str,
    now: datetime,
    *,
    to_state: str | None = None,
    data: Mapping[str, Any] | None = None,
    actor: str | None = None,
) -> int:
    """What happened to a case, on the spine; with `to_state` its state moved. The event's id.

    The portals of agencies that the case was handed over to are told of it by an event of their own.
    """
    change = spine.Change(
        subject_kind="case",
        subject_id=case.case_code,
        type=type_,
        version=case.version + (to_state is not None),
        actor=actor or f"portal:{caller.portal_id}",
        cause=caller.cause,
        occurred_at=now,
        portal_id=case.portal_id,
        case_code=case.case_code,
        from_state=case.state,
        to_state=to_state,
        data=data or {},
    )
    event_id = spine.append(connection, change)
    if case.handled_by is not None:
        # no event of the case itself: what follows from those, follows once; and no words, which would be kept twice
        told = {name: value for name, value in change.data.items() if name in WORDLESS}
        told["case_code"] = case.case_code
        for portal_id in access.receiving(connection, case):
            spine.append(connection, replace(change, portal_id=portal_id, case_code=None, data=told))
    return event_id
