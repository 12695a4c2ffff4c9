"""The providers' own messages to the gateway: kept until acknowledged, tried again at a fixed interval.

VNPAY tries an IPN up to ten times, five minutes apart, until it reads 00 or 02 (documentation of IPN 2.1.0).
The national platform's rule is not public; this world gives it the same one.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from threading import Event, Thread

import requests

from sandbox.state import Ground

MAX_TRIES = 10
TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 100_000
BATCH = 20

SCHEMA = """
CREATE TABLE IF NOT EXISTS callbacks (
    id INTEGER PRIMARY KEY, server TEXT NOT NULL, reference TEXT NOT NULL,
    method TEXT NOT NULL, url TEXT NOT NULL, body BLOB,
    tries INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL, state TEXT NOT NULL DEFAULT 'due',
    last_answer TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS callbacks_due ON callbacks (server, state, next_at);
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it goes out, not before `delay_s` from now. A body is JSON."""

    reference: str
    method: str
    url: str
    body: bytes | None = None
    delay_s: float = 0.0


class Courier:
    """Sends what `put` was given, in the order of being due, one at a time."""

    def __init__(
        self, ground: Ground, server: str, *, acknowledged: Callable[[bytes], bool], interval_s: float
    ) -> None:
        self._ground = ground
        self._server = server
        self._acknowledged = acknowledged
        self._interval_s = interval_s
        self._stopped = Event()
        self._wake = Event()
        self._thread = Thread(target=self._run, name=f"{server}-courier", daemon=True)
        ground.state.define(SCHEMA)

    def put(self, db: sqlite3.Connection, message: Message) -> None:
        """Write the message down in the caller's transaction; call `wake` after it."""
        due = self._now() + message.delay_s
        db.execute(
            "INSERT INTO callbacks (server, reference, method, url, body, next_at) VALUES (?, ?, ?, ?, ?, ?)",
            (self._server, message.reference, message.method, message.url, message.body, due),
        )

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

    def _now(self) -> float:
        return self._ground.clock().timestamp()

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False  # loopback never goes through a proxy
            while not self._stopped.is_set():
                self._wake.wait(self._until_next())
                self._wake.clear()
                for row in self._due():
                    if self._stopped.is_set():
                        return
                    self._deliver(session, row)

    def _until_next(self) -> float:
        with self._ground.state.transaction() as db:
            row = db.execute(
                "SELECT min(next_at) AS at FROM callbacks WHERE server = ? AND state = 'due'", (self._server,)
            ).fetchone()
        return 60.0 if row["at"] is None else max(0.0, row["at"] - self._now())

    def _due(self) -> list[sqlite3.Row]:
        with self._ground.state.transaction() as db:
            return db.execute(
                "SELECT * FROM callbacks WHERE server = ? AND state = 'due' AND next_at <= ?"
                " ORDER BY next_at, id LIMIT ?",
                (self._server, self._now(), BATCH),
            ).fetchall()

    def _deliver(self, session: requests.Session, row: sqlite3.Row) -> None:
        answer = _send(session, row)
        tries = row["tries"] + 1
        state = "given_up" if tries >= MAX_TRIES else "due"
        if self._acknowledged(answer):
            state = "acknowledged"
        with self._ground.state.transaction() as db:
            db.execute(
                "UPDATE callbacks SET tries = ?, state = ?, next_at = ?, last_answer = ? WHERE id = ?",
                (tries, state, self._now() + self._interval_s, answer.decode("utf-8", "replace"), row["id"]),
            )


def _send(session: requests.Session, row: sqlite3.Row) -> bytes:
    """The body of the answer; empty when there was none that counts."""
    headers = {} if row["body"] is None else {"Content-Type": "application/json; charset=utf-8"}
    try:
        with closing(
            session.request(
                row["method"],
                row["url"],
                data=row["body"],
                headers=headers,
                timeout=TIMEOUT_S,
                allow_redirects=False,
                stream=True,
            )
        ) as response:
            if response.status_code != requests.codes.ok:
                return b""
            body = b""
            for chunk in response.iter_content(MAX_ANSWER_BYTES):
                body += chunk
                if len(body) >= MAX_ANSWER_BYTES:
                    break
            return body[:MAX_ANSWER_BYTES]
    except (requests.RequestException, OSError):
        return b""
