"""The times of cases as they follow from their events: what is due, what was told of it, how each ended.

A case that nobody has to be told of has no `next_at`, so what is due is found by an index of those that wait alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from gateway.store.tables import case_times


@dataclass(frozen=True, slots=True)
class Times:
    """`due_at` is None while nothing is due: before the reception, and while the case waits for the citizen.

    `told` (`nothing`, `due_soon`, `overdue`) is of `told_due_at`. `ended_as`: `processed`, `stopped` (also refused),
    `withdrawn`. `supplements`: how often one was asked for.
    """

    case_code: str
    accepted_at: datetime | None
    due_at: datetime | None
    told: str
    told_due_at: datetime | None
    next_at: datetime | None
    ended_at: datetime | None
    ended_as: str | None
    supplements: int


_COLUMNS = [case_times.c[name] for name in Times.__slots__]
_CHANGING = [name for name in Times.__slots__ if name != "case_code"]


def lock(connection: Connection, case_codes: Sequence[str]) -> Mapping[str, Times]:
    """The rows that there are, locked in the order of their codes until the transaction ends."""
    query = select(*_COLUMNS).where(case_times.c.case_code.in_(case_codes)).order_by(case_times.c.case_code)
    rows = connection.execute(query.with_for_update()).mappings()
    return {row["case_code"]: Times(**row) for row in rows}


def save(connection: Connection, rows: Sequence[Times]) -> None:
    """Write these rows, new or locked by this transaction."""
    if not rows:
        return
    query = upsert(case_times)
    query = query.on_conflict_do_update(
        index_elements=["case_code"], set_={name: query.excluded[name] for name in _CHANGING}
    )
    values = [{name: getattr(each, name) for name in Times.__slots__} for each in rows]
    connection.execute(query, values)


DUE = "SELECT case_code FROM case_times WHERE next_at <= :now ORDER BY next_at LIMIT :limit"


def due(connection: Connection, now: datetime, limit: int) -> Sequence[str]:
    """The cases that somebody is to be told of, those that wait longest first."""
    return [row.case_code for row in connection.execute(text(DUE), {"now": now, "limit": limit})]


def take(connection: Connection, case_code: str, now: datetime) -> Times | None:
    """The row of a case that is due, locked until the transaction ends; None while another has it."""
    query = select(*_COLUMNS).where(case_times.c.case_code == case_code, case_times.c.next_at <= now)
    row = connection.execute(query.with_for_update(skip_locked=True)).mappings().first()
    return None if row is None else Times(**row)


def put_off(connection: Connection, case_code: str, next_at: datetime) -> None:
    query = update(case_times).where(case_times.c.case_code == case_code, case_times.c.next_at.is_not(None))
    connection.execute(query.values(next_at=next_at))
