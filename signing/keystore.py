"""A folder of keys that several processes share: one file per key, mode 0600, never overwritten.

`http.0001.pem` is the first key for the purpose `http`, `http.0002.pem` the one after a rotation. A key is published
from the moment its file is there, and signs from the time that the file names, so that nobody meets a signature by a
key that is not published yet; the ones before it stay published for what they signed. `http.0001.revoked` takes a key
out of what is published. `receipt.0001.crt` holds a key's certificate, which bounds when it may sign.
`data.0001.secret` is a symmetric key.

A key is read once and kept: reading an RSA key checks its primes and costs tens of milliseconds. What others add to
the folder is noticed by the folder's time of change, which is looked at whenever a key is asked for.
"""

import base64
import re
import secrets
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

from signing.errors import Expired, Malformed, Refused, SigningError, UnknownKey
from signing.jose import Jwks
from signing.jwk import jwk_of
from signing.keyfiles import (
    MAX_FILE_BYTES,
    US,
    KeyFile,
    StoredKey,
    Story,
    create_once,
    read_certificates,
    read_file,
    read_key,
    read_revocation,
    write_key,
    write_revocation,
)
from signing.keyfolder import KeyFolder, Listing
from signing.keys import Kind, PublicKey, State, Term, current_of, generate, states_of

__all__ = ["LEAD", "MAX_FILE_BYTES", "MIN_LEAD", "NEVER", "US", "Keystore", "StoredKey"]

