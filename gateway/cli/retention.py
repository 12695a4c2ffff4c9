"""How long people are known: holds, what waits to be forgotten, and who looked at personal data."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict

from gateway.cli.command import Command, opened, say_json, with_json
from gateway.cli.refund import clerk, reason
from gateway.service import accesses, holds, retention
from gateway.service.accesses import Viewing
from gateway.service.cases import VIETNAM
from gateway.service.show import moment
from gateway.store import retention as store
from gateway.wiring import now

MOST_SHOWN = 500


def viewing(given: Namespace, what: str) -> Viewing:
    """A look at personal data, as the arguments `--by` and `--reason` tell of it. Raises `Malformed`."""
    return Viewing(by=clerk(given), what=what, reason=reason(given), at=now())


def with_viewing(parser: ArgumentParser) -> None:
    """The arguments of a command that shows personal data: who looks, and why."""
    parser.add_argument("--by", required=True, metavar="NAME", help="the account name of whoever looks")
    parser.add_argument(
        "--reason", required=True, metavar="TEXT", help="why it is looked at; it is kept, and names nobody"
    )


def _set(given: Namespace) -> int:
    hold = store.Hold(given.case_code, reason(given), clerk(given), now())
    with opened() as here:
        holds.set_hold(here.context, hold)
    print(f"{given.case_code}: held")
    return 0


def _clear(given: Namespace) -> int:
    by, why = clerk(given), reason(given)
    with opened() as here:
        holds.clear_hold(here.context, given.case_code, by=by, reason=why, now=now())
    print(f"{given.case_code}: held no longer")
    return 0


def _list(given: Namespace) -> int:
    with opened() as here, here.engine.connect() as connection:
        found = store.held(connection, MOST_SHOWN)
    if given.json:
        say_json({"holds": [{**asdict(each), "created_at": moment(each.created_at)} for each in found]})
        return 0
    for each in found:
        on = each.created_at.astimezone(VIETNAM)
        print(f"{each.case_code}  since {on:%Y-%m-%d}  {each.set_by}  {each.reason}")
    if not found:
        print("nothing is held")
    return 0


def _retention(given: Namespace) -> int:
    with opened() as here:
        done = retention.forget_due(here.context, now()) if given.run else None
        kept = retention.kept(here.context, now(), MOST_SHOWN)
    if given.json:
        told = None if done is None else asdict(done)
        say_json({"done": told, "kept": {code: [each.value for each in why] for code, why in kept.items()}})
        return 0
    if done is not None:
        print(
            f"{done.people} cases forgotten, {done.accounts} accounts of cases, {done.statements} statements, "
            f"{done.messages} messages; {done.files} files removed"
        )
    for code, why in kept.items():
        print(f"{code}  kept: {', '.join(each.value for each in why)}")
    if not kept:
        print("no case is kept beyond its time")
    return 0


def _retention_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--run", action="store_true", help="do the day's run now, and then tell")
    with_json(parser)


def _accesses(given: Namespace) -> int:
    with opened() as here:
        found = accesses.of_case(here.context, given.case_code)
    if given.json:
        say_json({"accesses": [{**asdict(each), "at": moment(each.at)} for each in found]})
        return 0
    for each in found:
        print(f"{each.at.astimezone(VIETNAM):%Y-%m-%d %H:%M}  {each.by}  {each.what}  {each.reason}")
    if not found:
        print("nobody of the staff looked at it")
    return 0


def _case(parser: ArgumentParser) -> None:
    parser.add_argument("case_code", metavar="CASE", help="the code of the case")


def _accesses_arguments(parser: ArgumentParser) -> None:
    _case(parser)
    with_json(parser)


def _hold_arguments(parser: ArgumentParser) -> None:
    _case(parser)
    parser.add_argument("--by", required=True, metavar="NAME", help="the account name of whoever says so")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why; it is kept, and names nobody")


COMMANDS: Sequence[Command] = (
    Command(
        ("hold", "set"),
        "nothing of a case is erased, whatever the rule on retention says",
        "hold set H28-261124-0001 --by phaply --reason khiếu-nại-12/2026",
        _set,
        _hold_arguments,
    ),
    Command(
        ("hold", "clear"),
        "the rule on retention counts again",
        "hold clear H28-261124-0001 --by phaply --reason xong",
        _clear,
        _hold_arguments,
    ),
    Command(("hold", "list"), "the holds that stand, oldest first", "hold list --json", _list, with_json),
    Command(
        ("retention",),
        "cases that are kept beyond their time, and why; with --run the day's erasure is done now",
        "retention --run --json",
        _retention,
        _retention_arguments,
    ),
    Command(
        ("accesses",),
        "who of the staff looked at the personal data of a case, when and why",
        "accesses H28-261124-0001 --json",
        _accesses,
        _accesses_arguments,
    ),
)
