"""Procedures: the catalogue that is in force, and files of the national catalogue read and written."""

import json
import os
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from gateway import national_catalogue, procedures
from gateway.cli.command import Command, day, read_file, read_settings, say_json, with_json
from gateway.domain.catalogue import Catalogue
from gateway.domain.errors import Malformed, Misconfigured
from gateway.domain.procedure import Procedure
from gateway.service.cases import VIETNAM
from gateway.wiring import now

FILE_BYTES = 20_000_000


def _today(given: date | None) -> date:
    moment: datetime = now()
    return given or moment.astimezone(VIETNAM).date()


def _list(given: Namespace) -> int:
    on = _today(given.on)
    found = procedures.catalogue(read_settings().procedures_dir).search(on, part=given.part or "")
    if given.json:
        say_json({"procedures": [procedures.told(each) for each in found]})
        return 0
    for each in found:
        print(f"{each.code}  level {each.level}  version {each.version}  {each.name_vi}")
    return 0


def _import(given: Namespace) -> int:
    """Each procedure of the file becomes the next version of its code, or its first."""
    on = _today(given.on)
    folder: Path | None = read_settings().procedures_dir
    if folder is None and not given.dry_run:
        raise Misconfigured("GATEWAY_PROCEDURES_DIR names no folder to keep procedures in")
    known = procedures.catalogue(folder)
    told = _told(read_file(given.file, FILE_BYTES))
    files = [_next(known, each, on) for each in told]
    wrong = [f"{code}: {fault}" for code, versions, _ in files for fault in procedures.faults(versions[-1])]
    for code, versions, notes in files:
        print(f"{code}  version {versions[-1].version} from {on.isoformat()}  {versions[-1].name_vi}")
        for note in notes:
            print(f"  look at it: {note}")
    if wrong:
        raise Malformed("; ".join(wrong))
    if not given.dry_run and folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for code, versions, _ in files:
            _replace(folder / f"{code}.json", procedures.written(versions))
    print(f"{len(files)} procedures {'would be kept; nothing was' if given.dry_run else 'kept'}")
    return 0


def _told(data: bytes) -> list[Any]:
    """The procedures of a file: one object, a list of them, or an answer of the portal with `result`."""
    try:
        told = json.loads(data)
    except (ValueError, RecursionError):
        raise Malformed("the file is not JSON") from None
    if isinstance(told, dict) and "result" in told:
        told = told["result"]
    found = told if isinstance(told, list) else [told]
    if not found:
        raise Malformed("the file holds no procedure")
    return found


def _next(known: Catalogue, told: Any, on: date) -> tuple[str, tuple[Procedure, ...], tuple[str, ...]]:
    first = national_catalogue.read(told, from_on=on)
    before = known.by_code.get(first.procedure.code, ())
    number = max((each.version for each in before), default=0) + 1
    imported = national_catalogue.read(told, from_on=on, version=number)
    return (
        imported.procedure.code,
        procedures.followed_by(before, imported.procedure),
        imported.notes,
    )


def _replace(path: Path, text: str) -> None:
    """Whole or not at all: a web process may read the folder at any moment."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    Path(name).replace(path)


def _export(given: Namespace) -> int:
    on = _today(given.on)
    found = procedures.catalogue(read_settings().procedures_dir)
    chosen = [found.now(given.code, on)] if given.code else found.search(on)
    print(json.dumps([national_catalogue.written(each, on) for each in chosen], ensure_ascii=False, indent=2))
    return 0


def _on(parser: ArgumentParser, what: str) -> None:
    parser.add_argument("--on", type=day, metavar="D", help=f"{what} (default: today)")


def _list_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("part", nargs="?", metavar="PART", help="a part of the code or name, marks or not")
    _on(parser, "those in force on this day")
    with_json(parser)


def _import_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="JSON of the national catalogue")
    _on(parser, "in force from this day")
    parser.add_argument("--dry-run", action="store_true", help="read and check the file, keep nothing")


def _export_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("code", nargs="?", metavar="CODE", help="one procedure (default: all)")
    _on(parser, "as in force on this day")


COMMANDS: Sequence[Command] = (
    Command(
        ("procedures", "list"),
        "the procedures in force, by level and version",
        "procedures list 1.001456 --on 2026-12-31",
        _list,
        _list_arguments,
    ),
    Command(
        ("procedures", "import"),
        "take procedures of the national catalogue in as new versions, and say what a person must look at",
        "procedures import 3.000347.json --on 2027-01-01 --dry-run",
        _import,
        _import_arguments,
    ),
    Command(
        ("procedures", "export"),
        "procedures in the national catalogue's shape",
        "procedures export 1.001456",
        _export,
        _export_arguments,
    ),
)
