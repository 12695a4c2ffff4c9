"""For any sequence of what providers say and people do, the money laws hold after each step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from service_wires import FAILED, PENDING, UNKNOWN, confirm, ipn, platform
from service_world import FEE_VND, NOW, World, contiguous

from gateway.domain.errors import Forbidden, OutcomeUnknown, Unreachable
from gateway.domain.payment import TABLE, PaymentState
from gateway.ports import HttpAnswer, HttpRequest, InboundMessage
from gateway.service import payments
from gateway.store import payments as payment_store

pytestmark = pytest.mark.service

SAID = ("paid", "failed", "pending", "unknown", "too little", "again")
DONE = ("start vnpay", "start dvcqg", "lose dvcqg", "expire", "cancel")

steps = st.lists(
    st.one_of(
        st.sampled_from(DONE).map(lambda name: (name, 0, 0)),
        st.tuples(st.sampled_from(SAID), st.integers(0, 3), st.integers(0, 2)),
    ),
    min_size=1,
    max_size=14,
)
"""What happens, at which try (as far as there are so many), and under which of the provider's numbers."""


def lost(_: HttpRequest) -> HttpAnswer:
    raise OutcomeUnknown("the connection broke after it was sent")


@dataclass
class Story:
    """One payment, what was done to it so far, and what must therefore be true of its money."""

    world: World
    payment_id: str
    tries: list[payment_store.Attempt] = field(default_factory=list)
    sent: list[tuple[str, InboundMessage]] = field(default_factory=list)
    successes: set[tuple[str, str]] = field(default_factory=set)

    @property
    def mark(self) -> str:
        """What keeps a provider's numbers of this payment apart from those of others."""
        return self.payment_id[-10:]

    def step(self, name: str, at: int, number: int) -> None:
        if name in DONE:
            self._do(name)
        elif name == "again":
            self._say_again(at)
        elif self.tries:
            self._say(name, self.tries[at % len(self.tries)], f"{self.mark}-{at % len(self.tries)}-{number}")

    def _do(self, name: str) -> None:
        world, wire = self.world, self.world.wire
        try:
            if name == "expire":
                payments.expire(world.context, self.payment_id, NOW + timedelta(days=2))
            elif name == "cancel":
                payments.cancel(world.context, world.caller, self.payment_id, NOW)
            else:
                wire.answer = lost if name.startswith("lose") else platform()
                made = world.start(self.payment_id, name.split()[1])
                self.tries += [] if made.id in {each.id for each in self.tries} else [made]
        except (Forbidden, Unreachable):
            pass  # not possible now: whether it rightly is, is what the tables and the other tests say

    def _say(self, what: str, attempt: payment_store.Attempt, number: str) -> None:
        amount_vnd = FEE_VND - 1 if what == "too little" else FEE_VND
        if attempt.provider == "dvcqg":
            code = "00" if what in {"paid", "too little"} else "77"
            message = confirm(attempt.reference, code, number=number, amount_vnd=amount_vnd)
            what = "unknown" if code != "00" else what
        else:
            codes: Mapping[str, tuple[str, str]] = {"failed": FAILED, "pending": PENDING, "unknown": UNKNOWN}
            message = ipn(
                attempt.reference, codes.get(what, ("00", "00")), number=number, amount_vnd=amount_vnd
            )
        self.sent.append((attempt.provider, message))
        before = self._picture()
        self.world.hear(attempt.provider, message)
        if what == "paid":
            self.successes.add((attempt.provider, number))
        if what in {"unknown", "too little"}:
            assert before == self._picture(), "an unknown code and a wrong sum move nothing"
            alarm = {"unknown": "unknown_code", "too little": "wrong_amount"}[what]
            assert alarm in self.world.alarms(f"{attempt.provider}:{attempt.reference}")

    def _say_again(self, at: int) -> None:
        if self.sent:
            provider, message = self.sent[at % len(self.sent)]
            paid_before = self._picture()
            self.world.hear(provider, message)
            if self.world.found(self.payment_id).state == PaymentState.PAID:
                assert paid_before == self._picture(), "the same message once more is nothing new"

    def _picture(self) -> object:
        world, key = self.world, self.payment_id
        tries = world.rows(
            "SELECT to_jsonb(a) FROM attempts a WHERE payment_id = :id ORDER BY number", id=key
        )
        spine, ledger, owed = world.spine(key), world.ledger(key), world.obligations(key)
        return world.found(key), spine, ledger, owed, tries

    def check(self, *, was_paid: bool) -> bool:
        """All laws; returns whether it is paid."""
        world, key = self.world, self.payment_id
        payment, spine, ledger = world.found(key), world.spine(key), world.ledger(key)
        paid = payment.state == PaymentState.PAID
        assert paid >= was_paid, "paid is never undone"
        assert paid == bool(self.successes), "a success counts from every state, and nothing else does"
        assert payment.paid_vnd == FEE_VND * len(self.successes)
        collected_vnd = sum(credit - debit for account, debit, credit in ledger if account == "collected:H28")
        assert payment.paid_vnd == collected_vnd
        assert sum(debit for _, debit, _ in ledger) == sum(credit for *_, credit in ledger)
        assert [("refund_due", FEE_VND)] * (len(self.successes) - 1) == world.obligations(key)
        assert contiguous(spine), spine
        assert (payment.state, payment.version) == (spine[-1][2], spine[-1][3])
        moves = {(from_.value, to.value) for (from_, _), to in TABLE.items()} | {("paid", "paid")}
        assert {(from_, to) for _, from_, to, _ in spine[1:]} <= moves
        return paid


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


@settings(max_examples=120, derandomize=True, deadline=None)
@given(steps)
def test_the_money_laws_hold_after_each_step_of_any_sequence(
    world: World, case_code: str, happened: list[tuple[str, int, int]]
) -> None:
    world.do("DELETE FROM provider_health")  # what failed in another story is none of this one's
    story, paid = Story(world, world.payment(case_code)), False
    for name, at, number in [("start vnpay", 0, 0), *happened]:
        story.step(name, at, number)
        paid = story.check(was_paid=paid)


def test_the_whole_ledger_balances_and_holds_what_all_payments_say(world: World, case_code: str) -> None:
    assert case_code
    (row,) = world.rows(
        "SELECT sum(debit_vnd), sum(credit_vnd), sum(credit_vnd) FILTER (WHERE account = 'collected:H28'), "
        "(SELECT sum(paid_vnd) FROM payments) FROM ledger"
    )
    assert row[0] == row[1]
    assert row[2] == row[3]
    assert row[3] > 0
