"""Which known money a bank line shows, and which references of ours stand in its words."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.codes import attempt_reference, make_order_code
from gateway.domain.matching import (
    PARTS,
    Decision,
    Expected,
    Reason,
    Seen,
    codes_in,
    match,
    names,
    references_in,
)

CODE = make_order_code(date(2026, 11, 24), b"abcde")
OTHER = make_order_code(date(2026, 11, 24), b"other")
LATER = [attempt_reference(CODE, n) for n in range(2, 100)]


def test_each_equal_line_takes_one_success_of_the_same_try_and_the_third_is_left_over() -> None:
    awaited = [Expected(n, "att_1", CODE, 5) for n in (7, 8)]
    lines = [Seen(n, 5, (CODE,)) for n in (1, 2, 3)]
    assert (
        Decision(1, 7, "att_1", Reason.BY_REFERENCE),
        Decision(2, 8, "att_1", Reason.BY_REFERENCE),
        Decision(3, None, None, Reason.NOT_AWAITED),
    ) == match(lines, awaited)


def test_money_out_is_not_money_in_of_the_same_sum() -> None:
    awaited = [Expected(1, "att_1", CODE, 5), Expected(2, None, OTHER, -5)]
    lines = [Seen(1, -5, ()), Seen(2, 5, (OTHER,)), Seen(3, -5, (OTHER,)), Seen(4, 5, (CODE,))]
    assert [
        (None, Reason.UNEXPLAINED_DEBIT),
        (None, Reason.AMOUNT_DIFFERS),
        (2, Reason.BY_REFUND),
        (1, Reason.BY_REFERENCE),
    ] == [(each.event_id, each.reason) for each in match(lines, awaited)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (Seen(1, 5, ()), Reason.NO_REFERENCE),
        (Seen(1, 5, (OTHER,)), Reason.NOT_AWAITED),
        (Seen(1, 6, (CODE,)), Reason.AMOUNT_DIFFERS),
        (Seen(1, 5, (OTHER,), foreign=True), Reason.WRONG_ACCOUNT),
        (Seen(1, -6, ()), Reason.UNEXPLAINED_DEBIT),
        (Seen(1, -1, (OTHER,)), Reason.UNEXPLAINED_DEBIT),
        (Seen(1, 0, ()), Reason.NO_REFERENCE),
    ],
)
def test_a_line_that_is_not_matched_says_why(line: Seen, reason: Reason) -> None:
    assert (Decision(1, None, None, reason),) == match([line], [Expected(1, "att_1", CODE, 5)])


def test_reasons_are_called_as_the_books_and_the_finance_pages_call_them() -> None:
    assert [
        "by_reference",
        "by_refund",
        "by_hand",
        "no_reference",
        "not_awaited",
        "amount_differs",
        "wrong_account",
        "unexplained_debit",
    ] == [each.value for each in Reason]


LINES = st.lists(
    st.builds(Seen, st.just(0), st.integers(-3, 3), st.sampled_from([(), (CODE,), (OTHER, CODE)]))
)
KNOWN = st.lists(
    st.builds(Expected, st.integers(), st.just("a"), st.sampled_from([CODE, OTHER]), st.integers(-3, 3)),
    unique_by=lambda each: each.event_id,
)


@given(LINES, KNOWN)
def test_no_event_is_given_twice_and_every_line_is_decided(
    lines: list[Seen], awaited: list[Expected]
) -> None:
    decisions = match(lines, awaited)
    given_ids = [each.event_id for each in decisions if each.event_id is not None]
    assert len(lines) == len(decisions)
    assert len(set(given_ids)) == len(given_ids)
    sums = {each.event_id: each.amount_vnd for each in awaited}
    assert [
        line.amount_vnd for line, each in zip(lines, decisions, strict=True) if each.event_id is not None
    ] == [sums[each] for each in given_ids]


@pytest.mark.parametrize("number", [2, 9, 10, 11, 99])
@pytest.mark.parametrize("text", ["nop {r}", "{r} 2026", "IBFT{r}CT", "{l}", "{r[0]}{r[1]} {r[2]}-{rest}"])
def test_the_two_digits_behind_a_code_name_the_try(number: int, text: str) -> None:
    reference = attempt_reference(CODE, number)
    memo = text.format(r=reference, l=reference.lower(), rest=reference[3:])
    assert (reference,) == references_in(memo, {CODE: [CODE, *LATER]})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (CODE, (CODE,)),
        (f"{CODE} 10 giao dich", (CODE,)),
        (f"{CODE}01", (CODE,)),
        (f"{CODE}2", (CODE,)),
        (f"{CODE} {OTHER}", (CODE, OTHER)),
        ("không có gì", ()),
    ],
)
def test_digits_that_number_no_try_belong_to_the_bank(text: str, found: tuple[str, ...]) -> None:
    assert found == references_in(text, {CODE: [CODE]})


def test_two_tries_of_one_order_may_stand_in_one_line() -> None:
    assert (LATER[0], LATER[8]) == references_in(f"{LATER[0]} {LATER[8]}", {CODE: [CODE, *LATER]})


@given(st.text(max_size=300))
def test_any_text_is_read(text: str) -> None:
    assert all(
        each == CODE or each in LATER
        for each in references_in(f"{text} {CODE}", {CODE: LATER})
        if CODE in each
    )
    assert names(f"{text} FT1 ", "ft1")


@pytest.mark.parametrize(
    ("text", "reference", "named"),
    [
        ("hoan phi FT26-77", "ft26 77", True),
        ("hoan phi FT26-77.", "FT26-77", True),
        ("hoan phi XFT26-77", "FT26-77", False),
        ("hoan phi FT26-771", "FT26-77", False),
        ("hoan phi", "", False),
        ("hoan phi", "--", False),
    ],
)
def test_the_reference_of_a_bank_is_found_as_whole_words(text: str, reference: str, *, named: bool) -> None:
    assert named == names(text, reference)


def test_what_the_bank_adds_makes_no_code_of_a_memo_that_was_cut() -> None:
    code = make_order_code(date(2026, 11, 5), b"0123456789abcdef")
    assert (code,) == codes_in(f"nop {code[:9]}\n{code[9:]}"), "a line break within a memo hides nothing"
    assert () == codes_in(f"nop {code[:9]}{PARTS}{code[9:]}")
    assert () == references_in(f"nop {code[:9]}{PARTS}{code[9:]}", {})
    assert (code,) == references_in(f"x{PARTS}{code}", {})
    assert (code,) == references_in(f"{code}{PARTS}02 {code}", {code: {f"{code}02"}})
