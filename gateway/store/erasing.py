"""What forgetting takes away, table by table: what a person told, never a sum, a state, a code or a hash."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from gateway.store.tables import doomed_files, events, webhook_messages


@dataclass(frozen=True, slots=True)
class Blanks:
    """Nothing, sealed for each of these columns: it is read like all else, and tells of nobody."""

    applicant: bytes
    answers: bytes
    payer: bytes
    recipient: bytes
    paper: bytes


_PEOPLE = (
    (
        "UPDATE cases SET forgotten_at = :now, applicant_sealed = :applicant, answers_sealed = :answers, "
        "phone_index = NULL WHERE case_code = :case_code"
    ),
    "UPDATE case_documents SET name = '' WHERE case_code = :case_code",
    "UPDATE case_document_versions SET name = '' WHERE case_code = :case_code",
    (
        "UPDATE case_steps SET name = '', reason = '', "
        "why_returned = CASE WHEN why_returned IS NULL THEN NULL ELSE '' END WHERE case_code = :case_code"
    ),
    "UPDATE uploads SET metadata = '', reason = NULL WHERE case_code = :case_code",
    "UPDATE deliveries SET recipient_sealed = :recipient WHERE case_code = :case_code",
    "UPDATE case_papers SET facts_sealed = :paper WHERE case_code = :case_code",
    (
        "UPDATE payments SET payer_sealed = :payer, return_url = split_part(split_part(return_url, '#', 1), '?', 1) "
        "WHERE case_code = :case_code"
    ),
    (
        "UPDATE attempts a SET redirect_url = NULL, qr_payload = NULL FROM payments p "
        "WHERE p.id = a.payment_id AND p.case_code = :case_code"
    ),
    (
        "UPDATE inbox SET query = ''::bytea, headers = '{}', body = ''::bytea WHERE id IN ("
        "SELECT substring(cause FROM '^inbox:([0-9]{1,18})')::bigint FROM events WHERE case_code = :case_code UNION "
        "SELECT substring(cause FROM '^inbox:([0-9]{1,18})')::bigint FROM uploads WHERE case_code = :case_code)"
    ),
    (
        "UPDATE inbox SET query = ''::bytea, headers = '{}', body = ''::bytea WHERE reference IS NOT NULL "
        "AND reference IN (SELECT unnest(ARRAY[case_code, portal_id || ':' || reference]) FROM cases "
        "WHERE case_code = :case_code UNION "
        "SELECT unnest(ARRAY[p.id, p.order_code, a.reference, f.id]) FROM payments p "
        "LEFT JOIN attempts a ON a.payment_id = p.id LEFT JOIN refunds f ON f.payment_id = p.id "
        "WHERE p.case_code = :case_code UNION "
        "SELECT id FROM deliveries WHERE case_code = :case_code)"
    ),
)
_OF_DOCUMENTS = (
    "SELECT sha256 FROM case_documents WHERE case_code = :case_code UNION "
    "SELECT sha256 FROM case_document_versions WHERE case_code = :case_code UNION "
    "SELECT unnest(ARRAY[pdf_sha256, json_sha256]) FROM case_papers WHERE case_code = :case_code UNION "
    "SELECT value FROM events, jsonb_each_text(data) WHERE case_code = :case_code AND subject_kind = 'paper' "
    "AND key LIKE '%\\_sha256'"
)
"""The papers' events name those too that a completed one took the place of."""


def people(connection: Connection, case_code: str, blanks: Blanks, now: datetime) -> None:
    """Of a case: its applicant, payer, recipient, the names of its files, and the messages that told of them."""
    values = {name: getattr(blanks, name) for name in Blanks.__slots__}
    for statement in _PEOPLE:
        connection.execute(text(statement), {"case_code": case_code, "now": now, **values})
    doom(connection, _hashes(connection, _OF_DOCUMENTS, case_code))


