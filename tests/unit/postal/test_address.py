"""Which VNPost province an address lies in, across two eras and three code systems."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vietnam_provinces import Province, Ward

from gateway.domain.errors import Incomplete, Malformed
from postal.address import (
    TEXT_CHARS,
    Address,
    Era,
    clean,
    old_province,
    old_provinces,
    vnpost_province,
    vnpost_province_of_agency,
)

OLD, NEW = Era.BEFORE_2025_07, Era.SINCE_2025_07


def _vnpost(era: Era, province: str, ward: int | None = None, *, old: str | None = None) -> int:
    return vnpost_province(
        Address(text="Số 1 đường A", province=province, era=era, ward_code=ward, old_province=old)
    )


@pytest.mark.parametrize(
    ("province", "expected"),
    [
        ("Hòa Bình", 35),
        ("Tỉnh Hoà Bình", 35),
        ("hoa binh", 35),
        ("  HÒA  BÌNH ", 35),
        ("17", 35),
        ("25", 29),
        ("19", 25),
        ("01", 10),
        ("1", 10),
        ("Thành phố Hồ Chí Minh", 70),
        ("TP. HCM", 70),
        ("TP.Hồ Chí Minh", 70),
        ("Bà Rịa-Vũng Tàu", 79),
        ("BR-VT", 79),
        ("Huế", 53),
        ("TT-Huế", 53),
        ("Đắk Lắk", 63),
        (unicodedata.normalize("NFD", "Đắk Lắk"), 63),
    ],
)
def test_an_old_province_has_its_code_by_any_spelling_of_its_name_and_by_its_gso_code(
    province: str, expected: int
) -> None:
    assert expected == _vnpost(OLD, province)


@pytest.mark.parametrize(("era", "expected"), [(OLD, 32), (NEW, 33)])
def test_the_same_gso_code_means_another_province_in_the_other_era(era: Era, expected: int) -> None:
    """15 was Yên Bái, and is Lào Cai; ward 2647 is of the old Lào Cai."""
    assert expected == _vnpost(era, "15", 2647)


@pytest.mark.parametrize("ward", [4792, 4795, 4828, 4894, 4897, 5089, 5200])
def test_a_ward_of_the_new_phu_tho_that_was_hoa_binh_goes_to_hoa_binh(ward: int) -> None:
    expected = 35
    assert expected == _vnpost(NEW, "Phú Thọ", ward)
    assert expected == _vnpost(NEW, "25", ward)


@pytest.mark.parametrize(
    ("province", "ward", "expected"),
    [
        ("25", 7894, 29),
        ("25", 8707, 28),
        ("8", 691, 31),
        ("79", 25747, 82),
        ("92", 31810, 95),
        ("48", 20332, 55),
    ],
)
def test_the_ward_tells_the_old_province(province: str, ward: int, expected: int) -> None:
    assert expected == _vnpost(NEW, province, ward)


@pytest.mark.parametrize(
    ("province", "ward"),
    [("25", None), ("25", 6500), ("25", 691), ("31", 11948), ("44", 19742), ("48", 20333), ("79", 26732)],
)
def test_where_the_ward_does_not_tell_the_old_province_is_asked_for(province: str, ward: int | None) -> None:
    with pytest.raises(Incomplete) as caught:
        _vnpost(NEW, province, ward)
    expected = ["old_province"]
    assert expected == [missing.code for missing in caught.value.missing]


def test_the_question_names_the_choice() -> None:
    with pytest.raises(Incomplete) as caught:
        _vnpost(NEW, "Phú Thọ")
    expected = "one of: Hòa Bình, Phú Thọ, Vĩnh Phúc"
    assert expected == caught.value.missing[0].reason


def test_the_old_province_that_is_named_decides() -> None:
    expected = 28
    assert expected == _vnpost(NEW, "Phú Thọ", 4792, old="Vĩnh Phúc")


def test_an_old_province_that_is_no_part_is_refused() -> None:
    with pytest.raises(Malformed):
        _vnpost(NEW, "Phú Thọ", old="Hà Nội")


@pytest.mark.parametrize("gso", [1, 4, 11, 12, 14, 20, 22, 38, 40, 42, 46])
def test_a_province_that_was_not_joined_needs_no_ward(gso: int) -> None:
    assert old_province(str(gso)).vnpost == _vnpost(NEW, str(gso))


@pytest.mark.parametrize("era", [OLD, NEW])
@pytest.mark.parametrize("province", ["", "0", "99", "100", "Atlantis", "-1", "1.0"])
def test_an_unknown_province_is_malformed(era: Era, province: str) -> None:
    with pytest.raises(Malformed):
        _vnpost(era, province)


def test_hoa_binh_is_no_province_of_the_new_era_and_17_no_code_of_it() -> None:
    for province in ("Hòa Bình", "17"):
        with pytest.raises(Malformed):
            _vnpost(NEW, province)


def test_the_new_map_is_that_of_the_statistics_office() -> None:
    """The library of the GSO list names the same 34, and the parts of all add up to the old 63."""
    names = {int(province.code): province.name for province in Province.iter_all()}
    parts = {gso: old_provinces(name) for gso, name in names.items()}
    expected = 34
    assert expected == len(parts)
    assert parts == {gso: old_provinces(str(gso)) for gso in names}
    assert sorted(part.gso for group in parts.values() for part in group) == sorted(
        {part.gso for group in parts.values() for part in group}
    )
    assert sum(len(group) for group in parts.values()) == 63


def test_only_new_wards_are_asked_about() -> None:
    """Of 3,321 wards five lie outside all ranges: four islands made districts of their own, and Bạch Long Vĩ."""
    asked = set()
    for ward in Ward.iter_all():
        try:
            _vnpost(NEW, str(int(ward.province_code)), int(ward.code))
        except Incomplete:
            asked.add(int(ward.code))
    expected = {11948, 19742, 20333, 21548, 26732}
    assert expected == asked


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("H28", 35),
        ("000.00.15.H28", 35),
        ("H15.50.05.13", 63),
        ("H29", 70),
        ("H26", None),
        ("G12.18", None),
        ("H28\n", None),
        ("", None),
    ],
)
def test_an_agency_has_a_province_only_where_a_source_says_so(identifier: str, expected: int | None) -> None:
    assert expected == vnpost_province_of_agency(identifier)


def test_an_address_is_tidied_to_composed_letters_and_single_blanks() -> None:
    expected = "Số 1 đường Hòa Bình"
    assert expected == clean(unicodedata.normalize("NFD", "  Số 1\t đường\n Hòa  Bình "))


def test_an_address_has_a_limit() -> None:
    assert clean("x" * TEXT_CHARS) == "x" * TEXT_CHARS
    with pytest.raises(Malformed):
        clean("x" * (TEXT_CHARS + 1))


def test_an_address_does_not_show_its_text() -> None:
    assert "đường" not in repr(Address(text="Số 1 đường A", province="25", era=NEW))


@given(st.text(), st.sampled_from(Era), st.none() | st.integers(), st.none() | st.text())
def test_any_address_is_placed_or_refused(province: str, era: Era, ward: int | None, old: str | None) -> None:
    try:
        placed = _vnpost(era, province, ward, old=old)
    except (Malformed, Incomplete):
        return
    assert placed in range(10, 98)
