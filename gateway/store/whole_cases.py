"""A case with all that is known of it in one round trip; what registering and handing in write, each as one statement.

The hot path of portals that file cases: bare psycopg, and no statement that is put together anew (house section 6).
With the message that orders it (`Signed`) such a statement keeps that too, and does nothing where it is believed no
more or came before: what was kept is told beside what was done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.types.json import Json, Jsonb

from gateway.store.cases import MONEY, Case, CaseMoney, Document
from gateway.store.inbox import CAUSE, KEEP_SIGNED, Kept, Signed, values_of
from gateway.store.spine import LARGEST_BATCH, Change, Event

Bare = Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Whole:
    """A case with its sealed parts, its submitted documents by code, and what happened, oldest first."""

    case: Case
    applicant_sealed: bytes = field(repr=False)
    answers_sealed: bytes = field(repr=False)
    documents: Sequence[Document]
    money: CaseMoney
    timeline: Sequence[Event]
    has_delivery: bool
    row: str | None = field(default=None, compare=False)
    """The version of its row: another one once anything in it has changed."""


@dataclass(frozen=True, slots=True)
class Move:
    """A case that moves by an event which makes a paper: the paper's form, its sealed facts, the job that makes it."""

    from_states: Sequence[str]
    values: Mapping[str, object]
    change: Change
    form: str
    facts_sealed: bytes = field(repr=False)
    task: str


_TIMES = ("recorded_at", "occurred_at")
_CASE_COLUMNS = ", ".join(f"k.{name}" for name in Case.__slots__)
_WHOLE = f"""
SELECT {_CASE_COLUMNS}, k.applicant_sealed, k.answers_sealed, m.paid_vnd, m.owed_vnd, m.owed_back_vnd,
       k.xmin::text AS row,
       (SELECT coalesce(json_agg(d ORDER BY d.code), '[]')
        FROM (SELECT {", ".join(Document.__slots__)} FROM case_documents
              WHERE case_code = k.case_code AND role = 'submitted') AS d) AS documents,
       (SELECT coalesce(json_agg(e ORDER BY e.id), '[]')
        FROM (SELECT id, xid::text || '-' || id AS position, recorded_at, occurred_at, portal_id, case_code,
                     subject_kind, subject_id, type, from_state, to_state, version, actor, data FROM events
              WHERE case_code = k.case_code ORDER BY events.id LIMIT {LARGEST_BATCH}) AS e) AS timeline,
       EXISTS (SELECT FROM deliveries WHERE case_code = k.case_code) AS has_delivery
FROM cases AS k, LATERAL ({MONEY.replace(":case_code", "k.case_code")}) AS m
WHERE k.case_code = %s
"""  # noqa: S608 - names of columns only
_LOCK = "SELECT FROM cases WHERE case_code = %s FOR UPDATE"
_OF_REFERENCE = f"SELECT {_CASE_COLUMNS} FROM cases AS k WHERE k.portal_id = %s AND k.reference = %s"  # noqa: S608 - as above


def find(connection: Bare, case_code: str, *, lock: bool = False) -> Whole | None:
    """The case of that code, whoever's; locked until the transaction ends."""
    # two statements: what is read after the lock was waited for is as it is then
    if lock and connection.execute(_LOCK, (case_code,)).fetchone() is None:
        return None
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_WHOLE, (case_code,)).fetchone()
    if row is None:
        return None
    return Whole(
        case=_case(row),
        applicant_sealed=row["applicant_sealed"],
        answers_sealed=row["answers_sealed"],
        documents=_documents(row),
        money=CaseMoney(row["paid_vnd"], row["owed_vnd"], row["owed_back_vnd"]),
        timeline=[Event(**_timed(each, _TIMES)) for each in row["timeline"]],
        has_delivery=row["has_delivery"],
        row=row["row"],
    )


