import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms, core
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from signing.arithmetic import Allow, ContentChanged, judgement_of, load_certificate
from signing.cms import MOST_BYTES, add_timestamp, sign, verify
from signing.errors import BadSignature, ForbiddenAlgorithm, Malformed, SigningError, UnknownKey
from signing.verdicts import Indication, Judgement, Sub
from tests.unit.signing.signing_people import (
    AT,
    LATER,
    Clock,
    OneRoot,
    certify,
    p256,
    rsa_key,
    run,
    signer,
    stranger,
    with_certificate,
    write_pem,
)

OPENSSL = "/usr/bin/openssl"
CONTENT = "Sao kê ngày 24/11/2026\n1.250.000 đồng\n".encode()
TRUST = OneRoot()
KINDS = ["p256", "rsa"]
Change = Callable[[cms.SignedData, cms.SignerInfo], object]


def edited(data: bytes, change: Change) -> bytes:
    """The CMS after `change` was done to its first signer."""
    info = cms.ContentInfo.load(data)
    change(info["content"], info["content"]["signer_infos"][0])
    return bytes(info.dump(force=True))


def resigned(data: bytes, change: Change, kind: str = "p256") -> bytes:
    """The CMS whose signed attributes were changed and signed again by the same key."""

    def sign_again(signed: cms.SignedData, info: cms.SignerInfo) -> None:
        change(signed, info)
        octets = info["signed_attrs"].untag().dump(force=True)
        key = p256("Signer")
        info["signature"] = (
            rsa_key().sign(octets, padding.PKCS1v15(), hashes.SHA256())
            if kind == "rsa"
            else key.sign(octets, ec.ECDSA(hashes.SHA256()))
        )

    return edited(data, sign_again)


def without(*kinds: str) -> Change:
    def change(_signed: cms.SignedData, info: cms.SignerInfo) -> None:
        kept = [each for each in info["signed_attrs"] if each["type"].native not in kinds]
        info["signed_attrs"] = cms.CMSAttributes(kept)

    return change


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attached", [True, False])
def test_what_is_signed_is_read_again(*, kind: str, attached: bool) -> None:
    made = sign(CONTENT, signer(kind), at=AT, attached=attached)
    read = verify(made, TRUST, at=AT, content=None if attached else CONTENT)
    (who,) = read.signers
    assert CONTENT == read.content
    assert read.judgement.good
    assert (signer(kind).certificate, AT, None, "B-B") == (
        who.certificate,
        who.signed_at,
        who.stamped_at,
        who.level,
    )


def test_the_bytes_are_der_and_the_signed_attributes_are_those_of_cades() -> None:
    made = sign(CONTENT, signer("rsa"), at=AT, attached=True)
    info = cms.ContentInfo.load(made)["content"]["signer_infos"][0]
    assert made == sign(CONTENT, signer("rsa"), at=AT, attached=True)
    assert made == cms.ContentInfo.load(made).dump(force=True)
    assert {
        "content_type",
        "message_digest",
        "signing_time",
        "signing_certificate_v2",
        "cms_algorithm_protection",
    } == {each["type"].native for each in info["signed_attrs"]}


