"""The limit that a bench is held against: pgbench with the same statements, prepared, and no Python."""

import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from os import environ
from typing import Any

from psycopg import Connection, Cursor
from psycopg.types.json import Json, Jsonb
from psycopg_pool import ConnectionPool

from bench.ground import Ground
from gateway.store.engine import SEARCH_PATH

Pool = ConnectionPool[Connection[tuple[Any, ...]]]
_PLACE = re.compile(r"%\((\w+)\)s|%s")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as psycopg was given it."""

    sql: str
    parameters: Mapping[str, object] | Sequence[object]

    def named(self) -> Iterator[tuple[str, object]]:
        """What stands at each place in turn, with the name of the place; one without a name has an empty one."""
        position = 0
        for found in _PLACE.finditer(self.sql):
            if isinstance(self.parameters, Mapping):
                yield found[1], self.parameters[found[1]]
            else:
                yield "", self.parameters[position]
                position += 1


@contextmanager
def listening(url: str) -> Iterator[tuple[Pool, list[Statement]]]:
    """A pool as the gateway's, and what is asked over it."""
    heard: list[Statement] = []

    class Listener(Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> "Listener":
            heard.append(Statement(str(query), params or ()))
            super().execute(query, params, **options)
            return self

    settings = {"autocommit": True, "options": SEARCH_PATH, "cursor_factory": Listener}
    with ConnectionPool(url, min_size=1, max_size=1, kwargs=settings, open=True) as pool:
        yield pool, heard


@dataclass(slots=True)
class Script:
    """A script of pgbench, and its variables. `unique` gives what is another in each turn, by name or by value."""

    unique: Callable[[str, object], str | None]
    text: str = ""
    variables: dict[str, str] = field(default_factory=dict)

    def add(self, statement: Statement) -> None:
        """The statement with its values as parameters, of the types that psycopg gives them."""
        values = iter(list(statement.named()))
        self.text += _PLACE.sub(lambda _: self._place(*next(values)), statement.sql).strip() + ";\n"

    def _place(self, name: str, value: object) -> str:
        special = self.unique(name, value)
        if special is not None:
            return special
        if value is None:
            return "NULL"
        variable = f"v{len(self.variables)}"
        type_, write = _WRITTEN[type(value)]
        self.variables[variable] = write(value)
        return f":{variable}::{type_}"


_WRITTEN: Mapping[type, tuple[str, Callable[[Any], str]]] = {
    bool: ("boolean", str),
    int: ("bigint", str),
    str: ("text", str),
    bytes: ("bytea", lambda value: f"\\x{value.hex()}"),
    date: ("date", str),
    datetime: ("timestamptz", str),
    Jsonb: ("jsonb", lambda value: json.dumps(value.obj)),
    Json: ("json", lambda value: json.dumps(value.obj)),
    list: ("text[]", lambda value: "{" + ",".join(json.dumps(each) for each in value) + "}"),
}
"""PostgreSQL's type for one of Python, and its own writing of a value."""


def run(
    here: Ground, script: str, *, seconds: float, connections: int, variables: Mapping[str, str] | None = None
) -> float:
    """Turns of the script per second."""
    given = [f"--define={name}={value}" for name, value in (variables or {}).items()]
    with tempfile.NamedTemporaryFile("w", suffix=".sql", encoding="utf-8") as file:
        file.write(script)
        file.flush()
        done = subprocess.run(
            [
                str(here.server.bin_path / "pgbench"),
                *("--no-vacuum", "--protocol", "prepared", "--jobs", "2", "--file", file.name, *given),
                *("--client", str(connections), "--time", str(int(seconds)), here.url),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**environ, "PGOPTIONS": SEARCH_PATH},
        )
    if done.returncode != 0:
        raise SystemExit(f"pgbench failed: {done.stderr[-500:]}")
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    assert found is not None, done.stdout
    return float(found.group(1))
