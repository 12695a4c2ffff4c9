"""The sandbox's own check of papers: what it takes, and what it refuses."""

from pathlib import Path

import pytest

from sandbox.agency import NAME, Agency
from sandbox.errors import Untrusted
from sandbox.papers import check_pdf


def test_an_agency_signs_with_the_same_certificate_after_a_restart(tmp_path: Path) -> None:
    first = Agency(tmp_path).result("H28-261124-0001")
    root = (tmp_path / "agency.crt").read_bytes()
    second = Agency(tmp_path).result("H28-261124-0002")
    assert [NAME, NAME] == [check_pdf(paper, root) for paper in (first, second)]


def test_a_changed_paper_is_refused(tmp_path: Path) -> None:
    paper = Agency(tmp_path).result("H28-261124-0001")
    root = (tmp_path / "agency.crt").read_bytes()
    for at in (paper.index(b"/MediaBox") + 8, len(paper) // 2):
        changed = paper[:at] + bytes([paper[at] ^ 1]) + paper[at + 1 :]
        with pytest.raises(Untrusted):
            check_pdf(changed, root)


def test_a_paper_under_another_root_is_refused(tmp_path: Path) -> None:
    paper = Agency(tmp_path).result("H28-261124-0001")
    other = tmp_path / "other"
    other.mkdir()
    Agency(other)
    with pytest.raises(Untrusted):
        check_pdf(paper, (other / "agency.crt").read_bytes())
