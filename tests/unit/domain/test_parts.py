"""Part payments: how much is left, and which lines it is made of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.parts import left_lines, left_vnd

FEE = {"code": "A", "kind": "phi", "amount_vnd": 50_000}
CHARGE = {"code": "B", "kind": "le_phi", "amount_vnd": 30_000}
POSTAGE = {"code": "C", "kind": "postage", "amount_vnd": 20_000}
LINES = [FEE, CHARGE, POSTAGE]


@pytest.mark.parametrize(
    ("amount_vnd", "paid_vnd", "refunded_vnd", "left"),
    [
        (100_000, 0, 0, 100_000),
        (100_000, 40_000, 0, 60_000),
        (100_000, 99_999, 0, 1),
        (100_000, 100_000, 0, 0),
        (100_000, 150_000, 0, 0),
        (100_000, 100_000, 30_000, 30_000),
        (100_000, 150_000, 50_000, 0),
    ],
)
def test_what_is_left_is_the_sum_without_what_came_and_was_not_given_back(
    amount_vnd: int, paid_vnd: int, refunded_vnd: int, left: int
) -> None:
    assert left == left_vnd(amount_vnd, paid_vnd, refunded_vnd)


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (100_000, LINES),
        (60_000, [{**FEE, "amount_vnd": 10_000}, CHARGE, POSTAGE]),
        (50_000, [CHARGE, POSTAGE]),
        (20_001, [{**CHARGE, "amount_vnd": 1}, POSTAGE]),
        (20_000, [POSTAGE]),
        (1, [{**POSTAGE, "amount_vnd": 1}]),
        (0, []),
    ],
)
def test_money_counts_towards_the_first_lines_so_the_last_ones_are_left(
    left: int, expected: list[dict[str, object]]
) -> None:
    assert expected == left_lines(LINES, left)


def test_a_line_of_nothing_is_never_asked_for() -> None:
    assert [FEE] == left_lines([FEE, {**CHARGE, "amount_vnd": 0}], 50_000)


def test_the_lines_that_are_given_stay_as_they_are() -> None:
    lines = [dict(each) for each in LINES]
    left_lines(lines, 60_000)
    assert LINES == lines


@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=6).flatmap(
        lambda v: st.tuples(st.just(v), st.integers(0, sum(v)))
    )
)
def test_what_is_left_of_the_lines_sums_up_to_what_is_left(drawn: tuple[list[int], int]) -> None:
    amounts, left = drawn
    kept = left_lines([{"amount_vnd": each} for each in amounts], left)
    assert left == sum(line["amount_vnd"] for line in kept)
    assert all(line["amount_vnd"] > 0 for line in kept)
