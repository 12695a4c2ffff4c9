"""What an enemy tries on signed XML. Where it matters, the arithmetic of the attack holds: another reader is fooled."""

import base64
import copy
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from signing.arithmetic import Allow, judgement_of
from signing.errors import BadSignature, ForbiddenAlgorithm, Malformed, SigningError
from signing.verdicts import Sub
from signing.xml_core import ENVELOPED, ds
from signing.xml_document import EXCLUSIVE, MOST_BYTES, MOST_DEPTH, MOST_ELEMENTS, parse
from signing.xml_signatures import Verified, add_timestamp, sign, sign_detached, verify, verify_detached
from tests.unit.signing.signing_people import AT, Clock, certify, p256, rsa_key, signer, stranger
from tests.unit.signing.signing_xml import (
    PLACE,
    PROPERTIES,
    RECEIPT,
    SIGNED,
    TRUST,
    XADES,
    digest_of,
    edited,
    forged,
    read_receipt,
    signed_receipt,
    text,
    xmlsec_accepts,
)

RESPONSE = b"""<r:Response xmlns:r="urn:r" xmlns:a="urn:a" ID="r1"><r:Issuer>bank</r:Issuer>\
<a:Assertion ID="a1"><a:Paid>1000</a:Paid></a:Assertion></r:Response>"""
ASSERTION, PAID = "{urn:a}Assertion", "{urn:a}Paid"
HOLDER = ds("Object")
Attack = Callable[[etree._Element, str], None]


def parts_of(root: etree._Element) -> tuple[etree._Element, etree._Element]:
    """The signature, and a copy of the whole signed thing as the signer made it."""
    signature = next(root.iter(ds("Signature")))
    original = copy.deepcopy(signature.getparent())
    for each in list(original.iter(ds("Signature"))):
        each.getparent().remove(each)
    return signature, original


def evil(element: etree._Element, new_id: str) -> etree._Element:
    for each in element.iterdescendants(ASSERTION):
        if new_id == "evil":
            each.set("ID", "evil-too")
    element.set("ID", new_id)
    next(element.iter(PAID)).text = "9000000"
    return element


def xsw1(root: etree._Element, new_id: str) -> None:
    """The signed Response goes below the signature of an evil Response."""
    signature, original = parts_of(root)
    evil(root, new_id)
    etree.SubElement(signature, HOLDER).append(original)


def xsw2(root: etree._Element, new_id: str) -> None:
    """The signed Response goes before its now detached signature, inside of the evil Response."""
    signature, original = parts_of(root)
    evil(root, new_id)
    signature.addprevious(original)


def xsw3(root: etree._Element, new_id: str) -> None:
    """An evil Assertion is put before the signed one."""
    _, original = parts_of(root)
    root.insert(0, evil(original, new_id))


def xsw4(root: etree._Element, new_id: str) -> None:
    """The signed Assertion goes into an evil one."""
    signed = next(root.iter(ASSERTION))
    _, original = parts_of(root)
    wrapper = evil(original, new_id)
    root.replace(signed, wrapper)
    wrapper.append(signed)


def xsw5(root: etree._Element, new_id: str) -> None:
    """The signed Assertion is changed in its place, signature inside, and a copy of the true one stands at the end."""
    _, original = parts_of(root)
    evil(next(root.iter(ASSERTION)), new_id)
    root.append(original)


def xsw6(root: etree._Element, new_id: str) -> None:
    """As 5, but the true Assertion stands inside of the signature."""
    signature, original = parts_of(root)
    evil(next(root.iter(ASSERTION)), new_id)
    signature.append(original)


def xsw7(root: etree._Element, new_id: str) -> None:
    """An evil Assertion is put into Extensions, where anything may stand."""
    _, original = parts_of(root)
    extensions = etree.Element("{urn:r}Extensions")
    extensions.append(evil(original, new_id))
    root.insert(0, extensions)


def xsw8(root: etree._Element, new_id: str) -> None:
    """As 7 the other way round: the true Assertion in an Object of the signature, the evil one in its place."""
    signature, original = parts_of(root)
    evil(next(root.iter(ASSERTION)), new_id)
    etree.SubElement(signature, HOLDER).append(original)


