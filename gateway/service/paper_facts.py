"""What an official paper of a case will say, put down in the transaction of the event that makes it.

The facts are those of that moment and never change; the paper is made from them behind (`case_papers.issue`). Nothing
here can refuse what happened: whether the facts can be printed is found out when they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from pydantic import TypeAdapter
from sqlalchemy import Connection

from gateway.domain.case import CaseEvent, CaseState
from gateway.domain.deadline_parts import Term
from gateway.domain.delivery import DeliveryState
from gateway.domain.fees import Channel
from gateway.domain.form import (
    Apology,
    ControlSlip,
    Reception,
    Refusal,
    StopNotice,
    Submission,
    SupplementRequest,
)
from gateway.domain.form_parts import ResultWay
from gateway.service import due_dates, sealed
from gateway.service.context import Context
from gateway.store import case_papers as store
from gateway.store import cases as case_store
from gateway.store import deliveries as delivery_store
from gateway.store import jobs, spine
from gateway.store.whole_cases import Whole

TASK = "issue_paper"
RECEPTION = Reception.KIND.code
APOLOGY = Apology.KIND.code
FORMS = {
    CaseEvent.SUBMIT: Submission.KIND.code,
    CaseEvent.ASK_SUPPLEMENT: SupplementRequest.KIND.code,
    CaseEvent.REFUSE: Refusal.KIND.code,
    CaseEvent.WITHDRAW: StopNotice.KIND.code,
    CaseEvent.STOP: StopNotice.KIND.code,
    CaseEvent.FINISH: ControlSlip.KIND.code,
}
"""The form that an event makes (`specs/case.md` B6). 01 comes with the first reception, 04 with each extension."""
WAYS = {"post": ResultWay.POST, "online": ResultWay.ONLINE, "counter": ResultWay.COUNTER}
"""How the result is returned, by the method of a delivery. What the post collects is no result."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """A document that is to be given or mended: its code, its name in the procedure, and why."""

    code: str
    name: str
    reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Signatory:
    """The official who decided, where the agency names one."""

    name: str = field(default="", repr=False)
    title: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What the agency said with its decision, as far as the event has it."""

    reason: str = field(default="", repr=False)
    supplement: tuple[Lacking, ...] = ()
    official: Signatory = Signatory()
    was_due_on: date | None = None
    is_asked_for: bool = False
    """By the citizen: a withdrawal, not a stop."""


@dataclass(frozen=True, slots=True)
class Cause:
    """The event that makes a paper, the form that it makes, and when it happened."""

    event_id: int
    form: str
    at: datetime
    said: Said = Said()


@dataclass(frozen=True, slots=True)
class Applicant:
    name: str = field(repr=False)
    id_number: str = field(repr=False)
    phone: str = field(repr=False)
    email: str = field(repr=False)
    address: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Document:
    code: str
    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class FeeDue:
    kind: str
    code: str
    name: str
    amount_vnd: int


@dataclass(frozen=True, slots=True)
class Step:
    """The case came to a state."""

    state: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PaperFacts:
    """All that a paper says, as it was when its event happened. Sums are VND."""

    form: str
    number: int
    at: datetime
    case_code: str
    procedure_code: str
    procedure_name: str
    term: Term
    channel: Channel
    agency_code: str
    reference: str
    track_token: str = field(repr=False)
    applicant: Applicant
    documents: tuple[Document, ...]
    fees: tuple[FeeDue, ...]
    paid_vnd: int
    submitted_at: datetime
    accepted_at: datetime | None
    due_on: date | None
    way: ResultWay
    return_to: str = field(repr=False)
    receipt: str = field(repr=False)
    """The compact JWS that the submission was answered with."""
    said: Said
    steps: tuple[Step, ...]


