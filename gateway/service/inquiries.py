"""What is owed now, for a bank or platform that asks before it lets anyone pay.

The answer is of this moment, whatever was asked for before: a fee that has changed since is the one that is charged,
and the try knows what its provider was told last. Who asks by the order code alone begins a try of his own.
"""

from datetime import datetime
from typing import Protocol

import psycopg
import structlog
from psycopg_pool import PoolTimeout
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from gateway.domain.codes import order_code_of
from gateway.domain.errors import BadSignature, Forbidden, ForeignPartner, InputError
from gateway.domain.payment import AttemptState, PaymentState
from gateway.ports import Answer, Bill, HttpAnswer, InboundMessage, Inquiring
from gateway.service import sealed, tries
from gateway.service.context import Context
from gateway.store import cases as case_store
from gateway.store import inbox
from gateway.store import payments as store

log = structlog.get_logger()

PAYABLE = frozenset({PaymentState.CREATED, PaymentState.PENDING, PaymentState.FAILED, PaymentState.UNKNOWN})
UNCLEAR = frozenset({AttemptState.INTENDED, AttemptState.UNKNOWN})


class Asks(Inquiring, Protocol):
    """A provider that asks us."""

    name: str


def answer(context: Context, provider: Asks, message: InboundMessage, now: datetime) -> HttpAnswer:
    """Keep the question and answer it in the provider's own words."""
    try:
        said, bill = _answered(context, provider, message, now)
    except (psycopg.Error, SQLAlchemyError, PoolTimeout) as error:
        log.error("inquiry_failed", provider=provider.name, error=type(error).__name__)
        said, bill = Answer.OUR_ERROR, None
    return provider.answer_inquiry(said, bill, message, now)


def _answered(
    context: Context, provider: Asks, message: InboundMessage, now: datetime
) -> tuple[Answer, Bill | None]:
    verdict, said, reference = "inquiry", Answer.OK, ""
    try:
        reference = provider.read_inquiry(message, now)
    except BadSignature:
        verdict, said = "bad_signature", Answer.BAD_SIGNATURE
    except ForeignPartner:
        verdict, said = "foreign_partner", Answer.UNKNOWN_ORDER
    except InputError:
        verdict, said = "malformed", Answer.MALFORMED
    with context.engine.begin() as connection:
        inbox.record(connection, provider.name, message, verdict, now)
    if said is not Answer.OK:
        log.warning("inquiry_refused", provider=provider.name, verdict=verdict)
        return said, None
    try:
        with context.engine.begin() as connection:
            return _bill(context, connection, provider.name, reference, now)
    except Forbidden:
        return Answer.OUR_ERROR, None  # too many tries were made: nothing can be begun


def _bill(
    context: Context, connection: Connection, provider: str, reference: str, now: datetime
) -> tuple[Answer, Bill | None]:
    payment = _asked_about(connection, reference)
    if payment is None:
        return Answer.UNKNOWN_ORDER, None
    left_vnd = tries.left_vnd(payment)
    payable = payment.state in PAYABLE and left_vnd > 0 and payment.expires_at > now
    if not payable:
        return Answer.OK, _of(context, connection, payment, payment.order_code, payable=False)
    tried = store.attempts_of(connection, payment.id)
    if any(each.state in UNCLEAR and each.provider != provider for each in tried):
        return Answer.OUR_ERROR, None  # an earlier try may have brought the money: first that is found out
    attempt = _try(context, connection, payment, provider, reference, now)
    store.ask_for(connection, attempt.id, left_vnd)
    return Answer.OK, _of(context, connection, payment, attempt.reference, payable=True)


def _asked_about(connection: Connection, reference: str) -> store.Payment | None:
    """The payment of an order code or of a try, or the newest that is open of a case, its row locked."""
    code = order_code_of(reference)
    if code is not None:
        payment = store.find_by_order_code(connection, code, lock=True)
        known = payment is not None and (
            reference == code
            or reference in {each.reference for each in store.attempts_of(connection, payment.id)}
        )
        return payment if known else None
    payments = store.of_case(connection, reference)
    found = [each for each in payments if each.state in PAYABLE] or payments
    return found[-1] if found else None


def _try(
    context: Context,
    connection: Connection,
    payment: store.Payment,
    provider: str,
    reference: str,
    now: datetime,
) -> store.Attempt:
    if order_code_of(reference) is None:  # asked by the case
        return tries.ensure(context, connection, payment, provider, now, cause=f"inquiry:{provider}")
    known = store.find_attempt_by_reference(connection, provider, reference)
    return known or tries.begin(
        context, connection, payment, provider, now, cause=f"inquiry:{provider}", reference=reference
    )


def _of(
    context: Context, connection: Connection, payment: store.Payment, reference: str, *, payable: bool
) -> Bill:
    case = case_store.find(connection, payment.case_code)
    assert case is not None
    return Bill(
        reference=reference,
        amount_vnd=tries.left_vnd(payment),
        description=f"Phi ho so {payment.case_code}",
        payable=payable,
        case_code=payment.case_code,
        agency=context.agency(payment.agency_code),
        lines=tries.left_lines(payment),
        payer=sealed.payer(context.sealer, store.sealed_payer(connection, payment.id)),
        expires_at=payment.expires_at,
        procedure_code=case.procedure_code,
        procedure_name=context.catalogue.version(case.procedure_code, case.procedure_version).name_vi,
    )
