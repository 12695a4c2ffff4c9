"""Deliveries by post: ordered once the result is ready; what becomes of them the post's feed tells (`parcel_feed`).

Before an order is sent the delivery says `unknown`: if we die in between, nobody mistakes it for "not sent".
Sending again is allowed only at an operator that answers a repeated order number with "known" (its capability).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from gateway.domain.case import CaseState
from gateway.domain.delivery import DeliveryEvent, DeliveryState, Method
from gateway.domain.errors import (
    Forbidden,
    Malformed,
    NotFound,
    OutcomeUnknown,
    ReferenceConflict,
    Refused,
    Unreachable,
    Unsupported,
)
from gateway.ports import (
    OrderAnswer,
    OrderVerdict,
    ParcelOrder,
    Party,
    PostalCapability,
    PostalOperator,
)
from gateway.service import sealed
from gateway.service.cases import Caller
from gateway.service.context import Context
from gateway.service.idempotency import fingerprint, same_or_conflict
from gateway.store import alarms, jobs, spine
from gateway.store import cases as case_store
from gateway.store import deliveries as store
from postal.address import Address, Era, vnpost_province

TYPES: Mapping[DeliveryEvent, str] = {
    DeliveryEvent.ORDER: "delivery.ordered",
    DeliveryEvent.ORDER_UNCLEAR: "delivery.ordering",
    DeliveryEvent.NOT_SENT: "delivery.not_sent",
    DeliveryEvent.ACCEPT: "delivery.moved",
    DeliveryEvent.COLLECT: "delivery.moved",
    DeliveryEvent.MOVE: "delivery.moved",
    DeliveryEvent.ARRIVE: "delivery.moved",
    DeliveryEvent.GO_OUT: "delivery.moved",
    DeliveryEvent.HAND_OVER: "delivery.handed_over",
    DeliveryEvent.FAIL_ATTEMPT: "delivery.failed",
    DeliveryEvent.HOLD: "delivery.failed",
    DeliveryEvent.REDIRECT: "delivery.moved",
    DeliveryEvent.AWAIT_RETURN: "delivery.returned",
    DeliveryEvent.START_RETURN: "delivery.returned",
    DeliveryEvent.RETURN: "delivery.returned",
    DeliveryEvent.ASK_CANCEL: "delivery.cancelling",
    DeliveryEvent.CANCEL: "delivery.cancelled",
    DeliveryEvent.REFUSE: "delivery.failed",
    DeliveryEvent.LOSE: "delivery.failed",
    DeliveryEvent.CORRECT_TO_RETURNED: "delivery.returned",
}
assert set(TYPES) == set(DeliveryEvent), "every delivery event has a name on the spine"

OPEN_CASE = frozenset(
    {
        CaseState.REGISTERED,
        CaseState.ACCEPTED,
        CaseState.PROCESSING,
        CaseState.SUPPLEMENT_REQUIRED,
        CaseState.FEE_DUE,
        CaseState.RESULT_READY,
    }
)


def order(
    context: Context, caller: Caller, wanted: Mapping[str, Any], now: datetime
) -> tuple[store.Delivery, bool]:
    """Register a delivery by post; it is sent when the result is ready. Returns it, and whether it is new.

    Raises `NotFound`, `Unsupported` (method), `Malformed` or `Incomplete` (address), `Forbidden`,
    `ReferenceConflict`.
    """
    if wanted["method"] != Method.POST:
        raise Unsupported("results are delivered by post; other ways are not offered yet")
    operator = _operator(context, wanted.get("operator"))
    print_ = fingerprint(wanted)
    receiver = _receiver(wanted)
    with context.engine.begin() as connection:
        case = case_store.find(connection, wanted["case_code"], caller.portal_id, lock=True)
        # looked for under the case's lock, so that of two equal orders the second one finds the first
        known = store.find_by_reference(connection, caller.portal_id, wanted["reference"])
        if known is not None:
            same_or_conflict(known.fingerprint, print_)
            return known, False
        if case is None:
            raise NotFound("no case has this code")
        if case.state not in OPEN_CASE:
            raise Forbidden(f"nothing can be delivered for a case in state {case.state}")
        made = store.add(
            connection,
            {
                "portal_id": caller.portal_id,
                "reference": wanted["reference"],
                "fingerprint": print_,
                "case_code": case.case_code,
                "method": Method.POST.value,
                "operator": operator.name,
                "order_number": _order_number(connection, case.case_code),
                "state": DeliveryState.DRAFT.value,
                "recipient_sealed": sealed.seal(context.sealer, receiver, sealed.RECIPIENT),
                "cod_vnd": wanted.get("cod_vnd") or 0,
                "created_at": now,
            },
        )
        if made is None:
            raise ReferenceConflict("this reference was given at the same moment for another case")
        if case.state == CaseState.RESULT_READY:
            _put_order(connection, made.id, round_=0, at=None)
    return made, True


def _operator(context: Context, name: str | None) -> PostalOperator:
    wanted = name or next(iter(context.operators), "")
    try:
        return context.operators[wanted]
    except KeyError:
        raise NotFound("no postal operator has this name") from None


def _order_number(connection: Connection, case_code: str) -> str:
    """The case code for the first order, with a count after it for the next (`specs/postal.md` 0.3)."""
    earlier = len(store.of_case(connection, case_code))
    return case_code if earlier == 0 else f"{case_code}-{earlier + 1}"


def _receiver(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The receiver as the post wants it. Raises `Malformed` or `Incomplete` where the address does not tell."""
    address, recipient = wanted["address"], wanted["recipient"]
    place = Address(
        text=address["text"],
        province=address["province_code"],
        era=Era(address["era"]),
        ward_code=address.get("ward_code"),
        old_province=address.get("old_province"),
    )
    return {
        "name": recipient["name"],
        "phone": recipient["phone"],
        "address": address["text"],
        "province_code": vnpost_province(place),
    }


