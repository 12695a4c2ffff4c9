"""Who asks what is owed is told what is owed now; and that sum is the one that counts."""

import json
from dataclasses import replace

import pytest
from service_wires import confirm, platform
from service_world import DVCQG_SECRET, FEE_VND, NOW, PARTNER, World

from adapters import bidv, dvcqg
from gateway.domain.errors import Forbidden, ReferenceConflict
from gateway.ports import HttpAnswer, InboundMessage
from gateway.service import fee_changes, inquiries, payments
from sandbox.bidv import checksum

pytestmark = pytest.mark.service

TOKEN = "the-platforms-token"
SECRET = "bidv-secret"
LESS_VND, MORE_VND = 150_000, 260_000


@pytest.fixture(scope="module")
def house(world: World) -> World:
    nowhere = "http://127.0.0.1:9"
    asked = dvcqg.Settings(PARTNER, DVCQG_SECRET, nowhere, nowhere, inquiry_token=TOKEN)
    bank = bidv.Settings(service_id="068001", secret=SECRET, customer_prefix="GWT")
    providers = {
        **world.context.providers,
        "dvcqg": dvcqg.Dvcqg(asked, world.wire),
        "bidv": bidv.Bidv(bank, world.wire),
    }
    return replace(world, context=replace(world.context, providers=providers))


def post(path: str, body: object, **headers: str) -> InboundMessage:
    return InboundMessage("POST", path, b"", headers, json.dumps(body).encode())


def platform_asks(house: World, case_code: str, token: str = TOKEN) -> dict[str, object]:
    """What the national platform is told when it looks the case up."""
    message = post("/inquiries/dvcqg", {"MaHoSo": case_code}, authorization=f"Bearer {token}")
    answer: HttpAnswer = inquiries.answer(house.context, house.context.providers["dvcqg"], message, NOW)  # type: ignore[arg-type]
    told: dict[str, object] = json.loads(answer.body)
    return told


def bank_asks(house: World, code: str) -> dict[str, object]:
    asked = {"service_id": "068001", "customer_id": f"GWT{code}"}
    body = {**asked, "checksum": checksum("hmac", SECRET, [asked["service_id"], asked["customer_id"]])}
    answer = inquiries.answer(
        house.context, house.context.providers["bidv"], post("/inquiries/bidv", body), NOW
    )  # type: ignore[arg-type]
    told: dict[str, object] = json.loads(answer.body)
    return told


def bank_tells(house: World, code: str, bill_id: str, amount_vnd: int) -> str:
    told = {
        "trans_id": house.fresh("TX"),
        "trans_date": "20261124095500",
        "customer_id": f"GWT{code}",
        "service_id": "068001",
        "bill_id": bill_id,
        "amount": str(amount_vnd),
    }
    signed = {**told, "checksum": checksum("hmac", SECRET, [told["trans_id"], told["amount"]])}
    code_: str = json.loads(house.hear("bidv", post("/callbacks/bidv", signed)))["result_code"]
    return code_


def set_fees(house: World, case_code: str, amount_vnd: int, reference: str = "") -> None:
    lines = [{"kind": "phi", "code": "PH1", "name": "Phí", "amount_vnd": amount_vnd, "account": None}]
    wanted = {"reference": reference or house.fresh("fe"), "lines": lines, "reason": "tính lại"}
    fee_changes.change(house.context, house.caller, case_code, wanted, NOW)


def test_the_platform_is_told_what_is_owed_now_and_that_is_charged(house: World) -> None:
    case_code = house.case()
    payment_id = house.payment(case_code)
    house.wire.answer = platform()
    reference = house.start(payment_id, "dvcqg").reference
    set_fees(house, case_code, MORE_VND)
    told = platform_asks(house, case_code)
    message = told["message"]
    assert isinstance(message, dict)
    assert (1, reference) == (told["error_code"], message["transaction_id"])
    assert [str(MORE_VND)] == [each["SoTien"] for each in message["DSKhoanNop"]]
    house.hear("dvcqg", confirm(reference, amount_vnd=MORE_VND, number=house.fresh("VNP")))
    payment = house.found(payment_id)
    assert ("paid", MORE_VND, MORE_VND) == (payment.state, payment.amount_vnd, payment.paid_vnd)
    assert 0 == platform_asks(house, case_code)["error_code"], "nothing is owed any more"


