"""The properties that XAdES (ETSI EN 319 132-1) adds to an XML signature.

B-B: SigningTime, SigningCertificateV2 and DataObjectFormat, signed; B-T: a SignatureTimeStamp over the canonical
SignatureValue; B-LT: certificates and revocation answers, so that a verdict needs nothing from outside.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from signing.arithmetic import digest
from signing.errors import Malformed
from signing.verdicts import ValidationData
from signing.xml_core import (
    DEFAULT_CANONICAL,
    SHA256,
    Parts,
    add,
    base64_of,
    canonicalisation,
    decoded,
    digest_named,
    ds,
)
from signing.xml_document import EXCLUSIVE, Canonical, canonical, only_child, text_of

XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
SIGNED_PROPERTIES: Final = "http://uri.etsi.org/01903#SignedProperties"
MOST_STAMPS: Final = 4
MOST_VALUES: Final = 64
_VIETNAM: Final = timezone(timedelta(hours=7))


def xades(name: str) -> str:
    """The name of an element of XAdES in Clark notation."""
    return f"{{{XADES}}}{name}"


@dataclass(frozen=True, slots=True)
class Properties:
    """What the properties say. `stamps` are tokens, each with the bytes that it is over."""

    signed: etree._Element = field(repr=False)
    signing_time: datetime | None
    certificate_id: tuple[str, bytes] = field(repr=False)
    stamps: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    data: ValidationData | None = field(repr=False)

    def names(self, certificate: x509.Certificate) -> bool:
        """Whether it is the certificate that the signer signed with."""
        name, value = self.certificate_id
        der = certificate.public_bytes(Encoding.DER)
        return digest(name, der, (name,)) == value


# --- making ------------------------------------------------------------------------------------------


def add_properties(
    signature: etree._Element, certificate: x509.Certificate, *, at: datetime, reference: str, media_type: str
) -> etree._Element:
    """Adds the Object with the properties of B-B to a signature that has an Id; returns the SignedProperties."""
    name = signature.get("Id", "")
    holder = add(signature, ds("Object"))
    qualifying = etree.SubElement(
        holder, xades("QualifyingProperties"), {"Target": f"#{name}"}, nsmap={"xades": XADES}
    )
    signed = add(qualifying, xades("SignedProperties"), Id=f"{name}-properties")
    of_signature = add(signed, xades("SignedSignatureProperties"))
    moment = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    add(of_signature, xades("SigningTime"), moment)
    named = add(add(of_signature, xades("SigningCertificateV2")), xades("Cert"))
    fingerprint = add(named, xades("CertDigest"))
    add(fingerprint, ds("DigestMethod"), Algorithm=SHA256)
    add(fingerprint, ds("DigestValue"), base64_of(certificate.fingerprint(hashes.SHA256())))
    data = add(signed, xades("SignedDataObjectProperties"))
    kind = add(data, xades("DataObjectFormat"), ObjectReference=f"#{reference}")
    add(kind, xades("MimeType"), media_type)
    return signed


def stamped_octets(signature: etree._Element, how: Canonical) -> bytes:
    """What a SignatureTimeStamp is over: the canonical ds:SignatureValue."""
    return canonical(only_child(signature, ds("SignatureValue")), how)


def add_stamp(signature: etree._Element, token: bytes) -> None:
    """A SignatureTimeStamp whose token is over `stamped_octets` in exclusive canonical form."""
    stamp = add(_unsigned(signature), xades("SignatureTimeStamp"))
    add(stamp, ds("CanonicalizationMethod"), Algorithm=EXCLUSIVE)
    add(stamp, xades("EncapsulatedTimeStamp"), base64_of(token))


def add_values(signature: etree._Element, data: ValidationData) -> None:
    """CertificateValues and RevocationValues (EN 319 132-1 section 5.4). Raises `Malformed` where some are there."""
    unsigned = _unsigned(signature)
    if any(child.tag in {xades("CertificateValues"), xades("RevocationValues")} for child in unsigned):
        raise Malformed("The signature has its certificates and revocation answers already")
    certificates = add(unsigned, xades("CertificateValues"))
    for each in data.certificates:
        add(certificates, xades("EncapsulatedX509Certificate"), base64_of(each))
    revocation = add(unsigned, xades("RevocationValues"))
    for group, name, values in (
        ("CRLValues", "EncapsulatedCRLValue", data.crls),
        ("OCSPValues", "EncapsulatedOCSPValue", data.ocsps),
    ):
        if values:
            holder = add(revocation, xades(group))
            for each in values:
                add(holder, xades(name), base64_of(each))


def _unsigned(signature: etree._Element) -> etree._Element:
    """The UnsignedSignatureProperties, made where there are none. Raises `Malformed` for a plain signature."""
    holders = list(signature.iter(xades("QualifyingProperties")))
    if len(holders) != 1:
        raise Malformed("The signature has no properties of XAdES")
    found = holders[0].find(f"{xades('UnsignedProperties')}/{xades('UnsignedSignatureProperties')}")
    if found is not None:
        return found
    return add(add(holders[0], xades("UnsignedProperties")), xades("UnsignedSignatureProperties"))


# --- reading -----------------------------------------------------------------------------------------


def read(parts: Parts, allow: Collection[str] = ()) -> Properties | None:
    """The properties of a signature, None for one without XAdES. Raises `Malformed`, `ForbiddenAlgorithm`.

    That the SignedProperties are among what is signed is for the caller to see to.
    """
    found = [each for holder in parts.objects for each in holder.iter(xades("QualifyingProperties"))]
    if not found:
        return None
    name = parts.element.get("Id")
    if len(found) > 1 or name is None or found[0].get("Target") != f"#{name}":
        raise Malformed("The properties are not those of this one signature")
    signed = only_child(found[0], xades("SignedProperties"))
    of_signature = only_child(signed, xades("SignedSignatureProperties"))
    unsigned = found[0].find(f"{xades('UnsignedProperties')}/{xades('UnsignedSignatureProperties')}")
    return Properties(
        signed=signed,
        signing_time=_signing_time(of_signature.find(xades("SigningTime"))),
        certificate_id=_certificate_id(of_signature, allow),
        stamps=_stamps(parts.element, unsigned),
        data=_data(unsigned),
    )


def _certificate_id(of_signature: etree._Element, allow: Collection[str]) -> tuple[str, bytes]:
    named = [
        each
        for each in of_signature
        if each.tag in {xades("SigningCertificateV2"), xades("SigningCertificate")}
    ]
    if len(named) != 1 or not len(named[0]) or named[0][0].tag != xades("Cert"):
        raise Malformed("The properties do not name the signer's certificate once")
    return digest_named(only_child(named[0][0], xades("CertDigest")), allow)


def _signing_time(element: etree._Element | None) -> datetime | None:
    """xs:dateTime; one without a zone is read as the time of Vietnam."""
    if element is None:
        return None
    try:
        found = datetime.fromisoformat(text_of(element).strip())
        return found if found.tzinfo is not None else found.replace(tzinfo=_VIETNAM)
    except ValueError:
        raise Malformed("The signing time is no time") from None


def _stamps(signature: etree._Element, unsigned: etree._Element | None) -> tuple[tuple[bytes, bytes], ...]:
    there = [] if unsigned is None else unsigned.findall(xades("SignatureTimeStamp"))
    if len(there) > MOST_STAMPS:
        raise Malformed("The signature has more time-stamps than are read")
    found: list[tuple[bytes, bytes]] = []
    for each in there:
        method = each.find(ds("CanonicalizationMethod"))
        how = DEFAULT_CANONICAL if method is None else canonicalisation(method)
        token = decoded(only_child(each, xades("EncapsulatedTimeStamp")))
        found.append((token, stamped_octets(signature, how)))
    return tuple(found)


def _data(unsigned: etree._Element | None) -> ValidationData | None:
    if unsigned is None or unsigned.find(xades("RevocationValues")) is None:
        return None

    def values(name: str) -> tuple[bytes, ...]:
        there = list(unsigned.iter(xades(name)))
        if len(there) > MOST_VALUES:
            raise Malformed("The signature has more certificates and revocation answers than are read")
        return tuple(decoded(each) for each in there)

    return ValidationData(
        certificates=values("EncapsulatedX509Certificate"),
        ocsps=values("EncapsulatedOCSPValue"),
        crls=values("EncapsulatedCRLValue"),
    )
