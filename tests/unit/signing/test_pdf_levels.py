import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import x509 as asn1_x509
from asn1crypto.cms import CertificateChoices, ContentInfo

from sandbox.pki import PkiFault, Service
from signing.errors import BadSignature, Malformed, SignerAway
from signing.pdf import Level, PdfSigner, Services, Signed, complete, tally, validate
from signing.trust import UNDER_TEST_ROOT, CertificateTrust, Roots
from signing.trust_policy import Policy, Revocation
from signing.verdicts import Indication, Judgement, Sub
from tests.unit.signing.long_term import many
from tests.unit.signing.pki_world import NOW, TIMEOUT_S, World, printed

LATER = datetime(2030, 1, 1, tzinfo=UTC)
TEXT = {"reason": "Phát hành", "location": "Huế"}


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
def plain() -> bytes:
    return printed("Biên lai thu phí, lệ phí")


def signed(world: World, plain: bytes, level: Level, *, label: str = "signer", tsa: str = "tsa") -> Signed:
    return world.pdf_signer(label, tsa=tsa).sign(plain, **TEXT, at=NOW, level=level)


@pytest.mark.parametrize("label", ["signer", "signer-rsa"])
@pytest.mark.parametrize("level", [Level.B_B, Level.B_T, Level.B_LT, Level.B_LTA])
def test_each_level_is_what_it_says(world: World, plain: bytes, label: str, level: Level) -> None:
    made = signed(world, plain, level, label=label)
    verdict = validate(made.pdf, world.trust(), at=NOW)
    assert (level, "", level, True) == (made.level, made.missing, verdict.level, verdict.good)
    assert (None if level is Level.B_B else NOW) == verdict.proved_at
    assert made.pdf.startswith(plain)


@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_a_long_term_level_needs_no_network(world: World, plain: bytes, level: Level) -> None:
    made = signed(world, plain, level)
    world.server.calls.clear()
    assert level is validate(made.pdf, world.trust(online=False), at=NOW).level
    assert level is validate(made.pdf, world.trust(), at=NOW).level
    assert [] == world.server.calls


@pytest.mark.parametrize(
    "fault", [PkiFault.DOWN, PkiFault.HANG, PkiFault.ERROR, PkiFault.GARBAGE, PkiFault.WRONG_NONCE]
)
def test_x30_a_time_stamping_authority_that_fails_costs_the_level_and_not_the_signature(
    world: World, plain: bytes, fault: PkiFault
) -> None:
    world.server.control(Service.TSA, fault)
    begun = time.monotonic()
    made = signed(world, plain, Level.B_LTA)
    assert time.monotonic() - begun < TIMEOUT_S * 3
    assert (Level.B_B, "B-T") == (made.level, made.missing[:3])
    assert [Service.TSA] == world.server.calls
    assert Level.B_B is validate(made.pdf, world.trust(), at=NOW).level


@pytest.mark.parametrize("fault", [PkiFault.DOWN, PkiFault.HANG, PkiFault.ERROR, PkiFault.GARBAGE])
def test_a_responder_that_fails_costs_the_level_and_not_the_time(
    world: World, plain: bytes, fault: PkiFault
) -> None:
    world.server.control(Service.OCSP, fault)
    world.server.control(Service.CRL, fault)
    made = signed(world, plain, Level.B_LTA)
    assert (Level.B_T, "B-LT:") == (made.level, made.missing[:5])
    world.server.control(Service.OCSP, PkiFault.NONE)
    world.server.control(Service.CRL, PkiFault.NONE)
    assert Level.B_T is validate(made.pdf, world.trust(), at=NOW).level


class Failing:
    """A time-stamping authority that answers `times` times and is away from then on."""

    def __init__(self, world: World, times: int) -> None:
        self._real = world.stamper()
        self._left = times

    def stamp(self, digest: bytes) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise SignerAway("away")
        return self._real.stamp(digest)


