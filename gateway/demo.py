"""The whole world on this machine: PostgreSQL, web, worker and sandbox as processes of their own, and one story.

`run` plays the story over HTTP, takes the bank's statement in, closes the day, and says what was proved.
"""

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from gateway.config import Settings
from gateway.service import finance
from gateway.service.cases import VIETNAM
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

Tell = Callable[[str, bool, object], None]


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
        "GATEWAY_QUERY_DELAYS_S": "[2, 2, 4, 8, 15, 60]",
        "GATEWAY_ORDER_DELAYS_S": "[1, 2, 5, 10, 60]",
        "GATEWAY_POST_POLL_S": "0.5",
        "GATEWAY_HEARTBEAT_S": "1",
        "GATEWAY_STALLED_AFTER_S": "4",
    }


@contextmanager
def running(var: Path) -> Iterator[House]:
    """Everything up; stopped again at the end."""
    var = var.resolve()
    server = embedded.start(var / "pg")
    world = _world(var)
    os.environ.update(_environment(var, world, server.url))
    opened = open_house(Settings(), server.url)
    migrate.upgrade(opened.engine)
    _introduce(opened, world)
    with ExitStack() as stack:
        stack.callback(opened.close)
        for command in (
            ["-m", "sandbox", "--world", str(var / "sandbox" / "world.json")],
            ["-m", "gateway", "serve"],
            ["-m", "gateway", "work"],
        ):
            stack.callback(_stop, _start(command, var / f"{command[-1].rsplit('/', 1)[-1]}.log"))
        _wait(f"{GATEWAY}/readyz")
        for port in PORTS.values():
            _wait(f"http://127.0.0.1:{port}/healthz")
        yield opened


def _introduce(opened: House, world: Mapping[str, Any]) -> None:
    key = serialization.load_pem_private_key(Path(world["portal"]["private_key_file"]).read_bytes(), None)
    pem = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    with opened.engine.begin() as connection:
        portal = portals.add_portal(connection, name="Cổng DVC Hòa Bình", agency_code="H28", live=False)
        portals.add_key(connection, portal_id=portal, keyid=KEYID, public_pem=pem.decode(), scopes=SCOPES)


def _start(command: list[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        return subprocess.Popen([sys.executable, *command], stdout=file, stderr=file)  # noqa: S603 - our own


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()


def _wait(url: str) -> None:
    limit = time.monotonic() + START_S
    while time.monotonic() < limit:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - our own processes on loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f"{url} did not answer in {START_S:.0f} s; see the logs in the var folder")


def run(var: Path, tell: Tell) -> int:
    """Play the story; 0 when every step held and the day closed green."""
    out = var.resolve() / "demo"
    with running(var) as opened:
        world = var.resolve() / "sandbox" / "world.json"
        command = [sys.executable, "-m", "sandbox.story", str(world), str(out)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603 - our own
        facts: dict[str, Any] = {}
        for line in done.stdout.splitlines():
            step = json.loads(line)
            if step["step"] == "facts":
                facts = step["detail"]
            else:
                tell(step["step"], step["ok"], step["detail"])
        if not facts:
            tell("summary", False, done.stderr[-500:])
            return 1
        return _close(opened, out, facts, tell)


def _close(opened: House, out: Path, facts: Mapping[str, Any], tell: Tell) -> int:
    day = datetime.now(VIETNAM).date()
    url = f"http://127.0.0.1:{PORTS['bank']}/statement?account={ACCOUNT}&date={day.isoformat()}"
    with urllib.request.urlopen(url, timeout=10) as answer:
        data = answer.read()
    statement = out / "statement.mt940"
    statement.write_bytes(data)
    finance.import_statement(opened.context, data, account=ACCOUNT, profile="mt940")
    finance.reconcile(opened.context, ACCOUNT, now())
    close = finance.close_day(opened.context, day, ACCOUNT, now())
    sums = f"expected {close.expected_vnd}, received {close.received_vnd}, booked {close.booked_vnd} VND"
    tell("closed", close.green, f"{day.isoformat()}: {sums}")
    shown = ("id", "provider", "state", "amount_vnd")
    summary = {
        "case_code": facts["first_case"],
        "payments": [{key: facts[f"{name}_payment"][key] for key in shown} for name in ("first", "second")],
        "receipt_number": facts["receipt_number"],
        "delivery_id": facts["delivery_id"],
        "delivery_state": facts["delivery_state"],
        "close": {"day": day.isoformat(), "difference_vnd": close.difference_vnd},
        "files": {
            "receipt_pdf": facts["receipt_pdf"],
            "receipt_json": facts["receipt_json"],
            "submission_receipt": facts["first_submission"],
            "statement": str(statement),
        },
    }
    tell("summary", close.green, summary)
    return 0 if close.green else 1
