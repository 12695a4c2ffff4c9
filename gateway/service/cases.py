"""Cases: found, shown, and what the agency decides. They are filed by `filing`, documents taken in by `documents`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.domain.case import AGENCY_EVENTS, CaseEvent
from gateway.domain.errors import Forbidden, Malformed, NotFound
from gateway.domain.hand_over import CITIZENS
from gateway.service import access, filing, handing_in
from gateway.service.access import Caller
from gateway.service.case_moves import VIETNAM, Told, advance, append, fee_paid, hand_over, print_of
from gateway.service.context import Context
from gateway.service.filing import today
from gateway.service.handing_in import check_complete, procedure_of
from gateway.service.idempotency import same_or_conflict
from gateway.service.paper_facts import Lacking, Said, Signatory
from gateway.store import cases as store
from gateway.store import whole_cases
from gateway.store.whole_cases import Whole

__all__ = [
    "VIETNAM",
    "Caller",
    "append",
    "fee_paid",
    "find",
    "find_whole",
    "hand_over",
    "procedure_of",
    "register",
    "submit",
    "today",
    "transition",
]


def register(
    context: Context, caller: Caller, wanted: Mapping[str, Any], now: datetime
) -> tuple[store.Case, bool]:
    """The case alone, as `filing.register` takes it in."""
    whole, is_new = filing.register(context, caller, wanted, now)
    return whole.case, is_new


def submit(context: Context, caller: Caller, case_code: str, now: datetime) -> store.Case:
    """The case alone, as `handing_in.submit` hands it in."""
    return handing_in.submit(context, caller, case_code, now).case


def find(context: Context, caller: Caller, case_code: str) -> store.Case:
    """The case, if the caller may see it. Raises `NotFound`, also for another portal's."""
    with context.engine.connect() as connection:
        return access.seen(connection, caller, case_code)


def find_whole(context: Context, caller: Caller, case_code: str) -> Whole:
    """As `find`, with all that is shown of the case."""
    with context.pool.connection() as connection:
        whole = whole_cases.find(connection, case_code)
    if whole is None:
        raise NotFound("no case has this code")
    if whole.case.portal_id != caller.portal_id:
        find(context, caller, case_code)
    return whole


def transition(
    context: Context, caller: Caller, case_code: str, wanted: Mapping[str, Any], now: datetime
) -> store.Case:
    """What the agency decides, and the official paper that this makes.

    `wanted` has `reference`, `event`, and where it is told `reason`, `supplement` (code and reason of each document
    that is to be given or mended, with `ask_supplement` only) and `official` (name and title of who decides).

    Raises `NotFound`, `Forbidden`, `Malformed`, `ReferenceConflict`, and `Incomplete` where a supplement lacks
    something.
    """
    event = CaseEvent(wanted["event"])
    if event not in AGENCY_EVENTS:
        raise Forbidden(f"{event.value} follows from a fact and cannot be asked for")
    if wanted.get("supplement") and event is not CaseEvent.ASK_SUPPLEMENT:
        raise Malformed("a supplement is asked for by ask_supplement only")
    with context.engine.begin() as connection:
        case = access.seen(connection, caller, case_code, lock=True)
        print_ = print_of(wanted)
        before = store.remember_transition(connection, case_code, wanted["reference"], print_)
        if before is not None:
            same_or_conflict(before, print_)
            return case
        if event is CaseEvent.SUPPLEMENT_GIVEN:
            answers_sealed = store.sealed_answers(connection, case_code)
            check_complete(context, case, store.documents(connection, case_code), answers_sealed)
        if event not in CITIZENS or case.portal_id != caller.portal_id:
            access.check_decides(connection, caller, case)
        return advance(
            context, connection, case, caller, event, now, told=_told(context, case, event, wanted)
        )


def _told(context: Context, case: store.Case, event: CaseEvent, wanted: Mapping[str, Any]) -> Told:
    supplement = wanted.get("supplement") or ()
    asked_of = procedure_of(context, case).documents if supplement else ()
    names = {each.code: each.name_vi for each in asked_of}
    for each in supplement:
        if each["code"] not in names:
            raise Malformed(f"{each['code']} is not a document of this procedure")
    data = {name: wanted[name] for name in ("reason", "supplement") if wanted.get(name)}
    said = Said(
        reason=wanted.get("reason") or "",
        supplement=tuple(Lacking(each["code"], names[each["code"]], each["reason"]) for each in supplement),
        official=Signatory(**wanted.get("official") or {}),
        is_asked_for=event is CaseEvent.WITHDRAW,
    )
    return Told(data, said)