def test_a_second_time_stamp_that_fails_leaves_the_long_term_level(world: World, plain: bytes) -> None:
    services = Services(Failing(world, 1), world.trust())
    made = PdfSigner(world.key_signer("signer"), services=services).sign(
        plain, **TEXT, at=NOW, level=Level.B_LTA
    )
    assert (Level.B_LT, "B-LTA: away") == (made.level, made.missing)
    assert Level.B_LT is validate(made.pdf, world.trust(online=False), at=NOW).level


@pytest.mark.parametrize("level", [Level.B_T, Level.B_LT, Level.B_LTA])
@pytest.mark.parametrize("begun", [Level.B_B, Level.B_T, Level.B_LT])
def test_a_level_is_completed_later(world: World, plain: bytes, begun: Level, level: Level) -> None:
    made = signed(world, plain, begun)
    world.now = NOW + timedelta(hours=5)
    later = complete(made.pdf, level, world.services(), at=world.now)
    assert (max(begun, level), "") == (later.level, later.missing)
    assert later.pdf.startswith(made.pdf)
    verdict = validate(later.pdf, world.trust(online=level < Level.B_LT), at=world.now + timedelta(minutes=1))
    assert (max(begun, level), True, 1) == (verdict.level, verdict.good, verdict.signatures)
    assert (world.now if begun is Level.B_B else NOW) == verdict.proved_at


class Wordy:
    """A time-stamping authority whose tokens bring so many certificates that they do not fit into their place."""

    def __init__(self, world: World, copies: int) -> None:
        self._real = world.stamper()
        labels = ["root", "issuing", "foreign-root", "foreign-issuing", "revoked-issuing"]
        self._more = [
            asn1_x509.Certificate.load(world.server.pki.certificate(each)) for each in labels * copies
        ]

    def stamp(self, digest: bytes) -> bytes:
        token = ContentInfo.load(self._real.stamp(digest))
        for each in self._more:
            token["content"]["certificates"].append(CertificateChoices(name="certificate", value=each))
        return bytes(token.dump(force=True))


@pytest.mark.parametrize("level", [Level.B_T, Level.B_LTA])
def test_a_token_larger_than_its_place_becomes_a_document_time_stamp(
    world: World, plain: bytes, level: Level
) -> None:
    services = Services(Wordy(world, 5), world.trust())
    made = PdfSigner(world.key_signer("signer"), services=services).sign(plain, **TEXT, at=NOW, level=level)
    verdict = validate(made.pdf, world.trust(), at=NOW)
    assert (level, "", level, NOW) == (made.level, made.missing, verdict.level, verdict.proved_at)


def test_a_token_too_large_for_any_place_costs_the_level(world: World, plain: bytes) -> None:
    services = Services(Wordy(world, 40), world.trust())
    made = PdfSigner(world.key_signer("signer"), services=services).sign(
        plain, **TEXT, at=NOW, level=Level.B_LTA
    )
    assert (Level.B_B, "B-T: the time stamp is too long") == (made.level, made.missing)


def test_completing_to_the_level_that_is_there_changes_nothing(world: World, plain: bytes) -> None:
    for level in (Level.B_B, Level.B_T, Level.B_LT, Level.B_LTA):
        made = signed(world, plain, level)
        assert made == complete(made.pdf, level, world.services(), at=NOW)


def test_completing_during_an_outage_keeps_what_there_is(world: World, plain: bytes) -> None:
    world.server.control(Service.TSA, PkiFault.DOWN)
    world.server.control(Service.OCSP, PkiFault.DOWN)
    world.server.control(Service.CRL, PkiFault.DOWN)
    made = signed(world, plain, Level.B_LTA)
    again = complete(made.pdf, Level.B_LTA, world.services(), at=NOW)
    assert (made.pdf, Level.B_B, "B-T") == (again.pdf, again.level, again.missing[:3])


def test_only_a_valid_signature_is_completed(world: World, plain: bytes) -> None:
    revoked = signed(world, plain, Level.B_B, label="signer-revoked").pdf
    with pytest.raises(BadSignature, match="revoked"):
        complete(revoked, Level.B_LTA, world.services(), at=NOW)
    with pytest.raises(BadSignature):
        complete(plain, Level.B_LTA, world.services(), at=NOW)
    changed = (
        signed(world, plain, Level.B_B)
        .pdf.replace(b"/Producer", b"/Prodicer", 1)
        .replace(b"Tool>T", b"Tool>X", 1)
    )
    with pytest.raises(BadSignature):
        complete(changed, Level.B_LTA, world.services(), at=NOW)


