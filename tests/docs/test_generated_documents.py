"""The documents that are made from code are those that this code makes."""

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.cli import documents
from gateway.cli.variables import variables
from gateway.domain import case, delivery, hand_over, machine, payment, refund

DOCS = Path("docs")
NAMES = (
    "errors.md",
    "openapi.json",
    "settings.md",
    "states.md",
    "states/attempt.dot",
    "states/case.dot",
    "states/delivery.dot",
    "states/hand_over.dot",
    "states/payment.dot",
    "states/refund.dot",
)


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    # as a process of its own: the web application can be made once in a process
    command = [sys.executable, "-m", "gateway", "openapi"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return dict(documents.files(done.stdout))


def test_every_generated_file_has_its_test(made: dict[str, str]) -> None:
    assert sorted(NAMES) == sorted(made)


@pytest.mark.parametrize("name", NAMES)
def test_a_generated_file_is_as_the_code_makes_it(name: str, made: dict[str, str]) -> None:
    assert made[name] == (DOCS / name).read_text(encoding="utf-8"), "run `make docs`"


@pytest.mark.parametrize("name", ["flow", *(f"states/{noun.name}" for noun in documents.nouns())])
def test_a_picture_was_drawn_from_its_text_as_it_is_now(name: str) -> None:
    drawn_from = hashlib.sha256((DOCS / f"{name}.dot").read_bytes()).hexdigest()
    last = (DOCS / f"{name}.svg").read_text(encoding="utf-8").splitlines()[-1]
    assert f"<!-- drawn from {drawn_from} -->" == last, "run `make pictures`"


def test_the_command_writes_what_it_then_finds_unchanged(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway", "docs", "--folder", str(tmp_path)]
    told = []
    for more in ([], ["--check"], ["--check"]):
        done = subprocess.run([*command, *more], capture_output=True, text=True, check=False, timeout=60)
        told.append((done.returncode, done.stderr))
        (tmp_path / "settings.md").write_text("old" if more else (tmp_path / "settings.md").read_text())
    assert [
        (0, ""),
        (0, ""),
        (1, "cong4: not as the code makes them: settings.md; run `make docs`\n"),
    ] == told


def test_every_code_has_its_paragraph_and_no_paragraph_is_without_a_code() -> None:
    codes = {each.code for each in documents.known_problems()}
    assert codes == set(documents.paragraphs())


def test_every_paragraph_says_when_and_what_to_do_in_two_languages() -> None:
    vietnamese = re.compile(
        "[ăâđêôơưáàảãạấầẩẫậắằẳẵặéèẻẽẹếềểễệíìỉĩịóòỏõọốồổỗộớờởỡợúùủũụứừửữựýỳỷỹỵ]", re.IGNORECASE
    )
    for code, each in documents.paragraphs().items():
        for text in (each.when_vi, each.do_vi, each.when_en, each.do_en):
            assert text.endswith("."), code
        assert vietnamese.search(each.when_vi), code
        assert vietnamese.search(each.do_vi), code
        assert not vietnamese.search(each.when_en + each.do_en), code


def test_every_move_of_every_table_stands_in_the_document() -> None:
    tables = (case.TABLE, payment.TABLE, payment.ATTEMPT_TABLE, refund.TABLE, delivery.TABLE, hand_over.TABLE)
    for noun, table in zip(documents.nouns(), tables, strict=True):
        assert {(s.value, e.value, to.value) for (s, e), to in table.items()} == set(noun.moves.moves)
        section = documents.states_text().partition(f"## {noun.title}\n")[2].partition("\n## ")[0]
        for event, to in {(event, to) for _, event, to in noun.moves.moves}:
            row = next(line for line in section.splitlines() if line.startswith(f"| `{event}` |"))
            assert f"| `{to}` |" in row
        final = {line.split("`")[1] for line in section.splitlines() if line.endswith(" yes |")}
        assert {state.value for state in machine.terminal(table)} == final


def test_a_picture_tells_every_move_of_a_table() -> None:
    """The moves that share an arrow are those that a frame stands for, read back from the picture."""
    for noun in documents.nouns():
        text = documents.picture(noun.name, noun.moves)
        inside = set(re.findall(r"^    (\w+) -> any_of_these ", text, re.MULTILINE))
        found = set()
        for source, to, label in re.findall(r'^  (\w+) -> (\w+) \[label="(.+)"\];$', text, re.MULTILINE):
            sources = inside if source == "any_of_these" else {source}
            found |= {(each, event, to) for each in sources for event in label.split("\\n")}
        for to, label in re.findall(r'^    (\w+) \[label="\w+\\n← ([^"]+)"', text, re.MULTILINE):
            found |= {(each, event, to) for each in inside for event in label.split(", ")}
        given = set(noun.moves.moves)
        assert given <= found
        # from a state to itself, a frame tells one move more than the table may have
        assert {(source, to) for source, _, to in found - given if source != to} == set()


def test_every_setting_is_described_and_secrets_are_marked() -> None:
    assert [] == [each.name for each in variables() if not each.about.endswith(".")]
    secrets = {each.name for each in variables() if each.secret}
    assert {
        "GATEWAY_VNPAY__SECRET",
        "GATEWAY_DVCQG__SECRET",
        "GATEWAY_DVCQG__BEARER_TOKEN",
        "GATEWAY_DVCQG__INQUIRY_TOKEN",
        "GATEWAY_VNPOST_NGSP__CONSUMER_SECRET",
    } == secrets
