"""Codes: read, made, checked, and found again in what a bank leaves of a memo."""

import contextlib
import unicodedata
from datetime import date

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from gateway.domain.codes import (
    CaseCode,
    attempt_reference,
    check_character,
    check_order_code,
    find_case_codes,
    find_order_codes,
    format_case_code,
    is_s10,
    make_order_code,
    make_s10,
    order_code_of,
    parse_case_code,
    s10_check_digit,
)
from gateway.domain.errors import Malformed

DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))
ENTROPY = st.binary(min_size=5, max_size=8)
ORDER_CODES = st.builds(make_order_code, DAYS, ENTROPY)
OLD_AGENCIES = st.from_regex(r"[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[GH][0-9]{2}", fullmatch=True)
NEW_AGENCIES = st.from_regex(r"[GH][0-9]{2}(\.[0-9]{2}){0,3}", fullmatch=True)
COUNTERS = st.integers(1, 99_999_999)
CASE_CODES = st.builds(
    lambda agency, on, counter: format_case_code(agency, on, counter=counter),
    OLD_AGENCIES | NEW_AGENCIES,
    DAYS,
    COUNTERS,
)
WORDS = st.sampled_from(
    ["", "nộp phí", "LỆ PHÍ", "Nguyễn Văn Đức", "CT TU 0011000000001", "thanh toan", "1.000.000đ"]
)
SYMBOLS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


# --- case codes ---


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("000.00.15.H28-250630-0001", ("000.00.15.H28", date(2025, 6, 30), 1)),
        ("H15.50.05.13-261008-0975", ("H15.50.05.13", date(2026, 10, 8), 975)),
        ("G12.18-260101-091234", ("G12.18", date(2026, 1, 1), 91234)),
        ("H28-280229-12345678", ("H28", date(2028, 2, 29), 12345678)),
    ],
)
def test_a_case_code_of_either_form_is_taken_apart(text: str, expected: object) -> None:
    assert CaseCode(*expected, text) == parse_case_code(text)


@pytest.mark.parametrize(
    "text",
    [
        "H28-250630-1",
        "000.00.15.28-250630-0001",
        "000.00.15.H28-250631-0001",
        "H28-250229-0001",
        "H28-250630-123456789",
        "H28-250630-0001\n",
        " H28-250630-0001",
        "h28-250630-0001",
        "H28-25063٠-0001",
        "X28-250630-0001",
        "H28.1.2.3.4-250630-0001",
        "",
    ],
)
def test_what_is_no_case_code_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        parse_case_code(text)


def test_the_counter_has_four_digits_and_grows_past_9999_without_wrapping() -> None:
    on = date(2025, 6, 30)
    expected = ["H28-250630-0001", "H28-250630-9999", "H28-250630-10000", "H28-250630-99999999"]
    assert expected == [format_case_code("H28", on, counter=n) for n in (1, 9999, 10000, 99_999_999)]


@pytest.mark.parametrize(
    ("agency", "on", "counter"),
    [
        ("H28", date(2025, 6, 30), 0),
        ("H28", date(2025, 6, 30), 100_000_000),
        ("H2", date(2025, 6, 30), 1),
        ("", date(2025, 6, 30), 1),
        ("H28", date(1999, 12, 31), 1),
        ("H28", date(2100, 1, 1), 1),
    ],
)
def test_a_case_code_is_made_of_a_known_form_only(agency: str, on: date, counter: int) -> None:
    with pytest.raises(Malformed):
        format_case_code(agency, on, counter=counter)


@given(OLD_AGENCIES | NEW_AGENCIES, DAYS, COUNTERS)
def test_a_made_case_code_reads_back(agency: str, on: date, counter: int) -> None:
    text = format_case_code(agency, on, counter=counter)
    assert CaseCode(agency, on, counter, text) == parse_case_code(text)


@given(st.text())
def test_any_text_is_a_case_code_or_malformed(text: str) -> None:
    with contextlib.suppress(Malformed):
        assert text == parse_case_code(text).text


# --- order codes ---


@pytest.mark.parametrize(("body", "expected"), [("G123489654321", "Y"), ("A999914123456", "N")])
def test_the_check_character_is_that_of_iso_7064_mod_37_2(body: str, expected: object) -> None:
    assert expected == check_character(body)


def test_an_order_code_has_the_day_and_no_letter_that_is_misread() -> None:
    code = make_order_code(date(2025, 11, 24), bytes.fromhex("ffffffffff"))
    assert code[:15] == "C4251124ZZZZZZZ"
    assert len(code) == 16


