"""Outages that stopped cases, certified by a person of an agency: the due dates of the cases of that time are moved.

A case follows by an event of its own, so its due date explains itself from its spine alone. Each batch makes its cases
agree with the certificate as it stands now: doing it again changes nothing, and one that was taken back is undone in
the same way (`specs/case.md` B5; who certifies is not written there: it is the agency's act, under a name).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.domain.agencies import is_within, path
from gateway.domain.case import TABLE, CaseState
from gateway.domain.deadline_parts import Due
from gateway.domain.errors import Forbidden, GatewayError, Malformed, NotFound
from gateway.domain.machine import terminal
from gateway.service import case_moves, due_dates
from gateway.service.access import Caller
from gateway.service.context import Context
from gateway.store import alarms, jobs, spine
from gateway.store import cases as case_store
from gateway.store import outages as store

log = structlog.get_logger()

TASK: Final = "follow_outage"
BATCH: Final = 100
LONGEST: Final = timedelta(days=31)
"""What lasts longer is a mistyped month: the days are certified one stretch after the other."""
REASON_CHARS: Final = 500
ENDS: Final = terminal(TABLE) | {CaseState.RESULT_READY}


@dataclass(frozen=True, slots=True)
class Certificate:
    """Something stood from `from_at` to `to_at` at an agency and those under it (None: everywhere); why, says whom."""

    agency_code: str | None
    from_at: datetime
    to_at: datetime
    reason: str
    by: str


def certify(context: Context, wanted: Certificate, now: datetime) -> tuple[store.Outage, bool]:
    """Keep a certificate, and have the cases follow it. Returns it, and whether it is new.

    The same agency and time again is the first one. Raises `Malformed` for a time that is not over, or is longer than
    an outage can be, and `NotFound` for an agency that we collect for none under.
    """
    _check(context, wanted, now)
    with context.engine.begin() as connection:
        known = store.find_same(connection, wanted.agency_code, wanted.from_at, wanted.to_at)
        if known is not None:
            return known, False
        outage_id = store.add(
            connection,
            agency_code=wanted.agency_code,
            from_at=wanted.from_at,
            to_at=wanted.to_at,
            reason=wanted.reason,
            by=wanted.by,
        )
        _put(connection, outage_id)
        made = store.find(connection, outage_id)
    assert made is not None
    return made, True


def _check(context: Context, wanted: Certificate, now: datetime) -> None:
    if not wanted.from_at < wanted.to_at <= now:
        raise Malformed("an outage ends after it began, and is certified when it is over")
    if wanted.to_at - wanted.from_at > LONGEST:
        raise Malformed(f"an outage lasts at most {LONGEST.days} days: certify a longer one in parts")
    _check_reason(wanted.reason)
    if wanted.agency_code is not None:
        path(wanted.agency_code)  # raises for what is no identifier
        if not any(is_within(code, wanted.agency_code) for code in context.agencies):
            raise NotFound("the agencies file has no agency of this code, and none under it")


def _check_reason(reason: str) -> None:
    if not 1 <= len(reason.strip()) <= REASON_CHARS or not reason.isprintable():
        raise Malformed(f"a reason has 1 to {REASON_CHARS} printable characters")


def take_back(context: Context, outage_id: int, reason: str, by: str) -> store.Outage:
    """The certificate was a mistake: a row says so, and the cases follow. Again it is as the first time.

    Raises `NotFound`, and `Malformed` for a reason that is none.
    """
    _check_reason(reason)
    try:
        with context.engine.begin() as connection:
            found = store.find(connection, outage_id)
            if found is None:
                raise NotFound("there is no such outage")
            if not found.taken_back:
                store.add(
                    connection,
                    agency_code=found.agency_code,
                    from_at=found.from_at,
                    to_at=found.to_at,
                    reason=reason,
                    by=by,
                    takes_back=outage_id,
                )
                _put(connection, outage_id)
    except IntegrityError as error:
        raise Forbidden("somebody takes this outage back at this moment") from error
    return found


def _put(connection: Connection, outage_id: int, after: str = "") -> None:
    args = {"outage_id": outage_id, "after": after}
    jobs.put(connection, TASK, subject=str(outage_id), args=args)


def follow(context: Context, outage_id: int, after: str, now: datetime) -> None:
    """One batch of the cases behind the code `after`; the next one is put down with it."""
    with context.engine.begin() as connection:
        outage = store.find(connection, outage_id)
        if outage is None:
            return
        found = case_store.open_between(connection, outage.from_at, outage.to_at, after, BATCH)
        above = outage.agency_code
        codes = [code for code, agency in found if above is None or is_within(agency, above)]
        moves = spine.moves_of_cases(connection, codes)
        doubtful = [code for code in codes if _is_concerned(moves[code], outage)]
        cases = case_store.find_many(connection, doubtful, lock=True)
        # read again under the locks: a case may have moved on between the two
        moves = spine.moves_of_cases(connection, [case.case_code for case in cases])
        for case in cases:
            _follow(context, connection, case, moves[case.case_code], outage, now)
        if len(found) == BATCH:
            _put(connection, outage_id, found[-1][0])


def _is_concerned(moves: Sequence[spine.Event], outage: store.Outage) -> bool:
    """Whether the case does not agree with the certificate: it was open then, and does not say so, or the other way."""
    ended = [move.occurred_at for move in moves if move.to_state in ENDS and move.from_state != move.to_state]
    was_open = not ended or ended[0] > outage.from_at
    counts = outage.id in due_dates.outages_of(moves)
    return counts if outage.taken_back else was_open and not counts


def _follow(
    context: Context,
    connection: Connection,
    case: case_store.Case,
    moves: Sequence[spine.Event],
    outage: store.Outage,
    now: datetime,
) -> None:
    if not _is_concerned(moves, outage):
        return
    try:
        before = due_dates.reckoned(context, case, moves)
        stops = due_dates.outages_of(moves)
        if outage.taken_back:
            del stops[outage.id]
        else:
            stops[outage.id] = due_dates.outage(outage.id, outage.from_at, outage.to_at)
        after = due_dates.reckoned(context, case, moves, outages=stops)
    except (GatewayError, ValueError) as error:
        log.error("outage_not_counted", case=case.case_code, error=type(error).__name__)
        alarms.raise_alarm(connection, "outage_not_counted", case.case_code, f"outage {outage.id}")
        return
    assert before is not None
    assert after is not None, "it was taken in"
    # while it waits nothing is due, and what counts is seen when it goes on
    if after.at is None or before.at != after.at:
        _move(connection, case, after, outage, now)


def _move(
    connection: Connection, case: case_store.Case, after: Due, outage: store.Outage, now: datetime
) -> None:
    due_on = after.on or case.due_on
    if due_on is not None and case.due_on is not None and not outage.taken_back:
        due_on = max(due_on, case.due_on)
    case_store.change(connection, case.case_code, [case.state], {"due_on": due_on})
    data = {
        "outage": outage.id,
        "taken_back": outage.taken_back,
        "from_at": outage.from_at.isoformat(),
        "to_at": outage.to_at.isoformat(),
        "reason": outage.why_back or outage.reason,
        "was_due_on": None if case.due_on is None else case.due_on.isoformat(),
        "due_on": None if due_on is None else due_on.isoformat(),
    }
    caller = Caller(case.portal_id, case.agency_code, f"outage:{outage.id}")
    case_moves.append(
        connection,
        case,
        caller,
        due_dates.MOVED,
        now,
        to_state=case.state,
        data=data,
        actor=outage.taken_back_by or outage.certified_by,
    )
