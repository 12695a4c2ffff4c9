"""Message authentication codes and digests as the payment world writes them: hex or Base64 text.

`hmac_hex` and `hmac_base64` are RFC 2104. `sha256_hex` is a plain digest: where a provider joins a secret to
the fields and hashes that, the caller joins. `same` is the only way in which two of them are compared.
"""

import base64
import hashlib
import hmac
from typing import Literal

Algorithm = Literal["sha1", "sha256", "sha512"]

_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


def hmac_hex(key: bytes, data: bytes, algorithm: Algorithm) -> str:
    """The HMAC of `data` in lower-case hexadecimal."""
    return hmac.digest(key, data, algorithm).hex()


def hmac_base64(key: bytes, data: bytes, algorithm: Algorithm) -> str:
    """The HMAC of `data` in standard Base64 with padding."""
    return base64.b64encode(hmac.digest(key, data, algorithm)).decode("ascii")


def sha256_hex(joined: str | bytes) -> str:
    """The SHA-256 digest of `joined` (text as UTF-8) in lower-case hexadecimal.

    Text that UTF-8 cannot carry (a lone surrogate, which JSON can smuggle in) is hashed with the surrogate's
    own three bytes: such a message only ever fails to verify, it does not raise.
    """
    data = joined.encode("utf-8", "surrogatepass") if isinstance(joined, str) else joined
    return hashlib.sha256(data).hexdigest()


def same(a: str, b: str) -> bool:
    """Whether two codes are equal, in time that does not depend on where they differ. Never raises.

    Hexadecimal is compared without regard to case (providers differ), anything else exactly: Base64 has
    meaning in its case. A text that is not ASCII is no code and is equal to nothing.
    """
    if not (isinstance(a, str) and isinstance(b, str) and a.isascii() and b.isascii()):
        return False
    if _HEX_DIGITS.issuperset(a) and _HEX_DIGITS.issuperset(b):
        a, b = a.lower(), b.lower()
    return hmac.compare_digest(a, b)
