"""What authorities say of their certificates: issuers (AIA), OCSP answers (RFC 6960) and lists (CRL, RFC 5280).

The network is a function that is handed in. Answers are kept in memory until their own `nextUpdate`, an outage for half
a minute, so that a thousand documents ask once and a responder that is down costs one time-out.
"""

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Lock
from typing import Final, TypeVar
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from signing.errors import SignerAway
from signing.signer import public_key_of

Fetch = Callable[[str, str, bytes | None], bytes]
"""Asks an address (URL, media type of the body, body; None is a GET). Raises `SignerAway`, within a bounded time."""

MAX_OCSP_BYTES: Final = 65_536
MAX_CRL_BYTES: Final = 16_000_000
MAX_CERTIFICATE_BYTES: Final = 65_536
MAX_URLS: Final = 4
MAX_CACHED: Final = 2048
MAX_CACHED_BYTES: Final = 64_000_000
OUTAGE_KEPT: Final = timedelta(seconds=30)
ISSUER_KEPT: Final = timedelta(days=1)
MAX_KEPT: Final = timedelta(days=7)
CLOCK_SKEW: Final = timedelta(minutes=5)  # two machines never agree on the minute
_NONCE_BYTES: Final = 16
_OCSP_REQUEST: Final = "application/ocsp-request"
# What the decoders of `cryptography` raise on what an enemy sends.
UNREADABLE: Final = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
ExtensionValue = TypeVar("ExtensionValue", bound=x509.ExtensionType)


def bounded(fetch: Fetch, url: str, media_type: str, body: bytes | None, *, limit: int) -> bytes:
    """The answer of `url`, at most `limit` bytes. Raises `SignerAway`, also for what is no web address."""
    try:
        scheme = urlsplit(url).scheme.lower()
    except ValueError:
        scheme = ""
    if scheme not in {"http", "https"}:
        raise SignerAway("The address of the service is no web address")
    answer = fetch(url, media_type, body)
    if len(answer) > limit:
        raise SignerAway("The service answers with more than it may")
    return answer


@dataclass(frozen=True, slots=True)
class _Kept:
    value: bytes | None  # None is an outage
    until: datetime


class Cache:
    """Answers by key, each until its moment. Bounded in number and bytes; the one not used for longest goes first."""

    def __init__(self, *, max_entries: int = MAX_CACHED, max_bytes: int = MAX_CACHED_BYTES) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: str, now: datetime) -> _Kept | None:
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or now >= kept.until:
                return None
            self._kept.move_to_end(key)
            return kept

    def put(self, key: str, value: bytes | None, *, until: datetime) -> None:
        with self._lock:
            self._drop(key)
            self._kept[key] = _Kept(value, until)
            self._bytes += len(value or b"")
            while len(self._kept) > self._max_entries or self._bytes > self._max_bytes:
                self._drop(next(iter(self._kept)))

    def forget(self, key: str) -> None:
        """Drop an answer; that there was an outage is kept."""
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.value is not None:
                self._drop(key)

    def __len__(self) -> int:
        return len(self._kept)

    def _drop(self, key: str) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= len(kept.value or b"")


@dataclass(frozen=True, slots=True)
class Answers:
    """What was said of one certificate, DER: by OCSP, by a list, or by both."""

    ocsp: bytes | None = None
    crl: bytes | None = None


