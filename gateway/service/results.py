"""Results: what the agency made of a case, kept as it was signed."""

from collections.abc import Mapping
from datetime import datetime

from gateway.domain.case import CaseState
from gateway.domain.errors import Forbidden, Malformed
from gateway.service import access
from gateway.service.cases import Caller, append
from gateway.service.context import Context
from gateway.store import cases as store

PDF = "application/pdf"
TAKEN_IN = frozenset({CaseState.PROCESSING, CaseState.RESULT_READY})


def store_result(
    context: Context,
    caller: Caller,
    case_code: str,
    document: Mapping[str, str],
    content: bytes,
    now: datetime,
) -> store.Document:
    """Keep the signed result. The same bytes again change nothing.

    Raises `NotFound`, `Forbidden`, and `Malformed` for a PDF that was changed after it was signed.
    """
    signature = context.look_at_signature(content) if document["media_type"] == PDF else "unknown"
    if signature == "broken":
        raise Malformed("the result was changed after it was signed")
    with context.engine.begin() as connection:
        case = access.seen(connection, caller, case_code, lock=True)
        access.check_decides(connection, caller, case)
        if case.state not in TAKEN_IN:
            raise Forbidden("a result is taken while the case is in process or its result is ready")
        sha256 = context.files.put(content)
        known = store.documents(connection, case_code, "result")
        same = next((each for each in known if each.sha256 == sha256), None)
        if same is not None:
            return same
        code = f"result-{len(known) + 1}"
        row = {**document, "code": code, "role": "result", "size_bytes": len(content), "sha256": sha256}
        store.add_documents(connection, case_code, [{**row, "stored_at": now}])
        data = {"document": code, "sha256": sha256, "signature": signature}
        append(connection, case, caller, "case.result_stored", now, data=data)
        return next(each for each in store.documents(connection, case_code, "result") if each.code == code)
