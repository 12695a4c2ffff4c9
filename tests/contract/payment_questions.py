"""What every payment adapter is asked, whoever the provider is. One function, one question, one `Case`.

The questions know the port and the samples, and no adapter by name. Differences between providers are
declared: by capabilities, by the expectations in `case.json`, and there under `silent` with a reason.
"""

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from wire_samples import Case, answer_bytes, answered, inbound, request_bytes, told

from gateway.domain import errors
from gateway.ports import (
    Answer,
    Capability,
    HttpAnswer,
    HttpRequest,
    InboundMessage,
    Outcome,
    PaymentProvider,
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


@dataclass
class Door:
    """A way out that never leaves this process: gives one answer, or raises; remembers what was sent."""

    outcome: HttpAnswer | errors.GatewayError
    sent: list[HttpRequest] = field(default_factory=list)

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        if isinstance(self.outcome, errors.GatewayError):
            raise self.outcome
        return self.outcome


CLOSED = Door(errors.Unreachable("nothing is sent here"))


def is_named_as_its_file_and_declares_what_it_can(case: Case) -> None:
    adapter = case.build(CLOSED)
    assert adapter.name == case.name
    assert isinstance(adapter.capabilities, frozenset)
    assert adapter.capabilities <= set(Capability)


def has_a_sample_or_a_reason_for_every_outcome(case: Case) -> None:
    wanted = {f"{call}.{outcome}" for call in _calls(case) for outcome in Outcome}
    sampled = {file.removesuffix(".http") for file in case.expected}
    assert {name for name in wanted if name not in sampled} == {n for n in case.silent if n in wanted}
    assert all(case.silent.values())


def has_an_expectation_for_every_sample(case: Case) -> None:
    fixed = ("acknowledge.", "start.request.", "start.answer.", "query.request.")
    files = {file.name for file in case.folder.glob("*.http") if not file.name.startswith(fixed)}
    assert files == set(case.expected)


def starts_with_the_request_of_the_sample(case: Case) -> None:
    door = Door(_success(case))
    started = case.build(door).start(case.order)
    wanted = [case.sample("start.request.http")] if _calls_to_start(case) else []
    assert [request_bytes(request) for request in door.sent] == wanted
    redirect = (case.folder / "start.redirect.txt").read_text(encoding="ascii")
    assert started.redirect_url == (redirect or None)
    assert started.redirect_url or started.qr_payload


def reads_each_answer_to_a_start_as_expected(case: Case) -> None:
    for file in case.samples("start."):
        door = Door(answered(case.sample(file)))
        assert reading(lambda door=door: case.build(door).start(case.order)) == case.expected[file], file


def reads_each_callback_as_expected(case: Case) -> None:
    for file in case.samples("callback."):
        message = inbound(case.sample(file))
        read = reading(lambda message=message: case.build(CLOSED).read_callback(message, case.now))
        assert read == case.expected[file], file


def reads_each_answer_to_a_query_as_expected(case: Case) -> None:
    for file in case.samples("query."):
        door = Door(answered(case.sample(file)))
        assert reading(lambda door=door: _query(case, door)) == case.expected[file], file


def asks_with_the_request_of_the_sample(case: Case) -> None:
    if Capability.QUERY in case.build(CLOSED).capabilities:
        door = Door(answered(case.sample("query.paid.http")))
        _query(case, door)
        assert [request_bytes(request) for request in door.sent] == [case.sample("query.request.http")]


def names_each_outcome_by_its_own_word(case: Case) -> None:
    for call in _calls(case):
        for outcome in Outcome:
            if f"{call}.{outcome}" not in case.silent:
                assert case.expected[f"{call}.{outcome}.http"]["outcome"] == outcome.value


def gives_order_amount_and_currency_back_as_they_were_asked_for(case: Case) -> None:
    for call in _calls(case):
        expected = case.expected[f"{call}.paid.http"]
        facts = (expected["reference"], expected["amount_vnd"], expected["currency"])
        assert facts == (case.order.reference, case.order.amount_vnd, "VND")
        assert expected["provider_ref"]


def tells_a_foreign_partner_from_a_forger(case: Case) -> None:
    for call in _calls(case):
        assert case.expected[f"{call}.foreign.http"] == "ForeignPartner"
        assert case.expected[f"{call}.forged.http"] == "BadSignature"


def refuses_a_callback_with_one_changed_byte(case: Case) -> None:
    """A byte that is covered by nothing may change only when it changes nothing."""
    if Capability.CALLBACK not in case.build(CLOSED).capabilities:
        return
    adapter, genuine = case.build(CLOSED), inbound(case.sample("callback.paid.http"))
    report = adapter.read_callback(genuine, case.now)
    for changed in _changed(genuine):
        read = reading(lambda changed=changed: adapter.read_callback(changed, case.now))
        assert read in ("BadSignature", "Malformed", "ForeignPartner", told(report)), changed


def refuses_a_callback_that_is_cut_or_lengthened(case: Case) -> None:
    if Capability.CALLBACK not in case.build(CLOSED).capabilities:
        return
    adapter, genuine = case.build(CLOSED), inbound(case.sample("callback.paid.http"))
    for part in ("query", "body"):
        whole = getattr(genuine, part)
        cuts = [whole[:length] for length in range(len(whole))]
        for bytes_ in (*cuts, *((whole + b"&vnp_X=1", whole + b"}", whole + whole) if whole else ())):
            message = _with(genuine, part, bytes_)
            read = reading(lambda message=message: adapter.read_callback(message, case.now))
            assert read in ("BadSignature", "Malformed"), bytes_


def survives_garbage_from_a_caller(case: Case) -> None:
    if Capability.CALLBACK not in case.build(CLOSED).capabilities:
        return
    for message in _garbage_messages(case):
        read = reading(lambda message=message: case.build(CLOSED).read_callback(message, case.now))
        assert read in ("BadSignature", "Malformed"), message


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


def acknowledges_in_the_providers_own_words(case: Case) -> None:
    if Capability.CALLBACK not in case.build(CLOSED).capabilities:
        return
    message = inbound(case.sample("callback.paid.http"))
    for answer in Answer:
        given = case.build(CLOSED).acknowledge(answer, message, case.now)
        assert answer_bytes(given) == case.sample(f"acknowledge.{answer}.http"), answer


def acknowledges_garbage_with_the_same_status(case: Case) -> None:
    if Capability.CALLBACK not in case.build(CLOSED).capabilities:
        return
    for message in _garbage_messages(case):
        for answer in Answer:
            given = case.build(CLOSED).acknowledge(answer, message, case.now)
            wanted = answered(case.sample(f"acknowledge.{answer}.http"))
            assert (given.status, given.headers) == (wanted.status, wanted.headers)


def shows_no_secret(case: Case) -> None:
    assert case.secrets
    seen = [repr(case.settings), str(case.settings), repr(case.build(CLOSED)), *_error_texts(case)]
    for secret in case.secrets:
        assert [text for text in seen if secret in text] == []


def shows_no_payer(case: Case) -> None:
    payer = case.order.payer
    seen = [repr(case.order), *_error_texts(case)]
    for personal in (payer.name, payer.id_number, payer.address):
        assert [text for text in seen if personal in text] == []


def says_unsupported_to_what_it_cannot(case: Case) -> None:
    adapter = case.build(CLOSED)
    calls: dict[Capability, Callable[[], object]] = {
        Capability.QUERY: lambda: _query(case, CLOSED),
        Capability.CALLBACK: lambda: adapter.read_callback(
            InboundMessage(method="POST", path="/", query=b"", headers={}, body=b""), case.now
        ),
    }
    for capability in set(calls) - adapter.capabilities:
        assert reading(calls[capability]) == "Unsupported", capability


QUESTIONS: tuple[Callable[[Case], None], ...] = (
    is_named_as_its_file_and_declares_what_it_can,
    has_a_sample_or_a_reason_for_every_outcome,
    has_an_expectation_for_every_sample,
    starts_with_the_request_of_the_sample,
    reads_each_answer_to_a_start_as_expected,
    reads_each_callback_as_expected,
    reads_each_answer_to_a_query_as_expected,
    asks_with_the_request_of_the_sample,
    names_each_outcome_by_its_own_word,
    gives_order_amount_and_currency_back_as_they_were_asked_for,
    tells_a_foreign_partner_from_a_forger,
    refuses_a_callback_with_one_changed_byte,
    refuses_a_callback_that_is_cut_or_lengthened,
    survives_garbage_from_a_caller,
    never_takes_garbage_for_an_answer,
    keeps_the_meaning_of_a_call_that_got_no_answer,
    tells_a_refusal_from_a_breakdown_by_http_status,
    sends_once,
    acknowledges_in_the_providers_own_words,
    acknowledges_garbage_with_the_same_status,
    shows_no_secret,
    shows_no_payer,
    says_unsupported_to_what_it_cannot,
)


def _calls(case: Case) -> list[str]:
    """The ways in which the adapter learns of an outcome, as sample names begin."""
    ways = {Capability.CALLBACK: "callback", Capability.QUERY: "query"}
    return [name for capability, name in ways.items() if capability in case.build(CLOSED).capabilities]


def _calls_to_start(case: Case) -> bool:
    return (case.folder / "start.request.http").exists()


def _success(case: Case) -> HttpAnswer | errors.GatewayError:
    return answered(case.sample("start.answer.http")) if _calls_to_start(case) else CLOSED.outcome


def outward(case: Case, door: Door) -> Iterator[Callable[[], object]]:
    """Each of the adapter's calls that goes out through `door`."""
    if _calls_to_start(case):
        yield lambda: case.build(door).start(case.order)
    if Capability.QUERY in case.build(door).capabilities:
        yield lambda: _query(case, door)


def _query(case: Case, door: Door) -> Report:
    adapter: PaymentProvider = case.build(door)
    return adapter.query(case.order.reference, case.order.created_at, case.now, case.request_id)


def reading(call: Callable[[], object]) -> object:
    """What a call came to, in the words of `case.json`: a report, an address, or an error's name."""
    try:
        result = call()
    except errors.GatewayError as error:
        return type(error).__name__
    if isinstance(result, Started):
        return {"redirect_url": result.redirect_url}
    assert isinstance(result, Report)
    return told(result)


def _with(message: InboundMessage, part: str, value: bytes) -> InboundMessage:
    parts = {"query": message.query, "body": message.body, part: value}
    return InboundMessage(method=message.method, path=message.path, headers=message.headers, **parts)


def _changed(message: InboundMessage) -> Iterator[InboundMessage]:
    """The message with each byte of its query and body changed: a bit, its case, to a control, to a digit."""
    for part in ("query", "body"):
        whole = getattr(message, part)
        for at, byte in enumerate(whole):
            for other in {byte ^ 0x01, byte ^ 0x20, byte ^ 0x80, 0x00, ord("0"), ord("1")} - {byte}:
                yield _with(message, part, whole[:at] + bytes([other]) + whole[at + 1 :])


def _garbage_messages(case: Case) -> Iterator[InboundMessage]:
    genuine = inbound(case.sample("callback.paid.http"))
    for garbage in GARBAGE:
        for part in ("query", "body"):
            if getattr(genuine, part):
                yield _with(genuine, part, garbage)


def _error_texts(case: Case) -> Iterator[str]:
    """All that a log could print of every error that a sample or garbage provokes."""
    calls: list[Callable[[], object]] = []
    for garbage in GARBAGE:
        calls += outward(case, Door(HttpAnswer(status=200, body=garbage)))
    for file in (*case.samples("query."), *case.samples("start.")):
        calls += outward(case, Door(answered(case.sample(file))))
    adapter = case.build(CLOSED)
    if Capability.CALLBACK in adapter.capabilities:
        for file in case.samples("callback."):
            message = inbound(case.sample(file))
            calls.append(lambda message=message: adapter.read_callback(message, case.now))
        for message in _garbage_messages(case):
            calls.append(lambda message=message: adapter.read_callback(message, case.now))
    for call in calls:
        try:
            call()
        except errors.GatewayError as error:
            yield "".join([repr(error), *traceback.format_exception(error), str(vars(error))])
