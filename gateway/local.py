"""The whole of it on one machine: PostgreSQL, web, worker and the sandbox world, each a process of its own."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization

from gateway.config import Settings
from gateway.domain.errors import Misconfigured
from gateway.store import embedded, migrate, portals
from gateway.wiring import House, now, open_house
from signing.keys import Kind
from signing.keystore import Keystore

PORTS = {"vnpay": 8181, "dvcqg": 8182, "post": 8183, "bank": 8184, "portal": 8185}
GATEWAY = "http://127.0.0.1:8080"
ACCOUNT = "0123456789"
KEYID = "hoabinh-2026"
SCOPES = ("cases:write", "payments:write", "refunds:write", "deliveries:write", "read")
START_S = 30.0
STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Local:
    """An installation on this machine, whose processes are started by name."""

    var: Path
    house: House
    environment: Mapping[str, str]

    @property
    def world_file(self) -> Path:
        return self.var / "sandbox" / "world.json"

    def start(self, name: str) -> "subprocess.Popen[bytes]":
        """Start `sandbox`, `serve` or `work`, in a process group of its own, with its log in the var folder."""
        module = ["sandbox", "--world", str(self.world_file)] if name == "sandbox" else ["gateway", name]
        environment = {**os.environ, **self.environment, "PGAPPNAME": name}
        with (self.var / f"{name}.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own
                [sys.executable, "-m", *module],
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Until the gateway is ready and every server of the world answers. Raises `SystemExit` when one does not."""
        _wait(f"{GATEWAY}/readyz")
        for port in PORTS.values():
            _wait(f"http://127.0.0.1:{port}/healthz")


@contextmanager
def prepared(var: Path) -> Iterator[Local]:
    """The database up and migrated, keys and world made, the portal introduced; no process started yet."""
    var = var.resolve()
    server = embedded.start(var / "pg")
    world = _world(var)
    environment = _environment(var, world, server.url)
    with _environ(environment):
        settings = Settings()
    opened = open_house(settings, server.url)
    try:
        migrate.upgrade(opened.engine)
        _introduce(opened, world)
        yield Local(var, opened, environment)
    finally:
        opened.close()


@contextmanager
def running(var: Path) -> Iterator[Local]:
    """Everything up; stopped again at the end."""
    _nobody_else()
    with prepared(var) as local, ExitStack() as stack:
        for name in ("sandbox", "serve", "work"):
            stack.callback(stop, local.start(name))
        local.wait()
        yield local


def _nobody_else() -> None:
    """Raises `Misconfigured` when somebody listens where we will: it may be another run, with other keys."""
    for port in (urlsplit(GATEWAY).port, *PORTS.values()):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port or 0)) == 0:
                raise Misconfigured(
                    f"port {port} is taken: does `make up`, `make demo` or a test run already?"
                )


@contextmanager
def _environ(values: Mapping[str, str]) -> Iterator[None]:
    """`values` in this process's environment, and what was there before afterwards."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process to end, and make it end when it does not."""
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _introduce(opened: House, world: Mapping[str, Any]) -> None:
    key = serialization.load_pem_private_key(Path(world["portal"]["private_key_file"]).read_bytes(), None)
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with opened.engine.begin() as connection:
        portal = portals.add_portal(connection, name="Cổng DVC Hòa Bình", agency_code="H28", live=False)
        portals.add_key(connection, portal_id=portal, keyid=KEYID, public_pem=pem.decode(), scopes=SCOPES)


def _wait(url: str) -> None:
    limit = time.monotonic() + START_S
    while time.monotonic() < limit:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own processes on loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"{url} did not answer in {START_S:.0f} s; see the logs in the var folder")


