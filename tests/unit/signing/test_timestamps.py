import hashlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import tsp
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.pki import PkiFault, Service
from signing.errors import BadSignature, Malformed, SignerAway, SigningError
from signing.timestamps import HttpTimeStamper, digest_name_of, read_stamp
from signing.trust import UNDER_TEST_ROOT, CertificateTrust, Roots
from signing.trust_policy import Policy, Revocation
from signing.verdicts import Indication, Judgement, Sub
from tests.unit.signing.pki_world import NOW, TIMEOUT_S, World, fetch
from tests.unit.signing.signing_people import AT, ROOT, Clock

DIGEST = hashlib.sha256(b"what is stamped").digest()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("pki"))
    yield made
    made.server.stop()


@pytest.fixture
def world(shared: World) -> World:
    shared.now = NOW
    for service in Service:
        shared.server.control(service, PkiFault.NONE)
    shared.server.calls.clear()
    return shared


@pytest.fixture(scope="module")
def token(shared: World) -> bytes:
    return shared.stamper().stamp(DIGEST)


def test_a_token_says_when_its_digest_was_there(world: World, token: bytes) -> None:
    assert NOW == world.trust().stamped_at(token, DIGEST)
    assert "sha256" == digest_name_of(token)


def test_openssl_accepts_the_token_and_refuses_it_over_something_else(
    world: World, token: bytes, tmp_path: Path
) -> None:
    (tmp_path / "token").write_bytes(token)
    (tmp_path / "root.pem").write_bytes(world.certificate("root").public_bytes(Encoding.PEM))

    def verified(digest: bytes) -> bool:
        command = ["/usr/bin/openssl", "ts", "-verify", "-token_in", "-in", tmp_path / "token"]
        options = ["-digest", digest.hex(), "-CAfile", tmp_path / "root.pem"]
        return subprocess.run([*command, *options], capture_output=True, check=False).returncode == 0

    assert (True, False) == (verified(DIGEST), verified(bytes(32)))


def test_a_token_over_something_else_does_not_count(world: World, token: bytes) -> None:
    verdict = world.trust().stamped_at(token, bytes(32))
    assert (
        Judgement(Indication.FAILED, Sub.SIG_CRYPTO_FAILURE, "The time stamp is of something else") == verdict
    )


@pytest.mark.parametrize("part", ["tst", "signature"])
def test_a_token_with_one_changed_byte_does_not_count(world: World, token: bytes, part: str) -> None:
    stamp = read_stamp(token, DIGEST)
    place = token.index(stamp.at.strftime("%Y%m%d%H%M%SZ").encode()) if part == "tst" else len(token) - 5
    changed = bytearray(token)
    changed[place] ^= 1
    verdict = world.trust().stamped_at(bytes(changed), DIGEST)
    assert isinstance(verdict, Judgement)
    assert Indication.FAILED is verdict.indication


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (PkiFault.DOWN, SignerAway),
        (PkiFault.HANG, SignerAway),
        (PkiFault.ERROR, SignerAway),
        (PkiFault.GARBAGE, SignerAway),
        (PkiFault.WRONG_NONCE, BadSignature),
    ],
)
def test_each_fault_of_the_authority_keeps_its_meaning(
    world: World, fault: PkiFault, error: type[SigningError]
) -> None:
    world.server.control(Service.TSA, fault)
    with pytest.raises(error):
        world.stamper().stamp(DIGEST)


def test_an_authority_that_hangs_costs_one_time_out(world: World) -> None:
    world.server.control(Service.TSA, PkiFault.HANG)
    begun = time.monotonic()
    with pytest.raises(SignerAway):
        world.stamper().stamp(DIGEST)
    assert TIMEOUT_S <= time.monotonic() - begun < TIMEOUT_S * 3
    assert [Service.TSA] == world.server.calls


@pytest.mark.parametrize("label", ["tsa-loose", "tsa-mixed", "tsa-foreign"])
def test_an_authority_that_may_not_stamp_is_refused(world: World, label: str) -> None:
    with pytest.raises(BadSignature):
        world.stamper(label).stamp(DIGEST)


def test_a_wrong_purpose_is_named(world: World) -> None:
    loose = HttpTimeStamper(
        world.server.pki.address(Service.TSA, "tsa-loose"), fetch, trust=_Everyone()
    ).stamp(DIGEST)
    verdict = world.trust().stamped_at(loose, DIGEST)
    assert isinstance(verdict, Judgement)
    assert Sub.CHAIN_CONSTRAINTS_FAILURE is verdict.sub


class _Everyone:
    """Trusts whoever stamps, so that a test gets a token that ours would not have taken."""

    def judge_stamp(self, stamp: object, *, at: datetime) -> Judgement:
        return Judgement(Indication.PASSED)


def test_an_outage_of_revocation_does_not_cost_the_time_stamp(world: World) -> None:
    world.server.control(Service.CRL, PkiFault.DOWN)
    token = world.stamper().stamp(DIGEST)
    world.server.control(Service.CRL, PkiFault.NONE)
    assert NOW == world.trust().stamped_at(token, DIGEST)


