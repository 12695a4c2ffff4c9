from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko_certvalidator import errors

from sandbox.pki import PkiFault, Service
from signing.errors import SignerAway
from signing.revocation import Lookup
from signing.trust import UNCHECKED, UNDER_TEST_ROOT, CertificateTrust, Roots
from signing.trust_policy import STRONG_DIGESTS, Policy, Revocation
from signing.trust_words import said_of
from signing.verdicts import Indication, Sub, ValidationData
from tests.unit.signing.pki_world import NOW, World, fetch

YES, OPEN, NO = Indication.PASSED, Indication.INDETERMINATE, Indication.FAILED


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


def said(
    world: World, trust: CertificateTrust, label: str, at: datetime = NOW, data: ValidationData | None = None
) -> tuple[Indication, Sub]:
    judgement = trust.judge(world.certificate(label), world.chain(label)[:1], at=at, data=data)
    return judgement.indication, judgement.sub


@pytest.mark.parametrize("revocation", [Revocation.SOFT, Revocation.HARD])
@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("signer", (YES, Sub.NONE)),
        ("signer-rsa", (YES, Sub.NONE)),
        ("signer-short", (YES, Sub.NONE)),
        ("signer-mail", (YES, Sub.NONE)),
        ("signer-expired", (OPEN, Sub.OUT_OF_BOUNDS_NO_POE)),
        ("signer-future", (NO, Sub.NOT_YET_VALID)),
        ("signer-revoked", (OPEN, Sub.REVOKED_NO_POE)),
        ("signer-under-revoked", (OPEN, Sub.REVOKED_CA_NO_POE)),
        ("signer-foreign", (OPEN, Sub.NO_CERTIFICATE_CHAIN_FOUND)),
        ("signer-web", (OPEN, Sub.CHAIN_CONSTRAINTS_FAILURE)),
        ("signer-encipher", (OPEN, Sub.CHAIN_CONSTRAINTS_FAILURE)),
        ("issuing", (OPEN, Sub.CHAIN_CONSTRAINTS_FAILURE)),
        ("tsa", (OPEN, Sub.CHAIN_CONSTRAINTS_FAILURE)),
        ("root", (OPEN, Sub.CHAIN_CONSTRAINTS_FAILURE)),
        ("signer-rsa1024", (OPEN, Sub.CRYPTO_CONSTRAINTS_FAILURE)),
        ("signer-sha1", (OPEN, Sub.CRYPTO_CONSTRAINTS_FAILURE)),
        ("signer-p384", (OPEN, Sub.CRYPTO_CONSTRAINTS_FAILURE)),
    ],
)
def test_each_signer_of_the_pki_is_judged_by_what_is_wrong_with_it(
    world: World, revocation: Revocation, label: str, expected: tuple[Indication, Sub]
) -> None:
    assert expected == said(world, world.trust(revocation), label)


@pytest.mark.parametrize(
    ("label", "lenient", "strict"),
    [
        ("signer", YES, YES),
        ("signer-only-bit", YES, YES),
        ("signer-without-bit", YES, OPEN),
        ("signer-usage-unsaid", YES, OPEN),
        ("signer-encipher", OPEN, OPEN),
        ("signer-web", OPEN, OPEN),
    ],
)
def test_x32_a_certificate_without_the_non_repudiation_bit_counts_where_the_profile_lets_it(
    world: World, label: str, lenient: Indication, strict: Indication
) -> None:
    policies = (Policy(digital_signature_suffices=True), Policy(digital_signature_suffices=False))
    judged = [said(world, world.trust(policy=policy), label)[0] for policy in policies]
    assert [lenient, strict] == judged


def test_a_profile_names_the_extended_usages_that_it_wants(world: World) -> None:
    web = Policy(extended_usages=frozenset({ExtendedKeyUsageOID.SERVER_AUTH}))
    assert (YES, OPEN) == (
        said(world, world.trust(policy=web), "signer-web")[0],
        said(world, world.trust(policy=web), "signer-mail")[0],
    )


