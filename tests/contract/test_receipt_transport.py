"""Each receipt provider over the real way out and real sockets: what went wrong keeps its meaning to the very end."""

import socket
import threading
from collections.abc import Callable

import pytest
from receipt_adapters_under_test import LINES, Line
from test_payment_transport import (
    PATIENCE_S,
    Behaviour,
    Journal,
    answer_breakdown,
    answer_garbage,
    answer_half,
    answer_no_http,
    crowd,
    nobody,
    read_then_close,
    read_then_reset,
    read_then_say_nothing,
    reset_after_one_byte,
    world,
)
from test_receipt_adapters import CALLS, CHANGES, DONE
from wire_samples import answer_bytes

from gateway.domain.errors import GatewayError
from gateway.http import Door

pytestmark = pytest.mark.service

each_provider = pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
BROKEN_OFF = [
    reset_after_one_byte,
    read_then_close,
    read_then_reset,
    read_then_say_nothing,
    answer_half,
    answer_no_http,
    answer_breakdown,
]


def after_login(line: Line, behaviour: Behaviour) -> Behaviour:
    """A login is answered as in its sample; every other call is treated so."""

    def treat(caller: socket.socket, done: threading.Event) -> None:
        asked = caller.recv(65_536, socket.MSG_PEEK)
        if line.logs_in and b"/auth/" in asked.partition(b"\r\n")[0]:
            caller.recv(65_536)
            caller.sendall(_whole(line, "login.answer"))
        else:
            behaviour(caller, done)

    return treat


def _whole(line: Line, name: str) -> bytes:
    answer = line.answer(name)
    return answer_bytes(answer).replace(b"\r\n\r\n", b"\r\ncontent-length: %d\r\n\r\n" % len(answer.body), 1)


def outcome(line: Line, name: str, port: int) -> str:
    """What one call came to."""
    way = Door(Journal(), allow_private=True)
    try:
        CALLS[name](line.at(f"http://127.0.0.1:{port}/x", way, timeout_s=PATIENCE_S), line)
    except GatewayError as error:
        return type(error).__name__
    return "done"


def outcomes(line: Line, behaviour: Behaviour) -> dict[str, str]:
    """What each call came to, at a server of its own."""
    found = {}
    for name in CALLS:
        with world(behaviour) as port:
            found[name] = outcome(line, name, port)
    return found


@each_provider
@pytest.mark.parametrize("place", [nobody, crowd])
def test_a_connection_that_was_never_made_may_be_tried_again(line: Line, place: Callable) -> None:
    with place() as port:
        assert {"Unreachable"} == {outcome(line, name, port) for name in CALLS}


@each_provider
@pytest.mark.parametrize("behaviour", BROKEN_OFF)
def test_a_call_that_broke_off_may_only_be_looked_up(line: Line, behaviour: Behaviour) -> None:
    assert dict.fromkeys(CALLS, "OutcomeUnknown") == outcomes(line, after_login(line, behaviour))


@pytest.mark.parametrize("line", [line for line in LINES if line.logs_in], ids=lambda line: line.name)
@pytest.mark.parametrize("behaviour", [*BROKEN_OFF, answer_garbage])
def test_a_login_that_broke_off_let_nothing_of_the_call_out(line: Line, behaviour: Behaviour) -> None:
    assert dict.fromkeys(CALLS, "Unreachable") == outcomes(line, behaviour)


@each_provider
def test_garbage_is_in_doubt_after_a_change_and_malformed_after_a_question(line: Line) -> None:
    expected = {call: "OutcomeUnknown" if call in CHANGES else "Malformed" for call in CALLS}
    assert expected == outcomes(line, after_login(line, answer_garbage))


@each_provider
@pytest.mark.parametrize("name", CALLS)
def test_a_call_over_real_sockets_comes_to_its_end(line: Line, name: str) -> None:
    def treat(caller: socket.socket, done: threading.Event) -> None:
        caller.recv(65_536)
        caller.sendall(_whole(line, DONE[name]))

    with world(after_login(line, treat)) as port:
        assert "done" == outcome(line, name, port)
