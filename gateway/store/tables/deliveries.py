"""Deliveries, and what the post says of parcels."""

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table, Text, UniqueConstraint

from gateway.store.tables.base import identifier, metadata, moment, version, vnd, words

deliveries = Table(
    "deliveries",
    metadata,
    identifier("dlv"),
    Column("portal_id", Text, ForeignKey("portals.id"), nullable=False),
    words("reference"),
    words("fingerprint"),
    Column("case_code", Text, ForeignKey("cases.case_code"), nullable=False),
    words("method"),
    words("operator", required=False),
    words("order_number"),
    words("item_code", required=False),
    words("state"),
    Column("recipient_sealed", LargeBinary, nullable=False),
    vnd("cod_vnd", default="0"),
    version(),
    moment("created_at"),
    moment("handed_over_at", required=False),
    UniqueConstraint("portal_id", "reference"),
    UniqueConstraint("operator", "order_number"),
    Index("ix_deliveries_case_code", "case_code"),
)

parcel_events = Table(
    "parcel_events",
    metadata,
    Column("operator", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    words("order_number"),
    words("item_code", required=False),
    words("code"),
    words("meaning", required=False),
    moment("occurred_at"),
    moment("received_at"),
    words("office", required=False),
    Index("ix_parcel_events_operator_order_number", "operator", "order_number"),
)
