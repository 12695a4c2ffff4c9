"""A key's life in the folder: next, current, retired, revoked; and how others notice."""

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signing import keyfolder
from signing.errors import Expired, Malformed, Refused, SigningError, UnknownKey
from signing.keyfiles import (
    Story,
    read_certificates,
    read_key,
    read_revocation,
    write_key,
    write_revocation,
)
from signing.keyfolder import KeyFolder
from signing.keys import Kind, State, Term, current_of, generate, states_of
from signing.keystore import GRACE, LEAD, MIN_LEAD, Keystore

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = generate(Kind.ED25519)


@pytest.fixture
def store(tmp_path: Path) -> Keystore:
    made = Keystore.open(tmp_path / "keys")
    made.ensure("http", Kind.ED25519, now=NOW)
    return made


def states(store: Keystore, now: datetime) -> list[str]:
    return [state.value for _, state in store.states("http", now=now)]


def published(store: Keystore, now: datetime) -> list[str]:
    return [jwk["kid"] for jwk in store.public_jwks("http", now=now)["keys"]]


# --- whose turn it is -----------------------------------------------------------------------------


def test_of_the_keys_that_may_sign_the_one_that_began_last_does() -> None:
    terms = [Term(NOW), Term(NOW + 2 * DAY), Term(NOW + DAY)]
    found = [current_of(terms, NOW + n * DAY / 2) for n in range(-1, 5)]
    assert [None, 0, 0, 2, 2, 1] == found


def test_a_key_signs_from_its_beginning_on_and_not_at_its_end() -> None:
    term = Term(NOW, NOW + DAY)
    tick = timedelta(microseconds=1)
    times = (NOW - tick, NOW, NOW + DAY - tick, NOW + DAY)
    assert [False, True, True, False] == [term.open_at(each) for each in times]


def test_a_revoked_key_gives_its_turn_back_to_the_one_before() -> None:
    terms = [Term(NOW), Term(NOW + DAY, None, NOW + 2 * DAY)]
    found = [[state.value for state in states_of(terms, NOW + n * DAY)] for n in range(3)]
    assert [["current", "next"], ["retired", "current"], ["current", "revoked"]] == found


@given(
    st.lists(
        st.builds(
            lambda since, life, gone: Term(
                NOW + since * DAY,
                None if life is None else NOW + (since + life) * DAY,
                None if gone is None else NOW + gone * DAY,
            ),
            st.integers(0, 9),
            st.none() | st.integers(1, 9),
            st.none() | st.integers(0, 12),
        ),
        max_size=6,
    ),
    st.integers(-1, 20),
)
def test_at_most_one_key_signs_and_only_one_that_may(terms: Sequence[Term], days: int) -> None:
    at = NOW + days * DAY
    found = states_of(terms, at)
    current = [term for term, state in zip(terms, found, strict=True) if state is State.CURRENT]
    assert any(term.open_at(at) for term in terms) == bool(current)
    assert len(current) <= 1
    for term, state in zip(terms, found, strict=True):
        assert (state is State.REVOKED) == term.revoked_by(at)
        assert (state is State.NEXT) == (not term.revoked_by(at) and at < term.since)


# --- rotation -------------------------------------------------------------------------------------


def test_a_next_key_is_published_at_once_and_signs_when_its_time_has_come(store: Keystore) -> None:
    old = store.current("http", now=NOW)
    new = store.rotate("http", now=NOW, since=NOW + DAY)
    assert [old.kid, new.kid] == published(store, NOW)
    assert ["current", "next"] == states(store, NOW)
    last = NOW + DAY - timedelta(microseconds=1)
    assert (old.kid, new.kid) == (
        store.current("http", now=last).kid,
        store.current("http", now=NOW + DAY).kid,
    )
    assert ["retired", "current"] == states(store, NOW + DAY)
    assert [old.kid, new.kid] == published(store, NOW + 900 * DAY)


def test_without_a_wish_a_key_is_published_five_minutes_before_it_signs(store: Keystore) -> None:
    new = store.rotate("http", now=NOW)
    assert (NOW, NOW + LEAD) == (new.created, new.term.since)
    assert timedelta(minutes=5) == LEAD


def test_a_key_that_would_sign_before_all_have_seen_it_is_not_made(store: Keystore) -> None:
    for since in (NOW - DAY, NOW, NOW + MIN_LEAD - timedelta(seconds=1)):
        with pytest.raises(Malformed, match="published at least 5 seconds before"):
            store.rotate("http", now=NOW, since=since)
    assert 1 == len(store.all_keys("http"))
    assert NOW + MIN_LEAD == store.rotate("http", now=NOW, since=NOW + MIN_LEAD).term.since


