from collections.abc import Callable
from pathlib import Path

import pytest
from adapters_under_test import ADAPTERS
from payment_questions import QUESTIONS
from wire_samples import Case

import adapters


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.__name__)
@pytest.mark.parametrize("case", ADAPTERS, ids=lambda case: case.name)
def test_an_adapter(case: Case, question: Callable[[Case], None]) -> None:
    question(case)


def test_every_adapter_file_has_its_line() -> None:
    folder = Path(adapters.__file__).parent
    files = {file.stem for file in folder.glob("*.py") if file.name != "__init__.py"}
    assert files == {case.name for case in ADAPTERS}
