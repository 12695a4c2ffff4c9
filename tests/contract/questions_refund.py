"""Asked of an adapter that gives money back (`REFUND`, `REFUND_QUERY`)."""

from dataclasses import replace

from asking import Door, can, query_refund, reading, refund, tellers
from wire_samples import Case, answered, request_bytes

from gateway.ports import Capability, Outcome, RefundOrder


def asks_for_a_refund_with_the_request_of_the_sample(case: Case) -> None:
    if can(case, Capability.REFUND):
        assert _asked(case, case.refund) == case.sample("refund.request.http")
        assert 0 < case.refund.amount_vnd < case.refund.paid_vnd


def tells_a_full_refund_from_a_part(case: Case) -> None:
    """By the sample where the wire has two kinds; else the wire must say the same of both."""
    if not can(case, Capability.REFUND):
        return
    whole = replace(case.refund, amount_vnd=case.refund.paid_vnd)
    part = replace(whole, paid_vnd=2 * whole.paid_vnd)
    if (case.folder / "refund.request.full.http").exists():
        assert _asked(case, whole) == case.sample("refund.request.full.http")
        assert _asked(case, whole) != _asked(case, part)
    else:
        assert _asked(case, whole) == _asked(case, part)


def reads_each_answer_to_a_refund_as_expected(case: Case) -> None:
    for file in case.samples("refund."):
        door = Door(answered(case.sample(file)))
        assert reading(lambda door=door: refund(case, door)) == case.expected[file], file


def keeps_a_refused_refund_refused(case: Case) -> None:
    if can(case, Capability.REFUND) and "refund.refused" not in case.silent:
        assert case.expected["refund.refused.http"] == "Refused"


def asks_about_a_refund_with_the_request_of_the_sample(case: Case) -> None:
    if can(case, Capability.REFUND_QUERY):
        door = _door(case, "query_refund")
        query_refund(case, door)
        assert [request_bytes(request) for request in door.sent] == [case.sample("query_refund.request.http")]


def reads_each_answer_about_a_refund_as_expected(case: Case) -> None:
    for file in case.samples("query_refund."):
        door = Door(answered(case.sample(file)))
        assert reading(lambda door=door: query_refund(case, door)) == case.expected[file], file


def gives_sum_and_reference_of_a_refund_back_as_they_were_sent(case: Case) -> None:
    for call in {"refund", "query_refund"} & set(tellers(case)):
        for outcome in (Outcome.PAID, Outcome.PENDING):
            if f"{call}.{outcome}" not in case.silent:
                expected = case.expected[f"{call}.{outcome}.http"]
                assert expected["reference"] == case.refund.reference
                if f"{call}.amount" not in case.silent:
                    assert expected["amount_vnd"] == case.refund.amount_vnd


QUESTIONS = (
    asks_for_a_refund_with_the_request_of_the_sample,
    tells_a_full_refund_from_a_part,
    reads_each_answer_to_a_refund_as_expected,
    keeps_a_refused_refund_refused,
    asks_about_a_refund_with_the_request_of_the_sample,
    reads_each_answer_about_a_refund_as_expected,
    gives_sum_and_reference_of_a_refund_back_as_they_were_sent,
)


def _asked(case: Case, order: RefundOrder) -> bytes:
    door = _door(case, "refund")
    refund(case, door, order)
    (request,) = door.sent
    return request_bytes(request)


def _door(case: Case, call: str) -> Door:
    """A way out to a provider that takes the refund on, or has given it."""
    named = next(o for o in (Outcome.PENDING, Outcome.PAID) if f"{call}.{o}" not in case.silent)
    return Door(answered(case.sample(f"{call}.{named}.http")))
