"""A bank of the payment management: what it accepts, sends and answers, called through the adapter and by hand."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Response, request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters import ttttqg as adapter
from gateway.domain.errors import GatewayError, InputError, Refused
from gateway.ports import (
    Agency,
    Answer,
    FeeLine,
    HttpAnswer,
    HttpRequest,
    InboundMessage,
    Outcome,
    Payer,
    RefundOrder,
    Report,
    StartOrder,
)
from sandbox.bank import Account, Bank
from sandbox.errors import WorldMisconfigured
from sandbox.serving import Server, new_app
from sandbox.state import Ground, State
from sandbox.ttttqg import Ttttqg, ttttqg_app
from sandbox.ttttqg_wire import COLUMNS, Signer, TtttqgSettings, order_fault, qr_text, read_results
from signing.rsa import sign_base64

ACCOUNT, SECRET, TIMEOUT_S = "0123456789", "an invented secret", 10.0
NEVER = datetime.min.replace(tzinfo=UTC)
PATHS = (
    "/giao-dich/tao",
    "/giao-dich/trang-thai",
    "/giao-dich/bien-lai",
    "/giao-dich/hoan-tien",
    "/giao-dich/tai-khoan-thanh-toan",
    "/tai-khoan/van-tin",
    "/chi-ho",
    "/doi-soat",
)
BANK_KEY = rsa.generate_private_key(65537, 2048)
GATEWAY_KEY = rsa.generate_private_key(65537, 2048)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def order(reference: str, amount_vnd: int = 180_000) -> StartOrder:
    now = datetime.now(UTC)
    return StartOrder(
        reference=reference,
        amount_vnd=amount_vnd,
        description="Lệ phí hồ sơ H28-261124-0001",
        case_code="H28-261124-0001",
        procedure_code="1.000001",
        procedure_name="Cấp bản sao",
        lines=(FeeLine("le_phi", "LP01", "Lệ phí", amount_vnd),),
        agency=Agency("H28", "UBND xã Thử", ACCOUNT, "970418", "UBND XA THU"),
        payer=Payer("Nguyễn Văn A", "001099000001", "Số 1", "Hà Nội"),
        return_url="https://dvc.example.gov.vn/return",
        client_ip="203.0.113.7",
        created_at=now,
        expires_at=now + timedelta(minutes=15),
    )


def refund_of(reference: str, amount_vnd: int, name: str = "R1", **other: Any) -> RefundOrder:
    now = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
    facts: dict[str, Any] = {
        "reference": name,
        "payment_reference": reference,
        "provider_ref": None,
        "amount_vnd": amount_vnd,
        "paid_vnd": 10**9,
        "started_at": now,
        "created_at": now,
        "reason": "Hoàn phí",
        "requested_by": "ketoan01",
    }
    return RefundOrder(**{**facts, **other})


class Door:
    """The way out, over real sockets."""

    def send(self, asked: HttpRequest) -> HttpAnswer:
        given_ = requests.request(
            asked.method, asked.url, data=asked.body, headers=dict(asked.headers), timeout=TIMEOUT_S
        )
        headers = {name.lower(): value for name, value in given_.headers.items()}
        return HttpAnswer(given_.status_code, given_.content, headers)


@dataclass
class Portal:
    """Stands where the gateway would: calls through the adapter, and keeps the notices."""

    adapter: Any = None
    settings: Any = None
    answers: list[Answer] = field(default_factory=lambda: [Answer.OK])
    told: list[InboundMessage] = field(default_factory=list)
    url: str = ""

    def wait_for(self, count: int) -> None:
        limit = time.monotonic() + TIMEOUT_S
        while len(self.told) < count and time.monotonic() < limit:
            time.sleep(0.01)

    def reports(self) -> list[Report | str]:
        read: list[Report | str] = []
        for message in self.told:
            try:
                read.append(self.adapter.read_callback(message, datetime.now(UTC)))
            except InputError as error:
                read.append(type(error).__name__)
        return read

    def query(self, reference: str) -> Report:
        now = datetime.now(UTC)
        report = self.adapter.query(reference, now, now, "q1")
        assert isinstance(report, Report)
        return report

    def pay(self, reference: str, amount_vnd: int = 180_000, result: str = "pay") -> str:
        """What the payer's bank says in the end."""
        return self.press(self.scan(self.adapter.start(order(reference, amount_vnd)).qr_payload), result)

    def scan(self, qr: str) -> requests.Response:
        return requests.get(f"{self.settings.base_url}/quet", params={"qr": qr}, timeout=TIMEOUT_S)

    def press(self, page: requests.Response, result: str = "pay") -> str:
        token = page.text.split('name="token" value="')[1].split('"')[0]
        answer = requests.post(
            f"{self.settings.base_url}/quet/xacnhan",
            data={"token": token, "result": result},
            timeout=TIMEOUT_S,
        )
        return answer.text.split('id="result">')[1].split("<")[0]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground(State(tmp_path / "sandbox.sqlite3"), seed=4)
    yield made
    made.state.close()


