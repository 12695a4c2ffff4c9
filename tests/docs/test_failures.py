"""The page of other systems' failures names tests that exist, and every test that is named after a failure."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PAGE = Path("docs/failures.md")
IDS = [f"X{number:02}" for number in range(1, 41)]
ISSUES = {"receipts", "deliveries", "proof", "signatures", "exports", "statements"}
ROW = re.compile(r"^\| (X\d\d) \| (.+?) \| (.+) \|$", re.MULTILINE)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def _page() -> str:
    return PAGE.read_text(encoding="utf-8")


def _rows() -> Mapping[str, tuple[str, str]]:
    """Of each failure: what happened, and the cell that says how it is shown not to happen here."""
    found = ROW.findall(_page())
    assert IDS == [id_ for id_, _, _ in found], "each failure has one row, in their order"
    return {id_: (what, shown) for id_, what, shown in found}


def _functions(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def _named_after_a_failure() -> Iterator[tuple[str, str, str]]:
    """Each test with an id in its name, as often as it has one: id, file, name."""
    for file in sorted(Path("tests").rglob("test_*.py")):
        for name in _functions(file):
            for number in re.findall(r"_x(\d\d)(?=_|$)", name):
                yield f"X{number}", str(file), name


def test_every_test_that_the_page_names_exists() -> None:
    named = TEST.findall(_page())
    assert len(named) > len(IDS)
    assert [] == [(file, name) for file, name in named if name not in _functions(Path(file))]


def test_every_test_that_is_named_after_a_failure_stands_in_its_row() -> None:
    rows, named = _rows(), list(_named_after_a_failure())
    assert len(named) > len(IDS)
    assert [] == [(id_, name) for id_, file, name in named if f"`{file}::{name}`" not in rows[id_][1]]


@pytest.mark.parametrize("id_", IDS)
def test_a_failure_has_a_test_that_is_named_after_it_or_an_issue(id_: str) -> None:
    _, shown = _rows()[id_]
    issues = set(re.findall(r"issue: (\w+)", shown))
    assert issues <= ISSUES
    ours = [name for _, name in TEST.findall(shown) if f"_{id_.lower()}" in name]
    assert ours or issues


def test_every_worked_example_that_is_kept_stands_on_the_page() -> None:
    section = _page().partition("## Worked examples")[2]
    listed = dict(re.findall(r"^\| `(tests/[\w/.]+)` \| (.+) \|$", section, re.MULTILINE))
    kept = {
        str(file): ", ".join(name for name in json.loads(file.read_bytes()) if name != "rsa_test_key")
        for file in sorted(Path("tests/unit/adapters").glob("vectors*.json"))
    }
    assert kept == listed
