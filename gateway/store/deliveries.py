"""Deliveries and every event of their parcels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from gateway.domain.delivery import TABLE, DeliveryEvent, DeliveryState, Sighting
from gateway.domain.machine import sources
from gateway.ports import ParcelEvent
from gateway.store.tables import deliveries, parcel_events


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery without its sealed recipient."""

    id: str
    portal_id: str
    reference: str
    fingerprint: str
    case_code: str
    method: str
    operator: str | None
    order_number: str
    item_code: str | None
    state: str
    cod_vnd: int
    version: int
    created_at: datetime
    handed_over_at: datetime | None


_COLUMNS = [deliveries.c[name] for name in Delivery.__slots__]


def add(connection: Connection, values: Mapping[str, Any]) -> Delivery | None:
    """The new delivery; None when the portal's reference is taken."""
    row = (
        connection.execute(
            upsert(deliveries)
            .values(**values)
            .on_conflict_do_nothing(index_elements=["portal_id", "reference"])
            .returning(*_COLUMNS)
        )
        .mappings()
        .first()
    )
    return None if row is None else Delivery(**row)


def find(
    connection: Connection, delivery_id: str, portal_id: str | None = None, *, lock: bool = False
) -> Delivery | None:
    query = select(*_COLUMNS).where(deliveries.c.id == delivery_id)
    if portal_id is not None:
        query = query.where(deliveries.c.portal_id == portal_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    return None if row is None else Delivery(**row)


def find_by_reference(connection: Connection, portal_id: str, reference: str) -> Delivery | None:
    query = select(*_COLUMNS).where(deliveries.c.portal_id == portal_id, deliveries.c.reference == reference)
    row = connection.execute(query).mappings().first()
    return None if row is None else Delivery(**row)


def find_by_order(connection: Connection, operator: str, order_number: str) -> Delivery | None:
    """The delivery behind an operator's order, locked until the transaction ends."""
    query = (
        select(*_COLUMNS)
        .where(deliveries.c.operator == operator, deliveries.c.order_number == order_number)
        .with_for_update()
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else Delivery(**row)


def of_case(connection: Connection, case_code: str) -> Sequence[Delivery]:
    query = select(*_COLUMNS).where(deliveries.c.case_code == case_code).order_by(deliveries.c.created_at)
    return [Delivery(**row) for row in connection.execute(query).mappings()]


def sealed_recipient(connection: Connection, delivery_id: str) -> bytes:
    query = select(deliveries.c.recipient_sealed).where(deliveries.c.id == delivery_id)
    return bytes(connection.execute(query).scalar_one())


def move(
    connection: Connection,
    delivery: Delivery,
    event: DeliveryEvent,
    values: Mapping[str, Any] | None = None,
) -> tuple[str, int] | None:
    """Compare-and-set by the table of states: new state and version, None when not possible now."""
    to_state = TABLE[sources(TABLE, event)[0], event]
    row = connection.execute(
        update(deliveries)
        .where(
            deliveries.c.id == delivery.id,
            deliveries.c.state.in_([state.value for state in sources(TABLE, event)]),
        )
        .values(state=to_state.value, version=deliveries.c.version + 1, **(values or {}))
        .returning(deliveries.c.state, deliveries.c.version)
    ).first()
    return None if row is None else (row.state, row.version)


def keep_event(connection: Connection, operator: str, event: ParcelEvent, now: datetime) -> bool:
    """Keep one event of the post; False when it was kept before."""
    done = connection.execute(
        upsert(parcel_events)
        .values(
            operator=operator,
            source_id=event.source_id,
            order_number=event.order_number,
            item_code=event.item_code,
            code=event.code,
            meaning=None if event.meaning is None else event.meaning.value,
            occurred_at=event.occurred_at,
            received_at=now,
            office=event.office,
        )
        .on_conflict_do_nothing()
        .returning(parcel_events.c.source_id)
    )
    return done.first() is not None


def sightings(connection: Connection, operator: str, order_number: str) -> Sequence[Sighting]:
    """What the post saw of an order, of the events whose meaning we know."""
    query = select(parcel_events.c.meaning, parcel_events.c.occurred_at).where(
        parcel_events.c.operator == operator,
        parcel_events.c.order_number == order_number,
        parcel_events.c.meaning.is_not(None),
    )
    return [Sighting(DeliveryState(row.meaning), row.occurred_at) for row in connection.execute(query)]


def codes_without_meaning(connection: Connection, operator: str) -> Sequence[str]:
    """The codes of kept events that no table had when they came."""
    query = (
        select(parcel_events.c.code)
        .where(parcel_events.c.operator == operator, parcel_events.c.meaning.is_(None))
        .distinct()
    )
    return list(connection.execute(query).scalars())


def give_meaning(
    connection: Connection, operator: str, code: str, meaning: DeliveryState
) -> Sequence[ParcelEvent]:
    """The events of that code that had none, with their meaning now, oldest first by the post's clock."""
    events = parcel_events.c
    rows = connection.execute(
        update(parcel_events)
        .where(events.operator == operator, events.code == code, events.meaning.is_(None))
        .values(meaning=meaning.value)
        .returning(events.source_id, events.order_number, events.item_code, events.occurred_at)
    )
    given = [
        ParcelEvent(
            source_id=row.source_id,
            order_number=row.order_number,
            item_code=row.item_code,
            code=code,
            meaning=meaning,
            occurred_at=row.occurred_at,
        )
        for row in rows
    ]
    return sorted(given, key=lambda event: event.occurred_at)
