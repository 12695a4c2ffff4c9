import base64
import copy
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import signxml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from signing.arithmetic import Allow, ContentChanged
from signing.errors import BadSignature, Expired, ForbiddenAlgorithm, Malformed, SigningError, UnknownKey
from signing.soap import LIFE, SKEW, Message, sign, verify
from signing.verdicts import Sub
from signing.xml_core import ENVELOPED, ds
from signing.xml_document import WSU
from tests.unit.signing.signing_people import AT, run, signer, stranger, write_pem
from tests.unit.signing.signing_xml import TRUST, XMLSEC, digest_of, edited, forged

SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
TOKENS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0"
WSS11 = "http://docs.oasis-open.org/wss/oasis-wss-soap-message-security-1.1"
STR = f"{{{WSSE}}}SecurityTokenReference"
KINDS = ["p256", "rsa"]
Change = Callable[[etree._Element], object]


def envelope(namespace: str = SOAP11, header: str = "") -> bytes:
    return (
        f'<s:Envelope xmlns:s="{namespace}" xmlns="urn:q">{header}<s:Body><ConfirmOrderPayment>'
        "<PaymentID>P-1</PaymentID><TotalAmount>1250000</TotalAmount></ConfirmOrderPayment></s:Body></s:Envelope>"
    ).encode()


def signed(kind: str = "rsa") -> bytes:
    return sign(envelope(), signer(kind), at=AT)


def read(
    message: bytes, *, known: tuple[x509.Certificate, ...] = (), allow: tuple[Allow, ...] = ()
) -> Message:
    return verify(message, TRUST, at=AT, certificates=known, allow=allow)


def first(root: etree._Element, tag: str) -> etree._Element:
    return next(root.iter(tag))


def body(root: etree._Element) -> etree._Element:
    return first(root, f"{{{SOAP11}}}Body")


def security(root: etree._Element) -> etree._Element:
    return first(root, f"{{{WSSE}}}Security")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("namespace", [SOAP11, SOAP12])
