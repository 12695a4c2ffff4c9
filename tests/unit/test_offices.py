"""How an agency stands on the official forms: told in the agencies file, or by its name alone."""

import json
from datetime import time
from pathlib import Path

import pytest

from gateway import partners
from gateway.domain.errors import Misconfigured
from gateway.domain.form_parts import Office
from gateway.ports import ApologyRule

ROW = {
    "code": "H28",
    "name": "Trung tâm Phục vụ hành chính công",
    "account": "0123456789",
    "bank_bin": "970418",
    "account_name": "TTPVHCC",
}
OFFICE = {
    "authority": "Ủy ban nhân dân tỉnh Hòa Bình",
    "unit": "Bộ phận Một cửa",
    "place": "Hòa Bình",
    "phone": "0218 3888 222",
    "address": "Số 5 đường An Dương Vương",
    "hours": "7:00–11:30, 13:30–16:30",
}


def write(folder: Path, **changes: object) -> Path:
    file = folder / "agencies.json"
    file.write_text(json.dumps([{**ROW, **changes}]), encoding="utf-8")
    return file


def test_an_office_is_as_its_agency_tells_it(tmp_path: Path) -> None:
    agency = partners.agencies(write(tmp_path, office={**OFFICE, "closes_at": "16:30"}))["H28"]
    assert Office(**OFFICE, code="H28") == agency.office
    assert time(16, 30) == agency.closes_at


def test_an_agency_without_an_office_stands_there_by_its_name(tmp_path: Path) -> None:
    agency = partners.agencies(write(tmp_path))["H28"]
    assert Office(authority="", unit=ROW["name"], code="H28") == agency.office
    assert time(17, 0) == agency.closes_at


@pytest.mark.parametrize(
    "office",
    [
        {"phone": "hỏi quầy số 3"},
        {"fax": "0218"},
        {"unit": " "},
        {"place": 5},
        {"closes_at": "25:00"},
        {"closes_at": 17},
        {"code": "H15"},
        "Hòa Bình",
    ],
)
def test_an_office_that_cannot_be_is_refused(tmp_path: Path, office: object) -> None:
    with pytest.raises(Misconfigured, match="agencies file"):
        partners.agencies(write(tmp_path, office=office))


APOLOGY = {
    "working_days": 3,
    "reason": "Khối lượng hồ sơ lớn",
    "name": "Nguyễn Văn An",
    "title": "Phó giám đốc",
}


def test_an_agency_may_give_a_rule_for_its_apologies(tmp_path: Path) -> None:
    assert ApologyRule(**APOLOGY) == partners.agencies(write(tmp_path, apology=APOLOGY))["H28"].apology
    assert partners.agencies(write(tmp_path))["H28"].apology is None


@pytest.mark.parametrize(
    "change",
    [
        {"working_days": 0},
        {"working_days": 31},
        {"working_days": True},
        {"reason": " "},
        {"name": 5},
        {"by": "An"},
    ],
)
def test_an_apology_that_cannot_be_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    with pytest.raises(Misconfigured, match="agencies file"):
        partners.agencies(write(tmp_path, apology={**APOLOGY, **change}))