@pytest.fixture
def bank(ground: Ground) -> Bank:
    return Bank(ground, (Account(bin="970418", number=ACCOUNT, name="TTPVHCC", opening_vnd=1_000_000),))


@pytest.fixture(params=["hmac-sha256", "rsa-sha256"])
def portal(request: pytest.FixtureRequest, ground: Ground, bank: Bank, tmp_path: Path) -> Iterator[Portal]:
    made = Portal()
    listener = Server(portal_app(made), 0)
    (tmp_path / "bank.pem").write_text(private_pem(BANK_KEY))
    (tmp_path / "gateway.pem").write_text(public_pem(GATEWAY_KEY))
    server_settings = TtttqgSettings(
        port=0,
        partner_code="GWTEST",
        notice_url=f"{listener.url}/notice",
        algorithm=request.param,
        secret=SECRET,
        private_key_file=str(tmp_path / "bank.pem"),
        gateway_key_file=str(tmp_path / "gateway.pem"),
        notice_interval_s=0.02,
        slow_s=0.4,
    )
    played = Ttttqg(server_settings, ground, bank)
    server = Server(ttttqg_app(played), 0)
    made.settings = adapter.Settings(
        partner_code="GWTEST",
        base_url=server.url,
        algorithm=request.param,
        secret=SECRET,
        private_key=private_pem(GATEWAY_KEY),
        bank_certificate=public_pem(BANK_KEY),
        columns="|".join(COLUMNS),
    )
    made.adapter = adapter.Ttttqg(made.settings, Door())
    for each in (listener, server, played.courier):
        each.start()
    yield made
    ground.stopping.set()
    for each in (played.courier, server, listener):
        each.stop()


def portal_app(portal: Portal) -> Any:
    app = new_app("portal")

    @app.post("/notice")
    def hear() -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        message = InboundMessage("POST", "/notice", b"", headers, request.get_data())
        portal.told.append(message)
        answer = portal.answers.pop(0) if len(portal.answers) > 1 else portal.answers[0]
        given_ = portal.adapter.acknowledge(answer, message, datetime.now(UTC))
        return Response(given_.body, given_.status, dict(given_.headers))

    return app


def test_a_transaction_is_started_paid_told_and_known(portal: Portal, bank: Bank) -> None:
    started = portal.adapter.start(order("GW0001"))
    assert started.qr_payload.startswith("000201010212")
    assert "PENDING" == portal.query("GW0001").code.partition("/")[2]
    page = portal.scan(started.qr_payload)
    assert "180.000 đ" in page.text
    assert "PAID" == portal.press(page)
    portal.wait_for(1)
    (report,) = portal.reports()
    known = portal.query("GW0001")
    assert isinstance(report, Report)
    assert report == known
    assert (Outcome.PAID, 180_000, "GW0001", started.provider_ref) == (
        known.outcome,
        known.amount_vnd,
        known.reference,
        known.provider_ref,
    )
    assert abs(datetime.now(UTC) - (known.occurred_at or NEVER)) < timedelta(minutes=1)
    assert 1_180_000 == bank.balance_vnd(ACCOUNT)


def test_the_code_is_the_one_that_four_libraries_make() -> None:
    """The worked example of section 5, with the BIN and account put in."""
    text = qr_text("1234567890", 180_000, "LP 000G17 251124 0001")
    theirs = (
        "00020101021238540010A00000072701240006970418011001234567890208QRIBFTTA530370454061800005802VN"
        "62250821LP 000G17 251124 00016304E1BC"
    )
    ours = text[:-4].replace("970443", "970418").replace("1234567890", "0123456789")
    assert theirs[:-4] == ours
    crc = 0xFFFF
    for byte in text[:-4].encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    assert f"{crc:04X}" == text[-4:]


