"""XML signatures (XMLDSig core, W3C) taken apart and put together, for documents, XAdES and SOAP alike.

Read is a narrow form only: SignedInfo, SignatureValue, KeyInfo and Objects in their order, at most 8 references, and no
transforms but enveloped-signature and canonicalisation; no XPath, no XSLT, nothing that is fetched. HMAC is never read:
a public key could be passed off as its secret.
"""

import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from signing.arithmetic import (
    MOST_CERTIFICATES,
    Family,
    check,
    digest,
    key_of,
    load_certificate,
    make,
    require_digest,
    require_same,
)
from signing.errors import BadSignature, ForbiddenAlgorithm, Malformed
from signing.signer import Scheme, Signer
from signing.xml_document import C14N, DS, EXCLUSIVE, INCLUSIVE, Canonical, canonical, only_child, text_of

MOST_REFERENCES: Final = 8
ENVELOPED: Final = f"{DS}enveloped-signature"
SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"
_P256_BYTES: Final = 32
_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_DIGESTS: Final = {
    f"{DS}sha1": "sha1",
    SHA256: "sha256",
    f"{_MORE}sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
_METHODS: Final = {
    f"{DS}rsa-sha1": (Family.RSA, "sha1"),
    f"{_MORE}rsa-sha256": (Family.RSA, "sha256"),
    f"{_MORE}rsa-sha384": (Family.RSA, "sha384"),
    f"{_MORE}rsa-sha512": (Family.RSA, "sha512"),
    f"{_MORE}ecdsa-sha1": (Family.ECDSA, "sha1"),
    f"{_MORE}ecdsa-sha256": (Family.ECDSA, "sha256"),
    f"{_MORE}ecdsa-sha384": (Family.ECDSA, "sha384"),
    f"{_MORE}ecdsa-sha512": (Family.ECDSA, "sha512"),
}
_MADE: Final = {Scheme.RSA_SHA256: f"{_MORE}rsa-sha256", Scheme.ECDSA_SHA256: f"{_MORE}ecdsa-sha256"}
_KEY_INFO: Final = {f"{{{DS}}}X509Data", f"{{{DS}}}KeyValue", f"{{{DS}}}KeyName"}


def ds(name: str) -> str:
    """The name of an element of XMLDSig in Clark notation."""
    return f"{{{DS}}}{name}"


@dataclass(frozen=True, slots=True)
class Reference:
    """What a signature names: where, of which type, how it is written as bytes, and its digest."""

    uri: str
    kind: str
    enveloped: bool
    how: Canonical | None
    digest: str
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Parts:
    """A ds:Signature taken apart; `octets` is its canonical SignedInfo."""

    element: etree._Element = field(repr=False)
    octets: bytes = field(repr=False)
    family: Family
    digest: str
    references: tuple[Reference, ...]
    value: bytes = field(repr=False)
    key_info: etree._Element | None = field(repr=False)
    objects: tuple[etree._Element, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """What is to be signed: its bytes, and how the signature names it. `transforms` are URIs in their order."""

    uri: str
    octets: bytes = field(repr=False)
    transforms: tuple[str, ...] = (EXCLUSIVE,)
    kind: str = ""
    id: str = ""


# --- making ------------------------------------------------------------------------------------------


def add(parent: etree._Element, tag: str, text: str | None = None, **attributes: str) -> etree._Element:
    """A new last child."""
    child = etree.SubElement(parent, tag, attributes)
    child.text = text
    return child


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def add_digest(parent: etree._Element, octets: bytes) -> None:
    """DigestMethod and DigestValue, with SHA-256."""
    add(parent, ds("DigestMethod"), Algorithm=SHA256)
    add(parent, ds("DigestValue"), base64_of(digest("sha256", octets)))


def fill(signature: etree._Element, parts: Sequence[Part], signer: Signer) -> None:
    """Puts SignedInfo and SignatureValue first into a ds:Signature, where it stands.

    Raises what the signer raises, `ForbiddenAlgorithm` for its key, `BadSignature` for a signature that does not hold.
    """
    info, value = etree.Element(ds("SignedInfo")), etree.Element(ds("SignatureValue"))
    signature.insert(0, info)
    signature.insert(1, value)
    add(info, ds("CanonicalizationMethod"), Algorithm=EXCLUSIVE)
    add(info, ds("SignatureMethod"), Algorithm=_MADE[signer.scheme])
    for part in parts:
        named = {"Id": part.id, "Type": part.kind, "URI": part.uri}
        reference = add(info, ds("Reference"), **{key: text for key, text in named.items() if text})
        if part.transforms:
            transforms = add(reference, ds("Transforms"))
            for algorithm in part.transforms:
                add(transforms, ds("Transform"), Algorithm=algorithm)
        add_digest(reference, part.octets)
    raw = make(signer, canonical(info))
    value.text = base64_of(_concatenated(raw) if signer.scheme is Scheme.ECDSA_SHA256 else raw)


def add_certificates(key_info: etree._Element, signer: Signer) -> None:
    """An X509Data with the signer's certificate first and those above it."""
    data = add(key_info, ds("X509Data"))
    for each in dict.fromkeys((signer.certificate, *signer.chain)):
        add(data, ds("X509Certificate"), base64_of(each.public_bytes(Encoding.DER)))


def _concatenated(der: bytes) -> bytes:
    """ECDSA as XMLDSig 1.1 section 6.4.3 writes it: r and s, each in 32 bytes."""
    r, s = decode_dss_signature(der)
    return r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")


# --- reading -----------------------------------------------------------------------------------------


def take_apart(signature: etree._Element, allow: Collection[str] = ()) -> Parts:
    """Raises `Malformed` for another form, `ForbiddenAlgorithm` for an algorithm or transform that is not read."""
    children = list(signature)
    tags = [child.tag for child in children]
    rest = tags[2:]
    if rest[:1] == [ds("KeyInfo")]:
        rest = rest[1:]
    if signature.tag != ds("Signature") or tags[:2] != [ds("SignedInfo"), ds("SignatureValue")]:
        raise Malformed("This is not an XML signature")
    if any(tag != ds("Object") for tag in rest):
        raise Malformed("The XML signature has a part that is not read")
    info = children[0]
    how, family, name = _methods(info, allow)
    references = tuple(_reference(each, allow) for each in list(info)[2:])
    if not 1 <= len(references) <= MOST_REFERENCES:
        raise Malformed("The XML signature names nothing, or too much")
    return Parts(
        element=signature,
        octets=canonical(info, how),
        family=family,
        digest=name,
        references=references,
        value=decoded(children[1]),
        key_info=children[2] if tags[2:3] == [ds("KeyInfo")] else None,
        objects=tuple(child for child in children if child.tag == ds("Object")),
    )


def check_value(parts: Parts, certificate: x509.Certificate, allow: Collection[str] = ()) -> None:
    """Raises `BadSignature` where the key of the certificate did not sign, `ForbiddenAlgorithm` for another kind."""
    value = parts.value
    key = key_of(certificate, allow)
    if parts.family is Family.ECDSA:
        if len(value) != 2 * _P256_BYTES:
            raise BadSignature("An ECDSA P-256 signature in XML has 64 bytes")
        r, s = (int.from_bytes(half, "big") for half in (value[:_P256_BYTES], value[_P256_BYTES:]))
        value = encode_dss_signature(r, s)
    check(key, value, parts.octets, family=parts.family, name=parts.digest)


def check_reference(reference: Reference, octets: bytes, what: str, allow: Collection[str] = ()) -> None:
    """Raises `ContentChanged` where the digest is another; `what` begins the sentence."""
    require_same(reference.value, digest(reference.digest, octets, allow), f"{what} is not what was signed")


def certificates_in(key_info: etree._Element | None) -> tuple[x509.Certificate, ...]:
    """The certificates of a KeyInfo. A key that stands there without one is not looked at.

    Raises `Malformed`: what would have to be fetched (RetrievalMethod) is refused.
    """
    if key_info is None:
        return ()
    if any(child.tag not in _KEY_INFO for child in key_info):
        raise Malformed("KeyInfo has a part that is not read")
    found = list(key_info.iter(ds("X509Certificate")))
    if len(found) > MOST_CERTIFICATES:
        raise Malformed("KeyInfo has too many certificates")
    return tuple(load_certificate(decoded(each)) for each in found)


def decoded(element: etree._Element) -> bytes:
    """The bytes of an element that holds Base64, white space left out. Raises `Malformed`."""
    try:
        return base64.b64decode("".join(text_of(element).split()), validate=True)
    except ValueError:
        raise Malformed(f"{etree.QName(element).localname} is not Base64") from None


def digest_named(element: etree._Element, allow: Collection[str] = ()) -> tuple[str, bytes]:
    """The digest of DigestMethod and DigestValue below an element."""
    name = _DIGESTS.get(only_child(element, ds("DigestMethod")).get("Algorithm", ""), "")
    require_digest(name, allow)
    return name, decoded(only_child(element, ds("DigestValue")))


def canonicalisation(element: etree._Element) -> Canonical:
    """The canonicalisation that a CanonicalizationMethod or a Transform names."""
    algorithm = element.get("Algorithm", "")
    if algorithm not in C14N:
        raise ForbiddenAlgorithm("The canonicalisation is not one that is accepted")
    if not len(element):
        return Canonical(algorithm)
    if algorithm != EXCLUSIVE or [child.tag for child in element] != [f"{{{EXCLUSIVE}}}InclusiveNamespaces"]:
        raise Malformed("The canonicalisation has a part that is not read")
    return Canonical(algorithm, tuple(element[0].get("PrefixList", "").split()))


def _methods(info: etree._Element, allow: Collection[str]) -> tuple[Canonical, Family, str]:
    tags = [child.tag for child in list(info)[:2]]
    if tags != [ds("CanonicalizationMethod"), ds("SignatureMethod")] or len(info[1]):
        raise Malformed("SignedInfo does not begin with its two methods")
    method = _METHODS.get(info[1].get("Algorithm", ""))
    if method is None:
        raise ForbiddenAlgorithm("The signature algorithm is not one that is accepted")
    require_digest(method[1], allow)
    return canonicalisation(info[0]), *method


def _reference(element: etree._Element, allow: Collection[str]) -> Reference:
    tags = [child.tag for child in element]
    if element.tag != ds("Reference") or tags[-2:] != [ds("DigestMethod"), ds("DigestValue")]:
        raise Malformed("A reference of the XML signature is not of its form")
    if tags[:-2] not in ([], [ds("Transforms")]):
        raise Malformed("A reference of the XML signature is not of its form")
    enveloped, how = _transforms(element[0] if len(tags) > 2 else None)  # noqa: PLR2004 - with Transforms
    name, value = digest_named(element, allow)
    uri = element.get("URI")
    if uri is None:
        raise Malformed("A reference of the XML signature names nothing")
    return Reference(uri, element.get("Type", ""), enveloped, how, name, value)


def _transforms(element: etree._Element | None) -> tuple[bool, Canonical | None]:
    """Whether the signature is left out, and the canonicalisation: nothing, either, or both in this order."""
    steps = list(element) if element is not None else []
    if any(step.tag != ds("Transform") for step in steps):
        raise Malformed("The transforms of a reference are not of their form")
    enveloped = bool(steps) and steps[0].get("Algorithm") == ENVELOPED and not len(steps[0])
    rest = steps[1:] if enveloped else steps
    if len(rest) > 1 or (rest and rest[0].get("Algorithm") not in C14N):
        raise ForbiddenAlgorithm("A transform is not one that is accepted")
    return enveloped, canonicalisation(rest[0]) if rest else None


DEFAULT_CANONICAL: Final = Canonical(INCLUSIVE)
"""How an element is written where the signature does not say (XMLDSig section 4.4.3.2)."""
