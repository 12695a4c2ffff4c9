"""VNPAY's JSON interface, played: `querydr` and `refund`.

A refund is answered as taken on (TransactionStatus 05) and debits the agency's account at once; `querydr` goes on
to speak of the payment itself.
"""

import secrets
import sqlite3
from collections.abc import Mapping

from sandbox.bank import Bank, Movement
from sandbox.faults import Fault, by_amount
from sandbox.serving import text_of
from sandbox.state import Ground, read_stamp
from sandbox.vnpay_wire import (
    BANK_CODE,
    QUERY_ANSWER,
    QUERY_REQUEST,
    REFUND_ANSWER,
    REFUND_REQUEST,
    VERSION,
    number_of,
    pipe_holds,
    signed_answer,
)

MAX_REQUEST_ID = 32
FIRST_REFUND_NUMBER = 15_000_000
FULL, PART = "02", "03"
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

    def answer(self, asked: Mapping[str, object] | None) -> tuple[dict[str, str], bool]:
        """The signed answer, and whether the payment's magic amount asks for a slow one."""
        asked = asked or {}
        command = text_of(asked.get("vnp_Command"))
        order = REFUND_ANSWER if command == "refund" else QUERY_ANSWER
        code, found = self._judge(asked, command)
        fields = {
            "vnp_ResponseId": secrets.token_hex(16),
            "vnp_Command": command,
            "vnp_ResponseCode": code,
            "vnp_Message": MESSAGES[code],
            "vnp_TmnCode": self._tmn_code,
            "vnp_TxnRef": text_of(asked.get("vnp_TxnRef")),
            **found,
        }
        slow = by_amount(int(found.get("vnp_Amount") or 0) // 100) is Fault.SLOW
        return signed_answer(self._secret, fields, order), slow

    def _judge(self, asked: Mapping[str, object], command: str) -> tuple[str, dict[str, str]]:
        """The response code, and the fields of what was found."""
        if command not in {"querydr", "refund"} or text_of(asked.get("vnp_Version")) != VERSION:
            return "03", {}
        if text_of(asked.get("vnp_TmnCode")) != self._tmn_code:
            return "02", {}
        if not pipe_holds(self._secret, asked, QUERY_REQUEST if command == "querydr" else REFUND_REQUEST):
            return "97", {}
        return self._carry_out(asked, command) if _well_formed(asked) else ("03", {})

    def _carry_out(self, asked: Mapping[str, object], command: str) -> tuple[str, dict[str, str]]:
        with self._ground.state.transaction() as db:
            if not self._first_time(db, text_of(asked["vnp_RequestId"])):
                return "94", {}
            row = db.execute(
                "SELECT * FROM vnpay_payments WHERE txn_ref = ? AND created = ?",
                (text_of(asked.get("vnp_TxnRef")), text_of(asked.get("vnp_TransactionDate"))),
            ).fetchone()
            number = text_of(asked.get("vnp_TransactionNo"))
            if row is None or number not in {"", "0", number_of(row["id"])}:
                return "91", {}
            return self._found(row) if command == "querydr" else self._refund(db, row, asked)

    def _first_time(self, db: sqlite3.Connection, request_id: str) -> bool:
        """A request number is used once a day."""
        return bool(
            db.execute(
                "INSERT INTO vnpay_requests (request_id, day) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (request_id, self._ground.stamp()[:8]),
            ).rowcount
        )

    def _found(self, row: sqlite3.Row) -> tuple[str, dict[str, str]]:
        return "00", {
            "vnp_Amount": str(row["amount_vnd"] * 100),
            "vnp_BankCode": BANK_CODE,
            "vnp_PayDate": row["pay_date"],
            "vnp_TransactionNo": number_of(row["id"]),
            "vnp_TransactionType": "01",
            "vnp_TransactionStatus": row["status"],
            "vnp_OrderInfo": row["order_info"],
        }

    def _refund(
        self, db: sqlite3.Connection, row: sqlite3.Row, asked: Mapping[str, object]
    ) -> tuple[str, dict[str, str]]:
        if row["status"] != "00":
            return "95", {}
        kind, amount = text_of(asked.get("vnp_TransactionType")), text_of(asked.get("vnp_Amount"))
        if (
            kind not in {FULL, PART}
            or not amount.isascii()
            or not amount.isdigit()
            or len(amount) > MAX_DIGITS
        ):
            return "03", {}
        given = db.execute(
            "SELECT coalesce(sum(amount_vnd), 0) AS vnd FROM vnpay_refunds WHERE payment_id = ?", (row["id"],)
        ).fetchone()["vnd"]
        amount_vnd, rest = divmod(int(amount), 100)
        whole_of_it = amount_vnd == row["amount_vnd"] and not given
        if rest or not 0 < amount_vnd <= row["amount_vnd"] - given or (kind == FULL and not whole_of_it):
            return "99", {}
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
        return "00", {
            "vnp_Amount": amount,
            "vnp_BankCode": BANK_CODE,
            "vnp_PayDate": self._ground.stamp(),
            "vnp_TransactionNo": number,
            "vnp_TransactionType": kind,
            "vnp_TransactionStatus": "05",
            "vnp_OrderInfo": text_of(asked.get("vnp_OrderInfo")),
        }


def _well_formed(asked: Mapping[str, object]) -> bool:
    """The fields that both requests must carry."""
    request_id = text_of(asked.get("vnp_RequestId"))
    if not 0 < len(request_id) <= MAX_REQUEST_ID or not text_of(asked.get("vnp_TxnRef")):
        return False
    stamps = (text_of(asked.get("vnp_TransactionDate")), text_of(asked.get("vnp_CreateDate")))
    if any(read_stamp(stamp) is None for stamp in stamps):
        return False
    return bool(text_of(asked.get("vnp_IpAddr")) and text_of(asked.get("vnp_OrderInfo")))