def test_a_time_between_two_seconds_is_the_later_one_in_the_file(store: Keystore) -> None:
    now = NOW + timedelta(microseconds=1)
    assert NOW + LEAD + timedelta(seconds=1) == store.rotate("http", now=now).term.since


def test_only_one_key_waits_at_a_time(store: Keystore) -> None:
    store.rotate("http", now=NOW)
    with pytest.raises(Refused, match="waits already"):
        store.rotate("http", now=NOW)
    assert 3 == store.rotate("http", now=NOW + LEAD).generation


def test_an_owner_and_a_kind_are_inherited(tmp_path: Path) -> None:
    store = Keystore.open(tmp_path)
    store.ensure("receipt", Kind.P256, now=NOW, owner="Sở Tư pháp tỉnh Hòa Bình")
    new = store.rotate("receipt", now=NOW)
    assert ("Sở Tư pháp tỉnh Hòa Bình", Kind.P256) == (new.owner, new.kind)
    again = Keystore.open(tmp_path).all_keys("receipt")[1]
    assert (new.owner, new.term, new.kid) == (again.owner, again.term, again.kid)


def test_a_key_with_an_end_signs_no_longer_after_it(store: Keystore) -> None:
    store.rotate("http", now=NOW, since=NOW + DAY, until=NOW + 2 * DAY)
    assert 2 == store.current("http", now=NOW + DAY).generation
    assert ["current", "retired"] == states(store, NOW + 2 * DAY)


def test_where_no_key_may_sign_that_is_said(tmp_path: Path) -> None:
    store = Keystore.open(tmp_path)
    (tmp_path / "http.0001.pem").write_bytes(write_key(KEY, Story(NOW, NOW, NOW + DAY)))
    with pytest.raises(Expired):
        store.current("http", now=NOW + DAY)
    with pytest.raises(Malformed, match="ends after"):
        write_key(KEY, Story(NOW, NOW, NOW))


@pytest.mark.parametrize("owner", ["", " ", "a\nb", "a" * 101])
def test_an_owner_is_one_short_line(tmp_path: Path, owner: str) -> None:
    with pytest.raises(Malformed, match="owner"):
        Keystore.open(tmp_path).ensure("http", Kind.ED25519, now=NOW, owner=owner)


def test_a_file_of_before_there_were_owners_and_times_is_read(tmp_path: Path) -> None:
    lines = write_key(KEY, Story(NOW, NOW)).splitlines(keepends=True)
    (tmp_path / "http.0001.pem").write_bytes(b"".join([lines[0], *lines[3:]]))
    key = Keystore.open(tmp_path).current("http", now=NOW)
    assert (NOW, "gateway", Term(NOW)) == (key.created, key.owner, key.term)


# --- what was signed ------------------------------------------------------------------------------


def test_an_old_key_is_good_for_what_was_signed_in_its_turn_and_for_nothing_later(store: Keystore) -> None:
    old = store.current("http", now=NOW)
    store.rotate("http", now=NOW, since=NOW + DAY)
    for at in (NOW, NOW + DAY, NOW + DAY + GRACE - timedelta(seconds=1)):
        assert old.public_key == store.signed_by(old.kid, at=at)
    for at in (NOW - DAY, NOW + DAY + GRACE):
        with pytest.raises(Expired):
            store.signed_by(old.kid, at=at)


def test_a_key_with_an_end_is_good_until_then(tmp_path: Path) -> None:
    store = Keystore.open(tmp_path)
    (tmp_path / "http.0001.pem").write_bytes(write_key(KEY, Story(NOW, NOW, NOW + DAY)))
    kid = store.all_keys("http")[0].kid
    assert KEY.public_key() == store.signed_by(kid, at=NOW + DAY)
    with pytest.raises(Expired):
        store.signed_by(kid, at=NOW + DAY + GRACE)


# --- revocation -----------------------------------------------------------------------------------


def test_a_revoked_key_goes_when_its_successor_was_seen_by_all(store: Keystore) -> None:
    old = store.current("http", now=NOW)
    gone, made = store.revoke(old.kid, now=NOW)
    assert made is not None
    end = NOW + MIN_LEAD
    assert (end, end) == (gone.term.revoked_at, made.term.since)
    last = end - timedelta(microseconds=1)
    assert (old.kid, [old.kid, made.kid]) == (store.current("http", now=last).kid, published(store, last))
    assert (made.kid, [made.kid]) == (store.current("http", now=end).kid, published(store, end))
    assert [made.kid] == [jwk["kid"] for jwk in store.public_jwks("http")["keys"]]
    with pytest.raises(UnknownKey):
        store.signed_by(old.kid, at=NOW)