_ACCOUNTS = (
    (
        "UPDATE receipts r SET facts_sealed = :facts, reason = CASE WHEN r.reason IS NULL THEN NULL ELSE '' END "
        "FROM payments p WHERE p.id = r.payment_id AND p.case_code = :case_code"
    ),
    "UPDATE refunds f SET reason = '' FROM payments p WHERE p.id = f.payment_id AND p.case_code = :case_code",
)
_OF_RECEIPTS = (
    "SELECT unnest(ARRAY[r.pdf_sha256, r.json_sha256, r.xml_sha256]) FROM receipts r "
    "JOIN payments p ON p.id = r.payment_id WHERE p.case_code = :case_code UNION "
    "SELECT value FROM events, jsonb_each_text(data) WHERE case_code = :case_code AND subject_kind = 'receipt' "
    "AND key LIKE '%\\_sha256'"
)
_OF_PROOFS = (
    "SELECT f.proof_sha256 FROM refunds f JOIN payments p ON p.id = f.payment_id WHERE p.case_code = :case_code UNION "
    "SELECT data ->> 'proof_sha256' FROM events WHERE case_code = :case_code"
)


def accounts(connection: Connection, case_code: str, facts: bytes) -> None:
    """Of a case: what its receipts say of the payer, reasons in words, receipts' papers and proofs of transfers."""
    for statement in _ACCOUNTS:
        connection.execute(text(statement), {"case_code": case_code, "facts": facts})
    doom(connection, _hashes(connection, _OF_RECEIPTS, case_code))
    doom(connection, _hashes(connection, _OF_PROOFS, case_code), is_proof=True)


def _hashes(connection: Connection, query: str, case_code: str) -> Sequence[str]:
    found = connection.execute(text(query), {"case_code": case_code}).scalars()
    return sorted({each for each in found if each is not None})


# --- what happened --------------------------------------------------------------------------------------


def shrink_event(connection: Connection, event_id: int, data: Mapping[str, object], body: bytes) -> None:
    """Leave of an event's data this part, and of the messages that told of it this body."""
    connection.execute(update(events).where(events.c.id == event_id).values(data=data))
    connection.execute(
        update(webhook_messages).where(webhook_messages.c.event_id == event_id).values(body=body)
    )


# --- messages -------------------------------------------------------------------------------------------

_OLD = {
    "inbox": (
        "WITH old AS (SELECT id, received_at AS at FROM inbox WHERE received_at < :before "
        "AND (received_at, id) > (:at, :id) ORDER BY received_at, id LIMIT :limit), "
        "done AS (UPDATE inbox SET query = ''::bytea, headers = '{}', body = ''::bytea FROM old "
        "WHERE inbox.id = old.id) "
        "SELECT at, id, count(*) OVER () AS many FROM old ORDER BY at DESC, id DESC LIMIT 1"
    ),
    "calls": (
        "WITH old AS (SELECT id, created_at AS at FROM calls WHERE created_at < :before "
        "AND (created_at, id) > (:at, :id) ORDER BY created_at, id LIMIT :limit), "
        "done AS (UPDATE calls SET answer = NULL FROM old WHERE calls.id = old.id) "
        "SELECT at, id, count(*) OVER () AS many FROM old ORDER BY at DESC, id DESC LIMIT 1"
    ),
}
MESSAGES = tuple(_OLD)
"""What reached us, and what was answered to us."""


def old_messages(
    connection: Connection, table: str, before: datetime, after: tuple[datetime, int], limit: int
) -> tuple[datetime, int, int] | None:
    """Empty the next messages behind `after` that are older than `before`; the last one's place and how many.

    None where there are none. That they came, from whom, and how they were judged stays.
    """
    at, id_ = after
    row = connection.execute(
        text(_OLD[table]), {"before": before, "at": at, "id": id_, "limit": limit}
    ).first()
    return None if row is None else (row.at, int(row.id), int(row.many))


# --- statements -----------------------------------------------------------------------------------------


def old_statements(connection: Connection, before: datetime, limit: int) -> Sequence[tuple[str, str]]:
    """Id and SHA-256 of statements taken in before then that are not erased, and that leave nothing unexplained."""
    rows = connection.execute(
        text(
            "SELECT s.id, s.sha256 FROM statements s WHERE s.forgotten_at IS NULL AND s.created_at < :before "
            "AND NOT EXISTS (SELECT FROM statement_lines l LEFT JOIN matches m ON m.line_id = l.id "
            "WHERE l.statement_id = s.id AND coalesce(m.kind, 'break') = 'break') "
            "ORDER BY s.created_at LIMIT :limit FOR UPDATE OF s SKIP LOCKED"
        ),
        {"before": before, "limit": limit},
    )
    return [(row.id, row.sha256) for row in rows]


