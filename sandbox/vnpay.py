"""VNPAY 2.1.0, played: pay page, IPN, return, query and refund.

The codes of the error page and the sum of a refund above the paid one (99) are this world's choice: VNPAY's
documentation does not print them. `vnp_TxnRef` is unique per day, as the documentation asks.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from flask import Flask, Response, redirect, request

from sandbox import faults, mishaps
from sandbox.bank import Bank, Movement
from sandbox.courier import Courier, Message
from sandbox.faults import Fault
from sandbox.outward import OK, Reply
from sandbox.pages import dong, error_page, pay_page
from sandbox.serving import json_answer, json_object, new_app, read_json
from sandbox.state import Ground, read_stamp
from sandbox.vnpay_api import Api
from sandbox.vnpay_wire import BANK_CODE, VERSION, hmac_hex, number_of, read_signed_query, signed_query

SCHEMA = """
CREATE TABLE IF NOT EXISTS vnpay_payments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, query TEXT NOT NULL,
    txn_ref TEXT NOT NULL, day TEXT NOT NULL, created TEXT NOT NULL, expires TEXT NOT NULL,
    amount_vnd INTEGER NOT NULL, order_info TEXT NOT NULL, return_url TEXT NOT NULL, account TEXT NOT NULL,
    response_code TEXT NOT NULL DEFAULT '', status TEXT NOT NULL DEFAULT '01', pay_date TEXT NOT NULL DEFAULT '',
    UNIQUE (txn_ref, day));
