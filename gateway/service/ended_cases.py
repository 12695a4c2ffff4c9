"""What the end of a case without a result means for its money and its deliveries.

Nothing more is asked for or sent. What was paid is owed back where a rule of the procedure says so; money that comes
after the end is owed back always (`behind`), since it came for nothing.
"""

from datetime import timedelta

from sqlalchemy import Connection

from gateway.domain.case import ENDED_WITHOUT_RESULT
from gateway.domain.delivery import DeliveryEvent, DeliveryState
from gateway.service import cases, deliveries, payments
from gateway.service.context import Context
from gateway.store import cases as case_store
from gateway.store import deliveries as delivery_store
from gateway.store import obligations, spine

OWED_BACK_WITHIN = timedelta(days=5)
TYPES = frozenset(f"case.{state.value}" for state in ENDED_WITHOUT_RESULT)


def follow(context: Context, connection: Connection, event: spine.Event) -> None:
    """Act on the event that ended a case. The caller's transaction; each part of it is done once."""
    assert event.case_code is not None
    case = case_store.find(connection, event.case_code, lock=True)
    assert case is not None
    cause = f"event:{event.id}"
    payments.cancel_open(connection, case.case_code, cause, event.recorded_at)
    for each in delivery_store.of_case(connection, case.case_code):
        if each.state == DeliveryState.DRAFT:
            deliveries.move(
                connection, each, DeliveryEvent.CANCEL, event.recorded_at, cause=cause, actor="gateway"
            )
    if cases.procedure_of(context, case).refund_when_refused:
        _owe_back(connection, event)


def _owe_back(connection: Connection, event: spine.Event) -> None:
    due_at = event.recorded_at + OWED_BACK_WITHIN
    for owed in obligations.owe_back_kept(connection, str(event.case_code), event.position, due_at):
        spine.append(
            connection,
            spine.Change(
                subject_kind="payment",
                subject_id=owed.payment_id,
                type="refund.owed",
                version=owed.payment_version,
                actor="gateway",
                cause=f"event:{event.id}",
                occurred_at=event.recorded_at,
                portal_id=event.portal_id,
                case_code=event.case_code,
                data={
                    "payment_id": owed.payment_id,
                    "amount_vnd": owed.amount_vnd,
                    "due_at": due_at.isoformat(timespec="seconds"),
                },
            ),
        )
