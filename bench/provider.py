"""A provider whose answer takes no time: the national platform's INIT, the same answer to all, in its own process.

What is measured with it is our own.
"""

import json
import socketserver
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_BODY: Final = json.dumps({"MaLoi": "00", "UrlThanhToan": "http://127.0.0.1:9/pay"}).encode()
ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_BODY), _BODY)
)
READ_BYTES = 65_536


class Init(socketserver.BaseRequestHandler):
    """One request for each connection, read whole."""

    def handle(self) -> None:
        came = b""
        while not _whole(came):
            part = self.request.recv(READ_BYTES)
            if not part:
                return
            came += part
        self.request.sendall(ANSWER)


def _whole(came: bytes) -> bool:
    head, found, body = came.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(found) and len(body) >= int(lengths[0].partition(b":")[2] if lengths else 0)


@contextmanager
def running() -> Iterator[int]:
    """The port that it listens at."""
    started = subprocess.Popen([sys.executable, "-m", "bench.provider"], stdout=subprocess.PIPE)
    assert started.stdout is not None
    try:
        yield int(started.stdout.readline())
    finally:
        started.terminate()
        started.wait(10)
        started.stdout.close()


def main() -> None:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Init) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
