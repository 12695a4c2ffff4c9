"""Whose time is over, what keeps a case all the same, and holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from gateway.domain.case import ENDED_WITHOUT_RESULT
from gateway.domain.delivery import TERMINAL, DeliveryState
from gateway.domain.legal_receipt import LegalState
from gateway.domain.payment import AttemptState, PaymentState, is_finished
from gateway.domain.refund import RefundState
from gateway.domain.retention import Waits
from gateway.store.tables import holds, retention


@dataclass(frozen=True, slots=True)
class Ended:
    """A case that has ended, and when."""

    case_code: str
    ended_at: datetime


def note_ends(connection: Connection, ends: Mapping[str, datetime]) -> None:
    """These cases have ended then; safe to do again."""
    rows = [{"case_code": code, "ended_at": at} for code, at in sorted(ends.items())]
    if rows:
        connection.execute(upsert(retention).on_conflict_do_nothing(), rows)


def begin_anew(connection: Connection, case_code: str, at: datetime) -> None:
    """Something of a person came to a case that was forgotten: its time counts from then once more."""
    connection.execute(
        update(retention)
        .where(retention.c.case_code == case_code, retention.c.forgotten_at < at)
        .values(forgotten_at=None, accounts_forgotten_at=None, ended_at=at)
    )


_DUE = """
SELECT r.case_code, r.ended_at FROM retention r JOIN cases c USING (case_code)
LEFT JOIN unnest(CAST(:codes AS text[]), CAST(:versions AS int[]), CAST(:befores AS timestamptz[]))
    AS own (code, version, before) ON (own.code, own.version) = (c.procedure_code, c.procedure_version)
WHERE r.forgotten_at IS NULL AND r.ended_at < coalesce(own.before, :before)
    AND (CAST(:first AS boolean) OR (r.ended_at, r.case_code) > (:ended_at, :case_code))
ORDER BY r.ended_at, r.case_code LIMIT :limit
"""


def due(
    connection: Connection,
    before: datetime,
    own: Mapping[tuple[str, int], datetime],
    *,
    after: Ended | None = None,
    limit: int,
) -> Sequence[Ended]:
    """Cases whose people are still known and that ended before `before`, behind `after` in the order of their ends.

    `own` has another day for the versions of procedures that name their own time.
    """
    rows = connection.execute(
        text(_DUE),
        {
            "codes": [code for code, _ in own],
            "versions": [version for _, version in own],
            "befores": list(own.values()),
            "before": before,
            "first": after is None,
            "ended_at": before if after is None else after.ended_at,
            "case_code": "" if after is None else after.case_code,
            "limit": limit,
        },
    )
    return [Ended(row.case_code, row.ended_at) for row in rows]


def accounts_due(
    connection: Connection, before: datetime, *, after: Ended | None = None, limit: int
) -> Sequence[Ended]:
    """Cases that are forgotten but for their accounts and that ended before `before`; the order as of `due`."""
    query = select(retention.c.case_code, retention.c.ended_at).where(
        retention.c.forgotten_at.is_not(None),
        retention.c.accounts_forgotten_at.is_(None),
        retention.c.ended_at < before,
    )
    if after is not None:
        query = query.where(
            text("(ended_at, case_code) > (:ended_at, :case_code)").bindparams(
                ended_at=after.ended_at, case_code=after.case_code
            )
        )
    query = query.order_by(retention.c.ended_at, retention.c.case_code).limit(limit)
    return [Ended(row.case_code, row.ended_at) for row in connection.execute(query)]


_LAST_OF_ACCOUNTS = """
SELECT greatest(r.ended_at,
    (SELECT max(p.paid_at) FROM payments p WHERE p.case_code = r.case_code),
    (SELECT max(greatest(x.issued_at, x.ended_at)) FROM receipts x JOIN payments p ON p.id = x.payment_id
     WHERE p.case_code = r.case_code),
    (SELECT max(coalesce(x.ended_at, x.created_at)) FROM refunds x JOIN payments p ON p.id = x.payment_id
     WHERE p.case_code = r.case_code)) AS at
