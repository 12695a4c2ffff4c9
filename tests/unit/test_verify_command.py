"""`verify`: containers and receipts as they lie in a folder, one line each, whatever their number."""

import json
import tracemalloc
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.cli.main import main
from signing.pdf import PdfSigner
from signing.signer import KeySigner
from tests.unit.signing.container_parts import AT, OTHER_ROOT, ROOT, SIGNER, SIGNER_KEY, Parts, log_key
from tests.unit.signing.hostile_containers import HOSTILE
from tests.unit.signing.pki_world import printed

WHOLE = Parts().packed()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "root.pem").write_bytes(ROOT.public_bytes(Encoding.PEM))
    (tmp_path / "other.pem").write_bytes(OTHER_ROOT.public_bytes(Encoding.PEM))
    (tmp_path / "log.key").write_text(f"{log_key()}\n", encoding="utf-8")
    (tmp_path / "good.asice").write_bytes(WHOLE)
    (tmp_path / "foreign.asice").write_bytes(HOSTILE["the log of another"][0])
    (tmp_path / "cut.asice").write_bytes(WHOLE[:-1])
    return tmp_path


def signed_paper(number: int) -> bytes:
    signer = PdfSigner(KeySigner(SIGNER_KEY, SIGNER, (ROOT,)))
    return signer.sign(printed(f"Biên lai {number}"), reason="Phát hành", location="Việt Nam", at=AT).pdf


def told(capsys: pytest.CaptureFixture[str], code: int, *arguments: object) -> list[str]:
    assert code == main(["verify", *map(str, arguments)])
    return capsys.readouterr().out.splitlines()


def test_each_file_has_its_line_and_one_that_does_not_hold_is_enough(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = ("--log-key", folder / "log.key", "--root", folder / "root.pem")
    names = ("good", "foreign", "cut", "none")
    lines = told(capsys, 1, *(folder / f"{name}.asice" for name in names), *known)
    assert [True, False, False, False] == [line.startswith("✓ ") for line in lines]
    for name, line in zip(names, lines, strict=True):
        assert line[2:].startswith(f"{folder / name}.asice: ")
    assert "The container is of another log (log.example/log, " in lines[1]
    assert "The directory of the container" in lines[2]
    assert "cannot be read" in lines[3]
    assert 2 == len(told(capsys, 0, folder / "good.asice", folder / "good.asice", *known))


def test_lines_of_json_are_one_object_for_each_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [folder / "good.asice", folder / "cut.asice"]
    said = [json.loads(line) for line in told(capsys, 1, *files, "--json", "--key", log_key())]
    assert [str(each) for each in files] == [each["file"] for each in said]
    assert [True, False] == [each["ok"] for each in said]
    assert (8, ["f1"]) == (said[0]["events"], said[0]["papers"])
    assert "sentence" not in said[1]


def test_a_signed_receipt_is_checked_beside_containers(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.proof.now", lambda: AT)
    whole = signed_paper(1)
    middle = whole.index(b"/ByteRange") - 400
    papers = {
        "whole": whole,
        "changed": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "extended": whole + b"\n% one line more\n",
        "unsigned": printed("Biên lai"),
        "garbage": b"%PDF-1.7 and nothing more",
    }
    for name, data in papers.items():
        (folder / f"{name}.pdf").write_bytes(data)
    paths = [folder / f"{name}.pdf" for name in papers]
    lines = told(capsys, 1, *paths, "--root", folder / "root.pem")
    assert [True, False, False, False, False] == [line.startswith("✓ ") for line in lines]
    assert "The PDF is as it was when Cổng 4 signed it" in lines[0]
    for asked in ((), ("--root", folder / "other.pem")):
        (line, _) = told(capsys, 1, paths[0], paths[0], *asked)
        assert "nobody vouches for its signer Cổng 4" in line


def test_memory_does_not_grow_with_the_number_of_files(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    big = Parts()
    big.papers["README.txt"] = b"x" * 2_000_000
    (folder / "big.asice").write_bytes(big.packed())

    def peak(many: int) -> int:
        tracemalloc.start()
        try:
            assert many == len(told(capsys, 0, *[folder / "big.asice"] * many, "--key", log_key()))
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(2)
    assert peak(30) < peak(3) + 1_000_000


def test_a_log_key_that_is_none_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 1 == main(["verify", str(folder / "good.asice"), "--log-key", str(folder / "root.pem")])
    assert "The key of the log cannot be read" in capsys.readouterr().err
