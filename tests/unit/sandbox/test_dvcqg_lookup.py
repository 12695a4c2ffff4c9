"""The platform looks up what is owed, and charges that; and its receipts."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from sandbox.config import read_world
from sandbox.dvcqg_asks import pdf
from sandbox.dvcqg_lookup import NO_ANSWER, look_up, read_answer
from sandbox.outward import Call, Reply
from sandbox.world import World

CASE = "H28-261124-0001"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def owed(amount_vnd: int, reference: str = "GW0001", **other: object) -> bytes:
    """A portal's answer; it also acknowledges a CONFIRM."""
    message = {
        "transaction_id": reference,
        "TKThuHuong": "0123456789",
        "NoiDungThanhToan": "Lệ phí",
        "PhiLePhi": [{"SoTien": str(amount_vnd)}],
        "DSKhoanNop": [{"SoTien": str(amount_vnd)}],
    }
    return json.dumps({"error_code": 1, "message": {**message, **other}, "MaLoi": "00"}).encode()


@pytest.fixture
def start(setting: Any, listener: Any, dvcqg_at: Any) -> Any:
    """Starts a platform that knows where to look up, and gives a caller of it."""

    def started(**settings: object) -> Any:
        read = read_world(setting.values)
        assert read.dvcqg is not None
        known = {
            "inquiry_url": f"{listener.url}/callbacks/dvcqg/inquiry",
            "inquiry_token": "invented",
            **settings,
        }
        world = World(replace(read, dvcqg=replace(read.dvcqg, **known)))
        setting.worlds.append(world)
        world.start()
        return dvcqg_at(world.urls["dvcqg"])

    return started


def paid(caller: Any, address: str) -> None:
    requests.post(f"{address}/xacnhan", data={"result": "pay"}, timeout=5, allow_redirects=False)


def test_a_fee_that_changed_since_the_init_is_charged_as_it_is_now(
    start: Any, listener: Any, control: Callable[[str, object], int]
) -> None:
    caller = start()
    assert 200 == control(caller.url, {"inquire": True})
    listener.answers = [(200, owed(200_000))]
    address = caller.init("GW0001", 180_000)["UrlThanhToan"]
    assert "200.000 đ" in requests.get(address, timeout=5).text
    asked = listener.wait_for(1)[0]
    assert ("POST", "/callbacks/dvcqg/inquiry") == (asked.method, asked.path)
    assert {"MaHoSo": CASE} == json.loads(asked.body)
    paid(caller, address)
    confirm = json.loads(listener.wait_for(2)[1].body)
    assert ("GW0001", 200_000) == (confirm["MaThamChieu"], confirm["SoTien"])
    assert ("1", 200_000) == (caller.query("GW0001")["TrangThaiGD"], caller.query("GW0001")["SoTien"])


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (200, b'{"error_code":0,"message":[]}', "không có khoản phải nộp"),
        (200, b'{"error_code":-1,"message":[]}', "Không tìm thấy hồ sơ"),
        (500, owed(200_000), NO_ANSWER),
        (200, b"<html>", NO_ANSWER),
        (200, owed(200_000, PhiLePhi=[{"SoTien": "1"}]), NO_ANSWER),
        (200, owed(0), NO_ANSWER),
        (200, owed(200_000, ""), NO_ANSWER),
    ],
)
def test_nobody_pays_what_is_not_owed(
    start: Any, listener: Any, control: Any, status: int, body: bytes, sentence: str
) -> None:
    caller = start()
    control(caller.url, {"inquire": True})
    listener.answers = [(status, body)]
    page = requests.get(caller.init("GW0001", 180_000)["UrlThanhToan"], timeout=5)
    assert (409, True, False) == (page.status_code, sentence in page.text, "<form" in page.text)


def test_a_payer_who_has_only_the_code_of_a_case_finds_what_is_owed(start: Any, listener: Any) -> None:
    caller = start()
    listener.answers = [(200, owed(55_000, "GW0007"))]
    page = requests.get(f"{caller.url}/tracuu", params={"MaHoSo": CASE}, timeout=5)
    assert "55.000 đ" in page.text
    paid(caller, page.url)
    confirm = json.loads(listener.wait_for(2)[1].body)
    assert ("GW0007", 55_000, "00") == (confirm["MaThamChieu"], confirm["SoTien"], confirm["MaLoi"])


