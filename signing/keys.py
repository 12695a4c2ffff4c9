"""The three kinds of key that we use, what each of them signs with, and when a key may sign.

The algorithm follows from the key alone, never from what a message says of itself: that is what closes the
door to `alg: none` and to a public key that is used as an HMAC secret (RFC 8725 section 3.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from signing.errors import BadSignature, ForbiddenAlgorithm

PrivateKey = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey

RSA_MIN_BITS = 2048
RSA_MAX_BITS = 4096  # a larger one costs the verifier too much time
_RSA_EXPONENT = 65537
_P256_BYTES = 32

_ECDSA = ec.ECDSA(hashes.SHA256())
_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA512()), salt_length=64)
_SHA512 = hashes.SHA512()
_PKCS1 = padding.PKCS1v15()
_SHA256 = hashes.SHA256()


class Kind(StrEnum):
    """A kind of key."""

    ED25519 = "ed25519"
    P256 = "p256"
    RSA = "rsa"


class State(StrEnum):
    """Where a key stands: published and waiting, signing, kept for what it signed, or believed no longer."""

    NEXT = "next"
    CURRENT = "current"
    RETIRED = "retired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Term:
    """When a key may sign: from `since` on and before `until` (None: without an end), unless it is revoked."""

    since: datetime
    until: datetime | None = None
    revoked_at: datetime | None = None

    def open_at(self, now: datetime) -> bool:
        """Whether the key may sign at `now`."""
        begun = self.since <= now and (self.until is None or now < self.until)
        return begun and not self.revoked_by(now)

    def revoked_by(self, now: datetime) -> bool:
        """Whether the key is believed no longer at `now`."""
        return self.revoked_at is not None and self.revoked_at <= now


def current_of(terms: Sequence[Term], now: datetime) -> int | None:
    """The place of the term whose key signs at `now`: of those that are open, the one that began last."""
    places = [place for place, term in enumerate(terms) if term.open_at(now)]
    return max(places, key=lambda place: (terms[place].since, place), default=None)


def states_of(terms: Sequence[Term], now: datetime) -> list[State]:
    """The state at `now` of each key of one purpose."""
    current = current_of(terms, now)
    return [_state(term, now, current=place == current) for place, term in enumerate(terms)]


def _state(term: Term, now: datetime, *, current: bool) -> State:
    if term.revoked_by(now):
        return State.REVOKED
    if current:
        return State.CURRENT
    return State.NEXT if now < term.since else State.RETIRED


def generate(kind: Kind) -> PrivateKey:
    """A new key from the operating system's randomness; RSA has 2048 bits."""
    if kind is Kind.ED25519:
        return Ed25519PrivateKey.generate()
    if kind is Kind.P256:
        return ec.generate_private_key(ec.SECP256R1())
    return rsa.generate_private_key(public_exponent=_RSA_EXPONENT, key_size=RSA_MIN_BITS)


def kind_of(key: PrivateKey | PublicKey) -> Kind:
    """The kind of `key`. Raises `ForbiddenAlgorithm` for another curve or RSA not of 2048 to 4096 bits."""
    if isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        return Kind.ED25519
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        if isinstance(key.curve, ec.SECP256R1):
            return Kind.P256
        raise ForbiddenAlgorithm("The only elliptic curve for ECDSA is P-256")
    if RSA_MIN_BITS <= key.key_size <= RSA_MAX_BITS:
        return Kind.RSA
    raise ForbiddenAlgorithm(f"An RSA key has {RSA_MIN_BITS} to {RSA_MAX_BITS} bits")


def sign(key: PrivateKey, data: bytes) -> bytes:
    """The signature over `data`: Ed25519, ECDSA P-256 SHA-256 as r||s (64 bytes), or RSA-PSS SHA-512."""
    kind_of(key)
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(data, _ECDSA))
        return r.to_bytes(_P256_BYTES, "big") + s.to_bytes(_P256_BYTES, "big")
    return key.sign(data, _PSS, _SHA512)


def verify(key: PublicKey, signature: bytes, data: bytes) -> None:
    """Check what `sign` made. Raises `BadSignature`; `ForbiddenAlgorithm` for a key that we do not use."""
    kind_of(key)
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, data)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(der_of_halves(signature), data, _ECDSA)
        else:
            key.verify(signature, data, _PSS, _SHA512)
    except InvalidSignature as error:
        raise BadSignature("The signature does not fit the key and the data") from error


def verify_document(key: PublicKey, signature: bytes, data: bytes) -> None:
    """Check what a `signing.signer.Signer` made: ECDSA in DER or RSASSA-PKCS1-v1_5, both over SHA-256.

    Raises `BadSignature`; `ForbiddenAlgorithm` for a key that documents are not signed with.
    """
    kind_of(key)
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, _ECDSA)
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, _PKCS1, _SHA256)
        else:
            raise ForbiddenAlgorithm("Documents are signed with P-256 or RSA")
    except InvalidSignature as error:
        raise BadSignature("The signature does not fit the certificate and the data") from error


def der_of_halves(signature: bytes) -> bytes:
    """ECDSA P-256 as DER (RFC 3279 section 2.2.3) from r||s in 64 bytes. Raises `BadSignature`."""
    if len(signature) != 2 * _P256_BYTES:
        raise BadSignature("An ECDSA P-256 signature has 64 bytes")
    r, s = signature[:_P256_BYTES], signature[_P256_BYTES:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
