"""A refund on its way: sent once, by the provider's own interface or by hand, and asked about when unclear.

`sent` is written before the call. Whoever finds a refund in that state did not send it himself: it is unclear, and what
is unclear is asked about where the provider can be asked, and is a person's work where it cannot (failure X23).
"""

from datetime import datetime

import structlog
from sqlalchemy import Connection

from gateway.domain import ledger
from gateway.domain.errors import Forbidden, InputError, Malformed, OutcomeUnknown, Refused, Unreachable
from gateway.domain.refund import RefundEvent, RefundState
from gateway.ports import Capability, Outcome, PaymentProvider, Refunding, RefundOrder, RefundReport
from gateway.service import refunds, watch
from gateway.service.context import Context
from gateway.store import alarms, jobs
from gateway.store import payments as payment_store
from gateway.store import refunds as store

log = structlog.get_logger()

REQUEST_ID_BYTES = 16
BY_HAND = "refund_by_hand"
UNCLEAR = "refund_unclear"


def send(context: Context, refund_id: str, now: datetime) -> None:
    """Send an approved refund, once; where the provider has no way, it becomes a transfer for finance."""
    taken = _intend(context, refund_id, now)
    if taken is None:
        return
    name, provider, order = taken
    request_id = context.entropy(REQUEST_ID_BYTES).hex()
    try:
        report = watch.spoken(context, name, lambda: provider.refund(order, request_id), now)
    except Unreachable:
        _back(context, refund_id, now)
    except Refused as error:
        report = RefundReport(Outcome.FAILED, order.reference, None, None, error.code or "refused")
        _apply(context, refund_id, report, now)
    except (OutcomeUnknown, InputError) as error:
        # an answer that we cannot believe is no answer: something left us
        log.warning("refund_unclear", refund=refund_id, error=type(error).__name__)
        _apply(context, refund_id, RefundReport(Outcome.UNKNOWN, order.reference, None, None, ""), now)
    else:
        _apply(context, refund_id, report, now)


def _intend(context: Context, refund_id: str, now: datetime) -> tuple[str, Refunding, RefundOrder] | None:
    with context.engine.begin() as connection:
        payment, refund = refunds.locked(connection, refund_id)
        provider = context.providers.get(refund.provider)
        if refund.state == RefundState.SENT:
            # a worker died with this refund in its hands
            refunds.move(connection, payment, refund, RefundEvent.LOSE_SIGHT, now)
            _look_later(context, connection, provider, refund_id, 0, now)
            return None
        if refund.state != RefundState.APPROVED:
            return None
        if provider is None or Capability.REFUND not in provider.capabilities:
            alarms.raise_alarm(connection, "refund_by_hand", refund_id, f"provider {refund.provider}")
            return None
        attempt = payment_store.find_attempt(connection, refund.attempt_id)
        assert attempt is not None
        refunds.move(connection, payment, refund, RefundEvent.SEND, now, values={"sent_at": now})
        return provider.name, _refunding(provider), _order(refund, attempt, now)


def _refunding(provider: PaymentProvider) -> Refunding:
    """A provider with `REFUND` is one: the contract suite asks for it."""
    return provider  # type: ignore[return-value]  # by its capability


def _order(refund: store.Refund, attempt: payment_store.Attempt, now: datetime) -> RefundOrder:
    return RefundOrder(
        reference=refund.wire_reference,
        payment_reference=attempt.reference,
        provider_ref=attempt.provider_ref,
        amount_vnd=refund.amount_vnd,
        paid_vnd=attempt.paid_vnd or 0,
        started_at=attempt.created_at,
        created_at=now,
        reason=refund.reason,
        requested_by="cong4",
    )


def _back(context: Context, refund_id: str, now: datetime) -> None:
    """Nothing left us: it goes out later."""
    with context.engine.begin() as connection:
        payment, refund = refunds.locked(connection, refund_id)
        refunds.move(connection, payment, refund, RefundEvent.NOT_SENT, now)
        later = refunds.delay(context, 1)
        at = None if later is None else now + later
        jobs.put(connection, "send_refund", subject=refund_id, args={"refund_id": refund_id}, at=at)


