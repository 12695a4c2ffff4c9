"""Named alarms: one open row per name and subject, for a person to close."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text


def raise_alarm(connection: Connection, name: str, subject: str, detail: str) -> None:
    """Idempotent for the same name and subject. `detail` carries codes and ids, never personal data."""
    connection.execute(
        text(
            "INSERT INTO alarms (name, subject, detail) VALUES (:name, :subject, :detail) "
            "ON CONFLICT (name, subject) WHERE closed_at IS NULL DO NOTHING"
        ),
        {"name": name, "subject": subject, "detail": detail},
    )


def was_raised(connection: Connection, name: str, subject: str) -> bool:
    """Whether it was ever raised, also when somebody has dealt with it."""
    query = text("SELECT EXISTS (SELECT FROM alarms WHERE name = :name AND subject = :subject)")
    return bool(connection.execute(query, {"name": name, "subject": subject}).scalar_one())


def open_alarms(connection: Connection) -> Sequence[tuple[str, str, str]]:
    """Name, subject and detail of each open alarm, oldest first."""
    rows = connection.execute(
        text("SELECT name, subject, detail FROM alarms WHERE closed_at IS NULL ORDER BY id")
    )
    return [(row.name, row.subject, row.detail) for row in rows]


def close(connection: Connection, name: str, subject: str, now: datetime) -> bool:
    """Somebody has dealt with it; False when no such alarm is open."""
    done = connection.execute(
        text(
            "UPDATE alarms SET closed_at = :now WHERE name = :name AND subject = :subject AND closed_at IS NULL "
            "RETURNING 1"
        ),
        {"name": name, "subject": subject, "now": now},
    ).scalar()
    return done is not None