def test_what_was_begun_with_an_init_is_found_again_by_its_case_and_charged_anew(
    start: Any, listener: Any
) -> None:
    caller = start()
    listener.answers = [(200, owed(55_000, "GW0001"))]
    address = caller.init("GW0001", 180_000)["UrlThanhToan"]
    page = requests.get(f"{caller.url}/tracuu", params={"MaHoSo": CASE}, timeout=5)
    assert (address, True) == (page.url, "55.000 đ" in page.text)


def test_a_payment_that_was_decided_is_charged_no_more(start: Any, listener: Any) -> None:
    caller = start()
    caller.pay("GW0001", 180_000)
    listener.wait_for(1)
    listener.answers = [(200, owed(55_000, "GW0001"))]
    page = requests.get(f"{caller.url}/tracuu", params={"MaHoSo": CASE}, timeout=5)
    assert (409, 180_000) == (page.status_code, caller.query("GW0001")["SoTien"])


def test_a_platform_that_knows_no_look_up_says_so(dvcqg: Any, control: Any) -> None:
    assert 400 == control(dvcqg.url, {"inquire": True})
    address = dvcqg.init("GW0001", 180_000)["UrlThanhToan"]
    assert "180.000 đ" in requests.get(address, timeout=5).text
    assert 404 == requests.get(f"{dvcqg.url}/tracuu", params={"MaHoSo": CASE}, timeout=5).status_code


def test_a_story_can_end_the_looking_up(start: Any, control: Any) -> None:
    caller = start()
    assert [200, 200] == [control(caller.url, {"inquire": told}) for told in (True, False)]
    assert "180.000 đ" in requests.get(caller.init("GW0001", 180_000)["UrlThanhToan"], timeout=5).text


def test_the_token_of_the_platform_goes_with_its_question() -> None:
    sent: list[Call] = []

    def send(call: Call) -> Reply | None:
        sent.append(call)
        return None

    assert NO_ANSWER == look_up(send, "http://127.0.0.1:9/x", "invented", CASE)
    assert ["Bearer invented"] == [call.headers["Authorization"] for call in sent]


@given(JSON | st.fixed_dictionaries({"error_code": st.just(1), "message": JSON}))
def test_no_answer_of_a_portal_breaks_the_looking_up(answer: Any) -> None:
    assert isinstance(read_answer(answer if isinstance(answer, dict) else None, CASE), str)


def test_a_receipt_can_come_at_once(start: Any, listener: Any) -> None:
    caller = start(bill_shape="pdf")
    caller.init("GW0001", 180_000)
    assert "99" == caller.ask("GET_BILL", "/get_bill", "GW0001")["MaLoi"]
    caller.pay("GW0002", 180_000)
    at = "20261124150000"
    asked = {"LoaiBanTin": "GET_BILL", "PhienBan": "1.0.6", "MaDoiTac": "GWTEST", "MaThamChieu": "GW0002"}
    mac = caller.mac(*asked.values(), at)
    answer = requests.post(
        f"{caller.url}/get_bill", json={**asked, "ThoiGianGD": at, "MaXacThuc": mac}, timeout=5
    )
    assert ("application/pdf", b"%PDF-") == (answer.headers["Content-Type"], answer.content[:5])
    assert b"(GW0002)" in answer.content


def test_a_receipt_is_a_pdf_whose_table_points_at_its_objects() -> None:
    paper = pdf(("a (b) \\", "Lệ"))
    table = paper.split(b"xref\n")[1].splitlines()
    for number, entry in enumerate(table[2 : 2 + 6], 1):
        assert paper[int(entry[:10]) :].startswith(b"%d 0 obj" % number)
    assert b"(a \\(b\\) \\\\) Tj" in paper
    assert paper[int(paper.split(b"startxref\n")[1].split()[0]) :].startswith(b"xref")
