"""PayGov's side: what it accepts, what it sends and answers, and that our adapter and it understand each other."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from adapters import paygov as adapter
from gateway.domain.errors import BadSignature, Refused, Unreachable
from gateway.ports import (
    Agency,
    Answer,
    FeeLine,
    HttpAnswer,
    HttpRequest,
    InboundMessage,
    Outcome,
    Payer,
    StartOrder,
)
from sandbox.bank import Account, Bank
from sandbox.paygov import Paygov, PaygovSettings, paygov_app
from sandbox.paygov_wire import CALLBACK, CREATE, checksum, create_fault, holds, receipt_codes
from sandbox.serving import Server
from sandbox.state import Ground, State

ACCOUNT = "0123456789"
KEYS = {"secretKey": "pg-secret-01", "accessKey": "pg-access-01", "partnerCode": "PAYGOV-TEST"}
HEADERS = {"Authorization": "Bearer token-01", "lgspaccesstoken": "lgsp-01"}
TIMEOUT_S = 10.0


def hashed(*parts: object) -> str:
    return hashlib.sha256("".join(map(str, parts)).encode()).hexdigest()


@dataclass
class Caller:
    """Calls PayGov as a portal would, with its own arithmetic."""

    url: str
    bank: Bank

    def create_body(self, code: str, amount_vnd: int, **other: object) -> dict[str, object]:
        body: dict[str, object] = {
            "partnerCode": "PAYGOV-TEST",
            "accessKey": "pg-access-01",
            "serviceCode": "DVC",
            "returnUrl": "http://127.0.0.1:9/back?x=1",
            "orderId": f"H28-261124-{code}-01",
            "amount": amount_vnd,
            "orderInfo": "Le phi ho so",
            "requestCode": code,
            "ipAddress": "203.0.113.7",
            **other,
        }
        signed = (body[name] for name in ("orderId", "requestCode", "amount"))
        body.setdefault("checksum", hashed("pg-secret-01", "pg-access-01", "PAYGOV-TEST", *signed))
        return body

    def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> requests.Response:
        return requests.post(self.url + path, json=body, headers=headers or HEADERS, timeout=TIMEOUT_S)

    def create(self, code: str, amount_vnd: int, **other: object) -> dict[str, Any]:
        return self.post("/paygate", self.create_body(code, amount_vnd, **other)).json()

    def press(self, address: str, result: str = "pay") -> requests.Response:
        return requests.post(
            f"{address}/confirm", data={"result": result}, timeout=TIMEOUT_S, allow_redirects=False
        )

    def pay(self, code: str, amount_vnd: int, result: str = "pay") -> requests.Response:
        return self.press(self.create(code, amount_vnd)["data"]["url"], result)

    def receipt(self, *codes: str, **other: object) -> dict[str, Any]:
        paids = base64.b64encode(json.dumps(codes).encode()).decode()
        fields = {"payerName": "Nguyen Van A", "paids": paids, "decisionDate": "24-11-2026", **other}
        text = ("pg-secret-01", "PAYGOV-TEST", "pg-access-01", fields["payerName"], paids, "24-11-2026")
        return self.post("/receipt", {"checksum": hashed(*text), **fields}).json()

    def balance(self) -> int:
        return self.bank.balance_vnd(ACCOUNT)


@pytest.fixture
def paygov(tmp_path: Path, listener: Any) -> Iterator[Caller]:
    listener.answers = [(200, b'{"error_code":"SUCCESSFUL","error_message":""}')]
    state = State(tmp_path / "state.sqlite3")
    ground = Ground(state, 4)
    bank = Bank(ground, (Account("970418", ACCOUNT, "TTPVHCC", 0),))
    settings = PaygovSettings(
        port=0,
        partner_code="PAYGOV-TEST",
        access_key="pg-access-01",
        secret_key="pg-secret-01",
        bearer_token="token-01",
        lgsp_token="lgsp-01",
        callback_url=f"{listener.url}/callbacks/paygov",
        callback_interval_s=0.02,
        slow_s=0.4,
    )
    world = Paygov(settings, ground, bank)
    server = Server(paygov_app(world), 0)
    server.start()
    world.courier.start()
    yield Caller(server.url, bank)
    ground.stopping.set()
    world.courier.stop()
    server.stop()
    state.close()


def callback_holds(body: dict[str, Any]) -> bool:
    first, then = ("orderId", "requestCode", "amount"), ("transactionNo", "payDate", "paygate", "type")
    names = (*first, *then, "transactionCode", "errorCode")
    told = hashed("pg-secret-01", "pg-access-01", "PAYGOV-TEST", *(body[name] for name in names))
    return told == body["checksum"]


def test_a_create_is_hashed_as_the_public_implementation_does() -> None:
    fields = {
        "orderId": "000.00.00.G17-251124-0001-01",
        "requestCode": "251124000011764000000123",
        "amount": 180000,
        "checksum": "fc061a0783fdb01b6645fd5aa77f6f2a18399cd88f0f8ba581ac0311f3885846",
    }
    assert fields["checksum"] == checksum(KEYS, fields, CREATE)
    assert (True, False) == (holds(KEYS, fields, CREATE), holds(KEYS, {**fields, "amount": 1}, CREATE))


def test_both_tokens_are_asked_for_and_one_can_be_fetched(paygov: Caller) -> None:
    body = paygov.create_body("GW0001", 180_000)
    for headers in ({"Authorization": "Bearer token-01"}, {**HEADERS, "Authorization": "Bearer x"}):
        assert 401 == paygov.post("/paygate", body, headers).status_code
    form, lgsp = {"grant_type": "client_credentials"}, {"lgspaccesstoken": "lgsp-01"}
    given_ = requests.post(f"{paygov.url}/token", data=form, headers=lgsp, timeout=TIMEOUT_S)
    assert "token-01" == given_.json()["access_token"]
    assert 401 == requests.post(f"{paygov.url}/token", data=form, timeout=TIMEOUT_S).status_code


def test_a_payment_is_paid_told_and_settled(paygov: Caller, listener: Any) -> None:
    back = paygov.pay("GW0001", 180_000)
    told = json.loads(listener.wait_for(1)[0].body)
    location = "http://127.0.0.1:9/back?x=1&orderId=H28-261124-GW0001-01&errorCode=00"
    assert (303, location) == (back.status_code, back.headers["Location"])
    assert ("GW0001", 180_000, "00", True) == (
        told["requestCode"],
        told["amount"],
        told["errorCode"],
        callback_holds(told),
    )
    assert 180_000 == paygov.balance()


def test_a_wrong_create_is_refused_by_its_own_word(paygov: Caller) -> None:
    assert "SIGNATURE_WRONG" == paygov.create("GW0001", 180_000, checksum="0" * 64)["error_code"]
    for wrong in (
        {"partnerCode": "OTHER"},
        {"accessKey": "x"},
        {"serviceCode": ""},
        {"returnUrl": "javascript:x"},
        {"orderInfo": "Lệ phí"},
    ):
        assert "FAILED" == paygov.create("GW0001", 180_000, **wrong)["error_code"], wrong
    for amount in (0, -5, 10**14):
        assert "FAILED" == paygov.create("GW0001", amount)["error_code"], amount


def test_the_same_create_is_answered_as_before_and_another_refused(paygov: Caller) -> None:
    first, again = paygov.create("GW0001", 180_000), paygov.create("GW0001", 180_000)
    assert first == again
    assert "FAILED" == paygov.create("GW0001", 190_000)["error_code"]


def test_an_order_is_paid_once(paygov: Caller, listener: Any) -> None:
    second = paygov.create("GW0002", 180_000, orderId="H28-261124-GW0001-01")["data"]["url"]
    paygov.pay("GW0001", 180_000)
    assert "FAILED" == paygov.create("GW0003", 180_000, orderId="H28-261124-GW0001-01")["error_code"]
    paygov.press(second)
    listener.wait_for(2)
    codes = [json.loads(arrival.body)["errorCode"] for arrival in listener.after_quiet()]
    assert (["00", "51"], 180_000) == (codes, paygov.balance())


def test_pressing_twice_pays_once(paygov: Caller, listener: Any) -> None:
    address = paygov.create("GW0001", 180_000)["data"]["url"]
    assert "180.000 đ" in requests.get(address, timeout=TIMEOUT_S).text
    paygov.press(address)
    paygov.press(address, "cancel")
    listener.wait_for(1)
    assert (1, 180_000) == (len(listener.after_quiet()), paygov.balance())
    assert 409 == requests.get(address, timeout=TIMEOUT_S).status_code
    assert 404 == requests.get(f"{paygov.url}/pay/nosuch", timeout=TIMEOUT_S).status_code


def test_a_callback_is_sent_until_it_is_acknowledged(paygov: Caller, listener: Any) -> None:
    good = (200, b'{"error_code":"SUCCESSFUL"}')
    listener.answers = [(500, b""), (200, b'{"error_code":"FAILED"}'), good]
    paygov.pay("GW0001", 180_000)
    assert 3 == len(listener.wait_for(3))
    assert 3 == len(listener.after_quiet())


def test_a_receipt_exists_when_it_was_paid(paygov: Caller, listener: Any) -> None:
    paygov.pay("GW0001", 180_000)
    code = json.loads(listener.wait_for(1)[0].body)["transactionCode"]
    address = paygov.receipt(code)["transactionReceipt"]
    assert "180.000 đ" in requests.get(address, timeout=TIMEOUT_S).text
    unpaid = paygov.receipt("PG26000002")
    assert ("FAILED", "FAILED") == (unpaid["error_code"], paygov.receipt("9" * 30)["error_code"])
    assert "SIGNATURE_WRONG" == paygov.receipt(code, checksum="0" * 64)["error_code"]


def test_the_magic_amounts_do_what_they_promise(paygov: Caller, listener: Any) -> None:
    def heard(code: str, amount_vnd: int, count: int) -> list[dict[str, Any]]:
        before = len(listener.arrivals)
        paygov.pay(code, amount_vnd)
        listener.wait_for(before + count)
        return [json.loads(arrival.body) for arrival in listener.after_quiet(0.1)[before:]]

    assert [] == heard("GW101", 10_101, 0)
    twice = heard("GW102", 10_102, 2)
    assert (2, True) == (len(twice), twice[0] == twice[1])
    assert [False] == [callback_holds(told) for told in heard("GW103", 10_103, 1)]
    assert [(11_104, True)] == [(told["amount"], callback_holds(told)) for told in heard("GW104", 10_104, 1)]
    assert ["51"] == [told["errorCode"] for told in heard("GW106", 10_106, 1)]
    assert ["51", "00"] == [told["errorCode"] for told in heard("GW108", 10_108, 2)]
    started = time.monotonic()
    paygov.create("GW105", 10_105)
    assert time.monotonic() - started >= 0.4
    body = paygov.create_body("GW114", 10_114)
    assert 503 == paygov.post("/paygate", body).status_code
    assert (
        "SUCCESSFUL" == paygov.create("GW114", 10_114, orderId="another, as nothing was done")["error_code"]
    )
    assert 10_102 + 10_103 + 10_104 + 10_101 + 10_108 == paygov.balance()


def test_a_story_can_drop_one_named_callback_or_the_next_one(
    paygov: Caller, listener: Any, control: Any
) -> None:
    assert 200 == control(paygov.url, {"drop_confirm_for": "GW0002"})
    assert 200 == control(paygov.url, {"next": True})
    assert 400 == control(paygov.url, {"drop_confirm_for": ""})
    for code in ("GW0001", "GW0002", "GW0003"):
        paygov.pay(code, 180_000)
    listener.wait_for(1)
    assert ["GW0003"] == [json.loads(arrival.body)["requestCode"] for arrival in listener.after_quiet()]


def test_bodies_that_are_not_json_objects_are_refused(paygov: Caller) -> None:
    for path in ("/paygate", "/receipt"):
        for body in (b"", b"\xff", b"[]", b"[" * 100_000, b'{"orderId":"\\ud800"}'):
            answer = requests.post(paygov.url + path, data=body, headers=HEADERS, timeout=TIMEOUT_S)
            assert "SIGNATURE_WRONG" == answer.json()["error_code"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@given(JSON | st.text().map(lambda text: base64.b64encode(text.encode()).decode()))
def test_no_create_and_no_receipt_breaks_its_reader(value: Any) -> None:
    assert isinstance(create_fault({"amount": value, "returnUrl": value}, "P", "A"), str)
    assert isinstance(receipt_codes({"paids": value}), list)


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
    lines=(FeeLine("le_phi", "LP01", "Lệ phí", 180_000),),
    agency=Agency("H28.16", "UBND phường Thử Nghiệm", ACCOUNT, "970418", "UBND"),
    payer=Payer("Đặng Thị Mẫu", "017199000123", "Tổ 9", "Phú Thọ"),
    return_url="http://127.0.0.1:9/back",
    client_ip="203.0.113.7",
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=15),
)


@pytest.fixture
def settings(paygov: Caller) -> adapter.Settings:
    return adapter.Settings(
        partner_code="PAYGOV-TEST",
        access_key="pg-access-01",
        secret_key="pg-secret-01",
        service_code="DVC",
        create_url=f"{paygov.url}/paygate",
        receipt_url=f"{paygov.url}/receipt",
        token_url=f"{paygov.url}/token",
        lgsp_token="lgsp-01",
        callback_order=CALLBACK,
    )


def inbound(arrival: Any) -> InboundMessage:
    return InboundMessage(arrival.method, arrival.path, arrival.query.encode(), {}, arrival.body)


def test_the_adapter_starts_hears_and_brings_the_receipt(
    paygov: Caller, listener: Any, settings: adapter.Settings
) -> None:
    ours = adapter.Paygov(settings, Door())
    paygov.press(ours.start(ORDER).redirect_url or "")
    report = ours.read_callback(inbound(listener.wait_for(1)[0]), NOW)
    assert (Outcome.PAID, ORDER.reference, 180_000) == (report.outcome, report.reference, report.amount_vnd)
    ask = adapter.ReceiptAsk(
        (report.provider_ref or "",), ORDER.case_code, ORDER.procedure_name, ORDER.agency, ORDER.payer, NOW
    )
    with_token = replace(settings, bearer_token="token-01")
    address = adapter.decode_receipt(with_token, Door().send(adapter.encode_receipt(with_token, ask)))
    assert 200 == requests.get(address, timeout=TIMEOUT_S).status_code


def test_the_adapter_refuses_what_was_spoilt_and_tells_a_refusal(
    paygov: Caller, listener: Any, settings: adapter.Settings
) -> None:
    ours = adapter.Paygov(settings, Door())
    paygov.press(ours.start(replace(ORDER, reference="C4BAD", amount_vnd=10_103)).redirect_url or "")
    with pytest.raises(BadSignature):
        ours.read_callback(inbound(listener.wait_for(1)[0]), NOW)
    with pytest.raises(Refused):
        adapter.Paygov(replace(settings, secret_key="x"), Door()).start(replace(ORDER, reference="C4X"))
    with pytest.raises(Unreachable):
        adapter.Paygov(replace(settings, lgsp_token="x"), Door()).start(ORDER)


@pytest.mark.parametrize(
    ("answer", "ends"), [(Answer.OK, True), (Answer.DUPLICATE, True), (Answer.OUR_ERROR, False)]
)
def test_the_adapters_replies_end_the_tries_or_do_not(
    paygov: Caller, listener: Any, settings: adapter.Settings, answer: Answer, *, ends: bool
) -> None:
    message = InboundMessage("POST", "/callbacks/paygov", b"", {}, b"")
    listener.answers = [(200, adapter.Paygov(settings, Door()).acknowledge(answer, message, NOW).body)]
    paygov.pay("GW0001", 180_000)
    listener.wait_for(1 if ends else 2)
    assert ends == (1 == len(listener.after_quiet()))
