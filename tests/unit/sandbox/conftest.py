"""A world on free ports, and a listener that stands where the gateway would."""

import hashlib
import hmac
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Response, request

from gateway.local_settings import environment
from gateway.local_world import make_agencies, make_world
from sandbox.config import read_world
from sandbox.serving import Server, new_app
from sandbox.world import World

sys.path.insert(0, str(Path(__file__).parent))  # the helpers beside this file are found by their names

VNPAY_SECRET = "TESTSECRET0123456789ABCDEFGHIJKL"
DVCQG_SECRET = "dvcqg-test-secret-01"
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ACCOUNT = "0123456789"
TIMEOUT_S = 10.0


@dataclass
class Arrival:
    method: str
    path: str
    query: str
    body: bytes


@dataclass
class Listener:
    """Keeps what arrives; answers the next of `answers`, and the last one for ever."""

    answers: list[tuple[int, bytes]] = field(
        default_factory=lambda: [(200, b'{"RspCode":"00","MaLoi":"00"}')]
    )
    arrivals: list[Arrival] = field(default_factory=list)
    url: str = ""

    def wait_for(self, count: int) -> list[Arrival]:
        limit = time.monotonic() + TIMEOUT_S
        while len(self.arrivals) < count and time.monotonic() < limit:
            time.sleep(0.01)
        return list(self.arrivals)

    def after_quiet(self, seconds: float = 0.3) -> list[Arrival]:
        time.sleep(seconds)
        return list(self.arrivals)


@pytest.fixture
def listener() -> Iterator[Listener]:
    heard = Listener()
    app = new_app("listener")

    @app.route("/<path:path>", methods=["GET", "POST"])
    def arrive(path: str) -> Response:
        heard.arrivals.append(
            Arrival(request.method, "/" + path, request.query_string.decode(), request.get_data())
        )
        status, body = heard.answers.pop(0) if len(heard.answers) > 1 else heard.answers[0]
        return Response(body, status, content_type="application/json")

    server = Server(app, 0)
    heard.url = server.url
    server.start()
    yield heard
    server.stop()


@dataclass
class Setting:
    """A world's settings as a file would hold them, and the worlds that were made of them."""

    values: dict[str, Any]
    portal_key: Ed25519PrivateKey
    worlds: list[World] = field(default_factory=list)

    def start(self, clock: Callable[[], datetime] | None = None) -> World:
        world = World(read_world(self.values), **({} if clock is None else {"clock": clock}))
        self.worlds.append(world)
        world.start()
        return world

    def stop(self, world: World) -> None:
        self.worlds.remove(world)
        world.stop()


@pytest.fixture
def setting(tmp_path: Path, listener: Listener) -> Iterator[Setting]:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "portal.pem").write_bytes(pem)
    values: dict[str, Any] = {
        "gateway_url": listener.url,
        "seed": 4,
        "state_dir": str(tmp_path / "state"),
        "vnpay": {
            "port": 0,
            "tmn_code": "GWTEST01",
            "secret": VNPAY_SECRET,
            "ipn_url": f"{listener.url}/callbacks/vnpay",
            "ipn_interval_s": 0.02,
            "slow_s": 0.4,
        },
        "dvcqg": {
            "port": 0,
            "partner_code": "GWTEST",
            "secret": DVCQG_SECRET,
            "confirm_url": f"{listener.url}/callbacks/dvcqg",
            "confirm_interval_s": 0.02,
            "slow_s": 0.4,
        },
        "post": {
            "port": 0,
            "consumer_key": "key",
            "consumer_secret": "secret",
            "customer_code": "H28HCC",
            "step_s": 0.05,
        },
        "bank": {
            "port": 0,
            "accounts": [
                {"bin": "970418", "number": ACCOUNT, "name": "TTPVHCC HOA BINH", "opening_vnd": 1_000_000}
            ],
        },
        "portal": {
            "port": 0,
            "key_id": "hoabinh-2026",
            "private_key_file": str(tmp_path / "portal.pem"),
            "webhook_secret": WEBHOOK_SECRET,
        },
    }
    made = Setting(values, key)
    yield made
    for world in made.worlds:
        world.stop()


@pytest.fixture
def world(setting: Setting) -> World:
    return setting.start()


def stamp(minutes: float = 0) -> str:
    now = datetime.now(UTC) + timedelta(minutes=minutes)
    return now.astimezone(timezone(timedelta(hours=7))).strftime("%Y%m%d%H%M%S")


