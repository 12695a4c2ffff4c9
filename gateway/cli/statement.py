"""Statements: a bank's file taken in, once, whatever how often it is given."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from gateway.cli.command import Command, agencies_of, opened, read_file, say_json, vnd, with_json
from gateway.service import finance

FILE_BYTES = 20_000_000


def _import(given: Namespace) -> int:
    data = read_file(given.file, FILE_BYTES)
    with opened() as here:
        agencies_of(here.context, given.account)
        done = finance.import_statement(
            here.context, data, account=given.account, profile=given.profile, dry_run=given.dry_run
        )
    if given.json:
        say_json(
            {
                "statement_id": done.statement_id,
                "lines": done.lines,
                "received_vnd": done.received_vnd,
                "dry_run": given.dry_run,
            }
        )
        return 0
    if given.dry_run:
        what = "would be taken in; nothing was kept"
    elif done.statement_id is None:
        what = "this file was imported before; nothing was changed"
    else:
        what = f"imported as {done.statement_id}"
    print(f"{done.lines} lines, {vnd(done.received_vnd)} in: {what}")
    return 0


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="the bank's file")
    parser.add_argument("--account", required=True, metavar="A", help="the account that it must be of")
    parser.add_argument("--profile", default="mt940", help="the format of the file (mt940)")
    parser.add_argument("--dry-run", action="store_true", help="read and check the file, keep nothing")
    with_json(parser)


COMMANDS: Sequence[Command] = (
    Command(
        ("statement", "import"),
        "take a bank statement in; lines that are known already are not taken twice",
        "statement import 2026-11-24.mt940 --account 0123456789 --dry-run",
        _import,
        _arguments,
    ),
)
