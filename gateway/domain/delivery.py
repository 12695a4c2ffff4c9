"""Delivery (trả kết quả): how the result reaches the citizen, and the parcel (bưu gửi) when it goes by post.

States: `specs/postal.md` A7. Parcel events come late, doubled and out of order, so each is kept and the
state is derived by rank (`derive`); a terminal state never goes back by itself.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Method(StrEnum):
    ONLINE = "online"
    COUNTER = "counter"
    POST = "post"
    COLLECT = "collect"


class DeliveryState(StrEnum):
    DRAFT = "draft"
    ORDERED = "ordered"
    ACCEPTED = "accepted"
    COLLECTED = "collected"
    IN_TRANSIT = "in_transit"
    AT_DELIVERY_OFFICE = "at_delivery_office"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    ATTEMPT_FAILED = "attempt_failed"
    HELD = "held"
    REDIRECTED = "redirected"
    RETURN_PENDING = "return_pending"
    RETURNING = "returning"
    RETURNED = "returned"
    CANCEL_REQUESTED = "cancel_requested"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    LOST = "lost"
    UNKNOWN = "unknown"


class DeliveryEvent(StrEnum):
    """What we do ourselves; what the post reports has the name of the state it leads to."""

    ORDER = "order"
    ORDER_UNCLEAR = "order_unclear"
    NOT_SENT = "not_sent"
    ACCEPT = "accept"
    COLLECT = "collect"
    MOVE = "move"
    ARRIVE = "arrive"
    GO_OUT = "go_out"
    HAND_OVER = "hand_over"
    FAIL_ATTEMPT = "fail_attempt"
    HOLD = "hold"
    REDIRECT = "redirect"
    AWAIT_RETURN = "await_return"
    START_RETURN = "start_return"
    RETURN = "return"
    ASK_CANCEL = "ask_cancel"
    CANCEL = "cancel"
    REFUSE = "refuse"
    LOSE = "lose"
    CORRECT_TO_RETURNED = "correct_to_returned"


_S, _E = DeliveryState, DeliveryEvent

REPORTED: Mapping[DeliveryState, DeliveryEvent] = {
    _S.ACCEPTED: _E.ACCEPT,
    _S.COLLECTED: _E.COLLECT,
    _S.IN_TRANSIT: _E.MOVE,
    _S.AT_DELIVERY_OFFICE: _E.ARRIVE,
    _S.OUT_FOR_DELIVERY: _E.GO_OUT,
    _S.DELIVERED: _E.HAND_OVER,
    _S.ATTEMPT_FAILED: _E.FAIL_ATTEMPT,
    _S.HELD: _E.HOLD,
    _S.REDIRECTED: _E.REDIRECT,
    _S.RETURN_PENDING: _E.AWAIT_RETURN,
    _S.RETURNING: _E.START_RETURN,
    _S.RETURNED: _E.RETURN,
    _S.CANCELLED: _E.CANCEL,
    _S.REFUSED: _E.REFUSE,
    _S.LOST: _E.LOSE,
}
"""The event that says a parcel has reached a state."""

TERMINAL = frozenset({_S.DELIVERED, _S.RETURNED, _S.CANCELLED, _S.REFUSED, _S.LOST})

_MOVING = (
    _S.ORDERED,
    _S.UNKNOWN,
    _S.ACCEPTED,
    _S.COLLECTED,
    _S.IN_TRANSIT,
    _S.AT_DELIVERY_OFFICE,
    _S.OUT_FOR_DELIVERY,
    _S.ATTEMPT_FAILED,
    _S.HELD,
    _S.REDIRECTED,
    _S.RETURN_PENDING,
    _S.RETURNING,
    _S.CANCEL_REQUESTED,
)

TABLE: Mapping[tuple[DeliveryState, DeliveryEvent], DeliveryState] = {
    (_S.DRAFT, _E.ORDER): _S.ORDERED,
    (_S.DRAFT, _E.ORDER_UNCLEAR): _S.UNKNOWN,
    (_S.DRAFT, _E.REFUSE): _S.REFUSED,
    (_S.DRAFT, _E.CANCEL): _S.CANCELLED,
    (_S.UNKNOWN, _E.ORDER): _S.ORDERED,
    (_S.UNKNOWN, _E.NOT_SENT): _S.DRAFT,
    (_S.DRAFT, _E.HAND_OVER): _S.DELIVERED,
    **{(state, event): to for state in _MOVING for to, event in REPORTED.items()},
    **{(state, _E.ASK_CANCEL): _S.CANCEL_REQUESTED for state in _MOVING if state != _S.CANCEL_REQUESTED},
    (_S.DELIVERED, _E.CORRECT_TO_RETURNED): _S.RETURNED,
}
"""`draft` is handed over directly when the method is online or counter."""

_RANK: Mapping[DeliveryState, int] = {
    _S.DRAFT: 0,
    _S.UNKNOWN: 1,
    _S.ORDERED: 2,
    _S.ACCEPTED: 3,
    _S.COLLECTED: 4,
    _S.IN_TRANSIT: 5,
    _S.REDIRECTED: 5,
    _S.AT_DELIVERY_OFFICE: 6,
    _S.HELD: 6,
    _S.OUT_FOR_DELIVERY: 7,
    _S.ATTEMPT_FAILED: 7,
    _S.CANCEL_REQUESTED: 7,
    _S.RETURN_PENDING: 8,
    _S.RETURNING: 9,
    _S.REFUSED: 10,
    _S.CANCELLED: 10,
    _S.LOST: 10,
    _S.RETURNED: 10,
    _S.DELIVERED: 11,
}


@dataclass(frozen=True, slots=True)
class Sighting:
    """A parcel event with a meaning: what the post saw, and when by its own clock."""

    meaning: DeliveryState
    occurred_at: datetime


def derive(sightings: Iterable[Sighting]) -> Sighting | None:
    """The sighting that tells the state now, whatever order the events came in; None without any.

    A terminal one wins (delivered before all others); else the latest by the post's clock, and by
    rank between events of the same moment.
    """
    known = list(sightings)
    final = [seen for seen in known if seen.meaning in TERMINAL]
    if final:
        return max(final, key=lambda seen: (_RANK[seen.meaning], seen.occurred_at))
    return max(known, key=lambda seen: (seen.occurred_at, _RANK[seen.meaning]), default=None)


class PublicDelivery(StrEnum):
    """What portals and citizens see."""

    PREPARED = "prepared"
    ORDERED = "ordered"
    MOVING = "moving"
    HANDED_OVER = "handed_over"
    PROBLEM = "problem"
    RETURNED = "returned"
    CANCELLED = "cancelled"


PUBLIC: Mapping[DeliveryState, PublicDelivery] = {
    _S.DRAFT: PublicDelivery.PREPARED,
    _S.ORDERED: PublicDelivery.ORDERED,
    _S.UNKNOWN: PublicDelivery.PREPARED,
    _S.ACCEPTED: PublicDelivery.ORDERED,
    _S.COLLECTED: PublicDelivery.MOVING,
    _S.IN_TRANSIT: PublicDelivery.MOVING,
    _S.AT_DELIVERY_OFFICE: PublicDelivery.MOVING,
    _S.OUT_FOR_DELIVERY: PublicDelivery.MOVING,
    _S.REDIRECTED: PublicDelivery.MOVING,
    _S.CANCEL_REQUESTED: PublicDelivery.MOVING,
    _S.DELIVERED: PublicDelivery.HANDED_OVER,
    _S.ATTEMPT_FAILED: PublicDelivery.PROBLEM,
    _S.HELD: PublicDelivery.PROBLEM,
    _S.LOST: PublicDelivery.PROBLEM,
    _S.REFUSED: PublicDelivery.PROBLEM,
    _S.RETURN_PENDING: PublicDelivery.RETURNED,
    _S.RETURNING: PublicDelivery.RETURNED,
    _S.RETURNED: PublicDelivery.RETURNED,
    _S.CANCELLED: PublicDelivery.CANCELLED,
}
assert set(PUBLIC) == set(DeliveryState), "every delivery state has a public one"
