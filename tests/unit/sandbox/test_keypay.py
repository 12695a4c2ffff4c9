"""KeyPay's side: what it accepts, what it sends and answers, and that our adapter and it understand each other."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from adapters import keypay as adapter
from adapters import keypay2 as adapter_2
from gateway.domain.errors import BadSignature, Refused
from gateway.ports import (
    Agency,
    FeeLine,
    HttpAnswer,
    HttpRequest,
    InboundMessage,
    Outcome,
    Payer,
    RefundOrder,
    StartOrder,
)
from sandbox.bank import Account, Bank
from sandbox.keypay import Keypay, KeypaySettings, keypay_app
from sandbox.keypay_wire import PAY, address_fault, check_sum, create_fault, secure_hash
from sandbox.serving import Server
from sandbox.state import Ground, State

ACCOUNT = "0123456789"
KEY_1, KEY_2 = "keypay-hash-key-1", "keypay-hash-key-2"
COVERED = "addition_fee|client_id|command|status|trans_amount|transaction_code|transaction_id|version"
TIMEOUT_S = 10.0


def mac(key: str, *values: object) -> str:
    return hmac.new(key.encode(), "|".join(map(str, values)).encode(), hashlib.sha256).hexdigest()


def hashed(fields: dict[str, str], key: str = KEY_1) -> str:
    return hashlib.sha256((key + "".join(fields[name] for name in sorted(fields))).encode()).hexdigest()


@dataclass
class Caller:
    """Calls KeyPay as a portal would, with its own arithmetic."""

    url: str
    bank: Bank

    def create_body(self, number: str, amount_vnd: int, **other: object) -> dict[str, object]:
        row = {"SoTien": str(amount_vnd)}
        bill = {"MaDonVi": "H28", "TenDonVi": "TTPVHCC", "MaHoSo": "H28-261124-0001", "TKThuHuong": ACCOUNT}
        body: dict[str, object] = {
            "client_id": "GWTEST",
            "transaction_id": number,
            "trans_amount": str(amount_vnd),
            "command": "PAY",
            "version": "3.0",
            "description": "Lệ phí",
            "currency_code": "VND",
            "environment": "1",
            "return_url": "http://127.0.0.1:9/back",
            "addition_fee": "0",
            "bill_info": {**bill, "PhiLePhi": [row], "DSKhoanNop": [row]},
            **other,
        }
        names = ("addition_fee", "client_id", "command", "trans_amount", "transaction_id", "version")
        body.setdefault("check_sum", mac(KEY_1, *(body[name] for name in names)))
        return body

    def post(self, path: str, body: object) -> requests.Response:
        return requests.post(f"{self.url}/v3/{path}", json=body, timeout=TIMEOUT_S)

    def create(self, number: str, amount_vnd: int, **other: object) -> dict[str, Any]:
        return self.post("create", self.create_body(number, amount_vnd, **other)).json()

    def press(self, address: str, result: str = "pay") -> requests.Response:
        return requests.post(
            f"{address}/confirm", data={"result": result}, timeout=TIMEOUT_S, allow_redirects=False
        )

    def pay(self, number: str, amount_vnd: int, result: str = "pay") -> requests.Response:
        return self.press(self.create(number, amount_vnd)["payment_url"], result)

    def detail(self, number: str, **other: object) -> dict[str, Any]:
        body = {"client_id": "GWTEST", "transaction_id": number, "command": "QUERY", **other}
        code = mac(KEY_1, body["client_id"], "QUERY", number)
        return self.post("detail", {"check_sum": code, **body}).json()

    def refund_body(self, number: str, amount_vnd: int, **other: object) -> dict[str, object]:
        code = mac(KEY_1, amount_vnd, "GWTEST", "REFUND", "Hoan phi", number)
        body = {"client_id": "GWTEST", "transaction_id": number, "command": "REFUND", "reason": "Hoan phi"}
        return {**body, "amount": str(amount_vnd), "check_sum": code, **other}

    def refund(self, number: str, amount_vnd: int, **other: object) -> dict[str, Any]:
        return self.post("refund", self.refund_body(number, amount_vnd, **other)).json()

    def address(self, number: str, amount_vnd: int, **other: str) -> str:
        fields = {
            "command": "pay",
            "country_code": "+84",
            "currency_code": "704",
            "current_locale": "vi",
            "good_code": "HS0001",
            "merchant_code": "GWTEST",
            "merchant_trans_id": number,
            "net_cost": str(amount_vnd),
            "return_url": "http://127.0.0.1:9/back",
            "service_code": "720",
            "ship_fee": "0",
            "tax": "0",
            "version": "1.0",
            **other,
        }
        fields.setdefault("secure_hash", hashed(fields))
        return f"{self.url}/pay?{urlencode(fields)}"

    def status(self, number: str, **other: str) -> dict[str, Any]:
        fields = {"merchant_trans_id": number, "good_code": "HS0001", "merchant_code": "GWTEST", **other}
        text = f"{number}{fields['good_code']}GWTEST{KEY_1}"
        fields.setdefault("secure_hash", hashlib.md5(text.encode()).hexdigest())
        return requests.get(f"{self.url}/bill_status", params=fields, timeout=TIMEOUT_S).json()

    def balance(self) -> int:
        return self.bank.balance_vnd(ACCOUNT)


@pytest.fixture
def world(tmp_path: Path, listener: Any) -> Iterator[Callable[..., Caller]]:
    """Starts one KeyPay; settings of it may be given."""
    listener.answers = [(200, b'{"return_code":0,"return_msg":"success"}')]
    state = State(tmp_path / "state.sqlite3")
    ground = Ground(state, 4)
    bank = Bank(ground, (Account("970418", ACCOUNT, "TTPVHCC", 0),))
    ends: list[Callable[[], None]] = []

    def start(**other: Any) -> Caller:
        settings = KeypaySettings(
            port=0,
            client_id="GWTEST",
            key_1=KEY_1,
            key_2=KEY_2,
            callback_url=f"{listener.url}/callbacks/keypay",
            callback_interval_s=0.02,
            slow_s=0.4,
        )
        played = Keypay(replace(settings, **other), ground, bank)
        server = Server(keypay_app(played), 0)
        server.start()
        played.courier.start()
        ends.extend((played.courier.stop, server.stop))
        return Caller(server.url, bank)

    yield start
    ground.stopping.set()
    for end in ends:
        end()
    state.close()


@pytest.fixture
def keypay(world: Callable[..., Caller]) -> Caller:
    return world()


def holds(told: dict[str, Any]) -> bool:
    names = ("addition_fee", "client_id", "command", "trans_amount", "transaction_id", "version")
    return mac(KEY_2, *(told[name] for name in names)) == told["check_sum"]


def test_messages_are_signed_as_the_public_implementation_does() -> None:
    fields = {"addition_fee": "0", "client_id": "GWTEST", "command": "PAY", "trans_amount": "180000"}
    whole = {**fields, "transaction_id": "GW2511240001", "version": "3.0"}
    created = "5f56177fef2f8a6ada897abb594185e4b6bb8f878618061f483c45d534b1eef6"
    called = "cb2300f8f6ab9b239c641bd38da0215545c71c15a88a9b46cf1056c4868059fe"
    assert (created, called) == (check_sum(KEY_1, whole, PAY), check_sum(KEY_2, whole, PAY))
    address = {
        "version": "1.0",
        "current_locale": "vi",
        "command": "pay",
        "merchant_trans_id": "GW2511240001",
        "merchant_code": "GWTEST",
        "country_code": "+84",
        "good_code": "HS0001",
        "net_cost": "180000",
        "ship_fee": "0",
        "tax": "0",
        "service_code": "720",
        "currency_code": "704",
        "return_url": "https://dvc.example.gov.vn/kp/return",
    }
    assert "5e8a2fd76acd00591046cb8c0933df99" == secure_hash("kp2-secret", address, "md5")


def test_a_payment_is_paid_told_and_settled(keypay: Caller, listener: Any) -> None:
    back = keypay.pay("GW0001", 180_000)
    told = json.loads(listener.wait_for(1)[0].body)
    location = "http://127.0.0.1:9/back?transaction_id=GW0001&status=0"
    assert (303, location) == (back.status_code, back.headers["Location"])
    assert ("GW0001", "180000", 0, True) == (
        told["transaction_id"],
        told["trans_amount"],
        told["status"],
        holds(told),
    )
    answer = keypay.detail("GW0001")
    assert ("0", 0, told["transaction_code"], mac(KEY_2, "GWTEST", "QUERY", "GW0001")) == (
        answer["error"],
        answer["data"]["status"],
        answer["data"]["transaction_code"],
        answer["check_sum"],
    )
    assert 180_000 == keypay.balance()


def test_what_a_callbacks_check_sum_covers_can_be_agreed(world: Callable[..., Caller], listener: Any) -> None:
    keypay = world(callback_order=COVERED)
    keypay.pay("GW0001", 180_000, "cancel")
    told = json.loads(listener.wait_for(1)[0].body)
    assert mac(KEY_2, *(told[name] for name in COVERED.split("|"))) == told["check_sum"]
    assert (3, 3) == (told["status"], keypay.detail("GW0001")["data"]["status"])


def test_a_wrong_create_is_refused(keypay: Caller) -> None:
    bill = keypay.create_body("GW0001", 180_000)["bill_info"]
    assert isinstance(bill, dict)
    for wrong in (
        {"check_sum": "0" * 64},
        {"client_id": "OTHER"},
        {"command": "QUERY"},
        {"version": "2.0"},
        {"currency_code": "USD"},
        {"environment": "3"},
        {"return_url": "javascript:x"},
        {"bill_info": None},
        {"bill_info": {**bill, "MaHoSo": ""}},
        {"bill_info": {**bill, "PhiLePhi": [{"SoTien": 1}]}},
        {"bill_info": {**bill, "DSKhoanNop": [1]}},
    ):
        assert "12" == keypay.create("GW0001", 180_000, **wrong)["error"], wrong
    assert ["12", "12"] == [keypay.create(number, 180_000)["error"] for number in ("", "A" * 21)]
    assert ["12", "12"] == [keypay.create("GW0001", amount)["error"] for amount in (0, 10**14)]


def test_the_same_create_is_answered_as_before_and_another_refused(keypay: Caller) -> None:
    first, again = keypay.create("GW0001", 180_000), keypay.create("GW0001", 180_000)
    assert first == again
    assert "6" == keypay.create("GW0001", 190_000)["error"]


def test_pressing_twice_pays_once(keypay: Caller, listener: Any) -> None:
    address = keypay.create("GW0001", 180_000)["payment_url"]
    assert "180.000 đ" in requests.get(address, timeout=TIMEOUT_S).text
    assert 1 == keypay.detail("GW0001")["data"]["status"]
    keypay.press(address)
    keypay.press(address, "cancel")
    listener.wait_for(1)
    assert (1, 180_000) == (len(listener.after_quiet()), keypay.balance())
    assert 409 == requests.get(address, timeout=TIMEOUT_S).status_code
    assert 404 == requests.get(f"{keypay.url}/pay/nosuch", timeout=TIMEOUT_S).status_code
    assert 400 == keypay.press(address, "steal").status_code


def test_a_detail_of_nothing_or_with_a_wrong_check_sum_is_refused(keypay: Caller) -> None:
    assert "31" == keypay.detail("NOSUCH")["error"]
    assert ["12", "12"] == [
        keypay.detail("NOSUCH", check_sum="0" * 64)["error"],
        keypay.detail("NOSUCH", client_id="OTHER")["error"],
    ]


def test_refunds_leave_the_account_and_never_more_than_was_paid(keypay: Caller) -> None:
    keypay.pay("GW0001", 180_000)
    told = keypay.refund("GW0001", 80_000)
    assert ("0", "80000", "4", "KPR32000001") == (
        told["error"],
        told["data"]["amount_refund"],
        told["data"]["status"],
        told["data"]["transaction_refund_code"],
    )
    assert mac(KEY_2, 80_000, "GWTEST", "REFUND", "Hoan phi", "GW0001") == told["check_sum"]
    assert ("72", "0") == (
        keypay.refund("GW0001", 100_001)["error"],
        keypay.refund("GW0001", 100_000)["error"],
    )
    assert 0 == keypay.balance()


def test_a_refund_that_cannot_be_is_refused(keypay: Caller) -> None:
    keypay.create("GW0001", 180_000)
    assert "71" == keypay.refund("GW0001", 1_000)["error"]
    assert "31" == keypay.refund("NOSUCH", 1_000)["error"]
    assert "12" == keypay.refund("GW0001", 1_000, reason="another")["error"]


def test_a_refund_meets_the_fault_of_its_own_sum(keypay: Caller) -> None:
    keypay.pay("GW0001", 1_000_000)
    assert "71" == keypay.refund("GW0001", 10_106)["error"]
    wrong = keypay.refund("GW0001", 10_103)
    assert mac(KEY_2, 10_103, "GWTEST", "REFUND", "Hoan phi", "GW0001") != wrong["check_sum"]
    assert "11104" == keypay.refund("GW0001", 10_104)["data"]["amount_refund"]
    body = keypay.refund_body("GW0001", 10_114)
    assert [503, 200] == [keypay.post("refund", body).status_code for _ in range(2)]
    assert 1_000_000 - 10_103 - 10_104 - 10_114 == keypay.balance()


def test_the_magic_amounts_do_what_they_promise(keypay: Caller, listener: Any) -> None:
    def heard(number: str, amount_vnd: int, count: int) -> list[dict[str, Any]]:
        before = len(listener.arrivals)
        keypay.pay(number, amount_vnd)
        listener.wait_for(before + count)
        return [json.loads(arrival.body) for arrival in listener.after_quiet(0.1)[before:]]

    assert [] == heard("GW101", 10_101, 0)
    twice = heard("GW102", 10_102, 2)
    assert (2, True) == (len(twice), twice[0] == twice[1])
    assert [False] == [holds(told) for told in heard("GW103", 10_103, 1)]
    assert [("11104", True)] == [(told["trans_amount"], holds(told)) for told in heard("GW104", 10_104, 1)]
    assert [2] == [told["status"] for told in heard("GW106", 10_106, 1)]
    assert 2 == keypay.detail("GW106")["data"]["status"]
    assert [2, 0] == [told["status"] for told in heard("GW108", 10_108, 2)]
    started = time.monotonic()
    keypay.create("GW105", 10_105)
    assert time.monotonic() - started >= 0.4
    body = keypay.create_body("GW114", 10_114)
    assert (503, "31") == (keypay.post("create", body).status_code, keypay.detail("GW114")["error"])
    assert 200 == keypay.post("create", body).status_code
    assert 10_101 + 10_102 + 10_103 + 10_104 + 10_108 == keypay.balance()


def test_what_the_bank_refused_at_first_is_told_as_failed_though_the_money_moved(
    world: Callable[..., Caller],
) -> None:
    keypay = world(callback_interval_s=60.0)
    keypay.pay("GW0001", 10_108)
    page = requests.get(keypay.address("GW0002", 20_108), timeout=TIMEOUT_S).text
    token = page.split('name="token" value="')[1].split('"')[0]
    keypay.press(f"{keypay.url}/pay/{token}")
    assert (2, "17") == (keypay.detail("GW0001")["data"]["status"], keypay.status("GW0002")["response_code"])
    assert 30_216 == keypay.balance()


def test_a_story_can_drop_one_named_callback_or_the_next_one(
    keypay: Caller, listener: Any, control: Any
) -> None:
    assert 200 == control(keypay.url, {"drop_confirm_for": "GW0002"})
    assert 200 == control(keypay.url, {"next": True})
    assert 400 == control(keypay.url, {"drop_confirm_for": ""})
    for number in ("GW0001", "GW0002", "GW0003"):
        keypay.pay(number, 180_000)
    listener.wait_for(1)
    assert ["GW0003"] == [json.loads(arrival.body)["transaction_id"] for arrival in listener.after_quiet()]


def test_a_callback_is_sent_until_it_is_acknowledged(keypay: Caller, listener: Any) -> None:
    listener.answers = [(500, b""), (200, b'{"return_code":-1}'), (200, b'{"return_code":0}')]
    keypay.pay("GW0001", 180_000)
    assert 3 == len(listener.wait_for(3))
    assert 3 == len(listener.after_quiet())


def test_an_address_of_version_2_leads_to_a_page_and_back_signed(keypay: Caller, listener: Any) -> None:
    page = requests.get(keypay.address("GW0001", 180_000), timeout=TIMEOUT_S).text
    token = page.split('name="token" value="')[1].split('"')[0]
    assert "25" == keypay.status("GW0001")["response_code"]
    back = keypay.press(f"{keypay.url}/pay/{token}")
    told = dict(parse_qsl(urlsplit(back.headers["Location"]).query))
    signed = {name: value for name, value in told.items() if name != "secure_hash"}
    assert ("0", "180000", hashed(signed)) == (told["response_code"], told["net_cost"], told["secure_hash"])
    assert told == keypay.status("GW0001")
    assert ([], 180_000) == (listener.after_quiet(), keypay.balance())


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"secure_hash": "0" * 64}, "2"),
        ({"merchant_code": "OTHER"}, "1"),
        ({"merchant_trans_id": ""}, "3"),
        ({"good_code": ""}, "10"),
        ({"net_cost": "1.5"}, "11"),
        ({"service_code": ""}, "5"),
        ({"version": "2"}, "30"),
        ({"tax": "1"}, "31"),
        ({"return_url": "javascript:x"}, "39"),
    ],
)
def test_a_wrong_address_shows_its_code(keypay: Caller, wrong: dict[str, str], code: str) -> None:
    answer = requests.get(keypay.address("GW0001", 180_000, **wrong), timeout=TIMEOUT_S)
    assert (400, True) == (answer.status_code, f'id="code">{code}<' in answer.text)


def test_the_same_number_with_other_content_is_refused_in_version_2(keypay: Caller) -> None:
    requests.get(keypay.address("GW0001", 180_000), timeout=TIMEOUT_S)
    answer = requests.get(keypay.address("GW0001", 190_000), timeout=TIMEOUT_S)
    assert 'id="code">6<' in answer.text


def test_a_bill_status_that_names_nothing_says_why(keypay: Caller) -> None:
    requests.get(keypay.address("GW0001", 180_000), timeout=TIMEOUT_S)
    codes = [
        keypay.status("NOSUCH")["response_code"],
        keypay.status("GW0001", good_code="HS0002")["response_code"],
        keypay.status("NOSUCH", merchant_code="OTHER")["response_code"],
        keypay.status("NOSUCH", secure_hash="0")["response_code"],
    ]
    assert ["3", "3", "1", "2"] == codes


def test_bodies_that_are_not_json_objects_are_refused(keypay: Caller) -> None:
    for path in ("create", "detail", "refund"):
        for body in (b"", b"\xff", b"[]", b"[" * 100_000, b'{"client_id":"\\ud800"}'):
            answer = requests.post(f"{keypay.url}/v3/{path}", data=body, timeout=TIMEOUT_S)
            assert "12" == answer.json()["error"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
RIGHT = {
    "command": "PAY",
    "version": "3.0",
    "currency_code": "VND",
    "environment": "1",
    "return_url": "http://x",
}
NAMES = ["transaction_id", "trans_amount", "bill_info", "return_url", "environment"]


@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.text(max_size=30))
def test_no_create_and_no_address_breaks_its_reader(wrong: dict[str, Any], text: str) -> None:
    assert isinstance(create_fault({**RIGHT, **wrong}), str)
    assert isinstance(
        address_fault(dict.fromkeys(["merchant_trans_id", "net_cost", "return_url"], text)), str
    )


# --- our adapter against this world


class Door:
    """The plainest way out."""

    def send(self, request: HttpRequest) -> HttpAnswer:
        answer = requests.request(
            request.method, request.url, data=request.body, headers=dict(request.headers), timeout=TIMEOUT_S
        )
        return HttpAnswer(answer.status_code, answer.content)


NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
ORDER = StartOrder(
    reference="C4261124K7Q2M9XT",
    amount_vnd=180_000,
    description="Lệ phí hồ sơ H28.16-261124-0042",
    case_code="H28.16-261124-0042",
    procedure_code="1.004194",
    procedure_name="Đăng ký khai sinh",
    lines=(FeeLine("phi", "P01", "Phí", 100_000), FeeLine("le_phi", "LP01", "Lệ phí", 80_000)),
    agency=Agency("H28.16", "UBND phường Thử Nghiệm", ACCOUNT, "970418", "UBND"),
    payer=Payer("Đặng Thị Mẫu", "017199000123", "Tổ 9", "Phú Thọ"),
    return_url="http://127.0.0.1:9/back",
    client_ip="203.0.113.7",
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=15),
)


def settings_of(keypay: Caller) -> adapter.Settings:
    return adapter.Settings(
        client_id="GWTEST",
        key_1=KEY_1,
        key_2=KEY_2,
        create_url=f"{keypay.url}/v3/create",
        detail_url=f"{keypay.url}/v3/detail",
        refund_url=f"{keypay.url}/v3/refund",
        pending_statuses=frozenset({"1"}),
        failure_statuses=frozenset({"2", "3"}),
        refunded_statuses=frozenset({"4"}),
        refund_refusals=frozenset({"71", "72"}),
    )


def inbound(arrival: Any) -> InboundMessage:
    return InboundMessage(arrival.method, arrival.path, arrival.query.encode(), {}, arrival.body)


def test_the_adapter_starts_is_called_asks_and_gives_back(keypay: Caller, listener: Any) -> None:
    ours = adapter.Keypay(settings_of(keypay), Door())
    address = ours.start(ORDER).redirect_url or ""
    assert Outcome.PENDING == ours.query(ORDER.reference, NOW, NOW, "q").outcome
    keypay.press(address)
    heard = ours.read_callback(inbound(listener.wait_for(1)[0]), NOW)
    told = ours.query(ORDER.reference, NOW, NOW, "q")
    assert [(Outcome.PENDING, 180_000), (Outcome.PAID, 180_000)] == [
        (report.outcome, report.amount_vnd) for report in (heard, told)
    ]
    refund = RefundOrder(
        "R1", ORDER.reference, told.provider_ref, 50_000, 180_000, NOW, NOW, "Hoàn phí", "kt"
    )
    given_back = ours.refund(refund, "q")
    assert (Outcome.PAID, 50_000, 130_000) == (
        given_back.outcome,
        given_back.amount_vnd,
        keypay.balance(),
    )
    with pytest.raises(Refused):
        ours.refund(replace(refund, amount_vnd=180_000), "q")


def test_the_adapter_believes_a_callback_that_covers_its_status(
    world: Callable[..., Caller], listener: Any
) -> None:
    keypay = world(callback_order=COVERED)
    ours = adapter.Keypay(replace(settings_of(keypay), callback_order=COVERED), Door())
    keypay.press(ours.start(ORDER).redirect_url or "", "cancel")
    first = inbound(listener.wait_for(1)[0])
    assert Outcome.FAILED == ours.read_callback(first, NOW).outcome
    with pytest.raises(BadSignature):
        ours.read_callback(replace(first, body=first.body.replace(b'"status":3', b'"status":0')), NOW)


@pytest.mark.parametrize("hash_name", ["md5", "sha256"])
def test_the_adapter_of_version_2_goes_there_and_comes_back(
    world: Callable[..., Caller], hash_name: str
) -> None:
    keypay = world(hash_name=hash_name)
    settings = adapter_2.Settings(
        merchant_code="GWTEST",
        secret=KEY_1,
        pay_url=f"{keypay.url}/pay",
        query_url=f"{keypay.url}/bill_status",
        hash_name=hash_name,
    )
    ours = adapter_2.Keypay2(settings, Door())
    with pytest.raises(Refused):
        ours.query(ORDER.reference, NOW, NOW, "q")
    page = requests.get(ours.start(ORDER).redirect_url or "", timeout=TIMEOUT_S).text
    assert Outcome.PENDING == ours.query(ORDER.reference, NOW, NOW, "q").outcome
    token = page.split('name="token" value="')[1].split('"')[0]
    back = urlsplit(keypay.press(f"{keypay.url}/pay/{token}").headers["Location"]).query
    brought = ours.read_callback(InboundMessage("GET", "/return", back.encode(), {}, b""), NOW)
    assert (Outcome.PAID, 180_000) == (brought.outcome, brought.amount_vnd)
    assert brought == ours.query(ORDER.reference, NOW, NOW, "q")
