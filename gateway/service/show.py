"""How a thing looks to portals: public states, whole VND, times with offset, and links for what is allowed now."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateway.domain import payment as payment_rules
from gateway.domain import refund as refund_rules
from gateway.domain.delivery import PUBLIC as PUBLIC_DELIVERY
from gateway.domain.delivery import TERMINAL as DELIVERY_ENDS
from gateway.domain.delivery import DeliveryState
from gateway.domain.form import KINDS
from gateway.domain.legal_receipt import PUBLIC as PUBLIC_LEGAL
from gateway.domain.legal_receipt import LegalState
from gateway.domain.machine import allowed
from gateway.domain.payment import PaymentEvent, PaymentState
from gateway.domain.published import PUBLISHED
from gateway.domain.refund import RefundState
from gateway.service.cases import VIETNAM
from gateway.service.context import Context
from gateway.store.case_papers import CasePaper
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
