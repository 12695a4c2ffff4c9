"""The courier by itself: what is sent when, how often, and what ends the tries."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.courier import IPN_TRIES, Courier, Message
from sandbox.outward import Call, Reply
from sandbox.state import Ground, State

START = datetime(2026, 11, 24, 8, tzinfo=UTC)


class Scene:
    """A courier under a clock of its own; `replies` are given one after another, the last one for ever."""

    def __init__(self, **how: Any) -> None:
        self.now, self.sent = START, list[Call]()
        self.replies: list[Reply | None] = [Reply(200, {}, b"ok")]
        self.ground = Ground(State(None), clock=lambda: self.now, send=self.send)
        self.courier = Courier(
            self.ground,
            "x",
            **{"acknowledged": lambda _, reply: reply.body == b"ok", "interval_s": 5.0, **how},
        )

    def send(self, call: Call) -> Reply | None:
        self.sent.append(call)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def put(self, *messages: Message) -> None:
        with self.ground.state.transaction() as db:
            for message in messages:
                self.courier.put(db, message)

    def after(self, seconds: float) -> int:
        self.now += timedelta(seconds=seconds)
        return self.courier.deliver_due()

    def last(self) -> tuple[str, int, int, str]:
        with self.ground.state.transaction() as db:
            row = db.execute("SELECT * FROM messages ORDER BY id DESC LIMIT 1").fetchone()
        return row["state"], row["tries"], row["last_status"], row["last_answer"]


def test_what_is_due_goes_out_once_in_its_order_and_nothing_else_does() -> None:
    scene = Scene()
    later = Message("http://g/later", delay_s=10.0)
    scene.put(later, Message("http://g/one"), Message("http://g/two", b"{}"))
    assert START.timestamp() == scene.courier.next_at()
    assert 2 == scene.courier.deliver_due()
    assert ["http://g/one", "http://g/two"] == [call.url for call in scene.sent]
    assert (START + timedelta(seconds=10)).timestamp() == scene.courier.next_at()
    assert (0, 1) == (scene.after(9.9), scene.after(0.1))
    assert scene.courier.next_at() is None
    assert 0 == scene.after(3600)


def test_more_than_one_batch_is_sent_at_once() -> None:
    scene = Scene()
    scene.put(*(Message(f"http://g/{number}") for number in range(45)))
    assert 45 == scene.courier.deliver_due()
    assert [f"http://g/{number}" for number in range(45)] == [call.url for call in scene.sent]


@pytest.mark.parametrize("reply", [None, Reply(200, {}, b"no"), Reply(503, {}, b"")])
def test_what_is_not_acknowledged_is_sent_again_after_the_interval_until_it_is_given_up(
    reply: Reply | None,
) -> None:
    scene = Scene(max_tries=3)
    scene.replies = [reply]
    scene.put(Message("http://g/"))
    assert [1, 0, 1, 1, 0] == [scene.after(seconds) for seconds in (0, 4.9, 0.1, 5, 500)]
    status, answer = (0, "") if reply is None else (reply.status, reply.body.decode())
    assert ("given_up", 3, status, answer) == scene.last()


def test_an_acknowledgement_ends_the_tries() -> None:
    scene = Scene()
    scene.replies = [None, Reply(200, {}, b"ok")]
    scene.put(Message("http://g/"))
    assert [1, 1, 0] == [scene.after(seconds) for seconds in (0, 5, 5)]
    assert ("acknowledged", 2, 200, "ok") == scene.last()


def test_without_another_word_there_are_as_many_tries_as_an_ipn_has() -> None:
    scene = Scene()
    scene.replies = [None]
    scene.put(Message("http://g/"))
    assert IPN_TRIES == sum(scene.after(5) for _ in range(20))


def test_a_message_is_sealed_when_it_is_sent() -> None:
    scene = Scene()
    scene.courier = Courier(
        scene.ground,
        "sealed",
        acknowledged=lambda _, reply: reply.status == 200,
        interval_s=5.0,
        seal=lambda message: ({"X": f"{scene.now:%S} {message.kind} {message.flaw}"}, message.body),
    )
    scene.replies = [None, Reply(200, {}, b"")]
    scene.put(Message("http://g/", b"body", method="PUT", kind="k", flaw="f"))
    assert [1, 1] == [scene.after(0), scene.after(7)]
    sent = [(call.method, dict(call.headers), call.body) for call in scene.sent]
    assert [("PUT", {"X": "00 k f"}, b"body"), ("PUT", {"X": "07 k f"}, b"body")] == sent


def test_a_body_is_json_unless_a_seal_says_otherwise() -> None:
    scene = Scene()
    scene.put(Message("http://g/", method="GET"), Message("http://g/", b"{}"))
    scene.courier.deliver_due()
    assert [{}, {"Content-Type": "application/json; charset=utf-8"}] == [call.headers for call in scene.sent]


def test_what_is_put_while_a_message_is_under_way_is_sent_as_well() -> None:
    scene = Scene()
    answers = iter([True, False])

    def send(call: Call) -> Reply:
        scene.sent.append(call)
        if next(answers):
            scene.put(Message("http://g/second"))
        return Reply(200, {}, b"ok")

    scene.ground = Ground(scene.ground.state, clock=lambda: scene.now, send=send)
    scene.courier = Courier(scene.ground, "x", acknowledged=lambda *_: True, interval_s=5.0)
    scene.put(Message("http://g/first"))
    assert 2 == scene.courier.deliver_due()


def test_couriers_of_one_state_know_their_own_messages() -> None:
    scene = Scene()
    other = Courier(scene.ground, "y", acknowledged=lambda *_: True, interval_s=5.0)
    scene.put(
        Message("http://g/a", kind="k"), Message("http://g/b", kind="k"), Message("http://g/c", kind="l")
    )
    with scene.ground.state.transaction() as db:
        assert ["http://g/b", "http://g/c"] == [m.url for m in scene.courier.last_of_each_kind(db)]
        assert [] == other.last_of_each_kind(db)
    assert (0, None) == (other.deliver_due(), other.next_at())
    assert 3 == scene.courier.deliver_due()
