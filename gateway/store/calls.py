"""Every outward call, written down as an intention before it is made, and its raw answer after."""

import hashlib
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from psycopg import Connection
from psycopg_pool import ConnectionPool

from gateway.ports import HttpAnswer, HttpRequest

KEPT_ANSWER_BYTES = 100_000


class CallJournal:
    """The recorder of the HTTP door. A request is kept as its digest: it may hold personal data and secrets."""

    def __init__(self, pool: ConnectionPool[Connection[tuple[Any, ...]]]) -> None:
        self._pool = pool

    def begin(self, request: HttpRequest, now: datetime) -> int:
        parts = urlsplit(request.url)
        digest = hashlib.sha256(request.body or b"").hexdigest()
        with self._pool.connection() as connection:
            row = connection.execute(
                "INSERT INTO calls (method, host, path, request_sha256, created_at) "
                "VALUES (%s, %s, %s, %s, %s) RETURNING id",
                (request.method, parts.netloc, parts.path, digest, now),
            ).fetchone()
        assert row is not None
        return int(row[0])

    def end(self, call_id: int, outcome: str, answer: HttpAnswer | None, now: datetime) -> None:
        with self._pool.connection() as connection:
            connection.execute(
                # what it is evidence of is kept elsewhere too, or is asked again: it does not wait for the disk
                "WITH quick AS (SELECT set_config('synchronous_commit', 'off', true)) "
                "UPDATE calls SET ended_at = %s, outcome = %s, status = %s, answer = %s FROM quick WHERE id = %s",
                (
                    now,
                    outcome,
                    None if answer is None else answer.status,
                    None if answer is None else answer.body[:KEPT_ANSWER_BYTES],
                    call_id,
                ),
            )
