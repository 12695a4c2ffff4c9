"""Every operation of the OpenAPI document, fuzzed by schemathesis.

This is the short form; the long one is `python -m tests.shows schemathesis --examples N`.
"""

import json
from pathlib import Path

import pytest
from api_fuzz import Fuzzer, Tally, in_turn
from api_world import World

pytestmark = pytest.mark.service

EXAMPLES, EVERY = 2, 3
DOCUMENT = json.loads((Path(__file__).parents[2] / "docs/openapi.json").read_text(encoding="utf-8"))
LABELS = sorted(
    (f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods),
    key=in_turn,
)
SELDOM_REACHED = frozenset(
    {
        "POST /v1/cases/{case_code}/documents",
        "POST /v1/cases/{case_code}/extensions",
        "POST /v1/deliveries",
        "POST /v1/events/{event_id}/resend",
        "PUT /v1/cases/{case_code}/documents/{document_code}",
        "PUT /v1/cases/{case_code}/result",
    }
)
"""What made-up input hardly does: a document as announced, a day later than the due one, an event that was told, and
what needs a case that is still open after all that was done to it before."""
TELLS_BY_401 = frozenset({"POST /v1/uploads"})
"""Where what is missing is missing from the signature."""


@pytest.fixture(scope="module")
def fuzzer(world: World) -> Fuzzer:
    return Fuzzer(world)


@pytest.fixture(scope="module")
def tallies() -> dict[str, Tally]:
    return {}


@pytest.mark.parametrize("label", LABELS)
def test_whatever_is_sent_the_answer_is_as_described(
    fuzzer: Fuzzer, tallies: dict[str, Tally], label: str
) -> None:
    tally = tallies[label] = fuzzer.tried(label, EXAMPLES, every=EVERY)
    assert {} == tally.first
    assert label in TELLS_BY_401 or not tally.answers[401], "a call of ours was not signed as it should be"


def test_all_operations_were_tried_and_most_could_succeed(fuzzer: Fuzzer, tallies: dict[str, Tally]) -> None:
    """A fuzzer whose every call is refused shows nothing."""
    assert fuzzer.labels() == list(tallies)
    assert [] == [label for label, each in tallies.items() if each.answers.total() < 2]
    assert {label for label, each in tallies.items() if not each.succeeded()} <= SELDOM_REACHED
