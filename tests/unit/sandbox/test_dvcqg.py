"""The national platform's side: what it accepts, what it sends, and what it answers."""

import json
import time
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from sandbox.dvcqg_wire import ASK, CONFIRM, CONSTANTS, INIT, init_fault, mac, mac_holds

SECRET = "dvcqg-test-secret-01"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def test_an_init_is_signed_as_two_public_implementations_sign_it() -> None:
    fields = {
        "LoaiBanTin": "INIT",
        "PhienBan": "1.0.6",
        "MaDoiTac": "GWTEST",
        "MaThamChieu": "GW2511240001",
        "SoTien": "180000",
        "LoaiHinhThanhToan": "PAY",
        "MaKenhThanhToan": "1",
        "MaThietBi": "1",
        "NgonNgu": "vi-VN",
        "MaTienTe": "VND",
        "MaNganHang": "PAYMENT",
        "ThongTinGiaoDich": "Lệ phí hồ sơ 000.00.00.G17-251124-0001",
        "ThoiGianGD": "20251124143000",
        "Ip": "203.0.113.7",
    }
    assert "9d2972adbca5b61f03cd741df718a42a3da4e364eb27965c9ab1a1f0ba867d75" == mac(SECRET, fields, INIT)


def test_a_confirm_is_signed_as_two_public_implementations_sign_it() -> None:
    fields = {
        "LoaiBanTin": "CONFIRM",
        "MaLoi": "00",
        "MaDoiTac": "GWTEST",
        "MaThamChieu": "GW2511240001",
        "SoTien": 180000,
        "MaTienTe": "VND",
        "MaGiaoDich": "VNP14226112",
        "MaNganHang": "VIETINBANK",
        "ThoiGianGD": "20251124143215",
        "ThongTinGiaoDich": "Lệ phí hồ sơ 000.00.00.G17-251124-0001",
        "MaXacThuc": "904a78320454e8b4a7d62d645bfdf1bf71a1f0adea127330f3c386849bc8a00c",
    }
    assert fields["MaXacThuc"] == mac(SECRET, fields, CONFIRM)
    assert mac_holds(SECRET, fields, CONFIRM)
    assert not mac_holds(SECRET, {**fields, "SoTien": 1800}, CONFIRM)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("QUERY", "96fc451ee350357338f8fe956b23f039c6c6b62278b34b0129f66ffc2bf21118"),
        ("GET_BILL", "6c4514159df7e7ac55b0b06c66d8a84497309c4dc285a2092e7d6984386a2767"),
    ],
)
def test_questions_are_signed_as_two_public_implementations_sign_them(kind: str, expected: str) -> None:
    fields = {
        "ThoiGianGD": "20251124150000",
        "MaThamChieu": "GW2511240001",
        "MaDoiTac": "GWTEST",
        "PhienBan": "1.0.6",
        "LoaiBanTin": kind,
    }
    assert expected == mac(SECRET, fields, ASK)


RIGHT_INIT = {
    **CONSTANTS,
    "SoTien": "180000",
    "MaThamChieu": "GW0001",
    "ThoiGianGD": "20251124143000",
    "ThongTinGiaoDich": "Lệ phí",
    "ThongTinBienLai": {
        "MaDichVu": "1",
        "PhiLePhi": [{"SoTien": "180000"}],
        "DSKhoanNop": [{"SoTien": 180000}],
    },
}
ROWS = st.lists(JSON | st.fixed_dictionaries({"SoTien": JSON | st.just("180000")}), max_size=3)
BILL = st.fixed_dictionaries({"MaDichVu": st.just("1"), "PhiLePhi": ROWS, "DSKhoanNop": JSON})


@given(st.dictionaries(st.sampled_from(list(RIGHT_INIT)), JSON, min_size=1, max_size=2))
def test_no_init_breaks_its_reader(wrong: Any) -> None:
    assert init_fault(RIGHT_INIT) is None
    assert isinstance(init_fault({**RIGHT_INIT, **wrong}), str) or not {"SoTien", "ThongTinBienLai"} & set(
        wrong
    )