_JSON = TypeAdapter(PaperFacts)


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows of a case when its paper is put down."""

    case: case_store.Case
    applicant_sealed: bytes = field(repr=False)
    documents: Sequence[case_store.Document]
    paid_vnd: int
    timeline: Sequence[spine.Event]
    way: ResultWay
    return_to: str = field(repr=False)


def plan(context: Context, connection: Connection, case: case_store.Case, cause: Cause) -> str:
    """Put a paper down: its facts, and the job that makes it. The caller holds the case's lock; the paper's id."""
    number = store.next_number(connection, case.case_code, cause.form)
    way, return_to = way_of(context, connection, case.case_code)
    known = Known(
        case=case,
        applicant_sealed=case_store.sealed_applicant(connection, case.case_code),
        documents=case_store.documents(connection, case.case_code),
        paid_vnd=case_store.paid_and_owed(connection, case.case_code)[0],
        timeline=spine.of_case(connection, case.case_code),
        way=way,
        return_to=return_to,
    )
    paper_id = store.add(
        connection,
        case_code=case.case_code,
        form=cause.form,
        number=number,
        event_id=cause.event_id,
        facts_sealed=_sealed(context, _facts(context, known, cause, number)),
    )
    jobs.put(connection, TASK, subject=paper_id, args={"paper_id": paper_id})
    return paper_id


def of_submission(context: Context, whole: Whole, form: str) -> bytes:
    """The sealed facts of the paper of a submission, of a case as it is once it is handed in."""
    case, at = whole.case, whole.case.submitted_at
    assert at is not None
    way, return_to = ResultWay.COUNTER, ""
    if whole.has_delivery:
        with context.engine.connect() as connection:
            way, return_to = way_of(context, connection, case.case_code)
    known = Known(
        case=case,
        applicant_sealed=whole.applicant_sealed,
        documents=whole.documents,
        paid_vnd=whole.money.paid_vnd,
        timeline=whole.timeline,
        way=way,
        return_to=return_to,
    )
    facts = _facts(context, known, Cause(0, form, at), number=1)
    return _sealed(context, replace(facts, steps=(*facts.steps, Step(case.state, at))))


def _sealed(context: Context, facts: PaperFacts) -> bytes:
    return context.sealer.seal(_JSON.dump_json(facts), sealed.PAPER)


def facts_of(context: Context, paper: store.CasePaper) -> PaperFacts:
    """What a paper says, from its sealed facts."""
    return _JSON.validate_json(context.sealer.open(paper.facts_sealed, sealed.PAPER))


def _facts(context: Context, known: Known, cause: Cause, number: int) -> PaperFacts:
    case = known.case
    procedure = context.catalogue.version(case.procedure_code, case.procedure_version)
    names = {each.code: each.name_vi for each in procedure.documents}
    assert case.submitted_at is not None
    return PaperFacts(
        form=cause.form,
        number=number,
        at=cause.at,
        case_code=case.case_code,
        procedure_code=procedure.code,
        procedure_name=procedure.name_vi,
        term=due_dates.term_of(context, case),
        channel=Channel(case.channel),
        agency_code=case.agency_code,
        reference=case.reference,
        track_token=case.track_token,
        applicant=_applicant(context, known.applicant_sealed),
        documents=tuple(
            Document(each.code, names.get(each.code, each.name), each.size_bytes, each.sha256)
            for each in known.documents
        ),
        fees=tuple(
            FeeDue(fee["kind"], fee["code"], fee["name"].strip() or fee["code"], fee["amount_vnd"])
            for fee in case.fees
        ),
        paid_vnd=known.paid_vnd,
        submitted_at=case.submitted_at,
        accepted_at=case.accepted_at,
        due_on=case.due_on,
        way=known.way,
        return_to=known.return_to,
        receipt=case.submission_receipt or "",
        said=cause.said,
        steps=_steps(known.timeline),
    )


def applicant_of(context: Context, connection: Connection, case_code: str) -> Applicant:
    """Whom a paper is written to, as the submission told of him."""
    return _applicant(context, case_store.sealed_applicant(connection, case_code))


def _applicant(context: Context, applicant_sealed: bytes) -> Applicant:
    given = sealed.unseal(context.sealer, applicant_sealed, sealed.APPLICANT)
    if not given:
        return Applicant(name=sealed.ERASED_NAME, id_number="", phone="", email="", address="")
    return Applicant(
        name=given["name"].strip() or given["id_number"],
        id_number=given["id_number"],
        phone=given["phone"],
        email=given.get("email") or "",
        address=given.get("address") or "",
    )


def way_of(context: Context, connection: Connection, case_code: str) -> tuple[ResultWay, str]:
    """How the result comes back, by the newest delivery that was ordered, and where to; else it is fetched."""
    ordered = [
        each
        for each in delivery_store.of_case(connection, case_code)
        if each.method in WAYS and each.state != DeliveryState.CANCELLED
    ]
    if not ordered:
        return ResultWay.COUNTER, ""
    newest = ordered[-1]
    to = sealed.unseal(
        context.sealer, delivery_store.sealed_recipient(connection, newest.id), sealed.RECIPIENT
    )
    return WAYS[newest.method], str(to.get("address") or "").strip()


def _steps(timeline: Sequence[spine.Event]) -> tuple[Step, ...]:
    moved = [
        Step(event.to_state, event.occurred_at)
        for event in timeline
        if event.subject_kind == "case" and event.to_state not in {None, event.from_state, CaseState.DRAFT}
    ]
    return tuple(moved)
