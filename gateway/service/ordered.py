"""What a portal ordered, as it came and with its signature: bytes that anybody can hash and check later.

The event that an order caused names the message and the SHA-256 of these bytes, and so does its sealed leaf.
"""

import hashlib
import json
import re
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from gateway.ports import InboundMessage
from gateway.store import inbox
from gateway.store.portals import Credential

SIGNED: Final = ("content-type", "content-digest", "signature-input", "signature")
"""What RFC 9421 needs of the headers, in the order in which it is written down; the rest proves nothing."""
MOST_READ_BYTES: Final = 100_000
MOST_NAME_CHARS: Final = 200
_CAUSE: Final = re.compile(r"inbox:(\d{1,18}):([0-9a-f]{64})")


def as_sent(message: InboundMessage) -> bytes:
    """The request as HTTP/1.1 writes it: first line, the headers that its signature needs, an empty line, the body."""
    target = message.path + (f"?{message.query.decode('latin-1')}" if message.query else "")
    lines = [f"{message.method} {target} HTTP/1.1"]
    lines += [f"{name}: {message.headers[name]}" for name in SIGNED if name in message.headers]
    return "\r\n".join([*lines, "", ""]).encode() + message.body


def signed(message: InboundMessage, by: Credential, nonce: str, at: datetime) -> inbox.Signed:
    """A message whose signature was proved, as it is kept."""
    sha256 = hashlib.sha256(as_sent(message)).hexdigest()
    return inbox.Signed(message, by, nonce, at, sha256, about(message, by.portal_id))


def about(message: InboundMessage, portal_id: str) -> str | None:
    """What a message of a portal is about, so that it is found when that is forgotten; None where it tells nothing.

    The thing that its path names; else the case that its body names; else the portal's reference of what it orders.
    """
    named = message.path.split("/")[3:4]
    if message.body and not named and len(message.body) <= MOST_READ_BYTES:
        try:
            body = json.loads(message.body)
        except (ValueError, RecursionError):
            return None
        given = body if isinstance(body, dict) else {}
        reference = given.get("reference")
        own = f"{portal_id}:{reference}" if isinstance(reference, str) else None
        found = given.get("case_code") or own
    else:
        found = named[0] if message.body and named else None
    is_text = isinstance(found, str) and found.isprintable() and 0 < len(found) <= MOST_NAME_CHARS
    return found if is_text else None


def find(connection: Connection, cause: object) -> tuple[str, bytes] | None:
    """The number and the bytes of the message that a cause names; None where none is there that has its hash."""
    named = _CAUSE.fullmatch(cause) if isinstance(cause, str) else None
    message = None if named is None else inbox.find(connection, int(named[1]))
    if named is None or message is None:
        return None
    sent = as_sent(message)
    return (named[1], sent) if hashlib.sha256(sent).hexdigest() == named[2] else None