def test_the_same_call_again_is_answered_as_before_and_another_one_refused(portal: Portal) -> None:
    first = order("GW0001")
    started = portal.adapter.start(first)
    assert started == portal.adapter.start(first)
    with pytest.raises(Refused):
        portal.adapter.start(order("GW0001", 190_000))


def test_a_bill_has_one_transaction_at_a_time_and_none_after_it_is_paid(portal: Portal) -> None:
    def start_as(request_id: str, **changes: Any) -> HttpAnswer:
        asked = adapter.encode_create(portal.settings, replace(order("GW0001"), **changes))
        return Door().send(replace(asked, headers={**asked.headers, "x-request-id": request_id}))

    def code(answer: HttpAnswer) -> str:
        return str(json.loads(answer.body)["MaLoi"])

    past = datetime(2020, 1, 1, tzinfo=UTC)
    assert "00" == code(start_as("a", expires_at=past))
    second = start_as("b")
    assert "00" == code(second)
    assert "99" == code(start_as("c"))
    assert json.loads(second.body)["MaGiaoDich"] == portal.query("GW0001").provider_ref
    assert "PAID" == portal.press(portal.scan(json.loads(second.body)["ChuoiQR"]))
    assert "99" == code(start_as("d"))


def test_pressing_twice_pays_once_and_a_paid_code_is_closed(portal: Portal, bank: Bank) -> None:
    started = portal.adapter.start(order("GW0001"))
    page = portal.scan(started.qr_payload)
    assert ["PAID", "PAID"] == [portal.press(page), portal.press(page, "cancel")]
    assert 409 == portal.scan(started.qr_payload).status_code
    assert 404 == portal.scan(started.qr_payload + "x").status_code
    portal.wait_for(1)
    time.sleep(0.2)
    assert (1, 1_180_000) == (len(portal.told), bank.balance_vnd(ACCOUNT))


def test_a_code_that_is_over_is_closed_also_for_who_had_scanned_it(portal: Portal, bank: Bank) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    started = portal.adapter.start(replace(order("GW0001"), expires_at=soon))
    page = portal.scan(started.qr_payload)
    time.sleep(2.1)
    assert "PENDING" == portal.press(page)
    assert 409 == portal.scan(started.qr_payload).status_code
    assert 1_000_000 == bank.balance_vnd(ACCOUNT)


def test_two_who_scanned_the_same_code_pay_it_once(portal: Portal, bank: Bank) -> None:
    started = portal.adapter.start(order("GW0001"))
    pages = [portal.scan(started.qr_payload), portal.scan(started.qr_payload)]
    assert ["PAID", "PAID"] == [portal.press(page) for page in pages]
    portal.wait_for(1)
    time.sleep(0.2)
    assert (1, 1_180_000) == (len(portal.told), bank.balance_vnd(ACCOUNT))


def test_who_leaves_changes_nothing(portal: Portal, bank: Bank) -> None:
    assert "PENDING" == portal.pay("GW0001", result="cancel")
    assert Outcome.PENDING == portal.query("GW0001").outcome
    assert ([], 1_000_000) == (portal.told, bank.balance_vnd(ACCOUNT))


def test_an_unknown_bill_is_refused(portal: Portal) -> None:
    with pytest.raises(Refused):
        portal.query("GW0009")
    with pytest.raises(Refused):
        portal.adapter.refund(refund_of("GW0009", 1_000), "q1")
    with pytest.raises(Refused):
        portal.adapter.bill("GW0009", None, datetime.now(UTC), "q1")


def test_a_call_that_is_not_signed_by_the_portal_is_refused_with_a_signed_answer(portal: Portal) -> None:
    portal.adapter.start(order("GW0001"))
    asked = adapter.encode_status(portal.settings, "GW0001", request_id="q1")
    assert "00" == json.loads(Door().send(asked).body)["MaLoi"]
    for body, signature in (
        (asked.body, "AAAA"),
        ((asked.body or b"") + b" ", asked.headers["x-request-signature"]),
        (b"\xff", ""),
        (b"[]", "Đ"),
    ):
        headers = {"x-request-signature": signature.encode("utf-8").decode("latin-1")}
        given_ = Door().send(replace(asked, body=body, headers=headers))
        with pytest.raises(Refused):
            adapter.decode_status(portal.settings, given_, "GW0001")


