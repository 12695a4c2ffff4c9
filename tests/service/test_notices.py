"""Money on an account is counted for whom its memo names, whatever the sum; the rest is for a person."""

import pytest
from service_bank import Day, line
from service_transfers import notice, with_transfers
from service_wires import platform
from service_world import ACCOUNT, FEE_VND, NOW, World

from gateway.service import behind, finance, payments

pytestmark = pytest.mark.service
DONE = b'{"success":true}'
SEPAY = 92_000
"""What the service adds to the number of a line."""


@pytest.fixture(scope="module")
def house(world: World) -> World:
    return with_transfers(world)


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


def order(house: World, case_code: str) -> tuple[str, str]:
    """A payment with a VietQR try: its id, and the reference in the code."""
    return house.started(case_code, "vietqr")


def owed(house: World, payment_id: str) -> list[tuple[str, int]]:
    """The obligations that are open."""
    query = (
        "SELECT kind, amount_vnd FROM obligations "
        "WHERE payment_id = :id AND settled_at IS NULL ORDER BY created_at, id"
    )
    return house.rows(query, id=payment_id)


def test_a_try_by_a_code_is_shown_and_its_transfer_pays(house: World, case_code: str) -> None:
    payment_id = house.payment(case_code)
    shown = house.start(payment_id, "vietqr")
    assert shown.reference in str(shown.qr_payload)
    assert shown == house.start(payment_id, "vietqr"), "looking again shows the same try"
    assert DONE == house.hear("sepay", notice(f"nop {shown.reference} cam on", FEE_VND))
    assert ("paid", ["succeeded"]) == (house.found(payment_id).state, house.tries(payment_id))


def test_the_same_notice_again_counts_nothing(house: World, case_code: str) -> None:
    payment_id, reference = order(house, case_code)
    for _ in range(3):
        assert DONE == house.hear("sepay", notice(reference, FEE_VND, number=77_001))
    assert (FEE_VND, []) == (house.found(payment_id).paid_vnd, house.obligations(payment_id))


def test_too_little_is_a_shortfall_and_the_rest_completes_it(house: World, case_code: str) -> None:
    payment_id, reference = order(house, case_code)
    first, rest = notice(reference, 50_000), notice(reference, FEE_VND - 50_000)
    house.hear("sepay", first)
    payment = house.found(payment_id)
    assert ("pending", 50_000) == (payment.state, payment.paid_vnd)
    assert [("shortfall", FEE_VND - 50_000)] == owed(house, payment_id)
    for message in (rest, rest, first):
        house.hear("sepay", message)
    payment = house.found(payment_id)
    assert ("paid", FEE_VND, []) == (payment.state, payment.paid_vnd, owed(house, payment_id))
    assert ["payment.part_paid", "payment.succeeded"] == house.types(payment_id)[-2:]


def test_the_rest_can_be_paid_elsewhere_and_only_the_rest_is_asked_for(house: World, case_code: str) -> None:
    payment_id, reference = order(house, case_code)
    house.hear("sepay", notice(reference, 50_000))
    house.wire.answer = platform()
    again = house.start(payment_id, "dvcqg")
    assert FEE_VND - 50_000 == again.asked_vnd
    assert f'"SoTien":"{FEE_VND - 50_000}"'.encode() in (house.wire.asked[-1].body or b"").replace(b" ", b"")


def test_too_much_pays_and_what_is_too_much_is_owed_back(house: World, case_code: str) -> None:
    payment_id, reference = order(house, case_code)
    house.hear("sepay", notice(reference, FEE_VND + 30_000))
    assert ("paid", [("refund_due", 30_000)]) == (house.found(payment_id).state, owed(house, payment_id))


def test_a_second_transfer_is_owed_back_whole(house: World, case_code: str) -> None:
    payment_id, reference = order(house, case_code)
    for number in (88_001, 88_002, 88_002):
        house.hear("sepay", notice(reference, FEE_VND, number=number))
    assert 2 * FEE_VND == house.found(payment_id).paid_vnd
    assert [("refund_due", FEE_VND)] == owed(house, payment_id)


