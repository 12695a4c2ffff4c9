"""The book of cases (form 07), written to a file."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from gateway.cli.command import Command, day, opened
from gateway.cli.retention import viewing, with_viewing
from gateway.service import case_book

OWNER_ONLY = 0o600


def _book(given: Namespace) -> int:
    with opened() as here:
        paper = case_book.print_book(
            here.context, given.agency, given.from_on, given.to_on, viewing(given, "book")
        )
    given.out.touch(mode=OWNER_ONLY)  # it names every applicant
    given.out.write_bytes(paper.pdf)
    print(f"{given.out}: the cases that {given.agency} took in from {given.from_on} to {given.to_on}")
    return 0


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--agency", required=True, metavar="A", help="the agency's code, as H28")
    parser.add_argument(
        "--from", dest="from_on", required=True, type=day, metavar="D", help="the first day, YYYY-MM-DD"
    )
    parser.add_argument(
        "--to", dest="to_on", required=True, type=day, metavar="D", help="the last day, counted too"
    )
    parser.add_argument(
        "--out", required=True, type=Path, metavar="FILE", help="where to write it; a signed PDF"
    )
    with_viewing(parser)


COMMANDS: Sequence[Command] = (
    Command(
        ("book",),
        "the book of the cases that an agency took in (Mẫu 07), as a signed PDF with its data attached",
        "book --agency H28 --from 2026-11-01 --to 2026-11-30 --out so.pdf --by vanthu --reason báo-cáo",
        _book,
        _arguments,
    ),
)
