"""Refunds: asked for by a portal, approved by a second person above a limit, sent once, and found out when unclear.

Giving money back is a new fact: the payment stays paid. What is asked for, approved, sent or given back can together
never be more than what a try brought (failure X21), because each step is taken under the payment's lock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from gateway.domain import ledger
from gateway.domain.codes import make_order_code
from gateway.domain.errors import Forbidden, NotFound, PreconditionFailed
from gateway.domain.payment import AttemptState
from gateway.domain.refund import RefundEvent, RefundState
from gateway.service.cases import VIETNAM, Caller
from gateway.service.context import Context
from gateway.service.idempotency import fingerprint, same_or_conflict
from gateway.store import finance as finance_store
from gateway.store import jobs, spine
from gateway.store import payments as payment_store
from gateway.store import refunds as store

WIRE_REFERENCE_BYTES = 16
MISSING_WITHIN = timedelta(days=5)
POLICY = "policy"
"""Who approves what is below the limit: the rule itself, no person."""

TYPES: Mapping[RefundEvent, str] = {
    RefundEvent.APPROVE: "refund.approved",
    RefundEvent.DECLINE: "refund.declined",
    RefundEvent.SEND: "refund.sent",
    RefundEvent.NOT_SENT: "refund.not_sent",
    RefundEvent.SUCCEED: "refund.succeeded",
    RefundEvent.FAIL: "refund.failed",
    RefundEvent.LOSE_SIGHT: "refund.unclear",
}
assert set(TYPES) == set(RefundEvent), "every refund event has a name on the spine"


def _succeeded(connection: Connection, payment_id: str) -> Sequence[payment_store.Attempt]:
    found = payment_store.attempts_of(connection, payment_id)
    return [each for each in found if each.state == AttemptState.SUCCEEDED]


def _left(connection: Connection, attempt: payment_store.Attempt) -> int:
    return max((attempt.paid_vnd or 0) - store.held_vnd(connection, attempt.id), 0)


def request(
    context: Context, caller: Caller, payment_id: str, wanted: Mapping[str, Any], now: datetime
) -> tuple[store.Refund, bool]:
    """Ask for money to be given back. Returns the refund, and whether it is new.

    `refundable_vnd` is what the portal believes may be given back: another value is `PreconditionFailed`.
    Raises `NotFound`, `ReferenceConflict`, `PreconditionFailed`, `Forbidden` (more than one try brought).
    """
    try:
        return _request(context, caller, payment_id, wanted, now)
    except IntegrityError:
        # the same reference came at the same moment for another payment and won, or a wire reference was drawn twice
        return _request(context, caller, payment_id, wanted, now)


def _request(
    context: Context, caller: Caller, payment_id: str, wanted: Mapping[str, Any], now: datetime
) -> tuple[store.Refund, bool]:
    print_ = fingerprint({**wanted, "payment_id": payment_id})
    with context.engine.begin() as connection:
        payment = payment_store.find(connection, payment_id, caller.portal_id, lock=True)
        if payment is None:
            raise NotFound("no payment has this id")
        known = store.find_by_reference(connection, caller.portal_id, wanted["reference"])
        if known is not None:
            same_or_conflict(known.fingerprint, print_)
            return known, False
        left_vnd = store.refundable_vnd(connection, [payment_id]).get(payment_id, 0)
        if left_vnd != wanted["refundable_vnd"]:
            raise PreconditionFailed(f"{left_vnd} VND can be given back, not {wanted['refundable_vnd']}")
        made = store.add(
            connection,
            {
                "portal_id": caller.portal_id,
                "reference": wanted["reference"],
                "fingerprint": print_,
                "payment_id": payment_id,
                "attempt_id": (attempt := _of_which(connection, payment_id, wanted["amount_vnd"])).id,
                "wire_reference": _wire_reference(context, now),
                "provider": attempt.provider,
                "amount_vnd": wanted["amount_vnd"],
                "reason": wanted["reason"],
                "state": RefundState.REQUESTED.value,
                "requested_by": f"portal:{caller.portal_id}",
                "created_at": now,
            },
        )
        told = _Told("refund.requested", made.requested_by, caller.cause, now)
        _append(connection, payment, made, None, told)
        if made.amount_vnd <= context.refund_limit_vnd:
            _approve(connection, payment, made, POLICY, now)
            made = _found(connection, made.id)
    return made, True


def _of_which(connection: Connection, payment_id: str, amount_vnd: int) -> payment_store.Attempt:
    """The try to give back from: the newest that brought enough, so that a second success goes back first."""
    for attempt in reversed(_succeeded(connection, payment_id)):
        if _left(connection, attempt) >= amount_vnd:
            return attempt
    raise Forbidden("no single try brought that much; ask for it in parts")


def _wire_reference(context: Context, now: datetime) -> str:
    return make_order_code(now.astimezone(VIETNAM).date(), context.entropy(WIRE_REFERENCE_BYTES))


def _found(connection: Connection, refund_id: str) -> store.Refund:
    found = store.find(connection, refund_id)
    assert found is not None
    return found


def find(context: Context, caller: Caller, refund_id: str) -> store.Refund:
    """The caller's refund. Raises `NotFound`."""
    with context.engine.connect() as connection:
        found = store.find(connection, refund_id, caller.portal_id)
    if found is None:
        raise NotFound("no refund has this id")
    return found


