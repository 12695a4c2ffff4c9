"""What a command is, and what commands share: the installation opened when it is needed, days, accounts, output."""

import json
import logging
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pydantic import ValidationError
from pydantic_settings import SettingsError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from gateway.config import Settings
from gateway.domain.errors import Malformed, Misconfigured, NotFound
from gateway.domain.workdays import VIETNAM
from gateway.service.context import Context
from gateway.wiring import House, house

LARGEST_ID = 2**63 - 1
"""The last number that a BIGINT holds."""
MINUTE = "%Y-%m-%dT%H:%M"
FIRST_YEAR = 2000


def _nothing(_: ArgumentParser) -> None:
    """The arguments of a command that takes none."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its one or two words, a line of help, an example, what it asks for and what it does.

    `run` returns the exit code; errors of the tree, of the database and of files become one sentence in `main`.
    """

    words: tuple[str, ...]
    help: str
    example: str
    run: Callable[[Namespace], int]
    arguments: Callable[[ArgumentParser], None] = _nothing


def read_settings() -> Settings:
    """The settings of the environment. Raises `Misconfigured`, which names the variables and never a value."""
    try:
        settings = Settings()
    except ValidationError as error:
        raise Misconfigured("; ".join(wrong_settings(error))) from None
    except SettingsError as error:
        raise Misconfigured(f"a setting is not JSON: {str(error).partition(' from source')[0]}") from None
    if settings.log_level not in logging.getLevelNamesMapping():
        raise Misconfigured("GATEWAY_LOG_LEVEL is none of the levels DEBUG, INFO, WARNING, ERROR")
    if settings.database_url is not None and not _is_database(settings.database_url):
        raise Misconfigured("GATEWAY_DATABASE_URL is not a postgresql:// URL")
    return settings


def _is_database(url: str) -> bool:
    try:
        return make_url(url).drivername == "postgresql"
    except (ArgumentError, ValueError):
        return False


def wrong_settings(error: ValidationError) -> list[str]:
    """One phrase for each wrong variable, without the value that it has."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        f"GATEWAY_{'__'.join(str(part) for part in each['loc']).upper()}: {each['msg']}" for each in found
    ]


@contextmanager
def opened() -> Iterator[House]:
    """The installation, for one command, closed after it.

    The pool's own warnings are kept off the terminal: a server that is away is said once, by the command.
    """
    read_settings()
    logging.getLogger("psycopg.pool").setLevel(logging.CRITICAL)
    here = house()
    try:
        yield here
    finally:
        here.close()
        house.cache_clear()


def agencies_of(context: Context, account: str) -> Sequence[str]:
    """The codes of the agencies that collect on `account`. Raises `NotFound`."""
    found = [each.code for each in context.agencies.values() if each.account == account]
    if not found:
        raise NotFound(f"no agency of GATEWAY_AGENCIES_FILE has the account {account[:40]}")
    return found


def read_file(path: Path, most_bytes: int) -> bytes:
    """The content of a file that a person named. Raises `OSError`, and `Malformed` when it is larger."""
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise Malformed(f"{path} is larger than {most_bytes} bytes")
    return content


def day(text: str) -> date:
    """An argument that is a day, written in the one way that is asked for."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text:
        raise ArgumentTypeError("a day is written YYYY-MM-DD")
    return found


def moment(text: str) -> datetime:
    """An argument that is a minute in Việt Nam, written in the one way that is asked for."""
    try:
        found = datetime.strptime(text, MINUTE).replace(tzinfo=VIETNAM)
    except ValueError:
        found = None
    if found is None or f"{found:{MINUTE}}" != text or found.year < FIRST_YEAR:
        raise ArgumentTypeError("a time is written YYYY-MM-DDTHH:MM, and is Việt Nam's")
    return found


def number(text: str) -> int:
    """An argument that is the number of a row."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:20]) <= LARGEST_ID:
        raise ArgumentTypeError("this is a whole number above zero")
    return int(text)


def with_json(parser: ArgumentParser) -> None:
    """The argument of a command whose output programs read too."""
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines for people")


def say_json(facts: Mapping[str, object]) -> None:
    print(json.dumps(facts, ensure_ascii=False))


def vnd(amount: int) -> str:
    """A sum for people: thousands apart."""
    return f"{amount:,} VND"
