"""Portals, their keys, and where they want to be told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg import Connection as PgConnection
from psycopg.rows import dict_row
from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Credential:
    """A portal's key, as found by its keyid."""

    keyid: str
    portal_id: str
    portal_name: str
    agency_code: str
    live: bool
    public_pem: str
    scopes: tuple[str, ...]


_CREDENTIAL = """
SELECT k.keyid, k.portal_id, p.name AS portal_name, p.agency_code, p.live, k.public_pem, k.scopes
FROM portal_keys k JOIN portals p ON p.id = k.portal_id WHERE k.keyid = %s AND k.revoked_at IS NULL
"""


def find_credential(connection: PgConnection[tuple[Any, ...]], keyid: str) -> Credential | None:
    """The credential of a key that is not revoked."""
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_CREDENTIAL, (keyid,)).fetchone()
    return None if row is None else Credential(**{**row, "scopes": tuple(row["scopes"])})


def add_portal(connection: Connection, *, name: str, agency_code: str, live: bool) -> str:
    """The id of the portal of that name, made when it is not there."""
    return str(
        connection.execute(
            text(
                "INSERT INTO portals (name, agency_code, live) VALUES (:name, :agency_code, :live) "
                "ON CONFLICT (name) DO UPDATE SET agency_code = excluded.agency_code RETURNING id"
            ),
            {"name": name, "agency_code": agency_code, "live": live},
        ).scalar_one()
    )


def add_key(
    connection: Connection, *, portal_id: str, keyid: str, public_pem: str, scopes: Sequence[str]
) -> None:
    """Give a portal a key; the same keyid again replaces its content."""
    connection.execute(
        text(
            "INSERT INTO portal_keys (keyid, portal_id, public_pem, scopes) "
            "VALUES (:keyid, :portal_id, :public_pem, :scopes) ON CONFLICT (keyid) DO UPDATE SET "
            "public_pem = excluded.public_pem, scopes = excluded.scopes, revoked_at = NULL "
            "WHERE portal_keys.portal_id = excluded.portal_id"
        ),
        {"portal_id": portal_id, "keyid": keyid, "public_pem": public_pem, "scopes": list(scopes)},
    )


def revoke_key(connection: Connection, keyid: str, now: datetime) -> bool:
    """From now on nothing signed by this key is believed. False when there is no such live key."""
    done = connection.execute(
        text(
            "UPDATE portal_keys SET revoked_at = :now WHERE keyid = :keyid AND revoked_at IS NULL RETURNING 1"
        ),
        {"keyid": keyid, "now": now},
    ).scalar()
    return done is not None


@dataclass(frozen=True, slots=True)
class Portal:
    """A portal with its keys: each key's keyid, scopes, and when it was revoked (None: it is believed)."""

    id: str
    name: str
    agency_code: str
    live: bool
    keys: tuple[tuple[str, tuple[str, ...], datetime | None], ...]


def listed(connection: Connection) -> Sequence[Portal]:
    """Every portal by its name, with all of its keys, revoked ones included."""
    rows = connection.execute(
        text(
            "SELECT p.id, p.name, p.agency_code, p.live, k.keyid, k.scopes, k.revoked_at "
            "FROM portals p LEFT JOIN portal_keys k ON k.portal_id = p.id ORDER BY p.name, k.keyid"
        )
    )
    found: dict[str, Portal] = {}
    for row in rows:
        before = found.get(row.id) or Portal(row.id, row.name, row.agency_code, row.live, ())
        key = () if row.keyid is None else ((row.keyid, tuple(row.scopes), row.revoked_at),)
        found[row.id] = replace(before, keys=(*before.keys, *key))
    return list(found.values())
