"""Personal data at rest: AES-256-GCM, and a keyed index for looking a value up without opening anything.

A sealed value is `version (1 byte) | nonce (12) | ciphertext and tag`. The context (`table.column`) is bound
in, so that a value moved to another column does not open.
"""

import hashlib
import hmac
import os
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from signing.errors import BadSignature

VERSION = b"\x01"
KEY_BYTES = 32
NONCE_BYTES = 12


class Sealer:
    """Seals and opens under one 32-byte key; `repr` shows nothing of it."""

    def __init__(self, key: bytes, entropy: Callable[[int], bytes] = os.urandom) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("a sealing key has 32 bytes")
        self._aead = AESGCM(hashlib.sha256(b"seal" + key).digest())
        self._index_key = hashlib.sha256(b"index" + key).digest()
        self._entropy = entropy

    def seal(self, plain: bytes, context: str) -> bytes:
        nonce = self._entropy(NONCE_BYTES)
        return VERSION + nonce + self._aead.encrypt(nonce, plain, context.encode())

    def open(self, sealed: bytes, context: str) -> bytes:
        """The plain bytes. Raises `BadSignature` when the value was changed or belongs elsewhere."""
        nonce, rest = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        if sealed[:1] != VERSION:
            raise BadSignature("the sealed value is of an unknown version")
        try:
            return self._aead.decrypt(nonce, rest, context.encode())
        except (InvalidTag, ValueError):
            raise BadSignature("the sealed value was changed or belongs elsewhere") from None

    def index(self, value: str, context: str) -> bytes:
        """A blind index: equal for equal values in the same context, and nothing else can be read from it."""
        text = f"{context}\x00{value}".encode("utf-8", "surrogatepass")  # whatever is looked for, none raises
        return hmac.digest(self._index_key, text, "sha256")
