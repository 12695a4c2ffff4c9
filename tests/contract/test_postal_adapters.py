"""The same questions to every operator of `postal/`; `postal_adapters_under_test.py` has a line for each."""

import ast
import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

import postal
from gateway.domain.errors import Malformed, OutcomeUnknown, Refused, Unreachable
from gateway.ports import (
    HttpAnswer,
    HttpRequest,
    OrderVerdict,
    ParcelOrder,
    PostalOperator,
)
from tests.contract.postal_adapters_under_test import LINES, Line

Outcome = HttpAnswer | Exception
each_operator = pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)


class Door:
    """The way out, played: answers by what a request is for, the last one again and again; keeps the requests."""

    def __init__(self, line: Line, **outcomes: Outcome | list[Outcome]) -> None:
        self._purposes = {path: purpose for purpose, path in line.paths.items()}
        told = {"token": line.token, **outcomes}
        self._outcomes = {
            key: list(value) if isinstance(value, list) else [value] for key, value in told.items()
        }
        self.requests: list[HttpRequest] = []

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.requests.append(request)
        left = self._outcomes[self._purpose(request)]
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _purpose(self, request: HttpRequest) -> str:
        return self._purposes[urlsplit(request.url).path]

    def sent(self, purpose: str) -> list[HttpRequest]:
        return [request for request in self.requests if self._purpose(request) == purpose]


Call = Callable[[PostalOperator, ParcelOrder], object]
CALLS: dict[str, Call] = {
    "order": lambda operator, order: operator.order(order),
    "cancel": lambda operator, order: operator.cancel(order.order_number),
    "tracking": lambda operator, _: operator.tracking(None, 100),
}
each_call = pytest.mark.parametrize("call", CALLS)


def _ask(line: Line, call: str, outcome: Outcome) -> object:
    return CALLS[call](line.make(Door(line, **{call: outcome})), line.order)


# --- every file has its line ---


def _operator_files() -> set[str]:
    """The files of `postal/` with a class that has the methods of the port."""
    port = {"order", "cancel", "tracking"}
    found = set()
    for path in Path(postal.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                methods = {part.name for part in node.body if isinstance(part, ast.FunctionDef)}
                found |= {path.stem} if port <= methods else set()
    return found


def test_every_operator_file_has_its_line() -> None:
    assert {line.name for line in LINES} == _operator_files()


@each_operator
def test_an_operator_has_the_name_and_the_capabilities_of_its_line(line: Line) -> None:
    operator = line.make(Door(line))
    assert line.name == operator.name
    assert line.capabilities == operator.capabilities


# --- ordering ---


@each_operator
def test_the_order_request_is_the_sample_byte_for_byte(line: Line) -> None:
    door = Door(line, order=line.answers["order accepted"])
    line.make(door).order(line.order)
    assert [line.sample("order.request.json")] == [request.body for request in door.sent("order")]


@each_operator
@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("order accepted", OrderVerdict.ACCEPTED),
        ("order already known", OrderVerdict.ALREADY_KNOWN),
        ("order refused", OrderVerdict.REFUSED),
        ("order unknown", OrderVerdict.UNKNOWN),
        ("cancel accepted", OrderVerdict.ACCEPTED),
        ("cancel refused", OrderVerdict.REFUSED),
    ],
)
def test_a_verdict_is_read_as_such(line: Line, sample: str, expected: OrderVerdict) -> None:
    call = sample.split(maxsplit=1)[0]
    answer = CALLS[call](line.make(Door(line, **{call: line.answers[sample]})), line.order)
    assert expected == answer.verdict
    assert answer.code


@each_operator
def test_an_order_that_was_sent_twice_is_the_same_bytes(line: Line) -> None:
    door = Door(line, order=[line.answers["order accepted"], line.answers["order already known"]])
    operator = line.make(door)
    verdicts = [operator.order(line.order).verdict for _ in range(2)]
    first, second = door.sent("order")
    assert verdicts == [OrderVerdict.ACCEPTED, OrderVerdict.ALREADY_KNOWN]
    assert first == second


def _words(value: object) -> set[str]:
    return {str(value)} if value is not None else set()


