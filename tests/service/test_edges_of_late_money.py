"""Money told late, twice or in parts: each case was found by a reviewer, and was counted or told wrongly once."""

from dataclasses import replace

import pytest
from service_bank import Day, line
from service_faults import lost
from service_transfers import notice, with_transfers
from service_wires import ipn, platform
from service_world import ACCOUNT, FEE_VND, NOW, World, minutes
from test_edges_of_asking import tell
from test_edges_of_money import consume, give_back, owed
from test_inquiries import SECRET, bank_asks, set_fees

from adapters import bidv, vietqr
from gateway.domain.errors import Forbidden, Malformed, NotFound
from gateway.ports import Capability
from gateway.service import breaks, payments, refunds, tracking, unclear
from gateway.service.accesses import Viewing
from gateway.store import cases as case_store
from gateway.store import payments as payment_store
from gateway.web import ways
from gateway.wiring import make_app

pytestmark = pytest.mark.service

LOOK = Viewing("staff:lan", "breaks list", "đối soát", NOW)


@pytest.fixture(scope="module")
def house(world: World) -> World:
    bank = bidv.Settings(service_id="068001", secret=SECRET, customer_prefix="GWT")
    return with_transfers(world, bidv=bidv.Bidv(bank, world.wire))


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


@pytest.fixture(autouse=True)
def everybody_is_up(world: World) -> None:
    world.do("DELETE FROM provider_health")
    world.wire.answer = platform()


# --- counted once -----------------------------------------------------------------------------------


def test_a_break_given_to_its_order_is_not_counted_again_when_its_provider_tells(
    house: World, case_code: str
) -> None:
    day = Day(house, case_code)
    payment_id, reference = house.started(case_code, "vnpay")
    day.take_in(line(reference, bank_ref="FTC1"))
    day.reconcile()
    (found,) = [each for each in breaks.listed(house.context, ACCOUNT, LOOK) if reference in each.text]
    done = breaks.assign(
        house.context, found.line_id, reference, account=ACCOUNT, by="staff:lan", now=day.noon
    )
    assert "paid" == done.state
    house.hear("vnpay", ipn(reference, number=house.fresh("88")), day.noon)
    assert (FEE_VND, []) == (house.found(payment_id).paid_vnd, owed(house, payment_id))
    assert day.close().green


def test_a_line_that_names_tries_of_two_providers_is_for_a_person(house: World, case_code: str) -> None:
    """A bill asked about at BIDV has the name of VNPAY's first try; the money is VNPAY's, and told late."""
    day = Day(house, case_code)
    payment_id, reference = house.started(case_code, "vnpay")
    assert "000" == bank_asks(house, reference)["result_code"]
    day.take_in(line(f"VNPAY {reference}", bank_ref="FTC2"))
    assert [(None, "not_awaited")] == day.reconcile()
    house.hear("vnpay", ipn(reference, number=house.fresh("89")), day.noon)
    assert (FEE_VND, []) == (house.found(payment_id).paid_vnd, owed(house, payment_id))
    assert [(payment_id, "by_reference")] == day.reconcile()


def test_the_first_of_two_parts_told_again_after_the_second_is_a_duplicate(house: World) -> None:
    case_code = house.case()
    payment_id = house.payment(case_code)
    reference = house.start(payment_id, "bidv").reference
    first = str(bank_asks(house, reference)["bill_id"])
    set_fees(house, case_code, 260_000)
    assert "000" == tell(house, reference, first, FEE_VND, "TXE1")["result_code"]
    second = str(bank_asks(house, reference)["bill_id"])
    assert "000" == tell(house, reference, second, 60_000, "TXE2")["result_code"]
    tell(house, reference, first, FEE_VND, "TXE1")
    assert [] == house.alarms(f"bidv:{reference}")
    assert ("paid", 260_000) == (house.found(payment_id).state, house.found(payment_id).paid_vnd)


