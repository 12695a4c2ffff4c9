"""Who calls, and how they prove it: RFC 9421 signatures of portals; our answers are signed in return.

The message is kept with its signature before anything is done by it, and its nonce is used up: what was ordered can be
proved later, and cannot be ordered again by a copy.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final
from urllib.parse import quote

import structlog
from flask import Response, g, request

from gateway.domain.errors import BadSignature
from gateway.ports import InboundMessage
from gateway.service import ordered
from gateway.service.cases import Caller
from gateway.store import inbox, portals
from gateway.web.context import Web, message, rule, web
from gateway.web.problems import ScopeMissing
from signing import http_messages
from signing.errors import SigningError, UnknownKey
from signing.keys import PublicKey
from signing.public_pem import load_public

log = structlog.get_logger()

MOST_OF_A_STRANGER_BYTES = 65_536
UNESCAPED = "/:@!$&'()*+,;=-._~"
"""What stands in a path without an escape (RFC 3986 section 3.3)."""


PROVED: Final = "cong4.proved"
"""Where in its WSGI environment a request has what was proved of it before Flask, or why that failed (`filings`)."""

CredentialOf = Callable[[str], portals.Credential | None]


@dataclass(frozen=True, slots=True)
class Proved:
    """A message whose signature holds, by whose key it is, and what it is kept as."""

    verified: http_messages.Verified
    order: inbox.Signed
    kept: inbox.Kept


def authenticate() -> None:
    """Before each request under `/v1`. Raises `BadSignature`."""
    proved = request.environ.get(PROVED) or _proved(message())
    if isinstance(proved, Exception):
        raise proved
    if not proved.kept.is_new:
        raise BadSignature("this nonce was used before: the message is a copy")
    order = proved.order
    g.caller = Caller(order.by.portal_id, order.by.agency_code, inbox.cause(proved.kept.id, order.sha256))
    g.scopes = frozenset(order.by.scopes)
    g.signature_label = proved.verified.label
    g.signature_covers = proved.verified.covered


def _proved(came: InboundMessage) -> Proved:
    given, now = web(), web().context.clock()
    found: dict[str, portals.Credential] = {}
    look_up, remembered = partial(_look_up, given, found), given.credentials
    try:
        proved = _prove(given, came, now, lambda keyid: remembered.get(keyid) or look_up(keyid))
    except SigningError:
        # perhaps by what is remembered of a key and is so no longer: now each is looked up
        try:
            proved = _prove(given, came, now, look_up)
        except SigningError as error:
            raise _refused(came, error, now) from None
    remembered.update(found)
    return proved


def _prove(given: Web, came: InboundMessage, now: datetime, credential_of: CredentialOf) -> Proved:
    """Check a message and keep it. Raises `SigningError`; then nothing is kept."""
    verified, order = check(given, came, _target(), now, credential_of)
    with given.context.pool.connection() as connection:
        kept = inbox.record_signed(connection, order)
    if kept is None:
        raise UnknownKey("the key was changed or revoked meanwhile")
    return Proved(verified, order, kept)


def check(
    given: Web, came: InboundMessage, target: str, now: datetime, credential_of: CredentialOf
) -> tuple[http_messages.Verified, inbox.Signed]:
    """What is proved of a message that came to `target`, and as what it is to be kept. Raises `SigningError`."""
    known: dict[str, portals.Credential] = {}

    def resolve(keyid: str) -> PublicKey:
        found = credential_of(keyid)
        if found is None or found.live != given.context.live:
            raise UnknownKey("no such key")
        known[keyid] = found
        return load_public(found.public_pem)

    verified = http_messages.verify_request(
        came.method, target, came.headers, came.body, resolve_key=resolve, now=now
    )
    return verified, ordered.signed(came, known[verified.keyid], verified.nonce, now)


def _look_up(given: Web, found: dict[str, portals.Credential], keyid: str) -> portals.Credential | None:
    with given.context.pool.connection() as connection:
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
    label = g.get("signature_label")
    # an answer to an unproved request binds nothing
    answering = None if label is None else http_messages.Request(request.method, _target(), message().headers)
    content_type, body = response.content_type or "", response.get_data()
    response.headers.extend(sign(web(), response.status_code, content_type, body, answering, label))
    return response


def sign(
    given: Web,
    status: int,
    content_type: str,
    body: bytes,
    answering: http_messages.Request | None,
    label: str | None,
) -> dict[str, str]:
    """The headers that sign an answer; `label` is that of the signature of the request that it answers."""
    key = given.http_key()
    return http_messages.sign_response(
        status,
        {"content-type": content_type},
        body,
        key=key.private_key,
        keyid=key.kid,
        created=given.context.clock(),
        answering=answering,
        request_label=label,
    )


def _target() -> str:
    return target(web(), request.path, request.query_string)


def target(given: Web, path: str, query: bytes = b"") -> str:
    """The target as the caller signed it. WSGI gives the path without its escapes; here they are put back."""
    url = given.context.public_url + quote(path, safe=UNESCAPED)
    return f"{url}?{query.decode('latin-1')}" if query else url
