"""The books against the truth: every đồng that moved is known, or is known to be unknown, and nothing counts twice."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from gateway.domain import ledger
from gateway.domain.matching import Reason
from gateway.domain.payment import PaymentState
from gateway.domain.refund import RefundState
from gateway.simulation.truth import Truth
from gateway.store import audit as store
from gateway.wiring import House

OURS = frozenset({"job_given_up"})
"""Alarms about ourselves: none of them may be raised, whatever others do."""
NOT_KNOWN = frozenset({RefundState.SENT, RefundState.UNKNOWN})


@dataclass(slots=True)
class Finding:
    """What an audit found. Sums in VND; `troubles` says in words what does not hold."""

    payments: int = 0
    paid: int = 0
    refunded: int = 0
    unknown: int = 0
    unexplained_vnd: int = 0
    duplicates: int = 0
    breaks: int = 0
    states: Counter[str] = field(default_factory=Counter)
    alarms: Mapping[str, int] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)

    def trouble(self, words: str, vnd: int = 0) -> None:
        self.troubles.append(words)
        self.unexplained_vnd += abs(vnd)


def look(house: House, truth: Truth, accounts: Sequence[str], until: date) -> Finding:
    """Hold everything that the gateway knows against what happened at the bank; `until` is the last statement's day."""
    found = Finding()
    with house.engine.connect() as connection:
        payments, refunds = store.payments(connection), store.refunds(connection)
        books, odd = store.ledger(connection), store.breaks(connection)
        again, apart = store.repeated_effects(connection), store.booked_again(connection)
        found.alarms = store.alarms(connection)
    _count(found, payments, refunds, odd)
    _money_in(found, truth, payments, odd)
    _money_out(found, truth, refunds)
    _owed(found, payments)
    _books(found, truth.balance_vnd(until), books, accounts)
    found.duplicates += len(again)
    for subject in again:
        found.trouble(f"{subject} happened twice, or was undone")
    if apart:
        found.trouble(f"{apart} payments say another sum than the ledger")
    for name in OURS & found.alarms.keys():
        found.trouble(f"alarm {name}")
    return found


def _count(
    found: Finding, payments: Sequence[store.Held], refunds: Sequence[store.Back], odd: Sequence[store.Odd]
) -> None:
    found.payments = len(payments)
    found.states = Counter(each.state for each in payments)
    found.paid = found.states[PaymentState.PAID]
    found.refunded = sum(each.state == RefundState.SUCCEEDED for each in refunds)
    found.breaks = len(odd)


def _money_in(found: Finding, truth: Truth, payments: Sequence[store.Held], odd: Sequence[store.Odd]) -> None:
    """Of each order: what came, and what is known; a difference is a break, or is still being asked about."""
    named, nameless_vnd = truth.received()
    not_awaited = truth.lines_of([each.line_id for each in odd if each.reason == Reason.NOT_AWAITED])
    by_reason: Counter[str] = Counter()
    for each in odd:
        if each.amount_vnd > 0:
            by_reason[each.reason] += each.amount_vnd
    for payment in payments:
        missing_vnd = named.get(payment.order_code, 0) - payment.paid_vnd
        if missing_vnd == 0:
            continue
        words = f"{payment.order_code}: {missing_vnd} VND came and is not known, state {payment.state}"
        if missing_vnd < 0:
            if (
                by_reason[Reason.AMOUNT_DIFFERS] > 0
            ):  # told wrongly by its provider, and seen by the statement
                by_reason[Reason.AMOUNT_DIFFERS] -= named.get(payment.order_code, 0)
                continue
            found.duplicates += 1
            found.trouble(words, missing_vnd)
        elif payment.asked_later or payment.told:
            found.unknown += 1
        elif missing_vnd == sum(not_awaited.get(payment.order_code, ())):
            continue  # a person has it before him, as breaks
        else:
            found.trouble(words, missing_vnd)
    if by_reason[Reason.NO_REFERENCE] != nameless_vnd:
        differ_vnd = by_reason[Reason.NO_REFERENCE] - nameless_vnd
        found.trouble("breaks without a code are not what came without one", differ_vnd)


def _owed(found: Finding, payments: Sequence[store.Held]) -> None:
    """Nobody is promised more than came for him, and what is missing is what is missing."""
    for payment in payments:
        here_vnd = payment.paid_vnd - payment.refunded_vnd
        if payment.to_leave_vnd > here_vnd:
            found.trouble(
                f"{payment.order_code}: {payment.to_leave_vnd} VND are to leave, {here_vnd} are here"
            )
        if payment.shortfall_vnd and payment.shortfall_vnd != payment.amount_vnd - here_vnd:
            found.trouble(f"{payment.order_code}: {payment.shortfall_vnd} VND are not what is missing")


def _money_out(found: Finding, truth: Truth, refunds: Sequence[store.Back]) -> None:
    known: Counter[str] = Counter()
    open_vnd: Counter[str] = Counter()
    for each in refunds:
        if each.state == RefundState.SUCCEEDED:
            known[each.order_code] += each.amount_vnd
        elif each.state in NOT_KNOWN:
            open_vnd[each.order_code] += each.amount_vnd
            found.unknown += 1
    out = truth.out_by_order({each.wire_reference: each.order_code for each in refunds})
    for code in sorted(out.keys() | known.keys()):
        more_vnd = out.get(code, 0) - known[code]
        if more_vnd != 0 and more_vnd != open_vnd[code]:
            found.duplicates += more_vnd > open_vnd[code]
            found.trouble(f"{code}: {more_vnd} VND more went out than is known", more_vnd)


def _books(found: Finding, balance_vnd: int, books: Mapping[str, int], accounts: Sequence[str]) -> None:
    if sum(books.values()) != 0:
        found.trouble("the ledger does not balance", sum(books.values()))
    at_bank = sum(books.get(ledger.bank_account(each), 0) for each in accounts)
    if at_bank != balance_vnd:
        found.trouble("the ledger has another sum at the bank than the bank", at_bank - balance_vnd)
