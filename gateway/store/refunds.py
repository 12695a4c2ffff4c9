"""Refunds: what is asked to be given back, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, text, update

from gateway.domain.machine import sources
from gateway.domain.refund import HOLDS, TABLE, RefundEvent
from gateway.store.tables import payments, refunds


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund of one try. `wire_reference` is its name at the provider, ours and unique. Sums in VND."""

    id: str
    portal_id: str
    reference: str
    fingerprint: str
    payment_id: str
    attempt_id: str
    wire_reference: str
    provider: str
    amount_vnd: int
    reason: str
    state: str
    version: int
    requested_by: str
    approved_by: str | None
    provider_ref: str | None
    code: str | None
    created_at: datetime
    sent_at: datetime | None
    ended_at: datetime | None


_COLUMNS = [refunds.c[name] for name in Refund.__slots__]


def add(connection: Connection, values: Mapping[str, Any]) -> Refund:
    """The caller holds the payment's lock."""
    row = connection.execute(insert(refunds).values(**values).returning(*_COLUMNS)).mappings().one()
    return Refund(**row)


def find(
    connection: Connection, refund_id: str, portal_id: str | None = None, *, lock: bool = False
) -> Refund | None:
    """The refund of that id, if it is the portal's (None: whoever's)."""
    query = select(*_COLUMNS).where(refunds.c.id == refund_id)
    if portal_id is not None:
        query = query.where(refunds.c.portal_id == portal_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    return None if row is None else Refund(**row)


def find_by_reference(connection: Connection, portal_id: str, reference: str) -> Refund | None:
    query = select(*_COLUMNS).where(refunds.c.portal_id == portal_id, refunds.c.reference == reference)
    row = connection.execute(query).mappings().first()
    return None if row is None else Refund(**row)


def of_payment(connection: Connection, payment_id: str) -> Sequence[Refund]:
    """The refunds of a payment, oldest first."""
    query = (
        select(*_COLUMNS)
        .where(refunds.c.payment_id == payment_id)
        .order_by(refunds.c.created_at, refunds.c.id)
    )
    return [Refund(**row) for row in connection.execute(query).mappings()]


def in_states(connection: Connection, states: Sequence[str], limit: int) -> Sequence[Refund]:
    """The oldest refunds in any of these states: a clerk's worklist."""
    query = select(*_COLUMNS).where(refunds.c.state.in_(states)).order_by(refunds.c.created_at).limit(limit)
    return [Refund(**row) for row in connection.execute(query).mappings()]


def refundable_vnd(connection: Connection, payment_ids: Sequence[str]) -> Mapping[str, int]:
    """What may still be given back of each payment: what its tries brought, less what is held by refunds."""
    rows = connection.execute(
        text(
            "SELECT a.payment_id, sum(greatest(a.paid_vnd - coalesce(r.held, 0), 0))::bigint AS left_vnd "
            "FROM attempts a LEFT JOIN (SELECT attempt_id, sum(amount_vnd) AS held FROM refunds "
            "WHERE payment_id = ANY (:ids) AND state = ANY (:holds) GROUP BY attempt_id) r ON r.attempt_id = a.id "
            "WHERE a.payment_id = ANY (:ids) AND a.state = 'succeeded' GROUP BY a.payment_id"
        ),
        {"ids": list(payment_ids), "holds": [state.value for state in HOLDS]},
    )
    return {row.payment_id: int(row.left_vnd) for row in rows}


def held_vnd(connection: Connection, attempt_id: str) -> int:
    """How much of a try's money is given back or about to be."""
    query = select(func.coalesce(func.sum(refunds.c.amount_vnd), 0)).where(
        refunds.c.attempt_id == attempt_id, refunds.c.state.in_([state.value for state in HOLDS])
    )
    return int(connection.execute(query).scalar_one())


def move(
    connection: Connection, refund_id: str, event: RefundEvent, values: Mapping[str, Any] | None = None
) -> tuple[str, int] | None:
    """Compare-and-set by the table of states: new state and version, None when not possible now."""
    from_states = sources(TABLE, event)
    to_state = TABLE[from_states[0], event]
    row = connection.execute(
        update(refunds)
        .where(refunds.c.id == refund_id, refunds.c.state.in_([state.value for state in from_states]))
        .values(state=to_state.value, version=refunds.c.version + 1, **(values or {}))
        .returning(refunds.c.state, refunds.c.version)
    ).first()
    return None if row is None else (row.state, row.version)


def count_in(connection: Connection, payment_id: str, amount_vnd: int) -> int:
    """Add what was given back to a payment; returns its new version. The database refuses more than was paid."""
    return int(
        connection.execute(
            update(payments)
            .where(payments.c.id == payment_id)
            .values(refunded_vnd=payments.c.refunded_vnd + amount_vnd, version=payments.c.version + 1)
            .returning(payments.c.version)
        ).scalar_one()
    )


def settle_obligations(connection: Connection, payment_id: str, amount_vnd: int, now: datetime) -> None:
    """What was owed back and is covered by a refund is settled, oldest first; of what is half covered, half is left."""
    connection.execute(
        text(
            "WITH owed AS (SELECT id, amount_vnd, sum(amount_vnd) OVER (ORDER BY created_at, id) AS upto "
            "FROM obligations WHERE payment_id = :payment_id "
            "AND kind IN ('refund_due', 'part_unused') AND settled_at IS NULL) "
            "UPDATE obligations o SET "
            "settled_at = CASE WHEN owed.upto <= :amount_vnd THEN CAST(:now AS timestamptz) END, "
            "amount_vnd = CASE WHEN owed.upto <= :amount_vnd THEN o.amount_vnd ELSE owed.upto - :amount_vnd END "
            "FROM owed WHERE o.id = owed.id AND owed.upto - owed.amount_vnd < :amount_vnd"
        ),
        {"payment_id": payment_id, "amount_vnd": amount_vnd, "now": now},
    )


def less_to_pass_on(connection: Connection, payment_id: str, now: datetime) -> None:
    """What was given back cannot be passed on too: at most what is left of a payment is."""
    connection.execute(
        text(
            "UPDATE obligations o SET amount_vnd = CASE WHEN p.paid_vnd > p.refunded_vnd "
            "THEN least(o.amount_vnd, p.paid_vnd - p.refunded_vnd) ELSE o.amount_vnd END, "
            "settled_at = CASE WHEN p.paid_vnd > p.refunded_vnd THEN NULL ELSE CAST(:now AS timestamptz) END "
            "FROM payments p WHERE p.id = o.payment_id AND p.id = :payment_id AND o.kind = 'pass_on' "
            "AND o.settled_at IS NULL AND o.amount_vnd > p.paid_vnd - p.refunded_vnd"
        ),
        {"payment_id": payment_id, "now": now},
    )


def still_missing(connection: Connection, payment_id: str, refund_id: str, due_at: datetime) -> None:
    """What a refund has taken from a payment that waits for its rest, or was completed meanwhile, is missing.

    A refund of a payment that was whole when it was asked for leaves nothing missing.
    """
    connection.execute(
        text(
            "UPDATE obligations o SET amount_vnd = p.amount_vnd - (p.paid_vnd - p.refunded_vnd) FROM payments p "
            "WHERE p.id = o.payment_id AND p.id = :payment_id AND o.kind = 'shortfall' AND o.settled_at IS NULL"
        ),
        {"payment_id": payment_id},
    )
    connection.execute(
        text(
            "INSERT INTO obligations (kind, payment_id, amount_vnd, provider, provider_ref, owner, due_at) "
            "SELECT 'shortfall', p.id, least(r.amount_vnd, p.amount_vnd - (p.paid_vnd - p.refunded_vnd)), 'refunds', "
            "r.wire_reference, 'finance', :due_at FROM payments p JOIN refunds r ON r.payment_id = p.id "
            "WHERE r.id = :refund_id AND p.state = 'paid' AND p.paid_vnd - p.refunded_vnd < p.amount_vnd AND EXISTS ("
            "SELECT FROM events e WHERE e.subject_id = p.id AND e.type = 'payment.succeeded' "
            "AND e.id > (SELECT min(id) FROM events WHERE subject_id = r.id)) ON CONFLICT DO NOTHING"
        ),
        {"refund_id": refund_id, "due_at": due_at},
    )