FROM retention r WHERE r.case_code = :case_code
"""


def last_of_accounts(connection: Connection, case_code: str) -> datetime:
    """The last day of the accounts of a case that ended: of its end, money, receipts and refunds the latest."""
    found: datetime = connection.execute(text(_LAST_OF_ACCOUNTS), {"case_code": case_code}).scalar_one()
    return found


def is_open(connection: Connection, case_code: str, column: str) -> bool:
    """Whether a case has ended and `forgotten_at`, or `accounts_forgotten_at`, is not set; locked if so."""
    query = (
        select(retention.c.case_code)
        .where(retention.c.case_code == case_code, retention.c[column].is_(None))
        .with_for_update()
    )
    return connection.execute(query).scalar() is not None


def are_accounts_forgotten(connection: Connection, case_code: str) -> bool:
    query = select(retention.c.accounts_forgotten_at).where(retention.c.case_code == case_code)
    return connection.execute(query).scalar() is not None


def mark(connection: Connection, case_code: str, column: str, now: datetime) -> None:
    """Set `forgotten_at` or `accounts_forgotten_at`."""
    connection.execute(
        update(retention).where(retention.c.case_code == case_code).values({retention.c[column]: now})
    )


# --- what keeps a case ----------------------------------------------------------------------------------

_WAITS: Mapping[Waits, str] = {
    Waits.HELD: "SELECT FROM holds h WHERE h.case_code = c.case_code",
    Waits.OWED: (
        "SELECT FROM obligations o JOIN payments p ON p.id = o.payment_id "
        "WHERE p.case_code = c.case_code AND o.settled_at IS NULL"
    ),
    Waits.UNCLEAR: (
        "SELECT FROM payments p LEFT JOIN attempts a ON a.payment_id = p.id AND a.state = ANY (:unclear) "
        "WHERE p.case_code = c.case_code AND (p.state = ANY (:unpaid) OR a.id IS NOT NULL)"
    ),
    Waits.REFUNDING: (
        "SELECT FROM refunds f JOIN payments p ON p.id = f.payment_id "
        "WHERE p.case_code = c.case_code AND f.state = ANY (:refunding)"
    ),
    Waits.DELIVERING: (
        "SELECT FROM deliveries d WHERE d.case_code = c.case_code AND d.state <> ALL (:delivered) "
        "AND NOT (d.state = :unordered AND c.state = ANY (:without_result))"
    ),
    Waits.UNISSUED: (
        "SELECT FROM case_papers x WHERE x.case_code = c.case_code AND x.made_at IS NULL UNION ALL "
        "SELECT FROM receipts r JOIN payments p ON p.id = r.payment_id "
        "LEFT JOIN legal_receipts l ON l.receipt_id = r.id "
        "WHERE p.case_code = c.case_code AND (r.state = 'numbered' OR l.state = ANY (:unissued))"
    ),
    Waits.UNTOLD: "SELECT FROM portal_sync s WHERE s.case_code = c.case_code AND s.state = 'waiting'",
    Waits.UNSEALED: (
        "SELECT FROM events e WHERE e.case_code = c.case_code "
        "AND NOT EXISTS (SELECT FROM leaves l WHERE l.event_id = e.id)"
    ),
}
assert set(_WAITS) == set(Waits), "each reason is looked for"
_ALL_WAITS = (
    "SELECT "  # noqa: S608 - put together from what stands above
    + ", ".join(f"EXISTS ({query}) AS {why.value}" for why, query in _WAITS.items())
    + " FROM cases c WHERE c.case_code = :case_code"
)
_STATES = {
    "unclear": [AttemptState.UNKNOWN.value],
    "unpaid": [state.value for state in PaymentState if not is_finished(state)],
    "refunding": [
        state.value
        for state in RefundState
        if state not in {RefundState.SUCCEEDED, RefundState.DECLINED, RefundState.FAILED}
    ],
    "delivered": [state.value for state in TERMINAL],
    "unordered": DeliveryState.DRAFT.value,
    "without_result": [state.value for state in ENDED_WITHOUT_RESULT],
    "unissued": [
        state.value
        for state in (LegalState.INTENDED, LegalState.SENT, LegalState.REFUSED, LegalState.CANCELLING)
    ],
}


def waits(connection: Connection, case_code: str) -> Sequence[Waits]:
    """Everything that keeps a case, whatever its time."""
    row = connection.execute(text(_ALL_WAITS), {"case_code": case_code, **_STATES}).mappings().one()
    return [why for why in Waits if row[why.value]]


# --- holds ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hold:
    """What somebody wants to be kept, since when and why."""

    case_code: str
    reason: str
    set_by: str
    created_at: datetime


def set_hold(connection: Connection, hold: Hold) -> bool:
    """False where the case is held already; what stands there stays."""
    values = {name: getattr(hold, name) for name in Hold.__slots__}
    query = upsert(holds).values(**values).on_conflict_do_nothing().returning(holds.c.case_code)
    return connection.execute(query).scalar() is not None


def clear_hold(connection: Connection, case_code: str) -> bool:
    """False where it was not held."""
    return connection.execute(delete(holds).where(holds.c.case_code == case_code)).rowcount == 1


def held(connection: Connection, limit: int) -> Sequence[Hold]:
    """The holds that stand, oldest first."""
    query = select(*[holds.c[name] for name in Hold.__slots__]).order_by(holds.c.created_at).limit(limit)
    return [Hold(**row) for row in connection.execute(query).mappings()]
