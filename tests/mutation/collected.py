"""A pytest that hands over what it collected, and what one run of it without a fault shows."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

EXAMPLES = 25
ARGUMENTS = ("-p", "_hypothesis_pytestplugin", "-p", "pytest_socket")
"""The only plug-ins that these tests need; the environment keeps the others from being loaded."""


@dataclass(slots=True)
class Known:
    """What a run without a fault showed; `lines` by test and by file, and the files' lines that run at import."""

    lines: dict[str, dict[str, set[int]]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    at_import: dict[str, set[int]] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def tests_of(self, path: str, lines: range | None = None) -> list[str]:
        """The tests that ran one of the lines of a file (None: any line), quickest first."""
        found = [
            test
            for test, files in self.lines.items()
            if (ran := files.get(path)) and (lines is None or any(each in ran for each in lines))
        ]
        return sorted(found, key=self.seconds.__getitem__)

    def seconds_of(self, tests: Sequence[str]) -> float:
        return sum(self.seconds[each] for each in tests)


class Trace:
    """Notes which lines of the files are run."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._files: dict[str, set[int]] = {path: set() for path in paths}

    def start(self) -> None:
        sys.settrace(self._call)

    def taken(self) -> dict[str, set[int]]:
        """The lines since it was started or asked, by file; and an end to it."""
        sys.settrace(None)
        found = {path: set(lines) for path, lines in self._files.items() if lines}
        for lines in self._files.values():
            lines.clear()
        return found

    def _call(self, frame: FrameType, event: str, arg: object) -> Any:
        lines = self._files.get(frame.f_code.co_filename)
        if lines is None:
            return None

        def line(frame: FrameType, event: str, arg: object) -> Any:
            lines.add(frame.f_lineno)
            return line

        return line(frame, event, arg)


@dataclass(slots=True, eq=False)
class Plugin:
    """Gives the collected tests to `work`; `on_failure` gets the name of each test or file that fails."""

    work: Callable[[list[pytest.Item]], None]
    on_failure: Callable[[str], None]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        for item in session.items:
            _shorten(item)
        self.work(session.items)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.on_failure(report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.on_failure(report.nodeid)


def collect(files: Sequence[str], plugin: Plugin) -> int:
    return int(pytest.main([*ARGUMENTS, *files], plugins=[plugin]))


def run(items: Sequence[pytest.Item]) -> None:
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)


def shown(items: Sequence[pytest.Item], trace: Trace) -> Known:
    """One run of the tests without a fault."""
    known = Known()
    for item, following in zip(items, [*items[1:], None], strict=True):
        begun = time.perf_counter()
        trace.start()
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        known.lines[item.nodeid] = trace.taken()
        known.seconds[item.nodeid] = time.perf_counter() - begun
    return known


def _shorten(item: pytest.Item) -> None:
    """Fewer examples of a property than in the tests' own run, the same ones each time, and no smaller ones sought."""
    test: Any = getattr(item, "obj", None)
    functions: tuple[Any, ...] = (test, getattr(test, "__func__", None))
    for each in functions:
        own = getattr(each, "_hypothesis_internal_use_settings", None)
        if own is not None:
            each._hypothesis_internal_use_settings = settings(
                own,
                max_examples=min(own.max_examples, EXAMPLES),
                derandomize=True,
                database=None,
                deadline=None,
                phases=(Phase.explicit, Phase.generate),
                suppress_health_check=list(HealthCheck),
            )
