"""The same questions to every provider of legal receipts; `receipt_adapters_under_test.py` has a line for each."""

import ast
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asking import GARBAGE
from hypothesis import given
from hypothesis import strategies as st
from receipt_adapters_under_test import ISSUED_AT, LINES, NOW, ORDER, REASON, Line
from wire_samples import request_bytes

import adapters.receipts
from gateway.domain import wire
from gateway.domain.errors import (
    GatewayError,
    Malformed,
    Misconfigured,
    OutcomeUnknown,
    ReferenceConflict,
    Refused,
    Unreachable,
    Unsupported,
)
from gateway.ports import (
    HttpAnswer,
    HttpRequest,
    IssuedReceipt,
    NotThere,
    ReceiptCapability,
    ReceiptFile,
    ReceiptOrder,
    ReceiptProvider,
    ReceiptSeries,
    Standing,
)

FOLDER = Path(adapters.receipts.__path__[0])
FILES = {file.stem for file in FOLDER.glob("*.py")} - {"__init__", "shared"}
WIRES = {name for name in FILES if name.endswith("_wire")}
Outcome = HttpAnswer | GatewayError

each_provider = pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)


@dataclass
class Door:
    """A way out that never leaves this process: `login` for a login, then `outcomes` one by one, the last for ever."""

    line: Line = field(repr=False)
    outcomes: tuple[Outcome, ...]
    logins: list[Outcome] = field(default_factory=list)
    sent: list[HttpRequest] = field(default_factory=list)
    asked_for_a_token: list[HttpRequest] = field(default_factory=list)

    def send(self, request: HttpRequest) -> HttpAnswer:
        if self.line.is_login(request):
            self.asked_for_a_token.append(request)
            outcome = self.logins.pop(0) if self.logins else self.line.answer("login.answer")
        else:
            outcome = self.outcomes[min(len(self.sent), len(self.outcomes) - 1)]
            self.sent.append(request)
        if isinstance(outcome, GatewayError):
            raise outcome
        return outcome


def door(line: Line, *outcomes: Outcome | str, logins: tuple[Outcome, ...] = ()) -> Door:
    """Outcomes may be the names of samples."""
    found = tuple(line.answer(each) if isinstance(each, str) else each for each in outcomes)
    return Door(line, found, list(logins))


CALLS: dict[str, Callable[[ReceiptProvider, Line], object]] = {
    "issue": lambda provider, _: provider.issue(ORDER, NOW),
    "look_up": lambda provider, _: provider.look_up(ORDER.key, ORDER.series, NOW),
    "cancel": lambda provider, line: provider.cancel(line.issued, REASON, NOW),
    "fetch": lambda provider, line: provider.fetch(line.issued, ReceiptFile.PDF, NOW),
}
DONE = {"issue": "issue.issued", "look_up": "look_up.found", "cancel": "cancel.done", "fetch": "fetch.pdf"}
CHANGES = ("issue", "cancel")
each_call = pytest.mark.parametrize("call", CALLS)


def ask(line: Line, call: str, *outcomes: Outcome | str) -> object:
    return CALLS[call](line.make(door(line, *outcomes)), line)


def issued(line: Line, *outcomes: Outcome | str) -> IssuedReceipt:
    return line.make(door(line, *outcomes)).issue(ORDER, NOW)


# --- every file has its line ---


def test_every_provider_has_its_line() -> None:
    assert FILES - WIRES == {line.name for line in LINES}


@pytest.mark.parametrize("wire_file", sorted(WIRES))
def test_the_second_file_of_a_provider_is_known_to_it_alone(wire_file: str) -> None:
    knowing = {
        file
        for file in FILES | {"shared"}
        if file != wire_file and f"receipts.{wire_file} " in (FOLDER / f"{file}.py").read_text("utf-8")
    }
    assert {wire_file.removesuffix("_wire")} == knowing


@pytest.mark.parametrize("name", sorted(FILES | {"shared"}))
def test_a_provider_knows_no_other(name: str) -> None:
    tree = ast.parse((FOLDER / f"{name}.py").read_text("utf-8"))
    known = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    ours = {each.rpartition(".")[2] for each in known if each.startswith("adapters.")}
    assert ours <= {"shared", f"{name.removesuffix('_wire')}_wire"}


