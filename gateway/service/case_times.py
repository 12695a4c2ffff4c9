"""The times of cases, kept behind from their events; and whom they are told: warned before a due date, told after it.

When the warning comes and what is late are the rules of `domain/lateness.py`; the due moment is the one that form 01
promised, the end of the desk's day on the due day. Each is told once for each day that was named: a case whose day is
moved is warned anew. A later day is the agency's to name (form 04). Where it gave a rule for that beforehand we issue
it once; where it gave none a person of it is told, and no day is invented.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final

import structlog
from sqlalchemy import Connection

from gateway.domain.case import CaseState
from gateway.domain.deadline_parts import Due
from gateway.domain.errors import GatewayError
from gateway.domain.lateness import Standing, standing, warn_at
from gateway.domain.workdays import VIETNAM, add_working_days, day_of
from gateway.ports import CLOSES_AT, ApologyRule
from gateway.service import case_moves, due_dates, extensions
from gateway.service.access import Caller
from gateway.service.context import Context
from gateway.service.official_forms import due_at
from gateway.service.paper_facts import Signatory
from gateway.store import alarms, spine
from gateway.store import case_times as store
from gateway.store import cases as case_store
from gateway.store.case_times import Times

log = structlog.get_logger()

TURN: Final = 100
AFTER_AN_ERROR: Final = timedelta(hours=1)
JUST_AFTER: Final = timedelta(microseconds=1)
"""The moment that is due is still in time."""
DUE_SOON: Final = "case.due_soon"
OVERDUE: Final = "case.overdue"
ACTOR: Final = "gateway"


class Told(StrEnum):
    """What was told of a due moment."""

    NOTHING = "nothing"
    DUE_SOON = "due_soon"
    OVERDUE = "overdue"


ENDED_AS: Final = {
    CaseState.RESULT_READY: "processed",
    CaseState.RESULT_DELIVERED: "processed",
    CaseState.STOPPED: "stopped",
    CaseState.REFUSED: "stopped",
    CaseState.WITHDRAWN: "withdrawn",
}
"""How the formulas of Index 766 see an end: 9 or 10, 8 or 3, 7 (`domain/index766.py`)."""


# --- from the spine -----------------------------------------------------------------------------


def follow(context: Context, connection: Connection, events: Sequence[spine.Event]) -> None:
    """Bring the times of the cases up to date that these events moved; an alarm that they answer is closed."""
    codes = sorted(
        {
            each.case_code
            for each in events
            if each.subject_kind == "case" and each.to_state and each.case_code
        }
    )
    if not codes:
        return
    known = store.lock(connection, codes)
    moves = spine.moves_of_cases(connection, codes)
    rows = []
    for case in case_store.find_many(connection, codes):
        if case.submitted_at is None:
            continue
        before = known.get(case.case_code)
        found, _ = times_of(context, case, moves[case.case_code], before)
        rows.append(found)
        if before is not None and before.told == Told.OVERDUE and _is_answered(before, found):
            alarms.close(connection, "case_overdue", case.case_code, events[-1].recorded_at)
    store.save(connection, rows)


def _is_answered(before: Times, found: Times) -> bool:
    return found.ended_at is not None or found.due_at not in {None, before.told_due_at}


def times_of(
    context: Context, case: case_store.Case, moves: Sequence[spine.Event], before: Times | None
) -> tuple[Times, Due | None]:
    """The times of a case by its moves, with what was told of it `before`; and the due date that they are of."""
    ended = next((move for move in moves if _end(move) is not None), None)
    due = watched(context, case, moves)
    found = Times(
        case_code=case.case_code,
        accepted_at=case.accepted_at,
        due_at=None if due is None else due.at,
        told=Told.NOTHING.value if before is None else before.told,
        told_due_at=None if before is None else before.told_due_at,
        next_at=None,
        ended_at=None if ended is None else ended.occurred_at,
        ended_as=None if ended is None else _end(ended),
        supplements=sum(
            move.to_state == CaseState.SUPPLEMENT_REQUIRED and move.from_state != move.to_state
            for move in moves
        ),
    )
    if due is None or due.at is None or ended is not None:
        return found, due
    timetable = context.calendar.of(case.agency_code)
    late_at = due.at + JUST_AFTER
    next_at = {
        Told.NOTHING: min(warn_at(due, timetable) or late_at, late_at),
        Told.DUE_SOON: late_at,
        Told.OVERDUE: None,
    }
    return replace(found, next_at=next_at[_told(found)]), due


def _told(times: Times) -> Told:
    """What was told of the due moment as it is now."""
    return Told(times.told) if times.told_due_at == times.due_at else Told.NOTHING


def _end(move: spine.Event) -> str | None:
    if move.to_state is None or move.from_state == move.to_state:
        return None
    return ENDED_AS.get(CaseState(move.to_state))


def watched(context: Context, case: case_store.Case, moves: Sequence[spine.Event]) -> Due | None:
    """The due date of a case at the moment that form 01 promised; None before its reception.

    A case that was stopped while it waited is judged by the day that it would have had.
    """
    if case.accepted_at is None or case.due_on is None:
        return None
    due_on = case.due_on
    try:
        found = due_dates.reckoned(context, case, moves)
        assert found is not None
    except (GatewayError, ValueError):
        # its procedure left the catalogue: the day that was named still stands
        found = Due(case.accepted_at, case.accepted_at, None, (), (), sure=False)
        is_open = CaseState(case.state) in due_dates.WAITING
    else:
        is_open = found.at is None
        if case.state == CaseState.STOPPED and found.on is not None:
            due_on = max(due_on, found.on)
    return found if is_open else replace(found, at=_promised_at(context, case.agency_code, due_on))


def _promised_at(context: Context, agency_code: str, on: date) -> datetime:
    agency = context.agencies.get(agency_code)
    if agency is None:
        return datetime.combine(on, CLOSES_AT, VIETNAM)
    return due_at(agency, on)


# --- who is told --------------------------------------------------------------------------------


def turn(context: Context) -> bool:
    """Tell of the cases that are due to be told of; returns whether there were any.

    A case that we stumble over is put off, for the others' sake.
    """
    now = context.clock()
    with context.engine.connect() as connection:
        codes = store.due(connection, now, TURN)
    for code in codes:
        try:
            tell(context, code, now)
        except Exception as error:  # noqa: BLE001 - what is wrong with one case does not hold up the others
            log.error("case_times_failed", case=code, error=type(error).__name__)
            with context.engine.begin() as connection:
                store.put_off(connection, code, now + AFTER_AN_ERROR)
    return bool(codes)


def tell(context: Context, case_code: str, now: datetime) -> None:
    """Warn of a case that is due soon, or say that it is late, as it stands now; nothing where that was said."""
    with context.engine.begin() as connection:
        before = store.take(connection, case_code, now)
        if before is None:
            return
        case = case_store.find(connection, case_code, lock=True)
        assert case is not None
        moves = spine.moves_of_cases(connection, [case_code])[case_code]
        found, due = times_of(context, case, moves, before)
        if found.next_at is not None and found.next_at <= now:
            assert due is not None
            assert due.at is not None, "what comes next is of a due date"
            is_late = standing(due, now, context.calendar.of(case.agency_code)) is Standing.LATE
            if is_late:
                _say(connection, case, OVERDUE, due.at)
                _answer(context, connection, case, moves, now)
            else:
                _say(connection, case, DUE_SOON, now)
            found = replace(
                found,
                told=(Told.OVERDUE if is_late else Told.DUE_SOON).value,
                told_due_at=due.at,
                next_at=None if is_late else due.at + JUST_AFTER,
            )
        store.save(connection, [found])


def _say(connection: Connection, case: case_store.Case, type_: str, at: datetime) -> None:
    assert case.due_on is not None
    data = {"due_on": case.due_on.isoformat(), "agency_code": case.agency_code}
    case_moves.append(connection, case, _caller(case), type_, at, data=data, actor=ACTOR)


def _caller(case: case_store.Case) -> Caller:
    return Caller(case.portal_id, case.agency_code, "clock")


def _answer(
    context: Context,
    connection: Connection,
    case: case_store.Case,
    moves: Sequence[spine.Event],
    now: datetime,
) -> None:
    """The apology that the agency gave a rule for; without one, or after it, a person of the agency is told."""
    agency = context.agencies.get(case.agency_code)
    rule = None if agency is None else agency.apology
    again = any(move.type == due_dates.EXTENDED and move.actor == ACTOR for move in moves)
    if rule is not None and not again:
        try:
            with connection.begin_nested():
                _apologise(context, connection, case, rule, now)
        except GatewayError as error:
            log.warning("no_apology", case=case.case_code, error=type(error).__name__)
        else:
            return
    detail = f"agency {case.agency_code}, due on {case.due_on}"
    alarms.raise_alarm(connection, "case_overdue", case.case_code, detail)


def _apologise(
    context: Context, connection: Connection, case: case_store.Case, rule: ApologyRule, now: datetime
) -> None:
    assert case.due_on is not None
    timetable = context.calendar.of(case.agency_code)
    new_on = add_working_days(max(case.due_on, day_of(now)), rule.working_days, timetable)
    later = extensions.Later(new_on, rule.reason, Signatory(rule.name, rule.title))
    extensions.name_later_day(context, connection, case, _caller(case), later, now, actor=ACTOR)
