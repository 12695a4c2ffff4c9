import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from signing.certificates import ensure_certificate
from signing.errors import Malformed, UnknownKey
from signing.jose import public_key_of
from signing.keyfiles import create_once
from signing.keys import Kind
from signing.keystore import LEAD, Keystore

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Keystore:
    return Keystore.open(tmp_path / "keys")


@pytest.mark.parametrize("kind", Kind)
def test_a_key_is_made_once_and_found_again(store: Keystore, kind: Kind) -> None:
    made = store.ensure("http", kind, now=NOW)
    again = Keystore.open(store.folder).ensure("http", kind, now=NOW + timedelta(days=1))
    assert (made.kid, NOW, kind, 1) == (again.kid, again.created, again.kind, again.generation)
    assert made.public_key == again.public_key


def test_the_first_key_signs_also_for_one_whose_clock_is_behind(store: Keystore) -> None:
    made = store.ensure("http", Kind.ED25519, now=NOW)
    other = Keystore.open(store.folder)
    assert made.kid == other.current("http", now=NOW - timedelta(minutes=2)).kid
    assert made.kid == other.ensure("http", Kind.ED25519, now=NOW - timedelta(days=900)).kid


def test_only_the_owner_can_read_what_is_stored(store: Keystore) -> None:
    store.ensure("http", Kind.ED25519, now=NOW)
    store.ensure_secret("data")
    expected = {0o600}
    assert expected == {stat.S_IMODE(path.stat().st_mode) for path in store.folder.iterdir()}
    assert stat.S_IMODE(store.folder.stat().st_mode) == 0o700


def test_nothing_temporary_is_left_behind(store: Keystore) -> None:
    store.ensure("http", Kind.ED25519, now=NOW)
    expected = ["http.0001.pem"]
    assert expected == [path.name for path in store.folder.iterdir()]


def test_a_key_is_read_from_disk_once(store: Keystore) -> None:
    first = store.ensure("http", Kind.ED25519, now=NOW)
    (store.folder / "http.0001.pem").write_bytes(b"gone")
    assert first.private_key is store.current("http", now=NOW).private_key


def test_a_key_of_another_kind_is_not_passed_off_as_the_one_asked_for(store: Keystore) -> None:
    store.ensure("http", Kind.ED25519, now=NOW)
    with pytest.raises(Malformed, match="kind"):
        store.ensure("http", Kind.P256, now=NOW)


def test_a_purpose_without_key_is_unknown(store: Keystore) -> None:
    for ask in (
        lambda: store.current("http", now=NOW),
        lambda: store.rotate("http", now=NOW),
        lambda: store.by_kid("x"),
    ):
        with pytest.raises(UnknownKey):
            ask()


def test_after_a_rotation_the_new_key_is_current_and_the_old_one_is_still_published(store: Keystore) -> None:
    old = store.ensure("http", Kind.ED25519, now=NOW)
    new = store.rotate("http", now=NOW + timedelta(days=90))
    assert new.kid != old.kid
    assert new.kid == store.current("http", now=NOW + timedelta(days=90) + LEAD).kid
    assert [old.kid, new.kid] == [jwk["kid"] for jwk in store.public_jwks()["keys"]]
    assert old.public_key == store.by_kid(old.kid).public_key


def test_the_published_keys_are_the_public_halves_and_can_be_narrowed(store: Keystore) -> None:
    http = store.ensure("http", Kind.ED25519, now=NOW)
    store.ensure("webhook", Kind.ED25519, now=NOW)
    store.ensure("receipt", Kind.RSA, now=NOW)
    every, one = store.public_jwks()["keys"], store.public_jwks("http")["keys"]
    assert len(every) == 3
    assert all(not {"d", "p", "q"} & jwk.keys() for jwk in every)
    assert [http.public_key] == [public_key_of(jwk) for jwk in one]


def test_the_name_of_one_purpose_does_not_match_another(store: Keystore) -> None:
    store.ensure("http-old", Kind.ED25519, now=NOW)
    with pytest.raises(UnknownKey):
        store.current("http", now=NOW)


@pytest.mark.parametrize("purpose", ["", "../http", "HTTP", "a.b", "é", "a" * 41, "*"])
def test_a_purpose_cannot_leave_the_folder(store: Keystore, purpose: str) -> None:
    with pytest.raises(Malformed):
        store.ensure(purpose, Kind.ED25519, now=NOW)
    with pytest.raises(Malformed):
        store.ensure_secret(purpose)


def test_a_secret_is_made_once_and_has_32_bytes(store: Keystore) -> None:
    secret = store.ensure_secret("data")
    assert len(secret) == 32
    assert secret == Keystore.open(store.folder).ensure_secret("data")
    assert secret != store.ensure_secret("index")


@pytest.mark.parametrize("content", [b"", b"AAAA", b"\xff" * 44, b"A" * 70_000])
def test_a_spoilt_secret_is_malformed(store: Keystore, content: bytes) -> None:
    (store.folder / "data.0001.secret").write_bytes(content)
    with pytest.raises(Malformed):
        store.ensure_secret("data")


STAMP = b"Created: 2026-11-24T03:00:00Z\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"junk",
        STAMP,
        STAMP + b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        STAMP
        + ec.generate_private_key(ec.SECP384R1()).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ),
        b"Created: 2026-13-24T03:00:00Z\n",
        STAMP + b"Owner: \xff\n",
        b"A" * 70_000,
    ],
)
def test_a_spoilt_key_file_is_refused_without_a_word_of_its_content(store: Keystore, content: bytes) -> None:
    (store.folder / "http.0001.pem").write_bytes(content)
    with pytest.raises(Malformed) as caught:
        store.current("http", now=NOW)
    assert "http.0001.pem" in str(caught.value)
    assert "AAAA" not in str(caught.value)


def test_a_key_file_that_is_too_large_is_malformed(store: Keystore) -> None:
    store.ensure("http", Kind.ED25519, now=NOW)
    path = store.folder / "http.0001.pem"
    path.write_bytes(path.read_bytes() + b"\n" * 70_000)
    with pytest.raises(Malformed, match="too large"):
        Keystore.open(store.folder).current("http", now=NOW)


def test_no_private_key_is_in_a_repr(store: Keystore) -> None:
    assert "private_key" not in repr(store.ensure("http", Kind.ED25519, now=NOW))
    made = ensure_certificate(store, "receipt", subject="Sở Tư pháp", now=NOW)
    assert "private_key" not in repr(made)


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC;"
        "from signing.keystore import Keystore; from signing.keys import Kind;"
        "s = Keystore.open(Path(sys.argv[1]));"
        "print(s.ensure('http', Kind.P256, now=datetime.now(UTC)).kid, s.ensure_secret('data').hex())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "shared")]
    started = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) for _ in range(4)]
    answers = {process.communicate(timeout=60)[0] for process in started}
    assert len(answers) == 1
    assert answers != {b""}


def test_a_file_whose_name_is_taken_is_left_as_it_is(tmp_path: Path) -> None:
    assert [True, False] == [create_once(tmp_path / "k", content) for content in (b"first", b"second")]
    assert (tmp_path / "k").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["k"]
