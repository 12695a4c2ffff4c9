"""The figures of a month: how cases went, by agency and field."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from typing import Any

from gateway.cli.command import Command, opened, say_json
from gateway.service import case_figures, figures_shown
from gateway.wiring import now


def _figures(given: Namespace) -> int:
    asked = case_figures.Asked(case_figures.month(given.month), given.agency, given.field)
    with opened() as here:
        found = figures_shown.shown(here.context, case_figures.of_month(here.context, asked, now()))
    if given.json:
        say_json(found)
    elif given.csv:
        sys.stdout.writelines(figures_shown.as_csv(found))
    else:
        _say(found)
    return 0


def _say(found: dict[str, Any]) -> None:
    print(f"{found['month']}, as of {found['as_of']}")
    total = {"agency_code": "all", "field": "", **found["total"]}
    for row in (*found["groups"], total):
        print(f"\n{row['agency_code']}  {row['field']}".rstrip())
        for name in figures_shown.COUNTS:
            if row[name]:
                print(f"  {name}  {row[name]}")
        for name in figures_shown.SHARES:
            share = row[name]
            if share["whole"]:
                print(
                    f"  {name}  {share['part']} of {share['whole']}  {share['percent']} %  {share['grade']}"
                )


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--month", required=True, metavar="M", help="YYYY-MM")
    parser.add_argument("--agency", metavar="A", help="the agency's code; those under it too (default: all)")
    parser.add_argument("--field", metavar="F", help="the field's name or code (default: all)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="one JSON object, with the formula of each figure")
    how.add_argument("--csv", action="store_true", help="a line for each agency and field, and one for all")


COMMANDS: Sequence[Command] = (
    Command(
        ("figures",),
        "how the cases of a month went: in time, late, online, paid online (Index 766)",
        "figures --month 2026-11 --agency H28 --csv",
        _figures,
        _arguments,
    ),
)