@each_provider
def test_a_provider_is_named_as_its_file_and_says_what_it_can(line: Line) -> None:
    provider = line.make(door(line))
    files = {ReceiptCapability(kind.value) for kind in line.files}
    more = {ReceiptCapability.REPLACE} if line.replaces else set()
    assert (line.name, {ReceiptCapability.CANCEL, *files, *more}) == (provider.name, provider.capabilities)
    assert line.replaces == hasattr(provider, "replace")


# --- what is sent ---


@each_provider
@each_call
def test_a_request_is_the_sample_byte_for_byte(line: Line, call: str) -> None:
    way = door(line, DONE[call])
    CALLS[call](line.make(way), line)
    file = {"fetch": "fetch.pdf"}.get(call, call)
    assert [line.sample(f"{file}.request")] == [request_bytes(each) for each in way.sent]


@pytest.mark.parametrize("line", [line for line in LINES if line.logs_in], ids=lambda line: line.name)
def test_a_login_is_the_sample_byte_for_byte(line: Line) -> None:
    way = door(line, "issue.issued")
    line.make(way).issue(ORDER, NOW)
    assert [line.sample("login.request")] == [request_bytes(each) for each in way.asked_for_a_token]


@each_provider
def test_the_same_receipt_is_asked_for_in_the_same_bytes(line: Line) -> None:
    way = door(line, OutcomeUnknown("no answer"), "issue.issued")
    provider = line.make(way)
    with pytest.raises(OutcomeUnknown):
        provider.issue(ORDER, NOW)
    provider.issue(ORDER, NOW)
    first, second = way.sent
    assert first == second


@each_provider
def test_a_file_is_brought_as_it_was_given(line: Line) -> None:
    begins = {ReceiptFile.PDF: b"%PDF-1.4\n", ReceiptFile.XML: b"<?xml version"}
    for kind in ReceiptFile:
        if kind not in line.files:
            way = door(line)
            with pytest.raises(Unsupported):
                line.make(way).fetch(line.issued, kind, NOW)
            assert [] == way.sent
            continue
        way = door(line, f"fetch.{kind}")
        assert line.make(way).fetch(line.issued, kind, NOW).startswith(begins[kind])
        assert line.sample(f"fetch.{kind}.request") == request_bytes(way.sent[0])
        other = next(each for each in ReceiptFile if each != kind)
        if other in line.files:
            with pytest.raises(Malformed):
                line.make(door(line, f"fetch.{other}")).fetch(line.issued, kind, NOW)


# --- what is told ---


@each_provider
def test_a_receipt_that_was_issued_is_read_with_its_identity(line: Line) -> None:
    assert line.issued == issued(line, "issue.issued")
    assert ("0000001", ORDER.series) == (line.issued.number, line.issued.series)


@each_provider
def test_a_look_up_gives_the_receipt_under_our_key(line: Line) -> None:
    found = ask(line, "look_up", "look_up.found")
    assert isinstance(found, IssuedReceipt)
    assert (ORDER.key, ORDER.series, "0000001") == (found.key, found.series, found.number)
    assert (Standing.HOLDS, line.issued.provider_ref) == (found.standing, found.provider_ref)
    assert (180_000 if line.says_sum else None) == found.amount_vnd
    assert found.lookup_code == line.issued.lookup_code
    assert found.issued_at in {None, ISSUED_AT}


@each_provider
def test_a_look_up_says_when_a_receipt_does_not_hold_any_more(line: Line) -> None:
    found = ask(line, "look_up", "look_up.cancelled")
    assert isinstance(found, IssuedReceipt)
    assert Standing.CANCELLED == found.standing


@each_provider
def test_nothing_under_our_key_is_said_so(line: Line) -> None:
    assert NotThere(ORDER.key) == ask(line, "look_up", "look_up.not_there")


@each_provider
def test_a_status_that_is_in_no_table_is_not_known_yet(line: Line) -> None:
    with pytest.raises(OutcomeUnknown):
        ask(line, "look_up", "look_up.status")


@each_provider
def test_a_cancellation_that_was_done_says_nothing_more(line: Line) -> None:
    assert ask(line, "cancel", "cancel.done") is None


CODED = [
    pytest.param(line, call, sent, code, id=f"{line.name}-{call}-{sent}")
    for line in LINES
    for call, codes in line.refusals.items()
    for sent, code in codes
    if call in CALLS
]


