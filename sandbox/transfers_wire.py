"""What a payer's bank reads from a VietQR code, what it does to a memo, and how notices of money are written.

Sources: NAPAS "QR format for IBFT" 1.5.2 on EMVCo's merchant-presented mode; the webhook documentation of SePay, of
Casso (version 2) and of payOS.
"""

import hashlib
import hmac
import json
import random
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

GUID = "A000000727"
HEAD = 4
CRC_LENGTH = 4
MAX_QR = 512
MAX_ACCOUNT = 19
MAX_SUM_DIGITS = 13

KEPT, FRAMED, CAPITALS, WRAPPED, GLUED = "kept", "framed", "capitals", "wrapped", "glued"
CUT, LOST = "cut", "lost"
READABLE = (KEPT, FRAMED, CAPITALS, WRAPPED, GLUED)
"""What banks do to a memo and a code in it survives."""
UNREADABLE = (CUT, LOST)
LINE = 11
CUT_AFTER = 9
BANKS = {"970415": "VietinBank", "970418": "BIDV", "970436": "Vietcombank", "970405": "Agribank"}
PAYER, PAYER_ACCOUNT, PAYER_BANK = "NGUYEN VAN MAU", "0011004123456", "970436"


@dataclass(frozen=True, slots=True)
class Scanned:
    """What the code asks for; `amount_vnd` None when the payer has to type it."""

    bin: str
    account: str
    amount_vnd: int | None
    memo: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line on an account as a notice tells it; `amount_vnd` < 0 went out. `at` is local time."""

    id: int
    account: str
    amount_vnd: int
    balance_vnd: int
    memo: str
    bank_reference: str
    at: datetime


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 1021, start FFFF, nothing reflected."""
    register = 0xFFFF
    for byte in data:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1) ^ (0x1021 if register & 0x8000 else 0)
            register &= 0xFFFF
    return register


def scan(payload: str) -> Scanned | None:
    """The transfer that a code asks for, or None when a bank's application would not take it."""
    body, given = payload[:-CRC_LENGTH], payload[-CRC_LENGTH:]
    if (
        len(payload) > MAX_QR
        or not body.endswith("6304")
        or f"{crc16(body.encode('utf-8', 'replace')):04X}" != given
    ):
        return None
    fields = _tags(payload)
    merchant = _tags(fields.get("38", ""))
    to = _tags(merchant.get("01", ""))
    amount = fields.get("54", "")
    if (
        merchant.get("00") != GUID
        or fields.get("53") != "704"
        or not 0 < len(to.get("01", "")) <= MAX_ACCOUNT
    ):
        return None
    if amount and not (amount.isascii() and amount.isdigit() and len(amount) <= MAX_SUM_DIGITS):
        return None
    memo = _tags(fields.get("62", "")).get("08", "")
    return Scanned(to.get("00", ""), to["01"], int(amount) if amount else None, memo)


def _tags(text: str) -> dict[str, str]:
    """Tag, length and value, one after another; empty when it is anything else."""
    found: dict[str, str] = {}
    while text:
        head, rest = text[:HEAD], text[HEAD:]
        if len(head) < HEAD or not (head.isascii() and head.isdigit()) or len(rest) < int(head[2:]):
            return {}
        found[head[:2]], text = rest[: int(head[2:])], rest[int(head[2:]) :]
    return found


def garble(memo: str, how: str, *, seed: str) -> str:
    """`memo` as it stands on the beneficiary's line after the payer's bank has had it."""
    number = random.Random(seed).randrange(10**9, 10**10)
    plain = unicodedata.normalize("NFD", memo.replace("đ", "d").replace("Đ", "D"))
    capitals = plain.encode("ascii", "ignore").decode().upper()
    garbled = {
        FRAMED: f"MBVCB.{number}.5243.{memo}.CT tu {PAYER_ACCOUNT} {PAYER} toi tai khoan thu huong",
        CAPITALS: "".join(letter if letter.isalnum() else " " for letter in capitals),
        WRAPPED: " ".join(memo[at : at + LINE] for at in range(0, len(memo), LINE)),
        GLUED: f"CHUYENTIEN{memo.replace(' ', '')}FT{number}",
        CUT: memo[:CUT_AFTER],
        LOST: f"{PAYER} chuyen tien",
    }
    return garbled.get(how, memo)


def sepay_body(line: Line, bank: str) -> bytes:
    way = "in" if line.amount_vnd >= 0 else "out"
    return _json(
        {
            "id": 92_000 + line.id,
            "gateway": bank,
            "transactionDate": line.at.strftime("%Y-%m-%d %H:%M:%S"),
            "accountNumber": line.account,
            "subAccount": None,
            "code": None,
            "content": line.memo,
            "transferType": way,
            "description": f"BankAPINotify {line.memo}",
            "transferAmount": abs(line.amount_vnd),
            "accumulated": line.balance_vnd,
            "referenceCode": line.bank_reference,
        }
    )


def casso_body(line: Line, bank: str) -> bytes:
    return _json(
        {
            "error": 0,
            "data": {
                "id": 815_000 + line.id,
                "reference": line.bank_reference,
                "description": line.memo,
                "amount": line.amount_vnd,
                "runningBalance": line.balance_vnd,
                "transactionDateTime": line.at.strftime("%Y-%m-%d %H:%M:%S"),
                "accountNumber": line.account,
                "bankName": bank,
                "bankAbbreviation": bank[:4].upper(),
                "virtualAccountNumber": "",
                "virtualAccountName": "",
                "counterAccountName": PAYER,
                "counterAccountNumber": PAYER_ACCOUNT,
                "counterAccountBankId": PAYER_BANK,
                "counterAccountBankName": "Vietcombank",
            },
        }
    )


def payos_body(line: Line) -> bytes:
    """The `data` of a notice; `sealed_payos` puts the rest around it."""
    return _json(
        {
            "orderCode": 261_000_000 + line.id,
            "amount": line.amount_vnd,
            "description": line.memo,
            "accountNumber": line.account,
            "reference": line.bank_reference,
            "transactionDateTime": line.at.strftime("%Y-%m-%d %H:%M:%S"),
            "currency": "VND",
            "paymentLinkId": hashlib.sha256(line.bank_reference.encode()).hexdigest()[:32],
            "code": "00",
            "desc": "Thành công",
            "counterAccountBankId": None,
            "counterAccountBankName": None,
            "counterAccountName": PAYER,
            "counterAccountNumber": PAYER_ACCOUNT,
            "virtualAccountName": None,
            "virtualAccountNumber": "",
        }
    )


def sealed_sepay(secret: str, body: bytes, now: datetime) -> dict[str, str]:
    stamp = str(int(now.timestamp()))
    mac = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-SePay-Timestamp": stamp, "X-SePay-Signature": f"sha256={mac}"}


def sealed_casso(secret: str, body: bytes, now: datetime) -> dict[str, str]:
    stamp = str(int(now.timestamp() * 1000))
    mac = hmac.new(secret.encode(), f"{stamp}.".encode() + _json(_sorted(json.loads(body))), hashlib.sha512)
    return {"X-Casso-Signature": f"t={stamp},v1={mac.hexdigest()}"}


def sealed_payos(secret: str, data: bytes) -> bytes:
    told: dict[str, object] = json.loads(data)
    text = "&".join(f"{name}={'' if told[name] is None else told[name]}" for name in sorted(told))
    mac = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return _json({"code": "00", "desc": "success", "success": True, "data": told, "signature": mac})


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _sorted(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value
