"""Requests whose signature does not hold: 401, kept as evidence, and nothing is done by them."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from api_wire import JSON, Call, Key, Reply, digest
from api_world import World, fingerprint_of_world
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway import jobs
from gateway.store import portals
from gateway.wiring import now
from signing.http_messages import WINDOW_S

pytestmark = pytest.mark.service

Spoil = Callable[[World, Call], Reply]


def _with(**changes: str) -> Spoil:
    """Signed honestly; then headers are changed, or left out where the value is empty."""

    def send(_: World, call: Call) -> Reply:
        headers = call.signed() | {name.replace("_", "-").title(): value for name, value in changes.items()}
        return call.send({name: value for name, value in headers.items() if value})

    return send


def _edit(header: str, old: str, new: str) -> Spoil:
    def send(_: World, call: Call) -> Reply:
        headers = call.signed()
        assert old in headers[header]
        return call.send({**headers, header: headers[header].replace(old, new, 1)})

    return send


def _then(**changes: object) -> Spoil:
    """Signed honestly; then what is sent is another thing under the same headers."""
    return lambda _, call: replace(call, **changes).send(call.signed())


def _as(**changes: object) -> Spoil:
    """Signed by the caller's own rules."""
    return lambda _, call: replace(call, **changes).send()


def _body(spoil: Callable[[bytes], bytes]) -> Spoil:
    return lambda _, call: replace(call, body=spoil(call.body)).send(call.signed())


def _two_keys(world: World, call: Call) -> Reply:
    second = replace(call, key=world.keys["other"], label="sig2").signed()
    first = call.signed()
    both = {name: f"{first[name]}, {second[name]}" for name in ("Signature", "Signature-Input")}
    return call.send({**first, **both})


def _two_lines(_: World, call: Call) -> Reply:
    first, second = call.signed(), replace(call, label="sig2").signed()
    both = {name: f"{first[name]}, {second[name]}" for name in ("Signature", "Signature-Input")}
    return call.send({**first, **both})


SPOILT: dict[str, Spoil] = {
    "no signature": _with(signature="", signature_input=""),
    "no signature input": _with(signature_input=""),
    "no signature bytes": _with(signature=""),
    "empty signature": _with(signature="sig1=::"),
    "garbage signature": _with(signature="\xff\xfe;;=,"),
    "short signature": _with(signature="sig1=:AAAA:"),
    "a test key as bearer": _with(signature="", signature_input="", authorization="Bearer all-2026"),
    "unknown keyid": _as(key=Key("nobody-2026", Ed25519PrivateKey.generate())),
    "keyid of another": lambda world, call: replace(
        call, key=Key("all-2026", world.keys["other"].private)
    ).send(),
    "keyid with quote": _edit("Signature-Input", "all-2026", "all'--"),
    "wrong key": _as(key=Key("all-2026", Ed25519PrivateKey.generate())),
    "live key in test mode": lambda world, call: replace(call, key=world.keys["live"]).send(),
    "301 seconds old": lambda _, call: replace(call, created=int(time.time()) - 301).send(),
    "from the future": lambda _, call: replace(call, created=int(time.time()) + 305).send(),
    "from the year 1970": _as(created=1),
    "from beyond all years": _as(created=999_999_999_999_999),
    "created changed": _edit("Signature-Input", "created=1", "created=2"),
    "nonce changed": _edit("Signature-Input", 'nonce="', 'nonce="x'),
    "nonce left out": _edit("Signature-Input", ";nonce", ";tag"),
    "nonce too long": _as(nonce="n" * 129),
    "algorithm none": _edit("Signature-Input", ";keyid", ';alg="none";keyid'),
    "algorithm of mac": _edit("Signature-Input", ";keyid", ';alg="hmac-sha256";keyid'),
    "method not covered": _as(covered=("@target-uri", "content-digest", "content-type")),
    "target not covered": _as(covered=("@method", "content-digest", "content-type")),
    "digest not covered": _as(covered=("@method", "@target-uri", "content-type")),
    "type not covered": _as(covered=("@method", "@target-uri", "content-digest")),
    "nothing covered": _edit(
        "Signature-Input", '("@method" "@target-uri" "content-digest" "content-type")', "()"
    ),
    "first byte of body changed": _body(lambda body: b" " + body[1:]),
    "last byte of body changed": _body(lambda body: body[:-1] + b" "),
    "byte added to body": _body(lambda body: body + b" "),
    "body left out": _body(lambda _: b""),
    "sum in body changed": _body(lambda body: body.replace(b"https", b"http:", 1)),
    "another path": _then(target="/v1/cases"),
    "query added": _then(target="/v1/payments?x=1"),
    "empty query added": lambda world, call: replace(call, target="/v1/payments?x").send(call.signed()),
    "another method": _then(method="GET"),
    "type changed": _with(content_type="application/json; charset=utf-16"),
    "type left out": _with(content_type=""),
    "digest left out": _with(content_digest=""),
    "digest of another body": _with(content_digest=digest(b"{}")),
    "digest of no known kind": _with(content_digest="md5=:AAAA:"),
    "digest garbage": _with(content_digest=":::"),
    "two signatures of known keys": _two_keys,
    "two signatures of one key": _two_lines,
    "label twice": _edit("Signature-Input", "sig1=", "sig1=();created=1, sig1="),
    "other label": _edit("Signature", "sig1", "sig2"),
    "oversized signature": _with(signature="sig1=:" + "A" * 9000 + ":"),
    "oversized input": _edit("Signature-Input", 'keyid="', 'keyid="' + "a" * 9000),
    "five signatures": _with(
        signature=", ".join(f"s{n}=:AA==:" for n in range(5)),
        signature_input=", ".join(f"s{n}=();created=1" for n in range(5)),
    ),
    "for another host": _as(base_url="http://localhost:80"),
}