CREATE TABLE IF NOT EXISTS vnpay_refunds (
    id INTEGER PRIMARY KEY AUTOINCREMENT, payment_id INTEGER NOT NULL, amount_vnd INTEGER NOT NULL,
    at TEXT NOT NULL, created_by TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS vnpay_requests (request_id TEXT NOT NULL, day TEXT NOT NULL,
    PRIMARY KEY (request_id, day));
"""
MAX_TXN_REF = 100
MAX_INFO = 255
MAX_WIRE_AMOUNT = 100_000_000_000_00
STOP_CODES = ("00", "02")
NOT_ENOUGH = "51"


@dataclass(frozen=True, slots=True)
class VnpaySettings:
    """`account` receives the money; `ipn_interval_s` is 300 in the real world; `slow_s` belongs to the magic amount."""

    port: int
    tmn_code: str
    ipn_url: str
    secret: str = field(repr=False)
    account: str = ""
    ipn_interval_s: float = 1.0
    slow_s: float = 12.0


class Vnpay:
    """The transactions, and what happens to one when the payer decides."""

    def __init__(self, settings: VnpaySettings, ground: Ground, bank: Bank) -> None:
        self.settings = settings
        self.ground = ground
        self._bank = bank
        ground.state.define(SCHEMA)
        self.courier = Courier(
            ground, "vnpay", acknowledged=_acknowledged, interval_s=settings.ipn_interval_s
        )
        self.api = Api(settings.tmn_code, settings.secret, ground, bank)

    def open(self, raw_query: str) -> Response:
        """The pay page of a signed address, or the error page."""
        fields = read_signed_query(self.settings.secret, raw_query)
        if fields is None:
            return error_page(code="97", message="Sai chữ ký")
        if fields.get("vnp_TmnCode") != self.settings.tmn_code:
            return error_page(code="02", message="Mã website không đúng")
        if not _well_formed(fields):
            return error_page(code="03", message="Dữ liệu gửi sang không đúng định dạng")
        if self.ground.clock() > _time(fields["vnp_ExpireDate"]):
            return error_page(code="11", message="Đã hết hạn chờ thanh toán")
        row = self._begin(fields, raw_query)
        if row["query"] != raw_query or row["response_code"]:
            return error_page(code="01", message="Giao dịch đã tồn tại")
        return pay_page(
            title="Ngân hàng NCB (thử nghiệm) qua VNPAY",
            rows={
                "Mã giao dịch": row["txn_ref"],
                "Nội dung": row["order_info"],
                "Số tiền": dong(row["amount_vnd"]),
            },
            action="/pay/confirm",
            token=row["token"],
        )

    def _begin(self, fields: Mapping[str, str], raw_query: str) -> sqlite3.Row:
        day = fields["vnp_CreateDate"][:8]
        with self.ground.state.transaction() as db:
            db.execute(
                "INSERT INTO vnpay_payments (token, query, txn_ref, day, created, expires, amount_vnd, order_info,"
                " return_url, account) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (txn_ref, day) DO NOTHING",
                (
                    self.ground.token(),
                    raw_query,
                    fields["vnp_TxnRef"],
                    day,
                    fields["vnp_CreateDate"],
                    fields["vnp_ExpireDate"],
                    int(fields["vnp_Amount"]) // 100,
                    fields["vnp_OrderInfo"],
                    fields["vnp_ReturnUrl"],
                    self._bank.account_for(self.settings.account),
                ),
            )
            row: sqlite3.Row = db.execute(
                "SELECT * FROM vnpay_payments WHERE txn_ref = ? AND day = ?", (fields["vnp_TxnRef"], day)
            ).fetchone()
        return row

    def decide(self, token: str, result: str) -> Response:
        """Carry out the payer's choice once; a second press only brings the browser back again."""
        with self.ground.state.transaction() as db:
            row = db.execute("SELECT * FROM vnpay_payments WHERE token = ?", (token,)).fetchone()
            if row is None or result not in {"pay", "cancel"}:
                return error_page(code="03", message="Yêu cầu không hợp lệ")
            if not row["response_code"]:
                row = self._finish(db, row, result)
            failed = faults.believed_failed(db, "vnpay", reference=row["txn_ref"], now=self.ground.clock())
        self.courier.wake()
        separator = "&" if urlsplit(row["return_url"]).query else "?"
        return _see_other(row["return_url"] + separator + self._signed(row, failed=failed))

    def _finish(self, db: sqlite3.Connection, row: sqlite3.Row, result: str) -> sqlite3.Row:
        fault = faults.take(db, "vnpay", reference=row["txn_ref"], amount_vnd=row["amount_vnd"])
        code = self._code(row, result, fault)
        paid_at = self.ground.stamp(faults.SKEW if fault is Fault.SKEWED_CLOCK else None)
        db.execute(
            "UPDATE vnpay_payments SET response_code = ?, status = ?, pay_date = ? WHERE id = ?",
            (code, "00" if code == "00" else "02", paid_at, row["id"]),
        )
        done: sqlite3.Row = db.execute("SELECT * FROM vnpay_payments WHERE id = ?", (row["id"],)).fetchone()
        if code == "00":
            self._settle(db, done)
            if fault is Fault.FAIL_FIRST:
                late_s = self.settings.ipn_interval_s * faults.LATE_INTERVALS
                until = self.ground.clock() + timedelta(seconds=late_s)
                faults.fail_until(db, "vnpay", reference=row["txn_ref"], until=until)
        for sending in faults.sendings(fault, paid=code == "00"):
            url = f"{self.settings.ipn_url}?{self._ipn(done, fault, failed=sending.says_failed)}"
            late_s = self.settings.ipn_interval_s * sending.late_intervals
            self.courier.put(db, Message(url, method="GET", delay_s=late_s))
        return done

    def _code(self, row: sqlite3.Row, result: str, fault: Fault) -> str:
        if result == "cancel":
            return "24"
        if fault is Fault.RUN_OUT or self.ground.clock() > _time(row["expires"]):
            return "11"
        return NOT_ENOUGH if fault is Fault.FAIL else "00"

    def _settle(self, db: sqlite3.Connection, row: sqlite3.Row) -> None:
        self._bank.move(
            db,
            Movement(
                account=row["account"],
                amount_vnd=row["amount_vnd"],
                reference=row["txn_ref"],
                memo=f"{row['txn_ref']} {row['order_info']} VNPAY {number_of(row['id'])}",
                cause=f"vnpay:{row['id']}",
            ),
        )

    def _ipn(self, row: sqlite3.Row, fault: Fault, *, failed: bool) -> str:
        """The query string of one IPN: signed, and then spoilt if the fault says so."""
        fields = self._outcome(row, failed=failed)
        match fault:
            case Fault.WRONG_MAC:
                return signed_query(hmac_hex(self.settings.secret, "another key"), fields)
            case Fault.WRONG_AMOUNT:
                wrong = str((row["amount_vnd"] + faults.WRONG_BY_VND) * 100)
                return signed_query(self.settings.secret, {**fields, "vnp_Amount": wrong})
            case Fault.CHANGED_BYTE:
                seed = f"{self.ground.seed}:{row['txn_ref']}"
                return faults.changed_byte(self._signed(row).encode(), seed=seed).decode()
            case _:
                return signed_query(self.settings.secret, fields)

    def _signed(self, row: sqlite3.Row, *, failed: bool = False) -> str:
        return signed_query(self.settings.secret, self._outcome(row, failed=failed))

    def _outcome(self, row: sqlite3.Row, *, failed: bool = False) -> dict[str, str]:
        """What is told of a payment; with `failed` what was told while the bank still refused it."""
        code, status = (NOT_ENOUGH, "02") if failed else (row["response_code"], row["status"])
        return {
            "vnp_Amount": str(row["amount_vnd"] * 100),
            "vnp_BankCode": BANK_CODE,
            "vnp_BankTranNo": f"VNP{number_of(row['id'])}" if code == "00" else "",
            "vnp_CardType": "ATM",
            "vnp_OrderInfo": row["order_info"],
            "vnp_PayDate": row["pay_date"],
            "vnp_ResponseCode": code,
            "vnp_TmnCode": self.settings.tmn_code,
            "vnp_TransactionNo": number_of(row["id"]),
            "vnp_TransactionStatus": status,
            "vnp_TxnRef": row["txn_ref"],
        }


def _time(stamp: str) -> datetime:
    time = read_stamp(stamp)
    assert time is not None, "checked when the payment was opened"
    return time


def _see_other(url: str) -> Response:
    answer = redirect(url, 303)
    assert isinstance(answer, Response)
    return answer


def _acknowledged(_message: Message, reply: Reply) -> bool:
    return reply.status == OK and (json_object(reply.body) or {}).get("RspCode") in STOP_CODES


def _well_formed(fields: Mapping[str, str]) -> bool:  # noqa: PLR0911 - one line for each rule
    """Every required field of a `pay` command, within its limits."""
    amount, created, expires = (
        fields.get(name, "") for name in ("vnp_Amount", "vnp_CreateDate", "vnp_ExpireDate")
    )
    if fields.get("vnp_Version") != VERSION or fields.get("vnp_Command") != "pay":
        return False
    if not amount.isascii() or not amount.isdigit() or len(amount) > len(str(MAX_WIRE_AMOUNT)):
        return False
    if int(amount) % 100 or not 0 < int(amount) <= MAX_WIRE_AMOUNT or fields.get("vnp_CurrCode") != "VND":
        return False
    if read_stamp(created) is None or read_stamp(expires) is None:
        return False
    if not 0 < len(fields.get("vnp_TxnRef", "")) <= MAX_TXN_REF or not fields.get("vnp_IpAddr"):
        return False
    info = fields.get("vnp_OrderInfo", "")
    if not 0 < len(info) <= MAX_INFO or not info.isascii() or fields.get("vnp_Locale") not in {"vn", "en"}:
        return False
    url = fields.get("vnp_ReturnUrl", "")
    if not url.startswith(("http://", "https://")) or not url.isascii() or not url.isprintable():
        return False
    return "vnp_OrderType" in fields


def vnpay_app(vnpay: Vnpay) -> Flask:
    """The three addresses of VNPAY, and `POST /_control`."""
    app = new_app("vnpay")

    @app.get("/paymentv2/vpcpay.html")
    def pay() -> Response:
        return vnpay.open(request.query_string.decode("latin-1"))

    @app.post("/pay/confirm")
    def confirm() -> Response:
        return vnpay.decide(request.form.get("token", ""), request.form.get("result", ""))

    @app.post("/merchant_webapi/api/transaction")
    def transaction() -> Response:
        given, fault = vnpay.api.answer(read_json())
        return mishaps.answer(fault, json_answer(given), ground=vnpay.ground, slow_s=vnpay.settings.slow_s)

    @app.post("/_control")
    def control() -> Response:
        with vnpay.ground.state.transaction() as db:
            done = faults.control(db, "vnpay", read_json() or {})
        if not done:
            return json_answer({"error": "drop_confirm_for or next"}, 400)
        return json_answer({"ok": True})

    return app