@pytest.mark.parametrize(("line", "call", "sent", "code"), CODED)
def test_a_code_of_the_table_is_a_refusal_with_the_providers_own_code(
    line: Line, call: str, sent: str, code: str
) -> None:
    for answer in line.coded(call, sent):
        with pytest.raises(Refused) as caught:
            ask(line, call, answer)
        assert code == caught.value.code


@each_provider
@each_call
def test_a_code_that_is_in_no_table_is_never_progress_and_never_failure(line: Line, call: str) -> None:
    for code in line.open_codes:
        if (code, f"ERR:{code}") in line.refusals[call]:
            continue
        for answer in line.coded(call, code):
            with pytest.raises(OutcomeUnknown):
                ask(line, call, answer)


# --- a key that is known already ---


@each_provider
def test_a_duplicate_key_leads_to_a_look_up_and_never_to_a_second_issue(line: Line) -> None:
    way = door(line, "issue.duplicate", "look_up.found")
    found = line.make(way).issue(ORDER, NOW)
    assert ["issue", "look_up"] == [
        next(call for call in CALLS if line.sample(f"{call}.request") == request_bytes(each))
        for each in way.sent
    ]
    assert (True, "0000001", ORDER.series) == (found.repeated, found.number, found.series)


@each_provider
@pytest.mark.parametrize(
    "then", ["nothing", "lost", "unreachable", "garbage", "breakdown", "refused", "other status"]
)
def test_a_duplicate_that_cannot_be_looked_up_stays_in_doubt(line: Line, then: str) -> None:
    outcomes: dict[str, Outcome | str] = {
        "nothing": "look_up.not_there",
        "lost": OutcomeUnknown("no answer"),
        "unreachable": Unreachable("no way"),
        "garbage": HttpAnswer(200, b"<html>"),
        "breakdown": HttpAnswer(502, b""),
        "refused": HttpAnswer(403, b""),
        "other status": "look_up.status",
    }
    way = door(line, "issue.duplicate", outcomes[then])
    with pytest.raises(OutcomeUnknown):
        line.make(way).issue(ORDER, NOW)
    assert 2 == len(way.sent)


@each_provider
def test_a_duplicate_with_another_sum_or_none_that_holds_is_a_conflict(line: Line) -> None:
    for sample in ("look_up.cancelled", *(["look_up.other_sum"] if line.says_sum else [])):
        with pytest.raises(ReferenceConflict):
            issued(line, "issue.duplicate", sample)


# --- one changed byte ---


def changed(answer: HttpAnswer) -> Iterator[HttpAnswer]:
    for at, byte in enumerate(answer.body):
        for other in {byte ^ 0x01, byte ^ 0x20, byte ^ 0x80, 0x00, ord("0"), ord("1")} - {byte}:
            yield replace(answer, body=answer.body[:at] + bytes([other]) + answer.body[at + 1 :])


@each_provider
def test_one_changed_byte_never_makes_another_receipt_of_it(line: Line) -> None:
    """What the provider alone knows (its number, its names) may change; whose receipt it is may not."""
    kept = {
        name: getattr(line.issued, name) for name in ("key", "series", "amount_vnd", "issued_at", "standing")
    }
    told = 0
    for answer in changed(line.answer("issue.issued")):
        try:
            found = issued(line, answer, OutcomeUnknown("no answer"))
        except OutcomeUnknown:
            continue
        told += 1
        assert kept == {name: getattr(found, name) for name in kept}
        assert line.issued == replace(found, **{name: getattr(line.issued, name) for name in line.chosen})
    assert told


@each_provider
def test_an_answer_about_another_key_series_or_issuer_is_not_believed(line: Line) -> None:
    answer = line.answer("issue.issued")
    for word in line.ours:
        assert word.encode() in answer.body
        for at in range(len(word)):
            other = word[:at] + "Z" + word[at + 1 :]
            with pytest.raises(OutcomeUnknown):
                issued(line, replace(answer, body=answer.body.replace(word.encode(), other.encode())))


@each_provider
@pytest.mark.parametrize(
    "number", ["", "0", "0000000", "x", "-1", "1.0", "1 2", "123456789", "1" * 5000, "١", "0x1"]
)
def test_a_number_that_is_none_is_not_believed(line: Line, number: str) -> None:
    answer = line.answer("issue.issued")
    place = line.numbered.replace("@@", line.as_number).encode()
    assert place in answer.body
    other = line.numbered.replace("@@", number).encode()
    with pytest.raises(OutcomeUnknown):
        issued(line, replace(answer, body=answer.body.replace(place, other)))


