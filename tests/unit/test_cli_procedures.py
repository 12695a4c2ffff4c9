"""`procedures`: the catalogue listed, a file of the national catalogue taken in as a new version, and written."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from gateway import procedures
from gateway.cli.main import main


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in [name for name in os.environ if name.startswith("GATEWAY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GATEWAY_VAR_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("GATEWAY_PROCEDURES_DIR", str(tmp_path / "procedures"))
    return tmp_path / "procedures"


def exported(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, Any]]:
    assert 0 == main(["procedures", "export", *words])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def kept(tmp_path: Path, data: object) -> str:
    path = tmp_path / "national.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return str(path)


def test_the_fee_that_is_exported_is_the_one_of_the_day(capsys: pytest.CaptureFixture[str]) -> None:
    for on, expected in (("2026-12-31", 100_000), ("2027-01-01", 200_000)):
        (told,) = exported(capsys, "1.001456", "--on", on)
        online = next(each for each in told["CACHTHUCTHUCHIEN"] if each["KENH"] == 2)
        assert expected == online["THOIGIAN"][0]["PHILEPHI"][0]["SOTIEN"]


def test_a_dry_run_keeps_nothing_and_an_import_adds_a_version(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = exported(capsys, "3.000347")
    told[0]["CACHTHUCTHUCHIEN"][0]["THOIGIAN"][0]["THOIGIANGIAIQUYET"] = 4
    file = kept(tmp_path, {"error_code": "0", "result": told})
    assert 0 == main(["procedures", "import", file, "--on", "2027-01-01", "--dry-run"])
    assert "1 procedures would be kept; nothing was" in capsys.readouterr().out
    assert not folder.exists()
    assert 0 == main(["procedures", "import", file, "--on", "2027-01-01"])
    assert "3.000347  version 2 from 2027-01-01" in capsys.readouterr().out
    old, new = procedures.catalogue(folder).by_code["3.000347"]
    assert "2026-12-31" == str(old.period.to_on)
    assert (4, "2027-01-01") == (new.ways[0].term.count, str(new.period.from_on))


def test_a_version_that_begins_before_the_last_is_refused_and_nothing_is_kept(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = kept(tmp_path, exported(capsys, "3.000347"))
    assert 0 == main(["procedures", "import", file, "--on", "2027-01-01"])
    before = (folder / "3.000347.json").read_bytes()
    assert 0 != main(["procedures", "import", file, "--on", "2027-01-01"])
    assert "version 2 begins on 2027-01-01" in capsys.readouterr().err
    assert before == (folder / "3.000347.json").read_bytes()


def test_of_a_file_with_one_wrong_procedure_none_is_kept(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = [*exported(capsys, "3.000347"), {**exported(capsys, "1.001456")[0], "MucDo": "2"}]
    assert 0 != main(["procedures", "import", kept(tmp_path, told), "--on", "2027-01-01"])
    assert "level 2 has forms to download" in capsys.readouterr().err
    assert not folder.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"result": []}', "[1]", "[" * 100_000])
def test_what_is_no_catalogue_is_refused_in_a_sentence(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.json"
    path.write_text(text, encoding="utf-8")
    assert 0 != main(["procedures", "import", str(path), "--dry-run"])
    assert 1 == len(capsys.readouterr().err.splitlines())


def test_without_a_folder_nothing_can_be_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = kept(tmp_path, exported(capsys, "3.000347"))
    monkeypatch.delenv("GATEWAY_PROCEDURES_DIR")
    assert 0 != main(["procedures", "import", file])
    assert "GATEWAY_PROCEDURES_DIR" in capsys.readouterr().err
