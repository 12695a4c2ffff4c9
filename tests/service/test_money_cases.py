"""What providers say of money, one case at a time; for every sequence see `test_money_laws`."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from service_faults import lost
from service_wires import (
    DUPLICATE,
    FAILED,
    OK,
    OUR_ERROR,
    PENDING,
    UNKNOWN,
    confirm,
    ipn,
    platform,
    vnpay_answers_and_the_platform,
)
from service_world import FEE_VND, NOW, World, minutes
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from gateway.domain.errors import Forbidden
from gateway.ports import Outcome, Report
from gateway.service import behind, payments
from gateway.store import reports as report_store
from gateway.store.reports import Told
from gateway.store.tables import ledger

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


@pytest.mark.parametrize("end", ["failed", "expired", "cancelled"])
def test_x01_a_success_that_comes_late_counts(world: World, case_code: str, end: str) -> None:
    payment_id, reference = world.started(case_code)
    if end == "failed":
        world.hear("vnpay", ipn(reference, FAILED))
    elif end == "expired":
        payments.expire(world.context, payment_id, NOW + timedelta(days=2))
    else:
        payments.cancel(world.context, world.caller, payment_id, NOW)
    assert end == world.found(payment_id).state
    assert OK == world.hear("vnpay", ipn(reference, number=f"late-{end}"), NOW + timedelta(days=30))
    assert ("paid", FEE_VND) == (world.found(payment_id).state, world.found(payment_id).paid_vnd)
    assert ("payment.succeeded", end, "paid", 4) == world.spine(payment_id)[-1]


def test_x04_a_code_that_nobody_knows_moves_nothing_and_is_kept_with_an_alarm(
    world: World, case_code: str
) -> None:
    payment_id, reference = world.started(case_code)
    before = world.found(payment_id)
    assert OK == world.hear("vnpay", ipn(reference, UNKNOWN))
    assert before == world.found(payment_id)
    assert ["unknown_code"] == world.alarms(f"vnpay:{reference}")
    kept = world.rows("SELECT source, verdict, query FROM inbox WHERE reference = :r", r=reference)
    assert [("vnpay", "ok", ipn(reference, UNKNOWN).query)] == kept


def test_x14_the_second_success_is_owed_back_once_by_finance_within_five_days(
    world: World, case_code: str
) -> None:
    payment_id, reference = world.started(case_code)
    world.hear("vnpay", ipn(reference, number="14000100"))
    second = ipn(reference, number="14000101")
    assert [OK, DUPLICATE] == [world.hear("vnpay", second), world.hear("vnpay", second)]
    owed = world.rows(
        "SELECT kind, amount_vnd, provider, provider_ref, owner, due_at FROM obligations WHERE payment_id = :id",
        id=payment_id,
    )
    assert [("refund_due", FEE_VND, "vnpay", "14000101", "finance", NOW + timedelta(days=5))] == owed
    assert "payment.double_paid" == world.types(payment_id)[-1]
    assert 2 * FEE_VND == world.found(payment_id).paid_vnd


def test_a_success_without_a_number_is_the_one_that_is_known_and_learns_its_number(
    world: World, case_code: str
) -> None:
    payment_id, reference = world.started(case_code)
    numbers = ["0", "14000200", "0", "14000200", "14000201"]  # 0 stands for none
    answers = [world.hear("vnpay", ipn(reference, number=number)) for number in numbers]
    assert [OK, DUPLICATE, DUPLICATE, DUPLICATE, OK] == answers
    known = world.one("SELECT provider_ref FROM attempts WHERE payment_id = :id", id=payment_id)
    assert "14000200" == known
    assert [("refund_due", FEE_VND)] == world.obligations(payment_id)


def test_the_number_of_a_success_stands_over_the_one_that_a_start_gave(world: World, case_code: str) -> None:
    payment_id, reference = world.started(case_code)
    world.do("UPDATE attempts SET provider_ref = 'order-1' WHERE payment_id = :id", id=payment_id)
    message = ipn(reference, number="14000250")
    assert [OK, DUPLICATE] == [world.hear("vnpay", message), world.hear("vnpay", message)]
    assert [] == world.obligations(payment_id)


def test_one_number_of_the_provider_is_one_transaction_and_not_counted_for_two_tries(
    world: World, case_code: str
) -> None:
    (first, theirs), (second, ours) = world.started(case_code), world.started(case_code)
    answers = [world.hear("vnpay", ipn(each, number="14000300")) for each in (theirs, ours, ours, theirs)]
    assert [OK, OUR_ERROR, OUR_ERROR, DUPLICATE] == answers
    assert [FEE_VND, 0] == [world.found(each).paid_vnd for each in (first, second)]
    assert [[], []] == [world.obligations(each) for each in (first, second)]
    assert ["provider_number_reused"] == world.alarms(f"vnpay:{ours}")
    assert OK == world.hear("vnpay", ipn(ours, number="14000301"))
    assert FEE_VND == world.found(second).paid_vnd


def test_reports_that_arrive_together_are_each_answered_for_themselves(world: World, case_code: str) -> None:
    (_, first), (_, second) = world.started(case_code), world.started(case_code)
    good = Report(Outcome.PAID, first, FEE_VND, "VND", "14000400", "00", NOW)
    told = [
        good,
        replace(good, reference=second, amount_vnd=FEE_VND - 1, provider_ref="14000401"),
        good,
        replace(good, reference="C4000000NOBODY00"),
        replace(good, reference=second, currency="USD", provider_ref="14000401"),
        replace(good, reference=second, provider_ref="14000401"),
    ]
    verdicts = ["ok", "wrong_amount", "duplicate", "unknown_order", "wrong_amount", "ok"]
    with world.context.pool.connection() as connection:
        assert verdicts == report_store.record(
            connection, [Told("query", "vnpay", each, None, NOW) for each in told]
        )


def test_two_batches_about_the_same_two_payments_wait_for_each_other_and_never_for_ever(
    world: World, case_code: str
) -> None:
    (one, one_vnpay), (two, two_vnpay) = world.started(case_code), world.started(case_code)
    world.wire.answer = platform()
    one_dvcqg, two_dvcqg = (world.start(each, "dvcqg").reference for each in (one, two))

    def tell(batch: Sequence[tuple[str, str]]) -> list[str]:
        said = [
            (provider, Report(Outcome.PENDING, ref, None, "VND", None, "3", None)) for provider, ref in batch
        ]
        with world.context.pool.connection() as connection:
            return report_store.record(
                connection, [Told("query", name, report, None, NOW) for name, report in said]
            )

    with ThreadPoolExecutor(2) as pool, world.transaction() as holder:
        holder.execute(text("SELECT FROM payments WHERE id = :id FOR UPDATE"), {"id": one})
        first = pool.submit(tell, [("dvcqg", one_dvcqg), ("vnpay", two_vnpay)])
        world.until_waiting(1)
        second = pool.submit(tell, [("dvcqg", two_dvcqg), ("vnpay", one_vnpay)])
        world.until_waiting(2)
        holder.commit()
        assert [["ok", "ok"]] * 2 == [first.result(10), second.result(10)]


def test_money_is_clear_again_when_no_try_is_unclear_though_one_is_open(world: World, case_code: str) -> None:
    payment_id, at_vnpay = world.started(case_code)
    world.wire.answer = vnpay_answers_and_the_platform(lost)
    unclear = world.start(payment_id, "dvcqg")
    assert ("unknown", ["sent", "unknown"]) == (world.found(payment_id).state, world.tries(payment_id))
    world.hear("vnpay", ipn(at_vnpay, PENDING))
    assert "unknown" == world.found(payment_id).state, "the other try is not clear yet"
    failed = Report(Outcome.FAILED, unclear.reference, None, "VND", None, "4", None)
    assert "ok" == world.context.record(Told("query", "dvcqg", failed, None, NOW))
    assert ("pending", ["sent", "failed"]) == (world.found(payment_id).state, world.tries(payment_id))
    world.hear("vnpay", ipn(at_vnpay, FAILED))
    assert "failed" == world.found(payment_id).state


def test_unclear_money_neither_expires_nor_is_cancelled_and_is_looked_at_again(
    world: World, case_code: str
) -> None:
    payment_id = world.payment(case_code, expires_in_s=900)
    world.wire.answer = lost
    attempt = world.start(payment_id, "dvcqg")
    with pytest.raises(Forbidden):
        payments.cancel(world.context, world.caller, payment_id, minutes(20))
    before = len(world.jobs("expire_payment", payment_id))
    payments.expire(world.context, payment_id, minutes(20))
    assert "unknown" == world.found(payment_id).state
    jobs = world.jobs("expire_payment", payment_id)
    assert [({"payment_id": payment_id}, minutes(80))] == jobs[before:]
    world.hear("dvcqg", confirm(attempt.reference, number="VNP-unclear"))
    payments.expire(world.context, payment_id, minutes(80))
    assert "paid" == world.found(payment_id).state


def test_what_came_twice_pays_no_other_fee_of_the_case(world: World) -> None:
    case_code = world.case("accepted")
    world.decide(case_code, "ask_fee")
    world.do(
        "UPDATE cases SET fees = fees || fees WHERE case_code = :code", code=case_code
    )  # the fee is owed twice now
    lines = [{"kind": "phi", "code": "LLTP-01", "name": "Phí", "amount_vnd": FEE_VND}]
    (first, second) = (world.payment(case_code, lines=lines) for _ in range(2))
    reference = world.start(first, "vnpay").reference
    for number in ("14000500", "14000501"):
        world.hear("vnpay", ipn(reference, number=number))
    while behind.consume(world.context, "cases", NOW):
        pass
    state = "SELECT state || ' ' || money_state FROM cases WHERE case_code = :code"
    assert "fee_due due" == world.one(state, code=case_code)
    world.hear("vnpay", ipn(world.start(second, "vnpay").reference, number="14000502"))
    while behind.consume(world.context, "cases", NOW):
        pass
    assert "accepted paid" == world.one(state, code=case_code)


@pytest.mark.parametrize("table", ["events", "ledger"])
@pytest.mark.parametrize("change", ["UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_database_lets_nobody_change_what_was_appended(world: World, table: str, change: str) -> None:
    with pytest.raises(DBAPIError, match="append-only") as refused:
        world.do(change.format(table))
    assert isinstance(refused.value.orig, psycopg.errors.RestrictViolation)


@pytest.mark.parametrize("sides", [[(5, 0)], [(5, 0), (0, 4)], [(5, 0), (0, 5), (0, 1)]])
def test_the_database_refuses_postings_that_do_not_balance(
    world: World, sides: list[tuple[int, int]]
) -> None:
    rows = [
        {
            "event_id": 1,
            "account": "bank:1",
            "debit_vnd": debit,
            "credit_vnd": credit,
            "booked_on": NOW.date(),
        }
        for debit, credit in sides
    ]
    with pytest.raises(DBAPIError, match="debits and credits differ"), world.transaction() as connection:
        connection.execute(insert(ledger).values(rows))


@pytest.mark.parametrize("sides", [(0, 0), (5, 5), (-5, 0)])
def test_the_database_refuses_a_posting_that_has_not_exactly_one_side(
    world: World, sides: tuple[int, int]
) -> None:
    row = {"event_id": 1, "account": "bank:1", "debit_vnd": sides[0], "credit_vnd": sides[1]}
    with pytest.raises(DBAPIError, match="one_side"), world.transaction() as connection:
        connection.execute(insert(ledger).values({**row, "booked_on": NOW.date()}))
