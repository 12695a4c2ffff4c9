"""The notary of an installation: the key of its proof log, who binds containers, and the witnesses that it knows."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.config import Settings
from gateway.domain import errors
from gateway.domain.errors import Misconfigured
from gateway.service.context import Notary
from signing import errors as signing_errors
from signing import notes
from signing.keys import Kind
from signing.keystore import Keystore

LOG = "log"
STAMP_EVERY = timedelta(minutes=10)


def open_notary(
    settings: Settings,
    keystore: Keystore,
    *,
    bind: Callable[[Mapping[str, bytes], datetime], bytes],
    stamp: Callable[[bytes], bytes] | None = None,
    keys: Callable[[], Mapping[str, Any]],
    now: datetime,
) -> Notary:
    """Raises `Misconfigured` for a witness whose key cannot be read."""
    key = keystore.ensure(LOG, Kind.ED25519, now=now).private_key
    assert isinstance(key, Ed25519PrivateKey)
    origin = settings.proof_log_name or _origin(settings.public_url)

    def sign(size: int, root: bytes) -> str:
        return notes.sign(notes.Checkpoint(origin, size, root), name=origin, key=key)

    return Notary(
        origin=origin,
        key=notes.Verifier(origin, key.public_key()).text(),
        sign=sign,
        bind=bind,
        stamp=stamp,
        stamp_every=STAMP_EVERY,
        keys=keys,
        seen_by=_witnesses(settings.proof_log_witnesses),
    )


def _origin(public_url: str) -> str:
    parts = urlsplit(public_url)
    return f"{parts.netloc}{parts.path.rstrip('/')}/log"


def _witnesses(known: Sequence[str]) -> Callable[[str], Sequence[str]]:
    try:
        verifiers = [notes.read_verifier(each) for each in known]
    except signing_errors.Malformed as error:
        raise Misconfigured(f"a witness of the proof log: {error}") from None

    def seen_by(note: str) -> Sequence[str]:
        """The lines of witnesses that we know; a line of one whose signature does not hold is an error."""
        try:
            _, signatures = notes.split(note)
            names = {name for name, _ in signatures}
            mine = [each for each in verifiers if each.name in names]
            for each in mine:
                notes.verify_cosignature(note, each)
        except signing_errors.Malformed as error:
            raise errors.Malformed(str(error)) from None
        except signing_errors.SigningError as error:
            raise errors.BadSignature(str(error)) from None
        lines = note.rpartition("\n\n")[2].splitlines(keepends=True)
        return [line for line in lines if any(line.startswith(f"— {each.name} ") for each in mine)]

    return seen_by
