"""Payments: ordered by a portal, tried at a provider, and made true by what providers say."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from gateway.domain.case import CaseState
from gateway.domain.codes import make_order_code
from gateway.domain.errors import Forbidden, NotFound, ReferenceConflict
from gateway.domain.payment import PaymentEvent, PaymentState, is_finished
from gateway.domain.procedure import PayWhen
from gateway.service import sealed
from gateway.service.cases import VIETNAM, Caller
from gateway.service.context import Context
from gateway.service.idempotency import fingerprint
from gateway.store import alarms, jobs, obligations, spine
from gateway.store import cases as case_store
from gateway.store import payments as store

ORDER_CODE_ENTROPY_BYTES = 16
TOKEN_BYTES = 24
DEFAULT_EXPIRY_S = 24 * 3600
LOOK_AGAIN_S = 3600
OVERDUE_AT_ONCE = 100
PART_BACK_WITHIN = timedelta(days=5)
UNCLEAR_AT_MOST = timedelta(days=3)
"""After its time; then a person finds out what nobody could be asked about."""
ENDS = frozenset({PaymentEvent.EXPIRE, PaymentEvent.CANCEL})
"""After these nothing more is asked for."""
PAYABLE_FROM = tuple(
    state.value
    for state in CaseState
    if state not in {CaseState.DRAFT, CaseState.REFUSED, CaseState.WITHDRAWN, CaseState.STOPPED}
)
"""A fee becomes payable once the case is complete and submitted, and not after it was closed without a result."""


def create(
    context: Context, caller: Caller, wanted: Mapping[str, Any], now: datetime
) -> tuple[store.Payment, bool]:
    """Order a payment, in one round trip. Returns it, and whether it is new.

    Raises `NotFound` (case), `Forbidden` (not payable), `ReferenceConflict`.
    """
    expires_in = timedelta(seconds=wanted.get("expires_in_s") or DEFAULT_EXPIRY_S)
    new = store.NewPayment(
        portal_id=caller.portal_id,
        reference=wanted["reference"],
        fingerprint=fingerprint(wanted),
        order_code=_order_code(context, now),
        case_code=wanted["case_code"],
        lines=wanted.get("lines"),
        payer_sealed=sealed.seal(context.sealer, wanted["payer"], sealed.PAYER),
        return_url=wanted["return_url"],
        token=context.entropy(TOKEN_BYTES).hex(),
        now=now,
        expires_at=now + expires_in,
        payable_from=PAYABLE_FROM,
        cause=caller.cause,
        wanted_provider=wanted.get("provider"),
    )
    with context.pool.connection() as connection:
        try:
            verdict, payment = store.create(connection, new)
        except store.OrderCodeTaken:
            # one in some 34 thousand million a day: drawn once more
            verdict, payment = store.create(connection, replace(new, order_code=_order_code(context, now)))
    if verdict == "no_case":
        raise NotFound("no case has this code")
    if verdict == "not_payable":
        raise Forbidden(_why_not(context, caller, wanted["case_code"]))
    if verdict == "conflict":
        raise ReferenceConflict("this reference is known with other content")
    assert payment is not None
    return payment, verdict == "created"


def is_payable(case: case_store.Case) -> bool:
    """Whether a fee of the case may be paid here now: the rule of `create_payment`, told before it is asked for."""
    if case.state not in PAYABLE_FROM or case.pay == PayWhen.AT_AGENCY:
        return False
    return case.pay != PayWhen.AFTER or case.accepted_at is not None or case.state == CaseState.FEE_DUE


def _why_not(context: Context, caller: Caller, case_code: str) -> str:
    with context.engine.connect() as connection:
        case = case_store.find(connection, case_code, caller.portal_id)
    if case is not None and case.pay == PayWhen.AT_AGENCY:
        return "the fee of this procedure is paid at the agency, not online"
    if case is not None and case.state in PAYABLE_FROM and not is_payable(case):
        return "the fee of this procedure is paid once the case is received, or the agency has asked for it"
    return "nothing is owed on this case, or it is not yet submitted, or it is closed"


def _order_code(context: Context, now: datetime) -> str:
    return make_order_code(now.astimezone(VIETNAM).date(), context.entropy(ORDER_CODE_ENTROPY_BYTES))


def find(context: Context, caller: Caller, payment_id: str) -> store.Payment:
    """The caller's payment. Raises `NotFound`, also for another portal's."""
    with context.engine.connect() as connection:
        found = store.find(connection, payment_id, caller.portal_id)
    if found is None:
        raise NotFound("no payment has this id")
    return found


def cancel(context: Context, caller: Caller, payment_id: str, now: datetime) -> store.Payment:
    """Stop asking for the money; idempotent. Money that comes all the same still counts. Raises `Forbidden`."""
    with context.engine.begin() as connection:
        payment = store.find(connection, payment_id, caller.portal_id, lock=True)
        if payment is None:
            raise NotFound("no payment has this id")
        if payment.state != PaymentState.CANCELLED:
            actor = f"portal:{caller.portal_id}"
            if not move(connection, payment, PaymentEvent.CANCEL, now, actor=actor, cause=caller.cause):
                raise Forbidden(f"a payment in state {payment.state} cannot be cancelled")
        changed = store.find(connection, payment_id)
    assert changed is not None
    return changed


def cancel_open(connection: Connection, case_code: str, cause: str, now: datetime) -> None:
    """The case ended without a result: nothing more is asked for. What is unclear is found out first."""
    for payment in store.of_case(connection, case_code):
        move(connection, payment, PaymentEvent.CANCEL, now, actor="gateway", cause=cause)


def expire(context: Context, payment_id: str, now: datetime) -> None:
    """The time to pay is over; where it is not, or the money is unclear, this is looked at again later.

    Money that is unclear does not expire: it is found out.
    """
    with context.engine.begin() as connection:
        payment = store.find(connection, payment_id, lock=True)
        if payment is None or is_finished(PaymentState(payment.state)):
            return
        early = payment.expires_at > now  # by this machine's clock; the job was due by the database's
        if payment.state == PaymentState.UNKNOWN and now > payment.expires_at + UNCLEAR_AT_MOST:
            detail = f"{payment.amount_vnd} VND, order {payment.order_code}, long after its time"
            alarms.raise_alarm(connection, "money_unclear", payment.id, detail)
        if early or payment.state == PaymentState.UNKNOWN:
            at = payment.expires_at if early else now + timedelta(seconds=LOOK_AGAIN_S)
            args = {"payment_id": payment_id}
            jobs.put(connection, "expire_payment", subject=payment_id, args=args, at=at)
            return
        move(connection, payment, PaymentEvent.EXPIRE, now, actor="gateway", cause="job:expire_payment")


def call_in_overdue(context: Context, now: datetime) -> int:
    """A named alarm for each obligation whose time is over, once; returns how many."""
    with context.engine.begin() as connection:
        found = obligations.overdue(connection, now, OVERDUE_AT_ONCE)
        for each in found:
            detail = f"{each.kind}, {each.amount_vnd} VND, order {each.order_code}, owner {each.owner}"
            alarms.raise_alarm(connection, "obligation_overdue", each.id, detail)
    return len(found)


TYPES: Mapping[PaymentEvent, str] = {
    PaymentEvent.START: "payment.started",
    PaymentEvent.TAKE_BACK: "payment.taken_back",
    PaymentEvent.LOSE_SIGHT: "payment.unclear",
    PaymentEvent.SEE_PENDING: "payment.seen",
    PaymentEvent.PAY: "payment.succeeded",
    PaymentEvent.FAIL: "payment.failed",
    PaymentEvent.EXPIRE: "payment.expired",
    PaymentEvent.CANCEL: "payment.cancelled",
}
assert set(TYPES) == set(PaymentEvent), "every payment event has a name on the spine"


def move(
    connection: Connection,
    payment: store.Payment,
    event: PaymentEvent,
    now: datetime,
    *,
    actor: str,
    cause: str,
    data: Mapping[str, Any] | None = None,
) -> bool:
    """Compare-and-set with its event on the spine; False when not possible now."""
    moved = store.move(connection, payment.id, event)
    if moved is None:
        return False
    to_state, version = moved
    if event in ENDS and payment.paid_vnd > payment.refunded_vnd:
        store.give_up_part(connection, payment, now + PART_BACK_WITHIN, now)
    spine.append(
        connection,
        spine.Change(
            subject_kind="payment",
            subject_id=payment.id,
            type=TYPES[event],
            version=version,
            actor=actor,
            cause=cause,
            occurred_at=now,
            portal_id=payment.portal_id,
            case_code=payment.case_code,
            from_state=payment.state,
            to_state=to_state,
            data=data or {},
        ),
    )
    return True
