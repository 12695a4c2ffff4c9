"""What the written documents say of the code is true of it: commands, links, numbers, alarms, figures, decisions."""

import re
from argparse import ArgumentParser, _SubParsersAction
from itertools import groupby
from pathlib import Path

import pytest

from gateway.cli.main import COMMANDS, make_parser
from gateway.config import Settings
from gateway.jobs import RETRY_DELAYS_S
from gateway.service.documents import SCAN_DELAYS_S
from gateway.service.webhooks import GIVE_UP_AFTER, JITTER, LONGEST_RETRY_AFTER_S

WRITTEN = sorted([Path("README.md"), Path("CHANGELOG.md"), *Path("docs").rglob("*.md")])
RECORDS = sorted(Path("docs/adr").glob("[0-9]*.md"))
OPERATIONS = Path("docs/operations.md")
SQL = sorted(Path("migrations").rglob("*.sql"))
PYTHON = sorted(Path("gateway").rglob("*.py"))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _words(parser: ArgumentParser) -> set[tuple[str, ...]]:
    groups = [each for each in parser._actions if isinstance(each, _SubParsersAction)]
    found: set[tuple[str, ...]] = set()
    for name, below in (item for group in groups for item in group.choices.items()):
        found |= {(name, *more) for more in _words(below)} | {(name,)}
    return found


# --- commands and links -------------------------------------------------------------------------


@pytest.mark.parametrize("path", WRITTEN, ids=str)
def test_every_command_that_a_document_names_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", _text(Path("Makefile")), re.MULTILINE))
    asked = set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", _text(path), re.MULTILINE))
    assert set() == asked - targets
    known = _words(make_parser())
    nouns = {words[0] for words in known if len(words) > 1}
    for first, second in re.findall(r"python -m gateway ([a-z]+)(?: ([a-z]+))?", _text(path)):
        assert ((first, second) if first in nouns else (first,)) in known, f"{first} {second}"


def test_the_readme_names_every_command() -> None:
    named = set(
        re.findall(r"`([a-z]+(?: [a-z]+)?)`", _text(Path("README.md")).partition("## The command line")[2])
    )
    assert {" ".join(command.words) for command in COMMANDS} <= named


@pytest.mark.parametrize("path", WRITTEN, ids=str)
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", _text(path)):
        assert (path.parent / target.partition("#")[0]).is_file(), target


@pytest.mark.parametrize("path", WRITTEN, ids=str)
def test_every_file_of_the_tree_that_a_document_names_exists(path: Path) -> None:
    named = re.findall(
        r"`((?:docs|gateway|adapters|postal|signing|tests|migrations)/[\w./-]+\.\w+)`", _text(path)
    )
    assert [] == [each for each in named if not Path(each).exists()]


# --- decisions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_decision_has_its_parts_and_stands_in_the_index(path: Path) -> None:
    lines = _text(path).splitlines()
    assert re.fullmatch(rf"# {int(path.stem[:4])}\. .+", lines[0])
    assert re.fullmatch(r"Date: \d{4}-\d\d-\d\d\. Status: (accepted|replaced by \d{4})\.", lines[2])
    begins = [line.partition(" ")[0] for line in lines[4:] if line]
    assert ["**Context.**", "**Decision.**", "**Consequences.**"] == begins
    title = lines[0].partition(". ")[2]
    assert f"| [{path.stem[:4]}]({path.name}) | {title} | " in _text(Path("docs/adr/README.md"))


def test_the_decisions_are_counted_without_a_gap() -> None:
    assert list(range(1, len(RECORDS) + 1)) == [int(path.stem[:4]) for path in RECORDS]


# --- operations ---------------------------------------------------------------------------------


def _spoken(seconds: int) -> str:
    for size, unit in ((3600, "h"), (60, "min"), (1, "s")):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    raise AssertionError


def _schedule(delays_s: list[int]) -> str:
    return ", ".join(_spoken(each) for each in delays_s)


def test_the_published_schedules_are_those_of_the_code() -> None:
    settings, text = Settings.model_construct(), _text(OPERATIONS)
    runs = [(delay, len(list(same))) for delay, same in groupby(settings.query_delays_s)]
    *first, (last, many) = runs
    assert (3600, 1) == (last, many // 72)
    early = _schedule([delay for delay, _ in first])
    assert f"| {early}, then hourly, {many} times ({many // 24} days) |" in text
    assert f"| a webhook | {_schedule(settings.webhook_delays_s)}, each up to {JITTER:.0%} later |" in text
    assert f"| an order to the post | {_schedule(settings.order_delays_s)} |" in text
    *first, last = SCAN_DELAYS_S
    assert 3600 == last
    assert (
        f"| the virus scan of a document | {_schedule(first)}, then hourly until there is a verdict |" in text
    )
    assert f"| a job that failed by an error of ours | {_schedule(list(RETRY_DELAYS_S))} |" in text
    assert f"honoured up to {_spoken(LONGEST_RETRY_AFTER_S)}" in text
    assert f"{GIVE_UP_AFTER.days} days without a success" in text


def test_every_alarm_that_the_code_raises_is_explained_and_no_other() -> None:
    python = "".join(_text(path) for path in PYTHON if path != Path("gateway/store/alarms.py"))
    raised = re.findall(r'raise_alarm\(\s*\w+,\s*"(\w+)"', python)
    assert python.count("raise_alarm(") == len(raised), "an alarm's name is written where it is raised"
    inserts = [each for path in SQL for each in re.findall(r"INSERT INTO alarms[^;]*;", _text(path))]
    in_sql = [name for each in inserts for name in re.findall(r"(?:THEN|ELSE)\s+'(\w+)'", each)]
    assert len(inserts) <= len(in_sql)
    section = _text(OPERATIONS).partition("## Alarms\n")[2].partition("\n## ")[0]
    explained = re.findall(r"^\| `(\w+)` \| .+ \| .+ \|$", section, re.MULTILINE)
    assert sorted({*raised, *in_sql}) == sorted(explained)


def test_every_figure_is_named_and_no_other() -> None:
    made = set(re.findall(r'"(cong4_\w+)"', _text(Path("gateway/figures.py"))))
    section = _text(OPERATIONS).partition("## Figures\n")[2].partition("\n## ")[0]
    assert made == set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def test_the_limits_of_migrations_are_those_of_the_code() -> None:
    code = _text(Path("migrations/env.py"))
    lock, run = (re.search(rf'{name} = "(\d+)s"', code) for name in ("LOCK_TIMEOUT", "STATEMENT_TIMEOUT"))
    assert lock is not None
    assert run is not None
    assert f"wait long for a lock ({lock[1]} s) or run long ({run[1]} s)" in _text(OPERATIONS)