def test_two_signers_are_both_read_and_one_that_is_not_trusted_spoils_the_verdict() -> None:
    both = verify(sign(CONTENT, signer(), signer("rsa"), at=AT, attached=True), TRUST, at=AT)
    mixed = verify(sign(CONTENT, signer(), stranger(), at=AT, attached=True), TRUST, at=AT)
    assert {signer().certificate, signer("rsa").certificate} == {each.certificate for each in both.signers}
    assert both.judgement.good
    assert Sub.NO_CERTIFICATE_CHAIN_FOUND is mixed.judgement.sub


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attached", [True, False])
def test_openssl_accepts_what_we_make_and_refuses_each_altered_copy(
    *, tmp_path: Path, kind: str, attached: bool
) -> None:
    _, _, root = write_pem(tmp_path, signer(kind))
    content, file = tmp_path / "content", tmp_path / "signed.p7s"
    content.write_bytes(CONTENT)
    made = sign(CONTENT, signer(kind), at=AT, attached=attached, stamper=Clock())

    def openssl(data: bytes, text: bytes = CONTENT) -> int:
        file.write_bytes(data)
        content.write_bytes(text)
        known = ["-inform", "DER", "-in", file, "-CAfile", root, "-binary", "-purpose", "any"]
        beside = [] if attached else ["-content", content]
        moment = ["-attime", str(int(AT.timestamp()))]
        return run(OPENSSL, "cms", "-verify", *known, *beside, *moment, "-out", tmp_path / "out")[0]

    assert openssl(made) == 0
    assert (tmp_path / "out").read_bytes() == CONTENT
    info = cms.ContentInfo.load(made)["content"]["signer_infos"][0]
    parts = [info["signature"].native, info["signed_attrs"][-1].dump()[-8:]]
    parts += [CONTENT[:8]] if attached else []
    for part in parts:
        at = made.index(part) + len(part) - 1
        altered = made[:at] + bytes([made[at] ^ 1]) + made[at + 1 :]
        assert openssl(altered) != 0
        with pytest.raises(SigningError):
            verify(altered, TRUST, at=AT, content=None if attached else CONTENT)
    if not attached:
        assert openssl(made, CONTENT + b" ") != 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options", [[], ["-cades"], ["-keyid"], ["-nodetach"], ["-md", "sha512"], ["-stream", "-nodetach"]]
)
def test_what_openssl_signs_is_read(tmp_path: Path, kind: str, options: list[str]) -> None:
    key, certificate, _ = write_pem(tmp_path, signer(kind))
    (tmp_path / "content").write_bytes(CONTENT)
    done, said = run(
        OPENSSL, "cms", "-sign", "-binary", "-in", tmp_path / "content", "-signer", certificate, "-inkey", key,
        "-outform", "DER", "-out", tmp_path / "signed", *options,
    )  # fmt: skip
    assert (0, b"") == (done, said)
    beside = None if "-nodetach" in options else CONTENT
    read = verify((tmp_path / "signed").read_bytes(), TRUST, at=AT, content=beside)
    assert (CONTENT, True) == (read.content, read.judgement.good)
    assert ("B-B" if "-cades" in options else "CMS") == read.signers[0].level


def test_rsassa_pss_of_openssl_is_read(tmp_path: Path) -> None:
    made = pss(tmp_path)
    assert verify(made, TRUST, at=AT, content=CONTENT).judgement.good
    with pytest.raises(ContentChanged):
        verify(made, TRUST, at=AT, content=CONTENT + b"0")


def test_sha1_is_refused_unless_a_profile_allows_it_for_reading(tmp_path: Path) -> None:
    key, certificate, _ = write_pem(tmp_path, signer("rsa"))
    (tmp_path / "content").write_bytes(CONTENT)
    run(
        OPENSSL, "cms", "-sign", "-binary", "-in", tmp_path / "content", "-signer", certificate, "-inkey", key,
        "-md", "sha1", "-outform", "DER", "-out", tmp_path / "signed",
    )  # fmt: skip
    made = (tmp_path / "signed").read_bytes()
    with pytest.raises(ForbiddenAlgorithm, match="digest algorithm"):
        verify(made, TRUST, at=AT, content=CONTENT)
    assert verify(made, TRUST, at=AT, content=CONTENT, allow={Allow.SHA1}).judgement.good


def test_a_short_rsa_key_is_refused_unless_a_profile_allows_it_for_reading(tmp_path: Path) -> None:
    short = rsa_key(1024)
    who = with_certificate(signer("rsa"), signer("rsa").certificate)
    object.__setattr__(who, "private_key", short)
    object.__setattr__(who, "certificate", certify("Short", short, "Root", p256("root")))
    with pytest.raises(ForbiddenAlgorithm):
        sign(CONTENT, who, at=AT)
    key, certificate, _ = write_pem(tmp_path, who)
    (tmp_path / "content").write_bytes(CONTENT)
    run(
        OPENSSL, "cms", "-sign", "-binary", "-in", tmp_path / "content", "-signer", certificate, "-inkey", key,
        "-outform", "DER", "-out", tmp_path / "signed",
    )  # fmt: skip
    made = (tmp_path / "signed").read_bytes()
    with pytest.raises(ForbiddenAlgorithm, match="bits"):
        verify(made, TRUST, at=AT, content=CONTENT)
    assert verify(made, TRUST, at=AT, content=CONTENT, allow={Allow.SHORT_RSA}).judgement.good


