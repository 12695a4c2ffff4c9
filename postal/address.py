"""Which province an address lies in, in the codes of the post.

Three code systems meet here, and two administrative eras; the same number means different places in each:

* GSO (the statistics office, also the agencies' databases): 25 is Phú Thọ in both eras, but since 01/07/2025
  a Phú Thọ that includes Vĩnh Phúc and Hòa Bình.
* VNPost (BCCP): 63 codes of the old provinces; 25 is Thái Nguyên, Phú Thọ is 29, Hòa Bình is 35. Source:
  the provincial table of VNPost's own reception system.
* Agency identifiers H01 to H63 (QCVN 102:2016/BTTTT); only those that a source confirms are here.

The post still sorts by its 63 codes. A new province that was joined from several is told apart by the code of
the ward, because ward codes survived the merger: the ranges below are the lowest and the highest surviving
code of each old province, drawn by comparing the GSO lists of before and after (2025). A ward outside every
range is not guessed: the caller must name the old province.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from gateway.domain.errors import Incomplete, Malformed, Missing

TEXT_CHARS = 500
"""The longest address or name of a place that is read."""


class Era(StrEnum):
    """The map that an address was written by: 63 provinces to 30/06/2025, 34 since."""

    BEFORE_2025_07 = "63"
    SINCE_2025_07 = "34"


@dataclass(frozen=True, slots=True)
class Address:
    """An address as given, with the code system and era that its province is named in.

    `province` is a name or a GSO code of `era`; `ward_code` a GSO ward code; `old_province` (a name or GSO
    code of the 63) is given where the ward does not tell.
    """

    text: str = field(repr=False)
    province: str
    era: Era
    ward_code: int | None = None
    old_province: str | None = None


@dataclass(frozen=True, slots=True)
class OldProvince:
    """One of the 63: its name, its GSO code and its VNPost code."""

    name: str
    gso: int
    vnpost: int


_OLD_PROVINCES = tuple(
    OldProvince(name=name, gso=gso, vnpost=vnpost)
    for gso, vnpost, name in (
        (1, 10, "Hà Nội"),
        (2, 31, "Hà Giang"),
        (4, 27, "Cao Bằng"),
        (6, 26, "Bắc Kạn"),
        (8, 30, "Tuyên Quang"),
        (10, 33, "Lào Cai"),
        (11, 38, "Điện Biên"),
        (12, 39, "Lai Châu"),
        (14, 36, "Sơn La"),
        (15, 32, "Yên Bái"),
        (17, 35, "Hòa Bình"),
        (19, 25, "Thái Nguyên"),
        (20, 24, "Lạng Sơn"),
        (22, 20, "Quảng Ninh"),
        (24, 23, "Bắc Giang"),
        (25, 29, "Phú Thọ"),
        (26, 28, "Vĩnh Phúc"),
        (27, 22, "Bắc Ninh"),
        (30, 17, "Hải Dương"),
        (31, 18, "Hải Phòng"),
        (33, 16, "Hưng Yên"),
        (34, 41, "Thái Bình"),
        (35, 40, "Hà Nam"),
        (36, 42, "Nam Định"),
        (37, 43, "Ninh Bình"),
        (38, 44, "Thanh Hóa"),
        (40, 46, "Nghệ An"),
        (42, 48, "Hà Tĩnh"),
        (44, 51, "Quảng Bình"),
        (45, 52, "Quảng Trị"),
        (46, 53, "Thừa Thiên Huế"),
        (48, 55, "Đà Nẵng"),
        (49, 56, "Quảng Nam"),
        (51, 57, "Quảng Ngãi"),
        (52, 59, "Bình Định"),
        (54, 62, "Phú Yên"),
        (56, 65, "Khánh Hòa"),
        (58, 66, "Ninh Thuận"),
        (60, 80, "Bình Thuận"),
        (62, 58, "Kon Tum"),
        (64, 60, "Gia Lai"),
        (66, 63, "Đắk Lắk"),
        (67, 64, "Đắk Nông"),
        (68, 67, "Lâm Đồng"),
        (70, 83, "Bình Phước"),
        (72, 84, "Tây Ninh"),
        (74, 82, "Bình Dương"),
        (75, 81, "Đồng Nai"),
        (77, 79, "Bà Rịa - Vũng Tàu"),
        (79, 70, "Hồ Chí Minh"),
        (80, 85, "Long An"),
        (82, 86, "Tiền Giang"),
        (83, 93, "Bến Tre"),
        (84, 94, "Trà Vinh"),
        (86, 89, "Vĩnh Long"),
        (87, 87, "Đồng Tháp"),
        (89, 88, "An Giang"),
        (91, 92, "Kiên Giang"),
        (92, 90, "Cần Thơ"),
        (93, 91, "Hậu Giang"),
        (94, 95, "Sóc Trăng"),
        (95, 96, "Bạc Liêu"),
        (96, 97, "Cà Mau"),
    )
)

_MERGED: Mapping[int, Mapping[int, tuple[int, int]]] = {
    8: {2: (691, 1261), 8: (2212, 2623)},
    15: {10: (2647, 3121), 15: (4252, 4750)},
    19: {6: (1840, 2191), 19: (5443, 5953)},
    24: {24: (7210, 7870), 27: (9169, 9529)},
    25: {17: (4792, 5425), 25: (7894, 8686), 26: (8707, 9154)},
    31: {30: (10510, 11284), 31: (11311, 11914)},
    33: {33: (11953, 12427), 34: (12452, 13279)},
    37: {35: (13285, 13627), 36: (13666, 14308), 37: (14329, 14746)},
    44: {44: (18859, 19318), 45: (19333, 19741)},
    48: {48: (20195, 20332), 49: (20335, 21004)},
    51: {51: (21025, 21538), 62: (23284, 23548)},
    52: {52: (21553, 22003), 64: (23563, 24112)},
    56: {56: (22333, 22736), 58: (22738, 22910)},
    66: {54: (22015, 22319), 66: (24121, 24607)},
    68: {60: (22918, 23272), 67: (24611, 24760), 68: (24778, 25180)},
    75: {70: (25195, 25453), 75: (25993, 26503)},
    79: {74: (25747, 25987), 77: (26506, 26728), 79: (26737, 27676)},
    80: {72: (25459, 25732), 80: (27694, 28243)},
    82: {82: (28249, 28747), 87: (29869, 30259)},
    86: {83: (28756, 29227), 84: (29242, 29536), 86: (29551, 29857)},
    91: {89: (30292, 30709), 91: (30742, 31108)},
    92: {92: (31120, 31315), 93: (31321, 31495), 94: (31507, 31810)},
    96: {95: (31825, 31993), 96: (32002, 32248)},
}
"""New GSO code of a joined province: old GSO code of each part, its lowest and highest surviving ward."""

_NEW_NAMES: Mapping[int, str] = {
    1: "Hà Nội",
    4: "Cao Bằng",
    8: "Tuyên Quang",
    11: "Điện Biên",
    12: "Lai Châu",
    14: "Sơn La",
    15: "Lào Cai",
    19: "Thái Nguyên",
    20: "Lạng Sơn",
    22: "Quảng Ninh",
    24: "Bắc Ninh",
    25: "Phú Thọ",
    31: "Hải Phòng",
    33: "Hưng Yên",
    37: "Ninh Bình",
    38: "Thanh Hóa",
    40: "Nghệ An",
    42: "Hà Tĩnh",
    44: "Quảng Trị",
    46: "Huế",
    48: "Đà Nẵng",
    51: "Quảng Ngãi",
    52: "Gia Lai",
    56: "Khánh Hòa",
    66: "Đắk Lắk",
    68: "Lâm Đồng",
    75: "Đồng Nai",
    79: "Hồ Chí Minh",
    80: "Tây Ninh",
    82: "Đồng Tháp",
    86: "Vĩnh Long",
    91: "An Giang",
    92: "Cần Thơ",
    96: "Cà Mau",
}

_AGENCIES: Mapping[str, int] = MappingProxyType(
    {
        "H15": 66,
        "H22": 2,
        "H28": 17,
        "H29": 79,
        "H30": 93,
        "H35": 12,
        "H38": 10,
        "H49": 22,
        "H55": 19,
        "H56": 38,
    }
)
"""Level-1 agency identifier: old GSO code. The other 53 are only recalled, so they are not here."""

_HUE = 46
"""Not joined, but no longer called Thừa Thiên Huế."""

_ALIASES = {
    "hcm": "ho chi minh",
    "hue": "thua thien hue",
    "tt hue": "thua thien hue",
    "br vt": "ba ria vung tau",
}


def fold(name: str) -> str:
    """A place's name for comparing: NFC or NFD, case, accents, punctuation and "tỉnh", "thành phố" aside."""
    letters = unicodedata.normalize("NFD", name[:TEXT_CHARS]).casefold().replace("đ", "d")
    words = re.sub(r"[^a-z0-9]+", " ", re.sub(r"[\u0300-\u036f]", "", letters)).strip()
    plain = re.sub(r"^(?:tinh|thanh pho|tp) +", "", words)
    return _ALIASES.get(plain, plain)