ATTACKS: list[tuple[Attack, tuple[str, ...]]] = [
    (xsw1, ()), (xsw2, ()), (xsw3, (ASSERTION,)), (xsw4, (ASSERTION,)),
    (xsw5, (ASSERTION,)), (xsw6, (ASSERTION,)), (xsw7, (ASSERTION,)), (xsw8, (ASSERTION,)),
]  # fmt: skip


def attacked(attack: Attack, path: tuple[str, ...], new_id: str) -> bytes:
    made = sign(RESPONSE, signer("rsa"), at=AT, place=path, signed=path)
    return edited(made, lambda root: attack(root, new_id))


@pytest.mark.parametrize(("attack", "path"), ATTACKS)
def test_signature_wrapping_xsw_1_to_8_gains_nothing(
    attack: Attack, path: tuple[str, ...], tmp_path: Path
) -> None:
    """With an Id of its own the arithmetic holds, as xmlsec1 says; we give back what was signed, or nothing."""
    document = attacked(attack, path, "evil")
    assert b"9000000" in document
    # to leave the signature out leaves out what is wrapped in it: for xmlsec1 nothing is signed in 1, 6 and 8
    if attack not in {xsw1, xsw6, xsw8}:
        assert xmlsec_accepts(document, tmp_path, "urn:r:Response@ID", "urn:a:Assertion@ID", PROPERTIES)
    try:
        read = verify(document, TRUST, at=AT, place=path, signed=path)
    except SigningError:
        return
    assert xsw7 is attack
    assert ["1000"] == [each.text for each in read.element.iter(PAID)]


@pytest.mark.parametrize(("attack", "path"), ATTACKS)
def test_signature_wrapping_with_the_same_id_is_refused(attack: Attack, path: tuple[str, ...]) -> None:
    with pytest.raises(Malformed):
        verify(attacked(attack, path, "r1" if path == () else "a1"), TRUST, at=AT, place=path, signed=path)


def test_a_true_signature_over_another_element_does_not_stand_for_the_one_at_its_place() -> None:
    both = RECEIPT.replace(b"<DSCKS>", b'<Note Id="note">hello</Note><DSCKS>')
    made = sign(both, signer("rsa"), at=AT, place=PLACE, signed=("Note",))
    with pytest.raises(Malformed, match="not the element that should be"):
        read_receipt(made)


def test_a_signature_elsewhere_or_a_second_one_at_the_place_is_refused() -> None:
    made = signed_receipt()

    def move(root: etree._Element) -> None:
        root.find("DSCKS/CQT").append(next(root.iter(ds("Signature"))))

    def double(root: etree._Element) -> None:
        extra = etree.SubElement(root.find("DSCKS/NBan"), ds("Signature"))
        extra.text = "x"

    for document in (edited(made, move), edited(made, double), RECEIPT):
        with pytest.raises(Malformed, match="exactly one Signature"):
            read_receipt(document)


def reference(root: etree._Element, number: int = 0) -> etree._Element:
    return list(root.iter(ds("Reference")))[number]


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1/x", "file:///etc/hostname", "other.xml", "", "#xpointer(/)", "#xpointer(id('data'))"],
)
def test_a_reference_to_anything_but_an_id_is_refused_and_nothing_is_fetched(uri: str) -> None:
    document = forged(signed_receipt(), lambda root: reference(root).set("URI", uri))
    with pytest.raises(Malformed, match=r"outside of the document, or no Id|not the element"):
        read_receipt(document)


def test_a_second_reference_to_the_outside_is_refused() -> None:
    def more(root: etree._Element) -> None:
        extra = copy.deepcopy(reference(root))
        del extra.attrib["Id"]
        extra.set("URI", "file:///etc/hostname")
        reference(root).addnext(extra)

    with pytest.raises(Malformed, match="outside of the document"):
        read_receipt(forged(signed_receipt(), more))


def test_a_detached_signature_names_its_one_file_and_nothing_else() -> None:
    made = sign_detached(b"abc", signer("rsa"), at=AT, name="a.pdf")

    def more(root: etree._Element) -> None:
        extra = copy.deepcopy(reference(root))
        del extra.attrib["Id"]
        extra.set("URI", "http://127.0.0.1/a.pdf")
        reference(root).addnext(extra)

    with pytest.raises(Malformed, match="only that"):
        verify_detached(forged(made, more), b"abc", TRUST, at=AT, name="a.pdf")


