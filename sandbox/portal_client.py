"""A portal that calls the gateway: signed requests, and answers whose signature is checked.

RFC 9421 over `@method @target-uri content-digest content-type` (the last two when there is a body) with `created`,
`nonce` and `keyid`, Ed25519; Content-Digest by RFC 9530. The gateway's keys come from `/.well-known/jwks.json`.
"""

import base64
import binascii
import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, NamedTuple

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSignaturesException,
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    algorithms,
)

from sandbox import outward
from sandbox.errors import Untrusted
from sandbox.outward import Call, Send
from sandbox.serving import json_object

TIMEOUT_S = 15.0
SIGNATURE_AGE = timedelta(seconds=300)
LABEL = "sig1"
MAX_KEYS = 20
ED25519_BYTES = 32


class PortalAnswer(NamedTuple):
    """`json` is empty when the body is not a JSON object; header names are lower case."""

    status: int
    json: dict[str, Any]
    headers: dict[str, str]


class KeySet:
    """The gateway's Ed25519 keys by `kid`, read when first needed and again when a key is not known."""

    def __init__(self, gateway_url: str, send: Send = outward.send) -> None:
        self._send = send
        self._url = f"{gateway_url.rstrip('/')}/.well-known/jwks.json"
        self._lock = Lock()
        self._keys: dict[str, Ed25519PublicKey] = {}

    def get(self, kid: str) -> Ed25519PublicKey | None:
        """The key named `kid`. Raises `Untrusted` when the key set cannot be read."""
        with self._lock:
            if kid not in self._keys:
                self._keys = self._read()
            return self._keys.get(kid)

    def all(self, *, fresh: bool = False) -> tuple[Ed25519PublicKey, ...]:
        """Every key; read anew when none is known or `fresh` is asked for. Raises `Untrusted`."""
        with self._lock:
            if fresh or not self._keys:
                self._keys = self._read()
            return tuple(self._keys.values())

    def _read(self) -> dict[str, Ed25519PublicKey]:
        reply = self._send(Call("GET", self._url, timeout_s=TIMEOUT_S))
        if reply is None:
            raise Untrusted("the gateway's key set cannot be read")
        members = (json_object(reply.body) or {}).get("keys")
        if reply.status != outward.OK or not isinstance(members, list):
            raise Untrusted("the gateway's key set is not a JWKS")
        found = [_ed25519(member) for member in members[:MAX_KEYS] if isinstance(member, dict)]
        return dict(pair for pair in found if pair is not None)


def _ed25519(member: Mapping[str, object]) -> tuple[str, Ed25519PublicKey] | None:
    """One member of a JWKS as its `kid` and key (RFC 8037), or None when it is of another kind."""
    kid, x = member.get("kid"), member.get("x")
    if member.get("kty") != "OKP" or member.get("crv") != "Ed25519":
        return None
    if not isinstance(kid, str) or not isinstance(x, str) or not x.isascii():
        return None
    try:
        raw = base64.urlsafe_b64decode(x + "=" * (-len(x) % 4))
    except binascii.Error:
        return None
    return (kid, Ed25519PublicKey.from_public_bytes(raw)) if len(raw) == ED25519_BYTES else None


class _Keys(HTTPSignatureKeyResolver):
    """Our private key for signing, the gateway's keys for checking."""

    def __init__(self, private_key: Ed25519PrivateKey, key_set: KeySet) -> None:
        self._private_key = private_key
        self._key_set = key_set

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:  # noqa: ARG002 - the library's signature
        return self._private_key

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey | None:
        return self._key_set.get(key_id)


class PortalClient:
    """Calls the gateway as one portal. `path` starts with `/v1/…` and may carry a query string.

    Every method raises `Untrusted` when the answer carries a signature that does not hold, and
    `requests.RequestException` when there is no answer.
    """

    def __init__(self, base_url: str, key_id: str, private_key: Ed25519PrivateKey) -> None:
        self._base_url = base_url.rstrip("/")
        self._key_id = key_id
        keys = _Keys(private_key, KeySet(base_url))
        self._signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=keys)
        self._verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=keys)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Accept-Encoding"] = "identity"  # the digest is over the bytes as sent

    def close(self) -> None:
        self._session.close()

    def get(self, path: str) -> PortalAnswer:
        return _answer(self.send("GET", path))

    def post(self, path: str, body: Mapping[str, object] | None = None) -> PortalAnswer:
        """POST `body` as JSON; without one, an empty JSON object."""
        text = json.dumps({} if body is None else body, ensure_ascii=False).encode()
        return _answer(self.send("POST", path, body=text, content_type="application/json"))

    def patch(self, path: str, body: Mapping[str, object]) -> PortalAnswer:
        text = json.dumps(body, ensure_ascii=False).encode()
        return _answer(self.send("PATCH", path, body=text, content_type="application/json"))

    def put(self, path: str, body: bytes, content_type: str) -> PortalAnswer:
        """PUT a whole document, with its Repr-Digest (RFC 9530)."""
        return _answer(self.send("PUT", path, body=body, content_type=content_type))

    def delete(self, path: str) -> PortalAnswer:
        return _answer(self.send("DELETE", path))

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str = "",
        accept: str = "application/json",
    ) -> requests.Response:
        """One signed request and its checked answer, as it is: for receipts and containers in bytes."""
        headers = {"Accept": accept}
        covered = ["@method", "@target-uri"]
        if body is not None:
            headers["Content-Type"] = content_type
            covered += ["content-digest", "content-type"]
            if method == "PUT":
                headers["Repr-Digest"] = (
                    f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
                )
        plain = requests.Request(method, self._base_url + path, headers=headers, data=body)
        request = self._session.prepare_request(plain)
        self._signer.sign(
            request,
            key_id=self._key_id,
            created=datetime.now(UTC),
            nonce=secrets.token_urlsafe(18),
            label=LABEL,
            include_alg=False,
            covered_component_ids=tuple(covered),
            body=body,
        )
        response = self._session.send(request, timeout=TIMEOUT_S, allow_redirects=False)
        if "Signature" in response.headers:
            self._check(response)
        return response

    def _check(self, response: requests.Response) -> None:
        """The gateway's signature must cover the status and, by its digest, the body."""
        try:
            self._verifier.verify(
                response, max_age=SIGNATURE_AGE, require_components=("@status",), body=response.content
            )
        except HTTPMessageSignaturesException as error:
            raise Untrusted("the signature of the gateway's answer does not hold") from error


def _answer(response: requests.Response) -> PortalAnswer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return PortalAnswer(response.status_code, json_object(response.content) or {}, headers)
