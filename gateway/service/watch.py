"""Whether providers are up, noted beside each call to them: by when it failed, and by when it was answered again.

A note is a hint and never part of what the call is for: it has a transaction of its own, and where it cannot be made,
the call counts all the same.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from gateway.domain import breaker
from gateway.domain.breaker import Failure, Health
from gateway.domain.errors import GatewayError, InputError, OutcomeUnknown, Refused, Unreachable
from gateway.ports import Capability, PaymentProvider, Started, StartOrder
from gateway.service.context import Context
from gateway.store import alarms
from gateway.store import health as store

log = structlog.get_logger()

R = TypeVar("R")

SPOKEN_WITH = frozenset({Capability.CALLBACK, Capability.QUERY, Capability.REFUND})
"""Who has none of these is a code that we print: it is never called, and so never down."""
CHANGES_AT_ONCE = 5
"""How often a note is made again when others make one at the same moment; after that theirs will do."""


class Named(Protocol):
    """Whoever is called, by its name."""

    name: str


def enter(context: Context, provider: Named, now: datetime) -> None:
    """Before a new try is written down: raises `Unreachable` while the provider is down and its pause is not over.

    When it is over, this caller's try is the one that is let through.
    """
    with context.engine.begin() as connection:
        seen = store.see(connection, provider.name)
        if seen.health.is_up:
            return
        through = breaker.let_one_through(seen.health, now)
        if through is None or not store.change(connection, provider.name, seen, through):
            raise Unreachable("this provider does not answer at present; nothing was sent")


def start(context: Context, provider: PaymentProvider, order: StartOrder, now: datetime) -> Started:
    """Start a try. Raises what `provider.start` raises.

    Some providers are not called for it, so where questions tell more, a start that went well tells nothing.
    """
    proves = Capability.QUERY not in provider.capabilities
    return spoken(context, provider.name, lambda: provider.start(order), now, proves=proves)


def spoken(context: Context, name: str, call: Callable[[], R], now: datetime, *, proves: bool = True) -> R:
    """What `call` at a provider gives or raises. `proves`: an answer shows that the provider is up."""
    try:
        answer = call()
    except GatewayError as error:
        _note_error(context, name, error, now)
        raise
    if proves:
        _note(context, name, lambda health: breaker.answered(health, now), now)
    return answer


def _note_error(context: Context, name: str, error: GatewayError, now: datetime) -> None:
    if isinstance(error, Refused):  # it answered
        _note(context, name, lambda health: breaker.answered(health, now), now)
        return
    kinds = {
        Unreachable: Failure.UNREACHABLE,
        OutcomeUnknown: Failure.NO_ANSWER,
        InputError: Failure.GARBAGE,
    }
    failure = next((failure for kind, failure in kinds.items() if isinstance(error, kind)), None)
    if failure is not None:
        _note(context, name, lambda health: breaker.failed(health, failure, now), now)


def _note(context: Context, name: str, step: Callable[[Health], Health], now: datetime) -> None:
    provider = context.providers.get(name)
    if provider is not None and provider.capabilities.isdisjoint(SPOKEN_WITH):
        return
    try:
        for _ in range(CHANGES_AT_ONCE):
            with context.engine.begin() as connection:
                if _changed(connection, name, step, now):
                    return
    except SQLAlchemyError as error:
        log.error("health_not_noted", provider=name, error=type(error).__name__)


def _changed(connection: Connection, name: str, step: Callable[[Health], Health], now: datetime) -> bool:
    """False when somebody else made a change at the same moment."""
    seen = store.see(connection, name)
    to = step(seen.health)
    if to == seen.health:
        return True
    if not store.change(connection, name, seen, to):
        return False
    if seen.health.is_up and not to.is_up:
        log.warning("provider_down", provider=name, failure=to.failure)
        detail = f"{breaker.LIMITS.failures} calls in a row failed, the last one: {to.failure}"
        alarms.raise_alarm(connection, "provider_down", name, detail)
    elif to.is_up and not seen.health.is_up:
        log.info("provider_up", provider=name)
        alarms.close(connection, "provider_down", name, now)
    return True
