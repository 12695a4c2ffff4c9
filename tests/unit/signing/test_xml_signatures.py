import base64
import copy
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import signxml
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from signxml.xades import XAdESSigner, XAdESVerifier

from signing.arithmetic import Allow, ContentChanged
from signing.errors import BadSignature, Malformed, SigningError, UnknownKey
from signing.verdicts import Indication, Judgement, Sub, ValidationData
from signing.xml_core import ds
from signing.xml_document import EXCLUSIVE, INCLUSIVE, INCLUSIVE_11
from signing.xml_signatures import add_timestamp, add_validation, sign, sign_detached, verify, verify_detached
from tests.unit.signing.signing_people import (
    AT,
    LATER,
    ROOT,
    Clock,
    OneRoot,
    run,
    signer,
    stranger,
    write_pem,
)
from tests.unit.signing.signing_xml import (
    PLACE,
    PROPERTIES,
    RECEIPT,
    SIGNED,
    TRUST,
    XADES,
    XMLSEC,
    edited,
    forged,
    read_receipt,
    signed_receipt,
    text,
    xmlsec_accepts,
)

KINDS = ["p256", "rsa"]
TEMPLATE = """<BLai xmlns:x="urn:x" {root}>
  <DLBLai Id="data"><Tien x:don="đồng">1250000</Tien></DLBLai>
  <DSCKS><NBan><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo>
    <CanonicalizationMethod Algorithm="{c14n}"/>
    <SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#{method}"/>
    <Reference URI="#{uri}"><Transforms>{enveloped}<Transform Algorithm="{c14n}"/></Transforms>
      <DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#{digest}"/><DigestValue/></Reference>
  </SignedInfo><SignatureValue/><KeyInfo><X509Data><X509Certificate/></X509Data></KeyInfo></Signature></NBan></DSCKS>
</BLai>"""
ENVELOPED = '<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/>'


@pytest.mark.parametrize("kind", KINDS)
def test_the_element_that_was_signed_comes_back_and_nothing_else(kind: str) -> None:
    read = read_receipt(signed_receipt(kind))
    assert ("DLBLai", "Nguyễn Văn Ánh & con", "1250000") == (
        read.element.tag,
        text(read.element, "NMua"),
        text(read.element, "Tien"),
    )
    assert read.element.getparent() is None
    assert ("B-B", AT, True) == (read.by.level, read.by.signed_at, read.judgement.good)
    assert signer(kind).certificate == read.by.certificate


def test_the_same_input_gives_the_same_document() -> None:
    assert signed_receipt("rsa") == signed_receipt("rsa")


def test_a_signature_over_the_whole_document_leaves_itself_out() -> None:
    whole = b'<Don Id="all"><a>1</a>\n  <b/>tail</Don>'
    signed = sign(whole, signer(), at=AT, place=("b",))
    read = verify(signed, TRUST, at=AT, place=("b",))
    assert b'<Don Id="all"><a>1</a>\n  <b></b>tail</Don>' == etree.tostring(read.element, method="c14n")


def test_two_sign_the_same_data_each_in_its_own_place() -> None:
    second = ("DSCKS", "CQT")
    both = sign(signed_receipt("rsa"), signer("p256"), at=AT, place=second, signed=SIGNED)
    assert signer("rsa").certificate == read_receipt(both).by.certificate
    assert (
        signer("p256").certificate == verify(both, TRUST, at=AT, place=second, signed=SIGNED).by.certificate
    )


