"""A payer's bank and the three services: what is scanned, what moves, and what the adapters read of it."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from flask import Response, request
from hypothesis import given
from hypothesis import strategies as st

from adapters import bank_webhook, vietqr
from gateway.domain.codes import find_order_codes, make_order_code
from gateway.domain.errors import BadSignature, InputError
from gateway.ports import InboundMessage, Outcome, Report
from sandbox import transfers_wire as wire
from sandbox.bank import Account, Bank
from sandbox.citizen import Citizen
from sandbox.serving import Server, new_app
from sandbox.state import VIETNAM, Ground, State
from sandbox.transfers import Hook, Transfers, TransfersSettings, transfers_app

ACCOUNT, BIN = "0123456789", "970418"
SECRETS = {"sepay": "sepay-secret", "casso_v2": "casso-key", "payos": "payos-key"}
CODE = make_order_code(datetime(2026, 11, 24, tzinfo=UTC).date(), b"sixteen")
TIMEOUT_S = 10.0


def qr(amount_vnd: int | None = 180_000, purpose: str = CODE, account: str = ACCOUNT) -> str:
    return vietqr.build(vietqr.Transfer(bin=BIN, account=account, amount_vnd=amount_vnd, purpose=purpose))


@dataclass
class Heard:
    """Stands where the gateway would: keeps what came, answers the next of `answers`, and the last for ever."""

    messages: list[tuple[str, InboundMessage]] = field(default_factory=list)
    answers: list[tuple[int, bytes]] = field(default_factory=lambda: [(200, b'{"success":true}')])
    url: str = ""

    def from_service(self, profile: str) -> list[InboundMessage]:
        return [message for name, message in self.messages if name == profile]

    def reports(self, profile: str) -> list[Report]:
        settings = bank_webhook.Settings(account=ACCOUNT, secret=SECRETS[profile], profile=profile)
        return [
            bank_webhook.decode_notice(settings, message, datetime.now(UTC))
            for message in self.from_service(profile)
        ]


@pytest.fixture
def heard() -> Iterator[Heard]:
    told = Heard()
    app = new_app("hooks")

    @app.post("/callbacks/<profile>")
    def hook(profile: str) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        message = InboundMessage(
            method="POST", path=request.path, query=b"", headers=headers, body=request.get_data()
        )
        told.messages.append((profile, message))
        status, body = told.answers.pop(0) if len(told.answers) > 1 else told.answers[0]
        return Response(body, status, content_type="application/json")

    server = Server(app, 0)
    told.url = server.url
    server.start()
    yield told
    server.stop()


@dataclass
class Scene:
    url: str
    bank: Bank
    heard: Heard
    wait: Callable[[Callable[[], int], int], None]

    def transfer(self, **wish: object) -> tuple[int, dict[str, Any]]:
        answer = requests.post(f"{self.url}/transfer", json=wish, timeout=TIMEOUT_S)
        return answer.status_code, answer.json()

    def control(self, order: object) -> int:
        answer = requests.post(f"{self.url}/_control", data=json.dumps(order), timeout=TIMEOUT_S)
        return answer.status_code

    def balance(self) -> int:
        return self.bank.balance_vnd(ACCOUNT)

    def told(self, count: int) -> list[tuple[str, InboundMessage]]:
        self.wait(lambda: len(self.heard.messages), count)
        return list(self.heard.messages)


def waiting(count: Callable[[], int], wanted: int) -> None:
    """Waits until `count` is `wanted`, and then longer than a late notice takes, so that one too many is seen."""
    limit = time.monotonic() + TIMEOUT_S
    while count() < wanted and time.monotonic() < limit:
        time.sleep(0.01)
    time.sleep(0.35)
    assert wanted == count()


@pytest.fixture
def scene(tmp_path: Path, heard: Heard) -> Iterator[Scene]:
    state = State(tmp_path / "state.sqlite3")
    ground = Ground(state, 4)
    bank = Bank(ground, (Account(BIN, ACCOUNT, "TTPVHCC", 1_000_000), Account("970415", "99", "KHAC", 0)))
    hooks = tuple(
        Hook(profile, f"{heard.url}/callbacks/{profile}", secret) for profile, secret in SECRETS.items()
    )
    transfers = Transfers(TransfersSettings(port=0, hooks=hooks, interval_s=0.02), ground, bank)
    server = Server(transfers_app(transfers), 0)
    server.start()
    transfers.courier.start()
    yield Scene(server.url, bank, heard, waiting)
    ground.stopping.set()
    transfers.courier.stop()
    server.stop()
    state.close()


def test_a_transfer_moves_the_money_and_each_service_tells_of_it_in_its_own_form(scene: Scene) -> None:
    status, done = scene.transfer(qr=qr(), garble="kept")
    assert (200, CODE, 1_180_000) == (status, done["memo"], scene.balance())
    scene.told(3)
    for profile in SECRETS:
        report = scene.heard.reports(profile)[0]
        facts = (report.outcome, report.amount_vnd, report.currency, report.memo, report.reference)
        assert (Outcome.PAID, 180_000, "VND", CODE, "") == facts, profile
        assert report.occurred_at is not None


def test_the_line_on_the_statement_and_the_notice_name_the_same_money(scene: Scene) -> None:
    _, done = scene.transfer(qr=qr())
    scene.told(3)
    lines = scene.bank.statement(ACCOUNT, datetime.now(UTC).astimezone(VIETNAM).date()).entries
    assert [(180_000, done["memo"], done["bank_reference"])] == [
        (line.amount_vnd, line.memo, line.bank_reference) for line in lines
    ]
    sepay = json.loads(scene.heard.from_service("sepay")[0].body)
    casso = json.loads(scene.heard.from_service("casso_v2")[0].body)["data"]
    payos = json.loads(scene.heard.from_service("payos")[0].body)["data"]
    told = {sepay["referenceCode"], casso["reference"], payos["reference"]}
    assert {done["bank_reference"]} == told
    assert {1_180_000} == {sepay["accumulated"], casso["runningBalance"]}


def test_the_signatures_are_those_of_the_services_documentation(scene: Scene) -> None:
    scene.transfer(qr=qr())
    scene.told(3)
    sepay = scene.heard.from_service("sepay")[0]
    text = sepay.headers["x-sepay-timestamp"].encode() + b"." + sepay.body
    mac = hmac.new(b"sepay-secret", text, hashlib.sha256).hexdigest()
    assert f"sha256={mac}" == sepay.headers["x-sepay-signature"]
    casso = scene.heard.from_service("casso_v2")[0]
    stamp, _, given_ = casso.headers["x-casso-signature"].removeprefix("t=").partition(",v1=")
    body = json.dumps(json.loads(casso.body), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hmac.new(b"casso-key", f"{stamp}.{body}".encode(), hashlib.sha512).hexdigest() == given_


@pytest.mark.parametrize("how", wire.READABLE)
@pytest.mark.parametrize("more", ["", " nop le phi", " Nộp lệ phí - đợt 1"])
def test_what_banks_do_to_a_memo_leaves_the_code_to_be_found(how: str, more: str) -> None:
    assert (CODE,) == find_order_codes(wire.garble(CODE + more, how, seed="1"))


@pytest.mark.parametrize("how", wire.UNREADABLE)
def test_some_memos_lose_the_code(how: str) -> None:
    assert () == find_order_codes(wire.garble(CODE, how, seed="1"))


def test_a_memo_is_garbled_by_the_seed_by_a_story_and_by_the_payer(scene: Scene) -> None:
    memos = {scene.transfer(qr=qr())[1]["memo"] for _ in range(12)}
    assert len(memos) > 3
    assert {(CODE,)} == {find_order_codes(memo) for memo in memos}
    assert 200 == scene.control({"garble": "lost"})
    assert () == find_order_codes(scene.transfer(qr=qr())[1]["memo"])
    assert (CODE,) == find_order_codes(scene.transfer(qr=qr(), garble="glued")[1]["memo"])
    assert 200 == scene.control({"garble": None})
    assert "hoc phi" == scene.transfer(qr=qr(), memo="hoc phi", garble="kept")[1]["memo"]


def test_a_payer_may_transfer_another_sum_and_must_type_one_where_the_code_has_none(scene: Scene) -> None:
    assert 200 == scene.transfer(qr=qr(), amount_vnd=1_000)[0]
    assert 409 == scene.transfer(qr=qr(amount_vnd=None))[0]
    assert 200 == scene.transfer(qr=qr(amount_vnd=None), amount_vnd=2_000)[0]
    assert 1_003_000 == scene.balance()


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"qr": "hello"},
        {"qr": qr()[:-1] + ("0" if qr()[-1] != "0" else "1")},
        {"qr": qr().lower()},
        {"qr": 7},
        {"qr": qr(), "amount_vnd": "1000"},
        {"qr": qr(), "amount_vnd": True},
        {"qr": qr(), "memo": 1},
        {"qr": qr(), "garble": "burnt"},
    ],
)
def test_what_is_no_wish_is_refused(scene: Scene, wish: dict[str, object]) -> None:
    assert 400 == scene.transfer(**wish)[0]
    assert 1_000_000 == scene.balance()


def test_no_money_goes_to_an_account_that_is_not_there_or_at_another_bank(scene: Scene) -> None:
    assert 409 == scene.transfer(qr=qr(account="0000000001"))[0]
    assert 409 == scene.transfer(qr=qr(account="99"))[0]
    assert 1_000_000 == scene.balance()


def test_money_that_goes_out_is_told_as_such_and_payos_does_not_tell_it(scene: Scene) -> None:
    assert 200 == scene.control({"debit": {"account": ACCOUNT, "amount_vnd": 50_000, "memo": "phi dich vu"}})
    scene.told(2)
    assert 950_000 == scene.balance()
    assert [Outcome.PENDING] * 2 == [
        report.outcome for name in ("sepay", "casso_v2") for report in scene.heard.reports(name)
    ]
    assert [] == scene.heard.from_service("payos")


def test_a_notice_is_sent_again_until_it_is_acknowledged_and_signed_anew_each_time(scene: Scene) -> None:
    scene.heard.answers = [(200, b'{"success":false}'), (500, b""), (204, b""), (200, b'{"success":true}')]
    scene.transfer(qr=qr())
    scene.told(5)
    assert [2, 2, 1] == [len(scene.heard.from_service(each)) for each in ("sepay", "casso_v2", "payos")]
    first, second = scene.heard.from_service("casso_v2")
    assert first.body == second.body
    assert first.headers["x-casso-signature"] != second.headers["x-casso-signature"]


def test_a_notice_may_be_repeated_word_for_word(scene: Scene) -> None:
    assert 400 == scene.control({"repeat": True})
    scene.transfer(qr=qr())
    scene.told(3)
    assert 200 == scene.control({"repeat": True})
    scene.told(6)
    for profile in SECRETS:
        first, second = scene.heard.reports(profile)
        assert first == second
    assert 1_180_000 == scene.balance()


@pytest.mark.parametrize(
    ("amount_vnd", "count"), [(10_101, 0), (10_102, 6), (10_110, 3), (10_109, 3), (10_108, 3)]
)
def test_magic_amounts_drop_double_and_delay_notices(scene: Scene, amount_vnd: int, count: int) -> None:
    scene.transfer(qr=qr(amount_vnd))
    scene.told(count)
    assert 1_000_000 + amount_vnd == scene.balance()


@pytest.mark.parametrize("amount_vnd", [10_103, 10_111])
def test_a_wrong_signature_and_a_changed_byte_are_noticed(scene: Scene, amount_vnd: int) -> None:
    scene.heard.answers = [(200, b'{"success":true}')]
    scene.transfer(qr=qr(amount_vnd))
    scene.told(3)
    for profile in SECRETS:
        with pytest.raises(InputError):
            scene.heard.reports(profile)


def test_a_clock_that_is_wrong_makes_a_signed_timestamp_stale(scene: Scene) -> None:
    scene.transfer(qr=qr(10_115))
    scene.told(3)
    for profile in ("sepay", "casso_v2"):
        with pytest.raises(BadSignature):
            scene.heard.reports(profile)
    assert Outcome.PAID == scene.heard.reports("payos")[0].outcome


def test_a_notice_may_name_another_sum_than_the_line(scene: Scene) -> None:
    scene.transfer(qr=qr(10_104))
    scene.told(3)
    assert {11_104} == {scene.heard.reports(profile)[0].amount_vnd for profile in SECRETS}
    assert 1_010_104 == scene.balance()


def test_a_payer_without_funds_moves_nothing(scene: Scene) -> None:
    assert (409, {"error": "Số dư không đủ"}) == scene.transfer(qr=qr(10_106))
    scene.told(0)
    assert 1_000_000 == scene.balance()


def test_a_story_may_keep_a_notice_back(scene: Scene) -> None:
    assert 200 == scene.control({"drop_confirm_for": CODE})
    scene.transfer(qr=qr())
    scene.told(0)
    assert 1_180_000 == scene.balance()


@pytest.mark.parametrize(
    "order",
    [
        {},
        {"garble": "burnt"},
        {"garble": 1},
        {"repeat": 1},
        {"debit": {}},
        {"debit": {"account": "7", "amount_vnd": 1, "memo": ""}},
        {"debit": {"account": ACCOUNT, "amount_vnd": 0, "memo": ""}},
        {"debit": {"account": ACCOUNT, "amount_vnd": True, "memo": ""}},
        [],
    ],
)
def test_a_story_that_makes_no_sense_is_refused(scene: Scene, order: object) -> None:
    assert 400 == scene.control(order)


def test_a_citizen_scans_and_presses(scene: Scene) -> None:
    citizen = Citizen()
    shown = citizen.open(f"{scene.url}/scan?{urlencode({'qr': qr()})}")
    assert "180.000 đ" in shown.text
    assert CODE in shown.text
    assert "Đã hủy" in citizen.press(shown, "result", "cancel").text
    assert 1_000_000 == scene.balance()
    assert "Đã chuyển khoản" in citizen.press(shown, "result", "pay").text
    assert 1_180_000 == scene.balance()
    assert 400 == citizen.open(f"{scene.url}/scan?qr=x").status
    citizen.close()


def test_a_hook_does_not_show_its_secret() -> None:
    assert "geheim" not in repr(Hook("sepay", "http://127.0.0.1:9", "geheim"))


@given(st.text(max_size=200))
def test_no_text_breaks_the_scanner(text: str) -> None:
    assert wire.scan(text) is None


@given(st.text(max_size=100))
def test_whatever_stands_in_a_code_is_scanned_as_the_adapter_built_it(purpose: str) -> None:
    payload = qr(purpose=purpose)
    read = wire.scan(payload)
    assert read is not None
    assert (BIN, ACCOUNT, 180_000, vietqr.purpose_text(purpose)) == (
        read.bin,
        read.account,
        read.amount_vnd,
        read.memo,
    )


def test_the_check_value_of_the_crc() -> None:
    assert 0x29B1 == wire.crc16(b"123456789")
