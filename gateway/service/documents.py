"""Documents on their way into a case: whole, of the announced content and kind, and scanned, or not taken at all.

A document that waits for the scan is stored, and its file kept apart: the store of files does not have it, so nobody
can be given it. One that the scan refuses is put away in quarantine.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from gateway.domain.case import CaseState
from gateway.domain.errors import Forbidden, Harmful, Malformed, NotFound
from gateway.domain.upload import Scan
from gateway.ports import Clean, Infected
from gateway.service.cases import Caller, append
from gateway.service.context import Context
from gateway.store import alarms, jobs
from gateway.store import cases as store
from signing.mac import sha256_hex

TAKEN_IN = frozenset({CaseState.DRAFT, CaseState.SUPPLEMENT_REQUIRED})
SCAN_TASK = "scan_document"
SCAN_AT_ONCE_BYTES = 32_000_000
"""A larger one is scanned behind: nobody waits at a form for it."""
SCAN_DELAYS_S = (30, 120, 600, 1800, 3600)
"""When a document is scanned again whose scan gave no verdict; the last one over and over."""


def store_document(
    context: Context, caller: Caller, case_code: str, code: str, content: bytes, now: datetime
) -> store.Document:
    """Take the bytes of an announced document.

    Raises `NotFound`, `Forbidden`, `Malformed` (size, digest, content) and `Harmful`.
    """
    with context.engine.connect() as connection:
        document = announced(connection, caller, case_code, code)
    if len(content) != document.size_bytes:
        raise Malformed(f"{document.size_bytes} bytes were announced, {len(content)} came")
    if sha256_hex(content) != document.sha256:
        raise Malformed("the SHA-256 of what came is not the one that was announced")
    with context.parts.temporary(content) as path:
        return take(context, caller, case_code, document, path, now)


def announced(connection: Connection, caller: Caller, case_code: str, code: str) -> store.Document:
    """The document as it was announced. Raises `NotFound`, and `Forbidden` where the case takes none now."""
    return _announced(connection, caller, case_code, code, lock=False)[1]


def _announced(
    connection: Connection, caller: Caller, case_code: str, code: str, *, lock: bool
) -> tuple[store.Case, store.Document]:
    case = store.find(connection, case_code, caller.portal_id, lock=lock)
    known = {each.code: each for each in store.documents(connection, case_code)} if case else {}
    if case is None or code not in known:
        raise NotFound("no such document was announced with this case")
    if case.keeps_documents:
        raise Forbidden("the portal keeps the documents of this case, and told their hashes only")
    if case.state not in TAKEN_IN:
        raise Forbidden("documents are taken before submission, or when a supplement is asked for")
    return case, known[code]


def take(
    context: Context,
    caller: Caller,
    case_code: str,
    document: store.Document,
    path: Path,
    now: datetime,
    *,
    also: Callable[[Connection], None] = lambda _: None,
) -> store.Document:
    """Take the file at `path`, whose size and SHA-256 are the announced ones; `also` is done in the same transaction.

    Raises `Malformed` for a content of another kind, `Harmful`, and as `announced`.
    """
    scan = _judge(context, case_code, document, path)
    if scan is Scan.PENDING:
        context.parts.keep_waiting(path, document.sha256)
    else:
        context.files.adopt(path, document.sha256)
    with context.engine.begin() as connection:
        case, now_told = _announced(connection, caller, case_code, document.code, lock=True)
        if now_told.sha256 != document.sha256:
            raise Forbidden("another version of this document was told of while this one came")
        document = now_told
        if store.mark_stored(connection, case_code, document.code, now, scan=scan.value):
            data = {"document": document.code, "scan": scan.value}
            append(connection, case, caller, "case.document_stored", now, data=data)
            if scan is Scan.PENDING:
                put_scan(connection, case_code, document.code, now, round_=0)
        also(connection)
    return document


def _judge(context: Context, case_code: str, document: store.Document, path: Path) -> Scan:
    with path.open("rb") as file:
        context.inspect(file, document.media_type)
        if context.scanner is None:
            return Scan.NOT_SCANNED
        if document.size_bytes > SCAN_AT_ONCE_BYTES:
            return Scan.PENDING
        verdict = context.scanner(file)
    if isinstance(verdict, Infected):
        context.parts.quarantine(path, document.sha256)
        with context.engine.begin() as connection:
            found(connection, case_code, document.code, verdict)
        raise harmful()
    return Scan.CLEAN if isinstance(verdict, Clean) else Scan.PENDING


def found(connection: Connection, case_code: str, code: str, verdict: Infected) -> None:
    """Tell a person what the scan found, and where."""
    alarms.raise_alarm(connection, "document_infected", f"{case_code}/{code}", verdict.name)


def harmful() -> Harmful:
    return Harmful(
        "tệp có thể chứa mã độc nên không được nhận; hãy quét máy, tạo lại tệp từ bản gốc rồi gửi lại / "
        "the file may hold harmful code and is not taken: clean the computer, make the file anew and send it again"
    )


def put_scan(connection: Connection, case_code: str, code: str, now: datetime, *, round_: int) -> None:
    """Scan it behind: at once where it has not been tried, else after the delay of that round."""
    delay_s = SCAN_DELAYS_S[min(round_, len(SCAN_DELAYS_S)) - 1] if round_ else 0
    args = {"case_code": case_code, "code": code, "round": round_}
    subject = f"{case_code}/{code}"
    jobs.put(connection, SCAN_TASK, subject=subject, args=args, at=now + timedelta(seconds=delay_s))
