"""VietinBank's collection by identification code, played: it asks by inq-bill and tells by notify-bill.

Written from the published contract 1.4.1 and the edition of 2026. RSA-2048 with SHA-256, Base64, over the values of
some fields in a fixed order, joined by nothing, empty ones left out. The gateway's answers are checked with its key:
a bill whose signature does not hold is not shown, and a notice is sent again until a genuine 00 or 05 comes back.
"""

import base64
import binascii
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from flask import Flask

from sandbox.bank import Bank
from sandbox.collection import NO_ANSWER, Counter, Shown, collection_app, post
from sandbox.errors import WorldMisconfigured
from sandbox.serving import text_of
from sandbox.state import Ground

NOTICE = ("transId", "transTime", "custCode", "amount", "bankTransId", "remark")
NOTICE_ANSWER = ("transId", "errorCode", "errorDesc")
INQUIRY = {
    "1.4.1": ("transId", "transTime", "custCode"),
    "2026": ("transId", "channelId", "transTime", "transType", "custCode", "custName", "custAcct"),
}
INQUIRY_ANSWER = {
    "1.4.1": ("transId", "transTime", "custCode", "custName", "billId", "amount", "errorCode"),
    "2026": (
        "transId",
        "channelId",
        "transTime",
        "transType",
        "custCode",
        "custName",
        "billId",
        "billTerm",
        "amount",
        "errorCode",
    ),
}
CHANNELS = {"1.4.1": "211601", "2026": "211701"}
OK, STOP_CODES = "00", ("00", "05")
SENTENCES = {"02": "Mã hóa đơn không tồn tại hoặc không còn phải nộp"}
MAX_DIGITS = 13


@dataclass(frozen=True, slots=True)
class VietinbankSettings:
    """`private_key_file` is the bank's key and `gateway_key_file` the gateway's public one, both PEM."""

    port: int
    provider_id: str
    inquiry_url: str
    notify_url: str
    private_key_file: str
    gateway_key_file: str
    merchant_id: str = "C4"
    edition: str = "1.4.1"
    account: str = ""
    notify_interval_s: float = 1.0
    slow_s: float = 12.0