@pytest.mark.parametrize("header", ["", '<s:Header><a:To xmlns:a="urn:a">x</a:To></s:Header>'])
def test_the_body_that_was_signed_comes_back(kind: str, namespace: str, header: str) -> None:
    message = read(sign(envelope(namespace, header), signer(kind), at=AT))
    assert ["1250000"] == [each.text for each in message.body.iter("{urn:q}TotalAmount")]
    assert f"{{{namespace}}}Body" == message.body.tag
    assert (AT, AT + LIFE, signer(kind).certificate, True) == (
        message.created_at,
        message.expires_at,
        message.by.certificate,
        message.judgement.good,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_other_readers_accept_what_we_sign_and_refuse_each_altered_copy(kind: str, tmp_path: Path) -> None:
    _, certificate, _ = write_pem(tmp_path, signer(kind))

    def xmlsec(message: bytes) -> int:
        (tmp_path / "message.xml").write_bytes(message)
        names = [f"{SOAP11}:Body", f"{WSU}:Timestamp", f"{WSSE}:BinarySecurityToken"]
        known = [part for each in names for part in ("--id-attr:Id", each)]
        return run(XMLSEC, "--verify", "--pubkey-cert-pem", certificate, *known, tmp_path / "message.xml")[0]

    def others(message: bytes) -> bool:
        try:
            signxml.XMLVerifier().verify(message, x509_cert=certificate.read_text(), expect_references=3)
        except (signxml.InvalidSignature, signxml.InvalidDigest):
            return False
        return True

    assert (0, True) == (xmlsec(signed(kind)), others(signed(kind)))
    for old, new in ((b"1250000", b"9250000"), (b"P-1", b"P-2"), (b"08:35:00", b"09:35:00")):
        altered = signed(kind).replace(old, new)
        assert (1, False) == (xmlsec(altered), others(altered))
        with pytest.raises(ContentChanged):
            read(altered)


def test_a_message_is_read_in_its_time_only() -> None:
    message = sign(envelope(), signer("rsa"), at=AT, life=timedelta(minutes=1))
    for at in (AT - SKEW, AT, AT + timedelta(minutes=1) + SKEW):
        assert verify(message, TRUST, at=at).judgement.good
    for at in (AT - SKEW - timedelta(seconds=1), AT + timedelta(minutes=1) + SKEW + timedelta(seconds=1)):
        with pytest.raises(Expired, match="not from now"):
            verify(message, TRUST, at=at)


def test_a_message_that_lasts_for_longer_than_is_accepted_is_refused() -> None:
    for life in (timedelta(minutes=6), timedelta(0), timedelta(minutes=-1)):
        with pytest.raises(Expired, match="longer than is accepted"):
            read(sign(envelope(), signer("rsa"), at=AT, life=life))
    longer = sign(envelope(), signer("rsa"), at=AT, life=timedelta(hours=1))
    assert verify(longer, TRUST, at=AT, longest_life=timedelta(hours=1)).judgement.good


def test_every_copy_of_a_message_has_the_same_fingerprint_and_another_message_another() -> None:
    copied = signed().replace(b"<s:Body", b"\n<s:Body")
    other = sign(envelope(), signer("rsa"), at=AT + timedelta(seconds=1))
    assert read(signed()).fingerprint == read(copied).fingerprint
    assert read(signed()).fingerprint != read(other).fingerprint


def test_a_body_moved_into_a_header_does_not_stand_for_the_one_in_its_place() -> None:
    def wrap(new_id: str) -> Change:
        def change(root: etree._Element) -> None:
            true = body(root)
            false = copy.deepcopy(true)
            first(false, "{urn:q}TotalAmount").text = "9"
            false.set(f"{{{WSU}}}Id", new_id)
            root.replace(true, false)
            wrapper = etree.SubElement(first(root, f"{{{SOAP11}}}Header"), "wrapper")
            wrapper.append(true)

        return change

    with pytest.raises(Malformed, match="neither the Body nor a header"):
        read(edited(signed(), wrap("evil")))
    with pytest.raises(Malformed, match="Id stands twice"):
        read(edited(signed(), wrap("body")))


def test_a_body_as_a_header_of_its_own_is_not_the_body() -> None:
    def change(root: etree._Element) -> None:
        true = body(root)
        false = copy.deepcopy(true)
        false.set(f"{{{WSU}}}Id", "evil")
        root.replace(true, false)
        first(root, f"{{{SOAP11}}}Header").append(true)

    with pytest.raises(Malformed, match="not both signed"):
        read(edited(signed(), change))


def test_a_second_body_a_second_security_header_or_a_trailer_is_refused() -> None:
    def second(make: Callable[[etree._Element], etree._Element]) -> Change:
        def change(root: etree._Element) -> None:
            original = make(root)
            extra = etree.Element(original.tag)
            original.addnext(extra)

        return change

    for change in (second(body), second(security), second(lambda root: first(root, f"{{{SOAP11}}}Header"))):
        with pytest.raises(Malformed):
            read(edited(signed(), change))
    with pytest.raises(Malformed, match="nothing else"):
        read(signed().replace(b"</s:Envelope>", b"<x/></s:Envelope>"))


def reference_to(root: etree._Element, uri: str) -> etree._Element:
    return next(each for each in root.iter(ds("Reference")) if each.get("URI") == uri)


@pytest.mark.parametrize("uri", ["#body", "#timestamp"])
def test_body_and_timestamp_must_both_be_signed(uri: str) -> None:
    def drop(root: etree._Element) -> None:
        each = reference_to(root, uri)
        each.getparent().remove(each)

    with pytest.raises(Malformed, match="not both signed"):
        read(forged(signed(), drop))


@pytest.mark.parametrize("uri", ["http://127.0.0.1/x", "cid:attachment", "", "#nothing"])
def test_a_reference_to_the_outside_is_refused(uri: str) -> None:
    with pytest.raises(Malformed, match="not in the message"):
        read(forged(signed(), lambda root: reference_to(root, "#token").set("URI", uri)))


@pytest.mark.parametrize(
    "algorithm", [ENVELOPED, f"{WSS11}#STR-Transform", "http://www.w3.org/TR/1999/REC-xslt-19991116"]
)
def test_a_transform_that_is_not_on_the_list_is_refused(algorithm: str) -> None:
    with pytest.raises((ForbiddenAlgorithm, Malformed)):
        read(forged(signed(), lambda root: first(root, ds("Transform")).set("Algorithm", algorithm)))


def test_sha1_as_some_partners_sign_is_read_only_where_a_profile_allows_it() -> None:
    def sha1(root: etree._Element) -> None:
        for element, uri in ((body(root), "#body"), (first(root, f"{{{WSU}}}Timestamp"), "#timestamp")):
            octets = etree.tostring(element, method="c14n", exclusive=True, with_tail=False)
            reference_to(root, uri)[1].set("Algorithm", "http://www.w3.org/2000/09/xmldsig#sha1")
            reference_to(root, uri)[2].text = digest_of(octets, hashes.SHA1())
        first(root, ds("SignatureMethod")).set("Algorithm", "http://www.w3.org/2000/09/xmldsig#rsa-sha1")

    message = forged(signed(), sha1, sha1=True)
    with pytest.raises(ForbiddenAlgorithm):
        read(message)
    assert read(message, allow=(Allow.SHA1,)).judgement.good


def named_by(make: Callable[[etree._Element], object], *, keep_token: bool = False) -> bytes:
    """A message whose KeyInfo names the certificate in another way."""

    def change(root: etree._Element) -> None:
        info = first(root, ds("KeyInfo"))
        del info[:]
        make(info)
        if not keep_token:
            for each in (reference_to(root, "#token"), first(root, f"{{{WSSE}}}BinarySecurityToken")):
                each.getparent().remove(each)

    return forged(signed(), change)


def key_identifier(kind: str, value: bytes) -> Callable[[etree._Element], object]:
    def make(info: etree._Element) -> None:
        holder = etree.SubElement(etree.SubElement(info, STR), f"{{{WSSE}}}KeyIdentifier", ValueType=kind)
        holder.text = base64.b64encode(value).decode()

    return make


def test_a_certificate_that_is_known_may_be_named_by_its_key_thumbprint_or_number() -> None:
    ours = signer("rsa").certificate
    key_id = ours.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest

    def number(info: etree._Element) -> None:
        data = etree.SubElement(etree.SubElement(info, STR), ds("X509Data"))
        place = etree.SubElement(data, ds("X509IssuerSerial"))
        etree.SubElement(place, ds("X509IssuerName")).text = ours.issuer.rfc4514_string()
        etree.SubElement(place, ds("X509SerialNumber")).text = str(ours.serial_number)

    for make in (
        key_identifier(f"{TOKENS}#X509SubjectKeyIdentifier", key_id),
        key_identifier(f"{WSS11}#ThumbprintSHA1", ours.fingerprint(hashes.SHA1())),
        number,
    ):
        message = named_by(make)
        assert ours == read(message, known=(signer().certificate, ours)).by.certificate
        with pytest.raises(UnknownKey):
            read(message, known=(signer().certificate,))


def test_a_certificate_may_stand_in_x509_data() -> None:
    def embedded(info: etree._Element) -> None:
        der = signer("rsa").certificate.public_bytes(Encoding.DER)
        data = etree.SubElement(info, ds("X509Data"))
        etree.SubElement(data, ds("X509Certificate")).text = base64.b64encode(der).decode()

    assert signer("rsa").certificate == read(named_by(embedded)).by.certificate


def test_a_token_that_is_not_there_or_of_another_kind_is_refused() -> None:
    def token_type(root: etree._Element) -> None:
        first(root, f"{{{WSSE}}}BinarySecurityToken").set("ValueType", f"{TOKENS}#X509PKIPathv1")

    def elsewhere(root: etree._Element) -> None:
        first(root, f"{{{WSSE}}}Reference").set("URI", "#body")

    def outside(root: etree._Element) -> None:
        first(root, f"{{{WSSE}}}Reference").set("URI", "http://127.0.0.1/token")

    def nothing(root: etree._Element) -> None:
        del first(root, ds("KeyInfo"))[:]

    def key_name(info: etree._Element) -> None:
        etree.SubElement(info, ds("KeyName")).text = "x"

    for change in (token_type, elsewhere, outside, nothing):
        with pytest.raises((Malformed, UnknownKey)):
            read(edited(signed(), change))
    for make in (key_name, key_identifier("urn:other", b"x")):
        with pytest.raises((Malformed, UnknownKey)):
            read(named_by(make, keep_token=True), known=(signer("rsa").certificate,))


def test_another_certificate_as_the_token_is_refused() -> None:
    def swap(root: etree._Element) -> None:
        der = stranger().certificate.public_bytes(Encoding.DER)
        first(root, f"{{{WSSE}}}BinarySecurityToken").text = base64.b64encode(der).decode()

    with pytest.raises(SigningError):
        read(edited(signed(), swap))
    assert Sub.NO_CERTIFICATE_CHAIN_FOUND is read(sign(envelope(), stranger(), at=AT)).judgement.sub


def test_a_timestamp_of_another_form_is_refused() -> None:
    for old, new in (
        (b"08:30:00.000Z", b"8h30"),
        (b"wsu:Created", b"wsu:Made"),
        (b"wsu:Timestamp", b"wsu:Time"),
    ):
        with pytest.raises((Malformed, BadSignature)):
            read(signed().replace(old, new))


def test_what_is_no_envelope_or_signed_already_is_not_signed() -> None:
    for document in (b"<a/>", envelope("urn:soap"), signed(), b"x", envelope().replace(b"s:Body", b"s:Bodi")):
        with pytest.raises(Malformed):
            sign(document, signer(), at=AT)


def test_a_signed_message_is_not_signed_again() -> None:
    with pytest.raises(Malformed, match="Security header already"):
        sign(signed(), signer(), at=AT)


def test_a_token_that_is_named_in_two_ways_is_refused() -> None:
    def twice(info: etree._Element) -> None:
        holder = etree.SubElement(info, STR)
        for _ in range(2):
            etree.SubElement(holder, f"{{{WSSE}}}Reference", URI="#token")

    with pytest.raises(Malformed, match="more than one way"):
        read(named_by(twice, keep_token=True))


def test_an_id_of_the_message_that_we_would_use_too_is_refused() -> None:
    with pytest.raises(Malformed, match="Id stands twice"):
        sign(envelope().replace(b"<PaymentID>", b'<PaymentID Id="timestamp">'), signer(), at=AT)


SAMPLE = signed("p256")


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(SAMPLE) - 1), to=st.integers(1, 255))
def test_one_changed_byte_gives_an_error_of_ours_or_the_same_body(at: int, to: int) -> None:
    altered = SAMPLE[:at] + bytes([SAMPLE[at] ^ to]) + SAMPLE[at + 1 :]
    expected = etree.tostring(read(SAMPLE).body, method="c14n")
    try:
        message = read(altered, allow=tuple(Allow))
    except SigningError:
        return
    assert expected == etree.tostring(message.body, method="c14n")


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_an_error_of_ours(data: bytes) -> None:
    for attempt in (data, SAMPLE[:1500] + data, b"<a>" + data + b"</a>"):
        with pytest.raises(SigningError):
            read(attempt)
