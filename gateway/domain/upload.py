"""Uploads that can be resumed: their states, and what the headers of tus 1.0.0 say (https://tus.io/protocols/1.0.0).

Numbers are whole bytes. `ValueError` means that a header cannot be read.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

VERSION: Final = "1.0.0"
EXTENSIONS: Final = ("creation", "checksum", "expiration", "termination")
ALGORITHMS: Final = ("sha256", "sha1")
"""Of the checksum of a chunk, the better one first; every server of the protocol knows sha1."""
DIGEST_BYTES: Final = {"sha256": 32, "sha1": 20}
LARGEST: Final = 2**53 - 1
LARGEST_METADATA_CHARS: Final = 1000
CASE, DOCUMENT = "case_code", "document_code"
_WHOLE: Final = re.compile(r"[0-9]{1,16}")


class UploadState(StrEnum):
    """`open` is left once and for all."""

    OPEN = "open"
    STORED = "stored"
    REFUSED = "refused"
    TERMINATED = "terminated"
    EXPIRED = "expired"


class Scan(StrEnum):
    """What the virus scan said of a document; `not_scanned` where no scanner is set up."""

    NOT_SCANNED = "not_scanned"
    PENDING = "pending"
    CLEAN = "clean"
    INFECTED = "infected"


@dataclass(frozen=True, slots=True)
class Checksum:
    """Of one chunk."""

    algorithm: str
    digest: bytes = field(repr=False)


def read_whole(text: str) -> int:
    """A length or an offset: a whole number that is not negative."""
    if not text.isascii() or not _WHOLE.fullmatch(text) or int(text) > LARGEST:
        raise ValueError("not a whole number of bytes")
    return int(text)


def read_checksum(text: str) -> Checksum:
    """`Upload-Checksum`: the algorithm, a space, the digest in Base64."""
    algorithm, _, encoded = text.partition(" ")
    if algorithm not in ALGORITHMS:
        raise ValueError(f"the algorithm is none of {', '.join(ALGORITHMS)}")
    digest = _base64(encoded)
    if len(digest) != DIGEST_BYTES[algorithm]:
        raise ValueError(f"this is no digest of {algorithm}")
    return Checksum(algorithm, digest)


def read_metadata(text: str) -> dict[str, str]:
    """`Upload-Metadata`: pairs of a name and a value in Base64, with commas between; each name once."""
    if len(text) > LARGEST_METADATA_CHARS:
        raise ValueError("too long")
    found: dict[str, str] = {}
    for pair in text.split(","):
        name, _, encoded = pair.strip().partition(" ")
        if not name.isascii() or not name.isprintable() or not name or name in found:
            raise ValueError("a name is empty, no ASCII, or there twice")
        found[name] = _base64(encoded).decode("utf-8")
    return found


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        raise ValueError("not Base64") from None
