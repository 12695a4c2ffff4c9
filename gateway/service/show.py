"""How a thing looks to portals: public states, whole VND, times with offset, and links for what is allowed now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gateway.domain import case as case_rules
from gateway.domain import payment as payment_rules
from gateway.domain import refund as refund_rules
from gateway.domain.case import AGENCY_EVENTS, IN_WORK, NATIONAL, CaseState
from gateway.domain.deadline_words import explain_en, explain_vi, term_vi
from gateway.domain.delivery import PUBLIC as PUBLIC_DELIVERY
from gateway.domain.delivery import TERMINAL as DELIVERY_ENDS
from gateway.domain.delivery import DeliveryState
from gateway.domain.form import KINDS
from gateway.domain.legal_receipt import PUBLIC as PUBLIC_LEGAL
from gateway.domain.legal_receipt import LegalState
from gateway.domain.machine import allowed, terminal
from gateway.domain.payment import PaymentEvent, PaymentState
from gateway.domain.published import PUBLISHED
from gateway.domain.refund import RefundState
from gateway.domain.workdays import day_of
from gateway.service import due_dates, payments
from gateway.service.agency_names import called
from gateway.service.cases import VIETNAM
from gateway.service.context import Context
from gateway.store.case_papers import CasePaper
from gateway.store.case_steps import Step as HandOver
from gateway.store.cases import NOTHING, Case, CaseMoney, Document, DocumentVersion
from gateway.store.deliveries import Delivery
from gateway.store.legal_receipts import LegalReceipt
from gateway.store.payments import Payment
from gateway.store.refunds import Refund
from gateway.store.spine import Event

REFUND_ENDS = frozenset({RefundState.SUCCEEDED, RefundState.DECLINED})
"""A failed refund can still be agreed to again, or turn out to have gone through."""


def moment(at: datetime | None) -> str | None:
    """RFC 3339 in Vietnam's time."""
    return None if at is None else at.astimezone(VIETNAM).isoformat(timespec="milliseconds")


def payment(
    context: Context,
    shown: Payment,
    receipt_number: str | None = None,
    refundable_vnd: int = 0,
    qr_payload: str | None = None,
) -> dict[str, Any]:
    state = PaymentState(shown.state)
    base = f"{context.public_url}/v1/payments/{shown.id}"
    page = f"{context.public_url}/pay/{shown.token}"
    links = {"self": base, "case": f"{context.public_url}/v1/cases/{shown.case_code}"}
    possible = allowed(payment_rules.TABLE, state)
    if PaymentEvent.START in possible:
        links |= {"pay": page, "attempts": f"{base}/attempts"}
    if PaymentEvent.CANCEL in possible:
        links["cancel"] = f"{base}/cancel"
    if receipt_number is not None:
        links["receipt"] = f"{base}/receipt"
    if refundable_vnd > 0:
        links["refunds"] = f"{base}/refunds"
    return {
        "id": shown.id,
        "reference": shown.reference,
        "order_code": shown.order_code,
        "case_code": shown.case_code,
        "state": payment_rules.PUBLIC[state].value,
        "finished": payment_rules.is_finished(state),
        "amount_vnd": shown.amount_vnd,
        "lines": [dict(line) for line in shown.lines],
        "paid_vnd": shown.paid_vnd,
        "refunded_vnd": shown.refunded_vnd,
        "refundable_vnd": refundable_vnd,
        "provider": shown.provider or shown.wanted_provider,
        "pay_url": page,
        "qr": None if qr_payload is None else {"payload": qr_payload, "image_url": f"{page}/qr.svg"},
        "expires_at": moment(shown.expires_at),
        "created_at": moment(shown.created_at),
        "paid_at": moment(shown.paid_at),
        "receipt_number": receipt_number,
        "version": shown.version,
        "links": links,
    }


def legal_receipt(shown: LegalReceipt | None) -> dict[str, Any] | None:
    """The legal receipt of a payment at its provider; None where it has none. `number` is null until it is issued."""
    if shown is None:
        return None
    return {
        "provider": shown.provider,
        "state": PUBLIC_LEGAL[LegalState(shown.state)].value,
        "form": shown.form,
        "sign": shown.sign,
        "number": shown.number,
        "lookup_code": shown.lookup_code or None,
        "amount_vnd": shown.amount_vnd,
        "issued_at": moment(shown.issued_at),
    }


