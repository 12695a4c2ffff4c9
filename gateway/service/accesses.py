"""Who of the staff looked at whose personal data, when and why: told on the spine before anything is shown.

So it is append-only and sealed with all else, and nobody looks without leaving a name and a reason.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from gateway.domain.errors import NotFound
from gateway.service.context import Context
from gateway.store import cases as case_store
from gateway.store import spine

VIEWED = "case.viewed"
ACCOUNT_VIEWED = "account.viewed"
MOST_EVENTS = 100_000


@dataclass(frozen=True, slots=True)
class Viewing:
    """A look at personal data: by whom (`staff:NAME`), in what, why, and when."""

    by: str
    what: str
    reason: str
    at: datetime


def note(connection: Connection, cases: Iterable[case_store.Case], viewing: Viewing) -> None:
    """Tell of a look at each of these cases. It commits with the caller's transaction, which is before the showing."""
    for case in cases:
        _append(connection, "access", VIEWED, viewing, case)


def note_account(connection: Connection, account: str, viewing: Viewing) -> None:
    """Tell of a look at what payers wrote on transfers to an account: whose cases they are nobody knows."""
    _append(connection, "account_access", ACCOUNT_VIEWED, viewing, None, account=account)


def _append(
    connection: Connection,
    kind: str,
    type_: str,
    viewing: Viewing,
    case: case_store.Case | None,
    **more: str,
) -> None:
    """Each look is a subject of its own: those at a case that was forgotten cannot be told to be of that case."""
    spine.append(
        connection,
        spine.Change(
            subject_kind=kind,
            subject_id=spine.new_subject(connection, "acs"),
            type=type_,
            version=1,
            actor=viewing.by,
            cause="command",
            occurred_at=viewing.at,
            portal_id=None if case is None else case.portal_id,
            case_code=None if case is None else case.case_code,
            data={"what": viewing.what, "reason": viewing.reason, **more},
        ),
    )


def of_case(context: Context, case_code: str) -> Sequence[Viewing]:
    """Every look at a case, oldest first. Of one that was forgotten the reasons are gone. Raises `NotFound`."""
    with context.engine.connect() as connection:
        if case_store.find(connection, case_code) is None:
            raise NotFound("no case has this code")
        events = spine.of_case(connection, case_code, MOST_EVENTS)
    return [
        Viewing(
            each.actor, str(each.data.get("what", "")), str(each.data.get("reason", "")), each.occurred_at
        )
        for each in events
        if each.type == VIEWED
    ]
