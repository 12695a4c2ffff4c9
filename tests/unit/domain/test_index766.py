"""Figures by agency, field and month: each formula of the set of indexes, by cases counted by hand."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.index766 import (
    CaseRow,
    Grade,
    Group,
    MonthOf,
    Outcome,
    Share,
    Thresholds,
    by_group,
    figures,
    outcome,
)
from tests.unit.sample_times import MOMENTS, at

NOW = at("30/11/2026", "17:00")
DUE, AFTER, BEFORE = at("20/11/2026", "17:00"), at("20/11/2026", "17:01"), at("19/11/2026", "10:00")
ROW = CaseRow("H28", "Lý lịch tư pháp", at("02/11/2026"), DUE)


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"processed_at": DUE}, Outcome.ON_TIME),
        ({"processed_at": AFTER}, Outcome.LATE),
        ({"processed_at": BEFORE, "returned_at": AFTER}, Outcome.ON_TIME),
        ({"processed_at": AFTER, "returned_at": BEFORE}, Outcome.LATE),
        ({"returned_at": AFTER}, Outcome.LATE),
        ({"returned_at": BEFORE, "stopped_at": AFTER}, Outcome.ON_TIME),
        ({"stopped_at": BEFORE}, Outcome.ON_TIME),
        ({"stopped_at": AFTER}, Outcome.LATE),
        ({"processed_at": AFTER, "supplement_time": timedelta(minutes=1)}, Outcome.ON_TIME),
        ({"processed_at": AFTER, "supplement_time": timedelta(seconds=59)}, Outcome.LATE),
        ({"processed_at": BEFORE, "supplements": 2}, Outcome.ON_TIME),
        ({"supplements": 2, "due_at": at("30/12/2026")}, Outcome.LATE),
        ({"supplements": 1, "due_at": at("30/12/2026")}, Outcome.OPEN),
        ({}, Outcome.LATE),
        ({"supplement_time": timedelta(days=11)}, Outcome.OPEN),
        ({"due_at": NOW}, Outcome.OPEN),
        ({"due_at": None}, Outcome.UNKNOWN),
        ({"due_at": None, "processed_at": BEFORE}, Outcome.UNKNOWN),
        ({"withdrawn_at": AFTER}, Outcome.WITHDRAWN),
        ({"withdrawn_at": AFTER, "supplements": 2}, Outcome.WITHDRAWN),
        ({"withdrawn_at": AFTER, "processed_at": BEFORE}, Outcome.ON_TIME),
    ],
)
def test_a_case_counts_by_its_end_and_its_due_date(changes: dict[str, object], counts: Outcome) -> None:
    assert counts is outcome(replace(ROW, **changes), NOW)  # type: ignore[arg-type]


def test_on_time_is_a_share_of_what_is_decided() -> None:
    rows = [
        *[replace(ROW, processed_at=BEFORE)] * 3,
        replace(ROW, processed_at=AFTER),
        replace(ROW, due_at=None),
        replace(ROW, due_at=at("30/12/2026")),
        replace(ROW, withdrawn_at=BEFORE),
    ]
    found = figures(rows, NOW)
    assert (7, Share(3, 4)) == (found.cases, found.on_time)
    assert {
        Outcome.ON_TIME: 3,
        Outcome.LATE: 1,
        Outcome.OPEN: 1,
        Outcome.WITHDRAWN: 1,
        Outcome.UNKNOWN: 1,
    } == found.outcomes


@pytest.mark.parametrize(
    ("channel", "has_link", "counts"),
    [(2, True, 1), (2, False, 0), (1, True, 0), (3, True, 0), (None, True, 0)],
)
def test_online_is_handed_in_online_with_an_electronic_result(
    channel: int | None, has_link: object, counts: int
) -> None:
    row = replace(ROW, channel=channel, has_result_link=bool(has_link))
    assert Share(counts, 1) == figures([row], NOW).online


@pytest.mark.parametrize(
    ("changes", "share"),
    [
        ({"paid_how": 1, "prices_vnd": (100_000,)}, Share(1, 1)),
        ({"paid_how": 2, "prices_vnd": (0, 100_000)}, Share(1, 1)),
        ({"paid_how": 3, "prices_vnd": (100_000,)}, Share(0, 1)),
        ({"paid_how": 0, "prices_vnd": (100_000,)}, Share(0, 1)),
        ({"paid_how": None, "prices_vnd": (100_000,)}, Share(0, 1)),
        ({"paid_how": 1, "prices_vnd": (0, 0)}, Share(0, 0)),
        ({"paid_how": 3, "prices_vnd": ()}, Share(0, 1)),
        ({"paid_how": 1, "prices_vnd": (100_000,), "has_fee": False}, Share(0, 0)),
    ],
)
def test_paid_online_is_of_the_cases_that_owe_something(changes: dict[str, object], share: Share) -> None:
    row = replace(ROW, **{"has_fee": True, **changes})  # type: ignore[arg-type]
    assert share == figures([row], NOW).paid_online


@pytest.mark.parametrize(
    ("share", "percent", "grade"),
    [
        (Share(4, 5), "80.00", Grade.FULL),
        (Share(79_999, 100_000), "80.00", Grade.HALF),
        (Share(1, 2), "50.00", Grade.HALF),
        (Share(49_999, 100_000), "50.00", Grade.BELOW),
        (Share(2, 3), "66.67", Grade.HALF),
        (Share(1, 800), "0.13", Grade.BELOW),
        (Share(0, 7), "0.00", Grade.BELOW),
    ],
)
def test_a_share_is_rounded_for_people_and_graded_exactly(share: Share, percent: str, grade: Grade) -> None:
    assert (Decimal(percent), grade) == (share.percent, share.grade())


def test_a_share_of_nothing_is_no_figure() -> None:
    assert (None, None) == (Share(0, 0).percent, Share(0, 0).grade())


def test_thresholds_are_given() -> None:
    assert Grade.FULL is Share(1, 2).grade(Thresholds(full=50, half=20))


def test_cases_are_grouped_by_agency_field_and_month_in_viet_nam() -> None:
    after_midnight = at("01/12/2026", "00:30")
    rows = [
        replace(ROW, processed_at=BEFORE),
        replace(ROW, processed_at=after_midnight),
        replace(ROW, agency="H01", processed_at=BEFORE),
        replace(ROW, field="Hộ tịch", withdrawn_at=BEFORE),
        replace(ROW, received_at=at("31/10/2026"), due_at=at("30/12/2026")),
    ]
    groups = by_group(rows, NOW)
    field = ROW.field
    assert [
        (Group("H01", field, "2026-11"), 1),
        (Group("H28", "Hộ tịch", "2026-11"), 1),
        (Group("H28", field, "2026-11"), 2),
        (Group("H28", field, "2026-12"), 1),
    ] == [(group, found.cases) for group, found in groups.items()]
    by_receipt = by_group(rows, NOW, MonthOf.RECEIPT)
    assert 1 == by_receipt[Group("H28", field, "2026-10")].cases
    assert 2 == by_receipt[Group("H28", field, "2026-11")].cases


@st.composite
def rows(draw: st.DrawFn) -> CaseRow:
    moments = st.none() | MOMENTS
    return CaseRow(
        draw(st.sampled_from(["H28", "H01"])),
        draw(st.sampled_from(["Hộ tịch", "Đất đai"])),
        draw(MOMENTS),
        draw(moments),
        processed_at=draw(moments),
        returned_at=draw(moments),
        stopped_at=draw(moments),
        withdrawn_at=draw(moments),
        supplements=draw(st.integers(0, 3)),
        channel=draw(st.none() | st.integers(1, 3)),
        paid_how=draw(st.none() | st.integers(0, 3)),
        has_fee=draw(st.booleans()),
        prices_vnd=tuple(draw(st.lists(st.sampled_from([0, 100_000]), max_size=2))),
        has_result_link=draw(st.booleans()),
    )


@given(st.lists(rows(), max_size=12))
def test_every_case_counts_once_and_groups_add_up(given_: list[CaseRow]) -> None:
    whole, groups = figures(given_, NOW), by_group(given_, NOW).values()
    assert len(given_) == whole.cases == sum(whole.outcomes.values()) == sum(each.cases for each in groups)
    for name in ("on_time", "online", "paid_online"):
        shares = [getattr(each, name) for each in groups]
        total = Share(sum(share.part for share in shares), sum(share.whole for share in shares))
        assert getattr(whole, name) == total
        assert total.part <= total.whole
