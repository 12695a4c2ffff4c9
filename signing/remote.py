"""Signing by a remote service in the shape of the Cloud Signature Consortium's API, version 2 (CSC API 2.0.0.2).

The key stays with a trust service provider; its owner, a member of the agency's staff, consents to each hash: by what
the service asks of him itself (a confirmation on his phone, mode `implicit`), or by a PIN that is given here (mode
`explicit`). The order of calls: `oauth2/token`, `credentials/info`, then for each signature `credentials/authorize`
over the one hash, `credentials/authorizeCheck` until the owner has confirmed, and `signatures/signHash`. What comes
back is checked against the certificate before it is used. The network is a function that is handed in.
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

from cryptography import x509

from signing.errors import BadSignature, Expired, Malformed, Refused, SignerAway
from signing.keys import der_of_halves, verify_document
from signing.remote_wire import (
    PIN_ERRORS,
    SHA256_OID,
    Credential,
    Info,
    error_of,
    failure_of,
    read_credential,
    read_info,
    read_object,
    read_signature,
    text_of,
    texts_of,
)
from signing.signer import Scheme, public_key_of

__all__ = ["Call", "Credential", "Info", "RemoteService", "RemoteSettings", "RemoteSigner"]

Call = Callable[[str, str, Mapping[str, str], bytes], tuple[int, bytes]]
"""Makes one call: (method, URL, headers, body) to (status, body), within a bounded time. Raises `SignerAway`."""

MIN_POLL_S: Final = 0.05
TOKEN_MARGIN_S: Final = 30
DEFAULT_TOKEN_S: Final = 300
MAX_TOKEN_S: Final = 86_400
_OK, _PENDING, _UNAUTHORIZED = 200, 202, 401
_PASSWORD: Final = "Password"  # noqa: S105 - the name of a kind of value (section 11.5), not a value


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """A service: `url` is what stands before `/csc/v2`, `oauth_url` (the same by default) before `/oauth2/token`.

    `patience_s` bounds the wait for the owner's confirmation, `poll_s` lies between two questions about it.
    """

    url: str
    client_id: str
    client_secret: str = field(repr=False)
    oauth_url: str | None = None
    pin: str | None = field(default=None, repr=False)
    patience_s: float = 120.0
    poll_s: float = 2.0


class RemoteService:
    """A service that we are a client of. Safe between threads; its access token is kept until shortly before its end.

    `pause` waits for seconds, `clock` counts them.
    """

    def __init__(
        self,
        settings: RemoteSettings,
        call: Call,
        *,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._call = call
        self._pause = pause
        self._clock = clock
        self._lock = threading.Lock()
        self._token: tuple[str, float] | None = None
        self._pin_refused = False

    def info(self) -> Info:
        """What the service says of itself. Raises `SignerAway`."""
        return read_info(self._answer("info", {}, token=None))

    def credentials(self) -> tuple[str, ...]:
        """The names of the keys that our client may use. Raises `SignerAway`, `Refused`."""
        return texts_of(self._ask("credentials/list", {"onlyValid": True}), "credentialIDs")

    def signer(self, credential_id: str, *, now: datetime) -> "RemoteSigner":
        """The signer of a key at the service.

        Raises `SignerAway`, `Refused` for a key that is disabled or revoked, `Expired`, `Malformed`,
        `ForbiddenAlgorithm`.
        """
        asked = {"credentialID": credential_id, "certificates": "chain", "certInfo": True, "authInfo": True}
        credential = read_credential(credential_id, self._ask("credentials/info", asked))
        certificate = credential.certificate
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise Expired("The certificate at the signing service is not valid now")
        return RemoteSigner(self, credential)

    def sign_hash(self, credential: Credential, digest: bytes) -> bytes:
        """The signature over a SHA-256 digest as it came. Raises `SignerAway`, `Refused`."""
        hashes = {"hashes": [base64.b64encode(digest).decode()], "hashAlgorithmOID": SHA256_OID}
        named = {"credentialID": credential.id, **hashes}
        consent = {**named, "numSignatures": 1, "authData": self._auth_data(credential)}
        asked = self._ask("credentials/authorize", consent)
        sad = text_of(self._await(asked, "SAD", by="handle", path="credentials/authorizeCheck"), "SAD")
        order = {**named, "SAD": sad, "signAlgo": credential.sign_oid, "operationMode": "S"}
        answer = self._ask("signatures/signHash", order)
        made = self._await(answer, "signatures", by="responseID", path="signatures/signPolling")
        return read_signature(texts_of(made, "signatures"))

    def _auth_data(self, credential: Credential) -> list[dict[str, str]]:
        """What the owner is asked for, as far as it is given here. Raises `Refused` for the rest."""
        if credential.mode == "implicit":
            return []
        pin = self._settings.pin
        if (
            credential.mode != "explicit"
            or pin is None
            or any(kind != _PASSWORD for _, kind in credential.asks)
        ):
            raise Refused("The signing service asks for what only the owner of the key can give")
        if self._pin_refused:
            raise Refused("The signing service does not take the PIN; it is not tried again")
        return [{"id": name, "value": pin} for name, _ in credential.asks]

    def _await(
        self, answer: Mapping[str, object], wanted: str, *, by: str, path: str
    ) -> Mapping[str, object]:
        """The answer that has `wanted`, asked for under the name in `by` until the owner's time is over."""
        handle = text_of(answer, by)
        until = self._clock() + self._settings.patience_s
        while not answer.get(wanted):
            if not handle:
                raise SignerAway(
                    "The signing service neither did what it was asked for nor said how to wait for it"
                )
            if self._clock() >= until:
                raise SignerAway("The owner of the key did not confirm the signature in time")
            self._pause(max(self._settings.poll_s, MIN_POLL_S))
            answer = self._ask(path, {by: handle})
        return answer

    # --- calls --------------------------------------------------------------------------------------

    def _ask(self, path: str, body: Mapping[str, object]) -> Mapping[str, object]:
        """A call with our token; once more with a new one when the service takes the old one no longer."""
        token = self._access_token(stale=None)
        try:
            return self._answer(path, body, token=token)
        except _TokenRefused:
            pass
        try:
            return self._answer(path, body, token=self._access_token(stale=token))
        except _TokenRefused:
            raise Refused("The signing service does not take the token that it gave us") from None

    def _access_token(self, *, stale: str | None) -> str:
        with self._lock:
            known = self._token
            if known is None or known[0] == stale or self._clock() >= known[1]:
                self._token = known = self._new_token()
            return known[0]

    def _new_token(self) -> tuple[str, float]:
        """An access token by client credentials (RFC 6749 section 4.4), and when it is to be replaced."""
        settings = self._settings
        form = {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
            "client_secret": settings.client_secret,
            "scope": "service",
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        url = f"{(settings.oauth_url or settings.url).rstrip('/')}/oauth2/token"
        status, content = self._call("POST", url, headers, urlencode(form).encode("ascii"))
        if status != _OK:
            raise failure_of(status, error_of(content))
        answer = _readable(content)
        token, life = text_of(answer, "access_token"), answer.get("expires_in")
        if not token.isascii() or not token.isprintable() or not token:
            raise SignerAway("The signing service gave no token")
        told = isinstance(life, int) and life > 0
        life_s = min(life, MAX_TOKEN_S) if told and isinstance(life, int) else DEFAULT_TOKEN_S
        return token, self._clock() + max(life_s - TOKEN_MARGIN_S, life_s / 2)

    def _answer(self, path: str, body: Mapping[str, object], *, token: str | None) -> Mapping[str, object]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        url = f"{self._settings.url.rstrip('/')}/csc/v2/{path}"
        status, content = self._call("POST", url, headers, json.dumps(body).encode("ascii"))
        if status in {_OK, _PENDING}:
            return _readable(content)
        if status == _UNAUTHORIZED and token is not None:
            raise _TokenRefused
        error = error_of(content)
        if error in PIN_ERRORS:
            self._pin_refused = True
        raise failure_of(status, error)


class _TokenRefused(Exception):  # noqa: N818 - named for what happened
    """The service takes our token no longer."""


def _readable(content: bytes) -> Mapping[str, object]:
    """An answer that should say how it went: what cannot be read is as good as none."""
    try:
        return read_object(content)
    except Malformed as error:
        raise SignerAway(str(error)) from None


@dataclass(frozen=True, slots=True)
class RemoteSigner:
    """A signer whose key lies at a service and whose owner consents to each signature. Safe between threads.

    Signing takes as long as its owner: do it behind, never while somebody waits for an answer.
    """

    _service: RemoteService = field(repr=False)
    credential: Credential = field(repr=False)

    @property
    def certificate(self) -> x509.Certificate:
        return self.credential.certificate

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        return self.credential.chain

    @property
    def scheme(self) -> Scheme:
        return self.credential.scheme

    def sign(self, data: bytes) -> bytes:
        """As `Signer.sign`; raises `BadSignature` also when what the service made does not fit the certificate."""
        try:
            signature = self._service.sign_hash(self.credential, hashlib.sha256(data).digest())
        except Malformed as error:
            raise SignerAway(str(error)) from None
        key = public_key_of(self.certificate)
        try:
            verify_document(key, signature, data)
        except BadSignature:
            if self.scheme is not Scheme.ECDSA_SHA256:
                raise
            signature = der_of_halves(signature)  # the standard leaves the form open: some give r||s
            verify_document(key, signature, data)
        return signature