class Lookup:
    """Asks where the certificates themselves say. Safe between threads."""

    def __init__(
        self,
        fetch: Fetch,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        random: Callable[[int], bytes] = os.urandom,
        cache: Cache | None = None,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._random = random
        self._cache = cache or Cache()

    def issuers(self, certificate: x509.Certificate) -> Iterator[x509.Certificate]:
        """The certificates that stand where it says that its issuer's stands; none while that place is away."""
        for url in _access(certificate, AuthorityInformationAccessOID.CA_ISSUERS):
            der = self._kept(url, partial(self._issuer, url))
            if der is not None:
                yield x509.load_der_x509_certificate(der)

    def revocation(self, certificate: x509.Certificate, issuer: x509.Certificate) -> Answers:
        """OCSP if the certificate names a responder and it answers, else the list. Raises `SignerAway`."""
        for url in _access(certificate, AuthorityInformationAccessOID.OCSP):
            said = self._kept(_ocsp_key(url, certificate), partial(self._ocsp, url, certificate, issuer))
            if said is not None:
                return Answers(ocsp=said)
        for url in _lists(certificate):
            listed = self._kept(url, partial(self._crl, url, issuer))
            if listed is not None:
                return Answers(crl=listed)
        raise SignerAway("Nobody says now whether the certificate is revoked")

    def forget(self, certificates: Iterable[x509.Certificate]) -> None:
        """Drop what is kept of these: it was of no use, and is asked for again the next time."""
        for certificate in certificates:
            for url in _access(certificate, AuthorityInformationAccessOID.OCSP):
                self._cache.forget(_ocsp_key(url, certificate))

    def _kept(self, key: str, ask: Callable[[], tuple[bytes, datetime]]) -> bytes | None:
        """What is kept under that key, or is asked for now; None during an outage."""
        kept = self._cache.get(key, self._clock())
        if kept is not None:
            return kept.value
        try:
            value, until = ask()
        except SignerAway:
            self._cache.put(key, None, until=self._clock() + OUTAGE_KEPT)
            return None
        self._cache.put(key, value, until=min(until, self._clock() + MAX_KEPT))
        return value

    def _issuer(self, url: str) -> tuple[bytes, datetime]:
        der = bounded(self._fetch, url, "", None, limit=MAX_CERTIFICATE_BYTES)
        try:
            x509.load_der_x509_certificate(der)
        except UNREADABLE:
            raise SignerAway("The issuer's address answers with something else") from None
        return der, self._clock() + ISSUER_KEPT

    def _ocsp(
        self, url: str, certificate: x509.Certificate, issuer: x509.Certificate
    ) -> tuple[bytes, datetime]:
        nonce = self._random(_NONCE_BYTES)
        # SHA-1 names the issuer here and proves nothing: RFC 5019 section 2.1.1 asks for it, and responders index by it
        named = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())  # noqa: S303 - as said above
        question = named.add_extension(x509.OCSPNonce(nonce), critical=False).build()
        answer = bounded(
            self._fetch, url, _OCSP_REQUEST, question.public_bytes(Encoding.DER), limit=MAX_OCSP_BYTES
        )
        try:
            return answer, _ocsp_until(answer, certificate, nonce=nonce, now=self._clock())
        except UNREADABLE:
            raise SignerAway("The OCSP responder answers with something else") from None

    def _crl(self, url: str, issuer: x509.Certificate) -> tuple[bytes, datetime]:
        answer = bounded(self._fetch, url, "", None, limit=MAX_CRL_BYTES)
        try:
            listed = x509.load_der_x509_crl(answer)
            until = listed.next_update_utc
            if until is None or until <= self._clock():
                raise SignerAway("The list of revoked certificates is out of date")
            # a list that someone put in its place is not kept until its own next update
            if listed.issuer == issuer.subject and not listed.is_signature_valid(public_key_of(issuer)):
                raise SignerAway("The list of revoked certificates is not its issuer's")
        except UNREADABLE:
            raise SignerAway("The address of the list answers with something else") from None
        return answer, until


def _ocsp_until(answer: bytes, certificate: x509.Certificate, *, nonce: bytes, now: datetime) -> datetime:
    """When the answer is to be asked for again.

    Raises `SignerAway` for an answer to another question, or one that is not of now (RFC 6960 section 4.2.2.1).
    """
    said = ocsp.load_der_ocsp_response(answer)
    if said.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
        raise SignerAway("The OCSP responder gives no answer now")
    for extension in said.extensions:
        if isinstance(extension.value, x509.OCSPNonce) and extension.value.nonce != nonce:
            raise SignerAway("The OCSP responder answers another question")
    for single in said.responses:
        if single.serial_number == certificate.serial_number:
            until = single.next_update_utc
            if single.this_update_utc > now + CLOCK_SKEW or (until is not None and until <= now):
                raise SignerAway("The OCSP responder's answer is out of date, or of a time to come")
            return until or single.this_update_utc
    raise SignerAway("The OCSP responder says nothing of this certificate")


def _ocsp_key(url: str, certificate: x509.Certificate) -> str:
    return f"{url} {certificate.fingerprint(hashes.SHA256()).hex()}"


def extension_of(
    certificate: x509.Certificate, kind: type[ExtensionValue]
) -> x509.Extension[ExtensionValue] | None:
    """The extension of that kind, or None. Raises what is in `UNREADABLE` for extensions that cannot be read."""
    try:
        return certificate.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _access(certificate: x509.Certificate, method: x509.ObjectIdentifier) -> list[str]:
    found = extension_of(certificate, x509.AuthorityInformationAccess)
    entries = [] if found is None else list(found.value)
    named = (each.access_location for each in entries if each.access_method == method)
    return [each.value for each in named if isinstance(each, x509.UniformResourceIdentifier)][:MAX_URLS]


def _lists(certificate: x509.Certificate) -> list[str]:
    found = extension_of(certificate, x509.CRLDistributionPoints)
    points = [] if found is None else list(found.value)
    named = (name for point in points for name in point.full_name or ())
    urls = (name.value for name in named if isinstance(name, x509.UniformResourceIdentifier))
    return [url for url in urls if url.lower().startswith(("http://", "https://"))][:MAX_URLS]
