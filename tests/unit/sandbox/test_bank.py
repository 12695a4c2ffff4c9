"""The bank's ledger and its statements."""

import re
from datetime import UTC, date, datetime
from typing import Any

import requests
from hypothesis import given
from hypothesis import strategies as st

from sandbox.mt940 import Entry, Statement, render, swift_text

PUBLISHED = (
    "{1:F01BIDVVNVXAXXX0000000000}{2:I940GATEWAYXXXXN}{4:\r\n:20:251124STM0001\r\n:25:0123456789\r\n"
    ":28C:00328/001\r\n:60F:C251124VND1000000,\r\n:61:2511241124C180000,NTRFGW2511240001//FT25328001234\r\n"
    ":86:LP 000G17 251124 0001 CT TU 0011000000001 NGUYEN VAN A\r\n TOI 0123456789 UBND TEST\r\n"
    ":61:2511241124D50000,NCHGPHI//FT25328009999\r\n:86:PHI QUAN LY TAI KHOAN\r\n:62F:C251124VND1130000,\r\n-}"
)
MEMO = st.text(max_size=120) | st.text(alphabet="AB c:-đ\n", min_size=80, max_size=600)
TODAY = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
LATE_EVENING = datetime(2026, 11, 24, 17, 30, tzinfo=UTC)


def entry(
    amount_vnd: int,
    memo: str,
    reference: str = "GW2511240001",
    bank_reference: str = "FT25328001234",
    code: str = "NTRF",
) -> Any:
    return Entry(amount_vnd, code, reference, bank_reference, memo)


def test_a_statement_is_rendered_as_the_published_sample() -> None:
    memo = "LP 000G17 251124 0001 CT TU 0011000000001 NGUYEN VAN A\nTOI 0123456789 UBND TEST"
    entries = (
        entry(180_000, memo),
        entry(-50_000, "PHI QUAN LY TAI KHOAN", "PHI", "FT25328009999", "NCHG"),
    )
    assert PUBLISHED == render(Statement("970418", "0123456789", date(2025, 11, 24), 1_000_000, entries))


@given(st.lists(st.tuples(st.integers(1, 10**12), st.booleans(), MEMO), max_size=8))
def test_any_statement_adds_up_and_stays_within_swifts_lines(rows: Any) -> None:
    entries = tuple(entry(vnd if inward else -vnd, memo) for vnd, inward, memo in rows)
    text = render(Statement("970418", "0123456789", date(2026, 11, 24), 5_000, entries))
    signs = {"C": 1, "D": -1}
    opening, closing = (
        signs[mark] * int(vnd)
        for mark, vnd in re.findall(r"^:6[02]F:([CD])\d{6}VND(\d+),\r?$", text, re.MULTILINE)
    )
    moved = [
        signs[mark] * int(vnd) for mark, vnd in re.findall(r"^:61:\d{10}([CD])(\d+),N", text, re.MULTILINE)
    ]
    assert [vnd if inward else -vnd for vnd, inward, _ in rows] == moved
    assert closing == opening + sum(moved)
    assert all(len(line.removeprefix(":86:")) <= 65 for line in text.split("\r\n"))
    assert text.isascii()


def test_vietnamese_letters_lose_their_marks_and_nothing_else() -> None:
    assert "Le phi Dang ky dat dai, so 1/2" == swift_text("Lệ phí Đăng ký đất đai, số 1/2")


def test_a_reference_too_long_for_its_field_stands_in_the_memo_only() -> None:
    long = entry(1_000, "HB26112400010000007K LE PHI", reference="HB26112400010000007K")
    text = render(Statement("970418", "0123456789", date(2026, 11, 24), 0, (long,)))
    assert ":61:2611241124C1000,NTRFNONREF//FT25328001234\r\n:86:HB26112400010000007K LE PHI" in text


def test_an_account_in_debit_is_shown_as_debit() -> None:
    text = render(Statement("970418", "0123456789", date(2026, 11, 24), -500, (entry(200, "x"),)))
    assert (True, True) == (":60F:D261124VND500," in text, ":62F:D261124VND300," in text)


def statement(world: Any, on: str, account: str = "0123456789") -> Any:
    address = f"{world.urls['bank']}/statement"
    return requests.get(address, params={"account": account, "date": on}, timeout=5)


def test_paid_and_refunded_money_and_foreign_lines_stand_in_the_statement(
    setting: Any, listener: Any, control: Any, vnpay_at: Any, dvcqg_at: Any
) -> None:
    world = setting.start()
    vnpay, dvcqg = vnpay_at(world.urls["vnpay"]), dvcqg_at(world.urls["dvcqg"])
    _, created = vnpay.pay("GW0001", 180_000)
    vnpay.refund("GW0001", created, 30_000, "03")
    dvcqg.pay("GW0002", 20_000)
    line = {"account": "0123456789", "amount_vnd": 55_000, "memo": "Ủng hộ đồng bào"}
    assert 200 == control(world.urls["bank"], {"credit": line})
    answer = statement(world, f"{created[:4]}-{created[4:6]}-{created[6:8]}")
    text = answer.text
    assert "text/plain; charset=us-ascii" == answer.headers["Content-Type"]
    moved = re.findall(r":61:\d{10}([CD]\d+),NTRF([A-Z0-9]*)//FT\d{11}\r\n:86:(\S+)", text)
    assert [
        ("C180000", "GW0001", "GW0001"),
        ("D30000", "GW0001", "GW0001"),
        ("C20000", "GW0002", "GW0002"),
        ("C55000", "NONREF", "Ung"),
    ] == moved
    assert re.search(r":60F:C\d{6}VND1000000,", text)
    assert re.search(r":62F:C\d{6}VND1225000,", text)


def test_a_day_ends_at_midnight_in_vietnam_and_opens_with_what_the_last_closed(
    setting: Any, control: Any
) -> None:
    now = [TODAY]
    world = setting.start(clock=lambda: now[0])
    line = {"account": "0123456789", "amount_vnd": 1_000, "memo": "one"}
    control(world.urls["bank"], {"credit": line})
    now[0] = LATE_EVENING
    control(world.urls["bank"], {"debit": {**line, "amount_vnd": 400}})
    first, second = statement(world, "2026-11-24").text, statement(world, "2026-11-25").text
    assert (":60F:C261124VND1000000,", ":62F:C261124VND1001000,") == (
        re.findall(r":60F:.*", first)[0].strip(),
        re.findall(r":62F:.*", first)[0].strip(),
    )
    assert (":60F:C261125VND1001000,", ":62F:C261125VND1000600,") == (
        re.findall(r":60F:.*", second)[0].strip(),
        re.findall(r":62F:.*", second)[0].strip(),
    )


def test_an_empty_day_a_wrong_day_and_an_unknown_account(world: Any) -> None:
    empty = statement(world, "2020-02-29")
    assert (200, 0) == (empty.status_code, empty.text.count(":61:"))
    assert [400, 400, 404] == [
        statement(world, "2026-02-30").status_code,
        statement(world, "24/11/2026").status_code,
        statement(world, "2026-11-24", "999").status_code,
    ]


def test_a_line_that_cannot_be_is_refused(world: Any, control: Any) -> None:
    line = {"account": "0123456789", "amount_vnd": 1, "memo": ""}
    for wrong in ({"account": "9"}, {"amount_vnd": 0}, {"amount_vnd": 1.0}, {"memo": None}, {"on": "x"}):
        assert 400 == control(world.urls["bank"], {"credit": {**line, **wrong}}), wrong
    assert [400, 400] == [control(world.urls["bank"], order) for order in ([], {"credit": 1})]
