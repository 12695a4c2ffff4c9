"""The `Content-Digest` field of RFC 9530: what binds a body to the header that a signature covers."""

import base64
import hashlib
import hmac

import http_sf

from signing.errors import BadSignature, Malformed
from signing.mac import same

MAX_HEADER_CHARS = 1024
_HASHES = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


def content_digest(body: bytes) -> str:
    """The header value for `body`, with SHA-256."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode('ascii')}:"


def check_content_digest(header: str, body: bytes) -> None:
    """Check `header` against `body`: at least one of sha-256 and sha-512, and each of them that is there.

    Other algorithms are passed over (RFC 9530 section 2): they prove nothing, and harm nothing beside one
    that does. Raises `Malformed` for a header that cannot be read or has no known algorithm, `BadSignature`
    for a body that is not the one that was digested.
    """
    if same(header, content_digest(body)):
        return  # the form that nearly everybody sends needs no parser
    known = _known_digests(header)
    if not known:
        raise Malformed("Content-Digest has neither sha-256 nor sha-512")
    for name, digest in known.items():
        if not hmac.compare_digest(digest, _HASHES[name](body).digest()):
            raise BadSignature("The body is not the one that Content-Digest names")


def _known_digests(header: str) -> dict[str, bytes]:
    if len(header) > MAX_HEADER_CHARS:
        raise Malformed("Content-Digest is too long")
    try:
        members = http_sf.parse(header.encode("ascii"), tltype="dictionary", on_duplicate_key=_refuse_twice)
    except ValueError as error:
        raise Malformed("Content-Digest is not a dictionary of digests") from error
    assert isinstance(members, dict)
    known: dict[str, bytes] = {}
    for name, member in members.items():
        if name in _HASHES:
            value = member[0] if isinstance(member, tuple) else member
            if not isinstance(value, bytes):
                raise Malformed("A digest is a byte sequence")
            known[name] = value
    return known


def _refuse_twice(name: str, _context: str) -> None:
    raise Malformed(f"Content-Digest has {name[:20]!r} twice")
