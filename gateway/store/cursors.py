"""Where each reader of a feed stands."""

from datetime import datetime

from sqlalchemy import Connection, text


def take(connection: Connection, name: str, start: str) -> str | None:
    """The position of `name`, locked until the transaction ends; None while another reader holds it."""
    connection.execute(
        text("INSERT INTO cursors (name, position) VALUES (:name, :start) ON CONFLICT DO NOTHING"),
        {"name": name, "start": start},
    )
    found = connection.execute(
        text("SELECT position FROM cursors WHERE name = :name FOR UPDATE SKIP LOCKED"), {"name": name}
    ).scalar()
    return None if found is None else str(found)


def move(connection: Connection, name: str, position: str, now: datetime) -> None:
    """Set the position of a cursor that this transaction has taken."""
    connection.execute(
        text("UPDATE cursors SET position = :position, moved_at = :now WHERE name = :name"),
        {"name": name, "position": position, "now": now},
    )


def peek(connection: Connection, name: str) -> str | None:
    """The position of `name`, without a lock; None before its first move."""
    return connection.execute(
        text("SELECT position FROM cursors WHERE name = :name"), {"name": name}
    ).scalar()


def advance(connection: Connection, name: str, seen: str | None, position: str, now: datetime) -> bool:
    """Compare-and-set from `seen` (None: no row yet) to `position`; False when another reader was first."""
    if seen is None:
        query = "INSERT INTO cursors (name, position, moved_at) VALUES (:name, :position, :now) ON CONFLICT DO NOTHING"
    else:
        query = (
            "UPDATE cursors SET position = :position, moved_at = :now WHERE name = :name AND position = :seen"
        )
    values = {"name": name, "position": position, "now": now, "seen": seen}
    return connection.execute(text(query), values).rowcount == 1
