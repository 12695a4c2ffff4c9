"""A drawing of two gigabytes over a line that is cut three times: how fast it comes in, and what memory that takes.

By real HTTP into the gateway as it is shipped. After each cut the sender asks how far it came and goes on from there,
as `tuspy` and curl do. What counts is the most memory that any process of the gateway held, above what it held when
idle; the speed stands beside that of the disk, which takes the same bytes in the same run.
"""

import base64
import hashlib
import http.client
import json
import os
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench import ground, report
from bench.ground import KEYID, Ground
from gateway.wiring import now
from signing.http_messages import sign_request

SIZE_BYTES = 2 * 10**9
CUTS = (0.2, 0.5, 0.8)
CEILING_MB = 64.0
BLOCK_BYTES = 1 << 20
TIMEOUT_S = 300.0
ASK_S = 0.05
MEDIA_TYPE, BEGINNING = "image/vnd.dwg", b"AC1032"
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Drawing:
    """A file that passes for a drawing, and its digest."""

    path: Path
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def main(size_bytes: int = SIZE_BYTES) -> int:
    """Run it; 0 when the memory is within its limit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with ground.serving(folder) as server, ground.prepared(server, "bench", folder) as here:
            gateway = ground.started(here, folder, provider_port=9)
            try:
                return measure(here, gateway, folder, size_bytes)
            finally:
                gateway.terminate()
                gateway.wait(20)


def measure(here: Ground, gateway: "subprocess.Popen[bytes]", folder: Path, size_bytes: int) -> int:
    """One drawing of that size into a gateway that runs; as `main`."""
    for number in range(4):  # each process of the web has loaded what it needs before the clock starts
        small = drawing(folder / f"warm-{number}", 2 * BLOCK_BYTES)
        send(order(here, small), small, 0, small.size_bytes)
    large = drawing(folder / "drawing", size_bytes)
    disk_per_s = _disk(large, folder / "copy")
    link = order(here, large)
    idle_mb = _forget_peaks(gateway.pid)
    began = time.perf_counter()
    for share in CUTS:
        cut(link, large, offset(link), int(share * size_bytes))
    at = offset(link)
    send(link, large, at, size_bytes - at)
    seconds = time.perf_counter() - began
    assert offset(link) == size_bytes
    peak_mb = {pid: _status(pid, "VmHWM") for pid in idle_mb}
    above_mb = max(peak_mb[pid] - idle_mb[pid] for pid in idle_mb)
    report.line(
        bench="upload",
        size_mb=round(size_bytes / MB),
        cuts=len(CUTS),
        seconds=round(seconds, 1),
        mb_per_s=round(size_bytes / MB / seconds),
        disk_mb_per_s=round(disk_per_s / MB),
        ratio=round(size_bytes / seconds / disk_per_s, 2),
        idle_mb=round(max(idle_mb.values()), 1),
        peak_mb=round(max(peak_mb.values()), 1),
        above_idle_mb=round(above_mb, 1),
        limit_mb=CEILING_MB,
    )
    return 0 if above_mb < CEILING_MB else 1


# --- the sender ---------------------------------------------------------------------------------


def drawing(path: Path, size_bytes: int) -> Drawing:
    """A file of that size, each one another."""
    block = secrets.token_bytes(BLOCK_BYTES)
    digest = hashlib.sha256()
    with path.open("wb") as file:
        left = size_bytes
        while left:
            part = ((BEGINNING + block) if left == size_bytes else block)[: min(left, BLOCK_BYTES)]
            digest.update(part)
            file.write(part)
            left -= len(part)
    return Drawing(path, size_bytes, digest.hexdigest())


def order(here: Ground, wanted: Drawing) -> str:
    """A case with this document, and the link of an upload for it."""
    document = {
        "code": "ban-ve",
        "name": "Bản vẽ",
        "media_type": MEDIA_TYPE,
        "size_bytes": wanted.size_bytes,
        "sha256": wanted.sha256,
    }
    applicant = {
        "name": "Nguyễn Văn Bình",
        "id_kind": "cccd",
        "id_number": "012345678901",
        "phone": "0912345678",
    }
    case = {"reference": secrets.token_hex(8), "procedure_code": "2.000488", "applicant": applicant}
    body = json.dumps({**case, "documents": [document]}, ensure_ascii=False).encode()
    made = _signed(here, "/v1/cases", {"Content-Type": "application/json"}, body)
    assert made.status == http.client.CREATED, made.body
    pairs = {"case_code": json.loads(made.body)["case_code"], "document_code": "ban-ve"}
    told = ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in pairs.items())
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(wanted.size_bytes), "Upload-Metadata": told}
    opened = _signed(here, "/v1/uploads", headers, b"", also=("upload-length", "upload-metadata"))
    assert opened.status == http.client.CREATED, opened.body
    return opened.headers["location"]


def _signed(
    here: Ground, path: str, headers: Mapping[str, str], body: bytes, *, also: tuple[str, ...] = ()
) -> Answer:
    added = sign_request(
        "POST",
        here.origin + path,
        headers,
        body,
        key=here.key,
        keyid=KEYID,
        created=now(),
        nonce=secrets.token_hex(16),
        also=also,
    )
    return ask("POST", here.origin + path, {**headers, **added}, body)


def ask(method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> Answer:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT_S)
    try:
        connection.request(method, urlsplit(url).path, body, dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def offset(link: str) -> int:
    """How far it came, once nobody else is at it."""
    for _ in range(int(TIMEOUT_S / ASK_S)):
        found = ask("HEAD", link, {"Tus-Resumable": "1.0.0"})
        assert found.status in {http.client.OK, http.client.LOCKED}, found.status
        # a chunk whose connection was cut is still being written while its part is held
        probe = ask("PATCH", link, _chunk(0) | {"Upload-Offset": str(2**50)}, b"")
        if found.status == http.client.OK and probe.status != http.client.LOCKED:
            return int(ask("HEAD", link, {"Tus-Resumable": "1.0.0"}).headers["upload-offset"])
        time.sleep(ASK_S)
    raise SystemExit("the upload stays locked")


def _chunk(at: int) -> dict[str, str]:
    return {
        "Tus-Resumable": "1.0.0",
        "Content-Type": "application/offset+octet-stream",
        "Upload-Offset": str(at),
    }


def send(link: str, wanted: Drawing, at: int, size: int) -> None:
    """All that is left, in one chunk. Raises `SystemExit` unless it is taken."""
    line = begin(link, wanted, at, size, until=at + size)
    with line:
        answer = line.recv(BLOCK_BYTES)
    if not answer.startswith(b"HTTP/1.1 204"):
        raise SystemExit(f"the chunk was not taken: {answer[:600]!r}")


def cut(link: str, wanted: Drawing, at: int, until: int) -> None:
    """Begin to send all that is left, and hang up at `until`, without a good-bye."""
    with begin(link, wanted, at, wanted.size_bytes - at, until=until) as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def begin(link: str, wanted: Drawing, at: int, size: int, *, until: int) -> socket.socket:
    """A chunk of `size` bytes of which those up to `until` are sent."""
    parts = urlsplit(link)
    head = [
        f"PATCH {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        f"Content-Length: {size}",
        "Connection: close",
    ]
    head += [f"{name}: {value}" for name, value in _chunk(at).items()]
    line = socket.create_connection((str(parts.hostname), int(parts.port or 80)), timeout=TIMEOUT_S)
    line.sendall("\r\n".join([*head, "", ""]).encode())
    with wanted.path.open("rb") as file:
        line.sendfile(file, at, until - at)
    return line


# --- the limits ---------------------------------------------------------------------------------


def _disk(wanted: Drawing, copy: Path) -> float:
    """Bytes per second of writing the same file and waiting for the disk."""
    began = time.perf_counter()
    with wanted.path.open("rb") as source, copy.open("wb") as target:
        while block := source.read(BLOCK_BYTES):
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    seconds = time.perf_counter() - began
    copy.unlink()
    return wanted.size_bytes / seconds


def _forget_peaks(pid: int) -> dict[int, float]:
    """The memory of each process of the gateway now, in MB; what they held at most is counted from here."""
    pids = [pid, *_below(pid)]
    for each in pids:
        Path(f"/proc/{each}/clear_refs").write_text("5", encoding="ascii")
    return {each: _status(each, "VmRSS") for each in pids}


def _below(pid: int) -> Sequence[int]:
    """Every process below that one."""
    found = []
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text(encoding="ascii").split():
            found += [int(child), *_below(int(child))]
    return found


def _status(pid: int, name: str) -> float:
    """A line of the process's status in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / MB
    raise KeyError(name)
