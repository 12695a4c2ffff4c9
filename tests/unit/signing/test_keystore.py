import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from signing import keystore as module
from signing.certificates import ensure_certificate
from signing.errors import Expired, Malformed, UnknownKey
from signing.jose import public_key_of
from signing.keys import Kind
from signing.keystore import Keystore

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
    assert first is store.current("http")


def test_a_key_of_another_kind_is_not_passed_off_as_the_one_asked_for(store: Keystore) -> None:
    store.ensure("http", Kind.ED25519, now=NOW)
    with pytest.raises(Malformed, match="kind"):
        store.ensure("http", Kind.P256, now=NOW)


def test_a_purpose_without_key_is_unknown(store: Keystore) -> None:
    for ask in (
        lambda: store.current("http"),
        lambda: store.rotate("http", now=NOW),
        lambda: store.by_kid("x"),
    ):
        with pytest.raises(UnknownKey):
            ask()


def test_after_a_rotation_the_new_key_is_current_and_the_old_one_is_still_published(store: Keystore) -> None:
    old = store.ensure("http", Kind.ED25519, now=NOW)
    new = store.rotate("http", now=NOW + timedelta(days=90))
    assert new.kid != old.kid
    assert new.kid == store.current("http").kid
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
        store.current("http")


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


@pytest.mark.parametrize("content", [b"", b"AAAA", b"\xff" * 44, b"A" * 20_000])
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
        b"A" * 20_000,
    ],
)
def test_a_spoilt_key_file_is_refused_without_a_word_of_its_content(store: Keystore, content: bytes) -> None:
    (store.folder / "http.0001.pem").write_bytes(content)
    with pytest.raises(Malformed) as caught:
        store.current("http")
    assert "http.0001.pem" in str(caught.value)
    assert "AAAA" not in str(caught.value)


def test_a_key_file_that_is_too_large_is_malformed(store: Keystore) -> None:
    store.ensure("http", Kind.ED25519, now=NOW)
    path = store.folder / "http.0001.pem"
    path.write_bytes(path.read_bytes() + b"\n" * 20_000)
    with pytest.raises(Malformed, match="too large"):
        Keystore.open(store.folder).current("http")


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
    module._create_once(tmp_path / "k", b"first")
    module._create_once(tmp_path / "k", b"second")
    assert (tmp_path / "k").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["k"]


# --- certificates ---------------------------------------------------------------------------------


def test_a_certificate_is_made_once_and_leads_to_its_root(store: Keystore) -> None:
    made = ensure_certificate(store, "receipt", subject="Sở Tư pháp tỉnh A", now=NOW)
    again = ensure_certificate(Keystore.open(store.folder), "receipt", subject="other", now=NOW)
    assert made.certificate == again.certificate
    made.certificate.verify_directly_issued_by(made.root)
    made.root.verify_directly_issued_by(made.root)
    assert made.private_key.public_key() == made.certificate.public_key()


def test_the_certificate_is_for_signing_documents_and_nothing_else(store: Keystore) -> None:
    leaf = ensure_certificate(store, "receipt", subject="Sở Tư pháp tỉnh A", now=NOW).certificate
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert (usage.value.digital_signature, usage.value.content_commitment) == (True, True)
    assert (usage.value.key_cert_sign, usage.value.crl_sign, usage.value.key_agreement) == (
        False,
        False,
        False,
    )
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    names = leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    assert [name.value for name in names] == ["Sở Tư pháp tỉnh A"]


def test_two_signers_share_one_root(store: Keystore) -> None:
    first = ensure_certificate(store, "receipt", subject="A", now=NOW)
    second = ensure_certificate(store, "result", subject="B", now=NOW)
    assert first.root == second.root
    assert first.certificate != second.certificate


@pytest.mark.parametrize("days", [-1, 3651])
def test_a_certificate_out_of_its_time_is_expired(store: Keystore, days: int) -> None:
    ensure_certificate(store, "receipt", subject="A", now=NOW)
    with pytest.raises(Expired):
        ensure_certificate(store, "receipt", subject="A", now=NOW + timedelta(days=days))


def test_a_certificate_of_another_key_is_refused(store: Keystore) -> None:
    ensure_certificate(store, "receipt", subject="A", now=NOW)
    ensure_certificate(store, "result", subject="B", now=NOW)
    (store.folder / "result.0001.crt").replace(store.folder / "receipt.0001.crt")
    with pytest.raises(Malformed, match="another key"):
        ensure_certificate(store, "receipt", subject="A", now=NOW)


def test_a_certificate_that_cannot_be_read_is_malformed(store: Keystore) -> None:
    ensure_certificate(store, "receipt", subject="A", now=NOW)
    (store.folder / "receipt.0001.crt").write_bytes(b"junk")
    with pytest.raises(Malformed):
        ensure_certificate(store, "receipt", subject="A", now=NOW)