def refund(context: Context, shown: Refund) -> dict[str, Any]:
    state = RefundState(shown.state)
    return {
        "id": shown.id,
        "reference": shown.reference,
        "payment_id": shown.payment_id,
        "state": refund_rules.PUBLIC[state].value,
        "finished": state in REFUND_ENDS,
        "amount_vnd": shown.amount_vnd,
        "reason": shown.reason,
        "provider": shown.provider,
        "created_at": moment(shown.created_at),
        "ended_at": moment(shown.ended_at),
        "version": shown.version,
        "links": {
            "self": f"{context.public_url}/v1/refunds/{shown.id}",
            "payment": f"{context.public_url}/v1/payments/{shown.payment_id}",
        },
    }


@dataclass(frozen=True, slots=True)
class Parts:
    """What is shown with a case: its documents and what they replaced, its money, what happened, its hand-overs."""

    documents: Sequence[Document] = ()
    money: CaseMoney = NOTHING
    timeline: Sequence[Event] = ()
    steps: Sequence[HandOver] = ()
    earlier: Sequence[DocumentVersion] = ()


def is_replaced(documents: Iterable[Document]) -> bool:
    """Whether one of them took the place of another."""
    return any(each.version > 1 for each in documents)


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


def case_paper(context: Context, shown: CasePaper) -> dict[str, Any]:
    kind = KINDS[shown.form]
    return {
        "id": shown.id,
        "form": shown.form,
        "title": kind.title,
        "title_en": kind.title_en,
        "number": shown.number,
        "issued_at": moment(shown.made_at),
        "level": shown.level,
        "pdf_sha256": shown.pdf_sha256,
        "json_sha256": shown.json_sha256,
        "version": shown.version,
        "links": {
            "self": f"{context.public_url}/v1/cases/{shown.case_code}/papers/{shown.id}",
            "case": f"{context.public_url}/v1/cases/{shown.case_code}",
        },
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


def timeline_step(event: Event) -> dict[str, Any] | None:
    """One step of a timeline; None for what is ours alone."""
    if event.type not in PUBLISHED:
        return None
    return {"at": moment(event.occurred_at), "type": event.type, "state": public_state(event)}


def public_state(event: Event) -> str | None:
    """The state after an event, in the public vocabulary of its noun."""
    if event.to_state is None:
        return None
    if event.subject_kind == "payment":
        return payment_rules.PUBLIC[PaymentState(event.to_state)].value
    if event.subject_kind == "refund":
        return refund_rules.PUBLIC[RefundState(event.to_state)].value
    if event.subject_kind == "delivery":
        return PUBLIC_DELIVERY[DeliveryState(event.to_state)].value
    return event.to_state


def delivery(context: Context, shown: Delivery) -> dict[str, Any]:
    state = DeliveryState(shown.state)
    base = f"{context.public_url}/v1/deliveries/{shown.id}"
    return {
        "id": shown.id,
        "reference": shown.reference,
        "case_code": shown.case_code,
        "method": shown.method,
        "operator": shown.operator,
        "order_number": shown.order_number,
        "item_code": shown.item_code,
        "state": PUBLIC_DELIVERY[state].value,
        "detail_state": state.value,
        "finished": state in DELIVERY_ENDS,
        "cod_vnd": shown.cod_vnd,
        "created_at": moment(shown.created_at),
        "handed_over_at": moment(shown.handed_over_at),
        "version": shown.version,
        "links": {"self": base, "case": f"{context.public_url}/v1/cases/{shown.case_code}"},
    }


def event(shown: Event) -> dict[str, Any]:
    """An event as the feed and the webhooks tell it."""
    about: Mapping[str, Any] = {
        "kind": shown.subject_kind,
        "id": shown.subject_id,
        "case_code": shown.case_code,
        "state": public_state(shown),
        **shown.data,
    }
    return {
        "type": shown.type,
        "timestamp": moment(shown.occurred_at),
        "id": f"evt_{shown.id}",
        "version": shown.version,
        "data": dict(about),
    }