class VnpayCaller:
    """Calls VNPAY as a merchant would, with its own arithmetic."""

    def __init__(self, url: str) -> None:
        self.url = url

    def sign(self, text: str) -> str:
        return hmac.new(VNPAY_SECRET.encode(), text.encode(), hashlib.sha512).hexdigest()

    def pay_url(self, reference: str, amount_vnd: int, **other: str) -> str:
        fields = {
            "vnp_Amount": str(amount_vnd * 100),
            "vnp_Command": "pay",
            "vnp_CreateDate": stamp(),
            "vnp_CurrCode": "VND",
            "vnp_ExpireDate": stamp(15),
            "vnp_IpAddr": "203.0.113.7",
            "vnp_Locale": "vn",
            "vnp_OrderInfo": "Le phi ho so H28-261124-0001",
            "vnp_OrderType": "other",
            "vnp_ReturnUrl": "http://127.0.0.1:9/return/vnpay?a=1",
            "vnp_TmnCode": "GWTEST01",
            "vnp_TxnRef": reference,
            "vnp_Version": "2.1.0",
            **other,
        }
        text = "&".join(f"{name}={quote_plus(value)}" for name, value in sorted(fields.items()))
        return f"{self.url}/paymentv2/vpcpay.html?{text}&vnp_SecureHash={self.sign(text)}"

    def open(self, url: str) -> requests.Response:
        return requests.get(url, timeout=TIMEOUT_S)

    def press(self, page: requests.Response, result: str = "pay") -> requests.Response:
        token = page.text.split('name="token" value="')[1].split('"')[0]
        return requests.post(
            f"{self.url}/pay/confirm",
            data={"token": token, "result": result},
            timeout=TIMEOUT_S,
            allow_redirects=False,
        )

    def pay(self, reference: str, amount_vnd: int, result: str = "pay") -> tuple[requests.Response, str]:
        """The redirect, and the CreateDate that names the payment afterwards."""
        url = self.pay_url(reference, amount_vnd)
        created = url.split("vnp_CreateDate=")[1].split("&")[0]
        return self.press(self.open(url), result), created

    def body(self, order: str, fields: dict[str, object]) -> dict[str, object]:
        """`order` names the signed fields, separated by blanks and without `vnp_`."""
        full: dict[str, object] = {
            "vnp_RequestId": secrets.token_hex(8),
            "vnp_Version": "2.1.0",
            "vnp_TmnCode": "GWTEST01",
            "vnp_CreateDate": stamp(),
            "vnp_IpAddr": "203.0.113.7",
            "vnp_OrderInfo": "Truy van",
            **fields,
        }
        text = "|".join(str(full.get(f"vnp_{name}", "")) for name in order.split())
        full.setdefault("vnp_SecureHash", self.sign(text))
        return full

    def post(self, body: dict[str, object], timeout_s: float = TIMEOUT_S) -> requests.Response:
        return requests.post(f"{self.url}/merchant_webapi/api/transaction", json=body, timeout=timeout_s)

    def query(self, reference: str, created: str, **other: object) -> dict[str, str]:
        return self.post(self.query_body(reference, created, **other)).json()

    def query_body(self, reference: str, created: str, **other: object) -> dict[str, object]:
        fields: dict[str, object] = {
            "vnp_Command": "querydr",
            "vnp_TxnRef": reference,
            "vnp_TransactionDate": created,
            **other,
        }
        order = "RequestId Version Command TmnCode TxnRef TransactionDate CreateDate IpAddr OrderInfo"
        return self.body(order, fields)

    def refund(
        self, reference: str, created: str, amount_vnd: int, kind: str, **other: object
    ) -> dict[str, str]:
        return self.post(self.refund_body(reference, created, amount_vnd, kind, **other)).json()

    def refund_body(
        self, reference: str, created: str, amount_vnd: int, kind: str, **other: object
    ) -> dict[str, object]:
        fields: dict[str, object] = {
            "vnp_Command": "refund",
            "vnp_TxnRef": reference,
            "vnp_TransactionDate": created,
            "vnp_Amount": amount_vnd * 100,
            "vnp_TransactionType": kind,
            "vnp_TransactionNo": "",
            "vnp_CreateBy": "ketoan01",
            **other,
        }
        order = (
            "RequestId Version Command TmnCode TransactionType TxnRef Amount TransactionNo TransactionDate"
            " CreateBy CreateDate IpAddr OrderInfo"
        )
        return self.body(order, fields)


@pytest.fixture
def vnpay(world: World) -> VnpayCaller:
    return VnpayCaller(world.urls["vnpay"])


@pytest.fixture
def vnpay_at() -> type[VnpayCaller]:
    return VnpayCaller


