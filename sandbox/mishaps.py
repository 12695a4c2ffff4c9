"""What becomes of an answer on its way: late, lost, reset, garbled, refused, or never given."""

import os
import socket
import struct
from threading import Event

from flask import Response, request

from sandbox.faults import Fault

MAX_HANG_S = 120.0
LOOK_S = 0.05
GARBAGE = "<html><body><h1>Cổng bảo trì</h1></body></html>"
CLOSE_AT_ONCE = struct.pack("ii", 1, 0)


def answer(fault: Fault, given: Response, *, stopping: Event, slow_s: float) -> Response:
    """`given` as the caller of the current request gets it under `fault`; `stopping` ends every wait."""
    match fault:
        case Fault.SLOW:
            stopping.wait(slow_s)
        case Fault.LOSE_ANSWER:
            _hang_up(reset=False)
        case Fault.RESET:
            _hang_up(reset=True)
        case Fault.HANG:
            _wait_for_the_caller_to_leave(stopping)
            _hang_up(reset=False)
        case Fault.GARBAGE:
            return Response(GARBAGE, content_type="text/html; charset=utf-8")
        case Fault.UNAVAILABLE:
            return Response("", status=503)
        case _:
            pass
    return given


def _connection() -> socket.socket:
    connection = request.environ["werkzeug.socket"]
    assert isinstance(connection, socket.socket)
    return connection


def _hang_up(*, reset: bool) -> None:
    """End the connection with the caller now; what the server writes afterwards goes nowhere."""
    connection = _connection()
    if reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, CLOSE_AT_ONCE)
    nobody, end = socket.socketpair()
    os.dup2(nobody.fileno(), connection.fileno(), inheritable=False)
    nobody.close()
    end.close()


def _wait_for_the_caller_to_leave(stopping: Event) -> None:
    for _ in range(int(MAX_HANG_S / LOOK_S)):
        if stopping.wait(LOOK_S) or _gone():
            return


def _gone() -> bool:
    try:
        return not _connection().recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
