"""Uploads into the gateway as it is shipped, as processes: cuts, races, a killed server, and clients of others."""

import importlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import text

from bench import ground, upload
from bench.ground import Ground
from bench.upload import Drawing

pytestmark = [pytest.mark.service, pytest.mark.enable_socket]

SIZE = 40_000_000
V = {"Tus-Resumable": "1.0.0"}


@dataclass
class Shipped:
    """The gateway as processes, which can be killed and started again."""

    here: Ground
    folder: Path
    process: "subprocess.Popen[bytes]"

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def start(self) -> None:
        self.process = ground.started(self.here, self.folder, provider_port=9)

    def drawing(self, name: str, size: int = SIZE) -> Drawing:
        return upload.drawing(self.folder / name, size)

    def kept(self, wanted: Drawing) -> bool:
        """Whether the store has this very file, and nothing is left of its way in."""
        path = self.folder / "files" / wanted.sha256[:2] / wanted.sha256
        return path.read_bytes() == wanted.path.read_bytes() and not self.part(wanted).exists()

    def part(self, wanted: Drawing) -> Path:
        query = "SELECT u.id FROM uploads u JOIN case_documents USING (case_code) WHERE sha256 = :sha256"
        with self.here.engine.connect() as connection:
            upload_id = connection.execute(text(query), {"sha256": wanted.sha256}).scalar_one()
        return self.folder / "uploads" / "parts" / str(upload_id)

    def until_it_comes_in(self, wanted: Drawing) -> None:
        """Until the first bytes are there: asking the gateway itself could be what keeps them out."""
        part = self.part(wanted)
        for _ in range(1000):
            if part.exists() and part.stat().st_size > 0:
                return
            time.sleep(0.01)
        raise AssertionError("nothing came in")

    def events(self, wanted: Drawing) -> list[str]:
        query = (
            "SELECT e.type FROM events e JOIN case_documents d USING (case_code) WHERE d.sha256 = :sha256 "
            "AND e.type <> 'case.draft' ORDER BY e.id"
        )
        with self.here.engine.connect() as connection:
            return list(connection.execute(text(query), {"sha256": wanted.sha256}).scalars())


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    folder = tmp_path_factory.mktemp("shipped")
    with ground.serving(folder) as server, ground.prepared(server, "shipped", folder) as here:
        made = Shipped(here, folder, ground.started(here, folder, provider_port=9))
        yield made
        made.kill()


def status(method: str, link: str, **more: str) -> int:
    return upload.ask(method, link, V | more, b"" if method == "PATCH" else None).status


def test_a_cut_line_keeps_what_came_and_the_rest_follows(shipped: Shipped) -> None:
    wanted = shipped.drawing("cut")
    link = upload.order(shipped.here, wanted)
    reached = [0]
    for until in (9_000_000, 25_000_000, 39_999_999):
        upload.cut(link, wanted, reached[-1], until)
        reached.append(upload.offset(link))
        assert reached[-2] < reached[-1] <= until
    upload.send(link, wanted, reached[-1], SIZE - reached[-1])
    assert SIZE == upload.offset(link)
    assert shipped.kept(wanted)
    assert ["case.document_stored"] == shipped.events(wanted)


def test_a_server_that_is_killed_in_the_midst_of_a_chunk_loses_little_and_lets_go(shipped: Shipped) -> None:
    wanted = shipped.drawing("killed")
    link = upload.order(shipped.here, wanted)
    with upload.begin(link, wanted, 0, SIZE, until=SIZE - 1):
        for _ in range(400):
            if int(upload.ask("HEAD", link, V).headers["upload-offset"]) > 0:
                break
            time.sleep(0.02)
        shipped.kill()
    shipped.start()
    reached = upload.offset(link)
    assert 0 < reached < SIZE
    upload.send(link, wanted, reached, SIZE - reached)
    assert shipped.kept(wanted)


def test_a_server_that_is_killed_before_it_judged_the_whole_judges_it_when_asked(shipped: Shipped) -> None:
    wanted = shipped.drawing("unjudged", 3_000_000)
    link = upload.order(shipped.here, wanted)
    with shipped.here.engine.connect() as holder:
        # the case is locked: the last chunk is on the disk, and its document cannot be marked yet
        query = "SELECT 1 FROM cases JOIN case_documents USING (case_code) WHERE sha256 = :sha256 FOR UPDATE OF cases"
        holder.execute(text(query), {"sha256": wanted.sha256})
        with upload.begin(link, wanted, 0, wanted.size_bytes, until=wanted.size_bytes):
            until_waiting(shipped)
            shipped.kill()
    shipped.start()
    assert [] == shipped.events(wanted)
    assert wanted.size_bytes == upload.offset(link)
    assert ["case.document_stored"] == shipped.events(wanted)
    assert shipped.kept(wanted)


def until_waiting(shipped: Shipped) -> None:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    for _ in range(500):
        with shipped.here.engine.connect() as connection:
            if connection.execute(text(query)).scalar_one():
                return
        time.sleep(0.02)
    raise AssertionError("nobody waited")


