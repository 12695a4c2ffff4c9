"""Our own keys: which there are, a new one, the next one of a kind."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from gateway.cli.command import Command, read_settings
from gateway.domain.errors import Forbidden, ReferenceConflict
from gateway.wiring import now
from signing.certificates import CA_PURPOSE
from signing.keys import Kind
from signing.keystore import Keystore, StoredKey


def _keystore() -> Keystore:
    return Keystore.open(read_settings().var_dir / "keys")


def describe(key: StoredKey) -> str:
    """A line on a key for people: everything but the key."""
    age = (now() - key.created).days
    return f"{key.purpose} {key.generation:04d}  {key.kind}  {age} days old  kid {key.kid}"


def secrets_of(store: Keystore) -> list[str]:
    """The names of the symmetric keys."""
    return sorted(path.name.partition(".")[0] for path in store.folder.glob("*.secret"))


def _list(_: Namespace) -> int:
    store = _keystore()
    for key in store.all_keys():
        print(describe(key))
    for name in secrets_of(store):
        print(f"{name} 0001  symmetric")
    return 0


def _new(given: Namespace) -> int:
    store = _keystore()
    if store.all_keys(given.name):
        raise ReferenceConflict(
            f"there is a key for {given.name}: `key rotate {given.name}` makes the next one"
        )
    print(describe(store.ensure(given.name, Kind(given.kind), now=now())))
    return 0


def _new_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what the key is for: a letter, then a-z, 0-9 and -")
    parser.add_argument("--kind", required=True, choices=[each.value for each in Kind])


def _rotate(given: Namespace) -> int:
    if given.name == CA_PURPOSE:
        # a certificate keeps the authority that it was made under; under another one it would prove nothing
        raise Forbidden("the authority's key is not rotated: the certificates under it would fit no longer")
    print(describe(_keystore().rotate(given.name, now=now())))
    print(
        "the key before it stays published; the web and the workers use the new one when they are restarted"
    )
    return 0


def _rotate_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="what the key is for, as `key list` shows it")


COMMANDS: Sequence[Command] = (
    Command(("key", "list"), "our keys, their kinds and their ages; never a key", "key list", _list),
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
        "key rotate http",
        _rotate,
        _rotate_arguments,
    ),
)
