"""What a use case is given: connections, keys, the partners by name, the rules as data, and the time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from psycopg import Connection
from psycopg_pool import ConnectionPool
from sqlalchemy import Engine

from gateway.domain.agencies import TopAgency
from gateway.domain.catalogue import Catalogue
from gateway.domain.errors import Misconfigured
from gateway.domain.retention import Periods
from gateway.domain.routing import Route
from gateway.domain.workdays import Calendar
from gateway.ports import (
    Agency,
    CasePortal,
    Files,
    HttpDoor,
    Parts,
    PaymentProvider,
    PostalOperator,
    Press,
    ReceiptProvider,
    Scanner,
    StatementFormat,
)
from gateway.store.reports import Told
from signing.seal import Sealer


@dataclass(frozen=True, slots=True)
class Schedules:
    """When a thing is tried again: delays in seconds after the try before it, published in `docs/operations.md`."""

    query_s: Sequence[int]
    webhook_s: Sequence[int]
    order_s: Sequence[int]
    sync_s: Sequence[int]
    """When a call to the national portal that nobody knows the end of is looked up; the last one for ever."""


@dataclass(frozen=True, slots=True)
class Notary:
    """Who signs the proof log and what is taken out of it, and who else vouches for its time and its growth."""

    origin: str
    key: str
    """The log's public key as others are given it (C2SP signed-note)."""
    sign: Callable[[int, bytes], str]
    """The signed checkpoint of a size and a root."""
    bind: Callable[[Mapping[str, bytes], datetime], bytes]
    """Files as one signed container (ASiC-E)."""
    stamp: Callable[[bytes], bytes] | None
    """A time-stamp token (RFC 3161) over these bytes; None without an authority. Raises `TransportError`."""
    stamp_every: timedelta
    keys: Callable[[], Mapping[str, Any]]
    """Our public keys, as the JSON Web Key Set that we publish."""
    seen_by: Callable[[str], Sequence[str]]
    """Of a note, the lines of the witnesses that we know, checked. Raises `BadSignature`, `Malformed`."""


@dataclass(frozen=True, slots=True)
class Context:
    engine: Engine
    pool: ConnectionPool[Connection[tuple[Any, ...]]]
    record: Callable[[Told], str]
    sealer: Sealer
    providers: Mapping[str, PaymentProvider]
    routes: Sequence[Route]
    operators: Mapping[str, PostalOperator]
    receipt_providers: Mapping[str, ReceiptProvider]
    case_portal: CasePortal | None
    """The national portal, which is told of cases; None: it is not."""
    formats: Mapping[str, StatementFormat]
    agencies: Mapping[str, Agency]
    top_agencies: Mapping[str, TopAgency]
    """Ministries and provinces by their code, also those that were merged."""
    catalogue: Catalogue
    calendar: Calendar
    files: Files
    parts: Parts
    inspect: Callable[[BinaryIO, str], None]
    """Raises `Malformed` unless a file is of the media type, whole, open to be read, and within the limits."""
    scanner: Scanner | None
    """The virus scan; None where none is set up."""
    max_upload_bytes: int
    upload_life: timedelta
    press: Callable[[], Press]
    look_at_signature: Callable[[bytes], str]
    """Of a PDF: `intact`, `none`, `broken`, or `unknown` where it cannot be read."""
    check_address: Callable[[str], None]
    """Raises `Unreachable` for an address that this installation never calls."""
    sign_jws: Callable[[bytes, str], str]
    sign_webhook: Callable[[str, datetime, bytes, bytes | None], str]
    webhook_door: HttpDoor
    public_url: str
    live: bool
    schedules: Schedules
    try_life: timedelta
    refund_limit_vnd: int
    """A refund up to this sum needs no second person."""
    notary: Notary
    periods: Periods
    """How long what is known of people is kept."""
    shows_views: bool
    """Whether a citizen sees on the case's page that an official looked at the data."""
    clock: Callable[[], datetime]
    entropy: Callable[[int], bytes] = field(repr=False)

    def agency(self, code: str) -> Agency:
        """Raises `Misconfigured` for an agency that the agencies file does not name."""
        try:
            return self.agencies[code]
        except KeyError:
            raise Misconfigured(f"the agencies file has no agency {code}") from None
