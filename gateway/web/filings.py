"""Cases that are registered and handed in, answered before Flask, by the same functions and in the same words.

The hot path of portals that keep the dossier (house section 6). Only the plain case goes this way: by a key that is
remembered, of a new case that has its portal's own code, and with nothing to refuse. The message is kept by the
statement that does what it orders (`whole_cases`); whatever else there is to say is Flask's, which is told what was
proved where that was kept.
"""

import re
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import structlog

from gateway.domain.errors import GatewayError
from gateway.ports import InboundMessage
from gateway.service import filing, handing_in, show_case
from gateway.service.access import Caller
from gateway.store import inbox
from gateway.store.portals import Credential
from gateway.store.whole_cases import Whole
from gateway.web import auth, straight, strict_json
from gateway.web.api.models import CaseIn
from gateway.web.api.shown import CaseOut
from gateway.web.auth import PROVED, Proved
from gateway.web.context import Web
from gateway.web.straight import Environ, StartResponse, Wsgi
from signing.errors import SigningError
from signing.http_messages import Request

log = structlog.get_logger()

JSON = "application/json"
SCOPE = "cases:write"
MOST_DRAFTS = 256
REGISTER = "/v1/cases"
SUBMIT = re.compile(r"/v1/cases/([A-Za-z0-9.-]+)/submit")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a request asks for: its rule, its status when done, and the case, or None where the body tells of it."""

    rule: str
    status: int
    case_code: str | None = None


class Filings:
    """WSGI before Flask: answers what it can, and hands on the rest."""

    def __init__(self, flask: Wsgi, given: Web) -> None:
        self._flask = flask
        self._web = given
        self._drafts: OrderedDict[str, Whole] = OrderedDict()
        """What was registered here of late, by its code: most portals hand in at once what they register."""

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        asked = _asked(environ)
        came = None if asked is None else straight.message(environ, self._web.max_body_bytes)
        if asked is None or came is None or not _is_plain(asked, came):
            return self._flask(environ, start_response)
        try:
            headers, body = self._done(environ, asked, came)
        except (SigningError, GatewayError, ValueError, _Flasks):
            # nothing was written, or what was kept is told of: Flask finds the words
            return self._flask(environ, start_response)
        except Exception as error:  # noqa: BLE001 - whatever it was: Flask has the words for that too
            # perhaps it was written: to do it again would call it a copy
            environ[PROVED] = error
            return self._flask(environ, start_response)
        log.info(
            "request", method=came.method, rule=asked.rule, status=asked.status, trace_id=uuid.uuid4().hex
        )
        return straight.answer(start_response, asked.status, headers, body)

    def _done(self, environ: Environ, asked: _Asked, came: InboundMessage) -> tuple[Mapping[str, str], bytes]:
        """Do it; the answer. Raises `_Flasks` for what is not plain after all, and what Flask is to tell of."""
        context, target = self._web.context, auth.target(self._web, came.path)
        verified, order = auth.check(self._web, came, target, context.clock(), self._remembered)
        if SCOPE not in order.by.scopes:
            raise _Flasks
        kept, whole = self._taken(asked, came, order)
        if kept is not None:
            environ[PROVED] = Proved(verified, order, kept)
        if whole is None:
            raise _Flasks
        shown = CaseOut.model_validate(show_case.whole(context, whole))
        body = shown.model_dump_json(by_alias=True).encode() + b"\n"
        answering = Request(came.method, target, came.headers)
        signed = auth.sign(self._web, asked.status, JSON, body, answering, verified.label)
        return {"Content-Type": JSON, **signed, "X-Content-Type-Options": "nosniff"}, body

    def _remembered(self, keyid: str) -> Credential:
        # of several signatures Flask looks up every key, as none but one may be known
        found = self._web.credentials.get(keyid)
        if found is None:
            raise _Flasks
        return found

    def _taken(
        self, asked: _Asked, came: InboundMessage, order: inbox.Signed
    ) -> tuple[inbox.Kept | None, Whole | None]:
        # the cause of what is done is the message, once it is kept
        caller = Caller(order.by.portal_id, order.by.agency_code, cause="")
        if asked.case_code is not None:
            seen = self._drafts.pop(asked.case_code, None)
            return handing_in.take_order(self._web.context, caller, order, asked.case_code, seen)
        wanted = CaseIn.model_validate(strict_json.loads(came.body))
        if wanted.case_code is None:
            raise _Flasks
        kept, whole = filing.take_order(self._web.context, caller, order, wanted.model_dump())
        if whole is not None:
            self._remember(whole)
        return kept, whole

    def _remember(self, draft: Whole) -> None:
        with suppress(KeyError):  # another thread may have taken the last one
            while len(self._drafts) >= MOST_DRAFTS:
                self._drafts.popitem(last=False)
        self._drafts[draft.case.case_code] = draft


class _Flasks(Exception):  # noqa: N818 - named for whose it is
    """Not for here."""


def _asked(environ: Environ) -> _Asked | None:
    path = environ["PATH_INFO"]
    if not path.startswith(REGISTER) or environ["REQUEST_METHOD"] != "POST" or environ["QUERY_STRING"]:
        return None
    if path == REGISTER:
        return _Asked(REGISTER, 201)
    named = SUBMIT.fullmatch(path)
    return None if named is None else _Asked("/v1/cases/<case_code>/submit", 200, named[1])


def _is_plain(asked: _Asked, came: InboundMessage) -> bool:
    """A body where there is one to read, and nothing that Flask would refuse before it looks at the body."""
    if any("\x00" in value for value in came.headers.values()):
        return False
    if asked.case_code is not None:
        return not came.body
    return bool(came.body) and came.headers.get("content-type") == JSON