def test_the_text_behind_a_signature_is_signed_too() -> None:
    signed = sign(b'<Don Id="all"><a/></Don>', signer("rsa"), at=AT)
    altered = signed.replace(b"</ds:Signature>", b"</ds:Signature>more")
    assert altered != signed
    with pytest.raises(ContentChanged):
        verify(altered, TRUST, at=AT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stamped", [True, False])
def test_xmlsec1_accepts_what_we_make_and_refuses_each_altered_copy(
    *, tmp_path: Path, kind: str, stamped: bool
) -> None:
    made = signed_receipt(kind, stamped=stamped)
    ids = ("DLBLai@Id", PROPERTIES)
    value = next(etree.fromstring(made).iter(ds("SignatureValue"))).text or ""
    assert xmlsec_accepts(made, tmp_path, *ids)
    for old, new in (
        (b"1250000", b"9250000"),
        ("Ánh".encode(), b"Anh"),
        (b"2026-11-24T08:30:00Z", b"2026-11-24T08:30:01Z"),
        (b"text/xml", b"text/htm"),
        (value[:8].encode(), (b"B" if value[0] == "A" else b"A") + value[1:8].encode()),
    ):
        altered = made.replace(old, new, 1)
        assert altered != made
        assert not xmlsec_accepts(altered, tmp_path, *ids)
        with pytest.raises(BadSignature):
            read_receipt(altered)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("c14n", [EXCLUSIVE, INCLUSIVE, INCLUSIVE_11])
@pytest.mark.parametrize("uri", ["data", "all"])
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_what_xmlsec1_signs_from_a_template_is_read(
    tmp_path: Path, kind: str, c14n: str, uri: str, digest: str
) -> None:
    key, certificate, _ = write_pem(tmp_path, signer(kind))
    method = f"{'rsa' if kind == 'rsa' else 'ecdsa'}-{digest}"
    enveloped, root = (ENVELOPED, 'Id="all"') if uri == "all" else ("", "")
    (tmp_path / "template.xml").write_text(
        TEMPLATE.format(c14n=c14n, method=method, uri=uri, digest=digest, enveloped=enveloped, root=root)
    )
    done, said = run(
        XMLSEC, "--sign", "--privkey-pem", f"{key},{certificate}", "--id-attr:Id", "DLBLai", "--id-attr:Id", "BLai",
        "--output", tmp_path / "signed.xml", tmp_path / "template.xml",
    )  # fmt: skip
    assert (0, b"") == (done, said)
    made = (tmp_path / "signed.xml").read_bytes()
    place = () if uri == "all" else SIGNED
    read = verify(made, TRUST, at=AT, place=PLACE, signed=place)
    assert ("XMLDSIG", True, signer(kind).certificate) == (
        read.by.level,
        read.judgement.good,
        read.by.certificate,
    )
    assert ["1250000"] == [each.text for each in read.element.iter("Tien")]
    with pytest.raises(ContentChanged):
        verify(made.replace(b"1250000", b"1250001"), TRUST, at=AT, place=PLACE, signed=place)


@pytest.mark.parametrize("kind", KINDS)
def test_signxml_accepts_what_we_make(kind: str) -> None:
    checked = XAdESVerifier().verify(
        signed_receipt(kind),
        x509_cert=signer(kind).certificate.public_bytes(Encoding.PEM).decode(),
        expect_references=2,
    )
    assert [b"1250000" in each.signed_data for each in checked] == [True, False]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("c14n", [EXCLUSIVE, INCLUSIVE])
def test_what_signxml_signs_is_read(kind: str, c14n: str) -> None:
    who = signer(kind)
    maker = signxml.XMLSigner(
        signature_algorithm="rsa-sha256" if kind == "rsa" else "ecdsa-sha256", c14n_algorithm=c14n
    )
    made = maker.sign(
        etree.fromstring(b'<Don xmlns="urn:d" Id="all"><Tien>5</Tien></Don>'),
        key=who.private_key,
        cert=[who.certificate],
        reference_uri="#all",
    )
    read = verify(etree.tostring(made), TRUST, at=AT)
    assert ("5", "XMLDSIG", True) == (text(read.element, "{urn:d}Tien"), read.by.level, read.judgement.good)


@pytest.mark.parametrize("kind", KINDS)
def test_the_xades_of_signxml_is_read(kind: str) -> None:
    who = signer(kind)
    maker = XAdESSigner(
        signature_algorithm="rsa-sha256" if kind == "rsa" else "ecdsa-sha256", c14n_algorithm=INCLUSIVE
    )
    made = maker.sign(
        etree.fromstring(b'<Don Id="all"><Tien>5</Tien></Don>'),
        key=who.private_key,
        cert=[who.certificate],
        reference_uri="#all",
    )
    read = verify(etree.tostring(made), TRUST, at=AT)
    assert ("5", "B-B", True) == (text(read.element, "Tien"), read.by.level, read.judgement.good)


@pytest.mark.parametrize("afterwards", [True, False])
def test_a_time_stamp_lets_a_signature_outlive_its_certificate(*, afterwards: bool) -> None:
    plain = signed_receipt()
    stamped = add_timestamp(plain, Clock(), place=PLACE) if afterwards else signed_receipt(stamped=True)
    read = read_receipt(stamped, at=LATER)
    assert ("B-T", Clock().moment, True) == (read.by.level, read.by.stamped_at, read.judgement.good)
    assert Sub.OUT_OF_BOUNDS_NO_POE is read_receipt(plain, at=LATER).judgement.sub


def test_the_time_stamp_of_another_signature_does_not_count() -> None:
    other = etree.fromstring(
        sign(RECEIPT, signer("rsa"), at=AT + timedelta(hours=1), place=PLACE, signed=SIGNED, stamper=Clock())
    )
    stolen = next(other.iter(f"{{{XADES}}}EncapsulatedTimeStamp")).text

    def swap(root: etree._Element) -> None:
        next(root.iter(f"{{{XADES}}}EncapsulatedTimeStamp")).text = stolen

    said = read_receipt(edited(signed_receipt(stamped=True), swap)).judgement
    assert (Indication.FAILED, Sub.HASH_FAILURE) == (said.indication, said.sub)


class Remembers(OneRoot):
    """Writes down with which data it was asked."""

    asked: ValidationData | None = None

    def judge(
        self,
        certificate: x509.Certificate,
        others: Sequence[x509.Certificate],
        *,
        at: datetime,
        data: ValidationData | None = None,
    ) -> Judgement:
        Remembers.asked = data
        return super().judge(certificate, others, at=at, data=data)


DATA = ValidationData(
    certificates=(ROOT.public_bytes(Encoding.DER),), ocsps=(b"one", b"two"), crls=(b"three",)
)


def test_what_a_later_verdict_needs_is_kept_and_given_to_the_judge() -> None:
    stamped = signed_receipt(stamped=True)
    kept = add_validation(stamped, DATA, place=PLACE)
    read = verify(kept, Remembers(), at=LATER, place=PLACE, signed=SIGNED)
    assert ("B-LT", True) == (read.by.level, read.judgement.good)
    assert DATA == Remembers.asked


def test_old_revocation_answers_do_not_count_without_a_time_stamp() -> None:
    kept = add_validation(signed_receipt(stamped=True), DATA, place=PLACE)

    def unstamp(root: etree._Element) -> None:
        stamp = next(root.iter(f"{{{XADES}}}SignatureTimeStamp"))
        stamp.getparent().remove(stamp)

    Remembers.asked = DATA
    read = verify(edited(kept, unstamp), Remembers(), at=AT, place=PLACE, signed=SIGNED)
    assert ("B-B", None) == (read.by.level, Remembers.asked)


def test_validation_data_is_added_once_and_after_a_time_stamp() -> None:
    with pytest.raises(Malformed, match="no time-stamp yet"):
        add_validation(signed_receipt(), DATA, place=PLACE)
    kept = add_validation(signed_receipt(stamped=True), DATA, place=PLACE)
    with pytest.raises(Malformed, match="already"):
        add_validation(kept, DATA, place=PLACE)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["hop-dong.pdf", "Giấy biên nhận 1.pdf"])
