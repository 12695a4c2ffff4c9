"""Cases: register, submit, and what the agency decides. Documents are taken in by `documents`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any

from gateway.domain import agencies, fees, procedure
from gateway.domain.case import AGENCY_EVENTS, NATIONAL, TABLE, CaseEvent, CaseState, MoneyState
from gateway.domain.codes import format_case_code, parse_case_code
from gateway.domain.errors import Forbidden, Incomplete, Malformed, Missing, NotFound, ReferenceConflict
from gateway.domain.fees import Channel
from gateway.domain.hand_over import CITIZENS
from gateway.domain.machine import step
from gateway.domain.procedure import ONLINE_CASE, GivenDocument, Procedure
from gateway.domain.upload import Scan
from gateway.service import access, paper_facts, sealed
from gateway.service.access import Caller
from gateway.service.case_moves import VIETNAM, Told, advance, append, fee_paid, hand_over, print_of
from gateway.service.context import Context
from gateway.service.idempotency import fingerprint, same_or_conflict
from gateway.service.paper_facts import Lacking, Said, Signatory
from gateway.store import cases as store
from gateway.store import spine, whole_cases
from gateway.store.payments import bare
from signing.mac import sha256_hex

__all__ = [
    "VIETNAM",
    "Caller",
    "append",
    "fee_paid",
    "find",
    "hand_over",
    "register",
    "submit",
    "transition",
]

TOKEN_BYTES = 20
PHONE_DIGITS = 4
UNSAID: Mapping[str, object] = {"channel": Channel.ONLINE.value, "keeps_documents": False}
"""What may be said of a registration since later releases, and what it is where nobody says it."""


def register(
    context: Context, caller: Caller, wanted: Mapping[str, Any], now: datetime
) -> tuple[store.Case, bool]:
    """Take a case in as a draft. Returns it, and whether it is new.

    Raises `NotFound` (procedure), `Malformed` (case code, reduction) and `ReferenceConflict`.
    """
    print_ = _print_of(wanted)
    known = _known(context, caller, wanted, print_)
    if known is not None:
        return known, False
    try:
        return _register(context, caller, wanted, print_=print_, now=now), True
    except whole_cases.Taken:
        # the same reference came at the same moment and won, or the code is another case's
        known = _known(context, caller, wanted, print_)
    if known is None:
        raise ReferenceConflict("this case code is taken")
    return known, False


def _known(context: Context, caller: Caller, wanted: Mapping[str, Any], print_: str) -> store.Case | None:
    """The case that came under this reference. Raises `ReferenceConflict`."""
    with context.pool.connection() as connection:
        known = whole_cases.find_by_reference(connection, caller.portal_id, wanted["reference"])
    if known is not None:
        same_or_conflict(known.fingerprint, print_)
    return known


def _register(
    context: Context, caller: Caller, wanted: Mapping[str, Any], *, print_: str, now: datetime
) -> store.Case:
    offered = _offered(context, wanted, now)
    code = wanted.get("case_code")
    if code is not None:
        if not agencies.is_within(parse_case_code(code).agency, caller.agency_code):
            raise Malformed("this case code is of another agency")
        with context.pool.connection() as connection:
            values = _values(context, caller, known=offered, wanted=wanted, print_=print_, now=now)
            return _insert(connection, caller, values, wanted["documents"])
    with context.engine.begin() as numbered:
        on = today(now)
        number = store.next_number(numbered, caller.agency_code, on)
        given = {**wanted, "case_code": format_case_code(caller.agency_code, on, counter=number)}
        values = _values(context, caller, known=offered, wanted=given, print_=print_, now=now)
        return _insert(bare(numbered), caller, values, wanted["documents"])


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


def _values(
    context: Context,
    caller: Caller,
    *,
    known: Procedure,
    wanted: Mapping[str, Any],
    print_: str,
    now: datetime,
) -> Mapping[str, Any]:
    """The row of a new case. Raises `Malformed` (reduction)."""
    reduction = wanted["answers"].get("reduction")
    channel = Channel(wanted.get("channel", Channel.ONLINE))
    charges = fees.charges(known.fees, fees.Asked(today(now), channel, reduction, wanted["answers"]))
    owed_vnd = sum(charge.amount_vnd for charge in charges)
    applicant = wanted["applicant"]
    return {
        "case_code": wanted["case_code"],
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
    connection: whole_cases.Bare,
    caller: Caller,
    values: Mapping[str, Any],
    documents: Sequence[Mapping[str, Any]],
) -> store.Case:
    change = spine.Change(
        subject_kind="case",
        subject_id=values["case_code"],
        type="case.draft",
        version=1,
        actor=f"portal:{caller.portal_id}",
        cause=caller.cause,
        occurred_at=values["created_at"],
        portal_id=caller.portal_id,
        case_code=values["case_code"],
        to_state=values["state"],
    )
    return whole_cases.add(connection, values, documents, change)


def procedure_of(context: Context, case: store.Case) -> Procedure:
    """The version of its procedure that a case follows for ever. Raises `Misconfigured`."""
    return context.catalogue.version(case.procedure_code, case.procedure_version)


def find(context: Context, caller: Caller, case_code: str) -> store.Case:
    """The case, if the caller may see it. Raises `NotFound`, also for another portal's."""
    with context.engine.connect() as connection:
        return access.seen(connection, caller, case_code)


def find_whole(context: Context, caller: Caller, case_code: str) -> whole_cases.Whole:
    """As `find`, with all that is shown of the case."""
    with context.pool.connection() as connection:
        whole = whole_cases.find(connection, case_code)
    if whole is None:
        raise NotFound("no case has this code")
    if whole.case.portal_id != caller.portal_id:
        find(context, caller, case_code)
    return whole


def submit(context: Context, caller: Caller, case_code: str, now: datetime) -> store.Case:
    """Hand the case in; idempotent. Raises `NotFound` and `Incomplete`, which names each missing thing."""
    with context.pool.connection() as connection, connection.transaction():
        whole = whole_cases.find(connection, case_code, lock=True)
        if whole is None or whole.case.portal_id != caller.portal_id:
            raise NotFound("no case has this code")
        case = whole.case
        if case.submission_receipt is not None:
            return case
        to_state = step(TABLE, CaseState(case.state), CaseEvent.SUBMIT)
        _check_complete(context, case, whole.documents, whole.answers_sealed)
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
    whole: whole_cases.Whole,
    caller: Caller,
    *,
    receipt: str,
    now: datetime,
) -> store.Case:
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
    assert whole_cases.move(connection, case.case_code, written), "the case is locked"
    return case


def _check_complete(
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
            _check_complete(context, case, store.documents(connection, case_code), answers_sealed)
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
