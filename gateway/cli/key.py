"""Our own keys: which there are, a new one, the next one of a kind, and one that is believed no longer."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time

from gateway.cli.command import Command, number, read_settings, say_json, with_json
from gateway.domain.errors import Forbidden, NotFound, ReferenceConflict
from gateway.notary import LOG
from gateway.service.cases import VIETNAM
from gateway.wiring import now
from signing.certificates import CA_PURPOSE, certify_next
from signing.keys import Kind, State
from signing.keystore import NEVER, US, Keystore, StoredKey

COLUMNS = ("purpose", "generation", "kid", "kind", "owner", "state", "since", "until")
SYMMETRIC = "symmetric"


def _keystore() -> Keystore:
    return Keystore.open(read_settings().var_dir / "keys")


def describe(key: StoredKey) -> str:
    """A line on a key for people: everything but the key."""
    age = (now() - key.created).days
    return f"{key.purpose} {key.generation:04d}  {key.kind}  {age} days old  kid {key.kid}"


def _time(at: datetime | None) -> str | None:
    """A moment of a key's life as it is read here; None where there is none, or where it is not known yet."""
    return None if at is None or at == NEVER else at.astimezone(VIETNAM).isoformat(timespec="seconds")


def rows(store: Keystore) -> Iterator[Mapping[str, str | int | None]]:
    """Every key with its state now, by purpose and generation; then the symmetric keys, which have no rotation."""
    at = now()
    for purpose in store.purposes():
        keys = store.states(purpose, now=at)
        for key, state in keys:
            later = [each.term.since for each, _ in keys if each.term.since > key.term.since]
            ends = [each for each in (key.term.until, key.term.revoked_at, *later) if each is not None]
            yield {
                "purpose": purpose,
                "generation": key.generation,
                "kid": key.kid,
                "kind": key.kind.value,
                "owner": key.owner,
                "state": state.value,
                "since": _time(key.term.since),
                "until": _time(min(ends, default=None)),
            }
    for purpose in store.secrets():
        told = {"kind": SYMMETRIC, "owner": US, "state": State.CURRENT.value, "since": None, "until": None}
        yield {"purpose": purpose, "generation": 1, "kid": None, **told}


def _list(given: Namespace) -> int:
    found = list(rows(_keystore()))
    if given.json:
        say_json({"keys": found})
        return 0
    lines = [COLUMNS, *(tuple(str(each[name] or "-") for name in COLUMNS) for each in found)]
    widths = [max(len(line[place]) for line in lines) for place in range(len(COLUMNS))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    return 0


def _new(given: Namespace) -> int:
    store = _keystore()
    if store.all_keys(given.name):
        raise ReferenceConflict(
            f"there is a key for {given.name}: `key rotate {given.name}` makes the next one"
        )
    print(describe(store.ensure(given.name, Kind(given.kind), now=now(), owner=given.owner)))
    return 0


def _new_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what the key is for: a letter, then a-z, 0-9 and -")
    parser.add_argument("--kind", required=True, choices=[each.value for each in Kind])
    parser.add_argument("--owner", default=US, help=f"who answers for the key; {US} by default")


def _rotate(given: Namespace) -> int:
    if given.name == CA_PURPOSE:
        # a certificate keeps the authority that it was made under; under another one it would prove nothing
        raise Forbidden("the authority's key is not rotated: the certificates under it would fit no longer")
    if given.name == LOG:
        # a reader holds the one key that he was given against every checkpoint, for as long as there is the log
        raise Forbidden("the log's key is not rotated: every proof that was given out is checked with it")
    store, at = _keystore(), now()
    made = store.rotate(given.name, now=at, since=given.since, until=given.until)
    print(describe(made))
    _say_begin(store, made)
    return 0


def _say_begin(store: Keystore, made: StoredKey) -> None:
    """When a key that was just made begins, or what it waits for."""
    certify_next(store, made, now=now())
    begin = _time(store.by_kid(made.kid).term.since)
    if begin is None:
        print(
            f"it signs when its certificate, and those above it, are put into {store.folder / made.file('crt')}"
        )
    else:
        print(f"it is published now and signs from {begin}; the key before it stays published")


def _moment(text: str) -> datetime:
    """An argument that is a moment: with its offset, or a day, which begins at midnight in Việt Nam."""
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            found = datetime.combine(date.fromisoformat(text), time(), VIETNAM)
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ArgumentTypeError(
            "a moment is written YYYY-MM-DDTHH:MM+07:00, or as a day YYYY-MM-DD"
        ) from None


def _rotate_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what the key is for, as `key list` shows it")
    parser.add_argument(
        "--from",
        dest="since",
        type=_moment,
        metavar="MOMENT",
        help="when it begins to sign; it is published before; five minutes from now by default",
    )
    parser.add_argument("--until", type=_moment, metavar="MOMENT", help="when it ends; never by default")


def _revoke(given: Namespace) -> int:
    if given.name == CA_PURPOSE:
        raise Forbidden("the authority's key is not revoked: every certificate under it would have to go too")
    store, at = _keystore(), now()
    found = [key for key in store.all_keys(given.name) if key.generation == given.generation]
    if not found:
        raise NotFound(f"there is no key {given.generation} for {given.name}")
    gone, made = store.revoke(found[0].kid, now=at)
    print(f"{gone.purpose} {gone.generation:04d} is revoked from {_time(gone.term.revoked_at)}")
    if made is not None:
        print(describe(made))
        _say_begin(store, made)
    return 0


def _revoke_arguments(parser: ArgumentParser) -> None:
    # not by its kid: one in sixty-four begins with a dash, and would be taken for an option
    parser.add_argument("name", metavar="NAME", help="what the key is for, as `key list` shows it")
    parser.add_argument("generation", metavar="NUMBER", type=number, help="which of its keys: 1 is the first")


COMMANDS: Sequence[Command] = (
    Command(
        ("key", "list"),
        "our keys, whose they are, and from when to when they sign; never a key",
        "key list",
        _list,
        with_json,
    ),
    Command(
        ("key", "new"),
        "make the first key for a purpose",
        "key new http --kind ed25519",
        _new,
        _new_arguments,
    ),
    Command(
        ("key", "rotate"),
        "make the next key for a purpose; what the one before has signed still holds",
        "key rotate http --from 2026-12-01T08:00+07:00",
        _rotate,
        _rotate_arguments,
    ),
    Command(
        ("key", "revoke"),
        "publish a key no longer; if it signs now, another one takes its place",
        "key revoke http 1",
        _revoke,
        _revoke_arguments,
    ),
)
