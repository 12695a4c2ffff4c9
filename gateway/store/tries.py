"""Tries to see a case by its code that failed: counted, so that nobody guesses.

What is counted is a case code, or `address:` and the blind index of an address. A case code is in upper case, so
the two are never the same.
"""

from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, text

from gateway.store.tables import track_tries


def count(connection: Connection, key: str, since: datetime) -> int:
    """The failures since then. Until the transaction ends nobody else counts those of the same key."""
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('track:' || :code, 0))"), {"code": key}
    )
    query = select(func.count()).where(track_tries.c.case_code == key, track_tries.c.tried_at >= since)
    return int(connection.execute(query).scalar_one())


def add(connection: Connection, key: str, now: datetime) -> None:
    connection.execute(insert(track_tries).values(case_code=key, tried_at=now))


def forget(connection: Connection, before: datetime) -> int:
    """Drop the failures that are too old to count; returns how many."""
    return connection.execute(delete(track_tries).where(track_tries.c.tried_at < before)).rowcount
