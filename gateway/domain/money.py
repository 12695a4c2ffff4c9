"""Money: whole đồng, printed as Vietnamese read them, and written out in words in two languages.

In words Vietnamese goes by groups of three digits: a group after the first is read with its hundreds, also
when they are none ("không trăm linh năm"); a group of zeros is passed over; `linh` stands for an empty ten, `mốt`,
`tư` and `lăm` for 1, 4 and 5 after `mươi`, `lăm` also after `mười`. A thousand million is `tỷ`.
"""

from typing import Final

from gateway.domain.errors import Malformed

Vnd = int

LARGEST_VND: Final = 10**13

_DIGITS_VI: Final = ("không", "một", "hai", "ba", "bốn", "năm", "sáu", "bảy", "tám", "chín")
_GROUPS_VI: Final = ("", " nghìn", " triệu")
_BILLION: Final = 10**9

_ONES_EN: Final = (
    *("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS_EN: Final = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_GROUPS_EN: Final = ("", " thousand", " million", " billion", " trillion")


def check_vnd(value: object) -> Vnd:
    """`value` as a sum: a whole number from 0 to 10 trillion. Raises `Malformed` (a Boolean is no number)."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise Malformed("A sum is a whole number of đồng")
    if not 0 <= value <= LARGEST_VND:
        raise Malformed(f"A sum is from 0 to {format_vnd(LARGEST_VND)}")
    return value


def format_vnd(value: Vnd) -> str:
    """`180000` as `180.000 đ`; a negative difference keeps its minus."""
    return f"{value:,}".replace(",", ".") + " đ"


def in_words_vi(value: Vnd) -> str:
    """`180000` as `Một trăm tám mươi nghìn đồng`. Raises `Malformed` as `check_vnd`."""
    value = check_vnd(value)
    words = _number_vi(value) if value else _DIGITS_VI[0]
    return f"{words.capitalize()} đồng"


def in_words_en(value: Vnd) -> str:
    """`180000` as `One hundred eighty thousand Vietnamese dong`. Raises `Malformed` as `check_vnd`."""
    value = check_vnd(value)
    groups = [f"{_group_en(group)}{_GROUPS_EN[rank]}" for rank, group in _groups(value) if group]
    words = " ".join(groups) or "zero"
    return f"{words.capitalize()} Vietnamese dong"


def _groups(value: int) -> list[tuple[int, int]]:
    """(rank, three digits) from the highest rank down; rank 0 is the units."""
    groups = []
    rank = 0
    while value:
        value, group = divmod(value, 1000)
        groups.append((rank, group))
        rank += 1
    return groups[::-1]


def _number_vi(value: int) -> str:
    billions, rest = divmod(value, _BILLION)
    parts = [f"{_below_billion_vi(billions, full=False)} tỷ"] if billions else []
    if rest:
        parts.append(_below_billion_vi(rest, full=bool(billions)))
    return " ".join(parts)


def _below_billion_vi(value: int, *, full: bool) -> str:
    parts: list[str] = []
    for rank, group in _groups(value):
        if group:
            parts.append(_group_vi(group, full=full or bool(parts)) + _GROUPS_VI[rank])
    return " ".join(parts)


def _group_vi(group: int, *, full: bool) -> str:
    hundreds, rest = divmod(group, 100)
    if not hundreds and not full:
        return _below_hundred_vi(rest)
    words = f"{_DIGITS_VI[hundreds]} trăm"
    if not rest:
        return words
    return f"{words} {'linh ' if rest < 10 else ''}{_below_hundred_vi(rest)}"  # noqa: PLR2004 - an empty ten


def _below_hundred_vi(value: int) -> str:
    tens, ones = divmod(value, 10)
    if not tens:
        return _DIGITS_VI[ones]
    if tens == 1:
        return " ".join(["mười", *([_after_ten_vi(ones)] if ones else [])])
    after = {1: "mốt", 4: "tư"}.get(ones) or _after_ten_vi(ones)
    return " ".join([_DIGITS_VI[tens], "mươi", *([after] if ones else [])])


def _after_ten_vi(ones: int) -> str:
    return "lăm" if ones == 5 else _DIGITS_VI[ones]  # noqa: PLR2004 - the digit five


def _group_en(group: int) -> str:
    hundreds, rest = divmod(group, 100)
    words = [f"{_ONES_EN[hundreds]} hundred"] if hundreds else []
    if 0 < rest < len(_ONES_EN):
        words.append(_ONES_EN[rest])
    elif rest:
        tens, ones = divmod(rest, 10)
        words.append(f"{_TENS_EN[tens]}-{_ONES_EN[ones]}" if ones else _TENS_EN[tens])
    return " ".join(words)
