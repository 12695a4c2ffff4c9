"""An agency that cannot keep the day it named: it names a later one, says why, and apologises (form 04)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from gateway.domain.case import IN_WORK, CaseState
from gateway.domain.errors import Forbidden, Malformed
from gateway.service import access, case_moves, paper_facts
from gateway.service.access import Caller
from gateway.service.context import Context
from gateway.service.idempotency import same_or_conflict
from gateway.service.official_forms import due_at
from gateway.service.paper_facts import Cause, Said, Signatory
from gateway.store import cases as store

LONGEST = timedelta(days=366)
"""Beyond the day that was named before: further off it is a mistyped year."""


@dataclass(frozen=True, slots=True)
class Later:
    """The day that is named now, why, and the official who says so."""

    new_due_on: date
    reason: str
    official: Signatory


def extend(
    context: Context, caller: Caller, case_code: str, wanted: Mapping[str, Any], now: datetime
) -> store.Case:
    """Name a new day for the result; the same reference again is answered as the first time.

    `wanted` has `reference`, `reason`, `new_due_on` (a date), and where it is told `official` (name and title).

    Raises `NotFound`; `Forbidden` where the agency does not have the case in work; `Malformed` for a day that is not
    later than the one named before, is over, too far off, or no working day; `ReferenceConflict`.
    """
    with context.engine.begin() as connection:
        case = access.seen(connection, caller, case_code, lock=True)
        new_due_on: date = wanted["new_due_on"]
        print_ = case_moves.print_of(
            {**wanted, "new_due_on": new_due_on.isoformat(), "event": case_moves.EXTENSION}
        )
        before = store.remember_transition(connection, case_code, wanted["reference"], print_)
        if before is not None:
            same_or_conflict(before, print_)
            return case
        access.check_decides(connection, caller, case)
        later = Later(new_due_on, wanted["reason"], Signatory(**wanted.get("official") or {}))
        return name_later_day(context, connection, case, caller, later, now)


def name_later_day(
    context: Context,
    connection: Connection,
    case: store.Case,
    caller: Caller,
    later: Later,
    now: datetime,
    *,
    actor: str | None = None,
) -> store.Case:
    """Move the day of a case that the caller holds locked, and put the apology down; the case as it is then.

    `actor`: who does it where that is not the portal. Raises `Forbidden` and `Malformed`, as `extend`.
    """
    if CaseState(case.state) not in IN_WORK or case.due_on is None:
        raise Forbidden("only a case that its agency has in work has a day that can be moved")
    _check(context, case, case.due_on, later.new_due_on, now)
    store.change(connection, case.case_code, [case.state], {"due_on": later.new_due_on})
    data = {
        "reason": later.reason,
        "was_due_on": case.due_on.isoformat(),
        "due_on": later.new_due_on.isoformat(),
    }
    event_id = case_moves.append(
        connection, case, caller, "case.extended", now, to_state=case.state, data=data, actor=actor
    )
    changed = store.find(connection, case.case_code)
    assert changed is not None
    said = Said(reason=later.reason, was_due_on=case.due_on, official=later.official)
    paper_facts.plan(context, connection, changed, Cause(event_id, paper_facts.APOLOGY, now, said))
    return changed


def _check(context: Context, case: store.Case, due_on: date, new_due_on: date, now: datetime) -> None:
    if new_due_on <= due_on:
        raise Malformed(f"the new day is later than {due_on.isoformat()}, the one named before")
    if new_due_on > due_on + LONGEST:
        raise Malformed(f"the new day is at most {LONGEST.days} days later than the one named before")
    if due_at(context.agency(case.agency_code), new_due_on) <= now:
        raise Malformed("the new day is over")
    if not context.calendar.of(case.agency_code).is_working(new_due_on):
        raise Malformed("the new day is no working day: nobody could fetch a result then")
