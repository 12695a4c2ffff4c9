"""Compact JSON Web Signatures (RFC 7515) with EdDSA (RFC 8037) and ES256 (RFC 7518 section 3.4).

The key decides the algorithm and the header must agree with it (RFC 8725 section 3.1): `none`, an HMAC made
with a public key, and every `crit` extension are refused.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from signing.errors import ForbiddenAlgorithm, Malformed, UnknownKey
from signing.jwk import Jwk, b64url, jwk_of, public_key_of, thumbprint, unb64url
from signing.keys import Kind, PrivateKey, PublicKey, kind_of, sign, verify

__all__ = ["Jwk", "Jwks", "Jws", "jwk_of", "public_key_of", "sign_compact", "thumbprint", "verify_compact"]

MAX_TOKEN_CHARS = 200_000
_PARTS = 3
_ALG = {Kind.ED25519: "EdDSA", Kind.P256: "ES256"}


class Jwks(TypedDict):
    """A JSON Web Key Set (RFC 7517 section 5)."""

    keys: list[Jwk]


@dataclass(frozen=True, slots=True)
class Jws:
    """What a verified token said: `typ` is empty when the header had none."""

    payload: bytes = field(repr=False)
    kid: str
    typ: str


def sign_compact(payload: bytes, *, key: PrivateKey, kid: str, typ: str) -> str:
    """The token `header.payload.signature`. Raises `ForbiddenAlgorithm` for an RSA key."""
    header = {"alg": _alg_of(key), "kid": kid, "typ": typ}
    signing_input = f"{b64url(_compact(header))}.{b64url(payload)}"
    return f"{signing_input}.{b64url(sign(key, signing_input.encode('ascii')))}"


def verify_compact(token: str, keys: Jwks | Callable[[str], PublicKey]) -> Jws:
    """Check `token` against a key set, or a function from kid to key that raises `UnknownKey`.

    Raises `Malformed`, `ForbiddenAlgorithm`, `UnknownKey`, `BadSignature`. Whether the payload is still in
    time is the caller's question: the payload is bytes here.
    """
    if len(token) > MAX_TOKEN_CHARS:
        raise Malformed("The token is too long")
    parts = token.split(".")
    if len(parts) != _PARTS:
        raise Malformed("A compact token has three parts")
    header = _header(unb64url(parts[0]))
    payload, signature = unb64url(parts[1]), unb64url(parts[2])
    kid = _text(header, "kid")
    key = keys(kid) if callable(keys) else _find(keys, kid)
    if header.get("alg") != _alg_of(key):
        raise ForbiddenAlgorithm("The token's algorithm is not the one of its key")
    verify(key, signature, f"{parts[0]}.{parts[1]}".encode("ascii"))
    return Jws(payload=payload, kid=kid, typ=_text(header, "typ") if "typ" in header else "")


def _alg_of(key: PrivateKey | PublicKey) -> str:
    alg = _ALG.get(kind_of(key))
    if alg is None:
        raise ForbiddenAlgorithm("Tokens are signed with Ed25519 or P-256 keys only")
    return alg


def _compact(header: Mapping[str, str]) -> bytes:
    return json.dumps(header, separators=(",", ":"), sort_keys=True).encode("ascii")


def _header(data: bytes) -> dict[str, object]:
    try:
        header = json.loads(data.decode("utf-8"), object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise Malformed("The header is not JSON") from error
    if not isinstance(header, dict):
        raise Malformed("The header is not a JSON object")
    for name in ("crit", "b64", "jwk", "jku", "x5u"):
        if name in header:
            raise ForbiddenAlgorithm(f"The header parameter {name} is not accepted")
    return header


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Malformed("The header names a parameter twice")
    return members


def _text(header: Mapping[str, object], name: str) -> str:
    value = header.get(name)
    if not isinstance(value, str):
        raise Malformed(f"The header has no {name}, or it is no text")
    return value


def _find(jwks: Jwks, kid: str) -> PublicKey:
    found = [jwk for jwk in jwks["keys"] if jwk.get("kid") == kid]
    if len(found) != 1:
        raise UnknownKey("The key set has no such key, or has it twice")
    return public_key_of(found[0])