@given(BILL)
def test_no_bill_of_an_init_breaks_its_reader(bill: Any) -> None:
    assert isinstance(init_fault({**RIGHT_INIT, "ThongTinBienLai": bill}), str)


def test_a_payment_is_paid_confirmed_and_told_by_query(
    dvcqg: Any, listener: Any, confirm_mac_of: Any
) -> None:
    back = dvcqg.pay("GW0001", 180_000)
    heard = listener.wait_for(1)[0]
    confirm = json.loads(heard.body)
    assert (303, "POST", "/callbacks/dvcqg") == (back.status_code, heard.method, heard.path)
    assert f"{listener.url}/return/dvcqg?MaThamChieu=GW0001&MaLoi=00" == back.headers["Location"]
    assert ("CONFIRM", "00", 180_000) == (confirm["LoaiBanTin"], confirm["MaLoi"], confirm["SoTien"])
    assert confirm_mac_of(confirm) == confirm["MaXacThuc"]
    answer = dvcqg.query("GW0001")
    assert ("1", 180_000, confirm["MaGiaoDich"]) == (
        answer["TrangThaiGD"],
        answer["SoTien"],
        answer["MaGiaoDich"],
    )
    assert confirm_mac_of(answer) == answer["MaXacThuc"]


def test_both_shapes_of_the_init_answer_can_be_chosen(setting: Any, dvcqg_at: Any) -> None:
    setting.values["dvcqg"]["answer_shape"] = "wrapped"
    caller = dvcqg_at(setting.start().urls["dvcqg"])
    good, bad = caller.init("GW0001", 180_000), caller.init("GW0002", 180_000, MaXacThuc="0" * 64)
    assert ("0", "00") == (good["error_code"], json.loads(good["message"])["MaLoi"])
    assert ("99", "99") == (bad["error_code"], json.loads(bad["message"])["MaLoi"])


def test_a_wrong_init_is_answered_with_99(dvcqg: Any) -> None:
    right = dvcqg.init_body("GW0001", 180_000)["ThongTinBienLai"]
    assert isinstance(right, dict)
    for wrong in (
        {"MaXacThuc": "0" * 64},
        {"MaDoiTac": "OTHER"},
        {"SoTien": 180_000},
        {"PhienBan": "1.0.5"},
        {"ThongTinBienLai": None},
        {"ThongTinBienLai": {**right, "MaHoSo": ""}},
        {"ThongTinBienLai": {**right, "PhiLePhi": [{"SoTien": "100000"}]}},
        {"ThongTinBienLai": {**right, "DSKhoanNop": [{"SoTien": "90000"}, {"SoTien": "90001"}]}},
        {"ThongTinBienLai": {**right, "DSKhoanNop": [{"SoTien": 180000.0}]}},
    ):
        assert "99" == dvcqg.init("GW0001", 180_000, **wrong)["MaLoi"], wrong
    assert "00" == dvcqg.init("GW0001", 180_000)["MaLoi"]


def test_bodies_that_are_not_json_objects_are_answered_with_99(dvcqg: Any) -> None:
    for path in ("/init", "/query", "/get_bill"):
        for body in (b"", b"\xff", b"[]", b"[" * 100_000, b'{"MaThamChieu":"\\ud800"}'):
            assert "99" == requests.post(dvcqg.url + path, data=body, timeout=5).json()["MaLoi"]


def test_the_same_init_is_answered_as_before_and_another_content_refused(dvcqg: Any) -> None:
    body = dvcqg.init_body("GW0001", 180_000)
    first, again = dvcqg.post("/init", body), dvcqg.post("/init", body)
    assert first == again
    assert "99" == dvcqg.init("GW0001", 190_000)["MaLoi"]


def test_a_query_before_the_payer_decides_is_pending_and_of_an_unknown_reference_99(dvcqg: Any) -> None:
    dvcqg.init("GW0001", 180_000)
    assert "3" == dvcqg.query("GW0001")["TrangThaiGD"]
    assert {"99"} == {dvcqg.query("NOSUCH")["MaLoi"], dvcqg.query("GW0001", MaXacThuc="0" * 64)["MaLoi"]}


