"""What the web layer is given, and the message as it came."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import BoundedSemaphore

from flask import current_app, request
from werkzeug.exceptions import UnsupportedMediaType

from gateway.ports import InboundMessage
from gateway.service.context import Context
from gateway.store.portals import Credential
from signing.jose import Jwks
from signing.keystore import StoredKey


@dataclass(frozen=True, slots=True)
class Web:
    """The use cases' context, the key of our answers, what proves our papers (keys, root in PEM), limits in bytes.

    Keys are asked for each time: another one may have its turn.
    """

    context: Context
    http_key: Callable[[], StoredKey]
    jwks: Callable[[], Jwks]
    paper_root: bytes
    max_body_bytes: int
    max_document_bytes: int
    upload_slots: BoundedSemaphore
    """One for each chunk that may be under way in this process: the other threads are for whoever pays."""
    is_ready: Callable[[], str | None]
    scrape: Callable[[], bytes]
    links: Mapping[str, str]
    are_entries_public: bool
    credentials: dict[str, Credential] = field(default_factory=dict)
    """Of portals that asked before, by keyid: what a key's signature is checked with, and what is recorded only
    while it still holds."""


def web() -> Web:
    found = current_app.extensions["cong4"]
    assert isinstance(found, Web)
    return found


FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


def forms_only() -> None:
    """Before each request of the citizen's pages. Raises `UnsupportedMediaType` for what no form of theirs sends."""
    if request.method == "POST" and request.mimetype not in FORMS:
        raise UnsupportedMediaType("a form of these pages is asked for")


def rule() -> str:
    """The rule that the request's path fell under, for logs: a path itself can hold an unguessable link."""
    return request.url_rule.rule if request.url_rule is not None else "-"


def message() -> InboundMessage:
    """The request as it came: raw query, raw body, header names in lower case."""
    return InboundMessage(
        method=request.method,
        path=request.path,
        query=request.query_string,
        headers={name.lower(): value for name, value in request.headers.items()},
        body=request.get_data(cache=True),
    )
