"""Putting jobs down in the transaction of their cause, and looking at what stands there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Job:
    id: int
    task: str
    lock: str | None
    status: str
    attempts: int
    scheduled_at: datetime | None


def put(
    connection: Connection, task: str, *, subject: str, args: Mapping[str, object], at: datetime | None = None
) -> int:
    """Put a job down. Jobs of one task and subject run one after the other, whatever the workers.

    The lock names the task too: a job waits behind every earlier one of its lock, also behind one that is due
    only next month.
    """
    return int(
        connection.execute(
            text("SELECT put_job(:task, :lock, CAST(:args AS jsonb), :at)"),
            {"task": task, "lock": f"{task}:{subject}", "args": json.dumps(args), "at": at},
        ).scalar_one()
    )


def hasten(connection: Connection, task: str, *, subject: str, round_: int | None = None) -> bool:
    """Make the jobs of a task and subject that wait for their time due now (of one round only, if given).

    False when none waits.
    """
    done = connection.execute(
        text(
            "UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE lock = :lock AND status = 'todo' "
            "AND (CAST(:round AS int) IS NULL OR (args ->> 'round')::int = :round)"
        ),
        {"lock": f"{task}:{subject}", "round": round_},
    )
    return done.rowcount > 0


def listed(connection: Connection, status: str | None = None, limit: int = 100) -> Sequence[Job]:
    """The newest jobs, of one status or of all."""
    rows = connection.execute(
        text(
            "SELECT id, task_name AS task, lock, status::text AS status, attempts, scheduled_at "
            "FROM procrastinate_jobs WHERE CAST(:status AS text) IS NULL OR status::text = :status "
            "ORDER BY id DESC LIMIT :limit"
        ),
        {"status": status, "limit": limit},
    )
    return [Job(**row) for row in rows.mappings()]


def rerun(connection: Connection, job_id: int) -> bool:
    """Put a failed job down again. False when there is no such failed job."""
    done = connection.execute(
        text(
            "UPDATE procrastinate_jobs SET status = 'todo', scheduled_at = NULL "
            "WHERE id = :id AND status = 'failed' RETURNING id"
        ),
        {"id": job_id},
    ).scalar()
    return done is not None


@dataclass(frozen=True, slots=True)
class Due:
    """A job that waits, for a worker with a clock of its own. Without `scheduled_at` it is due at once."""

    id: int
    task: str
    args: Mapping[str, Any]
    attempts: int
    scheduled_at: datetime | None


def next_due(connection: Connection) -> Due | None:
    """The job that is due next, whatever the time is."""
    row = connection.execute(
        text(
            "SELECT id, task_name AS task, args, attempts, scheduled_at FROM procrastinate_jobs "
            "WHERE status = 'todo' ORDER BY scheduled_at NULLS FIRST, id LIMIT 1"
        )
    ).mappings()
    found = row.first()
    return None if found is None else Due(**found)


def look_ahead(connection: Connection) -> tuple[int, datetime | None]:
    """The number of the newest event, and when the next job is due; None when none waits."""
    row = connection.execute(
        text(
            "SELECT coalesce((SELECT max(id) FROM events), 0) AS newest, (SELECT min(coalesce(scheduled_at, "
            "'2000-01-01Z')) FROM procrastinate_jobs WHERE status = 'todo') AS next_at"
        )
    ).one()
    return int(row.newest), row.next_at


def end(connection: Connection, job_id: int) -> None:
    """It was done: nothing is left of it."""
    connection.execute(text("DELETE FROM procrastinate_jobs WHERE id = :id"), {"id": job_id})


def put_off(connection: Connection, job_id: int, at: datetime) -> None:
    """It failed, and is tried again then."""
    connection.execute(
        text("UPDATE procrastinate_jobs SET attempts = attempts + 1, scheduled_at = :at WHERE id = :id"),
        {"id": job_id, "at": at},
    )


def counts(connection: Connection) -> Mapping[str, int]:
    """How many jobs stand in each status."""
    rows = connection.execute(text("SELECT status::text, count(*) FROM procrastinate_jobs GROUP BY status"))
    return {str(status): int(count) for status, count in rows}
