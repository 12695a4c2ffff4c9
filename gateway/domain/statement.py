"""A bank statement (sao kê) as the core sees it, whatever format it came in."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from gateway.domain.errors import Malformed


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One booking. `amount_vnd` is signed: money in is positive.

    `line_no` counts from 1 within the statement: two equal lines are two payments, and differ only in it.
    `raw` is the line as the bank wrote it.
    """

    line_no: int
    value_on: date
    booked_on: date | None
    amount_vnd: int
    bank_ref: str
    customer_ref: str
    memo: str = field(repr=False)
    raw: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of one account. Balances are signed VND; `number` is the bank's own."""

    account: str
    currency: str
    number: str
    opening_vnd: int
    opening_on: date
    closing_vnd: int
    closing_on: date
    lines: tuple[StatementLine, ...]

    @property
    def covers(self) -> tuple[date, date]:
        """The first and the last day that it tells everything of.

        Many banks date the opening balance with the evening before, so that the day of an earlier opening balance
        counts only when a line has it.
        """
        days = [line.value_on for line in self.lines] + [self.closing_on]
        if self.opening_on < self.closing_on:
            days.append(self.opening_on + timedelta(days=1))
        return min(days), max(days)


def check_sums(statement: Statement) -> None:
    """Raises `Malformed` when opening plus all lines is not closing: a line is missing or was changed."""
    total = statement.opening_vnd + sum(line.amount_vnd for line in statement.lines)
    if total != statement.closing_vnd:
        raise Malformed("The statement's opening balance and its lines do not add up to its closing balance.")
