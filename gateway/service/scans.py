"""The virus scan of documents that are stored and wait for it: until it says clean they are given to nobody."""

import contextlib
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection

from gateway.domain.upload import Scan
from gateway.ports import Clean, Infected, Unavailable
from gateway.service import documents
from gateway.service.cases import Caller, append
from gateway.service.context import Context
from gateway.store import alarms
from gateway.store import cases as store


def scan(context: Context, case_code: str, code: str, round_: int, now: datetime) -> None:
    """One try. Without a verdict there is another one later, and after some of them a person is told."""
    with context.engine.connect() as connection:
        known = {each.code: each for each in store.documents(connection, case_code)}
    document = known.get(code)
    if document is None or document.scan != Scan.PENDING:
        return
    with _opened(context, document.sha256) as file:
        verdict = Clean() if context.scanner is None else context.scanner(file)
    if isinstance(verdict, Unavailable):
        _again(context, case_code, code, round_ + 1, verdict, now)
        return
    path = context.parts.waiting(document.sha256)
    if path is not None:
        _move(context, path, document.sha256, verdict)
    said = _said(context, verdict)
    with context.engine.begin() as connection:
        _end(connection, case_code, code, said, verdict, now)
    with context.engine.connect() as connection:
        waits = store.waits_for_scan(connection, document.sha256)
    if not waits:
        context.parts.release(document.sha256)


def _opened(context: Context, sha256: str) -> BinaryIO:
    """What waits; where another document of the same content was found clean meanwhile, the store has it."""
    path = context.parts.waiting(sha256)
    with contextlib.suppress(FileNotFoundError):
        if path is not None:
            return path.open("rb")
    return context.files.open(sha256)


def _move(context: Context, path: Path, sha256: str, verdict: Clean | Infected) -> None:
    # another document of the same content may have let go of it: then it lies where it belongs already
    with contextlib.suppress(FileNotFoundError):
        if isinstance(verdict, Clean):
            context.files.adopt(path, sha256)
        else:
            context.parts.quarantine(path, sha256)


def _said(context: Context, verdict: Clean | Infected) -> Scan:
    if isinstance(verdict, Infected):
        return Scan.INFECTED
    return (
        Scan.NOT_SCANNED if context.scanner is None else Scan.CLEAN
    )  # whoever runs us does without a scanner now


def _end(
    connection: Connection, case_code: str, code: str, said: Scan, verdict: Clean | Infected, now: datetime
) -> None:
    case = store.find(connection, case_code, lock=True)
    assert case is not None
    if not store.end_scan(connection, case_code, code, said.value):
        return
    caller = Caller(case.portal_id, case.agency_code, f"job:{documents.SCAN_TASK}")
    if isinstance(verdict, Infected):
        documents.found(connection, case_code, code, verdict)
        data = {"document": code, "scan": said.value, "reason": str(documents.harmful())}
        append(connection, case, caller, "case.document_refused", now, data=data, actor="gateway")
    else:
        data = {"document": code, "scan": said.value}
        append(connection, case, caller, "case.document_scanned", now, data=data, actor="gateway")
    alarms.close(connection, "scan_waits", f"{case_code}/{code}", now)


def _again(
    context: Context, case_code: str, code: str, round_: int, verdict: Unavailable, now: datetime
) -> None:
    with context.engine.begin() as connection:
        documents.put_scan(connection, case_code, code, now, round_=round_)
        if round_ >= len(documents.SCAN_DELAYS_S):
            alarms.raise_alarm(connection, "scan_waits", f"{case_code}/{code}", verdict.reason)
