"""What runs behind, under a clock of our own: the same tasks and consumers as `gateway.jobs`, one at a time."""

from datetime import datetime, timedelta
from typing import Any

from gateway import jobs
from gateway.service import behind, payments
from gateway.store import alarms
from gateway.store import jobs as store
from gateway.wiring import House

CONSUMERS = ("cases", "webhooks")
SKIPPED = frozenset({"issue_receipt", "issue_paper"})
"""Papers are the subject of other tests: here they would be most of the time."""
MOST_JOBS = 10_000


class Worker:
    """Does every job that is due at the house's clock, and reads the spine to its end."""

    def __init__(self, house: House) -> None:
        self._house = house
        app = jobs.make_app(house.database_url)
        jobs.register(app, house.context)
        self._tasks: dict[str, Any] = {name: task.func for name, task in app.tasks.items()}
        self._eye = house.engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._read = 0

    def close(self) -> None:
        self._eye.close()

    def next_at(self) -> datetime | None:
        """When the next job is due; None when none waits."""
        return store.look_ahead(self._eye)[1]

    def turn(self) -> None:
        """Every job that is due, and what follows from it."""
        for _ in range(MOST_JOBS):
            newest, next_at = store.look_ahead(self._eye)
            if newest > self._read:
                self._read_on()
                self._read = newest
            elif next_at is not None and next_at <= self._now():
                self._do()
            else:
                return
        raise AssertionError("jobs without an end")

    def _read_on(self) -> None:
        for name in CONSUMERS:
            while behind.consume(self._house.context, name, self._now()):
                pass

    def look_after(self) -> None:
        """What a worker does now and then."""
        payments.call_in_overdue(self._house.context, self._now())

    def _now(self) -> datetime:
        return self._house.context.clock()

    def _do(self) -> None:
        due = store.next_due(self._eye)
        assert due is not None
        try:
            if due.task not in SKIPPED:
                self._tasks[due.task](**due.args)
        except Exception as error:  # noqa: BLE001 - as the real worker, which outlives every error and tries again
            self._again(due, error)
            return
        with self._house.engine.begin() as connection:
            store.end(connection, due.id)

    def _again(self, due: store.Due, error: Exception) -> None:
        with self._house.engine.begin() as connection:
            if due.attempts < len(jobs.RETRY_DELAYS_S):
                at = self._now() + timedelta(seconds=jobs.RETRY_DELAYS_S[due.attempts])
                store.put_off(connection, due.id, at)
            else:
                alarms.raise_alarm(connection, "job_given_up", str(due.id), type(error).__name__)
                store.end(connection, due.id)
