"""What the tests say of each fault.

A fault in a function is put into the code of the functions that are there already, after all was imported and
collected once. A fault in what runs at import (a table, a default) needs the imports and the collection anew.
"""

import ast
import gc
import importlib
import importlib.abc
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from collected import Known, Plugin, Trace, collect, run, shown
from forks import Pool, forked
from imports import name_of, without
from mutants import Mutant, Owner, mutants

LONGEST_S = 20.0
Tell = Callable[[str, Mutant, str], None]
"""Gets the file, the fault, and what became of it: killed, hung, survived, or not run (by any test)."""


@dataclass(slots=True)
class Trial:
    """The faults of `paths` before the tests of `files`; `left`: those that need an import of their own."""

    paths: Sequence[str]
    files: Sequence[str]
    jobs: int
    tell: Tell
    known: Known = field(default_factory=Known)
    left: list[tuple[str, int]] = field(default_factory=list)

    # --- in functions ---------------------------------------------------------------------------

    def in_functions(self) -> None:
        """In a process of its own. What fails without a fault is in `known.failed`, and ends it."""
        trace = Trace(self.paths)
        failed: list[str] = []
        plugin = Plugin(
            work=lambda items: self._try_all(items, trace, failed, plugin), on_failure=failed.append
        )
        before = set(sys.modules)
        trace.start()
        ended = collect(self.files, plugin)
        self.known.failed = failed or ["the collection"] * bool(ended)
        self.known.modules = sorted(set(sys.modules) - before)

    def _try_all(self, items: list[pytest.Item], trace: Trace, failed: list[str], plugin: Plugin) -> None:
        at_import = trace.taken()

        def first() -> tuple[Known, list[str]]:
            return shown(items, trace), failed

        self.known, failed[:] = forked(first)
        self.known.at_import = at_import
        if failed:
            return
        plugin.on_failure = lambda _: os._exit(1)
        named = {item.nodeid: item for item in items}
        live = _functions(self.paths)
        gc.freeze()
        for path in self.paths:
            tried: dict[int, Mutant] = {}
            pool = Pool(self.jobs, partial(self._tell, path, tried))
            for mutant, tree in mutants(Path(path).read_text(encoding="utf-8")):
                tried[mutant.number] = mutant
                changed = live.get((path, mutant.owner), ()) if mutant.owner else ()
                if (
                    not mutant.owner
                    or not changed
                    or any(line in at_import.get(path, ()) for line in mutant.lines)
                ):
                    self.left.append((path, mutant.number))
                elif tests := self.known.tests_of(path, mutant.lines):
                    code = _code_of(tree, path, mutant.owner)
                    work = _Patched(changed, code, [named[each] for each in tests])
                    pool.start(mutant.number, work, LONGEST_S + 3 * self.known.seconds_of(tests))
                else:
                    self.tell(path, mutant, "not run")
            pool.finish()

    def _tell(self, path: str, tried: Mapping[int, Mutant], number: int, end: str) -> None:
        self.tell(path, tried[number], end)

    # --- at import ------------------------------------------------------------------------------

    def at_import(self) -> None:
        """In a process that has imported nothing of the tree."""
        for path in self.paths:
            for mutant, end in forked(partial(self._imported, path)):
                self.tell(path, mutant, end)

    def _imported(self, path: str) -> list[tuple[Mutant, str]]:
        for name in without(name_of(path), self.known.modules):
            try:
                importlib.import_module(name)
            except ImportError:
                continue  # it is there under this name only after another one
        gc.freeze()
        numbers = {number for of, number in self.left if of == path}
        tests = self._tests_of_module(path)
        tried: dict[int, Mutant] = {}
        ends: list[tuple[Mutant, str]] = []
        pool = Pool(self.jobs, lambda number, end: ends.append((tried[number], end)))
        for mutant, tree in mutants(Path(path).read_text(encoding="utf-8")):
            if mutant.number in numbers and tests:
                tried[mutant.number] = mutant
                work = _Imported(path, compile(tree, path, "exec"), tests, set(self.known.lines))
                pool.start(mutant.number, work, LONGEST_S + 3 * self.known.seconds_of(tests))
            elif mutant.number in numbers:
                ends.append((mutant, "not run"))
        pool.finish()
        return ends

    def _tests_of_module(self, path: str) -> list[str]:
        """Those that run a line of it, and those of the files that import it: a table is read without a line run."""
        package, _, name = name_of(path).rpartition(".")
        imports = re.compile(rf"^(from {package}\.{name} |from {package} import .*\b{name}\b)", re.MULTILINE)
        files = {test.partition("::")[0] for test in self.known.lines}
        importing = {file for file in files if imports.search(Path(file).read_text(encoding="utf-8"))}
        more = {test for test in self.known.lines if test.partition("::")[0] in importing}
        return sorted({*more, *self.known.tests_of(path)}, key=self.known.seconds.__getitem__)


# --- putting a fault in -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Patched:
    functions: Sequence[FunctionType]
    code: CodeType
    items: Sequence[pytest.Item]

    def __call__(self) -> None:
        for each in self.functions:
            each.__code__ = self.code
        run(self.items)


@dataclass(frozen=True, slots=True)
class _Imported:
    path: str
    code: CodeType
    tests: Sequence[str]
    known: set[str]

    def __call__(self) -> None:
        sys.meta_path.insert(0, _Finder(self.path, self.code))
        plugin = Plugin(work=self._run, on_failure=lambda _: os._exit(1))
        if collect(sorted({test.partition("::")[0] for test in self.tests}), plugin):
            os._exit(1)

    def _run(self, items: list[pytest.Item]) -> None:
        """The tests of the module; and those that have another name now, as it came from a table."""
        named = {item.nodeid: item for item in items}
        renamed = [item for name, item in named.items() if name not in self.known]
        run([*(named[each] for each in self.tests if each in named), *renamed])


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, path: str, code: CodeType) -> None:
        self._path, self._code = path, code

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if not self._path.endswith(f"/{fullname.replace('.', '/')}.py"):
            return None
        loader = _Loader(fullname, self._path)
        loader.code = self._code
        return importlib.util.spec_from_file_location(fullname, self._path, loader=loader)


class _Loader(SourceFileLoader):
    code: CodeType

    def get_code(self, fullname: str) -> CodeType:
        return self.code


def _functions(paths: Sequence[str]) -> Mapping[tuple[str, Owner], list[FunctionType]]:
    """The functions of the files that exist now, whoever holds or wraps them."""
    found: dict[tuple[str, Owner], list[FunctionType]] = {}
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename in paths:
            code = each.__code__
            found.setdefault((code.co_filename, Owner(code.co_qualname, code.co_firstlineno)), []).append(
                each
            )
    return found


def _code_of(tree: ast.Module, path: str, owner: Owner) -> CodeType:
    for code in _codes(compile(tree, path, "exec")):
        if (code.co_qualname, code.co_firstlineno) == (owner.name, owner.line):
            return code
    raise LookupError(f"{path} has no {owner.name} at line {owner.line}")


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)
