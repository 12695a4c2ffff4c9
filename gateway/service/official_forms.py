"""The facts of a paper as the form of the circular (`specs/case.md` B6), and how an agency stands on it.

What nobody told is left out. A reason that the agency owes and did not give is said to be not given.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime

from gateway.domain.case import NATIONAL, CaseState
from gateway.domain.fees import FeeKind
from gateway.domain.form import (
    Apology,
    ControlSlip,
    Form,
    HandOver,
    Reception,
    Refusal,
    StopNotice,
    Submission,
    SupplementRequest,
)
from gateway.domain.form_parts import (
    Fee,
    GivenFile,
    Head,
    Office,
    Official,
    PaperItem,
    Person,
    ResultWay,
    Subject,
    total_vnd,
)
from gateway.ports import Agency
from gateway.service.cases import VIETNAM
from gateway.service.context import Context
from gateway.service.paper_facts import Applicant, Lacking, PaperFacts, Step
from signing.mac import sha256_hex

NO_REASON = "Cơ quan không ghi lý do khi ra quyết định này."
ASKED_BY_CITIZEN = "Người nộp hồ sơ đề nghị rút hồ sơ."
EACH_SAYS_WHY = "Như đã nêu tại từng mục ở trên."
FILLED_IN = "Thông tin kê khai trực tuyến"
"""What a case consists of whose procedure asks for no document."""
WAY_MAY_CHANGE = "Trước ngày hẹn có thể đăng ký nhận kết quả qua dịch vụ bưu chính công ích."
CITIZEN, DESK = "Người nộp hồ sơ", "Bộ phận Một cửa"


def form_of(context: Context, facts: PaperFacts) -> Form:
    """Raises `Malformed` for facts that no form can say, and `Misconfigured` for an agency that is not known."""
    return _MAKERS[facts.form](context, facts)


def office_of(agency: Agency) -> Office:
    return agency.office or Office(authority="", unit=agency.name, code=agency.code)


def due_at(agency: Agency, on: date) -> datetime:
    """Until when a result that is due on a day is in time: the end of the desk's day."""
    return datetime.combine(on, agency.closes_at, VIETNAM)


def _head(context: Context, facts: PaperFacts) -> Head:
    return Head(
        office=office_of(context.agency(facts.agency_code)),
        issued_at=facts.at,
        track_url=f"{context.public_url}/track/{facts.track_token}",
    )


def person_of(who: Applicant) -> Person:
    return Person(
        name=who.name, address=who.address, phone=who.phone, email=who.email, id_number=who.id_number
    )


def _subject(facts: PaperFacts) -> Subject:
    return Subject(
        case_code=facts.case_code,
        procedure_name=facts.procedure_name,
        procedure_code=facts.procedure_code,
        applicant=person_of(facts.applicant),
    )


def _fees(facts: PaperFacts) -> tuple[Fee, ...]:
    return tuple(Fee(FeeKind(each.kind), each.name, each.amount_vnd, each.code) for each in facts.fees)


def _paid_vnd(facts: PaperFacts) -> int:
    """What is paid of the fees: what came beyond them is owed back."""
    return max(0, min(facts.paid_vnd, total_vnd(_fees(facts))))


def _official(facts: PaperFacts) -> Official:
    return Official(facts.said.official.name.strip(), facts.said.official.title.strip())


def _received_at(facts: PaperFacts) -> datetime:
    """When it was taken in, or before that handed in; never after the paper: clocks of two machines may differ."""
    return min(facts.accepted_at or facts.submitted_at, facts.at)


def _due_at(context: Context, facts: PaperFacts, on: date | None) -> datetime:
    assert on is not None, "a case that was taken in has a due day"
    return due_at(context.agency(facts.agency_code), on)


def _submission(context: Context, facts: PaperFacts) -> Submission:
    return Submission(
        head=_head(context, facts),
        subject=_subject(facts),
        reference=facts.reference,
        channel=facts.channel,
        submitted_at=min(facts.submitted_at, facts.at),
        documents=tuple(
            GivenFile(each.code, each.name, each.size_bytes, each.sha256) for each in facts.documents
        ),
        fees=_fees(facts),
        receipt_sha256=sha256_hex(facts.receipt),
        paid_vnd=_paid_vnd(facts),
    )