def test_bytes_are_signed_beside_themselves(kind: str, name: str) -> None:
    made = sign_detached(b"%PDF-1.7 content", signer(kind), at=AT, name=name, stamper=Clock())
    read = verify_detached(made, b"%PDF-1.7 content", TRUST, at=LATER, name=name)
    assert ("B-T", True) == (read.level, read.judgement.good)
    with pytest.raises(ContentChanged):
        verify_detached(made, b"%PDF-1.7 c0ntent", TRUST, at=AT, name=name)
    with pytest.raises(Malformed, match="does not name the file"):
        verify_detached(made, b"%PDF-1.7 content", TRUST, at=AT, name="other.pdf")


def test_a_signer_whom_nobody_knows_is_told_apart_from_a_broken_signature() -> None:
    made = sign(RECEIPT, stranger(), at=AT, place=PLACE, signed=SIGNED)
    assert Sub.NO_CERTIFICATE_CHAIN_FOUND is read_receipt(made).judgement.sub


def test_a_certificate_that_is_not_in_the_document_may_be_given() -> None:
    def drop(root: etree._Element) -> None:
        info = next(root.iter(ds("KeyInfo")))
        info.getparent().remove(info)

    made = edited(signed_receipt(), drop)
    with pytest.raises(UnknownKey):
        read_receipt(made)
    known = [signer("rsa").certificate]
    assert verify(made, TRUST, at=AT, place=PLACE, signed=SIGNED, certificates=known).judgement.good


