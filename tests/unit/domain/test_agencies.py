"""Agencies: two systems of identifiers, one tree, and what became of those that were merged."""

import json
from datetime import date
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gateway.domain.agencies import TopAgency, heir, is_within, path, same
from gateway.domain.errors import Malformed

DATA = json.loads(
    resources.files("gateway").joinpath("data", "agencies_level1.json").read_text(encoding="utf-8")
)
KNOWN = {each.code: each for each in TypeAdapter(list[TopAgency]).validate_python(DATA["agencies"])}
BEFORE, AFTER = date(2025, 6, 30), date(2025, 7, 1)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("H28", ("H28",)),
        ("000.00.00.H28", ("H28",)),
        ("000.00.15.H28", ("H28", "15")),
        ("H28.15", ("H28", "15")),
        ("013.05.50.H15", ("H15", "50", "5", "13")),
        ("H15.50.05.13", ("H15", "50", "5", "13")),
        ("013.00.50.H15", ("H15", "50", "0", "13")),
    ],
)
def test_both_systems_lead_down_the_same_way(code: str, expected: tuple[str, ...]) -> None:
    assert expected == path(code)


def test_one_unit_has_a_code_in_each_system() -> None:
    assert same("000.05.15.H28", "H28.15.5")
    assert not same("000.15.05.H28", "H28.15.5")


def test_a_unit_lies_within_those_above_it_and_within_no_other() -> None:
    assert is_within("000.00.15.H28", "H28")
    assert is_within("H28.15.05", "000.00.15.H28")
    assert is_within("H28", "H28")
    assert not is_within("H28", "H28.15")
    assert not is_within("H28.150", "H28.15")
    assert not is_within("H44.15", "H28")


@pytest.mark.parametrize("code", ["", "H2", "h28", "H28.", "28.H28", "X28", "H28.1234", "H28\n"])
def test_what_is_no_identifier_is_refused(code: str) -> None:
    with pytest.raises(Malformed):
        path(code)


def test_all_first_level_agencies_are_known_and_each_merger_leads_to_one_that_is() -> None:
    assert 63 == sum(code.startswith("H") for code in KNOWN)
    provinces = {heir(code, AFTER, KNOWN) for code in KNOWN if code.startswith("H")}
    assert 34 == len(provinces)
    assert all(each.merged_into in KNOWN for each in KNOWN.values() if each.merged_into)


def test_hoa_binh_is_phu_tho_since_july_2025() -> None:
    assert "H28" == heir("000.00.15.H28", BEFORE, KNOWN)
    assert "H44" == heir("000.00.15.H28", AFTER, KNOWN)
    assert "Tỉnh Hòa Bình" == KNOWN["H28"].name(AFTER)
    assert "Tỉnh Phú Thọ" == KNOWN["H44"].name(AFTER)


def test_a_ministry_that_has_another_name_is_told_by_the_one_of_the_day() -> None:
    ministry = KNOWN["G10"]
    assert "Bộ Nông nghiệp và Phát triển nông thôn" == ministry.name(date(2025, 2, 28))
    assert "Bộ Nông nghiệp và Môi trường" == ministry.name(date(2025, 3, 1))


def test_an_agency_that_nobody_knows_is_its_own_heir() -> None:
    assert "H99" == heir("H99.01", AFTER, KNOWN)


@given(st.sampled_from(sorted(KNOWN)), st.integers(0, 99), st.integers(0, 99), st.integers(0, 999))
def test_the_two_ways_of_writing_are_one(top: str, second: int, third: int, fourth: int) -> None:
    old = f"{fourth:03d}.{third:02d}.{second:02d}.{top}"
    assert same(old, f"{top}.{second:02d}.{third:02d}.{fourth}")
    assert is_within(old, top)
