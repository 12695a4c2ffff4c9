"""Looks at the books as a whole, for whoever checks them: they change nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Held:
    """A payment as it is known. VND.

    `asked_later`: a question about one of its tries is on the schedule; `told`: an alarm has given it to a person;
    `to_leave`: what is open to be given back or passed on; `missing`: what is said to be missing.
    """

    id: str
    order_code: str
    state: str
    amount_vnd: int
    paid_vnd: int
    refunded_vnd: int
    asked_later: bool
    told: bool
    to_leave_vnd: int
    shortfall_vnd: int


def payments(connection: Connection) -> Sequence[Held]:
    """Every payment, oldest first."""
    rows = connection.execute(
        text(
            "SELECT p.id, p.order_code, p.state, p.amount_vnd, p.paid_vnd, p.refunded_vnd, "
            "EXISTS (SELECT FROM attempts a JOIN procrastinate_jobs j "
            "ON j.lock = 'query_attempt:' || a.id AND j.status IN ('todo', 'doing') "
            "WHERE a.payment_id = p.id) AS asked_later, EXISTS (SELECT FROM alarms l WHERE l.name = 'money_unclear' "
            "AND (l.subject = p.id OR l.subject IN (SELECT a.id FROM attempts a WHERE a.payment_id = p.id))) AS told, "
            "coalesce((SELECT sum(o.amount_vnd) FROM obligations o WHERE o.payment_id = p.id AND o.settled_at IS NULL "
            "AND o.kind IN ('refund_due', 'part_unused', 'pass_on')), 0)::bigint AS to_leave_vnd, "
            "coalesce((SELECT sum(o.amount_vnd) FROM obligations o WHERE o.payment_id = p.id AND o.settled_at IS NULL "
            "AND o.kind = 'shortfall'), 0)::bigint AS shortfall_vnd FROM payments p ORDER BY p.id"
        )
    )
    return [Held(**row) for row in rows.mappings()]


@dataclass(frozen=True, slots=True)
class Back:
    """A refund as it is known. VND."""

    order_code: str
    wire_reference: str
    state: str
    amount_vnd: int


def refunds(connection: Connection) -> Sequence[Back]:
    rows = connection.execute(
        text(
            "SELECT p.order_code, r.wire_reference, r.state, r.amount_vnd FROM refunds r "
            "JOIN payments p ON p.id = r.payment_id ORDER BY r.id"
        )
    )
    return [Back(**row) for row in rows.mappings()]


def ledger(connection: Connection) -> Mapping[str, int]:
    """What each account of the ledger holds, debits less credits, in VND."""
    rows = connection.execute(
        text("SELECT account, sum(debit_vnd - credit_vnd)::bigint AS vnd FROM ledger GROUP BY account")
    )
    return {row.account: int(row.vnd) for row in rows}


@dataclass(frozen=True, slots=True)
class Odd:
    """A line of a statement that nothing explains: signed VND, and why it was not matched."""

    line_id: int
    amount_vnd: int
    reason: str


def breaks(connection: Connection) -> Sequence[Odd]:
    rows = connection.execute(
        text(
            "SELECT s.id AS line_id, s.amount_vnd, m.reason FROM matches m JOIN statement_lines s ON s.id = m.line_id "
            "WHERE m.kind = 'break' ORDER BY s.id"
        )
    )
    return [Odd(**row) for row in rows.mappings()]


def repeated_effects(connection: Connection) -> Sequence[str]:
    """What may happen once and happened again, and what was paid and is not: the subjects of such events."""
    rows = connection.execute(
        text(
            "SELECT subject_id FROM events WHERE type IN ('payment.succeeded', 'refund.succeeded') "
            "GROUP BY type, subject_id HAVING count(*) > 1 UNION "
            "SELECT subject_id FROM events "
            "WHERE subject_kind = 'payment' AND from_state = 'paid' AND to_state <> 'paid'"
        )
    )
    return [str(row.subject_id) for row in rows]


def alarms(connection: Connection) -> Mapping[str, int]:
    """How many alarms of each name are open."""
    rows = connection.execute(
        text("SELECT name, count(*) AS many FROM alarms WHERE closed_at IS NULL GROUP BY name")
    )
    return {row.name: int(row.many) for row in rows}


def booked_again(connection: Connection) -> int:
    """How many payments say another sum than their events and the ledger together."""
    return int(
        connection.execute(
            text(
                "SELECT count(*) FROM payments p WHERE p.paid_vnd <> coalesce((SELECT sum(l.credit_vnd) FROM ledger l "
                "JOIN events e ON e.id = l.event_id WHERE e.subject_id = p.id AND l.account LIKE 'collected:%'), 0)"
            )
        ).scalar_one()
    )


def sums_and_numbers(connection: Connection, line_ids: Sequence[int]) -> Sequence[tuple[int, str]]:
    """The sum and the bank's number of each of these lines of statements."""
    rows = connection.execute(
        text("SELECT amount_vnd, bank_ref FROM statement_lines WHERE id = ANY (:ids) ORDER BY id"),
        {"ids": list(line_ids)},
    )
    return [(int(row.amount_vnd), str(row.bank_ref)) for row in rows]
