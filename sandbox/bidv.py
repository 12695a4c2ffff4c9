"""BIDV's collection, played: it asks by getbill and tells by paybill.

Written from published implementations, which know two checksums: `hmac`, Base64 HMAC-SHA256 under the secret, and
`sha256`, a hexadecimal digest. Both take the secret and some fields joined by `|`. The biller's answers carry no
proof; this world believes them, as the bank does.
"""

import base64
import hashlib
import hmac
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import Flask

from sandbox.bank import Bank
from sandbox.collection import NO_ANSWER, Counter, Shown, collection_app, post
from sandbox.errors import WorldMisconfigured
from sandbox.serving import text_of
from sandbox.state import Ground

GETBILL = ("service_id", "customer_id")
PAYBILL = {"hmac": ("trans_id", "amount"), "sha256": ("trans_id", "bill_id", "amount")}
OK, STOP_CODES = "000", ("000", "023")
SENTENCES = {"011": "Mã khách hàng không tồn tại", "012": "Không còn hóa đơn phải nộp"}
MAX_DIGITS = 13


@dataclass(frozen=True, slots=True)
class BidvSettings:
    """`checksum` is `hmac` or `sha256`; `bearer_token` goes with every message when it is set."""

    port: int
    service_id: str
    getbill_url: str
    paybill_url: str
    secret: str = field(repr=False)
    checksum: str = "hmac"
    bearer_token: str = field(default="", repr=False)
    account: str = ""
    notify_interval_s: float = 1.0
    slow_s: float = 12.0


class Bidv:
    """The bank's side of the wire: see `sandbox.collection.Wire`."""

    name = "bidv"
    title = "BIDV - thu hộ (thử nghiệm)"

    def __init__(self, settings: BidvSettings, ground: Ground) -> None:
        self._settings = settings
        self._ground = ground
        self.account = settings.account
        self.notify_url = settings.paybill_url
        self.interval_s, self.slow_s = settings.notify_interval_s, settings.slow_s

    def ask(self, code: str, number: int) -> Shown | str:  # noqa: ARG002 - a getbill has no number
        asked = {"service_id": self._settings.service_id, "customer_id": code}
        signed = {**asked, "checksum": self._checksum(asked, GETBILL)}
        answer = post(self._ground.send, self._settings.getbill_url, signed, self.headers())
        if answer is None:
            return NO_ANSWER
        if answer.get("result_code") != OK:
            return SENTENCES.get(text_of(answer.get("result_code")), NO_ANSWER)
        amount, bill_id = text_of(answer.get("total_amount")), text_of(answer.get("bill_id"))
        if not (amount.isascii() and amount.isdigit() and 0 < len(amount) <= MAX_DIGITS and int(amount)):
            return NO_ANSWER
        if answer.get("customer_id") != code or not bill_id or _sum(answer.get("data")) != int(amount):
            return NO_ANSWER
        return Shown(bill_id, text_of(answer.get("customer_name")), int(amount))

    def notice(self, row: sqlite3.Row, *, amount_vnd: int, wrong_mac: bool) -> Mapping[str, object]:
        told = {
            "trans_id": f"TX{row['id']:010d}",
            "trans_date": row["at"],
            "customer_id": row["code"],
            "service_id": self._settings.service_id,
            "bill_id": row["bill_id"],
            "amount": str(amount_vnd),
        }
        order = PAYBILL[self._settings.checksum]
        secret = "another secret" if wrong_mac else ""
        return {**told, "checksum": self._checksum(told, order, secret=secret)}

    def headers(self) -> Mapping[str, str]:
        token = self._settings.bearer_token
        return {"Authorization": f"Bearer {token}"} if token else {}

    def acknowledged(self, answer: Mapping[str, object]) -> bool:
        return answer.get("result_code") in STOP_CODES

    def _checksum(self, fields: Mapping[str, str], order: tuple[str, ...], *, secret: str = "") -> str:
        secret = secret or self._settings.secret
        return checksum(self._settings.checksum, secret, [fields[name] for name in order])


def checksum(kind: str, secret: str, values: list[str]) -> str:
    """The checksum of a message in either writing."""
    text = "|".join([secret, *values]).encode()
    if kind == "sha256":
        return hashlib.sha256(text).hexdigest()
    return base64.b64encode(hmac.digest(secret.encode(), text, "sha256")).decode()


def _sum(periods: object) -> int | None:
    """What the bills of all periods come to, or None when it is not such a list."""
    if not isinstance(periods, list):
        return None
    total = 0
    for period in periods:
        bills = period.get("data") if isinstance(period, dict) else None
        for bill in bills if isinstance(bills, list) else [None]:
            amount = text_of(bill.get("amount")) if isinstance(bill, dict) else ""
            if not (amount.isascii() and amount.isdigit() and len(amount) <= MAX_DIGITS):
                return None
            total += int(amount)
    return total


def bidv(settings: BidvSettings, ground: Ground, bank: Bank) -> Counter:
    """The bank's counter. Raises `WorldMisconfigured`."""
    if settings.checksum not in PAYBILL:
        raise WorldMisconfigured("bidv.checksum must be hmac or sha256")
    return Counter(Bidv(settings, ground), ground, bank)


def bidv_app(counter: Counter) -> Flask:
    """The counter's pages, and `POST /_control`."""
    return collection_app(counter)