def test_a_receipt_is_given_for_what_was_paid(portal: Portal) -> None:
    now = datetime.now(UTC)
    portal.adapter.start(order("GW0001"))
    unpaid = adapter.encode_receipt(portal.settings, "GW0001", None, request_id="q1")
    assert "99" == json.loads(Door().send(unpaid).body)["MaLoi"]
    portal.pay("GW0002")
    number = portal.query("GW0002").provider_ref
    paper = portal.adapter.bill("GW0002", number, now, "q1")
    assert b"GW0002 180000 VND" in paper
    with pytest.raises(Refused):
        portal.adapter.bill("GW0002", "SHB0000000099", now, "q1")
    assert 404 == requests.get(f"{portal.settings.base_url}/bienlai/x.pdf", timeout=5).status_code


def test_refunds_never_exceed_what_was_paid(portal: Portal, bank: Bank) -> None:
    portal.adapter.start(order("GW0001"))
    with pytest.raises(Refused):
        portal.adapter.refund(refund_of("GW0001", 1_000), "q1")
    portal.pay("GW0002")
    number = portal.query("GW0002").provider_ref

    def refund(amount_vnd: int, name: str) -> Outcome | str:
        try:
            asked = refund_of("GW0002", amount_vnd, name, provider_ref=number)
            report = portal.adapter.refund(asked, "q1")
        except Refused:
            return "refused"
        assert (name, amount_vnd) == (report.reference, report.amount_vnd)
        return report.outcome

    assert "refused" == refund(180_001, "R0")
    assert [Outcome.PAID, Outcome.PAID] == [refund(100_000, "R1"), refund(100_000, "R1")]
    assert "refused" == refund(90_000, "R1")
    assert "refused" == refund(80_001, "R2")
    assert [Outcome.FAILED, Outcome.PENDING] == [refund(10_106, "R3"), refund(10_110, "R4")]
    assert Outcome.PAID == refund(69_000, "R5")
    assert 1_180_000 - 169_000 == bank.balance_vnd(ACCOUNT)


def test_an_account_a_payers_account_and_a_disbursement(portal: Portal, bank: Bank) -> None:
    def account(number: str, bin_: str = "970418") -> adapter.BankAccount:
        asked = adapter.encode_account(portal.settings, adapter.BankAccount(bin_, number), request_id="q1")
        return adapter.decode_account(portal.settings, "account", Door().send(asked))

    assert ("TTPVHCC", "ACTIVE") == (account(ACCOUNT).name, account(ACCOUNT).state)
    for wrong in (("1", "970418"), (ACCOUNT, "970436")):
        with pytest.raises(Refused):
            account(*wrong)
    portal.pay("GW0001")
    asked = adapter.encode_payment_account(
        portal.settings, reference="GW0001", provider_ref="", request_id="q1"
    )
    payer = adapter.decode_account(portal.settings, "payment_account", Door().send(asked))
    assert ("970436", "NGUYEN VAN A") == (payer.bank_bin, payer.name)
    payout = adapter.Disbursement("D1", 50_000, payer, "napas", "Chi hộ", datetime(2026, 1, 1, tzinfo=UTC))
    for _ in range(2):
        given_ = Door().send(adapter.encode_disbursement(portal.settings, payout))
        report = adapter.decode_transfer(portal.settings, "disbursement", given_, "D1")
        assert (Outcome.PAID, 50_000) == (report.outcome, report.amount_vnd)
    assert 1_130_000 == bank.balance_vnd(ACCOUNT)
    other = Door().send(adapter.encode_disbursement(portal.settings, replace(payout, amount_vnd=1)))
    with pytest.raises(Refused):
        adapter.decode_transfer(portal.settings, "disbursement", other, "D1")


