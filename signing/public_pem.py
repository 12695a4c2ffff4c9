"""Public keys as their owners hand them over: PEM SubjectPublicKeyInfo."""

from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from signing.errors import ForbiddenAlgorithm, Malformed
from signing.keys import PublicKey, kind_of

KEPT_KEYS = 4096


@lru_cache(maxsize=KEPT_KEYS)
def load_public(pem: str) -> PublicKey:
    """The key of a PEM text; kept, because loading costs more than using.

    Raises `Malformed`, and `ForbiddenAlgorithm` for a kind that nothing here is signed with.
    """
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Malformed("This is not a public key in PEM") from error
    if not isinstance(key, PublicKey):
        raise ForbiddenAlgorithm("The key is of a kind that nothing here is signed with")
    kind_of(key)
    return key
