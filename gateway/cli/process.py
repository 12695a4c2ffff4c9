"""The processes: everything on this machine, the web, a worker, the migrations."""

import contextlib
import json
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from gateway import demo, local
from gateway.cli.command import Command, opened, read_settings, with_json
from gateway.domain.errors import Misconfigured
from gateway.jobs import Pace, work
from gateway.store import migrate
from gateway.wiring import house

VAR = Path("var")


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _up(_: Namespace) -> int:
    for number in (signal.SIGINT, signal.SIGTERM):  # also where a shell that put us behind had SIGINT ignored
        signal.signal(number, _stop)
    with contextlib.suppress(KeyboardInterrupt), local.running(VAR) as here:
        facts = demo.play(here, here.var / "demo", _tell, "invite")
        print(f"Cổng 4 runs at {local.GATEWAY} until Ctrl-C", flush=True)
        if facts is not None:
            print(f"A fee to pay as a citizen: {facts['pay_url']}", flush=True)
            print(f"Its case, to follow:       {facts['track_url']}", flush=True)
        signal.pause()
    return 0


def _tell(step: str, ok: bool, detail: object) -> None:  # noqa: FBT001 - three facts of a step
    if isinstance(detail, dict):
        print(f"{'✓' if ok else '✗'} {step}: case {detail['case_code']}, receipt {detail['receipt_number']}")
        for name, path in detail["files"].items():
            print(f"    {name}: {path}")
    else:
        print(f"{'✓' if ok else '✗'} {step}: {detail}", flush=True)


def _tell_json(step: str, ok: bool, detail: object) -> None:  # noqa: FBT001 - as above
    facts = detail if isinstance(detail, dict) else {"detail": detail}
    print(json.dumps({"step": step, "ok": ok, **facts}, ensure_ascii=False), flush=True)


def _demo(given: Namespace) -> int:
    return demo.run(VAR, _tell_json if given.json else _tell)


def _serve(_: Namespace) -> int:
    read_settings()
    here = house()
    migrate.upgrade(here.engine)
    settings = here.settings
    os.environ["GATEWAY_DATABASE_URL"] = here.database_url
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


def _work(_: Namespace) -> int:
    read_settings()
    here = house()
    with here.engine.connect() as connection:
        why_not = migrate.why_not_usable(connection)
    if why_not is not None:
        raise Misconfigured(f"the database does not fit ({why_not}): run `migrate`")
    settings = here.settings
    pace = Pace(settings.post_poll_s, settings.heartbeat_s, settings.stalled_after_s)
    work(here.database_url, here.context, pace)
    return 0


def _migrate(_: Namespace) -> int:
    with opened() as here:
        migrate.upgrade(here.engine)
    print(f"the database has schema {migrate.head()}")
    return 0


COMMANDS: Sequence[Command] = (
    Command(("up",), "everything on this machine, with the sandbox world", "up", _up),
    Command(
        ("demo",),
        "one citizen's case from submission to hand-over and a green daily close",
        "demo --json",
        _demo,
        with_json,
    ),
    Command(("serve",), "migrate, then serve the web", "serve", _serve),
    Command(("work",), "run one worker; as many as wanted may run", "work", _work),
    Command(("migrate",), "bring the database to the schema of this code", "migrate", _migrate),
)
