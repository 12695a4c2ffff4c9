"""Connections to PostgreSQL: SQLAlchemy for the use cases, a bare psycopg pool for the two hot paths."""

from select import POLLIN, poll
from typing import Any

from psycopg import Connection, OperationalError
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
        check=_refuse_gone,
        open=True,
    )


def _refuse_gone(connection: Connection[tuple[Any, ...]]) -> None:
    """Raises `OperationalError` for a connection that the server has taken its leave from; costs no round trip."""
    asked = poll()
    asked.register(connection.fileno(), POLLIN)
    if asked.poll(0):
        connection.close()  # else the pool would offer it again
        raise OperationalError("the server has spoken though nobody asked: the connection is of no use")