def test_a_part_that_came_before_the_end_of_time_is_owed_back_unless_the_rest_comes(
    house: World, case_code: str
) -> None:
    payment_id, reference = order(house, case_code)
    house.hear("sepay", notice(reference, 50_000))
    payments.cancel(house.context, house.caller, payment_id, NOW)
    assert [("part_unused", 50_000)] == owed(house, payment_id)
    house.hear("sepay", notice(reference, 20_000))
    assert [("part_unused", 50_000), ("part_unused", 20_000)] == owed(house, payment_id)
    house.hear("sepay", notice(reference, FEE_VND - 70_000))
    assert ("paid", []) == (house.found(payment_id).state, owed(house, payment_id))
    while behind.consume(house.context, "cases", NOW):
        pass
    assert [("refund_due", FEE_VND)] == owed(house, payment_id), "it came after the cancellation"


def test_a_garbled_memo_is_counted_for_nobody_and_a_person_hears_of_it(house: World, case_code: str) -> None:
    payment_id, reference = order(house, case_code)
    assert DONE == house.hear(
        "sepay", notice(f"nop {reference[:9]}?{reference[10:]}", FEE_VND, number=91_001)
    )
    assert ["unknown_order"] == house.alarms(f"sepay:{SEPAY + 91_001}")
    assert ("pending", 0) == (house.found(payment_id).state, house.found(payment_id).paid_vnd)


def test_two_codes_in_one_memo_are_for_a_person(house: World, case_code: str) -> None:
    (one, first), (two, second) = order(house, case_code), order(house, case_code)
    house.hear("sepay", notice(f"{first} {second}", 2 * FEE_VND, number=91_002))
    assert ["unknown_order"] == house.alarms(f"sepay:{SEPAY + 91_002}")
    assert [0, 0] == [house.found(each).paid_vnd for each in (one, two)]


def test_who_transfers_with_the_order_code_alone_gets_a_try_of_his_own(house: World, case_code: str) -> None:
    payment_id = house.payment(case_code)
    house.hear("sepay", notice(house.found(payment_id).order_code, FEE_VND))
    assert ("paid", ["succeeded"]) == (house.found(payment_id).state, house.tries(payment_id))


def test_money_that_another_provider_will_tell_of_is_not_counted_by_a_notice(
    house: World, case_code: str
) -> None:
    payment_id, reference = house.started(case_code, "vnpay")
    house.hear("sepay", notice(f"VNPAY {reference}", FEE_VND, number=91_003))
    assert (0, ["unknown_order"]) == (
        house.found(payment_id).paid_vnd,
        house.alarms(f"sepay:{SEPAY + 91_003}"),
    )


def test_money_that_went_out_is_no_order_and_no_alarm(house: World) -> None:
    assert DONE == house.hear("sepay", notice("hoan tien", -50_000, number=91_004))
    assert [] == house.alarms(f"sepay:{SEPAY + 91_004}")


def test_a_transfer_that_nobody_told_of_is_paid_by_the_statement_and_told_late_counts_once(
    house: World, case_code: str
) -> None:
    day = Day(house, case_code)
    payment_id, reference = order(house, case_code)
    day.take_in(line(f"QR {reference}"))
    assert [(payment_id, "by_reference")] == day.reconcile()
    assert ("paid", True) == (house.found(payment_id).state, day.close().green)
    late = notice(reference, FEE_VND, at=day.noon)
    for _ in range(2):
        assert DONE == house.hear("sepay", late, day.noon)
    assert (FEE_VND, []) == (house.found(payment_id).paid_vnd, house.obligations(payment_id))
    day.take_in(line(f"QR {reference}", bank_ref="FT2"), line(f"QR {reference}"))
    assert [(payment_id, "by_reference")] == day.reconcile(), "a second line is a second transfer"
    assert [("refund_due", FEE_VND)] == owed(house, payment_id)
    house.hear("sepay", notice(reference, FEE_VND, at=day.noon), day.noon)
    assert [("refund_due", FEE_VND)] == owed(house, payment_id), "and its own notice is not a third"


def test_a_line_for_a_provider_that_can_be_asked_stays_for_a_person(house: World, case_code: str) -> None:
    day = Day(house, case_code)
    payment_id, reference = house.started(case_code, "vnpay")
    day.take_in(line(reference))
    assert [(None, "not_awaited")] == day.reconcile()
    assert 0 == house.found(payment_id).paid_vnd


def test_a_statement_counts_each_line_once_however_often_it_is_read(house: World, case_code: str) -> None:
    day = Day(house, case_code)
    payment_id, reference = order(house, case_code)
    day.take_in(line(reference, 50_000))
    day.reconcile()
    for _ in range(2):
        finance.reconcile(house.context, ACCOUNT, day.noon)
    assert 50_000 == house.found(payment_id).paid_vnd