def statement(connection: Connection, statement_id: str, memo: bytes, now: datetime) -> None:
    """Take away what its lines say in words; their sums, days and numbers stay."""
    for query in (
        "UPDATE statement_lines SET memo_sealed = :memo WHERE statement_id = :id",
        "UPDATE statements SET forgotten_at = :now WHERE id = :id",
    ):
        connection.execute(text(query), {"id": statement_id, "memo": memo, "now": now})


# --- files ----------------------------------------------------------------------------------------------


def doom(connection: Connection, sha256s: Sequence[str], *, is_proof: bool = False) -> None:
    """These files are to go, unless something else still names them when they are looked at."""
    rows = [{"sha256": each, "is_proof": is_proof} for each in sha256s]
    if rows:
        connection.execute(upsert(doomed_files).on_conflict_do_nothing(), rows)


@dataclass(frozen=True, slots=True)
class Doomed:
    sha256: str
    is_proof: bool


def doomed(connection: Connection, after: str, limit: int) -> Sequence[Doomed]:
    """The next files that are to go, behind `after`; locked until the transaction ends."""
    query = (
        select(doomed_files.c.sha256, doomed_files.c.is_proof)
        .where(doomed_files.c.sha256 > after)
        .order_by(doomed_files.c.sha256)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return [Doomed(row.sha256, row.is_proof) for row in connection.execute(query)]


_NAMED = """
SELECT d.sha256 FROM case_documents d JOIN cases c USING (case_code)
WHERE d.sha256 = ANY (:files) AND c.forgotten_at IS NULL
UNION SELECT v.sha256 FROM case_document_versions v JOIN cases c USING (case_code)
WHERE v.sha256 = ANY (:files) AND c.forgotten_at IS NULL
UNION SELECT file FROM case_papers x JOIN cases c USING (case_code), unnest(ARRAY[x.pdf_sha256, x.json_sha256]) AS file
WHERE c.forgotten_at IS NULL AND file = ANY (:files)
UNION SELECT file FROM receipts r JOIN payments p ON p.id = r.payment_id LEFT JOIN retention t USING (case_code),
    unnest(ARRAY[r.pdf_sha256, r.json_sha256, r.xml_sha256]) AS file
WHERE t.accounts_forgotten_at IS NULL AND file = ANY (:files)
UNION SELECT f.proof_sha256 FROM refunds f JOIN payments p ON p.id = f.payment_id
    LEFT JOIN retention t USING (case_code)
WHERE t.accounts_forgotten_at IS NULL AND f.proof_sha256 = ANY (:files)
UNION SELECT s.sha256 FROM statements s WHERE s.forgotten_at IS NULL AND s.sha256 = ANY (:files)
"""
_PROVING = """
SELECT data ->> 'proof_sha256' FROM events e LEFT JOIN retention t USING (case_code)
WHERE t.accounts_forgotten_at IS NULL AND data ->> 'proof_sha256' = ANY (:files)
"""
"""One paper may prove what became of many tries. No index has this: it is asked for proofs alone, which are few."""


def still_named(connection: Connection, files: Sequence[Doomed]) -> frozenset[str]:
    """Those of these files that something names whose time is not over."""
    named = set(connection.execute(text(_NAMED), {"files": [each.sha256 for each in files]}).scalars())
    proofs = [each.sha256 for each in files if each.is_proof]
    if proofs:
        named |= set(connection.execute(text(_PROVING), {"files": proofs}).scalars())
    return frozenset(named)


def spare(connection: Connection, sha256s: Sequence[str]) -> None:
    """These are gone, or are needed after all."""
    connection.execute(text("DELETE FROM doomed_files WHERE sha256 = ANY (:files)"), {"files": list(sha256s)})