def test_a_level_above_the_first_needs_services(world: World, plain: bytes) -> None:
    with pytest.raises(Malformed):
        PdfSigner(world.key_signer("signer")).sign(plain, **TEXT, at=NOW, level=Level.B_T)


# --- long after ---------------------------------------------------------------------------------


def test_x31_after_the_certificate_expired_every_long_term_document_has_the_same_verdict(
    world: World,
) -> None:
    documents = list(many(world, 10))
    passed = {(Level.B_LT, Judgement(Indication.PASSED)): 10}
    assert passed == tally(documents, world.trust(online=False), at=LATER)
    assert passed == tally(documents, world.trust(), at=LATER)


def test_after_the_certificate_expired_a_signature_without_time_proves_nothing(
    world: World, plain: bytes
) -> None:
    made = signed(world, plain, Level.B_B, label="signer-short")
    verdict = validate(made.pdf, world.trust(), at=LATER)
    assert (False, Sub.OUT_OF_BOUNDS_NO_POE) == (verdict.good, verdict.judgement.sub)


def test_a_certificate_revoked_after_the_proved_time_signed_well(world: World, plain: bytes) -> None:
    world.now = datetime(2026, 5, 1, tzinfo=UTC)
    made = world.pdf_signer("signer-revoked").sign(plain, **TEXT, at=world.now, level=Level.B_T)
    world.now = NOW
    verdict = validate(made.pdf, world.trust(), at=NOW)
    assert (True, Level.B_T) == (verdict.good, verdict.level)


def test_a_certificate_revoked_before_the_proved_time_did_not(world: World, plain: bytes) -> None:
    made = signed(world, plain, Level.B_T, label="signer-revoked")
    verdict = validate(made.pdf, world.trust(), at=NOW)
    assert (False, Sub.REVOKED_NO_POE, Level.NONE) == (verdict.good, verdict.judgement.sub, verdict.level)


def test_what_the_signer_says_of_the_time_proves_nothing(world: World, plain: bytes) -> None:
    before = datetime(2026, 5, 1, tzinfo=UTC)
    made = world.pdf_signer("signer-revoked").sign(plain, **TEXT, at=before)
    verdict = validate(made.pdf, world.trust(), at=NOW)
    assert (before, Sub.REVOKED_NO_POE) == (verdict.signed_at, verdict.judgement.sub)


def test_a_time_stamp_outlives_its_authority_under_a_newer_one(world: World, plain: bytes) -> None:
    made = signed(world, plain, Level.B_LT, tsa="tsa-short")
    bare = validate(made.pdf, world.trust(online=False), at=LATER)
    assert (Sub.OUT_OF_BOUNDS_NO_POE, None) == (bare.judgement.sub, bare.proved_at)
    world.now = datetime(2027, 5, 1, tzinfo=UTC)  # a month before the end of the first authority
    kept = complete(made.pdf, Level.B_LTA, world.services(), at=world.now)
    assert Level.B_LTA is kept.level
    world.now = LATER
    verdict = validate(kept.pdf, world.trust(), at=LATER)
    assert (True, NOW, Level.B_LTA) == (verdict.good, verdict.proved_at, verdict.level)


def test_a_time_stamp_of_a_stranger_raises_no_level(world: World, plain: bytes) -> None:
    made = signed(world, plain, Level.B_T)
    trust = CertificateTrust(
        Roots(national=(world.certificate("root"),)), policy=Policy(revocation=Revocation.NONE)
    )
    verdict = validate(made.pdf, trust, at=NOW)
    assert (True, Level.B_B, None) == (verdict.good, verdict.level, verdict.proved_at)


def test_a_verdict_under_a_test_root_says_so(world: World, plain: bytes) -> None:
    made = signed(world, plain, Level.B_B)
    trust = world.trust(roots=Roots(test=(world.certificate("root"),)))
    assert UNDER_TEST_ROOT == validate(made.pdf, trust, at=NOW).judgement.why
