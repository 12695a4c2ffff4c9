"""Fees of a case that the agency sets anew, and the open payments that change with them.

A payment that was ordered for the case's own fee lines follows them while nothing of it has come; one with lines of its
own, or that is partly paid, stays as it is. A page at a provider may still show the sum from before: money of that sum
is counted, and what is missing or too much is an obligation (`record_report`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from gateway.domain import case as rules
from gateway.domain.case import CaseState
from gateway.domain.errors import Forbidden
from gateway.domain.machine import terminal
from gateway.domain.payment import PaymentEvent
from gateway.service import access, cases, payments
from gateway.service.cases import Caller
from gateway.service.context import Context
from gateway.service.idempotency import fingerprint, same_or_conflict
from gateway.service.inquiries import PAYABLE
from gateway.store import cases as store
from gateway.store import payments as payment_store
from gateway.store import spine


def change(
    context: Context, caller: Caller, case_code: str, wanted: Mapping[str, Any], now: datetime
) -> store.Case:
    """Set the fee lines of a case. Raises `NotFound`, `Forbidden` (it has ended), `ReferenceConflict`."""
    with context.engine.begin() as connection:
        case = access.seen(connection, caller, case_code, lock=True)
        print_ = fingerprint({**wanted, "event": "fees"})
        before = store.remember_transition(connection, case_code, wanted["reference"], print_)
        if before is not None:
            same_or_conflict(before, print_)
            return case
        access.check_decides(connection, caller, case)
        if CaseState(case.state) in terminal(rules.TABLE):
            raise Forbidden("the case has ended: its fees stay as they are")
        lines = _with_basis(case, wanted["lines"])
        store.change(connection, case_code, [case.state], {"fees": lines})
        data = {"reason": wanted["reason"], "owed_vnd": sum(each["amount_vnd"] for each in lines)}
        cases.append(connection, case, caller, "case.fees_changed", now, to_state=case.state, data=data)
        _follow(connection, case_code, lines, caller, now)
        changed = store.find(connection, case_code)
    assert changed is not None
    return changed


def _with_basis(case: store.Case, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines with the legal basis that the line of the same code had."""
    basis = {each["code"]: each.get("legal_basis") for each in case.fees}
    return [{**line, "legal_basis": basis.get(line["code"])} for line in lines]


def _follow(
    connection: Connection, case_code: str, lines: list[dict[str, Any]], caller: Caller, now: datetime
) -> None:
    amount_vnd = sum(each["amount_vnd"] for each in lines)
    for payment in payment_store.of_case(connection, case_code):
        follows = payment.follows_case and payment.state in PAYABLE and payment.paid_vnd == 0
        if not follows:
            continue
        if amount_vnd == 0:
            actor = f"portal:{caller.portal_id}"
            payments.move(connection, payment, PaymentEvent.CANCEL, now, actor=actor, cause=caller.cause)
            continue
        version = payment_store.reprice(connection, payment.id, amount_vnd, lines)
        spine.append(
            connection,
            spine.Change(
                subject_kind="payment",
                subject_id=payment.id,
                type="payment.repriced",
                version=version,
                actor=f"portal:{caller.portal_id}",
                cause=caller.cause,
                occurred_at=now,
                portal_id=payment.portal_id,
                case_code=case_code,
                from_state=payment.state,
                to_state=payment.state,
                data={"from_vnd": payment.amount_vnd, "amount_vnd": amount_vnd},
            ),
        )
