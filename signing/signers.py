"""Where signers are kept, all behind one port: a folder, a PKCS#12 file, a token, a remote service.

Whoever signs asks for the signer of a purpose at a moment, and is given the one whose turn it is, wherever its key
lies: a key in a file can be followed by one in a hardware module, and the change is a rotation like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from signing.certificates import signer_of
from signing.errors import Expired, SigningError, UnknownKey
from signing.jwk import thumbprint
from signing.keys import Term, current_of
from signing.keystore import NEVER, Keystore, StoredKey
from signing.signer import Signer, public_key_of


@dataclass(frozen=True, slots=True)
class Held:
    """A signer with its purpose, the one who answers for it, and when it may sign."""

    purpose: str
    owner: str
    term: Term
    signer: Signer

    @property
    def kid(self) -> str:
        """The RFC 7638 thumbprint of its key."""
        return thumbprint(public_key_of(self.signer.certificate))


class SignerStore(Protocol):
    """Signers with their purposes and terms."""

    def held(self, purpose: str) -> Sequence[Held]:
        """Every signer for a purpose: next, current, retired and revoked ones."""
        ...


def hold(
    signer: Signer, *, purpose: str, owner: str, since: datetime | None = None, until: datetime | None = None
) -> Held:
    """A signer whose term is what its certificate allows, and narrower where `since` or `until` say so."""
    begin, end = signer.certificate.not_valid_before_utc, signer.certificate.not_valid_after_utc
    return Held(purpose, owner, Term(max(since or begin, begin), min(until or end, end)), signer)


def signer_for(stores: Sequence[SignerStore], purpose: str, *, now: datetime) -> Signer:
    """The signer for `purpose` whose turn it is at `now`, of all the stores together.

    The same object is returned until another's turn begins. Raises `UnknownKey` when there is none at all, `Expired`
    when none may sign now.
    """
    found = [each for store in stores for each in store.held(purpose)]
    if not found:
        raise UnknownKey(f"There is no signer for {purpose}")
    place = current_of([each.term for each in found], now)
    if place is None:
        raise Expired(f"No signer for {purpose} may sign now")
    return found[place].signer


@dataclass(frozen=True, slots=True)
class FixedSigners:
    """Signers that are told once: of PKCS#12 files, tokens and remote services."""

    signers: tuple[Held, ...]

    def held(self, purpose: str) -> Sequence[Held]:
        return [each for each in self.signers if each.purpose == purpose]


class FolderSigners:
    """The keys of a folder that have certificates; a key that is added there is noticed. Safe between threads."""

    def __init__(self, store: Keystore) -> None:
        self._store = store
        self._known: dict[str, tuple[list[StoredKey], list[Held]]] = {}

    def held(self, purpose: str) -> Sequence[Held]:
        """Raises as `certificates.signer_of` for a certificate that is spoilt or of another key."""
        keys = self._store.all_keys(purpose)
        known = self._known.get(purpose)
        if known is not None and known[0] == keys:
            return known[1]
        try:
            found = [each for key in keys if (each := self._held(key)) is not None]
        except SigningError:
            if known is None:
                raise
            return known[1]  # a spoilt file that was added stops nobody who already signs
        self._known[purpose] = keys, found
        return found

    def _held(self, key: StoredKey) -> Held | None:
        if key.term.since == NEVER:
            return None
        try:
            signer = signer_of(self._store, key)
        except UnknownKey:
            return None
        return Held(key.purpose, key.owner, key.term, signer)
