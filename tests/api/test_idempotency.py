"""A business key is idempotent for ever: the same again is answered as before, something else is a conflict."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from api_world import World, fingerprint_of_world

pytestmark = pytest.mark.service

AT_ONCE = 8

Make = Callable[[World, str, str], tuple[str, dict[str, Any], dict[str, Any]]]
"""A target, a body for a reference, and the same reference with other content."""


def _case(world: World, _: str, reference: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    wanted = world.case_wanted(reference)
    return "/v1/cases", wanted, {**wanted, "answers": {"a": "b"}}


def _payment(world: World, case_code: str, reference: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    wanted = world.payment_wanted(case_code, reference)
    return "/v1/payments", wanted, {**wanted, "return_url": "https://elsewhere.example.vn"}


def _delivery(world: World, case_code: str, reference: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    wanted = world.delivery_wanted(case_code, reference)
    return "/v1/deliveries", wanted, {**wanted, "cod_vnd": 1}


EACH = pytest.mark.parametrize(
    ("make", "table"),
    [(_case, "cases"), (_payment, "payments"), (_delivery, "deliveries")],
    ids=["case", "payment", "delivery"],
)


@EACH
def test_the_same_again_is_200_with_the_same_body(
    world: World, case_code: str, make: Make, table: str
) -> None:
    target, wanted, _ = make(world, case_code, world.fresh("idem"))
    first = world.ask("POST", target, wanted)
    after = fingerprint_of_world(world)
    again = world.ask("POST", target, {name: wanted[name] for name in reversed(wanted)})
    assert (201, 200) == (first.status, again.status)
    assert first.json == again.json
    assert after == fingerprint_of_world(world)


@EACH
def test_the_same_reference_with_other_content_is_a_conflict(
    world: World, case_code: str, make: Make, table: str
) -> None:
    target, wanted, other = make(world, case_code, world.fresh("idem"))
    assert 201 == world.ask("POST", target, wanted).status
    after = fingerprint_of_world(world)
    reply = world.ask("POST", target, other)
    assert (409, "reference_conflict") == (reply.status, reply.json["code"])
    assert after == fingerprint_of_world(world)


@EACH
def test_eight_at_once_make_one(world: World, case_code: str, make: Make, table: str) -> None:
    reference = world.fresh("race")
    target, wanted, _ = make(world, case_code, reference)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        replies = list(pool.map(lambda _: world.ask("POST", target, wanted), range(AT_ONCE)))
    assert [200] * (AT_ONCE - 1) + [201] == sorted(reply.status for reply in replies)
    assert 1 == len({reply.body for reply in replies})
    query = f"SELECT count(*) AS many FROM {table} WHERE reference = :reference"
    assert 1 == world.one(query, reference=reference).many


def test_eight_cases_under_one_code_at_once_are_one_case_and_seven_conflicts(world: World) -> None:
    wanted = [world.case_wanted(world.fresh("race"), case_code="H28-261124-9001") for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        replies = list(pool.map(lambda each: world.ask("POST", "/v1/cases", each), wanted))
    assert [201] + [409] * (AT_ONCE - 1) == sorted(reply.status for reply in replies)


def test_one_reference_for_deliveries_of_eight_cases_at_once_is_one_delivery(world: World) -> None:
    reference = world.fresh("race")
    codes = [world.submitted()["case_code"] for _ in range(4)]
    wanted = [world.delivery_wanted(code, reference) for code in codes]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        replies = list(pool.map(lambda each: world.ask("POST", "/v1/deliveries", each), wanted))
    assert [201, 409, 409, 409] == sorted(reply.status for reply in replies)


def test_a_transition_asked_for_twice_happens_once(world: World) -> None:
    target = f"/v1/cases/{world.submitted()['case_code']}/transitions"
    wanted = {"reference": "t-1", "event": "accept"}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        replies = list(pool.map(lambda _: world.ask("POST", target, wanted), range(AT_ONCE)))
    assert [200] * AT_ONCE == [reply.status for reply in replies]
    assert {"accepted"} == {reply.json["state"] for reply in replies}
    after = fingerprint_of_world(world)
    other = world.ask("POST", target, {"reference": "t-1", "event": "process"})
    assert (409, "reference_conflict") == (other.status, other.json["code"])
    assert after == fingerprint_of_world(world)


def test_a_transition_that_was_refused_may_be_asked_for_again_later(world: World) -> None:
    target = f"/v1/cases/{world.submitted()['case_code']}/transitions"
    early = {"reference": "t-finish", "event": "process"}
    before = fingerprint_of_world(world)
    reply = world.ask("POST", target, early)
    assert (409, "not_possible_now") == (reply.status, reply.json["code"])
    assert before == fingerprint_of_world(world)
    assert 200 == world.ask("POST", target, {"reference": "t-accept", "event": "accept"}).status
    assert 200 == world.ask("POST", target, early).status


def test_a_payment_cancelled_eight_times_at_once_is_cancelled_once(world: World, case_code: str) -> None:
    payment = world.payment(case_code)["id"]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        replies = list(
            pool.map(lambda _: world.ask("POST", f"/v1/payments/{payment}/cancel"), range(AT_ONCE))
        )
    assert [200] * AT_ONCE == [reply.status for reply in replies]
    query = "SELECT count(*) AS many FROM events WHERE subject_id = :id AND type = 'payment.cancelled'"
    assert 1 == world.one(query, id=payment).many


def test_a_webhook_address_given_twice_is_a_conflict(world: World) -> None:
    wanted = {"url": f"https://example.vn/{world.fresh('hook')}", "events": ["*"]}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        replies = list(pool.map(lambda _: world.ask("POST", "/v1/webhook_endpoints", wanted), range(AT_ONCE)))
    assert [201] + [409] * (AT_ONCE - 1) == sorted(reply.status for reply in replies)
