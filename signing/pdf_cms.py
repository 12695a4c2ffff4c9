"""The CMS of a PAdES signature (ETSI EN 319 142-1 table 1, CAdES EN 319 122-1), put together from prepared parts.

All but the digest, the signature and the time stamp is the same in every document of one signer, so it is encoded once.
The signed attributes are content-type, message-digest, signing-certificate-v2 and cms-algorithm-protection (RFC 6211);
no signing time, which PAdES keeps in the PDF.
"""

import hashlib
from typing import Final

from asn1crypto import algos, cms, core, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from signing.errors import BadSignature
from signing.signer import Scheme, Signer

_SEQUENCE: Final = 0x30
_SET: Final = 0x31
_CONTEXT_0: Final = 0xA0
_CONTEXT_1: Final = 0xA1
_OCTETS: Final = 0x04
_SHORT_FORM: Final = 0x80
_NO_DIGEST: Final = bytes(range(32))  # marks the place of the digest in the prepared attributes
_MAX_ECDSA_BYTES: Final = 72  # two integers of at most 33 bytes in DER
_MECHANISMS: Final = {Scheme.ECDSA_SHA256: "sha256_ecdsa", Scheme.RSA_SHA256: "sha256_rsa"}


def tlv(tag: int, *parts: bytes) -> bytes:
    """One DER element with the parts as its content (X.690 section 8.1)."""
    body = b"".join(parts)
    size = len(body)
    if size < _SHORT_FORM:
        return bytes((tag, size)) + body
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _SHORT_FORM | len(octets))) + octets + body


class CmsMaker:
    """Makes detached CMS signatures for one signer: make one and keep it. Safe between threads."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        certificate = _asn1(signer.certificate)
        digest_algorithm = algos.DigestAlgorithm({"algorithm": "sha256"})
        mechanism = algos.SignedDigestAlgorithm({"algorithm": _MECHANISMS[signer.scheme]})
        attributes = tlv(_SET, *sorted(_attributes(certificate, digest_algorithm, mechanism)))
        self._before_digest, self._after_digest = attributes.split(_NO_DIGEST)
        identity = cms.IssuerAndSerialNumber(
            {"issuer": certificate.issuer, "serial_number": certificate.serial_number}
        )
        self._head = core.Integer(1).dump() + identity.dump() + digest_algorithm.dump()
        self._mechanism = mechanism.dump()
        links = [certificate.dump(), *(link.public_bytes(Encoding.DER) for link in signer.chain)]
        content = cms.ContentInfo({"content_type": "data"})
        self._outer = (
            core.Integer(1).dump()
            + tlv(_SET, digest_algorithm.dump())
            + tlv(_SEQUENCE, content["content_type"].dump())
            + tlv(_CONTEXT_0, *sorted(dict.fromkeys(links)))
        )
        self._type = cms.ContentType("signed_data").dump()
        longest = bytes(self._max_signature_bytes())
        self.max_bytes = len(self.wrapped(attributes, longest))
        """How long the CMS is at most, without a time stamp."""

    def signature(self, digest: bytes) -> tuple[bytes, bytes]:
        """The attributes over a SHA-256 digest, and the signature over them.

        Raises what `Signer.sign` raises; `BadSignature` for a signature of an impossible length.
        """
        attributes = self._before_digest + digest + self._after_digest
        made = self._signer.sign(attributes)
        if not 0 < len(made) <= self._max_signature_bytes():
            raise BadSignature("The signer gave something that is no signature")
        return attributes, made

    def wrapped(self, attributes: bytes, made: bytes, token: bytes = b"") -> bytes:
        """The CMS in DER, with the time stamp over the signature (CAdES signature-time-stamp) if there is one."""
        signed = bytes((_CONTEXT_0,)) + attributes[1:]  # the same content under the tag of its place
        stamp = tlv(_CONTEXT_1, tlv(_SEQUENCE, _STAMP_TYPE, tlv(_SET, token))) if token else b""
        return self._wrapped(tlv(_SEQUENCE, self._head, signed, self._mechanism, tlv(_OCTETS, made), stamp))

    def _wrapped(self, info: bytes) -> bytes:
        return tlv(_SEQUENCE, self._type, tlv(_CONTEXT_0, tlv(_SEQUENCE, self._outer, tlv(_SET, info))))

    def _max_signature_bytes(self) -> int:
        key = self._signer.certificate.public_key()
        return key.key_size // 8 if isinstance(key, rsa.RSAPublicKey) else _MAX_ECDSA_BYTES


_STAMP_TYPE: Final = cms.CMSAttributeType("signature_time_stamp_token").dump()


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _attributes(
    certificate: asn1_x509.Certificate,
    digest_algorithm: algos.DigestAlgorithm,
    mechanism: algos.SignedDigestAlgorithm,
) -> list[bytes]:
    identity = {
        "issuer": [asn1_x509.GeneralName(name="directory_name", value=certificate.issuer)],
        "serial_number": certificate.serial_number,
    }
    named = tsp.ESSCertIDv2(
        {"cert_hash": hashlib.sha256(certificate.dump()).digest(), "issuer_serial": identity}
    )
    protection = cms.CMSAlgorithmProtection(
        {"digest_algorithm": digest_algorithm, "signature_algorithm": mechanism}
    )
    values = {
        "content_type": cms.ContentType("data"),
        "message_digest": core.OctetString(_NO_DIGEST),
        "signing_certificate_v2": tsp.SigningCertificateV2({"certs": [named]}),
        "cms_algorithm_protection": protection,
    }
    return [
        bytes(cms.CMSAttribute({"type": name, "values": [value]}).dump()) for name, value in values.items()
    ]
