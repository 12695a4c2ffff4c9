"""Messages that need headers of their own: kept until acknowledged, sealed anew for every try.

Where `sandbox.courier` sends JSON as it was written down, a sender that signs a timestamp has to sign when it sends.
SePay tries a notice again up to seven times (its documentation of webhooks); this world gives everyone here the same.
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from threading import Event, Thread

import requests

from sandbox.state import Ground

MAX_TRIES = 8
TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 100_000
BATCH = 20
IDLE_S = 60.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS letters (
    id INTEGER PRIMARY KEY, server TEXT NOT NULL, kind TEXT NOT NULL, url TEXT NOT NULL, body BLOB NOT NULL,
    flaw TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL, state TEXT NOT NULL DEFAULT 'due',
    last_status INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS letters_due ON letters (server, state, next_at);
"""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message before it is sealed. `kind` says how it is sealed, `flaw` what is to be wrong with it."""

    kind: str
    url: str
    body: bytes
    flaw: str = ""
    delay_s: float = 0.0


Seal = Callable[[Letter], tuple[Mapping[str, str], bytes]]
"""The headers and the body of a letter as they go out now."""
Acknowledged = Callable[[str, int, bytes], bool]
"""Whether an answer (kind of the letter, status, body) ends the tries."""


class Outbox:
    """Sends what `put` was given, in the order of being due, one at a time."""

    def __init__(
        self, ground: Ground, server: str, *, seal: Seal, acknowledged: Acknowledged, interval_s: float
    ) -> None:
        self._ground = ground
        self._server = server
        self._seal = seal
        self._acknowledged = acknowledged
        self._interval_s = interval_s
        self._stopped = Event()
        self._wake = Event()
        self._thread = Thread(target=self._run, name=f"{server}-outbox", daemon=True)
        ground.state.define(SCHEMA)

    def put(self, db: sqlite3.Connection, letter: Letter) -> None:
        """Write the letter down in the caller's transaction; call `wake` after it."""
        due = self._now() + letter.delay_s
        db.execute(
            "INSERT INTO letters (server, kind, url, body, flaw, next_at) VALUES (?, ?, ?, ?, ?, ?)",
            (self._server, letter.kind, letter.url, letter.body, letter.flaw, due),
        )

    def wake(self) -> None:
        self._wake.set()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after the letter under way, which is tried again after a restart if it was not acknowledged."""
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
                "SELECT min(next_at) AS at FROM letters WHERE server = ? AND state = 'due'", (self._server,)
            ).fetchone()
        return IDLE_S if row["at"] is None else max(0.0, row["at"] - self._now())

    def _due(self) -> list[sqlite3.Row]:
        with self._ground.state.transaction() as db:
            return db.execute(
                "SELECT * FROM letters WHERE server = ? AND state = 'due' AND next_at <= ?"
                " ORDER BY next_at, id LIMIT ?",
                (self._server, self._now(), BATCH),
            ).fetchall()

    def _deliver(self, session: requests.Session, row: sqlite3.Row) -> None:
        letter = Letter(kind=row["kind"], url=row["url"], body=row["body"], flaw=row["flaw"])
        headers, body = self._seal(letter)
        status, answer = _post(session, letter.url, headers, body)
        tries = row["tries"] + 1
        state = "given_up" if tries >= MAX_TRIES else "due"
        if self._acknowledged(letter.kind, status, answer):
            state = "acknowledged"
        with self._ground.state.transaction() as db:
            db.execute(
                "UPDATE letters SET tries = ?, state = ?, next_at = ?, last_status = ? WHERE id = ?",
                (tries, state, self._now() + self._interval_s, status, row["id"]),
            )


def _post(session: requests.Session, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
    """Status and body of the answer; 0 and nothing when there was none."""
    try:
        with closing(
            session.post(
                url, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False, stream=True
            )
        ) as response:
            answer = b""
            for chunk in response.iter_content(MAX_ANSWER_BYTES):
                answer += chunk
                if len(answer) >= MAX_ANSWER_BYTES:
                    break
            return response.status_code, answer[:MAX_ANSWER_BYTES]
    except (requests.RequestException, OSError):
        return 0, b""
