"""`key new|rotate|revoke|list`, and what `check` says of keys."""

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.check import _keys
from gateway.cli.main import main
from signing.certificates import ensure_signer
from signing.keyfiles import Story, write_key
from signing.keys import Kind, generate
from signing.keystore import Keystore

Printed = pytest.CaptureFixture[str]
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(autouse=True)
def the_time_of_each_test() -> None:
    """Keys and certificates are made now: a run of all tests lasts longer than their first minutes."""
    globals()["NOW"] = datetime.now(UTC).replace(microsecond=0)


VN = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+07:00"


@pytest.fixture(autouse=True)
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Keystore:
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GATEWAY_VAR_DIR", str(tmp_path / "var"))
    return Keystore.open(tmp_path / "var" / "keys")


def run(capsys: Printed, *words: str) -> list[str]:
    assert 0 == main([*words])
    return capsys.readouterr().out.splitlines()


def fails(capsys: Printed, *words: str) -> str:
    """The one sentence of a command that fails."""
    try:
        code = main([*words])
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    said = capsys.readouterr()
    assert (True, "", 1) == (code > 0, said.out, len(said.err.splitlines()))
    return said.err


def listed(capsys: Printed) -> list[dict[str, Any]]:
    found = json.loads("".join(run(capsys, "key", "list", "--json")))["keys"]
    assert isinstance(found, list)
    return found


def test_a_key_is_made_listed_and_rotated_and_the_one_before_signs_until_then(
    store: Keystore, capsys: Printed
) -> None:
    run(capsys, "key", "new", "http", "--kind", "ed25519", "--owner", "Sở Thông tin")
    made, told = run(capsys, "key", "rotate", "http")
    assert made.startswith("http 0002  ed25519  0 days old  kid ")
    assert re.fullmatch(f"it is published now and signs from {VN}; the key before it stays published", told)
    store.ensure_secret("data")
    kids = [each["kid"] for each in store.public_jwks("http")["keys"]]
    old, new, secret = listed(capsys)
    assert [
        ("http", 1, kids[0], "ed25519", "Sở Thông tin", "current"),
        ("http", 2, kids[1], "ed25519", "Sở Thông tin", "next"),
        ("data", 1, None, "symmetric", "gateway", "current"),
    ] == [tuple(each.values())[:6] for each in (old, new, secret)]
    assert ((new["since"], None), (None, None)) == (
        (old["until"], new["until"]),
        (secret["since"], secret["until"]),
    )


def test_the_list_for_people_has_a_column_for_each_thing(capsys: Printed) -> None:
    run(capsys, "key", "new", "http", "--kind", "p256", "--owner", "Sở Tư pháp")
    head, line = run(capsys, "key", "list")
    assert ["purpose", "generation", "kid", "kind", "owner", "state", "since", "until"] == head.split()
    assert re.fullmatch(rf"http     1           [\w-]{{43}}  p256  Sở Tư pháp  current  {VN}  -", line)


def test_no_key_is_an_empty_list(capsys: Printed) -> None:
    assert [] == listed(capsys)


def test_a_moment_is_given_with_its_offset_or_as_a_day_in_viet_nam(capsys: Printed) -> None:
    run(capsys, "key", "new", "http", "--kind", "ed25519")
    run(capsys, "key", "new", "webhook", "--kind", "ed25519")
    run(capsys, "key", "rotate", "http", "--from", "2999-12-01T08:00+09:00", "--until", "3000-01-01")
    run(capsys, "key", "rotate", "webhook", "--from", "2999-12-01")
    found = [(each["since"], each["until"]) for each in listed(capsys) if each["state"] == "next"]
    expected = [
        ("2999-12-01T06:00:00+07:00", "3000-01-01T00:00:00+07:00"),
        ("2999-12-01T00:00:00+07:00", None),
    ]
    assert expected == found


@pytest.mark.parametrize(
    "moment", ["tomorrow", "2026-12-01T08:00", "2026-13-01", "", "0001-01-01T00:00+14:00"]
)
def test_a_moment_that_is_none_is_refused(capsys: Printed, moment: str) -> None:
    assert "a moment is written" in fails(capsys, "key", "rotate", "http", "--from", moment)


def test_what_cannot_be_done_is_said_in_one_sentence(capsys: Printed) -> None:
    assert "There is no key for http" in fails(capsys, "key", "rotate", "http")
    assert "A purpose is a letter" in fails(capsys, "key", "new", "../x", "--kind", "rsa")
    assert "The owner of a key" in fails(capsys, "key", "new", "http", "--kind", "ed25519", "--owner", "")
    run(capsys, "key", "new", "http", "--kind", "ed25519")
    assert "there is a key for http" in fails(capsys, "key", "new", "http", "--kind", "p256")
    soon = (NOW + timedelta(seconds=1)).isoformat()
    assert "at least 5 seconds before" in fails(capsys, "key", "rotate", "http", "--from", soon)
    run(capsys, "key", "rotate", "http")
    assert "A next key for http waits already" in fails(capsys, "key", "rotate", "http")
    assert "there is no key 3 for http" in fails(capsys, "key", "revoke", "http", "3")
    assert "a whole number above zero" in fails(capsys, "key", "revoke", "http", "x")


