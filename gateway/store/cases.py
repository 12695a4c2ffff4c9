"""Cases and their documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, exists, func, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from gateway.store.tables import case_document_versions, case_documents, case_transitions, cases


@dataclass(frozen=True, slots=True)
class Case:
    """A case without its sealed parts."""

    case_code: str
    portal_id: str
    reference: str
    fingerprint: str
    procedure_code: str
    procedure_version: int
    channel: str
    pay: str
    keeps_documents: bool
    agency_code: str
    handled_by: str | None
    state: str
    money_state: str
    delivery_state: str
    sync_state: str
    version: int
    reduction: str | None
    fees: Sequence[Mapping[str, Any]]
    track_token: str
    created_at: datetime
    submitted_at: datetime | None
    accepted_at: datetime | None
    due_on: date | None
    finished_at: datetime | None
    handed_over_at: datetime | None
    submission_receipt: str | None
    forgotten_at: datetime | None

    @property
    def handler(self) -> str:
        """The agency that owns the case's status now."""
        return self.handled_by or self.agency_code


@dataclass(frozen=True, slots=True)
class Document:
    code: str
    role: str
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    stored_at: datetime | None
    scan: str
    version: int = 1


_COLUMNS = [cases.c[name] for name in Case.__slots__]
_DOCUMENT_COLUMNS = [case_documents.c[name] for name in Document.__slots__]


def next_number(connection: Connection, agency_code: str, day: date) -> int:
    """The next counter of an agency's day; gap-free because it commits with the case that takes it."""
    return int(connection.execute(select(func.next_case_number(agency_code, day))).scalar_one())


def has_code(connection: Connection, case_code: str) -> bool:
    return bool(connection.execute(select(exists().where(cases.c.case_code == case_code))).scalar_one())


def add(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert a case. Raises `sqlalchemy.exc.IntegrityError` when its code or reference is taken."""
    connection.execute(insert(cases).values(**values))


def find(
    connection: Connection, case_code: str, portal_id: str | None = None, *, lock: bool = False
) -> Case | None:
    """The case of that code, if it is the portal's (None: whoever's); locked until the transaction ends."""
    query = select(*_COLUMNS).where(cases.c.case_code == case_code)
    return _first(connection, query, portal_id, lock=lock)


def find_many(connection: Connection, case_codes: Sequence[str], *, lock: bool = False) -> Sequence[Case]:
    """Those of these cases that there are, by code; locked in this order until the transaction ends."""
    query = select(*_COLUMNS).where(cases.c.case_code.in_(case_codes)).order_by(cases.c.case_code)
    rows = connection.execute(query.with_for_update() if lock else query).mappings()
    return [Case(**row) for row in rows]


def open_between(
    connection: Connection, begins: datetime, ends: datetime, after: str, limit: int
) -> Sequence[tuple[str, str]]:
    """Code and agency of cases taken in before `ends` that had no result by `begins`; those behind `after`, by code."""
    query = (
        select(cases.c.case_code, cases.c.agency_code)
        .where(
            cases.c.case_code > after,
            cases.c.accepted_at < ends,
            or_(cases.c.finished_at.is_(None), cases.c.finished_at > begins),
        )
        .order_by(cases.c.case_code)
        .limit(limit)
    )
    return [(row.case_code, row.agency_code) for row in connection.execute(query)]


def find_by_reference(connection: Connection, portal_id: str, reference: str) -> Case | None:
    query = select(*_COLUMNS).where(cases.c.reference == reference)
    return _first(connection, query, portal_id, lock=False)


def find_by_token(connection: Connection, track_token: str) -> Case | None:
    return _first(connection, select(*_COLUMNS).where(cases.c.track_token == track_token), None, lock=False)


def find_by_phone(connection: Connection, case_code: str, phone_index: bytes) -> Case | None:
    """The case of that code whose applicant's phone number has this blind index."""
    query = select(*_COLUMNS).where(cases.c.case_code == case_code, cases.c.phone_index == phone_index)
    return _first(connection, query, None, lock=False)


def _first(connection: Connection, query: Any, portal_id: str | None, *, lock: bool) -> Case | None:
    if portal_id is not None:
        query = query.where(cases.c.portal_id == portal_id)
    row = connection.execute(query.with_for_update() if lock else query).mappings().first()
    return None if row is None else Case(**row)


def received_between(
    connection: Connection, agency_code: str, begins: datetime, ends: datetime, *, limit: int
) -> Sequence[Case]:
    """The cases that an agency took in from `begins` on and before `ends`, in that order."""
    query = (
        select(*_COLUMNS)
        .where(cases.c.agency_code == agency_code, cases.c.accepted_at >= begins, cases.c.accepted_at < ends)
        .order_by(cases.c.accepted_at, cases.c.case_code)
        .limit(limit)
    )
    return [Case(**row) for row in connection.execute(query).mappings()]


