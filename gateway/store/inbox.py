"""What reached us, raw, before it is believed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection as PgConnection
from psycopg.types.json import Jsonb
from sqlalchemy import Connection, text

from gateway.ports import InboundMessage
from gateway.store.portals import Credential

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


@dataclass(frozen=True, slots=True)
class Signed:
    """A portal's message whose signature holds: by whose key, its nonce, when it came, and the hash of its bytes.

    `about` is what it is found by when that is forgotten.
    """

    message: InboundMessage
    by: Credential
    nonce: str
    at: datetime
    sha256: str
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A message that was kept: its number, and whether its nonce was new. A replay is kept too: it is evidence."""

    id: int
    is_new: bool


CAUSE: Final = "'inbox:' || kept.kept_id || ':' || %(sent_sha256)s"
"""What is told as the cause of all that a kept message orders, within the statement that keeps it."""


def cause(message_id: int, sha256: str) -> str:
    """As `CAUSE`, of a message that was kept before."""
    return f"inbox:{message_id}:{sha256}"


KEEP_SIGNED: Final = """
WITH believed AS (
    SELECT FROM portal_keys k JOIN portals p ON p.id = k.portal_id
    WHERE k.keyid = %(keyid)s AND k.revoked_at IS NULL AND k.public_pem = %(public_pem)s AND k.scopes = %(scopes)s
      AND p.id = %(signer)s AND p.agency_code = %(signer_agency)s AND p.live = %(live)s
), used AS (
    INSERT INTO nonces (keyid, nonce, signed_at) SELECT %(keyid)s, %(nonce)s, %(came_at)s FROM believed
    ON CONFLICT DO NOTHING RETURNING 1
), kept AS (
    INSERT INTO inbox (source, received_at, method, path, query, headers, body, verdict, reference)
    SELECT %(source)s, %(came_at)s, %(method)s, %(path)s, %(query)s, %(headers)s, %(body)s,
           CASE WHEN EXISTS (SELECT FROM used) THEN 'genuine' ELSE 'replayed' END, %(about)s
    FROM believed RETURNING id AS kept_id, verdict = 'genuine' AS is_new
)
"""
"""The beginning of a statement that keeps a signed message: `kept` has its row, and none when the key is no longer
what the signature was checked with."""
_RECORD_SIGNED: Final = f"{KEEP_SIGNED} SELECT kept_id, is_new FROM kept"  # noqa: S608 - nothing of anybody


def values_of(signed: Signed) -> dict[str, object]:
    """What stands at the places of `KEEP_SIGNED`."""
    by, message = signed.by, signed.message
    return {
        "keyid": by.keyid,
        "public_pem": by.public_pem,
        "scopes": list(by.scopes),
        "signer": by.portal_id,
        "signer_agency": by.agency_code,
        "live": by.live,
        "nonce": signed.nonce,
        "came_at": signed.at,
        "source": f"portal:{by.portal_id}",
        "about": signed.about,
        "sent_sha256": signed.sha256,
        "method": message.method,
        "path": message.path,
        "query": message.query,
        "headers": Jsonb(kept(message.headers)),
        "body": message.body,
    }


def record_signed(connection: PgConnection[tuple[Any, ...]], signed: Signed) -> Kept | None:
    """Keep a portal's signed message and use up its nonce, as one statement.

    None when the key is no longer what `signed.by` says: then nothing was written.
    """
    row = connection.execute(_RECORD_SIGNED, values_of(signed)).fetchone()
    return None if row is None else Kept(*row)


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
