"""ClamAV's daemon: only its whole OK is clean, and whatever goes wrong is no verdict at all."""

import io
import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from gateway import clamd
from gateway.domain.errors import Misconfigured
from gateway.ports import Clean, Infected, Unavailable
from sandbox.clamd import EICAR, Clamd

pytestmark = [pytest.mark.service, pytest.mark.enable_socket]


@pytest.fixture
def daemon() -> Iterator[Clamd]:
    made = Clamd(stream_max_bytes=3 << 20)
    made.start()
    yield made
    made.stop()


def scan(daemon: Clamd, content: bytes) -> object:
    return clamd.Clamd(daemon.url)(io.BytesIO(content))


def test_a_harmless_file_is_clean_and_the_test_virus_is_found(daemon: Clamd) -> None:
    assert Clean() == scan(daemon, b"")
    assert Clean() == scan(daemon, b"a" * 1_000_000)
    assert Infected("Eicar-Test-Signature") == scan(daemon, EICAR)


@pytest.mark.parametrize("before", [1, clamd.CHUNK_BYTES - 20, clamd.CHUNK_BYTES])
def test_what_lies_across_two_chunks_is_found(daemon: Clamd, before: int) -> None:
    assert Infected("Eicar-Test-Signature") == scan(daemon, b"a" * before + EICAR + b"b" * 1000)


def test_a_file_is_scanned_from_its_beginning(daemon: Clamd) -> None:
    file = io.BytesIO(EICAR)
    file.seek(40)
    assert Infected("Eicar-Test-Signature") == clamd.Clamd(daemon.url)(file)


def test_a_file_over_the_daemons_limit_has_no_verdict(daemon: Clamd) -> None:
    assert Unavailable("size limit exceeded") == scan(daemon, b"a" * (4 << 20))


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0",
        b"stream: OK",
        b"stream: OK\n\0",
        b"OK\0",
        b"stream: FOUND\0",
        b"stream: Can't allocate memory ERROR\0",
        b"x" * 10_000,
        b"\xff\xfe\0",
    ],
)
def test_any_other_answer_is_no_verdict(daemon: Clamd, answer: bytes) -> None:
    daemon.answer = answer
    assert isinstance(scan(daemon, b"a"), Unavailable)


def test_a_daemon_that_hangs_up_or_is_away_gives_no_verdict(daemon: Clamd) -> None:
    daemon.silent = True
    assert isinstance(scan(daemon, b"a"), Unavailable)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    assert Unavailable("ConnectionRefusedError") == clamd.Clamd(nobody)(io.BytesIO(b"a"))
    assert Unavailable("FileNotFoundError") == clamd.Clamd("unix:///tmp/no-such-socket")(io.BytesIO(b"a"))


def test_a_unix_socket_is_spoken_to_alike(tmp_path: Path) -> None:
    path = tmp_path / "clamd.ctl"
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def answer() -> None:
            line, _ = listener.accept()
            with line:
                while not b"".join(heard).endswith(b"\0\0\0\0"):
                    heard.append(line.recv(4096))
                line.sendall(b"stream: OK\0")

        thread = Thread(target=answer)
        thread.start()
        assert Clean() == clamd.Clamd(f"unix://{path}")(io.BytesIO(b"abc"))
        thread.join()
    assert b"zINSTREAM\0\0\0\0\x03abc\0\0\0\0" == b"".join(heard)


@pytest.mark.parametrize(
    "url", ["http://a:1", "tcp://", "unix://", "3310", "tcp://a:b", "tcp://a:99999", "unix://host/path"]
)
def test_an_address_of_another_kind_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(Misconfigured, match="GATEWAY_CLAMD_URL"):
        clamd.Clamd(url)
