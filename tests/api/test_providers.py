"""Which provider is up is seen by portals and operations; payments begin where we choose, in the order of the page."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from api_world import World

pytestmark = pytest.mark.service

DOWN_SINCE = "2026-11-24T03:00:00+00:00"


@pytest.fixture(autouse=True)
def nothing_is_known(world: World) -> Iterator[None]:
    """Every test begins with providers that never failed."""
    with world.altered("DELETE FROM provider_health", "DELETE FROM provider_health"):
        yield


@pytest.fixture
def platform_is_down(world: World, nothing_is_known: None) -> None:
    """The national platform is down, and not to be tried again today."""
    with world.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO provider_health (provider, state, since, failures, failure, pause_s, next_probe_at) "
            f"VALUES ('dvcqg', 'down', '{DOWN_SINCE}', 0, 'unreachable', 600, now() + interval '1 day')"
        )


def begun(world: World, payment: dict[str, object], body: object) -> tuple[int, object]:
    reply = world.ask("POST", f"/v1/payments/{payment['id']}/attempts", body)
    return reply.status, reply.json.get("provider") or reply.json["code"]


def page_order(world: World, payment: dict[str, object]) -> list[str]:
    target = str(payment["pay_url"]).partition("/pay/")[2]
    page = world.plain("GET", f"/pay/{target}", headers=[("Accept", "text/html")])
    return re.findall(r'name="provider" value="(\w+)"', page.text)


def test_the_status_says_of_each_provider_that_it_is_up(world: World) -> None:
    found = world.ask("GET", "/v1/status").json["providers"]
    assert [("dvcqg", "up", None), ("vnpay", "up", None)] == [
        (each["name"], each["state"], each["since"]) for each in found
    ]
    assert ["callback", "query", "redirect", "refund"] == found[1]["capabilities"]


@pytest.mark.usefixtures("platform_is_down")
def test_the_status_says_which_provider_is_down_and_since_when(world: World) -> None:
    down, up = world.ask("GET", "/v1/status").json["providers"]
    assert ("dvcqg", "down", "up") == (down["name"], down["state"], up["state"])
    assert datetime(2026, 11, 24, 3, 0, tzinfo=UTC) == datetime.fromisoformat(down["since"])
    assert down["since"].endswith("+07:00")


@pytest.mark.usefixtures("platform_is_down")
def test_the_figures_say_it_too(world: World) -> None:
    text = world.plain("GET", "/metrics").text
    assert {'{provider="dvcqg"} 0.0', '{provider="vnpay"} 1.0'} == set(
        re.findall(r"^cong4_provider_up(.+)$", text, re.MULTILINE)
    )


def test_without_a_provider_a_try_begins_at_the_first_that_is_offered(world: World, case_code: str) -> None:
    assert (201, "dvcqg") == begun(world, world.payment(case_code), {})
    assert (201, "dvcqg") == begun(world, world.payment(case_code), {"provider": None})
    assert (201, "vnpay") == begun(world, world.payment(case_code, provider="vnpay"), {})


@pytest.mark.usefixtures("platform_is_down")
def test_past_one_that_is_down_unless_it_is_named(world: World, case_code: str) -> None:
    payment = world.payment(case_code)
    assert (503, "unreachable") == begun(world, payment, {"provider": "dvcqg"})
    assert (201, "vnpay") == begun(world, payment, {})


def test_the_page_shows_them_in_the_same_order(world: World, case_code: str) -> None:
    assert ["dvcqg", "vnpay"] == page_order(world, world.payment(case_code))
    assert ["vnpay", "dvcqg"] == page_order(world, world.payment(case_code, provider="vnpay"))


@pytest.mark.usefixtures("platform_is_down")
def test_the_page_has_one_that_is_down_at_the_end(world: World, case_code: str) -> None:
    assert ["vnpay", "dvcqg"] == page_order(world, world.payment(case_code))
    assert ["vnpay", "dvcqg"] == page_order(world, world.payment(case_code, provider="dvcqg"))


@pytest.mark.usefixtures("platform_is_down")
def test_who_chooses_one_that_is_down_is_told_so_and_that_nothing_was_charged(
    world: World, case_code: str
) -> None:
    payment = world.payment(case_code)
    target = str(payment["pay_url"]).partition("/pay/")[2]
    reply = world.form(f"/pay/{target}", "provider=dvcqg")
    assert 503 == reply.status
    assert "Chưa kết nối được nơi thu, chưa có khoản tiền nào bị trừ." in reply.text
    assert "created" == world.payment_state(str(payment["id"]))
    assert 303 == world.form(f"/pay/{target}", "provider=vnpay").status


def test_postage_is_paid_where_it_is_taken_and_refused_where_it_is_not(world: World, case_code: str) -> None:
    """Found by schemathesis: the platform without a kind for postage was an error of ours."""
    line = {"kind": "postage", "code": "C1", "name": "Cước chuyển phát", "amount_vnd": 26_500}
    payment = world.payment(case_code, lines=[line])
    assert (422, "unsupported") == begun(world, payment, {"provider": "dvcqg"})
    page = world.form(f"/pay/{payment['pay_url'].partition('/pay/')[2]}", "provider=dvcqg")
    assert (303, True) == (page.status, page.headers["location"].startswith("http://127.0.0.1:9/pay"))
    assert (201, "vnpay") == begun(world, world.payment(case_code, lines=[line]), {})
