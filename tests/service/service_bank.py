"""A day at the bank: money that a provider took on it, and the bank's statement of it, made by the sandbox."""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from service_wires import ipn
from service_world import ACCOUNT, FEE_VND, World

from gateway.domain.close import DayClose
from gateway.domain.matching import Decision
from gateway.service import finance
from sandbox import mt940
from sandbox.mt940 import Entry, Statement

DAYS = itertools.count()
NUMBERS = itertools.count(18_000_000)


def line(memo: str, amount_vnd: int = FEE_VND, bank_ref: str = "FT1") -> Entry:
    return Entry(amount_vnd, "NTRF", "", bank_ref, memo)


class Day:
    """A day that no other test has."""

    def __init__(self, world: World, case_code: str) -> None:
        self.world, self.case_code = world, case_code
        self.on = date(2026, 12, 1) + timedelta(days=2 * next(DAYS))

    @property
    def noon(self) -> datetime:
        return datetime.combine(self.on, time(5), UTC)

    def paid(self, *, on: date | None = None) -> tuple[str, str]:
        """A payment that VNPAY took the money of: its id, and its order code."""
        payment_id, reference = self.world.started(self.case_code)
        self.say_paid(reference, on=on)
        return payment_id, reference

    def say_paid(self, reference: str, *, on: date | None = None, at: str = "095500") -> None:
        """VNPAY tells of a success, in its own time; each time it is another one."""
        paid_at = f"{on or self.on:%Y%m%d}{at}"
        message = ipn(reference, number=str(next(NUMBERS)), paid_at=paid_at)
        self.world.hear("vnpay", message, self.noon + timedelta(days=1))

    def file(self, entries: Sequence[Entry], **changes: object) -> bytes:
        made = Statement("970418", ACCOUNT, self.on, 1_000_000, entries)
        return mt940.render(replace(made, **changes)).encode()  # type: ignore[arg-type]  # as named in the class

    def take_in(self, *entries: Entry, on: date | None = None) -> str | None:
        data = self.file(entries, on=on or self.on)
        return finance.import_statement(
            self.world.context, data, account=ACCOUNT, profile="mt940"
        ).statement_id

    def reconcile(self) -> list[tuple[str | None, str]]:
        """For each line that was looked at now: the payment that it is for, and why."""
        decisions = self.decisions()
        query = "SELECT payment_id FROM attempts WHERE id = :id"
        return [
            (
                None if each.attempt_id is None else self.world.one(query, id=each.attempt_id),
                each.reason.value,
            )
            for each in decisions
        ]

    def decisions(self) -> Sequence[Decision]:
        return finance.reconcile(self.world.context, ACCOUNT, self.noon)

    def close(self, on: date | None = None) -> DayClose:
        return finance.close_day(self.world.context, on or self.on, ACCOUNT, self.noon)

    def lines(self) -> list[int]:
        query = "SELECT amount_vnd FROM statement_lines WHERE value_on = :on ORDER BY id"
        return [amount_vnd for (amount_vnd,) in self.world.rows(query, on=self.on)]

    def booked(self) -> dict[str, int]:
        """What the statement's bookings of the day make of each account, debits less credits."""
        query = (
            "SELECT l.account, sum(debit_vnd - credit_vnd)::bigint FROM ledger l JOIN events e ON e.id = l.event_id "
            "WHERE l.booked_on = :on AND e.subject_kind = 'statement_line' GROUP BY l.account"
        )
        return dict(self.world.rows(query, on=self.on))

    def alarms(self, on: date | None = None) -> list[str]:
        """The alarms about a day that are open."""
        subject = f"{on or self.on}:{ACCOUNT}"
        query = "SELECT name FROM alarms WHERE subject = :subject AND closed_at IS NULL"
        return [name for (name,) in self.world.rows(query, subject=subject)]
