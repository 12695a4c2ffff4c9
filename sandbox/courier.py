"""What a provider tells the gateway by itself: kept until acknowledged, sealed anew for every try.

VNPAY tries an IPN up to ten times, five minutes apart, until it reads 00 or 02 (documentation of IPN 2.1.0); SePay
tries a notice again up to seven times (its documentation of webhooks). The others' rules are not public; this world
gives each of them one of these two.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Event, Thread

from sandbox.outward import TIMEOUT_S, Call, Reply
from sandbox.state import Ground

IPN_TRIES = 10
NOTICE_TRIES = 8
BATCH = 20
IDLE_S = 60.0
MAX_KEPT_ANSWER = 2000

SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT, server TEXT NOT NULL, kind TEXT NOT NULL, method TEXT NOT NULL,
    url TEXT NOT NULL, body BLOB, flaw TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'due', last_status INTEGER NOT NULL DEFAULT 0, last_answer TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS messages_due ON messages (server, state, next_at);
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One message before it is sealed, not sent before `delay_s` from now.

    `kind` says how it is sealed where a sender has several ways, `flaw` what is to be wrong with it.
    """

    url: str
    body: bytes | None = None
    method: str = "POST"
    kind: str = ""
    flaw: str = ""
    delay_s: float = 0.0


Seal = Callable[[Message], tuple[Mapping[str, str], bytes | None]]
"""The headers and the body of a message as they go out now."""
Acknowledged = Callable[[Message, Reply], bool]
"""Whether a reply ends the tries; no reply never does."""


def as_json(message: Message) -> tuple[Mapping[str, str], bytes | None]:
    """The seal of who signed already: a body is JSON."""
    headers = {} if message.body is None else {"Content-Type": "application/json; charset=utf-8"}
    return headers, message.body


class Courier:
    """Sends what `put` was given, in the order of being due, one at a time.

    Either `start` has a thread do it, or somebody with a clock of his own asks `next_at` and calls `deliver_due`.
    """

    def __init__(
        self,
        ground: Ground,
        server: str,
        *,
        acknowledged: Acknowledged,
        interval_s: float,
        max_tries: int = IPN_TRIES,
        seal: Seal = as_json,
    ) -> None:
        self._ground = ground
        self._server = server
        self._acknowledged = acknowledged
        self._interval_s = interval_s
        self._max_tries = max_tries
        self._seal = seal
        self._stopped = Event()
        self._wake = Event()
        self._thread = Thread(target=self._run, name=f"{server}-courier", daemon=True)
        ground.state.define(SCHEMA)

    def put(self, db: sqlite3.Connection, message: Message) -> None:
        """Write the message down in the caller's transaction; call `wake` after it."""
        due = self._now() + message.delay_s
        db.execute(
            "INSERT INTO messages (server, kind, method, url, body, flaw, next_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self._server, message.kind, message.method, message.url, message.body, message.flaw, due),
        )

    def last_of_each_kind(self, db: sqlite3.Connection) -> list[Message]:
        """What was put last of each kind, as it was written down."""
        rows = db.execute(
            "SELECT *, max(id) FROM messages WHERE server = ? GROUP BY kind ORDER BY id", (self._server,)
        ).fetchall()
        return [_message(row) for row in rows]

    def wake(self) -> None:
        self._wake.set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the message under way, which is tried again after a restart if it was not acknowledged."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(TIMEOUT_S)

    def next_at(self) -> float | None:
        """When the next message is due, in seconds since 1970; None when none is kept for sending."""
        with self._ground.state.transaction() as db:
            row = db.execute(
                "SELECT min(next_at) AS at FROM messages WHERE server = ? AND state = 'due'", (self._server,)
            ).fetchone()
        return None if row["at"] is None else float(row["at"])

    def deliver_due(self) -> int:
        """Send everything that is due at the ground's clock, once and in order; how many were sent."""
        now, count = self._now(), 0
        while rows := self._due(now):
            for row in rows:
                if self._stopped.is_set():
                    return count
                self._deliver(row)
                count += 1
        return count

    def _now(self) -> float:
        return self._ground.clock().timestamp()

    def _run(self) -> None:
        while not self._stopped.is_set():
            next_at = self.next_at()
            self._wake.wait(IDLE_S if next_at is None else max(0.0, next_at - self._now()))
            self._wake.clear()
            self.deliver_due()

    def _due(self, now: float) -> list[sqlite3.Row]:
        with self._ground.state.transaction() as db:
            return db.execute(
                "SELECT * FROM messages WHERE server = ? AND state = 'due' AND next_at <= ?"
                " ORDER BY next_at, id LIMIT ?",
                (self._server, now, BATCH),
            ).fetchall()

    def _deliver(self, row: sqlite3.Row) -> None:
        message = _message(row)
        headers, body = self._seal(message)
        reply = self._ground.send(Call(message.method, message.url, headers, body))
        tries = row["tries"] + 1
        state = "given_up" if tries >= self._max_tries else "due"
        if reply is not None and self._acknowledged(message, reply):
            state = "acknowledged"
        status, answer = (0, b"") if reply is None else (reply.status, reply.body[:MAX_KEPT_ANSWER])
        with self._ground.state.transaction() as db:
            db.execute(
                "UPDATE messages SET tries = ?, state = ?, next_at = ?, last_status = ?, last_answer = ?"
                " WHERE id = ?",
                (
                    tries,
                    state,
                    self._now() + self._interval_s,
                    status,
                    answer.decode("utf-8", "replace"),
                    row["id"],
                ),
            )


def _message(row: sqlite3.Row) -> Message:
    return Message(row["url"], row["body"], row["method"], row["kind"], row["flaw"])
