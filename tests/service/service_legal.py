"""A provider of legal receipts that fails on demand, and a town whose agency has its receipts there."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count

from service_refunds import approved, paid, vnpay_says
from service_world import FEE_VND, NOW, World

from gateway.domain.errors import Refused
from gateway.ports import (
    IssuedReceipt,
    LegalSeries,
    NotThere,
    ReceiptCapability,
    ReceiptFile,
    ReceiptOrder,
    ReceiptSeries,
    Standing,
)
from gateway.service import behind, legal_receipts, receipt_changes, receipts, refund_sending
from gateway.store import legal_receipts as store

NUMBERS = count(1)
SERIES = LegalSeries("vnpt", "01BLP0-001", "AA")


@dataclass
class Provider:
    """A provider of receipts: what it has by our keys, and what goes wrong with the next call."""

    name: str = "vnpt"
    capabilities: frozenset[ReceiptCapability] = frozenset({ReceiptCapability.CANCEL})
    has: dict[str, IssuedReceipt] = field(default_factory=dict)
    before: list[Callable[[], None]] = field(default_factory=list)
    after: list[Callable[[], None]] = field(default_factory=list)
    issued: list[str] = field(default_factory=list)
    orders: dict[str, ReceiptOrder] = field(default_factory=dict)

    def issue(self, order: ReceiptOrder, now: datetime) -> IssuedReceipt:
        self._fail(self.before)
        made = self._made(order, now)
        self._fail(self.after)
        return made

    def replace(self, order: ReceiptOrder, old: IssuedReceipt, reason: str, now: datetime) -> IssuedReceipt:
        assert ReceiptCapability.REPLACE in self.capabilities
        self._fail(self.before)
        if self.has[old.key].standing != Standing.HOLDS:
            raise Refused("it does not hold any more", code="8")
        self.has[old.key] = replace(self.has[old.key], standing=Standing.REPLACED)
        made = self._made(order, now)
        self._fail(self.after)
        return made

    def _made(self, order: ReceiptOrder, now: datetime) -> IssuedReceipt:
        assert order.key not in self.has, "a key is issued once"
        number = f"{next(NUMBERS):07d}"
        made = IssuedReceipt(order.key, order.series, number, amount_vnd=order.amount_vnd, issued_at=now)
        self.has[order.key], self.orders[order.key] = made, order
        self.issued.append(order.key)
        return made

    def holding(self) -> list[str]:
        """The keys of all that hold now."""
        return [key for key, each in self.has.items() if each.standing == Standing.HOLDS]

    def look_up(self, key: str, series: ReceiptSeries, now: datetime) -> IssuedReceipt | NotThere:
        self._fail(self.before)
        return self.has.get(key, NotThere(key))

    def cancel(self, receipt: IssuedReceipt, reason: str, now: datetime) -> None:
        self._fail(self.before)
        if self.has[receipt.key].standing != Standing.HOLDS:
            raise Refused("it does not hold any more", code="8")
        self.has[receipt.key] = replace(self.has[receipt.key], standing=Standing.CANCELLED)
        self._fail(self.after)

    def fetch(self, receipt: IssuedReceipt, kind: ReceiptFile, now: datetime) -> bytes:
        raise NotImplementedError

    def _fail(self, faults: list[Callable[[], None]]) -> None:
        if faults:
            faults.pop(0)()


def fails(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def receipted(town: World) -> str:
    """The id of a receipt that was just issued for a case of its own."""
    payment_id = paid(town, town.case())
    receipts.issue(town.context, payment_id, NOW)
    follow(town)
    return str(
        town.one("SELECT id FROM receipts WHERE payment_id = :p ORDER BY number DESC LIMIT 1", p=payment_id)
    )


def follow(town: World) -> None:
    while behind.consume(town.context, "receipts", NOW):
        pass


def legal(town: World, receipt_id: str) -> store.LegalReceipt:
    with town.transaction() as connection:
        found = store.of_receipt(connection, receipt_id)
    assert found is not None
    return found


def work(town: World, receipt_id: str, *, rounds: int = 6) -> store.LegalReceipt:
    """Every step that is put down, whatever its time, until nothing waits."""
    known = legal(town, receipt_id)
    for later in range(rounds):
        waiting = town.jobs(legal_receipts.TASK, known.id)
        town.do("DELETE FROM procrastinate_jobs WHERE lock = :l", l=f"{legal_receipts.TASK}:{known.id}")
        if not waiting:
            break
        legal_receipts.work(
            town.context, known.id, int(str(waiting[-1][0]["round"])), NOW + timedelta(minutes=5 * later)
        )
    return legal(town, receipt_id)


def refund(town: World, receipt_id: str, amount_vnd: int, left_vnd: int = FEE_VND) -> None:
    payment_id = str(town.one("SELECT payment_id FROM receipts WHERE id = :id", id=receipt_id))
    town.wire.answer = vnpay_says("00", "00", vnp_TransactionNo=town.fresh("16"))
    refund_sending.send(town.context, approved(town, payment_id, amount_vnd, left_vnd).id, NOW)
    receipt_changes.follow_refund(town.context, payment_id, NOW)
    follow(town)


def live(town: World, receipt_id: str) -> str:
    """The id of the receipt that holds now, of the payment of this one."""
    query = (
        "SELECT l.id FROM receipts l JOIN receipts r ON r.payment_id = l.payment_id "
        "WHERE r.id = :id AND l.state = 'issued'"
    )
    return str(town.one(query, id=receipt_id))


def work_all(town: World, receipt_id: str, *, rounds: int = 12) -> dict[str, str]:
    """Every step of every legal receipt of a payment, until nothing waits: the states by receipt."""
    query = (
        "SELECT l.receipt_id, l.id FROM legal_receipts l JOIN receipts r ON r.payment_id = l.payment_id "
        "WHERE r.id = :id ORDER BY l.created_at"
    )
    for later in range(rounds):
        known = town.rows(query, id=receipt_id)
        waiting = [(legal_id, town.jobs(legal_receipts.TASK, legal_id)) for _, legal_id in known]
        if not any(jobs for _, jobs in waiting):
            break
        for legal_id, jobs in waiting:
            town.do("DELETE FROM procrastinate_jobs WHERE lock = :l", l=f"{legal_receipts.TASK}:{legal_id}")
            if jobs:
                at = NOW + timedelta(minutes=5 * later)
                legal_receipts.work(town.context, legal_id, int(str(jobs[-1][0]["round"])), at)
    return {each: legal(town, each).state for each, _ in town.rows(query, id=receipt_id)}