def test_a_bill_exists_when_it_was_paid(dvcqg: Any, listener: Any) -> None:
    dvcqg.init("GW0001", 180_000)
    assert "99" == dvcqg.ask("GET_BILL", "/get_bill", "GW0001")["MaLoi"]
    dvcqg.pay("GW0002", 180_000)
    bill = dvcqg.ask("GET_BILL", "/get_bill", "GW0002")
    assert "00" == bill["MaLoi"]
    paper = requests.get(bill["UrlBienLai"], timeout=5)
    assert ("application/pdf", True) == (paper.headers["Content-Type"], b"(180000 VND)" in paper.content)


def test_pressing_twice_pays_once(dvcqg: Any, listener: Any, world: Any) -> None:
    address = dvcqg.init("GW0001", 180_000)["UrlThanhToan"]
    assert "180.000 đ" in requests.get(address, timeout=5).text
    for result in ("pay", "cancel"):
        requests.post(f"{address}/xacnhan", data={"result": result}, timeout=5, allow_redirects=False)
    listener.wait_for(1)
    assert 1 == len(listener.after_quiet())
    assert "1" == dvcqg.query("GW0001")["TrangThaiGD"]
    assert 409 == requests.get(address, timeout=5).status_code
    accounts = requests.get(f"{world.urls['bank']}/accounts", timeout=5).json()["accounts"]
    assert 1_180_000 == accounts[0]["balance_vnd"]


def test_a_confirm_is_sent_until_it_is_acknowledged(dvcqg: Any, listener: Any) -> None:
    listener.answers = [(500, b""), (200, b'{"MaLoi":"99"}'), (200, b'{"MaLoi":"00"}')]
    dvcqg.pay("GW0001", 180_000)
    assert 3 == len(listener.wait_for(3))
    assert 3 == len(listener.after_quiet())


def test_the_magic_amounts_do_what_they_promise(dvcqg: Any, listener: Any, confirm_mac_of: Any) -> None:
    def heard(reference: str, amount_vnd: int, count: int = 1) -> Any:
        before = len(listener.arrivals)
        started = time.monotonic()
        dvcqg.init(reference, amount_vnd)
        took = time.monotonic() - started
        address = dvcqg.post("/init", dvcqg.init_body(f"{reference}X", amount_vnd))["UrlThanhToan"]
        requests.post(f"{address}/xacnhan", data={"result": "pay"}, timeout=5, allow_redirects=False)
        listener.wait_for(before + count)
        confirms = [json.loads(arrival.body) for arrival in listener.after_quiet()[before:]]
        return confirms, dvcqg.query(f"{reference}X")["TrangThaiGD"], took

    assert ([], "1") == heard("GW101", 10_101, 0)[:2]
    twice, status, _ = heard("GW102", 10_102, 2)
    assert (2, True, "1") == (len(twice), twice[0] == twice[1], status)
    forged, status, _ = heard("GW103", 10_103)
    assert (True, "1") == (confirm_mac_of(forged[0]) != forged[0]["MaXacThuc"], status)
    wrong, status, _ = heard("GW104", 10_104)
    assert (11_104, confirm_mac_of(wrong[0]), "1") == (wrong[0]["SoTien"], wrong[0]["MaXacThuc"], status)
    plain, status, took = heard("GW105", 10_105)
    assert (1, "1", True) == (len(plain), status, took >= 0.4)
    failed, status, _ = heard("GW106", 10_106)
    assert ("99", "4") == (failed[0]["MaLoi"], status)


def test_a_story_can_drop_one_named_confirm_or_the_next_one(dvcqg: Any, listener: Any, control: Any) -> None:
    assert 200 == control(dvcqg.url, {"drop_confirm_for": "GW0002"})
    assert 200 == control(dvcqg.url, {"next": True})
    assert 400 == control(dvcqg.url, {"drop_confirm_for": ""})
    for reference in ("GW0001", "GW0002", "GW0003"):
        dvcqg.pay(reference, 180_000)
    listener.wait_for(1)
    assert ["GW0003"] == [json.loads(arrival.body)["MaThamChieu"] for arrival in listener.after_quiet()]
