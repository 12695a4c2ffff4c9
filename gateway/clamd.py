"""ClamAV over its daemon's socket: INSTREAM, as `clamd(8)` has it.

`zINSTREAM` and a zero byte; then the file in chunks, each behind its length as four bytes in network order; a length
of zero ends it. The answer ends with a zero byte: `stream: OK`, `stream: NAME FOUND`, or `… ERROR`. Nothing but a whole
`OK` is clean. Beside `gateway/http.py` this is the only module that opens connections: what it speaks is not HTTP.
"""

import contextlib
import re
import socket
import struct
from typing import BinaryIO, Final
from urllib.parse import urlsplit

from gateway.domain.errors import Misconfigured
from gateway.ports import Clean, Infected, Unavailable, Verdict

CONNECT_TIMEOUT_S: Final = 3.0
IDLE_TIMEOUT_S: Final = 120.0
"""How long it may say nothing after the last byte: a large drawing takes its time."""
CHUNK_BYTES: Final = 1 << 17
MAX_ANSWER_BYTES: Final = 4096
DEFAULT_PORT: Final = 3310
_FOUND: Final = re.compile(r"stream: ([\x21-\x7e]{1,200}) FOUND")


class Clamd:
    """`url` is `tcp://host:port` or `unix:///path`. Raises `Misconfigured` for anything else."""

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or DEFAULT_PORT
        except ValueError:
            raise Misconfigured("GATEWAY_CLAMD_URL is no address") from None
        self._path = parts.path if parts.scheme == "unix" and not host else ""
        self._host, self._port = host or "", port
        if not self._path and (parts.scheme != "tcp" or not host):
            raise Misconfigured("GATEWAY_CLAMD_URL is tcp://host:port or unix:///path")

    def __call__(self, file: BinaryIO) -> Verdict:
        """What clamd says of the file. Whatever goes wrong on the way is `Unavailable`."""
        try:
            with self._connected() as line:
                _send(line, file)
                return _read(_answer(line))
        except OSError as error:
            return Unavailable(type(error).__name__)

    def _connected(self) -> socket.socket:
        if not self._path:
            line = socket.create_connection((self._host, self._port), timeout=CONNECT_TIMEOUT_S)
        else:
            line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            line.settimeout(CONNECT_TIMEOUT_S)
            try:
                line.connect(self._path)
            except OSError:
                line.close()
                raise
        line.settimeout(IDLE_TIMEOUT_S)
        return line


def _send(line: socket.socket, file: BinaryIO) -> None:
    file.seek(0)
    # over its limit clamd answers and hangs up in the midst of the file: the answer then says why
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        line.sendall(b"zINSTREAM\0")
        while chunk := file.read(CHUNK_BYTES):
            line.sendall(struct.pack("!I", len(chunk)) + chunk)
        line.sendall(struct.pack("!I", 0))


def _answer(line: socket.socket) -> bytes:
    came = b""
    while b"\0" not in came and len(came) < MAX_ANSWER_BYTES:
        part = line.recv(MAX_ANSWER_BYTES)
        if not part:
            break
        came += part
    return came


def _read(answer: bytes) -> Verdict:
    text, ended, _ = answer.decode("utf-8", "replace").partition("\0")
    if not ended:
        return Unavailable("the answer was cut off")
    if text == "stream: OK":
        return Clean()
    found = _FOUND.fullmatch(text)
    if found is not None:
        return Infected(found[1])
    return Unavailable("size limit exceeded" if "size limit exceeded" in text else "another answer")