@given(DAYS, ENTROPY)
def test_an_order_code_is_sixteen_of_digits_and_capitals_and_holds(on: date, entropy: bytes) -> None:
    code = make_order_code(on, entropy)
    assert len(code) == 16
    assert set(code) <= set(SYMBOLS)
    assert not set(code[2:15]) & set("ILOU")
    assert check_order_code(code)


def test_a_check_character_that_would_be_a_star_is_avoided() -> None:
    on = date(2025, 11, 24)
    codes = [make_order_code(on, n.to_bytes(5, "big")) for n in range(2_000)]
    assert all(check_order_code(code) for code in codes)
    assert (
        1_900 < len(set(codes)) < 2_000
    )  # one in 37 bodies would end in a star and gives way to its neighbour


@pytest.mark.parametrize("entropy", [b"", b"1234"])
def test_too_little_randomness_is_refused(entropy: bytes) -> None:
    with pytest.raises(Malformed):
        make_order_code(date(2025, 11, 24), entropy)


@given(ORDER_CODES, st.integers(2, 15), st.sampled_from(SYMBOLS))
def test_one_changed_character_never_holds(code: str, at: int, symbol: str) -> None:
    assume(code[at] != symbol)
    changed = code[:at] + symbol + code[at + 1 :]
    assert not check_order_code(changed)
    assert code not in find_order_codes(changed)


@given(ORDER_CODES, st.integers(0, 14))
def test_two_swapped_neighbours_never_hold(code: str, at: int) -> None:
    assume(code[at] != code[at + 1])
    assert not check_order_code(code[:at] + code[at + 1] + code[at] + code[at + 2 :])


@pytest.mark.parametrize("n", [1, 2, 9, 10, 99])
def test_an_attempt_reference_leads_back_to_its_order(n: int) -> None:
    code = make_order_code(date(2025, 11, 24), b"abcde")
    reference = attempt_reference(code, n)
    assert code + {1: "", 2: "02", 9: "09", 10: "10", 99: "99"}[n] == reference
    assert code == order_code_of(reference)


@pytest.mark.parametrize("n", [0, -1, 100])
def test_an_order_has_1_to_99_attempts(n: int) -> None:
    with pytest.raises(Malformed):
        attempt_reference(make_order_code(date(2025, 11, 24), b"abcde"), n)


def test_an_attempt_of_what_is_no_order_is_refused() -> None:
    with pytest.raises(Malformed):
        attempt_reference("C4251124AAAAAAAA", 1)


@pytest.mark.parametrize("tail", ["00", "01", "1", "123", "2 ", "AB", "\n"])
def test_a_tail_that_no_attempt_has_leads_nowhere(tail: str) -> None:
    assert order_code_of(make_order_code(date(2025, 11, 24), b"abcde") + tail) is None


def test_a_day_that_does_not_exist_makes_no_order_code() -> None:
    body = "C4251345AAAAAAA"
    assert not check_order_code(body + check_character(body))


# --- memos ---


def _stripped(text: str) -> str:
    return "".join(char for char in text if char.isalnum() or char == " ")


def _without_marks(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text).replace("đ", "d").replace("Đ", "D")
    return "".join(char for char in decomposed if not unicodedata.combining(char))


@st.composite
def mangled(draw: st.DrawFn, codes: st.SearchStrategy[str]) -> tuple[str, str]:
    """A memo with a code in it, as a bank leaves it: any of upper-casing, stripping, blanks from line breaks."""
    code = draw(codes)
    cuts = sorted(draw(st.lists(st.integers(1, len(code) - 1), max_size=3)), reverse=True)
    broken = code
    for cut in cuts:
        broken = f"{broken[:cut]}{draw(st.sampled_from([' ', chr(10), chr(13) + chr(10)]))}{broken[cut:]}"
    memo = f"{draw(WORDS)} {broken} {draw(WORDS)}"
    for change in draw(st.lists(st.sampled_from([str.upper, _stripped, _without_marks]))):
        memo = change(memo)
    return code, memo


@given(mangled(ORDER_CODES))
def test_an_order_code_is_found_in_any_mangled_memo(code_and_memo: tuple[str, str]) -> None:
    code, memo = code_and_memo
    assert code in find_order_codes(memo)


@given(mangled(CASE_CODES))
@example(("H15.50.05.13-261008-0975", "LP H155005132610080975 CT TU 0011000000001"))
@example(("000.00.15.H28-250630-0001", "LP 000 00 15 H28 250630 0001 0011000000001"))
def test_a_case_code_is_found_in_any_mangled_memo(code_and_memo: tuple[str, str]) -> None:
    code, memo = code_and_memo
    assert code in find_case_codes(memo)