def test_a_time_stamp_ends_with_its_certificate_unless_another_proof_is_given(world: World) -> None:
    token = world.stamper("tsa-short").stamp(DIGEST)
    trust = world.trust()
    before, after = datetime(2027, 5, 1, tzinfo=UTC), datetime(2027, 7, 1, tzinfo=UTC)
    assert NOW == trust.stamped_at(token, DIGEST, at=before)
    verdict = trust.stamped_at(token, DIGEST, at=after)
    assert isinstance(verdict, Judgement)
    assert Sub.OUT_OF_BOUNDS_NO_POE is verdict.sub


def test_a_time_stamp_of_tomorrow_does_not_count(world: World, token: bytes) -> None:
    verdict = world.trust().stamped_at(token, DIGEST, at=NOW - timedelta(days=1))
    assert isinstance(verdict, Judgement)
    assert Sub.TIMESTAMP_ORDER_FAILURE is verdict.sub


def test_roots_for_documents_are_no_roots_for_time_stamps(world: World, token: bytes) -> None:
    trust = world.trust(roots=Roots(national=(world.certificate("root"),)))
    verdict = trust.stamped_at(token, DIGEST)
    assert isinstance(verdict, Judgement)
    assert Sub.NO_CERTIFICATE_CHAIN_FOUND is verdict.sub


def test_a_stamp_under_a_test_root_says_so(world: World, token: bytes) -> None:
    trust = world.trust(roots=Roots(test_stamping=(world.certificate("root"),)))
    assert UNDER_TEST_ROOT == trust.judge_stamp(read_stamp(token, DIGEST), at=NOW).why


def test_another_policy_than_the_one_asked_for_is_refused(world: World) -> None:
    with pytest.raises(BadSignature):
        world.stamper(policy="1.2.3.4").stamp(DIGEST)
    assert world.stamper(policy=read_stamp(world.stamper().stamp(DIGEST), DIGEST).policy).stamp(DIGEST)


def test_a_refusal_of_the_authority_is_an_outage(world: World) -> None:
    refusal = bytes.fromhex("30053003020102")  # PKIStatusInfo with rejection (2), and no token
    with pytest.raises(SignerAway):
        HttpTimeStamper("http://tsa.test/", lambda *_: refusal, trust=world.trust()).stamp(DIGEST)


def test_the_request_asks_for_the_certificate_and_names_a_nonce_of_its_own(world: World) -> None:
    asked: list[bytes] = []

    def recorded(url: str, media_type: str, body: bytes | None) -> bytes:
        asked.append(body or b"")
        return fetch(url, media_type, body)

    url = world.server.pki.address(Service.TSA, "tsa")
    stamper = HttpTimeStamper(url, recorded, trust=world.trust())
    stamper.stamp(DIGEST)
    stamper.stamp(DIGEST)
    requests = [tsp.TimeStampReq.load(each) for each in asked]
    assert [True, True] == [each["cert_req"].native for each in requests]
    assert 2 == len({each["nonce"].native for each in requests})


def test_a_token_that_comes_with_a_refusal_is_not_taken(world: World) -> None:
    def refusing(url: str, media_type: str, body: bytes | None) -> bytes:
        answer = tsp.TimeStampResp.load(fetch(url, media_type, body))
        answer["status"]["status"] = "rejection"
        return bytes(answer.dump(force=True))

    url = world.server.pki.address(Service.TSA, "tsa")
    with pytest.raises(SignerAway):
        HttpTimeStamper(url, refusing, trust=world.trust()).stamp(DIGEST)


def test_a_stamp_with_a_weak_digest_does_not_count(world: World, token: bytes) -> None:
    weak = replace(read_stamp(token, DIGEST), digest_name="sha1")
    assert Sub.CRYPTO_CONSTRAINTS_FAILURE is world.trust().judge_stamp(weak, at=NOW).sub


def test_a_stamp_that_its_authority_signed_with_a_weak_digest_does_not_count() -> None:
    trust = CertificateTrust(Roots(stamping=(ROOT,)), policy=Policy(revocation=Revocation.NONE))
    at = AT + timedelta(minutes=2)
    strong, weak = (
        trust.stamped_at(Clock(signs_with=name).stamp(DIGEST), DIGEST, at=at) for name in ("sha256", "sha1")
    )
    assert AT + timedelta(minutes=1) == strong
    assert isinstance(weak, Judgement)
    assert Sub.CRYPTO_CONSTRAINTS_FAILURE is weak.sub


@pytest.mark.parametrize("digest", [b"", bytes(20), bytes(64)])
def test_only_a_sha256_digest_is_stamped(world: World, digest: bytes) -> None:
    with pytest.raises(Malformed):
        world.stamper().stamp(digest)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_stands_in_a_token_or_an_answer_raises_nothing_but_the_tree(
    shared: World, token: bytes, data: st.DataObject
) -> None:
    junk = bytearray(token)
    for _ in range(data.draw(st.integers(1, 3))):
        junk[data.draw(st.integers(0, len(junk) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(junk[: data.draw(st.integers(0, len(junk)))]) if data.draw(st.booleans()) else bytes(junk)
    trust = shared.trust(online=False)
    assert isinstance(trust.stamped_at(damaged, bytes(32)), Judgement)
    with pytest.raises(SigningError):
        HttpTimeStamper("http://tsa.test/", lambda *_: damaged, trust=trust).stamp(DIGEST)