@pytest.mark.parametrize(
    ("label", "policy"),
    [
        ("signer-rsa1024", Policy(min_rsa_bits=1024)),
        ("signer-sha1", Policy(digests=STRONG_DIGESTS | {"sha1"})),
        ("signer-p384", Policy(curves=frozenset({"secp256r1", "secp384r1"}))),
    ],
)
def test_a_weak_certificate_is_read_where_the_profile_lets_it(
    world: World, label: str, policy: Policy
) -> None:
    assert YES is said(world, world.trust(policy=policy), label)[0]


def test_revocation_counts_from_its_moment_on(world: World) -> None:
    revoked = datetime(2026, 6, 1, tzinfo=UTC)
    moments = [revoked - timedelta(days=1), revoked - timedelta(seconds=5), revoked + timedelta(seconds=5)]
    assert [YES, YES, OPEN] == [said(world, world.trust(), "signer-revoked", at)[0] for at in moments]


def test_without_revocation_in_the_policy_nobody_is_asked(world: World) -> None:
    assert (YES, Sub.NONE) == said(world, world.trust(Revocation.NONE), "signer-revoked")
    assert [] == world.server.calls


def test_a_verdict_under_a_test_root_says_so(world: World) -> None:
    roots = Roots(test=(world.certificate("root"),))
    trust = world.trust(roots=roots)
    judgement = trust.judge(world.certificate("signer"), world.chain("signer")[:1], at=NOW)
    assert (YES, UNDER_TEST_ROOT) == (judgement.indication, judgement.why)
    national = world.trust().judge(world.certificate("signer"), world.chain("signer")[:1], at=NOW)
    assert "" == national.why


def test_roots_for_time_stamps_are_no_roots_for_documents(world: World) -> None:
    trust = world.trust(roots=Roots(stamping=(world.certificate("root"),)))
    assert (OPEN, Sub.NO_CERTIFICATE_CHAIN_FOUND) == said(world, trust, "signer")


def test_a_missing_issuer_is_fetched_from_where_the_certificate_says(world: World) -> None:
    assert world.trust().judge(world.certificate("signer"), (), at=NOW).good
    assert Service.CERTIFICATES in world.server.calls
    offline = world.trust(Revocation.NONE, online=False).judge(world.certificate("signer"), (), at=NOW)
    assert Sub.NO_CERTIFICATE_CHAIN_FOUND is offline.sub


def broken(world: World, fault: PkiFault, *services: Service) -> None:
    for service in services:
        world.server.control(service, fault)


FAULTS = [PkiFault.DOWN, PkiFault.ERROR, PkiFault.GARBAGE, PkiFault.HANG]


@pytest.mark.parametrize("fault", FAULTS)
def test_an_outage_is_no_pass_where_revocation_is_wanted_and_a_note_where_it_is_not(
    world: World, fault: PkiFault
) -> None:
    broken(world, fault, Service.OCSP, Service.CRL)
    assert (OPEN, Sub.TRY_LATER) == said(world, world.trust(Revocation.HARD), "signer")
    soft = world.trust(Revocation.SOFT).judge(world.certificate("signer"), world.chain("signer")[:1], at=NOW)
    assert (YES, UNCHECKED) == (soft.indication, soft.why)


@pytest.mark.parametrize("fault", [*FAULTS, PkiFault.WRONG_NONCE])
def test_the_list_stands_in_for_an_ocsp_responder_that_is_away(world: World, fault: PkiFault) -> None:
    broken(world, fault, Service.OCSP)
    assert (YES, Sub.NONE) == said(world, world.trust(), "signer")
    assert (OPEN, Sub.REVOKED_NO_POE) == said(world, world.trust(), "signer-revoked")
    assert Service.CRL in world.server.calls


def test_an_answer_to_another_question_is_not_believed(world: World) -> None:
    broken(world, PkiFault.WRONG_NONCE, Service.OCSP)
    broken(world, PkiFault.DOWN, Service.CRL)
    assert (OPEN, Sub.TRY_LATER) == said(world, world.trust(), "signer")


def test_what_is_missing_for_the_authority_does_not_hide_that_the_signer_is_revoked(world: World) -> None:
    broken(world, PkiFault.DOWN, Service.CRL)  # the authority above is in a list only
    for policy in (Revocation.HARD, Revocation.SOFT):
        assert (OPEN, Sub.REVOKED_NO_POE) == said(world, world.trust(policy), "signer-revoked")


