"""The parts of a CMS SignedData (RFC 5652) as plain values, read with asn1crypto.

Everything that a reader needs is taken out here, so that whatever is wrong with the bytes is `Malformed` here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signing.arithmetic import MOST_CERTIFICATES, Family
from signing.errors import ForbiddenAlgorithm, Malformed

MOST_SIGNERS: Final = 16
MOST_STAMPS: Final = 4
MOST_BYTES: Final = 100_000_000
_MOST_SALT_BYTES: Final = 512
SET: Final = 0x31
# What asn1crypto may stumble into in bytes made by an enemy; each of them means "not a CMS for us".
_UNREADABLE: Final = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
_IMPLIED: Final = {
    "sha1_rsa": (Family.RSA, "sha1"),
    "sha256_rsa": (Family.RSA, "sha256"),
    "sha384_rsa": (Family.RSA, "sha384"),
    "sha512_rsa": (Family.RSA, "sha512"),
    "sha1_ecdsa": (Family.ECDSA, "sha1"),
    "sha256_ecdsa": (Family.ECDSA, "sha256"),
    "sha384_ecdsa": (Family.ECDSA, "sha384"),
    "sha512_ecdsa": (Family.ECDSA, "sha512"),
}


@dataclass(frozen=True, slots=True)
class SignedAttributes:
    """`encoded` is the DER SET that is signed; `certificate_ids` are (digest name, digest), the signer's own first."""

    encoded: bytes = field(repr=False)
    content_type: str
    message_digest: bytes = field(repr=False)
    signing_time: datetime | None
    certificate_ids: tuple[tuple[str, bytes], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignerPart:
    """One SignerInfo. Named by issuer (DER) and serial number, or by a key identifier."""

    issuer: bytes = field(repr=False)
    serial: int = field(repr=False)
    key_id: bytes | None = field(repr=False)
    digest: str
    family: Family
    salt_bytes: int
    attributes: SignedAttributes | None
    signature: bytes = field(repr=False)
    stamps: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """A SignedData. `content` is None when it is detached."""

    content: bytes | None = field(repr=False)
    certificates: tuple[bytes, ...] = field(repr=False)
    signers: tuple[SignerPart, ...]


def read(data: bytes) -> Message:
    """Raises `Malformed` for what is no SignedData over data; `ForbiddenAlgorithm` for an algorithm never used here."""
    if len(data) > MOST_BYTES:
        raise Malformed("The CMS is too large")
    try:
        return _message(data)
    except _UNREADABLE:
        raise Malformed("This is not a CMS SignedData") from None


def is_attributes(content: bytes) -> bool:
    """Whether content is itself a SET of signed attributes: then one signature would have two meanings."""
    if content[:1] != bytes([SET]):
        return False
    try:
        kinds = {each["type"].native for each in cms.CMSAttributes.load(content, strict=True)}
    except _UNREADABLE:
        return False
    return bool(kinds & {"content_type", "message_digest"})


def der(tag: int, *parts: bytes) -> bytes:
    """The DER of a value (X.690 section 8.1) with the tag, and the parts one after the other as its content."""
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:  # noqa: PLR2004 - the short form ends here
        return bytes([tag, size]) + body
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + body


def der_set(parts: Iterable[bytes], tag: int = SET) -> bytes:
    """The DER of a SET OF what is given encoded (X.690 section 11.6): sorted, with a definite length."""
    return der(tag, *sorted(parts))


def issuer_and_serial(certificate: x509.Certificate) -> tuple[bytes, int]:
    """The issuer's name as it is encoded in the certificate, and its serial number."""
    read_again = asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
    return bytes(read_again.issuer.dump()), int(read_again.serial_number)


def _message(data: bytes) -> Message:
    info = cms.ContentInfo.load(data, strict=True)
    if info["content_type"].native != "signed_data":
        raise Malformed("This is not a CMS SignedData")
    signed = info["content"]
    encapsulated = signed["encap_content_info"]
    content = encapsulated["content"]
    if encapsulated["content_type"].native != "data":
        raise Malformed("The CMS holds content of another type than data")
    digests = {_digest(each) for each in signed["digest_algorithms"]}
    choices = signed["certificates"] if isinstance(signed["certificates"], cms.CertificateSet) else ()
    infos = signed["signer_infos"]
    if len(choices) > MOST_CERTIFICATES or not 1 <= len(infos) <= MOST_SIGNERS:
        raise Malformed("The CMS has no signer, or more signers or certificates than are read")
    if any(each.name != "certificate" for each in choices):
        raise Malformed("The CMS holds a certificate of another kind than X.509")
    signers = tuple(_signer(each) for each in infos)
    if any(each.digest not in digests for each in signers):
        raise Malformed("The digest algorithm of a signer is not among those of the message")
    return Message(
        content=None if isinstance(content, core.Void) else bytes(content),
        certificates=tuple(each.chosen.dump() for each in choices),
        signers=signers,
    )


def _digest(algorithm: algos.DigestAlgorithm) -> str:
    return str(algorithm["algorithm"].native)


def _signer(info: cms.SignerInfo) -> SignerPart:
    sid, name = info["sid"], _digest(info["digest_algorithm"])
    family, salt_bytes = _family(info["signature_algorithm"], name)
    by_issuer = sid.name == "issuer_and_serial_number"
    signed = info["signed_attrs"]
    return SignerPart(
        issuer=sid.chosen["issuer"].dump() if by_issuer else b"",
        serial=int(sid.chosen["serial_number"].native) if by_issuer else 0,
        key_id=None if by_issuer else bytes(sid.chosen.native),
        digest=name,
        family=family,
        salt_bytes=salt_bytes,
        attributes=_attributes(info) if isinstance(signed, cms.CMSAttributes) else None,
        signature=bytes(info["signature"].native),
        stamps=_stamps(info),
    )


def _family(algorithm: algos.SignedDigestAlgorithm, digest: str) -> tuple[Family, int]:
    """The arithmetic, with the one digest that the signature algorithm and the digest algorithm both name."""
    name = algorithm["algorithm"].native
    if name == "rsassa_pkcs1v15":
        return Family.RSA, 0
    if name == "rsassa_pss":
        return Family.PSS, _salt_bytes(algorithm["parameters"], digest)
    if name not in _IMPLIED:
        raise ForbiddenAlgorithm("The signature algorithm is not one that is accepted")
    family, implied = _IMPLIED[name]
    if implied != digest:
        raise ForbiddenAlgorithm("The signature algorithm and the digest algorithm do not agree")
    return family, 0


def _salt_bytes(parameters: algos.RSASSAPSSParams, digest: str) -> int:
    mask = parameters["mask_gen_algorithm"]
    named = {
        parameters["hash_algorithm"]["algorithm"].native,
        mask["parameters"]["algorithm"].native,
    }
    if named != {digest} or mask["algorithm"].native != "mgf1":
        raise ForbiddenAlgorithm("The signature algorithm and the digest algorithm do not agree")
    salt_bytes = int(parameters["salt_length"].native)
    if not 0 <= salt_bytes <= _MOST_SALT_BYTES:
        raise Malformed("The salt of RSASSA-PSS is of no length")
    return salt_bytes


def _attributes(info: cms.SignerInfo) -> SignedAttributes:
    signed = info["signed_attrs"]
    values: dict[str, core.Asn1Value] = {}
    for each in signed:
        kind = str(each["type"].native)
        if kind in values or len(each["values"]) != 1:
            raise Malformed("A signed attribute does not stand there once, with one value")
        values[kind] = each["values"][0]
    if "content_type" not in values or "message_digest" not in values:
        raise Malformed("The signed attributes do not name the content")
    _protected(values.get("cms_algorithm_protection"), info)
    moment = values["signing_time"].native if "signing_time" in values else None
    if moment is not None and (not isinstance(moment, datetime) or moment.tzinfo is None):
        raise Malformed("The signing time is no time")
    return SignedAttributes(
        encoded=der_set(each.dump() for each in signed),
        content_type=str(values["content_type"].native),
        message_digest=bytes(values["message_digest"].native),
        signing_time=moment,
        certificate_ids=_certificate_ids(values),
    )


def _protected(value: cms.CMSAlgorithmProtection | None, info: cms.SignerInfo) -> None:
    """RFC 6211: where the signer wrote the algorithms down, they are the ones that are used."""
    if value is None:
        return
    same_digest = (
        value["digest_algorithm"]["algorithm"].native == info["digest_algorithm"]["algorithm"].native
    )
    same = value["signature_algorithm"].native == info["signature_algorithm"].native
    if not (same and same_digest):
        raise ForbiddenAlgorithm("The algorithms are not the ones that the signer wrote down")


def _certificate_ids(values: dict[str, core.Asn1Value]) -> tuple[tuple[str, bytes], ...]:
    """What signing-certificate (RFC 2634) and signing-certificate-v2 (RFC 5035) each name first."""
    found: list[tuple[str, bytes]] = []
    if isinstance(old := values.get("signing_certificate"), tsp.SigningCertificate):
        found.append(("sha1", bytes(old["certs"][0]["cert_hash"].native)))
    if isinstance(new := values.get("signing_certificate_v2"), tsp.SigningCertificateV2):
        first = new["certs"][0]
        found.append((_digest(first["hash_algorithm"]), bytes(first["cert_hash"].native)))
    return tuple(found)


def _stamps(info: cms.SignerInfo) -> tuple[bytes, ...]:
    unsigned = info["unsigned_attrs"]
    if not isinstance(unsigned, cms.CMSAttributes):
        return ()
    found = [
        value.dump()
        for each in unsigned
        if each["type"].native == "signature_time_stamp_token"
        for value in each["values"]
    ]
    if len(found) > MOST_STAMPS:
        raise Malformed("The CMS has more time-stamps than are read")
    return tuple(found)