@pytest.mark.parametrize(
    ("new_vnd", "state", "owed"),
    [
        (MORE_VND, "pending", [("shortfall", MORE_VND - FEE_VND)]),
        (LESS_VND, "paid", [("refund_due", FEE_VND - LESS_VND)]),
    ],
)
def test_who_pays_the_sum_of_before_has_paid_it_and_the_difference_is_owed(
    house: World, new_vnd: int, state: str, owed: list[tuple[str, int]]
) -> None:
    case_code = house.case()
    payment_id = house.payment(case_code)
    house.wire.answer = platform()
    reference = house.start(payment_id, "dvcqg").reference
    set_fees(house, case_code, new_vnd)
    house.hear("dvcqg", confirm(reference, amount_vnd=FEE_VND, number=house.fresh("VNP")))
    assert (state, FEE_VND, owed) == (
        house.found(payment_id).state,
        house.found(payment_id).paid_vnd,
        house.obligations(payment_id),
    )


def test_a_sum_that_was_never_asked_for_is_a_wrong_amount(house: World) -> None:
    case_code = house.case()
    payment_id = house.payment(case_code)
    house.wire.answer = platform()
    reference = house.start(payment_id, "dvcqg").reference
    house.hear("dvcqg", confirm(reference, amount_vnd=MORE_VND, number=house.fresh("VNP")))
    assert 0 == house.found(payment_id).paid_vnd
    assert ["wrong_amount"] == house.alarms(f"dvcqg:{reference}")


def test_who_does_not_show_the_token_is_told_nothing(house: World) -> None:
    case_code = house.case()
    house.payment(case_code)
    told = platform_asks(house, case_code, token="another")
    assert {"error_code": -1, "message": []} == told
    assert ["bad_signature"] == [
        v for (v,) in house.rows("SELECT verdict FROM inbox ORDER BY id DESC LIMIT 1")
    ]


def test_a_case_that_nobody_knows_is_not_found(house: World) -> None:
    assert -1 == platform_asks(house, "H28-261124-9999")["error_code"]


def test_a_bill_code_is_shown_asked_about_and_paid_at_the_bank(house: World) -> None:
    payment_id = house.payment(house.case())
    attempt = house.start(payment_id, "bidv")
    assert f"GWT{attempt.reference}" == attempt.pay_code
    told = bank_asks(house, attempt.reference)
    assert ("000", str(FEE_VND)) == (told["result_code"], told["total_amount"])
    assert "000" == bank_tells(house, attempt.reference, str(told["bill_id"]), FEE_VND)
    assert "paid" == house.found(payment_id).state
    assert "000" != bank_asks(house, attempt.reference)["result_code"], "a paid bill is no bill"


def test_who_names_the_order_code_at_a_bank_first_begins_a_try_there(house: World) -> None:
    case_code = house.case()
    payment_id, first = house.started(case_code, "vnpay")
    told = bank_asks(house, first)
    assert "000" == told["result_code"]
    assert "000" == bank_tells(house, first, str(told["bill_id"]), FEE_VND)
    assert ("paid", ["sent", "succeeded"]) == (house.found(payment_id).state, house.tries(payment_id))


def test_while_an_earlier_try_is_unclear_no_bank_is_told_to_take_money(house: World) -> None:
    payment_id, first = house.started(house.case(), "vnpay")
    house.do("UPDATE attempts SET state = 'unknown' WHERE reference = :it", it=first)
    assert "000" != bank_asks(house, first)["result_code"]
    assert ["unknown"] == house.tries(payment_id)


@pytest.mark.parametrize("code", ["C4261124K7Q2M9XT", "", "C42611", "07"])
def test_a_code_of_nobody_is_no_bill(house: World, code: str) -> None:
    assert "000" != bank_asks(house, code)["result_code"]


def test_a_payment_that_is_over_is_no_bill(house: World) -> None:
    payment_id = house.payment(house.case())
    code = house.found(payment_id).order_code
    payments.cancel(house.context, house.caller, payment_id, NOW)
    assert "000" != bank_asks(house, code)["result_code"]


def test_fees_are_set_once_for_one_reference_and_not_after_the_end(house: World) -> None:
    case_code = house.case()
    set_fees(house, case_code, LESS_VND, "fee-once")
    set_fees(house, case_code, LESS_VND, "fee-once")
    with pytest.raises(ReferenceConflict):
        set_fees(house, case_code, MORE_VND, "fee-once")
    house.decide(case_code, "withdraw")
    with pytest.raises(Forbidden):
        set_fees(house, case_code, MORE_VND)


def test_a_payment_with_lines_of_its_own_keeps_its_sum(house: World) -> None:
    case_code = house.case()
    own = [{"kind": "phi", "code": "PH9", "name": "Phí", "amount_vnd": 90_000}]
    payment_id = house.payment(case_code, lines=own)
    set_fees(house, case_code, MORE_VND)
    assert 90_000 == house.found(payment_id).amount_vnd
