"""Cases, their documents, what agencies decide, and tries to look."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.store.tables.base import json, metadata, moment, version, words

cases = Table(
    "cases",
    metadata,
    Column("case_code", Text, primary_key=True),
    Column("portal_id", Text, ForeignKey("portals.id"), nullable=False),
    words("reference"),
    words("fingerprint"),
    words("procedure_code"),
    Column("procedure_version", Integer, nullable=False, server_default="1"),
    words("channel", default="online"),
    words("pay", default="with"),
    Column("keeps_documents", Boolean, nullable=False, server_default="false"),
    words("agency_code"),
    words("handled_by", required=False),
    words("state"),
    words("money_state"),
    words("delivery_state", default="none"),
    words("sync_state", default="none"),
    version(),
    Column("applicant_sealed", LargeBinary, nullable=False),
    Column("phone_index", LargeBinary),
    Column("answers_sealed", LargeBinary, nullable=False),
    words("reduction", required=False),
    json("fees"),
    words("track_token"),
    moment("created_at"),
    moment("submitted_at", required=False),
    moment("accepted_at", required=False),
    Column("due_on", Date),
    moment("finished_at", required=False),
    moment("handed_over_at", required=False),
    words("submission_receipt", required=False),
    moment("forgotten_at", required=False),
    UniqueConstraint("portal_id", "reference"),
    UniqueConstraint("track_token"),
    postgresql_with={"fillfactor": "80"},
)

case_counters = Table(
    "case_counters",
    metadata,
    Column("agency_code", Text, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("last", Integer, nullable=False),
)

case_documents = Table(
    "case_documents",
    metadata,
    Column("case_code", Text, ForeignKey("cases.case_code"), primary_key=True),
    Column("code", Text, primary_key=True),
    Column("role", Text, primary_key=True, server_default="submitted"),
    words("name"),
    words("media_type"),
    Column("size_bytes", BigInteger, nullable=False),
    words("sha256"),
    moment("stored_at", required=False),
    words("scan", default="not_scanned"),
    version(),
    Index("ix_case_documents_sha256", "sha256"),
)

case_document_versions = Table(
    "case_document_versions",
    metadata,
    Column("case_code", Text, ForeignKey("cases.case_code"), primary_key=True),
    Column("code", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    words("name"),
    words("media_type"),
    Column("size_bytes", BigInteger, nullable=False),
    words("sha256"),
    moment("stored_at", required=False),
    words("scan"),
    moment("replaced_at"),
    Index("ix_case_document_versions_sha256", "sha256"),
)

case_steps = Table(
    "case_steps",
    metadata,
    Column("case_code", Text, ForeignKey("cases.case_code"), primary_key=True),
    Column("number", Integer, primary_key=True),
    words("from_agency"),
    words("agency_code"),
    words("name"),
    words("reason"),
    words("why_returned", required=False),
    words("state"),
    moment("due_at", required=False),
    moment("handed_over_at"),
    moment("acknowledged_at", required=False),
    moment("ended_at", required=False),
    Index(
        "uq_case_steps_open",
        "case_code",
        "state",
        unique=True,
        postgresql_where=text("state IN ('handed_over', 'acknowledged')"),
    ),
)

case_transitions = Table(
    "case_transitions",
    metadata,
    Column("case_code", Text, ForeignKey("cases.case_code"), primary_key=True),
    Column("reference", Text, primary_key=True),
    words("fingerprint"),
    moment("created_at"),
)

track_tries = Table(
    "track_tries",
    metadata,
    Column("id", BigInteger, primary_key=True),
    words("case_code"),
    moment("tried_at"),
    Index("ix_track_tries_case_code_tried_at", "case_code", "tried_at"),
)
