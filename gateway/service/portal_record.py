"""What the national portal is told of a case, as of the state that it has been told of already."""

from collections.abc import Sequence
from datetime import datetime, time
from itertools import accumulate

from sqlalchemy import Connection

from gateway.domain.case import CaseState
from gateway.domain.errors import Misconfigured
from gateway.domain.fees import Channel
from gateway.domain.portal_sync import Move
from gateway.domain.procedure import Procedure
from gateway.ports import Applicant, CaseRecord, CaseStep, FeeLine, ListedDocument, OnlinePayment
from gateway.service import sealed
from gateway.service.cases import VIETNAM
from gateway.service.context import Context
from gateway.store import cases as case_store
from gateway.store import portal_sync as store

OFFICE_CLOSES = time(17)
"""A result is promised for a day; the wire wants a time of it (TT 01/2018/TT-VPCP: hours of the agency)."""
NATIONAL_PLATFORM = frozenset({"dvcqg", "ttttqg"})
OVER_THE_DESK = "counter"
ENDS = frozenset(
    {
        CaseState.REFUSED,
        CaseState.WITHDRAWN,
        CaseState.STOPPED,
        CaseState.RESULT_READY,
        CaseState.RESULT_DELIVERED,
    }
)


def record(
    context: Context, connection: Connection, case: case_store.Case, moves: Sequence[Move]
) -> CaseRecord:
    """The case after these moves and no later one."""
    state = moves[-1].to_state
    happened = {move.to_state: move.at for move in reversed(moves)}
    known = _known(context, case)
    person = sealed.unseal(
        context.sealer, case_store.sealed_applicant(connection, case.case_code), sealed.APPLICANT
    )
    names = {} if known is None else {each.code: each.name_vi for each in known.documents}
    return CaseRecord(
        case_code=case.case_code,
        procedure_code=case.procedure_code,
        procedure_name=case.procedure_code if known is None else known.name_vi,
        field_name="" if known is None else known.field,
        agency_code=case.agency_code,
        agency_name=_agency_name(context, case.handler),
        applicant=Applicant(person["name"], person.get("id_kind", ""), person.get("id_number", "")),
        state=state,
        submitted_at=case.submitted_at or moves[0].at,
        accepted_at=happened.get(CaseState.ACCEPTED),
        due_at=_due_at(case, moves),
        refused_at=happened.get(CaseState.REFUSED),
        ended_at=_ended_at(moves),
        handed_over_at=happened.get(CaseState.RESULT_DELIVERED),
        fees=tuple(FeeLine(fee["kind"], fee["code"], fee["name"], fee["amount_vnd"]) for fee in case.fees),
        documents=tuple(
            ListedDocument(each.code, names.get(each.code, each.code), each.sha256)
            for each in case_store.documents(connection, case.case_code)
        ),
        payment=_payment(store.paid_at(connection, case.case_code)),
        by_post=store.is_mailed(connection, case.case_code),
        channel=Channel(case.channel),
    )


def _known(context: Context, case: case_store.Case) -> Procedure | None:
    """None for a procedure that left the catalogue: the portal is told its code, and judges."""
    try:
        return context.catalogue.version(case.procedure_code, case.procedure_version)
    except Misconfigured:
        return None


def steps(
    context: Context, case: case_store.Case, moves: Sequence[Move], batch: Sequence[Move]
) -> tuple[CaseStep, ...]:
    """The steps of `batch`, a part of `moves`, and none of them before the one before it.

    The cause of a step may lie before that (money that was paid at a bank while the case was still on its way): it is
    told with the time of the step before it, since progress does not go back.
    """
    versions = {move.version for move in batch}
    times = accumulate((move.at for move in moves), max)
    return tuple(
        CaseStep(
            case_code=case.case_code,
            agency_code=case.agency_code,
            agency_name=_agency_name(context, case.handler),
            state=move.to_state,
            at=at,
            due_at=_due_at(case, [each for each in moves if each.version <= move.version]),
            note=move.reason,
        )
        for move, at in zip(moves, times, strict=True)
        if move.version in versions
    )


def _agency_name(context: Context, code: str) -> str:
    agency = context.agencies.get(code)
    return code if agency is None else agency.name


def _due_at(case: case_store.Case, moves: Sequence[Move]) -> datetime | None:
    """When the result is promised for, once the case was accepted."""
    if case.due_on is None or not any(move.to_state is CaseState.ACCEPTED for move in moves):
        return None
    return datetime.combine(case.due_on, OFFICE_CLOSES, VIETNAM)


def _ended_at(moves: Sequence[Move]) -> datetime | None:
    """The end of the processing by Index 766: of 9, else of 10, 8, 7 or 3 (`specs/case.md` B4)."""
    if moves[-1].to_state not in ENDS:
        return None
    return next((move.at for move in moves if move.to_state in ENDS), None)


def _payment(providers: frozenset[str]) -> OnlinePayment:
    if providers & NATIONAL_PLATFORM:
        return OnlinePayment.NATIONAL_PLATFORM
    return OnlinePayment.OWN_GATEWAY if providers - {OVER_THE_DESK} else OnlinePayment.NOT_ONLINE
