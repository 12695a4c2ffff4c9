"""How Alembic runs here: one migration at a time for all processes, and never waiting long for a lock."""

from alembic import context
from sqlalchemy import Connection, text

from gateway.store.tables import metadata

LOCK_KEY = 0x43344D49  # "C4MI": one migrating process at a time
LOCK_TIMEOUT = "5s"
STATEMENT_TIMEOUT = "60s"


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Tables of the job queue are made by its own schema and are none of ours."""
    return not (kind == "table" and (name or "").startswith("procrastinate_"))


def run(connection: Connection) -> None:
    """Migrate over the connection that the caller gives in `config.attributes`."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        include_name=include_name,
        compare_server_default=False,
        transaction_per_migration=True,
    )
    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
    connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
    connection.commit()
    try:
        with context.begin_transaction():
            context.run_migrations()
    finally:
        connection.rollback()
        connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": LOCK_KEY})
        connection.commit()


run(context.config.attributes["connection"])
