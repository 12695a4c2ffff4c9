"""Viettel's side: what it accepts, asks, sends and answers, with arithmetic of its own and as the adapter reads it."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests
from flask import Response, request

from adapters import viettelpay as adapter
from gateway.domain.errors import BadSignature
from gateway.ports import HttpAnswer, Outcome, Report
from sandbox.bank import Account, Bank
from sandbox.citizen import Citizen
from sandbox.pages import error_page
from sandbox.serving import Server, new_app
from sandbox.state import Ground, State
from sandbox.viettelpay import Viettelpay, ViettelpaySettings, viettelpay_app

ACCOUNT, MERCHANT, ACCESS, KEY = "0123456789", "GWTEST", "ACC01", "vtp-hash-key"
TIMEOUT_S = 10.0


def mac(*values: str) -> str:
    made = hmac.new(KEY.encode(), "".join((ACCESS, *values)).encode(), hashlib.sha1).digest()
    return base64.b64encode(made).decode()


@dataclass
class Partner:
    """Stands where the gateway would: confirms what it is told to, and keeps the results."""

    confirms: dict[str, int] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    results: list[bytes] = field(default_factory=list)
    answers: list[str] = field(default_factory=lambda: ["00"])
    url: str = ""

    def verify(self, told: dict[str, str]) -> dict[str, str]:
        self.asked.append(told)
        amount = str(self.confirms.get(told["order_id"], 0))
        code = (
            "00" if told["check_sum"] == mac(told["billcode"], MERCHANT, told["order_id"], amount) else "01"
        )
        signed = (told["billcode"], code, MERCHANT, told["order_id"], amount)
        names = ("billcode", "error_code", "merchant_code", "order_id", "trans_amount")
        return {**dict(zip(names, signed, strict=True)), "check_sum": mac(*signed)}

    def reports(self) -> list[Report]:
        return [adapter.decode_result(self.settings(), body) for body in self.results]

    def settings(self) -> adapter.Settings:
        return adapter.Settings(
            merchant_code=MERCHANT,
            access_code=ACCESS,
            hash_key=KEY,
            pay_url="http://127.0.0.1:9/pay",
            query_url="http://127.0.0.1:9/query",
        )


@pytest.fixture
def partner() -> Iterator[Partner]:
    told = Partner()
    app = new_app("partner")

    @app.post("/verify")
    def verify() -> Response:
        return Response(json.dumps(told.verify(request.form.to_dict())), content_type="application/json")

    @app.post("/result")
    def result() -> Response:
        told.results.append(request.get_data())
        code = told.answers.pop(0) if len(told.answers) > 1 else told.answers[0]
        return Response(json.dumps({"error_code": code}), content_type="application/json")

    server = Server(app, 0)
    told.url = server.url
    server.start()
    yield told
    server.stop()


@dataclass
class Scene:
    url: str
    bank: Bank
    partner: Partner
    server: Viettelpay

    def pay_url(self, reference: str, amount_vnd: int, **other: str) -> str:
        fields = {
            "billcode": reference,
            "command": "PAYMENT",
            "desc": "Le phi",
            "locale": "Vi",
            "merchant_code": MERCHANT,
            "order_id": reference,
            "return_url": "http://127.0.0.1:9/return/viettelpay?a=1",
            "trans_amount": str(amount_vnd),
            "version": "2.0",
            **other,
        }
        names = ("billcode", "command", "merchant_code", "order_id", "trans_amount", "version")
        fields.setdefault("check_sum", mac(*(fields[name] for name in names)))
        return f"{self.url}/PaymentGateway/payment?{urlencode(fields)}"

    def pay(self, order_id: str, amount_vnd: int, result: str = "pay") -> requests.Response:
        self.partner.confirms[order_id] = amount_vnd
        page = requests.get(self.pay_url(order_id, amount_vnd), timeout=TIMEOUT_S)
        token = page.text.split('name="token" value="')[1].split('"')[0]
        return self.press(token, result)

    def press(self, token: str, result: str) -> requests.Response:
        return requests.post(
            f"{self.url}/pay/confirm",
            data={"token": token, "result": result},
            timeout=TIMEOUT_S,
            allow_redirects=False,
        )

    def ask(self, order_id: str, **other: str) -> requests.Response:
        fields = {"cmd": "TRANS_INQUIRY", "merchant_code": MERCHANT, "order_id": order_id, "version": "2.0"}
        fields |= other
        names = ("cmd", "merchant_code", "order_id", "version")
        fields.setdefault("check_sum", mac(*(fields[name] for name in names)))
        return requests.post(f"{self.url}/PaymentAPI/webresources/postData", data=fields, timeout=TIMEOUT_S)

    def search(self, order_id: str) -> Report:
        answer = self.ask(order_id)
        return adapter.decode_search(
            self.partner.settings(), HttpAnswer(answer.status_code, answer.content), order_id
        )

    def results(self, count: int) -> list[Report]:
        """The results, once there are `count` of them and no more have come for a moment."""
        limit = time.monotonic() + TIMEOUT_S
        while len(self.partner.results) < count and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(0.1)
        assert count == len(self.partner.results)
        return self.partner.reports()

    def control(self, order: object) -> int:
        return requests.post(f"{self.url}/_control", data=json.dumps(order), timeout=TIMEOUT_S).status_code

    def balance(self) -> int:
        return self.bank.balance_vnd(ACCOUNT)


@pytest.fixture
def scene(tmp_path: Path, partner: Partner) -> Iterator[Scene]:
    state = State(tmp_path / "state.sqlite3")
    ground = Ground(state, 4)
    bank = Bank(ground, (Account("970418", ACCOUNT, "TTPVHCC", 1_000_000),))
    settings = ViettelpaySettings(
        port=0,
        merchant_code=MERCHANT,
        access_code=ACCESS,
        hash_key=KEY,
        result_url=f"{partner.url}/result",
        verify_url=f"{partner.url}/verify",
        result_interval_s=0.02,
        slow_s=0.4,
    )
    viettelpay = Viettelpay(settings, ground, bank)
    server = Server(viettelpay_app(viettelpay), 0)
    server.start()
    viettelpay.courier.start()
    yield Scene(server.url, bank, partner, viettelpay)
    ground.stopping.set()
    viettelpay.courier.stop()
    server.stop()
    state.close()


def test_a_payment_is_asked_about_paid_told_and_brought_back_with_the_same_signed_facts(scene: Scene) -> None:
    back = scene.pay("GW0001", 180_000)
    report = scene.results(1)[0]
    assert (Outcome.PAID, "GW0001", 180_000, "00/1") == (
        report.outcome,
        report.reference,
        report.amount_vnd,
        report.code,
    )
    assert [{"billcode": "GW0001", "merchant_code": MERCHANT, "order_id": "GW0001"}] == [
        {name: value for name, value in asked.items() if name != "check_sum"} for asked in scene.partner.asked
    ]
    query = dict(parse_qsl(urlsplit(back.headers["Location"]).query))
    assert (303, "1") == (back.status_code, query.pop("a"))
    assert query == dict(parse_qsl(scene.partner.results[0].decode()))
    assert 1_180_000 == scene.balance()


def test_a_result_is_signed_over_its_values_in_the_order_of_their_names(scene: Scene) -> None:
    scene.pay("GW0001", 180_000)
    scene.results(1)
    told = dict(parse_qsl(scene.partner.results[0].decode()))
    code = told.pop("check_sum")
    assert mac(*(told[name] for name in sorted(told))) == code


def test_a_citizen_finds_the_way_with_the_address_of_the_adapter(scene: Scene) -> None:
    scene.partner.confirms["GW0001"] = 180_000
    citizen = Citizen()
    page = citizen.open(scene.pay_url("GW0001", 180_000))
    assert "180.000 đ" in page.text
    with pytest.raises(requests.ConnectionError):  # nobody listens where the browser is sent back to
        citizen.press(page, "result", "pay")
    assert Outcome.PAID == scene.results(1)[0].outcome
    citizen.close()


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"check_sum": mac("x")}, "V01"),
        ({"check_sum": ""}, "V01"),
        ({"merchant_code": "OTHER"}, "M01"),
        ({"command": "PAY"}, "V04"),
        ({"version": "1.0"}, "V04"),
        ({"trans_amount": "0"}, "V04"),
        ({"trans_amount": "1.5"}, "V04"),
        ({"trans_amount": "9" * 5000}, "V04"),
        ({"order_id": ""}, "V04"),
        ({"order_id": "G" * 51}, "V04"),
        ({"return_url": "javascript:alert(1)"}, "V04"),
    ],
)
def test_a_payment_that_is_not_as_it_should_be_is_refused(
    scene: Scene, other: dict[str, str], code: str
) -> None:
    page = requests.get(scene.pay_url("GW0001", 180_000, **other), timeout=TIMEOUT_S)
    assert f'<code id="code">{code}</code>' in page.text
    assert [] == scene.partner.asked


@pytest.mark.parametrize("owed", [0, 180_001])
def test_an_order_that_the_partner_does_not_confirm_cannot_be_paid(scene: Scene, owed: int) -> None:
    scene.partner.confirms["GW0001"] = owed
    page = requests.get(scene.pay_url("GW0001", 180_000), timeout=TIMEOUT_S)
    assert error_page(code="V05", message="Không xác nhận được giao dịch").get_data(as_text=True) == page.text


def test_an_order_is_paid_once_and_not_again_with_another_sum(scene: Scene) -> None:
    back = scene.pay("GW0001", 180_000)
    for amount_vnd in (180_000, 190_000):
        page = requests.get(scene.pay_url("GW0001", amount_vnd), timeout=TIMEOUT_S)
        assert "V04" in page.text
    scene.results(1)
    assert (303, 1_180_000) == (back.status_code, scene.balance())


def test_a_second_press_only_brings_the_browser_back(scene: Scene) -> None:
    scene.partner.confirms["GW0001"] = 180_000
    page = requests.get(scene.pay_url("GW0001", 180_000), timeout=TIMEOUT_S)
    token = page.text.split('name="token" value="')[1].split('"')[0]
    first, second = scene.press(token, "pay"), scene.press(token, "cancel")
    assert first.headers["Location"] == second.headers["Location"]
    scene.results(1)
    assert 400 == scene.press("no such token", "pay").status_code
    assert 400 == scene.press(token, "later").status_code


def test_a_payer_may_call_it_off_or_have_no_funds(scene: Scene) -> None:
    scene.pay("GW0001", 180_000, result="cancel")
    scene.pay("GW0002", 180_106)
    assert [("V06/5", Outcome.FAILED), ("16/2", Outcome.FAILED)] == [
        (report.code, report.outcome) for report in scene.results(2)
    ]
    assert [Outcome.FAILED] * 2 == [scene.search(reference).outcome for reference in ("GW0001", "GW0002")]
    assert 1_000_000 == scene.balance()


def test_a_query_tells_what_became_of_an_order(scene: Scene) -> None:
    assert (Outcome.PENDING, "00/-1") == (scene.search("GW0001").outcome, scene.search("GW0001").code)
    scene.partner.confirms["GW0001"] = 180_000
    requests.get(scene.pay_url("GW0001", 180_000), timeout=TIMEOUT_S)
    assert "00/0" == scene.search("GW0001").code
    scene.pay("GW0001", 180_000)
    report = scene.search("GW0001")
    assert (Outcome.PAID, 180_000) == (report.outcome, report.amount_vnd)
    assert scene.results(1)[0].provider_ref == report.provider_ref


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"check_sum": mac("x")}, "V01"),
        ({"merchant_code": "OTHER"}, "M01"),
        ({"cmd": "REFUND_PAYMENT"}, "V04"),
    ],
)
def test_a_query_that_is_not_as_it_should_be_is_refused(
    scene: Scene, other: dict[str, str], code: str
) -> None:
    assert {"error_code": code} == scene.ask("GW0001", **other).json()


def test_a_result_is_sent_again_until_it_is_acknowledged(scene: Scene) -> None:
    scene.partner.answers = ["03", "02", "00"]
    scene.pay("GW0001", 180_000)
    assert 1 == len(set(map(repr, scene.results(3))))


@pytest.mark.parametrize(("amount_vnd", "count"), [(180_101, 0), (180_102, 2), (180_110, 1)])
def test_magic_amounts_drop_double_and_delay_results(scene: Scene, amount_vnd: int, count: int) -> None:
    scene.pay("GW0001", amount_vnd)
    assert [Outcome.PAID] * count == [report.outcome for report in scene.results(count)]
    assert Outcome.PAID == scene.search("GW0001").outcome
    assert 1_000_000 + amount_vnd == scene.balance()


def test_magic_amounts_sign_wrongly_and_name_another_sum(scene: Scene) -> None:
    scene.pay("GW0001", 180_104)
    assert 181_104 == scene.results(1)[0].amount_vnd
    scene.pay("GW0002", 180_103)
    with pytest.raises(BadSignature):
        scene.results(2)


@pytest.mark.parametrize(("amount_vnd", "said"), [(180_108, ["16/2", "00/1"]), (180_109, ["00/1", "16/2"])])
def test_magic_amounts_tell_of_a_failure_first_or_last(
    scene: Scene, amount_vnd: int, said: list[str]
) -> None:
    scene.pay("GW0001", amount_vnd)
    assert said == [report.code for report in scene.results(2)]


def test_a_slow_query_is_slow_and_a_garbled_one_comes_good(scene: Scene) -> None:
    scene.pay("GW0001", 180_105)
    began = time.monotonic()
    scene.search("GW0001")
    assert time.monotonic() - began >= 0.4
    scene.pay("GW0002", 180_113)
    assert b"<html>" in scene.ask("GW0002").content
    assert Outcome.PAID == scene.search("GW0002").outcome


def test_a_story_may_keep_a_result_back(scene: Scene) -> None:
    assert 400 == scene.control({})
    assert 200 == scene.control({"drop_confirm_for": "GW0001"})
    scene.pay("GW0001", 180_000)
    scene.results(0)
    assert Outcome.PAID == scene.search("GW0001").outcome


def test_the_settings_do_not_show_their_secrets(scene: Scene) -> None:
    shown = repr(scene.server.settings)
    assert [] == [secret for secret in (ACCESS, KEY) if secret in shown]


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"a=1&a=2", b"=&&==", b"cmd=%zz", b"order_id=\x00", b"check_sum=\xc3\xbf", b"{}"]
)
def test_garbage_is_answered_as_a_wrong_signature(scene: Scene, body: bytes) -> None:
    answer = requests.post(f"{scene.url}/PaymentAPI/webresources/postData", data=body, timeout=TIMEOUT_S)
    assert (200, {"error_code": "V01"}) == (answer.status_code, answer.json())