@pytest.fixture
def honest(world: World, case_code: str) -> Call:
    """An order that would be a payment if it were believed."""
    return world.call("POST", "/v1/payments", world.payment_wanted(case_code, world.fresh("sig")))


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_a_signature_that_does_not_hold_is_401_kept_and_without_effect(
    world: World, honest: Call, spoil: Spoil
) -> None:
    before, mark = fingerprint_of_world(world), world.mark()
    # what is sent goes to the house, whatever address was signed
    reply = spoil(world, honest) if spoil is not SPOILT["for another host"] else _elsewhere(honest)
    assert (401, "application/problem+json") == (reply.status, reply.media_type), reply.text
    problem = reply.json
    assert ("bad_signature", 401) == (problem["code"], problem["status"])
    assert before == fingerprint_of_world(world)
    (kept,) = world.kept_since(mark)
    assert ("portal", "bad_signature") == (kept.source, kept.verdict)


def _elsewhere(honest: Call) -> Reply:
    return honest.send(replace(honest, base_url="http://localhost:80").signed())


def test_the_body_of_what_was_refused_is_kept_byte_for_byte(world: World, honest: Call) -> None:
    mark, body = world.mark(), bytes(range(256))
    assert 401 == replace(honest, body=body).send(honest.signed()).status
    (kept,) = world.kept_since(mark)
    assert (body, "POST", "/v1/payments") == (bytes(kept.body), kept.method, kept.path)
    assert "signature" in kept.headers


def test_x37_the_same_bytes_twice_order_one_payment_and_the_copy_is_kept_as_replayed(
    world: World, honest: Call
) -> None:
    headers, mark = honest.signed(), world.mark()
    assert 201 == honest.send(headers).status
    after = fingerprint_of_world(world)
    again = honest.send(headers)
    assert (401, "bad_signature") == (again.status, again.json["code"])
    assert after == fingerprint_of_world(world)
    assert ["genuine", "replayed"] == [kept.verdict for kept in world.kept_since(mark)]
    assert [honest.body] * 2 == [bytes(kept.body) for kept in world.kept_since(mark)]


