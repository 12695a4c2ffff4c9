"""What an XML signature may name, and what is said of its signer: the checks behind `signing.xml_signatures`."""

from collections.abc import Collection, Sequence
from datetime import datetime

from cryptography import x509
from lxml import etree

from signing.arithmetic import SignedBy, judged
from signing.errors import BadSignature, Malformed, UnknownKey
from signing.verdicts import Trust
from signing.xml_core import DEFAULT_CANONICAL, Parts, Reference, check_reference
from signing.xml_document import canonical, take_out
from signing.xml_xades import SIGNED_PROPERTIES, Properties


def signing_certificate(properties: Properties | None, there: Sequence[x509.Certificate]) -> x509.Certificate:
    """The signer's certificate: the one that the properties name, without XAdES the first of KeyInfo."""
    if not there:
        raise UnknownKey("The certificate of the signer is not there")
    if properties is None:
        return there[0]
    for each in there:
        if properties.names(each):
            return each
    raise BadSignature("The certificate is not the one that the signer signed with")


def content_reference(
    parts: Parts, named: dict[str, etree._Element], target: etree._Element, allow: Collection[str]
) -> Reference:
    """The one reference to the target. Every other one names a part of the signature, and holds."""
    found: list[Reference] = []
    for each in parts.references:
        if not each.uri.startswith("#"):
            raise Malformed("The signature names something outside of the document, or no Id")
        if named.get(each.uri[1:]) is target:
            found.append(each)
        else:
            check_inside(each, named, parts, allow)
    if len(found) != 1:
        raise Malformed("What is signed is not the element that should be")
    return found[0]


def check_inside(
    reference: Reference, named: dict[str, etree._Element], parts: Parts, allow: Collection[str]
) -> None:
    """A reference to KeyInfo, or to something in an Object of the signature itself."""
    element = named.get(reference.uri[1:])
    holders = [*parts.objects, *([] if parts.key_info is None else [parts.key_info])]
    if element is None or not any(each in holders for each in (element, *element.iterancestors())):
        raise Malformed("What is signed is not the element that should be")
    if reference.enveloped:
        raise Malformed("A part of the signature cannot leave the signature out")
    octets = canonical(element, reference.how or DEFAULT_CANONICAL)
    check_reference(reference, octets, "A part of the signature", allow)


def require_signed(properties: Properties | None, parts: Parts, named: dict[str, etree._Element]) -> None:
    if properties is not None and not any(
        each.kind == SIGNED_PROPERTIES and named.get(each.uri[1:]) is properties.signed
        for each in parts.references
    ):
        raise Malformed("The properties of the signature are not signed")


def signed_octets(reference: Reference, target: etree._Element, signature: etree._Element) -> bytes:
    """The bytes that the digest is over. Takes the signature out of the tree: it is the last thing done to it.

    To leave out a signature that stands elsewhere changes nothing: Vietnamese invoices are signed so.
    """
    inside = target in signature.iterancestors()
    if inside and not reference.enveloped:
        raise Malformed("The signature stands inside of what it signs without leaving itself out")
    if inside:
        take_out(signature)
    return canonical(target, reference.how or DEFAULT_CANONICAL)


def signed_by(
    properties: Properties | None,
    certificate: x509.Certificate,
    there: Sequence[x509.Certificate],
    trust: Trust,
    *,
    at: datetime,
) -> SignedBy:
    stamps = () if properties is None else properties.stamps
    # without a time-stamp nothing says that old revocation answers still count: then they are asked for anew
    data = properties.data if properties is not None and stamps else None
    others = [each for each in dict.fromkeys(there) if each != certificate]
    judgement, stamped_at = judged(certificate, others, trust, at=at, stamps=stamps, data=data)
    if properties is None:
        return SignedBy(certificate, None, None, "XMLDSIG", judgement)
    level = "B-B" if stamped_at is None else "B-T" if data is None else "B-LT"
    return SignedBy(certificate, properties.signing_time, stamped_at, level, judgement)