def test_a_changed_content_is_a_hash_failure_and_a_changed_signature_a_crypto_failure() -> None:
    made = sign(CONTENT, signer(), at=AT)
    with pytest.raises(ContentChanged) as changed:
        verify(made, TRUST, at=AT, content=CONTENT.replace(b"1.250", b"9.250"))
    other = sign(CONTENT, signer(), at=AT + timedelta(seconds=1))
    stolen = cms.ContentInfo.load(other)["content"]["signer_infos"][0]["signature"].native

    def swap(_signed: cms.SignedData, info: cms.SignerInfo) -> None:
        info["signature"] = stolen

    with pytest.raises(BadSignature) as forged:
        verify(edited(made, swap), TRUST, at=AT, content=CONTENT)
    assert [(Indication.FAILED, Sub.HASH_FAILURE), (Indication.FAILED, Sub.SIG_CRYPTO_FAILURE)] == [
        (said.indication, said.sub) for said in (judgement_of(changed.value), judgement_of(forged.value))
    ]


def test_signed_attributes_passed_off_as_the_content_are_refused() -> None:
    """The signature over the attributes is also one over their bytes as a content without attributes."""
    made = sign(CONTENT, signer(), at=AT)
    octets = cms.ContentInfo.load(made)["content"]["signer_infos"][0]["signed_attrs"].untag().dump()

    def strip(signed: cms.SignedData, info: cms.SignerInfo) -> None:
        del info["signed_attrs"]

    bare = edited(made, strip)
    with pytest.raises(Malformed, match="set of signed attributes"):
        verify(bare, TRUST, at=AT, content=octets, allow={Allow.NO_ATTRIBUTES})
    with pytest.raises(Malformed, match="two meanings"):
        sign(octets, signer(), at=AT)


def test_a_signature_without_signed_attributes_is_refused_unless_a_profile_allows_it(tmp_path: Path) -> None:
    key, certificate, _ = write_pem(tmp_path, signer())
    (tmp_path / "content").write_bytes(CONTENT)
    run(
        OPENSSL, "cms", "-sign", "-binary", "-noattr", "-in", tmp_path / "content", "-signer", certificate,
        "-inkey", key, "-outform", "DER", "-out", tmp_path / "signed",
    )  # fmt: skip
    made = (tmp_path / "signed").read_bytes()
    with pytest.raises(ForbiddenAlgorithm, match="no signed attributes"):
        verify(made, TRUST, at=AT, content=CONTENT)
    assert verify(made, TRUST, at=AT, content=CONTENT, allow={Allow.NO_ATTRIBUTES}).judgement.good
    with pytest.raises(BadSignature):
        verify(made, TRUST, at=AT, content=CONTENT + b" ", allow={Allow.NO_ATTRIBUTES})


def test_a_digest_algorithm_that_the_signature_algorithm_does_not_name_is_refused() -> None:
    def other_digest(signed: cms.SignedData, info: cms.SignerInfo) -> None:
        signed["digest_algorithms"] = [{"algorithm": "sha512"}]
        info["digest_algorithm"] = {"algorithm": "sha512"}

    with pytest.raises(ForbiddenAlgorithm, match="do not agree"):
        verify(edited(sign(CONTENT, signer(), at=AT), other_digest), TRUST, at=AT, content=CONTENT)


def test_a_digest_algorithm_that_the_message_does_not_list_is_refused() -> None:
    def unlisted(signed: cms.SignedData, _info: cms.SignerInfo) -> None:
        signed["digest_algorithms"] = [{"algorithm": "sha512"}]

    with pytest.raises(Malformed, match="not among"):
        verify(edited(sign(CONTENT, signer(), at=AT), unlisted), TRUST, at=AT, content=CONTENT)


def test_an_rsa_signature_algorithm_with_an_elliptic_key_is_refused() -> None:
    def rsa_algorithm(_signed: cms.SignedData, info: cms.SignerInfo) -> None:
        info["signature_algorithm"] = {"algorithm": "sha256_rsa"}

    made = resigned(sign(CONTENT, signer(), at=AT), without("cms_algorithm_protection"))
    with pytest.raises(ForbiddenAlgorithm, match="not one of the key"):
        verify(edited(made, rsa_algorithm), TRUST, at=AT, content=CONTENT)


