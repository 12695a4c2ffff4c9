"""The way out over real sockets and real TLS: what was delivered is never called unsent, no call outlives its time."""

import datetime as dt
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.domain.errors import OutcomeUnknown, TransportError, Unreachable
from gateway.http import Door, _exchange
from gateway.ports import HttpAnswer, HttpRequest

pytestmark = pytest.mark.service

BROKEN_RECORD = b"\x17\x03\x03\x00\x20" + bytes(32)
"""A TLS record of application data whose authentication tag holds for nothing."""

SHORT_S = 0.5
SLACK_S = 1.5
"""What a call may take beyond its time on a busy machine; the dripping servers go on for much longer."""

Serve = Callable[[socket.socket, list[bytes]], None]


class Journal:
    def __init__(self) -> None:
        self.ends: list[str] = []

    def begin(self, request: HttpRequest, now: dt.datetime) -> int:
        return 0

    def end(self, call_id: int, outcome: str, answer: HttpAnswer | None, now: dt.datetime) -> None:
        self.ends.append(outcome)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for `localhost` and 127.0.0.1, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + made.public_bytes(pem)
    )
    return file


@contextmanager
def server(serve: Serve, certificate: Path | None = None) -> Iterator[tuple[int, list[bytes]]]:
    """One caller is served; the port, and what was read of the request."""
    got: list[bytes] = []
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

    def run() -> None:
        caller, _ = listening.accept()
        with caller, suppress(OSError):
            if context is None:
                serve(caller, got)
            else:
                with context.wrap_socket(caller, server_side=True) as secure:
                    serve(secure, got)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield listening.getsockname()[1], got
        finally:
            thread.join(10)
            assert not thread.is_alive()


def whole(caller: socket.socket) -> bytes:
    """The request to its end: a server that closes with something unread would reset the connection."""
    read = b""
    while not read.endswith(b"pay") and (piece := caller.recv(65_536)):
        read += piece
    return read


def raw(secure: socket.socket, data: bytes) -> None:
    """Past the TLS layer, onto the wire."""
    socket.socket.sendall(secure, data)


def break_a_record(caller: socket.socket, got: list[bytes]) -> None:
    got.append(whole(caller))
    raw(caller, BROKEN_RECORD)


def break_in_the_body(caller: socket.socket, got: list[bytes]) -> None:
    got.append(whole(caller))
    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    raw(caller, BROKEN_RECORD)


def answer(caller: socket.socket, got: list[bytes]) -> None:
    got.append(whole(caller))
    caller.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")


def no_tls(caller: socket.socket, got: list[bytes]) -> None:
    caller.recv(65_536)  # the other side's hello, no byte of the request
    caller.sendall(b"220 ready\r\n")


def drip(caller: socket.socket, head: bytes) -> None:
    caller.recv(65_536)  # the beginning of the request, or of a handshake
    caller.sendall(head)
    for _ in range(60):
        caller.sendall(b"a")
        time.sleep(0.1)


def drip_a_body(caller: socket.socket, got: list[bytes]) -> None:
    drip(caller, b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")


def drip_a_body_without_a_length(caller: socket.socket, got: list[bytes]) -> None:
    drip(caller, b"HTTP/1.1 200 OK\r\n\r\n")


def drip_a_header(caller: socket.socket, got: list[bytes]) -> None:
    drip(caller, b"HTTP/1.1 200 OK\r\nX-Slow: ")


def drip_the_hello(caller: socket.socket, got: list[bytes]) -> None:
    drip(caller, b"\x16\x03\x03\x20\x00")


def call(url: str, *, ca_file: Path | None = None, timeout_s: float = 5.0) -> tuple[object, list[str]]:
    """The answer's body or the error's type, and what the journal says."""
    journal = Journal()
    door = Door(journal, allow_private=True, ca_file=None if ca_file is None else str(ca_file))
    try:
        return door.send(HttpRequest("POST", url, body=b"pay", timeout_s=timeout_s)).body, journal.ends
    except TransportError as error:
        return type(error), journal.ends


def test_a_call_over_tls_is_answered(certificate: Path) -> None:
    with server(answer, certificate) as (port, got):
        assert (b"{}", ["answered"]) == call(f"https://localhost:{port}/", ca_file=certificate)
    assert f"Host: localhost:{port}".encode() in got[0]


@pytest.mark.parametrize("serve", [break_a_record, break_in_the_body])
def test_tls_that_breaks_after_the_request_was_delivered_leaves_the_outcome_unknown(
    certificate: Path, serve: Serve
) -> None:
    with server(serve, certificate) as (port, got):
        assert (OutcomeUnknown, ["unknown"]) == call(f"https://localhost:{port}/", ca_file=certificate)
    assert got[0].startswith(b"POST / HTTP/1.1\r\n")


def test_a_certificate_that_nobody_trusts_means_that_nothing_left_us(certificate: Path) -> None:
    with server(answer, certificate) as (port, got):
        assert (Unreachable, ["unreachable"]) == call(f"https://localhost:{port}/")
    assert [] == [part for part in got if part]


def test_a_certificate_for_another_name_means_that_nothing_left_us(certificate: Path) -> None:
    with server(answer, certificate) as (port, got):
        request = HttpRequest("POST", f"https://elsewhere.example:{port}/", body=b"pay", timeout_s=5)
        with pytest.raises(Unreachable):
            _exchange(request, ("127.0.0.1",), str(certificate))
    assert [] == [part for part in got if part]


def test_the_address_that_was_checked_is_called_and_the_certificate_is_of_the_name(certificate: Path) -> None:
    with server(answer, certificate) as (port, got), socket.socket() as nobody:
        nobody.bind(("127.0.0.2", 0))
        request = HttpRequest("POST", f"https://localhost:{port}/", body=b"pay", timeout_s=5)
        # where the first address takes no connection, the next one is tried
        assert b"{}" == _exchange(request, ("127.0.0.2", "127.0.0.1"), str(certificate)).body
    assert f"Host: localhost:{port}".encode() in got[0]


def test_a_server_without_tls_means_that_nothing_left_us(certificate: Path) -> None:
    with server(no_tls) as (port, _):
        assert (Unreachable, ["unreachable"]) == call(f"https://localhost:{port}/", ca_file=certificate)


def timed(url: str) -> tuple[object, bool]:
    started = time.monotonic()
    meaning, _ = call(url, timeout_s=SHORT_S)
    return meaning, time.monotonic() - started < SHORT_S + SLACK_S


@pytest.mark.parametrize("serve", [drip_a_body, drip_a_body_without_a_length, drip_a_header])
def test_x33_an_answer_that_drips_ends_with_the_time_of_the_call(serve: Serve) -> None:
    with server(serve) as (port, _):
        assert (OutcomeUnknown, True) == timed(f"http://127.0.0.1:{port}/")


def test_x33_a_handshake_that_drips_ends_with_the_time_of_the_call() -> None:
    with server(drip_the_hello) as (port, _):
        assert (Unreachable, True) == timed(f"https://127.0.0.1:{port}/")