def test_what_is_missing_for_one_authority_does_not_hide_that_another_is_revoked(world: World) -> None:
    trust = world.trust(Revocation.SOFT)
    lists = trust.gather(world.certificate("tsa"), (), at=NOW).crls
    expected = (OPEN, Sub.REVOKED_CA_NO_POE)
    assert expected == said(world, trust, "signer-under-revoked", data=ValidationData(crls=lists))
    assert (YES, Sub.NONE) == said(world, trust, "signer", data=ValidationData(crls=lists))


def test_a_refused_connection_is_an_outage_too(world: World) -> None:
    other = Lookup(lambda *_: fetch("http://127.0.0.1:9/", "", None), clock=lambda: NOW)
    trust = CertificateTrust(world.roots, lookup=other)
    assert (OPEN, Sub.TRY_LATER) == said(world, trust, "signer")


def test_answers_are_asked_for_once_until_their_next_update(world: World) -> None:
    trust = world.trust()
    assert [YES] * 20 == [said(world, trust, "signer")[0] for _ in range(20)]
    assert [Service.OCSP, Service.CRL] == world.server.calls
    world.now = NOW + timedelta(hours=13)  # the answer of OCSP holds for twelve hours
    assert YES is said(world, trust, "signer", world.now)[0]
    assert [Service.OCSP, Service.CRL, Service.OCSP] == world.server.calls


def test_an_outage_costs_one_call_in_half_a_minute(world: World) -> None:
    broken(world, PkiFault.DOWN, Service.OCSP, Service.CRL)
    trust = world.trust()
    assert [Sub.TRY_LATER] * 20 == [said(world, trust, "signer")[1] for _ in range(20)]
    assert sorted([Service.OCSP, Service.CRL, Service.CRL]) == sorted(world.server.calls)
    broken(world, PkiFault.NONE, Service.OCSP, Service.CRL)
    world.now = NOW + timedelta(seconds=31)
    assert YES is said(world, trust, "signer", world.now)[0]


def test_what_was_gathered_is_enough_without_any_network(world: World) -> None:
    data = world.trust().gather(world.certificate("signer"), world.chain("signer"), at=NOW)
    offline = world.trust(online=False)
    assert (YES, Sub.NONE) == said(world, offline, "signer", data=data)
    assert (3, 1, 1) == (len(data.certificates), len(data.ocsps), len(data.crls))
    world.server.calls.clear()
    assert (YES, Sub.NONE) == said(world, world.trust(), "signer", data=data)
    assert (OPEN, Sub.TRY_LATER) == said(world, world.trust(), "signer", data=ValidationData())
    assert [] == world.server.calls


def test_what_was_gathered_for_another_certificate_proves_nothing(world: World) -> None:
    data = world.trust().gather(world.certificate("signer"), world.chain("signer"), at=NOW)
    assert (OPEN, Sub.TRY_LATER) == said(world, world.trust(), "signer-rsa", data=data)


def test_old_answers_do_not_say_what_happened_after_them(world: World) -> None:
    data = world.trust().gather(world.certificate("signer"), world.chain("signer"), at=NOW)
    assert (OPEN, Sub.TRY_LATER) == said(world, world.trust(), "signer", NOW + timedelta(days=30), data)


def test_an_ocsp_answer_that_a_stranger_signed_is_not_believed(world: World) -> None:
    data = world.trust().gather(world.certificate("signer"), world.chain("signer"), at=NOW)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "stranger")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1))
    stranger = builder.public_key(key.public_key()).sign(key, hashes.SHA256())
    response = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=world.certificate("signer"),
            issuer=world.certificate("issuing"),
            algorithm=hashes.SHA1(),
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=NOW,
            next_update=NOW + timedelta(hours=1),
            revocation_time=None,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, stranger)
        .certificates([stranger])
        .sign(key, hashes.SHA256())
    )
    forged = replace(data, ocsps=(response.public_bytes(Encoding.DER),))
    assert (OPEN, Sub.TRY_LATER) == said(world, world.trust(), "signer", data=forged)


