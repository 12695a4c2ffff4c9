"""Connections to PostgreSQL: SQLAlchemy for the use cases, a bare psycopg pool for the two hot paths."""

from typing import Any

from psycopg import Connection
from psycopg_pool import ConnectionPool
from sqlalchemy import Engine, create_engine, make_url

Pool = ConnectionPool[Connection[tuple[Any, ...]]]

SEARCH_PATH = "-c search_path=public,jobs -c timezone=UTC"
POOL_SIZE = 10
WAIT_FOR_CONNECTION_S = 5.0


def make_engine(database_url: str) -> Engine:
    """An engine over psycopg 3. `database_url` is a plain `postgresql://` URL."""
    url = make_url(database_url).set(drivername="postgresql+psycopg")
    return create_engine(
        url,
        connect_args={"options": SEARCH_PATH},
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        pool_timeout=WAIT_FOR_CONNECTION_S,
    )


def make_pool(database_url: str, size: int = POOL_SIZE) -> Pool:
    """Autocommit connections that keep their prepared statements: one statement, one round trip, one commit."""
    return ConnectionPool(
        database_url,
        min_size=1,
        max_size=size,
        timeout=WAIT_FOR_CONNECTION_S,
        kwargs={"autocommit": True, "options": SEARCH_PATH, "prepare_threshold": 1},
        open=True,
    )