def sealed_applicant(connection: Connection, case_code: str) -> bytes:
    query = select(cases.c.applicant_sealed).where(cases.c.case_code == case_code)
    return bytes(connection.execute(query).scalar_one())


def versions_followed(connection: Connection) -> Sequence[tuple[str, int]]:
    """Each procedure and version that a case follows."""
    query = (
        select(cases.c.procedure_code, cases.c.procedure_version).distinct().order_by(cases.c.procedure_code)
    )
    return [(row.procedure_code, row.procedure_version) for row in connection.execute(query)]


def sealed_answers(connection: Connection, case_code: str) -> bytes:
    query = select(cases.c.answers_sealed).where(cases.c.case_code == case_code)
    return bytes(connection.execute(query).scalar_one())


def change(
    connection: Connection, case_code: str, from_states: Sequence[str], values: Mapping[str, Any]
) -> bool:
    """Compare-and-set: False when the case is in none of `from_states`."""
    done = connection.execute(
        update(cases)
        .where(cases.c.case_code == case_code, cases.c.state.in_(from_states))
        .values(version=cases.c.version + 1, **values)
    )
    return done.rowcount == 1


def set_side_state(connection: Connection, case_code: str, column: str, value: str) -> bool:
    """Set `money_state`, `delivery_state` or `sync_state`; False when it was so already.

    What moved it has its own event and version (the payment's, the delivery's); the case itself has not moved.
    """
    assert column in {"money_state", "delivery_state", "sync_state"}
    done = connection.execute(
        update(cases).where(cases.c.case_code == case_code, cases.c[column] != value).values({column: value})
    )
    return done.rowcount == 1


def remember_transition(
    connection: Connection, case_code: str, reference: str, fingerprint: str
) -> str | None:
    """Claim a transition's reference. Returns the fingerprint it was claimed with before, None when new."""
    claimed = connection.execute(
        upsert(case_transitions)
        .values(case_code=case_code, reference=reference, fingerprint=fingerprint)
        .on_conflict_do_nothing()
        .returning(case_transitions.c.reference)
    ).scalar()
    if claimed is not None:
        return None
    query = select(case_transitions.c.fingerprint).where(
        case_transitions.c.case_code == case_code, case_transitions.c.reference == reference
    )
    return str(connection.execute(query).scalar_one())


