"""Signed notes and checkpoints of a transparency log (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

A note is text that ends with a line feed, an empty line, and a line `— NAME BASE64` for each signature, which begins
with four bytes that name the key. Ed25519 only. A witness signs its time together with the note.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from signing.errors import BadSignature, Malformed

PLAIN: Final = 0x01
COSIGNATURE: Final = 0x04
MAX_NOTE_BYTES: Final = 1_000_000
MAX_SIGNATURES: Final = 100
_ID_BYTES: Final = 4
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_TIME_BYTES: Final = 8
_NAME: Final = re.compile(r"[^\s+\u0000-\u001f\u007f]{1,200}")
_LINE: Final = re.compile(r"— (\S{1,200}) (\S{1,300})")
_SIZE: Final = re.compile(r"0|[1-9]\d{0,15}")


@dataclass(frozen=True, slots=True)
class Verifier:
    """A named public key of a log (`PLAIN`) or of a witness (`COSIGNATURE`)."""

    name: str
    key: Ed25519PublicKey
    kind: int = PLAIN

    @property
    def key_id(self) -> bytes:
        raw = self.key.public_bytes_raw()
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + raw).digest()[:_ID_BYTES]

    def text(self) -> str:
        """The key as people pass it on: `NAME+8 hex digits+BASE64`."""
        encoded = base64.b64encode(bytes([self.kind]) + self.key.public_bytes_raw()).decode("ascii")
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log at a size: the name of the log, how many leaves, and the root over them (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode('ascii')}\n"


def read_verifier(text: str) -> Verifier:
    """The key of `NAME+HASH+BASE64`. Raises `Malformed`."""
    name, _, rest = text.strip().partition("+")
    told_id, _, encoded = rest.partition("+")
    try:
        raw = base64.b64decode(encoded, validate=True)
        found = Verifier(name, Ed25519PublicKey.from_public_bytes(raw[1:]), raw[0])
    except (ValueError, IndexError):
        raise Malformed("This is not the key of a log: NAME+HASH+BASE64") from None
    if found.kind not in {PLAIN, COSIGNATURE} or not _NAME.fullmatch(name):
        raise Malformed("This is the key of no log and no witness")
    if found.key_id.hex() != told_id:
        raise Malformed("The hash in the key of the log does not fit the key")
    return found


def sign(checkpoint: Checkpoint, *, name: str, key: Ed25519PrivateKey) -> str:
    """The checkpoint as a note that is signed by the log."""
    text = checkpoint.text()
    return f"{text}\n{_line(Verifier(name, key.public_key()), key.sign(text.encode()))}"


def cosign(note: str, *, name: str, key: Ed25519PrivateKey, at_s: int) -> str:
    """The line with which a witness says that it saw this checkpoint, and nothing against it, at a time in seconds."""
    text, _ = split(note)
    signature = key.sign(_cosigned(text, at_s))
    return _line(Verifier(name, key.public_key(), COSIGNATURE), at_s.to_bytes(_TIME_BYTES, "big") + signature)


def split(note: str) -> tuple[str, Sequence[tuple[str, bytes]]]:
    """The text of a note, and the name and bytes of each of its signatures. Raises `Malformed`."""
    try:
        if len(note.encode()) > MAX_NOTE_BYTES:
            raise Malformed("The note is too large")
    except UnicodeEncodeError:
        raise Malformed("The note holds what is no letter") from None
    text, mark, lines = note.rpartition("\n\n")
    if not mark or not lines.endswith("\n"):
        raise Malformed("A note is its text, an empty line and its signatures")
    found: list[tuple[str, bytes]] = []
    for line in lines[:-1].split("\n"):
        match = _LINE.fullmatch(line)
        if match is None or len(found) >= MAX_SIGNATURES:
            raise Malformed("A line of the note is no signature")
        found.append((match[1], _decoded(match[2])))
    return f"{text}\n", found


def verify(note: str, verifier: Verifier) -> Checkpoint:
    """The checkpoint of a note that this log signed. Raises `Malformed` and `BadSignature`."""
    text, signatures = split(note)
    for name, raw in signatures:
        if name == verifier.name and raw[:_ID_BYTES] == verifier.key_id:
            _check(verifier.key, raw[_ID_BYTES:], text.encode())
            return read_checkpoint(text, verifier.name)
    raise BadSignature("The checkpoint is not signed by the key of this log")


def verify_cosignature(note: str, verifier: Verifier) -> int:
    """When (seconds of Unix) a witness saw this checkpoint. Raises `Malformed` and `BadSignature`."""
    text, signatures = split(note)
    for name, raw in signatures:
        if name == verifier.name and raw[:_ID_BYTES] == verifier.key_id:
            at_s = int.from_bytes(raw[_ID_BYTES : _ID_BYTES + _TIME_BYTES], "big")
            _check(verifier.key, raw[_ID_BYTES + _TIME_BYTES :], _cosigned(text, at_s))
            return at_s
    raise BadSignature("The checkpoint is not signed by this witness")


def read_checkpoint(text: str, origin: str) -> Checkpoint:
    """Raises `Malformed` for a text that is no checkpoint of this log."""
    lines = text.split("\n")
    if len(lines) < 4 or lines[-1] != "" or lines[0] != origin or not _SIZE.fullmatch(lines[1]):  # noqa: PLR2004 - three lines, each ended
        raise Malformed("This is not a checkpoint of this log")
    root = _decoded(lines[2])
    if len(root) != hashlib.sha256().digest_size:
        raise Malformed("The root of the checkpoint does not have 32 bytes")
    return Checkpoint(origin, int(lines[1]), root)


def _cosigned(text: str, at_s: int) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n{text}".encode()


def _line(verifier: Verifier, signature: bytes) -> str:
    return f"— {verifier.name} {base64.b64encode(verifier.key_id + signature).decode('ascii')}\n"


def _decoded(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise Malformed("A part of the note is not Base64") from None
    if base64.b64encode(raw).decode("ascii") != text:
        raise Malformed("A part of the note is not written as Base64 writes it")
    return raw


def _check(key: Ed25519PublicKey, signature: bytes, data: bytes) -> None:
    if len(signature) != _SIGNATURE_BYTES:
        raise BadSignature("An Ed25519 signature has 64 bytes")
    try:
        key.verify(signature, data)
    except InvalidSignature:
        raise BadSignature("The signature of the checkpoint does not hold") from None