def locked(connection: Connection, refund_id: str) -> tuple[payment_store.Payment, store.Refund]:
    """A refund and its payment, the payment's lock held first, as everywhere. Raises `NotFound`."""
    seen = store.find(connection, refund_id)
    if seen is None:
        raise NotFound("no refund has this id")
    payment = payment_store.find(connection, seen.payment_id, lock=True)
    assert payment is not None
    return payment, _found(connection, refund_id)


def approve(context: Context, refund_id: str, by: str, now: datetime) -> store.Refund:
    """A second person agrees; a refund that failed is agreed to again. Raises `NotFound`, `Forbidden`."""
    with context.engine.begin() as connection:
        payment, refund = locked(connection, refund_id)
        if by in {refund.requested_by, POLICY}:
            raise Forbidden("a refund is approved by another person than the one who asked for it")
        again = refund.state == RefundState.FAILED
        attempt = payment_store.find_attempt(connection, refund.attempt_id)
        assert attempt is not None
        if again and _left(connection, attempt) < refund.amount_vnd:
            raise Forbidden("another refund has taken this money meanwhile")
        if not _approve(connection, payment, refund, by, now):
            raise Forbidden(f"a refund in state {refund.state} cannot be approved")
        return _found(connection, refund_id)


def _approve(
    connection: Connection, payment: payment_store.Payment, refund: store.Refund, by: str, now: datetime
) -> bool:
    if not move(connection, payment, refund, RefundEvent.APPROVE, now, actor=by, values={"approved_by": by}):
        return False
    jobs.put(connection, "send_refund", subject=refund.id, args={"refund_id": refund.id})
    return True


def decline(context: Context, refund_id: str, by: str, now: datetime) -> store.Refund:
    """It is not given back; the money is free again. Raises `NotFound`, `Forbidden` (sent already)."""
    with context.engine.begin() as connection:
        payment, refund = locked(connection, refund_id)
        if not move(connection, payment, refund, RefundEvent.DECLINE, now, actor=by):
            raise Forbidden(f"a refund in state {refund.state} cannot be declined")
        return _found(connection, refund_id)


def succeed(
    connection: Connection,
    payment: payment_store.Payment,
    refund: store.Refund,
    out_of: str,
    now: datetime,
    **more: Any,
) -> bool:
    """The money was given back: counted, booked out of `out_of`, and what was owed back is settled."""
    values = {"ended_at": now, **more}
    event_id = move(connection, payment, refund, RefundEvent.SUCCEED, now, values=values)
    if event_id is None:
        return False
    collected = ledger.collected_account(payment.agency_code)
    booked_on = now.astimezone(VIETNAM).date()
    finance_store.post(connection, event_id, booked_on, ledger.move(collected, out_of, refund.amount_vnd))
    version = store.count_in(connection, payment.id, refund.amount_vnd)
    store.settle_obligations(connection, payment.id, refund.amount_vnd, now)
    store.less_to_pass_on(connection, payment.id, now)
    store.still_missing(connection, payment.id, refund.id, now + MISSING_WITHIN)
    spine.append(
        connection,
        spine.Change(
            subject_kind="payment",
            subject_id=payment.id,
            type="payment.refunded",
            version=version,
            actor="gateway",
            cause=f"event:{event_id}",
            occurred_at=now,
            portal_id=payment.portal_id,
            case_code=payment.case_code,
            from_state=payment.state,
            to_state=payment.state,
            data={"refund_id": refund.id, "amount_vnd": refund.amount_vnd},
        ),
    )
    return True


def move(
    connection: Connection,
    payment: payment_store.Payment,
    refund: store.Refund,
    event: RefundEvent,
    now: datetime,
    *,
    actor: str = "gateway",
    values: Mapping[str, Any] | None = None,
) -> int | None:
    """Compare-and-set with its event on the spine; the event's id, None when not possible now."""
    moved = store.move(connection, refund.id, event, values)
    if moved is None:
        return None
    return _append(connection, payment, refund, moved, _Told(TYPES[event], actor, f"refund:{refund.id}", now))


@dataclass(frozen=True, slots=True)
class _Told:
    type: str
    actor: str
    cause: str
    at: datetime


def _append(
    connection: Connection,
    payment: payment_store.Payment,
    refund: store.Refund,
    moved: tuple[str, int] | None,
    told: _Told,
) -> int:
    to_state, version = moved or (refund.state, refund.version)
    return spine.append(
        connection,
        spine.Change(
            subject_kind="refund",
            subject_id=refund.id,
            type=told.type,
            version=version,
            actor=told.actor,
            cause=told.cause,
            occurred_at=told.at,
            portal_id=payment.portal_id,
            case_code=payment.case_code,
            from_state=None if moved is None else refund.state,
            to_state=to_state,
            data={"payment_id": payment.id, "amount_vnd": refund.amount_vnd},
        ),
    )


def delay(context: Context, round_: int) -> timedelta | None:
    """When a refund that is not known is asked about again; None after the last time."""
    delays = context.schedules.query_s
    return timedelta(seconds=delays[round_]) if round_ < len(delays) else None
