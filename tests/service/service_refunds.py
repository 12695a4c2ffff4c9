"""A refund as a portal asks for it, and what VNPAY answers to it, made by the sandbox's own arithmetic."""

import json
from collections.abc import Callable

from service_wires import ipn
from service_world import FEE_VND, NOW, TMN_CODE, VNPAY_SECRET, World

from gateway.ports import HttpAnswer, HttpRequest
from gateway.service import refunds
from gateway.store import refunds as store
from sandbox.vnpay_wire import REFUND_ANSWER, signed_answer

CHIEF, CASHIER = "staff:chief", "staff:cashier"


def paid(world: World, case_code: str, number: str = "") -> str:
    payment_id, reference = world.started(case_code)
    world.hear("vnpay", ipn(reference, number=number or world.fresh("150")))
    return payment_id


def wanted(
    world: World, amount_vnd: int = FEE_VND, left_vnd: int = FEE_VND, **changes: object
) -> dict[str, object]:
    asked = {
        "reference": world.fresh("rf"),
        "amount_vnd": amount_vnd,
        "refundable_vnd": left_vnd,
        "reason": "thu thừa",
    }
    return {**asked, **changes}


def ask(world: World, payment_id: str, *amounts: int, **changes: object) -> store.Refund:
    asked = wanted(world, *amounts, **changes)
    return refunds.request(world.context, world.caller, payment_id, asked, NOW)[0]


def approved(world: World, payment_id: str, *amounts: int) -> store.Refund:
    return refunds.approve(world.context, ask(world, payment_id, *amounts).id, CHIEF, NOW)


def found(world: World, refund: store.Refund) -> store.Refund:
    return refunds.find(world.context, world.caller, refund.id)


def vnpay_says(code: str, status: str = "", **changes: str) -> Callable[[HttpRequest], HttpAnswer]:
    """VNPAY's answer to the refund that it is asked for, genuinely signed."""

    def answer(request: HttpRequest) -> HttpAnswer:
        asked = json.loads(request.body or b"{}")
        fields = {
            **{name: str(asked.get(name, "")) for name in REFUND_ANSWER},
            "vnp_ResponseId": "r1",
            "vnp_Command": "refund",
            "vnp_TmnCode": TMN_CODE,
            "vnp_ResponseCode": code,
            "vnp_TransactionStatus": status,
            "vnp_TransactionNo": "15000001",
            **changes,
        }
        return HttpAnswer(200, json.dumps(signed_answer(VNPAY_SECRET, fields, REFUND_ANSWER)).encode())

    return answer
