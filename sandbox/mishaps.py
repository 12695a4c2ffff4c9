"""What becomes of an answer on its way: late, lost, reset, garbled, refused, or never given.

On a virtual wire, whose WSGI environ holds `MISHAP`, nothing waits and no socket is touched: the wire is told what is
to happen, gets the answer as it was given, and makes of it what the caller is to meet.
"""

import os
import socket
import struct
from collections.abc import Callable

from flask import Response, request

from sandbox.faults import Fault
from sandbox.state import Ground

MISHAP = "sandbox.mishap"
Mishap = Callable[[str, float], None]
"""Takes the name of a fault (`slow`, `lose_answer`, `reset`, `hang`) and how many seconds a slow answer takes."""
ON_THE_WIRE = frozenset({Fault.SLOW, Fault.LOSE_ANSWER, Fault.RESET, Fault.HANG})
MAX_HANG_S = 120.0
LOOK_S = 0.05
GARBAGE = "<html><body><h1>Cổng bảo trì</h1></body></html>"
CLOSE_AT_ONCE = struct.pack("ii", 1, 0)


def answer(fault: Fault, given: Response, *, ground: Ground, slow_s: float) -> Response:
    """`given` as the caller of the current request gets it under `fault`."""
    if fault is Fault.GARBAGE:
        return Response(GARBAGE, content_type="text/html; charset=utf-8")
    if fault is Fault.UNAVAILABLE:
        return Response("", status=503)
    virtual: Mishap | None = request.environ.get(MISHAP)
    if fault not in ON_THE_WIRE:
        return given
    if virtual is not None:
        virtual(fault.value, slow_s)
    elif fault is Fault.SLOW:
        ground.wait(slow_s)
    else:
        if fault is Fault.HANG:
            _wait_for_the_caller_to_leave(ground)
        _hang_up(reset=fault is Fault.RESET)
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


def _wait_for_the_caller_to_leave(ground: Ground) -> None:
    for _ in range(int(MAX_HANG_S / LOOK_S)):
        if ground.wait(LOOK_S) or _gone():
            return


def _gone() -> bool:
    try:
        return not _connection().recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True
