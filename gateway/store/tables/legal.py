"""Legal electronic receipts at providers."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Table, Text, UniqueConstraint, text

from gateway.store.tables.base import identifier, metadata, moment, version, words

legal_receipts = Table(
    "legal_receipts",
    metadata,
    identifier("lgr"),
    Column("receipt_id", Text, ForeignKey("receipts.id"), nullable=False),
    words("provider"),
    words("key"),
    words("form"),
    words("sign"),
    words("state"),
    version(),
    words("number", required=False),
    words("lookup_code", required=False),
    words("provider_ref", required=False),
    words("code", required=False),
    moment("created_at"),
    moment("sent_at", required=False),
    moment("issued_at", required=False),
    moment("ended_at", required=False),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    Column("amount_vnd", BigInteger),
    UniqueConstraint("receipt_id"),
    UniqueConstraint("provider", "key"),
    UniqueConstraint("provider", "form", "sign", "number"),
    Index("ix_legal_receipts_payment_id", "payment_id"),
    Index(
        "uq_legal_receipts_live_payment",
        "payment_id",
        unique=True,
        postgresql_where=text("state IN ('issued', 'cancelling')"),
    ),
)
