"""The post's own feed: every event is kept, the state of a delivery is derived from all that were seen.

An event that cannot be read, or whose code no table has, is kept, moves nothing and raises an alarm; the feed goes on
behind it, for the other parcels' sake. When the code is known later, the events that bear it are read again.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from sqlalchemy import Connection

from gateway.domain.delivery import REPORTED, TERMINAL, DeliveryEvent, DeliveryState, Sighting, derive
from gateway.ports import ParcelEvent, PostalOperator
from gateway.service import cases
from gateway.service.context import Context
from gateway.service.deliveries import move
from gateway.store import alarms, cursors
from gateway.store import cases as case_store
from gateway.store import deliveries as store
from postal.codes import UNREADABLE

FEED_PAGE = 200
NO_CURSOR = ""


@runtime_checkable
class KnowsCodes(Protocol):
    """An operator whose table of codes can grow: what a code means by now, None while nobody knows."""

    def meaning_of(self, code: str) -> DeliveryState | None: ...


def feed_name(operator: PostalOperator) -> str:
    """Under which the place in the feed is kept, and its alarms."""
    return f"post:{operator.name}"


def read_feed(context: Context, operator: PostalOperator, now: datetime) -> int:
    """Read one page of an operator's feed behind the stored cursor; returns how many events were new.

    The call is made outside of any transaction. The events and the cursor move together, and only if the cursor
    still stands where it was read. Raises as `PostalOperator.tracking`.
    """
    name = feed_name(operator)
    with context.engine.connect() as connection:
        position = cursors.peek(connection, name)
    page = operator.tracking(position or None, FEED_PAGE)
    if page.next_cursor == (position or NO_CURSOR):
        return 0
    with context.engine.begin() as connection:
        if not cursors.advance(connection, name, position, page.next_cursor, now):
            return 0
        return sum(_take(connection, operator, event, now) for event in page.events)


def read_again(context: Context, operator: PostalOperator, now: datetime) -> int:
    """Give the kept events their meaning whose codes are known by now; returns how many."""
    if not isinstance(operator, KnowsCodes):
        return 0
    read = 0
    with context.engine.begin() as connection:
        for code in store.codes_without_meaning(connection, operator.name):
            meaning = operator.meaning_of(code)
            if meaning is None:
                continue
            events = store.give_meaning(connection, operator.name, code, meaning)
            for event in events:
                _believe(connection, operator, event)
            alarms.close(connection, "unknown_postal_code", f"{operator.name}:{code}", now)
            read += len(events)
    return read


def _take(connection: Connection, operator: PostalOperator, event: ParcelEvent, now: datetime) -> bool:
    if not store.keep_event(connection, operator.name, event, now):
        return False
    if event.code.startswith(UNREADABLE):
        alarms.raise_alarm(
            connection, "unreadable_parcel_event", f"{operator.name}:{event.code}", event.source_id
        )
    elif event.meaning is None:
        alarms.raise_alarm(
            connection, "unknown_postal_code", f"{operator.name}:{event.code}", event.source_id
        )
    else:
        _believe(connection, operator, event)
    return True


def _believe(connection: Connection, operator: PostalOperator, event: ParcelEvent) -> None:
    delivery = store.find_by_order(connection, operator.name, event.order_number)
    if delivery is None or delivery.state == DeliveryState.DRAFT:
        # the post tells of an order that we never gave: not believed, and not forgotten
        alarms.raise_alarm(
            connection, "unknown_parcel", f"{operator.name}:{event.order_number}", event.source_id
        )
        return
    _derive(connection, delivery, event, store.sightings(connection, operator.name, event.order_number))


def _derive(
    connection: Connection, delivery: store.Delivery, event: ParcelEvent, seen: Sequence[Sighting]
) -> None:
    now_seen = derive(seen)
    assert now_seen is not None
    state = DeliveryState(delivery.state)
    if state in TERMINAL and event.meaning in TERMINAL and event.meaning is not state:
        # an end does not change by itself: whether the post was wrong then or is wrong now, a person finds out
        detail = f"{event.source_id} says {event.meaning}"
        alarms.raise_alarm(connection, "parcel_contradiction", delivery.id, detail)
    if now_seen.meaning is state or state in TERMINAL or now_seen.meaning not in REPORTED:
        return
    values: dict[str, Any] = {} if event.item_code is None else {"item_code": event.item_code}
    cause = f"post:{event.source_id}"
    if state is DeliveryState.UNKNOWN:
        # the feed answers what the order's own answer did not: the post has it, and that is told first
        move(connection, delivery, DeliveryEvent.ORDER, now_seen.occurred_at, cause=cause, values=values)
        delivery = replace(delivery, state=DeliveryState.ORDERED.value)
    if now_seen.meaning is DeliveryState.DELIVERED:
        values["handed_over_at"] = now_seen.occurred_at
    reported = REPORTED[now_seen.meaning]
    if not move(connection, delivery, reported, now_seen.occurred_at, cause=cause, values=values):
        return
    side = "handed_over" if now_seen.meaning is DeliveryState.DELIVERED else "moving"
    case_store.set_side_state(connection, delivery.case_code, "delivery_state", side)
    if now_seen.meaning is DeliveryState.DELIVERED:
        cases.hand_over(connection, delivery.case_code, cause, now_seen.occurred_at)
