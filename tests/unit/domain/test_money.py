import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import Malformed
from gateway.domain.money import LARGEST_VND, check_vnd, format_vnd, in_words_en, in_words_vi

SUMS = (
    st.integers(0, LARGEST_VND)
    | st.integers(0, 1_000_000)
    | st.builds(lambda digit, power: digit * 10**power, st.integers(1, 9), st.integers(0, 12))
)

VI_DIGITS = {
    "không": 0, "một": 1, "mốt": 1, "hai": 2, "ba": 3, "bốn": 4, "tư": 4, "năm": 5, "lăm": 5,
    "sáu": 6, "bảy": 7, "tám": 8, "chín": 9,
}  # fmt: skip
EN_NUMBERS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip


def read_vi(words: str) -> int:
    """The number that Vietnamese words say: the inverse, written without looking at how they are made."""
    total = below_billion = group = ones = 0
    for word in words.lower().removesuffix(" đồng").split():
        if word == "tỷ":
            total, below_billion, group, ones = (below_billion + group + ones) * 10**9, 0, 0, 0
        elif word in {"nghìn", "triệu"}:
            below_billion += (group + ones) * {"nghìn": 10**3, "triệu": 10**6}[word]
            group = ones = 0
        elif word == "trăm":
            group, ones = ones * 100, 0
        elif word == "mươi":
            group, ones = group + ones * 10, 0
        elif word == "mười":
            group += 10
        elif word != "linh":
            ones = VI_DIGITS[word]
    return total + below_billion + group + ones


def read_en(words: str) -> int:
    total = group = 0
    scales = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
    for word in words.lower().removesuffix(" vietnamese dong").replace("-", " ").split():
        if word in scales:
            total, group = total + group * scales[word], 0
        elif word == "hundred":
            group *= 100
        else:
            group += EN_NUMBERS[word]
    return total + group


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "Không đồng"),
        (1, "Một đồng"),
        (4, "Bốn đồng"),
        (5, "Năm đồng"),
        (10, "Mười đồng"),
        (11, "Mười một đồng"),
        (14, "Mười bốn đồng"),
        (15, "Mười lăm đồng"),
        (20, "Hai mươi đồng"),
        (21, "Hai mươi mốt đồng"),
        (24, "Hai mươi tư đồng"),
        (25, "Hai mươi lăm đồng"),
        (55, "Năm mươi lăm đồng"),
        (101, "Một trăm linh một đồng"),
        (104, "Một trăm linh bốn đồng"),
        (105, "Một trăm linh năm đồng"),
        (110, "Một trăm mười đồng"),
        (1_000, "Một nghìn đồng"),
        (1_005, "Một nghìn không trăm linh năm đồng"),
        (1_050, "Một nghìn không trăm năm mươi đồng"),
        (180_000, "Một trăm tám mươi nghìn đồng"),
        (1_250_000, "Một triệu hai trăm năm mươi nghìn đồng"),
        (21_000_000, "Hai mươi mốt triệu đồng"),
        (1_000_005, "Một triệu không trăm linh năm đồng"),
        (2_035_500, "Hai triệu không trăm ba mươi lăm nghìn năm trăm đồng"),
        (1_000_000_000, "Một tỷ đồng"),
        (1_005_000_000_001, "Một nghìn không trăm linh năm tỷ không trăm linh một đồng"),
        (1_000_005_000, "Một tỷ không trăm linh năm nghìn đồng"),
        (10**13, "Mười nghìn tỷ đồng"),
    ],
)
def test_a_sum_is_written_as_a_vietnamese_accountant_writes_it(value: int, words: str) -> None:
    assert words == in_words_vi(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "Zero Vietnamese dong"),
        (1, "One Vietnamese dong"),
        (19, "Nineteen Vietnamese dong"),
        (21, "Twenty-one Vietnamese dong"),
        (180_000, "One hundred eighty thousand Vietnamese dong"),
        (1_000_005, "One million five Vietnamese dong"),
        (10**13, "Ten trillion Vietnamese dong"),
    ],
)
def test_a_sum_is_written_in_english(value: int, words: str) -> None:
    assert words == in_words_en(value)


@given(SUMS)
def test_vietnamese_words_say_the_number_that_they_were_made_from(value: int) -> None:
    assert value == read_vi(in_words_vi(value))


@given(SUMS)
def test_english_words_say_the_number_that_they_were_made_from(value: int) -> None:
    assert value == read_en(in_words_en(value))


@given(SUMS)
def test_words_have_single_spaces_and_one_capital_at_the_beginning(value: int) -> None:
    for words in (in_words_vi(value), in_words_en(value).removesuffix(" Vietnamese dong")):
        assert words == " ".join(words.split())
        assert words[0].isupper()
        assert words[1:] == words[1:].lower()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0 đ"),
        (999, "999 đ"),
        (1_000, "1.000 đ"),
        (180_000, "180.000 đ"),
        (10**13, "10.000.000.000.000 đ"),
        (-5_000, "-5.000 đ"),
    ],
)
def test_a_sum_is_printed_with_points_between_thousands(value: int, text: str) -> None:
    assert text == format_vnd(value)


@given(st.integers(0, LARGEST_VND))
def test_a_whole_sum_in_range_is_taken_as_it_is(value: int) -> None:
    assert value == check_vnd(value)


@pytest.mark.parametrize("value", [True, False, 1.0, "1", None, -1, LARGEST_VND + 1, [], float("nan")])
def test_anything_else_is_no_sum(value: object) -> None:
    for function in (check_vnd, in_words_vi, in_words_en):
        with pytest.raises(Malformed):
            function(value)  # type: ignore[arg-type]
