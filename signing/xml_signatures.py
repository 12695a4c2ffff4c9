"""Signed XML: XMLDSig and XAdES B-B, B-T and B-LT (ETSI EN 319 132-1), inside of a document or beside other bytes.

Where the signature stands and which element it signs are given by the caller as places, never found by searching; the
signed element is named by its Id and must be the one at that place, and the reader gets back only what was signed,
parsed anew from the very bytes that the digest was over. So nothing is gained by moving or wrapping elements.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from signing import xml_xades
from signing.arithmetic import Allow, SignedBy, digest
from signing.errors import Malformed
from signing.signer import Signer
from signing.timestamps import digest_name_of, read_stamp
from signing.verdicts import Judgement, TimeStamper, Trust, ValidationData
from signing.xml_checks import (
    check_inside,
    content_reference,
    require_signed,
    signed_by,
    signed_octets,
    signing_certificate,
)
from signing.xml_core import (
    ENVELOPED,
    Part,
    add,
    add_certificates,
    certificates_in,
    check_reference,
    check_value,
    ds,
    fill,
    take_apart,
)
from signing.xml_document import (
    DS,
    EXCLUSIVE,
    Canonical,
    Path,
    at_place,
    canonical,
    id_of,
    ids,
    parse,
    reparsed,
)

XML: Final = "text/xml"


@dataclass(frozen=True, slots=True)
class Verified:
    """The element that was signed, without its signature, and by whom. Believe it only where `judgement.good`."""

    element: etree._Element = field(repr=False)
    by: SignedBy

    @property
    def judgement(self) -> Judgement:
        return self.by.judgement


# --- making ------------------------------------------------------------------------------------------


def sign(
    document: bytes,
    signer: Signer,
    *,
    at: datetime,
    place: Path = (),
    signed: Path = (),
    media_type: str = XML,
    stamper: TimeStamper | None = None,
) -> bytes:
    """The document with a XAdES signature of level B-B (B-T with a stamper) as the last child of `place`.

    `signed` leads to the element that is signed, which has an Id; a signature inside of it is left out of it. Comments
    are dropped. Raises `Malformed` for a document where that cannot be; what signer and stamper raise passes through.
    """
    root = parse(document)
    named = ids(root)
    target, parent = at_place(root, signed), at_place(root, place)
    name = id_of(target)
    if any(child.tag == ds("Signature") for child in parent):
        raise Malformed("There is a signature at this place already")
    inside = parent is target or target in parent.iterancestors()
    transforms = (ENVELOPED, EXCLUSIVE) if inside else (EXCLUSIVE,)
    part = Part(f"#{name}", canonical(target), transforms)
    signature = etree.SubElement(parent, ds("Signature"), nsmap={"ds": DS})
    _finish(signature, part, signer, at=at, media_type=media_type, stamper=stamper)
    if any(each in named for each in ids(signature)):
        raise Malformed("An Id of the signature is in the document already")
    return _written(root)


def sign_detached(
    content: bytes,
    signer: Signer,
    *,
    at: datetime,
    name: str,
    media_type: str = "application/octet-stream",
    stamper: TimeStamper | None = None,
) -> bytes:
    """A XAdES signature as a document of its own, over bytes that are called `name` (a relative file name)."""
    signature = etree.Element(ds("Signature"), nsmap={"ds": DS})
    part = Part(quote(name), content, ())
    _finish(signature, part, signer, at=at, media_type=media_type, stamper=stamper)
    return _written(signature)


def add_timestamp(document: bytes, stamper: TimeStamper, *, place: Path = ()) -> bytes:
    """The document whose XAdES signature at `place` got a time-stamp: level B-T."""
    root = parse(document)
    _stamp(_signature_at(root, place), stamper)
    return _written(root)


def add_validation(document: bytes, data: ValidationData, *, place: Path = ()) -> bytes:
    """The document whose time-stamped XAdES signature got what a later verdict needs: level B-LT.

    Raises `Malformed` for a signature without a time-stamp: before one, nothing says at which time the data counts.
    """
    root = parse(document)
    signature = _signature_at(root, place)
    properties = xml_xades.read(take_apart(signature, tuple(Allow)), tuple(Allow))
    if properties is None or not properties.stamps:
        raise Malformed("The signature has no time-stamp yet")
    xml_xades.add_values(signature, data)
    return _written(root)


def complete(document: bytes, trust: Trust, *, at: datetime, place: Path = ()) -> bytes:
    """The document with a time-stamped XAdES signature at `place`, brought to B-LT with what the trust gathers now.

    Gathered is for the signer and for the authorities of the time-stamps. Raises `SignerAway` for what is down, and the
    document can be completed later; `Malformed`, `UnknownKey`, `BadSignature` for what cannot be.
    """
    parts = take_apart(_signature_at(parse(document), place), tuple(Allow))
    properties = xml_xades.read(parts, tuple(Allow))
    there = certificates_in(parts.key_info)
    certificate = signing_certificate(properties, there)
    wanted = [(certificate, there)]
    for token, octets in () if properties is None else properties.stamps:
        stamp = read_stamp(token, digest(digest_name_of(token), octets))
        wanted.append((stamp.certificate, (stamp.certificate, *stamp.others)))
    found = [
        trust.gather(each, [other for other in others if other != each], at=at) for each, others in wanted
    ]
    data = ValidationData(
        certificates=tuple(dict.fromkeys(der for each in found for der in each.certificates)),
        ocsps=tuple(dict.fromkeys(der for each in found for der in each.ocsps)),
        crls=tuple(dict.fromkeys(der for each in found for der in each.crls)),
    )
    return add_validation(document, data, place=place)


def _finish(
    signature: etree._Element,
    part: Part,
    signer: Signer,
    *,
    at: datetime,
    media_type: str,
    stamper: TimeStamper | None,
) -> None:
    name = _name_of(part, signer, at)
    signature.set("Id", name)
    add_certificates(add(signature, ds("KeyInfo")), signer)
    properties = xml_xades.add_properties(
        signature, signer.certificate, at=at, reference=f"{name}-content", media_type=media_type
    )
    parts = (
        Part(part.uri, part.octets, part.transforms, id=f"{name}-content"),
        Part(f"#{properties.get('Id')}", canonical(properties), kind=xml_xades.SIGNED_PROPERTIES),
    )
    fill(signature, parts, signer)
    if stamper is not None:
        _stamp(signature, stamper)


def _name_of(part: Part, signer: Signer, at: datetime) -> str:
    """An Id that follows from what is signed, by whom and when: the same input gives the same document."""
    what = hashlib.sha256(part.octets).digest() + signer.certificate.public_bytes(Encoding.DER)
    return f"sig-{hashlib.sha256(what + at.isoformat().encode()).hexdigest()[:16]}"


def _stamp(signature: etree._Element, stamper: TimeStamper) -> None:
    octets = xml_xades.stamped_octets(signature, Canonical(EXCLUSIVE))
    xml_xades.add_stamp(signature, stamper.stamp(digest("sha256", octets)))


def _written(root: etree._Element) -> bytes:
    return bytes(etree.tostring(root.getroottree(), encoding="UTF-8", xml_declaration=True))


# --- reading -----------------------------------------------------------------------------------------


def verify(
    document: bytes,
    trust: Trust,
    *,
    at: datetime,
    place: Path = (),
    signed: Path = (),
    certificates: Sequence[x509.Certificate] = (),
    allow: Collection[Allow] = (),
) -> Verified:
    """The element at `signed`, as the one signature at `place` signed it.

    `certificates` are known besides those in KeyInfo; `at` is the time to judge for where no time-stamp proves one.
    Raises `Malformed`, `ForbiddenAlgorithm`, `UnknownKey`, `BadSignature` (`ContentChanged` for the content).
    """
    root = parse(document)
    named = ids(root)
    target, signature = at_place(root, signed), _signature_at(root, place)
    parts = take_apart(signature, allow)
    properties = xml_xades.read(parts, allow)
    there = (*certificates_in(parts.key_info), *certificates)
    certificate = signing_certificate(properties, there)
    check_value(parts, certificate, allow)
    content = content_reference(parts, named, target, allow)
    require_signed(properties, parts, named)
    octets = signed_octets(content, target, signature)
    check_reference(content, octets, "The signed element", allow)
    by = signed_by(properties, certificate, there, trust, at=at)
    return Verified(reparsed(octets), by)


def verify_detached(
    signature: bytes,
    content: bytes,
    trust: Trust,
    *,
    at: datetime,
    name: str,
    certificates: Sequence[x509.Certificate] = (),
    allow: Collection[Allow] = (),
) -> SignedBy:
    """Who signed the bytes that are called `name`, by a signature that is a document of its own.

    Raises as `verify` does.
    """
    root = parse(signature)
    named = ids(root)
    parts = take_apart(root, allow)
    properties = xml_xades.read(parts, allow)
    there = (*certificates_in(parts.key_info), *certificates)
    certificate = signing_certificate(properties, there)
    check_value(parts, certificate, allow)
    outside = [each for each in parts.references if not each.uri.startswith("#")]
    if len(outside) != 1 or outside[0].uri not in {name, quote(name)}:
        raise Malformed("The signature does not name the file that it is given for, and only that")
    if outside[0].enveloped or outside[0].how is not None:
        raise Malformed("The bytes of a file are signed as they are, without a transform")
    for each in parts.references:
        if each is not outside[0]:
            check_inside(each, named, parts, allow)
    require_signed(properties, parts, named)
    check_reference(outside[0], content, "The file", allow)
    return signed_by(properties, certificate, there, trust, at=at)


def _signature_at(root: etree._Element, place: Path) -> etree._Element:
    if root.tag == ds("Signature") and not place:
        return root
    return at_place(root, (*place, ds("Signature")))
