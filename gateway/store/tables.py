"""Every table, once. Sums are BIGINT VND, times are timestamptz, and uniques carry the promises.

Columns named `…_sealed` hold personal data, AES-256-GCM under a key of the keystore (`signing/seal.py`).
`state` columns of hot tables carry no index, so that a confirmation stays a heap-only update.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.dialects.postgresql.base import ischema_names
from sqlalchemy.types import UserDefinedType


class Xid8(UserDefinedType[str]):
    """PostgreSQL's 64-bit transaction id; travels as text, compares as a number in the server."""

    cache_ok = True

    def get_col_spec(self, **_options: object) -> str:
        return "xid8"


ischema_names["xid8"] = Xid8

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(prefix: str) -> Column[str]:
    return Column("id", Text, primary_key=True, server_default=text(f"new_id('{prefix}')"))


def _moment(name: str, *, required: bool = True) -> Column[datetime]:
    default = func.now() if name in {"created_at", "received_at", "recorded_at"} else None
    return Column(name, DateTime(timezone=True), nullable=not required, server_default=default)


def _vnd(name: str, *, default: str | None = None) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=default)


def _text(name: str, *, required: bool = True, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=not required, server_default=default)


def _json(name: str, *, default: str | None = None) -> Column[object]:
    return Column(name, JSONB, nullable=False, server_default=default)


def _version() -> Column[int]:
    return Column("version", Integer, nullable=False, server_default="1")


portals = Table(
    "portals",
    metadata,
    _id("prt"),
    _text("name"),
    _text("agency_code"),
    Column("live", Boolean, nullable=False),
    _moment("created_at"),
    UniqueConstraint("name"),
)

portal_keys = Table(
    "portal_keys",
    metadata,
    Column("keyid", Text, primary_key=True),
    Column("portal_id", Text, ForeignKey("portals.id"), nullable=False),
    _text("public_pem"),
    Column("scopes", ARRAY(Text), nullable=False),
    _moment("created_at"),
    _moment("revoked_at", required=False),
)