def _apply(context: Context, refund_id: str, report: RefundReport, now: datetime, round_: int = 0) -> None:
    """What a provider says of a refund. Only an explicit success gives money back, only an explicit no is one."""
    with context.engine.begin() as connection:
        payment, refund = refunds.locked(connection, refund_id)
        said = {"provider_ref": report.provider_ref or refund.provider_ref, "code": report.code}
        if report.amount_vnd is not None and report.amount_vnd != refund.amount_vnd:
            alarms.raise_alarm(connection, "refund_amount_differs", refund_id, f"code {report.code}")
            refunds.move(connection, payment, refund, RefundEvent.LOSE_SIGHT, now)
        elif report.outcome is Outcome.PAID:
            out_of = ledger.provider_account(refund.provider)
            refunds.succeed(connection, payment, refund, out_of, now, **said)
        elif report.outcome is Outcome.FAILED:
            refunds.move(connection, payment, refund, RefundEvent.FAIL, now, values={**said, "ended_at": now})
            alarms.raise_alarm(connection, "refund_failed", refund_id, f"code {report.code}")
        else:
            if report.outcome is Outcome.UNKNOWN:
                refunds.move(connection, payment, refund, RefundEvent.LOSE_SIGHT, now)
            provider = context.providers.get(refund.provider)
            _look_later(context, connection, provider, refund_id, round_, now)


def _look_later(
    context: Context,
    connection: Connection,
    provider: PaymentProvider | None,
    refund_id: str,
    round_: int,
    now: datetime,
) -> None:
    later = refunds.delay(context, round_)
    can_ask = provider is not None and Capability.REFUND_QUERY in provider.capabilities
    if can_ask and later is not None:
        args = {"refund_id": refund_id, "round": round_}
        jobs.put(connection, "query_refund", subject=refund_id, args=args, at=now + later)
    else:
        alarms.raise_alarm(
            connection, "refund_unclear", refund_id, "a person finds out, and says it by command"
        )


def ask_again(context: Context, refund_id: str, round_: int, now: datetime) -> None:
    """One round of asking what became of a refund; puts the next one down, or an alarm after the last."""
    with context.engine.connect() as connection:
        refund = store.find(connection, refund_id)
        attempt = None if refund is None else payment_store.find_attempt(connection, refund.attempt_id)
    if refund is None or attempt is None or refund.state not in {RefundState.SENT, RefundState.UNKNOWN}:
        return
    provider = _refunding(context.providers[refund.provider])
    order = _order(refund, attempt, refund.sent_at or now)
    request_id = context.entropy(REQUEST_ID_BYTES).hex()
    try:
        report = watch.spoken(
            context, refund.provider, lambda: provider.query_refund(order, now, request_id), now
        )
    except (Unreachable, OutcomeUnknown, Refused, InputError) as error:
        log.info("refund_query_without_answer", refund=refund_id, error=type(error).__name__)
        report = RefundReport(Outcome.UNKNOWN, refund.wire_reference, None, None, "")
    _apply(context, refund_id, report, now, round_ + 1)


def settle_by_hand(
    context: Context, refund_id: str, *, by: str, bank_ref: str, account: str, proof: bytes, now: datetime
) -> store.Refund:
    """A clerk transferred the money, or found out that it was given back; the proof is kept with it.

    Raises `NotFound`, `Forbidden` (not approved, or done already; the same person approved it), `Malformed` (no proof).
    """
    if not proof or not bank_ref.strip():
        raise Malformed("a proof and the bank's reference are asked for")
    proof_sha256 = context.files.put(proof)
    with context.engine.begin() as connection:
        payment, refund = refunds.locked(connection, refund_id)
        if by == refund.approved_by:
            raise Forbidden("whoever approved a refund does not also carry it out")
        if refund.state == RefundState.APPROVED:
            refunds.move(
                connection, payment, refund, RefundEvent.SEND, now, actor=by, values={"sent_at": now}
            )
            _, refund = refunds.locked(connection, refund_id)
        said = {"provider_ref": bank_ref.strip(), "code": f"by_hand:{by}", "proof_sha256": proof_sha256}
        if not refunds.succeed(connection, payment, refund, ledger.bank_account(account), now, **said):
            raise Forbidden(f"a refund in state {refund.state} cannot be settled")
        found = store.find(connection, refund_id)
    assert found is not None
    return found
