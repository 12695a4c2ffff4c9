"""A code to scan or to name is shown on the page and to the portal, and what is told beside it is true."""

from dataclasses import replace

import pytest
from api_world import FEE_VND, World

from adapters import bidv, counter, vietqr
from gateway.ports import HttpAnswer, HttpRequest
from gateway.web.pay import WAITS_FOR_MONEY


class Nobody:
    """None of these calls anybody."""

    def send(self, request: HttpRequest) -> HttpAnswer:
        raise AssertionError(request.url)


NOBODY = Nobody()
pytestmark = pytest.mark.service


@pytest.fixture
def town(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world with providers that show a code."""
    known = world.app.extensions["cong4"]
    more = {
        "vietqr": vietqr.Vietqr(vietqr.Settings(), NOBODY),
        "counter": counter.Counter(counter.Settings(), NOBODY),
        "bidv": bidv.Bidv(bidv.Settings("068001", "a secret", customer_prefix="GWT"), NOBODY),
    }
    context = replace(known.context, providers={**known.context.providers, **more})
    monkeypatch.setitem(world.app.extensions, "cong4", replace(known, context=context))
    return world


def chosen(town: World, case_code: str, provider: str) -> tuple[dict[str, object], str]:
    """A payment for which this provider was chosen, and its page."""
    payment = town.payment(case_code)
    target = f"/pay/{str(payment['pay_url']).partition('/pay/')[2]}"
    reply = town.form(target, f"provider={provider}")
    assert (303, target) == (reply.status, reply.headers["location"])
    return town.ask("GET", f"/v1/payments/{payment['id']}").json, town.plain("GET", target).text


def test_a_qr_code_is_shown_with_what_can_be_typed_by_hand(town: World, case_code: str) -> None:
    payment, page = chosen(town, case_code, "vietqr")
    qr = payment["qr"]
    assert isinstance(qr, dict)
    assert str(payment["order_code"]) in qr["payload"]
    for told in ("Hoặc nhập bằng tay", "200.000 đ", str(payment["order_code"]), WAITS_FOR_MONEY.title_vi):
        assert told in page
    picture = town.plain("GET", "/pay/" + qr["image_url"].partition("/pay/")[2])
    assert (200, "image/svg+xml") == (picture.status, picture.media_type)
    assert b"<svg" in picture.body


@pytest.mark.parametrize(("provider", "code"), [("bidv", "GWT{}"), ("counter", "{}")])
def test_a_code_to_name_is_shown_and_is_no_picture(
    town: World, case_code: str, provider: str, code: str
) -> None:
    payment, page = chosen(town, case_code, provider)
    assert f'<p class="code">{code.format(payment["order_code"])}</p>' in page
    assert payment["qr"] is None
    target = str(payment["pay_url"]).partition("/pay/")[2]
    assert 404 == town.plain("GET", f"/pay/{target}/qr.svg").status


def test_a_code_of_a_sum_that_is_not_owed_any_more_is_not_shown(town: World, case_code: str) -> None:
    payment, _ = chosen(town, case_code, "vietqr")
    with town.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE attempts SET asked_vnd = asked_vnd - 1 WHERE payment_id = %s", (str(payment["id"]),)
        )
    target = f"/pay/{str(payment['pay_url']).partition('/pay/')[2]}"
    assert "qr.svg" not in town.plain("GET", target).text
    assert town.ask("GET", f"/v1/payments/{payment['id']}").json["qr"] is None


def test_a_part_that_came_is_told_with_what_is_missing(town: World, case_code: str) -> None:
    payment, _ = chosen(town, case_code, "vietqr")
    with town.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE payments SET paid_vnd = 50000 WHERE id = %s", (str(payment["id"]),)
        )
    target = f"/pay/{str(payment['pay_url']).partition('/pay/')[2]}"
    page = town.plain("GET", target).text
    assert "Đã nhận 50.000 đ, còn thiếu 150.000 đ" in page
    assert 200_000 == FEE_VND


def test_a_portal_gets_the_code_with_the_try(town: World, case_code: str) -> None:
    payment = town.payment(case_code)
    made = town.ask("POST", f"/v1/payments/{payment['id']}/attempts", {"provider": "bidv"}).json
    assert (None, None) == (made["redirect_url"], made["qr_payload"])
    assert f"GWT{payment['order_code']}" == made["pay_code"]
