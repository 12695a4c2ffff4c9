"""What providers say of money: heard when they call us, asked for when they do not.

Both ways end in the same one statement (`store.reports.record`), so a late callback and a query can
never disagree about what was done.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

import psycopg
import structlog
from psycopg_pool import PoolTimeout
from sqlalchemy.exc import SQLAlchemyError

from gateway.domain.errors import (
    BadSignature,
    ForeignPartner,
    GatewayError,
    InputError,
    OutcomeUnknown,
    Refused,
    Unreachable,
)
from gateway.domain.payment import AttemptState
from gateway.ports import Answer, Capability, HttpAnswer, InboundMessage, Outcome, PaymentProvider
from gateway.service import notices, watch
from gateway.service.context import Context
from gateway.store import alarms, inbox, jobs
from gateway.store import payments as store
from gateway.store.reports import Told

log = structlog.get_logger()


class Asked(StrEnum):
    """What asking about a try gave.

    Nothing is left to ask; an answer, but no end; nothing that can be believed; or nobody can be asked.
    """

    SETTLED = "settled"
    OPEN = "open"
    UNHEARD = "unheard"
    UNASKABLE = "unaskable"


SETTLED = (AttemptState.SUCCEEDED, AttemptState.FAILED, AttemptState.ABANDONED)

_ANSWERS = {
    "ok": Answer.OK,
    "duplicate": Answer.DUPLICATE,
    "wrong_amount": Answer.WRONG_AMOUNT,
    "unknown_order": Answer.UNKNOWN_ORDER,
    "number_reused": Answer.OUR_ERROR,  # not believed and not refused: the provider calls again, a person looks
}


def hear(context: Context, provider: PaymentProvider, message: InboundMessage, now: datetime) -> HttpAnswer:
    """Take a provider's callback and answer in its own words, never with an error of ours that it could misread."""
    return provider.acknowledge(_heard(context, provider, message, now), message, now)


def _heard(context: Context, provider: PaymentProvider, message: InboundMessage, now: datetime) -> Answer:
    try:
        report = provider.read_callback(message, now)
    except InputError as error:
        return _keep_refused(context, provider, message, error, now)
    try:
        if Capability.NOTICE in provider.capabilities:
            verdict = notices.take(context, provider, report, message, now)
        else:
            verdict = context.record(Told(provider.name, provider.name, report, message, now))
    except (psycopg.Error, SQLAlchemyError, PoolTimeout) as error:
        # the provider is told to call again; what it said is kept, if anything can be kept
        log.error("callback_failed", provider=provider.name, error=type(error).__name__)
        _keep(context, provider, message, "our_error", now)
        return Answer.OUR_ERROR
    if report.outcome is Outcome.PENDING and Capability.QUERY in provider.capabilities:
        _look_now(context, provider.name, report.reference)
    return _ANSWERS[verdict]


def _look_now(context: Context, provider: str, reference: str) -> None:
    """Something moves there: it is asked about at once, not at its next time."""
    with context.engine.begin() as connection:
        attempt = store.find_attempt_by_reference(connection, provider, reference)
        if attempt is not None:
            jobs.hasten(connection, "query_attempt", subject=attempt.id)


def look_first(context: Context, payment_id: str) -> None:
    """The citizen is back from a provider: each try that was not asked about yet is asked about now."""
    with context.engine.begin() as connection:
        for attempt in store.attempts_of(connection, payment_id):
            if attempt.state not in SETTLED:
                jobs.hasten(connection, "query_attempt", subject=attempt.id, round_=0)


def _keep_refused(
    context: Context, provider: PaymentProvider, message: InboundMessage, error: InputError, now: datetime
) -> Answer:
    verdict, answer = "malformed", Answer.MALFORMED
    if isinstance(error, BadSignature):
        verdict, answer = "bad_signature", Answer.BAD_SIGNATURE
    elif isinstance(error, ForeignPartner):
        verdict, answer = "foreign_partner", Answer.UNKNOWN_ORDER
    log.warning("callback_refused", provider=provider.name, verdict=verdict)
    return answer if _keep(context, provider, message, verdict, now) else Answer.OUR_ERROR


def _keep(
    context: Context, provider: PaymentProvider, message: InboundMessage, verdict: str, now: datetime
) -> bool:
    try:
        with context.pool.connection() as connection:
            inbox.record_bare(connection, provider.name, message, verdict, now)
    except (psycopg.Error, PoolTimeout) as error:
        log.error("inbox_failed", provider=provider.name, error=type(error).__name__)
        return False
    return True


def ask(context: Context, attempt_id: str, now: datetime, ended: Collection[AttemptState] = SETTLED) -> Asked:
    """Ask a provider, by our own reference, what became of a try. A try that cannot be asked about stays as it is."""
    with context.engine.connect() as connection:
        attempt = store.find_attempt(connection, attempt_id)
    if attempt is None or attempt.state in ended:
        return Asked.SETTLED
    provider = context.providers.get(attempt.provider)
    if provider is None:
        log.error("provider_taken_away", provider=attempt.provider, attempt=attempt.id)
        return Asked.UNHEARD
    if Capability.QUERY not in provider.capabilities:
        return Asked.UNASKABLE
    request_id = context.entropy(16).hex()
    try:
        report = watch.spoken(
            context,
            provider.name,
            lambda: provider.query(attempt.reference, attempt.created_at, now, request_id),
            now,
        )
    except (Unreachable, OutcomeUnknown, Refused, InputError) as error:
        log.info(
            "query_without_answer", provider=provider.name, attempt=attempt.id, error=type(error).__name__
        )
        return Asked.OPEN if isinstance(error, Refused) else Asked.UNHEARD
    context.record(Told("query", provider.name, report, None, now))
    return Asked.SETTLED if report.outcome in {Outcome.PAID, Outcome.FAILED} else Asked.OPEN


def ask_once_more(context: Context, attempt_id: str, now: datetime) -> None:
    """Ask about a try that was said to have failed: something says that it brought money."""
    ask(context, attempt_id, now, ended={AttemptState.SUCCEEDED})


def ask_again(context: Context, attempt_id: str, round_: int, now: datetime) -> None:
    """One round of the published schedule; puts the next one down, or an alarm after the last."""
    try:
        asked = ask(context, attempt_id, now)
    except GatewayError as error:
        log.warning("query_failed", attempt=attempt_id, error=type(error).__name__)
        asked = Asked.UNHEARD
    if asked in {Asked.SETTLED, Asked.UNASKABLE}:
        return
    with context.engine.begin() as connection:
        attempt = store.find_attempt(connection, attempt_id)
        assert attempt is not None
        if round_ + 1 < len(context.schedules.query_s):
            jobs.put(
                connection,
                "query_attempt",
                subject=attempt.id,
                args={"attempt_id": attempt_id, "round": round_ + 1},
                at=now + timedelta(seconds=context.schedules.query_s[round_ + 1]),
            )
        else:
            alarms.raise_alarm(connection, "money_unclear", attempt_id, f"provider {attempt.provider}")
