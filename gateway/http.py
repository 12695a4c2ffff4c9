"""The one door out: the only importer of requests.

A call ends in an answer, in `Unreachable` (nothing left us) or in `OutcomeUnknown` (something did). Redirects are
never followed, a connection is never shared between calls (a stale one would make "not sent" look like "unclear"),
and in live mode no call reaches a private address.
"""

import ipaddress
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError
from urllib3.exceptions import SSLError as UrllibSslError

from gateway.domain.errors import OutcomeUnknown, Unreachable
from gateway.ports import HttpAnswer, HttpRequest

CHUNK_BYTES = 65_536
CONNECT_TIMEOUT_S = 3.0


class Journal(Protocol):
    """Writes a call down before it is made, and its end after (house law 2)."""

    def begin(self, request: HttpRequest, now: datetime) -> int: ...

    def end(self, call_id: int, outcome: str, answer: HttpAnswer | None, now: datetime) -> None: ...


class Door:
    """Sends one request at a time; safe from several threads."""

    def __init__(
        self,
        journal: Journal,
        *,
        allow_private: bool,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._journal = journal
        self._allow_private = allow_private
        self._clock = clock

    def send(self, request: HttpRequest) -> HttpAnswer:
        """The answer, whatever its status. Raises `Unreachable` or `OutcomeUnknown`."""
        if not self._allow_private:
            refuse_private(request.url)
        call_id = self._journal.begin(request, self._clock())
        try:
            answer = _exchange(request)
        except Unreachable:
            self._journal.end(call_id, "unreachable", None, self._clock())
            raise
        except OutcomeUnknown:
            self._journal.end(call_id, "unknown", None, self._clock())
            raise
        self._journal.end(call_id, "answered", answer, self._clock())
        return answer


def refuse_private(url: str) -> None:
    """Raises `Unreachable` unless `url` is https and every address of its host is a public one."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise Unreachable("only https addresses are called in live mode")
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except OSError:
        raise Unreachable("the host's name is not known") from None
    if not all(ipaddress.ip_address(entry[4][0]).is_global for entry in found):
        raise Unreachable("private, loopback and link-local addresses are not called")


def _exchange(request: HttpRequest) -> HttpAnswer:
    deadline = time.monotonic() + request.timeout_s
    try:
        with requests.Session() as session:
            session.trust_env = False
            response = session.request(
                request.method,
                request.url,
                data=request.body,
                headers={"Connection": "close", **request.headers},
                timeout=(min(CONNECT_TIMEOUT_S, request.timeout_s), request.timeout_s),
                allow_redirects=False,
                stream=True,
            )
            body = _read(response, request.max_answer_bytes, deadline)
            headers = {name.lower(): value for name, value in response.headers.items()}
            return HttpAnswer(response.status_code, body, headers)
    except requests.RequestException as error:
        if _nothing_left(error):
            raise Unreachable("no connection to the other side") from error
        raise OutcomeUnknown("the connection ended before the answer was complete") from error


def _read(response: requests.Response, limit_bytes: int, deadline: float) -> bytes:
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_content(CHUNK_BYTES):
        size += len(chunk)
        chunks.append(chunk)
        if size > limit_bytes:
            raise OutcomeUnknown("the answer is larger than any that this call can have")
        if time.monotonic() > deadline:
            raise OutcomeUnknown("the answer took longer than the whole call may take")
    return b"".join(chunks)


def _nothing_left(error: requests.RequestException) -> bool:
    """Whether the request failed before its first byte was sent."""
    if isinstance(error, requests.exceptions.ConnectTimeout | requests.exceptions.SSLError):
        return True
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema):
        return True
    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    return isinstance(reason, NewConnectionError | ConnectTimeoutError | UrllibSslError)
