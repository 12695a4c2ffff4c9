"""The table of the contract suite: adapters across, questions down; each cell is asked when it is printed.

`make` has a target for it. Exit code 1 when a question fails.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from adapters_under_test import ADAPTERS
from asking import CLOSED, can, can_start, outward, tellers
from payment_questions import QUESTIONS
from toys import BREAKAGES
from wire_samples import WIRE, Case

from gateway.ports import Capability

ANSWERED, LACKING, FAILED = "✓", "–", "✗"
LEGEND = f"{ANSWERED} answered   {LACKING} the provider has no such thing   {FAILED} failed"
GAP = "  "

Question = Callable[[Case], None]
Concerns = Callable[[Case], bool]


def always(_: Case) -> bool:
    return True


def having(*capabilities: Capability) -> Concerns:
    """Concerns adapters that have one of `capabilities`."""
    return lambda case: can(case, *capabilities)


def with_samples(prefix: str) -> Concerns:
    return lambda case: bool(case.samples(prefix))


def calls_out(case: Case) -> bool:
    return any(True for _ in outward(case, CLOSED))


_REPORTS = having(Capability.CALLBACK, Capability.QUERY)
_CALLBACK, _QUERY = having(Capability.CALLBACK), having(Capability.QUERY)
_REFUND, _REFUND_QUERY = having(Capability.REFUND), having(Capability.REFUND_QUERY)
_INQUIRY, _NOTICE, _BILL = (having(each) for each in (Capability.INQUIRY, Capability.NOTICE, Capability.BILL))

CONCERNS: Mapping[str, Concerns] = {
    "is_named_as_its_file_and_declares_what_it_can": always,
    "has_a_sample_or_a_reason_for_every_outcome": always,
    "has_an_expectation_for_every_sample": always,
    "starts_with_the_request_of_the_sample": can_start,
    "shows_the_qr_code_of_the_sample": having(Capability.QR),
    "tells_the_code_of_the_sample": having(Capability.CODE),
    "reads_each_answer_to_a_start_as_expected": with_samples("start."),
    "reads_each_callback_as_expected": _CALLBACK,
    "reads_each_answer_to_a_query_as_expected": _QUERY,
    "asks_with_the_request_of_the_sample": _QUERY,
    "names_each_outcome_by_its_own_word": lambda case: bool(tellers(case)),
    "gives_order_amount_and_currency_back_as_they_were_asked_for": _REPORTS,
    "tells_a_foreign_partner_from_a_forger": lambda case: bool(tellers(case)),
    "refuses_a_callback_with_one_changed_byte": _CALLBACK,
    "refuses_a_callback_that_is_cut_or_lengthened": _CALLBACK,
    "survives_garbage_from_a_caller": _CALLBACK,
    "acknowledges_in_the_providers_own_words": _CALLBACK,
    "acknowledges_garbage_with_the_same_status": _CALLBACK,
    "never_takes_garbage_for_an_answer": calls_out,
    "keeps_the_meaning_of_a_call_that_got_no_answer": calls_out,
    "tells_a_refusal_from_a_breakdown_by_http_status": calls_out,
    "sends_once": calls_out,
    "asks_for_a_refund_with_the_request_of_the_sample": _REFUND,
    "tells_a_full_refund_from_a_part": _REFUND,
    "reads_each_answer_to_a_refund_as_expected": _REFUND,
    "keeps_a_refused_refund_refused": _REFUND,
    "asks_about_a_refund_with_the_request_of_the_sample": _REFUND_QUERY,
    "reads_each_answer_about_a_refund_as_expected": _REFUND_QUERY,
    "gives_sum_and_reference_of_a_refund_back_as_they_were_sent": _REFUND,
    "reads_each_inquiry_as_expected": _INQUIRY,
    "tells_who_asks_from_a_forger": _INQUIRY,
    "refuses_an_inquiry_with_one_changed_byte": _INQUIRY,
    "survives_garbage_from_who_asks": _INQUIRY,
    "answers_an_inquiry_in_the_providers_own_words": _INQUIRY,
    "answers_every_inquiry_whatever_it_holds": _INQUIRY,
    "shows_a_bill_only_to_who_may_pay_it": _INQUIRY,
    "gives_the_memo_of_a_notice": _NOTICE,
    "takes_no_debit_for_money": lambda case: (
        can(case, Capability.NOTICE) and "callback.debit" not in case.silent
    ),
    "asks_for_a_bill_with_the_requests_of_the_samples": _BILL,
    "brings_each_bill_as_expected": _BILL,
    "brings_a_paper_and_refuses_while_there_is_none": _BILL,
    "shows_no_secret": always,
    "shows_no_payer": always,
    "says_unsupported_to_what_it_cannot": always,
}
"""Which adapters a question is about: the others pass it because they have nothing to answer with."""


def heading(case: Case) -> str:
    """The samples' folder: several services may share one adapter."""
    return str(case.folder.relative_to(WIRE)).rpartition("/")[2]


def answer(case: Case, question: Question) -> tuple[str, str]:
    """One cell, and what it broke with if it did."""
    try:
        question(case)
    except BREAKAGES as error:
        return FAILED, type(error).__name__
    return (ANSWERED if CONCERNS[question.__name__](case) else LACKING), ""


def table(cases: Sequence[Case], questions: Sequence[Question] = QUESTIONS) -> tuple[str, list[str]]:
    """The table as text, and a sentence for everything that is wrong with it."""
    found = [[answer(case, question) for case in cases] for question in questions]
    wide = max(len(question.__name__) for question in questions)
    lines = [*_headings([heading(case) for case in cases], wide)]
    troubles: list[str] = []
    for question, cells in zip(questions, found, strict=True):
        name = question.__name__.replace("_", " ")
        lines.append(GAP.join([name.ljust(wide), *(mark for mark, _ in cells)]))
        troubles += [
            f"{heading(case)} {name}: {broken}"
            for case, (_, broken) in zip(cases, cells, strict=True)
            if broken
        ]
    marks = [mark for cells in found for mark, _ in cells]
    counts = ", ".join(f"{marks.count(mark)} {mark}" for mark in (ANSWERED, LACKING, FAILED))
    idle = sum(all(mark == LACKING for mark, _ in cells) for cells in found)
    many = f"{len(cases)} adapters and services, {len(questions)} questions ({idle} about what none has): {counts}"
    return "\n".join([*lines, "", LEGEND, many]), troubles


def _headings(names: Sequence[str], wide: int) -> Iterable[str]:
    """The names from top to bottom, ending on one line."""
    tall = max(len(name) for name in names)
    for letters in zip_longest(*(name.rjust(tall) for name in names), fillvalue=" "):
        yield GAP.join([" " * wide, *letters]).rstrip()


def main(cases: Sequence[Case] = ADAPTERS, questions: Sequence[Question] = QUESTIONS) -> int:
    """Print the table; what is wrong goes to the standard error."""
    text, troubles = table(cases, questions)
    sys.stdout.write(f"{text}\n")
    for trouble in troubles:
        sys.stderr.write(f"{trouble}\n")
    return 1 if troubles else 0


if __name__ == "__main__":
    sys.exit(main())
