"""Money in unusual orders: each case was found by a reviewer, and lost, doubled or wrongly owed money once."""

import json
import threading
from dataclasses import replace

import pytest
from service_bank import Day, line
from service_transfers import notice, with_transfers
from service_wires import confirm, platform
from service_world import ACCOUNT, FEE_VND, NOW, World, nobody_listens

from gateway.domain.errors import Refused, Unreachable
from gateway.ports import HttpAnswer
from gateway.service import behind, notices, payments, refunds
from gateway.store import payments as payment_store
from gateway.store import refunds as refund_store
from gateway.store import reports as report_store
from gateway.store.reports import Told

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def house(world: World) -> World:
    return with_transfers(world)


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


def order(house: World, case_code: str) -> tuple[str, str]:
    return house.started(case_code, "vietqr")


def owed(house: World, payment_id: str) -> list[tuple[str, int]]:
    """The obligations that are open."""
    query = (
        "SELECT kind, amount_vnd FROM obligations "
        "WHERE payment_id = :id AND settled_at IS NULL ORDER BY created_at, id"
    )
    return house.rows(query, id=payment_id)


def consume(house: World) -> None:
    while behind.consume(house.context, "cases", NOW):
        pass


def give_back(house: World, refund: refund_store.Refund) -> None:
    """The refund was sent, and the money has gone."""
    with house.transaction() as connection:
        connection.exec_driver_sql("UPDATE refunds SET state = 'sent' WHERE id = %s", (refund.id,))
        payment, known = refunds.locked(connection, refund.id)
        assert refunds.succeed(connection, payment, known, f"bank:{ACCOUNT}", NOW)


def ask_back(house: World, payment_id: str, amount_vnd: int, left_vnd: int) -> refund_store.Refund:
    wanted = {
        "reference": house.fresh("rf"),
        "amount_vnd": amount_vnd,
        "refundable_vnd": left_vnd,
        "reason": "x",
    }
    return refunds.request(house.context, house.caller, payment_id, wanted, NOW)[0]


def test_second_equal_part_by_notice_after_the_first_was_known_by_statement(
    house: World, case_code: str
) -> None:
    """60k by statement, its notice late, then a second, real 60k by notice."""
    day = Day(house, case_code)
    pid, ref = order(house, case_code)
    half = FEE_VND // 2
    day.take_in(line(f"QR {ref}", half))
    day.reconcile()
    assert half == house.found(pid).paid_vnd
    house.hear("sepay", notice(ref, half, number=501, at=day.noon), day.noon)  # the same money
    assert half == house.found(pid).paid_vnd
    house.hear("sepay", notice(ref, half, number=502, at=day.noon), day.noon)  # other money
    assert (FEE_VND, "paid") == (house.found(pid).paid_vnd, house.found(pid).state)


def test_notice_and_statement_at_once_count_once(house: World, case_code: str) -> None:
    day = Day(house, case_code)
    pid, ref = order(house, case_code)
    day.take_in(line(f"QR {ref}"))
    message = notice(ref, FEE_VND, number=503, at=day.noon)
    provider = house.context.providers["sepay"]
    report = provider.read_callback(message, day.noon)
    with house.transaction() as c:
        attempt = notices.whose(house.context, c, report.memo, day.noon, cause="notice:sepay")
        named = replace(report, reference=attempt.reference, provider_ref=f"sepay:{report.provider_ref}")
        report_store.record(
            payment_store.bare(c),
            [Told("sepay", attempt.provider, named, message, day.noon, any_amount=True)],
        )
        t = threading.Thread(target=day.reconcile)
        t.start()
        house.until_waiting(1)
    t.join()
    assert (FEE_VND, []) == (house.found(pid).paid_vnd, owed(house, pid))


def test_same_bank_line_in_another_format_is_not_second_money(house: World, case_code: str) -> None:
    """The same transfer in another file, told in other words under the same number of the bank."""
    day = Day(house, case_code)
    pid, ref = order(house, case_code)
    house.hear("sepay", notice(ref, FEE_VND, number=504, at=day.noon), day.noon)
    day.take_in(line(f"QR {ref}", bank_ref="FT777"))
    day.reconcile()
    day.take_in(line(f"IBFT QR {ref} NGUYEN A", bank_ref="FT777"))
    day.reconcile()
    assert (FEE_VND, []) == (house.found(pid).paid_vnd, owed(house, pid))


