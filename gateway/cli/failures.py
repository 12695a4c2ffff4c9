"""Every way in which a command fails, as one sentence: never a secret, never a row, never SQL."""

import subprocess
from collections.abc import Mapping

import psycopg
from alembic.util import CommandError
from procrastinate.exceptions import ConnectorException
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from gateway.domain.errors import GatewayError
from signing.errors import SigningError

FAILURES = (
    GatewayError,
    SigningError,
    SQLAlchemyError,
    psycopg.Error,
    ConnectorException,
    CommandError,
    OSError,
    subprocess.SubprocessError,
)
"""What a command may end with; anything else is a fault of ours and shows where it happened."""

NO_SCHEMA = frozenset({"42P01", "42703", "42704", "42883", "3F000"})
"""SQLSTATE: undefined table, column, object, function, schema."""


FIXED: Mapping[type[Exception], str] = {
    PoolExhausted: "the database gave no connection in time",
    subprocess.SubprocessError: "the embedded PostgreSQL does not start; see the log in the pg folder",
}


def sentence(error: Exception) -> str:
    """What happened, and where it helps what to do."""
    found: BaseException | None = error
    if isinstance(error, DBAPIError):
        found = error.orig
    elif isinstance(error, ConnectorException):
        found = error.__cause__
    if isinstance(found, psycopg.Error):
        return _of_database(found)
    for kind, text in FIXED.items():
        if isinstance(found, kind):
            return text
    if isinstance(error, SQLAlchemyError | ConnectorException):
        # its own text may quote the statement and what was put into it
        return f"the database could not be used: {type(error).__name__}"
    if isinstance(error, CommandError):
        return f"the database cannot be migrated by this code: {error}"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)


def _of_database(error: psycopg.Error) -> str:
    if error.sqlstate in NO_SCHEMA:
        return "the database does not have the schema of this code: run `python -m gateway migrate`"
    if error.sqlstate is not None:
        return f"the database refused: {type(error).__name__} ({error.sqlstate})"
    if isinstance(error, psycopg.OperationalError):
        lines = str(error).splitlines() or [""]
        # "connection failed: connection to server at …, port … failed: FATAL: …": the end says why
        return f"the database cannot be reached: {lines[0].rpartition(' failed: ')[2].strip()}"
    return f"the database could not be used: {type(error).__name__}"
