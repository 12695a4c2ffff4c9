from dataclasses import replace
from datetime import UTC, datetime

import pytest

from gateway.domain.errors import Malformed
from gateway.domain.money import LARGEST_VND
from gateway.ports import (
    FeeLine,
    IssuedReceipt,
    Payer,
    PayForm,
    ReceiptOrder,
    ReceiptSeries,
    Standing,
)

SERIES = ReceiptSeries("5400000000", "01BLP0-001", "AA-26E")
FEE = FeeLine("phi", "P01", "Phí thẩm định", 150_000)
CHARGE = FeeLine("le_phi", "LP01", "Lệ phí", 30_000)
ORDER = ReceiptOrder(
    key="rct_0001_00",
    series=SERIES,
    lines=(FEE, CHARGE),
    payer=Payer("Nguyễn Văn A"),
    collector_name="Sở Xây dựng",
    case_code="H28-261124-0001",
    form=PayForm.CASH,
    issued_at=datetime(2026, 11, 24, tzinfo=UTC),
)


def test_the_sum_of_a_receipt_is_that_of_its_lines_in_digits_and_in_words() -> None:
    assert (180_000, "Một trăm tám mươi nghìn đồng") == (ORDER.amount_vnd, ORDER.amount_in_words)


def test_postage_never_stands_on_a_receipt_of_the_state() -> None:
    postage = FeeLine("postage", "EMS", "Cước chuyển phát", 25_000)
    for lines in ((postage,), (FEE, postage)):
        with pytest.raises(Malformed, match="phi or le_phi"):
            replace(ORDER, lines=lines)


@pytest.mark.parametrize("kind", ["", "fee", "PHI", "lephi"])
def test_a_line_is_a_fee_or_a_charge_and_nothing_else(kind: str) -> None:
    with pytest.raises(Malformed):
        replace(ORDER, lines=(replace(FEE, kind=kind),))


def test_a_receipt_has_lines_but_not_too_many() -> None:
    assert 50 == len(replace(ORDER, lines=(FEE,) * 50).lines)
    for lines in ((), (FEE,) * 51):
        with pytest.raises(Malformed):
            replace(ORDER, lines=lines)


def test_sums_are_above_nothing_and_can_be_written_in_words() -> None:
    assert replace(ORDER, lines=(replace(FEE, amount_vnd=LARGEST_VND),)).amount_in_words
    for amount in (0, -1, LARGEST_VND + 1):
        with pytest.raises(Malformed):
            replace(ORDER, lines=(replace(FEE, amount_vnd=amount),))
    with pytest.raises(Malformed):
        replace(ORDER, lines=(FEE, replace(FEE, amount_vnd=LARGEST_VND)))


@pytest.mark.parametrize(
    "key", ["", "x" * 9, "x" * 37, "rct 0001 00", "rct.0001.00", "rct,0001,00", "rct_ngọc_00"]
)
def test_a_key_is_one_that_every_provider_takes(key: str) -> None:
    for known in ("x" * 10, "x" * 36, "A-b_9-----"):
        assert known == replace(ORDER, key=known).key
    with pytest.raises(Malformed):
        replace(ORDER, key=key)


def test_the_moment_of_a_receipt_has_a_zone() -> None:
    with pytest.raises(Malformed):
        replace(ORDER, issued_at=datetime(2026, 11, 24))  # noqa: DTZ001 - what is refused


@pytest.mark.parametrize(
    "parts",
    [
        ("540000000", "01BLP0-001", "AA-26E"),
        ("5400000000-01", "01BLP0-001", "AA-26E"),
        ("٥٤٠٠٠٠٠٠٠٠", "01BLP0-001", "AA-26E"),
        ("5400000000", "", "AA-26E"),
        ("5400000000", "01BLP0;001", "AA-26E"),
        ("5400000000", "01BLP0-001", ""),
        ("5400000000", "01BLP0-001", "AA_26E"),
        ("5400000000", "01BLP0-001", "aa-26e"),
        ("5400000000", "01BLP0-001", "AA-26E\n"),
    ],
)
def test_a_series_is_a_tax_code_a_form_and_a_sign(parts: tuple[str, str, str]) -> None:
    assert ReceiptSeries("5400000000-001", "01BLP0-001", "AA-26E")
    assert ReceiptSeries("001099000001", "02BLP0-001", "AA/26E")
    with pytest.raises(Malformed):
        ReceiptSeries(*parts)


@pytest.mark.parametrize(
    "number", ["", "1", "000001", "0000000", "00000000", "123456789", "000000x", "٠٠٠٠٠٠١"]
)
def test_a_number_has_seven_digits_or_eight(number: str) -> None:
    for known in ("0000001", "99999999"):
        assert Standing.HOLDS == IssuedReceipt("rct_0001_00", SERIES, known).standing
    with pytest.raises(Malformed):
        IssuedReceipt("rct_0001_00", SERIES, number)
