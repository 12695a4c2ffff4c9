"""Whom an installation trusts and who signs for it elsewhere: roots, time-stamps, revocation, keys of other places.

Their network is the one door out. Addresses of revocation lists and time-stamps are plain http by custom: what comes
from there is signed.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from gateway.config import Settings
from gateway.domain import errors
from gateway.domain.errors import GatewayError, Misconfigured
from gateway.http import Door
from gateway.partners import read_settings
from gateway.ports import HttpRequest
from signing.errors import SignerAway, SigningError
from signing.pdf import Services
from signing.pkcs11 import KeyName, Token, TokenSettings
from signing.pkcs12 import Pkcs12Settings, open_pkcs12
from signing.remote import RemoteService, RemoteSettings
from signing.revocation import Fetch, Lookup
from signing.signer import Signer
from signing.signers import FixedSigners, hold
from signing.timestamps import HttpTimeStamper
from signing.trust import CertificateTrust, Roots

CALL_S = 10.0
OK = 200


def fetcher(door: Door) -> Fetch:
    """What asks for certificates, revocation answers and time-stamps. An outage is `SignerAway`."""

    def fetch(url: str, media_type: str, body: bytes | None) -> bytes:
        headers = {} if body is None else {"Content-Type": media_type}
        request = HttpRequest("GET" if body is None else "POST", url, headers, body, timeout_s=CALL_S)
        try:
            answer = door.send(request)
        except GatewayError as error:
            raise SignerAway(f"{type(error).__name__}: {error}") from None
        if answer.status != OK:
            raise SignerAway(f"The service answered with HTTP status {answer.status}")
        return answer.body

    return fetch


def caller(door: Door) -> Callable[[str, str, Mapping[str, str], bytes | None], tuple[int, bytes]]:
    """What speaks to a remote signing service."""

    def call(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, bytes]:
        try:
            answer = door.send(HttpRequest(method, url, dict(headers), body, timeout_s=CALL_S))
        except GatewayError as error:
            raise SignerAway(f"{type(error).__name__}: {error}") from None
        return answer.status, answer.body

    return call


def services(
    settings: Settings, door: Door, own_root: x509.Certificate, clock: Callable[[], datetime]
) -> Services:
    """Time-stamps and trust for levels above B-B, and for the proof log. Raises `Misconfigured`."""
    roots = Roots(
        national=_certificates(settings.roots_file),
        test=(own_root,),
        stamping=_certificates(settings.stamping_roots_file),
    )
    fetch = fetcher(door)
    trust = CertificateTrust(roots, lookup=Lookup(fetch, clock=clock))
    return Services(HttpTimeStamper(settings.tsa_url, fetch, trust=trust), trust)


def stamped(known: Services | None, data: bytes) -> bytes:
    """A time-stamp token over these bytes. Raises `Unreachable` while the authority is away or says something else."""
    try:
        if known is None:
            raise SignerAway("there is no authority")
        return known.stamper.stamp(hashlib.sha256(data).digest())
    except SigningError as error:
        raise errors.Unreachable(f"no time-stamp: {error}") from None


def _certificates(path: Path | None) -> tuple[x509.Certificate, ...]:
    if path is None:
        return ()
    try:
        return tuple(x509.load_pem_x509_certificates(path.read_bytes()))
    except (OSError, ValueError):
        raise Misconfigured(f"{path.name} holds no certificates in PEM") from None


# --- keys outside of the folder ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Pkcs11:
    """A key in a hardware module, as settings name it."""

    module: Path
    pin_file: Path
    token: str
    key: str


@dataclass(frozen=True, slots=True)
class _Remote:
    """A key at a remote signing service (CSC API v2), as settings name it."""

    url: str
    client_id: str
    client_secret_file: Path
    credential: str
    oauth_url: str | None = None
    pin_file: Path | None = None


def signers(settings: Settings, door: Door, now: datetime) -> FixedSigners:
    """Who signs with a key outside of the folder, by purpose. Raises `Misconfigured`, without any value."""
    found = []
    for purpose, given in settings.signers.items():
        try:
            signer = _signer(purpose, given, door, now)
        except (SigningError, OSError) as error:
            raise Misconfigured(f"GATEWAY_SIGNERS: {purpose}: {error}") from None
        found.append(hold(signer, purpose=purpose, owner=str(given.get("kind"))))
    return FixedSigners(tuple(found))


def _signer(purpose: str, given: Mapping[str, Any], door: Door, now: datetime) -> Signer:
    match given.get("kind"):
        case "pkcs12":
            return open_pkcs12(read_settings(Pkcs12Settings, given, purpose))
        case "pkcs11":
            token: _Pkcs11 = read_settings(_Pkcs11, given, purpose)
            opened = Token(TokenSettings(token.module, _secret(token.pin_file), label=token.token))
            return opened.signer(KeyName(label=token.key))
        case "remote":
            remote: _Remote = read_settings(_Remote, given, purpose)
            secret = _secret(remote.client_secret_file)
            pin = None if remote.pin_file is None else _secret(remote.pin_file)
            known = RemoteSettings(remote.url, remote.client_id, secret, oauth_url=remote.oauth_url, pin=pin)
            return RemoteService(known, caller(door)).signer(remote.credential, now=now)
        case _:
            raise Misconfigured(f"GATEWAY_SIGNERS: {purpose}: kind is pkcs12, pkcs11 or remote")


def _secret(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()