def test_an_answer_that_was_of_no_use_is_asked_for_again(world: World) -> None:
    asked: list[str] = []

    def once_forged(url: str, media_type: str, body: bytes | None) -> bytes:
        answer = bytearray(fetch(url, media_type, body))
        if "/ocsp/" in url:
            asked.append(url)
            if len(asked) == 1:
                # the signature of the answer stands before the responder's certificate, which is at the end
                answer[
                    answer.index(b"\x03\x48\x00" if b"\x03\x48\x00" in answer else b"\x03\x47\x00") + 20
                ] ^= 1
        return bytes(answer)

    trust = CertificateTrust(world.roots, lookup=Lookup(once_forged, clock=lambda: NOW))
    first, second = (said(world, trust, "signer") for _ in range(2))
    assert ((OPEN, Sub.TRY_LATER), (YES, Sub.NONE)) == (first, second)


def test_with_data_not_even_an_issuer_is_asked_for(world: World) -> None:
    judgement = world.trust().judge(world.certificate("signer"), (), at=NOW, data=ValidationData())
    assert (Sub.NO_CERTIFICATE_CHAIN_FOUND, []) == (judgement.sub, world.server.calls)


def test_gathering_says_when_somebody_is_away(world: World) -> None:
    broken(world, PkiFault.DOWN, Service.OCSP, Service.CRL)
    with pytest.raises(SignerAway):
        world.trust().gather(world.certificate("signer"), world.chain("signer"), at=NOW)
    with pytest.raises(SignerAway):
        world.trust(online=False).gather(world.certificate("signer"), world.chain("signer"), at=NOW)


def test_gathering_for_a_foreign_certificate_finds_nobody_to_ask(world: World) -> None:
    with pytest.raises(SignerAway):
        world.trust().gather(world.certificate("signer-foreign"), (), at=NOW)


def test_a_chain_with_one_changed_byte_does_not_hold(world: World) -> None:
    der = bytearray(world.certificate("signer").public_bytes(Encoding.DER))
    der[-1] ^= 1
    changed = x509.load_der_x509_certificate(bytes(der))
    assert not world.trust().judge(changed, world.chain("signer"), at=NOW).good


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # a negative one is judged all the same
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_judging_what_was_damaged_raises_nothing_and_passes_nothing(
    shared: World, data: st.DataObject
) -> None:
    der = bytearray(shared.certificate("signer").public_bytes(Encoding.DER))
    at = data.draw(st.integers(0, len(der) - 1))
    der[at] ^= data.draw(st.integers(1, 255))
    try:
        damaged = x509.load_der_x509_certificate(bytes(der))
    except (ValueError, UserWarning, x509.InvalidVersion):  # a warning: a serial number that is negative
        return
    junk = ValidationData((data.draw(st.binary(max_size=20)),), (data.draw(st.binary(max_size=20)),), ())
    trust = shared.trust(Revocation.NONE, online=False)
    assert not trust.judge(damaged, shared.chain("signer"), at=NOW).good
    assert not trust.judge(damaged, shared.chain("signer"), at=NOW, data=junk).good


@pytest.mark.parametrize("part", ["certificates", "ocsps", "crls"])
def test_data_that_cannot_be_read_is_no_pass_and_no_exception(world: World, part: str) -> None:
    data = replace(ValidationData(), **{part: (b"\x30\x03\x02\x01",)})
    assert OPEN is said(world, world.trust(), "signer", data=data)[0]


def test_a_time_without_an_offset_is_no_pass_and_no_exception(world: World) -> None:
    assert OPEN is said(world, world.trust(), "signer", NOW.replace(tzinfo=None))[0]


@pytest.mark.parametrize("error", [errors.ValidationError("x"), errors.PathError("x"), ValueError("x")])
def test_every_error_of_the_validation_has_a_sub_indication(error: Exception) -> None:
    judgement = said_of(error)
    assert (OPEN, Sub.CERTIFICATE_CHAIN_GENERAL_FAILURE) == (judgement.indication, judgement.sub)


def test_no_name_stands_in_a_judgement_or_a_repr(world: World) -> None:
    labels = ["signer", "signer-revoked", "signer-foreign", "signer-expired", "signer-web", "signer-future"]
    trust = world.trust()
    texts = [repr(trust.judge(world.certificate(each), world.chain(each), at=NOW)) for each in labels]
    assert not any("Tư pháp" in text or "CN=" in text for text in [*texts, repr(world.roots)])
