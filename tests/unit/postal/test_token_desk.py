"""The token: fetched once for all threads, renewed in time, and no trouble of its own taken for another's."""

import base64
import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import Malformed, Refused, Unreachable
from gateway.ports import HttpAnswer, HttpRequest
from postal.token_desk import LIFE_MOST_S, TokenDesk, TokenSettings, decode_answer, encode_request

SETTINGS = TokenSettings(url="https://post.example/token", key="khoa", secret="bí mật")
START = datetime(2025, 7, 1, tzinfo=UTC)


def _body(token: str = "t0k3n", **changes: object) -> bytes:
    return json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 3600} | changes).encode()


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_s(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)


class Door:
    """Hands out t1, then t2, and so on."""

    def __init__(self, **changes: object) -> None:
        self.changes = changes
        self.asked = 0
        self.status = 200
        self.waiting = threading.Event()
        self.waiting.set()

    def send(self, _: HttpRequest) -> HttpAnswer:
        self.waiting.wait(5)
        self.asked += 1
        return HttpAnswer(status=self.status, body=_body(f"t{self.asked}", **self.changes))


def test_the_request_carries_key_and_secret_as_basic_and_the_grant_as_a_form() -> None:
    request = encode_request(SETTINGS)
    assert request.body == b"grant_type=client_credentials"
    assert (request.method, request.url) == ("POST", "https://post.example/token")
    expected = {
        "Authorization": "Basic " + base64.b64encode("khoa:bí mật".encode()).decode(),
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
    }
    assert expected == request.headers


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "Bearer t1"), (3539, "Bearer t1"), (3540, "Bearer t2"), (9999, "Bearer t2")]
)
def test_a_token_is_used_until_a_minute_before_its_end(seconds: int, expected: str) -> None:
    clock = Clock()
    desk = TokenDesk(SETTINGS, Door(), clock=clock)
    desk.header()
    clock.pass_s(seconds)
    assert expected == desk.header()


@pytest.mark.parametrize("life_s", [2**63 - 1, 9_223_372_036_854_775])
def test_a_token_without_end_is_asked_for_anew_each_day(life_s: int) -> None:
    clock, door = Clock(), Door(expires_in=life_s)
    desk = TokenDesk(SETTINGS, door, clock=clock)
    desk.header()
    clock.pass_s(LIFE_MOST_S - SETTINGS.margin_s - 1)
    desk.header()
    kept = door.asked
    clock.pass_s(1)
    desk.header()
    assert (kept, door.asked) == (1, 2)


@pytest.mark.parametrize("life_s", [-1, 0, 59, 60])
def test_a_token_that_is_about_to_end_is_used_once(life_s: int) -> None:
    desk = TokenDesk(SETTINGS, Door(expires_in=life_s), clock=Clock())
    assert [desk.header(), desk.header()] == ["Bearer t1", "Bearer t2"]


def test_a_token_that_others_have_renewed_is_not_renewed_again() -> None:
    door = Door()
    desk = TokenDesk(SETTINGS, door, clock=Clock())
    stale = desk.header()
    assert [desk.header(unless=stale), desk.header(unless=stale)] == ["Bearer t2", "Bearer t2"]
    assert door.asked == 2


def test_threads_that_come_together_ask_once() -> None:
    door = Door()
    door.waiting.clear()
    desk = TokenDesk(SETTINGS, door, clock=Clock())
    headers: list[str] = []
    threads = [threading.Thread(target=lambda: headers.append(desk.header())) for _ in range(8)]
    for thread in threads:
        thread.start()
    door.waiting.set()
    for thread in threads:
        thread.join(5)
    assert (headers, door.asked) == (["Bearer t1"] * 8, 1)


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, Refused), (401, Refused), (302, Refused), (500, Unreachable), (429, Unreachable)],
)
def test_what_is_no_token_is_not_kept(status: int, error: type[Exception]) -> None:
    door = Door()
    door.status = status
    desk = TokenDesk(SETTINGS, door, clock=Clock())
    with pytest.raises(error):
        desk.header()
    door.status = 200
    assert desk.header() == "Bearer t2"


def test_a_stale_token_is_not_handed_out_after_a_renewal_that_failed() -> None:
    door = Door()
    desk = TokenDesk(SETTINGS, door, clock=Clock())
    stale = desk.header()
    door.status = 500
    with pytest.raises(Unreachable):
        desk.header(unless=stale)
    door.status = 200
    assert desk.header() == "Bearer t3"


@pytest.mark.parametrize(
    "body",
    [
        _body("a b"),
        _body("a\r\nX: y"),
        _body(""),
        _body("x" * 5_000),
        _body("đ"),
        _body(token_type="Bearer x"),
        _body(token_type="Bearer\n"),
        _body(expires_in="3600"),
        _body(expires_in=3600.5),
        _body(expires_in=2**63),
        _body(expires_in=None),
        b"{}",
        b"",
    ],
)
def test_an_answer_that_is_no_token_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode_answer(body)


@given(st.binary(max_size=200))
def test_random_bytes_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_answer(data)


def test_neither_secret_nor_token_is_shown() -> None:
    text = repr(SETTINGS) + repr(decode_answer(_body()))
    assert [word for word in ("khoa", "bí mật", "t0k3n") if word in text] == []
