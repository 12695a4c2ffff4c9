"""What stands in the files of a key folder: a key with its story, a certificate, a word that a key is revoked.

A key's file is a PEM (PKCS#8, not encrypted) under lines that say when it was created, who answers for it, and from
when until when it may sign; programs that read PEM pass over them (RFC 7468 section 2). Times are UTC, in seconds.
Files come into being whole and are never overwritten: what is written is linked to its name, and linking fails when
the name is taken.
"""

import os
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from signing.errors import ForbiddenAlgorithm, Malformed, UnknownKey
from signing.jwk import thumbprint
from signing.keys import Kind, PrivateKey, PublicKey, Term, kind_of

MAX_FILE_BYTES: Final = 65_536
MAX_OWNER_CHARS: Final = 100
US: Final = "gateway"
"""Who answers for a key whose file names nobody."""

_STAMP: Final = "%Y-%m-%dT%H:%M:%SZ"
_TIME: Final = rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\n"
_HEAD: Final = re.compile(
    rb"\ACreated: "
    + _TIME
    + rb"(?:Owner: ([^\n]{1,400})\n)?(?:Since: "
    + _TIME
    + rb")?(?:Until: "
    + _TIME
    + rb")?"
)
_REVOKED: Final = re.compile(rb"\ARevoked: " + _TIME + rb"\Z")


@dataclass(frozen=True, slots=True)
class Story:
    """What is written above a key. `until` None: the key has no end of its own."""

    created: datetime
    since: datetime
    until: datetime | None = None
    owner: str = US


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key's file, read: `kid` is the RFC 7638 thumbprint."""

    kid: str
    kind: Kind
    story: Story
    private_key: PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key with its story: `kid` is the RFC 7638 thumbprint, `generation` counts rotations from 1.

    `owner` answers for it; `term` says when it may sign, its certificate's validity taken into account.
    """

    purpose: str
    generation: int
    kid: str
    kind: Kind
    created: datetime
    owner: str
    term: Term
    private_key: PrivateKey = field(repr=False)

    @property
    def public_key(self) -> PublicKey:
        return self.private_key.public_key()

    def file(self, suffix: str) -> str:
        """The name of a file of this key: `receipt.0002.crt`."""
        return f"{self.purpose}.{self.generation:04d}.{suffix}"


def write_key(key: PrivateKey, story: Story) -> bytes:
    """The content of a key's file. Raises `Malformed` for an owner that is no short line of text."""
    owner = story.owner.strip()
    if not 0 < len(owner) <= MAX_OWNER_CHARS or not owner.isprintable():
        raise Malformed(f"The owner of a key is named in 1 to {MAX_OWNER_CHARS} printable characters")
    if story.until is not None and story.until <= story.since:
        raise Malformed("A key ends after it begins")
    lines = [f"Created: {_stamp(story.created)}", f"Owner: {owner}", f"Since: {_stamp(story.since)}"]
    lines += [] if story.until is None else [f"Until: {_stamp(story.until)}"]
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return "".join(f"{line}\n" for line in lines).encode() + pem


def read_key(name: str, content: bytes) -> KeyFile:
    """The key in the file `name`. Raises `Malformed`, which quotes nothing of the content."""
    head = _HEAD.match(content)
    if head is None:
        raise Malformed(f"{name} does not begin with when it was created")
    try:
        created, since, until = (None if text is None else _time(text) for text in head.group(1, 3, 4))
        owner = US if head[2] is None else head[2].decode()
    except ValueError:
        raise Malformed(f"{name} begins with what is no time or no text") from None
    try:
        key = load_pem_private_key(content[head.end() :], password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # without the cause: an error of a parser might quote what it read
        raise Malformed(f"{name} is not an unencrypted PEM private key") from None
    if not isinstance(key, Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Malformed(f"{name} is a key of a kind that is not used here")
    try:
        kind = kind_of(key)
    except ForbiddenAlgorithm as error:
        raise Malformed(f"{name} is a key of a kind that is not used here") from error
    assert created is not None, "the expression asks for it"
    story = Story(created=created, since=since or created, until=until, owner=owner)
    return KeyFile(kid=thumbprint(key.public_key()), kind=kind, story=story, private_key=key)


def read_certificates(name: str, content: bytes) -> list[x509.Certificate]:
    """The certificates of a PEM file, the key's own first. Raises `Malformed`."""
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise Malformed(f"{name} is not a PEM certificate") from None


def write_revocation(at: datetime) -> bytes:
    """The content of the file that says from when on a key is believed no longer."""
    return f"Revoked: {_stamp(at)}\n".encode("ascii")


def read_revocation(name: str, content: bytes) -> datetime:
    """When the key was revoked. Raises `Malformed`."""
    found = _REVOKED.match(content)
    try:
        if found is not None:
            return _time(found[1])
    except ValueError:
        pass
    raise Malformed(f"{name} does not say when the key was revoked")


def read_file(path: Path) -> bytes:
    """The content of a file of the folder. Raises `UnknownKey` when absent, `Malformed` when too large."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise UnknownKey(f"There is no {path.name} in the keystore") from error
    if len(content) > MAX_FILE_BYTES:
        raise Malformed(f"{path.name} is too large for a key")
    return content


def create_once(path: Path, content: bytes) -> bool:
    """Write `content` under `path`, mode 0600, unless the name is taken; then the other's file stands: False."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime(_STAMP)


def _time(text: bytes) -> datetime:
    return datetime.strptime(text.decode("ascii"), _STAMP).replace(tzinfo=UTC)
