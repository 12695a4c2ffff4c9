"""What tries at providers have in common, whoever begins them: what they ask for, and the one that money belongs to."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from gateway.domain import parts
from gateway.domain.codes import attempt_reference
from gateway.domain.errors import Forbidden
from gateway.domain.payment import AttemptEvent, AttemptState, PaymentEvent
from gateway.ports import Capability, FeeLine
from gateway.service import payments
from gateway.service.context import Context
from gateway.store import jobs
from gateway.store import payments as store

LARGEST_NUMBER = 99
OPEN = frozenset({AttemptState.INTENDED, AttemptState.SENT, AttemptState.UNKNOWN})


def left_vnd(payment: store.Payment) -> int:
    """What is still to be paid."""
    return parts.left_vnd(payment.amount_vnd, payment.paid_vnd, payment.refunded_vnd)


def left_lines(payment: store.Payment) -> tuple[FeeLine, ...]:
    """The fee lines that are still to be paid; after a part payment the first of them may be cut."""
    return tuple(
        FeeLine(
            kind=line["kind"],
            code=line["code"],
            name=line["name"],
            amount_vnd=line["amount_vnd"],
            account=line.get("account"),
        )
        for line in parts.left_lines(payment.lines, left_vnd(payment))
    )


def ends_at(context: Context, payment: store.Payment, provider: str, created_at: datetime) -> datetime:
    """Until when a try may be paid: with its payment, or sooner where its provider is asked what became of it."""
    known = context.providers.get(provider)
    if known is None or Capability.QUERY not in known.capabilities:
        return payment.expires_at
    return min(payment.expires_at, created_at + context.try_life)


def add(
    connection: Connection,
    payment: store.Payment,
    provider: str,
    number: int,
    now: datetime,
    *,
    reference: str | None = None,
) -> store.Attempt:
    """The intention of a try, by its own reference unless another is given (each is used once at a provider).

    The caller holds the payment's lock. Raises `Forbidden` after too many.
    """
    if number > LARGEST_NUMBER:
        raise Forbidden("too many tries were made on this payment")
    return store.add_attempt(
        connection,
        {
            "payment_id": payment.id,
            "provider": provider,
            "reference": reference or attempt_reference(payment.order_code, number),
            "number": number,
            "state": AttemptState.INTENDED.value,
            "asked_vnd": left_vnd(payment),
            "created_at": now,
        },
    )


def put_query(context: Context, connection: Connection, attempt: store.Attempt, now: datetime) -> None:
    """The first question about a try, where its provider can be asked."""
    provider = context.providers.get(attempt.provider)
    if provider is None or Capability.QUERY not in provider.capabilities:
        return
    jobs.put(
        connection,
        "query_attempt",
        subject=attempt.id,
        args={"attempt_id": attempt.id, "round": 0},
        at=now + timedelta(seconds=context.schedules.query_s[0]),
    )


def ensure(
    context: Context,
    connection: Connection,
    payment: store.Payment,
    provider: str,
    now: datetime,
    *,
    cause: str,
) -> store.Attempt:
    """The try that money at `provider` belongs to, begun without the citizen where there is none.

    A payer may be first at a desk or in his bank's app, with nothing but the order code. The caller holds the
    payment's lock. The newest open try is taken; else the newest that brought money already, so that a transfer in
    two parts stays with its code; else a new one.
    """
    known = store.attempts_of(connection, payment.id)
    mine = [each for each in known if each.provider == provider]
    for states in (OPEN, {AttemptState.SUCCEEDED}):
        found = next((each for each in reversed(mine) if each.state in states), None)
        if found is not None:
            return found
    return begin(context, connection, payment, provider, now, cause=cause)


def begin(
    context: Context,
    connection: Connection,
    payment: store.Payment,
    provider: str,
    now: datetime,
    *,
    cause: str,
    reference: str | None = None,
) -> store.Attempt:
    """A try that the payer began by himself: there is nothing to send. The caller holds the payment's lock."""
    number = len(store.attempts_of(connection, payment.id)) + 1
    attempt = add(connection, payment, provider, number, now, reference=reference)
    store.move_attempt(connection, attempt.id, AttemptEvent.SEND, {"sent_at": now})
    put_query(context, connection, attempt, now)
    data = {"attempt_id": attempt.id, "provider": provider}
    payments.move(connection, payment, PaymentEvent.START, now, actor="citizen", cause=cause, data=data)
    changed = store.find_attempt(connection, attempt.id)
    assert changed is not None
    return changed
