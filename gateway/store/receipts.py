"""Receipts and their gap-free numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, insert, or_, select, text, update

from gateway.domain.receipt import receipt_number
from gateway.store.tables import payments, receipts


@dataclass(frozen=True, slots=True)
class Receipt:
    id: str
    payment_id: str
    series: str
    number: int
    receipt_number: str
    state: str
    facts_sealed: bytes
    pdf_sha256: str | None
    json_sha256: str | None
    xml_sha256: str | None
    created_at: datetime
    issued_at: datetime | None
    replaces: str | None
    ended_at: datetime | None
    ended_by: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Issued:
    """What anybody may know of a receipt that was issued. `state` tells whether it still stands; the sum is in VND."""

    receipt_number: str
    state: str
    issued_at: datetime
    agency_code: str
    amount_vnd: int


_COLUMNS = [receipts.c[name] for name in Receipt.__slots__]


def take_number(connection: Connection, series: str) -> int:
    """The next number of a series. It commits with the receipt that takes it, so no gap can be left."""
    return int(
        connection.execute(
            text(
                "INSERT INTO receipt_series AS s (series, last) VALUES (:series, 1) "
                "ON CONFLICT (series) DO UPDATE SET last = s.last + 1 RETURNING last"
            ),
            {"series": series},
        ).scalar_one()
    )


def add(
    connection: Connection,
    *,
    payment_id: str,
    series: str,
    number: int,
    facts_sealed: bytes,
    replaces: str | None = None,
) -> str:
    """The id of the new receipt. Raises `IntegrityError` when the payment has a live one."""
    return str(
        connection.execute(
            insert(receipts)
            .values(
                payment_id=payment_id,
                series=series,
                number=number,
                receipt_number=receipt_number(series, number),
                state="numbered",
                facts_sealed=facts_sealed,
                replaces=replaces,
            )
            .returning(receipts.c.id)
        ).scalar_one()
    )


def find(connection: Connection, receipt_id: str) -> Receipt | None:
    row = connection.execute(select(*_COLUMNS).where(receipts.c.id == receipt_id)).mappings().first()
    return None if row is None else Receipt(**row)


def find_by_number(connection: Connection, number: str) -> Issued | None:
    """The receipt that was issued under that number, also when it was cancelled or replaced since."""
    query = (
        select(
            receipts.c.receipt_number,
            receipts.c.state,
            receipts.c.issued_at,
            payments.c.agency_code,
            payments.c.amount_vnd,
        )
        .join(payments, payments.c.id == receipts.c.payment_id)
        .where(receipts.c.receipt_number == number, receipts.c.issued_at.is_not(None))
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else Issued(**row)


def live_of(connection: Connection, payment_id: str) -> Receipt | None:
    """The receipt of a payment that is neither cancelled nor replaced."""
    query = select(*_COLUMNS).where(
        receipts.c.payment_id == payment_id, receipts.c.state.in_(["numbered", "issued"])
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else Receipt(**row)


def complete(connection: Connection, receipt_id: str, *, before: str, after: str) -> bool:
    """The paper has a completed signature. False when it is the same, or another worker completed it."""
    if before == after:
        return False
    done = connection.execute(
        update(receipts)
        .where(receipts.c.id == receipt_id, receipts.c.pdf_sha256 == before)
        .values(pdf_sha256=after)
    )
    return done.rowcount == 1


def of_case(connection: Connection, case_code: str) -> Sequence[Receipt]:
    """Every receipt of a case that was issued, cancelled and replaced ones too, in the order of their issue."""
    query = (
        select(*_COLUMNS)
        .join(payments, payments.c.id == receipts.c.payment_id)
        .where(payments.c.case_code == case_code, receipts.c.issued_at.is_not(None))
        .order_by(receipts.c.issued_at, receipts.c.receipt_number)
    )
    return [Receipt(**row) for row in connection.execute(query).mappings()]


def issued_numbers(connection: Connection, payment_ids: Sequence[str]) -> dict[str, str]:
    """The receipt number of each of these payments that has an issued receipt."""
    query = select(receipts.c.payment_id, receipts.c.receipt_number).where(
        receipts.c.payment_id.in_(payment_ids), receipts.c.state == "issued"
    )
    return {row.payment_id: row.receipt_number for row in connection.execute(query)}


def issue(connection: Connection, receipt_id: str, *, papers: Mapping[str, str], now: datetime) -> bool:
    """The papers are made, by `pdf_sha256` and the like: numbered becomes issued. False when it was before."""
    done = connection.execute(
        update(receipts)
        .where(receipts.c.id == receipt_id, receipts.c.state == "numbered")
        .values(state="issued", issued_at=now, **papers)
    )
    return done.rowcount == 1


def changed_between(connection: Connection, begins: datetime, ends: datetime) -> Sequence[Receipt]:
    """The receipts that were issued, cancelled or replaced from `begins` on and before `ends`, by their numbers."""
    query = (
        select(*_COLUMNS)
        .where(
            or_(
                and_(receipts.c.issued_at >= begins, receipts.c.issued_at < ends),
                and_(receipts.c.ended_at >= begins, receipts.c.ended_at < ends),
            )
        )
        .order_by(receipts.c.series, receipts.c.number)
    )
    return [Receipt(**row) for row in connection.execute(query).mappings()]


def newest(connection: Connection, limit: int) -> Sequence[Receipt]:
    query = select(*_COLUMNS).order_by(receipts.c.created_at.desc(), receipts.c.number.desc()).limit(limit)
    return [Receipt(**row) for row in connection.execute(query).mappings()]


def by_number(connection: Connection, number: str) -> Receipt | None:
    row = connection.execute(select(*_COLUMNS).where(receipts.c.receipt_number == number)).mappings().first()
    return None if row is None else Receipt(**row)


@dataclass(frozen=True, slots=True)
class End:
    """How a receipt ends: the state it goes to, who says so and why, and when."""

    state: str
    by: str
    reason: str
    at: datetime


def end(connection: Connection, receipt_id: str, how: End) -> bool:
    """An issued receipt is cancelled or replaced. False when it is not issued, or not any more."""
    done = connection.execute(
        update(receipts)
        .where(receipts.c.id == receipt_id, receipts.c.state == "issued")
        .values(state=how.state, ended_by=how.by, reason=how.reason, ended_at=how.at)
    )
    return done.rowcount == 1
