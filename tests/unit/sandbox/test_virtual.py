"""The whole world under a virtual clock, on a virtual wire."""

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Response
from sandbox_virtual import GATEWAY, Wire, whole_world
from werkzeug.test import Client

from sandbox import mishaps
from sandbox.config import SERVERS, read_world
from sandbox.errors import WorldMisconfigured
from sandbox.faults import Fault
from sandbox.mishaps import MISHAP
from sandbox.outward import Reply
from sandbox.serving import new_app
from sandbox.state import Ground, State
from sandbox.world import World

TRANSFER = {
    "debit": {"account": "0123456789", "amount_vnd": 1000, "memo": "x"},
}


def test_every_server_of_the_file_answers_without_a_port_a_thread_or_a_file(tmp_path: Path) -> None:
    before = threading.active_count()
    values = whole_world(tmp_path)
    files = set(tmp_path.iterdir())
    wire = Wire().build(values)
    assert {"bank", *SERVERS} == set(wire.world.apps)
    assert {*SERVERS} - {"post", "portal"} == set(wire.world.couriers)
    for name in wire.world.apps:
        assert {"ok": True, "server": name} == wire.call(f"http://{name}.test/healthz").get_json()
    assert ({}, before, files) == (wire.world.urls, threading.active_count(), set(tmp_path.iterdir()))
    with pytest.raises(AssertionError, match="nothing listens"):
        wire.world.start()
    wire.world.stop()


def test_the_clock_says_when_a_message_goes_out(tmp_path: Path) -> None:
    wire = Wire(lambda _: Reply(200, {}, b'{"success":true}')).build(whole_world(tmp_path))
    assert wire.next_at() is None
    wire.call("http://transfers.test/_control", "POST", data=json.dumps(TRANSFER))
    assert wire.now.timestamp() == wire.next_at()
    assert (0, 1, 0) == (len(wire.sent), wire.deliver(), wire.later(60))
    assert f"{GATEWAY}/callbacks/sepay" == wire.sent[0].url
    assert (
        str(int((wire.now - timedelta(seconds=60)).timestamp())) == wire.sent[0].headers["X-SePay-Timestamp"]
    )


def test_what_nobody_acknowledges_is_sent_again_when_the_clock_says_so(tmp_path: Path) -> None:
    wire = Wire(lambda _: None).build(whole_world(tmp_path))
    wire.call("http://transfers.test/_control", "POST", data=json.dumps(TRANSFER))
    assert [1, 0, 1, 1] == [wire.later(seconds) for seconds in (0, 0.5, 0.5, 1)]


def test_two_worlds_that_are_given_the_same_say_the_same(tmp_path: Path) -> None:
    def told() -> list[object]:
        wire = Wire(lambda _: None).build(whole_world(tmp_path))
        token = wire.call(
            "http://post.test/token",
            "POST",
            headers={"Authorization": "Basic a2V5OmFuIGludmVudGVkIHNlY3JldA=="},
            data={"grant_type": "client_credentials"},
        )
        wire.call("http://transfers.test/_control", "POST", data=json.dumps(TRANSFER))
        wire.deliver()
        return [token.get_json()["access_token"], *wire.sent]

    assert told() == told()


def test_a_wrong_setting_of_a_server_ends_the_world_before_it_begins(tmp_path: Path) -> None:
    values = whole_world(tmp_path)
    values["bidv"]["checksum"] = "crc"
    with pytest.raises(WorldMisconfigured, match=r"bidv\.checksum must be hmac or sha256"):
        World(read_world(values), listen=False)


@pytest.mark.parametrize("fault", list(Fault))
def test_a_virtual_wire_is_told_what_becomes_of_an_answer(fault: Fault) -> None:
    app, told, waited = new_app("x"), list[tuple[str, float]](), list[float]()
    ground = Ground(State(None), pause=lambda seconds: bool(waited.append(seconds)))

    @app.get("/")
    def answer() -> Response:
        return mishaps.answer(fault, Response("given"), ground=ground, slow_s=7.0)

    environ = {MISHAP: lambda name, seconds: told.append((name, seconds))}
    got = Client(app).get("/", environ_overrides=environ)
    known = {Fault.SLOW: "slow", Fault.LOSE_ANSWER: "lose_answer", Fault.RESET: "reset", Fault.HANG: "hang"}
    assert ([(known[fault], 7.0)] if fault in known else []) == told
    answered = {Fault.UNAVAILABLE: (503, ""), Fault.GARBAGE: (200, mishaps.GARBAGE)}
    assert answered.get(fault, (200, "given")) == (got.status_code, got.text)
    assert [] == waited


def test_without_a_virtual_wire_a_slow_answer_waits_through_the_ground() -> None:
    app, waited = new_app("x"), list[float]()
    ground = Ground(State(None), pause=lambda seconds: bool(waited.append(seconds)))

    @app.get("/")
    def answer() -> Response:
        return mishaps.answer(Fault.SLOW, Response("given"), ground=ground, slow_s=7.0)

    assert (200, [7.0]) == (Client(app).get("/").status_code, waited)


def test_the_portal_reads_the_gateways_keys_over_the_same_wire(tmp_path: Path) -> None:
    wire = Wire(lambda _: Reply(404, {}, b"")).build(whole_world(tmp_path))
    headers = {"webhook-id": "w1", "webhook-timestamp": str(int(wire.now.timestamp()))}
    answer = wire.call("http://portal.test/webhooks", "POST", headers=headers, data="{}")
    assert 400 == answer.status_code
    assert [("GET", f"{GATEWAY}/.well-known/jwks.json")] == [(c.method, c.url) for c in wire.sent]
