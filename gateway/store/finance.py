"""Statements, their lines, what they were matched with, and the day's close."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from gateway.domain.ledger import Posting
from gateway.store.tables import day_closes, ledger, matches, statement_lines, statements


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
    """Money that a provider says it took, which no statement line has shown yet."""

    attempt_id: str
    payment_id: str
    reference: str
    provider: str
    provider_ref: str | None
    amount_vnd: int
    paid_on: date
    agency_code: str


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


def open_lines(connection: Connection, account: str) -> Mapping[int, tuple[Line, bool]]:
    """Incoming lines that nothing was matched with, oldest first, by id; True for one that is a break already."""
    query = (
        select(*_LINE, matches.c.kind)
        .outerjoin(matches, matches.c.line_id == statement_lines.c.id)
        .where(
            statement_lines.c.account == account,
            statement_lines.c.amount_vnd > 0,
            matches.c.attempt_id.is_(None),
        )
        .order_by(statement_lines.c.id)
        .with_for_update(skip_locked=True, of=statement_lines)
    )
    found = {}
    for row in connection.execute(query).mappings():
        line = Line(**{name: row[name] for name in Line.__slots__})
        found[line.id] = (line, row["kind"] is not None)
    return found


_AWAITED = """
SELECT a.id AS attempt_id, a.payment_id, a.reference, a.provider, a.provider_ref, a.paid_vnd AS amount_vnd,
       (a.paid_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date AS paid_on, p.agency_code
FROM attempts a JOIN payments p ON p.id = a.payment_id
WHERE a.state = 'succeeded' AND NOT EXISTS (SELECT FROM matches m WHERE m.attempt_id = a.id)
  AND (CAST(:references AS text[]) IS NULL OR a.reference = ANY(:references))
ORDER BY a.id
"""


def awaited(connection: Connection, references: Sequence[str] | None = None) -> Sequence[Awaited]:
    """Money taken and not yet seen at the bank; of these references, or all."""
    rows = connection.execute(
        text(_AWAITED), {"references": None if references is None else list(references)}
    )
    return [Awaited(**row) for row in rows.mappings()]


def add_match(
    connection: Connection, *, line_id: int, attempt_id: str | None, kind: str, reason: str
) -> bool:
    """Say what a line is; False when it was said before."""
    done = connection.execute(
        upsert(matches)
        .values(line_id=line_id, attempt_id=attempt_id, kind=kind, reason=reason)
        .on_conflict_do_nothing()
        .returning(matches.c.line_id)
    )
    return done.first() is not None


def explain_break(connection: Connection, *, line_id: int, attempt_id: str, reason: str) -> bool:
    """Say what a break is after all; False when that was said before."""
    done = connection.execute(
        update(matches)
        .where(matches.c.line_id == line_id, matches.c.attempt_id.is_(None))
        .values(attempt_id=attempt_id, kind="matched", reason=reason)
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


@dataclass(frozen=True, slots=True)
class DayFigures:
    """The three sums of a day on one account, in VND, and how many lines nobody could explain."""

    expected_vnd: int
    received_vnd: int
    booked_vnd: int
    open_breaks: int


_FIGURES = """
SELECT
  (SELECT coalesce(sum(a.paid_vnd), 0)::bigint FROM attempts a JOIN payments p ON p.id = a.payment_id
     WHERE a.state = 'succeeded' AND p.agency_code = ANY(:agencies)
       AND (a.paid_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date = :day) AS expected_vnd,
  (SELECT coalesce(sum(amount_vnd), 0)::bigint FROM statement_lines
     WHERE account = :account AND value_on = :day AND amount_vnd > 0) AS received_vnd,
  (SELECT coalesce(sum(debit_vnd), 0)::bigint FROM ledger
     WHERE account = :bank AND booked_on = :day) AS booked_vnd,
  (SELECT count(*) FROM matches m JOIN statement_lines l ON l.id = m.line_id
     WHERE l.account = :account AND l.value_on = :day AND m.kind = 'break')
  + (SELECT count(*) FROM statement_lines l WHERE l.account = :account AND l.value_on = :day AND l.amount_vnd > 0
     AND NOT EXISTS (SELECT FROM matches m WHERE m.line_id = l.id))
  + (SELECT count(*) FROM attempts a JOIN payments p ON p.id = a.payment_id
     WHERE a.state = 'succeeded' AND p.agency_code = ANY(:agencies)
       AND (a.paid_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date = :day
       AND NOT EXISTS (SELECT FROM matches m WHERE m.attempt_id = a.id)) AS open_breaks
"""


def day_figures(
    connection: Connection, *, day: date, account: str, bank: str, agencies: Sequence[str]
) -> DayFigures:
    """The figures of `day` for `account`, whose ledger account is `bank`, fed by `agencies`."""
    row = (
        connection.execute(
            text(_FIGURES), {"day": day, "account": account, "bank": bank, "agencies": list(agencies)}
        )
        .mappings()
        .one()
    )
    return DayFigures(**row)


def save_close(connection: Connection, values: Mapping[str, Any]) -> int:
    """Keep a day's close; closing again replaces it, and its event tells both. The answer is its version."""
    statement = upsert(day_closes).values(**values)
    changed = {name: statement.excluded[name] for name in values if name not in {"day", "account"}}
    return int(
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["day", "account"], set_={**changed, "version": day_closes.c.version + 1}
            ).returning(day_closes.c.version)
        ).scalar_one()
    )


def close_of(connection: Connection, day: date, account: str) -> datetime | None:
    """When the day was closed, None when it was not."""
    query = select(day_closes.c.created_at).where(day_closes.c.day == day, day_closes.c.account == account)
    return connection.execute(query).scalar()
