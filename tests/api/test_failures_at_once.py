"""What other systems answered when many asked at once, shown not to happen here: every answer is whole.

`docs/failures.md` lists every failure and all of its tests.
"""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from api_callbacks import Vnpay
from api_wire import JSON, Reply
from api_world import FEE_VND, World
from pydantic import BaseModel

from gateway.web.api.shown import AttemptOut, EventsOut, PaymentOut, PaymentPage, RefundOut, StatusOut

pytestmark = pytest.mark.service

AT_ONCE, ROUNDS = 8, 5
PROBLEM = "application/problem+json"


def whole(reply: Reply, model: type[BaseModel], *statuses: int) -> None:
    """The answer is the document that the contract promises, and says how long it is."""
    assert reply.status in statuses, reply.text
    assert str(len(reply.body)) == reply.headers["content-length"]
    assert JSON == reply.media_type
    model.model_validate(reply.json)


def problem(reply: Reply, *statuses: int) -> None:
    assert reply.status in statuses, reply.text
    assert PROBLEM == reply.media_type
    assert {"type", "title", "status", "detail", "code", "trace_id"} <= reply.json.keys()


def one_portal(world: World, case_code: str, number: int) -> None:
    """What one of many portals does: order, look, pay, ask for money back, list, and ask for what is not there."""
    dice, provider = random.Random(number), Vnpay()
    for _ in range(ROUNDS):
        wanted = world.payment_wanted(case_code, world.fresh("x34"))
        made = world.ask("POST", "/v1/payments", wanted)
        whole(made, PaymentOut, 201)
        payment = made.json["id"]
        whole(world.ask("POST", "/v1/payments", wanted), PaymentOut, 200)
        whole(
            world.ask("POST", f"/v1/payments/{payment}/attempts", {"provider": "vnpay"}), AttemptOut, 200, 201
        )
        reference = world.one("SELECT reference FROM attempts WHERE payment_id = :id", id=payment).reference
        assert "00" == provider.word(provider.paid(reference, FEE_VND).send(world))
        looks = [
            lambda payment=payment: whole(world.ask("GET", f"/v1/payments/{payment}"), PaymentOut, 200),
            lambda: whole(world.ask("GET", "/v1/payments?limit=50"), PaymentPage, 200),
            lambda: whole(world.ask("GET", "/v1/events?limit=50"), EventsOut, 200),
            lambda: whole(world.ask("GET", "/v1/status"), StatusOut, 200),
            lambda payment=payment: problem(world.ask("POST", f"/v1/payments/{payment}/cancel"), 403, 409),
            lambda: problem(world.ask("GET", "/v1/payments/pay_none"), 404),
        ]
        dice.shuffle(looks)
        for look in looks:
            look()
        asked = world.refund_wanted(world.fresh("x34-rf"))
        whole(world.ask("POST", f"/v1/payments/{payment}/refunds", asked), RefundOut, 201)


def test_x34_every_answer_is_whole_however_many_ask_at_once(world: World, case_code: str) -> None:
    """Elsewhere a good status came with an empty body when several requests met."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(one_portal, world, case_code, number) for number in range(AT_ONCE)]:
            done.result(120)
