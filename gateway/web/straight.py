"""From WSGI straight to a use case, for the hot paths: a request's message without Flask, and its answer.

What is read here of a body can be read again by who comes behind.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from io import BytesIO
from typing import Any

from gateway.ports import InboundMessage

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Wsgi = Callable[[Environ, StartResponse], Iterable[bytes]]
_LENGTH = re.compile(r"[0-9]{1,15}")


def message(environ: Environ, max_body_bytes: int) -> InboundMessage | None:
    """The request as it came; None where its body is not told of by a length, is cut short or above the limit."""
    body = _body(environ, max_body_bytes)
    if body is None:
        return None
    return InboundMessage(
        method=environ["REQUEST_METHOD"],
        path=environ["PATH_INFO"],
        query=environ["QUERY_STRING"].encode("latin-1"),
        headers=_headers(environ),
        body=body,
    )


def answer(
    start_response: StartResponse, status: int, headers: Mapping[str, str], body: bytes
) -> Iterable[bytes]:
    """Send it, with its length."""
    told = [*headers.items(), ("content-length", str(len(body)))]
    start_response(f"{status} {HTTPStatus(status).phrase}", told)
    return [body]


def _body(environ: Environ, max_body_bytes: int) -> bytes | None:
    if "HTTP_TRANSFER_ENCODING" in environ:
        return None
    length = environ.get("CONTENT_LENGTH") or "0"
    if not _LENGTH.fullmatch(length) or int(length) > max_body_bytes:
        return None
    if length == "0":
        return b""
    content: bytes = environ["wsgi.input"].read(int(length))
    environ["wsgi.input"] = BytesIO(content)
    return content if len(content) == int(length) else None


def _headers(environ: Environ) -> dict[str, str]:
    """The headers by their names in lower case."""
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    return headers
