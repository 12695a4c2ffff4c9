"""The proof log: leaves, the tiles of its tree, signed checkpoints, and the salts that hide people in it."""

from sqlalchemy import (
    BigInteger,
    Column,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

from gateway.store.tables.base import metadata, moment, words

leaves = Table(
    "leaves",
    metadata,
    Column("index", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", BigInteger, nullable=False),
    Column("body", LargeBinary, nullable=False),
    UniqueConstraint("event_id"),
)

log_tiles = Table(
    "log_tiles",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    words("note"),
    words("cosignatures", default=""),
    Column("stamp", LargeBinary),
    moment("created_at"),
    moment("stamped_at", required=False),
)

salts = Table(
    "salts",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("salt_sealed", LargeBinary),
    moment("created_at"),
    moment("forgotten_at", required=False),
)
