"""A business key is idempotent for ever: same key and same content is answered as the first time (house law 5)."""

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785

from gateway.domain.errors import ReferenceConflict


def fingerprint(content: Mapping[str, Any]) -> str:
    """The SHA-256 of the content's canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(dict(content))).hexdigest()


def same_or_conflict(known: str, given: str) -> None:
    """Raises `ReferenceConflict` when a reference comes again with other content."""
    if known != given:
        raise ReferenceConflict("this reference is known with other content")
