"""The processor time that processes have taken: what stays the same however busy the machine is with other things."""

import os
from collections.abc import Callable
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_PARENT, _SESSION, _USER, _SYSTEM = 1, 3, 11, 12
"""Places in `/proc/PID/stat` behind the name of the program (proc_pid_stat(5), counted from its state)."""


def of_session(session: int) -> float:
    """Seconds of every process of that session."""
    return _seconds(lambda _, fields: int(fields[_SESSION]) == session)


def of_server(postmaster: int) -> float:
    """Seconds of a PostgreSQL server: of its first process and of those that it started and that still run."""
    return _seconds(lambda pid, fields: postmaster in {pid, int(fields[_PARENT])})


def _seconds(counts: Callable[[int, list[str]], bool]) -> float:
    ticks = 0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if counts(int(entry.name), fields):
            ticks += int(fields[_USER]) + int(fields[_SYSTEM])
    return ticks * _TICK_S
