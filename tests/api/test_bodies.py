"""Bodies that cannot be read, or say what they may not: 400, 413, 415 or 422 with a clear problem, and no change."""

import json
from typing import Any

import pytest
from api_bodies import Taker, takers
from api_wire import JSON, Reply
from api_world import MAX_BODY_BYTES, World, fingerprint_of_world

pytestmark = pytest.mark.service

RULES = (
    "/v1/cases",
    "/v1/cases/<case_code>/documents",
    "/v1/cases/<case_code>/transitions",
    "/v1/cases/<case_code>/extensions",
    "/v1/cases/<case_code>/fees",
    "/v1/payments",
    "/v1/payments/<payment_id>/attempts",
    "/v1/payments/<payment_id>/refunds",
    "/v1/deliveries",
    "/v1/webhook_endpoints",
    "/v1/webhook_endpoints/<endpoint_id>",
)
TAKES_NOTHING = frozenset({"/v1/payments/<payment_id>/attempts"})
"""Where no member has to be given."""
EACH_RULE = pytest.mark.parametrize("rule", RULES)


@pytest.fixture(scope="module")
def known(world: World, case_code: str) -> dict[str, Taker]:
    return takers(world, case_code)


def refused(world: World, taker: Taker, body: bytes, content_type: str = JSON) -> Reply:
    """Send it signed; whatever is answered, nothing is changed, and the answer is a signed problem."""
    before = fingerprint_of_world(world)
    reply = world.call(taker.method, taker.target, body, content_type=content_type).send()
    assert before == fingerprint_of_world(world)
    assert "application/problem+json" == reply.media_type, reply.text[:500]
    assert "signature" in reply.headers
    assert reply.status == reply.json["status"]
    return reply


def test_every_route_that_takes_json_is_tried(world: World, known: dict[str, Taker]) -> None:
    paths = json.loads(world.plain("GET", "/openapi.json").body)["paths"]
    taking = {
        path
        for path, items in paths.items()
        for each in items.values()
        if JSON in each.get("requestBody", {}).get("content", ())
    }
    # OpenAPI writes {x} where the rule has <x>
    assert taking == {rule.replace("<", "{").replace(">", "}") for rule in known}
    assert set(RULES) == set(known)


BROKEN = {
    "nothing": b"",
    "blank": b"   ",
    "garbage": b"\x00\x01\x02",
    "cut off": b'{"reference": "a',
    "single quotes": b"{'reference': 'a'}",
    "trailing comma": b'{"reference": "a",}',
    "comment": b'{/**/"reference": "a"}',
    "two documents": b"{}{}",
    "not a number": b'{"reference": NaN}',
    "infinity": b'{"reference": -Infinity}',
    "number of a novel": b'{"reference": ' + b"9" * 5_000 + b"}",
    "a name twice": b'{"reference": "a", "reference": "b"}',
    "a name twice, deep": b'{"payer": {"name": "a", "name": "b"}}',
    "invalid utf-8": b'{"reference": "\xff\xfe"}',
    "latin-1": '{"reference": "é"}'.encode("latin-1"),
    "utf-16": '{"reference": "a"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"reference": "a"}',
    "lone surrogate": b'{"reference": "\\ud800"}',
    "lone surrogate as name": b'{"\\udfff": 1}',
    "deep list": b"[" * 100_000,
    "deep object": b'{"a":' * 30_000,
    "deep and closed": b"[" * 90_000 + b"]" * 90_000,
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN.keys())
@EACH_RULE
def test_what_is_no_json_is_400(world: World, known: dict[str, Taker], rule: str, body: bytes) -> None:
    reply = refused(world, known[rule], body)
    assert (400, "bad_request") == (reply.status, reply.json["code"])


@pytest.mark.parametrize(
    ("rule", "body"),
    [
        (rule, body)
        for rule in RULES
        for body in (b"[]", b"[{}]", b'"a"', b"5", b"true", b"{}")
        if rule not in TAKES_NOTHING or body != b"{}"
    ],
)
def test_what_is_no_object_with_the_right_members_is_422(
    world: World, known: dict[str, Taker], rule: str, body: bytes
) -> None:
    reply = refused(world, known[rule], body)
    assert (422, "malformed") == (reply.status, reply.json["code"])
    assert reply.json["errors"]