@pytest.mark.parametrize(
    "algorithm",
    [
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2002/06/xmldsig-filter2",
        "http://www.w3.org/2000/09/xmldsig#base64",
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        "urn:other",
        "",
    ],
)
def test_a_transform_that_is_not_on_the_list_is_refused(algorithm: str) -> None:
    def transform(root: etree._Element) -> None:
        next(root.iter(ds("Transform"))).set("Algorithm", algorithm)

    with pytest.raises(ForbiddenAlgorithm, match="transform"):
        read_receipt(forged(signed_receipt(), transform))


def transformed(*algorithms: str) -> Callable[[etree._Element], None]:
    """A change of the transforms of the first reference; an empty name stands for exclusive canonical form."""

    def edit(root: etree._Element) -> None:
        transforms = next(root.iter(ds("Transforms")))
        del transforms[:]
        for each in algorithms:
            etree.SubElement(transforms, ds("Transform"), Algorithm=each or EXCLUSIVE)

    return edit


def test_more_than_two_transforms_or_another_order_is_refused() -> None:
    for algorithms in (("", ""), ("", ENVELOPED), (ENVELOPED, ENVELOPED), (ENVELOPED, "", "")):
        with pytest.raises(ForbiddenAlgorithm, match="transform"):
            read_receipt(forged(signed_receipt(), transformed(*algorithms)))


def test_to_leave_out_a_signature_that_stands_elsewhere_changes_nothing() -> None:
    """Vietnamese invoices are signed so: enveloped-signature, for a signature beside the data."""
    assert read_receipt(forged(signed_receipt(), transformed(ENVELOPED, ""))).judgement.good


def test_a_signature_inside_of_what_it_signs_must_leave_itself_out() -> None:
    made = sign(b'<Don Id="all"><a/></Don>', signer("rsa"), at=AT)
    with pytest.raises(Malformed, match="without leaving itself out"):
        verify(forged(made, transformed("")), TRUST, at=AT)


def test_an_id_that_stands_twice_is_refused() -> None:
    for extra in (b'<x Id="data"/>', b'<x ID="data"/>', b'<x id="data"/>', b'<x xml:id="data"/>'):
        with pytest.raises(Malformed, match="Id stands twice"):
            read_receipt(signed_receipt().replace(b"<DSCKS>", extra + b"<DSCKS>"))


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
DTDS = {
    "billion laughs": f'<!DOCTYPE BLai [<!ENTITY l0 "ha">{LAUGHS}]>'.encode(),
    "external entity": b'<!DOCTYPE BLai [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
    "parameter entity": b'<!DOCTYPE BLai [<!ENTITY % x SYSTEM "http://127.0.0.1/x.dtd"> %x;]>',
    "external subset": b'<!DOCTYPE BLai SYSTEM "file:///etc/hostname">',
    "attribute default": b'<!DOCTYPE BLai [<!ATTLIST Tien don CDATA "x">]>',
    "internal entity": b'<!DOCTYPE BLai [<!ENTITY l9 "1250000"><!ENTITY x "1250000">]>',
}


@pytest.mark.parametrize("name", DTDS)
@pytest.mark.parametrize("used", [b"1250000", b"&l9;", b"&x;"])
def test_a_document_with_a_dtd_is_refused_before_anything_is_expanded(name: str, used: bytes) -> None:
    head, body = signed_receipt().split(b"\n", 1)
    with pytest.raises(Malformed, match="DTD"):
        read_receipt(head + DTDS[name] + body.replace(b"1250000", used))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-7", "iso-8859-1", "ebcdic-cp-us"])
def test_a_dtd_cannot_hide_in_another_encoding(encoding: str) -> None:
    inner = '<!DOCTYPE a [<!ENTITY x "1">]><a Id="x">&x;</a>'
    codec = "cp037" if encoding.startswith("ebcdic") else encoding
    for document in (
        f'<?xml version="1.0" encoding="{encoding}"?>{inner}'.encode(codec),
        f'<?xml version="1.0" encoding="{encoding}"?><a Id="x">+ADwAIQ-</a>'.encode(),
        f"<?xml version='1.0' encoding = '{encoding}' ?><a/>".encode(),
    ):
        with pytest.raises(Malformed, match=r"UTF-8|DTD"):
            parse(document)


def test_an_undeclared_entity_is_not_well_formed() -> None:
    with pytest.raises(Malformed):
        read_receipt(signed_receipt().replace(b"1250000", b"&x;"))


