"""A collecting bank's counter: what a payer sees and does there, and what the biller is asked and told.

The biller speaks through the adapters, which share nothing with this world: so each side proves the other.
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from flask import Response, request

from adapters import bidv as bidv_adapter
from adapters import vietinbank as vietinbank_adapter
from gateway.domain.errors import BadSignature, InputError
from gateway.ports import Agency, Answer, Bill, HttpAnswer, InboundMessage, Payer, Report
from sandbox.bank import Account, Bank
from sandbox.bidv import BidvSettings, bidv
from sandbox.citizen import Citizen
from sandbox.collection import Counter, collection_app
from sandbox.errors import WorldMisconfigured
from sandbox.serving import Server, new_app
from sandbox.state import Ground, State
from sandbox.vietinbank import VietinbankSettings, vietinbank

ACCOUNT, PREFIX, SECRET, TOKEN = "0123456789", "GWT", "an invented secret", "an invented token"
REFERENCE = "C4251124K7Q2M9XT"
TIMEOUT_S = 10.0
BANK_KEY = rsa.generate_private_key(65537, 2048)
GATEWAY_KEY = rsa.generate_private_key(65537, 2048)
OWED = Bill(
    reference=REFERENCE,
    amount_vnd=180_000,
    description="Lệ phí hồ sơ",
    payable=True,
    case_code="H28-251124-0001",
    agency=Agency("H28", "UBND xã Thử", ACCOUNT, "970415", "UBND XA THU"),
    lines=(),
    payer=Payer("Nguyễn Văn A"),
    expires_at=datetime(2027, 1, 1, tzinfo=UTC),
)


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


@dataclass
class Biller:
    """Stands where the gateway would: knows bills, answers questions, and keeps what it is told was paid."""

    adapter: Any
    bills: dict[str, Bill] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=lambda: [Answer.OK])
    told: list[InboundMessage] = field(default_factory=list)
    instead: HttpAnswer | None = None
    status: int = 200
    url: str = ""
    wire: Any = None

    def asked(self, message: InboundMessage) -> HttpAnswer:
        now = datetime.now(UTC)
        if self.instead is not None:
            return self.instead
        try:
            bill = self.bills.get(self.adapter.read_inquiry(message, now))
        except BadSignature:
            return self.adapter.answer_inquiry(Answer.BAD_SIGNATURE, None, message, now)
        answer = Answer.UNKNOWN_ORDER if bill is None else Answer.OK
        return self.adapter.answer_inquiry(answer, bill, message, now)

    def notified(self, message: InboundMessage) -> HttpAnswer:
        self.told.append(message)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return self.adapter.acknowledge(answer, message, datetime.now(UTC))

    def wait_for(self, count: int) -> list[InboundMessage]:
        limit = time.monotonic() + TIMEOUT_S
        while len(self.told) < count and time.monotonic() < limit:
            time.sleep(0.01)
        return list(self.told)

    def reports(self) -> list[Report | str]:
        """What came, as the adapter reads it; the name of the error for what it refuses."""
        read: list[Report | str] = []
        for message in self.told:
            try:
                read.append(self.adapter.read_callback(message, datetime.now(UTC)))
            except InputError as error:
                read.append(type(error).__name__)
        return read


@pytest.fixture
def serve() -> Iterator[Callable[[Any, int], Server]]:
    servers: list[Server] = []

    def start(app: Any, port: int = 0) -> Server:
        server = Server(app, port)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(params=["vietinbank-1.4.1", "vietinbank-2026", "bidv-hmac", "bidv-sha256"])
def biller(request: pytest.FixtureRequest, serve: Any) -> Biller:
    bank, _, variant = request.param.partition("-")
    adapter: Any
    if bank == "vietinbank":
        adapter = vietinbank_adapter.Vietinbank(
            vietinbank_adapter.Settings(
                provider_id="GWT",
                private_key=private_pem(GATEWAY_KEY),
                bank_certificate=public_pem(BANK_KEY),
                customer_prefix=PREFIX,
                edition=variant,
            ),
            None,  # type: ignore[arg-type]
        )
    else:
        adapter = bidv_adapter.Bidv(
            bidv_adapter.Settings(
                service_id="068001",
                secret=SECRET,
                checksum=variant,
                customer_prefix=PREFIX,
                bearer_token=TOKEN,
            ),
            None,  # type: ignore[arg-type]
        )
    made = Biller(adapter, bills={REFERENCE: OWED})
    made.url = serve(biller_app(made)).url
    return made


def biller_app(biller: Biller) -> Any:
    app = new_app("biller")

    @app.post("/<what>")
    def hear(what: str) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        message = InboundMessage("POST", f"/{what}", b"", headers, request.get_data())
        given = (biller.asked if what == "inquiry" else biller.notified)(message)
        status = given.status if given.status != requests.codes.ok else biller.status
        return Response(given.body, status, dict(given.headers))

    return app


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground(State(tmp_path / "sandbox.sqlite3"), seed=4)
    yield made
    made.state.close()


@pytest.fixture
def bank(ground: Ground) -> Bank:
    return Bank(ground, (Account(bin="970418", number=ACCOUNT, name="TTPVHCC", opening_vnd=1_000_000),))


@pytest.fixture
def counter(biller: Biller, ground: Ground, bank: Bank, tmp_path: Path) -> Iterator[Counter]:
    made = make_counter(biller, ground, bank, tmp_path)
    biller.wire = made.wire
    made.courier.start()
    yield made
    ground.stopping.set()
    made.courier.stop()


def make_counter(biller: Biller, ground: Ground, bank: Bank, folder: Path) -> Counter:
    (folder / "bank.pem").write_text(private_pem(BANK_KEY))
    (folder / "gateway.pem").write_text(public_pem(GATEWAY_KEY))
    if biller.adapter.name == "vietinbank":
        settings = VietinbankSettings(
            port=0,
            provider_id="GWT",
            inquiry_url=f"{biller.url}/inquiry",
            notify_url=f"{biller.url}/notice",
            private_key_file=str(folder / "bank.pem"),
            gateway_key_file=str(folder / "gateway.pem"),
            edition=biller.adapter._settings.edition,
            notify_interval_s=0.02,
            slow_s=0.4,
        )
        return vietinbank(settings, ground, bank)
    return bidv(
        BidvSettings(
            port=0,
            service_id="068001",
            getbill_url=f"{biller.url}/inquiry",
            paybill_url=f"{biller.url}/notice",
            secret=SECRET,
            checksum=biller.adapter._settings.checksum,
            bearer_token=TOKEN,
            notify_interval_s=0.02,
            slow_s=0.4,
        ),
        ground,
        bank,
    )


@dataclass
class Walkin:
    """Stands at the counter with a bill code."""

    url: str

    def ask(self, code: str = PREFIX + REFERENCE) -> requests.Response:
        return requests.get(f"{self.url}/thuho", params={"ma": code}, timeout=TIMEOUT_S)

    def press(self, page: requests.Response, result: str = "pay") -> requests.Response:
        token = page.text.split('name="token" value="')[1].split('"')[0]
        return requests.post(
            f"{self.url}/thuho/xacnhan", data={"token": token, "result": result}, timeout=TIMEOUT_S
        )

    def pay(self, code: str = PREFIX + REFERENCE) -> requests.Response:
        return self.press(self.ask(code))


@pytest.fixture
def payer(counter: Counter, serve: Any) -> Walkin:
    return Walkin(serve(collection_app(counter)).url)


def test_a_bill_is_shown_paid_and_told_once(payer: Walkin, biller: Biller, bank: Bank) -> None:
    page = payer.ask()
    assert 200 == page.status_code
    for shown in ("NGUYEN VAN A", "180.000 đ", PREFIX + REFERENCE):
        assert shown in page.text
    assert "Đã thu tiền" in payer.press(page).text
    biller.wait_for(1)
    time.sleep(0.2)
    (report,) = biller.reports()
    assert isinstance(report, Report)
    assert (REFERENCE, 180_000, "VND", "paid") == (
        report.reference,
        report.amount_vnd,
        report.currency,
        report.outcome,
    )
    assert report.provider_ref
    late = report.occurred_at or datetime.now(UTC)
    assert abs(datetime.now(UTC) - late) < timedelta(minutes=1)
    assert 1_180_000 == bank.balance_vnd(ACCOUNT)


def test_a_citizen_can_find_the_way(payer: Walkin, biller: Biller, bank: Bank) -> None:
    citizen = Citizen()
    page = citizen.open(f"{payer.url}/thuho?ma={PREFIX}{REFERENCE}")
    done = citizen.press(page, "result", "pay")
    citizen.close()
    assert 200 == done.status
    assert 1 == len(biller.wait_for(1))


def test_pressing_twice_pays_once(payer: Walkin, biller: Biller, bank: Bank) -> None:
    page = payer.ask()
    first, second = payer.press(page), payer.press(page, "cancel")
    assert first.text == second.text
    biller.wait_for(1)
    time.sleep(0.2)
    assert (1, 1_180_000) == (len(biller.told), bank.balance_vnd(ACCOUNT))


def test_two_who_were_shown_the_same_bill_both_pay_and_both_are_told(
    payer: Walkin, biller: Biller, bank: Bank
) -> None:
    pages = [payer.ask(), payer.ask()]
    for page in pages:
        payer.press(page)
    biller.wait_for(2)
    first, second = biller.reports()
    assert isinstance(first, Report)
    assert isinstance(second, Report)
    assert first.provider_ref != second.provider_ref
    assert 1_360_000 == bank.balance_vnd(ACCOUNT)


def test_who_leaves_pays_nothing_and_nobody_is_told(payer: Walkin, biller: Biller, bank: Bank) -> None:
    assert "Đã hủy" in payer.press(payer.ask(), "cancel").text
    time.sleep(0.2)
    assert ([], 1_000_000) == (biller.told, bank.balance_vnd(ACCOUNT))


def test_no_bill_is_shown_that_is_not_owed(payer: Walkin, biller: Biller, ground: Ground) -> None:
    unknown = payer.ask(PREFIX + "C4251124K7Q2M9XX")
    assert (404, True) == (unknown.status_code, "không tồn tại" in unknown.text)
    with ground.state.transaction() as db:
        token = db.execute("SELECT token FROM collections").fetchone()["token"]
    pressed = requests.post(f"{payer.url}/thuho/xacnhan", data={"token": token, "result": "pay"}, timeout=5)
    assert 400 == pressed.status_code
    biller.bills[REFERENCE] = replace(OWED, payable=False)
    page = payer.ask()
    assert (404, False) == (page.status_code, "180.000" in page.text)


@pytest.mark.parametrize("code", ["", "GWT C4", "x" * 65, "GWTĐ", "<b>", "a&b=c"])
def test_what_is_no_code_is_not_asked_about(payer: Walkin, biller: Biller, code: str) -> None:
    assert 400 == payer.ask(code).status_code


@pytest.mark.parametrize("spoilt", [b"", b"<html>", b"[]", b"{}", b'{"result_code":"000"}', b"\xff"])
def test_a_biller_that_answers_nonsense_shows_nothing(payer: Walkin, biller: Biller, spoilt: bytes) -> None:
    biller.instead = HttpAnswer(200, spoilt)
    assert 404 == payer.ask().status_code
    biller.instead = HttpAnswer(500, spoilt)
    assert 404 == payer.ask().status_code


def test_an_answer_with_an_error_of_http_is_no_answer(payer: Walkin, biller: Biller) -> None:
    biller.status = 500
    assert 404 == payer.ask().status_code
    biller.status = 200
    page = payer.ask()
    biller.status = 500
    payer.press(page)
    assert 2 <= len(biller.wait_for(2))


def test_a_biller_whose_signature_does_not_hold_is_not_believed(payer: Walkin, biller: Biller) -> None:
    """Where the wire signs the biller's answers, that is; BIDV's does not."""
    if biller.adapter.name == "bidv":
        assert 200 == payer.ask().status_code
        return
    page = payer.ask()
    forged = replace(biller.adapter._settings, private_key=private_pem(BANK_KEY))
    biller.adapter = vietinbank_adapter.Vietinbank(forged, None)  # type: ignore[arg-type]
    assert "Chữ ký" in payer.ask().text
    payer.press(page)
    assert 2 <= len(biller.wait_for(2))


def test_a_bill_whose_parts_do_not_add_up_is_not_shown(payer: Walkin, biller: Biller) -> None:
    right = biller.adapter.answer_inquiry
    asked = json.dumps({"customer_id": PREFIX + REFERENCE}).encode()
    message = InboundMessage("POST", "/inquiry", b"", {}, asked)
    body = right(Answer.OK, OWED, message, datetime.now(UTC)).body
    biller.instead = HttpAnswer(200, body.replace(b'"amount":"180000"', b'"amount":"18000"'))
    assert 404 == payer.ask().status_code


def test_a_notice_is_sent_until_it_is_acknowledged(payer: Walkin, biller: Biller) -> None:
    biller.answers = [Answer.OUR_ERROR, Answer.BAD_SIGNATURE, Answer.DUPLICATE]
    payer.pay()
    biller.wait_for(3)
    time.sleep(0.2)
    assert 3 == len(biller.told)
    assert 1 == len({message.body for message in biller.told})


def test_a_refused_notice_is_given_up_after_eight_tries(payer: Walkin, biller: Biller) -> None:
    biller.answers = [Answer.UNKNOWN_ORDER]
    payer.pay()
    biller.wait_for(8)
    time.sleep(0.3)
    assert 8 == len(biller.told)


def owed(biller: Biller, amount_vnd: int) -> None:
    biller.bills[REFERENCE] = replace(OWED, amount_vnd=amount_vnd)


def test_the_magic_amounts_do_what_they_promise(payer: Walkin, biller: Biller, bank: Bank) -> None:
    def heard(amount_vnd: int, count: int) -> list[Report | str]:
        owed(biller, amount_vnd)
        before = len(biller.told)
        payer.pay()
        biller.wait_for(before + count)
        time.sleep(0.15)
        return biller.reports()[before:]

    def sums(read: list[Report | str]) -> list[object]:
        return [each.amount_vnd if isinstance(each, Report) else each for each in read]

    assert [] == heard(10_101, 0)
    assert [10_102, 10_102] == sums(heard(10_102, 2))
    assert ["BadSignature"] == heard(10_103, 1)[:1]
    assert [11_104] == sums(heard(10_104, 1))
    assert [10_108] == sums(heard(10_108, 1))
    assert [10_109] == sums(heard(10_109, 1))
    balance = bank.balance_vnd(ACCOUNT)
    assert [] == heard(10_106, 0)
    assert balance == bank.balance_vnd(ACCOUNT)


def test_a_byte_of_a_notice_is_changed_on_its_way(payer: Walkin, biller: Biller, ground: Ground) -> None:
    owed(biller, 10_111)
    payer.pay()
    (told,) = biller.wait_for(1)[:1]
    with ground.state.transaction() as db:
        row = db.execute("SELECT * FROM collections").fetchone()
    bare = replace_random(biller.wire.notice(row, amount_vnd=10_111, wrong_mac=False), told.body)
    clean = json.dumps(bare, ensure_ascii=False, separators=(",", ":")).encode()
    assert len(clean) == len(told.body)
    assert 1 == sum(a != b for a, b in zip(clean, told.body, strict=True))


def replace_random(notice: Any, body: bytes) -> dict[str, object]:
    """The notice with the msgId of `body`, which is drawn anew each time (and signed by nobody)."""
    at = body.find(b'"msgId":"')
    return {**notice, "msgId": body[at + 9 : at + 41].decode()} if at >= 0 else dict(notice)


def test_a_late_notice_is_late(payer: Walkin, biller: Biller) -> None:
    owed(biller, 10_110)
    started = time.monotonic()
    payer.pay()
    biller.wait_for(1)
    assert time.monotonic() - started >= 0.2


def test_a_slow_counter_is_slow(payer: Walkin, biller: Biller) -> None:
    owed(biller, 10_105)
    started = time.monotonic()
    payer.ask()
    assert time.monotonic() - started >= 0.4


def test_a_story_can_drop_one_named_notice_or_the_next_one(payer: Walkin, biller: Biller) -> None:
    def control(order: object) -> int:
        return requests.post(f"{payer.url}/_control", data=json.dumps(order), timeout=5).status_code

    assert [200, 400] == [control({"next": True}), control({"drop_confirm_for": ""})]
    payer.pay()
    assert 200 == control({"drop_confirm_for": PREFIX + REFERENCE})
    payer.pay()
    time.sleep(0.2)
    assert [] == biller.told


def test_a_notice_that_was_not_acknowledged_is_sent_after_a_restart(
    biller: Biller, ground: Ground, bank: Bank, counter: Counter, payer: Walkin, tmp_path: Path
) -> None:
    biller.answers = [Answer.OUR_ERROR, Answer.OK]
    counter.courier._interval_s = 0.3
    payer.pay()
    biller.wait_for(1)
    counter.courier.stop()
    again = make_counter(biller, ground, bank, tmp_path)
    again.courier.start()
    biller.wait_for(2)
    again.courier.stop()
    assert 2 == len(biller.told)


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"{}", b'{"next": 1}'])
def test_no_control_breaks_the_counter(payer: Walkin, body: bytes) -> None:
    assert 400 == requests.post(f"{payer.url}/_control", data=body, timeout=5).status_code


def test_a_press_without_a_page_is_refused(payer: Walkin) -> None:
    for data in ({}, {"token": "x", "result": "pay"}, {"result": "pay"}):
        answer = requests.post(f"{payer.url}/thuho/xacnhan", data=data, timeout=5)
        assert 400 == answer.status_code


@pytest.mark.parametrize("wrong", ["edition", "private_key_file", "gateway_key_file", "swapped"])
def test_settings_that_cannot_be_right_are_refused(
    ground: Ground, bank: Bank, tmp_path: Path, wrong: str
) -> None:
    (tmp_path / "bank.pem").write_text(private_pem(BANK_KEY))
    (tmp_path / "gateway.pem").write_text(public_pem(GATEWAY_KEY))
    right = VietinbankSettings(
        port=0,
        provider_id="GWT",
        inquiry_url="http://127.0.0.1:9/i",
        notify_url="http://127.0.0.1:9/n",
        private_key_file=str(tmp_path / "bank.pem"),
        gateway_key_file=str(tmp_path / "gateway.pem"),
    )
    changes: dict[str, dict[str, str]] = {
        "edition": {"edition": "1.0"},
        "private_key_file": {"private_key_file": str(tmp_path / "none.pem")},
        "gateway_key_file": {"gateway_key_file": str(tmp_path / "none.pem")},
        "swapped": {"private_key_file": str(tmp_path / "gateway.pem")},
    }
    with pytest.raises(WorldMisconfigured):
        vietinbank(replace(right, **changes[wrong]), ground, bank)


def test_a_checksum_that_bidv_does_not_know_is_refused(ground: Ground, bank: Bank) -> None:
    settings = BidvSettings(
        0, "068001", "http://127.0.0.1:9/g", "http://127.0.0.1:9/p", SECRET, checksum="md5"
    )
    with pytest.raises(WorldMisconfigured):
        bidv(settings, ground, bank)
