"""Public keys as JSON Web Keys: RFC 7517, RFC 7518 section 6, RFC 8037 section 2; thumbprint RFC 7638."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signing.errors import ForbiddenAlgorithm, Malformed
from signing.keys import RSA_MAX_BITS, Kind, PublicKey, kind_of

Jwk = dict[str, str]

_P256_BYTES = 32
_ED25519_BYTES = 32
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_ALG = {Kind.ED25519: "EdDSA", Kind.P256: "ES256", Kind.RSA: "PS512"}


def b64url(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def unb64url(text: str) -> bytes:
    """The bytes of unpadded Base64url. Raises `Malformed`, also for a text that has a second spelling."""
    if not _BASE64URL.fullmatch(text):
        raise Malformed("Not Base64url without padding")
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error as error:
        raise Malformed("Not Base64url without padding") from error
    if b64url(data) != text:
        raise Malformed("Base64url with stray bits at its end")
    return data


def jwk_of(public_key: PublicKey, *, kid: str | None = None) -> Jwk:
    """`public_key` with `use`, `alg` and `kid` (by default its thumbprint). Raises `ForbiddenAlgorithm`."""
    members = _members(public_key)
    return members | {"use": "sig", "alg": _ALG[kind_of(public_key)], "kid": kid or _thumbprint(members)}


def thumbprint(public_key: PublicKey) -> str:
    """The SHA-256 thumbprint of RFC 7638: 43 letters that name the key and nothing else."""
    return _thumbprint(_members(public_key))


def public_key_of(jwk: Mapping[str, object]) -> PublicKey:
    """The key that `jwk` describes. Raises `Malformed`; `ForbiddenAlgorithm` for a type of no use here."""
    kty, crv = jwk.get("kty"), jwk.get("crv")
    try:
        if (kty, crv) == ("OKP", "Ed25519"):
            return Ed25519PublicKey.from_public_bytes(_sized(jwk, "x", _ED25519_BYTES))
        if (kty, crv) == ("EC", "P-256"):
            x, y = _sized(jwk, "x", _P256_BYTES), _sized(jwk, "y", _P256_BYTES)
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + x + y)
        if kty == "RSA":
            return _rsa_key(jwk)
    except ValueError as error:
        raise Malformed("The numbers of the JSON Web Key make no key") from error
    raise ForbiddenAlgorithm("A JSON Web Key is OKP Ed25519, EC P-256 or RSA")


def _members(public_key: PublicKey) -> Jwk:
    kind_of(public_key)
    if isinstance(public_key, Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": b64url(public_key.public_bytes_raw())}
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        point = public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        x, y = point[1 : 1 + _P256_BYTES], point[1 + _P256_BYTES :]
        return {"crv": "P-256", "kty": "EC", "x": b64url(x), "y": b64url(y)}
    numbers = public_key.public_numbers()
    return {"e": _unsigned(numbers.e), "kty": "RSA", "n": _unsigned(numbers.n)}


def _thumbprint(members: Jwk) -> str:
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return b64url(hashlib.sha256(canonical.encode("ascii")).digest())


def _unsigned(number: int) -> str:
    return b64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _bytes(jwk: Mapping[str, object], name: str) -> bytes:
    value = jwk.get(name)
    if not isinstance(value, str):
        raise Malformed(f"A JSON Web Key of this type has {name}")
    return unb64url(value)


def _sized(jwk: Mapping[str, object], name: str, size: int) -> bytes:
    value = _bytes(jwk, name)
    if len(value) != size:
        raise Malformed(f"{name} has {size} bytes")
    return value


def _rsa_key(jwk: Mapping[str, object]) -> rsa.RSAPublicKey:
    modulus, exponent = _bytes(jwk, "n"), _bytes(jwk, "e")
    if len(modulus) > RSA_MAX_BITS // 8 + 1 or len(exponent) > 4:  # noqa: PLR2004 - cryptography's own limit on e
        raise Malformed("The RSA key is too large")
    numbers = rsa.RSAPublicNumbers(int.from_bytes(exponent, "big"), int.from_bytes(modulus, "big"))
    key = numbers.public_key()
    kind_of(key)
    return key
