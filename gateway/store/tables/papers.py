"""The official papers of cases."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
)

from gateway.store.tables.base import identifier, metadata, moment, version, words

case_papers = Table(
    "case_papers",
    metadata,
    identifier("pap"),
    Column("case_code", Text, ForeignKey("cases.case_code"), nullable=False),
    words("form"),
    Column("number", Integer, nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("facts_sealed", LargeBinary, nullable=False),
    words("pdf_sha256", required=False),
    words("json_sha256", required=False),
    words("level", required=False),
    version(),
    moment("created_at"),
    moment("made_at", required=False),
    UniqueConstraint("event_id", "form"),
    UniqueConstraint("case_code", "form", "number"),
    CheckConstraint(
        "(made_at IS NULL) = (pdf_sha256 IS NULL OR json_sha256 IS NULL OR level IS NULL)", name="made_whole"
    ),
)