def find(context: Context, caller: Caller, delivery_id: str) -> store.Delivery:
    """The caller's delivery. Raises `NotFound`."""
    with context.engine.connect() as connection:
        found = store.find(connection, delivery_id, caller.portal_id)
    if found is None:
        raise NotFound("no delivery has this id")
    return found


def result_ready(connection: Connection, case_code: str) -> None:
    """The result is there: send each delivery that waited for it."""
    for each in store.of_case(connection, case_code):
        if each.state == DeliveryState.DRAFT:
            _put_order(connection, each.id, round_=0, at=None)


def _put_order(connection: Connection, delivery_id: str, *, round_: int, at: datetime | None) -> None:
    args = {"delivery_id": delivery_id, "round": round_}
    jobs.put(connection, "order_parcel", subject=delivery_id, args=args, at=at)


def send_order(context: Context, delivery_id: str, round_: int, now: datetime) -> None:
    """Give the order to the post, or find out that it has it; unclear orders come back by schedule."""
    taken = _intend(context, delivery_id, now)
    if taken is None:
        return
    delivery = taken.delivery
    operator = context.operators[delivery.operator or ""]
    try:
        answer = operator.order(taken.parcel)
    except OutcomeUnknown as error:
        answer = OrderAnswer(OrderVerdict.UNKNOWN, type(error).__name__, "")
    except (Unreachable, Refused, Malformed) as error:
        # the order was not looked at now; it goes out later, and is "not sent" if it was not sent before either
        with context.engine.begin() as connection:
            if taken.first:
                move(connection, delivery, DeliveryEvent.NOT_SENT, now, cause="job:order_parcel")
            _later(context, connection, delivery_id, round_, type(error).__name__, now)
        return
    with context.engine.begin() as connection:
        _apply(context, connection, delivery_id, answer, round_, now)


