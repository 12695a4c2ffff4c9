"""The way of a provider's callback: from WSGI straight to the use case.

Callbacks are the hot path (house section 6): what Flask does for pages and the API costs more than the callback's own
work. Only the plain case goes this way: a known provider, a whole body within its limit. All else is Flask's.
"""

from collections.abc import Iterable

import structlog

from gateway.service import reports
from gateway.web import straight
from gateway.web.context import Web
from gateway.web.straight import Environ, StartResponse, Wsgi

log = structlog.get_logger()

PREFIX = "/callbacks/"
METHODS = frozenset({"GET", "POST"})


class Callbacks:
    """WSGI before Flask: answers what it can, and hands on the rest."""

    def __init__(self, flask: Wsgi, given: Web) -> None:
        self._flask = flask
        self._web = given

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        path: str = environ["PATH_INFO"]
        if not path.startswith(PREFIX):
            return self._flask(environ, start_response)
        shared = self._web.context
        provider = shared.providers.get(path[len(PREFIX) :])
        if provider is None or environ["REQUEST_METHOD"] not in METHODS:
            return self._flask(environ, start_response)
        message = straight.message(environ, self._web.max_body_bytes)
        if message is None:
            return self._flask(environ, start_response)
        answer = reports.hear(shared, provider, message, shared.clock())
        # what came and what was made of it stands in the inbox; a line for each here would cost a quarter of the speed
        log.debug("callback", provider=provider.name, status=answer.status)
        return straight.answer(start_response, answer.status, answer.headers, answer.body)
