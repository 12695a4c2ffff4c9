"""Documents that are told anew: while a case is a draft, or when a supplement is asked for.

What was there before is kept as a version with its hash and its file, so that what was once submitted can be proved for
as long as there is the case. The new one is sent as any other; of a case whose portal keeps its documents, the hash is
all there is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from gateway.domain.errors import Forbidden, Malformed, NotFound
from gateway.domain.upload import Scan
from gateway.service.access import Caller
from gateway.service.case_moves import append
from gateway.service.cases import procedure_of
from gateway.service.context import Context
from gateway.service.documents import TAKEN_IN
from gateway.store import cases as store

WHAT = ("name", "media_type", "size_bytes", "sha256")
"""What is told of a document; the same again is no new version."""


def announce(
    context: Context, caller: Caller, case_code: str, given: Sequence[Mapping[str, Any]], now: datetime
) -> store.Case:
    """Take each document of `given` (code, name, media type, size, SHA-256) as the newest of its code; idempotent.

    Raises `NotFound`, `Malformed` (no document of the procedure), `Forbidden` where the case takes none now, or one
    that would be replaced still waits for its virus scan.
    """
    with context.engine.begin() as connection:
        case = store.find(connection, case_code, caller.portal_id, lock=True)
        if case is None:
            raise NotFound("no case has this code")
        if case.state not in TAKEN_IN:
            raise Forbidden("documents are told before submission, or when a supplement is asked for")
        names = {each.code for each in procedure_of(context, case).documents}
        for each in given:
            if each["code"] not in names:
                raise Malformed(f"{each['code']} is not a document of this procedure")
        known = {each.code: each for each in store.documents(connection, case_code)}
        new = [each for each in given if not _is_known(known.get(each["code"]), each)]
        told = [_take(connection, case_code, known.get(each["code"]), each, now) for each in new]
        if told:
            # a version of the case too: whoever has looked at it unlocked sees that it is another one
            store.change(connection, case_code, [case.state], {})
            case = replace(case, version=case.version + 1)
            append(connection, case, caller, "case.documents_announced", now, data={"documents": told})
    return case


def _is_known(before: store.Document | None, given: Mapping[str, Any]) -> bool:
    return before is not None and all(getattr(before, name) == given[name] for name in WHAT)


def _take(
    connection: Connection,
    case_code: str,
    before: store.Document | None,
    given: Mapping[str, Any],
    now: datetime,
) -> dict[str, object]:
    code = given["code"]
    if before is None:
        store.add_documents(connection, case_code, [given])
    elif before.scan == Scan.PENDING:
        raise Forbidden(f"{code} waits for the virus scan: tell of another one when that is done")
    else:
        store.replace_document(connection, case_code, before, {name: given[name] for name in WHAT}, now)
    return {"code": code, "version": 1 if before is None else before.version + 1, "sha256": given["sha256"]}
