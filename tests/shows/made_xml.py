"""Signed XML: receipts in the tax authority's shape (XAdES), messages with XSW 1 to 8, detached signatures, SOAP."""

import base64
import copy
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import signxml
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree
from signxml.xades import XAdESVerifier

from gateway.receipt_xml import SIGNATURE_PLACE, SIGNED_PLACE, signed_xml
from signing import soap, xml_signatures
from signing.signer import KeySigner
from signing.verdicts import Judgement
from signing.xml_core import ds
from signing.xml_document import WSU
from tests.shows.asked import Thing, flipped, said
from tests.shows.ground import Ground, pem
from tests.shows.made_trust import stamp_of
from tests.unit.signing.pki_world import NOW
from tests.unit.signing.signing_xml import PROPERTIES, XADES, edited
from tests.unit.signing.test_soap import SOAP11, WSSE, envelope
from tests.unit.signing.test_xml_attacks import ATTACKS, PAID, RESPONSE
from tests.unit.test_render import FACTS

LABELS = {"P-256": "signer", "RSA": "signer-rsa"}
Change = Callable[[etree._Element], object]


def by_xmlsec(ground: Ground, document: bytes, *ids: str, beside: Sequence[str | Path] = ()) -> bool:
    """Whether xmlsec1 finds that the signature holds, and its signer leads to the root; `ids` as `name@Id`.

    `beside` says which file stands for a reference to the outside.
    """
    names = [each.split("@") for each in ids]
    known = [part for name, attribute in names for part in (f"--id-attr:{attribute}", name)]
    moment = ["--verification-time", NOW.strftime("%Y-%m-%d %H:%M:%S")]
    trusted = ["--trusted-pem", ground.root, "--untrusted-pem", ground.issuers, *moment]
    file = ground.bench.file("document.xml", document)
    return ground.bench.accepts("xmlsec1", "--verify", *trusted, *known, *beside, file)


def by_signxml(document: bytes, signer: KeySigner, references: int = 2) -> bool:
    """Whether signxml raises nothing when it is told whose certificate it has to be; what is signed, it gives back."""
    return _raises_nothing(XAdESVerifier(), document, signer, references)


def _raises_nothing(
    verifier: signxml.XMLVerifier, document: bytes, signer: KeySigner, references: int
) -> bool:
    try:
        verifier.verify(document, x509_cert=pem(signer.certificate).decode(), expect_references=references)
    except (signxml.exceptions.SignXMLException, etree.DocumentInvalid):
        return False
    return True


def value_flipped(root: etree._Element) -> None:
    value = next(root.iter(ds("SignatureValue")))
    raw = base64.b64decode(value.text or "")
    value.text = base64.b64encode(flipped(raw, -1)).decode()


def recertified(signer: KeySigner) -> Change:
    def change(root: etree._Element) -> None:
        der = signer.certificate.public_bytes(Encoding.DER)
        next(root.iter(ds("X509Certificate"))).text = base64.b64encode(der).decode()

    return change


# --- receipts ----------------------------------------------------------------------------------------------

LEVELS = ("B-B", "B-T", "B-LT")


def receipts(ground: Ground) -> Iterator[Thing[bytes]]:
    for name, label in LABELS.items():
        for level in LEVELS:
            yield _receipt_thing(ground, f"receipt XML, XAdES {level} by {name}", label, level)


def _receipt_thing(ground: Ground, name: str, label: str, level: str) -> Thing[bytes]:
    world = ground.world
    signer = world.key_signer(label)
    ours = _leveled(ground, signed_xml(FACTS, signer, at=NOW), level)
    other = world.key_signer("signer" if label == "signer-rsa" else "signer-rsa")
    elsewhere = _leveled(ground, xml_of_another(signer), level)
    altered = {
        "a digit of the sum": ours.replace(b"<TgTTTBSo>234500<", b"<TgTTTBSo>934500<"),
        "a letter of a name": ours.replace("Hồng Nhung".encode(), "Hồng Nhưng".encode()),
        "a byte of the signature": edited(ours, value_flipped),
        "when it was signed": ours.replace(
            b"<xades:SigningTime>2026-11-24", b"<xades:SigningTime>2026-11-23"
        ),
        "another signer's certificate": edited(ours, recertified(other)),
        "the signature of another": edited(ours, _resigned(elsewhere)),
        "wrapped, the true part in an Object": edited(ours, _wrapped("evil")),
        "wrapped, with the same Id": edited(ours, _wrapped("data")),
        "wrapped, the true part beside": edited(ours, _beside),
        "by a signer that is not ours": signed_xml(FACTS, world.key_signer("signer-foreign"), at=NOW),
        "by a revoked signer": signed_xml(FACTS, world.key_signer("signer-revoked"), at=NOW),
        "by an expired signer": signed_xml(FACTS, world.key_signer("signer-expired"), at=NOW),
    }
    if level != "B-B":
        value = hashlib.sha256(_stamped_octets(ours)).digest()
        altered |= {
            "the time-stamp of another": edited(ours, _restamped(_token(elsewhere))),
            "a time-stamp that is not ours": edited(ours, _restamped(stamp_of(ground, "tsa-foreign", value))),
        }
    ids = ("DLCTu@Id", PROPERTIES)
    tools = {
        "xmlsec1": lambda each: by_xmlsec(ground, each, *ids),
        "signxml": lambda each: by_signxml(each, signer),
    }
    return Thing(name, ours, altered, tools, lambda each: said(lambda: _receipt_read(ground, each)))


