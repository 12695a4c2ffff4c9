"""Hand-over of a case between agencies (liên thông): its steps, and who of the agencies owns its status.

One authority owns the status at any time (`specs/case.md` B1). A case that is handed over stays with the sender until
the receiver acknowledges it; one that is given back is the sender's again.
"""

from collections.abc import Mapping
from enum import StrEnum

from gateway.domain.case import CaseEvent, CaseState


class StepState(StrEnum):
    HANDED_OVER = "handed_over"
    ACKNOWLEDGED = "acknowledged"
    DONE = "done"
    RETURNED = "returned"


class StepEvent(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    """The receiver has it: the status is its own now."""
    MOVE_ON = "move_on"
    """The next agency has acknowledged, or the case has ended here."""
    RETURN = "return_step"
    """It is the sender's again: the receiver does not take it, gives it back, or the sender takes it back."""


_S, _E = StepState, StepEvent
TABLE: Mapping[tuple[StepState, StepEvent], StepState] = {
    (_S.HANDED_OVER, _E.ACKNOWLEDGE): _S.ACKNOWLEDGED,
    (_S.HANDED_OVER, _E.RETURN): _S.RETURNED,
    (_S.ACKNOWLEDGED, _E.MOVE_ON): _S.DONE,
    (_S.ACKNOWLEDGED, _E.RETURN): _S.RETURNED,
}

TRANSFER = "transfer"
"""What makes a step."""
OPEN = frozenset({_S.HANDED_OVER, _S.ACKNOWLEDGED})
TRANSFERABLE = frozenset({CaseState.REGISTERED, CaseState.ACCEPTED, CaseState.PROCESSING})
"""A case is handed over while an agency has something to do with it; one that waits for the citizen is not."""
CITIZENS = frozenset({CaseEvent.WITHDRAW, CaseEvent.SUPPLEMENT_GIVEN})
"""What the citizen does, through the portal that registered the case, whoever has it."""
