"""What is owed because of money that came otherwise than asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Obligation:
    """`kind`: `refund_due` and `part_unused` are to be given back, `shortfall` is still missing. VND."""

    id: str
    kind: str
    order_code: str
    amount_vnd: int
    provider: str
    owner: str
    due_at: datetime


_OPEN = (
    "SELECT o.id, o.kind, p.order_code, o.amount_vnd, o.provider, o.owner, o.due_at FROM obligations o "
    "JOIN payments p ON p.id = o.payment_id WHERE o.settled_at IS NULL "
)


def open_ones(connection: Connection, limit: int) -> Sequence[Obligation]:
    """Those that are open, the next due first."""
    rows = connection.execute(text(f"{_OPEN} ORDER BY o.due_at, o.id LIMIT :limit"), {"limit": limit})
    return [Obligation(**row) for row in rows.mappings()]


def overdue(connection: Connection, now: datetime, limit: int) -> Sequence[Obligation]:
    """Those whose time is over and that nobody was told of: there was never an alarm about them."""
    rows = connection.execute(
        text(
            f"{_OPEN} AND o.due_at < :now AND NOT EXISTS (SELECT FROM alarms a "
            "WHERE a.name = 'obligation_overdue' AND a.subject = o.id) ORDER BY o.due_at, o.id LIMIT :limit"
        ),
        {"now": now, "limit": limit},
    )
    return [Obligation(**row) for row in rows.mappings()]
