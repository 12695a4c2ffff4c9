"""What is owed because of money that came otherwise than asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Obligation:
    """`kind`: `refund_due` and `part_unused` are to be given back, `shortfall` is still missing, `pass_on` is to go on.

    Sums in VND. What is passed on goes to the account in `provider`.
    """

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


def owe_on(
    connection: Connection, payment_id: str, order_code: str, account: str, amount_vnd: int, due_at: datetime
) -> None:
    """Money of lines that belongs on another account than the one that it came to, once for a payment."""
    connection.execute(
        text(
            "INSERT INTO obligations (kind, payment_id, amount_vnd, provider, provider_ref, owner, due_at) VALUES "
            "('pass_on', :payment_id, :amount_vnd, :account, :order_code, 'finance', :due_at) ON CONFLICT DO NOTHING"
        ),
        {
            "payment_id": payment_id,
            "amount_vnd": amount_vnd,
            "account": f"account:{account}",
            "order_code": order_code,
            "due_at": due_at,
        },
    )


@dataclass(frozen=True, slots=True)
class OwedBack:
    payment_id: str
    payment_version: int
    amount_vnd: int


_KEPT = """
INSERT INTO obligations (kind, payment_id, amount_vnd, provider, provider_ref, owner, due_at)
SELECT 'refund_due', id, kept_vnd, 'ended', order_code, 'finance', :due_at
FROM (SELECT p.id, p.order_code, p.paid_vnd - p.refunded_vnd - coalesce(
          (SELECT sum(o.amount_vnd) FROM obligations o WHERE o.payment_id = p.id
           AND o.kind IN ('refund_due', 'part_unused') AND o.settled_at IS NULL), 0) AS kept_vnd
      FROM payments p WHERE p.case_code = :case_code AND p.state = 'paid'
      AND EXISTS (SELECT FROM events e WHERE e.case_code = :case_code AND e.subject_id = p.id
                  AND e.type = 'payment.succeeded' AND (e.xid, e.id) <= (CAST(:xid AS xid8), :event_id))) AS paid
WHERE kept_vnd > 0 ORDER BY id
ON CONFLICT DO NOTHING
RETURNING payment_id, (SELECT version FROM payments WHERE payments.id = payment_id) AS payment_version, amount_vnd
"""


def owe_back_kept(
    connection: Connection, case_code: str, position: str, due_at: datetime
) -> Sequence[OwedBack]:
    """What is left of each payment of a case, once; the caller holds the case's lock. Those that are new.

    Only of payments that had succeeded at `position` on the spine, where the case ended: a later one is judged in its
    own turn. What is owed back already is no part of it.
    """
    xid, _, event_id = position.partition("-")
    values = {"case_code": case_code, "xid": xid, "event_id": int(event_id), "due_at": due_at}
    return [OwedBack(**row) for row in connection.execute(text(_KEPT), values).mappings()]


def passed_on(connection: Connection, obligation_id: str, now: datetime) -> tuple[str, int] | None:
    """Settle what was to be passed on: its payment and sum; None when there is no such open one."""
    row = connection.execute(
        text(
            "UPDATE obligations SET settled_at = :now WHERE id = :id AND kind = 'pass_on' AND settled_at IS NULL "
            "RETURNING payment_id, amount_vnd"
        ),
        {"id": obligation_id, "now": now},
    ).first()
    return None if row is None else (str(row.payment_id), int(row.amount_vnd))


def to_give_back_vnd(connection: Connection, payment_id: str) -> int:
    """How much of a payment is still to be given back."""
    return int(
        connection.execute(
            text(
                "SELECT coalesce(sum(amount_vnd), 0) FROM obligations WHERE payment_id = :id "
                "AND kind IN ('refund_due', 'part_unused') AND settled_at IS NULL"
            ),
            {"id": payment_id},
        ).scalar_one()
    )


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
