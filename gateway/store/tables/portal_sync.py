"""How far the national portal has been told of each case."""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, text

from gateway.store.tables.base import metadata, moment, version, words

portal_sync = Table(
    "portal_sync",
    metadata,
    Column("case_code", Text, ForeignKey("cases.case_code"), primary_key=True),
    words("state", default="waiting"),
    version(),
    words("told_state", default="draft"),
    Column("told_version", Integer, nullable=False, server_default="0"),
    Column("recorded_version", Integer, nullable=False, server_default="0"),
    Column("facts", Integer, nullable=False, server_default="0"),
    Column("recorded_facts", Integer, nullable=False, server_default="0"),
    words("sending", required=False),
    Column("sent_through", Integer),
    moment("sent_at", required=False),
    Column("failures", Integer, nullable=False, server_default="0"),
    moment("next_at"),
    words("code", required=False),
    moment("behind_since"),
    words("shown", default="none"),
    moment("created_at"),
    Index("ix_portal_sync_due", "next_at", postgresql_where=text("state = 'waiting'")),
    Index("ix_portal_sync_unshown", "case_code", postgresql_where=text("shown <> state")),
)
