"""The codes that a case, a payment and a parcel go by, and how to find them again in a bank's memo.

* Case code (mã hồ sơ): TT 01/2018/TT-VPCP Article 19 (`000.00.15.H28-250630-0001`) and, from the top down,
  QĐ 20/2020/QĐ-TTg with QĐ 09/2025/QĐ-TTg (`H15.50.05.13-261008-0975`). Old codes stay readable for ever.
* Order code: ours, 16 of A-Z0-9: `C4`, the day as yymmdd, seven random characters, one check character.
* Attempt reference: the order code, and from the second try at a provider two digits after it.
* Item code: UPU standard S10, 13 characters.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from gateway.domain.errors import Malformed

MEMO_CHARS = 4_000
"""A memo is read up to here; SWIFT field 86 ends at 390 and no bank's own field is near this."""

_CENTURY = 2000


def _day(yymmdd: str) -> date | None:
    try:
        return date(_CENTURY + int(yymmdd[:2]), int(yymmdd[2:4]), int(yymmdd[4:]))
    except ValueError:
        return None


def _yymmdd(on: date) -> str:
    if on.year // 100 * 100 != _CENTURY:
        raise Malformed("The year of a code lies between 2000 and 2099.")
    return f"{on:%y%m%d}"


# --- case codes ---------------------------------------------------------------------------------

_AGENCY = r"[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[GH][0-9]{2}|[GH][0-9]{2}(?:\.[0-9]{1,3}){0,3}"
_AGENCY_FORM = re.compile(_AGENCY)
_CASE_FORM = re.compile(rf"(?P<agency>{_AGENCY})-(?P<day>[0-9]{{6}})-(?P<number>[0-9]{{4,8}})")
_COUNTER_LAST = 99_999_999


@dataclass(frozen=True, slots=True)
class CaseCode:
    """A case code taken apart. `text` is the code as it is written everywhere; `number` the day's counter."""

    agency: str
    issued_on: date
    number: int
    text: str


def check_agency(code: str) -> str:
    """`code`, which is an agency identifier of either form. Raises `Malformed`."""
    if not _AGENCY_FORM.fullmatch(code):
        raise Malformed("This is not an agency identifier of either form.")
    return code


def parse_case_code(text: str) -> CaseCode:
    """Read a case code of either form, exactly as printed. Raises `Malformed`, also for no real date."""
    found = _CASE_FORM.fullmatch(text)
    issued_on = _day(found["day"]) if found else None
    if found is None or issued_on is None:
        raise Malformed("This is not a case code of either form.")
    return CaseCode(agency=found["agency"], issued_on=issued_on, number=int(found["number"]), text=text)


def format_case_code(agency: str, on: date, *, counter: int) -> str:
    """The code of an agency's case number `counter` (1 and up) of the day.

    Four digits; past 9999 it grows and never wraps. Raises `Malformed`.
    """
    check_agency(agency)
    if not 1 <= counter <= _COUNTER_LAST:
        raise Malformed("The day's counter of cases is from 1 to 99999999.")
    return f"{agency}-{_yymmdd(on)}-{counter:04d}"


# --- order codes --------------------------------------------------------------------------------

_PREFIX = "C4"
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # no I L O U: they are read as 1 1 0 V
_RANDOM_CHARS = 7
_RANDOM_BITS = 5 * _RANDOM_CHARS
_ENTROPY_BYTES = 5
_ORDER_CHARS = 16
_ATTEMPT_LAST = 99
_CHECK_VALUES = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*"
_MODULUS, _RADIX = 37, 2
_ORDER_FORM = re.compile(rf"C4([0-9]{{6}})[{_ALPHABET}]{{{_RANDOM_CHARS}}}[0-9A-Z]")
_ORDER_ANYWHERE = re.compile(rf"(?=({_ORDER_FORM.pattern}))")


