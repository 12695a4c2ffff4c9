"""What follows from the events of the spine, done behind by consumers with durable cursors.

A batch, its effects and the cursor's move are one transaction (house law 4): a crash in between does it again from
the same place.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from gateway.domain.case import ENDED_WITHOUT_RESULT, CaseState, MoneyState
from gateway.domain.payment import PaymentState
from gateway.service import (
    case_times,
    cases,
    deliveries,
    ended_cases,
    legal_receipts,
    portal_sync,
    retention,
    webhooks,
)
from gateway.service.context import Context
from gateway.service.ended_cases import OWED_BACK_WITHIN
from gateway.store import cases as case_store
from gateway.store import cursors, jobs, obligations, spine
from gateway.store import payments as payment_store

BATCH = 200
ENDS = tuple(state.value for state in ENDED_WITHOUT_RESULT)

Handler = Callable[[Context, Connection, Sequence[spine.Event]], None]


def tell_portals(context: Context, connection: Connection, events: Sequence[spine.Event]) -> None:  # noqa: ARG001 - as the others
    webhooks.fan_out(connection, events)


def issue_receipts(context: Context, connection: Connection, events: Sequence[spine.Event]) -> None:
    """What was given back changes the receipt, and each receipt has a legal one where its agency wants that.

    The first receipt follows from `follow_cases`, which knows what is kept.
    """
    for event in events:
        if event.type == "refund.succeeded":
            _put(connection, "follow_refund", str(event.data["payment_id"]))
        elif event.type == "receipt.issued":
            legal_receipts.begin(context, connection, event.subject_id)
        elif event.type in {"receipt.cancelled", "receipt.replaced"}:
            legal_receipts.end(connection, event.subject_id, event.recorded_at)


def _put(connection: Connection, task: str, payment_id: str) -> None:
    jobs.put(connection, task, subject=payment_id, args={"payment_id": payment_id})


def follow_cases(context: Context, connection: Connection, events: Sequence[spine.Event]) -> None:
    """What money, and the end of a case, mean for the rest of it.

    Money makes a case paid, and is owed back where it came for nothing; a case that ended without a result asks for no
    more, and owes back what a rule says; a result that is ready sets its deliveries going.
    """
    for event in events:
        if event.case_code is None:
            continue
        if event.type in {"payment.succeeded", "payment.double_paid"}:
            _settle(context, connection, event)
        elif event.type == "case.result_ready":
            deliveries.result_ready(connection, event.case_code)
        elif event.type in ended_cases.TYPES:
            ended_cases.follow(context, connection, event)


def _settle(context: Context, connection: Connection, event: spine.Event) -> None:
    assert event.case_code is not None
    case = case_store.find(connection, event.case_code, lock=True)
    assert case is not None
    if event.type == "payment.succeeded":
        if not _owe_back(connection, case, event):
            _owe_on(context, connection, event)
        _put(connection, "issue_receipt", event.subject_id)
    paid_vnd, owed_vnd = case_store.paid_and_owed(connection, event.case_code)
    if paid_vnd >= owed_vnd:
        case_store.set_side_state(connection, event.case_code, "money_state", MoneyState.PAID.value)
        if case.state == CaseState.FEE_DUE:
            cases.fee_paid(context, connection, event.case_code, f"event:{event.id}", event.occurred_at)


def _owe_back(connection: Connection, case: case_store.Case, event: spine.Event) -> bool:
    """Money after a cancellation, for a case that ended without a result, or for lines that were paid already.

    Whether all of it goes back, so that nothing is left to be passed on.
    """
    payment = payment_store.find(connection, event.subject_id, lock=True)
    attempt = payment_store.find_attempt(connection, str(event.data["attempt_id"]))
    assert payment is not None
    assert attempt is not None
    received_vnd = int(str(event.data.get("received_vnd", payment.amount_vnd)))
    too_much_vnd = max(received_vnd - payment.amount_vnd, 0)
    overpaid_vnd = case_store.overpaid_vnd(connection, case.case_code, payment.id, event.position)
    due_vnd = min(overpaid_vnd, payment.amount_vnd)
    due_vnd = due_vnd + too_much_vnd if due_vnd > 0 else 0
    # a payment that came first is the rule's to judge, at the event of the end
    ended = case_store.ended_before(connection, case.case_code, event.position, ENDS)
    if event.from_state == PaymentState.CANCELLED or ended:
        due_vnd = received_vnd
    if due_vnd > 0:
        number = str(event.data.get("number") or attempt.provider_ref or attempt.reference)
        due_at = event.recorded_at + OWED_BACK_WITHIN
        payment_store.owe_back(connection, payment, attempt.provider, number, due_vnd, due_at)
    return due_vnd >= received_vnd


def _owe_on(context: Context, connection: Connection, event: spine.Event) -> None:
    """Lines with a destination of their own, such as postage: their money came with the rest, and is to go on."""
    payment = payment_store.find(connection, event.subject_id)
    assert payment is not None
    agency = context.agencies.get(payment.agency_code)
    sums: Counter[str] = Counter()
    for line in payment.lines:
        account = line.get("account")
        if account and agency is not None and account != agency.account:
            sums[account] += line["amount_vnd"]
    for account, amount_vnd in sorted(sums.items()):
        due_at = event.recorded_at + OWED_BACK_WITHIN
        obligations.owe_on(connection, payment.id, payment.order_code, account, amount_vnd, due_at)


CONSUMERS: Mapping[str, Handler] = {
    "webhooks": tell_portals,
    "receipts": issue_receipts,
    "cases": follow_cases,
    "retention": retention.note_ends,
    "case_times": case_times.follow,
    "case_portal": portal_sync.note_moves,
}


def consumers(context: Context) -> Sequence[str]:
    """The names of those that run here. What the national portal would be told waits until there is one."""
    return [name for name in CONSUMERS if name != "case_portal" or context.case_portal is not None]


def consume(context: Context, name: str, now: datetime) -> int:
    """One batch of one consumer; returns how many events it read (0: nothing new, or another has the cursor)."""
    cursor = f"consumer:{name}"
    with context.engine.begin() as connection:
        position = cursors.take(connection, cursor, spine.START)
        if position is None:
            return 0
        events = spine.read_after(connection, position, BATCH)
        if events:
            CONSUMERS[name](context, connection, events)
            cursors.move(connection, cursor, events[-1].position, now)
    return len(events)