@each_provider
@pytest.mark.parametrize(
    ("number", "printed"),
    [("1", "0000001"), ("0000042", "0000042"), ("1234567", "1234567"), ("12345678", "12345678")],
)
def test_a_number_has_seven_digits_or_eight(line: Line, number: str, printed: str) -> None:
    answer = line.answer("issue.issued")
    place, other = (line.numbered.replace("@@", each).encode() for each in (line.as_number, number))
    assert printed == issued(line, replace(answer, body=answer.body.replace(place, other))).number


@each_provider
@each_call
def test_an_answer_that_is_cut_is_not_believed(line: Line, call: str) -> None:
    answer = line.answer(DONE[call])
    for length in range(len(answer.body)):
        with pytest.raises((OutcomeUnknown, Malformed)):
            ask(line, call, replace(answer, body=answer.body[:length]))


# --- trouble keeps its meaning ---


@each_provider
@each_call
@pytest.mark.parametrize("error", [Unreachable, OutcomeUnknown])
def test_a_call_that_got_no_answer_keeps_its_meaning_and_is_made_once(
    line: Line, call: str, error: type[GatewayError]
) -> None:
    way = door(line, error("no answer"))
    with pytest.raises(error):
        CALLS[call](line.make(way), line)
    assert 1 == len(way.sent)


@each_provider
@each_call
@pytest.mark.parametrize("status", [300, 301, 302, 408, 425, 429, 500, 502, 503, 504])
def test_an_answer_that_decides_nothing_leaves_it_open(line: Line, call: str, status: int) -> None:
    way = door(line, replace(line.answer(DONE[call]), status=status))
    with pytest.raises(OutcomeUnknown):
        CALLS[call](line.make(way), line)
    assert 1 == len(way.sent)


@each_provider
@each_call
@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 415])
@pytest.mark.parametrize("body", [b"", b"<html>no</html>", b"{}", b'{"message":"no word of theirs"}'])
def test_a_4xx_without_a_word_is_a_refusal_by_its_status(
    line: Line, call: str, status: int, body: bytes
) -> None:
    with pytest.raises(Refused) as caught:
        ask(line, call, HttpAnswer(status, body))
    assert f"HTTP {status}" == caught.value.code


@each_provider
@each_call
@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_is_in_doubt_after_a_change_and_malformed_after_a_question(
    line: Line, call: str, body: bytes
) -> None:
    with pytest.raises(OutcomeUnknown if call in CHANGES else Malformed):
        ask(line, call, HttpAnswer(200, body))


@each_provider
@pytest.mark.parametrize("call", ["issue", "look_up", "fetch"])
def test_an_answer_to_another_call_is_not_believed(line: Line, call: str) -> None:
    for other in set(CALLS) - {call}:
        with pytest.raises((OutcomeUnknown, Malformed)):
            ask(line, call, DONE[other])


# --- tokens ---

who_log_in = pytest.mark.parametrize(
    "line", [line for line in LINES if line.logs_in], ids=lambda line: line.name
)


@who_log_in
@each_call
@pytest.mark.parametrize(
    "outcome",
    [
        Unreachable("no way"),
        OutcomeUnknown("no answer"),
        HttpAnswer(500, b""),
        HttpAnswer(429, b""),
        HttpAnswer(302, b""),
        *(HttpAnswer(200, body) for body in GARBAGE),
        HttpAnswer(200, b'{"access_token":"a b"}'),
        HttpAnswer(200, b'{"access_token":7}'),
        HttpAnswer(200, b'{"success":true,"errorCode":"","data":"a\\nb"}'),
        HttpAnswer(200, b'{"success":false,"errorCode":"SomethingNew","data":null}'),
    ],
    ids=str,
)
def test_trouble_with_a_login_means_that_nothing_has_left_us(line: Line, call: str, outcome: Outcome) -> None:
    way = door(line, DONE[call], logins=(outcome,))
    with pytest.raises(Unreachable):
        CALLS[call](line.make(way), line)
    assert [] == way.sent


@who_log_in
@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_login_that_is_denied_is_a_refusal(line: Line, status: int) -> None:
    way = door(line, "issue.issued", logins=(HttpAnswer(status, b""),))
    with pytest.raises(Refused):
        line.make(way).issue(ORDER, NOW)
    assert [] == way.sent


