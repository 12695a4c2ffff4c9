"""One case is forgotten: the person goes, and what happened stays proved.

First all that the applicant, the payer and the receiver told, with their papers and messages and the salt of the case
in the proof log; later, when the time of accounts is over, what receipts say of the payer. Sums, states, codes, hashes
and leaves stay. Each part is one transaction; the files go after it (`retention.sweep`).
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from gateway.domain.retention import left_of
from gateway.service import sealed, show
from gateway.service.context import Context
from gateway.store import cases as case_store
from gateway.store import erasing, spine
from gateway.store import log as proof
from gateway.store import retention as store

PEOPLE, ACCOUNTS = "forgotten_at", "accounts_forgotten_at"
"""The two parts, by where it is told when each was forgotten."""
FORGOTTEN, ACCOUNTS_FORGOTTEN = "case.forgotten", "case.accounts_forgotten"
MOST_EVENTS = 1_000_000
_NOBODY: Mapping[str, object] = {}


def forget_people(context: Context, case_code: str, now: datetime) -> bool:
    """Erase whom a case is about; False where something keeps it, or it was done before."""
    with context.engine.begin() as connection:
        case = _free(connection, case_code, PEOPLE)
        if case is None:
            return False
        erasing.people(connection, case_code, _blanks(context), now)
        for event in spine.of_case(connection, case_code, MOST_EVENTS):
            _shrink(connection, event)
        proof.forget_salt(connection, case_code, now)
        store.mark(connection, case_code, PEOPLE, now)
        _tell(connection, case, FORGOTTEN, now)
    return True


def forget_accounts(context: Context, case_code: str, now: datetime) -> bool:
    """Erase who paid, of a case that is forgotten otherwise; False as in `forget_people`."""
    with context.engine.begin() as connection:
        case = _free(connection, case_code, ACCOUNTS)
        if case is None:
            return False
        erasing.accounts(connection, case_code, sealed.seal(context.sealer, _NOBODY, sealed.FACTS))
        store.mark(connection, case_code, ACCOUNTS, now)
        _tell(connection, case, ACCOUNTS_FORGOTTEN, now)
    return True


def _free(connection: Connection, case_code: str, part: str) -> case_store.Case | None:
    """The case, locked, where this part of it is still known and nothing keeps it."""
    case = case_store.find(connection, case_code, lock=True)
    if case is None or not store.is_open(connection, case_code, part):
        return None
    return None if store.waits(connection, case_code) else case


def _blanks(context: Context) -> erasing.Blanks:
    def nothing(column: str) -> bytes:
        return sealed.seal(context.sealer, _NOBODY, column)

    return erasing.Blanks(
        applicant=nothing(sealed.APPLICANT),
        answers=nothing(sealed.ANSWERS),
        payer=nothing(sealed.PAYER),
        recipient=nothing(sealed.RECIPIENT),
        paper=nothing(sealed.PAPER),
    )


def _shrink(connection: Connection, event: spine.Event) -> None:
    left = left_of(event.data)
    if left != event.data:
        body = json.dumps(show.event(replace(event, data=left)), ensure_ascii=False).encode()
        erasing.shrink_event(connection, event.id, left, body)


def _tell(connection: Connection, case: case_store.Case, type_: str, now: datetime) -> None:
    """As a subject of its own: with its salt gone no leaf can be told to be of that case, and none seems to be lost."""
    spine.append(
        connection,
        spine.Change(
            subject_kind="forgetting",
            subject_id=spine.new_subject(connection, "fgt"),
            type=type_,
            version=1,
            actor="gateway",
            cause="job:forget_due",
            occurred_at=now,
            portal_id=case.portal_id,
            case_code=case.case_code,
        ),
    )