_OLD_BY_GSO = {province.gso: province for province in _OLD_PROVINCES}
_OLD_BY_NAME = {fold(province.name): province for province in _OLD_PROVINCES}
_NEW_BY_NAME = {fold(name): gso for gso, name in _NEW_NAMES.items()}
assert len(_OLD_BY_GSO) == len(_OLD_BY_NAME) == len({p.vnpost for p in _OLD_PROVINCES}) == 63  # noqa: PLR2004 - the count of the old map
assert set(_MERGED) <= set(_NEW_NAMES)
assert all(
    _OLD_BY_GSO[gso].name == name or gso == _HUE for gso, name in _NEW_NAMES.items() if gso not in _MERGED
)
assert len(_NEW_BY_NAME) == len(_NEW_NAMES) == 34  # noqa: PLR2004 - the count of the new map


def clean(text: str) -> str:
    """An address as we keep and send it: NFC, single blanks, trimmed. Raises `Malformed` if too long."""
    tidy = " ".join(unicodedata.normalize("NFC", text).split())
    if len(tidy) > TEXT_CHARS:
        raise Malformed(f"An address has at most {TEXT_CHARS} characters.")
    return tidy


def old_province(name_or_gso: str) -> OldProvince:
    """One of the 63 by its name or its GSO code of that era. Raises `Malformed`."""
    number = _number(name_or_gso)
    found = _OLD_BY_NAME.get(fold(name_or_gso)) if number is None else _OLD_BY_GSO.get(number)
    if found is None:
        raise Malformed("No province of before 01/07/2025 has this name or GSO code.")
    return found


