"""How a legal receipt moves: compare-and-set, its event on the spine in the same transaction, and its next job."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from gateway.domain.legal_receipt import EVENTS, SETTLED, LegalEvent
from gateway.service.context import Context
from gateway.service.legal_orders import Held
from gateway.store import alarms, jobs, spine
from gateway.store import legal_receipts as store
from gateway.store import payments as payment_store

TASK = "issue_legal_receipt"
ENDS = frozenset({LegalEvent.DROP, LegalEvent.CANCELLED})


def put(connection: Connection, legal_id: str, round_: int, at: datetime | None) -> None:
    jobs.put(connection, TASK, subject=legal_id, args={"legal_id": legal_id, "round": round_}, at=at)


def soon(connection: Connection, legal_id: str) -> None:
    """Its next step is due now: a job that waits for its time would hold up one that is put behind it."""
    if not jobs.hasten(connection, TASK, subject=legal_id):
        put(connection, legal_id, 0, None)


def wake_others(connection: Connection, legal: store.LegalReceipt) -> None:
    """What of the same payment waited for this one can go on."""
    for other in store.others_of(connection, legal):
        if other.state not in SETTLED:
            soon(connection, other.id)


def change(context: Context, held: Held, event: LegalEvent, now: datetime, values: Mapping[str, Any]) -> bool:
    """Move it, in a transaction of its own; False when that is not possible now. At its end the others go on."""
    with context.engine.begin() as connection:
        payment_store.find(connection, held.payment.id, lock=True)
        if not move(connection, held.legal, event, now, values, held.payment):
            return False
        if event in ENDS:
            alarms.close(connection, "legal_receipt_unclear", held.legal.id, now)
            wake_others(connection, held.legal)
        return True


def move(
    connection: Connection,
    legal: store.LegalReceipt,
    event: LegalEvent,
    now: datetime,
    values: Mapping[str, Any],
    payment: payment_store.Payment | None,
) -> bool:
    """Move it within the transaction of the caller; False when its state does not allow that now."""
    before = store.find(connection, legal.id, lock=True)
    assert before is not None
    moved = store.move(connection, legal.id, event, values)
    if moved is None:
        return False
    to_state, version = moved
    data = {"receipt_id": legal.receipt_id, "provider": legal.provider}
    data |= {name: str(values[name]) for name in ("number", "code") if values.get(name)}
    spine.append(
        connection,
        spine.Change(
            subject_kind="legal_receipt",
            subject_id=legal.id,
            type=EVENTS[event],
            version=version,
            actor="gateway",
            cause=f"job:{TASK}",
            occurred_at=now,
            portal_id=None if payment is None else payment.portal_id,
            case_code=None if payment is None else payment.case_code,
            from_state=before.state,
            to_state=to_state,
            data=data,
        ),
    )
    return True