@pytest.mark.parametrize("age_s", [120, 2 * WINDOW_S])
def test_a_copy_is_refused_as_long_as_its_time_would_hold_also_after_the_cleaning(
    world: World, honest: Call, age_s: int
) -> None:
    """A signature may be dated one window ahead, and holds one window longer: 600 s in all."""
    nonce = world.fresh("aged")
    headers = replace(honest, nonce=nonce).signed()
    assert 201 == honest.send(headers).status
    after = fingerprint_of_world(world)
    change = "UPDATE nonces SET signed_at = signed_at {} interval '{} seconds' WHERE nonce = '{}'"
    with world.altered(change.format("-", age_s, nonce), change.format("+", age_s, nonce)):
        pace = jobs.Pace(post_poll_s=1, heartbeat_s=1, stalled_after_s=1)
        loops = jobs.loops(world.app.extensions["cong4"].context, pace, threading.Event())
        next(loop for loop in loops if loop.name == "cleaning")._turn()
        assert 401 == honest.send(headers).status
    assert after == fingerprint_of_world(world)


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, 200_000])
def test_of_a_strangers_body_the_first_64_kib_are_kept(world: World, honest: Call, size: int) -> None:
    mark, body = world.mark(), bytes(range(251)) * (size // 251 + 1)
    stranger = replace(honest, body=body[:size])
    assert 401 == stranger.send({**stranger.signed(), "Signature": "sig1=:AA==:"}).status
    (kept,) = world.kept_since(mark)
    assert body[:size][:65_536] == bytes(kept.body)


def test_a_nonce_that_was_used_is_refused_for_other_content_too(world: World, honest: Call) -> None:
    assert 200 == world.call("GET", "/v1/payments", nonce="used-once").send().status
    before = fingerprint_of_world(world)
    assert 401 == replace(honest, nonce="used-once").send().status
    assert before == fingerprint_of_world(world)
    other = world.call("GET", "/v1/payments", nonce="used-once", who="other").send()
    assert 200 == other.status  # a nonce is the key's own


@pytest.mark.parametrize("age_s", [-295, 0, 295])
def test_a_signature_within_the_window_holds(world: World, age_s: int) -> None:
    reply = world.call("GET", "/v1/payments?limit=1", created=int(time.time()) - age_s).send()
    assert 200 == reply.status


def test_a_revoked_key_is_not_believed(world: World) -> None:
    key = Key(world.fresh("gone"), Ed25519PrivateKey.generate())
    with world.engine.begin() as connection:
        portal = portals.add_portal(connection, name="Hòa Bình", agency_code="H28", live=False)
        portals.add_key(connection, portal_id=portal, keyid=key.keyid, public_pem=key.pem, scopes=["read"])
    call = replace(world.call("GET", "/v1/payments?limit=1"), key=key)
    assert 200 == call.send().status
    with world.engine.begin() as connection:
        assert portals.revoke_key(connection, key.keyid, now())
    assert 401 == call.send().status


def test_a_path_with_escapes_is_signed_as_it_travels(world: World) -> None:
    for target in (
        "/v1/cases/h%E1%BB%93%20s%C6%A1",
        "/v1/cases/a%2Fb",
        "/v1/procedures/%22%3C%3E",
        "/v1/cases/a+b",
    ):
        reply = world.ask("GET", target)
        assert (404, "not_found") == (reply.status, reply.json["code"]), target


def test_a_zero_byte_in_path_query_or_header_is_400(world: World) -> None:
    for target in ("/v1/cases/a%00b", "/v1/payments?reference=%00", "/pay/%00", "/track/%00?x=%00"):
        reply = world.call("GET", target, extra=(("Accept", JSON),)).send()
        assert (400, "bad_request") == (reply.status, reply.json["code"]), target
    call = world.call("GET", "/v1/payments", extra=(("User-Agent", "a\x00b"),))
    assert 400 == call.send().status


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    "target", ["/v1/payments", "/v1/nothing", "/v1/payments/x/y/z", "/v1/", "/v1//payments"]
)
def test_nobody_without_a_signature_gets_anything_under_v1(world: World, method: str, target: str) -> None:
    before = fingerprint_of_world(world)
    reply = world.plain(method, target, body=b"{}", headers=[("Content-Type", JSON)])
    assert reply.status in {401, 404, 405}
    assert "application/problem+json" == reply.media_type
    assert before == fingerprint_of_world(world)
