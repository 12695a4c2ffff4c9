"""How it stands: money whose fate is not known, jobs, webhooks, alarms."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from gateway.cli.command import Command, opened, say_json, vnd, with_json
from gateway.domain.errors import NotFound
from gateway.service.cases import VIETNAM
from gateway.store import alarms, jobs, payments, portal_sync, webhooks
from gateway.wiring import now


def _status(given: Namespace) -> int:
    with opened() as here, here.engine.connect() as connection:
        unknown = payments.unknown_money(connection)
        by_status = jobs.counts(connection)
        waiting = webhooks.undelivered(connection)
        lag = portal_sync.lag(connection)
        raised = len(alarms.open_alarms(connection))
    if given.json:
        say_json(
            {
                "unknown_money": [
                    {
                        "provider": name,
                        "attempts": many,
                        "amount_vnd": sum_vnd,
                        "oldest_at": oldest.isoformat(),
                    }
                    for name, many, sum_vnd, oldest in unknown
                ],
                "jobs": dict(by_status),
                "webhooks_undelivered": waiting,
                "portal_sync": {
                    "waiting": lag.waiting,
                    "refused": lag.refused,
                    "oldest_at": None if lag.oldest_at is None else lag.oldest_at.isoformat(),
                },
                "alarms_open": raised,
            }
        )
        return 0
    for name, many, sum_vnd, oldest in unknown:
        since = oldest.astimezone(VIETNAM).isoformat(timespec="minutes")
        print(f"unknown money at {name}: {many} tries, {vnd(sum_vnd)}, the oldest since {since}")
    if not unknown:
        print("unknown money: none")
    print("jobs: " + (", ".join(f"{count} {name}" for name, count in sorted(by_status.items())) or "none"))
    print(f"webhooks not delivered yet: {waiting}")
    print(f"cases the national portal is behind with: {_behind(lag)}")
    print(f"open alarms: {raised}")
    return 0


def _behind(lag: portal_sync.Lag) -> str:
    if lag.oldest_at is None:
        return "none"
    since = lag.oldest_at.astimezone(VIETNAM).isoformat(timespec="minutes")
    return f"{lag.waiting} waiting, {lag.refused} refused, the oldest since {since}"


def _alarms(given: Namespace) -> int:
    with opened() as here, here.engine.connect() as connection:
        found = alarms.open_alarms(connection)
    if given.json:
        say_json({"alarms": [{"name": name, "subject": of, "detail": detail} for name, of, detail in found]})
        return 0
    for name, subject, detail in found:
        print(f"{name}  {subject}  {detail}")
    if not found:
        print("no alarm is open")
    return 0


def _close(given: Namespace) -> int:
    with opened() as here, here.engine.begin() as connection:
        if not alarms.close(connection, given.name, given.subject, now()):
            raise NotFound("no such alarm is open")
    print(f"{given.name} {given.subject} is closed")
    return 0


def _close_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the alarm")
    parser.add_argument("subject", metavar="SUBJECT", help="what it was raised for")


COMMANDS: Sequence[Command] = (
    Command(
        ("status",),
        "unknown money, jobs by status, webhooks not delivered, the national portal's lag, open alarms",
        "status --json",
        _status,
        with_json,
    ),
    Command(
        ("alarms", "list"),
        "the open alarms, oldest first; docs/operations.md says what to do",
        "alarms list",
        _alarms,
        with_json,
    ),
    Command(
        ("alarms", "close"),
        "somebody has dealt with an alarm; when the thing happens again, so does the alarm",
        "alarms close wrong_amount vnpay:C4261124ABCDEFGH",
        _close,
        _close_arguments,
    ),
)
