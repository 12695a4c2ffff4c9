"""Our calendar beside the `holidays` library, day by day; each difference must be explained here, and be there.

`python -m tests.shows calendar` prints each day that either of them declares.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from gateway import calendars
from gateway.domain.workdays import DayKind, Timetable

FILE = Path("gateway/data/calendar.json")
WEEKDAYS = ("Hai", "Ba", "Tư", "Năm", "Sáu", "Bảy", "CN")
SATURDAY = 5

MAKE_UP = (
    "làm bù thay cho {0}: thư viện chỉ nêu trong tên của ngày được nghỉ / "
    "worked instead of {0}: the library says so only in the name of that day off"
)
EXPLAINED: Mapping[date, str] = {
    date(2024, 5, 4): MAKE_UP.format("29/04/2024"),
    date(2025, 2, 1): (
        "văn bản 8726/VPCP-KGVX tính năm ngày Tết từ 27 đến 31/01, thư viện thêm mùng bốn; thứ Bảy, vẫn nghỉ / "
        "the letter counts five days from 27 to 31/01, the library one more; a Saturday, so nothing changes"
    ),
    date(2025, 4, 26): MAKE_UP.format("02/05/2025"),
    date(2026, 1, 2): (
        "hoán đổi với 10/01/2026 theo văn bản 12729/VPCP-KGVX ngày 25/12/2025: thư viện chưa có / "
        "swapped with 10/01/2026 by a letter of 25/12/2025 that the library lacks"
    ),
    date(2026, 1, 10): (
        "làm bù thay cho 02/01/2026 theo cùng văn bản: thư viện chưa có / "
        "worked instead of 02/01/2026 by the same letter"
    ),
    date(2026, 8, 22): MAKE_UP.format("31/08/2026"),
}
"""Why our calendar says something else of a day."""


@dataclass(frozen=True, slots=True)
class Row:
    """A day that either calendar declares: what each says of it, and whether they differ."""

    on: date
    ours: str
    theirs: str
    differs: bool
    sure: bool


def compared(timetable: Timetable, library: Mapping[date, str]) -> Iterator[Row]:
    """Each day of our calendar that either declares. They differ in what is worked, or what is a day off by name.

    `library`: its days off by name. A swapped day that both have must have the same pair.
    """
    known = timetable.calendar
    for number in range((known.to_on - known.from_on).days + 1):
        on = known.from_on + timedelta(days=number)
        mine, theirs = known.days.get(on), library.get(on, "")
        if mine is None and not theirs:
            continue
        ours = "" if mine is None else mine.name.vi
        off = mine is not None and mine.kind is not DayKind.MAKE_UP
        rests = not timetable.is_working(on)
        differs = rests != (bool(theirs) or on.weekday() >= SATURDAY) or off != bool(theirs)
        if off and mine.kind is DayKind.SWAPPED and theirs:
            differs = re.findall(r"\d\d/\d\d/\d{4}", theirs) != [f"{mine.pair:%d/%m/%Y}"]
        yield Row(on, ours, theirs, differs, sure=mine is None or mine.sure)


def told(rows: Sequence[Row], explained: Mapping[date, str] = EXPLAINED) -> tuple[list[str], int]:
    """The table, and how many differences have no explanation, or explanations no difference."""
    lines, wrong = [], 0
    for row in rows:
        lines.append(
            f"{row.on:%d/%m/%Y} {WEEKDAYS[row.on.weekday()]:>4}  {'≠' if row.differs else '='}  "
            f"{row.ours or '–':<57} {row.theirs or '–'}{'' if row.sure else '  (dự kiến / expected)'}"
        )
        if row.differs:
            lines.append(f"{'':21}{explained.get(row.on, 'CHƯA GIẢI THÍCH / NOT EXPLAINED')}")
            wrong += row.on not in explained
    for on in sorted(set(explained) - {row.on for row in rows if row.differs}):
        lines.append(f"{on:%d/%m/%Y}: KHÔNG CÒN KHÁC / NO DIFFERENCE ANY MORE")
        wrong += 1
    different = sum(row.differs for row in rows)
    lines.append(
        f"{len(rows)} ngày, {different} khác, {wrong} chưa giải thích / "
        f"{len(rows)} days, {different} different, {wrong} not explained"
    )
    return lines, wrong


def rows() -> list[Row]:
    """Our file beside the library that is installed."""
    import holidays  # noqa: PLC0415 - of the development environment only

    calendar = calendars.read(json.loads(FILE.read_text(encoding="utf-8")))
    years = range(calendar.from_on.year, calendar.to_on.year + 1)
    return list(compared(calendar.of("H28"), holidays.country_holidays("VN", years=years, language="vi")))


def main(_: Sequence[str] = ()) -> int:
    lines, wrong = told(rows())
    sys.stdout.write("\n".join([*lines, ""]))
    return 1 if wrong else 0