@EACH_RULE
def test_null_is_no_object_that_says_nothing(world: World, known: dict[str, Taker], rule: str) -> None:
    reply = refused(world, known[rule], b"null")
    assert (422, "malformed") == (reply.status, reply.json["code"])


@EACH_RULE
def test_an_unknown_field_is_named_and_refused(world: World, known: dict[str, Taker], rule: str) -> None:
    body = json.dumps({**known[rule].wanted(), "is_admin": True}).encode()
    reply = refused(world, known[rule], body)
    assert (422, "malformed") == (reply.status, reply.json["code"])
    assert ["is_admin"] == [each["field"] for each in reply.json["errors"]]


@EACH_RULE
def test_each_field_of_another_type_is_refused(world: World, known: dict[str, Taker], rule: str) -> None:
    wanted = known[rule].wanted()
    before = fingerprint_of_world(world)
    for name in wanted:
        for other in (1.5, {"a": [1]}, [None], True):
            body = json.dumps({**known[rule].wanted(), name: other}).encode()
            reply = world.call(known[rule].method, known[rule].target, body).send()
            assert (422, "malformed") == (reply.status, reply.json["code"]), (name, other)
    assert before == fingerprint_of_world(world)


@EACH_RULE
def test_a_name_as_long_as_the_limit_allows_is_not_thrown_back_whole(
    world: World, known: dict[str, Taker], rule: str
) -> None:
    reply = refused(world, known[rule], json.dumps({"x" * 150_000: 1}).encode())
    assert 422 == reply.status
    assert len(reply.body) < 10_000
    many = refused(world, known[rule], json.dumps({f"x{n}": 1 for n in range(10_000)}).encode())
    assert 100 == len(many.json["errors"])


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/xml",
        "text/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/octet-stream",
        "application/json5",
        "application/problem+json",
        "x",
    ],
)
@EACH_RULE
def test_another_media_type_is_415(
    world: World, known: dict[str, Taker], rule: str, content_type: str
) -> None:
    reply = refused(world, known[rule], json.dumps(known[rule].wanted()).encode(), content_type)
    assert (415, "media_type") == (reply.status, reply.json["code"])


@EACH_RULE
def test_a_body_over_the_limit_is_413(world: World, known: dict[str, Taker], rule: str) -> None:
    reply = refused(world, known[rule], b" " * (MAX_BODY_BYTES + 1))
    assert (413, "too_large") == (reply.status, reply.json["code"])


@EACH_RULE
def test_a_body_in_chunks_over_the_limit_is_413(world: World, known: dict[str, Taker], rule: str) -> None:
    call = world.call(known[rule].method, known[rule].target, b" " * (MAX_BODY_BYTES + 1))
    chunks = (call.body[n : n + 65_536] for n in range(0, len(call.body), 65_536))
    reply = world.plain(call.method, call.target, headers=call.signed().items(), body=chunks)
    assert (413, "too_large") == (reply.status, reply.json["code"])


def test_a_body_in_chunks_within_the_limit_is_read_whole(world: World, case_code: str) -> None:
    wanted = world.payment_wanted(case_code, world.fresh("chunks"))
    call = world.call("POST", "/v1/payments", wanted)
    chunks = (call.body[n : n + 7] for n in range(0, len(call.body), 7))
    reply = world.plain(call.method, call.target, headers=call.signed().items(), body=chunks)
    assert 201 == reply.status


@EACH_RULE
def test_a_good_body_is_taken_all_the_same(world: World, known: dict[str, Taker], rule: str) -> None:
    """So that none of the above is refused for a reason of its own."""
    taker = known[rule]
    wanted: dict[str, Any] = taker.wanted()
    reply = world.ask(taker.method, taker.target, wanted)
    # the case is not in process, so it cannot be finished yet, nor has it a day to be moved: read, and refused
    assert (409 if rule.endswith(("transitions", "extensions")) else reply.status) == reply.status
    assert reply.status in {200, 201, 409}