def xml_of_another(signer: KeySigner) -> bytes:
    return signed_xml(replace(FACTS, number=124, receipt_number="H36-26E-0000124"), signer, at=NOW)


def _leveled(ground: Ground, document: bytes, level: str) -> bytes:
    if level == "B-B":
        return document
    stamped = xml_signatures.add_timestamp(document, ground.world.stamper(), place=SIGNATURE_PLACE)
    if level == "B-T":
        return stamped
    return xml_signatures.complete(stamped, ground.trust, at=NOW, place=SIGNATURE_PLACE)


def _receipt_read(ground: Ground, document: bytes) -> Judgement:
    return xml_signatures.verify(
        document, ground.trust, at=NOW, place=SIGNATURE_PLACE, signed=SIGNED_PLACE
    ).judgement


def _resigned(elsewhere: bytes) -> Change:
    value = next(etree.fromstring(elsewhere).iter(ds("SignatureValue"))).text

    def change(root: etree._Element) -> None:
        next(root.iter(ds("SignatureValue"))).text = value

    return change


def _wrapped(new_id: str) -> Change:
    """XSW: what is signed stands inside of the signature, and at its place stands what the enemy wants."""

    def change(root: etree._Element) -> None:
        true = root.find("DLCTu")
        assert true is not None
        evil = _evil(true, new_id)
        root.replace(true, evil)
        etree.SubElement(next(root.iter(ds("Signature"))), ds("Object")).append(true)

    return change


def _beside(root: etree._Element) -> None:
    """XSW: the enemy's part comes first, the true one after it."""
    true = root.find("DLCTu")
    assert true is not None
    true.addprevious(_evil(true, "evil"))


def _evil(true: etree._Element, new_id: str) -> etree._Element:
    evil = copy.deepcopy(true)
    evil.set("Id", new_id)
    next(evil.iter("TgTTTBSo")).text = "1"
    return evil


def _token(document: bytes) -> bytes:
    found = next(etree.fromstring(document).iter(f"{{{XADES}}}EncapsulatedTimeStamp"))
    return base64.b64decode(found.text or "")


def _restamped(token: bytes) -> Change:
    def change(root: etree._Element) -> None:
        next(root.iter(f"{{{XADES}}}EncapsulatedTimeStamp")).text = base64.b64encode(token).decode()

    return change


def _stamped_octets(document: bytes) -> bytes:
    """What a time-stamp of the signature is over: its SignatureValue element, canonical (EN 319 132-1, 5.3)."""
    return etree.tostring(
        next(etree.fromstring(document).iter(ds("SignatureValue"))), method="c14n", exclusive=True
    )


# --- wrapping in messages ------------------------------------------------------------------------------------


MESSAGE_IDS = ("urn:r:Response@ID", "urn:a:Assertion@ID", PROPERTIES)


def messages(ground: Ground) -> Iterator[Thing[bytes]]:
    """An enveloped signature over a whole message, and over a part of one: XSW 1 and 2, and 3 to 8."""
    for what, path in (("a whole message", ()), ("a part of a message", ATTACKS[2][1])):
        signer = ground.world.key_signer("signer-rsa")
        ours = xml_signatures.sign(RESPONSE, signer, at=NOW, place=path, signed=path)
        attacks = [attack for attack, where in ATTACKS if where == path]
        altered = {
            "a byte of the content": ours.replace(b">1000<", b">9000<"),
            "a byte of the signature": edited(ours, value_flipped),
        }
        for attack in attacks:
            for how, new_id in (("", "evil"), (" with the same Id", "a1" if path else "r1")):
                altered[f"{attack.__name__}{how}"] = edited(ours, lambda root, a=attack, n=new_id: a(root, n))
        yield Thing(
            f"XAdES over {what}",
            ours,
            altered,
            {
                "xmlsec1": lambda each: by_xmlsec(ground, each, *MESSAGE_IDS),
                "signxml": lambda each, signer=signer: by_signxml(each, signer),
            },
            lambda each, path=path: _message_read(ground, each, path),
        )


