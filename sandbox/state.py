"""What the world remembers (one SQLite file, so that killing the sandbox loses nothing), and what it stands on."""

import base64
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from threading import Event, RLock

from sandbox import outward

VIETNAM = timezone(timedelta(hours=7))  # no summer time since 1975: a fixed offset is exact
STAMP = "%Y%m%d%H%M%S"
BUSY_TIMEOUT_S = 10.0
MEMORY = ":memory:"
TOKEN_BYTES = 24
HEX_BYTES = 16

SCHEMA = """
CREATE TABLE IF NOT EXISTS control (
    server TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (server, key));
"""


class State:
    """The SQLite file. One connection, one writer at a time; a transaction is all or nothing.

    Without a path it is in memory, and gone with the process.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = RLock()
        self._db = sqlite3.connect(
            path or MEMORY, check_same_thread=False, isolation_level=None, timeout=BUSY_TIMEOUT_S
        )
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # survives a killed process; power loss is not played
        self.define(SCHEMA)

    def define(self, schema: str) -> None:
        """Create the tables of one server, if they are not there yet."""
        with self._lock:
            self._db.executescript(schema)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone. Must not be nested."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._db.close()


@dataclass(frozen=True, slots=True)
class Ground:
    """What every server stands on; time, chance and the way out are parts that a virtual world gives.

    `clock` returns an aware UTC time. `send` makes every call outwards. `pause` waits for seconds (None: in truth)
    and says whether the world ends. `draw` gives so many random bytes. `stopping` ends every wait.
    """

    state: State
    seed: int = 0
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    stopping: Event = field(default_factory=Event)
    send: outward.Send = outward.send
    pause: Callable[[float], bool] | None = None
    draw: Callable[[int], bytes] = secrets.token_bytes

    def wait(self, seconds: float) -> bool:
        """Wait, the only way in which a simulator does; True when the world ends."""
        return (self.pause or self.stopping.wait)(seconds)

    def token(self) -> str:
        """A name that nobody guesses, of 32 letters that an address may hold."""
        return base64.urlsafe_b64encode(self.draw(TOKEN_BYTES)).decode()

    def hex(self) -> str:
        """A number of a message: 32 hexadecimal digits."""
        return self.draw(HEX_BYTES).hex()

    def now_local(self) -> datetime:
        """The time that goes on the wires: +07:00."""
        return self.clock().astimezone(VIETNAM)

    def stamp(self, skew: timedelta | None = None) -> str:
        """Now as `yyyyMMddHHmmss`, +07:00, 24-hour (specification of VNPAY and of the national platform).

        `skew` is how far the clock that writes it is fast.
        """
        return (self.now_local() + (skew or timedelta())).strftime(STAMP)


def read_stamp(text: str) -> datetime | None:
    """An aware time from `yyyyMMddHHmmss` at +07:00, or None when it is not one."""
    if len(text) != len("20260101000000") or not text.isascii() or not text.isdigit():
        return None
    try:
        return datetime.strptime(text, STAMP).replace(tzinfo=VIETNAM)
    except ValueError:
        return None


def get_control(db: sqlite3.Connection, server: str, key: str) -> str | None:
    """What a story has told `server`, or None."""
    row = db.execute("SELECT value FROM control WHERE server = ? AND key = ?", (server, key)).fetchone()
    return None if row is None else str(row["value"])


def set_control(db: sqlite3.Connection, server: str, key: str, *, value: str | None) -> None:
    """Remember a story's word to `server`; None forgets it."""
    db.execute("DELETE FROM control WHERE server = ? AND key = ?", (server, key))
    if value is not None:
        db.execute("INSERT INTO control (server, key, value) VALUES (?, ?, ?)", (server, key, value))