def test_order_codes_come_in_the_order_of_the_memo_each_once() -> None:
    first, second = (make_order_code(date(2025, 11, 24), seed) for seed in (b"aaaaa", b"bbbbb"))
    assert (second, first) == find_order_codes(f"{second.lower()}, {first} / {second}")


def test_an_order_code_with_attempt_digits_and_glued_text_is_found() -> None:
    code = make_order_code(date(2025, 11, 24), b"abcde")
    assert (code,) == find_order_codes(f"MBVCB.123.CK{code}02CT TU 0011")


def test_a_cut_order_code_is_not_found() -> None:
    code = make_order_code(date(2025, 11, 24), b"abcde")
    assert find_order_codes(f"nop phi {code[:-1]}") == ()


@pytest.mark.parametrize(
    ("memo", "expected"),
    [
        ("Nộp lệ phí hồ sơ 000.00.15.H28-250630-0001", ("000.00.15.H28-250630-0001",)),
        ("LP 0000015H282506300001 CT TU 0011", ("000.00.15.H28-250630-0001",)),
        ("LP 000 00 15 H28 250630 0001 CT TU", ("000.00.15.H28-250630-0001",)),
        ("LP H15.50.05.13-261008-0975, 1 bo", ("H15.50.05.13-261008-0975",)),
        ("H15.5.005-261008-0975", ("H15.5.005-261008-0975",)),
        ("LP H155005132610080975 CT TU", ("H15.50.05.13-261008-0975",)),
        ("h28-250630-0001; h28-250630-0002; h28-250630-0001", ("H28-250630-0001", "H28-250630-0002")),
        ("H28-251330-0001", ()),
        ("LP 000G17 251124 0001", ()),
        ("TU 0011000000001 H15.50.05.13-261008-0975", ("H15.50.05.13-261008-0975",)),
        ("", ()),
    ],
)
def test_case_codes_are_read_from_memos(memo: str, expected: object) -> None:
    assert expected == find_case_codes(memo)


def test_a_number_that_a_blank_may_end_gives_every_reading() -> None:
    assert find_case_codes("H28 250630 0001 50") == ("H28-250630-0001", "H28-250630-000150")


@given(st.text())
def test_any_text_can_be_searched(text: str) -> None:
    assert all(check_order_code(code) for code in find_order_codes(text))
    assert all(code == parse_case_code(code).text for code in find_case_codes(text))


# --- S10 ---


@pytest.mark.parametrize(
    ("serial", "expected"),
    [
        ("47312482", 9),
        ("00071761", 8),
        ("00071758", 1),
        ("96633102", 0),
        ("76129403", 8),
        ("12345678", 5),
        ("47110815", 1),
        ("00000001", 4),
        ("98000023", 6),
        ("00000000", 5),
    ],
)
def test_the_check_digit_is_that_of_s10(serial: str, expected: object) -> None:
    assert expected == s10_check_digit(serial)


@pytest.mark.parametrize("serial", ["1234567", "123456789", "1234567a", "١٢٣٤٥٦٧٨"])
def test_a_serial_is_eight_digits(serial: object) -> None:
    with pytest.raises(Malformed):
        s10_check_digit(serial)


def test_whole_item_codes_are_told_from_broken_ones() -> None:
    whole = ["RR473124829GB", "EB000717618HK", "RC123456785VN", "EE471108151FR"]
    broken = ["EN980000239VN", "RR473124829gb", "RR473124829GB\n", "RR47312482", ""]
    assert [is_s10(text) for text in whole] == [True] * 4
    assert [is_s10(text) for text in broken] == [False] * 5


def test_an_item_code_is_made() -> None:
    assert make_s10("EN", 98000023) == "EN980000236VN"
    assert make_s10("RR", 47312482, country="GB") == "RR473124829GB"


@pytest.mark.parametrize(
    ("indicator", "serial", "country"),
    [
        ("J1", 1, "VN"),
        ("JA", 1, "VN"),
        ("en", 1, "VN"),
        ("EN", -1, "VN"),
        ("EN", 100_000_000, "VN"),
        ("EN", 1, "V"),
    ],
)
def test_an_item_code_is_made_of_a_known_form_only(indicator: str, serial: object, country: str) -> None:
    with pytest.raises(Malformed):
        make_s10(indicator, serial, country=country)


@given(st.integers(0, 99_999_999))
def test_every_made_item_code_is_whole(serial: object) -> None:
    assert is_s10(make_s10("EN", serial))
