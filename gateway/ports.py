"""What the core asks of the world outside, and the values that cross that line.

Every time is aware; adapters turn it into the wire's +07:00. Every sum is a whole number of VND.
Adapters are stateless translators: they never see the database and never decide the next state.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gateway.domain.delivery import DeliveryState
from gateway.domain.receipt import ReceiptFacts
from gateway.domain.statement import Statement

# --- HTTP ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One call to the outside. `timeout_s` bounds the whole call."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout_s: float = 10.0
    max_answer_bytes: int = 5_000_000


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer, ours or theirs. Header names are lower case."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpDoor(Protocol):
    """The one way out. Raises `Unreachable` when nothing left us, `OutcomeUnknown` when something did."""

    def send(self, request: HttpRequest) -> HttpAnswer: ...


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message as it came: `query` is the raw query string (never re-encoded), header names lower case."""

    method: str
    path: str
    query: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


# --- money --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FeeLine:
    """One line of what is owed. `kind` is `phi`, `le_phi` or `postage`; `account` its destination."""

    kind: str
    code: str
    name: str
    amount_vnd: int
    account: str | None = None


@dataclass(frozen=True, slots=True)
class Agency:
    """Who collects: identifier, name, and the account (with its bank's BIN) that the money goes to."""

    code: str
    name: str
    account: str
    bank_bin: str
    account_name: str
    tax_code: str = ""
    sender: "Party | None" = None


@dataclass(frozen=True, slots=True)
class Payer:
    name: str = field(repr=False)
    id_number: str = field(default="", repr=False)
    address: str = field(default="", repr=False)
    province: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class StartOrder:
    """What a provider is asked to collect.

    `reference` is ours: at most 20 of A-Z0-9, unique per provider for ever. `description` may carry
    Vietnamese; an adapter reduces it to what its wire allows.
    """

    reference: str
    amount_vnd: int
    description: str
    case_code: str
    procedure_code: str
    procedure_name: str
    lines: tuple[FeeLine, ...]
    agency: Agency
    payer: Payer
    return_url: str
    client_ip: str
    created_at: datetime
    expires_at: datetime
    locale: str = "vi"


@dataclass(frozen=True, slots=True)
class Started:
    """Where the citizen goes next: a redirect, a QR payload, or both."""

    redirect_url: str | None = None
    qr_payload: str | None = None
    provider_ref: str | None = None


class Outcome(StrEnum):
    """What a provider says of the money. Only an explicit success is `PAID`; an unlisted code is `UNKNOWN`."""

    PAID = "paid"
    PENDING = "pending"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Report:
    """A provider's word on one payment, after its signature was checked.

    The caller compares `reference`, `amount_vnd` and `currency` with its own record.
    `amount_vnd` is None where the provider did not say; `code` is the provider's raw code or codes.
    """

    outcome: Outcome
    reference: str
    amount_vnd: int | None
    currency: str
    provider_ref: str | None
    code: str
    occurred_at: datetime | None = None


class Answer(StrEnum):
    """What we tell a provider that called us; each adapter has its own words for it."""

    OK = "ok"
    DUPLICATE = "duplicate"
    WRONG_AMOUNT = "wrong_amount"
    UNKNOWN_ORDER = "unknown_order"
    BAD_SIGNATURE = "bad_signature"
    MALFORMED = "malformed"
    OUR_ERROR = "our_error"


class Capability(StrEnum):
    REDIRECT = "redirect"
    QR = "qr"
    CALLBACK = "callback"
    QUERY = "query"
    REFUND = "refund"
    BILL = "bill"


class PaymentProvider(Protocol):
    """A bank or platform that collects for us. An absent capability raises `Unsupported`."""

    name: str
    capabilities: frozenset[Capability]

    def start(self, order: StartOrder) -> Started:
        """Ask for the money.

        Raises `Unreachable`, `OutcomeUnknown`, `Refused`, `BadSignature`, `Malformed`.
        """

    def read_callback(self, message: InboundMessage, now: datetime) -> Report:
        """Check and read what the provider sent. Raises `BadSignature`, `Malformed`, `ForeignPartner`."""

    def acknowledge(self, answer: Answer, message: InboundMessage, now: datetime) -> HttpAnswer:
        """The provider's own words for our answer. Never raises, whatever `message` holds."""

    def query(self, reference: str, started_at: datetime, now: datetime, request_id: str) -> Report:
        """Ask what became of `reference`. Raises as `start`, and `Unsupported`."""


# --- post ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Party:
    """A sender or receiver. Codes are the operator's own (`postal/address.py` translates)."""

    name: str = field(repr=False)
    phone: str = field(repr=False)
    address: str = field(repr=False)
    province_code: int
    district_code: int | None = None
    email: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ParcelOrder:
    """`order_number` is ours and idempotent for ever; no content of the case is passed (house law 9)."""

    order_number: str
    sender: Party
    receiver: Party
    cod_vnd: int = 0
    description: str | None = None


class OrderVerdict(StrEnum):
    ACCEPTED = "accepted"
    ALREADY_KNOWN = "already_known"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    verdict: OrderVerdict
    code: str
    message: str = field(repr=False)
    item_code: str | None = None


@dataclass(frozen=True, slots=True)
class ParcelEvent:
    """One event of the post. `meaning` is None for a code outside the adapter's table (house law 7)."""

    source_id: str
    order_number: str
    item_code: str | None
    code: str
    meaning: DeliveryState | None
    occurred_at: datetime
    message: str = field(default="", repr=False)
    office: str | None = None


@dataclass(frozen=True, slots=True)
class TrackingPage:
    """A page of the operator's feed. Store `next_cursor` in the same transaction as the events."""

    events: tuple[ParcelEvent, ...]
    next_cursor: str
    more: bool


class PostalCapability(StrEnum):
    ORDER = "order"
    CANCEL = "cancel"
    TRACKING_FEED = "tracking_feed"
    IDEMPOTENT_ORDER = "idempotent_order"
    """A repeated `order_number` is answered `ALREADY_KNOWN` and makes no second parcel."""


class PostalOperator(Protocol):
    """A post that carries for us. An absent capability raises `Unsupported`."""

    name: str
    capabilities: frozenset[PostalCapability]

    def order(self, order: ParcelOrder) -> OrderAnswer:
        """Raises `Unreachable`, `OutcomeUnknown`, `Malformed`."""

    def cancel(self, order_number: str) -> OrderAnswer:
        """Raises as `order`, and `Unsupported`."""

    def tracking(self, cursor: str | None, limit: int) -> TrackingPage:
        """Events after `cursor` (None: from the beginning), oldest first. Raises as `order`."""


# --- papers, files, statements ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Paper:
    """A receipt as made: the signed PDF and the canonical JSON of the same facts."""

    pdf: bytes = field(repr=False)
    json: bytes = field(repr=False)


class Press(Protocol):
    """Makes and signs papers from facts; the same facts give a paper that says the same."""

    def receipt(self, facts: ReceiptFacts) -> Paper: ...


class Files(Protocol):
    """Files by their SHA-256."""

    def put(self, content: bytes) -> str: ...

    def get(self, sha256: str) -> bytes:
        """Raises `NotFound`."""


class StatementFormat(Protocol):
    """Reads one bank's statement file. Raises `Malformed`."""

    def __call__(self, data: bytes) -> Statement: ...
