"""The citizen: reads pages as a browser does, and finds the way to the bank and back."""

from typing import Any

import pytest
from flask import Response, redirect, request
from hypothesis import example, given
from hypothesis import strategies as st

from sandbox.citizen import Citizen, read_page
from sandbox.errors import CitizenLost
from sandbox.serving import Server, new_app

PAGE = """<!doctype html><title>không đọc</title><h1>Thanh toán &amp; tra cứu</h1><script>var a = "<form>"</script>
<form method="POST" action="/pay/t1/start"><input type="hidden" name="csrf_token" value="abc&quot;1">
<input type=checkbox name=agree value=yes checked><input type=checkbox name=news value=yes>
<input name=gone value=1 disabled>
<button name="provider" value="vnpay">VNPAY</button><button name="provider" value="dvcqg">Cổng</button></form>
<form><select name="lang"><option value="vi" selected>vi<option value="en">en</select></form>
<a href="../help?x=1">Trợ giúp</a>"""


def test_a_page_is_read_as_a_browser_reads_it() -> None:
    page = read_page("http://h/pay/t1", 200, PAGE)
    first, second = page.forms
    assert ("post", "http://h/pay/t1/start") == (first.method, first.action)
    assert {"csrf_token": 'abc"1', "agree": "yes"} == first.filled()
    assert (True, True, False) == (
        first.offers("provider", "vnpay"),
        first.offers("provider", "dvcqg"),
        first.offers("csrf_token", 'abc"1'),
    )
    assert ("get", "http://h/pay/t1", True) == (second.method, second.action, second.offers("lang", "en"))
    assert ("http://h/help?x=1",) == page.links
    assert "Thanh toán & tra cứu VNPAY Cổng vi en Trợ giúp" == page.text


@given(st.text() | st.text(alphabet="<>![]-?/ abcD\"'=&#;x0"))
@example("<![")
def test_no_page_breaks_the_reader(html: str) -> None:
    page = read_page("http://h/", 200, html + '<a href="http://[">')
    assert ("http://h/", 200) == (page.url, page.status)


@pytest.fixture
def citizen() -> Any:
    made = Citizen()
    yield made
    made.close()


@pytest.fixture
def gateway(world: Any, vnpay: Any, dvcqg: Any) -> Any:
    """A pay page that sends to the providers of the world, with a cookie that must come back."""
    app = new_app("gateway")

    @app.get("/pay/<token>")
    def pay(token: str) -> Any:
        form = PAGE.replace("t1", token)
        return Response(form, content_type="text/html; charset=utf-8", headers={"Set-Cookie": "s=1; Path=/"})

    @app.post("/pay/<token>/start")
    def start(token: str) -> Any:
        if request.form.get("csrf_token") != 'abc"1' or request.cookies.get("s") != "1":
            return Response("no", 403)
        back = f"{request.host_url}return/vnpay"
        if request.form["provider"] == "vnpay":
            return redirect(vnpay.pay_url(token, 180_000, vnp_ReturnUrl=back), 303)
        return redirect(dvcqg.init(token, 180_000)["UrlThanhToan"], 303)

    @app.get("/return/vnpay")
    def back() -> Any:
        return f"<p>Mã: {request.args['vnp_ResponseCode']}</p>"

    server = Server(app, 0)
    server.start()
    yield server.url
    server.stop()


def test_a_citizen_pays_through_vnpay_and_comes_back(citizen: Any, gateway: Any, listener: Any) -> None:
    page = citizen.pay(f"{gateway}/pay/GW0001", "vnpay")
    assert (200, "Mã: 00") == (page.status, page.text)
    assert page.url.startswith(f"{gateway}/return/vnpay?vnp_Amount=18000000")
    assert "/callbacks/vnpay" == listener.wait_for(1)[0].path


def test_a_citizen_may_change_his_mind_at_the_bank(citizen: Any, gateway: Any, listener: Any) -> None:
    assert "Mã: 24" == citizen.pay(f"{gateway}/pay/GW0001", "vnpay", result="cancel").text


def test_a_citizen_pays_through_the_national_platform_and_comes_back(
    citizen: Any, gateway: Any, listener: Any
) -> None:
    page = citizen.choose(f"{gateway}/pay/GW0001", "dvcqg")
    assert "180.000 đ" in page.text
    page = citizen.press(page, "result", "pay")
    assert f"{listener.url}/return/dvcqg?MaThamChieu=GW0001&MaLoi=00" == page.url


def test_a_citizen_is_lost_where_the_provider_is_not_offered(citizen: Any, gateway: Any) -> None:
    with pytest.raises(CitizenLost, match="does not offer momo") as lost:
        citizen.choose(f"{gateway}/pay/GW0001", "momo")
    assert "GW0001" not in str(lost.value)