def test_a_days_file_holds_what_was_paid_and_its_results_come_back(portal: Portal) -> None:
    for number in (1, 2):
        portal.pay(f"GW000{number}", 180_000 + number * 1000)
    today = (datetime.now(UTC) + timedelta(hours=7)).date()
    day = adapter.Day(today, service="2", channel="ALL", file_kind="1")
    asked = adapter.encode_reconciliation(portal.settings, day, request_id="q1")
    file = adapter.decode_reconciliation(portal.settings, Door().send(asked))
    assert [("GW0001", "181000"), ("GW0002", "182000")] == [
        (row["MaHoaDon"], row["SoTien"]) for row in file.rows
    ]
    found = adapter.ReconciliationFile("KQ_" + file.name, tuple({**row, "KetQua": "00"} for row in file.rows))
    sent = adapter.encode_reconciliation_result(portal.settings, day, found, request_id="q2")
    assert "00" == json.loads(Door().send(sent).body)["MaLoi"]
    results = requests.get(f"{portal.settings.base_url}/_results", timeout=5).json()
    assert {row["MaGiaoDich"]: "00" for row in file.rows} == results
    yesterday = adapter.encode_reconciliation(
        portal.settings, replace(day, on=today - timedelta(days=1)), request_id="q3"
    )
    assert () == adapter.decode_reconciliation(portal.settings, Door().send(yesterday)).rows


def test_a_notice_is_sent_until_it_is_acknowledged(portal: Portal) -> None:
    portal.answers = [Answer.OUR_ERROR, Answer.BAD_SIGNATURE, Answer.DUPLICATE]
    portal.pay("GW0001")
    portal.wait_for(3)
    time.sleep(0.2)
    assert 3 == len(portal.told)
    assert 1 == len({message.body for message in portal.told})


def test_the_magic_amounts_do_what_they_promise(portal: Portal) -> None:
    def heard(amount_vnd: int, count: int) -> list[object]:
        before = len(portal.told)
        portal.pay(f"GW{amount_vnd}", amount_vnd)
        portal.wait_for(before + count)
        time.sleep(0.1)
        read = portal.reports()[before:]
        return [(each.outcome, each.amount_vnd) if isinstance(each, Report) else each for each in read]

    def known(amount_vnd: int) -> Outcome:
        return portal.query(f"GW{amount_vnd}").outcome

    paid, failed = Outcome.PAID, Outcome.FAILED
    assert [] == heard(10_101, 0)
    assert [(paid, 10_102)] * 2 == heard(10_102, 2)
    assert ["BadSignature"] == heard(10_103, 1)[:1]
    assert [(paid, 11_104)] == heard(10_104, 1)
    assert [(failed, 10_106)] == heard(10_106, 1)
    assert [(failed, 10_108), (paid, 10_108)] == heard(10_108, 2)
    assert [(paid, 10_109), (failed, 10_109)] == heard(10_109, 2)
    assert [(paid, 10_110)] == heard(10_110, 1)
    assert heard(10_111, 1)[0] in ("BadSignature", "Malformed")
    assert [paid, failed, paid] == [known(10_101), known(10_106), known(10_104)]


def test_what_the_bank_believes_wrongly_at_first_it_knows_later(portal: Portal) -> None:
    portal.pay("GW10108", 10_108)
    assert Outcome.FAILED == portal.query("GW10108").outcome
    time.sleep(0.25)
    assert Outcome.PAID == portal.query("GW10108").outcome


@pytest.mark.parametrize(("amount_vnd", "made"), [(10_107, 1), (10_112, 0), (10_113, 1), (10_114, 0)])
def test_an_answer_may_be_lost_and_the_same_call_again_is_served(
    portal: Portal, ground: Ground, amount_vnd: int, made: int
) -> None:
    asked = order("GW0001", amount_vnd)
    with pytest.raises((requests.ConnectionError, GatewayError)):
        portal.adapter.start(asked)
    with ground.state.transaction() as db:
        assert made == db.execute("SELECT count(*) AS n FROM ttttqg_payments").fetchone()["n"]
    assert portal.adapter.start(asked).qr_payload


def test_a_slow_answer_is_slow(portal: Portal) -> None:
    started = time.monotonic()
    portal.adapter.start(order("GW0001", 10_105))
    assert time.monotonic() - started >= 0.4


