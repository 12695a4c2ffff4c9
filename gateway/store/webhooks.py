"""Where portals want to be told, what they were told, and each try."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from gateway.store.tables import webhook_attempts, webhook_endpoints, webhook_messages


@dataclass(frozen=True, slots=True)
class Endpoint:
    id: str
    portal_id: str
    url: str
    types: Sequence[str]
    secret_sealed: bytes | None
    state: str
    created_at: datetime
    failing_since: datetime | None


@dataclass(frozen=True, slots=True)
class Message:
    """A message for one endpoint; its id is the `webhook-id` of every try."""

    id: str
    endpoint_id: str
    event_id: int
    body: bytes
    created_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True, slots=True)
class Try:
    id: int
    message_id: str
    created_at: datetime
    status: int | None
    outcome: str


_ENDPOINT = [webhook_endpoints.c[name] for name in Endpoint.__slots__]
_MESSAGE = [webhook_messages.c[name] for name in Message.__slots__]
_TRY = [webhook_attempts.c[name] for name in Try.__slots__]


def add_endpoint(
    connection: Connection, *, portal_id: str, url: str, types: Sequence[str], secret_sealed: bytes | None
) -> Endpoint | None:
    """The new endpoint; None when the portal has one with this URL."""
    row = (
        connection.execute(
            upsert(webhook_endpoints)
            .values(portal_id=portal_id, url=url, types=list(types), secret_sealed=secret_sealed)
            .on_conflict_do_nothing(index_elements=["portal_id", "url"])
            .returning(*_ENDPOINT)
        )
        .mappings()
        .first()
    )
    return None if row is None else Endpoint(**row)


def endpoints_of(connection: Connection, portal_id: str) -> Sequence[Endpoint]:
    query = (
        select(*_ENDPOINT)
        .where(webhook_endpoints.c.portal_id == portal_id, webhook_endpoints.c.state != "removed")
        .order_by(webhook_endpoints.c.created_at)
    )
    return [Endpoint(**row) for row in connection.execute(query).mappings()]


def find_endpoint(connection: Connection, endpoint_id: str, portal_id: str | None = None) -> Endpoint | None:
    query = select(*_ENDPOINT).where(
        webhook_endpoints.c.id == endpoint_id, webhook_endpoints.c.state != "removed"
    )
    if portal_id is not None:
        query = query.where(webhook_endpoints.c.portal_id == portal_id)
    row = connection.execute(query).mappings().first()
    return None if row is None else Endpoint(**row)


def change_endpoint(connection: Connection, endpoint_id: str, **values: Any) -> None:
    """Nothing changes where it was removed meanwhile: a removed endpoint does not come back."""
    connection.execute(
        update(webhook_endpoints)
        .where(webhook_endpoints.c.id == endpoint_id, webhook_endpoints.c.state != "removed")
        .values(**values)
    )


def remove_endpoint(connection: Connection, endpoint_id: str) -> None:
    """Nothing more is sent there; its log stays. The URL may be given again later."""
    connection.execute(
        update(webhook_endpoints)
        .where(webhook_endpoints.c.id == endpoint_id)
        .values(state="removed", url=webhook_endpoints.c.url + text("'#' || id"))
    )


def add_message(connection: Connection, *, endpoint_id: str, event_id: int, body: bytes) -> str | None:
    """The id of a new message; None when the endpoint has this event's already."""
    return connection.execute(
        upsert(webhook_messages)
        .values(endpoint_id=endpoint_id, event_id=event_id, body=body)
        .on_conflict_do_nothing()
        .returning(webhook_messages.c.id)
    ).scalar()


def find_message(connection: Connection, message_id: str) -> Message | None:
    row = connection.execute(select(*_MESSAGE).where(webhook_messages.c.id == message_id)).mappings().first()
    return None if row is None else Message(**row)


def messages_of_event(connection: Connection, portal_id: str, event_id: int) -> Sequence[Message]:
    query = (
        select(*_MESSAGE)
        .join(webhook_endpoints, webhook_endpoints.c.id == webhook_messages.c.endpoint_id)
        .where(webhook_endpoints.c.portal_id == portal_id, webhook_messages.c.event_id == event_id)
    )
    return [Message(**row) for row in connection.execute(query).mappings()]


def log_try(connection: Connection, message_id: str, status: int | None, outcome: str) -> None:
    connection.execute(insert(webhook_attempts).values(message_id=message_id, status=status, outcome=outcome))


def mark_delivered(connection: Connection, message_id: str, now: datetime) -> None:
    connection.execute(
        update(webhook_messages).where(webhook_messages.c.id == message_id).values(delivered_at=now)
    )


def tries_of_endpoint(connection: Connection, endpoint_id: str, limit: int) -> Sequence[Try]:
    query = (
        select(*_TRY)
        .join(webhook_messages, webhook_messages.c.id == webhook_attempts.c.message_id)
        .where(webhook_messages.c.endpoint_id == endpoint_id)
        .order_by(webhook_attempts.c.id.desc())
        .limit(limit)
    )
    return [Try(**row) for row in connection.execute(query).mappings()]


def undelivered(connection: Connection) -> int:
    """How many messages wait to be delivered."""
    query = select(func.count()).where(webhook_messages.c.delivered_at.is_(None))
    return int(connection.execute(query).scalar_one())
