"""A key is changed for another while several processes sign and others verify: no message is refused.

This file is also what runs in those processes: `sign` writes signed requests to its output, a line each, and `verify`
reads them, with the keys that it fetches no more often than every three seconds, as a caller's cache would.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signing.errors import SigningError, UnknownKey
from signing.http_messages import sign_request, verify_request
from signing.jose import Jwks, public_key_of
from signing.keys import Kind, PublicKey
from signing.keystore import MIN_LEAD, Keystore

ROOT = Path(__file__).parents[2]
URL, PURPOSE = "https://cong4.example.vn/v1/payments", "http"
BODY, HEADERS = b'{"amount_vnd":200000}', {"content-type": "application/json"}
CACHED_S, RUN_S, THREADS, PAUSE_S = 3.0, 8.5, 3, 0.004
SIDES = 3


def sign(folder: str) -> None:
    """Sign by the key whose turn it is, in several threads, until the time is over."""
    store, end, line = Keystore.open(Path(folder)), time.monotonic() + RUN_S, threading.Lock()

    def work(number: int) -> None:
        for turn in range(1_000_000):
            now = datetime.now(UTC)
            if time.monotonic() > end:
                return
            key = store.current(PURPOSE, now=now)
            nonce = f"{number}-{turn}-{os.getpid()}-nonce"
            headers = sign_request(
                "POST",
                URL,
                HEADERS,
                BODY,
                key=key.private_key,
                keyid=key.kid,
                created=now,
                nonce=nonce,
            )
            with line:
                sys.stdout.write(json.dumps({"kid": key.kid, **HEADERS, **headers}) + "\n")
                sys.stdout.flush()
            time.sleep(PAUSE_S)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


class Cache:
    """The published keys, as a caller keeps them for a while."""

    def __init__(self, folder: str) -> None:
        self._store = Keystore.open(Path(folder))
        self._keys: Jwks = {"keys": []}
        self._fetched_s = -CACHED_S

    def key(self, kid: str) -> PublicKey:
        if time.monotonic() - self._fetched_s >= CACHED_S:
            self._keys = self._store.public_jwks(PURPOSE, now=datetime.now(UTC))
            self._fetched_s = time.monotonic()
        for jwk in self._keys["keys"]:
            if jwk["kid"] == kid:
                return public_key_of(jwk)
        raise UnknownKey("not published yet")


def verify(folder: str) -> None:
    """Count what is believed, by kid, and what is refused, by the name of the error."""
    cache, store = Cache(folder), Keystore.open(Path(folder))
    believed: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for text in sys.stdin:
        headers = json.loads(text)
        kid = headers.pop("kid")
        try:
            now = datetime.now(UTC)
            verify_request("POST", URL, headers, BODY, resolve_key=cache.key, now=now)
            store.signed_by(kid, at=now)
        except SigningError as error:
            refused[type(error).__name__] += 1
        else:
            believed[kid] += 1
    sys.stdout.write(json.dumps({"believed": believed, "refused": refused}))


def started(word: str, folder: Path, source: int | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, __file__, word, str(folder)],
        stdin=source,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@pytest.fixture
def sides(tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The verifying processes, each fed by a signing one."""
    Keystore.open(tmp_path / "keys").ensure(PURPOSE, Kind.ED25519, now=datetime.now(UTC))
    signers = [started("sign", tmp_path / "keys") for _ in range(SIDES)]
    verifiers = []
    for each in signers:
        assert each.stdout is not None
        verifiers.append(started("verify", tmp_path / "keys", each.stdout.fileno()))
        each.stdout.close()
    yield verifiers
    for each in [*signers, *verifiers]:
        each.kill()
        each.wait()


def test_a_rotation_under_load_refuses_no_message_and_nobody_signs_before_the_key_is_published(
    sides: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    store = Keystore.open(tmp_path / "keys")
    time.sleep(1)  # everybody signs by the first key
    now = datetime.now(UTC)
    new = store.rotate(PURPOSE, now=now, since=now + MIN_LEAD)
    old = store.current(PURPOSE, now=now)
    told = [json.loads(each.communicate(timeout=60)[0]) for each in sides]
    assert [{}] * SIDES == [each["refused"] for each in told]
    assert [{old.kid, new.kid}] * SIDES == [set(each["believed"]) for each in told]
    few = [count for each in told for count in each["believed"].values() if count < 100]
    assert [] == few


def test_threads_that_sign_through_a_rotation_use_each_key_in_its_turn_only(tmp_path: Path) -> None:
    """The same with a clock of the test's own: the last moment of the old key and the first of the new one."""
    store, others = Keystore.open(tmp_path), [Keystore.open(tmp_path) for _ in range(4)]
    begin = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
    old = store.ensure(PURPOSE, Kind.ED25519, now=begin)
    new = store.rotate(PURPOSE, now=begin)
    tick = timedelta(microseconds=1)
    for each in others:
        found = [each.current(PURPOSE, now=at).kid for at in (begin, new.term.since - tick, new.term.since)]
        assert [old.kid, old.kid, new.kid] == found
        assert [old.kid, new.kid] == [jwk["kid"] for jwk in each.public_jwks(PURPOSE, now=begin)["keys"]]


if __name__ == "__main__":
    {"sign": sign, "verify": verify}[sys.argv[1]](sys.argv[2])
