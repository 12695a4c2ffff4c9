"""Payments by REST."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from apiflask import APIBlueprint
from flask import Response, request

from gateway.domain import payment as rules
from gateway.domain.errors import Malformed
from gateway.domain.payment import PaymentState
from gateway.service import attempts, payments, receipts, routing, show
from gateway.service.attempts import Guest
from gateway.store import legal_receipts as legal_store
from gateway.store import payments as store
from gateway.store import receipts as receipt_store
from gateway.store import refunds as refund_store
from gateway.web import ways
from gateway.web.api.models import AttemptIn, PaymentIn
from gateway.web.api.shown import AttemptOut, PaymentOut, PaymentPage
from gateway.web.auth import caller
from gateway.web.context import web

blueprint = APIBlueprint("payments", __name__, url_prefix="/v1/payments", tag="Payments")

T = TypeVar("T")

LARGEST_PAGE = 500
YEARS = range(2000, 2100)
RECEIPT_ANSWERS: dict[int | str, Any] = {
    200: {
        "description": "The receipt",
        "content": {
            "application/pdf": {"schema": {"type": "string", "format": "binary"}},
            "application/json": {"schema": {"type": "object"}},
            "application/xml": {"schema": {"type": "string"}},
        },
    }
}
DEFAULT_PAGE = 100


def _shown(payment: store.Payment) -> dict[str, object]:
    return _all_shown([payment])[0]


def _all_shown(found: Sequence[store.Payment]) -> list[dict[str, object]]:
    """With their receipts' numbers and what may be given back; one look-up gives each for all of them."""
    shared, paid = web().context, [each.id for each in found if each.paid_at]
    with shared.engine.connect() as connection:
        numbers = receipt_store.issued_numbers(connection, paid) if paid else {}
        legal = legal_store.shown_of(connection, paid) if paid else {}
        left = refund_store.refundable_vnd(connection, paid) if paid else {}
        waiting = [each.id for each in found if each.state == PaymentState.PENDING]
        newest = store.newest_attempts(connection, waiting) if waiting else {}
    return [
        {
            **show.payment(
                shared, each, numbers.get(each.id), left.get(each.id, 0), _qr(each, newest.get(each.id))
            ),
            "legal_receipt": show.legal_receipt(legal.get(each.id)),
        }
        for each in found
    ]


def _qr(payment: store.Payment, newest: store.Attempt | None) -> str | None:
    """The QR code that the payment's page shows now."""
    code = None if newest is None else ways.current(web().context, payment, [newest])
    return None if code is None else code.qr_payload


@blueprint.post("")
@blueprint.input(PaymentIn, arg_name="wanted")
@blueprint.output(PaymentOut, status_code=201)
def create(wanted: PaymentIn) -> tuple[dict[str, object], int]:
    """Order a payment: the signed request is kept with it."""
    who, shared = caller("payments:write"), web().context
    if wanted.provider is not None:
        attempts.find_provider(shared, wanted.provider)
    payment, is_new = payments.create(shared, who, wanted.model_dump(), shared.clock())
    return _shown(payment), 201 if is_new else 200


@blueprint.get("")
@blueprint.output(PaymentPage)
def listed() -> dict[str, object]:
    """A page of payments, newest first; filters `case_code reference state from to`, then `cursor limit`."""
    who, shared = caller("read"), web().context
    limit = _given("limit", _page_size) or DEFAULT_PAGE
    with shared.engine.connect() as connection:
        found = store.listed(
            connection,
            who.portal_id,
            case_code=request.args.get("case_code"),
            reference=request.args.get("reference"),
            states=_states(request.args.get("state")),
            created_from=_given("from", _moment),
            created_to=_given("to", _moment),
            before_id=_given("cursor", _payment_id),
            limit=limit,
        )
    return {
        "payments": _all_shown(found),
        "next_cursor": found[-1].id if len(found) == limit else None,
    }


def _given(name: str, read: Callable[[str], T]) -> T | None:
    text = request.args.get(name)
    if text is None:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise Malformed(f"{name} {error}") from None


def _moment(text: str) -> datetime:
    """A time of RFC 3339. Raises `ValueError` for one without offset, or from another age."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is a time of RFC 3339") from None
    if value.tzinfo is None or value.year not in YEARS:
        raise ValueError("is a time with offset, of the years that payments can be of")
    return value


def _page_size(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,2}", text) or int(text) > LARGEST_PAGE:
        raise ValueError(f"is 1 to {LARGEST_PAGE}")
    return int(text)


def _payment_id(text: str) -> str:
    if not re.fullmatch(r"pay_[0-9a-f]{32}", text):
        raise ValueError("is the next_cursor of an earlier page")
    return text


def _states(public: str | None) -> list[str] | None:
    """The inner states behind a public one."""
    if public is None:
        return None
    found = [inner.value for inner, shown in rules.PUBLIC.items() if shown.value == public]
    if not found:
        raise Malformed("state is not one of the public states of a payment")
    return found


@blueprint.get("/<payment_id>")
@blueprint.output(PaymentOut)
def get(payment_id: str) -> dict[str, object]:
    """A payment as it stands."""
    return _shown(payments.find(web().context, caller("read"), payment_id))


@blueprint.post("/<payment_id>/cancel")
@blueprint.output(PaymentOut)
def cancel(payment_id: str) -> dict[str, object]:
    """Stop asking for the money; idempotent. Money that comes all the same still counts."""
    who, shared = caller("payments:write"), web().context
    return _shown(payments.cancel(shared, who, payment_id, shared.clock()))


@blueprint.post("/<payment_id>/attempts")
@blueprint.input(AttemptIn, arg_name="wanted")
@blueprint.output(AttemptOut, status_code=201)
def attempt(payment_id: str, wanted: AttemptIn) -> dict[str, object]:
    """Start a try at a provider, for portals that show the choice themselves; or at the one that we choose."""
    who, shared = caller("payments:write"), web().context
    payments.find(shared, who, payment_id)
    guest = Guest(client_ip=request.remote_addr or "127.0.0.1", locale="vi")
    made = routing.start(shared, payment_id, wanted.provider, guest, shared.clock())
    return {
        "id": made.id,
        "provider": made.provider,
        "state": made.state,
        "redirect_url": made.redirect_url,
        "qr_payload": made.qr_payload,
        "pay_code": made.pay_code,
    }


@blueprint.get("/<payment_id>/receipt")
@blueprint.doc(responses=RECEIPT_ANSWERS)
def receipt(payment_id: str) -> Response:
    """The receipt as signed PDF, canonical JSON or signed XML (XAdES), by Accept."""
    offered = ["application/pdf", "application/json", "application/xml"]
    kind = request.accept_mimetypes.best_match(offered, default="application/pdf")
    content = receipts.paper_of(web().context, caller("read"), payment_id, kind.removeprefix("application/"))
    return Response(content, content_type=kind)
