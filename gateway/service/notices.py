"""Notices of money on an account: whose it is, by the code of ours in the payer's memo.

A notice knows no order. Its money is counted for the try that its memo names, whatever the sum; a memo that names none
of ours, several, or a try at a provider that tells of its money itself, counts for nobody: an alarm says so at once,
and the line of the statement is a break that a person works. A notice of another sender about the same transfer would
count it twice, so an account has one sender (`gateway.partners`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from gateway.domain.codes import order_code_of
from gateway.domain.matching import codes_in, references_in
from gateway.ports import Capability, InboundMessage, Outcome, PaymentProvider, Report
from gateway.service import tries
from gateway.service.context import Context
from gateway.store import finance as finance_store
from gateway.store import payments as store
from gateway.store import reports as report_store
from gateway.store.reports import Told

_TELLS = frozenset({Capability.CALLBACK, Capability.QUERY})


def is_told_by_notice(provider: PaymentProvider) -> bool:
    """Whether money at a provider becomes known by notices and statements alone: it shows a code, and never tells."""
    return Capability.QR in provider.capabilities and provider.capabilities.isdisjoint(_TELLS)


def take(
    context: Context, provider: PaymentProvider, report: Report, message: InboundMessage, now: datetime
) -> str:
    """Count the money of a notice for whom it names, and keep the notice; the verdict is as `record`'s."""
    nobody = replace(report, reference=report.provider_ref or "")
    told = Told(provider.name, provider.name, nobody, message, now)
    with context.engine.begin() as connection:
        if report.outcome is Outcome.PAID:
            attempt = whose(context, connection, report.memo, now, cause=f"notice:{provider.name}")
            if attempt is not None:
                named = replace(
                    report,
                    reference=attempt.reference,
                    provider_ref=f"{provider.name}:{report.provider_ref}",
                )
                told = Told(provider.name, attempt.provider, named, message, now, any_amount=True)
        (verdict,) = report_store.record(store.bare(connection), [told])
    # money out is no order of ours, and nothing is wrong with it
    return "ok" if report.outcome is Outcome.PENDING else verdict


def whose(
    context: Context,
    connection: Connection,
    memo: str,
    now: datetime,
    *,
    cause: str,
    counts: Callable[[PaymentProvider], bool] = is_told_by_notice,
) -> store.Attempt | None:
    """The try that the money under `memo` belongs to, its payment locked; begun where the payer was first.

    None for nobody's, and for a try whose provider `counts` says no to.
    """
    named = payment_named(connection, memo)
    if named is None:
        return None
    payment, reference = named
    known = tries_by(connection, payment, reference)
    if known:
        if any(may_tell(context.providers.get(each.provider), each) for each in known):
            return (
                None  # two providers go by this reference, and one of them will tell whether it is its money
            )
        return next(
            (each for each in known if _counts(context.providers.get(each.provider), each, counts)), None
        )
    name = transfers(context.providers)
    return None if name is None else tries.ensure(context, connection, payment, name, now, cause=cause)


def payment_named(connection: Connection, memo: str) -> tuple[store.Payment, str] | None:
    """The one payment that a memo names, locked, and the reference of its try as it stands there."""
    orders = finance_store.orders(connection, codes_in(memo))
    references = references_in(memo, {code: order.references for code, order in orders.items()})
    if len(references) != 1 or (code := order_code_of(references[0])) not in orders:
        return None
    payment = store.find_by_order_code(connection, str(code), lock=True)
    assert payment is not None
    return payment, references[0]


def tries_by(connection: Connection, payment: store.Payment, reference: str) -> Sequence[store.Attempt]:
    """The tries of a payment that go by a reference: one, or one at each of several providers."""
    return [each for each in store.attempts_of(connection, payment.id) if each.reference == reference]


def may_tell(provider: PaymentProvider | None, attempt: store.Attempt) -> bool:
    """Whether a try is open at a provider that can be asked about it."""
    return provider is not None and Capability.QUERY in provider.capabilities and attempt.state in tries.OPEN


def _counts(
    provider: PaymentProvider | None, attempt: store.Attempt, counts: Callable[[PaymentProvider], bool]
) -> bool:
    """Whether money that names a try is its own.

    Of a desk it is while nobody has taken any there: after that it is the desk's own deposit.
    """
    if provider is None:
        return False
    is_desk = provider.capabilities.isdisjoint(_TELLS | {Capability.QR, Capability.NOTICE})
    return counts(provider) or (is_desk and attempt.state in tries.OPEN)


def transfers(providers: Mapping[str, PaymentProvider]) -> str | None:
    """The provider that transfers without a try of their own are counted at."""
    return next((name for name in sorted(providers) if is_told_by_notice(providers[name])), None)
