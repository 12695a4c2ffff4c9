"""The same questions to every provider that issues a receipt in the place of another one."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from asking import GARBAGE
from receipt_adapters_under_test import ISSUED_AT, LINES, NOW, ORDER, Line
from test_receipt_adapters import Door, Outcome, door
from wire_samples import WIRE, request_bytes

from gateway.domain.errors import (
    GatewayError,
    Malformed,
    Misconfigured,
    OutcomeUnknown,
    Refused,
    Unreachable,
)
from gateway.ports import HttpAnswer, IssuedReceipt, ReceiptSeries, Replacing

REASON = "Hoàn một phần"
ABLE = [line for line in LINES if line.replaces]
each_provider = pytest.mark.parametrize("line", ABLE, ids=lambda line: line.name)


def old_of(line: Line) -> IssuedReceipt:
    """The receipt that is to be replaced: another key, another number, issued half an hour before."""
    before = ISSUED_AT - timedelta(minutes=30)
    return replace(line.issued, key="GW2511230009-LP", number="0000007", issued_at=before)


def asked(line: Line, way: Door, old: IssuedReceipt | None = None) -> IssuedReceipt:
    provider = line.make(way)
    call: Callable[..., IssuedReceipt] = getattr(provider, "replace")  # noqa: B009 - not every provider has it
    return call(ORDER, old or old_of(line), REASON, NOW)


def ask(line: Line, *outcomes: Outcome | str) -> IssuedReceipt:
    return asked(line, door(line, *outcomes))


def test_those_who_can_are_known() -> None:
    assert {"vnpt", "viettel"} == {line.name for line in ABLE}
    assert callable(Replacing.replace)


@each_provider
def test_the_request_is_the_sample_byte_for_byte(line: Line) -> None:
    way = door(line, "replace.issued")
    asked(line, way)
    assert [line.sample("replace.request")] == [request_bytes(each) for each in way.sent]


@each_provider
def test_the_receipt_that_takes_the_place_is_read_with_its_identity(line: Line) -> None:
    names = sorted((WIRE / line.name).glob("replace.issued*.http"))
    assert [line.issued] * len(names) == [ask(line, file.stem) for file in names]


@each_provider
def test_an_answer_about_another_series_is_not_believed(line: Line) -> None:
    answer = line.answer("replace.issued")
    other = replace(answer, body=answer.body.replace(b"BL-25E", b"BM-25E"))
    with pytest.raises(OutcomeUnknown):
        ask(line, other)


def test_vnpt_naming_another_key_is_not_believed() -> None:
    line = next(each for each in ABLE if each.name == "vnpt")
    answer = line.answer("replace.issued_2")
    with pytest.raises(OutcomeUnknown):
        ask(line, replace(answer, body=answer.body.replace(b"GW2511240001", b"GW2511240002")))


@each_provider
def test_a_code_of_the_table_is_a_refusal_with_the_providers_own_code(line: Line) -> None:
    for sent, code in line.refusals["replace"]:
        for answer in line.coded("replace", sent):
            with pytest.raises(Refused) as caught:
                ask(line, answer)
            assert code == caught.value.code


@each_provider
def test_a_code_that_is_in_no_table_decides_nothing(line: Line) -> None:
    for code in line.open_codes:
        for answer in line.coded("replace", code):
            with pytest.raises(OutcomeUnknown):
                ask(line, answer)


@each_provider
def test_a_key_that_is_known_is_looked_up_and_not_asked_for_again(line: Line) -> None:
    way = door(line, "replace.duplicate", "look_up.found")
    found = asked(line, way)
    assert (True, "0000001") == (found.repeated, found.number)
    assert [line.sample(f"{call}.request") for call in ("replace", "look_up")] == [
        request_bytes(each) for each in way.sent
    ]


@each_provider
@pytest.mark.parametrize("error", [Unreachable, OutcomeUnknown])
def test_a_call_that_got_no_answer_keeps_its_meaning_and_is_made_once(
    line: Line, error: type[GatewayError]
) -> None:
    way = door(line, error("no answer"))
    with pytest.raises(error):
        asked(line, way)
    assert 1 == len(way.sent)


@each_provider
@pytest.mark.parametrize("body", GARBAGE)
def test_garbage_leaves_it_in_doubt(line: Line, body: bytes) -> None:
    with pytest.raises(OutcomeUnknown):
        ask(line, HttpAnswer(200, body))


@each_provider
def test_an_answer_that_is_cut_is_not_believed(line: Line) -> None:
    answer = line.answer("replace.issued")
    for length in range(len(answer.body)):
        with pytest.raises(OutcomeUnknown):
            ask(line, replace(answer, body=answer.body[:length]))


@each_provider
def test_a_receipt_of_another_issuer_is_not_replaced(line: Line) -> None:
    way = door(line, "replace.issued")
    series = ReceiptSeries("5400000001", ORDER.series.form, ORDER.series.sign)
    with pytest.raises(Misconfigured):
        asked(line, way, replace(old_of(line), series=series))
    assert [] == way.sent


def test_viettel_names_the_old_one_with_its_moment_or_not_at_all() -> None:
    line = next(each for each in ABLE if each.name == "viettel")
    way = door(line, "replace.issued")
    with pytest.raises(Malformed):
        asked(line, way, replace(old_of(line), issued_at=None))
    assert [] == way.sent
