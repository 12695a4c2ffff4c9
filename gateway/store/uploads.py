"""Uploads that can be resumed: how far each came, as far as it is on the disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from gateway.domain.upload import UploadState
from gateway.store.tables import uploads


@dataclass(frozen=True, slots=True)
class Upload:
    """`reason` says why it was refused; `cause` is the signed message that ordered it."""

    id: str
    portal_id: str
    case_code: str
    document_code: str
    metadata: str
    size_bytes: int
    offset_bytes: int
    state: str
    reason: str | None
    cause: str
    expires_at: datetime


_COLUMNS = [uploads.c[name] for name in Upload.__slots__]
_OPEN = uploads.c.state == UploadState.OPEN.value


def add(connection: Connection, values: Mapping[str, Any]) -> Upload:
    row = connection.execute(insert(uploads).values(**values).returning(*_COLUMNS)).mappings().one()
    return Upload(**row)


def find_by_link(connection: Connection, link_sha256: str) -> Upload | None:
    return _first(connection, uploads.c.link_sha256 == link_sha256)


def find(connection: Connection, upload_id: str) -> Upload | None:
    return _first(connection, uploads.c.id == upload_id)


def _first(connection: Connection, which: Any) -> Upload | None:
    row = connection.execute(select(*_COLUMNS).where(which)).mappings().first()
    return None if row is None else Upload(**row)


def advance(connection: Connection, upload_id: str, offset_bytes: int) -> None:
    """So much is on the disk."""
    connection.execute(
        update(uploads).where(uploads.c.id == upload_id, _OPEN).values(offset_bytes=offset_bytes)
    )


def end(
    connection: Connection, upload_id: str, state: UploadState, now: datetime, reason: str | None = None
) -> bool:
    """Compare-and-set from open; False when it had ended before."""
    done = connection.execute(
        update(uploads)
        .where(uploads.c.id == upload_id, _OPEN)
        .values(state=state.value, reason=reason, ended_at=now)
    )
    return done.rowcount == 1


def count_open(connection: Connection, case_code: str, document_code: str, now: datetime) -> int:
    query = select(func.count()).where(
        uploads.c.case_code == case_code,
        uploads.c.document_code == document_code,
        uploads.c.expires_at > now,
        _OPEN,
    )
    return int(connection.execute(query).scalar_one())


def expired(connection: Connection, now: datetime, limit: int) -> Sequence[Upload]:
    """Open ones whose time is over, the oldest first."""
    query = select(*_COLUMNS).where(_OPEN, uploads.c.expires_at <= now).order_by(uploads.c.expires_at)
    return [Upload(**row) for row in connection.execute(query.limit(limit)).mappings()]


def still_open(connection: Connection, ids: Sequence[str]) -> frozenset[str]:
    """Those of `ids` that are open."""
    query = select(uploads.c.id).where(_OPEN, uploads.c.id.in_(ids))
    return frozenset(connection.execute(query).scalars())
