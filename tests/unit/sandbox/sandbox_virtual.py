"""A whole world under a clock that stands still until it is set on: no port, no thread, no wait, no chance."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from werkzeug.test import Client, TestResponse

from gateway.local_world import PORTS
from sandbox.config import read_world
from sandbox.mishaps import MISHAP
from sandbox.outward import Call, Reply
from sandbox.world import World

ACCOUNT, SECRET = "0123456789", "an invented secret"
GATEWAY = "http://gateway.test"
BANK_KEY = rsa.generate_private_key(65537, 2048)
GATEWAY_KEY = rsa.generate_private_key(65537, 2048)
INTERVAL_S = 1.0
NAMES = {port: name for name, port in PORTS.items()}


def private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, kind).decode()


def whole_world(folder: Path, gateway: str = GATEWAY, seed: int = 4) -> dict[str, Any]:
    """A world file with every server in it, and the key files that it names."""
    (folder / "bank.pem").write_text(private_pem(BANK_KEY))
    (folder / "gateway.pem").write_text(public_pem(GATEWAY_KEY))
    keys = {"private_key_file": str(folder / "bank.pem"), "gateway_key_file": str(folder / "gateway.pem")}
    account = {"bin": "970418", "number": ACCOUNT, "name": "TTPVHCC HOA BINH", "opening_vnd": 0}

    def heard(name: str) -> str:
        return f"{gateway}/callbacks/{name}"

    def asked(name: str) -> str:
        return f"{gateway}/inquiries/{name}"

    values: dict[str, Any] = {
        "bank": {"accounts": [account]},
        "vnpay": {"tmn_code": "GWTEST01", "secret": SECRET, "ipn_url": heard("vnpay")},
        "dvcqg": {"partner_code": "GWTEST", "secret": SECRET, "confirm_url": heard("dvcqg")},
        "post": {"consumer_key": "key", "consumer_secret": SECRET, "customer_code": "H28HCC"},
        "portal": {"key_id": "hoabinh-2026", "private_key_file": "portal.pem"},
        "transfers": {"hooks": [{"profile": "sepay", "url": heard("sepay"), "secret": SECRET}]},
        "viettelpay": {
            "merchant_code": "GWTEST",
            "access_code": "ACC01",
            "hash_key": SECRET,
            "result_url": heard("viettelpay"),
        },
        "paygov": {
            "partner_code": "GWTEST",
            "access_key": "access",
            "secret_key": SECRET,
            "bearer_token": "token",
            "lgsp_token": "lgsp",
            "callback_url": heard("paygov"),
        },
        "keypay": {
            "client_id": "GWTEST",
            "key_1": "key 1",
            "key_2": "key 2",
            "callback_url": heard("keypay"),
        },
        "vietinbank": {
            "provider_id": "GWT",
            "inquiry_url": asked("vietinbank"),
            "notify_url": heard("vietinbank"),
            **keys,
        },
        "bidv": {
            "service_id": "068001",
            "getbill_url": asked("bidv"),
            "paybill_url": heard("bidv"),
            "secret": SECRET,
        },
        "ttttqg": {
            "partner_code": "GWTEST",
            "notice_url": heard("ttttqg"),
            "algorithm": "rsa-sha256",
            **keys,
        },
    }
    for section in values.values():
        section["port"] = 0
    return {"gateway_url": gateway, "seed": seed, "state_dir": ":memory:", **values}


class Lost(Exception):  # noqa: N818 - named for what happened
    """No answer came: `str` says what the caller met, in the words of the table of faults."""


@dataclass
class Wire:
    """Carries every call in this process; what is for the gateway goes to `gateway`, as it went out."""

    gateway: Callable[[Call], Reply | None] = lambda _: Reply(200, {}, b"")
    now: datetime = field(default_factory=lambda: datetime(2026, 11, 24, 8, tzinfo=UTC))
    waited: list[float] = field(default_factory=list)
    sent: list[Call] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    world: World = field(init=False)

    def build(self, values: dict[str, Any]) -> "Wire":
        chance = random.Random(4)
        self.world = World(
            read_world(values),
            listen=False,
            clock=lambda: self.now,
            send=self.send,
            pause=self.pause,
            draw=chance.randbytes,
        )
        return self

    def pause(self, seconds: float) -> bool:
        self.waited.append(seconds)
        return False

    def send(self, call: Call) -> Reply | None:
        self.sent.append(call)
        return self.gateway(call)

    def call(
        self, url: str, method: str = "GET", *, headers: Any = None, data: Any = None, query: Any = None
    ) -> TestResponse:
        """A call to `http://NAME.test/…`, or to a server's port of this machine's world.

        Raises `Lost`; what came of it is the last of `words`.
        """
        parts = urlsplit(url)
        told: list[str] = []
        name = NAMES.get(parts.port or 0) or (parts.hostname or "").removesuffix(".test")
        client = Client(self.world.apps[name], use_cookies=False)
        answer = client.open(
            parts.path,
            method=method,
            base_url=f"http://{parts.netloc}",
            query_string=query or parts.query,
            headers=headers,
            data=data,
            environ_overrides={MISHAP: lambda name, _seconds: told.append(name)},
        )
        lost = {"lose_answer": "cut off", "reset": "reset", "hang": "silence"}
        self.words.append(next((lost.get(name, name) for name in told), _word(answer)))
        if told and told[0] in lost:
            raise Lost(self.words[-1])
        return answer

    def page(self, url: str, result: str = "pay", **query: str) -> str:
        """Open a pay page and press its button; the text of what is shown at the end, or where the browser goes."""
        shown = self.call(url, query=query or None)
        if 'name="token"' not in shown.text:
            return shown.text
        token = shown.text.split('name="token" value="')[1].split('"')[0]
        action = shown.text.split('action="')[1].split('"')[0]
        origin = "/".join(url.split("/")[:3])
        done = self.call(f"{origin}{action}", "POST", data={"token": token, "result": result})
        return done.headers.get("Location") or done.text

    def deliver(self) -> int:
        """Everything that is due now, of every server."""
        return sum(courier.deliver_due() for courier in self.world.couriers.values())

    def later(self, seconds: float) -> int:
        self.now += timedelta(seconds=seconds)
        return self.deliver()

    def next_at(self) -> float | None:
        times = (courier.next_at() for courier in self.world.couriers.values())
        return min((at for at in times if at is not None), default=None)

    def credited_vnd(self) -> int:
        (account,) = self.call("http://bank.test/accounts").get_json()["accounts"]
        return int(account["balance_vnd"])


def _word(answer: TestResponse) -> str:
    if answer.status_code == 503:
        return "503"
    return "a web page" if "Cổng bảo trì" in answer.get_data(as_text=True) else "answered"
