"""What reached us, raw, before it is believed."""

import json
from collections.abc import Mapping
from datetime import datetime

from psycopg import Connection as PgConnection
from sqlalchemy import Connection, text

from gateway.ports import InboundMessage

KEPT_HEADERS = frozenset(
    {
        "content-type",
        "content-digest",
        "repr-digest",
        "signature",
        "signature-input",
        "upload-length",
        "upload-metadata",
        "user-agent",
        "x-forwarded-for",
        "access-control-request-method",
    }
)
"""The headers kept with a message: those that prove or explain it, never a credential."""


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers worth keeping."""
    return {name: headers[name] for name in KEPT_HEADERS & headers.keys()}


def record(connection: Connection, source: str, message: InboundMessage, verdict: str, now: datetime) -> int:
    """Keep a message with the verdict on its signature."""
    return int(
        connection.execute(
            text(
                "INSERT INTO inbox (source, received_at, method, path, query, headers, body, verdict) VALUES "
                "(:source, :now, :method, :path, :query, CAST(:headers AS jsonb), :body, :verdict) RETURNING id"
            ),
            {
                "source": source,
                "now": now,
                "method": message.method,
                "path": message.path,
                "query": message.query,
                "headers": json.dumps(kept(message.headers)),
                "body": message.body,
                "verdict": verdict,
            },
        ).scalar_one()
    )


def record_bare(
    connection: PgConnection[tuple[object, ...]],
    source: str,
    message: InboundMessage,
    verdict: str,
    now: datetime,
) -> None:
    """As `record`, over a connection of the hot path's pool."""
    connection.execute(
        "INSERT INTO inbox (source, received_at, method, path, query, headers, body, verdict) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        (
            source,
            now,
            message.method,
            message.path,
            message.query,
            json.dumps(kept(message.headers)),
            message.body,
            verdict,
        ),
    )


def record_signed(
    connection: Connection,
    *,
    message: InboundMessage,
    keyid: str,
    nonce: str,
    now: datetime,
    portal_id: str,
    about: str | None = None,
) -> int | None:
    """Keep a portal's signed message and use up its nonce, as one statement; None when the nonce was used before.

    The message is kept either way: a replay is evidence too. `about` is what it is found by when that is forgotten.
    """
    row = connection.execute(
        text(
            "WITH used AS (INSERT INTO nonces (keyid, nonce, signed_at) VALUES (:keyid, :nonce, :now) "
            "ON CONFLICT DO NOTHING RETURNING 1) "
            "INSERT INTO inbox (source, received_at, method, path, query, headers, body, verdict, reference) "
            "SELECT :source, :now, :method, :path, :query, CAST(:headers AS jsonb), :body, "
            "CASE WHEN EXISTS (SELECT FROM used) THEN 'genuine' ELSE 'replayed' END, :about "
            "RETURNING id, verdict"
        ),
        {
            "keyid": keyid,
            "nonce": nonce,
            "now": now,
            "source": f"portal:{portal_id}",
            "about": about,
            "method": message.method,
            "path": message.path,
            "query": message.query,
            "headers": json.dumps(kept(message.headers)),
            "body": message.body,
        },
    ).one()
    return int(row.id) if row.verdict == "genuine" else None


def find(connection: Connection, message_id: int) -> InboundMessage | None:
    """A message as it was kept: of its headers those that prove or explain it."""
    query = text("SELECT method, path, query, headers, body FROM inbox WHERE id = :id")
    row = connection.execute(query, {"id": message_id}).one_or_none()
    if row is None:
        return None
    return InboundMessage(row.method, row.path, bytes(row.query), row.headers, bytes(row.body))


def forget_nonces(connection: Connection, before: datetime) -> int:
    """Drop nonces too old to be replayed: a signature older than the window is refused by its time."""
    return connection.execute(
        text("DELETE FROM nonces WHERE signed_at < :before"), {"before": before}
    ).rowcount
