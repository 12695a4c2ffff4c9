"""Where a payment can be paid: offered in the order of the rules, and begun at the next one when one is away."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Connection

from gateway.domain import breaker
from gateway.domain.breaker import Health
from gateway.domain.errors import Forbidden, NotFound, Unreachable, Unsupported
from gateway.domain.payment import AttemptState
from gateway.domain.routing import choose
from gateway.ports import Capability, PaymentProvider
from gateway.service import attempts
from gateway.service.attempts import WAYS, Guest
from gateway.service.context import Context
from gateway.store import cases as case_store
from gateway.store import health as health_store
from gateway.store import payments as store

log = structlog.get_logger()

TRIED_AT_ONCE = 3
"""So many providers at most are called for one click: each may take some seconds to be found away."""


def payable(providers: Mapping[str, PaymentProvider]) -> Collection[str]:
    """Those that a payer can be sent to: what a rule may name."""
    return [name for name, each in providers.items() if not each.capabilities.isdisjoint(WAYS)]


def offered(
    context: Context, connection: Connection, payment: store.Payment, now: datetime
) -> tuple[str, ...]:
    """The providers that a payment may be paid at, best first; those that are down come last."""
    case = case_store.find(connection, payment.case_code)
    assert case is not None
    known = health_store.of_all(connection)
    return choose(
        context.routes,
        agency=payment.agency_code,
        procedure=case.procedure_code,
        key=payment.id,
        usable={
            name: breaker.keeps_its_place(
                known.get(name, Health()),
                now,
                asked_anyway=Capability.QUERY in context.providers[name].capabilities,
            )
            for name in payable(context.providers)
        },
        wanted=payment.wanted_provider,
    )


def start(
    context: Context,
    payment_id: str,
    wanted: str | None,
    guest: Guest,
    now: datetime,
    *,
    first_is_ours: bool = False,
) -> store.Attempt:
    """Begin a try at the provider that was named; or, when none was, at the first of those offered that can be reached.

    `first_is_ours`: who names the first of those offered took what we had chosen for him. Where we choose and nothing
    left us, also since the first one does not take what is to be paid, the next one is tried at once; after anything
    else never (failure X11).

    Raises as `attempts.start`, and `Forbidden` for a provider that is not offered.
    """
    with context.engine.connect() as connection:
        payment = store.find(connection, payment_id)
        if payment is None:
            raise NotFound("no payment has this id")
        order = offered(context, connection, payment, now)
        earlier = store.attempts_of(connection, payment_id)
    if wanted is not None and not (first_is_ours and order[:1] == (wanted,)):
        attempts.find_provider(context, wanted)
        if wanted in payable(context.providers) and wanted not in order:
            raise Forbidden("this provider is not offered for this payment")
        return attempts.start(context, payment_id, wanted, guest, now)
    if not order:
        raise NotFound("no payment provider is offered for this payment")
    if wanted is None:
        order = _going_on(order, earlier)
    return _start_first(context, payment_id, order, guest, now)


def _going_on(order: tuple[str, ...], earlier: Sequence[store.Attempt]) -> tuple[str, ...]:
    """Who is at a provider already stays there."""
    last = earlier[-1] if earlier else None
    if last is None or last.state != AttemptState.SENT or last.provider not in order:
        return order
    return (last.provider, *(name for name in order if name != last.provider))


def _start_first(
    context: Context, payment_id: str, order: tuple[str, ...], guest: Guest, now: datetime
) -> store.Attempt:
    tried = order[:TRIED_AT_ONCE]
    for name in tried[:-1]:
        try:
            return attempts.start(context, payment_id, name, guest, now)
        except (Unreachable, Unsupported):
            log.info("provider_passed_over", provider=name, payment=payment_id)
    return attempts.start(context, payment_id, tried[-1], guest, now)


@dataclass(frozen=True, slots=True)
class ProviderState:
    """`since`: when it went down, or came up again; None for one that was never down."""

    name: str
    is_up: bool
    since: datetime | None
    capabilities: Sequence[str]


def states(context: Context, connection: Connection) -> Sequence[ProviderState]:
    """Each provider by name, as far as our calls to it tell."""
    known = health_store.of_all(connection)
    return [
        ProviderState(
            name=name,
            is_up=known.get(name, Health()).is_up,
            since=known.get(name, Health()).since,
            capabilities=sorted(each.value for each in provider.capabilities),
        )
        for name, provider in sorted(context.providers.items())
    ]
