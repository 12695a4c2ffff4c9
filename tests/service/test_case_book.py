"""The book of cases holds each case that was taken in on its days, by Vietnam's clock, and no other."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from service_papers import OFFICE, decide, with_office
from service_world import AGENCY, NOW, PERSON, World, minutes

from gateway.domain.errors import Malformed, Misconfigured
from gateway.service import case_book
from gateway.service.accesses import Viewing

pytestmark = pytest.mark.service

DAY = date(2026, 11, 24)
LAST_MINUTE = datetime(2026, 11, 24, 16, 59, tzinfo=UTC)
"""23:59 in Vietnam."""
LOOK = Viewing("staff:vanthu", "book", "báo cáo tháng", NOW)


@pytest.fixture(scope="module")
def town(world: World) -> World:
    return with_office(world)


def rows(town: World, from_on: date, to_on: date) -> list[dict[str, object]]:
    paper = case_book.print_book(town.context, "H28", from_on, to_on, LOOK)
    assert paper.pdf.startswith(b"%PDF")
    found = json.loads(paper.json)["entries"]
    assert isinstance(found, list)
    return found


def codes(town: World, from_on: date, to_on: date) -> list[object]:
    return [each["case_code"] for each in rows(town, from_on, to_on)]


def test_the_book_has_the_cases_of_its_days_in_the_order_of_their_reception(town: World) -> None:
    town.case()  # handed in, and not taken in
    second, first, late, next_day = (town.case() for _ in range(4))
    decide(town, first, "accept", minutes(1))
    decide(town, second, "accept", minutes(2))
    decide(town, late, "accept", LAST_MINUTE)
    decide(town, next_day, "accept", LAST_MINUTE + timedelta(minutes=1))
    assert [first, second, late] == codes(town, DAY, DAY)
    assert [next_day] == codes(town, date(2026, 11, 25), date(2026, 11, 30))
    assert [first, second, late, next_day] == codes(town, DAY, date(2026, 11, 25))
    assert [] == codes(town, date(2026, 11, 1), date(2026, 11, 23))


def test_an_entry_says_whose_case_it_is_and_what_became_of_it(town: World) -> None:
    code = town.case("accepted")
    decide(town, code, "withdraw")
    entry = next(each for each in rows(town, DAY, DAY) if each["case_code"] == code)
    person = entry["applicant"]
    assert isinstance(person, dict)
    assert (PERSON["name"], PERSON["id_number"]) == (person["name"], person["id_number"])
    expected = {
        "handled_by": OFFICE.unit,
        "received_at": "2026-11-24T10:00:00+07:00",
        "due_at": "2026-12-09T17:00:00+07:00",
        "returned_at": None,
        "way": "counter",
        "note": "Đã rút hồ sơ",
    }
    assert expected == {name: entry[name] for name in expected}


def test_the_book_of_another_agency_has_none_of_ours(town: World) -> None:
    agencies = {**town.context.agencies, "H15": replace(AGENCY, code="H15")}
    context = replace(town.context, agencies=agencies)
    town.case("accepted")
    assert [] == json.loads(case_book.print_book(context, "H15", DAY, DAY, LOOK).json)["entries"]


def test_what_no_book_can_be_made_of_is_refused(town: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Misconfigured, match="H99"):
        case_book.print_book(town.context, "H99", DAY, DAY, LOOK)
    with pytest.raises(Malformed, match="ends before"):
        case_book.print_book(town.context, "H28", DAY, DAY - timedelta(days=1), LOOK)
    for _ in range(2):
        town.case("accepted")
    monkeypatch.setattr(case_book, "MAX_ROWS", 1)
    with pytest.raises(Malformed, match="take fewer days"):
        case_book.print_book(town.context, "H28", DAY, DAY, LOOK)
