"""When a case is due, reckoned again from what happened to it: the time that it waited for the citizen does not count.

`specs/case.md` B3 and B5: the clock stands in states 5 (supplement) and 6 (fee), and in a certified outage; form 04
names a later day.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Final

from gateway.domain.case import CaseState
from gateway.domain.deadline import due
from gateway.domain.deadline_parts import Due, Extension, Stop, StopKind, Term
from gateway.domain.fees import Channel
from gateway.domain.workdays import Timetable, working_days_between
from gateway.service.context import Context
from gateway.store.cases import Case
from gateway.store.spine import Event

EXTENDED: Final = "case.extended"
MOVED: Final = "case.due_moved"
"""A certified outage counts for the case, or does not any more (`taken_back`)."""
WAITING: Final = {
    CaseState.SUPPLEMENT_REQUIRED: StopKind.SUPPLEMENT,
    CaseState.FEE_DUE: StopKind.FEE,
}
"""The states in which the citizen has to act, and the clock stands."""


def promised(context: Context, case: Case, received_at: datetime) -> Due:
    """The due date as it is said at reception."""
    return due(received_at, term_of(context, case), context.calendar.of(case.agency_code))


def reckoned(
    context: Context,
    case: Case,
    timeline: Iterable[Event],
    resumed_at: datetime | None = None,
    *,
    outages: Mapping[int, Stop] | None = None,
) -> Due | None:
    """The due date after all that the spine tells of the case; None before its reception.

    `resumed_at` ends a wait whose end is not on the spine yet. `outages`: these count, and not those of the spine.
    While the case waits, the date itself is None.
    """
    if case.accepted_at is None:
        return None
    timetable, events = context.calendar.of(case.agency_code), list(timeline)
    stood = outages_of(events) if outages is None else outages
    return due(
        case.accepted_at,
        term_of(context, case),
        timetable,
        stops=(*_stops(events, resumed_at), *stood.values()),
        extensions=tuple(_extensions(events, timetable)),
    )


def term_of(context: Context, case: Case) -> Term:
    """The time that the procedure gives for what came by the case's channel."""
    known = context.catalogue.version(case.procedure_code, case.procedure_version)
    return known.term(Channel(case.channel))


def outages_of(events: Iterable[Event]) -> dict[int, Stop]:
    """The certified outages that count for a case by its spine, by their number."""
    found: dict[int, Stop] = {}
    for event in events:
        if event.type != MOVED:
            continue
        number = int(str(event.data["outage"]))
        if event.data["taken_back"]:
            found.pop(number, None)
        else:
            from_at, to_at = (datetime.fromisoformat(str(event.data[name])) for name in ("from_at", "to_at"))
            found[number] = outage(number, from_at, to_at)
    return found


def outage(number: int, from_at: datetime, to_at: datetime) -> Stop:
    """A certified outage as the clock of a case knows it."""
    return Stop(StopKind.OUTAGE, from_at, to_at, f"GĐ/{number}")


def _stops(events: Iterable[Event], resumed_at: datetime | None) -> Iterator[Stop]:
    since: datetime | None = None
    kind = StopKind.SUPPLEMENT
    for event in events:
        if event.subject_kind != "case" or event.to_state in {None, event.from_state}:
            continue
        if since is not None and since < event.occurred_at:
            yield Stop(kind, since, event.occurred_at)
        waits = WAITING.get(CaseState(event.to_state))
        since, kind = (None, kind) if waits is None else (event.occurred_at, waits)
    if since is not None and (resumed_at is None or since < resumed_at):
        yield Stop(kind, since, resumed_at)


def _extensions(events: Iterable[Event], timetable: Timetable) -> Iterator[Extension]:
    """Each as so many working days more than the day before it, so that a later wait moves it too."""
    for event in events:
        if event.type == EXTENDED:
            was_on, new_on = (date.fromisoformat(str(event.data[name])) for name in ("was_due_on", "due_on"))
            yield Extension(Term(working_days_between(was_on, new_on, timetable)), f"04/{event.version}")
