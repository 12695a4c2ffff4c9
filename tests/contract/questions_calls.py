"""Asked of every call that goes out, whatever it is for: what its failures mean, and that it is made once."""

import pytest
from asking import GARBAGE, Door, outward, reading
from wire_samples import Case

from gateway.domain import errors
from gateway.ports import HttpAnswer


def never_takes_garbage_for_an_answer(case: Case) -> None:
    for garbage in GARBAGE:
        door = Door(HttpAnswer(status=200, body=garbage))
        for call in outward(case, door):
            assert reading(call) in ("Malformed", "BadSignature"), garbage


def keeps_the_meaning_of_a_call_that_got_no_answer(case: Case) -> None:
    """Refused and timed out before sending: may be tried again. After sending: may only be asked about."""
    nothing_left = [errors.Unreachable(why) for why in ("connection refused", "no name", "connect time-out")]
    something_left = [errors.OutcomeUnknown(why) for why in ("read time-out", "reset", "closed half-way")]
    for failure in (*nothing_left, *something_left):
        for call in outward(case, Door(failure)):
            with pytest.raises(errors.TransportError) as caught:
                call()
            assert caught.value is failure


def tells_a_refusal_from_a_breakdown_by_http_status(case: Case) -> None:
    for status, meaning in (
        (400, "Refused"),
        (401, "Refused"),
        (302, "OutcomeUnknown"),
        (503, "OutcomeUnknown"),
    ):
        door = Door(HttpAnswer(status=status, body=b"<html></html>"))
        for call in outward(case, door):
            assert reading(call) == meaning, status


def sends_once(case: Case) -> None:
    """To try again is the caller's decision, who knows what was recorded."""
    door = Door(HttpAnswer(status=503, body=b""))
    calls = list(outward(case, door))
    for call in calls:
        reading(call)
    assert len(door.sent) == len(calls)


QUESTIONS = (
    never_takes_garbage_for_an_answer,
    keeps_the_meaning_of_a_call_that_got_no_answer,
    tells_a_refusal_from_a_breakdown_by_http_status,
    sends_once,
)
