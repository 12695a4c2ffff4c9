"""The feed and the lists: what cannot be read is refused, and what can be is told whole, once and in order."""

from urllib.parse import quote

import pytest
from api_world import World
from sqlalchemy import event, text

pytestmark = pytest.mark.service


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=501",
        "limit=1.0",
        "limit=",
        "limit=a",
        "limit=1_0",
        "limit=%205",
        "limit=" + quote("５"),
        "limit=" + "9" * 5000,
        "cursor=",
        "cursor=1",
        "cursor=pay_",
        "cursor=pay_" + "G" * 32,
        "cursor=pay_" + "0" * 33,
        "cursor=" + quote("' OR 1=1"),
        "from=",
        "from=yesterday",
        "from=2026-01-01",
        "from=2026-01-01T00:00:00",
        "from=" + quote("2026-01-01 00:00:00"),
        "from=2026-13-01T00:00:00Z",
        "from=0001-01-01T00:00:00Z",
        "to=9999-12-31T23:59:59-12:00",
        "to=" + quote("2026-01-01T00:00:00+25:00"),
        "state=",
        "state=paid",
        "state=unknown",
        "state=Success",
    ],
)
def test_a_filter_of_payments_that_cannot_be_read_is_refused(world: World, query: str) -> None:
    reply = world.ask("GET", f"/v1/payments?{query}")
    assert (422, "malformed") == (reply.status, reply.json["code"])
    assert query.partition("=")[0] in reply.json["detail"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=1e2",
        "limit=" + quote("１"),
        "limit=0000500",
        "after=",
        "after=0",
        "after=a-b",
        "after=-1-1",
        "after=" + quote("+1-1"),
        "after=1-1-1",
        "after=" + quote("١-١"),
        "after=" + "9" * 19 + "-1",
        "after=1-" + "9" * 19,
        "after=" + quote("0-0; DROP TABLE events"),
    ],
)
def test_a_cursor_or_limit_of_the_feed_that_cannot_be_read_is_refused(world: World, query: str) -> None:
    reply = world.ask("GET", f"/v1/events?{query}")
    assert (422, "malformed") == (reply.status, reply.json["code"])
    assert query.partition("=")[0] in reply.json["detail"]


@pytest.mark.parametrize("event_id", ["x", "evt_", "evt_x", "evt_-1", "12", "evt_" + "9" * 19, "evt_%D9%A1"])
def test_an_event_id_that_cannot_be_read_is_refused(world: World, event_id: str) -> None:
    reply = world.ask("POST", f"/v1/events/{event_id}/resend")
    assert (422, "malformed") == (reply.status, reply.json["code"])


def test_a_list_without_filters_is_a_page_of_the_newest_payments(world: World, case_code: str) -> None:
    made = [world.payment(case_code)["id"] for _ in range(3)]
    first = world.ask("GET", "/v1/payments?limit=2").json
    assert [made[2], made[1]] == [each["id"] for each in first["payments"]]
    second = world.ask("GET", f"/v1/payments?limit=2&cursor={first['next_cursor']}").json
    assert made[0] == second["payments"][0]["id"]
    assert 200 == world.ask("GET", "/v1/payments").status


def test_filters_of_a_list_are_taken_together(world: World) -> None:
    code = world.submitted()["case_code"]
    made = world.payment(code)
    period = f"from={quote('2020-01-01T00:00:00+07:00')}&to={quote('2090-01-01T00:00:00Z')}"
    target = f"/v1/payments?case_code={code}&reference={made['reference']}&state=created&{period}"
    assert [made["id"]] == [each["id"] for each in world.ask("GET", target).json["payments"]]
    for other in ("state=success", "reference=x", "case_code=x", f"to={quote('2020-01-01T00:00:00Z')}"):
        name = other.partition("=")[0]
        kept = "&".join(each for each in target.partition("?")[2].split("&") if not each.startswith(name))
        assert [] == world.ask("GET", f"/v1/payments?{kept}&{other}").json["payments"]


def test_a_page_of_payments_costs_the_same_few_statements_however_many_are_paid(
    world: World, case_code: str
) -> None:
    for _ in range(4):
        world.payment(case_code)
    with world.engine.begin() as connection:
        paid = "UPDATE payments SET paid_at = created_at WHERE case_code = :code AND state = 'created'"
        connection.execute(text(paid), {"code": case_code})
    counted: list[str] = []

    def count(*args: object) -> None:
        counted.append(str(args[2]))

    sizes = []
    for limit in (1, 4):
        counted.clear()
        event.listen(world.engine, "before_cursor_execute", count)
        assert limit == len(world.ask("GET", f"/v1/payments?limit={limit}").json["payments"])
        event.remove(world.engine, "before_cursor_execute", count)
        sizes.append(len(counted))
    assert sizes[0] == sizes[1]


def test_the_feed_tells_everything_once_and_goes_on_from_an_empty_page(world: World) -> None:
    code = world.submitted()["case_code"]
    after, told = "0-0", []
    for _ in range(1000):
        page = world.ask("GET", f"/v1/events?after={after}&limit=7").json
        told += page["events"]
        if after == page["next_cursor"]:
            break
        after = page["next_cursor"]
    ids = [each["id"] for each in told]
    assert len(set(ids)) == len(ids)
    assert ["case.registered"] == [each["type"] for each in told if each["data"]["case_code"] == code]
    empty = world.ask("GET", f"/v1/events?after={after}").json
    assert {"events": [], "next_cursor": after} == empty
