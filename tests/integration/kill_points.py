"""Moments at which a process is killed, held still by the database so that none is missed.

A trigger stands at every write that matters. Where its point is armed it waits for a lock that the test holds: the
process is then in the middle of its work, and is killed by `kill -9` before the lock is let go.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread

import psycopg

from gateway.local import Local

EVENTS = (
    "case.draft",
    "case.document_stored",
    "case.registered",
    "payment.created",
    "payment.started",
    "payment.succeeded",
    "receipt.issued",
    "case.accepted",
    "case.processing",
    "case.result_stored",
    "case.result_ready",
    "delivery.ordering",
    "delivery.ordered",
    "delivery.handed_over",
    "case.result_delivered",
)
CALLS = ("/token", "/order/post", "/order/tracking", "/init", "/query", "/webhooks")
ROWS = ("inbox", "receipts", "webhook_messages", "cursors")
POINTS = (
    *(f"event {each}" for each in EVENTS),
    *(f"before the call {each}" for each in CALLS),
    *(f"after the call {each}" for each in CALLS),
    *(f"row {each}" for each in ROWS),
)
"""Every point: an event not yet committed, a call written down and not yet made, a call answered and the answer not yet
written down, and rows that move without an event."""

LOCK_CLASS = 4004
POLL_S = 0.02

_INSTALL = """
CREATE SCHEMA kill;
CREATE TABLE kill.armed (point text PRIMARY KEY, number int NOT NULL);
CREATE FUNCTION kill.stand(_point text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE _number int;
BEGIN
    SELECT number INTO _number FROM kill.armed WHERE point = _point;
    IF FOUND THEN PERFORM pg_advisory_xact_lock_shared(4004, _number); END IF;
END $$;
CREATE FUNCTION kill.at_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM kill.stand('event ' || NEW.type); RETURN NEW; END $$;
CREATE FUNCTION kill.at_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM kill.stand(
        CASE TG_OP WHEN 'INSERT' THEN 'before' ELSE 'after' END || ' the call ' || substring(NEW.path from '%s'));
    RETURN NEW;
END $$;
CREATE FUNCTION kill.at_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM kill.stand('row ' || TG_TABLE_NAME); RETURN NEW; END $$;
CREATE TRIGGER kill BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION kill.at_event();
CREATE TRIGGER kill BEFORE INSERT OR UPDATE ON calls FOR EACH ROW EXECUTE FUNCTION kill.at_call();
""" % "|".join(f"{each}$" for each in CALLS)  # noqa: UP031 - the text is full of braces


@dataclass(slots=True)
class Hunt:
    """The processes of one installation, kept alive, and killed wherever a point is armed.

    Where `rolls_back` holds of a point's number, the dead process's transaction is rolled back, as when its connection
    breaks at once; elsewhere the database goes on with the statement it has, and commits it where it stands alone.
    """

    local: Local
    rolls_back: Callable[[int], bool]
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    killed: dict[str, str] = field(default_factory=dict)
    stopping: Event = field(default_factory=Event)

    @contextmanager
    def on(self) -> Iterator[None]:
        """Everything runs, and is killed at each point once, until the block ends."""
        url = self.local.house.database_url
        with psycopg.connect(url, autocommit=True) as holder:
            _install(holder)
            names = ("sandbox", "serve", "work")
            self.processes = {name: self.local.start(name) for name in names}
            self.local.wait()
            _arm(holder)
            hunter = Thread(target=self._hunt, args=(holder,))
            hunter.start()
            try:
                yield
            finally:
                self.stopping.set()
                hunter.join()
                for process in self.processes.values():
                    _kill(process)
                holder.execute("DROP SCHEMA kill CASCADE")

    def _hunt(self, holder: "psycopg.Connection[tuple[object, ...]]") -> None:
        while not self.stopping.wait(POLL_S):
            for pid, name, point in _standing(holder):
                if point not in self.killed:
                    self._strike(holder, pid, name, point)
            for name, process in self.processes.items():
                if process.poll() is not None:
                    self.processes[name] = self.local.start(name)

    def _strike(
        self, holder: "psycopg.Connection[tuple[object, ...]]", pid: int, name: str, point: str
    ) -> None:
        self.killed[point] = name
        _kill(self.processes[name])
        number = POINTS.index(point)
        if self.rolls_back(number):
            holder.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        holder.execute("DELETE FROM kill.armed WHERE point = %s", (point,))
        holder.execute("SELECT pg_advisory_unlock(%s, %s)", (LOCK_CLASS, number))


def _install(holder: "psycopg.Connection[tuple[object, ...]]") -> None:
    holder.execute(_INSTALL.encode())
    for table in ROWS:
        holder.execute(
            f"CREATE TRIGGER kill BEFORE INSERT OR UPDATE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION kill.at_row()".encode()
        )


def _arm(holder: "psycopg.Connection[tuple[object, ...]]") -> None:
    for number, point in enumerate(POINTS):
        holder.execute("SELECT pg_advisory_lock(%s, %s)", (LOCK_CLASS, number))
        holder.execute("INSERT INTO kill.armed VALUES (%s, %s)", (point, number))


def _standing(holder: "psycopg.Connection[tuple[object, ...]]") -> list[tuple[int, str, str]]:
    """Who waits at a point: the database process, the name of ours behind it, and the point."""
    rows = holder.execute(
        "SELECT l.pid, a.application_name, l.objid::int FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
        "WHERE l.locktype = 'advisory' AND l.classid = %s AND NOT l.granted",
        (LOCK_CLASS,),
    ).fetchall()
    return [(int(str(pid)), str(name), POINTS[int(str(number))]) for pid, name, number in rows]


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """`kill -9` of a process and all that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def settle(counts: "psycopg.Connection[tuple[object, ...]]", seconds: float) -> Mapping[str, int]:
    """Wait until nothing is left to do: no job due, every reader of the spine at its end. Returns what is left."""
    limit = time.monotonic() + seconds
    while True:
        left = {
            "jobs": _count(counts, "SELECT count(*) FROM jobs.procrastinate_jobs WHERE status IN ('todo', 'doing') "
                                   "AND task_name <> 'expire_payment'"),
            "undelivered": _count(counts, "SELECT count(*) FROM webhook_messages WHERE delivered_at IS NULL"),
            "behind": _count(counts, "SELECT count(*) FROM cursors c WHERE c.name LIKE 'consumer:%' AND c.position <> "
                                     "(SELECT xid || '-' || id FROM events ORDER BY xid DESC, id DESC LIMIT 1)"),
        }  # fmt: skip
        if not any(left.values()) or time.monotonic() > limit:
            return left
        time.sleep(0.2)


def _count(connection: "psycopg.Connection[tuple[object, ...]]", query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return int(str(row[0]))
