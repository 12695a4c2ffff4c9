"""Half past midnight in Việt Nam is still the evening before in UTC: each day that is written down is the one here."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from service_bank import Day, line
from service_wires import ipn
from service_world import ACCOUNT, FEE_VND, PROCEDURE, World

from gateway.domain.catalogue import Catalogue
from gateway.domain.codes import parse_case_code
from gateway.domain.workdays import add_working_days
from gateway.service import cases, payments, receipts, refund_sending, refunds

pytestmark = pytest.mark.service

AFTER_MIDNIGHT = datetime(2026, 11, 24, 17, 30, tzinfo=UTC)
TODAY, YESTERDAY = date(2026, 11, 25), date(2026, 11, 24)
"""The day of `AFTER_MIDNIGHT` in Việt Nam, and in UTC."""


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


@pytest.fixture
def day(world: World, case_code: str) -> Day:
    return Day(world, case_code)


def paid_after_midnight(day: Day) -> str:
    """The order code of a payment whose money was taken at half past midnight, on the day."""
    _, code = day.world.started(day.case_code)
    day.say_paid(code, at="003000")
    return code


def test_money_is_booked_on_the_day_when_it_was_taken(day: Day) -> None:
    code = paid_after_midnight(day)
    query = (
        "SELECT DISTINCT l.booked_on, a.paid_at FROM ledger l JOIN events e ON e.id = l.event_id "
        "JOIN attempts a ON a.payment_id = e.subject_id WHERE a.reference = :code"
    )
    taken_at = datetime(day.on.year, day.on.month, day.on.day, tzinfo=UTC) - timedelta(hours=6, minutes=30)
    assert [(day.on, taken_at)] == day.world.rows(query, code=code)


def test_money_is_expected_on_the_day_when_it_was_taken(day: Day) -> None:
    paid_after_midnight(day)
    closes = [day.close(on) for on in (day.on - timedelta(days=1), day.on)]
    assert [0, FEE_VND] == [close.expected_vnd for close in closes]
    assert [0, FEE_VND] == [close.in_transit_vnd for close in closes]


def test_a_line_of_that_day_makes_it_green(day: Day) -> None:
    code = paid_after_midnight(day)
    day.take_in(line(code))
    day.reconcile()
    close = day.close()
    assert (True, FEE_VND, FEE_VND, FEE_VND) == (
        close.green,
        close.expected_vnd,
        close.received_vnd,
        close.booked_vnd,
    )


def test_a_refund_is_booked_on_the_day_when_it_was_settled(day: Day) -> None:
    world, (payment_id, _) = day.world, day.paid()
    wanted = {
        "reference": world.fresh("rf"),
        "amount_vnd": FEE_VND,
        "refundable_vnd": FEE_VND,
        "reason": "thừa",
    }
    refund, _ = refunds.request(world.context, world.caller, payment_id, wanted, AFTER_MIDNIGHT)
    refunds.approve(world.context, refund.id, "staff:chief", AFTER_MIDNIGHT)
    refund_sending.settle_by_hand(
        world.context,
        refund.id,
        by="staff:cashier",
        bank_ref=world.fresh("FT"),
        account=ACCOUNT,
        proof=b"uy nhiem chi",
        now=AFTER_MIDNIGHT,
    )
    query = "SELECT DISTINCT l.booked_on FROM ledger l JOIN events e ON e.id = l.event_id WHERE e.subject_id = :id"
    assert TODAY == world.one(query, id=refund.id)


def test_a_case_has_the_code_and_the_fees_of_the_day_when_it_was_registered(world: World) -> None:
    known = world.context.catalogue.now(PROCEDURE, TODAY)
    rule = replace(known.fees[0], from_on=date(2020, 1, 1), to_on=YESTERDAY, amount_vnd=1_000)
    rules = (rule, replace(rule, from_on=TODAY, to_on=None, amount_vnd=2_000))
    context = replace(world.context, catalogue=Catalogue.of([replace(known, fees=rules)]))
    case, _ = cases.register(context, world.caller, world.case_wanted(), AFTER_MIDNIGHT)
    assert TODAY == parse_case_code(case.case_code).issued_on
    query = "SELECT fees -> 0 ->> 'amount_vnd' FROM cases WHERE case_code = :code"
    assert "2000" == world.one(query, code=case.case_code)


def test_a_case_is_due_so_many_working_days_after_the_day_when_it_was_accepted(world: World) -> None:
    code = world.case()
    wanted = {"reference": world.fresh("tr"), "event": "accept"}
    case = cases.transition(world.context, world.caller, code, wanted, AFTER_MIDNIGHT)
    days = world.context.catalogue.now(PROCEDURE, TODAY).working_days
    timetable = world.context.calendar.of(case.agency_code)
    due_on = add_working_days(TODAY, days, timetable)
    assert due_on == case.due_on
    assert due_on != add_working_days(YESTERDAY, days, timetable)


AFTER_HOURS = datetime(2026, 11, 25, 11, 0, tzinfo=UTC)
"""18:00 in Việt Nam, on a Wednesday."""


def test_a_case_that_is_accepted_after_hours_is_due_as_if_it_were_the_next_working_day(world: World) -> None:
    timetable = world.context.calendar.of("H28")
    days = world.context.catalogue.now(PROCEDURE, TODAY).working_days
    wanted = {"reference": world.fresh("tr"), "event": "accept"}
    case = cases.transition(world.context, world.caller, world.case(), wanted, AFTER_HOURS)
    assert add_working_days(date(2026, 11, 26), days, timetable) == case.due_on


@pytest.mark.parametrize(
    ("second", "due_on"), [(0, date(2026, 11, 25)), (1, date(2026, 11, 26))], ids=["15:00:00", "15:00:01"]
)
def test_a_case_of_a_same_day_procedure_is_due_that_day_until_15_00(
    world: World, second: int, due_on: date
) -> None:
    at_once = replace(world.context.catalogue.now(PROCEDURE, TODAY), working_days=0)
    context = replace(world.context, catalogue=Catalogue.of([at_once]))
    wanted = {"reference": world.fresh("tr"), "event": "accept"}
    accepted_at = datetime(2026, 11, 25, 8, 0, second, tzinfo=UTC)
    case = cases.transition(context, world.caller, world.case(), wanted, accepted_at)
    assert due_on == case.due_on


def test_an_order_code_has_the_day_when_the_payment_was_created(world: World, case_code: str) -> None:
    wanted = world.payment_wanted(case_code)
    payment, _ = payments.create(world.context, world.caller, wanted, AFTER_MIDNIGHT)
    assert "C4261125" == payment.order_code[:8]


def test_a_receipt_is_of_the_year_when_it_was_numbered(world: World, case_code: str) -> None:
    payment_id, reference = world.started(case_code)
    world.hear("vnpay", ipn(reference, number=world.fresh("199")))
    receipts.issue(world.context, payment_id, datetime(2026, 12, 31, 17, 30, tzinfo=UTC))
    query = "SELECT series FROM receipts WHERE payment_id = :id"
    assert "H28-27E" == world.one(query, id=payment_id)
