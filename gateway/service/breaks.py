"""Breaks that a person works: money on the account that names nobody is given to the order that it is for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Connection

from gateway.domain import ledger
from gateway.domain.codes import order_code_of
from gateway.domain.errors import Forbidden, NotFound, Unsupported
from gateway.domain.matching import Decision, Reason, references_in
from gateway.service import accesses, found_money, lines, notices, tries
from gateway.service.accesses import Viewing
from gateway.service.context import Context
from gateway.store import finance as store
from gateway.store import obligations, spine
from gateway.store import payments as payment_store


@dataclass(frozen=True, slots=True)
class Break:
    """A line that nothing explains: signed VND, and what the bank says of it."""

    line_id: int
    value_on: date
    amount_vnd: int
    bank_ref: str
    text: str


def listed(context: Context, account: str, viewing: Viewing) -> Sequence[Break]:
    """The lines of an account that nothing explains, oldest first. They may name payers: who looks is told of."""
    with context.engine.begin() as connection:
        accesses.note_account(connection, account, viewing)
        found = [line for line, _ in store.open_lines(connection, account).values()]
    return [
        Break(each.id, each.value_on, each.amount_vnd, each.bank_ref, lines.shown(context, each))
        for each in found
    ]


def assign(
    context: Context, line_id: int, order_code: str, *, account: str, by: str, now: datetime
) -> payment_store.Payment:
    """Money of a break is for this order: counted there, whatever the sum, and matched with its line.

    Where the line names a try of the order it is that try's money, so that its provider's own word, when it comes after
    all, is the same money and no other.

    Raises `NotFound` (line or order), `Forbidden` (money that went out, another account's order), `Unsupported`.
    """
    with context.engine.begin() as connection:
        store.lock_books(connection, account)
        known = store.open_lines(connection, account).get(line_id)
        payment = payment_store.find_by_order_code(connection, order_code_of(order_code) or "", lock=True)
        if known is None or payment is None:
            raise NotFound("no open line of this account, or no payment, goes by this")
        line, was_break = known
        if line.amount_vnd <= 0 or context.agency(payment.agency_code).account != account:
            raise Forbidden("money that went out, or an order that is paid elsewhere, is not explained so")
        attempt = _try_of(context, connection, payment, line, now)
        if not found_money.record(connection, line, attempt, by, now):
            raise Forbidden("this money was counted before")
        money = lines.known(connection, account, [payment.agency_code])
        event_id = max(each for each, taken in money.taken.items() if taken.attempt_id == attempt.id)
        decision = Decision(line.id, event_id, attempt.id, Reason.BY_HAND)
        lines.keep(connection, line, decision, money, now, was_break=was_break)
        changed = payment_store.find(connection, payment.id)
    assert changed is not None
    return changed


def _try_of(
    context: Context,
    connection: Connection,
    payment: payment_store.Payment,
    line: store.Line,
    now: datetime,
) -> payment_store.Attempt:
    """The try that a line names; of several that share the name the one whose provider can still tell of it."""
    known = payment_store.attempts_of(connection, payment.id)
    text = lines.text_of(context, line)
    named = references_in(text, {payment.order_code: frozenset(each.reference for each in known)})
    mine = [each for each in known if each.reference in named]
    mine.sort(
        key=lambda each: (not notices.may_tell(context.providers.get(each.provider), each), each.number)
    )
    if mine:
        return mine[0]
    provider = notices.transfers(context.providers)
    if provider is None:
        raise Unsupported("no provider of transfers is configured: GATEWAY_PROVIDERS has no vietqr")
    return tries.ensure(context, connection, payment, provider, now, cause=f"break:{line.id}")


def pass_on(
    context: Context, line_id: int, obligation_id: str, *, account: str, by: str, now: datetime
) -> int:
    """Money that left the account went where lines of a payment belong; the sum in VND.

    Raises `NotFound` (line or obligation), `Forbidden` (another sum).
    """
    with context.engine.begin() as connection:
        store.lock_books(connection, account)
        known = store.open_lines(connection, account).get(line_id)
        owed = obligations.passed_on(connection, obligation_id, now)
        if known is None or owed is None:
            raise NotFound("no open line of this account, or nothing to be passed on, goes by this")
        line, was_break = known
        payment_id, amount_vnd = owed
        payment = payment_store.find(connection, payment_id)
        assert payment is not None
        if line.amount_vnd != -amount_vnd or context.agency(payment.agency_code).account != account:
            raise Forbidden(f"{amount_vnd} VND of this account are to be passed on, not {-line.amount_vnd}")
        event_id = spine.append(
            connection,
            spine.Change(
                subject_kind="obligation",
                subject_id=obligation_id,
                type="obligation.passed_on",
                version=1,
                actor=by,
                cause=f"statement:{line.statement_id}",
                occurred_at=now,
                portal_id=payment.portal_id,
                case_code=payment.case_code,
                data={"payment_id": payment_id, "amount_vnd": amount_vnd},
            ),
        )
        collected = ledger.collected_account(payment.agency_code)
        store.post(
            connection,
            event_id,
            line.value_on,
            ledger.move(collected, ledger.bank_account(account), amount_vnd),
        )
        lines.keep_debit(connection, line, event_id, Reason.BY_HAND, now, was_break=was_break)
    return amount_vnd
