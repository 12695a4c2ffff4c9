"""Standard Webhooks (specification of standardwebhooks.com, version 1): signing and checking messages.

What is signed is `id.timestamp.body`. `v1` is HMAC-SHA256 under a shared secret (`whsec_…`), `v1a` is
Ed25519 under a key pair (`whpk_…` for its public half). A header may carry several signatures; one good one
is enough, so that a secret can be changed without a gap.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from signing.errors import BadSignature, Expired, Malformed

TOLERANCE_S = 300
SECRET_MIN_BYTES = 24
SECRET_MAX_BYTES = 64
MAX_SIGNATURES = 16
MAX_HEADER_CHARS = 4096
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_TIMESTAMP = re.compile(r"[0-9]{1,11}")
_SECRET_PREFIX = "whsec_"  # noqa: S105 - a prefix, not a secret
_PUBLIC_PREFIX = "whpk_"


@dataclass(frozen=True, slots=True)
class Trust:
    """What a receiver accepts: any of these secrets, any of these public keys."""

    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    public_keys: tuple[Ed25519PublicKey, ...] = ()


def generate_secret(random: bytes) -> str:
    """The text form `whsec_…` of 24 to 64 random bytes. Raises `Malformed` for another length."""
    if not SECRET_MIN_BYTES <= len(random) <= SECRET_MAX_BYTES:
        raise Malformed(f"A webhook secret has {SECRET_MIN_BYTES} to {SECRET_MAX_BYTES} bytes")
    return _SECRET_PREFIX + base64.b64encode(random).decode("ascii")


def secret_bytes(text: str) -> bytes:
    """The bytes of a `whsec_…` text. Raises `Malformed`."""
    secret = _after_prefix(text, _SECRET_PREFIX)
    if not SECRET_MIN_BYTES <= len(secret) <= SECRET_MAX_BYTES:
        raise Malformed(f"A webhook secret has {SECRET_MIN_BYTES} to {SECRET_MAX_BYTES} bytes")
    return secret


def public_key_text(public_key: Ed25519PublicKey) -> str:
    """The text form `whpk_…` that a receiver is given."""
    return _PUBLIC_PREFIX + base64.b64encode(public_key.public_bytes_raw()).decode("ascii")


def public_key_from_text(text: str) -> Ed25519PublicKey:
    """The key of a `whpk_…` text. Raises `Malformed`."""
    try:
        return Ed25519PublicKey.from_public_bytes(_after_prefix(text, _PUBLIC_PREFIX))
    except ValueError as error:
        raise Malformed("A webhook public key has 32 bytes") from error


def sign(
    *,
    message_id: str,
    timestamp: datetime,
    body: bytes,
    secret: bytes | None = None,
    private_key: Ed25519PrivateKey | None = None,
) -> str:
    """The `webhook-signature` header: `v1a,<base64>` and `v1,<base64>`, as far as there is a key for each.

    The `webhook-timestamp` header is `str(int(timestamp.timestamp()))`. Raises `Malformed` for a message id
    that is not 1 to 128 of `A-Za-z0-9_-` (a dot would make the signed text ambiguous), or without any key.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise Malformed("A message id is 1 to 128 letters, digits, _ or -")
    signed = _signed(message_id, str(int(timestamp.timestamp())), body)
    signatures = []
    if private_key is not None:
        signatures.append(("v1a", private_key.sign(signed)))
    if secret is not None:
        signatures.append(("v1", hmac.digest(secret, signed, hashlib.sha256)))
    if not signatures:
        raise Malformed("A webhook is signed with a secret, a private key, or both")
    return " ".join(f"{name},{base64.b64encode(value).decode('ascii')}" for name, value in signatures)


def verify(
    *, message_id: str, timestamp: str, signature: str, body: bytes, trust: Trust, now: datetime
) -> datetime:
    """Check the three headers of a message; the answer is when it was signed, in UTC.

    Raises `Malformed`, `Expired` (more than 300 s from `now`, either way), `BadSignature`. The receiver
    keeps `message_id` and refuses it the second time: that is not this function's work.
    """
    if not (_MESSAGE_ID.fullmatch(message_id) and _TIMESTAMP.fullmatch(timestamp)):
        raise Malformed("The message id or the timestamp is not of the standard's form")
    if len(signature) > MAX_HEADER_CHARS or signature.count(" ") >= MAX_SIGNATURES:
        raise Malformed("The signature header is too long")
    signed = _signed(message_id, timestamp, body)
    if not any(_holds(part, signed, trust) for part in signature.split(" ")):
        raise BadSignature("No signature of the webhook fits a key that is trusted")
    if abs(now.timestamp() - int(timestamp)) > TOLERANCE_S:
        raise Expired("The webhook was signed too long ago, or in the future")
    return datetime.fromtimestamp(int(timestamp), tz=UTC)


def _signed(message_id: str, timestamp: str, body: bytes) -> bytes:
    return f"{message_id}.{timestamp}.".encode("ascii") + body


def _holds(part: str, signed: bytes, trust: Trust) -> bool:
    name, _, text = part.partition(",")
    try:
        value = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError:  # a signature of another version may be of any form: it only does not count
        return False
    if name == "v1":
        return _any_secret(value, signed, trust.secrets)
    return name == "v1a" and any(_ed25519_holds(key, value, signed) for key in trust.public_keys)


def _any_secret(value: bytes, signed: bytes, secrets: Iterable[bytes]) -> bool:
    return any(hmac.compare_digest(value, hmac.digest(s, signed, hashlib.sha256)) for s in secrets)


def _ed25519_holds(key: Ed25519PublicKey, value: bytes, signed: bytes) -> bool:
    try:
        key.verify(value, signed)
    except InvalidSignature:
        return False
    return True


def _after_prefix(text: str, prefix: str) -> bytes:
    if not text.startswith(prefix):
        raise Malformed(f"The text does not begin with {prefix}")
    try:
        return base64.b64decode(text.removeprefix(prefix).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise Malformed(f"What follows {prefix} is not Base64") from error
