"""Questions, fees and tries that nobody would have left again: each case was found by a reviewer."""

import json
from dataclasses import replace

import pytest
from service_faults import lost
from service_transfers import with_transfers
from service_world import DVCQG_SECRET, FEE_VND, GUEST, NOW, PARTNER, World, minutes
from test_inquiries import SECRET, bank_asks, house, platform_asks, post, set_fees

from adapters import dvcqg, vietqr
from gateway.domain.errors import Unsupported
from gateway.ports import Capability, HttpDoor
from gateway.service import payments, routing
from sandbox.bidv import checksum

pytestmark = pytest.mark.service

__all__ = ["house"]


class Mute(dvcqg.Dvcqg):
    """A provider that calls us and answers no question."""

    name = "paygov"

    def __init__(self, settings: dvcqg.Settings, wire: HttpDoor) -> None:
        super().__init__(settings, wire)
        self.capabilities = frozenset({Capability.REDIRECT, Capability.CALLBACK})


def tell(house: World, code: str, bill_id: str, amount_vnd: int, trans: str) -> dict[str, str]:
    told = {
        "trans_id": trans,
        "trans_date": "20261124095500",
        "customer_id": f"GWT{code}",
        "service_id": "068001",
        "bill_id": bill_id,
        "amount": str(amount_vnd),
    }
    signed = {**told, "checksum": checksum("hmac", SECRET, [told["trans_id"], told["amount"]])}
    return json.loads(house.hear("bidv", post("/callbacks/bidv", signed)))


def test_a_repeated_callback_after_another_inquiry_is_a_duplicate(house: World) -> None:
    """The fee rises between question and payment, our answer is lost, somebody asks anew, and the bank repeats."""
    case_code = house.case()
    pid = house.payment(case_code)
    ref = house.start(pid, "bidv").reference
    bill = str(bank_asks(house, ref)["bill_id"])
    set_fees(house, case_code, 260_000)
    first = tell(house, ref, bill, FEE_VND, "TXR1")
    assert ("000", FEE_VND) == (first["result_code"], house.found(pid).paid_vnd)
    bank_asks(house, ref)
    again = tell(house, ref, bill, FEE_VND, "TXR1")
    assert [] == house.alarms(f"bidv:{ref}"), again


def test_a_try_begun_by_a_provider_that_can_be_asked_is_asked_about(house: World) -> None:
    """The platform looks a case up, the citizen pays there, the CONFIRM is lost."""
    case_code = house.case()
    pid = house.payment(case_code)
    told = platform_asks(house, case_code)
    assert 1 == told["error_code"]
    att = house.one("SELECT id FROM attempts WHERE payment_id = :p", p=pid)
    assert house.jobs("query_attempt", att), "nobody will ever ask"


def test_fees_set_to_nothing_are_not_asked_for_any_more(house: World) -> None:
    case_code = house.case()
    pid = house.payment(case_code)
    house.start(pid, "bidv")
    set_fees(house, case_code, 0)
    assert house.found(pid).state == "cancelled" or house.found(pid).amount_vnd == 0


def test_a_lost_start_at_a_provider_that_answers_no_questions_is_left_some_day(house: World) -> None:
    """PayGov-like: lost start; UNASKABLE; the citizen goes on to a QR code and does not pay; the time is over."""
    h = replace(
        house,
        context=replace(
            house.context,
            providers={
                **house.context.providers,
                "paygov": Mute(
                    dvcqg.Settings(PARTNER, DVCQG_SECRET, "http://127.0.0.1:9", "http://127.0.0.1:9"),
                    house.wire,
                ),
                "vietqr": vietqr.Vietqr(vietqr.Settings(), house.wire),
            },
        ),
    )
    pid = h.payment(h.case())
    h.wire.answer = lost
    assert "unknown" == h.start(pid, "paygov").state
    h.start(pid, "vietqr")
    assert ["abandoned", "sent"] == h.tries(pid)
    payments.expire(h.context, pid, h.found(pid).expires_at + (minutes(60 * 24 * 30) - NOW))
    assert "expired" == h.found(pid).state, (h.found(pid).state, h.jobs("expire_payment", pid)[-1:])


def test_inquiry_with_one_hundred_tries_is_answered(house: World) -> None:
    pid = house.payment(house.case())
    code = house.found(pid).order_code
    house.do(
        "INSERT INTO attempts (payment_id, provider, reference, number, state, created_at) "
        "SELECT :p, 'vnpay', :c || 'x' || n, n, 'failed', now() FROM generate_series(1, 99) n",
        p=pid,
        c=code,
    )
    told = bank_asks(house, code)
    assert "000" != told["result_code"]


def test_a_provider_that_only_tells_of_money_cannot_be_chosen(house: World) -> None:
    town = with_transfers(house)
    with pytest.raises(Unsupported):
        routing.start(town.context, town.payment(town.case()), "sepay", GUEST, NOW, first_is_ours=True)
