"""HTTP message signatures (RFC 9421) with bodies bound by Content-Digest (RFC 9530).

A request is covered by `@method @target-uri`, and with a body also `content-digest content-type`; it carries
`created`, `nonce` and `keyid`. The algorithm is that of the key: Ed25519, ECDSA P-256 SHA-256 or RSA-PSS
SHA-512. Nothing here remembers: the caller keeps `nonce` per `keyid` until `created` plus twice the window.

Where a message carries several signatures (a proxy may add its own), exactly one must be by a key that
`resolve_key` knows, and that one decides; none is `UnknownKey`, two are `Malformed`, because then nobody
could say which of two callers had ordered the thing.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from signing.content_digest import check_content_digest, content_digest
from signing.errors import Expired, ForbiddenAlgorithm, Malformed, UnknownKey
from signing.keys import Kind, PrivateKey, PublicKey, kind_of, sign, verify
from signing.signature_base import (
    Claim,
    Component,
    Parameters,
    Request,
    Response,
    base_of,
    lower_fields,
    read_claims,
    signature_params,
)

__all__ = [
    "Request",
    "Verified",
    "check_content_digest",
    "content_digest",
    "peek_keyid",
    "sign_request",
    "sign_response",
    "verify_request",
    "verify_response",
]

WINDOW_S: Final = 300
MAX_NONCE_CHARS: Final = 128
MAX_KEYID_CHARS: Final = 256
_LABEL: Final = "sig1"
_ALG: Final = {Kind.ED25519: "ed25519", Kind.P256: "ecdsa-p256-sha256", Kind.RSA: "rsa-pss-sha512"}
_REQUEST: Final = (Component.of("@method"), Component.of("@target-uri"))
_STATUS: Final = (Component.of("@status"),)
_BODY: Final = (Component.of("content-digest"), Component.of("content-type"))
_REQ: Final = {"req": True}
_ANSWERING: Final = (Component.of("@method", _REQ), Component.of("@target-uri", _REQ))

ResolveKey = Callable[[str], PublicKey]


@dataclass(frozen=True, slots=True)
class Verified:
    """What a verified signature says. `nonce` is empty for a response that has none; `created` is UTC.

    `covered` has the names of the components that it is over.
    `base` and `signature` are what a later proof needs, beside the key: keep them with what was ordered.
    """

    keyid: str
    nonce: str
    created: datetime
    label: str
    algorithm: str
    covered: frozenset[str]
    base: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def signature_base_sha256(self) -> str:
        """The SHA-256 of the signed bytes, in hexadecimal."""
        return hashlib.sha256(self.base).hexdigest()


def peek_keyid(headers: Mapping[str, str]) -> str:
    """The `keyid` of a message with one signature, unchecked. Raises `Malformed`, also for several."""
    claims = read_claims(lower_fields(headers))
    if len(claims) != 1:
        raise Malformed("The message has several signatures")
    return _keyid(claims[0])


def sign_request(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    key: PrivateKey,
    keyid: str,
    created: datetime,
    nonce: str,
    also: tuple[str, ...] = (),
) -> dict[str, str]:
    """The headers to add: `Signature-Input`, `Signature` and, with a body, `Content-Digest`.

    `url` is absolute and percent-encoded as it goes over the wire. `headers` must have Content-Type when
    there is a body, and the fields that are to be covered `also`. Raises `Malformed` for what cannot be
    signed; `ForbiddenAlgorithm` as `kind_of`.
    """
    if not 1 <= len(nonce) <= MAX_NONCE_CHARS:
        raise Malformed(f"A nonce has 1 to {MAX_NONCE_CHARS} characters")
    parameters: Parameters = {"created": int(created.timestamp()), "keyid": keyid, "nonce": nonce}
    added = _digest_header(body)
    request = Request(method, url, _signed_fields(headers, added))
    components = (*_REQUEST, *(_BODY if body else ()), *(Component.of(name) for name in also))
    return added | _signature_headers(request, components, parameters=parameters, key=key)


def sign_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    key: PrivateKey,
    keyid: str,
    created: datetime,
    answering: Request | None = None,
    request_label: str | None = None,
) -> dict[str, str]:
    """The headers to add to a response, over `@status` and, with a body, its digest and type.

    With `answering` the method and target of the request are covered (`;req`, RFC 9421 section 2.4); with
    `request_label` (`Verified.label`) also the request's signature, so that the answer fits that one request
    only. Raises as `sign_request`.
    """
    parameters: Parameters = {"created": int(created.timestamp()), "keyid": keyid}
    added = _digest_header(body)
    response = Response(status, _signed_fields(headers, added), answering)
    components = (*_STATUS, *(_BODY if body else ()), *_answering_components(answering, request_label))
    return added | _signature_headers(response, components, parameters=parameters, key=key)


def verify_request(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    resolve_key: ResolveKey,
    now: datetime,
    window_s: int = WINDOW_S,
) -> Verified:
    """Check a request. `url` is the target as the caller of this function knows itself to be reached.

    `resolve_key` raises `UnknownKey`. Raises `Malformed`, `UnknownKey`, `ForbiddenAlgorithm`, `Expired` (more
    than `window_s` from `now`, either way, or past `expires`) and `BadSignature`.
    """
    request = Request(method, url, lower_fields(headers))
    claim, key = _known_claim(request.headers, resolve_key)
    nonce = claim.text("nonce")
    if not 1 <= len(nonce) <= MAX_NONCE_CHARS:
        raise Malformed(f"A nonce has 1 to {MAX_NONCE_CHARS} characters")
    _require(claim, (*_REQUEST, *(_BODY if body else ())))
    return _verified(request, claim, key=key, body=body, now=now, window_s=window_s)


def verify_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    resolve_key: ResolveKey,
    now: datetime,
    window_s: int = WINDOW_S,
    answering: Request | None = None,
    request_label: str | None = None,
) -> Verified:
    """Check a response, which must cover what `sign_response` covers for the same arguments.

    Raises as `verify_request`.
    """
    response = Response(status, lower_fields(headers), answering)
    claim, key = _known_claim(response.headers, resolve_key)
    required = (*_STATUS, *(_BODY if body else ()), *_answering_components(answering, request_label))
    _require(claim, required)
    return _verified(response, claim, key=key, body=body, now=now, window_s=window_s)


def _digest_header(body: bytes) -> dict[str, str]:
    return {"Content-Digest": content_digest(body)} if body else {}


def _signed_fields(headers: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    return lower_fields(headers) | lower_fields(added)


def _answering_components(answering: Request | None, label: str | None) -> tuple[Component, ...]:
    if answering is None:
        return ()
    if label is None:
        return _ANSWERING
    return (*_ANSWERING, Component.of("signature", {"req": True, "key": label}))


def _signature_headers(
    message: Request | Response,
    components: tuple[Component, ...],
    *,
    parameters: Parameters,
    key: PrivateKey,
) -> dict[str, str]:
    parameters = {**parameters, "alg": _ALG[kind_of(key)]}
    signature = sign(key, base_of(message, components, parameters))
    return {
        "Signature-Input": f"{_LABEL}={signature_params(components, parameters)}",
        "Signature": f"{_LABEL}=:{base64.b64encode(signature).decode('ascii')}:",
    }


def _keyid(claim: Claim) -> str:
    keyid = claim.text("keyid")
    if not 1 <= len(keyid) <= MAX_KEYID_CHARS:
        raise Malformed(f"A keyid has 1 to {MAX_KEYID_CHARS} characters")
    return keyid


def _known_claim(fields: Mapping[str, str], resolve_key: ResolveKey) -> tuple[Claim, PublicKey]:
    known: list[tuple[Claim, PublicKey]] = []
    for claim in read_claims(fields):
        try:
            known.append((claim, resolve_key(_keyid(claim))))
        except UnknownKey:
            continue
    if not known:
        raise UnknownKey("No signature of the message is by a known key")
    if len(known) > 1:
        raise Malformed("Several signatures of the message are by known keys")
    return known[0]


def _require(claim: Claim, components: tuple[Component, ...]) -> None:
    for component in components:
        if component not in claim.components:
            raise Malformed(f"The signature does not cover {component.identifier}")


def _verified(
    message: Request | Response, claim: Claim, *, key: PublicKey, body: bytes, now: datetime, window_s: int
) -> Verified:
    algorithm = _ALG[kind_of(key)]
    if claim.parameters.get("alg", algorithm) != algorithm:
        raise ForbiddenAlgorithm("The signature names an algorithm that is not the one of its key")
    created = _created(claim, now=now, window_s=window_s)
    digest = message.headers.get("content-digest")
    if digest is not None:
        check_content_digest(digest, body)
    base = base_of(message, claim.components, claim.parameters)
    verify(key, claim.signature, base)
    return Verified(
        keyid=_keyid(claim),
        nonce=claim.text("nonce") if "nonce" in claim.parameters else "",
        created=created,
        label=claim.label,
        algorithm=algorithm,
        covered=frozenset(component.value for component in claim.components if not component.params),
        base=base,
        signature=claim.signature,
    )


def _created(claim: Claim, *, now: datetime, window_s: int) -> datetime:
    seconds, at = claim.seconds("created"), now.timestamp()
    if abs(at - seconds) > window_s:
        raise Expired("The signature was made too long ago, or in the future")
    if "expires" in claim.parameters and claim.seconds("expires") < at:
        raise Expired("The signature has expired")
    return datetime.fromtimestamp(seconds, tz=UTC)
