"""The figures of a month by REST: of the portal's own agency, with each figure's formula; nothing else is answered."""

from datetime import UTC, datetime

import pytest
from api_world import World

from gateway.service import behind

pytestmark = pytest.mark.service

MONTH = f"{datetime.now(UTC):%Y-%m}"


def test_a_portal_reads_its_agency_s_figures_and_none_of_another(world: World) -> None:
    code = world.submitted()["case_code"]
    accepted = {"reference": world.fresh("tr"), "event": "accept"}
    assert 200 == world.ask("POST", f"/v1/cases/{code}/transitions", accepted).status
    context = world.house.context
    while behind.consume(context, "case_times", datetime.now(UTC)):
        pass
    ours = world.ask("GET", f"/v1/figures?month={MONTH}").json
    many = world.one(
        "SELECT count(*) AS many FROM cases WHERE agency_code = 'H28' AND accepted_at IS NOT NULL"
    ).many
    assert (MONTH, "H28", many) == (ours["month"], ours["agency_code"], ours["total"]["received"])
    assert {"H28"} == {each["agency_code"] for each in ours["groups"]}
    assert "KenhThucHien" in ours["formulas"]["online"]["en"]
    theirs = world.ask("GET", f"/v1/figures?month={MONTH}", who="other").json
    assert ("H15", 0) == (theirs["agency_code"], theirs["total"]["received"])


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("month=", 422, "malformed"),
        ("month=2026-13", 422, "malformed"),
        ("month=9999-12", 422, "malformed"),
        ("month=0001-01", 422, "malformed"),
        ("month=2000-01", 200, None),
        ("month=2026-11&agency=h28", 422, "malformed"),
        ("month=2026-11&agency=%00", 400, "bad_request"),
        (f"month=2026-11&field={'a' * 251}", 422, "malformed"),
        ("month=2026-11&field=%00", 400, "bad_request"),
        ("month=2026-11&agency=H15", 404, "not_found"),
        ("month=2026-11&agency=H28.15", 200, None),
    ],
)
def test_what_is_asked_for_in_another_way_is_refused_clearly(
    world: World, query: str, status: int, code: str | None
) -> None:
    reply = world.ask("GET", f"/v1/figures?{query}")
    assert (status, code) == (reply.status, reply.json.get("code"))
