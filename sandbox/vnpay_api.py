"""VNPAY's JSON interface, played: `querydr` and `refund`.

A refund is answered as taken on (TransactionStatus 05) and debits the agency's account at once; `querydr` goes on
to speak of the payment itself. The faults of a refund are those of its own amount.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox import faults
from sandbox.bank import Bank, Movement
from sandbox.faults import Fault
from sandbox.serving import text_of
from sandbox.state import Ground, read_stamp
from sandbox.vnpay_wire import (
    BANK_CODE,
    HASH,
    QUERY_ANSWER,
    QUERY_REQUEST,
    REFUND_ANSWER,
    REFUND_REQUEST,
    VERSION,
    hmac_hex,
    number_of,
    pipe_holds,
    signed_answer,
)

MAX_REQUEST_ID = 32
FIRST_REFUND_NUMBER = 15_000_000
FULL, PART = "02", "03"
TAKEN_ON, REFUSED_BY_THE_BANK = "05", "09"
MAX_DIGITS = 15
MESSAGES = {
    "00": "Success",
    "02": "Merchant invalid",
    "03": "Invalid format",
    "91": "Transaction not found",
    "94": "Request duplicate",
    "95": "Transaction was not successful",
    "97": "Checksum failed",
    "99": "Refund amount invalid",
}


class Api:
    """Answers one decoded request; never raises, whatever it holds."""

    def __init__(self, tmn_code: str, secret: str, ground: Ground, bank: Bank) -> None:
        self._tmn_code = tmn_code
        self._secret = secret
        self._ground = ground
        self._bank = bank

    def answer(self, asked: Mapping[str, object] | None) -> tuple[dict[str, str], Fault]:
        """The signed answer, and the fault that it meets on its way."""
        asked = asked or {}
        command = text_of(asked.get("vnp_Command"))
        order = REFUND_ANSWER if command == "refund" else QUERY_ANSWER
        judged = self._judge(asked, command)
        fields = {
            "vnp_ResponseId": self._ground.hex(),
            "vnp_Command": command,
            "vnp_ResponseCode": judged.code,
            "vnp_Message": MESSAGES[judged.code],
            "vnp_TmnCode": self._tmn_code,
            "vnp_TxnRef": text_of(asked.get("vnp_TxnRef")),
            **judged.found,
        }
        signed = signed_answer(self._secret, fields, order)
        if command == "refund" and judged.fault is Fault.WRONG_MAC:
            signed[HASH] = hmac_hex("another key", "another text")
        return signed, judged.fault

    def _judge(self, asked: Mapping[str, object], command: str) -> "Judged":
        """The response code, and the fields of what was found."""
        if command not in {"querydr", "refund"} or text_of(asked.get("vnp_Version")) != VERSION:
            return Judged("03")
        if text_of(asked.get("vnp_TmnCode")) != self._tmn_code:
            return Judged("02")
        if not pipe_holds(self._secret, asked, QUERY_REQUEST if command == "querydr" else REFUND_REQUEST):
            return Judged("97")
        return self._carry_out(asked, command) if _well_formed(asked) else Judged("03")

    def _carry_out(self, asked: Mapping[str, object], command: str) -> "Judged":
        with self._ground.state.transaction() as db:
            row = db.execute(
                "SELECT * FROM vnpay_payments WHERE txn_ref = ? AND created = ?",
                (text_of(asked.get("vnp_TxnRef")), text_of(asked.get("vnp_TransactionDate"))),
            ).fetchone()
            fault = self._fault(db, row, asked, command)
            if fault in faults.UNDONE:
                return Judged("99", fault=fault)
            if not self._first_time(db, text_of(asked["vnp_RequestId"])):
                return Judged("94", fault=fault)
            number = text_of(asked.get("vnp_TransactionNo"))
            if row is None or number not in {"", "0", number_of(row["id"])}:
                return Judged("91", fault=fault)
            if command == "querydr":
                return Judged("00", self._found(db, row), fault)
            return self._refund(db, row, asked, fault)

    def _fault(
        self, db: sqlite3.Connection, row: sqlite3.Row | None, asked: Mapping[str, object], command: str
    ) -> Fault:
        """What meets this call: by the payment's amount, for a refund by its own."""
        if row is None:
            return Fault.NONE
        amount_vnd, call = row["amount_vnd"], command
        if command == "refund":
            amount_vnd = (_whole(asked.get("vnp_Amount")) or 0) // 100
            call = f"refund of {amount_vnd}"
            if faults.by_amount(amount_vnd) in {
                Fault.WRONG_MAC,
                Fault.WRONG_AMOUNT,
                Fault.FAIL,
                Fault.SKEWED_CLOCK,
            }:
                return faults.by_amount(amount_vnd)
        return faults.strike(db, "vnpay", call=call, reference=row["txn_ref"], amount_vnd=amount_vnd)

    def _first_time(self, db: sqlite3.Connection, request_id: str) -> bool:
        """A request number is used once a day."""
        return bool(
            db.execute(
                "INSERT INTO vnpay_requests (request_id, day) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (request_id, self._ground.stamp()[:8]),
            ).rowcount
        )

    def _stands(self, db: sqlite3.Connection, row: sqlite3.Row) -> str:
        """The payment's status as VNPAY believes it to be now."""
        late = faults.believed_failed(db, "vnpay", reference=row["txn_ref"], now=self._ground.clock())
        return "02" if late else str(row["status"])

    def _found(self, db: sqlite3.Connection, row: sqlite3.Row) -> dict[str, str]:
        return {
            "vnp_Amount": str(row["amount_vnd"] * 100),
            "vnp_BankCode": BANK_CODE,
            "vnp_PayDate": row["pay_date"],
            "vnp_TransactionNo": number_of(row["id"]),
            "vnp_TransactionType": "01",
            "vnp_TransactionStatus": self._stands(db, row),
            "vnp_OrderInfo": row["order_info"],
        }

    def _refund(
        self, db: sqlite3.Connection, row: sqlite3.Row, asked: Mapping[str, object], fault: Fault
    ) -> "Judged":
        if self._stands(db, row) != "00":
            return Judged("95", fault=fault)
        kind, wire_amount = text_of(asked.get("vnp_TransactionType")), _whole(asked.get("vnp_Amount"))
        if kind not in {FULL, PART} or wire_amount is None:
            return Judged("03", fault=fault)
        amount_vnd, rest = divmod(wire_amount, 100)
        given = db.execute(
            "SELECT coalesce(sum(amount_vnd), 0) AS vnd FROM vnpay_refunds WHERE payment_id = ?", (row["id"],)
        ).fetchone()["vnd"]
        whole_of_it = amount_vnd == row["amount_vnd"] and not given
        if rest or not 0 < amount_vnd <= row["amount_vnd"] - given or (kind == FULL and not whole_of_it):
            return Judged("99", fault=fault)
        number = "" if fault is Fault.FAIL else self._give_back(db, row, amount_vnd, asked)
        told_vnd = amount_vnd + (faults.WRONG_BY_VND if fault is Fault.WRONG_AMOUNT else 0)
        found = {
            "vnp_Amount": str(told_vnd * 100),
            "vnp_BankCode": BANK_CODE,
            "vnp_PayDate": self._ground.stamp(faults.SKEW if fault is Fault.SKEWED_CLOCK else None),
            "vnp_TransactionNo": number,
            "vnp_TransactionType": kind,
            "vnp_TransactionStatus": TAKEN_ON if number else REFUSED_BY_THE_BANK,
            "vnp_OrderInfo": text_of(asked.get("vnp_OrderInfo")),
        }
        return Judged("00", found, fault)

    def _give_back(
        self, db: sqlite3.Connection, row: sqlite3.Row, amount_vnd: int, asked: Mapping[str, object]
    ) -> str:
        """Debit the agency's account; the refund's number."""
        cursor = db.execute(
            "INSERT INTO vnpay_refunds (payment_id, amount_vnd, at, created_by) VALUES (?, ?, ?, ?)",
            (row["id"], amount_vnd, self._ground.stamp(), text_of(asked.get("vnp_CreateBy"))),
        )
        number = str(FIRST_REFUND_NUMBER + (cursor.lastrowid or 0))
        self._bank.move(
            db,
            Movement(
                account=row["account"],
                amount_vnd=-amount_vnd,
                reference=row["txn_ref"],
                memo=f"{row['txn_ref']} HOAN TIEN VNPAY {number}",
                cause=f"vnpay-refund:{cursor.lastrowid}",
            ),
        )
        return number


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a request: its code, the fields of what was found, and the fault on the way back."""

    code: str
    found: Mapping[str, str] = field(default_factory=dict)
    fault: Fault = Fault.NONE


def _whole(value: object) -> int | None:
    text = text_of(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else None


def _well_formed(asked: Mapping[str, object]) -> bool:
    """The fields that both requests must carry."""
    request_id = text_of(asked.get("vnp_RequestId"))
    if not 0 < len(request_id) <= MAX_REQUEST_ID or not text_of(asked.get("vnp_TxnRef")):
        return False
    stamps = (text_of(asked.get("vnp_TransactionDate")), text_of(asked.get("vnp_CreateDate")))
    if any(read_stamp(stamp) is None for stamp in stamps):
        return False
    return bool(text_of(asked.get("vnp_IpAddr")) and text_of(asked.get("vnp_OrderInfo")))
