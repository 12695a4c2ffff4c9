"""Legal electronic receipts, one at most for a receipt of ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert

from gateway.domain.legal_receipt import TABLE, LegalEvent
from gateway.domain.machine import sources, target
from gateway.store.tables import legal_receipts


@dataclass(frozen=True, slots=True)
class LegalReceipt:
    """`number` and what the provider says of it are None until it is issued; `code` is why it was refused.

    `amount_vnd` is what it was asked for, None until then.
    """

    id: str
    receipt_id: str
    provider: str
    key: str
    form: str
    sign: str
    state: str
    version: int
    number: str | None
    lookup_code: str | None
    provider_ref: str | None
    code: str | None
    created_at: datetime
    sent_at: datetime | None
    issued_at: datetime | None
    ended_at: datetime | None
    payment_id: str
    amount_vnd: int | None


_COLUMNS = [legal_receipts.c[name] for name in LegalReceipt.__slots__]


def intend(connection: Connection, values: Mapping[str, Any]) -> str | None:
    """The intention of a legal receipt; its id, None when the receipt has one already."""
    made = connection.execute(
        upsert(legal_receipts).values(**values).on_conflict_do_nothing().returning(legal_receipts.c.id)
    )
    return made.scalar()


def find(connection: Connection, legal_id: str, *, lock: bool = False) -> LegalReceipt | None:
    query = select(*_COLUMNS).where(legal_receipts.c.id == legal_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    return None if row is None else LegalReceipt(**row)


def of_receipt(connection: Connection, receipt_id: str) -> LegalReceipt | None:
    query = select(*_COLUMNS).where(legal_receipts.c.receipt_id == receipt_id)
    row = connection.execute(query).mappings().first()
    return None if row is None else LegalReceipt(**row)


def others_of(connection: Connection, legal: LegalReceipt) -> Sequence[LegalReceipt]:
    """Every other one of the same payment, oldest first."""
    query = select(*_COLUMNS).where(
        legal_receipts.c.payment_id == legal.payment_id, legal_receipts.c.id != legal.id
    )
    rows = connection.execute(query.order_by(legal_receipts.c.created_at, legal_receipts.c.id)).mappings()
    return [LegalReceipt(**row) for row in rows]


def shown_of(connection: Connection, payment_ids: Sequence[str]) -> dict[str, LegalReceipt]:
    """The newest legal receipt of each of these payments that has one."""
    query = (
        select(*_COLUMNS)
        .ext(distinct_on(legal_receipts.c.payment_id))
        .where(legal_receipts.c.payment_id.in_(payment_ids))
        .order_by(legal_receipts.c.payment_id, legal_receipts.c.created_at.desc(), legal_receipts.c.id.desc())
    )
    return {row["payment_id"]: LegalReceipt(**row) for row in connection.execute(query).mappings()}


def move(
    connection: Connection, legal_id: str, event: LegalEvent, values: Mapping[str, Any]
) -> tuple[str, int] | None:
    """Compare-and-set: the new state and version; None when not possible now."""
    row = connection.execute(
        update(legal_receipts)
        .where(
            legal_receipts.c.id == legal_id,
            legal_receipts.c.state.in_([state.value for state in sources(TABLE, event)]),
        )
        .values(state=target(TABLE, event).value, version=legal_receipts.c.version + 1, **values)
        .returning(legal_receipts.c.state, legal_receipts.c.version)
    ).first()
    return None if row is None else (str(row.state), int(row.version))


def in_states(connection: Connection, states: Sequence[str], limit: int) -> Sequence[LegalReceipt]:
    """Those in one of these states, oldest first."""
    query = select(*_COLUMNS).where(legal_receipts.c.state.in_(states))
    rows = connection.execute(query.order_by(legal_receipts.c.created_at).limit(limit)).mappings()
    return [LegalReceipt(**row) for row in rows]
