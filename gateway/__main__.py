"""The command line: `python -m gateway COMMAND`. Every command fails with one clear sentence and a non-zero exit."""

import argparse
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gateway import demo
from gateway.domain import case, delivery, machine, payment, refund
from gateway.domain.errors import GatewayError
from gateway.jobs import Pace, work
from gateway.store import jobs, migrate
from gateway.web.app import openapi_text
from gateway.wiring import house, make_app


def _serve(_: argparse.Namespace) -> int:
    opened = house()
    migrate.upgrade(opened.engine)
    settings = opened.settings
    os.environ["GATEWAY_DATABASE_URL"] = opened.database_url
    command = [
        str(Path(sys.executable).with_name("granian")),
        "--interface",
        "wsgi",
        "--factory",
        "--host",
        settings.listen_host,
        "--port",
        str(settings.listen_port),
        "--workers",
        str(settings.web_workers),
        "--blocking-threads",
        str(settings.web_threads),
        "--no-access-log",
        "gateway.wiring:wsgi",
    ]
    os.execv(command[0], command)  # noqa: S606 - our own server, from our own environment


def _work(_: argparse.Namespace) -> int:
    opened = house()
    settings = opened.settings
    pace = Pace(settings.post_poll_s, settings.heartbeat_s, settings.stalled_after_s)
    work(opened.database_url, opened.context, pace)
    return 0


def _migrate(_: argparse.Namespace) -> int:
    migrate.upgrade(house().engine)
    print(f"the database has schema {migrate.head()}")
    return 0


def _graph(_: argparse.Namespace) -> int:
    tables = {
        "case": machine.dot("case", case.TABLE),
        "payment": machine.dot("payment", payment.TABLE),
        "attempt": machine.dot("attempt", payment.ATTEMPT_TABLE),
        "refund": machine.dot("refund", refund.TABLE),
        "delivery": machine.dot("delivery", delivery.TABLE),
    }
    print("\n".join(tables.values()))
    return 0


def _openapi(_: argparse.Namespace) -> int:
    print(openapi_text(make_app(house())), end="")
    return 0


def _jobs(_: argparse.Namespace) -> int:
    with house().engine.connect() as connection:
        for job in jobs.listed(connection):
            print(job.id, job.task, job.status, job.attempts, job.scheduled_at or "now")
    return 0


def _demo(given: argparse.Namespace) -> int:
    def tell(step: str, ok: bool, detail: object) -> None:  # noqa: FBT001 - three facts of a step
        if given.json and step == "summary" and isinstance(detail, dict):
            print(json.dumps({"step": step, "ok": ok, **detail}, ensure_ascii=False), flush=True)
        elif given.json:
            print(json.dumps({"step": step, "ok": ok, "detail": detail}, ensure_ascii=False), flush=True)
        else:
            print(f"{'✓' if ok else '✗'} {step}: {detail}", flush=True)

    return demo.run(Path("var"), tell)


def _up(_: argparse.Namespace) -> int:
    with demo.running(Path("var")):
        print(f"Cổng 4 runs at {demo.GATEWAY} until Ctrl-C", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    return 0


COMMANDS: Mapping[str, tuple[Callable[[argparse.Namespace], int], str]] = {
    "up": (_up, "everything on this machine, with the sandbox world"),
    "demo": (_demo, "one citizen's case from submission to hand-over and a green daily close"),
    "serve": (_serve, "migrate, then serve the web"),
    "work": (_work, "run one worker"),
    "migrate": (_migrate, "bring the database to the schema of this code"),
    "graph": (_graph, "print the tables of states as Graphviz pictures"),
    "openapi": (_openapi, "print the OpenAPI document"),
    "jobs": (_jobs, "list the newest jobs"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="cong4", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_, help_) in COMMANDS.items():
        made = commands.add_parser(name, help=help_)
        if name == "demo":
            made.add_argument("--json", action="store_true", help="one JSON object a line")
    given = parser.parse_args(arguments)
    try:
        return COMMANDS[given.command][0](given)
    except GatewayError as error:
        print(f"cong4: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
