"""How long what is known of people is kept, and what is left of a case when its person is forgotten.

Luật Bảo vệ dữ liệu cá nhân 91/2025/QH15 and NĐ 356/2025/NĐ-CP: no longer than the purpose needs; Luật Lưu trữ 33/2024
and Luật Kế toán 88/2015 (điều 41) ask for some of it longer. None of them names one period for all cases, so each
period is a setting, and a procedure may name its own (`keep_months`).
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from gateway.domain.leaf import OPEN_DATA


class Waits(StrEnum):
    """Why a case whose time is over is kept all the same."""

    HELD = "held"
    OWED = "owed"
    UNCLEAR = "unclear"
    REFUNDING = "refunding"
    DELIVERING = "delivering"
    UNISSUED = "unissued"
    UNTOLD = "untold"
    UNSEALED = "unsealed"


@dataclass(frozen=True, slots=True)
class Periods:
    """In months: of a case from its end, of accounts from the end of their year, of a message from its day."""

    case_months: int
    account_months: int
    message_months: int


def months_before(at: datetime, months: int) -> datetime:
    """The same day and time so many months earlier, or the last day of a shorter month."""
    year, month = divmod(at.year * 12 + at.month - 1 - months, 12)
    return at.replace(year=year, month=month + 1, day=min(at.day, monthrange(year, month + 1)[1]))


def are_accounts_over(last_at: datetime, now: datetime, months: int) -> bool:
    """Whether so many months have passed since the year of `last_at` ended; both in Vietnam's time.

    NĐ 174/2016/NĐ-CP (điều 15): the time counts from the end of the year of the accounts.
    """
    return last_at.year < months_before(now, months).year


KEPT: Final = OPEN_DATA | {"document", "form", "number", "receipt_number", "scan", "what"}
KEPT_ENDINGS: Final = ("_at", "_id", "_on", "_sha256", "_vnd", "sha256")
KEPT_IN_LISTS: Final = frozenset({"code", "sha256"})


def left_of(data: Mapping[str, object]) -> dict[str, object]:
    """What stays of an event's data: states, codes, sums, times and hashes; of lists the codes and hashes.

    Everything that is not known to be one of these goes, what comes with later releases too.
    """
    left: dict[str, object] = {}
    for name, value in data.items():
        if isinstance(value, list) and name not in OPEN_DATA:
            left[name] = [
                {key: each[key] for key in each if key in KEPT_IN_LISTS}
                for each in value
                if isinstance(each, Mapping)
            ]
        elif name in KEPT or name.endswith(KEPT_ENDINGS):
            left[name] = value
    return left