def check_character(body: str) -> str:
    """The ISO 7064 MOD 37-2 check character of `body` (A-Z0-9): one of A-Z0-9 or `*`.

    The pure system, not MOD 37,36: that one lets some swaps of neighbours pass.
    """
    total = 0
    for char in body:
        total = (total + _CHECK_VALUES.index(char)) * _RADIX % _MODULUS
    return _CHECK_VALUES[(1 - total) % _MODULUS]


def make_order_code(on: date, entropy: bytes) -> str:
    """An order code of the day `on` (in Asia/Ho_Chi_Minh) from at least five random bytes.

    35 random bits: the caller keeps codes unique and draws again on a clash. Raises `Malformed`.
    """
    if len(entropy) < _ENTROPY_BYTES:
        raise Malformed("An order code needs five random bytes.")
    number = int.from_bytes(entropy[:_ENTROPY_BYTES], "big") % (1 << _RANDOM_BITS)
    body = _order_body(on, number)
    if check_character(body) == "*":  # not in A-Z0-9; another last character has another check character
        body = _order_body(on, number ^ 1)
    return body + check_character(body)


def _order_body(on: date, number: int) -> str:
    random = (_ALPHABET[number >> shift & 31] for shift in range(_RANDOM_BITS - 5, -1, -5))
    return f"{_PREFIX}{_yymmdd(on)}{''.join(random)}"


def check_order_code(text: str) -> bool:
    """Whether `text` is an order code whose day exists and whose check character holds."""
    found = _ORDER_FORM.fullmatch(text)
    return found is not None and _day(found[1]) is not None and check_character(text[:-1]) == text[-1]


def attempt_reference(order_code: str, n: int) -> str:
    """What the `n`-th try (1 to 99) is called at a provider: at most 18 of A-Z0-9. Raises `Malformed`."""
    if not check_order_code(order_code):
        raise Malformed("This is not an order code.")
    if not 1 <= n <= _ATTEMPT_LAST:
        raise Malformed("An order has 1 to 99 attempts.")
    return order_code if n == 1 else f"{order_code}{n:02d}"


def order_code_of(reference: str) -> str | None:
    """The order code of an attempt's reference; None for what `attempt_reference` cannot have made."""
    code, tail = reference[:_ORDER_CHARS], reference[_ORDER_CHARS:]
    known_tail = not tail or re.fullmatch(r"0[2-9]|[1-9][0-9]", tail)
    return code if known_tail and check_order_code(code) else None


# --- what survives a transfer memo --------------------------------------------------------------


def _plain(memo: str) -> str:
    """Upper case, no diacritics, blanks made one; other signs than dot and hyphen become a bar."""
    letters = unicodedata.normalize("NFD", memo[:MEMO_CHARS]).upper()
    text = re.sub(r"\s+", " ", re.sub(r"[\u0300-\u036f]", "", letters))
    return re.sub(r"[^0-9A-Z.\- ]+", "|", text)


def find_order_codes(memo: str) -> tuple[str, ...]:
    """The order codes that a bank's memo holds, in its order, each once.

    Case, diacritics, punctuation and blanks put in by line breaks do not hide a code, and neither does
    text that is glued to it; a code that was cut or changed is not found.
    """
    squeezed = re.sub(r"[^0-9A-Z]", "", _plain(memo))
    found = (match[1] for match in _ORDER_ANYWHERE.finditer(squeezed))
    return tuple(dict.fromkeys(code for code in found if check_order_code(code)))


_D = r"[0-9] ?"
_DOT, _HYPHEN = r"\.? ?", r"-? ?"
_TAIL = rf"{_HYPHEN}(?P<day>(?:{_D}){{6}}){_HYPHEN}(?P<number>(?:{_D}){{4,8}})(?P<more>[0-9])?"
_OLD = re.compile(
    rf"(?<![0-9.])(?=(?P<a>(?:{_D}){{3}}){_DOT}(?P<b>(?:{_D}){{2}}){_DOT}(?P<c>(?:{_D}){{2}}){_DOT}"
    rf"(?P<top>[GH] ?(?:{_D}){{2}}){_TAIL})"
)
_NEW = tuple(
    re.compile(rf"(?<![0-9.])(?=(?P<top>[GH] ?(?:{_D}){{2}})(?P<groups>(?:{group}){{{count}}}){_TAIL})")
    for count in range(4)
    for group in ((r"\. ?(?:[0-9] ?){1,3}", r"(?:[0-9] ?){2}") if count else ("",))
)


