"""The due day: counted from the reception, moved by the time that the case waited for the citizen, and explained."""

from datetime import UTC, date, datetime

import pytest
from service_papers import decide, extend, with_office
from service_world import World

from gateway.service import cases, show_case
from gateway.store import spine

pytestmark = pytest.mark.service

DUE = date(2026, 12, 9)
"""Ten working days after the opening that follows the reception on 24/11/2026, a day of rest."""


@pytest.fixture(scope="module")
def town(world: World) -> World:
    return with_office(world)


def at(month: int, day: int, hour: int = 10) -> datetime:
    """An hour of that day in Việt Nam."""
    return datetime(2026, month, day, hour - 7, tzinfo=UTC)


def due_on(town: World, code: str) -> date | None:
    return cases.find(town.context, town.caller, code).due_on


def steps(town: World, code: str) -> list[str]:
    case = cases.find(town.context, town.caller, code)
    with town.context.engine.connect() as connection:
        timeline = list(spine.of_case(connection, code))
    return [
        each["en"]
        for each in show_case.case(town.context, case, show_case.Parts(timeline=timeline))["due_steps"]
    ]


@pytest.mark.parametrize(
    ("ask", "resume"),
    [("ask_supplement", "supplement_given"), ("ask_fee", "process"), ("ask_supplement", "process")],
)
def test_the_time_that_a_case_waited_for_the_citizen_does_not_count(
    town: World, ask: str, resume: str
) -> None:
    code = town.case("accepted")
    assert DUE == due_on(town, code)
    decide(town, code, ask, at(11, 26), reason="mờ")
    decide(town, code, resume, at(12, 1))
    assert date(2026, 12, 14) == due_on(town, code), "Thursday to Tuesday are three working days"


def test_each_wait_moves_the_day_and_a_moment_none(town: World) -> None:
    code = town.case("accepted")
    for ask, resume in ((at(11, 26), at(11, 27)), (at(11, 30), at(11, 30)), (at(12, 2), at(12, 3))):
        decide(town, code, "ask_supplement", ask, reason="mờ")
        decide(town, code, "supplement_given", resume)
    assert date(2026, 12, 11) == due_on(town, code)


def test_a_wait_outside_the_hours_moves_nothing(town: World) -> None:
    code = town.case("accepted")
    decide(town, code, "ask_supplement", at(11, 27, 18), reason="mờ")
    decide(town, code, "supplement_given", at(11, 29))
    assert DUE == due_on(town, code)


def test_a_wait_before_the_reception_moves_nothing(town: World) -> None:
    code = town.case()
    decide(town, code, "ask_supplement", at(11, 25), reason="mờ")
    case = decide(town, code, "supplement_given", at(11, 27))
    assert date(2026, 12, 11) == case.due_on, "ten working days after 27/11"


def test_a_wait_after_an_extension_moves_the_later_day(town: World) -> None:
    code = town.case("accepted")
    extend(town, code, date(2026, 12, 15), at(11, 26))
    decide(town, code, "ask_supplement", at(11, 27), reason="mờ")
    decide(town, code, "supplement_given", at(12, 1))
    assert date(2026, 12, 17) == due_on(town, code)
    extend(town, code, date(2026, 12, 18), at(12, 2))
    assert date(2026, 12, 18) == due_on(town, code)


def test_the_day_is_explained_step_by_step_and_is_open_while_the_case_waits(town: World) -> None:
    code = town.case("accepted")
    running = steps(town, code)
    assert any("09/12/2026" in each for each in running[-1:])
    decide(town, code, "ask_supplement", at(11, 26), reason="mờ")
    waiting = steps(town, code)
    assert not any("09/12/2026" in each for each in waiting)
    decide(town, code, "supplement_given", at(12, 1))
    resumed = steps(town, code)
    assert "14/12/2026" in resumed[-1]
    assert len(resumed) > len(running)
    assert [] == steps(town, town.case())
