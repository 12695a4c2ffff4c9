"""Daily close (chốt sổ ngày): what was expected of a day, what was received of it and what is booked of it.

One account, one day in Việt Nam, sums in VND:

* expected: the money of the day's successes, one for each report of a provider that counted;
* received: the lines of whatever day that were matched with those successes, and the lines of the day itself that
  nothing explains (signed: a debit that nothing explains makes it less). A line that a refund explains is in neither;
* booked: what the ledger has on the bank's side for the lines that make up received;
* in transit: the part of expected that no line has shown yet. Money paid at 23:59 may come with the next day's value
  date: its own day is red while it is in transit, and green once it is matched;
* open breaks: lines of the day that nothing explains or nobody looked at, and successes in transit, counted.

Green is: expected, received and booked are equal to the đồng, nothing is in transit, nothing is open, and a statement
covers the day. A day that no statement covers is red, also when nothing is known of it: nobody has looked.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Red(StrEnum):
    """Why a day is not green."""

    NO_STATEMENT = "no_statement"
    SUMS_DIFFER = "sums_differ"
    IN_TRANSIT = "in_transit"
    OPEN_BREAKS = "open_breaks"


@dataclass(frozen=True, slots=True)
class DayClose:
    """The sums of one account on one day, in VND; `covered`: a statement of the account covers the day."""

    day: date
    account: str
    expected_vnd: int
    received_vnd: int
    booked_vnd: int
    in_transit_vnd: int
    open_breaks: int
    covered: bool

    @property
    def difference_vnd(self) -> int:
        """The widest distance between any two of expected, received and booked."""
        sums = (self.expected_vnd, self.received_vnd, self.booked_vnd)
        return max(sums) - min(sums)

    @property
    def reasons(self) -> tuple[Red, ...]:
        """Why the day is red; nothing when it is green."""
        told = {
            Red.NO_STATEMENT: not self.covered,
            Red.SUMS_DIFFER: self.difference_vnd != 0,
            Red.IN_TRANSIT: self.in_transit_vnd != 0,
            Red.OPEN_BREAKS: self.open_breaks != 0,
        }
        return tuple(red for red, holds in told.items() if holds)

    @property
    def green(self) -> bool:
        return not self.reasons