def old_provinces(new_name_or_gso: str) -> tuple[OldProvince, ...]:
    """The old provinces that one of the 34 was made of; itself if it was not joined. Raises `Malformed`."""
    gso = _new_gso(new_name_or_gso)
    return tuple(_OLD_BY_GSO[part] for part in _parts(gso))


def vnpost_province_of_agency(identifier: str) -> int | None:
    """The VNPost code for a provincial agency (`H28`, `H15.50.05`, `000.00.15.H28`); None if not sure."""
    found = re.fullmatch(r"(?:[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.)?(H[0-9]{2})(?:\.[0-9]{1,3}){0,3}", identifier)
    gso = _AGENCIES.get(found[1]) if found else None
    return None if gso is None else _OLD_BY_GSO[gso].vnpost


def vnpost_province(address: Address) -> int:
    """The VNPost code of the (old) province that an address lies in.

    Raises `Malformed` for an unknown province, or an old one that is no part of the new one, and
    `Incomplete` (`old_province`) when neither the ward nor the caller tells which of several it is.
    """
    if address.era is Era.BEFORE_2025_07:
        return old_province(address.province).vnpost
    gso = _new_gso(address.province)
    parts = _parts(gso)
    if address.old_province is not None:
        named = old_province(address.old_province)
        if named.gso not in parts:
            raise Malformed("The old province that was named is not a part of the new one.")
        return named.vnpost
    if len(parts) == 1:
        return _OLD_BY_GSO[parts[0]].vnpost
    for part, (lowest, highest) in _MERGED[gso].items():
        if address.ward_code is not None and lowest <= address.ward_code <= highest:
            return _OLD_BY_GSO[part].vnpost
    raise _ask(_OLD_BY_GSO[part].name for part in parts)


def _ask(names: Iterable[str]) -> Incomplete:
    choice = ", ".join(names)
    return Incomplete(
        "The post needs the province of before 01/07/2025.",
        (Missing("old_province", f"one of: {choice}"),),
    )


def _parts(gso: int) -> tuple[int, ...]:
    """The old GSO codes under a new one. The eleven that were not joined kept their code."""
    return tuple(_MERGED[gso]) if gso in _MERGED else (gso,)


def _new_gso(name_or_gso: str) -> int:
    number = _number(name_or_gso)
    gso = _NEW_BY_NAME.get(fold(name_or_gso)) if number is None else number
    if gso is None or gso not in _NEW_NAMES:
        raise Malformed("No province of since 01/07/2025 has this name or GSO code.")
    return gso


def _number(text: str) -> int | None:
    """A GSO code, with or without its leading zero."""
    return int(text) if re.fullmatch(r"[0-9]{1,3}", text.strip()) else None
