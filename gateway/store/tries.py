"""Tries to see a case by its code: counted, so that nobody guesses."""

from datetime import datetime

from sqlalchemy import Connection, func, insert, select, text

from gateway.store.tables import track_tries


def count(connection: Connection, case_code: str, since: datetime) -> int:
    """The tries since then. Until the transaction ends nobody else counts those of the same code."""
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('track:' || :code, 0))"), {"code": case_code}
    )
    query = select(func.count()).where(track_tries.c.case_code == case_code, track_tries.c.tried_at >= since)
    return int(connection.execute(query).scalar_one())


def add(connection: Connection, case_code: str, now: datetime) -> None:
    connection.execute(insert(track_tries).values(case_code=case_code, tried_at=now))