@who_log_in
def test_one_token_serves_many_calls_until_shortly_before_its_end(line: Line) -> None:
    way = door(line, "look_up.found")
    provider = line.make(way, token_life_s=1199)
    for seconds in (0, 600, 1138, 1139, 1140, 5000):
        provider.look_up(ORDER.key, ORDER.series, NOW + timedelta(seconds=seconds))
    assert (3, 6) == (len(way.asked_for_a_token), len(way.sent))


@who_log_in
@each_call
def test_a_token_that_is_no_longer_taken_is_renewed_once(line: Line, call: str) -> None:
    login = line.answer("login.answer")
    newer = replace(login, body=login.body.replace(b"first-token", b"second-token"))
    way = door(line, HttpAnswer(401, b""), DONE[call], logins=(login, newer))
    CALLS[call](line.make(way), line)
    proofs = [each.headers["authorization"] for each in way.sent]
    assert ["Bearer first-token", "Bearer second-token"] == proofs
    assert way.sent[0].body == way.sent[1].body


@who_log_in
@each_call
def test_a_token_that_is_never_taken_is_a_refusal_after_two_tries(line: Line, call: str) -> None:
    way = door(line, HttpAnswer(401, b""))
    with pytest.raises(Refused):
        CALLS[call](line.make(way), line)
    assert (2, 2) == (len(way.asked_for_a_token), len(way.sent))


# --- what a receipt may hold ---

INJECTIONS = (
    "Nguyễn <b>A</b> & ]]> </CusName><Amount>1</Amount>",
    "]]>]]&gt;<![CDATA[<Amount>1</Amount>]]>",
    '"},{"x":"',
    '\\",\\u0022}',
    "<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>&b;",
    "<?xml version='1.0'?><!-- --><a/>",
    "&lt;&amp;&#60;&#x0;%00",
    "supplierTaxCode=1&transactionUuid=2",
    "ERR:13",
    "';--",
    "𠀀 Ngọc 😀",
)
FIELDS: dict[str, Callable[[ReceiptOrder, str], ReceiptOrder]] = {
    "payer": lambda order, text: replace(order, payer=replace(order.payer, name=text)),
    "address": lambda order, text: replace(order, payer=replace(order.payer, address=text)),
    "number": lambda order, text: replace(order, payer=replace(order.payer, id_number=text)),
    "collector": lambda order, text: replace(order, collector_name=text),
    "case": lambda order, text: replace(order, case_code=text),
    "fee": lambda order, text: replace(order, lines=(replace(order.lines[0], name=text),)),
    "code": lambda order, text: replace(order, lines=(replace(order.lines[0], code=text),)),
}
MAY_BE_EMPTY = {"address", "number", "code"}
NOT_ON_THE_WIRE = {("vnpt", "collector")}
each_field = pytest.mark.parametrize("name", FIELDS)


def texts_of(line: Line, order: ReceiptOrder) -> list[str]:
    way = door(line, OutcomeUnknown("no answer"))
    with pytest.raises(OutcomeUnknown):
        line.make(way).issue(order, NOW)
    return line.read(way.sent[0].body or b"")


@each_provider
@each_field
@pytest.mark.parametrize("text", INJECTIONS)
def test_a_text_stays_one_text_whatever_it_holds(line: Line, name: str, text: str) -> None:
    plain = texts_of(line, FIELDS[name](ORDER, "PLAIN"))
    told = texts_of(line, FIELDS[name](ORDER, text))
    assert (("PLAIN" in plain) != ((line.name, name) in NOT_ON_THE_WIRE), len(plain)) == (True, len(told))
    assert [text if each == "PLAIN" else each for each in plain] == told


@each_provider
@given(name=st.sampled_from(sorted(FIELDS)), text=st.text(max_size=60))
def test_whatever_the_text_the_provider_reads_it_on_one_line_or_nothing_is_sent(
    line: Line, name: str, text: str
) -> None:
    try:
        told = texts_of(line, FIELDS[name](ORDER, text))
    except Malformed:
        assert name not in MAY_BE_EMPTY
        return
    if (line.name, name) not in NOT_ON_THE_WIRE:
        kept = wire.one_line(re.sub("[\ufdd0-\ufdef\ufffe\uffff]+", " ", text), 400)
        assert kept in told or (not kept and name in MAY_BE_EMPTY)


