"""Where portals want to be told, and what they were told."""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY

from gateway.store.tables.base import identifier, metadata, moment, words

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    identifier("whk"),
    Column("portal_id", Text, ForeignKey("portals.id"), nullable=False),
    words("url"),
    Column("types", ARRAY(Text), nullable=False),
    Column("secret_sealed", LargeBinary),
    words("state", default="enabled"),
    moment("created_at"),
    moment("failing_since", required=False),
    UniqueConstraint("portal_id", "url"),
)

webhook_messages = Table(
    "webhook_messages",
    metadata,
    identifier("msg"),
    Column("endpoint_id", Text, ForeignKey("webhook_endpoints.id"), nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    moment("created_at"),
    moment("delivered_at", required=False),
    UniqueConstraint("endpoint_id", "event_id"),
)

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("message_id", Text, ForeignKey("webhook_messages.id"), nullable=False),
    moment("created_at"),
    Column("status", Integer),
    words("outcome"),
    Index("ix_webhook_attempts_message_id", "message_id"),
)
