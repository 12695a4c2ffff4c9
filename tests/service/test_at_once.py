"""The same thing asked for by many at the same moment is done once, and numbers have no gap."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from service_wires import DUPLICATE, OK, ipn, platform
from service_world import FEE_VND, NOW, World, at_once
from sqlalchemy import text

from gateway.domain.errors import Forbidden, ReferenceConflict
from gateway.ports import Outcome, Report
from gateway.service import attempts, cases, payments
from gateway.service.cases import VIETNAM
from gateway.store import cases as case_store
from gateway.store import receipts as receipt_store
from gateway.store import reports as report_store
from gateway.store.reports import Told

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


def test_the_same_success_from_eight_threads_is_one_event_and_one_pair_of_postings(
    world: World, case_code: str
) -> None:
    payment_id, reference = world.started(case_code)
    message = ipn(reference, number="15000001")
    answers = at_once(8, lambda _: world.hear("vnpay", message))
    assert {OK: 1, DUPLICATE: 7} == Counter(answers)
    assert 1 == world.types(payment_id).count("payment.succeeded")
    assert [("provider:vnpay", FEE_VND, 0), ("collected:H28", 0, FEE_VND)] == world.ledger(payment_id)
    assert 8 == world.one("SELECT count(*) FROM inbox WHERE reference = :r", r=reference)


def test_two_different_successes_at_once_are_one_payment_and_one_obligation(
    world: World, case_code: str
) -> None:
    payment_id, reference = world.started(case_code)
    numbers = ["15000002", "15000003"]
    assert [OK, OK] == at_once(2, lambda n: world.hear("vnpay", ipn(reference, number=numbers[n])))
    assert ["payment.succeeded", "payment.double_paid"] == world.types(payment_id)[-2:]
    assert [("refund_due", FEE_VND)] == world.obligations(payment_id)
    assert 2 * FEE_VND == world.found(payment_id).paid_vnd


def test_successes_at_two_providers_at_once_are_one_payment_and_one_obligation(
    world: World, case_code: str
) -> None:
    payment_id, at_vnpay = world.started(case_code)
    world.wire.answer = platform()
    at_dvcqg = world.start(payment_id, "dvcqg").reference

    def tell(provider: str, reference: str) -> list[str]:
        report = Report(Outcome.PAID, reference, FEE_VND, "VND", f"{provider}-4", "00", NOW)
        with world.context.pool.connection() as connection:  # as another process would, past this one's queue
            return report_store.record(connection, [Told("query", provider, report, None, NOW)])

    with ThreadPoolExecutor(2) as pool, world.transaction() as holder:
        holder.execute(text("SELECT FROM payments WHERE id = :id FOR UPDATE"), {"id": payment_id})
        told = [pool.submit(tell, *each) for each in (("vnpay", at_vnpay), ("dvcqg", at_dvcqg))]
        world.until_waiting(2)
        holder.commit()
        assert [["ok"], ["ok"]] == [future.result(10) for future in told]
    assert ["payment.succeeded", "payment.double_paid"] == world.types(payment_id)[-2:]
    assert [("refund_due", FEE_VND)] == world.obligations(payment_id)


def test_successes_of_many_payments_at_once_are_each_booked_once(world: World, case_code: str) -> None:
    started = [world.started(case_code) for _ in range(24)]
    answers = at_once(24, lambda n: world.hear("vnpay", ipn(started[n][1], number=f"1501{n:04}")))
    assert {OK: 24} == Counter(answers)
    assert {("paid", FEE_VND): 24} == Counter(
        (world.found(each).state, world.found(each).paid_vnd) for each, _ in started
    )


def test_a_payment_ordered_by_eight_threads_under_one_reference_is_one(world: World, case_code: str) -> None:
    for _ in range(6):
        wanted = world.payment_wanted(case_code)
        made = at_once(8, lambda _, wanted=wanted: payments.create(world.context, world.caller, wanted, NOW))
        assert 1 == len({payment.id for payment, _ in made})
        assert {True: 1, False: 7} == Counter(new for _, new in made)
        assert [("payment.created", None, "created", 1)] == world.spine(made[0][0].id)
        assert 1 == len(world.jobs("expire_payment", made[0][0].id))


def test_of_two_orders_with_other_content_under_one_reference_one_is_a_conflict(
    world: World, case_code: str
) -> None:
    wanted = world.payment_wanted(case_code)

    def order(number: int) -> str:
        changed = {**wanted, "return_url": f"https://dvc.example.vn/{number}"}
        try:
            return payments.create(world.context, world.caller, changed, NOW)[0].id
        except ReferenceConflict:
            return "conflict"

    assert 1 == at_once(2, order).count("conflict")


def test_a_case_registered_by_eight_threads_under_one_reference_is_one(world: World) -> None:
    wanted = world.case_wanted()
    made = at_once(8, lambda _: cases.register(world.context, world.caller, wanted, NOW))
    assert 1 == len({case.case_code for case, _ in made})
    assert {True: 1, False: 7} == Counter(new for _, new in made)
    assert ["case.draft"] == world.types(made[0][0].case_code)


def test_x39_case_numbers_have_no_gap_and_no_double_though_some_transactions_roll_back(world: World) -> None:
    later = datetime(2026, 12, 1, 3, 0, tzinfo=UTC)

    def take(number: int) -> list[str]:
        with world.engine.connect() as connection:
            transaction = connection.begin()
            case_store.next_number(connection, "H28", later.astimezone(VIETNAM).date())
            transaction.rollback()  # what a case does that is refused after it took its number
        codes = []
        for _ in range(4):
            made, _new = cases.register(world.context, world.caller, world.case_wanted(), later)
            codes.append(made.case_code)
        return codes

    codes = [code for each in at_once(16, take) for code in each]
    assert [f"H28-261201-{number:04}" for number in range(1, 65)] == sorted(codes)


def test_x39_receipt_numbers_have_no_gap_and_no_double_though_some_transactions_roll_back(
    world: World,
) -> None:
    def take(number: int) -> list[int]:
        numbers = []
        for round_ in range(8):
            with world.engine.connect() as connection:
                transaction = connection.begin()
                taken = receipt_store.take_number(connection, "H99-26E")
                if (number + round_) % 3 == 0:
                    transaction.rollback()
                else:
                    transaction.commit()
                    numbers.append(taken)
        return numbers

    numbers = sorted(number for each in at_once(16, take) for number in each)
    assert list(range(1, len(numbers) + 1)) == numbers
    assert 16 * 8 // 2 < len(numbers) < 16 * 8


def test_a_try_begun_by_eight_threads_at_one_provider_is_one_try(world: World, case_code: str) -> None:
    payment_id = world.payment(case_code)

    def begin(_: int) -> str | None:
        try:
            return attempts.start(world.context, payment_id, "vnpay", attempts.Guest("::1", "vi"), NOW).id
        except Forbidden:
            return None

    begun = {each for each in at_once(8, begin) if each is not None}
    assert 1 == len(begun)
    assert ["sent"] == world.tries(payment_id)
    assert ["payment.created", "payment.started"] == world.types(payment_id)


@pytest.mark.parametrize(
    ("meanwhile", "told"),
    [
        ("('dvcqg', 'C4X', 'unknown', NULL)", "another try was begun at the same moment; please look again"),
        ("('vnpay', 'C4Y', 'sent', 'https://pay.example.vn')", "https://pay.example.vn"),
    ],
)
def test_a_try_that_another_process_began_meanwhile_is_gone_on_with_or_waited_for(
    world: World, case_code: str, meanwhile: str, told: str
) -> None:
    payment_id = world.payment(case_code)

    def begin() -> str | None:
        try:
            return world.start(payment_id, "vnpay").redirect_url
        except Forbidden as error:
            return str(error)

    with ThreadPoolExecutor(1) as pool, world.transaction() as holder:
        holder.execute(text("SELECT FROM payments WHERE id = :id FOR UPDATE"), {"id": payment_id})
        begun = pool.submit(begin)
        world.until_waiting(1)  # it has looked, and found no try yet
        insert = "INSERT INTO attempts (payment_id, number, provider, reference, state, redirect_url)"
        holder.execute(
            text(f"{insert} SELECT :id, 1, v.* FROM (VALUES {meanwhile}) AS v"), {"id": payment_id}
        )
        holder.commit()
        assert told == begun.result(10)
    assert 1 == len(world.tries(payment_id))