class Vietinbank:
    """The bank's side of the wire: see `sandbox.collection.Wire`."""

    name = "vietinbank"
    title = "VietinBank - thu hộ (thử nghiệm)"

    def __init__(self, settings: VietinbankSettings, ground: Ground) -> None:
        self._settings = settings
        self._ground = ground
        self._key, self._gateway_key = _private_key(settings), _public_key(settings)
        self.account = settings.account
        self.notify_url = settings.notify_url
        self.interval_s, self.slow_s = settings.notify_interval_s, settings.slow_s

    @cached_property
    def _forger(self) -> rsa.RSAPrivateKey:
        """Somebody else's key, made for the first notice that is to be wrongly signed."""
        return rsa.generate_private_key(65537, 2048)

    def ask(self, code: str, number: int) -> Shown | str:
        edition = self._settings.edition
        data = {"transId": f"INQ{number:010d}", "transTime": self._ground.stamp(), "custCode": code}
        if edition == "2026":
            data |= {"transType": "2", "custName": "", "custAcct": ""}
        header = {
            "msgId": self._ground.hex(),
            "msgType": "1100",
            "channelId": CHANNELS[edition],
            "gatewayId": "A101_IBR",
            "providerId": self._settings.provider_id,
            "merchantId": self._settings.merchant_id,
            "productId": "900000",
            "timestamp": self._ground.stamp(),
            "username": "SOA",
            "encrypt": "",
        }
        header["signature"] = sign(self._key, {**header, **data}, INQUIRY[edition])
        answer = post(self._ground.send, self._settings.inquiry_url, {"header": header, "data": data}, {})
        return NO_ANSWER if answer is None else self._shown(answer, data)

    def _shown(self, answer: Mapping[str, object], asked: Mapping[str, str]) -> Shown | str:
        header, told = _object(answer, "header"), _object(answer, "data")
        errors, details = _object(told, "errors"), _object(told, "details")
        code = text_of(errors.get("errorCode"))
        fields = {**header, **details, "errorCode": code}
        signature = text_of(header.get("signature"))
        if not holds(self._gateway_key, fields, INQUIRY_ANSWER[self._settings.edition], signature):
            return "Chữ ký của đơn vị thu không đúng"
        if header.get("msgType") != "1110" or details.get("transId") != asked["transId"]:
            return NO_ANSWER
        if code != OK:
            return SENTENCES.get(code, NO_ANSWER)
        amount, name = text_of(details.get("amount")), text_of(details.get("custName"))
        if not (amount.isascii() and amount.isdigit() and 0 < len(amount) <= MAX_DIGITS):
            return NO_ANSWER
        if details.get("custCode") != asked["custCode"] or not name.endswith(f"_{amount}VND"):
            return NO_ANSWER
        return Shown(text_of(details.get("billId")), name.removesuffix(f"_{amount}VND"), int(amount))

    def notice(self, row: sqlite3.Row, *, amount_vnd: int, wrong_mac: bool) -> Mapping[str, object]:
        told = {
            "msgId": self._ground.hex(),
            "providerId": self._settings.provider_id,
            "transId": f"PAY{row['id']:010d}",
            "transTime": row["at"],
            "transType": "2",
            "custCode": row["code"],
            "sendBankId": "970415",
            "sendBranchId": "",
            "sendAcctId": "",
            "sendAcctName": "",
            "recvAcctId": self.account,
            "recvAcctName": "",
            "recvVirtualAcctId": row["code"],
            "recvVirtualAcctName": "",
            "amount": str(amount_vnd),
            "bankTransId": f"164T{row['at'][2:4]}{row['id']:010d}",
            "remark": f"{row['code']} nop tien",
            "currencyCode": "VND",
        }
        return {**told, "signature": sign(self._forger if wrong_mac else self._key, told, NOTICE)}

    def headers(self) -> Mapping[str, str]:
        return {}

    def acknowledged(self, answer: Mapping[str, object]) -> bool:
        genuine = holds(self._gateway_key, answer, NOTICE_ANSWER, text_of(answer.get("signature")))
        return genuine and answer.get("errorCode") in STOP_CODES


def sign(key: rsa.RSAPrivateKey, fields: Mapping[str, object], order: tuple[str, ...]) -> str:
    """Base64 of SHA256withRSA over the values of `order`, joined by nothing."""
    text = "".join(text_of(fields.get(name)) for name in order)
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def holds(
    key: rsa.RSAPublicKey, fields: Mapping[str, object], order: tuple[str, ...], signature: str
) -> bool:
    """Whether `signature` is that of the fields. Never raises."""
    text = "".join(text_of(fields.get(name)) for name in order)
    try:
        raw = base64.b64decode(signature.encode("ascii"), validate=True)
        key.verify(raw, text.encode(), padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, binascii.Error, InvalidSignature):
        return False
    return True


def _object(value: Mapping[str, object], name: str) -> Mapping[str, object]:
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def _private_key(settings: VietinbankSettings) -> rsa.RSAPrivateKey:
    try:
        key = load_pem_private_key(Path(settings.private_key_file).read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise WorldMisconfigured("vietinbank.private_key_file cannot be read as a key in PEM") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise WorldMisconfigured("vietinbank.private_key_file is not an RSA key")
    return key


def _public_key(settings: VietinbankSettings) -> rsa.RSAPublicKey:
    try:
        key = load_pem_public_key(Path(settings.gateway_key_file).read_bytes())
    except (OSError, ValueError) as error:
        raise WorldMisconfigured("vietinbank.gateway_key_file cannot be read as a key in PEM") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise WorldMisconfigured("vietinbank.gateway_key_file is not an RSA key")
    return key


def vietinbank(settings: VietinbankSettings, ground: Ground, bank: Bank) -> Counter:
    """The bank's counter. Raises `WorldMisconfigured`."""
    if settings.edition not in INQUIRY:
        raise WorldMisconfigured("vietinbank.edition must be 1.4.1 or 2026")
    return Counter(Vietinbank(settings, ground), ground, bank)


def vietinbank_app(counter: Counter) -> Flask:
    """The counter's pages, and `POST /_control`."""
    return collection_app(counter)
