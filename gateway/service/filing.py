"""A case is filed: registered, and handed in. The hot path of portals that keep the dossier (`store.whole_cases`)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from gateway.domain import agencies, fees, procedure
from gateway.domain.case import NATIONAL, TABLE, CaseEvent, CaseState, MoneyState
from gateway.domain.codes import format_case_code, parse_case_code
from gateway.domain.errors import Forbidden, Incomplete, Malformed, Missing, NotFound, ReferenceConflict
from gateway.domain.fees import Channel
from gateway.domain.machine import step
from gateway.domain.procedure import ONLINE_CASE, GivenDocument, Procedure
from gateway.domain.upload import Scan
from gateway.service import paper_facts, sealed
from gateway.service.access import Caller
from gateway.service.case_moves import VIETNAM
from gateway.service.context import Context
from gateway.service.idempotency import fingerprint, same_or_conflict
from gateway.store import cases as store
from gateway.store import spine, whole_cases
from gateway.store.payments import bare
from gateway.store.whole_cases import Whole
from signing.mac import sha256_hex

TOKEN_BYTES = 20
PHONE_DIGITS = 4
UNSAID: Mapping[str, object] = {"channel": Channel.ONLINE.value, "keeps_documents": False}
"""What may be said of a registration since later releases, and what it is where nobody says it."""


def register(
    context: Context, caller: Caller, wanted: Mapping[str, Any], now: datetime
) -> tuple[Whole, bool]:
    """Take a case in as a draft. Returns it, and whether it is new.

    Raises `NotFound` (procedure), `Malformed` (case code, reduction) and `ReferenceConflict`.
    """
    print_ = _print_of(wanted)
    known = _known(context, caller, wanted, print_)
    if known is not None:
        return known, False
    new = _new(context, caller, wanted, print_=print_, now=now)
    made = _insert(context, caller, new, wanted, now)
    if made is not None:
        return made, True
    # the same reference came at the same moment and won, or the code is another case's
    known = _known(context, caller, wanted, print_)
    if known is None:
        raise ReferenceConflict("this case code is taken")
    return known, False


def _known(context: Context, caller: Caller, wanted: Mapping[str, Any], print_: str) -> Whole | None:
    """The case that came under this reference. Raises `ReferenceConflict`."""
    with context.pool.connection() as connection:
        known = whole_cases.find_by_reference(connection, caller.portal_id, wanted["reference"])
        if known is None:
            return None
        same_or_conflict(known.fingerprint, print_)
        return whole_cases.find(connection, known.case_code)


def today(now: datetime) -> date:
    """The day in Việt Nam."""
    return now.astimezone(VIETNAM).date()


def _print_of(wanted: Mapping[str, Any]) -> str:
    """The fingerprint of a registration: what came with later releases is no part of it where nobody says it."""
    return fingerprint({name: value for name, value in wanted.items() if UNSAID.get(name, ...) != value})


def _offered(context: Context, wanted: Mapping[str, Any], now: datetime) -> Procedure:
    """The version in force today. Raises `NotFound`; `Forbidden` where no case of it is taken by this channel."""
    known = context.catalogue.now(wanted["procedure_code"], today(now))
    if known.level < ONLINE_CASE:
        raise Forbidden(f"of a procedure of level {known.level} no case is taken here: {known.agency_vi}")
    if not known.offers(Channel(wanted.get("channel", Channel.ONLINE))):
        raise Forbidden("the procedure does not offer this channel")
    return known


def _new(
    context: Context, caller: Caller, wanted: Mapping[str, Any], *, print_: str, now: datetime
) -> Mapping[str, Any]:
    """The row of a new case without its code. Raises `NotFound`, `Forbidden`, `Malformed` (reduction)."""
    known = _offered(context, wanted, now)
    reduction = wanted["answers"].get("reduction")
    channel = Channel(wanted.get("channel", Channel.ONLINE))
    charges = fees.charges(known.fees, fees.Asked(today(now), channel, reduction, wanted["answers"]))
    owed_vnd = sum(charge.amount_vnd for charge in charges)
    applicant = wanted["applicant"]
    return {
        "portal_id": caller.portal_id,
        "reference": wanted["reference"],
        "fingerprint": print_,
        "procedure_code": known.code,
        "procedure_version": known.version,
        "channel": channel.value,
        "pay": known.pays(channel).value,
        "keeps_documents": wanted.get("keeps_documents", False),
        "agency_code": caller.agency_code,
        "state": CaseState.DRAFT.value,
        "money_state": (MoneyState.DUE if owed_vnd else MoneyState.NOT_DUE).value,
        "applicant_sealed": sealed.seal(context.sealer, applicant, sealed.APPLICANT),
        "phone_index": context.sealer.index(applicant["phone"][-PHONE_DIGITS:], sealed.PHONE),
        "answers_sealed": sealed.seal(context.sealer, wanted["answers"], sealed.ANSWERS),
        "reduction": reduction,
        "fees": [asdict(charge) for charge in charges],
        "track_token": context.entropy(TOKEN_BYTES).hex(),
        "created_at": now,
    }


def _insert(
    context: Context, caller: Caller, new: Mapping[str, Any], wanted: Mapping[str, Any], now: datetime
) -> Whole | None:
    """The case as it is now; None where its reference or its code is taken. Raises `Malformed` (case code)."""
    code = wanted.get("case_code")
    if code is not None:
        if not agencies.is_within(parse_case_code(code).agency, caller.agency_code):
            raise Malformed("this case code is of another agency")
        with context.pool.connection() as connection:
            return _add(connection, caller, {"case_code": code, **new}, wanted["documents"])
    with context.engine.connect() as numbered, numbered.begin() as transaction:
        code = _next_code(numbered, caller, today(now))
        made = _add(bare(numbered), caller, {"case_code": code, **new}, wanted["documents"])
        if made is None:
            transaction.rollback()  # the number is the next one's
        return made


def _next_code(connection: Connection, caller: Caller, on: date) -> str:
    """The agency's next code of the day; one that a portal has given to a case of its own is passed over."""
    while True:
        number = store.next_number(connection, caller.agency_code, on)
        code = format_case_code(caller.agency_code, on, counter=number)
        if not store.has_code(connection, code):
            return code


