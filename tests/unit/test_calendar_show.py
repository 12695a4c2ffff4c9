"""The calendar beside the `holidays` library: every difference is explained, and an explanation has its difference."""

import importlib.util
import os
from collections.abc import Mapping
from datetime import date

import pytest

from tests.shows import calendar as show
from tests.unit.sample_times import hours

THEIRS: Mapping[date, str] = {
    each.on: f"Ngày nghỉ (thay cho ngày {each.pair:%d/%m/%Y})" if each.kind == "swapped" else each.name.vi
    for each in hours().calendar.days.values()
    if each.kind != "make_up"
}
"""A library that has all our days off, and names swapped days as `holidays` does."""


def differing(library: Mapping[date, str]) -> list[date]:
    return [row.on for row in show.compared(hours(), library) if row.differs]


MAKE_UPS = [date(2024, 5, 4), date(2025, 4, 26), date(2026, 1, 10), date(2026, 8, 22)]


def test_make_up_days_alone_differ_where_a_library_has_all_days_off() -> None:
    assert MAKE_UPS == differing(THEIRS)


def test_a_day_off_that_only_one_side_has_differs() -> None:
    missing = {on: name for on, name in THEIRS.items() if on != date(2026, 11, 24)}
    assert sorted([*MAKE_UPS, date(2026, 11, 24)]) == differing(missing)
    assert sorted([*MAKE_UPS, date(2026, 6, 1)]) == differing({**THEIRS, date(2026, 6, 1): "Tết Thiếu nhi"})
    assert sorted([*MAKE_UPS, date(2026, 6, 6)]) == differing({**THEIRS, date(2026, 6, 6): "một thứ Bảy"})


def test_a_swap_for_another_day_differs() -> None:
    other = {**THEIRS, date(2026, 8, 31): "Ngày nghỉ (thay cho ngày 29/08/2026)"}
    assert sorted([*MAKE_UPS, date(2026, 8, 31)]) == differing(other)


def test_a_difference_without_an_explanation_is_counted_and_said() -> None:
    rows = list(show.compared(hours(), THEIRS))
    explained = dict.fromkeys(MAKE_UPS[1:], "vì thế / so")
    lines, wrong = show.told(rows, explained)
    assert 1 == wrong
    assert 1 == sum("NOT EXPLAINED" in line for line in lines)
    assert 0 == show.told(rows, dict.fromkeys(MAKE_UPS, "vì thế / so"))[1]


def test_an_explanation_without_a_difference_is_counted_and_said() -> None:
    rows = list(show.compared(hours(), THEIRS))
    lines, wrong = show.told(rows, dict.fromkeys([*MAKE_UPS, date(2026, 11, 24)], "vì thế / so"))
    assert 1 == wrong
    assert lines[-2].startswith("24/11/2026: ")


def test_our_calendar_agrees_with_the_library_but_for_what_is_explained(
    capsys: pytest.CaptureFixture[str],
) -> None:
    if importlib.util.find_spec("holidays") is None:
        words = "holidays is not here: it comes with requirements/dev.txt"
        if os.environ.get("CI"):
            pytest.fail(words)
        pytest.skip(words)
    assert 0 == show.main([])
    assert "0 not explained" in capsys.readouterr().out
