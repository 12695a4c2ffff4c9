"""Figures of how cases went, by agency, field and month, with the formulas of the set of indexes of QĐ 766/QĐ-TTg.

As `specs/case.md` B4 has them:

* a case ended when it was processed (9), or else handed over (10), or else stopped or refused (8, 3);
* on time: its end, less the time of supplements, is not after its due date; asked for a supplement more than once and
  not ended: late;
* online payment: paid online (DuocThanhToanTrucTuyen 1 or 2), of the cases of procedures with a fee, without those
  whose every price is 0;
* online: handed in online (KenhThucHien 2; none given means the counter) and the result is there electronically.

What the set does not say and we chose: early is on time on a day before the due day; an open case past its due date is
late; a withdrawn one (7) and one without a due date are neither on time nor late; a case counts as paid online only
where it counts at all.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.domain.workdays import NONE, WHOLE_PERCENT, Source, day_of

ONLINE: Final = 2
"""KenhThucHien."""
PAID_ONLINE: Final = frozenset({1, 2})
"""DuocThanhToanTrucTuyen: at the national platform, or at a ministry's or province's gateway."""
_CENT: Final = Decimal("0.01")
SET: Final = "QĐ 766/QĐ-TTg"
FORMULAS: Final[Mapping[str, Source]] = {
    "received": Source(
        "Hồ sơ có NgayTiepNhan trong tháng",
        "Cases whose NgayTiepNhan lies in the month",
    ),
    "finished_early": Source(
        "Kết thúc trong tháng, vào một ngày trước ngày của NgayHenTra",
        "Ended in the month, on a day before that of NgayHenTra",
    ),
    "finished_in_time": Source(
        "Kết thúc trong tháng, vào ngày hẹn, không sau NgayHenTra",
        "Ended in the month, on the due day and not after NgayHenTra",
    ),
    "finished_late": Source("Kết thúc trong tháng, sau NgayHenTra", "Ended in the month, after NgayHenTra"),
    "finished_undated": Source(
        "Từ chối hoặc dừng trong tháng khi chưa có NgayHenTra",
        "Refused or stopped in the month before there was a NgayHenTra",
    ),
    "withdrawn": Source("Công dân rút trong tháng (trạng thái 7)", "Withdrawn in the month (state 7)"),
    "in_process_in_time": Source(
        "Chưa kết thúc, chưa quá NgayHenTra", "Not ended, and NgayHenTra not passed"
    ),
    "in_process_late": Source(
        "Chưa kết thúc, đã quá NgayHenTra hoặc đã yêu cầu bổ sung quá một lần",
        "Not ended, and NgayHenTra passed or a supplement asked for more than once",
    ),
    "in_process_waiting": Source(
        "Chưa kết thúc, chờ tiếp nhận hoặc chờ công dân (trạng thái 1, 5, 6)",
        "Not ended, waiting for the reception or for the citizen (states 1, 5, 6)",
    ),
    "supplements_repeated": Source("Yêu cầu bổ sung quá một lần", "A supplement asked for more than once"),
    "on_time": Source(
        "Kết thúc đúng hạn / (kết thúc đúng hạn + quá hạn)", "Ended on time / (ended on time + late)"
    ),
    "online": Source(
        "KenhThucHien = 2 và có kết quả điện tử / tất cả hồ sơ được tính",
        "KenhThucHien = 2 with an electronic result / all cases that are counted",
    ),
    "paid_online": Source(
        "DuocThanhToanTrucTuyen 1 hoặc 2 / (hồ sơ có phí, lệ phí − hồ sơ mà mọi Gia đều bằng 0)",
        "DuocThanhToanTrucTuyen 1 or 2 / (cases with a fee − those whose every Gia is 0)",
    ),
}
"""What each figure counts, in the words of the National portal's message (`specs/case.md` B4)."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case as it counts: no name, no code. Names of the National portal's message stand beside.

    `due_at` NgayHenTra. `processed_at` state 9, `returned_at` state 10, `stopped_at` state 8 or 3. `supplement_time` is
    what is to be subtracted: none where `due_at` has been moved already. `supplements`: how often it was asked for.
    `channel` KenhThucHien; `paid_how` DuocThanhToanTrucTuyen; `prices_vnd` each `Gia`; `has_result_link`: a
    DuongDanTepTinKetQua was sent.
    """

    agency: str
    field: str
    received_at: datetime
    due_at: datetime | None
    processed_at: datetime | None = None
    returned_at: datetime | None = None
    stopped_at: datetime | None = None
    withdrawn_at: datetime | None = None
    supplement_time: timedelta = NONE
    supplements: int = 0
    channel: int | None = None
    paid_how: int | None = None
    has_fee: bool = False
    prices_vnd: tuple[int, ...] = ()
    has_result_link: bool = False

    @property
    def ended_at(self) -> datetime | None:
        return self.processed_at or self.returned_at or self.stopped_at


class Outcome(StrEnum):
    """How a case counts."""

    ON_TIME = "on_time"
    LATE = "late"
    OPEN = "open"
    WITHDRAWN = "withdrawn"
    UNKNOWN = "unknown"


def outcome(row: CaseRow, as_of: datetime) -> Outcome:
    """How a case counts, its row being as it stood at `as_of`."""
    ended_at = row.ended_at
    if ended_at is None and row.withdrawn_at is not None:
        return Outcome.WITHDRAWN
    if ended_at is None and row.supplements > 1:
        return Outcome.LATE
    if row.due_at is None:
        return Outcome.UNKNOWN
    if (ended_at or as_of) - row.supplement_time > row.due_at:
        return Outcome.LATE
    return Outcome.OPEN if ended_at is None else Outcome.ON_TIME


def is_early(row: CaseRow) -> bool:
    """Whether a case ended on time, on a day before the one when it was due."""
    ended_at = row.ended_at
    if ended_at is None or row.due_at is None:
        return False
    return day_of(ended_at - row.supplement_time) < day_of(row.due_at)


class Grade(StrEnum):
    """Where a share stands to the thresholds of 80 and 50 percent."""

    FULL = "full"
    HALF = "half"
    BELOW = "below"


class Thresholds(NamedTuple):
    """In percent; what reaches one has its grade."""

    full: int = 80
    half: int = 50


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    part: int
    whole: int

    @property
    def percent(self) -> Decimal | None:
        """To two places, half up; None of nothing."""
        if self.whole == 0:
            return None
        return (Decimal(self.part * WHOLE_PERCENT) / self.whole).quantize(_CENT, ROUND_HALF_UP)

    def grade(self, thresholds: Thresholds = Thresholds()) -> Grade | None:  # noqa: B008 - a constant
        """By the exact share, not by the rounded one; None of nothing."""
        if self.whole == 0:
            return None
        reached = self.part * WHOLE_PERCENT
        if reached >= thresholds.full * self.whole:
            return Grade.FULL
        return Grade.HALF if reached >= thresholds.half * self.whole else Grade.BELOW


@dataclass(frozen=True, slots=True)
class Figures:
    """Of some cases: how many, how they came out, and the three shares."""

    cases: int
    outcomes: Mapping[Outcome, int]
    on_time: Share
    online: Share
    paid_online: Share


class Group(NamedTuple):
    """`month` as in `2026-11`."""

    agency: str
    field: str
    month: str


class MonthOf(StrEnum):
    """The month in Việt Nam that a case counts in: of its end (an open one: of the day asked), or of its receipt."""

    END = "end"
    RECEIPT = "receipt"


def figures(rows: Iterable[CaseRow], as_of: datetime) -> Figures:
    """The figures of all `rows` together, at `as_of`."""
    cases = tuple(rows)
    outcomes = dict.fromkeys(Outcome, 0)
    for row in cases:
        outcomes[outcome(row, as_of)] += 1
    owed = [row for row in cases if row.has_fee and not (row.prices_vnd and not any(row.prices_vnd))]
    decided = outcomes[Outcome.ON_TIME] + outcomes[Outcome.LATE]
    return Figures(
        cases=len(cases),
        outcomes=outcomes,
        on_time=Share(outcomes[Outcome.ON_TIME], decided),
        online=Share(_count(cases, lambda row: row.channel == ONLINE and row.has_result_link), len(cases)),
        paid_online=Share(_count(owed, lambda row: row.paid_how in PAID_ONLINE), len(owed)),
    )


def _count(rows: Iterable[CaseRow], holds: Callable[[CaseRow], bool]) -> int:
    return sum(map(holds, rows))


def by_group(
    rows: Iterable[CaseRow], as_of: datetime, month_of: MonthOf = MonthOf.END
) -> Mapping[Group, Figures]:
    """The figures of each agency, field and month, in this order."""
    groups: defaultdict[Group, list[CaseRow]] = defaultdict(list)
    for row in rows:
        at = row.received_at if month_of is MonthOf.RECEIPT else row.ended_at or row.withdrawn_at or as_of
        groups[Group(row.agency, row.field, f"{day_of(at):%Y-%m}")].append(row)
    return {group: figures(groups[group], as_of) for group in sorted(groups)}
