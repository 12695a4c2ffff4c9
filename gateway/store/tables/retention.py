"""When cases ended and what was erased of them, what is held against that, and files that are to go."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Table, Text, text

from gateway.store.tables.base import metadata, moment, words

retention = Table(
    "retention",
    metadata,
    Column("case_code", Text, ForeignKey("cases.case_code"), primary_key=True),
    moment("ended_at"),
    moment("forgotten_at", required=False),
    moment("accounts_forgotten_at", required=False),
    Index("ix_retention_people", "ended_at", "case_code", postgresql_where=text("forgotten_at IS NULL")),
    Index(
        "ix_retention_accounts",
        "ended_at",
        "case_code",
        postgresql_where=text("forgotten_at IS NOT NULL AND accounts_forgotten_at IS NULL"),
    ),
)

holds = Table(
    "holds",
    metadata,
    Column("case_code", Text, ForeignKey("cases.case_code"), primary_key=True),
    words("reason"),
    words("set_by"),
    moment("created_at"),
)

doomed_files = Table(
    "doomed_files",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("is_proof", Boolean, nullable=False, server_default="false"),
    moment("created_at"),
)
