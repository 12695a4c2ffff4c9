"""The times of cases, and the outages that a person certified."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.store.tables.base import metadata, moment, words

certified_outages = Table(
    "certified_outages",
    metadata,
    Column("id", BigInteger, primary_key=True),
    words("agency_code", required=False),
    moment("from_at"),
    moment("to_at"),
    words("reason"),
    words("certified_by"),
    Column("takes_back", BigInteger, ForeignKey("certified_outages.id")),
    moment("created_at"),
    UniqueConstraint("takes_back"),
    CheckConstraint("from_at < to_at", name="is_over"),
)

case_times = Table(
    "case_times",
    metadata,
    Column("case_code", Text, ForeignKey("cases.case_code"), primary_key=True),
    moment("accepted_at", required=False),
    moment("due_at", required=False),
    words("told", default="nothing"),
    moment("told_due_at", required=False),
    moment("next_at", required=False),
    moment("ended_at", required=False),
    words("ended_as", required=False),
    Column("supplements", Integer, nullable=False, server_default="0"),
    moment("created_at"),
    Index("ix_case_times_next_at", "next_at", postgresql_where=text("next_at IS NOT NULL")),
    Index("ix_case_times_ended_at", "ended_at"),
    CheckConstraint("(ended_at IS NULL) = (ended_as IS NULL)", name="end_is_told"),
)
