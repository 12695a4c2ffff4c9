"""Asked of an adapter that tells of money by its memo (`NOTICE`) or gives a paper of its own (`BILL`)."""

from asking import Door, bill, can, reading
from wire_samples import Case, answered, request_bytes

from gateway.ports import Capability, Outcome


def gives_the_memo_of_a_notice(case: Case) -> None:
    if can(case, Capability.NOTICE):
        assert case.order.reference in case.expected["callback.paid.http"]["memo"]


def takes_no_debit_for_money(case: Case) -> None:
    """What went out of an account is refused, or told as anything but paid."""
    if can(case, Capability.NOTICE) and "callback.debit" not in case.silent:
        debit = case.expected["callback.debit.http"]
        assert isinstance(debit, str) or debit["outcome"] != Outcome.PAID


def asks_for_a_bill_with_the_requests_of_the_samples(case: Case) -> None:
    for file in case.samples("bill."):
        door = _door(case, file)
        reading(lambda door=door: bill(case, door))
        wanted = ["bill.request.http", file.replace(".http", ".then.request.http")][: len(door.sent)]
        assert [request_bytes(request) for request in door.sent] == [case.sample(name) for name in wanted]


def brings_each_bill_as_expected(case: Case) -> None:
    for file in case.samples("bill."):
        door = _door(case, file)
        assert reading(lambda door=door: bill(case, door)) == case.expected[file], file


def brings_a_paper_and_refuses_while_there_is_none(case: Case) -> None:
    if can(case, Capability.BILL):
        assert bill(case, _door(case, "bill.given.http")).startswith(b"%PDF-")
        assert case.expected["bill.refused.http"] == "Refused"


QUESTIONS = (
    gives_the_memo_of_a_notice,
    takes_no_debit_for_money,
    asks_for_a_bill_with_the_requests_of_the_samples,
    brings_each_bill_as_expected,
    brings_a_paper_and_refuses_while_there_is_none,
)


def _door(case: Case, file: str) -> Door:
    """The answer of the sample, and after it the one that its second call gets."""
    second = file.replace(".http", ".then.http")
    then = answered(case.sample(second)) if (case.folder / second).exists() else None
    return Door(answered(case.sample(file)), then=then)
