"""What `docs/sandbox.md` says of settings, of a story's words and of a clock of one's own, held against the code."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from sandbox_virtual import Wire, whole_world

from sandbox.config import SERVERS, read_world

PAGE = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text("utf-8")
TELLERS = set(SERVERS) - {"post", "portal"}
NOT_YET = ('{"deliver": "ORDER"}',)
"""Nothing to do in a world that has only begun: 400, as the page says."""
DEBIT = json.dumps({"debit": {"account": "0123456789", "amount_vnd": 1, "memo": "m"}})


def blocks(language: str) -> list[str]:
    return [block.partition("```")[0] for block in PAGE.split(f"```{language}\n")[1:]]


def table(heading: str) -> list[list[str]]:
    lines = PAGE.split(heading)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def shown_world() -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(blocks("json")[1])
    return shown


def defaults() -> dict[str, str]:
    """What the table gives for every optional setting, by its full name."""
    found: dict[str, str] = {}
    for names, default, _ in table("| optional setting | default | what it is |"):
        server, each = "", default.split(", ")
        for place, name in enumerate(re.findall(r"`([^`]+)`", names)):
            server = name.partition(".")[0] if "." in name else server
            found[name if "." in name or not server else f"{server}.{name}"] = each[place % len(each)].strip(
                "`"
            )
    return found


def test_the_file_that_is_shown_has_every_server() -> None:
    settings = read_world(shown_world())
    assert [] == [name for name in SERVERS if getattr(settings, name) is None]


def test_the_page_lists_every_optional_setting_and_its_default() -> None:
    given = {
        f"{name}.{each.name}": each.default
        for name, kind in SERVERS.items()
        for each in dataclasses.fields(kind)
        if each.default is not dataclasses.MISSING
    }
    told = defaults()
    assert {*given, "seed", "dvcqg.return_url"} == set(told)
    assert {} == {name: told[name] for name in given if told[name] != printed(name, given[name])}


def printed(name: str, default: object) -> str:
    """How the page writes a default."""
    if name.endswith("callback_order"):
        return "as published"
    if isinstance(default, float):
        return f"{default:g}"
    if default is None or default == "":
        return "the first account" if name.endswith(".account") else "none"
    return str(default)


@pytest.mark.parametrize(("servers", "words"), [row[:2] for row in table("| server | object | effect |")])
def test_a_word_of_a_story_is_understood_by_whom_the_page_names(
    tmp_path: Path, servers: str, words: str
) -> None:
    values = whole_world(tmp_path)
    values["dvcqg"] |= {"inquiry_url": "http://gateway.test/inquiries/dvcqg", "inquiry_token": "token"}
    wire = Wire().build(values)
    named = TELLERS if servers.startswith("all") else {servers}
    wire.call("http://transfers.test/_control", "POST", data=DEBIT)  # so that there is a notice to repeat
    for word in re.findall(r"`(\{[^`]+\})`", words):
        understood = named | ({"bank"} if "debit" in word else set()) if word not in NOT_YET else set()
        answers = {
            name: wire.call(f"http://{name}.test/_control", "POST", data=word).status_code
            for name in wire.world.apps
        }
        assert dict.fromkeys(answers, 400) | dict.fromkeys(understood, 200) == answers


def test_the_example_of_a_clock_of_ones_own_does_what_it_shows() -> None:
    given: dict[str, Any] = {"values": {**virtual_world(), "state_dir": ":memory:"}}
    exec(next(block for block in blocks("python") if "World(" in block), given)
    assert (200, 1) == (given["answer"].status_code, given["sent"])
    assert ["http://127.0.0.1:8080/callbacks/sepay"] == [call.url for call in given["heard"]]


def virtual_world() -> dict[str, Any]:
    """The file that is shown, without what needs key files."""
    return {name: section for name, section in shown_world().items() if name not in {"vietinbank", "portal"}}
