"""Asked of an adapter whose provider asks us what is owed (`INQUIRY`)."""

from dataclasses import replace
from typing import Any

from asking import CLOSED, REFUSALS, can, damaged, garbled, read_inquiry, reading
from wire_samples import Case, answer_bytes, inbound

from gateway.ports import Answer, Bill, Capability, HttpAnswer, InboundMessage

ANSWERS = (
    Answer.OK,
    Answer.DUPLICATE,
    Answer.UNKNOWN_ORDER,
    Answer.BAD_SIGNATURE,
    Answer.MALFORMED,
    Answer.OUR_ERROR,
)


def reads_each_inquiry_as_expected(case: Case) -> None:
    for file in case.samples("inquiry."):
        message = inbound(case.sample(file))
        assert reading(lambda message=message: read_inquiry(case, message)) == case.expected[file], file


def tells_who_asks_from_a_forger(case: Case) -> None:
    if can(case, Capability.INQUIRY):
        assert case.expected["inquiry.forged.http"] == "BadSignature"
        asked = case.expected["inquiry.asked.http"]
        assert asked["reference"] in (case.order.reference, case.order.case_code)


def refuses_an_inquiry_with_one_changed_byte(case: Case) -> None:
    """Where the wire signs no inquiry, `silent` says why, and the header that proves who asks is held to this."""
    if not can(case, Capability.INQUIRY):
        return
    genuine = inbound(case.sample("inquiry.asked.http"))
    signed = "inquiry.signature" not in case.silent
    for changed in damaged(genuine if signed else replace(genuine, query=b"", body=b"")):
        message = changed if signed else replace(changed, query=genuine.query, body=genuine.body)
        read = reading(lambda message=message: read_inquiry(case, message))
        assert read in (*REFUSALS, case.expected["inquiry.asked.http"]), message


def survives_garbage_from_who_asks(case: Case) -> None:
    if can(case, Capability.INQUIRY):
        for message in garbled(inbound(case.sample("inquiry.asked.http"))):
            read = reading(lambda message=message: read_inquiry(case, message))
            assert read in ("BadSignature", "Malformed"), message


def answers_an_inquiry_in_the_providers_own_words(case: Case) -> None:
    if not can(case, Capability.INQUIRY):
        return
    message = inbound(case.sample("inquiry.asked.http"))
    for answer in ANSWERS:
        given = _answer(case, answer, _owed(case, answer), message)
        assert answer_bytes(given) == case.sample(f"inquiry.answer.{answer}.http"), answer


def answers_every_inquiry_whatever_it_holds(case: Case) -> None:
    if not can(case, Capability.INQUIRY):
        return
    genuine = inbound(case.sample("inquiry.asked.http"))
    for message in (genuine, *garbled(genuine)):
        for answer in Answer:
            for bill in (None, case.bill(payable=True), case.bill(payable=False)):
                assert isinstance(_answer(case, answer, bill, message), HttpAnswer)


def shows_a_bill_only_to_who_may_pay_it(case: Case) -> None:
    """No other answer than `ok` holds a payer's data or the sum, and `ok` none of a bill that is not payable."""
    if not can(case, Capability.INQUIRY):
        return
    message, order = inbound(case.sample("inquiry.asked.http")), case.order
    private = (order.payer.name, order.payer.id_number, order.payer.address, str(order.amount_vnd))
    answers = {(answer, True) for answer in Answer} - {(Answer.OK, True)}
    for answer, payable in answers | {(answer, False) for answer in Answer}:
        text = _answer(case, answer, case.bill(payable=payable), message).body.decode()
        assert [told for told in private if told in text] == [], answer


QUESTIONS = (
    reads_each_inquiry_as_expected,
    tells_who_asks_from_a_forger,
    refuses_an_inquiry_with_one_changed_byte,
    survives_garbage_from_who_asks,
    answers_an_inquiry_in_the_providers_own_words,
    answers_every_inquiry_whatever_it_holds,
    shows_a_bill_only_to_who_may_pay_it,
)


def _owed(case: Case, answer: Answer) -> Bill | None:
    """What the core knows when it gives this answer."""
    known = {Answer.OK: case.bill(payable=True), Answer.DUPLICATE: case.bill(payable=False)}
    return known.get(answer)


def _answer(case: Case, answer: Answer, bill: Bill | None, message: InboundMessage) -> HttpAnswer:
    adapter: Any = case.build(CLOSED)
    return adapter.answer_inquiry(answer, bill, message, case.now)
