"""A load generator as lean as pgbench: one thread, plain sockets kept open, requests made before the clock starts.

Each connection has one request under way; the next one is sent when the answer to the last is complete.
"""

import re
import selectors
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

READ_BYTES = 65_536
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class WrongAnswer(Exception):  # noqa: N818 - named for what happened
    """The server answered something else than was wanted."""


@dataclass(slots=True)
class _Line:
    """One connection, and what came of the answer that it waits for."""

    socket: socket.socket
    sent_at: float = 0.0
    came: bytes = b""


@dataclass(slots=True)
class Load:
    """What a run measured: latencies in seconds by when they ended, and the seconds it took."""

    latencies_s: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def per_s(self) -> float:
        return len(self.latencies_s) / self.seconds


def get(host: str, path_and_query: str) -> bytes:
    """The bytes of a GET as HTTP/1.1."""
    return (
        f"GET {path_and_query} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n".encode()
    )


def run(port: int, requests: Iterator[bytes], *, connections: int, seconds: float, wanted: bytes) -> Load:
    """Send `requests` for `seconds` over `connections`; every answer must be 200 and hold `wanted`.

    Raises `WrongAnswer`; `StopIteration` is an error of the bench: it did not make enough requests.
    """
    load = Load()
    lines = [_Line(socket.create_connection(("127.0.0.1", port))) for _ in range(connections)]
    with selectors.DefaultSelector() as selector:
        began = time.perf_counter()
        for line in lines:
            line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(line.socket, selectors.EVENT_READ, line)
            _send(line, next(requests))
        waiting = connections
        while waiting:
            for key, _ in selector.select():
                line = key.data
                if not _complete(line):
                    continue
                now = time.perf_counter()
                _check(line.came, wanted)
                load.latencies_s.append(now - line.sent_at)
                if now - began < seconds:
                    _send(line, next(requests))
                else:
                    waiting -= 1
        load.seconds = time.perf_counter() - began
    for line in lines:
        line.socket.close()
    return load


def _send(line: _Line, request: bytes) -> None:
    line.came = b""
    line.sent_at = time.perf_counter()
    line.socket.sendall(request)


def _complete(line: _Line) -> bool:
    line.came += line.socket.recv(READ_BYTES)
    head, found, body = line.came.partition(b"\r\n\r\n")
    if not found:
        return False
    length = _LENGTH.search(head)
    if length is None:
        raise WrongAnswer(head.decode("latin-1")[:200])
    return len(body) >= int(length.group(1))


def _check(answer: bytes, wanted: bytes) -> None:
    if not answer.startswith(b"HTTP/1.1 200") or wanted not in answer:
        raise WrongAnswer(answer.decode("latin-1")[-300:])
