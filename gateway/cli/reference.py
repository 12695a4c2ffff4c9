"""What this code says of itself: tables of states, the API, errors and settings; and the files made from that."""

import logging
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.cli import documents
from gateway.cli.command import Command
from gateway.cli.variables import settings_text
from gateway.config import Settings
from gateway.domain import case, delivery, hand_over, machine, payment, refund
from gateway.domain.errors import PreconditionFailed
from gateway.web.app import openapi_text
from gateway.wiring import House, make_app, open_house

NOWHERE = "postgresql:///none?host=/nonexistent"


@contextmanager
def _shell() -> Iterator[House]:
    """A house with nothing in it, whose engine never connects: enough to say what the application offers.

    Its pool tries to connect at once, in the background, to a socket that is not there; that is not worth a warning.
    """
    pool = logging.getLogger("psycopg.pool")
    level = pool.level
    pool.setLevel(logging.CRITICAL)
    with TemporaryDirectory() as folder:
        here = open_house(Settings.model_construct(var_dir=Path(folder)), NOWHERE)
        try:
            yield here
        finally:
            here.close()
            pool.setLevel(level)


def openapi() -> str:
    """The OpenAPI document; needs no database and no settings."""
    with _shell() as here:
        return openapi_text(make_app(here))


def _graph(_: Namespace) -> int:
    tables = (
        machine.dot("case", case.TABLE),
        machine.dot("payment", payment.TABLE),
        machine.dot("attempt", payment.ATTEMPT_TABLE),
        machine.dot("refund", refund.TABLE),
        machine.dot("delivery", delivery.TABLE),
        machine.dot("hand_over", hand_over.TABLE),
    )
    print("\n".join(tables))
    return 0


def _openapi(_: Namespace) -> int:
    print(openapi(), end="")
    return 0


def _settings(_: Namespace) -> int:
    print(settings_text(), end="")
    return 0


def _errors(_: Namespace) -> int:
    print(documents.errors_text(), end="")
    return 0


def _states(_: Namespace) -> int:
    print(documents.states_text(), end="")
    return 0


def _docs(given: Namespace) -> int:
    made = documents.files(openapi())
    if given.check:
        other = [name for name, text in made.items() if _read(given.folder / name) != text]
        if other:
            raise PreconditionFailed(f"not as the code makes them: {', '.join(other)}; run `make docs`")
        print(f"{len(made)} generated files are as the code makes them")
        return 0
    for name, text in made.items():
        path = given.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(made)} files written below {given.folder}")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def _docs_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, default=Path("docs"), help="where they are kept (docs)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when one differs")


COMMANDS: Sequence[Command] = (
    Command(("settings",), "print what can be set (docs/settings.md)", "settings", _settings),
    Command(("errors",), "print what each error means (docs/errors.md)", "errors", _errors),
    Command(("states",), "print the tables of states (docs/states.md)", "states", _states),
    Command(("graph",), "print the tables of states as Graphviz pictures", "graph > states.dot", _graph),
    Command(("openapi",), "print the OpenAPI document", "openapi > openapi.json", _openapi),
    Command(("docs",), "write the documents that are made from code", "docs --check", _docs, _docs_arguments),
)
