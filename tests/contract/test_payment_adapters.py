from collections.abc import Callable
from pathlib import Path

import pytest
from adapters_under_test import ADAPTERS
from payment_questions import QUESTIONS
from wire_samples import Case

import adapters

FOLDER = Path(adapters.__file__).parent
FILES = {file.stem for file in FOLDER.glob("*.py") if file.name != "__init__.py"}
WIRES = {name for name in FILES if name.endswith("_wire")}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.__name__)
@pytest.mark.parametrize("case", ADAPTERS, ids=lambda case: case.name)
def test_an_adapter(case: Case, question: Callable[[Case], None]) -> None:
    question(case)


def test_every_adapter_file_has_its_line() -> None:
    assert FILES - WIRES == {case.name for case in ADAPTERS}


@pytest.mark.parametrize("wire", sorted(WIRES))
def test_the_second_file_of_an_adapter_is_known_to_its_adapter_alone(wire: str) -> None:
    """`<bank>_wire.py` holds what does not fit into `<bank>.py`; it is no way round the wall between adapters."""
    knowing = {name for name in FILES if name != wire and wire in (FOLDER / f"{name}.py").read_text("utf-8")}
    assert knowing == {wire.removesuffix("_wire")}
