"""Requests as bytes: everything that a portal's signature is made of can be set, left out or spoilt."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

TIMEOUT_S = 20.0
JSON = "application/json"


@dataclass(frozen=True)
class Reply:
    """An answer as it came; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]


def exchange(
    base_url: str,
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes | Iterable[bytes] | None = None,
) -> Reply:
    """One request over a connection of its own. A `body` that is not bytes travels in chunks."""
    connection = HTTPConnection(urlsplit(base_url).netloc, timeout=TIMEOUT_S)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        chunked = body is not None and not isinstance(body, bytes)
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        elif body is not None:
            connection.putheader("Content-Length", str(len(body)))  # type: ignore[arg-type]
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders(body, encode_chunked=chunked)
        answer = connection.getresponse()
        found = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, found, answer.read())
    finally:
        connection.close()


def digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


@dataclass(frozen=True)
class Key:
    """A portal's key, as the portal has it."""

    keyid: str
    private: Ed25519PrivateKey = field(repr=False)

    @property
    def pem(self) -> str:
        return (
            self.private.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )


@dataclass(frozen=True)
class Call:
    """A signed request before it is sent: `replace` what is to be spoilt, before or after `signed`."""

    base_url: str
    key: Key
    method: str
    target: str
    body: bytes = b""
    content_type: str = JSON
    created: int = 0
    nonce: str = ""
    label: str = "sig1"
    covered: tuple[str, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()

    def components(self) -> tuple[str, ...]:
        if self.covered:
            return self.covered
        return ("@method", "@target-uri", *(("content-digest", "content-type") if self.body else ()))

    def signed(self) -> dict[str, str]:
        """The headers, signature and all."""
        values = {
            "@method": self.method,
            "@target-uri": self.base_url + self.target,
            "content-digest": digest(self.body),
            "content-type": self.content_type,
            **{name.lower(): value for name, value in self.extra},
        }
        names = " ".join(f'"{name}"' for name in self.components())
        created = self.created or int(time.time())
        nonce = self.nonce or secrets.token_urlsafe(12)
        params = f'({names});created={created};keyid="{self.key.keyid}";nonce="{nonce}"'
        lines = [f'"{name}": {values[name]}' for name in self.components()]
        base = "\n".join([*lines, f'"@signature-params": {params}'])
        signature = base64.b64encode(self.key.private.sign(base.encode())).decode()
        headers = {
            "Signature-Input": f"{self.label}={params}",
            "Signature": f"{self.label}=:{signature}:",
        }
        if self.body:
            headers |= {"Content-Digest": digest(self.body), "Content-Type": self.content_type}
        return headers | dict(self.extra)

    def send(self, headers: Mapping[str, str] | None = None) -> Reply:
        """Send with `headers` instead of the honest ones."""
        given = self.signed() if headers is None else headers
        sends_body = bool(self.body) or self.method in {"POST", "PUT", "PATCH"}
        return exchange(
            self.base_url, self.method, self.target, given.items(), self.body if sends_body else None
        )


def uploaded(call: Call) -> Call:
    """A PUT with the digest of its whole document."""
    return replace(call, method="PUT", extra=(*call.extra, ("Repr-Digest", digest(call.body))))
