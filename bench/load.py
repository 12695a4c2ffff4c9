"""A load generator as lean as pgbench: one thread, plain sockets kept open, requests made before the clock starts.

Each connection has one request under way; the next one is sent when the answer to the last is complete. Requests that
only make sense in a row, as many as there are answers wanted, are sent over one connection.
"""

import re
import selectors
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from math import inf

READ_BYTES = 65_536
Wanted = tuple[int, bytes]
"""The status of an answer, and bytes that its body holds."""
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class WrongAnswer(Exception):  # noqa: N818 - named for what happened
    """The server answered something else than was wanted."""


@dataclass(slots=True)
class _Line:
    """One connection, the number of its request, and what came of the answer that it waits for."""

    socket: socket.socket
    number: int = 0
    sent_at: float = 0.0
    came: bytes = b""


@dataclass(slots=True)
class Load:
    """What a run measured: for each request in the order of sending its seconds and its answer's body."""

    latencies_s: list[float] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def per_s(self) -> float:
        return len(self.latencies_s) / self.seconds


def get(host: str, path_and_query: str) -> bytes:
    """The bytes of a GET as HTTP/1.1."""
    return (
        f"GET {path_and_query} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n".encode()
    )


def post(host: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """The bytes of a POST as HTTP/1.1."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
    return head.encode() + body


def run(
    port: int, requests: Sequence[bytes], *, connections: int, wanted: Sequence[Wanted], seconds: float = inf
) -> Load:
    """Send `requests` over `connections` for `seconds`, or all of them, in rows as long as `wanted`.

    Every answer must be the one `wanted` at its place in the row. Raises `WrongAnswer`; `IndexError` is an error of
    the bench: it did not make enough requests for the seconds.
    """
    load = Load()
    lines = [_Line(socket.create_connection(("127.0.0.1", port))) for _ in range(connections)]
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for line in lines:
            stack.enter_context(line.socket)
        began = time.perf_counter()
        for line in lines:
            line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(line.socket, selectors.EVENT_READ, line)
            _begin_row(line, load, len(wanted))
            _send(line, requests)
        waiting = connections
        while waiting:
            for key, _ in selector.select():
                line = key.data
                if not _complete(line):
                    continue
                now = time.perf_counter()
                place = line.number % len(wanted)
                load.bodies[line.number] = _body(line.came, wanted[place])
                load.latencies_s[line.number] = now - line.sent_at
                if place + 1 < len(wanted):
                    line.number += 1
                elif now - began < seconds and (seconds < inf or len(load.bodies) < len(requests)):
                    _begin_row(line, load, len(wanted))
                else:
                    waiting -= 1
                    continue
                _send(line, requests)
        load.seconds = time.perf_counter() - began
    return load


def _begin_row(line: _Line, load: Load, length: int) -> None:
    line.number = len(load.bodies)
    load.bodies.extend([b""] * length)
    load.latencies_s.extend([inf] * length)


def _send(line: _Line, requests: Sequence[bytes]) -> None:
    line.came = b""
    line.sent_at = time.perf_counter()
    line.socket.sendall(requests[line.number])


def _complete(line: _Line) -> bool:
    part = line.socket.recv(READ_BYTES)
    if not part:
        raise WrongAnswer("the connection was closed")
    line.came += part
    head, found, body = line.came.partition(b"\r\n\r\n")
    if not found:
        return False
    length = _LENGTH.search(head)
    if length is None:
        raise WrongAnswer(head.decode("latin-1")[:200])
    return len(body) >= int(length.group(1))


def _body(answer: bytes, wanted: Wanted) -> bytes:
    status, part = wanted
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 %d " % status) or part not in body:
        raise WrongAnswer(answer.decode("latin-1")[-600:])
    return body
