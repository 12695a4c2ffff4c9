"""Who calls us, what reached us and what we called; the spine of events; alarms and cursors."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from gateway.store.tables.base import Xid8, identifier, json, metadata, moment, words

portals = Table(
    "portals",
    metadata,
    identifier("prt"),
    words("name"),
    words("agency_code"),
    Column("live", Boolean, nullable=False),
    moment("created_at"),
    UniqueConstraint("name"),
)

portal_keys = Table(
    "portal_keys",
    metadata,
    Column("keyid", Text, primary_key=True),
    Column("portal_id", Text, ForeignKey("portals.id"), nullable=False),
    words("public_pem"),
    Column("scopes", ARRAY(Text), nullable=False),
    moment("created_at"),
    moment("revoked_at", required=False),
)

nonces = Table(
    "nonces",
    metadata,
    Column("keyid", Text, primary_key=True),
    Column("nonce", Text, primary_key=True),
    moment("signed_at"),
    Index("ix_nonces_signed_at", "signed_at"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", BigInteger, primary_key=True),
    moment("received_at"),
    words("source"),
    words("method"),
    words("path"),
    Column("query", LargeBinary, nullable=False),
    json("headers"),
    Column("body", LargeBinary, nullable=False),
    words("verdict"),
    words("reference", required=False),
    Index("ix_inbox_reference", "reference", postgresql_where=text("reference IS NOT NULL")),
    Index("ix_inbox_received_at", "received_at"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", BigInteger, primary_key=True),
    words("method"),
    words("host"),
    words("path"),
    words("request_sha256"),
    moment("created_at"),
    moment("ended_at", required=False),
    words("outcome", required=False),
    Column("status", Integer),
    Column("answer", LargeBinary),
    Index("ix_calls_created_at", "created_at"),
)

events = Table(
    "events",
    metadata,
    Column("id", BigInteger, primary_key=True),
    # the transaction that wrote it: consumers read in the order (xid, id), below the oldest running one
    Column("xid", Xid8, nullable=False, server_default=text("pg_current_xact_id()")),
    moment("recorded_at"),
    moment("occurred_at"),
    words("portal_id", required=False),
    words("case_code", required=False),
    words("subject_kind"),
    words("subject_id"),
    words("type"),
    words("from_state", required=False),
    words("to_state", required=False),
    Column("version", Integer, nullable=False),
    words("actor"),
    words("cause"),
    json("data", default="{}"),
    Index("ix_events_xid_id", "xid", "id"),
    Index("ix_events_case_code_id", "case_code", "id"),
)

alarms = Table(
    "alarms",
    metadata,
    Column("id", BigInteger, primary_key=True),
    words("name"),
    words("subject"),
    words("detail"),
    moment("created_at"),
    moment("closed_at", required=False),
    # one open alarm for a thing; when it was closed and the thing happens again, there is a new one
    Index("uq_alarms_open", "name", "subject", unique=True, postgresql_where=text("closed_at IS NULL")),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    words("position"),
    moment("moved_at", required=False),
)