def test_an_old_key_is_revoked_at_once_and_nothing_takes_its_place(store: Keystore) -> None:
    old = store.current("http", now=NOW)
    store.rotate("http", now=NOW)
    gone, made = store.revoke(old.kid, now=NOW + DAY)
    assert (NOW + DAY, None) == (gone.term.revoked_at, made)
    assert ["revoked", "current"] == states(store, NOW + DAY)


def test_a_key_is_revoked_once(store: Keystore) -> None:
    kid = store.current("http", now=NOW).kid
    store.revoke(kid, now=NOW)
    with pytest.raises(Refused, match="already"):
        store.revoke(kid, now=NOW + DAY)
    with pytest.raises(UnknownKey):
        store.revoke("kid", now=NOW)


# --- how others notice ----------------------------------------------------------------------------


def test_another_process_notices_a_new_key_and_a_revocation_without_a_restart(store: Keystore) -> None:
    other = Keystore.open(store.folder)
    assert ["current"] == states(other, NOW)
    new = store.rotate("http", now=NOW)
    assert new.kid in published(other, NOW)
    store.revoke(store.current("http", now=NOW).kid, now=NOW)
    assert ["revoked", "current", "retired"] == states(other, NOW + DAY)


def test_a_folder_that_has_settled_is_looked_at_by_its_time_alone(tmp_path: Path) -> None:
    (tmp_path / "http.0001.pem").write_bytes(b"x")
    long_ago = time.time() - 60
    os.utime(tmp_path, (long_ago, long_ago))
    folder = KeyFolder(tmp_path)
    seen = folder.look()
    (tmp_path / "http.0002.pem").write_bytes(b"x")
    os.utime(
        tmp_path, (long_ago, long_ago)
    )  # as a coarse clock would: the change is not to be seen by the time
    assert seen is folder.look()
    os.utime(tmp_path)
    assert {"http.0001.pem", "http.0002.pem"} == set(folder.look().names)


def test_a_change_within_the_tick_of_the_folders_clock_is_seen_all_the_same(tmp_path: Path) -> None:
    folder = KeyFolder(tmp_path)
    folder.look()
    at = tmp_path.stat()
    (tmp_path / "http.0001.pem").write_bytes(b"x")
    os.utime(tmp_path, ns=(at.st_atime_ns, at.st_mtime_ns))
    assert ["http.0001.pem"] == list(folder.look().names)


def test_the_names_are_read_again_after_a_second_whatever_the_time_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = time.time() - 60
    os.utime(tmp_path, (long_ago, long_ago))
    folder = KeyFolder(tmp_path)
    folder.look()
    (tmp_path / "http.0001.pem").write_bytes(b"x")
    os.utime(tmp_path, (long_ago, long_ago))
    monkeypatch.setattr(keyfolder, "REFRESH_S", 0.0)
    assert ["http.0001.pem"] == list(folder.look().names)


def test_a_share_that_is_away_takes_nobodys_key_away(store: Keystore) -> None:
    kid = store.current("http", now=NOW).kid
    away = store.folder.with_name("away")
    store.folder.rename(away)
    assert kid == store.current("http", now=NOW).kid
    away.rename(store.folder)
    assert kid != store.rotate("http", now=NOW).kid


def test_a_folder_that_was_never_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Keystore(tmp_path / "none").current("http", now=NOW)


def test_a_spoilt_file_that_is_added_stops_nobody_who_already_signs(store: Keystore) -> None:
    kid = store.current("http", now=NOW).kid
    (store.folder / "http.0002.pem").write_bytes(b"half a f")
    assert kid == store.current("http", now=NOW).kid
    with pytest.raises(Malformed, match=r"http\.0002\.pem"):
        Keystore.open(store.folder).current("http", now=NOW)


@pytest.mark.parametrize(
    "content", [b"", b"Revoked: 2026-11-24T03:00:00Z", b"Revoked: 2026-13-24T03:00:00Z\n"]
)
def test_a_spoilt_word_of_revocation_is_malformed(store: Keystore, content: bytes) -> None:
    (store.folder / "http.0001.revoked").write_bytes(content)
    with pytest.raises(Malformed, match=r"http\.0001\.revoked"):
        Keystore.open(store.folder).current("http", now=NOW)


def test_a_word_of_revocation_is_read_back() -> None:
    assert NOW == read_revocation("a.0001.revoked", write_revocation(NOW))


@given(
    st.binary(max_size=200)
    | st.builds(bytes.__add__, st.just(b"Created: 2026-11-24T03:00:00Z\n"), st.binary(max_size=99))
)
def test_files_of_any_bytes_raise_nothing_but_the_tree(content: bytes) -> None:
    for read in (read_key, read_certificates, read_revocation):
        try:
            read("a.0001.pem", content)
        except SigningError:
            continue
