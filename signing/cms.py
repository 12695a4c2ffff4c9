"""CMS SignedData (RFC 5652, formerly PKCS#7), attached or detached, with the attributes of CAdES (ETSI EN 319 122-1).

Made: DER, SHA-256, signed attributes content-type, message-digest, signing-time, signing-certificate-v2 (RFC 5035) and
algorithm protection (RFC 6211), which is level B-B; with a time-stamp over the signature B-T.
Read: each signer by itself, and all of them must hold. No signature is believed that could also be meant for another
content: signed attributes must be there, and a content that is itself a set of signed attributes is refused.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from asn1crypto import algos, cms, core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from signing import cms_parts
from signing.arithmetic import (
    Allow,
    SignedBy,
    check,
    digest,
    judged,
    key_identifier,
    key_of,
    load_certificate,
    make,
    require_one_certificate,
    require_same,
)
from signing.cms_parts import SET, Message, SignerPart, der, der_set
from signing.errors import BadSignature, ForbiddenAlgorithm, Malformed
from signing.signer import Scheme, Signer, scheme_of
from signing.verdicts import Indication, Judgement, TimeStamper, Trust, ValidationData

MOST_BYTES: Final = cms_parts.MOST_BYTES
_SHA256: Final = "sha256"
_OCTETS, _SEQUENCE, _FIRST, _SECOND = 0x04, 0x30, 0xA0, 0xA1
_DATA: Final[bytes] = cms.ContentType("data").dump()
_SIGNED_DATA: Final[bytes] = cms.ContentType("signed_data").dump()
_SHA256_ID: Final[bytes] = algos.DigestAlgorithm({"algorithm": _SHA256}).dump()
_ALGORITHMS: Final[dict[Scheme, bytes]] = {
    Scheme.ECDSA_SHA256: algos.SignedDigestAlgorithm({"algorithm": "sha256_ecdsa"}).dump(),
    Scheme.RSA_SHA256: algos.SignedDigestAlgorithm({"algorithm": "sha256_rsa"}).dump(),
}


@dataclass(frozen=True, slots=True)
class Signed:
    """The content that was signed, and by whom. Believe the content only where `judgement.good`."""

    content: bytes = field(repr=False)
    signers: tuple[SignedBy, ...]

    @property
    def judgement(self) -> Judgement:
        """The worst that is said of a signer: FAILED before INDETERMINATE before PASSED."""
        ranks = (Indication.FAILED, Indication.INDETERMINATE, Indication.PASSED)
        return min((each.judgement for each in self.signers), key=lambda said: ranks.index(said.indication))


def sign(
    content: bytes,
    *signers: Signer,
    at: datetime,
    attached: bool = False,
    stamper: TimeStamper | None = None,
) -> bytes:
    """The DER of a CMS over `content` by one or more signers, who say that they signed `at`.

    Raises `Malformed` for a content that cannot be signed without a second meaning; what the signer and the
    stamper raise passes through.
    """
    if not 1 <= len(signers) <= cms_parts.MOST_SIGNERS or len(content) > MOST_BYTES:
        raise Malformed("A CMS has 1 to 16 signers and at most 100 MB of content")
    if cms_parts.is_attributes(content):
        raise Malformed(
            "A content that is a set of signed attributes is not signed: it would have two meanings"
        )
    certificates = {
        link.public_bytes(Encoding.DER) for each in signers for link in (each.certificate, *each.chain)
    }
    signed = der(
        _SEQUENCE,
        cms.CMSVersion("v1").dump(),
        der_set([_SHA256_ID]),
        der(_SEQUENCE, _DATA, *([der(_FIRST, der(_OCTETS, content))] if attached else [])),
        der_set(certificates, _FIRST),
        der_set(_signer_info(content, each, at, stamper) for each in signers),
    )
    return der(_SEQUENCE, _SIGNED_DATA, der(_FIRST, signed))


def verify(
    data: bytes,
    trust: Trust,
    *,
    at: datetime,
    content: bytes | None = None,
    certificates: Sequence[x509.Certificate] = (),
    allow: Collection[Allow] = (),
    validation: ValidationData | None = None,
) -> Signed:
    """What a CMS says, once its arithmetic holds for every signer.

    `content` is given exactly when the signature is detached; `certificates` are known besides those in the CMS;
    `at` is the time to judge for where no time-stamp proves one. Raises `Malformed`, `ForbiddenAlgorithm`,
    `UnknownKey`, `BadSignature` (`ContentChanged` for the content).
    """
    message = cms_parts.read(data)
    signed = _content_of(message, content)
    there = [load_certificate(each) for each in message.certificates] + list(certificates)
    signers = tuple(
        _signed_by(part, signed, there, trust, at=at, allow=allow, validation=validation)
        for part in message.signers
    )
    return Signed(signed, signers)


def add_timestamp(data: bytes, stamper: TimeStamper) -> bytes:
    """The CMS with a time-stamp (RFC 3161) over the signature of each signer that has none: level B-T.

    Raises `Malformed`; what the stamper raises passes through.
    """
    message = cms_parts.read(data)
    info = cms.ContentInfo.load(data)
    for part, each in zip(message.signers, info["content"]["signer_infos"], strict=True):
        if not part.stamps:
            _add_stamp(each, _token(stamper, part.signature))
    return bytes(info.dump(force=True))


# --- making ------------------------------------------------------------------------------------------


def _signer_info(content: bytes, signer: Signer, at: datetime, stamper: TimeStamper | None) -> bytes:
    """The DER of a SignerInfo. It is put together by hand: asn1crypto takes twenty times as long as the signature."""
    scheme_of(key_of(signer.certificate))
    algorithm = _ALGORITHMS[signer.scheme]
    named, reference = _named_parts(signer.certificate)
    attributes = [
        _attribute("content_type", _DATA),
        _attribute("message_digest", der(_OCTETS, digest(_SHA256, content))),
        _attribute("signing_time", _time(at.astimezone(UTC).replace(microsecond=0))),
        reference,
        _protection(signer.scheme),
    ]
    signature = make(signer, der_set(attributes))
    parts = [
        cms.CMSVersion("v1").dump(),
        named,
        _SHA256_ID,
        der_set(attributes, _FIRST),
        algorithm,
        der(_OCTETS, signature),
    ]
    if stamper is not None:
        token = _token(stamper, signature)
        parts.append(der(_SECOND, _attribute("signature_time_stamp_token", token.dump())))
    return der(_SEQUENCE, *parts)


def _attribute(kind: str, value: bytes) -> bytes:
    return der(_SEQUENCE, cms.CMSAttributeType(kind).dump(), der(SET, value))


@lru_cache(maxsize=64)
def _named_parts(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    """IssuerAndSerialNumber, and the attribute signing-certificate-v2 (RFC 5035; SHA-256 is its default)."""
    issuer, serial = cms_parts.issuer_and_serial(certificate)
    named = der(_SEQUENCE, issuer, core.Integer(serial).dump())
    one = der(_SEQUENCE, der(_OCTETS, certificate.fingerprint(hashes.SHA256())))
    return named, _attribute("signing_certificate_v2", der(_SEQUENCE, der(_SEQUENCE, one)))


def _protection(scheme: Scheme) -> bytes:
    """The attribute of RFC 6211: the signature algorithm has the implicit tag 1."""
    algorithm = bytes([_SECOND]) + _ALGORITHMS[scheme][1:]
    return _attribute("cms_algorithm_protection", der(_SEQUENCE, _SHA256_ID, algorithm))


def _time(moment: datetime) -> bytes:
    """RFC 5652 section 11.3: UTCTime until 2049, GeneralizedTime from 2050 on."""
    if moment.year < 2050:  # noqa: PLR2004 - the year of the rule
        return bytes(core.UTCTime(moment).dump())
    return bytes(core.GeneralizedTime(moment).dump())


def _token(stamper: TimeStamper, signature: bytes) -> cms.ContentInfo:
    try:
        return cms.ContentInfo.load(stamper.stamp(digest(_SHA256, signature)), strict=True)
    except (ValueError, TypeError):
        raise BadSignature("What the time-stamping authority sent is no token") from None


def _add_stamp(info: cms.SignerInfo, token: cms.ContentInfo) -> None:
    there = info["unsigned_attrs"]
    others = list(there) if isinstance(there, cms.CMSAttributes) else []
    stamp = cms.CMSAttribute({"type": "signature_time_stamp_token", "values": [token]})
    info["unsigned_attrs"] = cms.CMSAttributes([*others, stamp])


# --- reading -----------------------------------------------------------------------------------------


def _content_of(message: Message, content: bytes | None) -> bytes:
    if message.content is not None and content is not None:
        raise Malformed("The CMS holds a content, where one beside it was expected")
    found = content if message.content is None else message.content
    if found is None:
        raise Malformed("The content that was signed is not there")
    if cms_parts.is_attributes(found):
        raise Malformed(
            "The content is itself a set of signed attributes: the signature may be meant for another"
        )
    return found


def _signed_by(
    part: SignerPart,
    content: bytes,
    there: Sequence[x509.Certificate],
    trust: Trust,
    *,
    at: datetime,
    allow: Collection[Allow],
    validation: ValidationData | None,
) -> SignedBy:
    certificate = require_one_certificate([each for each in there if _named(part, each)])
    key = key_of(certificate, allow)
    signed = _signed_octets(part, content, allow)
    check(key, part.signature, signed, family=part.family, name=part.digest, salt_bytes=part.salt_bytes)
    attributes = part.attributes
    ids = attributes.certificate_ids if attributes is not None else ()
    for name, expected in ids:
        # SHA-1 here names a certificate whose signature is checked anyway: RFC 2634 knows no other digest
        found = digest(name, certificate.public_bytes(Encoding.DER), (Allow.SHA1,))
        require_same(expected, found, "The certificate is not the one that the signer signed with")
    others = [each for each in there if each != certificate]
    judgement, stamped_at = judged(
        certificate,
        others,
        trust,
        at=at,
        stamps=[(token, part.signature) for token in part.stamps],
        data=validation,
    )
    level = "B-T" if stamped_at is not None and ids else "B-B" if ids else "CMS"
    signed_at = attributes.signing_time if attributes is not None else None
    return SignedBy(certificate, signed_at, stamped_at, level, judgement)


def _named(part: SignerPart, certificate: x509.Certificate) -> bool:
    if part.key_id is not None:
        return key_identifier(certificate) == part.key_id
    return cms_parts.issuer_and_serial(certificate) == (part.issuer, part.serial)


def _signed_octets(part: SignerPart, content: bytes, allow: Collection[Allow]) -> bytes:
    found = digest(part.digest, content, allow)
    if part.attributes is None:
        if Allow.NO_ATTRIBUTES not in allow:
            raise ForbiddenAlgorithm("The signature has no signed attributes")
        return content
    if part.attributes.content_type != "data":
        raise Malformed("The signed attributes name content of another type")
    require_same(part.attributes.message_digest, found, "The content is not the one that was signed")
    return part.attributes.encoded