def add_documents(connection: Connection, case_code: str, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(insert(case_documents), [{"case_code": case_code, **row} for row in rows])


def documents(connection: Connection, case_code: str, role: str = "submitted") -> Sequence[Document]:
    query = (
        select(*_DOCUMENT_COLUMNS)
        .where(case_documents.c.case_code == case_code, case_documents.c.role == role)
        .order_by(case_documents.c.code)
    )
    return [Document(**row) for row in connection.execute(query).mappings()]


@dataclass(frozen=True, slots=True)
class DocumentVersion:
    """A document that another one took the place of."""

    code: str
    version: int
    name: str
    media_type: str
    size_bytes: int
    sha256: str
    stored_at: datetime | None
    replaced_at: datetime


def replace_document(
    connection: Connection, case_code: str, before: Document, new: Mapping[str, Any], now: datetime
) -> None:
    """Keep a document as a version, and put what is told of the new one in its place, under the case's lock."""
    kept = {name: getattr(before, name) for name in Document.__slots__ if name != "role"}
    connection.execute(insert(case_document_versions).values(case_code=case_code, replaced_at=now, **kept))
    connection.execute(
        update(case_documents)
        .where(
            case_documents.c.case_code == case_code,
            case_documents.c.code == before.code,
            case_documents.c.role == "submitted",
        )
        .values(version=before.version + 1, stored_at=None, scan="not_scanned", **new)
    )


def document_versions(connection: Connection, case_code: str) -> Sequence[DocumentVersion]:
    """What was replaced, by code, the oldest first."""
    columns = [case_document_versions.c[name] for name in DocumentVersion.__slots__]
    query = (
        select(*columns)
        .where(case_document_versions.c.case_code == case_code)
        .order_by(case_document_versions.c.code, case_document_versions.c.version)
    )
    return [DocumentVersion(**row) for row in connection.execute(query).mappings()]


def mark_stored(
    connection: Connection, case_code: str, code: str, now: datetime, *, scan: str = "not_scanned"
) -> bool:
    """The bytes of a document came and agreed; False when they had come before."""
    done = connection.execute(
        update(case_documents)
        .where(
            case_documents.c.case_code == case_code,
            case_documents.c.code == code,
            case_documents.c.role == "submitted",
            case_documents.c.stored_at.is_(None),
        )
        .values(stored_at=now, scan=scan)
    )
    return done.rowcount == 1


def end_scan(connection: Connection, case_code: str, code: str, scan: str) -> bool:
    """The verdict on a document that waited for it; what is infected is stored no longer. False when none waited."""
    values: dict[str, object] = {"scan": scan}
    if scan == "infected":
        values["stored_at"] = None
    done = connection.execute(
        update(case_documents)
        .where(
            case_documents.c.case_code == case_code,
            case_documents.c.code == code,
            case_documents.c.role == "submitted",
            case_documents.c.scan == "pending",
        )
        .values(**values)
    )
    return done.rowcount == 1


def waits_for_scan(connection: Connection, sha256: str) -> bool:
    """Whether a document with this content waits for the scan."""
    query = select(func.count()).where(case_documents.c.sha256 == sha256, case_documents.c.scan == "pending")
    return int(connection.execute(query).scalar_one()) > 0


@dataclass(frozen=True, slots=True)
class CaseMoney:
    """In VND: what was paid on a case (less refunds), what its fee lines ask for, and what is to be given back."""

    paid_vnd: int
    owed_vnd: int
    owed_back_vnd: int


NOTHING = CaseMoney(0, 0, 0)

MONEY = """
SELECT coalesce((SELECT sum(least(paid_vnd - refunded_vnd, amount_vnd)) FROM payments
                 WHERE case_code = :case_code), 0)::bigint AS paid_vnd,
       coalesce((SELECT sum((line ->> 'amount_vnd')::bigint) FROM cases c, jsonb_array_elements(c.fees) AS line
                 WHERE c.case_code = :case_code), 0)::bigint AS owed_vnd,
       coalesce((SELECT sum(o.amount_vnd) FROM payments p JOIN obligations o ON o.payment_id = p.id
                 WHERE p.case_code = :case_code AND o.kind IN ('refund_due', 'part_unused')
                 AND o.settled_at IS NULL), 0)::bigint AS owed_back_vnd
"""


def money(connection: Connection, case_code: str) -> CaseMoney:
    """The sums of a case.

    A payment counts up to its own amount: what came twice is owed back, and pays no other fee.
    """
    row = connection.execute(text(MONEY), {"case_code": case_code}).mappings().one()
    return CaseMoney(**row)


def paid_and_owed(connection: Connection, case_code: str) -> tuple[int, int]:
    """What was paid on a case (less refunds), and what its fee lines ask for, in VND."""
    found = money(connection, case_code)
    return found.paid_vnd, found.owed_vnd


_ENDED_BEFORE = """
SELECT EXISTS (SELECT FROM events e WHERE e.case_code = :case_code AND e.subject_kind = 'case'
               AND e.to_state = ANY (:ends) AND (e.xid, e.id) < (CAST(:xid AS xid8), :event_id))
"""


def ended_before(connection: Connection, case_code: str, position: str, ends: Sequence[str]) -> bool:
    """Whether the case had come to one of the states `ends` before that place on the spine."""
    xid, _, event_id = position.partition("-")
    values = {"case_code": case_code, "xid": xid, "event_id": int(event_id), "ends": list(ends)}
    return bool(connection.execute(text(_ENDED_BEFORE), values).scalar_one())


_OVERPAID = """
WITH owed AS (
    SELECT line ->> 'code' AS code, sum((line ->> 'amount_vnd')::bigint) AS vnd
    FROM cases c, jsonb_array_elements(c.fees) AS line WHERE c.case_code = :case_code GROUP BY 1
), kept AS (
    SELECT p.id, p.lines FROM payments p
    WHERE p.case_code = :case_code AND p.state = 'paid'
    AND (p.id = :payment_id OR p.paid_vnd - p.refunded_vnd > coalesce(
        (SELECT sum(o.amount_vnd) FROM obligations o
         WHERE o.payment_id = p.id AND o.kind = 'refund_due' AND o.settled_at IS NULL), 0))
    AND EXISTS (SELECT FROM events e WHERE e.case_code = :case_code AND e.subject_id = p.id
        AND e.type = 'payment.succeeded' AND (e.xid, e.id) <= (CAST(:xid AS xid8), :event_id))
), paid AS (
    SELECT line ->> 'code' AS code, sum((line ->> 'amount_vnd')::bigint) AS vnd
    FROM kept, jsonb_array_elements(kept.lines) AS line GROUP BY 1
)
SELECT coalesce(sum(greatest(paid.vnd - owed.vnd, 0)), 0)::bigint AS vnd FROM owed JOIN paid USING (code)
WHERE code IN (SELECT line ->> 'code' FROM payments p, jsonb_array_elements(p.lines) AS line WHERE p.id = :payment_id)
"""


def overpaid_vnd(connection: Connection, case_code: str, payment_id: str, position: str) -> int:
    """How much more was paid on the case's own fee lines than they ask for, of the lines that this payment has.

    Told at the event of its success, whose place on the spine is `position`: what came later is judged in its own turn,
    and what is owed back or was given back already pays no fee. So of two that came together one is kept.
    """
    xid, _, event_id = position.partition("-")
    values = {"case_code": case_code, "payment_id": payment_id, "xid": xid, "event_id": int(event_id)}
    return int(connection.execute(text(_OVERPAID), values).scalar_one())