def _world(var: Path) -> dict[str, Any]:
    """The world file, made once and kept, so that restarts agree on every secret."""
    path = var / "sandbox" / "world.json"
    if path.exists():
        known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return known
    path.parent.mkdir(parents=True, exist_ok=True)
    key = Keystore.open(var / "sandbox" / "keys").ensure("portal", Kind.ED25519, now=now()).private_key
    key_file = path.with_name("portal.pem")
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    key_file.chmod(0o600)
    draw = secrets.token_hex
    account = {"bin": "970418", "number": ACCOUNT, "name": "TTPVHCC TINH HOA BINH", "opening_vnd": 0}
    world = {
        "gateway_url": GATEWAY,
        "seed": 4,
        "vnpay": {
            "port": PORTS["vnpay"],
            "tmn_code": "C4HB0001",
            "secret": draw(16),
            "ipn_url": f"{GATEWAY}/callbacks/vnpay",
        },
        "dvcqg": {
            "port": PORTS["dvcqg"],
            "partner_code": "C4HOABINH",
            "secret": draw(16),
            "confirm_url": f"{GATEWAY}/callbacks/dvcqg",
        },
        "post": {
            "port": PORTS["post"],
            "consumer_key": "c4",
            "consumer_secret": draw(16),
            "customer_code": "H28HCC",
            "step_s": 0.3,
        },
        "bank": {"port": PORTS["bank"], "accounts": [account]},
        "portal": {
            "port": PORTS["portal"],
            "key_id": KEYID,
            "private_key_file": str(key_file.resolve()),
            "webhook_secret": "whsec_" + "QzQtc2FuZGJveC13ZWJob29rLXNlY3JldC0yMDI2",
        },
        "state_dir": str(path.parent.resolve()),
    }
    path.write_text(json.dumps(world, indent=1), encoding="utf-8")
    path.chmod(0o600)
    return world


def _agencies(var: Path) -> Path:
    path = var / "sandbox" / "agencies.json"
    sender = {
        "name": "Trung tâm Phục vụ hành chính công",
        "phone": "02183888888",
        "address": "Phường Hòa Bình",
        "province_code": 35,
    }
    row = {
        "code": "H28",
        "name": "Trung tâm Phục vụ hành chính công tỉnh Hòa Bình",
        "account": ACCOUNT,
        "bank_bin": "970418",
        "account_name": "TTPVHCC TINH HOA BINH",
        "tax_code": "5400000000",
        "sender": sender,
    }
    path.write_text(json.dumps([row], ensure_ascii=False), encoding="utf-8")
    return path


def _environment(var: Path, world: Mapping[str, Any], url: str) -> dict[str, str]:
    base = {name: f"http://127.0.0.1:{port}" for name, port in PORTS.items()}
    nested = {
        "VNPAY": {
            "TMN_CODE": world["vnpay"]["tmn_code"],
            "SECRET": world["vnpay"]["secret"],
            "PAY_URL": f"{base['vnpay']}/paymentv2/vpcpay.html",
            "QUERY_URL": f"{base['vnpay']}/merchant_webapi/api/transaction",
        },
        "DVCQG": {
            "PARTNER_CODE": world["dvcqg"]["partner_code"],
            "SECRET": world["dvcqg"]["secret"],
            "INIT_URL": f"{base['dvcqg']}/init",
            "QUERY_URL": f"{base['dvcqg']}/query",
        },
        "VNPOST_NGSP": {
            "TOKEN_URL": f"{base['post']}/token",
            "BASE_URL": f"{base['post']}/apiVNPostNGSP/p1.0",
            "CUSTOMER_CODE": world["post"]["customer_code"],
            "CONSUMER_KEY": world["post"]["consumer_key"],
            "CONSUMER_SECRET": world["post"]["consumer_secret"],
            "REPEATED_ORDER_IS_KNOWN": "true",
            "TRACKING_CODES": json.dumps({1: "accepted", 2: "collected", 3: "in_transit", 4: "delivered"}),
        },
    }
    flat = {
        f"GATEWAY_{outer}__{inner}": value for outer, each in nested.items() for inner, value in each.items()
    }
    return {
        **flat,
        "GATEWAY_VAR_DIR": str(var),
        "GATEWAY_DATABASE_URL": url,
        "GATEWAY_PUBLIC_URL": GATEWAY,
        "GATEWAY_AGENCIES_FILE": str(_agencies(var)),
        "GATEWAY_LINKS": json.dumps(
            {
                "Ngân hàng thử nghiệm: tài khoản / Sandbox bank: accounts": f"{base['bank']}/accounts",
                "Cổng thử nghiệm: thông báo đã nhận / Sandbox portal: webhooks": f"{base['portal']}/received",
            }
        ),
        "GATEWAY_QUERY_DELAYS_S": "[2, 2, 4, 8, 15, 60]",
        "GATEWAY_ORDER_DELAYS_S": "[1, 2, 5, 10, 60]",
        "GATEWAY_POST_POLL_S": "0.5",
        "GATEWAY_HEARTBEAT_S": "1",
        "GATEWAY_STALLED_AFTER_S": "4",
    }