def _add(
    connection: whole_cases.Bare,
    caller: Caller,
    new: Mapping[str, Any],
    documents: Sequence[Mapping[str, Any]],
) -> Whole | None:
    change = spine.Change(
        subject_kind="case",
        subject_id=new["case_code"],
        type="case.draft",
        version=1,
        actor=f"portal:{caller.portal_id}",
        cause=caller.cause,
        occurred_at=new["created_at"],
        portal_id=caller.portal_id,
        case_code=new["case_code"],
        to_state=new["state"],
    )
    return whole_cases.add(connection, new, documents, change)


def procedure_of(context: Context, case: store.Case) -> Procedure:
    """The version of its procedure that a case follows for ever. Raises `Misconfigured`."""
    return context.catalogue.version(case.procedure_code, case.procedure_version)


def submit(context: Context, caller: Caller, case_code: str, now: datetime) -> Whole:
    """Hand the case in; idempotent. Raises `NotFound` and `Incomplete`, which names each missing thing."""
    with context.pool.connection() as connection, connection.transaction():
        whole = whole_cases.find(connection, case_code, lock=True)
        if whole is None or whole.case.portal_id != caller.portal_id:
            raise NotFound("no case has this code")
        case = whole.case
        if case.submission_receipt is not None:
            return whole
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
        return _hand_in(context, connection, replace(whole, case=submitted), caller, receipt=receipt, now=now)


def _hand_in(
    context: Context,
    connection: whole_cases.Bare,
    whole: Whole,
    caller: Caller,
    *,
    receipt: str,
    now: datetime,
) -> Whole:
    """Write that a case is what `whole` says it is: its state, its event, and the paper of its submission."""
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
    written = whole_cases.Move(
        from_states=[CaseState.DRAFT.value],
        values={"state": case.state, "submitted_at": now, "submission_receipt": receipt},
        change=change,
        form=form,
        facts_sealed=paper_facts.of_submission(context, whole, form),
        task=paper_facts.TASK,
    )
    event = whole_cases.move(connection, case.case_code, written)
    assert event is not None, "the case is locked"
    return replace(whole, timeline=[*whole.timeline, event])


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
