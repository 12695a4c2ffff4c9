from collections.abc import Iterator
from datetime import timedelta

import pytest
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.pki import PkiFault, Service
from signing.errors import SignerAway
from signing.revocation import MAX_OCSP_BYTES, Cache, Lookup, bounded
from tests.unit.signing.pki_world import NOW, World, fetch


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("pki"))
    yield made
    made.server.stop()


def pair(world: World) -> tuple[x509.Certificate, x509.Certificate]:
    return world.certificate("signer"), world.certificate("issuing")


def test_the_cache_forgets_at_the_moment_it_was_told() -> None:
    cache = Cache()
    cache.put("a", b"1", until=NOW)
    assert cache.get("a", NOW - timedelta(seconds=1)) is not None
    assert cache.get("a", NOW) is None


def test_the_cache_is_bounded_by_number_and_the_one_not_used_goes_first() -> None:
    cache = Cache(max_entries=2)
    later = NOW + timedelta(days=1)
    cache.put("a", b"1", until=later)
    cache.put("b", b"2", until=later)
    cache.get("a", NOW)
    cache.put("c", b"3", until=later)
    assert (True, False, True) == tuple(cache.get(each, NOW) is not None for each in "abc")


def test_the_cache_is_bounded_by_bytes() -> None:
    cache = Cache(max_bytes=10)
    for number in range(100):
        cache.put(str(number), bytes(4), until=NOW + timedelta(days=1))
    assert 2 == len(cache)
    cache.put("large", bytes(11), until=NOW + timedelta(days=1))
    assert 0 == len(cache)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "ldap://ca.test/cn", "ftp://ca.test/a", "//x", "", "http://[", "gopher:x"]
)
def test_only_web_addresses_are_asked(url: str) -> None:
    asked: list[str] = []

    def never(*_: object) -> bytes:
        asked.append(url)
        return b""

    with pytest.raises(SignerAway):
        bounded(never, url, "", None, limit=10)
    assert [] == asked


def test_an_answer_larger_than_it_may_be_is_an_outage(world: World) -> None:
    lookup = Lookup(lambda *_: bytes(MAX_OCSP_BYTES * 300), clock=lambda: NOW)
    with pytest.raises(SignerAway):
        lookup.revocation(*pair(world))


def test_a_list_that_somebody_else_signed_is_not_kept(world: World) -> None:
    def other(url: str, media_type: str, body: bytes | None) -> bytes:
        if "/ocsp/" in url:
            raise SignerAway("away")
        listed = bytearray(fetch(url, media_type, body))
        listed[-1] ^= 1
        return bytes(listed)

    lookup = Lookup(other, clock=lambda: NOW)
    with pytest.raises(SignerAway):
        lookup.revocation(*pair(world))


def test_a_list_out_of_date_is_an_outage(world: World) -> None:
    old = fetch(f"{world.server.url}/vietnam/crls/issuing/latest.crl", "", None)
    lookup = Lookup(lambda *_: old, clock=lambda: NOW + timedelta(days=3))
    with pytest.raises(SignerAway):
        lookup.revocation(*pair(world))


def test_an_ocsp_answer_about_another_certificate_is_not_taken(world: World) -> None:
    taken: list[bytes] = []

    def recorded(url: str, media_type: str, body: bytes | None) -> bytes:
        taken.append(fetch(url, media_type, body))
        return taken[0]

    lookup = Lookup(recorded, clock=lambda: NOW, random=bytes)
    assert lookup.revocation(*pair(world)).ocsp
    with pytest.raises(SignerAway):
        lookup.revocation(world.certificate("signer-mail"), world.certificate("issuing"))


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=400))
def test_whatever_a_service_answers_is_an_outage_and_no_exception(world: World, junk: bytes) -> None:
    lookup = Lookup(lambda *_: junk, clock=lambda: NOW)
    with pytest.raises(SignerAway):
        lookup.revocation(*pair(world))
    assert [] == list(lookup.issuers(world.certificate("signer")))


@settings(max_examples=80, deadline=None)
@given(place=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_a_damaged_answer_is_an_outage_or_taken_as_it_is(world: World, place: int, flip: int) -> None:
    def damaged(url: str, media_type: str, body: bytes | None) -> bytes:
        answer = bytearray(fetch(url, media_type, body))
        answer[place % len(answer)] ^= flip
        return bytes(answer)

    lookup = Lookup(damaged, clock=lambda: NOW)
    try:
        said = lookup.revocation(*pair(world))
    except SignerAway:
        return
    assert said.ocsp or said.crl


@pytest.mark.parametrize("fault", [PkiFault.DOWN, PkiFault.ERROR, PkiFault.GARBAGE, PkiFault.WRONG_NONCE])
def test_the_list_is_asked_for_where_ocsp_answers_badly(world: World, fault: PkiFault) -> None:
    good = Lookup(fetch, clock=lambda: NOW).revocation(*pair(world))
    assert (True, True) == (good.ocsp is not None, good.crl is None)
    world.server.control(Service.OCSP, fault)
    try:
        said = Lookup(fetch, clock=lambda: NOW).revocation(*pair(world))
    finally:
        world.server.control(Service.OCSP, PkiFault.NONE)
    assert (True, True) == (said.ocsp is None, said.crl is not None)


def test_an_answer_of_the_greatest_length_is_taken_and_one_byte_more_is_not() -> None:
    assert bytes(10) == bounded(lambda *_: bytes(10), "http://a.test/", "", None, limit=10)
    with pytest.raises(SignerAway):
        bounded(lambda *_: bytes(11), "http://a.test/", "", None, limit=10)


def test_the_faults_of_the_pki_are_set_over_the_wire(world: World) -> None:
    fetch_control(world, "ocsp", b"garbage")
    assert PkiFault.GARBAGE is world.server.fault(Service.OCSP)
    fetch_control(world, "ocsp", b"none")
    with pytest.raises(SignerAway):
        fetch(f"{world.server.url}/control/ocsp", "text/plain", b"no such fault")
    with pytest.raises(SignerAway):
        fetch(f"{world.server.url}/vietnam/crls/nobody/latest.crl", "", None)
    with pytest.raises(SignerAway):
        fetch(f"{world.server.url}/vietnam/tsa/tsa", "application/timestamp-query", b"no query")


def fetch_control(world: World, service: str, fault: bytes) -> None:
    with pytest.raises(SignerAway):  # 204, which has no body
        fetch(f"{world.server.url}/control/{service}", "text/plain", fault)
