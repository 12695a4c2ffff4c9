"""The levels of XML, CMS and containers against the test PKI: its OCSP, its lists, its time-stamping authority."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from sandbox.pki import PkiFault, Service
from signing import asic, cms
from signing.errors import Malformed, SignerAway
from signing.trust_policy import Revocation
from signing.verdicts import Indication, Sub
from signing.xml_signatures import Verified, add_timestamp, complete, sign, verify
from tests.unit.signing import pki_world
from tests.unit.signing.pki_world import NOW, World
from tests.unit.signing.signing_xml import PLACE, RECEIPT, SIGNED

LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("pki"))
    yield made
    made.server.stop()


@pytest.fixture
def world(shared: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(
        pki_world, "TIMEOUT_S", 20
    )  # nothing here is about time: a busy machine may take its own
    shared.now = NOW
    for service in Service:
        shared.server.control(service, PkiFault.NONE)
    shared.server.calls.clear()
    return shared


def stamped(world: World, label: str = "signer-short") -> bytes:
    who, stamper = world.key_signer(label), world.stamper()
    return sign(RECEIPT, who, at=NOW, place=PLACE, signed=SIGNED, stamper=stamper)


def read(world: World, document: bytes, *, at: datetime, online: bool) -> Verified:
    return verify(document, world.trust(online=online), at=at, place=PLACE, signed=SIGNED)


@pytest.mark.parametrize("at", [NOW, LATER])
def test_a_document_of_level_b_lt_is_judged_without_network_after_its_certificate_expired(
    world: World, at: datetime
) -> None:
    document = complete(stamped(world), world.trust(), at=NOW, place=PLACE)
    world.server.calls.clear()
    found = read(world, document, at=at, online=False)
    assert ("B-LT", NOW, Indication.PASSED) == (
        found.by.level,
        found.by.stamped_at,
        found.judgement.indication,
    )
    assert [] == world.server.calls


def test_a_time_stamped_document_without_the_data_cannot_be_judged_without_network(world: World) -> None:
    found = read(world, stamped(world), at=NOW, online=False)
    assert (Indication.INDETERMINATE, Sub.TRY_LATER) == (found.judgement.indication, found.judgement.sub)
    assert read(world, stamped(world), at=NOW, online=True).judgement.good


def test_a_document_without_a_time_stamp_does_not_outlive_its_certificate(world: World) -> None:
    plain = sign(RECEIPT, world.key_signer("signer-short"), at=NOW, place=PLACE, signed=SIGNED)
    assert read(world, plain, at=NOW, online=True).judgement.good
    assert Indication.INDETERMINATE is read(world, plain, at=LATER, online=True).judgement.indication


@pytest.mark.parametrize("service", [Service.TSA, Service.OCSP])
def test_an_authority_that_is_down_costs_a_level_and_not_the_signature(
    world: World, service: Service
) -> None:
    plain = sign(RECEIPT, world.key_signer("signer"), at=NOW, place=PLACE, signed=SIGNED)
    world.server.control(service, PkiFault.DOWN)
    world.server.control(Service.CRL, PkiFault.DOWN)
    with pytest.raises(SignerAway):
        complete(add_timestamp(plain, world.stamper(), place=PLACE), world.trust(), at=NOW, place=PLACE)
    for each in Service:
        world.server.control(each, PkiFault.NONE)
    later = complete(add_timestamp(plain, world.stamper(), place=PLACE), world.trust(), at=NOW, place=PLACE)
    assert "B-LT" == read(world, later, at=NOW, online=False).by.level


def test_a_document_without_a_time_stamp_is_not_completed(world: World) -> None:
    plain = sign(RECEIPT, world.key_signer("signer"), at=NOW, place=PLACE, signed=SIGNED)
    with pytest.raises(Malformed, match="no time-stamp yet"):
        complete(plain, world.trust(), at=NOW, place=PLACE)


def test_a_time_stamp_of_nobody_we_trust_does_not_count(world: World) -> None:
    trust = world.trust(Revocation.NONE)
    found = verify(stamped(world), trust, at=NOW, place=PLACE, signed=SIGNED)
    other = world.trust(Revocation.NONE, roots=type(world.roots)(national=world.roots.national))
    assert found.judgement.good
    assert not verify(stamped(world), other, at=NOW, place=PLACE, signed=SIGNED).judgement.good


def test_a_cms_and_a_container_are_judged_by_the_same_trust(world: World) -> None:
    who, stamper = world.key_signer("signer-rsa"), world.stamper()
    signed = cms.sign(b"content", who, at=NOW, stamper=stamper)
    boxed = asic.build({"a.txt": b"content"}, who, NOW, stamper=stamper)
    read_cms = cms.verify(signed, world.trust(), at=NOW, content=b"content")
    read_box = asic.read(boxed, world.trust(), NOW)
    assert ("B-T", True) == (read_cms.signers[0].level, read_cms.judgement.good)
    assert ("B-T", True) == (read_box.signed_by.level, read_box.judgement.good)


def test_a_revoked_signer_is_refused_in_every_format(world: World) -> None:
    who = world.key_signer("signer-revoked")
    document = sign(RECEIPT, who, at=NOW, place=PLACE, signed=SIGNED)
    box = asic.build({"a.txt": b"content"}, who, NOW)
    for judgement in (
        read(world, document, at=NOW, online=True).judgement,
        asic.read(box, world.trust(), NOW).judgement,
    ):
        assert judgement.sub in {Sub.REVOKED, Sub.REVOKED_NO_POE}
