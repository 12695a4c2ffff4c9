"""The calendar file is read whole or refused, with the entry and the reason; ours holds the law's days."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from gateway import calendars
from gateway.domain.errors import Misconfigured
from gateway.domain.workdays import DayKind
from tests.unit.sample_times import calendar, file

Change = Callable[[dict[str, Any]], Any]


def day(data: dict[str, Any], on: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in data["days"] if each["on"] == on)
    return found


def swapped_on_a_sunday(data: dict[str, Any]) -> None:
    day(data, "2026-08-22").update(pair="2026-08-30")
    day(data, "2026-08-31").update(on="2026-08-30")


def without(data: dict[str, Any], on: str) -> None:
    data["days"] = [each for each in data["days"] if each["on"] != on]


BAD: list[tuple[str, Change, str]] = [
    ("a double", lambda d: d["days"].append(dict(day(d, "2026-05-01"))), "2026-05-01 stands there 2 times"),
    ("too early", lambda d: day(d, "2024-01-01").update(on="2023-12-31"), "2023-12-31: lies outside"),
    ("too late", lambda d: day(d, "2027-11-24").update(on="2028-01-01"), "2028-01-01: lies outside"),
    ("no such day", lambda d: day(d, "2026-11-24").update(on="2026-11-31"), "date"),
    ("no such kind", lambda d: day(d, "2026-11-24").update(kind="feast"), "kind"),
    ("no such status", lambda d: day(d, "2026-11-24").update(status="maybe"), "status"),
    ("no name", lambda d: day(d, "2026-11-24").update(vi=""), "vi"),
    ("no such source", lambda d: day(d, "2026-11-24").update(source="rumour"), "no source rumour"),
    ("a misspelled part", lambda d: day(d, "2026-11-24").update(pairs="2026-11-25"), "pairs"),
    ("a holiday with a pair", lambda d: day(d, "2026-11-24").update(pair="2026-11-25"), "no pair"),
    ("a swap without a pair", lambda d: day(d, "2026-08-31").pop("pair"), "its pair"),
    (
        "a swap without a make-up",
        lambda d: without(d, "2026-08-22"),
        "2026-08-31: its pair is no make-up day",
    ),
    ("a make-up without a swap", lambda d: without(d, "2026-08-31"), "2026-08-22: its pair is no day that"),
    ("a crossed pair", lambda d: day(d, "2026-08-31").update(pair="2026-01-10"), "its pair is no"),
    ("a swapped Sunday", swapped_on_a_sunday, "cannot be swapped off"),
    ("a make-up on a weekday", lambda d: day(d, "2026-08-22").update(on="2026-08-21"), "is a day of weekly"),
    ("a compensation on a Sunday", lambda d: day(d, "2026-04-27").update(on="2026-05-03"), "compensates"),
    ("a compensation for nothing", lambda d: day(d, "2026-04-27").update(pair="2026-04-25"), "for a holiday"),
    (
        "a compensation of a weekday",
        lambda d: day(d, "2026-04-27").update(pair="2026-01-01"),
        "for a holiday",
    ),
    ("a compensation before", lambda d: day(d, "2026-04-27").update(on="2026-04-24"), "for a holiday before"),
    ("a compensation twice", lambda d: day(d, "2024-02-14").update(pair="2024-02-10"), "compensated twice"),
    ("an end before the beginning", lambda d: d.update(to_on="2023-12-31"), "forwards"),
    ("a century", lambda d: d.update(to_on="2124-12-31"), "50 years"),
    ("no week", lambda d: d.update(weeks=[]), "no other week names"),
    ("a week twice", lambda d: d["weeks"].append(d["weeks"][0]), "2 times"),
    ("a week for no agency", lambda d: d["weeks"][0].update(agency="H28;*"), "agency"),
    ("a free Monday", lambda d: d["weeks"][0].update(mon=[]), "every day from Monday"),
    ("hours backwards", lambda d: d["weeks"][0].update(mon=[["17:00", "07:00"]]), "mon: the hours"),
    (
        "hours that meet",
        lambda d: d["weeks"][0].update(mon=[["07:00", "11:00"], ["11:00", "17:00"]]),
        "touch",
    ),
    ("hours without end", lambda d: d["weeks"][0].update(mon=[["07:00"]]), "mon"),
    ("a warning too many", lambda d: d["rules"]["warning"].update(working_days=1), "rules.warning"),
    ("a long day", lambda d: d["rules"].update(working_day_hours=25), "working_day_hours"),
    ("no rules", lambda d: d.pop("rules"), "rules"),
]


@pytest.mark.parametrize(("change", "words"), [pytest.param(*rest, id=name) for name, *rest in BAD])
def test_a_file_that_cannot_be_right_is_refused_with_its_entry(change: Change, words: str) -> None:
    data = file()
    change(data)
    with pytest.raises(Misconfigured, match="calendar: ") as caught:
        calendars.read(data)
    assert words in str(caught.value)


def test_a_week_of_an_agency_stands_beside_that_of_all() -> None:
    data = file()
    saturday = {**data["weeks"][0], "agency": "H28*", "sat": [["07:30", "11:00"]]}
    data["weeks"].append(saturday)
    known = calendars.read(data)
    assert (True, False) == (
        known.of("H28").is_working(date(2026, 11, 28)),
        known.of("H29").is_working(date(2026, 11, 28)),
    )
    assert timedelta(hours=3.5) == known.of("H28").day(date(2026, 11, 28)).length


@pytest.mark.parametrize(("year", "holidays"), [(2024, 11), (2025, 11), (2026, 12), (2027, 12)])
def test_each_year_has_as_many_holidays_as_the_labour_code_gives(year: int, holidays: int) -> None:
    """Art. 112: New Year 1, Tết 5, Hùng Kings 1, 30/4, 1/5, National Day 2; 24/11 from 2026 on."""
    kinds = Counter(each.kind for each in calendar().days.values() if each.on.year == year)
    assert holidays == kinds[DayKind.HOLIDAY]
    assert kinds[DayKind.SWAPPED] == kinds[DayKind.MAKE_UP]


def test_each_holiday_on_a_day_of_weekly_rest_is_compensated() -> None:
    """Art. 111.3."""
    days = calendar().days.values()
    resting = {each.on for each in days if each.kind is DayKind.HOLIDAY and each.on.weekday() >= 5}
    assert resting == {each.pair for each in days if each.kind is DayKind.COMPENSATION}


def test_only_what_the_prime_minister_decides_is_still_expected() -> None:
    open_days = {each.on for each in calendar().days.values() if not each.sure}
    tet = {date(2027, 2, number) for number in range(4, 11)}
    assert tet | {date(2027, 9, 3)} == open_days


def test_the_house_works_eight_hours_a_day() -> None:
    week = calendar().of("H28").week
    assert [8, 8, 8, 8, 8, 0, 0] == [each.length / timedelta(hours=1) for each in week.days]