def test_a_time_without_a_zone_is_the_time_of_vietnam() -> None:
    def local(root: etree._Element) -> None:
        next(root.iter(f"{{{XADES}}}SigningTime")).text = "2026-11-24T15:30:00"
        properties = next(root.iter(f"{{{XADES}}}SignedProperties"))
        reference = list(root.iter(ds("Reference")))[1]
        octets = etree.tostring(properties, method="c14n", exclusive=True)
        reference[-1].text = _sha256(octets)

    assert (
        datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
        == read_receipt(forged(signed_receipt(), local)).by.signed_at
    )


def _sha256(octets: bytes) -> str:
    return base64.b64encode(hashlib.sha256(octets).digest()).decode()


def test_what_cannot_be_signed_is_said_so() -> None:
    for document, place, signed, words in (
        (b"<a><b/></a>", (), ("b",), "no Id"),
        (b'<a Id="x"><b/><b/></a>', ("b",), (), "not exactly one"),
        (signed_receipt(), PLACE, SIGNED, "at this place already"),
        (signed_receipt(), ("DSCKS", "CQT"), SIGNED, "Id of the signature is in the document"),
        (b'<a Id="x"', (), (), "well-formed"),
    ):
        with pytest.raises(Malformed, match=words):
            sign(document, signer("rsa"), at=AT, place=place, signed=signed)


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"], include_characters="\t\n\r"), max_size=60)
)
def test_any_text_comes_back_as_it_was_signed(content: str) -> None:
    root = etree.Element("Don", Id="all")
    etree.SubElement(root, "a", said=content).text = content
    read = verify(sign(etree.tostring(root), signer(), at=AT), TRUST, at=AT).element[0]
    assert (content, content) == (read.text or "", read.get("said"))


SAMPLE = signed_receipt(stamped=True)


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(SAMPLE) - 1), to=st.integers(1, 255))
def test_one_changed_byte_gives_an_error_of_ours_or_the_same_element(at: int, to: int) -> None:
    altered = SAMPLE[:at] + bytes([SAMPLE[at] ^ to]) + SAMPLE[at + 1 :]
    expected = etree.tostring(read_receipt(SAMPLE).element, method="c14n")
    try:
        read = read_receipt(altered, allow=tuple(Allow))
    except SigningError:
        return
    assert expected == etree.tostring(read.element, method="c14n")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_an_error_of_ours(data: bytes) -> None:
    for attempt in (data, SAMPLE[:2000] + data, b"<a>" + data + b"</a>"):
        with pytest.raises(SigningError):
            read_receipt(attempt)
        with pytest.raises(SigningError):
            verify_detached(attempt, b"", TRUST, at=AT, name="x")


def test_more_revocation_answers_than_are_read_are_refused() -> None:
    many = ValidationData(crls=(b"x",) * 65)
    kept = add_validation(signed_receipt(stamped=True), many, place=PLACE)
    with pytest.raises(Malformed, match="revocation answers than are read"):
        read_receipt(kept)


def test_more_time_stamps_than_are_read_are_refused() -> None:
    def many(root: etree._Element) -> None:
        stamp = next(root.iter(f"{{{XADES}}}SignatureTimeStamp"))
        for _ in range(4):
            stamp.addnext(copy.deepcopy(stamp))

    with pytest.raises(Malformed, match="more time-stamps"):
        read_receipt(edited(signed_receipt(stamped=True), many))


def test_a_file_is_not_transformed_before_it_is_signed() -> None:
    def transform(root: etree._Element) -> None:
        transforms = etree.Element(ds("Transforms"))
        etree.SubElement(transforms, ds("Transform"), Algorithm=EXCLUSIVE)
        next(root.iter(ds("Reference"))).insert(0, transforms)

    made = sign_detached(b"<a/>", signer("rsa"), at=AT, name="a.xml")
    with pytest.raises(Malformed, match="without a transform"):
        verify_detached(forged(made, transform), b"<a/>", TRUST, at=AT, name="a.xml")
