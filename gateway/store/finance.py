"""Statements, their lines, what they may show and were matched with, and the ledger."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from gateway.domain.ledger import Posting
from gateway.store.tables import ledger, matches, statement_lines, statements


@dataclass(frozen=True, slots=True)
class Line:
    """An incoming or outgoing line of a statement; `amount_vnd` is signed, + for money in."""

    id: int
    statement_id: str
    line_no: int
    account: str
    value_on: date
    amount_vnd: int
    bank_ref: str
    memo_sealed: bytes


@dataclass(frozen=True, slots=True)
class Awaited:
    """Money of one success that a provider told of, which no statement line has shown yet."""

    event_id: int
    attempt_id: str
    reference: str
    provider: str
    amount_vnd: int


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A settled refund that is booked out of a bank account, which no statement line has shown yet."""

    event_id: int
    wire_reference: str
    provider_ref: str | None
    amount_vnd: int


@dataclass(frozen=True, slots=True)
class Order:
    """Whose money an order code asks for, and the references of its tries."""

    order_code: str
    agency_code: str
    references: frozenset[str]


_LINE = [statement_lines.c[name] for name in Line.__slots__]


def add_statement(connection: Connection, values: Mapping[str, Any]) -> str | None:
    """The id of the new statement; None when the same file was imported before."""
    return connection.execute(
        upsert(statements)
        .values(**values)
        .on_conflict_do_nothing(index_elements=["account", "sha256"])
        .returning(statements.c.id)
    ).scalar()


def add_lines(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        known = upsert(statement_lines).values(list(rows))
        connection.execute(
            known.on_conflict_do_nothing(index_elements=["account", "content_index", "occurrence"])
        )


def overlapping(connection: Connection, account: str, value_on: date) -> bool:
    """Whether a statement that covers `value_on` was imported for the account."""
    query = select(statements.c.id).where(
        statements.c.account == account, statements.c.from_on <= value_on, statements.c.to_on >= value_on
    )
    return connection.execute(query.limit(1)).scalar() is not None


def lock_books(connection: Connection, account: str) -> None:
    """Until the transaction ends nobody else matches or closes on this account."""
    connection.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('books:' || :account, 0))"), {"account": account}
    )


def open_lines(connection: Connection, account: str) -> Mapping[int, tuple[Line, bool]]:
    """Lines in and out that nothing explains, oldest first, by id; True for one that is a break already.

    A line of no money moves nothing, and is none of them.
    """
    query = (
        select(*_LINE, matches.c.kind)
        .outerjoin(matches, matches.c.line_id == statement_lines.c.id)
        .where(
            statement_lines.c.account == account,
            statement_lines.c.amount_vnd != 0,
            func.coalesce(matches.c.kind, "break") == "break",
        )
        .order_by(statement_lines.c.id)
    )
    found = {}
    for row in connection.execute(query).mappings():
        line = Line(**{name: row[name] for name in Line.__slots__})
        found[line.id] = (line, row["kind"] is not None)
    return found


_AWAITED = """
SELECT e.id AS event_id, a.id AS attempt_id, a.reference, a.provider, l.credit_vnd AS amount_vnd
FROM ledger l JOIN events e ON e.id = l.event_id JOIN attempts a ON a.id = e.data ->> 'attempt_id'
WHERE l.account = ANY (:collected) AND l.credit_vnd > 0
  AND e.type IN ('payment.succeeded', 'payment.part_paid', 'payment.double_paid')
  AND NOT EXISTS (SELECT FROM matches m WHERE m.event_id = e.id)
ORDER BY e.id
"""


def awaited(connection: Connection, collected: Sequence[str]) -> Sequence[Awaited]:
    """Money taken for the agencies of these ledger accounts and not yet seen at the bank: a row for each success."""
    rows = connection.execute(text(_AWAITED), {"collected": list(collected)})
    return [Awaited(**row) for row in rows.mappings()]


