"""A case is handed in: looked through, answered with its receipt, and its paper put down (`store.whole_cases`)."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from gateway.domain import procedure
from gateway.domain.case import NATIONAL, TABLE, CaseEvent, CaseState
from gateway.domain.errors import Incomplete, Missing, NotFound
from gateway.domain.machine import step
from gateway.domain.procedure import GivenDocument, Procedure
from gateway.domain.upload import Scan
from gateway.service import paper_facts, sealed
from gateway.service.access import Caller
from gateway.service.case_moves import VIETNAM
from gateway.service.context import Context
from gateway.store import cases as store
from gateway.store import spine, whole_cases
from gateway.store.inbox import Kept, Signed
from gateway.store.whole_cases import Whole
from signing.mac import sha256_hex


def procedure_of(context: Context, case: store.Case) -> Procedure:
    """The version of its procedure that a case follows for ever. Raises `Misconfigured`."""
    return context.catalogue.version(case.procedure_code, case.procedure_version)


def submit(context: Context, caller: Caller, case_code: str, now: datetime) -> Whole:
    """Hand the case in; idempotent. Raises `NotFound` and `Incomplete`, which names each missing thing."""
    with context.pool.connection() as connection, connection.transaction():
        whole = whole_cases.find(connection, case_code, lock=True)
        if whole is None or whole.case.portal_id != caller.portal_id:
            raise NotFound("no case has this code")
        if whole.case.submission_receipt is not None:
            return whole
        handed_in, move = _handed_in(context, caller, whole, now)
        event = whole_cases.move(connection, case_code, move)
        assert event is not None, "the case is locked"
        return replace(handed_in, timeline=[*whole.timeline, event])


def take_order(
    context: Context, caller: Caller, order: Signed, case_code: str, seen: Whole | None = None
) -> tuple[Kept | None, Whole | None]:
    """As `submit` of a draft whose portal keeps its documents, and keep the message that orders it.

    The case is not locked while it is looked at, or it was `seen` before: it is handed in only where nothing happened
    to it since. Nothing is kept where the message is believed no longer or the case is another one; and no case is
    handed in where the message came before, or the case has changed: then `submit` tells. Raises as `submit`; then
    nothing was written.
    """
    with context.pool.connection() as connection:
        whole = seen or whole_cases.find(connection, case_code)
        if whole is None or not _is_plain(caller, whole.case):
            return None, None
        handed_in, move = _handed_in(context, caller, whole, order.at)
        kept, event = whole_cases.keep_and_move(connection, order, whole, move)
    return kept, None if event is None else replace(handed_in, timeline=[*whole.timeline, event])


def _is_plain(caller: Caller, case: store.Case) -> bool:
    return case.portal_id == caller.portal_id and case.keeps_documents and case.state == CaseState.DRAFT


def _handed_in(
    context: Context, caller: Caller, whole: Whole, now: datetime
) -> tuple[Whole, whole_cases.Move]:
    """The case as it is once it is handed in, and what makes it so. Raises `Incomplete`."""
    case = whole.case
    to_state = step(TABLE, CaseState(case.state), CaseEvent.SUBMIT)
    check_complete(context, case, whole.documents, whole.answers_sealed)
    receipt = _submission_receipt(context, case, whole.documents, now)
    submitted = replace(
        case,
        state=to_state.value,
        version=case.version + 1,
        submitted_at=now,
        submission_receipt=receipt,
    )
    handed_in = replace(whole, case=submitted)
    return handed_in, _move_of(context, handed_in, caller, receipt=receipt, now=now)


def _move_of(
    context: Context, whole: Whole, caller: Caller, *, receipt: str, now: datetime
) -> whole_cases.Move:
    """What makes a case what `whole` says it is: its state, its event, and the paper of its submission."""
    case = whole.case
    code, words = NATIONAL[CaseState(case.state)]
    data = {
        "national_code": code,
        "national_name": words,
        "documents": [{"code": each.code, "sha256": each.sha256} for each in whole.documents],
        "submission_receipt_sha256": sha256_hex(receipt),
    }
    change = spine.Change(
        subject_kind="case",
        subject_id=case.case_code,
        type=f"case.{case.state}",
        version=case.version,
        actor=f"portal:{caller.portal_id}",
        cause=caller.cause,
        occurred_at=now,
        portal_id=case.portal_id,
        case_code=case.case_code,
        from_state=CaseState.DRAFT.value,
        to_state=case.state,
        data=data,
    )
    form = paper_facts.FORMS[CaseEvent.SUBMIT]
    return whole_cases.Move(
        from_states=[CaseState.DRAFT.value],
        values={"state": case.state, "submitted_at": now, "submission_receipt": receipt},
        change=change,
        form=form,
        facts_sealed=paper_facts.of_submission(context, whole, form),
        task=paper_facts.TASK,
    )


def check_complete(
    context: Context, case: store.Case, documents: Sequence[store.Document], answers_sealed: bytes
) -> None:
    lacking = _lacking(context, case, documents, answers_sealed)
    if lacking:
        raise Incomplete("hồ sơ chưa đầy đủ / the case is not complete", lacking)


def _lacking(
    context: Context, case: store.Case, documents: Sequence[store.Document], answers_sealed: bytes
) -> tuple[Missing, ...]:
    """What keeps a case from being complete. Of a case whose portal keeps it, the hash of each document is here."""
    answers = sealed.unseal(context.sealer, answers_sealed, sealed.ANSWERS)
    followed = procedure_of(context, case)
    if case.keeps_documents:
        told = [GivenDocument(each.code, each.media_type, stored=True) for each in documents]
        return procedure.documents_missing(followed, told, case.reduction, answers)
    given = [
        GivenDocument(each.code, each.media_type, each.stored_at is not None, each.scan == Scan.PENDING)
        for each in documents
    ]
    return procedure.missing(followed, given, case.reduction, answers)


def _submission_receipt(
    context: Context, case: store.Case, documents: Sequence[store.Document], now: datetime
) -> str:
    facts = {
        "case_code": case.case_code,
        "procedure_code": case.procedure_code,
        "agency_code": case.agency_code,
        "reference": case.reference,
        "submitted_at": now.astimezone(VIETNAM).isoformat(timespec="seconds"),
        "documents": [
            {"code": each.code, "sha256": each.sha256, "size_bytes": each.size_bytes} for each in documents
        ],
        "fees": [{"code": fee["code"], "amount_vnd": fee["amount_vnd"]} for fee in case.fees],
        "track_url": f"{context.public_url}/track/{case.track_token}",
    }
    if case.keeps_documents:
        facts["documents_kept_by"] = "portal"
    return context.sign_jws(json.dumps(facts, ensure_ascii=False).encode(), "submission-receipt+jws")