def test_a_comment_inside_a_text_does_not_cut_it(tmp_path: Path) -> None:
    document = signed_receipt().replace(b"1250000", b"125<!-- -->0000")
    assert xmlsec_accepts(document, tmp_path, "DLBLai@Id", PROPERTIES)
    assert "1250000" == text(read_receipt(document).element, "Tien")


def test_cdata_is_text() -> None:
    assert "1250000" == text(
        read_receipt(signed_receipt().replace(b"1250000", b"12<![CDATA[50]]>000")).element, "Tien"
    )


def test_a_processing_instruction_that_would_cut_a_text_is_refused() -> None:
    with pytest.raises(Malformed, match="processing instruction"):
        sign(RECEIPT.replace(b"1250000", b"125<?x?>0000"), signer("rsa"), at=AT, place=PLACE, signed=SIGNED)


def test_documents_have_limits() -> None:
    parse(b"<a>" * MOST_DEPTH + b"</a>" * MOST_DEPTH)
    for document, words in (
        (b"<a>" * (MOST_DEPTH + 1) + b"</a>" * (MOST_DEPTH + 1), "too deep"),
        (b"<a>" * 100_000 + b"</a>" * 100_000, "well-formed"),
        (b"<a>" + b"<b/>" * MOST_ELEMENTS + b"</a>", "too many elements"),
        (b"<a>" + b" " * MOST_BYTES + b"</a>", "too large"),
    ):
        with pytest.raises(Malformed, match=words):
            parse(document)


@pytest.mark.parametrize("form", ["pem", "der", "certificate"])
def test_the_public_key_passed_off_as_an_hmac_secret_is_refused(form: str) -> None:
    certificate = signer("rsa").certificate
    secret = {
        "pem": certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "certificate": certificate.public_bytes(Encoding.PEM),
    }[form]

    def confuse(root: etree._Element) -> None:
        method = next(root.iter(ds("SignatureMethod")))
        method.set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256")
        octets = etree.tostring(next(root.iter(ds("SignedInfo"))), method="c14n", exclusive=True)
        value = base64.b64encode(hmac.digest(secret, octets, hashlib.sha256)).decode()
        next(root.iter(ds("SignatureValue"))).text = value

    with pytest.raises(ForbiddenAlgorithm, match="signature algorithm"):
        read_receipt(edited(signed_receipt(), confuse))


def test_an_elliptic_algorithm_with_an_rsa_key_is_refused() -> None:
    def confuse(root: etree._Element) -> None:
        method = next(root.iter(ds("SignatureMethod")))
        method.set("Algorithm", "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256")
        next(root.iter(ds("SignatureValue"))).text = base64.b64encode(bytes(64)).decode()

    with pytest.raises(ForbiddenAlgorithm, match="not one of the key"):
        read_receipt(edited(signed_receipt(), confuse))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (bytes(64), "does not fit"),
        (b"", "64 bytes"),
        (bytes(63), "64 bytes"),
        (b"0D\x02 " + bytes(66), "64 bytes"),
    ],
)
def test_an_elliptic_signature_in_der_or_of_nothing_is_refused(value: bytes, words: str) -> None:
    def swap(root: etree._Element) -> None:
        next(root.iter(ds("SignatureValue"))).text = base64.b64encode(value).decode()

    with pytest.raises(BadSignature, match=words):
        read_receipt(edited(signed_receipt("p256"), swap))


def test_sha1_is_refused_unless_a_profile_allows_it_for_reading() -> None:
    def sha1_digest(root: etree._Element) -> None:
        octets = etree.tostring(root.find("DLBLai"), method="c14n", exclusive=True, with_tail=False)
        element = reference(root)
        element.find(ds("DigestMethod")).set("Algorithm", "http://www.w3.org/2000/09/xmldsig#sha1")
        element.find(ds("DigestValue")).text = digest_of(octets, hashes.SHA1())

    def sha1_method(root: etree._Element) -> None:
        next(root.iter(ds("SignatureMethod"))).set("Algorithm", "http://www.w3.org/2000/09/xmldsig#rsa-sha1")

    for document in (forged(signed_receipt(), sha1_digest), forged(signed_receipt(), sha1_method, sha1=True)):
        with pytest.raises(ForbiddenAlgorithm) as refused:
            read_receipt(document)
        assert Sub.CRYPTO_CONSTRAINTS_FAILURE is judgement_of(refused.value).sub
        assert read_receipt(document, allow=(Allow.SHA1,)).judgement.good


