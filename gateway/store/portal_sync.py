"""How far the national portal has been told of each case, and the moves of a case that it is to be told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, text, update

from gateway.domain.case import NATIONAL, CaseState
from gateway.domain.portal_sync import Move
from gateway.store.tables import deliveries, events, payments, portal_sync


@dataclass(frozen=True, slots=True)
class Sync:
    """A row; `sending`, `sent_through` and `sent_at` are of the one call that is out or got no answer."""

    case_code: str
    state: str
    version: int
    told_state: str
    told_version: int
    recorded_version: int
    facts: int
    recorded_facts: int
    sending: str | None
    sent_through: int | None
    sent_at: datetime | None
    failures: int
    next_at: datetime
    code: str | None
    behind_since: datetime


_COLUMNS = [portal_sync.c[name] for name in Sync.__slots__]

_FALL_BEHIND = """
INSERT INTO portal_sync AS s (case_code, next_at, behind_since) VALUES (:case_code, :at, :at)
ON CONFLICT (case_code) DO UPDATE SET
    state = 'waiting', next_at = excluded.next_at, behind_since = excluded.behind_since, failures = 0
WHERE s.state = 'in_step'
"""


def fall_behind(connection: Connection, since: Mapping[str, datetime]) -> None:
    """These cases have moved, and are due at once; one that waits already, or was refused, stays as it is."""
    rows = [{"case_code": code, "at": at} for code, at in sorted(since.items())]
    if rows:
        connection.execute(text(_FALL_BEHIND), rows)


_OUTDATE = """
UPDATE portal_sync SET facts = facts + 1,
    state = CASE state WHEN 'in_step' THEN 'waiting' ELSE state END,
    next_at = CASE state WHEN 'in_step' THEN :at ELSE next_at END,
    behind_since = CASE state WHEN 'in_step' THEN :at ELSE behind_since END
WHERE case_code = :case_code
"""


def outdate(connection: Connection, since: Mapping[str, datetime]) -> None:
    """Something of these cases has changed that is no step; nothing is noted of one that is not told at all."""
    rows = [{"case_code": code, "at": at} for code, at in sorted(since.items())]
    if rows:
        connection.execute(text(_OUTDATE), rows)


def due(connection: Connection, now: datetime, limit: int) -> Sequence[str]:
    """The cases that are to be worked on, those that wait longest first."""
    query = select(portal_sync.c.case_code).where(
        portal_sync.c.state == "waiting", portal_sync.c.next_at <= now
    )
    return [row.case_code for row in connection.execute(query.order_by(portal_sync.c.next_at).limit(limit))]


def take(connection: Connection, case_code: str, now: datetime) -> Sync | None:
    """The row of a case that is due, locked until the transaction ends; None while another has it."""
    query = (
        select(*_COLUMNS)
        .where(
            portal_sync.c.case_code == case_code,
            portal_sync.c.state == "waiting",
            portal_sync.c.next_at <= now,
        )
        .with_for_update(skip_locked=True)
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else Sync(**row)


def find(connection: Connection, case_code: str, *, lock: bool = False) -> Sync | None:
    query = select(*_COLUMNS).where(portal_sync.c.case_code == case_code)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    return None if row is None else Sync(**row)


def change(connection: Connection, case_code: str, values: Mapping[str, Any]) -> None:
    """Write a row that this transaction holds locked."""
    connection.execute(update(portal_sync).where(portal_sync.c.case_code == case_code).values(**values))


def show(connection: Connection, limit: int) -> int:
    """Write into the cases' own rows what they do not say yet of their sync; returns how many.

    A case that somebody holds is left for the next time.
    """
    done = connection.execute(
        text(
            "WITH unshown AS (SELECT s.case_code, s.state FROM portal_sync s JOIN cases c USING (case_code) "
            "WHERE s.shown <> s.state ORDER BY s.case_code LIMIT :limit FOR UPDATE SKIP LOCKED), "
            "said AS (UPDATE portal_sync p SET shown = u.state FROM unshown u WHERE p.case_code = u.case_code) "
            "UPDATE cases c SET sync_state = u.state FROM unshown u WHERE c.case_code = u.case_code"
        ),
        {"limit": limit},
    )
    return done.rowcount


def hasten(connection: Connection, now: datetime, in_flight_since: datetime) -> int:
    """Make everything due that waits for its time, but for calls that may still be under way."""
    done = connection.execute(
        text(
            "UPDATE portal_sync SET next_at = :now WHERE state = 'waiting' AND next_at > :now "
            "AND (sending IS NULL OR sent_at <= :since)"
        ),
        {"now": now, "since": in_flight_since},
    )
    return done.rowcount


def moves(connection: Connection, case_code: str) -> Sequence[Move]:
    """The moves of a case into states that the portal is told, in their order."""
    told = [state.value for state in NATIONAL]
    query = (
        select(
            events.c.version,
            events.c.from_state,
            events.c.to_state,
            events.c.occurred_at,
            events.c.data["reason"].astext.label("reason"),
        )
        .where(
            events.c.case_code == case_code,
            events.c.subject_kind == "case",
            events.c.from_state.is_not(None),
            events.c.to_state.in_(told),
        )
        .order_by(events.c.version)
    )
    return [
        Move(
            row.version, CaseState(row.from_state), CaseState(row.to_state), row.occurred_at, row.reason or ""
        )
        for row in connection.execute(query)
    ]


def paid_at(connection: Connection, case_code: str) -> frozenset[str]:
    """The providers that took money for a case."""
    query = select(payments.c.provider).where(payments.c.case_code == case_code, payments.c.state == "paid")
    return frozenset(row.provider for row in connection.execute(query) if row.provider is not None)


def is_mailed(connection: Connection, case_code: str) -> bool:
    """Whether the result of a case goes by post."""
    query = select(func.count()).where(deliveries.c.case_code == case_code, deliveries.c.method == "post")
    return int(connection.execute(query).scalar_one()) > 0


@dataclass(frozen=True, slots=True)
class Lag:
    """Cases that the portal has not been told all of, since when the oldest of them, and how many it refused."""

    waiting: int
    oldest_at: datetime | None
    refused: int


def lag(connection: Connection) -> Lag:
    row = connection.execute(
        text(
            "SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'refused') "
            "AS refused, min(behind_since) AS oldest_at FROM portal_sync WHERE state IN ('waiting', 'refused')"
        )
    ).one()
    return Lag(int(row.waiting), row.oldest_at, int(row.refused))


def behind(connection: Connection, limit: int) -> Sequence[Sync]:
    """Those that are not in step, the oldest first."""
    query = select(*_COLUMNS).where(portal_sync.c.state.in_(["waiting", "refused"]))
    rows = connection.execute(query.order_by(portal_sync.c.behind_since).limit(limit)).mappings()
    return [Sync(**row) for row in rows]
