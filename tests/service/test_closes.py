"""A day is green only when what was expected, received and booked is equal and every line is explained."""

from datetime import timedelta

import pytest
from service_bank import Day, line
from service_world import ACCOUNT, FEE_VND, World, at_once

from gateway.domain.close import Red
from gateway.domain.errors import NotFound
from gateway.service import finance

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


@pytest.fixture
def day(world: World, case_code: str) -> Day:
    return Day(world, case_code)


def figures(day: Day) -> tuple[bool, int, int, int, int, int]:
    close = day.close()
    sums = close.expected_vnd, close.received_vnd, close.booked_vnd
    return (close.green, *sums, close.open_breaks, close.difference_vnd)


def test_a_day_is_red_until_all_its_money_is_there_and_explained_and_then_green(day: Day) -> None:
    assert (False, 0, 0, 0, 0, 0) == figures(day)
    codes = [day.paid()[1] for _ in range(2)]
    assert (False, 2 * FEE_VND, 0, 0, 2, 2 * FEE_VND) == figures(day)
    day.take_in(line(codes[0]))
    assert (False, 2 * FEE_VND, FEE_VND, 0, 3, 2 * FEE_VND) == figures(day)
    day.reconcile()
    assert (False, 2 * FEE_VND, FEE_VND, FEE_VND, 1, FEE_VND) == figures(day)
    day.take_in(line(codes[0]), line(codes[1], bank_ref="FT2"))
    day.reconcile()
    assert (True, 2 * FEE_VND, 2 * FEE_VND, 2 * FEE_VND, 0, 0) == figures(day)


def test_a_break_is_explained_when_the_provider_tells_of_the_money_after_the_bank(day: Day) -> None:
    payment_id, code = day.world.started(day.case_code)
    day.take_in(line(code))
    assert [(None, "not_awaited")] == day.reconcile()
    assert (False, 0, FEE_VND, FEE_VND, 1, FEE_VND) == figures(day)
    assert [] == day.reconcile(), "nothing is known of it yet"
    day.say_paid(code)
    assert [(payment_id, "by_reference")] == day.reconcile()
    assert (True, FEE_VND, FEE_VND, FEE_VND, 0, 0) == figures(day)
    assert {f"bank:{ACCOUNT}": FEE_VND, "provider:vnpay": -FEE_VND, f"unmatched:{ACCOUNT}": 0} == day.booked()
    assert [] == day.reconcile()


def test_a_day_whose_sums_agree_by_chance_is_red_while_a_line_is_unexplained(day: Day) -> None:
    day.paid()
    day.take_in(line("chuyen tien"))
    day.reconcile()
    assert (False, FEE_VND, FEE_VND, FEE_VND, 2, 0) == figures(day)


def test_money_paid_at_midnight_is_in_transit_until_the_next_day_shows_it_and_then_both_days_are_green(
    day: Day,
) -> None:
    before = day.on - timedelta(days=1)
    payment_id, code = day.world.started(day.case_code)
    day.say_paid(code, on=before, at="235930")
    day.take_in(on=before)
    close = day.close(before)
    assert (FEE_VND, 0, 0, FEE_VND) == (
        close.expected_vnd,
        close.received_vnd,
        close.booked_vnd,
        close.in_transit_vnd,
    )
    assert (Red.SUMS_DIFFER, Red.IN_TRANSIT, Red.OPEN_BREAKS) == close.reasons
    day.take_in(line(code))
    assert [(payment_id, "by_reference")] == day.reconcile()
    closes = [day.close(each) for each in (before, day.on)]
    assert [(True, FEE_VND, FEE_VND, FEE_VND, 0), (True, 0, 0, 0, 0)] == [
        (each.green, each.expected_vnd, each.received_vnd, each.booked_vnd, each.in_transit_vnd)
        for each in closes
    ]


def test_a_day_that_no_statement_covers_is_red_and_one_without_money_is_green_once_covered(day: Day) -> None:
    assert (Red.NO_STATEMENT,) == day.close().reasons
    day.take_in(on=day.on + timedelta(days=1))
    assert (Red.NO_STATEMENT,) == day.close().reasons
    day.take_in()
    assert () == day.close().reasons


def test_a_day_with_money_out_that_nothing_explains_is_red(day: Day) -> None:
    _, code = day.paid()
    day.take_in(line(code), line(f"REVERSAL {code}", -FEE_VND, "FT2"))
    assert (False, FEE_VND, 0, 0, 3, FEE_VND) == figures(day)
    day.reconcile()
    assert (False, FEE_VND, 0, 0, 1, FEE_VND) == figures(day)


def test_money_that_comes_into_a_day_that_was_closed_green_rings_until_it_is_closed_again(day: Day) -> None:
    _, code = day.paid()
    day.take_in(line(code))
    day.reconcile()
    assert day.close().green
    assert [] == day.alarms()
    day.say_paid(code)
    day.reconcile()
    assert ["closed_day_changed"] == day.alarms()
    assert not day.close().green
    assert [] == day.alarms()


def test_the_close_of_a_later_day_looks_at_the_days_before_it(day: Day) -> None:
    _, code = day.paid()
    day.take_in(line(code))
    day.reconcile()
    assert day.close().green
    day.take_in(line(code), line("chuyen tien", bank_ref="FT2"))
    day.close(day.on + timedelta(days=1))
    assert ["closed_day_changed"] == day.alarms()


def test_a_day_that_was_closed_red_may_change_in_silence(day: Day) -> None:
    _, code = day.paid()
    assert not day.close().green
    day.take_in(line(code))
    day.reconcile()
    assert [] == day.alarms()


def test_a_day_closed_again_replaces_the_close_and_tells_both(day: Day) -> None:
    _, code = day.paid()
    day.close()
    day.take_in(line(code))
    day.reconcile()
    day.close()
    rows = day.world.rows("SELECT green, version FROM day_closes WHERE day = :on", on=day.on)
    assert [(True, 2)] == rows
    told = day.world.spine(f"{day.on.isoformat()}:{ACCOUNT}")
    assert [("reconciliation.closed", "red", 1), ("reconciliation.closed", "green", 2)] == [
        (type_, to, version) for type_, _, to, version in told
    ]


def test_a_day_closed_by_many_at_once_has_a_version_for_each(day: Day) -> None:
    at_once(6, lambda _: day.close())
    versions = [version for *_, version in day.world.spine(f"{day.on.isoformat()}:{ACCOUNT}")]
    assert [1, 2, 3, 4, 5, 6] == versions


def test_an_account_that_no_agency_has_cannot_be_closed(day: Day) -> None:
    with pytest.raises(NotFound):
        finance.close_day(day.world.context, day.on, "999", day.noon)


def test_every_commit_left_the_ledger_balanced(world: World) -> None:
    query = "SELECT event_id FROM ledger GROUP BY event_id HAVING sum(debit_vnd) <> sum(credit_vnd)"
    assert [] == world.rows(query)
    assert world.one("SELECT count(*) FROM ledger") > 0
