"""What really happened to the money, as the sandbox's bank has it: known to nobody in the gateway."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine

from gateway.domain.codes import find_order_codes, order_code_of
from gateway.store import audit as audit_store
from gateway.store import payments as payment_store
from gateway.store import refunds as store
from sandbox.state import Ground

LINES = "SELECT id, on_date, amount_vnd, reference, memo, coalesce(cause, '') AS cause FROM bank_lines ORDER BY id"
ASKED = "SELECT id, asked_memo FROM transfers"


@dataclass(frozen=True, slots=True)
class Moved:
    """Money on the agency's account. `code` is the order it is for, `readable` whether the line still says so."""

    id: int
    on: date
    amount_vnd: int
    reference: str
    memo: str
    code: str | None
    readable: bool


@dataclass(slots=True)
class Truth:
    ground: Ground
    engine: Engine

    def moved(self) -> Sequence[Moved]:
        """Every line of the bank so far."""
        with self.ground.state.transaction() as db:
            rows = db.execute(LINES).fetchall()
            asked = {f"transfer:{row['id']}": str(row["asked_memo"]) for row in db.execute(ASKED).fetchall()}
        found = []
        for row in rows:
            text = f"{row['reference']} {row['memo']}"
            meant = find_order_codes(asked.get(row["cause"], text))
            code = meant[0] if meant else None
            found.append(
                Moved(
                    row["id"],
                    date.fromisoformat(row["on_date"]),
                    row["amount_vnd"],
                    row["reference"],
                    row["memo"],
                    code,
                    code in find_order_codes(text),
                )
            )
        return found

    def received(self) -> tuple[Mapping[str, int], int]:
        """The money in by order code whose line names it, in VND; and what came in under no code that can be read."""
        named: Counter[str] = Counter()
        nameless_vnd = 0
        for each in self.moved():
            if each.amount_vnd > 0 and each.code is not None and each.readable:
                named[each.code] += each.amount_vnd
            elif each.amount_vnd > 0:
                nameless_vnd += each.amount_vnd
        return named, nameless_vnd

    def lines_of(self, line_ids: Sequence[int]) -> Mapping[str, Sequence[int]]:
        """The sums of these lines of statements by the order that each names, in VND."""
        found: dict[str, list[int]] = {}
        with self.engine.connect() as connection:
            told = audit_store.sums_and_numbers(connection, line_ids)
        by_number = {f"{each.id:06d}": each for each in self.moved()}
        for amount_vnd, number in told:
            moved = by_number.get(number[-6:])
            if moved is not None and moved.code is not None:
                found.setdefault(moved.code, []).append(amount_vnd)
        return found

    def number_of_refund(self, refund: store.Refund) -> str | None:
        """The provider's number of what went out for a refund, as the bank's line tells it; None: nothing did."""
        with self.engine.connect() as connection:
            attempt = payment_store.find_attempt(connection, refund.attempt_id)
            taken = {
                each.provider_ref
                for each in store.of_payment(connection, refund.payment_id)
                if each.id != refund.id and each.provider_ref
            }
        assert attempt is not None
        names = {attempt.reference, refund.wire_reference}
        for each in self.moved():
            number = each.memo.split()[-1] if each.memo else ""
            if each.amount_vnd == -refund.amount_vnd and each.reference in names and number not in taken:
                return number
        return None

    def out_by_order(self, of_refunds: Mapping[str, str]) -> Mapping[str, int]:
        """The money that went out by the order that it is about, in VND; a refund's line has a code of its own."""
        out: Counter[str] = Counter()
        for each in self.moved():
            if each.amount_vnd < 0:
                code = order_code_of(each.reference) or each.code or ""
                out[of_refunds.get(code, code)] -= each.amount_vnd
        return out

    def balance_vnd(self, until: date) -> int:
        """What the statements up to this day come to: what moved in the night after the last one stands in none."""
        return sum(each.amount_vnd for each in self.moved() if each.on <= until)
