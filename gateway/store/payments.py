"""Payments and attempts. The two hot paths are SQL functions over a bare psycopg connection."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from psycopg import Connection as PgConnection
from psycopg.errors import UniqueViolation
from psycopg.rows import dict_row
from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on

from gateway.domain.machine import sources
from gateway.domain.payment import (
    ATTEMPT_TABLE,
    TABLE,
    AttemptEvent,
    AttemptState,
    PaymentEvent,
    PaymentState,
)
from gateway.store.tables import attempts, payments


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment without its sealed payer. Sums in VND."""

    id: str
    portal_id: str
    reference: str
    fingerprint: str
    order_code: str
    case_code: str
    agency_code: str
    state: str
    amount_vnd: int
    lines: Sequence[Mapping[str, Any]]
    paid_vnd: int
    refunded_vnd: int
    provider: str | None
    wanted_provider: str | None
    follows_case: bool
    return_url: str
    token: str
    version: int
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    id: str
    payment_id: str
    provider: str
    reference: str
    number: int
    state: str
    provider_ref: str | None
    redirect_url: str | None
    qr_payload: str | None
    pay_code: str | None
    asked_vnd: int | None
    created_at: datetime
    sent_at: datetime | None
    paid_at: datetime | None
    paid_vnd: int | None


_COLUMNS = [payments.c[name] for name in Payment.__slots__]
_ATTEMPT_COLUMNS = [attempts.c[name] for name in Attempt.__slots__]


def _from(event: PaymentEvent) -> list[str]:
    return [state.value for state in sources(TABLE, event)]


_CREATE_PAYMENT = (
    "SELECT verdict, (payment).* FROM "
    "create_payment(%s, %s, %s, %s, %s, %s::jsonb, %s, %s, %s, %s, %s, %s, %s, %s)"
)


@dataclass(frozen=True, slots=True)
class NewPayment:
    """What a portal orders; `lines` None takes the case's own fee lines."""

    portal_id: str
    reference: str
    fingerprint: str
    order_code: str
    case_code: str
    lines: Sequence[Mapping[str, Any]] | None
    payer_sealed: bytes
    return_url: str
    token: str
    now: datetime
    expires_at: datetime
    payable_from: Sequence[str]
    cause: str
    wanted_provider: str | None


class OrderCodeTaken(Exception):  # noqa: N818 - named for what happened
    """The order code was drawn before; nothing was written."""


def create(connection: PgConnection[tuple[Any, ...]], new: NewPayment) -> tuple[str, Payment | None]:
    """Verdict `created`, `replayed`, `conflict`, `no_case` or `not_payable`, and the payment there is.

    Raises `OrderCodeTaken`.
    """
    values = [getattr(new, field.name) for field in fields(new)]
    values[5] = None if new.lines is None else json.dumps(list(new.lines))
    values[11] = list(new.payable_from)
    with connection.cursor(row_factory=dict_row) as cursor:
        try:
            row = cursor.execute(_CREATE_PAYMENT, values).fetchone()
        except UniqueViolation as error:
            if error.diag.constraint_name == "uq_payments_order_code":
                raise OrderCodeTaken from None
            raise
    assert row is not None
    if row["id"] is None:
        return row["verdict"], None
    return row["verdict"], Payment(**{name: row[name] for name in Payment.__slots__})


def bare(connection: Connection) -> PgConnection[tuple[Any, ...]]:
    """The psycopg connection beneath, within the same transaction."""
    beneath = connection.connection.driver_connection
    assert isinstance(beneath, PgConnection)
    return beneath