def test_algorithms_other_than_the_signer_wrote_down_are_refused() -> None:
    def plain_name(_signed: cms.SignedData, info: cms.SignerInfo) -> None:
        info["signature_algorithm"] = {"algorithm": "rsassa_pkcs1v15"}

    with pytest.raises(ForbiddenAlgorithm, match="wrote down"):
        verify(edited(sign(CONTENT, signer("rsa"), at=AT), plain_name), TRUST, at=AT, content=CONTENT)


def test_another_certificate_of_the_same_key_is_not_the_one_that_was_signed_with() -> None:
    ours = signer().certificate
    twin = certify("Signer", p256("Signer"), "Root", p256("root"), serial=ours.serial_number)
    assert twin != ours
    made = sign(CONTENT, signer(), at=AT)

    def swap(signed: cms.SignedData, _info: cms.SignerInfo) -> None:
        der = twin.public_bytes(Encoding.DER)
        signed["certificates"] = [cms.CertificateChoices.load(der)]

    with pytest.raises(BadSignature, match="not the one that the signer signed with"):
        verify(edited(made, swap), TRUST, at=AT, content=CONTENT)
    with pytest.raises(Malformed, match="More than one certificate"):
        verify(made, TRUST, at=AT, content=CONTENT, certificates=[twin])


@pytest.mark.parametrize("missing", ["content_type", "message_digest"])
def test_signed_attributes_that_do_not_name_the_content_are_refused(missing: str) -> None:
    made = resigned(sign(CONTENT, signer(), at=AT), without(missing))
    with pytest.raises(Malformed, match="do not name the content"):
        verify(made, TRUST, at=AT, content=CONTENT)


def test_a_signed_attribute_that_stands_twice_is_refused() -> None:
    def twice(_signed: cms.SignedData, info: cms.SignerInfo) -> None:
        wrong = cms.CMSAttribute({"type": "message_digest", "values": [bytes(32)]})
        info["signed_attrs"] = cms.CMSAttributes([*info["signed_attrs"], wrong])

    with pytest.raises(Malformed, match="does not stand there once"):
        verify(resigned(sign(CONTENT, signer(), at=AT), twice), TRUST, at=AT, content=CONTENT)


def test_a_content_type_that_is_not_the_one_of_the_message_is_refused() -> None:
    def other_type(_signed: cms.SignedData, info: cms.SignerInfo) -> None:
        kept = [each for each in info["signed_attrs"] if each["type"].native != "content_type"]
        other = cms.CMSAttribute({"type": "content_type", "values": ["signed_data"]})
        info["signed_attrs"] = cms.CMSAttributes([*kept, other])

    with pytest.raises(Malformed, match="another type"):
        verify(resigned(sign(CONTENT, signer(), at=AT), other_type), TRUST, at=AT, content=CONTENT)


def pss(tmp_path: Path) -> bytes:
    key, certificate, _ = write_pem(tmp_path, signer("rsa"))
    (tmp_path / "content").write_bytes(CONTENT)
    run(
        OPENSSL, "cms", "-sign", "-binary", "-in", tmp_path / "content", "-signer", certificate, "-inkey", key,
        "-keyopt", "rsa_padding_mode:pss", "-md", "sha256", "-outform", "DER", "-out", tmp_path / "signed",
    )  # fmt: skip
    return (tmp_path / "signed").read_bytes()


def test_rsassa_pss_with_another_digest_for_its_mask_or_a_salt_of_no_length_is_refused(
    tmp_path: Path,
) -> None:
    def mask(_signed: cms.SignedData, info: cms.SignerInfo) -> None:
        info["signature_algorithm"]["parameters"]["mask_gen_algorithm"]["parameters"] = {"algorithm": "sha1"}

    def salt(_signed: cms.SignedData, info: cms.SignerInfo) -> None:
        info["signature_algorithm"]["parameters"]["salt_length"] = 100_000

    made = pss(tmp_path)
    with pytest.raises(ForbiddenAlgorithm, match="do not agree"):
        verify(edited(made, mask), TRUST, at=AT, content=CONTENT)
    with pytest.raises(Malformed, match="salt"):
        verify(edited(made, salt), TRUST, at=AT, content=CONTENT)