def _reception(context: Context, facts: PaperFacts) -> Reception:
    head = _head(context, facts)
    desk = ", ".join(filter(None, (head.office.unit, head.office.address)))
    return_to = {ResultWay.POST: facts.return_to or facts.applicant.address, ResultWay.ONLINE: head.track_url}
    papers = tuple(PaperItem(each.name, files=1) for each in facts.documents)
    return Reception(
        head=head,
        subject=_subject(facts),
        channel=facts.channel,
        papers=papers or (PaperItem(FILLED_IN, files=1),),
        sets=1,
        term=facts.term,
        received_at=_received_at(facts),
        due_at=_due_at(context, facts, facts.due_on),
        way=facts.way,
        return_to=return_to.get(facts.way) or desk,
        return_note=WAY_MAY_CHANGE if facts.way is ResultWay.COUNTER else "",
        bring=(),
        fees=_fees(facts),
        receiver=_official(facts),
        paid_vnd=_paid_vnd(facts),
    )


def _supplement(context: Context, facts: PaperFacts) -> SupplementRequest:
    wanted = tuple(_wanted(each) for each in facts.said.supplement)
    reason = facts.said.reason.strip()
    return SupplementRequest(
        head=_head(context, facts),
        subject=_subject(facts),
        received_at=_received_at(facts),
        wanted=wanted or (reason or NO_REASON,),
        reason=reason or (EACH_SAYS_WHY if wanted else NO_REASON),
        reply_by=None,
        guide=_official(facts),
        times=facts.number,
    )


def _wanted(item: Lacking) -> str:
    return ": ".join(filter(None, (item.name, item.reason.strip())))


def _refusal(context: Context, facts: PaperFacts) -> Refusal:
    return Refusal(
        head=_head(context, facts),
        subject=_subject(facts),
        submitted_at=min(facts.submitted_at, facts.at),
        reasons=(facts.said.reason.strip() or NO_REASON,),
        refuser=_official(facts),
    )


def _apology(context: Context, facts: PaperFacts) -> Apology:
    return Apology(
        head=_head(context, facts),
        subject=_subject(facts),
        received_at=_received_at(facts),
        due_at=_due_at(context, facts, facts.said.was_due_on),
        new_due_at=_due_at(context, facts, facts.due_on),
        reason=facts.said.reason.strip() or NO_REASON,
        signer=_official(facts),
        times=facts.number,
    )


def _stop(context: Context, facts: PaperFacts) -> StopNotice:
    asked = facts.said.is_asked_for
    return StopNotice(
        head=_head(context, facts),
        subject=_subject(facts),
        received_at=_received_at(facts),
        stopped_at=facts.at,
        reasons=(facts.said.reason.strip() or (ASKED_BY_CITIZEN if asked else NO_REASON),),
        returned=(),
        signer=_official(facts),
        requested_on=facts.at.astimezone(VIETNAM).date() if asked else None,
    )


def _control(context: Context, facts: PaperFacts) -> ControlSlip:
    due, steps = _due_at(context, facts, facts.due_on), sorted(facts.steps, key=lambda step: step.at)
    unit = office_of(context.agency(facts.agency_code)).unit
    return ControlSlip(
        head=_head(context, facts),
        subject=_subject(facts),
        received_at=_received_at(facts),
        due_at=due,
        handovers=tuple(_hand_over(step, unit, due) for step in steps if step.state in _SIDES),
    )


_SIDES: Mapping[str, tuple[str, str]] = {
    CaseState.ACCEPTED: (CITIZEN, DESK),
    CaseState.PROCESSING: (DESK, ""),
    CaseState.SUPPLEMENT_REQUIRED: ("", CITIZEN),
    CaseState.FEE_DUE: ("", CITIZEN),
    CaseState.RESULT_READY: ("", DESK),
}
"""Who hands the case to whom when it comes to a state; empty is the agency that decides."""


def _hand_over(step: Step, unit: str, due: datetime) -> HandOver:
    """A step by what we know of it: the people of an office are not told to us."""
    from_unit, to_unit = _SIDES[step.state]
    is_end = step.state == CaseState.RESULT_READY
    return HandOver(
        from_unit=from_unit or unit,
        from_person="",
        to_unit=to_unit or unit,
        to_person="",
        at=step.at,
        due_at=due if is_end else None,
        finished_at=step.at if is_end else None,
        note=NATIONAL[CaseState(step.state)][1],
    )


_MAKERS: Mapping[str, Callable[[Context, PaperFacts], Form]] = {
    Submission.KIND.code: _submission,
    Reception.KIND.code: _reception,
    SupplementRequest.KIND.code: _supplement,
    Refusal.KIND.code: _refusal,
    Apology.KIND.code: _apology,
    StopNotice.KIND.code: _stop,
    ControlSlip.KIND.code: _control,
}
