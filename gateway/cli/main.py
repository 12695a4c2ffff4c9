"""The command line put together: `main` reads the words, runs the command, and says in one sentence why it failed."""

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Mapping, Sequence
from typing import NoReturn

from gateway.cli import (
    book,
    books,
    check,
    desk,
    figures,
    job,
    key,
    outage,
    portal,
    procedures,
    process,
    proof,
    receipt,
    reference,
    refund,
    retention,
    simulate,
    statement,
    status,
    sync,
)
from gateway.cli.command import Command
from gateway.cli.failures import FAILURES, sentence

COMMANDS: Sequence[Command] = (
    *process.COMMANDS,
    *check.COMMANDS,
    *portal.COMMANDS,
    *procedures.COMMANDS,
    *key.COMMANDS,
    *refund.COMMANDS,
    *receipt.COMMANDS,
    *book.COMMANDS,
    *desk.COMMANDS,
    *statement.COMMANDS,
    *books.COMMANDS,
    *status.COMMANDS,
    *sync.COMMANDS,
    *outage.COMMANDS,
    *figures.COMMANDS,
    *job.COMMANDS,
    *proof.COMMANDS,
    *retention.COMMANDS,
    *simulate.COMMANDS,
    *reference.COMMANDS,
)

NOUNS: Mapping[str, str] = {
    "portal": "the portals that may call, and their keys",
    "procedures": "what can be asked for, and what it takes",
    "key": "our own keys",
    "refund": "money to be given back",
    "receipt": "receipts that were issued",
    "desk": "money taken over the desk",
    "breaks": "lines of the statement that nothing explains",
    "tries": "tries at providers that are unclear",
    "owed": "what is to be given back or still missing",
    "statement": "the bank's statements",
    "jobs": "what runs behind",
    "hold": "cases of which nothing is erased",
    "sync": "what the national portal is told of cases",
    "outage": "outages that stopped cases, certified",
    "alarms": "what a person has to look at",
}
"""The first word of the commands that have two."""

WRONG_USE = 2
INTERRUPTED = 130


class _Parser(ArgumentParser):
    """An argument parser that says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_USE, f"cong4: {message} (see: {self.prog} --help)\n")


def make_parser() -> ArgumentParser:
    """The whole command line; opens nothing."""
    parser = _Parser(
        prog="python -m gateway", description="Cổng 4: fees online, and the result brought home."
    )
    top = parser.add_subparsers(dest="noun", required=True, metavar="COMMAND")
    below = {
        noun: top.add_parser(noun, help=help_, description=help_).add_subparsers(
            dest="verb", required=True, metavar="WHAT"
        )
        for noun, help_ in NOUNS.items()
    }
    for command in COMMANDS:
        where = top if len(command.words) == 1 else below[command.words[0]]
        made = where.add_parser(
            command.words[-1],
            help=command.help,
            description=command.help,
            epilog=f"example:\n  python -m gateway {command.example}",
            formatter_class=RawDescriptionHelpFormatter,
        )
        command.arguments(made)
        made.set_defaults(command=command)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    given = make_parser().parse_args(arguments)
    try:
        return _run(given)
    except FAILURES as error:
        print(f"cong4: {sentence(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(given: Namespace) -> int:
    command = given.command
    assert isinstance(command, Command)
    return command.run(given)