def test_obligations_never_ask_for_more_back_than_came(house: World, case_code: str) -> None:
    pid, ref = order(house, case_code)
    payments.cancel(house.context, house.caller, pid, NOW)
    house.hear("sepay", notice(ref, 50_000, number=505))
    house.hear("sepay", notice(ref, FEE_VND, number=506))
    consume(house)
    rows = owed(house, pid)
    assert FEE_VND + 50_000 == sum(v for _, v in rows), rows


def test_late_money_for_a_cancelled_payment_with_postage_is_not_both_passed_on_and_given_back(
    house: World, case_code: str
) -> None:
    lines = [
        {"kind": "phi", "code": "PHX", "name": "Phí", "amount_vnd": 100_000},
        {"kind": "postage", "code": "PO", "name": "Cước", "amount_vnd": 30_000, "account": "9999999999"},
    ]
    pid = house.payment(case_code, lines=lines)
    ref = house.start(pid, "vietqr").reference
    payments.cancel(house.context, house.caller, pid, NOW)
    house.hear("sepay", notice(ref, 130_000, number=507))
    consume(house)
    rows = owed(house, pid)
    assert 130_000 == sum(v for _, v in rows), rows


def test_start_refused_after_a_part_has_come_is_no_failed_payment(house: World, case_code: str) -> None:
    pid, ref = order(house, case_code)
    house.hear("sepay", notice(ref, 50_000, number=508))
    house.wire.answer = lambda _: HttpAnswer(
        200, json.dumps({"MaLoi": "12", "MoTaLoi": "x"}).encode(), {"content-type": "application/json"}
    )
    with pytest.raises(Refused):
        house.start(pid, "dvcqg")
    assert "pending" == house.found(pid).state


def test_start_unreachable_after_a_part_has_come_is_not_created_again(house: World, case_code: str) -> None:
    pid, ref = order(house, case_code)
    house.hear("sepay", notice(ref, 50_000, number=509))
    house.wire.answer = nobody_listens
    with pytest.raises(Unreachable):
        house.start(pid, "dvcqg")
    assert "pending" == house.found(pid).state


def test_a_refund_of_the_part_that_is_under_way_is_not_counted_as_money_that_is_here(
    house: World, case_code: str
) -> None:
    pid, ref = order(house, case_code)
    house.hear("sepay", notice(ref, 50_000, number=510))
    refund = ask_back(house, pid, 50_000, 50_000)
    house.hear("sepay", notice(ref, FEE_VND - 50_000, number=511))
    give_back(house, refund)
    p = house.found(pid)
    net = p.paid_vnd - p.refunded_vnd
    assert p.state != "paid" or net >= p.amount_vnd or owed(house, pid), (p.state, net, p.amount_vnd)


def test_money_of_two_tries_owed_back_is_settled_by_two_refunds(house: World, case_code: str) -> None:
    pid, ref = order(house, case_code)
    house.hear("sepay", notice(ref, 50_000, number=512))
    house.wire.answer = platform()
    at = house.start(pid, "dvcqg").reference
    payments.cancel(house.context, house.caller, pid, NOW)
    house.hear("dvcqg", confirm(at, amount_vnd=FEE_VND - 50_000, number=house.fresh("VNP")))
    consume(house)
    assert [("refund_due", FEE_VND)] == owed(house, pid)
    left = FEE_VND
    for amount in (FEE_VND - 50_000, 50_000):
        refund = ask_back(house, pid, amount, left)
        left -= amount
        give_back(house, refund)
    assert FEE_VND == house.found(pid).refunded_vnd
    assert [] == owed(house, pid)


def test_a_part_by_a_transfer_and_a_refund_of_it_leave_the_right_shortfall(
    house: World, case_code: str
) -> None:
    pid, ref = order(house, case_code)
    house.hear("sepay", notice(ref, 50_000, number=513))
    refund = ask_back(house, pid, 50_000, 50_000)
    give_back(house, refund)
    # all is given back: what is missing is the whole sum, or nothing is said to be missing
    assert owed(house, pid) in ([], [("shortfall", FEE_VND)])


def test_desk_money_on_a_try_with_a_part_then_same_notice(house: World, case_code: str) -> None:
    """He was shown the code for the desk, and transfers with it instead."""
    pid, ref = house.started(case_code, "counter")
    house.hear("sepay", notice(ref, FEE_VND, number=514))
    assert "paid" == house.found(pid).state