def test_a_story_can_drop_one_named_notice(portal: Portal) -> None:
    def control(told: object) -> int:
        return requests.post(
            f"{portal.settings.base_url}/_control", data=json.dumps(told), timeout=5
        ).status_code

    assert [200, 400, 400] == [control({"drop_confirm_for": "GW0001"}), control({}), control([])]
    for number in (1, 2):
        portal.pay(f"GW000{number}")
    portal.wait_for(1)
    time.sleep(0.1)
    assert ["GW0002"] == [json.loads(message.body)["MaHoaDon"] for message in portal.told]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=10,
)
RIGHT: dict[str, Any] = {
    "SoTien": 180_000,
    "MaTienTe": "VND",
    "MaHoaDon": "GW0001",
    "ThoiGianGD": "20261124143000",
    "ThoiGianHetHan": "20261124144500",
    "ThongTinBienLai": {"MaDonVi": "H28", "MaHoSo": "H28-1", "PhiLePhi": [{"SoTien": 180_000}]},
    "DanhSachKhoanNop": [{"SoTien": "180000"}],
}
ROWS = st.lists(JSON | st.fixed_dictionaries({"SoTien": JSON}), max_size=3)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "SoTien": JSON.filter(lambda value: value not in (180_000, "180000")),
            "MaTienTe": JSON,
            "ThongTinBienLai": JSON | st.fixed_dictionaries({"MaDonVi": JSON, "PhiLePhi": ROWS}),
            "DanhSachKhoanNop": ROWS,
        },
    ).filter(bool)
)
def test_no_transaction_breaks_its_reader(wrong: dict[str, object]) -> None:
    assert order_fault(RIGHT) is None
    assert isinstance(order_fault({**RIGHT, **wrong}), str)


def test_lists_of_nothing_and_rows_that_are_none_make_no_sum() -> None:
    bill = {**RIGHT["ThongTinBienLai"], "PhiLePhi": []}
    nothing = {**RIGHT, "SoTien": None, "DanhSachKhoanNop": [], "ThongTinBienLai": bill}
    assert isinstance(order_fault(nothing), str)
    assert isinstance(order_fault({**RIGHT, "DanhSachKhoanNop": [{"SoTien": 180_000}, 7]}), str)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: base64.b64encode(data).decode()))
def test_no_file_of_results_breaks_its_reader(content: str) -> None:
    assert not read_results(content)


@pytest.mark.parametrize("kind", [["1"], {"1": "1"}, [], None, True, 1.0, "3", ""])
def test_a_reconciliation_of_no_known_kind_is_refused(ground: Ground, bank: Bank, kind: object) -> None:
    known = TtttqgSettings(0, "GWTEST", "http://gateway.test/notice", secret=SECRET)
    desk = Ttttqg(known, ground, bank).desk
    asked = {"NgayDoiSoat": "20261124", "LoaiYeuCau": kind}
    assert "99" == desk.reconcile(asked)["MaLoi"]
    assert "00" == desk.reconcile({**asked, "LoaiYeuCau": "1"})["MaLoi"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    path=st.sampled_from(PATHS),
    fields=st.dictionaries(
        st.sampled_from([*RIGHT, "MaGiaoDich", "MaGiaoDichTTTT", "NgayDoiSoat", "LoaiYeuCau", "MaThamChieu"]),
        JSON | st.sampled_from(["1", "2", "20261124", "GW0001"]),
    ),
)
def test_whatever_the_portal_signs_is_answered(portal: Portal, path: str, fields: dict[str, object]) -> None:
    body = json.dumps({**fields, "MaDoiTac": "GWTEST"}).encode()
    signature = base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256)).decode()
    if portal.settings.algorithm == "rsa-sha256":
        signature = sign_base64(GATEWAY_KEY, body)
    headers = {"x-request-signature": signature, "x-request-id": "f"}
    answer = requests.post(portal.settings.base_url + path, data=body, headers=headers, timeout=5)
    assert (200, True) == (answer.status_code, "MaLoi" in answer.json())


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "none"},
        {"secret": ""},
        {"algorithm": "rsa-sha256"},
        {
            "algorithm": "rsa-sha256",
            "private_key_file": "pyproject.toml",
            "gateway_key_file": "pyproject.toml",
        },
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, str]) -> None:
    right = TtttqgSettings(0, "GWTEST", "http://127.0.0.1:9/n", secret=SECRET)
    assert Signer(right).holds(b"x", Signer(right).sign(b"x"))
    with pytest.raises(WorldMisconfigured):
        Signer(replace(right, **changes))
