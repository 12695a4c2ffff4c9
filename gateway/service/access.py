"""Who may see a case, and who may decide about it: the one place that knows.

The portal that registered a case sees it always. One whose agency the case was handed over to sees it from then on, and
for everybody else there is no such case. Who decides is the agency that has the case now (`domain.hand_over`); where no
portal here speaks for that agency, the one that registered the case does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from gateway.domain import agencies
from gateway.domain.errors import Forbidden, Malformed, NotFound
from gateway.domain.hand_over import StepState
from gateway.store import case_steps
from gateway.store import cases as store


@dataclass(frozen=True, slots=True)
class Caller:
    """The portal that asks, and what its key may do."""

    portal_id: str
    agency_code: str
    cause: str


def seen(connection: Connection, caller: Caller, case_code: str, *, lock: bool = False) -> store.Case:
    """The case, if the caller may see it; locked until the transaction ends. Raises `NotFound`."""
    case = store.find(connection, case_code, lock=lock)
    if case is None or not _sees(connection, caller, case):
        raise NotFound("no case has this code")
    return case


def _sees(connection: Connection, caller: Caller, case: store.Case) -> bool:
    if case.portal_id == caller.portal_id:
        return True
    return case.handled_by is not None and caller.portal_id in receiving(connection, case)


def receiving(connection: Connection, case: store.Case) -> Sequence[str]:
    """The portals, but its own, that speak for an agency which the case was handed over to.

    What was given or taken back before anybody acknowledged it was never theirs, and is not seen any more.
    """
    steps = [
        each
        for each in case_steps.of_case(connection, case.case_code)
        if each.state != StepState.RETURNED or each.acknowledged_at is not None
    ]
    return [
        portal_id
        for portal_id, agency in case_steps.receivers(connection, case.case_code)
        if any(speaks_for(agency, step.agency_code) for step in steps)
    ]


def speaks_for(agency: str, unit: str) -> bool:
    """Whether a portal of `agency` speaks for `unit`: itself, or one under it."""
    try:
        return agencies.is_within(unit, agency)
    except Malformed:
        return False  # a portal of no agency in the national lists


def check_decides(connection: Connection, caller: Caller, case: store.Case, unit: str | None = None) -> None:
    """Whether the caller decides for `unit`, or else for whoever has the case. Raises `Forbidden`."""
    unit = unit or case.handler
    if case.handled_by is None or speaks_for(caller.agency_code, unit):
        return
    others = case_steps.receivers(connection, case.case_code)
    if caller.portal_id == case.portal_id and not any(speaks_for(agency, unit) for _, agency in others):
        return
    raise Forbidden(f"the case is with {unit} now, which decides about it")