# --- owed once --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comes_vnd", "left"),
    [
        (50_000, []),
        (20_000, [("shortfall", 30_000)]),
        (70_000, [("refund_due", 20_000)]),
    ],
)
def test_what_a_refund_has_left_missing_is_paid_first(
    house: World, case_code: str, comes_vnd: int, left: list[tuple[str, int]]
) -> None:
    payment_id, reference = house.started(case_code, "vietqr")
    house.hear("sepay", notice(reference, 50_000))
    wanted = {"reference": house.fresh("rf"), "amount_vnd": 50_000, "refundable_vnd": 50_000, "reason": "x"}
    refund, _ = refunds.request(house.context, house.caller, payment_id, wanted, NOW)
    house.hear("sepay", notice(reference, FEE_VND - 50_000))
    give_back(house, refund)
    assert [("shortfall", 50_000)] == owed(house, payment_id)
    for _ in range(2):
        house.hear("sepay", notice(reference, comes_vnd, number=7_000_000 + comes_vnd))
    assert left == owed(house, payment_id)
    assert "paid" == house.found(payment_id).state


def test_postage_is_passed_on_though_another_line_is_owed_back(house: World) -> None:
    case_code = house.case()
    code = house.one("SELECT fees -> 0 ->> 'code' FROM cases WHERE case_code = :c", c=case_code)
    first = house.payment(case_code)
    house.hear("sepay", notice(house.start(first, "vietqr").reference, FEE_VND))
    consume(house)
    lines = [
        {"kind": "phi", "code": code, "name": "Phí", "amount_vnd": FEE_VND},
        {"kind": "postage", "code": "PO", "name": "Cước", "amount_vnd": 30_000, "account": "9999999999"},
    ]
    payment_id = house.payment(case_code, lines=lines)
    house.hear("sepay", notice(house.start(payment_id, "vietqr").reference, FEE_VND + 30_000))
    consume(house)
    assert [("pass_on", 30_000), ("refund_due", FEE_VND)] == sorted(owed(house, payment_id))


# --- a way out --------------------------------------------------------------------------------------


def test_an_unclear_try_is_ended_by_a_person_with_the_providers_word(house: World, case_code: str) -> None:
    payment_id, reference = house.started(case_code, "vnpay")
    house.do("UPDATE attempts SET state = 'unknown' WHERE reference = :r", r=reference)
    house.do("UPDATE payments SET state = 'unknown' WHERE id = :p", p=payment_id)
    with pytest.raises(Forbidden):
        payments.cancel(house.context, house.caller, payment_id, NOW)
    with house.engine.connect() as connection:
        (attempt,) = [
            each
            for each, _ in payment_store.unclear_attempts(connection, 500)
            if each.payment_id == payment_id
        ]
    with pytest.raises(Malformed):
        unclear.settle_not_paid(house.context, attempt.id, by="staff:lan", proof=b"", now=NOW)
    with pytest.raises(NotFound):
        unclear.settle_not_paid(house.context, "att_none", by="staff:lan", proof=b"x", now=NOW)
    done = unclear.settle_not_paid(house.context, attempt.id, by="staff:lan", proof=b"thu VNPAY", now=NOW)
    assert ("pending", ["abandoned"]) == (done.state, house.tries(payment_id))
    with pytest.raises(Forbidden):
        unclear.settle_not_paid(house.context, attempt.id, by="staff:lan", proof=b"x", now=NOW)
    actor = house.one(
        "SELECT actor FROM events WHERE subject_id = :p AND type = 'payment.seen' ORDER BY id DESC LIMIT 1",
        p=payment_id,
    )
    assert "staff:lan" == actor
    house.hear("vnpay", ipn(reference, number=house.fresh("90")))
    assert "paid" == house.found(payment_id).state, "money that comes all the same counts"


# --- what is told -----------------------------------------------------------------------------------


def page(house: World, payment_id: str) -> str:
    app = make_app(replace(house.house, context=house.context))
    answer = app.test_client().get(f"/pay/{house.found(payment_id).token}?still=1")
    return str(answer.get_data(as_text=True))


