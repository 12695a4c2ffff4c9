"""Finance staff of a simulated world: refunds agreed to and paid by hand, statements, breaks, the day's close."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from random import Random

from gateway.domain.errors import Forbidden
from gateway.domain.refund import RefundState
from gateway.ports import Capability
from gateway.service import finance, refund_sending, refunds
from gateway.service.cases import VIETNAM, Caller
from gateway.simulation.clock import Agenda, Clock, seconds
from gateway.simulation.truth import Truth
from gateway.simulation.wire import Wire
from gateway.store import refunds as store
from gateway.wiring import House

ASKS = 0.15
"""So many of the paid payments are asked to be given back, whole or in part."""
DECLINES = 0.1
PATIENCE = timedelta(hours=30)
"""After so long a clerk looks at the statement for a refund that nobody tells of."""
OPEN = tuple(
    state.value
    for state in (RefundState.REQUESTED, RefundState.APPROVED, RefundState.SENT, RefundState.UNKNOWN)
)
MOST = 500


@dataclass(slots=True)
class Office:
    house: House
    caller: Caller
    wire: Wire
    agenda: Agenda
    clock: Clock
    chance: Random
    urls: dict[str, str]
    accounts: tuple[str, ...]
    truth: Truth
    asked: set[str] = field(default_factory=set)
    by_hand: set[str] = field(default_factory=set)
    closed: date = date.min
    """The last day that was closed."""
    green: int = 0
    red: int = 0

    def ask_back(self, paid: list[str]) -> None:
        """A portal asks for some of the money back; each payment is thought about once."""
        for payment_id in paid:
            if payment_id in self.asked:
                continue
            self.asked.add(payment_id)
            if self.chance.random() < ASKS:
                self.agenda.put(
                    self.clock() + seconds(self.chance, 600, 40_000), partial(self._ask, payment_id)
                )

    def _ask(self, payment_id: str) -> None:
        with self.house.engine.connect() as connection:
            left_vnd = store.refundable_vnd(connection, [payment_id]).get(payment_id, 0)
        if left_vnd == 0:
            return
        amount_vnd = left_vnd if self.chance.random() < 0.5 else max(left_vnd // 3, 1)  # noqa: PLR2004 - half of them
        wanted = {
            "reference": f"rf-{payment_id[-12:]}",
            "amount_vnd": amount_vnd,
            "refundable_vnd": left_vnd,
            "reason": "hoàn phí",
        }
        try:
            refunds.request(self.house.context, self.caller, payment_id, wanted, self.clock())
        except Forbidden:
            return  # no single try brought so much

    def look_at_refunds(self) -> None:
        """The second person's word; what no provider can do is done by hand; what is not told is looked up."""
        with self.house.engine.connect() as connection:
            found = store.in_states(connection, OPEN, MOST)
        for refund in found:
            if refund.state == RefundState.REQUESTED:
                decide = refunds.decline if self.chance.random() < DECLINES else refunds.approve
                decide(self.house.context, refund.id, "staff:truong", self.clock())
            elif refund.state == RefundState.APPROVED and not self._has_a_way(refund):
                self._pay_out(refund)
            elif refund.sent_at is not None and self.clock() - refund.sent_at > PATIENCE:
                self._look_up(refund)

    def _has_a_way(self, refund: store.Refund) -> bool:
        return Capability.REFUND in self.house.context.providers[refund.provider].capabilities

    def _pay_out(self, refund: store.Refund) -> None:
        if refund.id in self.by_hand:
            return
        self.by_hand.add(refund.id)
        memo = f"HOAN PHI {refund.wire_reference}"
        debit = {"account": self.accounts[0], "amount_vnd": refund.amount_vnd, "memo": memo}
        self.wire.tell(f"{self.urls['bank']}/_control", {"debit": debit})
        self._settle(refund, refund.wire_reference)

    def _look_up(self, refund: store.Refund) -> None:
        """The bank shows whether it went out; what did not stays for a person to ask the provider about."""
        number = self.truth.number_of_refund(refund)
        if number is not None:
            self._settle(refund, number)

    def _settle(self, refund: store.Refund, bank_ref: str) -> None:
        refund_sending.settle_by_hand(
            self.house.context,
            refund.id,
            by="staff:thuquy",
            bank_ref=bank_ref,
            account=self.accounts[0],
            proof=b"%PDF-1.4 uy nhiem chi",
            now=self.clock(),
        )

    def close(self, day: date) -> None:
        """The statement of a day of each account, matched, and the day closed."""
        self.closed = day
        for account in self.accounts:
            url = f"{self.urls['bank']}/statement?account={account}&date={day.isoformat()}"
            data = self.wire.fetch(url).body
            finance.import_statement(self.house.context, data, account=account, profile="mt940")
            finance.reconcile(self.house.context, account, self.clock())
            close = finance.close_day(self.house.context, day, account, self.clock())
            self.green, self.red = self.green + close.green, self.red + (not close.green)

    def today(self) -> date:
        return self.clock().astimezone(VIETNAM).date()