@each_provider
@each_field
@pytest.mark.parametrize("text", ["x" * 401, "", "  \t\n", "\x00\x1f", "\ud800", "\uffff"])
def test_a_text_is_not_cut_and_what_must_be_there_is_not_empty(line: Line, name: str, text: str) -> None:
    if (line.name, name) in NOT_ON_THE_WIRE or (len(text) < 100 and name in MAY_BE_EMPTY):
        texts_of(line, FIELDS[name](ORDER, text))
        return
    way = door(line, "issue.issued")
    with pytest.raises(Malformed):
        line.make(way).issue(FIELDS[name](ORDER, text), NOW)
    assert [] == way.sent


@each_provider
def test_fees_and_charges_are_told_apart_line_by_line(line: Line) -> None:
    fee = replace(ORDER.lines[0], kind="phi", code="P01", name="Phí thẩm định", amount_vnd=150_000)
    told = texts_of(line, replace(ORDER, lines=(fee, ORDER.lines[0])))
    marks = [told[place + 1] for place, text in enumerate(told) if text == line.kind]
    names = [text for text in told if text in {"Phí thẩm định", "Lệ phí cấp bản sao"}]
    assert (["Phí thẩm định", "Lệ phí cấp bản sao"], list(line.kinds)) == (names, marks)
    assert {"150000", "180000", "330000", "Ba trăm ba mươi nghìn đồng"} <= set(told)


@each_provider
@each_call
def test_a_series_of_another_issuer_is_not_asked_for(line: Line, call: str) -> None:
    other = ReceiptSeries("5400000001", ORDER.series.form, ORDER.series.sign)
    way = door(line, DONE[call])
    provider = line.make(way)
    calls: dict[str, Callable[[], object]] = {
        "issue": lambda: provider.issue(replace(ORDER, series=other), NOW),
        "look_up": lambda: provider.look_up(ORDER.key, other, NOW),
        "cancel": lambda: provider.cancel(replace(line.issued, series=other), REASON, NOW),
        "fetch": lambda: provider.fetch(replace(line.issued, series=other), ReceiptFile.PDF, NOW),
    }
    with pytest.raises(Misconfigured):
        calls[call]()
    assert [] == way.sent


# --- discretion ---


def everything(line: Line) -> Iterator[str]:
    """All that a log could print: settings, provider, order, what was issued, and every error."""
    yield from map(repr, (line.settings, line.make(door(line)), ORDER, line.issued))
    answers = [HttpAnswer(200, body) for body in GARBAGE]
    answers += [
        line.answer(f"{call}.{what}")
        for call in ("issue", "look_up")
        for what in ("duplicate", "issued", "found", "cancelled", "status", "not_there", "other_sum")
        if (Path(__file__).parent / "wire" / line.name / f"{call}.{what}.http").exists()
    ]
    name = ORDER.payer.name
    answers += [each for call in CALLS for code in ("7", name, "X" * 500) for each in line.coded(call, code)]
    for call in CALLS.values():
        for answer in answers:
            for logins in ((), (answer,)):
                way = door(line, answer, logins=logins)
                provider = line.make(way)
                try:
                    yield repr(call(provider, line))
                except GatewayError as error:
                    yield "".join([repr(error), *traceback.format_exception(error), str(vars(error))])
                yield repr(vars(provider))
                yield from map(repr, (*way.sent, *way.asked_for_a_token))


@each_provider
def test_no_secret_and_no_person_is_shown_or_logged(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    payer = ORDER.payer
    hidden = (*line.secrets, payer.name, payer.id_number, payer.address, "Nguyễn")
    seen = [*everything(line), caplog.text]
    assert [] == [(word, text) for word in hidden for text in seen if word in text]


# --- nothing else comes out ---

SAMPLES = st.sampled_from(
    [(line, call, name) for line in LINES for call, name in [*DONE.items(), ("issue", "issue.duplicate")]]
)


@given(
    SAMPLES, st.sampled_from([200, 201, 400, 401, 404, 500]), st.binary(max_size=80) | st.none(), st.data()
)
def test_no_answer_makes_a_provider_fail_with_anything_but_its_errors(
    sample: tuple[Line, str, str], status: int, noise: bytes | None, data: Any
) -> None:
    line, call, name = sample
    answer = line.answer(name)
    body = noise
    if body is None:
        kept = bytearray(answer.body)
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(kept)))
            kept[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        body = bytes(kept)
    try:
        ask(line, call, HttpAnswer(status, body, answer.headers))
    except (OutcomeUnknown, Malformed, Refused, ReferenceConflict):
        return
    assert 400 > status
