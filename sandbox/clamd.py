"""A daemon of ClamAV on this machine: INSTREAM, PING and VERSION as `clamd(8)` has them, and one signature, EICAR's."""

import socketserver
import struct
from io import BufferedIOBase
from threading import Thread
from typing import Final

HOST: Final = "127.0.0.1"
POLL_S: Final = 0.05
MAX_COMMAND_BYTES: Final = 64
STREAM_MAX_BYTES: Final = 25 << 20
"""StreamMaxLength as it was shipped for long (clamd.conf(5)); newer releases have 100 MB."""
EICAR: Final = b"".join((b"X5O!P%@AP[4\\PZX54(P^)7CC)7}", b"$EICAR-STANDARD-", b"ANTIVIRUS-TEST-FILE!$H+H*"))
"""The test file that every scanner finds (eicar.org), in parts, so that none finds it here."""


class Clamd:
    """One daemon. `port` 0 asks for a free one. While `silent` it hangs up without a word, as one that reloads."""

    def __init__(self, port: int = 0, *, stream_max_bytes: int = STREAM_MAX_BYTES) -> None:
        self.stream_max_bytes = stream_max_bytes
        self.silent = False
        self.answer: bytes | None = None
        """What is answered whatever comes, for tests of odd answers."""
        self.scanned = 0
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                said = outer._answer(self.rfile)
                if said:
                    self.wfile.write(said)

        self._server = socketserver.ThreadingTCPServer((HOST, port), Handler, bind_and_activate=False)
        self._server.allow_reuse_address = True
        self._server.daemon_threads = True
        self._server.server_bind()
        self._server.server_activate()
        self.url = f"tcp://{HOST}:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, args=(POLL_S,), daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, line: BufferedIOBase) -> bytes:
        command = b""
        while not command.endswith(b"\0") and len(command) < MAX_COMMAND_BYTES:
            byte = line.read(1)
            if not byte:
                return b""
            command += byte
        if self.silent:
            return b""
        if command == b"zPING\0":
            return b"PONG\0"
        if command == b"zVERSION\0":
            return b"ClamAV 1.4.0/sandbox\0"
        if command != b"zINSTREAM\0":
            return b"UNKNOWN COMMAND\0"
        said = self._scan(line)
        return said if self.answer is None else self.answer

    def _scan(self, line: BufferedIOBase) -> bytes:
        """Reads the chunks; what was found may lie across two of them."""
        total, kept, found = 0, b"", False
        while True:
            head = line.read(4)
            if len(head) < 4:  # noqa: PLR2004 - the length of a length
                return b""
            (size,) = struct.unpack("!I", head)
            if size == 0:
                break
            total += size
            if total > self.stream_max_bytes:
                return b"INSTREAM size limit exceeded. ERROR\0"
            chunk = kept + line.read(size)
            found = found or EICAR in chunk
            kept = chunk[1 - len(EICAR) :]
        self.scanned += 1
        return b"stream: Eicar-Test-Signature FOUND\0" if found else b"stream: OK\0"
