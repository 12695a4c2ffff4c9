"""`python -m sandbox --world FILE`: start the world, say so in one JSON line, stop on SIGTERM or SIGINT."""

import argparse
import json
import os
import signal
import sys
from pathlib import Path
from threading import Event
from types import FrameType

from sandbox.config import load_world
from sandbox.errors import SandboxError
from sandbox.world import World


def main(arguments: list[str] | None = None) -> int:
    """0 after a signal, 2 when the world file or a port is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox", description="Play the world outside the gateway."
    )
    parser.add_argument("--world", type=Path, required=True, metavar="FILE", help="the world file (JSON)")
    options = parser.parse_args(arguments)
    stop = Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    try:
        world = World(load_world(options.world))
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    world.start()
    print(json.dumps({"ready": True, "pid": os.getpid(), "urls": world.urls}), flush=True)
    stop.wait()
    world.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
