"""What a client of tus 1.0.0 sends, header by header, and a citizen's device that holds nothing but a link."""

import base64
import hashlib
import socket
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from api_wire import Call, Reply, exchange
from api_world import World

CHUNK = "application/offset+octet-stream"
V = ("Tus-Resumable", "1.0.0")
COVERED = ("@method", "@target-uri", "upload-length", "upload-metadata")


def encoded(**pairs: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items())


def checksum(content: bytes, algorithm: str = "sha256") -> tuple[str, str]:
    digest = base64.b64encode(hashlib.new(algorithm, content).digest()).decode()
    return ("Upload-Checksum", f"{algorithm} {digest}")


def announced(code: str, content: bytes, media_type: str = "application/pdf") -> dict[str, Any]:
    return {
        "code": code,
        "name": f"{code}.bin",
        "media_type": media_type,
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def order(world: World, case_code: str, code: str, size: object, **changes: Any) -> Reply:
    """`POST /v1/uploads` as a portal signs it."""
    metadata = changes.get("metadata", encoded(case_code=case_code, document_code=code))
    extra = (("Upload-Length", str(size)), ("Upload-Metadata", metadata), changes.get("version", V))
    call: Call = world.call("POST", "/v1/uploads", who=changes.get("who", "all"), extra=extra)
    covered = changes.get("covered", COVERED)
    return Call(**{**call.__dict__, "covered": covered}).send()


@dataclass
class Device:
    """Who holds the link of one upload."""

    link: str

    @property
    def base(self) -> str:
        parts = urlsplit(self.link)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def target(self) -> str:
        return urlsplit(self.link).path

    def ask(self, method: str, *headers: tuple[str, str], body: object = None) -> Reply:
        return exchange(self.base, method, self.target, headers, body)  # type: ignore[arg-type]

    def head(self) -> Reply:
        return self.ask("HEAD", V)

    def offset(self) -> int:
        found = self.head()
        assert 200 == found.status, found.status
        return int(found.headers["upload-offset"])

    def patch(self, at: int, content: object, *more: tuple[str, str]) -> Reply:
        headers = (V, ("Content-Type", CHUNK), ("Upload-Offset", str(at)), *more)
        return self.ask("PATCH", *headers, body=content)

    def begin(self, at: int, size: int, content: bytes, *more: tuple[str, str]) -> socket.socket:
        """A chunk of `size` bytes of which only `content` is sent so far; the connection stays open."""
        lines = [
            f"PATCH {self.target} HTTP/1.1",
            f"Host: {urlsplit(self.link).netloc}",
            f"Content-Length: {size}",
        ]
        headers = (V, ("Content-Type", CHUNK), ("Upload-Offset", str(at)), *more)
        lines += [f"{name}: {value}" for name, value in headers]
        host, _, port = urlsplit(self.link).netloc.partition(":")
        line = socket.create_connection((host, int(port)), timeout=20)
        line.sendall("\r\n".join([*lines, "", ""]).encode() + content)
        return line


def opened(world: World, content: bytes, code: str = "ban-ve", media_type: str = "application/pdf") -> Device:
    """An upload of a document of a new case."""
    case_code = world.draft(documents=[announced(code, content, media_type)])["case_code"]
    reply = order(world, str(case_code), code, len(content))
    assert 201 == reply.status, reply.text
    return Device(reply.headers["location"])


def cut_off(line: socket.socket) -> None:
    """Nothing more comes over this connection; returns when the server has noticed."""
    with line:
        line.shutdown(socket.SHUT_WR)
        while line.recv(65_536):
            pass