@each_operator
def test_the_order_holds_nothing_but_names_addresses_phones_codes_and_the_sum(line: Line) -> None:
    door = Door(line, order=line.answers["order accepted"])
    line.make(door).order(line.order)
    body = json.loads(door.sent("order")[0].body or b"")
    given_to_post = set().union(*(_words(value) for value in body.values()))
    order = line.order
    parties = (order.sender, order.receiver)
    allowed = {order.order_number, str(order.cod_vnd), body["CustomerCode"]}
    for party in parties:
        allowed |= {party.name, party.phone, party.address}
        allowed |= _words(party.province_code) | _words(party.district_code)
    assert set() == given_to_post - allowed


@each_operator
@pytest.mark.parametrize("part", ["name", "phone", "address"])
@pytest.mark.parametrize("bad", ["", "   ", "a\x00b", "\ud800", "x" * 10_000])
def test_what_the_wire_cannot_carry_is_malformed_and_nothing_is_sent(line: Line, part: str, bad: str) -> None:
    door = Door(line, order=line.answers["order accepted"])
    order = replace(line.order, receiver=replace(line.order.receiver, **{part: bad}))
    with pytest.raises(Malformed):
        line.make(door).order(order)
    assert door.requests == []


@each_operator
def test_an_order_asks_for_no_negative_sum(line: Line) -> None:
    with pytest.raises(Malformed):
        line.make(Door(line)).order(replace(line.order, cod_vnd=-1))


# --- tracking ---


@each_operator
@pytest.mark.parametrize("sample", ["tracking page", "tracking unknown code"])
def test_a_tracking_page_is_read_event_by_event(line: Line, sample: str) -> None:
    page = line.make(Door(line, tracking=line.answers[sample])).tracking(None, 100)
    assert line.events[sample] == page.events


@each_operator
def test_an_unknown_code_keeps_its_event_and_has_no_meaning(line: Line) -> None:
    page = line.make(Door(line, tracking=line.answers["tracking unknown code"])).tracking(None, 100)
    assert [event.meaning for event in page.events] == [None]


@each_operator
def test_the_cursor_moves_with_the_page_and_stays_where_nothing_is_new(line: Line) -> None:
    door = Door(
        line,
        tracking=[line.answers[f"tracking {part}"] for part in ("page", "unknown code", "empty")],
    )
    operator = line.make(door)
    first = operator.tracking(None, 2)
    second = operator.tracking(first.next_cursor, 2)
    third = operator.tracking(second.next_cursor, 2)
    assert (*line.cursors, line.cursors[-1]) == (first.next_cursor, second.next_cursor, third.next_cursor)
    assert [first.more, second.more, third.more] == [True, False, False]
    asked = [request.url for request in door.sent("tracking")]
    assert [line.cursors[0] in url for url in asked] == [False, True, False]
    assert line.cursors[1] in asked[2]


@each_operator
@pytest.mark.parametrize("cursor", ["", "x", "5A0B", "0" * 23, "0" * 25, "' or 1", "0" * 24 + "\n"])
def test_a_cursor_that_is_none_is_malformed(line: Line, cursor: str) -> None:
    with pytest.raises(Malformed):
        line.make(Door(line, tracking=line.answers["tracking empty"])).tracking(cursor, 10)


@each_operator
def test_a_page_of_nothing_cannot_be_asked_for(line: Line) -> None:
    with pytest.raises(Malformed):
        line.make(Door(line, tracking=line.answers["tracking empty"])).tracking(None, 0)


# --- trouble keeps its meaning ---


