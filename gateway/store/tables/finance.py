"""The ledger, statements, matches and closes."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
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

from gateway.store.tables.base import identifier, metadata, moment, version, vnd, words

ledger = Table(
    "ledger",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("event_id", BigInteger, nullable=False),
    words("account"),
    vnd("debit_vnd"),
    vnd("credit_vnd"),
    Column("booked_on", Date, nullable=False),
    Index("ix_ledger_booked_on_account", "booked_on", "account"),
    CheckConstraint(
        "(debit_vnd > 0 AND credit_vnd = 0) OR (debit_vnd = 0 AND credit_vnd > 0)", name="one_side"
    ),
)

statements = Table(
    "statements",
    metadata,
    identifier("stm"),
    words("account"),
    words("sha256"),
    words("format"),
    vnd("opening_vnd"),
    vnd("closing_vnd"),
    Column("from_on", Date, nullable=False),
    Column("to_on", Date, nullable=False),
    moment("created_at"),
    moment("forgotten_at", required=False),
    UniqueConstraint("account", "sha256"),
)

statement_lines = Table(
    "statement_lines",
    metadata,
    Column("id", BigInteger, primary_key=True),
    Column("statement_id", Text, ForeignKey("statements.id"), nullable=False),
    Column("line_no", Integer, nullable=False),
    words("account"),
    Column("value_on", Date, nullable=False),
    vnd("amount_vnd"),
    words("bank_ref"),
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
    # the event whose money the line shows: one success of a try, or a refund's; None for a break
    Column("event_id", BigInteger),
    Column("attempt_id", Text, ForeignKey("attempts.id")),
    words("kind"),
    words("reason"),
    moment("created_at"),
    Index("uq_matches_event_id", "event_id", unique=True, postgresql_where=text("event_id IS NOT NULL")),
)

day_closes = Table(
    "day_closes",
    metadata,
    Column("day", Date, primary_key=True),
    Column("account", Text, primary_key=True),
    vnd("expected_vnd"),
    vnd("received_vnd"),
    vnd("booked_vnd"),
    vnd("in_transit_vnd", default="0"),
    Column("open_breaks", Integer, nullable=False),
    Column("green", Boolean, nullable=False),
    moment("created_at"),
    version(),
)