def test_an_algorithm_that_nobody_should_use_is_refused() -> None:
    def old(_signed: cms.SignedData, info: cms.SignerInfo) -> None:
        info["signature_algorithm"] = {"algorithm": "md5_rsa"}

    with pytest.raises(ForbiddenAlgorithm, match="not one that is accepted"):
        verify(edited(sign(CONTENT, signer("rsa"), at=AT), old), TRUST, at=AT, content=CONTENT)


def test_a_message_of_another_kind_is_refused() -> None:
    def other_content(signed: cms.SignedData, _info: cms.SignerInfo) -> None:
        signed["version"] = "v3"
        signed["encap_content_info"] = cms.EncapsulatedContentInfo({"content_type": "enveloped_data"})

    def other_certificate(signed: cms.SignedData, _info: cms.SignerInfo) -> None:
        other = cms.OtherCertificateFormat({"other_cert_format": "1.2.3", "other_cert": core.Null()})
        signed["certificates"] = [cms.CertificateChoices("other", other)]

    made = sign(CONTENT, signer(), at=AT)
    with pytest.raises(Malformed, match="another type than data"):
        verify(edited(made, other_content), TRUST, at=AT, content=CONTENT)
    with pytest.raises(Malformed, match="another kind than X"):
        verify(edited(made, other_certificate), TRUST, at=AT, content=CONTENT)
    plain = cms.ContentInfo({"content_type": "data", "content": core.OctetString(made)}).dump()
    for data, words in ((plain, "not a CMS SignedData"), (bytes(MOST_BYTES + 1), "too large")):
        with pytest.raises(Malformed, match=words):
            verify(data, TRUST, at=AT, content=CONTENT)


def test_more_signers_or_time_stamps_than_are_read_are_refused() -> None:
    def stamps(_signed: cms.SignedData, info: cms.SignerInfo) -> None:
        info["unsigned_attrs"] = cms.CMSAttributes([info["unsigned_attrs"][0]] * 5)

    with pytest.raises(Malformed, match="1 to 16 signers"):
        sign(CONTENT, *[signer()] * 17, at=AT)
    with pytest.raises(Malformed, match="1 to 16 signers"):
        sign(CONTENT, at=AT)
    with pytest.raises(Malformed, match="more time-stamps"):
        verify(edited(sign(CONTENT, signer(), at=AT, stamper=Clock()), stamps), TRUST, at=AT, content=CONTENT)


@pytest.mark.parametrize("value", [b"205001010000.00", b"20501301000000Z", b"some day in May"])
def test_a_signing_time_that_is_no_time_or_has_no_zone_is_refused(value: bytes) -> None:
    made = sign(CONTENT, signer(), at=datetime(2050, 1, 1, tzinfo=UTC))
    with pytest.raises(Malformed):
        verify(made.replace(b"20500101000000Z", value), TRUST, at=AT, content=CONTENT)


def test_a_certificate_with_a_serial_number_that_is_none_is_refused() -> None:
    der = certify("Signer", p256("Signer"), "Root", p256("root"), serial=0x7F11223344).public_bytes(
        Encoding.DER
    )
    negative = der.replace(bytes.fromhex("7f11223344"), bytes.fromhex("ff11223344"))
    assert negative != der
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where they are no errors, as when the library is used
        with pytest.raises(Malformed, match="no serial number"):
            load_certificate(negative)


def test_a_message_without_signer_is_no_signed_message() -> None:
    def nobody(signed: cms.SignedData, _info: cms.SignerInfo) -> None:
        signed["signer_infos"] = []

    with pytest.raises(Malformed, match="no signer"):
        verify(edited(sign(CONTENT, signer(), at=AT), nobody), TRUST, at=AT, content=CONTENT)


def test_a_certificate_that_is_not_there_is_asked_for_by_name() -> None:
    def no_certificates(signed: cms.SignedData, _info: cms.SignerInfo) -> None:
        del signed["certificates"]

    bare = edited(sign(CONTENT, signer(), at=AT), no_certificates)
    with pytest.raises(UnknownKey):
        verify(bare, TRUST, at=AT, content=CONTENT)
    assert verify(bare, TRUST, at=AT, content=CONTENT, certificates=[signer().certificate]).judgement.good


