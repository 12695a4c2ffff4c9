"""The three kinds of key that we use, and what each of them signs with.

The algorithm follows from the key alone, never from what a message says of itself: that is what closes the
door to `alg: none` and to a public key that is used as an HMAC secret (RFC 8725 section 3.1).
"""

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


class Kind(StrEnum):
    """A kind of key."""

    ED25519 = "ed25519"
    P256 = "p256"
    RSA = "rsa"


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
            key.verify(_der_of(signature), data, _ECDSA)
        else:
            key.verify(signature, data, _PSS, _SHA512)
    except InvalidSignature as error:
        raise BadSignature("The signature does not fit the key and the data") from error


def _der_of(signature: bytes) -> bytes:
    if len(signature) != 2 * _P256_BYTES:
        raise BadSignature("An ECDSA P-256 signature has 64 bytes")
    r, s = signature[:_P256_BYTES], signature[_P256_BYTES:]
    return encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
