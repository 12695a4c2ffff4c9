"""Each adapter over the real way out and real sockets: what went wrong keeps its meaning to the very end."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

import pytest
from adapters_under_test import ADAPTERS
from asking import CLOSED, outward, reading
from wire_samples import Case

from gateway.http import Door
from gateway.ports import HttpAnswer, HttpRequest

pytestmark = pytest.mark.service

PATIENCE_S = 0.6
GARBAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n<html>gone</html>"

Behaviour = Callable[[socket.socket, threading.Event], None]


class Journal:
    """Keeps what the door writes down."""

    def __init__(self) -> None:
        self.ends: list[str] = []

    def begin(self, request: HttpRequest, now: datetime) -> int:
        return len(self.ends)

    def end(self, call_id: int, outcome: str, answer: HttpAnswer | None, now: datetime) -> None:
        self.ends.append(outcome)


def reset_after_one_byte(caller: socket.socket, done: threading.Event) -> None:
    """Resets once something was sent; earlier, the caller's connect may fail, and then nothing left it."""
    caller.recv(1)
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_then_close(caller: socket.socket, done: threading.Event) -> None:
    caller.recv(65_536)


def read_then_reset(caller: socket.socket, done: threading.Event) -> None:
    caller.recv(65_536)
    caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def read_then_say_nothing(caller: socket.socket, done: threading.Event) -> None:
    caller.recv(65_536)
    done.wait(10)


def answer_half(caller: socket.socket, done: threading.Event) -> None:
    caller.recv(65_536)
    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def answer_no_http(caller: socket.socket, done: threading.Event) -> None:
    caller.recv(65_536)
    caller.sendall(b"\x00\x01\x02 220 ready\r\n\r\n")


def answer_garbage(caller: socket.socket, done: threading.Event) -> None:
    caller.recv(65_536)
    caller.sendall(GARBAGE)


def answer_breakdown(caller: socket.socket, done: threading.Event) -> None:
    caller.recv(65_536)
    caller.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")


@contextmanager
def world(behaviour: Behaviour) -> Iterator[int]:
    """A server on a free port of this machine that treats every caller in one way."""
    done = threading.Event()

    def serve() -> None:
        while not done.is_set():
            caller, _ = server.accept()
            with caller:
                if not done.is_set():
                    behaviour(caller, done)

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield port
        finally:
            done.set()
            socket.create_connection(("127.0.0.1", port)).close()  # wakes `accept`
            thread.join()


@contextmanager
def nobody() -> Iterator[int]:
    """A port on which nobody listens: a connection is refused."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextmanager
def crowd() -> Iterator[int]:
    """A port whose queue is full: a connection is neither made nor refused."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


def meanings(case: Case, port: int) -> tuple[set[object], set[str]]:
    """What every outward call of the adapter came to, and what the journal of the door says."""
    journal = Journal()
    moved = case.at(f"http://127.0.0.1:{port}/x", timeout_s=PATIENCE_S)
    calls = outward(moved, Door(journal, allow_private=True))
    return {reading(call) for call in calls}, set(journal.ends)


CALLERS = [case for case in ADAPTERS if list(outward(case, CLOSED))]
every_adapter = pytest.mark.parametrize("case", CALLERS, ids=lambda case: case.name)


@every_adapter
@pytest.mark.parametrize("place", [nobody, crowd])
def test_a_connection_that_was_never_made_may_be_tried_again(case: Case, place: Callable) -> None:
    with place() as port:
        assert meanings(case, port) == ({"Unreachable"}, {"unreachable"})


@every_adapter
@pytest.mark.parametrize(
    "behaviour",
    [
        reset_after_one_byte,
        read_then_close,
        read_then_reset,
        read_then_say_nothing,
        answer_half,
        answer_no_http,
    ],
)
def test_a_call_that_broke_off_may_only_be_asked_about(case: Case, behaviour: Behaviour) -> None:
    with world(behaviour) as port:
        assert meanings(case, port) == ({"OutcomeUnknown"}, {"unknown"})


@every_adapter
def test_an_answer_that_is_no_answer_of_the_protocol_is_malformed(case: Case) -> None:
    with world(answer_garbage) as port:
        assert meanings(case, port) == ({"Malformed"}, {"answered"})


@every_adapter
def test_a_breakdown_on_the_other_side_may_only_be_asked_about(case: Case) -> None:
    with world(answer_breakdown) as port:
        assert meanings(case, port) == ({"OutcomeUnknown"}, {"answered"})
