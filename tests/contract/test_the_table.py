"""The printed table says of each cell what is true of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import table
from adapters_under_test import ADAPTERS
from asking import CLOSED
from payment_questions import QUESTIONS
from toys import BREAKAGES
from wire_samples import Case

OF_ALL = {name for name, concerns in table.CONCERNS.items() if concerns in {table.always, table.calls_out}}
"""Questions that need no sample."""
NAMED = {question.__name__: question for question in QUESTIONS}


def is_wrong(case: Case) -> None:
    assert case.name == "another", "the table shall notice"


def looks_at_samples(case: Case, question: table.Question, empty: Path) -> bool:
    """Whether the question misses what it looks for when the adapter has no samples, or no expectations."""
    for hollow in (replace(case, folder=empty), replace(case, expected={})):
        try:
            question(hollow)
        except BREAKAGES:
            return True
    return False


@pytest.fixture(autouse=True)
def nothing_was_sent() -> Iterator[None]:
    """An adapter without samples may call out through the door that all share; the questions count what was sent."""
    yield
    CLOSED.sent.clear()


def test_every_question_says_whom_it_concerns() -> None:
    assert [question.__name__ for question in QUESTIONS] == list(table.CONCERNS)


@pytest.mark.parametrize("name", sorted(NAMED.keys() - OF_ALL))
def test_a_question_is_marked_answered_where_it_looked_at_something(name: str, tmp_path: Path) -> None:
    for case in ADAPTERS:
        marked = table.ANSWERED if looks_at_samples(case, NAMED[name], tmp_path) else table.LACKING
        CLOSED.sent.clear()
        assert (marked, "") == table.answer(case, NAMED[name]), table.heading(case)


def test_the_table_has_a_column_for_each_adapter_and_a_row_for_each_question(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cases, questions = ADAPTERS[-2:], QUESTIONS[:4]
    assert 0 == table.main(cases, questions)
    told = capsys.readouterr()
    rows = told.out.splitlines()
    tall = max(len(table.heading(case)) for case in cases)
    assert [table.heading(case) for case in cases] == [
        "".join(row.ljust(200)[column] for row in rows[:tall]).strip()
        for column in (i for i, mark in enumerate(rows[tall]) if mark in {table.ANSWERED, table.LACKING})
    ]
    named = [row.split("  ")[0].replace(" ", "_") for row in rows[tall : tall + len(questions)]]
    assert [question.__name__ for question in questions] == named
    assert "" == told.err


def test_a_question_that_fails_is_shown_and_ends_the_command_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert 1 == table.main(ADAPTERS[-1:], [is_wrong, *QUESTIONS[:1]])
    told = capsys.readouterr()
    rows = [row.split() for row in told.out.splitlines()]
    assert ["is", "wrong", table.FAILED] == rows[-5]
    assert [table.ANSWERED] == rows[-4][-1:]
    assert "vnpay is wrong: AssertionError\n" == told.err