def test_who_paid_a_part_is_told_what_is_missing_and_where_to_pay_it(house: World, case_code: str) -> None:
    payment_id, reference = house.started(case_code, "vietqr")
    house.hear("sepay", notice(reference, 50_000))
    shown = page(house, payment_id)
    assert "còn thiếu 150.000 đ" in shown
    assert "<form" in shown
    assert "không cần trả lại" not in shown
    assert "Đang chờ kết quả" not in shown


def test_a_part_of_a_cancelled_payment_is_told_to_go_back(house: World, case_code: str) -> None:
    payment_id, reference = house.started(case_code, "vietqr")
    house.hear("sepay", notice(reference, 50_000))
    payments.cancel(house.context, house.caller, payment_id, NOW)
    shown = page(house, payment_id)
    assert "Không cần trả" in shown
    assert "50.000 đ; khoản này sẽ được hoàn lại" in shown
    assert "còn thiếu" not in shown


def test_the_timeline_asks_for_no_rest_of_a_cancelled_payment(house: World) -> None:
    case_code = house.case()
    payment_id, reference = house.started(case_code, "vietqr")
    payments.cancel(house.context, house.caller, payment_id, NOW)
    house.hear("sepay", notice(reference, 50_000))
    with house.engine.connect() as connection:
        case = case_store.find(connection, case_code)
    assert case is not None
    words = [each.vi for each in tracking.steps(house.context, case)]
    assert "sẽ được hoàn lại" in words[-1]
    assert not [each for each in words if "xin nộp tiếp" in each]


class Asked(vietqr.Vietqr):
    """A code at a provider that can be asked: its try lives a quarter of an hour."""

    capabilities = frozenset({Capability.QR, Capability.QUERY, Capability.CALLBACK})


def test_a_code_that_can_be_paid_no_more_is_shown_nowhere(house: World, case_code: str) -> None:
    payment_id, _ = house.started(case_code, "vietqr")
    providers = {**house.context.providers, "vietqr": Asked(vietqr.Settings(), house.wire)}
    payment = house.found(payment_id)
    with house.engine.connect() as connection:
        newest = payment_store.newest_attempts(connection, [payment_id])[payment_id]
    for late, shown in ((minutes(14), True), (minutes(15), False)):
        context = replace(house.context, providers=providers, clock=lambda late=late: late)
        assert shown == (ways.current(context, payment, [newest]) is not None)


def test_unknown_money_is_what_the_try_asked_for(house: World, case_code: str) -> None:
    payment_id, reference = house.started(case_code, "vietqr")
    house.hear("sepay", notice(reference, 50_000))
    house.wire.answer = lost

    def unknown_vnd() -> int:
        with house.engine.connect() as connection:
            return sum(vnd for _, _, vnd, _ in payment_store.unknown_money(connection))

    before = unknown_vnd()
    assert "unknown" == house.start(payment_id, "dvcqg").state
    assert FEE_VND - 50_000 == unknown_vnd() - before


@pytest.mark.parametrize(
    ("back_vnd", "left"), [(230_000, []), (215_000, [("pass_on", 15_000)]), (50_000, [("pass_on", 30_000)])]
)
def test_what_was_given_back_is_not_passed_on_too(
    house: World, case_code: str, back_vnd: int, left: list[tuple[str, int]]
) -> None:
    lines = [
        {"kind": "phi", "code": "PHX", "name": "Phí", "amount_vnd": 200_000},
        {"kind": "postage", "code": "PO", "name": "Cước", "amount_vnd": 30_000, "account": "9999999999"},
    ]
    payment_id = house.payment(case_code, lines=lines)
    house.hear("sepay", notice(house.start(payment_id, "vietqr").reference, 230_000))
    consume(house)
    wanted = {
        "reference": house.fresh("rf"),
        "amount_vnd": back_vnd,
        "refundable_vnd": 230_000,
        "reason": "x",
    }
    refund, _ = refunds.request(house.context, house.caller, payment_id, wanted, NOW)
    give_back(house, refund)
    assert left == owed(house, payment_id)
