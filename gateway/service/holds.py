"""Legal holds: what a person orders to be kept, whatever the rule on retention says."""

from datetime import datetime

from gateway.domain.errors import Forbidden, NotFound
from gateway.service import case_moves
from gateway.service.case_moves import Caller
from gateway.service.context import Context
from gateway.store import cases as case_store
from gateway.store import retention as store
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
        caller = Caller(case.portal_id, case.agency_code, "command")
        data = {"reason": hold.reason}
        case_moves.append(connection, case, caller, HELD, hold.created_at, data=data, actor=hold.set_by)


def clear_hold(context: Context, case_code: str, *, by: str, reason: str, now: datetime) -> None:
    """The rule counts again. Raises `NotFound`, also where nothing is held."""
    with context.engine.begin() as connection:
        case = case_store.find(connection, case_code, lock=True)
        if case is None or not store.clear_hold(connection, case_code):
            raise NotFound("no hold stands on a case with this code")
        caller = Caller(case.portal_id, case.agency_code, "command")
        case_moves.append(connection, case, caller, RELEASED, now, data={"reason": reason}, actor=by)