@dataclass(frozen=True, slots=True)
class _Intention:
    """An order that is about to be sent; `first`: it cannot have been sent before."""

    delivery: store.Delivery
    parcel: ParcelOrder
    first: bool


def _intend(context: Context, delivery_id: str, now: datetime) -> _Intention | None:
    with context.engine.begin() as connection:
        delivery = store.find(connection, delivery_id, lock=True)
        assert delivery is not None
        case = case_store.find(connection, delivery.case_code)
        assert case is not None
        if case.forgotten_at is not None:  # it waited for a result that never came, and names nobody now
            return None
        operator = context.operators[delivery.operator or ""]
        first = delivery.state == DeliveryState.DRAFT
        if delivery.state == DeliveryState.UNKNOWN:
            if PostalCapability.IDEMPOTENT_ORDER not in operator.capabilities:
                alarms.raise_alarm(connection, "order_unclear", delivery_id, f"operator {operator.name}")
                return None
        elif first:
            move(connection, delivery, DeliveryEvent.ORDER_UNCLEAR, now, cause="job:order_parcel")
        else:
            return None
        delivery = store.find(connection, delivery_id)
        assert delivery is not None
        to = sealed.unseal(context.sealer, store.sealed_recipient(connection, delivery_id), sealed.RECIPIENT)
        sender = context.agency(case.agency_code).sender
        if sender is None:
            raise Malformed("the agency has no sender address for the post")
        parcel = ParcelOrder(delivery.order_number, sender, Party(**to), cod_vnd=delivery.cod_vnd)
        return _Intention(delivery, parcel, first)


def _apply(
    context: Context,
    connection: Connection,
    delivery_id: str,
    answer: OrderAnswer,
    round_: int,
    now: datetime,
) -> None:
    delivery = store.find(connection, delivery_id, lock=True)
    assert delivery is not None
    if answer.verdict in {OrderVerdict.ACCEPTED, OrderVerdict.ALREADY_KNOWN}:
        values = {"item_code": answer.item_code} if answer.item_code else {}
        # the feed may have told more than this meanwhile
        if move(connection, delivery, DeliveryEvent.ORDER, now, cause="job:order_parcel", values=values):
            case_store.set_side_state(connection, delivery.case_code, "delivery_state", "ordered")
    elif answer.verdict is OrderVerdict.REFUSED:
        move(connection, delivery, DeliveryEvent.REFUSE, now, cause="job:order_parcel")
        alarms.raise_alarm(connection, "parcel_refused", delivery_id, f"code {answer.code}")
    else:
        _later(context, connection, delivery_id, round_, answer.code, now)


def _later(
    context: Context, connection: Connection, delivery_id: str, round_: int, code: str, now: datetime
) -> None:
    if round_ < len(context.schedules.order_s):
        later = now + timedelta(seconds=context.schedules.order_s[round_])
        _put_order(connection, delivery_id, round_=round_ + 1, at=later)
    else:
        alarms.raise_alarm(connection, "order_unclear", delivery_id, f"code {code}")


def move(
    connection: Connection,
    delivery: store.Delivery,
    event: DeliveryEvent,
    at: datetime,
    *,
    cause: str,
    values: Mapping[str, Any] | None = None,
    actor: str | None = None,
) -> bool:
    """Compare-and-set with its event on the spine; False when not possible now."""
    moved = store.move(connection, delivery, event, values)
    if moved is None:
        return False
    to_state, version = moved
    spine.append(
        connection,
        spine.Change(
            subject_kind="delivery",
            subject_id=delivery.id,
            type=TYPES[event],
            version=version,
            actor=actor or f"operator:{delivery.operator}",
            cause=cause,
            occurred_at=at,
            portal_id=delivery.portal_id,
            case_code=delivery.case_code,
            from_state=delivery.state,
            to_state=to_state,
            data={"detail_state": to_state},
        ),
    )
    return True
