"""Daily close (chốt sổ ngày): expected, received and booked must be equal to the đồng, with no line unexplained."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class DayClose:
    """The three sums of one account on one day, in VND."""

    day: date
    account: str
    expected_vnd: int
    received_vnd: int
    booked_vnd: int
    open_breaks: int

    @property
    def difference_vnd(self) -> int:
        """The widest distance between any two of the three sums."""
        sums = (self.expected_vnd, self.received_vnd, self.booked_vnd)
        return max(sums) - min(sums)

    @property
    def green(self) -> bool:
        return self.difference_vnd == 0 and self.open_breaks == 0
