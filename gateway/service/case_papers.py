"""The official papers of a case: made once from the facts that were put down with their event, completed, and read.

Two workers that make the same paper at the same time, or one after the other's crash, leave one: the first that is
written stands, and the other's file is a file that nothing names.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from gateway.domain.errors import NotFound
from gateway.ports import Completed
from gateway.service import paper_levels
from gateway.service.cases import Caller, find
from gateway.service.context import Context
from gateway.service.official_forms import form_of
from gateway.service.paper_facts import facts_of
from gateway.store import case_papers as store
from gateway.store import cases as case_store
from gateway.store import spine

PLANNED, ISSUED = "planned", "issued"


def issue(context: Context, paper_id: str, now: datetime) -> None:
    """Make a paper that was put down; nothing where it is made. Raises `Malformed` for facts that cannot be printed."""
    with context.engine.connect() as connection:
        paper = store.find(connection, paper_id)
    if paper is None or paper.made_at is not None:
        return
    made = context.press().form(form_of(context, facts_of(context, paper)))
    files = {f"{kind}_sha256": context.files.put(each) for kind, each in _kinds(made.pdf, made.json).items()}
    with context.engine.begin() as connection:
        if not store.make(connection, paper_id, files=files, level=made.level, now=now):
            return
        if made.missing:
            paper_levels.complete_later(context, connection, _signed(paper_id), 0, now)
        _tell(connection, paper, "paper.issued", now, files=files, version=1)


def _kinds(pdf: bytes, json: bytes) -> Mapping[str, bytes]:
    return {"pdf": pdf, "json": json}


def complete(context: Context, paper_id: str, round_: int, now: datetime) -> None:
    """Bring the signature of a paper to the level that is wanted, as far as the services for it answer now."""
    with context.engine.connect() as connection:
        paper = store.find(connection, paper_id)
    if paper is None or paper.pdf_sha256 is None or paper.json_sha256 is None:
        return
    before, json_sha256 = paper.pdf_sha256, paper.json_sha256

    def keep(connection: Connection, sha256: str, made: Completed) -> None:
        version = store.complete(connection, paper_id, before=before, after=sha256, level=made.level)
        if version is not None:
            files = {"pdf_sha256": sha256, "json_sha256": json_sha256}
            _tell(connection, paper, "paper.completed", now, files=files, version=version)

    with context.engine.connect() as connection:
        case = case_store.find(connection, paper.case_code)
    if case is None or case.forgotten_at is not None:
        return
    paper_levels.complete(context, _signed(paper_id), before, round_, now, keep=keep)


def _signed(paper_id: str) -> paper_levels.Signed:
    return paper_levels.Signed("paper_id", paper_id)


def _tell(
    connection: Connection,
    paper: store.CasePaper,
    type_: str,
    now: datetime,
    *,
    files: Mapping[str, str],
    version: int,
) -> None:
    case = case_store.find(connection, paper.case_code)
    assert case is not None
    spine.append(
        connection,
        spine.Change(
            subject_kind="paper",
            subject_id=paper.id,
            type=type_,
            version=version,
            actor="gateway",
            cause=f"event:{paper.event_id}",
            occurred_at=now,
            portal_id=case.portal_id,
            case_code=paper.case_code,
            from_state=PLANNED if version == 1 else ISSUED,
            to_state=ISSUED,
            data={"form": paper.form, "paper_id": paper.id, **files},
        ),
    )


def listed(context: Context, caller: Caller, case_code: str) -> Sequence[store.CasePaper]:
    """The papers of the caller's case that are made, newest first. Raises `NotFound`."""
    case = find(context, caller, case_code)
    with context.engine.connect() as connection:
        return store.made_of_case(connection, case.case_code)


def content(context: Context, caller: Caller, case_code: str, paper_id: str, kind: str) -> bytes:
    """A paper of the caller's case as `pdf` or `json`. Raises `NotFound`, also until it is made."""
    case = find(context, caller, case_code)
    with context.engine.connect() as connection:
        paper = store.find(connection, paper_id)
    files = {} if paper is None else {"pdf": paper.pdf_sha256, "json": paper.json_sha256}
    sha256 = files.get(kind)
    if paper is None or paper.case_code != case.case_code or sha256 is None:
        raise NotFound("this case has no such paper")
    if case.forgotten_at is not None:
        raise NotFound("the papers of this case were erased: the time for which they are kept is over")
    return context.files.get(sha256)
