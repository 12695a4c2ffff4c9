"""Jobs: what runs behind, and putting a failed one down again."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from procrastinate.jobs import Status

from gateway.cli.command import Command, number, opened, say_json, with_json
from gateway.domain.errors import NotFound
from gateway.store import jobs


def _list(given: Namespace) -> int:
    with opened() as here, here.engine.connect() as connection:
        found = jobs.listed(connection, given.status)
    if given.json:
        say_json(
            {
                "jobs": [
                    {
                        "id": each.id,
                        "task": each.task,
                        "lock": each.lock,
                        "status": each.status,
                        "attempts": each.attempts,
                        "scheduled_at": None if each.scheduled_at is None else each.scheduled_at.isoformat(),
                    }
                    for each in found
                ]
            }
        )
        return 0
    for each in found:
        due = "now" if each.scheduled_at is None else each.scheduled_at.isoformat(timespec="seconds")
        print(f"{each.id}  {each.lock or each.task}  {each.status}  tries {each.attempts}  due {due}")
    return 0


def _list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--status", choices=[each.value for each in Status], help="only the jobs in this status"
    )
    with_json(parser)


def _rerun(given: Namespace) -> int:
    with opened() as here, here.engine.begin() as connection:
        if not jobs.rerun(connection, given.id):
            raise NotFound(f"no failed job has the id {given.id}")
    print(f"job {given.id} is put down again")
    return 0


def _rerun_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", type=number, help="the id that `jobs list` shows")


COMMANDS: Sequence[Command] = (
    Command(
        ("jobs", "list"),
        "the newest jobs, at most 100; those that ended well are gone",
        "jobs list --status failed",
        _list,
        _list_arguments,
    ),
    Command(
        ("jobs", "rerun"), "put a failed job down again, due now", "jobs rerun 4711", _rerun, _rerun_arguments
    ),
)
