"""One who signs documents: a certificate, the ones above it, and a way to the private key, wherever that is kept.

CMS, XML and PDF signatures are made through this port, so that a key in a file, in a hardware module or at a remote
signing service is the same to them. The algorithm follows from the certificate alone, as in `signing.keys`.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from signing.errors import ForbiddenAlgorithm, Malformed
from signing.keys import PublicKey, kind_of

_ECDSA = ec.ECDSA(hashes.SHA256())
_PKCS1 = padding.PKCS1v15()
_SHA256 = hashes.SHA256()


class Scheme(StrEnum):
    """How a document is signed: ECDSA P-256 (DER), or RSASSA-PKCS1-v1_5, both over SHA-256."""

    ECDSA_SHA256 = "ecdsa-sha256"
    RSA_SHA256 = "rsa-sha256"


class Signer(Protocol):
    """One who signs documents. `chain` leads from the issuer to the root, which may be missing."""

    @property
    def certificate(self) -> x509.Certificate: ...

    @property
    def chain(self) -> tuple[x509.Certificate, ...]: ...

    @property
    def scheme(self) -> Scheme: ...

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`: DER for ECDSA, as long as the modulus for RSA.

        Raises `SignerAway` where the key cannot be reached now, `Refused` where its owner says no.
        """
        ...


def scheme_of(key: PublicKey) -> Scheme:
    """The scheme that a document's key signs with. Raises `ForbiddenAlgorithm` for another kind of key."""
    kind_of(key)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return Scheme.ECDSA_SHA256
    if isinstance(key, Ed25519PublicKey):
        raise ForbiddenAlgorithm("Documents are signed with P-256 or RSA: readers do not know Ed25519 yet")
    return Scheme.RSA_SHA256


def public_key_of(certificate: x509.Certificate) -> PublicKey:
    """The key of a certificate. Raises `ForbiddenAlgorithm` for a kind that is not used here."""
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | Ed25519PublicKey):
        raise ForbiddenAlgorithm("The certificate has a key of a kind that is not used here")
    return key


@dataclass(frozen=True, slots=True)
class KeySigner:
    """A signer whose private key is held in this process: load it once and keep it. Safe between threads."""

    private_key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey = field(repr=False)
    certificate: x509.Certificate = field(repr=False)
    chain: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    scheme: Scheme = field(init=False)

    def __post_init__(self) -> None:
        if self.certificate.public_key() != self.private_key.public_key():
            raise Malformed("The certificate is not the one of the private key")
        object.__setattr__(self, "scheme", scheme_of(self.private_key.public_key()))

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.private_key, ec.EllipticCurvePrivateKey):
            return self.private_key.sign(data, _ECDSA)
        return self.private_key.sign(data, _PKCS1, _SHA256)
