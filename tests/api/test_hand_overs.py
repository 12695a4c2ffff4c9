"""A case that goes from a province's portal to another one, over HTTP: seen from the hand-over on, and by the page."""

import pytest
from api_world import World

pytestmark = pytest.mark.service


def act(world: World, code: str, event: str, *, who: str = "all", **more: object) -> tuple[int, dict]:
    wanted = {"reference": world.fresh("ho"), "event": event, **more}
    answer = world.ask("POST", f"/v1/cases/{code}/transitions", wanted, who=who)
    return answer.status, answer.json


def test_the_other_portal_takes_a_case_over_and_the_first_one_keeps_looking(world: World) -> None:
    code = world.submitted()["case_code"]
    assert 404 == world.ask("GET", f"/v1/cases/{code}", who="other").status
    due = {"count": 4, "unit": "working_hours"}
    status, sent = act(world, code, "transfer", transfer_to="H15.03", step="Xác minh", due=due)
    assert (200, "H28") == (status, sent["handled_by"])
    assert 200 == world.ask("GET", f"/v1/cases/{code}", who="other").status
    status, taken = act(world, code, "acknowledge", who="other")
    assert (200, "H15.03", "acknowledged") == (status, taken["handled_by"], taken["steps"][0]["state"])
    assert ("Xác minh", "H28") == (taken["steps"][0]["step"], taken["steps"][0]["from_agency"])
    assert taken["steps"][0]["due_at"]
    status, problem = act(world, code, "accept")
    assert (409, "the case is with H15.03 now, which decides about it") == (status, problem["detail"])
    status, accepted = act(world, code, "accept", who="other")
    assert (200, "accepted") == (status, accepted["state"])
    assert "accepted" == world.ask("GET", f"/v1/cases/{code}").json["state"]


def test_the_feed_of_the_receiver_tells_of_it_and_of_what_follows(world: World) -> None:
    code = world.submitted()["case_code"]
    act(world, code, "transfer", transfer_to="H15")
    act(world, code, "acknowledge", who="other")
    act(world, code, "accept", who="other")
    feed = world.ask("GET", "/v1/events?limit=500", who="other").json["events"]
    mine = [each for each in feed if each["data"]["case_code"] == code]
    assert ["case.transferred", "case.step_acknowledged", "case.accepted"] == [each["type"] for each in mine]
    assert [each["version"] for each in mine] == sorted(each["version"] for each in mine)


@pytest.mark.parametrize(
    "wanted",
    [
        {"event": "transfer"},
        {"event": "accept", "transfer_to": "H15"},
        {"event": "acknowledge", "step": "x"},
        {"event": "acknowledge", "due": {"count": 1, "unit": "working_days"}},
        {"event": "return_step"},
        {"event": "transfer", "transfer_to": "h15"},
        {"event": "transfer", "transfer_to": "H15", "due": {"count": 0, "unit": "working_days"}},
        {"event": "transfer", "transfer_to": "H15", "due": {"count": 1, "unit": "years"}},
    ],
)
def test_what_does_not_fit_the_event_is_refused(world: World, wanted: dict) -> None:
    code = world.submitted()["case_code"]
    answer = world.ask("POST", f"/v1/cases/{code}/transitions", {"reference": world.fresh("ho"), **wanted})
    assert (422, "malformed") == (answer.status, answer.json["code"])


def test_the_page_says_who_has_the_case_and_since_when(world: World) -> None:
    case = world.submitted()
    act(world, case["case_code"], "transfer", transfer_to="H15")
    act(world, case["case_code"], "acknowledge", who="other")
    page = world.plain("GET", case["links"]["track"].removeprefix(world.url)).text
    assert "Trung tâm H15" in page
    assert "Cơ quan nhận chuyển đã nhận hồ sơ" in page