def find_by_reference(connection: Bare, portal_id: str, reference: str) -> Case | None:
    with connection.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(_OF_REFERENCE, (portal_id, reference)).fetchone()
    return None if row is None else Case(**row)


def add(
    connection: Bare, values: Mapping[str, object], documents: Sequence[Mapping[str, Any]], change: Change
) -> Whole | None:
    """Insert a case with its documents and its first event; None where its code or its reference is taken."""
    row = _row(connection, _add(tuple(values)), _adding(values, documents, change))
    return None if row is None else _added(row, values, change)


def keep_and_add(
    connection: Bare,
    signed: Signed,
    values: Mapping[str, object],
    documents: Sequence[Mapping[str, Any]],
    change: Change,
) -> tuple[Kept | None, Whole | None]:
    """As `add`, with the message that is the cause of it."""
    given = {**_adding(values, documents, change), **values_of(signed)}
    row = _row(connection, _add(tuple(values), is_kept=True), given)
    kept = _kept(row)
    return kept, None if row is None or row["event_id"] is None else _added(row, values, change)


def move(connection: Bare, case_code: str, how: Move) -> Event | None:
    """Compare-and-set with the event, the paper and its job; None when the case is in none of its from-states."""
    row = _row(connection, _move(tuple(how.values)), _moving(case_code, how))
    return None if row is None else _recorded(how.change, row)


def keep_and_move(
    connection: Bare, signed: Signed, seen: Whole, how: Move
) -> tuple[Kept | None, Event | None]:
    """As `move` of a case that is not locked, with the message that is the cause of it.

    None also where the case is no longer as it was seen: its row is another one, or something else happened to it, its
    money or its parcels, as all that happens has its event.
    """
    guard = {"row": seen.row, "events": len(seen.timeline)}
    given = {**_moving(seen.case.case_code, how), **guard, **values_of(signed)}
    row = _row(connection, _move(tuple(how.values), is_kept=True), given)
    kept = _kept(row)
    return kept, None if row is None or row["event_id"] is None else _recorded(how.change, row)


def _row(connection: Bare, statement: str, given: Mapping[str, object]) -> dict[str, Any] | None:
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(statement, given).fetchone()


def _kept(row: Mapping[str, Any] | None) -> Kept | None:
    return None if row is None else Kept(row["kept_id"], row["is_new"])


def _adding(
    values: Mapping[str, Any], documents: Sequence[Mapping[str, Any]], change: Change
) -> dict[str, object]:
    return {
        **_of_change(change),
        **values,
        "fees": Jsonb(values["fees"]),
        "documents": Json(list(documents)),
    }


def _moving(case_code: str, how: Move) -> dict[str, object]:
    return {
        **_of_change(how.change),
        **{f"new_{name}": value for name, value in how.values.items()},
        "moving": case_code,
        "from_states": list(how.from_states),
        "form": how.form,
        "facts_sealed": how.facts_sealed,
        "task": how.task,
    }


def _added(row: Mapping[str, Any], values: Mapping[str, Any], change: Change) -> Whole:
    return Whole(
        case=_case(row),
        applicant_sealed=row["applicant_sealed"],
        answers_sealed=row["answers_sealed"],
        documents=_documents(row),
        money=CaseMoney(0, sum(int(fee["amount_vnd"]) for fee in values["fees"]), 0),
        timeline=[_recorded(change, row)],
        has_delivery=False,
        row=row["row"],
    )


def _case(row: Mapping[str, Any]) -> Case:
    return Case(**{name: row[name] for name in Case.__slots__})


def _documents(row: Mapping[str, Any]) -> Sequence[Document]:
    return [Document(**_timed(each, ("stored_at",))) for each in row["documents"]]


def _recorded(change: Change, row: Mapping[str, Any]) -> Event:
    """The event that a change has become."""
    told = {name: getattr(change, name) for name in Change.__slots__ if name != "cause"}
    return Event(id=row["event_id"], position=row["position"], recorded_at=row["recorded_at"], **told)


