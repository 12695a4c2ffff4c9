"""What follows from the events of the spine, done behind by consumers with durable cursors.

A batch, its effects and the cursor's move are one transaction (house law 4): a crash in between does it again from
the same place.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from gateway.domain.case import CaseEvent, CaseState, MoneyState
from gateway.service import cases, deliveries, webhooks
from gateway.service.context import Context
from gateway.store import cases as case_store
from gateway.store import cursors, jobs, spine

BATCH = 200

Handler = Callable[[Connection, Sequence[spine.Event]], None]


def tell_portals(connection: Connection, events: Sequence[spine.Event]) -> None:
    webhooks.fan_out(connection, events)


def issue_receipts(connection: Connection, events: Sequence[spine.Event]) -> None:
    for event in events:
        if event.type == "payment.succeeded":
            jobs.put(
                connection,
                "issue_receipt",
                subject=event.subject_id,
                args={"payment_id": event.subject_id},
            )


def follow_cases(connection: Connection, events: Sequence[spine.Event]) -> None:
    """Money that came makes a case paid; a result that is ready sets its deliveries going."""
    for event in events:
        if event.case_code is None:
            continue
        if event.type in {"payment.succeeded", "payment.double_paid"}:
            _settle(connection, event)
        elif event.type == "case.result_ready":
            deliveries.result_ready(connection, event.case_code)


def _settle(connection: Connection, event: spine.Event) -> None:
    assert event.case_code is not None
    case = case_store.find(connection, event.case_code, lock=True)
    assert case is not None
    paid_vnd, owed_vnd = case_store.paid_and_owed(connection, event.case_code)
    if paid_vnd >= owed_vnd:
        case_store.set_side_state(connection, event.case_code, "money_state", MoneyState.PAID.value)
        if case.state == CaseState.FEE_DUE:
            cases.follow(
                connection, event.case_code, CaseEvent.FEE_PAID, f"event:{event.id}", event.occurred_at
            )


CONSUMERS: Mapping[str, Handler] = {
    "webhooks": tell_portals,
    "receipts": issue_receipts,
    "cases": follow_cases,
}


def consume(context: Context, name: str, now: datetime) -> int:
    """One batch of one consumer; returns how many events it read (0: nothing new, or another has the cursor)."""
    cursor = f"consumer:{name}"
    with context.engine.begin() as connection:
        position = cursors.take(connection, cursor, spine.START)
        if position is None:
            return 0
        events = spine.read_after(connection, position, BATCH)
        if events:
            CONSUMERS[name](connection, events)
            cursors.move(connection, cursor, events[-1].position, now)
    return len(events)
