"""What a client asks KeyPay, played: detail and refund of version 3, QuerryBillStatus of version 2.

A refund is carried out at once, and more than what is left of a payment is refused (`error` 72).
"""

import hashlib
import sqlite3
from collections.abc import Mapping

from sandbox import faults
from sandbox.bank import Bank, Movement
from sandbox.faults import Fault
from sandbox.keypay_wire import (
    CODES_2,
    DETAIL,
    FAILED,
    PAID,
    REFUND,
    REFUNDED,
    check_sum,
    holds,
    secure_hash,
    whole,
)
from sandbox.serving import same, text_of
from sandbox.state import Ground

FIRST_NUMBER = 31_000_000
FIRST_REFUND_NUMBER = 32_000_000


class Api:
    """Answers one decoded question; never raises, whatever it holds."""

    def __init__(
        self, client_id: str, keys: tuple[str, str], hash_name: str, ground: Ground, bank: Bank
    ) -> None:
        self._client_id = client_id
        self._key_1, self._key_2 = keys
        self._hash_name = hash_name
        self._ground = ground
        self._bank = bank

    def number(self, row: sqlite3.Row) -> str:
        """KeyPay's own code of a payment."""
        return f"KP{FIRST_NUMBER + int(row['id'])}"

    def refusal(self, asked: Mapping[str, object], order: str) -> str | None:
        """What is wrong with who asks in version 3, in Vietnamese, or None."""
        if asked.get("client_id") != self._client_id:
            return "client_id không đúng"
        return None if holds(self._key_1, asked, order) else "check_sum không đúng"

    def detail(self, asked: Mapping[str, object] | None) -> tuple[dict[str, object], Fault]:
        """The answer to a detail call, its check_sum over what was asked."""
        asked = asked or {}
        wrong = self.refusal(asked, DETAIL)
        if wrong is not None:
            return said("12", wrong), Fault.NONE
        with self._ground.state.transaction() as db:
            row = self._payment(db, text_of(asked.get("transaction_id")), "3")
            if row is None:
                return said("31", "Không tìm thấy giao dịch"), Fault.NONE
            fault = self._strike(db, "detail", row["transaction_id"], row["amount_vnd"])
            status = FAILED if self._believed_failed(db, row) else row["status"]
        data = {
            "transaction_id": row["transaction_id"],
            "transaction_code": self.number(row),
            "trans_amount": str(row["amount_vnd"]),
            "addition_fee": "0",
            "currency_code": "VND",
            "description": row["info"],
            "status": int(status),
        }
        code = check_sum(self._key_2, asked, DETAIL)
        return {**said("0", "success"), "data": data, "check_sum": code}, fault

    def refund(self, asked: Mapping[str, object] | None) -> tuple[dict[str, object], Fault]:
        """The answer to a refund, and the fault of its own amount."""
        asked = asked or {}
        wrong = self.refusal(asked, REFUND)
        if wrong is not None:
            return said("12", wrong), Fault.NONE
        amount_vnd = whole(text_of(asked.get("amount")))
        with self._ground.state.transaction() as db:
            row = self._payment(db, text_of(asked.get("transaction_id")), "3")
            if row is None:
                return said("31", "Không tìm thấy giao dịch"), Fault.NONE
            fault = faults.by_amount(amount_vnd)
            met = self._strike(db, "refund", row["transaction_id"], amount_vnd)
            if met in faults.UNDONE:
                return {}, met
            if row["status"] != PAID or fault is Fault.FAIL:
                return said("71", "Giao dịch không hoàn tiền được"), met
            if not 0 < amount_vnd <= row["amount_vnd"] - self._given(db, row):
                return said("72", "Số tiền hoàn không hợp lệ"), met
            number = self._give_back(db, row, amount_vnd)
        more = faults.WRONG_BY_VND if fault is Fault.WRONG_AMOUNT else 0
        names = ("amount", "client_id", "command", "reason", "transaction_id")
        data = {
            **{name: text_of(asked.get(name)) for name in names},
            "transaction_refund_code": f"KPR{number}",
            "amount_refund": str(amount_vnd + more),
            "status": REFUNDED,
        }
        key = "another key" if fault is Fault.WRONG_MAC else self._key_2
        return {**said("0", "success"), "data": data, "check_sum": check_sum(key, asked, REFUND)}, met

    def _given(self, db: sqlite3.Connection, row: sqlite3.Row) -> int:
        found = db.execute(
            "SELECT coalesce(sum(amount_vnd), 0) AS vnd FROM keypay_refunds WHERE payment_id = ?",
            (row["id"],),
        ).fetchone()
        return int(found["vnd"])

    def _give_back(self, db: sqlite3.Connection, row: sqlite3.Row, amount_vnd: int) -> int:
        """KeyPay's own number of the refund, once the money has left the account."""
        cursor = db.execute(
            "INSERT INTO keypay_refunds (payment_id, amount_vnd) VALUES (?, ?)", (row["id"], amount_vnd)
        )
        number = FIRST_REFUND_NUMBER + (cursor.lastrowid or 0)
        movement = Movement(
            account=row["account"],
            amount_vnd=-amount_vnd,
            reference=row["transaction_id"],
            memo=f"{row['transaction_id']} HOAN TIEN KEYPAY {number}",
            cause=f"keypay-refund:{cursor.lastrowid}",
        )
        self._bank.move(db, movement)
        return number

    def bill_status(self, asked: Mapping[str, str]) -> tuple[dict[str, object], Fault]:
        """The answer to a QuerryBillStatus, with the fields and the hash of a return."""
        names = ("merchant_trans_id", "good_code", "trans_id", "merchant_code")
        text = "".join(asked.get(name, "") for name in names) + self._key_1
        proof = hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
        if asked.get("merchant_code") != self._client_id:
            return {"response_code": "1"}, Fault.NONE
        if not same(proof, asked.get("secure_hash", "").lower()):
            return {"response_code": "2"}, Fault.NONE
        with self._ground.state.transaction() as db:
            row = self._payment(db, asked.get("merchant_trans_id", ""), "2")
            if row is None or row["good_code"] != asked.get("good_code"):
                return {"response_code": "3"}, Fault.NONE
            fault = self._strike(db, "bill_status", row["transaction_id"], row["amount_vnd"])
            status = FAILED if self._believed_failed(db, row) else row["status"]
        told = told_2(self._client_id, row, CODES_2[status])
        return {**told, "secure_hash": secure_hash(self._key_1, told, self._hash_name)}, fault

    def _payment(self, db: sqlite3.Connection, transaction_id: str, version: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM keypay_payments WHERE transaction_id = ? AND version = ?",
            (transaction_id, version),
        ).fetchone()
        return row

    def _strike(self, db: sqlite3.Connection, call: str, reference: str, amount_vnd: int) -> Fault:
        return faults.strike(db, "keypay", call=call, reference=reference, amount_vnd=amount_vnd)

    def _believed_failed(self, db: sqlite3.Connection, row: sqlite3.Row) -> bool:
        return faults.believed_failed(db, "keypay", reference=row["transaction_id"], now=self._ground.clock())


def said(error: str, message: str) -> dict[str, object]:
    """The head of an answer in version 3."""
    return {"error": error, "msg": message}


def told_2(client_id: str, row: sqlite3.Row, response_code: str) -> dict[str, str]:
    """What version 2 tells of a payment, before it is signed."""
    return {
        "command": "pay",
        "merchant_trans_id": row["transaction_id"],
        "merchant_code": client_id,
        "response_code": response_code,
        "trans_id": str(FIRST_NUMBER + int(row["id"])),
        "good_code": row["good_code"],
        "net_cost": str(row["amount_vnd"]),
        "ship_fee": "0",
        "tax": "0",
        "service_code": row["service_code"],
        "currency_code": "704",
        "bank_code": "NCB",
    }
