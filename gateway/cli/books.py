"""The day's books: lines matched with the money that providers took, and the day closed."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date

from gateway.cli.command import Command, agencies_of, day, opened, say_json, vnd, with_json
from gateway.domain.close import DayClose, Red
from gateway.domain.errors import Malformed
from gateway.domain.matching import Decision
from gateway.service import finance
from gateway.service.cases import VIETNAM
from gateway.store import finance as store
from gateway.store.closes import DayFigures
from gateway.wiring import House, now


@dataclass(frozen=True, slots=True)
class Told:
    """One decision as it is told: what the line was (money out: below 0), and the attempt that it pays, if any."""

    line_id: int
    value_on: str
    amount_vnd: int
    bank_ref: str
    kind: str
    reason: str
    attempt_id: str | None


def _reconcile(given: Namespace) -> int:
    with opened() as here:
        agencies = agencies_of(here.context, given.account)
        with here.engine.begin() as connection:
            lines = {line.id: line for line, _ in store.open_lines(connection, given.account).values()}
        made = finance.reconcile(here.context, given.account, now())
        # a line that another process added in between was decided on, and is not described
        told = [(each, lines[each.line_id]) for each in made if each.line_id in lines]
        if given.day is not None:
            told = [(each, line) for each, line in told if line.value_on == given.day]
        figures = None if given.day is None else _figures(here, given.account, given.day, agencies)
    decisions = [_told(decision, line) for decision, line in told]
    matched_vnd = sum(each.amount_vnd for each in decisions if each.kind == "matched")
    breaks_vnd = sum(each.amount_vnd for each in decisions if each.kind == "break")
    if given.json:
        more = {} if figures is None else {"day": {"day": given.day.isoformat(), **asdict(figures)}}
        sums = {"matched_vnd": matched_vnd, "breaks_vnd": breaks_vnd}
        say_json(
            {"account": given.account, "decisions": [asdict(each) for each in decisions], **sums, **more}
        )
        return 0
    for each in decisions:
        what = f"break: {each.reason}"
        if each.kind == "matched":
            what = f"matched {each.attempt_id or 'a refund'}"
        print(f"{each.value_on}  {vnd(each.amount_vnd)}  {each.bank_ref}  {what}")
    print(f"{len(decisions)} lines looked at: {vnd(matched_vnd)} matched, {vnd(breaks_vnd)} in breaks")
    if figures is not None:
        print(f"{given.day.isoformat()}: {_sums(asdict(figures))}")
    return 0


def _told(decision: Decision, line: store.Line) -> Told:
    return Told(
        line_id=decision.line_id,
        value_on=line.value_on.isoformat(),
        amount_vnd=line.amount_vnd,
        bank_ref=line.bank_ref,
        kind="break" if decision.event_id is None else "matched",
        reason=decision.reason.value,
        attempt_id=decision.attempt_id,
    )


def _figures(here: House, account: str, on: date, agencies: Sequence[str]) -> DayFigures:
    with here.engine.connect() as connection:
        return finance.figures(connection, on, account, agencies)


def _sums(of: Mapping[str, int]) -> str:
    return (
        f"expected {vnd(of['expected_vnd'])}, received {vnd(of['received_vnd'])}, booked {vnd(of['booked_vnd'])}, "
        f"open breaks {of['open_breaks']}, in transit {vnd(of['in_transit_vnd'])}"
    )


def _close(given: Namespace) -> int:
    if given.day > now().astimezone(VIETNAM).date():
        raise Malformed("this day has not begun")
    with opened() as here:
        closed = finance.close_day(here.context, given.day, given.account, now())
    facts = {
        "day": closed.day.isoformat(),
        "account": closed.account,
        "expected_vnd": closed.expected_vnd,
        "received_vnd": closed.received_vnd,
        "booked_vnd": closed.booked_vnd,
        "open_breaks": closed.open_breaks,
        "difference_vnd": closed.difference_vnd,
        "in_transit_vnd": closed.in_transit_vnd,
        "reasons": [each.value for each in closed.reasons],
        "green": closed.green,
    }
    if given.json:
        say_json(facts)
    else:
        print(f"{'✓' if closed.green else '✗'} {closed.day.isoformat()}: {_sums(asdict(closed))}")
    if not closed.green:
        print(f"cong4: {_red(closed)}", file=sys.stderr)
    return 0 if closed.green else 1


def _red(closed: DayClose) -> str:
    words = {
        Red.NO_STATEMENT: "no statement covers it",
        Red.SUMS_DIFFER: f"the sums differ by {vnd(closed.difference_vnd)}",
        Red.IN_TRANSIT: f"{vnd(closed.in_transit_vnd)} are in transit",
        Red.OPEN_BREAKS: f"{closed.open_breaks} breaks or awaited sums are open",
    }
    return f"the day is red: {', '.join(words[each] for each in closed.reasons)}"


def _reconcile_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--account", required=True, metavar="A", help="the account of an agency")
    parser.add_argument("--day", type=day, metavar="D", help="tell only this day's lines, and the day's sums")
    with_json(parser)


def _close_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--day", type=day, required=True, metavar="D", help="the day, YYYY-MM-DD, in Việt Nam"
    )
    parser.add_argument("--account", required=True, metavar="A", help="the account of an agency")
    with_json(parser)


COMMANDS: Sequence[Command] = (
    Command(
        ("reconcile",),
        "match every line of an account that was not looked at yet, and tell what each is",
        "reconcile --account 0123456789 --day 2026-11-24",
        _reconcile,
        _reconcile_arguments,
    ),
    Command(
        ("close",),
        "close a day on an account: exit 0 when it is green, 1 when it is red",
        "close --day 2026-11-24 --account 0123456789",
        _close,
        _close_arguments,
    ),
)