def find(
    connection: Connection, payment_id: str, portal_id: str | None = None, *, lock: bool = False
) -> Payment | None:
    """The payment of that id, if it is the portal's (None: whoever's)."""
    query = select(*_COLUMNS).where(payments.c.id == payment_id)
    if portal_id is not None:
        query = query.where(payments.c.portal_id == portal_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    return None if row is None else Payment(**row)


def find_by_order_code(connection: Connection, order_code: str, *, lock: bool = False) -> Payment | None:
    query = select(*_COLUMNS).where(payments.c.order_code == order_code)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    return None if row is None else Payment(**row)


def find_by_token(connection: Connection, token: str) -> Payment | None:
    row = connection.execute(select(*_COLUMNS).where(payments.c.token == token)).mappings().first()
    return None if row is None else Payment(**row)


def listed(
    connection: Connection,
    portal_id: str,
    *,
    case_code: str | None,
    reference: str | None,
    states: Sequence[str] | None,
    created_from: datetime | None,
    created_to: datetime | None,
    before_id: str | None,
    limit: int,
) -> Sequence[Payment]:
    """A page of a portal's payments, newest first."""
    query = select(*_COLUMNS).where(payments.c.portal_id == portal_id)
    if case_code is not None:
        query = query.where(payments.c.case_code == case_code)
    if reference is not None:
        query = query.where(payments.c.reference == reference)
    if states is not None:
        query = query.where(payments.c.state.in_(states))
    if created_from is not None:
        query = query.where(payments.c.created_at >= created_from)
    if created_to is not None:
        query = query.where(payments.c.created_at < created_to)
    if before_id is not None:
        query = query.where(payments.c.id < before_id)
    rows = connection.execute(query.order_by(payments.c.id.desc()).limit(limit))
    return [Payment(**row) for row in rows.mappings()]


def of_case(connection: Connection, case_code: str) -> Sequence[Payment]:
    """Every payment of a case, oldest first, each locked: in the order of their codes, as reports lock them."""
    query = (
        select(*_COLUMNS)
        .where(payments.c.case_code == case_code)
        .order_by(payments.c.order_code)
        .with_for_update()
    )
    found = [Payment(**row) for row in connection.execute(query).mappings()]
    return sorted(found, key=lambda each: each.id)


def owe_back(
    connection: Connection, payment: Payment, provider: str, number: str, amount_vnd: int, due_at: datetime
) -> None:
    """Money that came under a provider's number and is to go back, once; where a part of it was, now it all is."""
    connection.execute(
        text(
            "INSERT INTO obligations (kind, payment_id, amount_vnd, provider, provider_ref, owner, due_at) VALUES "
            "('refund_due', :payment_id, :amount_vnd, :provider, :provider_ref, 'finance', :due_at) "
            "ON CONFLICT (provider, provider_ref) DO UPDATE SET "
            "kind = excluded.kind, settled_at = NULL, due_at = excluded.due_at, amount_vnd = CASE obligations.kind "
            "WHEN 'refund_due' THEN greatest(obligations.amount_vnd, excluded.amount_vnd) "
            "ELSE excluded.amount_vnd END "
            "WHERE obligations.kind <> 'refund_due' OR obligations.settled_at IS NULL"
        ),
        {
            "payment_id": payment.id,
            "amount_vnd": amount_vnd,
            "provider": provider,
            "provider_ref": number,
            "due_at": due_at,
        },
    )


def give_up_part(connection: Connection, payment: Payment, due_at: datetime, now: datetime) -> None:
    """Nothing more is asked for: no shortfall is left, and what came of a part is to go back unless the rest comes."""
    connection.execute(
        text(
            "UPDATE obligations SET settled_at = :now "
            "WHERE payment_id = :payment_id AND kind = 'shortfall' AND settled_at IS NULL"
        ),
        {"payment_id": payment.id, "now": now},
    )
    connection.execute(
        text(
            "INSERT INTO obligations (kind, payment_id, amount_vnd, provider, provider_ref, owner, due_at) "
            "SELECT 'part_unused', p.id, p.paid_vnd - p.refunded_vnd, 'parts', p.order_code, 'finance', :due_at "
            "FROM payments p WHERE p.id = :payment_id AND p.state <> 'paid' AND p.paid_vnd > p.refunded_vnd "
            "ON CONFLICT DO NOTHING"
        ),
        {"payment_id": payment.id, "due_at": due_at},
    )


def reprice(
    connection: Connection, payment_id: str, amount_vnd: int, lines: Sequence[Mapping[str, Any]]
) -> int:
    """Another sum to pay, with its lines; the payment's new version. The caller holds its lock."""
    return int(
        connection.execute(
            update(payments)
            .where(payments.c.id == payment_id)
            .values(amount_vnd=amount_vnd, lines=list(lines), version=payments.c.version + 1)
            .returning(payments.c.version)
        ).scalar_one()
    )


def ask_for(connection: Connection, attempt_id: str, amount_vnd: int) -> None:
    """What a try asks for from now on: the sum that its provider was told last."""
    connection.execute(update(attempts).where(attempts.c.id == attempt_id).values(asked_vnd=amount_vnd))


def sealed_payer(connection: Connection, payment_id: str) -> bytes:
    query = select(payments.c.payer_sealed).where(payments.c.id == payment_id)
    return bytes(connection.execute(query).scalar_one())


def move(
    connection: Connection, payment_id: str, event: PaymentEvent, values: Mapping[str, Any] | None = None
) -> tuple[str, int] | None:
    """Compare-and-set by the table of states.

    Returns the new state and version; None when the event is not possible from where the payment is.
    """
    to_state = TABLE[sources(TABLE, event)[0], event]
    row = connection.execute(
        update(payments)
        .where(payments.c.id == payment_id, payments.c.state.in_(_from(event)))
        .values(state=to_state.value, version=payments.c.version + 1, **(values or {}))
        .returning(payments.c.state, payments.c.version)
    ).first()
    return None if row is None else (row.state, row.version)


def attempts_of(connection: Connection, payment_id: str) -> Sequence[Attempt]:
    """The tries of a payment, oldest first."""
    query = select(*_ATTEMPT_COLUMNS).where(attempts.c.payment_id == payment_id).order_by(attempts.c.number)
    return [Attempt(**row) for row in connection.execute(query).mappings()]


def newest_attempts(connection: Connection, payment_ids: Sequence[str]) -> Mapping[str, Attempt]:
    """The newest try of each of these payments, by the payment's id."""
    query = (
        select(*_ATTEMPT_COLUMNS)
        .ext(distinct_on(attempts.c.payment_id))
        .where(attempts.c.payment_id.in_(payment_ids))
        .order_by(attempts.c.payment_id, attempts.c.number.desc())
    )
    found = [Attempt(**row) for row in connection.execute(query).mappings()]
    return {each.payment_id: each for each in found}


def find_attempt(connection: Connection, attempt_id: str) -> Attempt | None:
    row = connection.execute(select(*_ATTEMPT_COLUMNS).where(attempts.c.id == attempt_id)).mappings().first()
    return None if row is None else Attempt(**row)


def find_attempt_by_reference(connection: Connection, provider: str, reference: str) -> Attempt | None:
    query = select(*_ATTEMPT_COLUMNS).where(
        attempts.c.provider == provider, attempts.c.reference == reference
    )
    row = connection.execute(query).mappings().first()
    return None if row is None else Attempt(**row)


def add_attempt(connection: Connection, values: Mapping[str, Any]) -> Attempt:
    """Write down the intention to try; the caller holds the payment's lock."""
    row = connection.execute(insert(attempts).values(**values).returning(*_ATTEMPT_COLUMNS)).mappings().one()
    return Attempt(**row)


def move_attempt(
    connection: Connection, attempt_id: str, event: AttemptEvent, values: Mapping[str, Any] | None = None
) -> bool:
    """Compare-and-set by the table of attempts; False when the event is not possible now."""
    from_states = sources(ATTEMPT_TABLE, event)
    to_state = ATTEMPT_TABLE[from_states[0], event]
    done = connection.execute(
        update(attempts)
        .where(attempts.c.id == attempt_id, attempts.c.state.in_([state.value for state in from_states]))
        .values(state=to_state.value, **(values or {}))
    )
    return done.rowcount == 1


def paid_ids(connection: Connection) -> list[str]:
    """Every payment that is paid, oldest first."""
    query = select(payments.c.id).where(payments.c.state == PaymentState.PAID.value).order_by(payments.c.id)
    return list(connection.execute(query).scalars())


def unknown_money(connection: Connection) -> Sequence[tuple[str, int, int, datetime]]:
    """Money whose fate is not known, by provider: name, how many, their sum in VND, and the oldest's time."""
    rows = connection.execute(
        text(
            "SELECT a.provider, count(*) AS many, sum(coalesce(a.asked_vnd, p.amount_vnd))::bigint AS vnd, "
            "min(a.created_at) AS oldest FROM attempts a JOIN payments p ON p.id = a.payment_id "
            "WHERE a.state IN ('unknown', 'intended') GROUP BY a.provider ORDER BY a.provider"
        )
    )
    return [(row.provider, int(row.many), int(row.vnd), row.oldest) for row in rows]


def unclear_attempts(connection: Connection, limit: int) -> Sequence[tuple[Attempt, str]]:
    """The tries that are unclear, oldest first, each with the order code of its payment."""
    query = (
        select(*_ATTEMPT_COLUMNS, payments.c.order_code)
        .join(payments, payments.c.id == attempts.c.payment_id)
        .where(attempts.c.state.in_([AttemptState.UNKNOWN.value, AttemptState.INTENDED.value]))
        .order_by(attempts.c.created_at)
        .limit(limit)
    )
    rows = connection.execute(query).mappings()
    return [
        (Attempt(**{name: row[name] for name in Attempt.__slots__}), str(row["order_code"])) for row in rows
    ]


def count_by_state(connection: Connection) -> Mapping[str, int]:
    rows = connection.execute(select(payments.c.state, func.count()).group_by(payments.c.state))
    return {str(state): int(count) for state, count in rows}
