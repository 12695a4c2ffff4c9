"""When a day is green, what a statement covers, and that no posting can lean to one side."""

from datetime import date

import pytest

from gateway.domain.close import DayClose, Red
from gateway.domain.errors import Malformed
from gateway.domain.ledger import Posting, move
from gateway.domain.statement import Statement, StatementLine, check_sums

DAY = date(2026, 11, 24)


def close(*sums: int, in_transit_vnd: int = 0, open_breaks: int = 0, covered: bool = True) -> DayClose:
    expected, received, booked = sums
    return DayClose(DAY, "0123456789", expected, received, booked, in_transit_vnd, open_breaks, covered)


@pytest.mark.parametrize(
    ("day", "reasons"),
    [
        (close(5, 5, 5), ()),
        (close(0, 0, 0), ()),
        (close(0, 0, 0, covered=False), (Red.NO_STATEMENT,)),
        (close(5, 4, 5), (Red.SUMS_DIFFER,)),
        (close(5, 5, 4), (Red.SUMS_DIFFER,)),
        (close(4, 5, 5), (Red.SUMS_DIFFER,)),
        (close(5, 5, 5, in_transit_vnd=5, open_breaks=2), (Red.IN_TRANSIT, Red.OPEN_BREAKS)),
        (close(5, 5, 5, open_breaks=1), (Red.OPEN_BREAKS,)),
    ],
)
def test_a_day_is_green_when_nothing_speaks_against_it(day: DayClose, reasons: tuple[Red, ...]) -> None:
    assert (reasons, not reasons) == (day.reasons, day.green)


def test_the_difference_is_the_widest_of_the_three() -> None:
    assert [3, 3, 3] == [close(*sums).difference_vnd for sums in ((1, 4, 2), (4, 2, 1), (2, 1, 4))]


def statement(opening_on: date, closing_on: date, *days: date, closing_vnd: int | None = None) -> Statement:
    lines = tuple(StatementLine(n, on, on, 5, "", "", "", "") for n, on in enumerate(days, 1))
    closing_vnd = 5 * len(lines) if closing_vnd is None else closing_vnd
    return Statement("0123456789", "VND", "1", 0, opening_on, closing_vnd, closing_on, lines)


@pytest.mark.parametrize(
    ("made", "covers"),
    [
        (statement(DAY, DAY), (24, 24)),
        (statement(DAY, DAY, DAY), (24, 24)),
        (statement(date(2026, 11, 23), DAY), (24, 24)),
        (statement(date(2026, 11, 20), DAY, date(2026, 11, 22)), (21, 24)),
        (statement(date(2026, 11, 20), DAY, date(2026, 11, 20)), (20, 24)),
        (statement(DAY, DAY, date(2026, 11, 25)), (24, 25)),
    ],
)
def test_a_statement_covers_the_days_behind_its_opening_balance_up_to_the_closing_one(
    made: Statement, covers: tuple[int, int]
) -> None:
    assert covers == tuple(each.day for each in made.covers)


def test_a_statement_whose_lines_do_not_add_up_is_refused() -> None:
    check_sums(statement(DAY, DAY, DAY, DAY, closing_vnd=10))
    with pytest.raises(Malformed, match="add up"):
        check_sums(statement(DAY, DAY, DAY, DAY, closing_vnd=5))


def test_a_move_debits_one_account_and_credits_the_other_with_the_same_sum() -> None:
    assert (Posting("a", 5, 0), Posting("b", 0, 5)) == move("a", "b", 5)


@pytest.mark.parametrize("amount_vnd", [0, -1])
def test_a_move_of_nothing_or_less_is_refused(amount_vnd: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        move("a", "b", amount_vnd)