@each_operator
@each_call
@pytest.mark.parametrize("error", [Unreachable, OutcomeUnknown])
def test_a_failed_call_keeps_its_meaning(line: Line, call: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        _ask(line, call, error("no answer"))


@each_operator
@each_call
@pytest.mark.parametrize("error", [Unreachable, OutcomeUnknown])
def test_trouble_with_the_token_means_that_nothing_has_left_us(
    line: Line, call: str, error: type[Exception]
) -> None:
    door = Door(line, token=error("no answer"))
    with pytest.raises(Unreachable):
        CALLS[call](line.make(door), line.order)
    assert door.sent(call) == []


@each_operator
@each_call
def test_a_token_that_is_denied_is_a_refusal(line: Line, call: str) -> None:
    with pytest.raises(Refused):
        CALLS[call](line.make(Door(line, token=HttpAnswer(status=401, body=b""))), line.order)


@each_operator
@each_call
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_an_answer_that_decides_nothing_leaves_the_outcome_unknown(
    line: Line, call: str, status: int
) -> None:
    sample = {"order": "order accepted", "cancel": "cancel accepted", "tracking": "tracking page"}[call]
    with pytest.raises(OutcomeUnknown):
        _ask(line, call, replace(line.answers[sample], status=status))


GARBAGE = [
    b"",
    b"<html>",
    b"null",
    b"[]",
    b"{}",
    b'{"Status":"100"}',
    b"\xff",
    b"[" * 10_000,
    b'{"Status":1e400}',
]


@each_operator
@pytest.mark.parametrize("call", ["order", "cancel"])
@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_after_an_order_leaves_the_outcome_unknown(line: Line, call: str, body: bytes) -> None:
    with pytest.raises(OutcomeUnknown):
        _ask(line, call, HttpAnswer(status=201, body=body))


@each_operator
@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_for_a_tracking_page_is_malformed(line: Line, body: bytes) -> None:
    with pytest.raises(Malformed):
        _ask(line, "tracking", HttpAnswer(status=200, body=body))


@each_operator
@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_for_a_token_is_malformed_and_nothing_is_ordered(line: Line, body: bytes) -> None:
    door = Door(line, token=HttpAnswer(status=200, body=body), order=line.answers["order accepted"])
    with pytest.raises(Malformed):
        line.make(door).order(line.order)
    assert door.sent("order") == []


SAMPLES = st.sampled_from([(line, call, answer) for line in LINES for call, answer in line.answers.items()])


@given(SAMPLES, st.integers(100, 599), st.binary(max_size=200) | st.none(), st.data())
def test_no_answer_makes_an_operator_fail_with_anything_but_its_errors(
    sample: tuple[Line, str, HttpAnswer], status: int, noise: bytes | None, data: st.DataObject
) -> None:
    line, name, answer = sample
    body = noise
    if body is None:
        changed = bytearray(answer.body)
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at : at + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=2))
        body = bytes(changed)
    try:
        result = _ask(line, name.split()[0], HttpAnswer(status=status, body=body))
    except (OutcomeUnknown, Malformed, Refused):
        return
    assert result is not None


# --- tokens and secrets ---


@each_operator
def test_one_token_serves_many_calls(line: Line) -> None:
    door = Door(line, order=line.answers["order accepted"], tracking=line.answers["tracking page"])
    operator = line.make(door)
    operator.order(line.order)
    operator.tracking(None, 100)
    assert len(door.sent("token")) == 1


@each_operator
@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_no_longer_taken_is_renewed_once(line: Line, status: int) -> None:
    stale = HttpAnswer(status=status, body=b"")
    newer = replace(line.token, body=line.token.body.replace(b"0f1e", b"1f1e"))
    door = Door(line, token=[line.token, newer], order=[stale, line.answers["order accepted"]])
    assert line.make(door).order(line.order).verdict == OrderVerdict.ACCEPTED
    first, second = (request.headers["Authorization"] for request in door.sent("order"))
    assert first != second


@each_operator
@each_call
def test_a_token_that_is_never_taken_is_a_refusal_after_two_tries(line: Line, call: str) -> None:
    door = Door(line, **{call: HttpAnswer(status=401, body=b"")})
    with pytest.raises(Refused):
        CALLS[call](line.make(door), line.order)
    assert (len(door.sent("token")), len(door.sent(call))) == (2, 2)


@each_operator
def test_no_secret_and_no_person_is_shown_or_logged(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    operator = line.make(
        Door(line, order=line.answers["order accepted"], tracking=line.answers["tracking page"])
    )
    shown = [operator, operator.order(line.order), operator.tracking(None, 100), line.order]
    for part in vars(operator).values():
        shown += [part, *(getattr(part, "__dict__", {}).values() if not isinstance(part, Door) else ())]
    text = " ".join(repr(thing) for thing in shown if not isinstance(thing, str)) + caplog.text
    token = json.loads(line.token.body)["access_token"]
    receiver = line.order.receiver
    hidden = (*line.secrets, token, receiver.name, receiver.phone, receiver.address, "Authorization")
    assert [word for word in hidden if word in text] == []


@each_operator
def test_an_error_does_not_tell_what_was_sent_or_answered(line: Line) -> None:
    body = b'{"Status":"' + line.order.receiver.name.encode() + b'"}'
    with pytest.raises(OutcomeUnknown) as caught:
        _ask(line, "order", HttpAnswer(status=201, body=body))
    seen = f"{caught.value!r} {caught.value.__cause__!r}"
    assert line.order.receiver.name not in seen
