"""MT940: every booking read exactly, and a file that is not wholly understood refused."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.statements.mt940 import FIELD_CHARS, FILE_BYTES, parse
from gateway.domain.errors import Malformed
from gateway.domain.statement import Statement, StatementLine, check_sums

ON = date(2025, 11, 24)
WHOLE = (
    "{1:F01BIDVVNVXAXXX0000000000}{2:I940GATEWAYXXXXN}{4:\r\n"
    ":20:251124STM0001\r\n"
    ":25:0123456789\r\n"
    ":28C:00328/001\r\n"
    ":60F:C251124VND1000000,\r\n"
    ":61:2511241124C180000,NTRFGW2511240001//FT25328001234\r\n"
    ":86:LP 000G17 251124 0001 CT TU 0011000000001 NGUYEN VAN A\r\n"
    " TOI 0123456789 UBND TEST\r\n"
    ":61:2511241124D50000,NCHGPHI//FT25328009999\r\n"
    ":86:PHI QUAN LY TAI KHOAN\r\n"
    ":62F:C251124VND1130000,\r\n"
    "-}"
)


def _with(*bookings: str, closing: int, opening: int = 1_000_000, tail: str = "") -> bytes:
    text = "\n".join(
        [
            ":20:X",
            ":25:0123456789",
            ":28C:1",
            f":60F:C251124VND{opening},",
            *bookings,
            f":62F:C251124VND{closing},",
        ]
    )
    return (text + tail).encode()


def _page(
    sequence: int, *, opening: str, closing: str, number: str = "328", account: str = "0123456789"
) -> str:
    return (
        f":20:P{sequence}\n:25:{account}\n:28C:{number}/{sequence}\n:{opening},\n"
        f":61:251124C1000,NTRFREF//B{sequence}\n:{closing},\n-\n"
    )


PAGES = (
    _page(1, opening="60F:C251124VND0", closing="62M:C251124VND1000"),
    _page(2, opening="60M:C251124VND1000", closing="62M:C251124VND2000"),
    _page(3, opening="60M:C251124VND2000", closing="62F:C251125VND3000"),
)


def test_a_whole_statement_is_read_exactly() -> None:
    expected = Statement(
        account="0123456789",
        currency="VND",
        number="00328",
        opening_vnd=1_000_000,
        opening_on=ON,
        closing_vnd=1_130_000,
        closing_on=ON,
        lines=(
            StatementLine(
                line_no=1,
                value_on=ON,
                booked_on=ON,
                amount_vnd=180_000,
                bank_ref="FT25328001234",
                customer_ref="GW2511240001",
                memo="LP 000G17 251124 0001 CT TU 0011000000001 NGUYEN VAN A\n TOI 0123456789 UBND TEST",
                raw=":61:2511241124C180000,NTRFGW2511240001//FT25328001234\n"
                ":86:LP 000G17 251124 0001 CT TU 0011000000001 NGUYEN VAN A\n TOI 0123456789 UBND TEST",
            ),
            StatementLine(
                line_no=2,
                value_on=ON,
                booked_on=ON,
                amount_vnd=-50_000,
                bank_ref="FT25328009999",
                customer_ref="PHI",
                memo="PHI QUAN LY TAI KHOAN",
                raw=":61:2511241124D50000,NCHGPHI//FT25328009999\n:86:PHI QUAN LY TAI KHOAN",
            ),
        ),
    )
    assert expected == parse(WHOLE.encode())


def test_line_ends_a_byte_order_mark_and_an_absent_envelope_change_nothing() -> None:
    expected = parse(WHOLE.encode())
    bare = WHOLE.split("{4:\r\n")[1].removesuffix("-}")
    assert expected == parse(b"\xef\xbb\xbf" + WHOLE.replace("\r\n", "\n").encode())
    assert expected == parse(bare.encode())
    assert expected == parse((WHOLE + "{5:{CHK:123456789ABC}}\r\n\r\n").encode())


def test_a_line_without_details_has_an_empty_memo() -> None:
    line = parse(_with(":61:251124C5,NTRFREF", closing=1_000_005)).lines[0]
    assert (
        line.memo,
        line.booked_on,
        line.bank_ref,
        line.customer_ref,
        line.amount_vnd,
    ) == ("", None, "", "REF", 5)


def test_supplementary_details_belong_to_the_memo() -> None:
    line = parse(_with(":61:251124C5,NTRFNONREF//B1", "PHI HO SO", ":86:CT TU A", closing=1_000_005)).lines[0]
    expected = ("PHI HO SO\nCT TU A", "")
    assert expected == (line.memo, line.customer_ref)


@pytest.mark.parametrize(
    ("mark", "sign"), [("C", 1), ("D", -1), ("RC", -1), ("RD", 1), ("CD", 1), ("RCD", -1)]
)
def test_the_mark_tells_in_from_out_also_for_reversals(mark: str, sign: int) -> None:
    statement = parse(_with(f":61:2511241124{mark}50000,NTRFREF", closing=1_000_000 + sign * 50_000))
    expected = [sign * 50_000]
    assert expected == [line.amount_vnd for line in statement.lines]


def test_x35_two_equal_lines_stay_two() -> None:
    booking = ":61:2511241124C100000,NTRFREF//B1\n:86:LP HO SO"
    first, second = parse(_with(booking, booking, closing=1_200_000)).lines
    assert (first.line_no, second.line_no) == (1, 2)
    assert (first.raw, first.amount_vnd) == (second.raw, second.amount_vnd)
    assert first != second


@pytest.mark.parametrize("amount", ["180000,", "180000", "180000,0", "180000,00"])
def test_an_amount_of_whole_dong_is_read_with_or_without_decimals(amount: str) -> None:
    expected = 180_000
    assert expected == parse(_with(f":61:251124C{amount}NTRFREF", closing=1_180_000)).lines[0].amount_vnd


@pytest.mark.parametrize(
    "amount", ["180000,50", "180000,001", ",5", ",", "", "1.000", "1,0,0", "1" * 16 + ",", "-5,"]
)
def test_an_amount_that_is_none_of_whole_dong_is_malformed(amount: str) -> None:
    with pytest.raises(Malformed):
        parse(_with(f":61:251124C{amount}NTRFREF", closing=1_180_000))


@pytest.mark.parametrize(
    "line",
    [
        ":61:251124C1800garbage",
        ":61:251324C5,NTRFREF",
        ":61:2511241324C5,NTRFREF",
        ":61:2511240230C5,NTRFREF",
        ":61:251124X5,NTRFREF",
        ":61:251124CE5,NTRFREF",
        ":61:251124C5,XTRFREF",
        ":61:251124C5,NTRF" + "R" * 36,
        ":61:",
        ":61:٢٥١١٢٤C5,NTRFREF",
        ":86:text of no line",
        ":61:251124C5,NTRFREF\n:86:one\n:86:two",
        ":61:251124C5,NTRFREF\n:99:unknown",
        ":61:251124C5,NTRFREF\n:oops",
        ":61:251124C5,NTRFREF\n:86:" + "x" * (FIELD_CHARS + 1),
        ":60F:C251124VND1000000,",
        ":20:Y",
    ],
)
def test_a_line_that_is_not_understood_stops_the_file(line: str) -> None:
    with pytest.raises(Malformed):
        parse(_with(line, closing=1_000_005))


@pytest.mark.parametrize(
    ("value", "entry", "expected"),
    [
        ("251231", "0102", date(2026, 1, 2)),
        ("260102", "1231", date(2025, 12, 31)),
        ("251124", "1125", date(2025, 11, 25)),
        ("280228", "0229", date(2028, 2, 29)),
    ],
)
def test_the_entry_date_takes_the_nearest_year(value: str, entry: str, expected: date) -> None:
    line = parse(_with(f":61:{value}{entry}C5,NTRFREF", closing=1_000_005)).lines[0]
    assert expected == line.booked_on


def test_the_words_about_the_whole_statement_do_not_join_the_last_memo() -> None:
    data = _with(":61:251124C5,NTRFREF", ":86:LP", closing=1_000_005, tail="\n:64:C251124VND5,\n:86:TONG KET")
    expected = ["LP"]
    assert expected == [line.memo for line in parse(data).lines]


def test_other_fields_of_the_standard_are_passed_over() -> None:
    text = WHOLE.replace(":25:", ":21:NONREF\r\n:25:").replace(
        "-}", ":64:C251124VND1,\r\n:65:C251125VND1,\r\n-}"
    )
    assert parse(WHOLE.encode()) == parse(text.encode())


def test_a_debit_balance_is_negative() -> None:
    data = _with(":61:251124C5,NTRFREF", closing=1_000_005).replace(
        b"F:C251124VND1000000", b"F:D251124VND1000000"
    )
    data = data.replace(b"F:C251124VND1000005", b"F:D251124VND999995")
    statement = parse(data)
    expected = (-1_000_000, -999_995)
    assert expected == (statement.opening_vnd, statement.closing_vnd)


@pytest.mark.parametrize(
    "field", [":13D:2511240830+0700", ":21:X", ":34F:VND0", ":64:C251124VND5,", ":90C:1VND5,", ":90D:0VND0,"]
)
def test_what_a_bank_adds_for_information_changes_nothing(field: str) -> None:
    bare = _with(":61:251124C5,NTRFREF", closing=1_000_005)
    assert parse(bare) == parse(bare.replace(b":61:", f"{field}\n:61:".encode()))


@pytest.mark.parametrize(("usual", "other"), [(b":25:", b":25P:"), (b":28C:", b":28:")])
def test_the_older_and_the_longer_name_of_a_field_are_read_alike(usual: bytes, other: bytes) -> None:
    bare = _with(":61:251124C5,NTRFREF", closing=1_000_005)
    assert parse(bare) == parse(bare.replace(usual, other))


def test_a_day_without_a_line_is_a_statement() -> None:
    expected = ()
    assert expected == parse(_with(closing=1_000_000)).lines


def test_sums_that_do_not_hold_are_malformed() -> None:
    with pytest.raises(Malformed, match="add up"):
        parse(_with(":61:251124C5,NTRFREF", closing=1_000_006))


def test_the_sum_check_takes_a_statement_that_holds() -> None:
    statement = parse(WHOLE.encode())
    check_sums(statement)
    short = Statement(
        account=statement.account,
        currency=statement.currency,
        number=statement.number,
        opening_vnd=statement.opening_vnd,
        opening_on=ON,
        closing_vnd=statement.closing_vnd,
        closing_on=ON,
        lines=statement.lines[:1],
    )
    with pytest.raises(Malformed):
        check_sums(short)


def test_pages_become_one_statement() -> None:
    statement = parse("".join(PAGES).encode())
    assert (0, 3_000, date(2025, 11, 25)) == (
        statement.opening_vnd,
        statement.closing_vnd,
        statement.closing_on,
    )
    expected = [(1, "B1"), (2, "B2"), (3, "B3")]
    assert expected == [(line.line_no, line.bank_ref) for line in statement.lines]


@pytest.mark.parametrize(
    "pages",
    [
        PAGES[:1],
        PAGES[1:],
        (PAGES[0], PAGES[2]),
        (PAGES[0], PAGES[0]),
        (PAGES[1], PAGES[0], PAGES[2]),
        (*PAGES, PAGES[2]),
        (PAGES[0], PAGES[1], PAGES[2].replace("0123456789", "9876543210")),
        (PAGES[0], PAGES[1], PAGES[2].replace("328/", "329/")),
        (PAGES[0], PAGES[1].replace("VND1000,\n:61", "VND1500,\n:61"), PAGES[2]),
        (PAGES[0], PAGES[1], PAGES[2].replace("/3", "")),
        (PAGES[0].replace("62M", "62F"), PAGES[1].replace("60M", "60F"), PAGES[2]),
    ],
)
def test_a_page_that_is_missing_doubled_or_foreign_is_malformed(pages: tuple[str, ...]) -> None:
    with pytest.raises(Malformed):
        parse("".join(pages).encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("C251124VND1000000", "C251124USD1000000"),
        ("C251124VND1000000", "C251324VND1000000"),
        ("C251124VND1000000", "X251124VND1000000"),
        (":25:0123456789", ":25:"),
        (":25:0123456789\r\n", ""),
        (":28C:00328/001", ":28C:A"),
        (":28C:00328/001\r\n", ":28C:00328/001\r\n2\r\n"),
        ("VND1130000,\r\n", "VND1130000,\r\n5,\r\n"),
        (":20:251124STM0001\r\n", ""),
        (":62F:C251124VND1130000,\r\n", ""),
        ("{4:\r\n", "{4:\r\nhello\r\n"),
        ("-}", "-}\r\nhello"),
        ("-}", ":86:a\r\n:86:b\r\n-}"),
        ("-}", ":61:2511241124C0,NTRFREF\r\n-}"),
    ],
)
def test_a_damaged_frame_is_malformed(old: str, new: str) -> None:
    assert old in WHOLE
    with pytest.raises(Malformed):
        parse(WHOLE.replace(old, new).encode())


def test_no_text_and_too_much_text_are_malformed() -> None:
    for data in (b"", b"\xff\xfe\x00", b"PK\x03\x04"):
        with pytest.raises(Malformed):
            parse(data)
    with pytest.raises(Malformed, match="at most"):
        parse(WHOLE.encode() + b" " * FILE_BYTES)


def test_payers_are_shown_neither_in_a_line_nor_in_an_error() -> None:
    assert "NGUYEN" not in repr(parse(WHOLE.encode()))
    with pytest.raises(Malformed) as caught:
        parse(WHOLE.replace(":86:LP", ":87:LP").encode())
    assert "NGUYEN" not in str(caught.value)


@given(st.binary(max_size=300))
def test_random_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        parse(data)


SEEDS = (WHOLE, "".join(PAGES))


@given(st.sampled_from(SEEDS), st.data())
def test_a_mutated_statement_still_adds_up_or_is_malformed(sample: str, data: st.DataObject) -> None:
    text = bytearray(sample.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text) - 1))
        cut = data.draw(st.integers(0, 3))
        text[at : at + cut] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b":", b"\n", b",", b"C", b"9"])
        )
    try:
        statement = parse(bytes(text))
    except Malformed:
        return
    assert statement.closing_vnd == statement.opening_vnd + sum(line.amount_vnd for line in statement.lines)
    assert list(range(1, len(statement.lines) + 1)) == [line.line_no for line in statement.lines]
