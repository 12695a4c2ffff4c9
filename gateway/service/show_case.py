"""How a case looks to portals: where it stands, what it owes, until when and why, and what happened."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from gateway.domain import case as case_rules
from gateway.domain.case import AGENCY_EVENTS, IN_WORK, NATIONAL, CaseState
from gateway.domain.deadline_words import explain_en, explain_vi, term_vi
from gateway.domain.machine import allowed, terminal
from gateway.domain.workdays import day_of
from gateway.service import due_dates, payments
from gateway.service.agency_names import called
from gateway.service.cases import VIETNAM
from gateway.service.context import Context
from gateway.service.show import moment, timeline_step
from gateway.store import case_steps
from gateway.store import cases as store
from gateway.store.case_steps import Step as HandOver
from gateway.store.cases import NOTHING, Case, CaseMoney, Document, DocumentVersion
from gateway.store.spine import Event
from gateway.store.whole_cases import Whole


@dataclass(frozen=True, slots=True)
class Parts:
    """What is shown with a case: its documents and what they replaced, its money, what happened, its hand-overs."""

    documents: Sequence[Document] = ()
    money: CaseMoney = NOTHING
    timeline: Sequence[Event] = ()
    steps: Sequence[HandOver] = ()
    earlier: Sequence[DocumentVersion] = ()


def whole(context: Context, shown: Whole) -> dict[str, Any]:
    """A case with all its parts; what few cases have is looked up where this one has it."""
    steps: Sequence[HandOver] = ()
    earlier: Sequence[DocumentVersion] = ()
    is_replaced = any(each.version > 1 for each in shown.documents)
    if shown.case.handled_by is not None or is_replaced:
        with context.engine.connect() as connection:
            steps = case_steps.of_case(connection, shown.case.case_code)
            earlier = store.document_versions(connection, shown.case.case_code) if is_replaced else ()
    return case(context, shown.case, Parts(shown.documents, shown.money, shown.timeline, steps, earlier))


def case(context: Context, shown: Case, parts: Parts) -> dict[str, Any]:
    state = CaseState(shown.state)
    procedure = context.catalogue.version(shown.procedure_code, shown.procedure_version)
    money, timeline = parts.money, parts.timeline
    owed_vnd = max(money.owed_vnd - money.paid_vnd, 0)
    base = f"{context.public_url}/v1/cases/{shown.case_code}"
    links = {"self": base, "track": f"{context.public_url}/track/{shown.track_token}"}
    possible = allowed(case_rules.TABLE, state)
    if state is CaseState.DRAFT:
        links["submit"] = f"{base}/submit"
    if set(possible) & AGENCY_EVENTS:
        links["transitions"] = f"{base}/transitions"
    if state in IN_WORK:
        links["extensions"] = f"{base}/extensions"
    if owed_vnd > 0 and payments.is_payable(shown):
        links["payments"] = f"{context.public_url}/v1/payments"
    if shown.submitted_at is not None:
        links["papers"] = f"{base}/papers"
    code, words = NATIONAL.get(state, (None, None))
    agency = called(context, shown.agency_code, day_of(context.clock()))
    return {
        "case_code": shown.case_code,
        "reference": shown.reference,
        "procedure": {"code": procedure.code, "name": procedure.name_vi, "name_en": procedure.name_en},
        "agency_code": shown.agency_code,
        "handled_by": shown.handler,
        "steps": [_hand_over(each) for each in parts.steps],
        "channel": shown.channel,
        "pay": shown.pay,
        "keeps_documents": shown.keeps_documents,
        "agency_name": None if agency is None else agency.name,
        "agency_now_within": None if agency is None else agency.now_within,
        "state": state.value,
        "finished": state in terminal(case_rules.TABLE),
        "national_state": None if code is None else {"code": code, "name": words},
        "money_state": shown.money_state,
        "delivery_state": shown.delivery_state,
        "fees": [dict(fee) for fee in shown.fees],
        "owed_vnd": owed_vnd,
        "owed_back_vnd": money.owed_back_vnd,
        "documents": [_document(each, parts.earlier) for each in parts.documents],
        "supplements": sum(_asks_for_more(each) for each in timeline),
        "due_on": None if shown.due_on is None else shown.due_on.isoformat(),
        "due_reason": _due_reason(context, shown, timeline),
        "due_steps": _due_steps(context, shown, timeline),
        "submission_receipt": shown.submission_receipt,
        "created_at": moment(shown.created_at),
        "submitted_at": moment(shown.submitted_at),
        "handed_over_at": moment(shown.handed_over_at),
        "forgotten_at": moment(shown.forgotten_at),
        "timeline": [step for step in map(timeline_step, timeline) if step is not None],
        "version": shown.version,
        "links": links,
    }


def _hand_over(each: HandOver) -> dict[str, Any]:
    return {
        "number": each.number,
        "from_agency": each.from_agency,
        "agency_code": each.agency_code,
        "step": each.name or None,
        "reason": each.reason or None,
        "why_returned": each.why_returned,
        "state": each.state,
        "due_at": moment(each.due_at),
        "handed_over_at": moment(each.handed_over_at),
        "acknowledged_at": moment(each.acknowledged_at),
        "ended_at": moment(each.ended_at),
    }


_MOVED: Mapping[str, str] = {
    due_dates.EXTENDED: "gia hạn",
    due_dates.MOVED: "tính lại do gián đoạn dịch vụ",
}
"""What named another day, and how it is said."""
_UNDONE = "tính lại vì xác nhận gián đoạn đã được rút"


def _due_reason(context: Context, shown: Case, timeline: Sequence[Event]) -> str | None:
    if shown.accepted_at is None:
        return None
    moved = next(
        (each for each in reversed(timeline) if each.type in _MOVED and each.data["was_due_on"]), None
    )
    if moved is not None:
        was = date.fromisoformat(str(moved.data["was_due_on"])).strftime("%d/%m/%Y")
        how = _UNDONE if moved.data.get("taken_back") else _MOVED[moved.type]
        why = moved.data.get("reason")  # it goes with the person
        return f"{how}, ngày hẹn trước là {was}" + (f": {why}" if why else "")
    day = shown.accepted_at.astimezone(VIETNAM).strftime("%d/%m/%Y")
    return f"{term_vi(due_dates.term_of(context, shown))} kể từ ngày tiếp nhận {day}"


def _due_steps(context: Context, shown: Case, timeline: Sequence[Event]) -> list[dict[str, str]]:
    """How the due date was counted, step by step; empty before the reception."""
    found = due_dates.reckoned(context, shown, timeline)
    if found is None:
        return []
    told = zip(explain_vi(found), explain_en(found), strict=True)
    return [{"vi": vi, "en": en} for vi, en in told]


def _asks_for_more(event: Event) -> bool:
    """More than one of these without need counts against the agency (Index 766)."""
    return (
        event.subject_kind == "case" and event.to_state == CaseState.SUPPLEMENT_REQUIRED != event.from_state
    )


def _document(each: Document, earlier: Iterable[DocumentVersion]) -> dict[str, Any]:
    return {
        "code": each.code,
        "name": each.name,
        "media_type": each.media_type,
        "size_bytes": each.size_bytes,
        "sha256": each.sha256,
        "stored_at": moment(each.stored_at),
        "scan": each.scan if each.stored_at is not None else None,
        "version": each.version,
        "earlier": [
            {
                "version": old.version,
                "sha256": old.sha256,
                "stored_at": moment(old.stored_at),
                "replaced_at": moment(old.replaced_at),
            }
            for old in earlier
            if old.code == each.code
        ],
    }
