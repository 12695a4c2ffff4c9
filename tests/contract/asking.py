"""What the questions share: a way out that goes nowhere, the calls of an adapter, damaged messages, garbage."""

import hashlib
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from wire_samples import Case, answered, inbound, provider_ref, told

from gateway.domain import errors
from gateway.ports import (
    Capability,
    HttpAnswer,
    HttpRequest,
    InboundMessage,
    RefundOrder,
    RefundReport,
    Report,
    Started,
)

GARBAGE = (
    b"",
    b"\x00",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b"<html><body>Bad gateway</body></html>",
    b"\xff\xfe{\x00}\x00",
    b'{"a":1,"a":2}',
    b'{"a":NaN}',
    b'{"a":"\\ud800"}',
    b'{"a":' + b"9" * 5000 + b"}",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b"a=1&a=2",
    b"=&&==",
    b"%%%=%zz",
)

# Samples that are no answer of theirs and no question to us: what we send, and what we say.
OURS = (
    "start.request.",
    "start.answer.",
    "query.request.",
    "refund.request.",
    "query_refund.request.",
    "bill.request.",
    "acknowledge.",
    "inquiry.answer.",
)
REFUSALS = ("BadSignature", "Malformed", "ForeignPartner")


@dataclass
class Door:
    """A way out that never leaves this process: gives one answer (and `then` for ever after it), or raises."""

    outcome: HttpAnswer | errors.GatewayError
    then: HttpAnswer | None = None
    sent: list[HttpRequest] = field(default_factory=list)

    def send(self, request: HttpRequest) -> HttpAnswer:
        outcome = self.then if self.sent and self.then is not None else self.outcome
        self.sent.append(request)
        if isinstance(outcome, errors.GatewayError):
            raise outcome
        return outcome


CLOSED = Door(errors.Unreachable("nothing is sent here"))


def can(case: Case, *capabilities: Capability) -> bool:
    """Whether the adapter has one of `capabilities`."""
    return not case.build(CLOSED).capabilities.isdisjoint(capabilities)


def can_start(case: Case) -> bool:
    return can(case, Capability.REDIRECT, Capability.QR, Capability.CODE)


def calls_to_start(case: Case) -> bool:
    return (case.folder / "start.request.http").exists()


def tellers(case: Case) -> list[str]:
    """The ways in which the adapter learns of an outcome, as sample names begin."""
    ways = {
        Capability.CALLBACK: "callback",
        Capability.QUERY: "query",
        Capability.REFUND: "refund",
        Capability.REFUND_QUERY: "query_refund",
    }
    return [name for capability, name in ways.items() if can(case, capability)]


def outward(case: Case, door: Door) -> Iterator[Callable[[], object]]:
    """Each of the adapter's calls that goes out through `door`."""
    if calls_to_start(case):
        yield lambda: case.build(door).start(case.order)
    if can(case, Capability.QUERY):
        yield lambda: query(case, door)
    if can(case, Capability.REFUND):
        yield lambda: refund(case, door)
    if can(case, Capability.REFUND_QUERY):
        yield lambda: query_refund(case, door)
    if can(case, Capability.BILL):
        yield lambda: bill(case, door)


def query(case: Case, door: Door) -> Report:
    return case.build(door).query(case.order.reference, case.order.created_at, case.now, case.request_id)


def refund(case: Case, door: Door, order: RefundOrder | None = None) -> RefundReport:
    adapter: Any = case.build(door)
    return adapter.refund(order or case.refund, case.request_id)


def query_refund(case: Case, door: Door) -> RefundReport:
    adapter: Any = case.build(door)
    return adapter.query_refund(case.refund, case.now, case.request_id)


def bill(case: Case, door: Door) -> bytes:
    adapter: Any = case.build(door)
    number = provider_ref(case.expected)
    return adapter.bill(case.order.reference, number, case.now, case.request_id)


def read_inquiry(case: Case, message: InboundMessage) -> str:
    adapter: Any = case.build(CLOSED)
    return adapter.read_inquiry(message, case.now)


def read_callback(case: Case, message: InboundMessage) -> Report:
    return case.build(CLOSED).read_callback(message, case.now)


def reading(call: Callable[[], object]) -> object:
    """What a call came to, in the words of `case.json`: a report, an address, a reference, a paper, an error."""
    try:
        result = call()
    except errors.GatewayError as error:
        return type(error).__name__
    if isinstance(result, Started):
        qr = {"qr_payload": result.qr_payload} if result.qr_payload is not None else {}
        return {"redirect_url": result.redirect_url, **qr}
    if isinstance(result, str):
        return {"reference": result}
    if isinstance(result, bytes):
        return {"sha256": hashlib.sha256(result).hexdigest()}
    assert isinstance(result, Report | RefundReport)
    return told(result)


def damaged(message: InboundMessage) -> Iterator[InboundMessage]:
    """The message with each byte of its query and body changed: a bit, its case, to a control, to a digit.

    And with each character of its headers changed to another that a header may hold.
    """
    for part in ("query", "body"):
        whole = getattr(message, part)
        for at, byte in enumerate(whole):
            for other in {byte ^ 0x01, byte ^ 0x20, byte ^ 0x80, 0x00, ord("0"), ord("1")} - {byte}:
                yield replace(message, **{part: whole[:at] + bytes([other]) + whole[at + 1 :]})
    for name, value in message.headers.items():
        for at, character in enumerate(value):
            other = "0" if character != "0" else "1"
            changed = value[:at] + other + value[at + 1 :]
            yield replace(message, headers={**message.headers, name: changed})


def garbled(message: InboundMessage) -> Iterator[InboundMessage]:
    """The message with garbage in the place of its query or body."""
    for garbage in GARBAGE:
        for part in ("query", "body"):
            if getattr(message, part):
                yield replace(message, **{part: garbage})


def error_texts(case: Case) -> Iterator[str]:
    """All that a log could print of every error that a sample or garbage provokes."""
    calls: list[Callable[[], object]] = []
    for garbage in GARBAGE:
        calls += outward(case, Door(HttpAnswer(status=200, body=garbage)))
    for file in case.expected:
        if not file.startswith(("callback.", "inquiry.")):
            calls += outward(case, Door(answered(case.sample(file))))
    for prefix, read in (("callback.", read_callback), ("inquiry.", read_inquiry)):
        for file in case.samples(prefix):
            genuine = inbound(case.sample(file))
            for message in (genuine, *garbled(genuine)):
                calls.append(lambda read=read, message=message: read(case, message))
    for call in calls:
        try:
            call()
        except errors.GatewayError as error:
            yield "".join([repr(error), *traceback.format_exception(error), str(vars(error))])
