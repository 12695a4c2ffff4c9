"""Posts that carry for us: parcels, orders and their events."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gateway.domain.delivery import DeliveryState


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