def swapped(document: bytes, certificates: list[bytes]) -> Verified:
    def swap(root: etree._Element) -> None:
        data = next(root.iter(ds("X509Data")))
        del data[:]
        for each in certificates:
            etree.SubElement(data, ds("X509Certificate")).text = base64.b64encode(each).decode()

    return read_receipt(edited(document, swap))


def test_another_certificate_in_key_info_than_the_one_that_was_signed_with_is_refused() -> None:
    twin = certify("Signer", rsa_key(), "Root", p256("root"))
    for other in (twin, stranger().certificate):
        with pytest.raises(BadSignature, match="not the one that the signer signed with"):
            swapped(signed_receipt(), [other.public_bytes(Encoding.DER)])
    ours = signer("rsa").certificate
    der = [each.public_bytes(Encoding.DER) for each in (twin, ours)]
    assert ours == swapped(signed_receipt(), der).by.certificate


def test_a_key_that_stands_beside_the_certificate_is_not_used_and_a_fetched_one_is_refused() -> None:
    def key_name(root: etree._Element) -> None:
        etree.SubElement(next(root.iter(ds("KeyInfo"))), ds("KeyName")).text = "another"

    def retrieval(root: etree._Element) -> None:
        etree.SubElement(next(root.iter(ds("KeyInfo"))), ds("RetrievalMethod"), URI="http://127.0.0.1/key")

    assert signer("rsa").certificate == read_receipt(edited(signed_receipt(), key_name)).by.certificate
    with pytest.raises(Malformed, match="KeyInfo"):
        read_receipt(edited(signed_receipt(), retrieval))


def test_properties_that_are_not_signed_are_refused() -> None:
    def unsign(root: etree._Element) -> None:
        second = reference(root, 1)
        second.getparent().remove(second)

    def untype(root: etree._Element) -> None:
        del reference(root, 1).attrib["Type"]

    for change in (unsign, untype):
        with pytest.raises(Malformed, match="are not signed"):
            read_receipt(forged(signed_receipt(), change))


def test_properties_of_another_signature_or_a_second_set_are_refused() -> None:
    def retarget(root: etree._Element) -> None:
        next(root.iter(f"{{{XADES}}}QualifyingProperties")).set("Target", "#another")

    def double(root: etree._Element) -> None:
        holder = next(root.iter(HOLDER))
        extra = copy.deepcopy(holder)
        for each in extra.iter():
            if "Id" in each.attrib:
                each.set("Id", each.get("Id") + "-2")
        holder.addnext(extra)

    for change in (retarget, double):
        with pytest.raises(Malformed, match="not those of this one signature"):
            read_receipt(edited(signed_receipt(), change))


def test_an_element_that_is_signed_twice_or_not_at_all_is_refused() -> None:
    def twice(root: etree._Element) -> None:
        extra = copy.deepcopy(reference(root))
        del extra.attrib["Id"]
        reference(root).addnext(extra)

    def nowhere(root: etree._Element) -> None:
        first = reference(root)
        first.getparent().remove(first)

    for change in (twice, nowhere):
        with pytest.raises(Malformed, match="not the element that should be"):
            read_receipt(forged(signed_receipt(), change))


def manifest(root: etree._Element) -> None:
    etree.SubElement(next(root.iter(ds("Signature"))), ds("Manifest"))


def two_infos(root: etree._Element) -> None:
    info = next(root.iter(ds("SignedInfo")))
    extra = copy.deepcopy(info)
    for each in extra.iter(ds("Reference")):
        each.attrib.pop("Id", None)
    info.addprevious(extra)


def output_length(root: etree._Element) -> None:
    etree.SubElement(next(root.iter(ds("SignatureMethod"))), ds("HMACOutputLength")).text = "8"


def hidden_text(root: etree._Element) -> None:
    etree.SubElement(next(root.iter(ds("DigestValue"))), "x")


def no_reference(root: etree._Element) -> None:
    for each in list(root.iter(ds("Reference"))):
        each.getparent().remove(each)


def nine_references(root: etree._Element) -> None:
    for _ in range(7):
        extra = copy.deepcopy(reference(root))
        extra.attrib.pop("Id", None)
        reference(root).addnext(extra)


def other_reference(root: etree._Element) -> None:
    etree.SubElement(next(root.iter(ds("SignedInfo"))), ds("Manifest"))


