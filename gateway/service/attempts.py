"""One try at one provider: intention first, then the call, then what became of it.

A second try is allowed only when the one before cannot still be unclear: it is asked about first (failure X11).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from gateway.domain.errors import (
    Forbidden,
    InputError,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    Refused,
    Unreachable,
    Unsupported,
)
from gateway.domain.payment import AttemptEvent, AttemptState, PaymentEvent, PaymentState
from gateway.ports import Capability, PaymentProvider, Started, StartOrder
from gateway.service import payments, reports, sealed, tries, watch
from gateway.service.context import Context
from gateway.service.reports import Asked
from gateway.store import cases as case_store
from gateway.store import payments as store

WAYS = frozenset({Capability.REDIRECT, Capability.QR, Capability.CODE})
"""How a citizen can be shown where to pay."""
OPEN = (PaymentState.CREATED, PaymentState.PENDING, PaymentState.FAILED, PaymentState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Guest:
    """Who sits before the pay page."""

    client_ip: str
    locale: str


def start(
    context: Context, payment_id: str, provider_name: str, guest: Guest, now: datetime
) -> store.Attempt:
    """Send the citizen to a provider: an attempt with where to go next, or in state `unknown`.

    Raises `NotFound`, `Unsupported` (nothing to show anyone), `Forbidden` (paid, over, still unclear),
    `Unreachable` and `Refused`.
    """
    provider = find_provider(context, provider_name)
    if provider.capabilities.isdisjoint(WAYS):
        # before the intention: a try that nobody can be shown would leave the payment waiting for nothing
        raise Unsupported("this provider cannot be paid at from here yet")
    payment, earlier = _look(context, payment_id)
    usable = _usable(context, earlier, provider_name, payment, now)
    if usable is not None:
        return usable
    _clear(context, payment, earlier, now)
    watch.enter(context, provider, now)
    attempt, order = _intend(context, payment_id, provider, guest, len(earlier), now)
    return attempt if order is None else _send(context, provider, attempt, order, now)


def find_provider(context: Context, name: str) -> PaymentProvider:
    """Raises `NotFound`."""
    try:
        return context.providers[name]
    except KeyError:
        raise NotFound("no payment provider has this name") from None


def _look(context: Context, payment_id: str) -> tuple[store.Payment, Sequence[store.Attempt]]:
    with context.engine.connect() as connection:
        payment = store.find(connection, payment_id)
        if payment is None:
            raise NotFound("no payment has this id")
        return payment, store.attempts_of(connection, payment_id)


def _usable(
    context: Context,
    earlier: Sequence[store.Attempt],
    provider_name: str,
    payment: store.Payment,
    now: datetime,
) -> store.Attempt | None:
    """The open try at this provider that the citizen can go on with."""
    if payment.state not in OPEN:
        return None
    last = earlier[-1] if earlier else None
    if last is None or last.provider != provider_name or last.state != AttemptState.SENT:
        return None
    if last.asked_vnd not in {None, tries.left_vnd(payment)}:
        return None  # what it shows is not what is owed now
    if tries.ends_at(context, payment, provider_name, last.created_at) <= now < payment.expires_at:
        return None  # its page cannot be paid at any more
    return last if last.redirect_url or last.qr_payload or last.pay_code else None


def _clear(context: Context, payment: store.Payment, earlier: Sequence[store.Attempt], now: datetime) -> None:
    """Ask about each try that may still bring money. Raises `Forbidden` while one stays unclear.

    A try that was only intended is given up once its provider has answered; one that the provider says is open stays
    so, and may still bring the money.
    """
    for attempt in earlier:
        if attempt.state in tries.OPEN:
            asked = reports.ask(context, attempt.id, now)
            with context.engine.begin() as connection:
                store.find(connection, payment.id, lock=True)
                again = store.find_attempt(connection, attempt.id)
                assert again is not None
                _give_up_or_wait(connection, again, asked)
                _see_again(connection, payment.id, now)
    if payment.state == PaymentState.UNKNOWN and not earlier:
        raise Forbidden("the payment is not clear yet; please wait a moment")


def _see_again(connection: Connection, payment_id: str, now: datetime) -> None:
    """A payment is no longer unclear once none of its tries is."""
    payment = store.find(connection, payment_id)
    assert payment is not None
    tried = store.attempts_of(connection, payment_id)
    if not any(each.state == AttemptState.UNKNOWN for each in tried):
        payments.move(connection, payment, PaymentEvent.SEE_PENDING, now, actor="gateway", cause="pay")


def _give_up_or_wait(connection: Connection, attempt: store.Attempt, asked: Asked) -> None:
    """Raises `Forbidden` where nobody can say yet whether the try reached its provider.

    A try whose page the citizen was shown does not bar the way when its provider is down: he must be able to pay
    elsewhere, and what came twice is owed back.
    """
    if attempt.state not in {AttemptState.INTENDED, AttemptState.UNKNOWN}:
        return
    # a provider that answers no questions showed nobody where to pay; one that answered knows of no money
    if asked is Asked.UNASKABLE or (attempt.state == AttemptState.INTENDED and asked is not Asked.UNHEARD):
        store.move_attempt(connection, attempt.id, AttemptEvent.ABANDON)
    else:
        raise Forbidden("an earlier try is not clear yet; please wait a moment")


def _intend(
    context: Context, payment_id: str, provider: PaymentProvider, guest: Guest, seen: int, now: datetime
) -> tuple[store.Attempt, StartOrder | None]:
    """A new try and its order; or, without an order, the one that somebody else began meanwhile."""
    with context.engine.begin() as connection:
        payment = store.find(connection, payment_id, lock=True)
        assert payment is not None
        if payment.state not in OPEN:
            raise Forbidden(f"a payment in state {payment.state} cannot be paid")
        known = store.attempts_of(connection, payment_id)
        if len(known) != seen:
            usable = _usable(context, known, provider.name, payment, now)
            if usable is None:
                raise Forbidden("another try was begun at the same moment; please look again")
            return usable, None
        attempt = tries.add(connection, payment, provider.name, seen + 1, now)
        data = {"attempt_id": attempt.id, "provider": provider.name}
        payments.move(connection, payment, PaymentEvent.START, now, actor="citizen", cause="pay", data=data)
        tries.put_query(context, connection, attempt, now)
        return attempt, _order(context, connection, payment, attempt, guest, now)


def _order(
    context: Context,
    connection: Connection,
    payment: store.Payment,
    attempt: store.Attempt,
    guest: Guest,
    now: datetime,
) -> StartOrder:
    case = case_store.find(connection, payment.case_code)
    assert case is not None
    procedure = context.catalogue.version(case.procedure_code, case.procedure_version)
    return StartOrder(
        reference=attempt.reference,
        amount_vnd=tries.left_vnd(payment),
        description=f"Phi ho so {payment.case_code}",
        case_code=payment.case_code,
        procedure_code=case.procedure_code,
        procedure_name=procedure.name_vi,
        lines=tries.left_lines(payment),
        agency=context.agency(payment.agency_code),
        payer=sealed.payer(context.sealer, store.sealed_payer(connection, payment.id)),
        return_url=f"{context.public_url}/return/{attempt.provider}/{payment.token}",
        client_ip=guest.client_ip,
        created_at=now,
        expires_at=tries.ends_at(context, payment, attempt.provider, now),
        locale=guest.locale,
    )


def _send(
    context: Context, provider: PaymentProvider, attempt: store.Attempt, order: StartOrder, now: datetime
) -> store.Attempt:
    try:
        started = watch.start(context, provider, order, now)
    except Unreachable:
        _end(context, attempt, AttemptEvent.ABANDON, None, now)
        raise
    except (Refused, Misconfigured, Unsupported):
        _end(context, attempt, AttemptEvent.FAIL, None, now)
        raise
    except (OutcomeUnknown, InputError):
        # an answer that we cannot believe is no answer: something left us
        return _end(context, attempt, AttemptEvent.LOSE_SIGHT, None, now)
    return _end(context, attempt, AttemptEvent.SEND, started, now)


_FOLLOWS: Mapping[AttemptEvent, PaymentEvent] = {
    AttemptEvent.LOSE_SIGHT: PaymentEvent.LOSE_SIGHT,
    AttemptEvent.ABANDON: PaymentEvent.TAKE_BACK,
    AttemptEvent.FAIL: PaymentEvent.FAIL,
}
"""What a start that came to nothing means for the payment, when no other try may still bring the money."""


def _others_open(connection: Connection, attempt: store.Attempt) -> bool:
    others = store.attempts_of(connection, attempt.payment_id)
    return any(each.id != attempt.id and each.state in tries.OPEN for each in others)


def _end(
    context: Context, attempt: store.Attempt, event: AttemptEvent, started: Started | None, now: datetime
) -> store.Attempt:
    values: dict[str, Any] = {}
    if started is not None:
        values = {
            "redirect_url": started.redirect_url,
            "qr_payload": started.qr_payload,
            "pay_code": started.pay_code,
            "provider_ref": started.provider_ref,
            "sent_at": now,
        }
    with context.engine.begin() as connection:
        payment = store.find(connection, attempt.payment_id, lock=True)
        assert payment is not None
        store.move_attempt(connection, attempt.id, event, values)
        follows = _FOLLOWS.get(event)
        # nor when a part of the money has come: then it is waited for, whatever became of this try
        alone = not _others_open(connection, attempt) and payment.paid_vnd <= payment.refunded_vnd
        if follows is not None and (follows is PaymentEvent.LOSE_SIGHT or alone):
            data = {"attempt_id": attempt.id, "provider": attempt.provider}
            payments.move(connection, payment, follows, now, actor="gateway", cause="call", data=data)
        changed = store.find_attempt(connection, attempt.id)
    assert changed is not None
    return changed
