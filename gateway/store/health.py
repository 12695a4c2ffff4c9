"""What is known of each provider: one row, changed by compare-and-set. One that never failed has none."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection, RowMapping, select, update
from sqlalchemy.dialects.postgresql import insert

from gateway.domain.breaker import Failure, Health, State
from gateway.store.tables import provider_health

NEW = 0
"""The version of what has no row yet."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A provider's health, and the version that a change of it is made from."""

    health: Health
    version: int


def see(connection: Connection, provider: str) -> Seen:
    query = select(provider_health).where(provider_health.c.provider == provider)
    row = connection.execute(query).mappings().first()
    return Seen(Health(), NEW) if row is None else Seen(_health(row), int(row["version"]))


def of_all(connection: Connection) -> Mapping[str, Health]:
    """By name; those that never failed are absent."""
    return {
        row["provider"]: _health(row) for row in connection.execute(select(provider_health)).mappings().all()
    }


def _health(row: RowMapping) -> Health:
    return Health(
        state=State(row["state"]),
        since=row["since"],
        failures=row["failures"],
        failure=None if row["failure"] is None else Failure(row["failure"]),
        pause=timedelta(seconds=row["pause_s"]),
        next_probe_at=row["next_probe_at"],
    )


def change(connection: Connection, provider: str, seen: Seen, to: Health) -> bool:
    """Compare-and-set; False when somebody else changed it since it was seen."""
    values = {
        "state": to.state.value,
        "since": to.since,
        "failures": to.failures,
        "failure": None if to.failure is None else to.failure.value,
        "pause_s": int(to.pause.total_seconds()),
        "next_probe_at": to.next_probe_at,
        "version": seen.version + 1,
    }
    if seen.version == NEW:
        added = insert(provider_health).values(provider=provider, **values).on_conflict_do_nothing()
        return connection.execute(added.returning(provider_health.c.provider)).first() is not None
    changed = update(provider_health).where(
        provider_health.c.provider == provider, provider_health.c.version == seen.version
    )
    return connection.execute(changed.values(**values)).rowcount == 1
