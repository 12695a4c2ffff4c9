"""The sandbox world of this machine, and what the gateway has to know of it: the world file and the environment."""

import json
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from signing.keys import Kind, PrivateKey
from signing.keystore import Keystore

PORTS = {
    "vnpay": 8181,
    "dvcqg": 8182,
    "post": 8183,
    "bank": 8184,
    "portal": 8185,
    "transfers": 8186,
    "viettelpay": 8187,
    "paygov": 8188,
    "keypay": 8189,  # both of its versions
    "vietinbank": 8190,
    "bidv": 8191,
    "ttttqg": 8192,
}
GATEWAY = "http://127.0.0.1:8080"
ACCOUNT = "0123456789"
KEYID = "hoabinh-2026"
PAYGOV_CALLBACK = (
    "secretKey|accessKey|partnerCode|orderId|requestCode|amount|transactionNo|payDate|paygate|type|transactionCode"
    "|errorCode"
)
TTTTQG_COLUMNS = (
    "STT|MaDoiTac|MaHoaDon|MaGiaoDich|MaGiaoDichTTTT|LoaiGiaoDich|MaDichVu|KenhThanhToan|SoTien|MaTienTe|TrangThai"
    "|ThoiGianGD|MaNganHangChuyen|SoTaiKhoanChuyen|TenTaiKhoanChuyen|MaNganHangNhan|SoTaiKhoanNhan|TenTaiKhoanNhan"
    "|SoThamChieu|NoiDung|PhiGiaoDich|GhiChu"
)


def world_file(var: Path) -> Path:
    return var / "sandbox" / "world.json"


def make_world(var: Path, now: datetime) -> dict[str, Any]:
    """The world file, made once and kept, so that restarts agree on every secret.

    What a file of an older release lacks is added to it; nothing that it has is changed.
    """
    path = world_file(var)
    path.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    world: dict[str, Any] = _common(path.parent, now) | _providers(path.parent, now)
    for name, given in known.items():
        both = isinstance(given, dict) and isinstance(world.get(name), dict)
        world[name] = world[name] | given if both else given
    if world != known:
        _write(path, json.dumps(world, indent=1))
    return world


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text, encoding="utf-8")


def _common(folder: Path, now: datetime) -> dict[str, Any]:
    """What is the same whoever takes the money: the bank, the post, the portal."""
    account = {"bin": "970418", "number": ACCOUNT, "name": "TTPVHCC TINH HOA BINH", "opening_vnd": 0}
    return {
        "gateway_url": GATEWAY,
        "seed": 4,
        "state_dir": str(folder.resolve()),
        "post": {
            "port": PORTS["post"],
            "consumer_key": "c4",
            "consumer_secret": secrets.token_hex(16),
            "customer_code": "H28HCC",
            "step_s": 0.3,
        },
        "bank": {"port": PORTS["bank"], "accounts": [account]},
        "portal": {
            "port": PORTS["portal"],
            "key_id": KEYID,
            "private_key_file": _key_files(folder, "portal", Kind.ED25519, now)[0],
            "webhook_secret": "whsec_" + "QzQtc2FuZGJveC13ZWJob29rLXNlY3JldC0yMDI2",
        },
    }


def _providers(folder: Path, now: datetime) -> dict[str, Any]:
    """Every provider's section, its secrets drawn now. Where one asks what is owed, it asks at `inquiries`."""
    draw = secrets.token_hex
    bank_key, _ = _key_files(folder, "vietinbank", Kind.RSA, now)
    _, our_public_key = _key_files(folder, "vietinbank-ours", Kind.RSA, now)
    sections: dict[str, dict[str, Any]] = {
        "vnpay": {"tmn_code": "C4HB0001", "secret": draw(16), "ipn_url": _heard("vnpay")},
        "dvcqg": {
            "partner_code": "C4HOABINH",
            "secret": draw(16),
            "confirm_url": _heard("dvcqg"),
            "inquiry_url": _asked("dvcqg"),
            "inquiry_token": draw(16),
        },
        "transfers": {"hooks": [{"profile": "sepay", "url": _heard("sepay"), "secret": draw(16)}]},
        "viettelpay": {
            "merchant_code": "C4HOABINH",
            "access_code": draw(16),
            "hash_key": draw(16),
            "result_url": _heard("viettelpay"),
            "verify_url": _asked("viettelpay"),
        },
        "paygov": {
            "partner_code": "C4HOABINH",
            "access_key": draw(16),
            "secret_key": draw(16),
            "bearer_token": draw(16),
            "lgsp_token": draw(16),
            "callback_url": _heard("paygov"),
        },
        "keypay": {
            "client_id": "C4HOABINH",
            "key_1": draw(16),
            "key_2": draw(16),
            "callback_url": _heard("keypay"),
        },
        "vietinbank": {
            "provider_id": "C4HB",
            "inquiry_url": _asked("vietinbank"),
            "notify_url": _heard("vietinbank"),
            "private_key_file": bank_key,
            "gateway_key_file": our_public_key,
        },
        "bidv": {
            "service_id": "280001",
            "getbill_url": _asked("bidv"),
            "paybill_url": _heard("bidv"),
            "secret": draw(16),
            "bearer_token": draw(16),
        },
        "ttttqg": {"partner_code": "C4HOABINH", "notice_url": _heard("ttttqg"), "secret": draw(16)},
    }
    return {name: {"port": PORTS[name], **section} for name, section in sections.items()}


def _heard(provider: str) -> str:
    return f"{GATEWAY}/callbacks/{provider}"


def _asked(provider: str) -> str:
    return f"{GATEWAY}/inquiries/{provider}"


def _key_files(folder: Path, name: str, kind: Kind, now: datetime) -> tuple[str, str]:
    """The PEM files of a key pair of this world, private and public; made once."""
    key: PrivateKey = Keystore.open(folder / "keys").ensure(name, kind, now=now).private_key
    private, public = folder / f"{name}.pem", folder / f"{name}.public.pem"
    if not private.exists():
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write(private, pem.decode())
    if not public.exists():
        pem = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        _write(public, pem.decode())
    return str(private.resolve()), str(public.resolve())


def make_agencies(var: Path) -> Path:
    """The file of the one agency that this machine's gateway collects for."""
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
        "office": {
            "authority": "Ủy ban nhân dân tỉnh Hòa Bình",
            "unit": "Trung tâm Phục vụ hành chính công",
            "place": "Hòa Bình",
            "phone": "0218 3888 888",
            "address": "Phường Hòa Bình",
            "hours": "7:00–11:30, 13:30–17:00, thứ Hai đến thứ Sáu",
        },
    }
    path.write_text(json.dumps([row], ensure_ascii=False), encoding="utf-8")
    return path
