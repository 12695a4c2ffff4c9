"""Money taken over the one-stop desk by a named clerk, so that every case can be paid."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from gateway.domain.codes import order_code_of
from gateway.domain.errors import Forbidden, Misconfigured, NotFound
from gateway.domain.payment import DESK
from gateway.ports import Desk, Taking
from gateway.service import tries
from gateway.service.context import Context
from gateway.service.inquiries import PAYABLE, UNCLEAR
from gateway.store import payments as store
from gateway.store import reports as report_store
from gateway.store.reports import Told


def take(context: Context, taking: Taking, now: datetime) -> store.Payment:
    """Record what a clerk took for an order code (`taking.reference`); the same paper again changes nothing.

    The desk takes what is owed and nothing else. Raises `Misconfigured` (there is no desk), `Malformed`, `NotFound`,
    `Forbidden` (nothing is owed, another sum is, an earlier try is unclear, or the paper stands for other money).
    """
    desk = context.providers.get(DESK)
    if desk is None:
        raise Misconfigured("no desk is configured: GATEWAY_PROVIDERS has no counter")
    report = cast("Desk", desk).taken(taking, now)
    with context.engine.begin() as connection:
        payment = store.find_by_order_code(connection, order_code_of(taking.reference) or "", lock=True)
        if payment is None:
            raise NotFound("no payment has this code")
        tried = store.attempts_of(connection, payment.id)
        paper = [each for each in tried if (each.provider, each.provider_ref) == (DESK, report.provider_ref)]
        if not paper:
            _check(payment, tried, taking.amount_vnd)
        attempt = (
            paper[0] if paper else tries.ensure(context, connection, payment, DESK, now, cause=report.code)
        )
        store.ask_for(connection, attempt.id, taking.amount_vnd if not paper else attempt.asked_vnd or 0)
        named = replace(report, reference=attempt.reference)
        told = Told(f"desk:{taking.clerk}", DESK, named, None, now)
        (verdict,) = report_store.record(store.bare(connection), [told])
        if verdict not in {"ok", "duplicate"}:
            raise Forbidden("this paper stands for other money already")
        changed = store.find(connection, payment.id)
    assert changed is not None
    return changed


def _check(payment: store.Payment, tried: Sequence[store.Attempt], amount_vnd: int) -> None:
    left_vnd = tries.left_vnd(payment)
    if payment.state not in PAYABLE or left_vnd == 0:
        raise Forbidden("nothing is to be taken for this payment: it is paid, or over")
    if amount_vnd != left_vnd:
        raise Forbidden(f"{left_vnd} VND is owed, not {amount_vnd}")
    if any(each.state in UNCLEAR for each in tried):
        raise Forbidden("an earlier try is not clear yet; please wait a moment")