def test_while_a_chunk_comes_in_no_other_one_does_and_nobody_gives_it_up(shipped: Shipped) -> None:
    wanted = shipped.drawing("held", 3_000_000)
    link = upload.order(shipped.here, wanted)
    with upload.begin(link, wanted, 0, wanted.size_bytes, until=1_000_000):
        shipped.until_it_comes_in(wanted)
        assert 423 == status("PATCH", link, **upload._chunk(0))
        assert 423 == status("DELETE", link)
        assert 200 == status("HEAD", link)
    reached = upload.offset(link)
    assert reached <= 1_000_000
    upload.send(link, wanted, reached, wanted.size_bytes - reached)
    assert shipped.kept(wanted)


def test_of_the_same_chunk_sent_by_many_at_once_one_counts(shipped: Shipped) -> None:
    wanted = shipped.drawing("raced", 1_000_000)
    link = upload.order(shipped.here, wanted)
    body = wanted.path.read_bytes()

    def one(_: int) -> int:
        return upload.ask("PATCH", link, upload._chunk(0), body).status

    with ThreadPoolExecutor(8) as pool:
        said = sorted(pool.map(one, range(8)))
    assert 1 == said.count(204)
    assert {204} < set(said) <= {204, 409, 423}
    assert ["case.document_stored"] == shipped.events(wanted)


def test_a_chunk_and_the_end_of_it_at_once_leave_one_of_both(shipped: Shipped) -> None:
    for number in range(10):
        wanted = shipped.drawing(f"ended-{number}", 200_000)
        link = upload.order(shipped.here, wanted)
        body = wanted.path.read_bytes()
        with ThreadPoolExecutor(2) as pool:
            sent = pool.submit(lambda: upload.ask("PATCH", link, upload._chunk(0), body).status)  # noqa: B023
            ended = pool.submit(status, "DELETE", link)
        pair = (sent.result(), ended.result())
        assert pair in {(204, 409), (204, 423), (410, 204), (423, 204)}, pair
        assert (["case.document_stored"] if pair[0] == 204 else []) == shipped.events(wanted)


def test_the_memory_that_a_drawing_takes_does_not_grow_with_it(
    shipped: Shipped, capsys: pytest.CaptureFixture[str]
) -> None:
    assert 0 == upload.measure(shipped.here, shipped.process, shipped.folder, 128_000_000)
    assert json.loads(capsys.readouterr().out)["above_idle_mb"] < upload.CEILING_MB


# --- clients that others wrote ------------------------------------------------------------------


def curl(link: str, *more: str) -> "subprocess.CompletedProcess[str]":
    headers = [part for name, value in V.items() for part in ("-H", f"{name}: {value}")]
    command = ["curl", "--silent", "--show-error", "--max-time", "60", *headers, *more, link]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=90)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not here")
def test_curl_resumes_an_upload(shipped: Shipped) -> None:
    wanted = shipped.drawing("by-curl")
    link = upload.order(shipped.here, wanted)
    chunk = ("-X", "PATCH", "-H", "Content-Type: application/offset+octet-stream", "-H", "Expect:")
    cut = curl(
        link,
        *chunk,
        "-H",
        "Upload-Offset: 0",
        "--data-binary",
        f"@{wanted.path}",
        "--limit-rate",
        "20M",
        "--max-time",
        "1",
    )
    assert 28 == cut.returncode, cut.stderr  # its time was over in the midst of the file
    upload.offset(link)
    told = dict(
        line.lower().split(": ", 1) for line in curl(link, "--head").stdout.splitlines() if ": " in line
    )
    reached = int(told["upload-offset"])
    assert 0 < reached < SIZE
    rest = shipped.folder / "rest"
    with wanted.path.open("rb") as file:
        file.seek(reached)
        rest.write_bytes(file.read())
    done = curl(link, *chunk, "-H", f"Upload-Offset: {reached}", "-T", str(rest), "-w", "%{http_code}")
    assert "204" == done.stdout, done
    assert shipped.kept(wanted)


@pytest.fixture(scope="module")
def tusclient() -> ModuleType:
    if os.environ.get("CI"):
        return importlib.import_module("tusclient.client")
    return pytest.importorskip("tusclient.client", reason="tuspy is not here: requirements/dev.in names it")


@pytest.mark.filterwarnings("ignore")  # another's code
def test_tuspy_resumes_an_upload(shipped: Shipped, tusclient: ModuleType) -> None:
    wanted = shipped.drawing("by-tuspy")
    link = upload.order(shipped.here, wanted)
    client = tusclient.TusClient(f"{shipped.here.origin}/v1/uploads")
    first = client.uploader(str(wanted.path), chunk_size=7_000_000, url=link, upload_checksum=True)
    first.upload_chunk()
    first.upload_chunk()
    assert 14_000_000 == upload.offset(link)
    upload.cut(link, wanted, 14_000_000, 30_000_000)
    reached = upload.offset(link)
    second = client.uploader(str(wanted.path), chunk_size=7_000_000, url=link)
    assert reached == second.offset
    second.upload()
    assert SIZE == upload.offset(link)
    assert shipped.kept(wanted)