def test_a_revoked_key_is_replaced_and_no_longer_published(store: Keystore, capsys: Printed) -> None:
    run(capsys, "key", "new", "http", "--kind", "ed25519")
    kid = listed(capsys)[0]["kid"]
    told, made, when = run(capsys, "key", "revoke", "http", "1")
    assert re.fullmatch(f"http 0001 is revoked from {VN}", told)
    assert made.startswith("http 0002  ed25519  0 days old")
    assert when.startswith("it is published now and signs from ")
    assert kid not in str(store.public_jwks("http"))
    assert "already" in fails(capsys, "key", "revoke", "http", "1")


def test_the_next_key_of_our_own_authority_is_certified_with_it(store: Keystore, capsys: Printed) -> None:
    ensure_signer(store, "receipt", subject="Cổng 4", now=NOW)
    told = run(capsys, "key", "rotate", "receipt")[1]
    assert told.startswith("it is published now and signs from ")
    assert (store.folder / "receipt.0002.crt").exists()


def test_the_key_after_a_licensed_one_is_said_to_wait(store: Keystore, capsys: Printed) -> None:
    ensure_signer(store, "receipt", subject="Cổng 4", now=NOW)
    root = (store.folder / "test-ca.0001.crt").read_bytes()
    key = store.ensure("foreign", Kind.P256, now=NOW)
    # any certificate that our authority did not give: here one that the key gave itself
    (store.folder / "foreign.0001.crt").write_bytes(_self_signed(key.private_key))
    assert root != (store.folder / "foreign.0001.crt").read_bytes()
    told = run(capsys, "key", "rotate", "foreign")[1]
    path = store.folder / "foreign.0002.crt"
    assert f"it signs when its certificate, and those above it, are put into {path}" == told
    assert [("current", True), ("next", False)] == [
        (each["state"], each["since"] is not None) for each in listed(capsys) if each["purpose"] == "foreign"
    ]


def _self_signed(key: Any) -> bytes:
    from cryptography import x509  # noqa: PLC0415 - only here
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415 - as above

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Sở Tư pháp")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(days=20))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_the_authority_is_neither_rotated_nor_revoked(capsys: Printed) -> None:
    run(capsys, "key", "new", "test-ca", "--kind", "p256")
    assert "the authority's key is not rotated" in fails(capsys, "key", "rotate", "test-ca")
    assert "the authority's key is not revoked" in fails(capsys, "key", "revoke", "test-ca", "1")


# --- check ----------------------------------------------------------------------------------------


def said(store: Keystore) -> list[tuple[bool, str]]:
    return [(each.ok, each.text) for each in _keys(store)]


def put(store: Keystore, name: str, *, since: datetime, until: datetime | None = None) -> None:
    path = store.folder / name
    path.write_bytes(write_key(generate(Kind.ED25519), Story(NOW, since, until)))
    path.chmod(0o600)


def test_check_says_where_each_key_stands(store: Keystore) -> None:
    key = store.ensure("http", Kind.ED25519, now=NOW)
    store.rotate("http", now=NOW)
    store.ensure_secret("data")
    first, second, secret = said(store)
    assert (True, f"key: http 0001  ed25519  0 days old  kid {key.kid}  current") == first
    assert (True, "  next") == (second[0], second[1][-6:])
    assert (True, "key: data 0001  symmetric") == secret


def test_check_names_a_purpose_that_nobody_may_sign_for(store: Keystore) -> None:
    put(store, "http.0001.pem", since=NOW - timedelta(days=2), until=NOW - timedelta(days=1))
    assert (False, "key: none for http may sign now: `key rotate http`") == said(store)[1]


def test_check_names_a_key_that_ends_soon_unless_another_follows_in_time(store: Keystore) -> None:
    end = NOW + timedelta(days=29)
    put(store, "http.0001.pem", since=NOW, until=end)
    day = end.astimezone(UTC) + timedelta(hours=7)
    assert [False] == [ok for ok, text in said(store) if f"ends on {day.date()}" in text]
    put(store, "http.0002.pem", since=end - timedelta(days=1))
    assert {True} == {ok for ok, _ in said(store)}
    put(store, "http.0003.pem", since=NOW, until=NOW + timedelta(days=31))
    assert {True} == {ok for ok, _ in said(Keystore.open(store.folder))}


def test_check_names_a_file_that_is_spoilt_and_one_that_others_may_read(store: Keystore) -> None:
    (store.folder / "http.0001.pem").write_bytes(b"x")
    (store.folder / "http.0001.pem").chmod(0o644)
    assert [
        (False, "key: http.0001.pem does not begin with when it was created"),
        (False, "key: others than its owner may read http.0001.pem"),
    ] == said(store)