def _timed(row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The times of a JSON object as times."""
    return row | {name: datetime.fromisoformat(row[name]) for name in names if row[name] is not None}


_RECORDED = "id AS event_id, xid::text || '-' || id AS position, recorded_at"
_CHANGE_COLUMNS = ", ".join(Change.__slots__)


def _of_change(change: Change) -> dict[str, object]:
    values = {f"event_{name}": getattr(change, name) for name in Change.__slots__}
    return {**values, "event_data": Jsonb(dict(change.data))}


def _change_values(*, is_kept: bool) -> str:
    values = {name: f"%(event_{name})s" for name in Change.__slots__}
    return ", ".join((values | {"cause": CAUSE} if is_kept else values).values())


def _beginning(*, is_kept: bool) -> str:
    return f"{KEEP_SIGNED}," if is_kept else "WITH"


@cache
def _add(names: tuple[str, ...], *, is_kept: bool = False) -> str:
    return f"""
{_beginning(is_kept=is_kept)} made AS (
    INSERT INTO cases ({", ".join(names)}) SELECT {", ".join(f"%({name})s" for name in names)}
    {"FROM kept WHERE kept.is_new" if is_kept else ""} ON CONFLICT DO NOTHING RETURNING *, xmin::text AS row
), announced AS (
    INSERT INTO case_documents (case_code, code, name, media_type, size_bytes, sha256)
    SELECT made.case_code, d.* FROM made, json_to_recordset(%(documents)s)
        AS d (code text, name text, media_type text, size_bytes bigint, sha256 text)
    RETURNING {", ".join(Document.__slots__)}
), told AS (
    INSERT INTO events ({_CHANGE_COLUMNS}) SELECT {_change_values(is_kept=is_kept)}
    FROM made {", kept" if is_kept else ""} RETURNING {_RECORDED}
)
SELECT {_CASE_COLUMNS}, k.applicant_sealed, k.answers_sealed, k.row, told.* {", kept.*" if is_kept else ""},
       (SELECT coalesce(json_agg(a ORDER BY a.code), '[]') FROM announced AS a) AS documents
FROM {"kept LEFT JOIN (made AS k CROSS JOIN told) ON true" if is_kept else "made AS k, told"}
"""  # noqa: S608 - names of columns only


# a row that was changed while its lock was waited for is looked at anew, and has another xmin then
_AS_SEEN = """
      AND kept.is_new AND cases.xmin = %(row)s::text::xid
      AND %(events)s = (SELECT count(*) FROM events AS e WHERE e.case_code = %(moving)s)
"""


@cache
def _move(names: tuple[str, ...], *, is_kept: bool = False) -> str:
    return f"""
{_beginning(is_kept=is_kept)} moved AS (
    UPDATE cases SET {", ".join(f"{name} = %(new_{name})s" for name in names)}, version = version + 1
    {"FROM kept" if is_kept else ""}
    WHERE case_code = %(moving)s AND state = ANY (%(from_states)s) {_AS_SEEN if is_kept else ""}
    RETURNING case_code
), told AS (
    INSERT INTO events ({_CHANGE_COLUMNS}) SELECT {_change_values(is_kept=is_kept)}
    FROM moved {", kept" if is_kept else ""} RETURNING {_RECORDED}
), paper AS (
    INSERT INTO case_papers (case_code, form, number, event_id, facts_sealed)
    SELECT moved.case_code, %(form)s, 1, told.event_id, %(facts_sealed)s FROM moved, told RETURNING id
), put AS (
    SELECT told.*, put_job(%(task)s, %(task)s || ':' || paper.id, jsonb_build_object('paper_id', paper.id), NULL)
    FROM told, paper
)
SELECT {"kept.*, put.* FROM kept LEFT JOIN put ON true" if is_kept else "* FROM put"}
"""  # noqa: S608 - names of columns only