def more_in_a_reference(root: etree._Element) -> None:
    reference(root).insert(0, etree.Element(ds("Transforms")))


def other_transform(root: etree._Element) -> None:
    next(root.iter(ds("Transform"))).tag = ds("Filter")


def no_uri(root: etree._Element) -> None:
    del reference(root).attrib["URI"]


def many_certificates(root: etree._Element) -> None:
    data = next(root.iter(ds("X509Data")))
    for _ in range(33):
        data.append(copy.deepcopy(data[0]))


def own_enveloped(root: etree._Element) -> None:
    reference(root, 1)[0].insert(0, etree.Element(ds("Transform"), Algorithm=ENVELOPED))


def prefixes(root: etree._Element) -> None:
    method = next(root.iter(ds("CanonicalizationMethod")))
    method.set("Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315")
    etree.SubElement(method, f"{{{EXCLUSIVE}}}InclusiveNamespaces", PrefixList="x")


def no_certificate_named(root: etree._Element) -> None:
    next(root.iter(f"{{{XADES}}}SigningCertificateV2")).tag = f"{{{XADES}}}SignerRoleV2"


def two_certificates_named(root: etree._Element) -> None:
    named = next(root.iter(f"{{{XADES}}}SigningCertificateV2"))
    named.addnext(copy.deepcopy(named))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (manifest, "has a part that is not read"),
        (two_infos, "not an XML signature"),
        (output_length, "two methods"),
        (hidden_text, "more than text"),
        (no_reference, "names nothing, or too much"),
        (nine_references, "names nothing, or too much"),
        (other_reference, "reference of the XML signature is not of its form"),
        (more_in_a_reference, "reference of the XML signature is not of its form"),
        (other_transform, "transforms of a reference are not"),
        (no_uri, "names nothing"),
        (many_certificates, "too many certificates"),
        (own_enveloped, "cannot leave the signature out"),
        (prefixes, "canonicalisation has a part"),
        (no_certificate_named, "name the signer's certificate once"),
        (two_certificates_named, "name the signer's certificate once"),
    ],
)
def test_a_signature_of_another_shape_is_refused(
    change: Callable[[etree._Element], None], words: str
) -> None:
    with pytest.raises(Malformed, match=words):
        read_receipt(forged(signed_receipt(), change))


def test_a_canonicalisation_that_keeps_comments_is_refused() -> None:
    def comments(root: etree._Element) -> None:
        next(root.iter(ds("CanonicalizationMethod"))).set("Algorithm", f"{EXCLUSIVE}WithComments")

    with pytest.raises(ForbiddenAlgorithm, match="canonicalisation"):
        read_receipt(forged(signed_receipt(), comments))


def test_prefixes_that_are_kept_in_exclusive_form_are_read() -> None:
    def keep(root: etree._Element) -> None:
        transform = next(root.iter(ds("Transform")))
        etree.SubElement(transform, f"{{{EXCLUSIVE}}}InclusiveNamespaces", PrefixList="x")
        octets = etree.tostring(
            etree.fromstring(etree.tostring(root.find("DLBLai"), with_tail=False)),
            method="c14n",
            exclusive=True,
            inclusive_ns_prefixes=["x"],
        )
        assert octets.startswith(b'<DLBLai xmlns:x="urn:x"')
        reference(root).find(ds("DigestValue")).text = digest_of(octets, hashes.SHA256())

    assert read_receipt(forged(signed_receipt(), keep)).judgement.good


def test_inclusive_canonicalisation_below_an_xml_attribute_is_refused() -> None:
    def inclusive(root: etree._Element) -> None:
        root.set("{http://www.w3.org/XML/1998/namespace}lang", "vi")
        transform = next(root.iter(ds("Transform")))
        transform.set("Algorithm", "http://www.w3.org/TR/2001/REC-xml-c14n-20010315")

    with pytest.raises(Malformed, match="xml: attribute"):
        read_receipt(forged(signed_receipt(), inclusive))


def test_a_plain_signature_has_no_place_for_a_time_stamp() -> None:
    def plain(root: etree._Element) -> None:
        holder = next(root.iter(HOLDER))
        holder.getparent().remove(holder)

    with pytest.raises(Malformed, match="no properties of XAdES"):
        add_timestamp(edited(signed_receipt(), plain), Clock(), place=PLACE)
