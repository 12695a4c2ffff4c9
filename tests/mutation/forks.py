"""Processes that start as a copy of this one, so that what was imported and collected is there already."""

import os
import pickle
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

MOST_BYTES = 4 << 30
T = TypeVar("T")


def forked(work: Callable[[], T]) -> T:
    """What `work` returns, done in a process of its own. Raises `RuntimeError` when that ended without a result."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(pickle.dumps(work()))
            pipe.flush()
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    if not told:
        raise RuntimeError("a process ended without a result")
    return cast("T", pickle.loads(told))


def hush() -> None:
    """Nothing that this process prints is seen."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for each in (0, 1, 2):
        os.dup2(nowhere, each)


@dataclass(slots=True)
class Pool:
    """Runs the tests of faults, `jobs` processes at a time. Whoever finds the fault ends its process with 1.

    `done` gets the fault's number and "killed", "hung" (its time was over: found as well) or "survived".
    """

    jobs: int
    done: Callable[[int, str], None]
    _running: dict[int, int] = field(default_factory=dict)

    def start(self, number: int, work: Callable[[], object], limit_s: float) -> None:
        while len(self._running) >= self.jobs:
            self._wait()
        child = os.fork()
        if child == 0:
            hush()
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, limit_s)
            resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
            code = 1
            try:
                work()
                code = 0
            finally:
                os._exit(code)
        self._running[child] = number

    def finish(self) -> None:
        while self._running:
            self._wait()

    def _wait(self) -> None:
        child, status = os.wait()
        number = self._running.pop(child)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM:
            self.done(number, "hung")
        else:
            self.done(number, "killed" if status else "survived")