def _message_read(ground: Ground, document: bytes, path: Sequence[str]) -> str:
    """Where ours gives back another sum than the first of the document, it did not believe the enemy's."""
    found: list[str | None] = []

    def judged() -> Judgement:
        read = xml_signatures.verify(document, ground.trust, at=NOW, place=path, signed=path)
        found.extend(each.text for each in read.element.iter(PAID))
        return read.judgement

    word = said(judged)
    first = next(etree.fromstring(document).iter(PAID)).text
    return word or ("" if found == [first] else f"only {found[0]}, which was signed")


# --- detached ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Beside:
    """A signature in a document of its own, and the file that it is over."""

    signature: bytes
    file: bytes


def detached(ground: Ground) -> Iterator[Thing[Beside]]:
    name, content = "hop-dong.pdf", b"%PDF-1.7 content of a contract"
    for kind, label in LABELS.items():
        signer = ground.world.key_signer(label)

        def made(who: KeySigner, content: bytes = content) -> bytes:
            return xml_signatures.sign_detached(content, who, at=NOW, name=name)

        ours = Beside(made(signer), content)
        other = ground.world.key_signer("signer" if label == "signer-rsa" else "signer-rsa")

        def xmlsec(each: Beside) -> bool:
            beside = [f"--url-map:{name}", ground.bench.file("beside", each.file)]
            return by_xmlsec(ground, each.signature, PROPERTIES, beside=beside)

        def read(each: Beside) -> Judgement:
            return xml_signatures.verify_detached(
                each.signature, each.file, ground.trust, at=NOW, name=name
            ).judgement

        yield Thing(
            f"XAdES detached by {kind}",
            ours,
            {
                "a byte of the file": replace(ours, file=flipped(content, 12)),
                "the file cut": replace(ours, file=content[:-1]),
                "a byte of the signature": replace(ours, signature=edited(ours.signature, value_flipped)),
                "another signer's certificate": replace(
                    ours, signature=edited(ours.signature, recertified(other))
                ),
                "the signature of another file": replace(ours, signature=made(signer, b"another")),
                "by a signer that is not ours": replace(
                    ours, signature=made(ground.world.key_signer("signer-foreign"))
                ),
            },
            {"xmlsec1": xmlsec},
            lambda each: said(lambda: read(each)),
        )


# --- SOAP ----------------------------------------------------------------------------------------------------


def soap_messages(ground: Ground) -> Iterator[Thing[bytes]]:
    """WS-Security: tools of XML find the key nowhere but in what they are given, our reader in the token."""
    for kind, label in LABELS.items():
        signer = ground.world.key_signer(label)
        other = ground.world.key_signer("signer" if label == "signer-rsa" else "signer-rsa")
        ours = soap.sign(envelope(), signer, at=NOW)
        foreign = soap.sign(envelope(), ground.world.key_signer("signer-foreign"), at=NOW)
        certificate = ground.bench.file(f"{label}.pem", pem(signer.certificate))
        names = (f"{SOAP11}:Body@Id", f"{WSU}:Timestamp@Id", f"{WSSE}:BinarySecurityToken@Id")

        def xmlsec(each: bytes, certificate: object = certificate, names: Sequence[str] = names) -> bool:
            known = [part for name in names for part in ("--id-attr:Id", name.removesuffix("@Id"))]
            file = ground.bench.file("message.xml", each)
            return ground.bench.accepts(
                "xmlsec1", "--verify", "--pubkey-cert-pem", str(certificate), *known, file
            )

        def library(each: bytes, signer: KeySigner = signer) -> bool:
            return _raises_nothing(signxml.XMLVerifier(), each, signer, 3)

        yield Thing(
            f"SOAP, WS-Security by {kind}",
            ours,
            {
                "a digit of the sum": ours.replace(b"1250000", b"9250000"),
                "when it ends": ours.replace(b"03:05:00", b"04:05:00"),
                "a byte of the signature": edited(ours, value_flipped),
                "another signer's token": edited(ours, _retokened(other)),
                "a Body in front of the true one": edited(ours, _body_wrapped("evil")),
                "the true Body in a header": edited(ours, _body_wrapped("body")),
                ("its key, " if kind == "P-256" else "") + "under a root that is not ours": foreign,
            },
            {"xmlsec1": xmlsec, "signxml": library},
            lambda each: said(lambda: soap.verify(each, ground.trust, at=NOW).judgement),
        )


def _retokened(signer: KeySigner) -> Change:
    def change(root: etree._Element) -> None:
        der = signer.certificate.public_bytes(Encoding.DER)
        next(root.iter(f"{{{WSSE}}}BinarySecurityToken")).text = base64.b64encode(der).decode()

    return change


def _body_wrapped(new_id: str) -> Change:
    def change(root: etree._Element) -> None:
        true = next(root.iter(f"{{{SOAP11}}}Body"))
        evil = copy.deepcopy(true)
        next(evil.iter("{urn:q}TotalAmount")).text = "9"
        evil.set(f"{{{WSU}}}Id", new_id)
        root.replace(true, evil)
        etree.SubElement(next(root.iter(f"{{{SOAP11}}}Header")), "wrapper").append(true)

    return change
