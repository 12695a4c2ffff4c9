"""What the national portal has not been told of yet, and what it refused."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from gateway.cli.command import Command, opened, say_json, with_json
from gateway.cli.refund import clerk
from gateway.service import portal_sync_ends
from gateway.service.cases import VIETNAM
from gateway.store import portal_sync as store
from gateway.wiring import now

MOST_SHOWN = 500


def _list(given: Namespace) -> int:
    with opened() as here, here.engine.connect() as connection:
        found = store.behind(connection, MOST_SHOWN)
    if given.json:
        shown = ("case_code", "state", "told_state", "sending", "failures", "code")
        rows = [
            {**{name: getattr(each, name) for name in shown}, "behind_since": each.behind_since.isoformat()}
            for each in found
        ]
        say_json({"cases": rows})
        return 0
    for each in found:
        since = each.behind_since.astimezone(VIETNAM).isoformat(timespec="minutes")
        parts = (each.case_code, each.state, f"told: {each.told_state}", f"since {since}", each.code or "")
        print("  ".join(parts).rstrip())
    if not found:
        print("the national portal has been told of everything")
    return 0


def _retry(given: Namespace) -> int:
    by = clerk(given)
    with opened() as here:
        portal_sync_ends.retry(here.context, given.case_code, by, now())
    print(f"{given.case_code}: told again")
    return 0


def _retry_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("case_code", metavar="CASE", help="the code of the case")
    parser.add_argument("--by", required=True, metavar="NAME", help="the account name of whoever says so")


COMMANDS: Sequence[Command] = (
    Command(
        ("sync", "list"),
        "cases that the national portal has not been told all of, or refused; the oldest first",
        "sync list --json",
        _list,
        with_json,
    ),
    Command(
        ("sync", "retry"),
        "what the national portal refused a case for was mended: go on telling it",
        "sync retry H28-261124-0001 --by lan",
        _retry,
        _retry_arguments,
    ),
)
