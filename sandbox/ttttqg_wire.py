"""The bank's side of the National Portal's payment management as this world has agreed it with its one portal.

Public are the calls 3.1 and 3.3 to 3.9, some names and the headers x-request-id and x-request-signature. The rest is
this world's own contract: paths, the other names, the codes 00 and 99, a signature over the whole body, and the 22
columns of the file.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from sandbox.errors import WorldMisconfigured
from sandbox.serving import same, text_of

RSA, HMAC = "rsa-sha256", "hmac-sha256"
OK, OTHER = "00", "99"
MAX_DIGITS = 13
BANK_BIN = "970443"
COLUMNS = (
    "STT",
    "MaDoiTac",
    "MaHoaDon",
    "MaGiaoDich",
    "MaGiaoDichTTTT",
    "LoaiGiaoDich",
    "MaDichVu",
    "KenhThanhToan",
    "SoTien",
    "MaTienTe",
    "TrangThai",
    "ThoiGianGD",
    "MaNganHangChuyen",
    "SoTaiKhoanChuyen",
    "TenTaiKhoanChuyen",
    "MaNganHangNhan",
    "SoTaiKhoanNhan",
    "TenTaiKhoanNhan",
    "SoThamChieu",
    "NoiDung",
    "PhiGiaoDich",
    "GhiChu",
)


@dataclass(frozen=True, slots=True)
class TtttqgSettings:
    """`algorithm` is `hmac-sha256` (`secret`) or `rsa-sha256` (the bank's key, and the gateway's public one, PEM)."""

    port: int
    partner_code: str
    notice_url: str
    algorithm: str = HMAC
    secret: str = field(default="", repr=False)
    private_key_file: str = ""
    gateway_key_file: str = ""
    account: str = ""
    notice_interval_s: float = 1.0
    slow_s: float = 12.0


class Signer:
    """Signs for the bank and checks the portal. Raises `WorldMisconfigured` when made of what cannot be."""

    def __init__(self, settings: TtttqgSettings) -> None:
        self._secret = settings.secret.encode()
        self._keys: tuple[rsa.RSAPrivateKey, rsa.RSAPublicKey] | None = None
        if settings.algorithm == RSA:
            self._keys = _keys(settings)
        elif settings.algorithm != HMAC or not settings.secret:
            raise WorldMisconfigured("ttttqg.algorithm must be rsa-sha256, or hmac-sha256 with a secret")

    def sign(self, body: bytes) -> str:
        if self._keys is None:
            return base64.b64encode(hmac.digest(self._secret, body, "sha256")).decode()
        return base64.b64encode(self._keys[0].sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()

    def holds(self, body: bytes, signature: str) -> bool:
        """Never raises."""
        if self._keys is None:
            return same(self.sign(body), signature)
        try:
            raw = base64.b64decode(signature.encode("ascii"), validate=True)
            self._keys[1].verify(raw, body, padding.PKCS1v15(), hashes.SHA256())
        except (ValueError, binascii.Error, InvalidSignature):
            return False
        return True


def _keys(settings: TtttqgSettings) -> tuple[rsa.RSAPrivateKey, rsa.RSAPublicKey]:
    try:
        ours = load_pem_private_key(Path(settings.private_key_file).read_bytes(), password=None)
        theirs = load_pem_public_key(Path(settings.gateway_key_file).read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise WorldMisconfigured("ttttqg: a key file cannot be read as a key in PEM") from error
    if not isinstance(ours, rsa.RSAPrivateKey) or not isinstance(theirs, rsa.RSAPublicKey):
        raise WorldMisconfigured("ttttqg: a key file holds no RSA key")
    return ours, theirs


def digits(value: object) -> int | None:
    """A sum in VND from a JSON integer or a string of digits; None for anything else, and for nothing."""
    text = text_of(value)
    if not text.isascii() or not text.isdigit() or len(text) > MAX_DIGITS:
        return None
    return int(text) or None


def order_fault(asked: Mapping[str, object]) -> str | None:
    """The first thing that is wrong with a transaction asked for, in Vietnamese, or None."""
    amount = digits(asked.get("SoTien"))
    if amount is None or asked.get("MaTienTe") != "VND":
        return "SoTien hoặc MaTienTe không đúng"
    for name in ("MaHoaDon", "ThoiGianGD", "ThoiGianHetHan"):
        if not text_of(asked.get(name)):
            return f"Thiếu {name}"
    bill = asked.get("ThongTinBienLai")
    if not isinstance(bill, dict) or not all(text_of(bill.get(name)) for name in ("MaDonVi", "MaHoSo")):
        return "Thiếu ThongTinBienLai"
    if sum_of(asked.get("DanhSachKhoanNop")) != amount or sum_of(bill.get("PhiLePhi")) != amount:
        return "Tổng các khoản nộp khác SoTien"
    return None


def sum_of(rows: object) -> int | None:
    """Σ SoTien of a list, or None when it is not such a list."""
    if not isinstance(rows, list) or not rows:
        return None
    sums = [digits(row.get("SoTien")) if isinstance(row, dict) else None for row in rows]
    return None if None in sums else sum(vnd for vnd in sums if vnd is not None)


def qr_text(account: str, amount_vnd: int, purpose: str) -> str:
    """A dynamic VietQR code (NAPAS QR for IBFT 1.5.2) for an account of this bank; `purpose` is ASCII."""
    to = _tlv("00", BANK_BIN) + _tlv("01", account)
    merchant = _tlv("00", "A000000727") + _tlv("01", to) + _tlv("02", "QRIBFTTA")
    body = _tlv("00", "01") + _tlv("01", "12") + _tlv("38", merchant) + _tlv("53", "704")
    body += _tlv("54", str(amount_vnd)) + _tlv("58", "VN") + _tlv("62", _tlv("08", purpose)) + "6304"
    return body + f"{binascii.crc_hqx(body.encode(), 0xFFFF):04X}"


def _tlv(tag: str, value: str) -> str:
    return f"{tag}{len(value):02d}{value}"


def write_file(rows: Sequence[Mapping[str, str]]) -> bytes:
    """The day's file: a line a row, then rows, sum and SHA-256 of the lines."""
    lines = ["|".join(row.get(column, "").replace("|", " ") for column in COLUMNS) for row in rows]
    total = sum(int(row["SoTien"]) for row in rows)
    return "\n".join([*lines, f"{len(rows)}|{total}|{_checksum(lines)}"]).encode()


def read_results(content: str) -> dict[str, str] | None:
    """The results by MaGiaoDich of a file that came back in Base64, or None when it is not such a file."""
    try:
        lines = base64.b64decode(content.encode("ascii"), validate=True).decode().split("\n")
    except (ValueError, binascii.Error):
        return None
    *lines, summary = [line for line in lines if line] or [""]
    rows = [line.split("|") for line in lines]
    if any(len(row) != len(COLUMNS) + 1 for row in rows):
        return None
    if summary.split("|")[::2] != [str(len(rows)), _checksum(lines)]:
        return None
    return {row[COLUMNS.index("MaGiaoDich")]: row[-1] for row in rows}


def _checksum(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
