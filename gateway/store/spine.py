"""The append-only log of every change. Consumers read it behind, in batches, from a durable cursor.

Order is (xid, id), and only below the oldest running transaction: a transaction that commits late can then
never slip in before a cursor that has passed (house section 6). Writers lock their subject before they write,
so the order of one subject's events is the order of its changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text
from sqlalchemy.engine import RowMapping

from gateway.store.tables import events

START = "0-0"
LARGEST_BATCH = 500


@dataclass(frozen=True, slots=True)
class Change:
    """One change that is about to be appended: who did what to which subject, and why."""

    subject_kind: str
    subject_id: str
    type: str
    version: int
    actor: str
    cause: str
    occurred_at: datetime
    portal_id: str | None = None
    case_code: str | None = None
    from_state: str | None = None
    to_state: str | None = None
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """A recorded change. `position` is the cursor that stands just behind it."""

    id: int
    position: str
    recorded_at: datetime
    occurred_at: datetime
    portal_id: str | None
    case_code: str | None
    subject_kind: str
    subject_id: str
    type: str
    from_state: str | None
    to_state: str | None
    version: int
    actor: str
    data: Mapping[str, object]


def new_subject(connection: Connection, prefix: str) -> str:
    """The id of a subject that has no row of its own: what happened is all that there is of it."""
    return str(connection.execute(select(func.new_id(prefix))).scalar_one())


def append(connection: Connection, change: Change) -> int:
    """The id of the new event; it commits with everything else in the transaction."""
    values = {name: getattr(change, name) for name in Change.__slots__}
    return int(connection.execute(insert(events).values(**values).returning(events.c.id)).scalar_one())


# the columns in ORDER BY are those of the table: the output column `xid` is a text, and 1000 would come before 999
_READ = """
SELECT id, xid::text AS xid, recorded_at, occurred_at, portal_id, case_code, subject_kind, subject_id, type,
       from_state, to_state, version, actor, data
FROM events
WHERE (xid, id) > (CAST(:xid AS xid8), :id) AND xid < pg_snapshot_xmin(pg_current_snapshot())
  AND (CAST(:portal_id AS text) IS NULL OR portal_id = :portal_id)
ORDER BY events.xid, events.id
LIMIT :limit
"""


def read_after(
    connection: Connection, position: str, limit: int, portal_id: str | None = None
) -> Sequence[Event]:
    """The next events behind `position` (`START` for the first). Raises `ValueError` for a foreign cursor."""
    xid, _, last_id = position.partition("-")
    rows = connection.execute(
        text(_READ),
        {
            "xid": str(int(xid)),
            "id": int(last_id),
            "portal_id": portal_id,
            "limit": min(limit, LARGEST_BATCH),
        },
    )
    return [_event(row) for row in rows.mappings()]


def of_case(connection: Connection, case_code: str, limit: int = LARGEST_BATCH) -> Sequence[Event]:
    """The timeline of a case, oldest first."""
    rows = connection.execute(
        text(
            "SELECT id, xid::text AS xid, recorded_at, occurred_at, portal_id, case_code, subject_kind, "
            "subject_id, type, from_state, to_state, version, actor, data "
            "FROM events WHERE case_code = :case_code ORDER BY id LIMIT :limit"
        ),
        {"case_code": case_code, "limit": limit},
    )
    return [_event(row) for row in rows.mappings()]


def moves_of_cases(
    connection: Connection, case_codes: Sequence[str], limit: int = LARGEST_BATCH * LARGEST_BATCH
) -> Mapping[str, Sequence[Event]]:
    """What moved each of these cases or its due date, oldest first; what came of money and parcels is left out."""
    rows = connection.execute(
        text(
            "SELECT id, xid::text AS xid, recorded_at, occurred_at, portal_id, case_code, subject_kind, "
            "subject_id, type, from_state, to_state, version, actor, data "
            "FROM events WHERE case_code = ANY(:codes) AND subject_kind = 'case' AND to_state IS NOT NULL "
            "ORDER BY case_code, id LIMIT :limit"
        ),
        {"codes": list(case_codes), "limit": limit},
    )
    found: dict[str, list[Event]] = {code: [] for code in case_codes}
    for row in rows.mappings():
        found[row["case_code"]].append(_event(row))
    return found


def _event(row: RowMapping) -> Event:
    values = {name: row[name] for name in Event.__slots__ if name != "position"}
    return Event(position=f"{row['xid']}-{row['id']}", **values)