def test_a_content_is_given_exactly_when_the_signature_is_detached() -> None:
    with pytest.raises(Malformed, match="beside it"):
        verify(sign(CONTENT, signer(), at=AT, attached=True), TRUST, at=AT, content=CONTENT)
    with pytest.raises(Malformed, match="not there"):
        verify(sign(CONTENT, signer(), at=AT), TRUST, at=AT)


@pytest.mark.parametrize("afterwards", [True, False])
def test_a_time_stamp_lets_a_signature_outlive_its_certificate(*, afterwards: bool) -> None:
    made = sign(CONTENT, signer(), signer("rsa"), at=AT, stamper=None if afterwards else Clock())
    stamped = add_timestamp(made, Clock()) if afterwards else made
    read = verify(stamped, TRUST, at=LATER, content=CONTENT)
    unstamped = verify(sign(CONTENT, signer(), at=AT), TRUST, at=LATER, content=CONTENT)
    assert read.judgement.good
    assert [("B-T", Clock().moment)] * 2 == [(each.level, each.stamped_at) for each in read.signers]
    assert Sub.OUT_OF_BOUNDS_NO_POE is unstamped.judgement.sub


def test_a_time_stamp_is_added_once() -> None:
    stamped = add_timestamp(sign(CONTENT, signer(), at=AT), Clock())
    assert stamped == add_timestamp(stamped, Clock())


def test_the_time_stamp_of_another_signature_does_not_count() -> None:
    other = sign(CONTENT, signer(), at=AT, stamper=Clock())
    stolen = cms.ContentInfo.load(other)["content"]["signer_infos"][0]["unsigned_attrs"]

    def swap(_signed: cms.SignedData, info: cms.SignerInfo) -> None:
        info["unsigned_attrs"] = stolen

    read = verify(edited(sign(CONTENT, signer(), at=AT), swap), TRUST, at=AT, content=CONTENT)
    assert (Indication.FAILED, Sub.HASH_FAILURE) == (read.judgement.indication, read.judgement.sub)


def test_an_authority_that_sends_no_token_is_told_apart() -> None:
    class Talker:
        def stamp(self, digest: bytes) -> bytes:
            return b"<html>503</html>"

    with pytest.raises(BadSignature, match="no token"):
        sign(CONTENT, signer(), at=AT, stamper=Talker())


def test_a_signer_whose_signature_does_not_fit_its_certificate_is_not_let_out() -> None:
    class OtherKey:
        certificate, chain, scheme = signer().certificate, signer().chain, signer().scheme

        def sign(self, data: bytes) -> bytes:
            return p256("another key").sign(data, ec.ECDSA(hashes.SHA256()))

    with pytest.raises(BadSignature):
        sign(CONTENT, OtherKey(), at=AT)


def test_a_signing_time_from_2050_on_is_a_generalized_time() -> None:
    late = datetime(2050, 1, 1, tzinfo=UTC)
    assert (
        late == verify(sign(CONTENT, signer(), at=late), TRUST, at=AT, content=CONTENT).signers[0].signed_at
    )


def test_nothing_of_the_content_or_the_certificate_is_in_a_repr() -> None:
    said = repr(verify(sign(CONTENT, signer(), at=AT), TRUST, at=AT, content=CONTENT))
    assert [] == [word for word in ("1.250", "Signer", "x90") if word in said.replace("SignedBy", "")]


class NoClock(OneRoot):
    """Reads no time-stamps: they have tests of their own."""

    def stamped_at(self, token: bytes, digest: bytes) -> Judgement:
        return Judgement(Indication.INDETERMINATE, Sub.NO_POE, "Not read")


SAMPLE = sign(CONTENT, signer(), at=AT, attached=True, stamper=Clock())


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(SAMPLE) - 1), to=st.integers(1, 255))
def test_one_changed_byte_gives_an_error_of_ours_or_the_same_content(at: int, to: int) -> None:
    altered = SAMPLE[:at] + bytes([SAMPLE[at] ^ to]) + SAMPLE[at + 1 :]
    try:
        read = verify(altered, NoClock(), at=AT)
    except SigningError:
        return
    assert (CONTENT, AT) == (read.content, read.signers[0].signed_at)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(SigningError):
        verify(data, TRUST, at=AT)
    with pytest.raises(SigningError):
        verify(SAMPLE[: len(data)] + data, TRUST, at=AT)
