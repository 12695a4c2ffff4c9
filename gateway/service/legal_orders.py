"""What a legal receipt is made of, and what it says: the receipt of ours, its payer, and what is kept of each fee."""

from dataclasses import dataclass, replace
from datetime import datetime

from gateway.domain.errors import Misconfigured, NotFound
from gateway.domain.legal_receipt import LegalState, Other
from gateway.domain.payment import DESK
from gateway.domain.receipt import STATE_FEES, kept_lines
from gateway.ports import (
    Agency,
    FeeLine,
    IssuedReceipt,
    LegalSeries,
    Payer,
    PayForm,
    ReceiptCapability,
    ReceiptOrder,
    ReceiptProvider,
    ReceiptSeries,
)
from gateway.service import receipts, sealed
from gateway.service.cases import VIETNAM
from gateway.service.context import Context
from gateway.store import legal_receipts as store
from gateway.store import payments as payment_store
from gateway.store import receipts as receipt_store

OVER = frozenset({"cancelled", "replaced"})


@dataclass(frozen=True, slots=True)
class Held:
    """A legal receipt with what it is made of."""

    legal: store.LegalReceipt
    receipt: receipt_store.Receipt
    payment: payment_store.Payment
    payer: Payer
    agency: Agency
    provider: ReceiptProvider

    @property
    def series(self) -> ReceiptSeries:
        return ReceiptSeries(self.agency.tax_code, self.legal.form, self.legal.sign)

    @property
    def is_over(self) -> bool:
        """Whether the receipt of ours does not hold any more."""
        return self.receipt.state in OVER

    @property
    def can_replace(self) -> bool:
        return ReceiptCapability.REPLACE in self.provider.capabilities


def held(context: Context, legal_id: str) -> Held:
    """Raises `NotFound`, and `Misconfigured` when its provider is not configured any more."""
    with context.engine.connect() as connection:
        legal = store.find(connection, legal_id)
        if legal is None:
            raise NotFound("no legal receipt has this id")
        receipt = receipt_store.find(connection, legal.receipt_id)
        assert receipt is not None
        payment = payment_store.find(connection, receipt.payment_id)
        assert payment is not None
        payer = sealed.payer(context.sealer, payment_store.sealed_payer(connection, payment.id))
    provider = context.receipt_providers.get(legal.provider)
    if provider is None:
        raise Misconfigured(f"no receipt provider {legal.provider} is configured")
    return Held(legal, receipt, payment, payer, context.agency(payment.agency_code), provider)


def sign_at(sign: str, at: datetime) -> str:
    """The sign of the same letters in the year of `at` in Việt Nam: a number belongs to the year of its day."""
    return LegalSeries("", "", sign.rpartition("-")[0]).sign_in(at.astimezone(VIETNAM).year)


def order_of(context: Context, held: Held, at: datetime) -> ReceiptOrder | None:
    """The receipt as it is asked for at `at`, which is its day; None where nobody can tell what is kept of which fee.

    A provider takes no day before that of the receipt issued last, so what was delayed bears the day on which it is
    asked for. Raises `Malformed`.
    """
    facts = receipts.facts_of(context, held.receipt)
    kept = kept_lines([line.amount_vnd for line in facts.lines], facts.refunded_vnd)
    if kept is None:
        return None
    codes = [line["code"] for line in held.payment.lines]
    fees = [
        FeeLine(kind=line.kind, code=code, name=line.name, amount_vnd=kept_vnd)
        for line, code, kept_vnd in zip(facts.lines, codes, kept, strict=True)
        if line.kind in STATE_FEES
    ]
    return ReceiptOrder(
        key=held.legal.key,
        series=replace(held.series, sign=sign_at(held.legal.sign, at)),
        lines=tuple(fees),
        payer=held.payer,
        collector_name=facts.collector_name,
        case_code=facts.case_code,
        form=PayForm.CASH if facts.provider_name == DESK else PayForm.ONLINE,
        issued_at=at,
    )


def issued_of(held: Held) -> IssuedReceipt:
    """The receipt that the provider issued, as it is named to it."""
    assert held.legal.number is not None
    return IssuedReceipt(
        key=held.legal.key,
        series=held.series,
        number=held.legal.number,
        provider_ref=held.legal.provider_ref or "",
        lookup_code=held.legal.lookup_code or "",
        issued_at=held.legal.issued_at,
    )


def other_of(legal: store.LegalReceipt, amount_vnd: int) -> Other:
    """Another legal receipt of a payment, for one of `amount_vnd` that is to come beside it."""
    return Other(LegalState(legal.state), legal.code or "", has_same_sum=legal.amount_vnd == amount_vnd)
