"""The official papers of cases: put down with the event that makes them, made behind, each once for ever."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from gateway.store.tables import case_papers

LARGEST_LIST = 500


@dataclass(frozen=True, slots=True)
class CasePaper:
    """A paper of `form` (`submission`, or the circular's `01` to `06`), the `number`-th of its form in the case.

    Until it is made it has no files, no level and no `made_at`.
    """

    id: str
    case_code: str
    form: str
    number: int
    event_id: int
    facts_sealed: bytes
    pdf_sha256: str | None
    json_sha256: str | None
    level: str | None
    version: int
    created_at: datetime
    made_at: datetime | None


_COLUMNS = [case_papers.c[name] for name in CasePaper.__slots__]


def next_number(connection: Connection, case_code: str, form: str) -> int:
    """Which paper of its form the next one of a case is, from 1. The caller holds the case's lock."""
    query = select(func.coalesce(func.max(case_papers.c.number), 0) + 1).where(
        case_papers.c.case_code == case_code, case_papers.c.form == form
    )
    return int(connection.execute(query).scalar_one())


def add(
    connection: Connection, *, case_code: str, form: str, number: int, event_id: int, facts_sealed: bytes
) -> str:
    """The id of the new paper. Raises `IntegrityError` where this event has a paper of this form."""
    values = {"case_code": case_code, "form": form, "number": number, "event_id": event_id}
    query = insert(case_papers).values(**values, facts_sealed=facts_sealed).returning(case_papers.c.id)
    return str(connection.execute(query).scalar_one())


def find(connection: Connection, paper_id: str) -> CasePaper | None:
    row = connection.execute(select(*_COLUMNS).where(case_papers.c.id == paper_id)).mappings().first()
    return None if row is None else CasePaper(**row)


def made_of_case(connection: Connection, case_code: str, limit: int = LARGEST_LIST) -> Sequence[CasePaper]:
    """The papers of a case that are made, newest first."""
    query = (
        select(*_COLUMNS)
        .where(case_papers.c.case_code == case_code, case_papers.c.made_at.is_not(None))
        .order_by(case_papers.c.event_id.desc())
        .limit(limit)
    )
    return [CasePaper(**row) for row in connection.execute(query).mappings()]


def make(
    connection: Connection, paper_id: str, *, files: Mapping[str, str], level: str, now: datetime
) -> bool:
    """The paper is made; `files` are `pdf_sha256` and `json_sha256`. False when it was made before."""
    done = connection.execute(
        update(case_papers)
        .where(case_papers.c.id == paper_id, case_papers.c.made_at.is_(None))
        .values(made_at=now, level=level, **files)
    )
    return done.rowcount == 1


def complete(connection: Connection, paper_id: str, *, before: str, after: str, level: str) -> int | None:
    """The new version of a paper whose signature was completed; None when it is the same, or another did it."""
    if before == after:
        return None
    query = (
        update(case_papers)
        .where(case_papers.c.id == paper_id, case_papers.c.pdf_sha256 == before)
        .values(pdf_sha256=after, level=level, version=case_papers.c.version + 1)
        .returning(case_papers.c.version)
    )
    return connection.execute(query).scalar()
