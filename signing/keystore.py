"""A folder of keys that several processes share: one file per key, mode 0600, never overwritten.

`http.0001.pem` is the first key for the purpose `http`, `http.0002.pem` the one after a rotation; the highest
number is current, the others stay for what they signed. `data.0001.secret` is a symmetric key. A file comes
into being by writing a hidden temporary one and linking it to its name: linking fails when the name is taken,
so two processes that start at once end with the same key, and nobody ever reads half a file.

A key is read once and kept: reading an RSA key checks its primes and costs tens of milliseconds.
"""

import base64
import os
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

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
from signing.jose import Jwks
from signing.jwk import jwk_of, thumbprint
from signing.keys import Kind, PrivateKey, PublicKey, generate, kind_of

SECRET_BYTES: Final = 32
MAX_FILE_BYTES: Final = 16_384
MAX_GENERATIONS: Final = 9999
_PURPOSE: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
_CREATED: Final = re.compile(rb"\ACreated: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\n")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key with its story: `kid` is the RFC 7638 thumbprint, `generation` counts rotations from 1."""

    purpose: str
    generation: int
    kid: str
    kind: Kind
    created: datetime
    private_key: PrivateKey = field(repr=False)

    @property
    def public_key(self) -> PublicKey:
        return self.private_key.public_key()


class Keystore:
    """Keys in a folder. Safe to share between threads, and the folder between processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._keys: dict[str, StoredKey] = {}
        self._secrets: dict[str, bytes] = {}
        self._lock = threading.RLock()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The keystore in `folder`, which is created with mode 0700 when it is not there."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(folder)

    def ensure(self, purpose: str, kind: Kind, *, now: datetime) -> StoredKey:
        """The current key for `purpose`, made now if there is none. Raises `Malformed` for another kind."""
        with self._lock:
            if not self._names(purpose, "pem"):
                self._create(purpose, kind, generation=1, now=now)
            key = self.current(purpose)
        if key.kind is not kind:
            raise Malformed(f"The key for {purpose} is of kind {key.kind}, not {kind}")
        return key

    def rotate(self, purpose: str, *, now: datetime) -> StoredKey:
        """A new key of the same kind; the old one stays readable and published. Raises `UnknownKey`."""
        with self._lock:
            before = self.current(purpose)
            self._create(purpose, before.kind, generation=before.generation + 1, now=now)
            return self.current(purpose)

    def current(self, purpose: str) -> StoredKey:
        """The newest key for `purpose`. Raises `UnknownKey` when there is none."""
        names = self._names(purpose, "pem")
        if not names:
            raise UnknownKey(f"There is no key for {purpose}")
        return self._load(names[-1])

    def all_keys(self, purpose: str | None = None) -> list[StoredKey]:
        """Every key, or every key for one purpose, oldest generation first."""
        return [self._load(name) for name in self._names(purpose, "pem")]

    def by_kid(self, kid: str) -> StoredKey:
        """The key with this thumbprint. Raises `UnknownKey`."""
        for key in self.all_keys():
            if key.kid == kid:
                return key
        raise UnknownKey("There is no key with this kid")

    def public_jwks(self, *purposes: str) -> Jwks:
        """The public halves (all, or for the purposes named) as a JSON Web Key Set, old ones included."""
        keys = [key for key in self.all_keys() if not purposes or key.purpose in purposes]
        return {"keys": [jwk_of(key.public_key, kid=key.kid) for key in keys]}

    def ensure_secret(self, purpose: str) -> bytes:
        """The 32-byte symmetric key for `purpose`, made if there is none. It has no rotation."""
        name = f"{_checked(purpose)}.0001.secret"
        with self._lock:
            if name not in self._secrets:
                self.ensure_file(name, lambda: base64.b64encode(secrets.token_bytes(SECRET_BYTES)))
                self._secrets[name] = self._read_secret(name)
            return self._secrets[name]

    def ensure_file(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The content of the file `name` in the folder; `make` gives it when it is not there yet."""
        path = self.folder / name
        if not path.exists():
            _create_once(path, make())
        return self.read_file(name)

    def read_file(self, name: str) -> bytes:
        """The content of the file `name`. Raises `UnknownKey` when absent, `Malformed` when too large."""
        try:
            with (self.folder / name).open("rb") as file:
                content = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError as error:
            raise UnknownKey(f"There is no {name} in the keystore") from error
        if len(content) > MAX_FILE_BYTES:
            raise Malformed(f"{name} is too large for a key")
        return content

    def _names(self, purpose: str | None, suffix: str) -> list[str]:
        stem = "*" if purpose is None else _checked(purpose)
        return sorted(path.name for path in self.folder.glob(f"{stem}.[0-9][0-9][0-9][0-9].{suffix}"))

    def _create(self, purpose: str, kind: Kind, *, generation: int, now: datetime) -> None:
        if generation > MAX_GENERATIONS:
            raise Malformed(f"{purpose} has no number left for another key")
        pem = generate(kind).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        created = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        content = f"Created: {created}\n".encode("ascii") + pem
        _create_once(self.folder / f"{_checked(purpose)}.{generation:04d}.pem", content)

    def _load(self, name: str) -> StoredKey:
        with self._lock:
            if name not in self._keys:
                self._keys[name] = _parse(name, self.read_file(name))
            return self._keys[name]

    def _read_secret(self, name: str) -> bytes:
        try:
            secret = base64.b64decode(self.read_file(name).strip(), validate=True)
        except ValueError as error:
            raise Malformed(f"{name} is not Base64") from error
        if len(secret) != SECRET_BYTES:
            raise Malformed(f"{name} does not hold {SECRET_BYTES} bytes")
        return secret


def _checked(purpose: str) -> str:
    if not _PURPOSE.fullmatch(purpose):
        raise Malformed("A purpose is a letter and up to 39 of a-z, 0-9 and -")
    return purpose


def _parse(name: str, content: bytes) -> StoredKey:
    purpose, generation, _suffix = name.split(".")
    stamp = _CREATED.match(content)
    if stamp is None:
        raise Malformed(f"{name} does not begin with when it was created")
    try:
        key = load_pem_private_key(content[stamp.end() :], password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # without the cause: an error of a parser might quote what it read
        raise Malformed(f"{name} is not an unencrypted PEM private key") from None
    if not isinstance(key, Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Malformed(f"{name} is a key of a kind that is not used here")
    try:
        kind = kind_of(key)
    except ForbiddenAlgorithm as error:
        raise Malformed(f"{name} is a key of a kind that is not used here") from error
    return StoredKey(
        purpose=purpose,
        generation=int(generation),
        kid=thumbprint(key.public_key()),
        kind=kind,
        created=datetime.strptime(stamp[1].decode("ascii"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
        private_key=key,
    )


def _create_once(path: Path, content: bytes) -> None:
    """Write `content` under `path` unless the name is taken; then the other's file stands."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        return
    finally:
        temporary.unlink()