class DvcqgCaller:
    """Calls the national platform as a partner would, with its own arithmetic."""

    def __init__(self, url: str) -> None:
        self.url = url

    def mac(self, *values: object) -> str:
        return hashlib.sha256("|".join([*map(str, values), DVCQG_SECRET]).encode()).hexdigest()

    def init_body(self, reference: str, amount_vnd: int, **other: object) -> dict[str, object]:
        body: dict[str, object] = {
            "LoaiBanTin": "INIT",
            "PhienBan": "1.0.6",
            "MaDoiTac": "GWTEST",
            "MaThamChieu": reference,
            "SoTien": str(amount_vnd),
            "LoaiHinhThanhToan": "PAY",
            "MaKenhThanhToan": "1",
            "MaThietBi": "1",
            "NgonNgu": "vi-VN",
            "MaTienTe": "VND",
            "MaNganHang": "PAYMENT",
            "ThongTinGiaoDich": "Lệ phí hồ sơ H28-261124-0001",
            "ThoiGianGD": stamp(),
            "Ip": "203.0.113.7",
            **other,
        }
        body.setdefault("MaXacThuc", self.mac(*[body[name] for name in list(body)[:14]]))
        row = {"SoTien": str(amount_vnd)}
        body.setdefault(
            "ThongTinBienLai",
            {
                "MaDichVu": "2",
                "MaDonVi": "H28",
                "TenDonVi": "Trung tâm PVHCC",
                "MaHoSo": "H28-261124-0001",
                "TKThuHuong": ACCOUNT,
                "PhiLePhi": [{"LoaiPhiLePhi": "2", "MaPhiLePhi": "LP01", "TenPhiLePhi": "Lệ phí", **row}],
                "DSKhoanNop": [{"NoiDung": "Lệ phí", **row}],
            },
        )
        return body

    def post(self, path: str, body: object) -> dict[str, Any]:
        answer = requests.post(self.url + path, json=body, timeout=TIMEOUT_S).json()
        assert isinstance(answer, dict)
        return answer

    def init(self, reference: str, amount_vnd: int, **other: object) -> dict[str, Any]:
        return self.post("/init", self.init_body(reference, amount_vnd, **other))

    def pay(self, reference: str, amount_vnd: int, result: str = "pay") -> requests.Response:
        address = self.init(reference, amount_vnd)["UrlThanhToan"]
        return requests.post(
            f"{address}/xacnhan", data={"result": result}, timeout=TIMEOUT_S, allow_redirects=False
        )

    def ask(self, kind: str, path: str, reference: str, **other: object) -> dict[str, Any]:
        at = stamp()
        body = {
            "LoaiBanTin": kind,
            "PhienBan": "1.0.6",
            "MaDoiTac": "GWTEST",
            "MaThamChieu": reference,
            "ThoiGianGD": at,
            "MaXacThuc": self.mac(kind, "1.0.6", "GWTEST", reference, at),
            **other,
        }
        return self.post(path, body)

    def query(self, reference: str, **other: object) -> dict[str, Any]:
        return self.ask("QUERY", "/query", reference, **other)


@pytest.fixture
def dvcqg(world: World) -> DvcqgCaller:
    return DvcqgCaller(world.urls["dvcqg"])


@pytest.fixture
def dvcqg_at() -> type[DvcqgCaller]:
    return DvcqgCaller


def confirm_mac(body: dict[str, Any]) -> str:
    """MaXacThuc of a CONFIRM or a QUERY answer, from the order in the specification."""
    order = "LoaiBanTin MaLoi MaDoiTac MaThamChieu SoTien MaTienTe MaGiaoDich MaNganHang ThoiGianGD ThongTinGiaoDich"
    text = "|".join([*(str(body[name]) for name in order.split()), DVCQG_SECRET])
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def confirm_mac_of() -> Callable[[dict[str, Any]], str]:
    return confirm_mac


@pytest.fixture
def control() -> Callable[[str, object], int]:
    def tell(url: str, order: object) -> int:
        return requests.post(f"{url}/_control", data=json.dumps(order), timeout=TIMEOUT_S).status_code

    return tell


@pytest.fixture(scope="session")
def local(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, str]]:
    """This machine's world file, and the environment of the gateway beside it."""
    var = tmp_path_factory.mktemp("var")
    world = make_world(var, datetime.now(UTC))
    variables = environment(var, world, make_agencies(var), "postgresql://x")
    counted = json.loads(variables["GATEWAY_PROVIDERS"])
    counted["keypay"]["unsigned_result_counts"] = True  # else its callback only says that something happened
    return world, {**variables, "GATEWAY_PROVIDERS": json.dumps(counted)}
