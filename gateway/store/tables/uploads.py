"""Uploads that can be resumed."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.store.tables.base import identifier, metadata, moment, words

uploads = Table(
    "uploads",
    metadata,
    identifier("upl"),
    words("link_sha256"),
    Column("portal_id", Text, ForeignKey("portals.id"), nullable=False),
    Column("case_code", Text, ForeignKey("cases.case_code"), nullable=False),
    words("document_code"),
    words("metadata"),
    Column("size_bytes", BigInteger, nullable=False),
    Column("offset_bytes", BigInteger, nullable=False, server_default="0"),
    words("state"),
    words("reason", required=False),
    words("cause"),
    moment("created_at"),
    moment("expires_at"),
    moment("ended_at", required=False),
    UniqueConstraint("link_sha256"),
    CheckConstraint("offset_bytes BETWEEN 0 AND size_bytes", name="offset"),
    Index("ix_uploads_case_code_document_code", "case_code", "document_code"),
    Index("ix_uploads_open", "expires_at", postgresql_where=text("state = 'open'")),
)
