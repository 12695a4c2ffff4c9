"""A post that is played: it keeps parcels by order number, tells of them in a feed, and fails as it is told to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from service_world import World

from gateway.domain.delivery import DeliveryState
from gateway.domain.errors import Unreachable
from gateway.ports import (
    OrderAnswer,
    OrderVerdict,
    ParcelEvent,
    ParcelOrder,
    PostalCapability,
    TrackingPage,
)

KNOWS_REPETITIONS = frozenset(
    {PostalCapability.ORDER, PostalCapability.TRACKING_FEED, PostalCapability.IDEMPOTENT_ORDER}
)
FORGETS = KNOWS_REPETITIONS - {PostalCapability.IDEMPOTENT_ORDER}


@dataclass
class Post:
    """`before` and `after` run around the taking of an order, and may raise what then happens on the wire."""

    capabilities: frozenset[PostalCapability] = KNOWS_REPETITIONS
    name: str = "post"
    parcels: list[ParcelOrder] = field(default_factory=list)
    feed: list[ParcelEvent] = field(default_factory=list)
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None
    verdict: OrderVerdict = OrderVerdict.ACCEPTED
    codes: dict[str, DeliveryState] = field(default_factory=dict)
    away: bool = False

    def order(self, order: ParcelOrder) -> OrderAnswer:
        self.before()
        known = PostalCapability.IDEMPOTENT_ORDER in self.capabilities and any(
            each.order_number == order.order_number for each in self.parcels
        )
        if known:
            return OrderAnswer(OrderVerdict.ALREADY_KNOWN, "2", "known")
        if self.verdict is OrderVerdict.ACCEPTED:
            self.parcels.append(order)
        self.after()
        return OrderAnswer(self.verdict, "1", "")

    def cancel(self, order_number: str) -> OrderAnswer:
        raise NotImplementedError

    def tracking(self, cursor: str | None, limit: int) -> TrackingPage:
        if self.away:
            raise Unreachable("the post is away")
        at = int(cursor or "0")
        events = tuple(self.feed[at : at + limit])
        return TrackingPage(events, str(at + len(events)), more=at + len(events) < len(self.feed))

    def meaning_of(self, code: str) -> DeliveryState | None:
        return self.codes.get(code)

    def tell(
        self, order_number: str, meaning: DeliveryState | None, at: datetime, *, source_id: str | None = None
    ) -> ParcelEvent:
        """Put an event into the feed; the same `source_id` again is the same event again."""
        event = ParcelEvent(
            source_id=source_id or f"{self.name}-{len(self.feed)}",
            order_number=order_number,
            item_code="RB123456785VN",
            code="999" if meaning is None else meaning.value,
            meaning=meaning,
            occurred_at=at,
        )
        self.feed.append(event)
        return event


def delivery_wanted(world: World, case_code: str, **changes: object) -> dict[str, object]:
    return {
        "reference": world.fresh("dl"),
        "case_code": case_code,
        "method": "post",
        "recipient": {"name": "Nguyễn Thị Bí Mật", "phone": "0912345678"},
        "address": {
            "text": "Số 1, phường Tân Hòa",
            "ward_code": 4792,
            "province_code": "25",
            "era": "34",
        },
        **changes,
    }
