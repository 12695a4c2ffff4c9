"""Fee rules: each line tells how it came to its sum, and can be computed again by its reader."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.answers import Condition
from gateway.domain.errors import Malformed
from gateway.domain.fees import (
    Asked,
    Channel,
    FeeKind,
    FeeRule,
    Period,
    Quantity,
    Reduction,
    charges,
)

HALF = Reduction(
    "tt64-2025",
    "giảm 50 % đến hết 31/12/2026",
    percent=50,
    legal_basis="Thông tư 64/2025/TT-BTC",
    automatic=True,
    period=Period(date(2025, 7, 1), date(2026, 12, 31)),
)
FREE_ONLINE = Reduction(
    "tt117-2026",
    "miễn khi nộp trực tuyến",
    percent=0,
    automatic=True,
    channels=(Channel.ONLINE,),
    period=Period(date(2026, 8, 15), date(2027, 2, 28)),
)
STUDENT = Reduction("student", "Sinh viên", amount_vnd=100_000, evidence="the-sinh-vien")
RULE = FeeRule(FeeKind.LE_PHI, "L1", "Lệ phí", 200_000, date(2021, 1, 1), None, "Thông tư 25/2021/TT-BTC")
TODAY = date(2026, 11, 24)


def owed(rule: FeeRule, asked: Asked) -> int:
    (charge,) = charges([rule], asked)
    return charge.amount_vnd


@pytest.mark.parametrize(
    ("on", "expected"),
    [
        (date(2025, 6, 30), 200_000),
        (date(2025, 7, 1), 100_000),
        (date(2026, 12, 31), 100_000),
        (date(2027, 1, 1), 200_000),
    ],
)
def test_half_fees_hold_from_their_first_day_to_their_last(on: date, expected: int) -> None:
    assert expected == owed(replace(RULE, reductions=(HALF,)), Asked(on))


def test_what_the_law_gives_to_everybody_is_taken_of_what_ones_own_reduction_leaves() -> None:
    rule = replace(RULE, reductions=(STUDENT, HALF))
    (charge,) = charges([rule], Asked(TODAY, reduction="student"))
    assert 50_000 == charge.amount_vnd
    assert 200_000 == charge.full_vnd
    assert [
        ("Mức thu 200.000 đ", 200_000, "Thông tư 25/2021/TT-BTC"),
        ("Giảm còn 100.000 đ: Sinh viên", 100_000, ""),
        ("Giảm còn 50.000 đ (50 %): giảm 50 % đến hết 31/12/2026", 50_000, "Thông tư 64/2025/TT-BTC"),
    ] == [(step.vi, step.amount_vnd, step.legal_basis) for step in charge.steps]


def test_of_what_everybody_is_given_the_lowest_counts_and_they_never_add_up() -> None:
    rule = replace(RULE, reductions=(HALF, FREE_ONLINE))
    assert 0 == owed(rule, Asked(TODAY, Channel.ONLINE))
    assert 100_000 == owed(rule, Asked(TODAY, Channel.COUNTER))
    (charge,) = charges([rule], Asked(TODAY, Channel.ONLINE))
    assert "Miễn: miễn khi nộp trực tuyến" == charge.steps[-1].vi


def test_each_channel_has_its_own_line() -> None:
    counter = replace(RULE, amount_vnd=20_000, channels=(Channel.COUNTER, Channel.POST))
    online = replace(RULE, amount_vnd=10_000, channels=(Channel.ONLINE,))
    sums = {
        channel: [each.amount_vnd for each in charges([counter, online], Asked(TODAY, channel))]
        for channel in Channel
    }
    assert {Channel.COUNTER: [20_000], Channel.ONLINE: [10_000], Channel.POST: [20_000]} == sums


def test_a_line_is_owed_only_where_an_answer_says_so() -> None:
    new = replace(RULE, code="HC-01", only_if=Condition("truong-hop", ("moi",)))
    lost = replace(RULE, code="HC-02", amount_vnd=400_000, only_if=Condition("truong-hop", ("mat",)))
    found = charges([new, lost], Asked(TODAY, answers={"truong-hop": "mat"}))
    assert ["HC-02"] == [each.code for each in found]
    assert () == charges([new, lost], Asked(TODAY, answers={}))


def test_copies_are_counted_and_the_first_ones_may_be_free() -> None:
    rule = replace(RULE, amount_vnd=8_000, quantity=Quantity("so-ban", "bản", free=1))
    (charge,) = charges([rule], Asked(TODAY, answers={"so-ban": 4}))
    assert 24_000 == charge.amount_vnd
    assert 24_000 == charge.full_vnd
    assert "Nhân 3 bản, 1 bản đầu không thu" == charge.steps[-1].vi
    assert 0 == owed(rule, Asked(TODAY, answers={"so-ban": 1}))


@pytest.mark.parametrize("given_", [None, 0, -1, True, "3", 1_001, 2.0])
def test_a_count_that_is_no_whole_number_is_refused(given_: object) -> None:
    rule = replace(RULE, quantity=Quantity("so-ban", "bản"))
    with pytest.raises(Malformed, match="so-ban must be a whole number from 1 to 1000"):
        charges([rule], Asked(TODAY, answers={"so-ban": given_}))


def test_a_fee_that_is_not_in_dong_is_refused_in_words() -> None:
    rule = replace(RULE, amount_vnd=10, currency="USD")
    with pytest.raises(Malformed, match="10 USD; only Vietnamese đồng are collected here"):
        charges([rule], Asked(TODAY))


@pytest.mark.parametrize("reduction", ["teacher", "tt64-2025", ""])
def test_a_reduction_that_nobody_can_ask_for_is_refused(reduction: str) -> None:
    rule = replace(RULE, reductions=(STUDENT, HALF))
    with pytest.raises(Malformed, match="no fee rule in force knows"):
        charges([rule], Asked(TODAY, reduction=reduction))


def test_a_reduction_is_not_known_before_its_period() -> None:
    later = replace(STUDENT, period=Period(date(2027, 1, 1), None))
    with pytest.raises(Malformed):
        charges([replace(RULE, reductions=(later,))], Asked(TODAY, reduction="student"))


def test_a_sum_is_rounded_last_and_says_so() -> None:
    rule = replace(RULE, amount_vnd=12_345, round_to_vnd=500, reductions=(HALF,))
    (charge,) = charges([rule], Asked(TODAY))
    assert 6_000 == charge.amount_vnd
    assert ("Làm tròn đến 500 đ: 6.000 đ", 6_000) == (charge.steps[-1].vi, charge.steps[-1].amount_vnd)


@pytest.mark.parametrize(("amount_vnd", "percent"), [(None, None), (1, 50), (None, 101), (None, -1)])
def test_a_reduction_is_an_amount_or_a_percentage(amount_vnd: int | None, percent: int | None) -> None:
    with pytest.raises(ValueError, match="reduction x"):
        Reduction("x", "x", amount_vnd=amount_vnd, percent=percent)


@given(
    st.integers(0, 10**9),
    st.integers(0, 100),
    st.integers(1, 50),
    st.sampled_from([1, 100, 500, 1_000]),
)
def test_the_steps_of_a_line_end_in_its_sum_and_no_reduction_adds(
    amount_vnd: int, percent: int, times: int, to_vnd: int
) -> None:
    rule = replace(
        RULE,
        amount_vnd=amount_vnd,
        quantity=Quantity("n", "bản"),
        round_to_vnd=to_vnd,
        reductions=(replace(HALF, percent=percent),),
    )
    (charge,) = charges([rule], Asked(TODAY, answers={"n": times}))
    exact = amount_vnd * times * percent / 100
    assert charge.amount_vnd == charge.steps[-1].amount_vnd
    assert 0 == charge.amount_vnd % to_vnd
    assert abs(charge.amount_vnd - exact) <= to_vnd / 2 + 0.5
