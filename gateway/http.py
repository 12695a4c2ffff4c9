"""The one door out: the only importer of requests.

A call ends in an answer, in `Unreachable` (nothing left us) or in `OutcomeUnknown` (something may have). What tells
them apart is whether the connection, with its TLS handshake, was made: before that no byte of the request goes out,
and after it every error may follow the delivery. Redirects are never followed, a connection is never shared between
calls, and in live mode no call reaches a private address: a name is looked up once, and what was checked is called.
"""

import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from gateway.domain.errors import OutcomeUnknown, Unreachable
from gateway.ports import HttpAnswer, HttpRequest

CHUNK_BYTES = 65_536
CONNECT_TIMEOUT_S = 3.0
SECURE, PLAIN_TOO = frozenset({"https"}), frozenset({"https", "http"})
PORTS = {"http": 80, "https": 443}
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


Exchange = Callable[[HttpRequest, tuple[str, ...], str | None], HttpAnswer]
"""Carries one call: the request, the addresses it may go to (empty: any), the certificates that are trusted."""


class Journal(Protocol):
    """Writes a call down before it is made, and its end after (house law 2)."""

    def begin(self, request: HttpRequest, now: datetime) -> int: ...

    def end(self, call_id: int, outcome: str, answer: HttpAnswer | None, now: datetime) -> None: ...


class Door:
    """Sends one request at a time; safe from several threads.

    `schemes` are those that are called in live mode.
    `ca_file` holds the certificates that are trusted in place of the usual ones (PEM). `exchange` carries the calls of
    a simulated world.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        allow_private: bool,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        ca_file: str | None = None,
        exchange: Exchange | None = None,
        schemes: frozenset[str] = SECURE,
    ) -> None:
        self._schemes = schemes
        self._exchange = exchange or _exchange
        self._journal = journal
        self._allow_private = allow_private
        self._clock = clock
        self._ca_file = ca_file

    def send(self, request: HttpRequest) -> HttpAnswer:
        """The answer, whatever its status. Raises `Unreachable` or `OutcomeUnknown`."""
        addresses = () if self._allow_private else public_addresses(request.url, self._schemes)
        call_id = self._journal.begin(request, self._clock())
        try:
            answer = self._exchange(request, addresses, self._ca_file)
        except Unreachable:
            self._journal.end(call_id, "unreachable", None, self._clock())
            raise
        except OutcomeUnknown:
            self._journal.end(call_id, "unknown", None, self._clock())
            raise
        self._journal.end(call_id, "answered", answer, self._clock())
        return answer


# --- which addresses are called -----------------------------------------------------------------


def refuse_private(url: str) -> None:
    """Raises `Unreachable` where `public_addresses` does."""
    public_addresses(url)


def public_addresses(url: str, schemes: frozenset[str] = SECURE) -> tuple[str, ...]:
    """The addresses of the host. Raises `Unreachable` unless `url` is https and each of them is a public one.

    `schemes` may allow plain http too, for what is signed itself.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or PORTS.get(parts.scheme, 443)
    except ValueError:
        raise Unreachable("the address is none that can be called") from None
    if parts.scheme not in schemes or not host:
        raise Unreachable("only https addresses are called in live mode")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable("the host's name is not known") from None
    addresses = tuple(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not addresses or not all(_is_public(address) for address in addresses):
        raise Unreachable("private, loopback and link-local addresses are not called")
    return addresses


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:  # an IPv4 address in the clothes of an IPv6 one is judged as what it is
            return _is_public(str(inner))
    return address.is_global and not address.is_multicast


# --- one call -----------------------------------------------------------------------------------


class _Call:
    """What is known of one call: where it goes, whether it was connected, and whether its time is over."""

    def __init__(self, addresses: tuple[str, ...], timeout_s: float) -> None:
        self.addresses = addresses
        self.connected = False
        self.over = threading.Event()
        self._line: socket.socket | None = None
        self._timer = threading.Timer(timeout_s, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._line is not None:
            self._line.close()

    def hold(self, line: socket.socket) -> None:
        """Keep a second handle on the connection, which stays the same when TLS takes over the first."""
        self._line = line.dup()

    def _cut(self) -> None:
        # a limit between two bytes does not bound a call whose bytes drip: whatever waits on the line ends here
        self.over.set()
        if self._line is not None:
            with contextlib.suppress(OSError):  # the call has just ended by itself
                self._line.shutdown(socket.SHUT_RDWR)


class _Line(HTTPConnection):
    """A connection that goes to the addresses that were checked, and tells its call how far it came."""

    def __init__(self, *args: Any, call: _Call, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._call = call

    def _new_conn(self) -> socket.socket:
        problem: Exception = NewConnectionError(self, "no address took the connection")
        for address in self._call.addresses or (self._dns_host,):
            if self._call.over.is_set():
                break
            try:
                line = self._to(address)
            except (ConnectTimeoutError, NewConnectionError) as error:
                problem = error
                continue
            self._call.hold(line)
            if self._call.over.is_set():  # it ended just before there was a line to cut
                line.close()
                break
            return line
        raise problem

    def _to(self, address: str) -> socket.socket:
        """Connected to `address`; the name stays what the certificate and the Host header are about."""
        name = self._dns_host
        self._dns_host = address
        try:
            return super()._new_conn()
        finally:
            self._dns_host = name

    def connect(self) -> None:
        super().connect()
        self._call.connected = True


class _SecureLine(_Line, HTTPSConnection):
    """The same under TLS: connected once the handshake is done and the certificate holds."""


class _Way(HTTPAdapter):
    """The connections of one call."""

    def __init__(self, call: _Call) -> None:
        super().__init__()
        self._call = call

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _SecureLine if isinstance(pool, HTTPSConnectionPool) else _Line
        pool.conn_kw["call"] = self._call
        return pool


def _exchange(request: HttpRequest, addresses: tuple[str, ...], ca_file: str | None) -> HttpAnswer:
    with _Call(addresses, request.timeout_s) as call, requests.Session() as session:
        session.trust_env = False
        for scheme in ("https://", "http://"):
            session.mount(scheme, _Way(call))
        try:
            response = session.request(
                request.method,
                request.url,
                data=request.body,
                headers={"Connection": "close", **request.headers},
                timeout=(min(CONNECT_TIMEOUT_S, request.timeout_s), request.timeout_s),
                allow_redirects=False,
                stream=True,
                verify=ca_file or True,
            )
            body = _read(response, request.max_answer_bytes, call)
        except requests.RequestException as error:
            if call.connected:
                raise OutcomeUnknown("the connection ended before the answer was complete") from error
            raise Unreachable("no connection to the other side") from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        return HttpAnswer(response.status_code, body, headers)


def _read(response: requests.Response, limit_bytes: int, call: _Call) -> bytes:
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_content(CHUNK_BYTES):
        size += len(chunk)
        chunks.append(chunk)
        if size > limit_bytes:
            raise OutcomeUnknown("the answer is larger than any that this call can have")
        if call.over.is_set():
            break
    if call.over.is_set():  # a body without a length ends where we cut it, and looks whole
        raise OutcomeUnknown("the answer took longer than the whole call may take")
    return b"".join(chunks)
