"""The steps of a case that are not over: the one whose agency has it, and the one that waits for its receiver."""

from datetime import datetime

from sqlalchemy import Connection

from gateway.domain.hand_over import TABLE, StepEvent, StepState
from gateway.domain.machine import step
from gateway.store import case_steps as store
from gateway.store.case_steps import Step


def of(connection: Connection, case_code: str) -> tuple[Step | None, Step | None]:
    """The step that waits to be acknowledged, and the one whose agency has the case."""
    steps = {each.state: each for each in store.open_ones(store.of_case(connection, case_code))}
    return steps.get(StepState.HANDED_OVER), steps.get(StepState.ACKNOWLEDGED)


def end(connection: Connection, case_code: str, now: datetime) -> None:
    """The case has its result or has ended: who has it is done, and nobody waits for it any more."""
    ends = (StepEvent.RETURN, StepEvent.MOVE_ON)
    for found, event in zip(of(connection, case_code), ends, strict=True):
        if found is not None:
            store.move(connection, found, step(TABLE, StepState(found.state), event), now)
