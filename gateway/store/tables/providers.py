"""Whether each provider is up."""

from sqlalchemy import Column, Integer, Table, Text

from gateway.store.tables.base import metadata, moment, version, words

provider_health = Table(
    "provider_health",
    metadata,
    Column("provider", Text, primary_key=True),
    words("state"),
    moment("since", required=False),
    Column("failures", Integer, nullable=False),
    words("failure", required=False),
    Column("pause_s", Integer, nullable=False),
    moment("next_probe_at", required=False),
    version(),
)