def awaited_of(connection: Connection, attempt_id: str, amount_vnd: int) -> Sequence[int]:
    """The events of money of this sum that a try has brought and no line has shown yet."""
    rows = connection.execute(
        text(
            "SELECT e.id FROM events e JOIN attempts a ON a.payment_id = e.subject_id AND a.id = :attempt_id "
            "WHERE e.type IN ('payment.succeeded', 'payment.part_paid', 'payment.double_paid') "
            "AND e.data ->> 'attempt_id' = a.id AND (e.data ->> 'amount_vnd')::bigint = :amount_vnd "
            "AND e.case_code = (SELECT case_code FROM payments p WHERE p.id = a.payment_id) "
            "AND NOT EXISTS (SELECT FROM matches m WHERE m.event_id = e.id)"
        ),
        {"attempt_id": attempt_id, "amount_vnd": amount_vnd},
    )
    return [int(row.id) for row in rows]


def has_twin(connection: Connection, line: Line) -> bool:
    """Whether another statement of the account has a line of the same day, sum and number of the bank."""
    query = select(statement_lines.c.id).where(
        statement_lines.c.account == line.account,
        statement_lines.c.value_on == line.value_on,
        statement_lines.c.amount_vnd == line.amount_vnd,
        statement_lines.c.bank_ref == line.bank_ref,
        statement_lines.c.bank_ref != "",
        statement_lines.c.statement_id != line.statement_id,
    )
    return connection.execute(query.limit(1)).scalar() is not None


_GIVEN_BACK = """
SELECT e.id AS event_id, r.wire_reference, r.provider_ref, l.credit_vnd AS amount_vnd
FROM ledger l JOIN events e ON e.id = l.event_id JOIN refunds r ON r.id = e.subject_id
WHERE l.account = :bank AND l.credit_vnd > 0 AND e.type = 'refund.succeeded' AND r.state = 'succeeded'
  AND NOT EXISTS (SELECT FROM matches m WHERE m.event_id = e.id)
ORDER BY e.id
"""


def given_back(connection: Connection, bank: str) -> Sequence[GivenBack]:
    """Refunds that are booked out of this ledger account and not yet seen at the bank."""
    rows = connection.execute(text(_GIVEN_BACK), {"bank": bank})
    return [GivenBack(**row) for row in rows.mappings()]


_ORDERS = """
SELECT p.order_code, p.agency_code, array_remove(array_agg(a.reference), NULL) AS found
FROM payments p LEFT JOIN attempts a ON a.payment_id = p.id
WHERE p.order_code = ANY (:codes)
GROUP BY p.id
"""


def orders(connection: Connection, codes: Sequence[str]) -> Mapping[str, Order]:
    """What is known of these order codes; codes of nobody are left out."""
    rows = connection.execute(text(_ORDERS), {"codes": list(codes)})
    return {row.order_code: Order(row.order_code, row.agency_code, frozenset(row.found)) for row in rows}


@dataclass(frozen=True, slots=True)
class Match:
    """What a line is: the event whose money it shows and its try (if any), or a break."""

    line_id: int
    event_id: int | None
    attempt_id: str | None
    kind: str
    reason: str


def add_match(connection: Connection, match: Match) -> bool:
    """Say what a line is; False when it was said before, or another line shows that money."""
    done = connection.execute(
        upsert(matches).values(**asdict(match)).on_conflict_do_nothing().returning(matches.c.line_id)
    )
    return done.first() is not None


def explain_break(connection: Connection, match: Match) -> bool:
    """Say what a break is after all; False when that was said before. The caller holds the account's books."""
    done = connection.execute(
        update(matches)
        .where(matches.c.line_id == match.line_id, matches.c.kind == "break")
        .values(**asdict(match))
        .returning(matches.c.line_id)
    )
    return done.first() is not None


def post(connection: Connection, event_id: int, booked_on: date, postings: Sequence[Posting]) -> None:
    """Append ledger rows to their event. The database refuses rows that do not balance."""
    rows = [
        {
            "event_id": event_id,
            "booked_on": booked_on,
            "account": each.account,
            "debit_vnd": each.debit_vnd,
            "credit_vnd": each.credit_vnd,
        }
        for each in postings
    ]
    # one statement: the database checks the balance of each statement
    connection.execute(insert(ledger).values(rows))
