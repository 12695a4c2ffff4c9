"""The way of a provider's callback: from WSGI straight to the use case.

Callbacks are the hot path (house section 6): what Flask does for pages and the API costs more than the callback's own
work. Only the plain case goes this way: a known provider, a whole body within its limit. All else is Flask's.
"""

from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

import structlog

from gateway.ports import InboundMessage
from gateway.service import reports
from gateway.web.context import Web

log = structlog.get_logger()

PREFIX = "/callbacks/"
METHODS = frozenset({"GET", "POST"})

Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Callbacks:
    """WSGI before Flask: answers what it can, and hands on the rest."""

    def __init__(self, flask: Wsgi, given: Web) -> None:
        self._flask = flask
        self._web = given

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path: str = environ["PATH_INFO"]
        if not path.startswith(PREFIX):
            return self._flask(environ, start_response)
        shared = self._web.context
        provider = shared.providers.get(path[len(PREFIX) :])
        body = self._body(environ)
        if provider is None or body is None or environ["REQUEST_METHOD"] not in METHODS:
            return self._flask(environ, start_response)
        message = InboundMessage(
            method=environ["REQUEST_METHOD"],
            path=path,
            query=environ["QUERY_STRING"].encode("latin-1"),
            headers=_headers(environ),
            body=body,
        )
        answer = reports.hear(shared, provider, message, shared.clock())
        # what came and what was made of it stands in the inbox; a line for each here would cost a quarter of the speed
        log.debug("callback", provider=provider.name, status=answer.status)
        headers = [*answer.headers.items(), ("content-length", str(len(answer.body)))]
        start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", headers)
        return [answer.body]

    def _body(self, environ: Mapping[str, Any]) -> bytes | None:
        """The body; None where its length is not told or above the limit."""
        if "HTTP_TRANSFER_ENCODING" in environ:
            return None
        length = environ.get("CONTENT_LENGTH") or "0"
        if not length.isdigit() or int(length) > self._web.max_body_bytes:
            return None
        content = environ["wsgi.input"].read(int(length)) if length != "0" else b""
        return content if len(content) == int(length) else None


def _headers(environ: Mapping[str, Any]) -> dict[str, str]:
    """The headers by their names in lower case."""
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    return headers
