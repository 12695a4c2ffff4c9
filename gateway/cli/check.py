"""Whether this installation can work: settings, keys, partners, database, one line each."""

import os
from argparse import Namespace
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import make_url

from gateway.cli.command import Command, opened, read_settings
from gateway.cli.failures import FAILURES, sentence
from gateway.cli.key import SYMMETRIC, describe
from gateway.cli.variables import OBJECT, variables
from gateway.config import Settings
from gateway.domain.errors import GatewayError, Misconfigured
from gateway.service.cases import VIETNAM
from gateway.store import cases, migrate
from gateway.wiring import House, now
from signing.errors import SigningError
from signing.keys import State
from signing.keystore import Keystore, StoredKey

PREFIX = "GATEWAY_"
OTHERS_MAY_READ = 0o077
SOON = timedelta(days=30)
"""How long before a key ends the next one should be there: an authority takes days to certify it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: whether it is as it must be, and what was found. `text` holds no secret."""

    ok: bool
    text: str


def _check(_: Namespace) -> int:
    good = True
    for each in findings(os.environ):
        print(f"{'✓' if each.ok else '✗'} {each.text}", flush=True)
        good = good and each.ok
    return 0 if good else 1


def findings(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Everything that is looked at, in order; ends early where the rest cannot be looked at."""
    yield from _foreign(environment)
    try:
        settings = read_settings()
    except GatewayError as error:
        yield Finding(ok=False, text=f"settings: {error}")
        return
    yield from _mode(settings)
    try:
        with opened() as here:
            yield from _keys(here.keystore)
            yield from _partners(here)
            yield from _database(here)
    except FAILURES as error:
        yield Finding(ok=False, text=f"opening: {sentence(error)}")


def _foreign(environment: Mapping[str, str]) -> Iterator[Finding]:
    """Variables that look like ours and are read by nobody: a slip of the pen would else go unseen."""
    known = variables()
    names = {each.name for each in known} | {f"{PREFIX}{each.group.upper()}" for each in known if each.group}
    objects = tuple(f"{each.name}__" for each in known if each.type == OBJECT)
    for name in sorted(environment):
        wide = name.upper()
        if wide.startswith(PREFIX) and wide not in names and not wide.startswith(objects):
            yield Finding(ok=False, text=f"settings: {name[:60]} is no setting")


def _mode(settings: Settings) -> Iterator[Finding]:
    safe = not settings.live or settings.public_url.startswith("https://")
    text = f"settings: {'live' if settings.live else 'test'} mode, reached at {settings.public_url}"
    yield Finding(ok=safe, text=text if safe else f"{text}, which is not https")


def _keys(store: Keystore) -> Iterator[Finding]:
    for purpose in store.purposes():
        try:
            keys = store.states(purpose, now=now())
        except SigningError as error:
            yield Finding(ok=False, text=f"key: {error}")
            continue
        for key, state in keys:
            yield Finding(ok=True, text=f"key: {describe(key)}  {state}")
        yield from _succession(purpose, keys)
    for name in store.secrets():
        yield Finding(ok=True, text=f"key: {name} 0001  {SYMMETRIC}")
    for path in sorted(store.folder.glob("*.pem")) + sorted(store.folder.glob("*.secret")):
        if path.stat().st_mode & OTHERS_MAY_READ:
            yield Finding(ok=False, text=f"key: others than its owner may read {path.name}")


def _succession(purpose: str, keys: Sequence[tuple[StoredKey, State]]) -> Iterator[Finding]:
    """Whether somebody signs for a purpose, and will go on to."""
    current = next((key for key, state in keys if state is State.CURRENT), None)
    if current is None:
        yield Finding(ok=False, text=f"key: none for {purpose} may sign now: `key rotate {purpose}`")
    elif current.term.until is not None and current.term.until - now() < SOON:
        ready = [key for key, state in keys if state is State.NEXT and key.term.since < current.term.until]
        if not ready:
            ends = current.term.until.astimezone(VIETNAM).date()
            text = f"key: the one for {purpose} ends on {ends} and none follows it: `key rotate {purpose}`"
            yield Finding(ok=False, text=text)


def _partners(here: House) -> Iterator[Finding]:
    agencies, operators = here.context.agencies, here.context.operators
    told = ", ".join(sorted(agencies)) or "none: GATEWAY_AGENCIES_FILE names nobody to collect for"
    yield Finding(ok=bool(agencies), text=f"agencies: {told}")
    providers = ", ".join(sorted(here.context.providers)) or "none: nothing can be paid"
    yield Finding(ok=bool(here.context.providers), text=f"providers: {providers}")
    yield Finding(ok=True, text=f"post: {', '.join(sorted(operators)) or 'none: nothing is mailed'}")
    for agency in agencies.values():
        if operators and agency.sender is None:
            yield Finding(ok=False, text=f"agency {agency.code}: no sender address for the post")


def _database(here: House) -> Iterator[Finding]:
    url = make_url(here.database_url)
    where = (
        "embedded" if here.settings.database_url is None else f"server {url.host}, database {url.database}"
    )
    try:
        with here.engine.connect() as connection:
            version = connection.exec_driver_sql("SHOW server_version").scalar_one()
            found = migrate.current(connection)
    except FAILURES as error:
        yield Finding(ok=False, text=f"database: {where}: {sentence(error)}")
        return
    yield Finding(ok=True, text=f"database: {where}, PostgreSQL {version}")
    head = migrate.head()
    text = f"schema: {found}" if found == head else f"schema: {found}, this code needs {head}: run `migrate`"
    yield Finding(ok=found == head, text=text)
    if found == head:
        yield from _followed(here)


def _followed(here: House) -> Iterator[Finding]:
    """A case follows its version for ever: a file that was taken away is missed by every page of the case."""
    with here.engine.connect() as connection:
        followed = cases.versions_followed(connection)
    for code, version in followed:
        try:
            here.context.catalogue.version(code, version)
        except Misconfigured as error:
            yield Finding(ok=False, text=f"procedures: {error}, and cases follow it")


COMMANDS: Sequence[Command] = (
    Command(
        ("check",),
        "settings, keys and their ages, partners, database: a line each, exit 1 when one is wrong",
        "check",
        _check,
    ),
)
