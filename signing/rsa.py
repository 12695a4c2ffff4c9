"""RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2) as banks use it: "SHA256withRSA", Base64 text.

Our own signatures are PSS (`signing.keys`); this older padding is for wires that ask for it. It is deterministic:
the same key and bytes always give the same text. Keys are loaded once, by whoever holds them: a private key costs
about 40 ms to load.
"""

import base64
import binascii

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from signing.errors import BadSignature, ForbiddenAlgorithm, Malformed
from signing.keys import RSA_MAX_BITS, RSA_MIN_BITS

_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_PADDING = PKCS1v15()
_SHA256 = SHA256()


def load_private(pem: str) -> RSAPrivateKey:
    """The private key of a PEM text without a password.

    Raises `Malformed`, and `ForbiddenAlgorithm` for another kind of key or not 2048 to 4096 bits.
    """
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Malformed("This is not a private key in PEM without a password") from None
    if not isinstance(key, RSAPrivateKey):
        raise ForbiddenAlgorithm("The private key is not one of RSA")
    _measure(key.key_size)
    return key


def load_public(pem: str) -> RSAPublicKey:
    """The public key of a PEM text: SubjectPublicKeyInfo, or a certificate as banks hand over (`.cer`).

    Of a certificate only the key is taken: it is trusted because of how it was handed over, not because of who
    issued it, so neither its issuer nor its dates are looked at. Raises as `load_private`.
    """
    try:
        data = pem.encode()
        key = (
            load_pem_x509_certificate(data).public_key() if _CERTIFICATE in pem else load_pem_public_key(data)
        )
    except (ValueError, UnsupportedAlgorithm):
        raise Malformed("This is neither a public key nor a certificate in PEM") from None
    if not isinstance(key, RSAPublicKey):
        raise ForbiddenAlgorithm("The public key is not one of RSA")
    _measure(key.key_size)
    return key


def sign_base64(key: RSAPrivateKey, data: bytes) -> str:
    """The signature over `data` in standard Base64 with padding."""
    return base64.b64encode(key.sign(data, _PADDING, _SHA256)).decode("ascii")


def verify_base64(key: RSAPublicKey, signature: str, data: bytes) -> None:
    """Check what `sign_base64` made; every other spelling of the same signature is refused. Raises `BadSignature`."""
    try:
        raw = base64.b64decode(signature.encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise BadSignature("The signature is not Base64") from None
    if base64.b64encode(raw).decode("ascii") != signature:
        raise BadSignature("The signature is not written as Base64 writes it")
    try:
        key.verify(raw, data, _PADDING, _SHA256)
    except InvalidSignature:
        raise BadSignature("The signature does not fit the key and the data") from None


def _measure(bits: int) -> None:
    if not RSA_MIN_BITS <= bits <= RSA_MAX_BITS:
        raise ForbiddenAlgorithm(f"An RSA key has {RSA_MIN_BITS} to {RSA_MAX_BITS} bits")
