"""Who calls, and how they prove it: RFC 9421 signatures of portals; our answers are signed in return.

The message is kept with its signature before anything is done by it, and its nonce is used up: what was ordered can be
proved later, and cannot be ordered again by a copy.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from urllib.parse import quote

import structlog
from flask import Response, g, request

from gateway.domain.errors import BadSignature
from gateway.ports import InboundMessage
from gateway.service import ordered
from gateway.service.cases import Caller
from gateway.store import inbox, portals
from gateway.web.context import message, rule, web
from gateway.web.problems import ScopeMissing
from signing import http_messages
from signing.errors import SigningError, UnknownKey
from signing.keys import PublicKey
from signing.public_pem import load_public

log = structlog.get_logger()

MOST_OF_A_STRANGER_BYTES = 65_536
UNESCAPED = "/:@!$&'()*+,;=-._~"
"""What stands in a path without an escape (RFC 3986 section 3.3)."""


@dataclass(frozen=True, slots=True)
class _Proved:
    """A message whose signature holds, by whose key it is, and the number that it is kept under."""

    verified: http_messages.Verified
    by: portals.Credential
    kept: int
    is_new: bool


def authenticate() -> None:
    """Before each request under `/v1`. Raises `BadSignature`."""
    came, now = message(), web().context.clock()
    found: dict[str, portals.Credential] = {}
    remembered = web().credentials
    try:
        proved = _prove(came, now, lambda keyid: remembered.get(keyid) or _look_up(found, keyid))
    except SigningError:
        # perhaps by what is remembered of a key and is so no longer: now each is looked up
        try:
            proved = _prove(came, now, partial(_look_up, found))
        except SigningError as error:
            raise _refused(came, error, now) from None
    remembered.update(found)
    if not proved.is_new:
        raise BadSignature("this nonce was used before: the message is a copy")
    by, verified = proved.by, proved.verified
    g.caller = Caller(by.portal_id, by.agency_code, ordered.cause_of(proved.kept, came))
    g.scopes = frozenset(by.scopes)
    g.signature_label = verified.label
    g.signature_covers = verified.covered


def _prove(
    came: InboundMessage, now: datetime, credential_of: Callable[[str], portals.Credential | None]
) -> _Proved:
    """Check a message and keep it. Raises `SigningError`; then nothing is kept."""
    shared = web().context
    known: dict[str, portals.Credential] = {}

    def resolve(keyid: str) -> PublicKey:
        found = credential_of(keyid)
        if found is None or found.live != shared.live:
            raise UnknownKey("no such key")
        known[keyid] = found
        return load_public(found.public_pem)

    verified = http_messages.verify_request(
        came.method, _target(), came.headers, came.body, resolve_key=resolve, now=now
    )
    by = known[verified.keyid]
    with shared.pool.connection() as connection:
        about = ordered.about(came, by.portal_id)
        kept = inbox.record_signed(connection, came, by=by, nonce=verified.nonce, now=now, about=about)
    if kept is None:
        raise UnknownKey("the key was changed or revoked meanwhile")
    return _Proved(verified, by, *kept)


def _look_up(found: dict[str, portals.Credential], keyid: str) -> portals.Credential | None:
    with web().context.pool.connection() as connection:
        credential = portals.find_credential(connection, keyid)
    if credential is not None:
        found[keyid] = credential
    return credential


def _refused(came: InboundMessage, error: SigningError, now: datetime) -> BadSignature:
    # of a stranger's message the beginning is enough: nobody may fill the disk with what nobody asked for
    begun = replace(came, body=came.body[:MOST_OF_A_STRANGER_BYTES])
    with web().context.engine.begin() as connection:
        inbox.record(connection, "portal", begun, "bad_signature", now)
    log.warning("signature_refused", rule=rule(), error=type(error).__name__, trace_id=g.trace_id)
    return BadSignature(f"{type(error).__name__}: {error}")


def caller(scope: str) -> Caller:
    """The portal that asks. Raises `ScopeMissing` when its key may not do this."""
    if scope not in g.scopes:
        raise ScopeMissing(f"this key does not have the scope {scope}")
    assert isinstance(g.caller, Caller)
    return g.caller


def sign_answer(response: Response) -> Response:
    """After each request under `/v1`: our signature over status, body and the request that it answers."""
    shared = web()
    key, body = shared.http_key(), response.get_data()
    response.headers.extend(
        http_messages.sign_response(
            response.status_code,
            {"content-type": response.content_type or ""},
            body,
            key=key.private_key,
            keyid=key.kid,
            created=shared.context.clock(),
            answering=_answered(),
            request_label=g.get("signature_label"),
        )
    )
    return response


def _answered() -> http_messages.Request | None:
    """The request, where it was proved to be genuine: an answer to an unproved one binds nothing."""
    if g.get("signature_label") is None:
        return None
    return http_messages.Request(request.method, _target(), message().headers)


def _target() -> str:
    """The target as the caller signed it. WSGI gives the path without its escapes; here they are put back."""
    url = web().context.public_url + quote(request.path, safe=UNESCAPED)
    return f"{url}?{request.query_string.decode('latin-1')}" if request.query_string else url