def find_case_codes(memo: str) -> tuple[str, ...]:
    """The case codes that a bank's memo may hold, in its order, each once, written with dots and hyphens.

    With its dots and hyphens a code has one reading. Without them the end of the agency and of the number
    can be in doubt (the groups of the new form then count two digits each): every reading is given, and the
    caller looks them up. Other digits glued to the front or the end of a code hide it.
    """
    text = _plain(memo)
    found: dict[tuple[int, str], None] = {}
    inside: set[int] = set()
    for match in _OLD.finditer(text):
        agency = ".".join(match[part].replace(" ", "") for part in ("a", "b", "c", "top"))
        for code in _readings(agency, match):
            found[match.start(), code] = None
            inside.add(match.start("top"))
    for pattern in _NEW:
        for match in pattern.finditer(text):
            if match.start() in inside:
                continue  # the tail of an old code is not a second, new one
            for code in _readings(_new_agency(match), match):
                found[match.start(), code] = None
    return tuple(dict.fromkeys(code for _, code in sorted(found, key=lambda hit: hit[0])))


def _new_agency(match: re.Match[str]) -> str:
    top, groups = match["top"].replace(" ", ""), match["groups"].replace(" ", "")
    parts = groups.split(".")[1:] if "." in groups else re.findall("..", groups)
    return ".".join([top, *parts])


def _readings(agency: str, match: re.Match[str]) -> Iterator[str]:
    """The codes that the digits after the agency can mean: the number ends at a blank or with the digits."""
    day, digits = match["day"].replace(" ", ""), match["number"]
    ends = [end for end, char in enumerate(digits) if char == " "]
    if not match["more"]:
        ends.append(len(digits))
    for end in ends:
        number = digits[:end].replace(" ", "")
        code = f"{agency}-{day}-{number}"
        if _CASE_FORM.fullmatch(code) and _day(day):
            yield code


# --- S10 item codes -----------------------------------------------------------------------------

_S10_FORM = re.compile(r"[A-Z]{2}([0-9]{8})([0-9])[A-Z]{2}")
_S10_WEIGHTS = (8, 6, 4, 2, 3, 5, 9, 7)
_S10_SERIAL_LAST = 99_999_999
_S10_RESERVED = frozenset("JKSTW")


def s10_check_digit(serial: str) -> int:
    """The check digit of eight digits (UPU S10). Raises `Malformed`."""
    if not re.fullmatch(r"[0-9]{8}", serial):
        raise Malformed("The serial of an item code is eight digits.")
    rest = 11 - sum(weight * int(digit) for weight, digit in zip(_S10_WEIGHTS, serial, strict=True)) % 11
    return {10: 0, 11: 5}.get(rest, rest)


def is_s10(text: str) -> bool:
    """Whether `text` is a whole S10 code. A post itself prints some that are not: only warn about those."""
    found = _S10_FORM.fullmatch(text)
    return found is not None and s10_check_digit(found[1]) == int(found[2])


def make_s10(indicator: str, serial: int, *, country: str = "VN") -> str:
    """An S10 code from a service indicator (two letters, the first not reserved) and a serial.

    Raises `Malformed`.
    """
    if not re.fullmatch(r"[A-Z]{2}", indicator) or indicator[0] in _S10_RESERVED:
        raise Malformed("A service indicator is two letters A-Z, the first none of J K S T W.")
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise Malformed("A country is two letters A-Z.")
    if not 0 <= serial <= _S10_SERIAL_LAST:
        raise Malformed("The serial of an item code is from 0 to 99999999.")
    digits = f"{serial:08d}"
    return f"{indicator}{digits}{s10_check_digit(digits)}{country}"
