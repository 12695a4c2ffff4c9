"""Legal holds: what a person orders to be kept, whatever the rule on retention says."""

from datetime import datetime

from sqlalchemy import Connection

from gateway.domain.errors import Forbidden, NotFound
from gateway.service.context import Context
from gateway.store import cases as case_store
from gateway.store import retention as store
from gateway.store import spine
from gateway.store.retention import Hold

HELD, RELEASED = "case.held", "case.released"


def set_hold(context: Context, hold: Hold) -> None:
    """From now on nothing of the case is erased. Raises `NotFound`, and `Forbidden` where it is held already."""
    with context.engine.begin() as connection:
        case = case_store.find(connection, hold.case_code, lock=True)
        if case is None:
            raise NotFound("no case has this code")
        if not store.set_hold(connection, hold):
            raise Forbidden("the case is held already: clear that hold to set another")
        _tell(connection, case, HELD, hold)


def clear_hold(context: Context, case_code: str, *, by: str, reason: str, now: datetime) -> None:
    """The rule counts again. Raises `NotFound`, also where nothing is held."""
    with context.engine.begin() as connection:
        case = case_store.find(connection, case_code, lock=True)
        if case is None or not store.clear_hold(connection, case_code):
            raise NotFound("no hold stands on a case with this code")
        _tell(connection, case, RELEASED, Hold(case_code, reason, by, now))


def _tell(connection: Connection, case: case_store.Case, type_: str, said: Hold) -> None:
    """Each word is a subject of its own, as each look is (`accesses`)."""
    spine.append(
        connection,
        spine.Change(
            subject_kind="hold",
            subject_id=spine.new_subject(connection, "hld"),
            type=type_,
            version=1,
            actor=said.set_by,
            cause="command",
            occurred_at=said.created_at,
            portal_id=case.portal_id,
            case_code=case.case_code,
            data={"reason": said.reason},
        ),
    )