SECRET_BYTES: Final = 32
MAX_GENERATIONS: Final = 9999
LEAD: Final = timedelta(minutes=5)
"""How long before it signs a key is published when nothing else is asked for."""
MIN_LEAD: Final = timedelta(seconds=5)
"""The least such time: every process has looked at the folder by then, and clocks differ by less."""
GRACE: Final = timedelta(minutes=5)
"""What was begun under a key may come this long after its successor began."""
NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""Since when a key signs that still waits for its certificate."""

_PURPOSE: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")


class Keystore:
    """Keys in a folder. Safe to share between threads, and the folder between processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files: dict[str, KeyFile] = {}
        self._secrets: dict[str, bytes] = {}
        self._folder = KeyFolder(folder)
        self._rings: dict[str, tuple[Listing, tuple[StoredKey, ...]]] = {}
        self._lock = threading.RLock()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The keystore in `folder`, which is created with mode 0700 when it is not there."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(folder)

    # --- which key ----------------------------------------------------------------------------------

    def ensure(self, purpose: str, kind: Kind, *, now: datetime, owner: str = US) -> StoredKey:
        """The current key for `purpose`, made now if there is none.

        Whoever comes from before the first key is given that one. Raises `Malformed` for another kind, `Expired`.
        """
        with self._lock:
            if not self.all_keys(purpose):
                # the first key signs for everybody, also for one whose clock is behind ours
                begin = _whole(now)
                self._create(purpose, kind, 1, Story(created=begin, since=begin - GRACE, owner=owner))
        first = self.all_keys(purpose)[0]
        is_early = now < first.term.since and not (self.folder / first.file("crt")).exists()
        key = first if is_early else self.current(purpose, now=now)
        if key.kind is not kind:
            raise Malformed(f"The key for {purpose} is of kind {key.kind}, not {kind}")
        return key

    def current(self, purpose: str, *, now: datetime) -> StoredKey:
        """The key that signs at `now`. Raises `UnknownKey` when there is none, `Expired` when none may sign."""
        keys = self._ring(_checked(purpose))
        if not keys:
            raise UnknownKey(f"There is no key for {purpose}")
        place = current_of([key.term for key in keys], now)
        if place is None:
            raise Expired(f"No key for {purpose} may sign now")
        return keys[place]

    def all_keys(self, purpose: str | None = None) -> list[StoredKey]:
        """Every key, or every key for one purpose, oldest generation first."""
        purposes = self.purposes() if purpose is None else [_checked(purpose)]
        return [key for each in purposes for key in self._ring(each)]

    def purposes(self) -> list[str]:
        """What there are keys for."""
        return self._folder.look().purposes("pem")

    def states(self, purpose: str, *, now: datetime) -> list[tuple[StoredKey, State]]:
        """Each key for `purpose` with its state at `now`, oldest generation first."""
        keys = self._ring(_checked(purpose))
        return list(zip(keys, states_of([key.term for key in keys], now), strict=True))

    def by_kid(self, kid: str) -> StoredKey:
        """The key with this thumbprint. Raises `UnknownKey`."""
        for key in self.all_keys():
            if key.kid == kid:
                return key
        raise UnknownKey("There is no key with this kid")

    def signed_by(self, kid: str, *, at: datetime) -> PublicKey:
        """The key for what was signed at `at`, while it was this key's turn (and `GRACE` after).

        Raises `UnknownKey` when there is none or it was revoked, `Expired` when it was not its turn.
        """
        key = self.by_kid(kid)
        if key.term.revoked_at is not None:
            raise UnknownKey("The key of this kid is revoked")
        later = [each.term.since for each in self._ring(key.purpose) if each.term.since > key.term.since]
        ends = min([*later, *([] if key.term.until is None else [key.term.until])], default=NEVER)
        if at < key.term.since or (ends != NEVER and at >= ends + GRACE):
            raise Expired("It was not this key's turn to sign then")
        return key.public_key

    def public_jwks(self, *purposes: str, now: datetime | None = None) -> Jwks:
        """The public halves (all, or for the purposes named) as a JSON Web Key Set: next and old ones included.

        A key is left out once it is revoked at `now`; without `now` as soon as that is known.
        """
        revoked_by = NEVER if now is None else now
        keys = (
            [key for each in purposes for key in self._ring(_checked(each))] if purposes else self.all_keys()
        )
        published = [key for key in keys if not key.term.revoked_by(revoked_by)]
        return {"keys": [jwk_of(key.public_key, kid=key.kid) for key in published]}

    # --- a key's life -------------------------------------------------------------------------------

    def rotate(
        self, purpose: str, *, now: datetime, since: datetime | None = None, until: datetime | None = None
    ) -> StoredKey:
        """A new key of the same kind and owner, published now, which signs from `since` on (`LEAD` from now).

        The old one signs until then, and stays published. Raises `UnknownKey` when there is none, `Malformed` for a
        `since` sooner than `MIN_LEAD` from now, `Refused` when a next key waits already.
        """
        with self._lock:
            keys = self.all_keys(purpose)
            if not keys:
                raise UnknownKey(f"There is no key for {purpose}")
            begin = _whole_after(now + LEAD if since is None else since)
            if begin < now + MIN_LEAD:
                least = int(MIN_LEAD.total_seconds())
                raise Malformed(f"A key is published at least {least} seconds before it signs")
            if any(state is State.NEXT for _, state in self.states(purpose, now=now)):
                raise Refused(f"A next key for {purpose} waits already")
            story = Story(created=_whole(now), since=begin, until=until, owner=keys[-1].owner)
            self._create(purpose, keys[-1].kind, keys[-1].generation + 1, story)
            return self.all_keys(purpose)[-1]

    def revoke(self, kid: str, *, now: datetime) -> tuple[StoredKey, StoredKey | None]:
        """Believe a key no longer; the revoked key, and the one made in its place if it was the current one.

        A key that signs now goes in `MIN_LEAD`, when its successor has been seen by all; another one at once.
        Raises `UnknownKey`, `Refused` when it is revoked already.
        """
        with self._lock:
            key = self.by_kid(kid)
            if key.term.revoked_at is not None:
                raise Refused("The key is revoked already")
            made, at = None, _whole(now)
            if (key, State.CURRENT) in self.states(key.purpose, now=now):
                at = _whole_after(now + MIN_LEAD)
                last = self.all_keys(key.purpose)[-1]
                story = Story(created=_whole(now), since=at, owner=key.owner)
                self._create(key.purpose, key.kind, last.generation + 1, story)
                made = self.all_keys(key.purpose)[-1]
            if not create_once(self.folder / key.file("revoked"), write_revocation(at)):
                raise Refused("The key is revoked already")
            return self.by_kid(kid), made

    # --- secrets and other files --------------------------------------------------------------------

    def ensure_secret(self, purpose: str) -> bytes:
        """The 32-byte symmetric key for `purpose`, made if there is none. It has no rotation."""
        name = f"{_checked(purpose)}.0001.secret"
        with self._lock:
            if name not in self._secrets:
                self.ensure_file(name, lambda: base64.b64encode(secrets.token_bytes(SECRET_BYTES)))
                self._secrets[name] = self._read_secret(name)
            return self._secrets[name]

    def secrets(self) -> list[str]:
        """The purposes of the symmetric keys."""
        return self._folder.look().purposes("secret")

    def ensure_file(self, name: str, make: Callable[[], bytes]) -> bytes:
        """The content of the file `name` in the folder; `make` gives it when it is not there yet."""
        path = self.folder / name
        if not path.exists():
            create_once(path, make())
        return self.read_file(name)

    def read_file(self, name: str) -> bytes:
        """The content of the file `name`. Raises `UnknownKey` when absent, `Malformed` when too large."""
        return read_file(self.folder / name)

    def _read_secret(self, name: str) -> bytes:
        try:
            secret = base64.b64decode(self.read_file(name).strip(), validate=True)
        except ValueError as error:
            raise Malformed(f"{name} is not Base64") from error
        if len(secret) != SECRET_BYTES:
            raise Malformed(f"{name} does not hold {SECRET_BYTES} bytes")
        return secret

    def _create(self, purpose: str, kind: Kind, generation: int, story: Story) -> None:
        if generation > MAX_GENERATIONS:
            raise Malformed(f"{purpose} has no number left for another key")
        path = self.folder / f"{_checked(purpose)}.{generation:04d}.pem"
        create_once(path, write_key(generate(kind), story))  # whoever was first: the two agree on one key

    # --- the folder ---------------------------------------------------------------------------------

    def _ring(self, purpose: str) -> tuple[StoredKey, ...]:
        """The keys for a purpose, oldest generation first."""
        listing = self._folder.look()
        known = self._rings.get(purpose)
        if known is not None and known[0] is listing:
            return known[1]
        with self._lock:
            try:
                ring = tuple(self._read_ring(listing, purpose))
            except SigningError:
                if known is None:
                    raise
                ring = known[1]  # a spoilt file that was added stops nobody who already signs
            self._rings[purpose] = (listing, ring)
        return ring

    def _read_ring(self, listing: Listing, purpose: str) -> Sequence[StoredKey]:
        revoked = set(listing.generations(purpose, "revoked"))
        certified = set(listing.generations(purpose, "crt"))
        return [
            self._stored(purpose, generation, revoked=generation in revoked, certified=certified)
            for generation in listing.generations(purpose, "pem")
        ]

    def _stored(self, purpose: str, generation: int, *, revoked: bool, certified: set[int]) -> StoredKey:
        stem = f"{purpose}.{generation:04d}"
        pem, crt, word = (f"{stem}.{suffix}" for suffix in ("pem", "crt", "revoked"))
        if pem not in self._files:
            self._files[pem] = read_key(pem, self.read_file(pem))
        file = self._files[pem]
        since, until = file.story.since, file.story.until
        if generation in certified:
            leaf = read_certificates(crt, self.read_file(crt))[0]
            since, until = (
                max(since, leaf.not_valid_before_utc),
                min(until or NEVER, leaf.not_valid_after_utc),
            )
        elif any(other < generation for other in certified):
            since = NEVER  # the key before it signs with a certificate, so this one waits for its own
        revoked_at = read_revocation(word, self.read_file(word)) if revoked else None
        return StoredKey(
            purpose=purpose,
            generation=generation,
            kid=file.kid,
            kind=file.kind,
            created=file.story.created,
            owner=file.story.owner,
            term=Term(since, until, revoked_at),
            private_key=file.private_key,
        )


def _checked(purpose: str) -> str:
    if not _PURPOSE.fullmatch(purpose):
        raise Malformed("A purpose is a letter and up to 39 of a-z, 0-9 and -")
    return purpose


def _whole(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def _whole_after(at: datetime) -> datetime:
    whole = _whole(at)
    return whole if whole == at else whole + timedelta(seconds=1)