nonces = Table(
    "nonces",
    metadata,
    Column("keyid", Text, primary_key=True),
    Column("nonce", Text, primary_key=True),
    _moment("signed_at"),
    Index("ix_nonces_signed_at", "signed_at"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", BigInteger, primary_key=True),
    _moment("received_at"),
    _text("source"),
    _text("method"),
    _text("path"),
    Column("query", LargeBinary, nullable=False),
    _json("headers"),
    Column("body", LargeBinary, nullable=False),
    _text("verdict"),
    _text("reference", required=False),
    Index("ix_inbox_reference", "reference", postgresql_where=text("reference IS NOT NULL")),
    Index("ix_inbox_received_at", "received_at"),
)

calls = Table(
    "calls",
    metadata,
    Column("id", BigInteger, primary_key=True),
    _text("method"),
    _text("host"),
    _text("path"),
    _text("request_sha256"),
    _moment("created_at"),
    _moment("ended_at", required=False),
    _text("outcome", required=False),
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
    _moment("recorded_at"),
    _moment("occurred_at"),
    _text("portal_id", required=False),
    _text("case_code", required=False),
    _text("subject_kind"),
    _text("subject_id"),
    _text("type"),
    _text("from_state", required=False),
    _text("to_state", required=False),
    Column("version", Integer, nullable=False),
    _text("actor"),
    _text("cause"),
    _json("data", default="{}"),
    Index("ix_events_xid_id", "xid", "id"),
    Index("ix_events_case_code_id", "case_code", "id"),
)

cases = Table(
    "cases",
    metadata,
    Column("case_code", Text, primary_key=True),
    Column("portal_id", Text, ForeignKey("portals.id"), nullable=False),
    _text("reference"),
    _text("fingerprint"),
    _text("procedure_code"),
    _text("agency_code"),
    _text("state"),
    _text("money_state"),
    _text("delivery_state", default="none"),
    _text("sync_state", default="none"),
    _version(),
    Column("applicant_sealed", LargeBinary, nullable=False),
    Column("phone_index", LargeBinary),
    Column("answers_sealed", LargeBinary, nullable=False),
    _text("reduction", required=False),
    _json("fees"),
    _text("track_token"),
    _moment("created_at"),
    _moment("submitted_at", required=False),
    _moment("accepted_at", required=False),
    Column("due_on", Date),
    _moment("finished_at", required=False),
    _moment("handed_over_at", required=False),
    _text("submission_receipt", required=False),
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
    _text("name"),
    _text("media_type"),
    Column("size_bytes", BigInteger, nullable=False),
    _text("sha256"),
    _moment("stored_at", required=False),
)

case_transitions = Table(
    "case_transitions",
    metadata,
    Column("case_code", Text, ForeignKey("cases.case_code"), primary_key=True),
    Column("reference", Text, primary_key=True),
    _text("fingerprint"),
    _moment("created_at"),
)

payments = Table(
    "payments",
    metadata,
    _id("pay"),
    Column("portal_id", Text, ForeignKey("portals.id"), nullable=False),
    _text("reference"),
    _text("fingerprint"),
    _text("order_code"),
    Column("case_code", Text, ForeignKey("cases.case_code"), nullable=False),
    _text("agency_code"),
    _text("state"),
    _vnd("amount_vnd"),
    _json("lines"),
    _vnd("paid_vnd", default="0"),
    _vnd("refunded_vnd", default="0"),
    _text("provider", required=False),
    Column("payer_sealed", LargeBinary, nullable=False),
    _text("return_url"),
    _text("token"),
    _version(),
    _moment("created_at"),
    _moment("expires_at"),
    _moment("paid_at", required=False),
    UniqueConstraint("portal_id", "reference"),
    UniqueConstraint("order_code"),
    UniqueConstraint("token"),
    Index("ix_payments_case_code", "case_code"),
    CheckConstraint("amount_vnd > 0", name="positive"),
    CheckConstraint("refunded_vnd <= paid_vnd", name="refund_within_paid"),
    postgresql_with={"fillfactor": "80"},
)

attempts = Table(
    "attempts",
    metadata,
    _id("att"),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    _text("provider"),
    _text("reference"),
    Column("number", Integer, nullable=False),
    _text("state"),
    _text("provider_ref", required=False),
    _text("code", required=False),
    Column("paid_vnd", BigInteger),
    _moment("paid_at", required=False),
    _text("redirect_url", required=False),
    _moment("created_at"),
    _moment("sent_at", required=False),
    UniqueConstraint("provider", "reference"),
    UniqueConstraint("payment_id", "number"),
    UniqueConstraint("provider", "provider_ref"),
    postgresql_with={"fillfactor": "80"},
)

ledger = Table(
    "ledger",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("event_id", BigInteger, nullable=False),
    _text("account"),
    _vnd("debit_vnd"),
    _vnd("credit_vnd"),
    Column("booked_on", Date, nullable=False),
    Index("ix_ledger_booked_on_account", "booked_on", "account"),
    CheckConstraint(
        "(debit_vnd > 0 AND credit_vnd = 0) OR (debit_vnd = 0 AND credit_vnd > 0)", name="one_side"
    ),
)

obligations = Table(
    "obligations",
    metadata,
    _id("obl"),
    _text("kind"),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    _vnd("amount_vnd"),
    _text("provider"),
    _text("provider_ref"),
    _text("owner"),
    _moment("due_at"),
    _moment("created_at"),
    _moment("settled_at", required=False),
    UniqueConstraint("provider", "provider_ref"),
)

alarms = Table(
    "alarms",
    metadata,
    Column("id", BigInteger, primary_key=True),
    _text("name"),
    _text("subject"),
    _text("detail"),
    _moment("created_at"),
    _moment("closed_at", required=False),
    UniqueConstraint("name", "subject"),
)

receipt_series = Table(
    "receipt_series",
    metadata,
    Column("series", Text, primary_key=True),
    Column("last", Integer, nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    _id("rct"),
    Column("payment_id", Text, ForeignKey("payments.id"), nullable=False),
    _text("series"),
    Column("number", Integer, nullable=False),
    _text("receipt_number"),
    _text("state"),
    Column("facts_sealed", LargeBinary, nullable=False),
    _text("pdf_sha256", required=False),
    _text("json_sha256", required=False),
    _moment("created_at"),
    _moment("issued_at", required=False),
    UniqueConstraint("series", "number"),
    Index(
        "uq_receipts_live_payment",
        "payment_id",
        unique=True,
        postgresql_where=text("state IN ('numbered', 'issued')"),
    ),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id("dlv"),
    Column("portal_id", Text, ForeignKey("portals.id"), nullable=False),
    _text("reference"),
    _text("fingerprint"),
    Column("case_code", Text, ForeignKey("cases.case_code"), nullable=False),
    _text("method"),
    _text("operator", required=False),
    _text("order_number"),
    _text("item_code", required=False),
    _text("state"),
    Column("recipient_sealed", LargeBinary, nullable=False),
    _vnd("cod_vnd", default="0"),
    _version(),
    _moment("created_at"),
    _moment("handed_over_at", required=False),
    UniqueConstraint("portal_id", "reference"),
    UniqueConstraint("operator", "order_number"),
    Index("ix_deliveries_case_code", "case_code"),
)

parcel_events = Table(
    "parcel_events",
    metadata,
    Column("operator", Text, primary_key=True),
    Column("source_id", Text, primary_key=True),
    _text("order_number"),
    _text("item_code", required=False),
    _text("code"),
    _text("meaning", required=False),
    _moment("occurred_at"),
    _moment("received_at"),
    _text("office", required=False),
    Index("ix_parcel_events_operator_order_number", "operator", "order_number"),
)

cursors = Table(
    "cursors",
    metadata,
    Column("name", Text, primary_key=True),
    _text("position"),
    _moment("moved_at", required=False),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    _id("whk"),
    Column("portal_id", Text, ForeignKey("portals.id"), nullable=False),
    _text("url"),
    Column("types", ARRAY(Text), nullable=False),
    Column("secret_sealed", LargeBinary),
    _text("state", default="enabled"),
    _moment("created_at"),
    _moment("failing_since", required=False),
    UniqueConstraint("portal_id", "url"),
)

webhook_messages = Table(
    "webhook_messages",
    metadata,
    _id("msg"),
    Column("endpoint_id", Text, ForeignKey("webhook_endpoints.id"), nullable=False),
    Column("event_id", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    _moment("created_at"),
    _moment("delivered_at", required=False),
    UniqueConstraint("endpoint_id", "event_id"),
)

webhook_attempts = Table(
    "webhook_attempts",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("message_id", Text, ForeignKey("webhook_messages.id"), nullable=False),
    _moment("created_at"),
    Column("status", Integer),
    _text("outcome"),
    Index("ix_webhook_attempts_message_id", "message_id"),
)

statements = Table(
    "statements",
    metadata,
    _id("stm"),
    _text("account"),
    _text("sha256"),
    _text("format"),
    _vnd("opening_vnd"),
    _vnd("closing_vnd"),
    Column("from_on", Date, nullable=False),
    Column("to_on", Date, nullable=False),
    _moment("created_at"),
    UniqueConstraint("account", "sha256"),
)

statement_lines = Table(
    "statement_lines",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("statement_id", Text, ForeignKey("statements.id"), nullable=False),
    Column("line_no", Integer, nullable=False),
    _text("account"),
    Column("value_on", Date, nullable=False),
    _vnd("amount_vnd"),
    _text("bank_ref"),
    Column("memo_sealed", LargeBinary, nullable=False),
    # what the line says, and the how-manieth equal one it is: a fuller statement of the same day adds only
    # what is new, and two real equal payments stay two
    Column("content_index", LargeBinary, nullable=False),
    Column("occurrence", Integer, nullable=False),
    UniqueConstraint("account", "content_index", "occurrence"),
    UniqueConstraint("statement_id", "line_no"),
    Index("ix_statement_lines_account_value_on", "account", "value_on"),
)

matches = Table(
    "matches",
    metadata,
    Column("line_id", BigInteger, ForeignKey("statement_lines.id"), primary_key=True),
    Column("attempt_id", Text, ForeignKey("attempts.id")),
    _text("kind"),
    _text("reason"),
    _moment("created_at"),
    Index(
        "uq_matches_attempt_id", "attempt_id", unique=True, postgresql_where=text("attempt_id IS NOT NULL")
    ),
)

day_closes = Table(
    "day_closes",
    metadata,
    Column("day", Date, primary_key=True),
    Column("account", Text, primary_key=True),
    _vnd("expected_vnd"),
    _vnd("received_vnd"),
    _vnd("booked_vnd"),
    Column("open_breaks", Integer, nullable=False),
    Column("green", Boolean, nullable=False),
    _moment("created_at"),
)

track_tries = Table(
    "track_tries",
    metadata,
    Column("id", BigInteger, primary_key=True),
    _text("case_code"),
    _moment("tried_at"),
    Index("ix_track_tries_case_code_tried_at", "case_code", "tried_at"),
)
