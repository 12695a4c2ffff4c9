"""ViettelPay 2.0, played: pay page, the question to the partner whether an order is his, the result, TRANS_INQUIRY.

Viettel's document is not public; fields, orders and codes are those that published partners of it send and read. What
an answer to TRANS_INQUIRY signs is not among them: here it is every value in the order of its name, as elsewhere. An
order that the partner does not confirm is not shown to the payer (V05).
"""

import base64
import hashlib
import hmac
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import Flask, Response, redirect, request

from sandbox import faults, mishaps
from sandbox.bank import Bank, Movement
from sandbox.courier import NOTICE_TRIES, Courier, Message
from sandbox.faults import Fault
from sandbox.outward import SUCCESS, Call, Reply
from sandbox.pages import dong, error_page, pay_page
from sandbox.serving import json_answer, json_object, new_app, read_json, same, text_of
from sandbox.state import Ground

SCHEMA = """
CREATE TABLE IF NOT EXISTS viettelpay_payments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, order_id TEXT NOT NULL UNIQUE,
    billcode TEXT NOT NULL, amount_vnd INTEGER NOT NULL, description TEXT NOT NULL, return_url TEXT NOT NULL,
    error_code TEXT NOT NULL DEFAULT '', status TEXT NOT NULL DEFAULT '0');
"""
VERSION = "2.0"
PAYER = "84980000123"
MAX_VND = 1_000_000_000_000
MAX_DIGITS = 15
MAX_CODE = 50
PAID, FAILED, CALLED_OFF, NOT_CREATED = "1", "2", "5", "-1"
WRONG_KEY = "another key"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True, slots=True)
class ViettelpaySettings:
    """`verify_url` empty: the partner is not asked. `account` receives the money; `slow_s` belongs to the fault."""

    port: int
    merchant_code: str
    result_url: str
    access_code: str = field(repr=False)
    hash_key: str = field(repr=False)
    verify_url: str = ""
    account: str = ""
    result_interval_s: float = 1.0
    slow_s: float = 12.0


class Viettelpay:
    """The transactions, and what happens to one when the payer decides."""

    def __init__(self, settings: ViettelpaySettings, ground: Ground, bank: Bank) -> None:
        self.settings = settings
        self.ground = ground
        self._bank = bank
        ground.state.define(SCHEMA)
        self.courier = Courier(
            ground,
            "viettelpay",
            acknowledged=_acknowledged,
            interval_s=settings.result_interval_s,
            max_tries=NOTICE_TRIES,
            seal=self._sealed,
        )

    def check_sum(self, *values: str, key: str = "") -> str:
        """Base64 HMAC-SHA1 of the access code and `values`, with nothing between them."""
        text = "".join((self.settings.access_code, *values))
        made = hmac.new(
            (key or self.settings.hash_key).encode(), text.encode("utf-8", "replace"), hashlib.sha1
        )
        return base64.b64encode(made.digest()).decode()

    def open(self, asked: Mapping[str, str]) -> Response:
        """The pay page of a signed address, or the error page."""
        signed = ("billcode", "command", "merchant_code", "order_id", "trans_amount", "version")
        expected = self.check_sum(*(asked.get(name, "") for name in signed))
        if not same(expected, asked.get("check_sum", "")):
            return error_page(code="V01", message="Sai check_sum")
        if asked["merchant_code"] != self.settings.merchant_code:
            return error_page(code="M01", message="Mã đối tác chưa được đăng ký")
        if not _well_formed(asked):
            return error_page(code="V04", message="Dữ liệu không hợp lệ")
        row = self._begin(asked)
        if row["amount_vnd"] != int(asked["trans_amount"]) or row["error_code"]:
            return error_page(code="V04", message="Mã giao dịch đã được sử dụng")
        if self.settings.verify_url and not self._verified(row):
            return error_page(code="V05", message="Không xác nhận được giao dịch")
        rows = {
            "Mã đơn hàng": row["order_id"],
            "Nội dung": row["description"],
            "Số tiền": dong(row["amount_vnd"]),
        }
        return pay_page(
            title="Viettel Money (thử nghiệm)", rows=rows, action="/pay/confirm", token=row["token"]
        )

    def _begin(self, asked: Mapping[str, str]) -> sqlite3.Row:
        with self.ground.state.transaction() as db:
            db.execute(
                "INSERT INTO viettelpay_payments (token, order_id, billcode, amount_vnd, description, return_url)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (order_id) DO NOTHING",
                (
                    self.ground.token(),
                    asked["order_id"],
                    asked["billcode"],
                    int(asked["trans_amount"]),
                    asked.get("desc", ""),
                    asked["return_url"],
                ),
            )
            row: sqlite3.Row = db.execute(
                "SELECT * FROM viettelpay_payments WHERE order_id = ?", (asked["order_id"],)
            ).fetchone()
        return row

    def _verified(self, row: sqlite3.Row) -> bool:
        """Whether the partner says that this is his order and this its sum, which the question does not name."""
        merchant, amount = self.settings.merchant_code, str(row["amount_vnd"])
        code = self.check_sum(row["billcode"], merchant, row["order_id"], amount)
        told = {"billcode": row["billcode"], "merchant_code": merchant, "order_id": row["order_id"]}
        body = urlencode({**told, "check_sum": code}).encode()
        reply = self.ground.send(Call("POST", self.settings.verify_url, FORM, body))
        said = {} if reply is None else json_object(reply.body) or {}
        signed = ("billcode", "error_code", "merchant_code", "order_id", "trans_amount")
        expected = self.check_sum(*(text_of(said.get(name)) for name in signed))
        if not same(expected, text_of(said.get("check_sum"))):
            return False
        return said.get("error_code") == "00" and text_of(said.get("trans_amount")) == amount

    def decide(self, token: str, result: str) -> Response:
        """Carry out the payer's choice once; a second press only brings the browser back again."""
        with self.ground.state.transaction() as db:
            row = db.execute("SELECT * FROM viettelpay_payments WHERE token = ?", (token,)).fetchone()
            if row is None or result not in {"pay", "cancel"}:
                return error_page(code="V04", message="Yêu cầu không hợp lệ")
            if not row["error_code"]:
                row = self._finish(db, row, result)
        self.courier.wake()
        back = urlencode(self._result(row, row["amount_vnd"]))
        answer = redirect(row["return_url"] + ("&" if urlsplit(row["return_url"]).query else "?") + back, 303)
        assert isinstance(answer, Response)
        return answer

    def _finish(self, db: sqlite3.Connection, row: sqlite3.Row, result: str) -> sqlite3.Row:
        fault = faults.take(db, "viettelpay", reference=row["order_id"], amount_vnd=row["amount_vnd"])
        code, status = ("V06", CALLED_OFF) if result == "cancel" else ("00", PAID)
        if status == PAID and fault in {Fault.FAIL, Fault.RUN_OUT}:
            code, status = "16", FAILED
        done: sqlite3.Row = db.execute(
            "UPDATE viettelpay_payments SET error_code = ?, status = ? WHERE id = ? RETURNING *",
            (code, status, row["id"]),
        ).fetchone()
        if status == PAID:
            self._settle(db, done)
        if status == PAID and fault is Fault.FAIL_FIRST:
            late = timedelta(seconds=faults.LATE_INTERVALS * self.settings.result_interval_s)
            until = self.ground.clock() + late
            faults.fail_until(db, "viettelpay", reference=row["order_id"], until=until)
        self._tell(db, done, fault)
        return done

    def _settle(self, db: sqlite3.Connection, row: sqlite3.Row) -> None:
        movement = Movement(
            account=self._bank.account_for(self.settings.account),
            amount_vnd=row["amount_vnd"],
            reference=row["order_id"],
            memo=f"{row['order_id']} {row['description']} VIETTELPAY {_number(row)}",
            cause=f"viettelpay:{row['id']}",
        )
        self._bank.move(db, movement)

    def _tell(self, db: sqlite3.Connection, row: sqlite3.Row, fault: Fault) -> None:
        amount = row["amount_vnd"] + (faults.WRONG_BY_VND if fault is Fault.WRONG_AMOUNT else 0)
        flaw = fault.value if fault in {Fault.WRONG_MAC, Fault.CHANGED_BYTE} else ""
        for sending in faults.sendings(fault, paid=row["status"] == PAID):
            key = WRONG_KEY if flaw == Fault.WRONG_MAC else ""
            told = self._result(row, amount, key=key, failed=sending.says_failed)
            delay_s = sending.late_intervals * self.settings.result_interval_s
            message = Message(self.settings.result_url, urlencode(told).encode(), flaw=flaw, delay_s=delay_s)
            self.courier.put(db, message)

    def _result(
        self, row: sqlite3.Row, amount_vnd: int, *, key: str = "", failed: bool = False
    ) -> dict[str, str]:
        """The signed fields of a result, names in their order."""
        told = {
            "billcode": row["billcode"],
            "cust_msisdn": PAYER,
            "error_code": "16" if failed else row["error_code"],
            "merchant_code": self.settings.merchant_code,
            "order_id": row["order_id"],
            "payment_status": FAILED if failed else row["status"],
            "trans_amount": str(amount_vnd),
            "vt_transaction_id": _number(row),
        }
        return {**told, "check_sum": self.check_sum(*told.values(), key=key)}

    def _sealed(self, message: Message) -> tuple[Mapping[str, str], bytes]:
        body = message.body or b""
        if message.flaw == Fault.CHANGED_BYTE:
            body = faults.changed_byte(body, seed=str(self.ground.seed))
        return FORM, body

    def answer(self, asked: Mapping[str, str]) -> tuple[dict[str, str], Fault]:
        """The answer to a TRANS_INQUIRY, and the fault that it meets on its way."""
        signed = ("cmd", "merchant_code", "order_id", "version")
        if not same(self.check_sum(*(asked.get(name, "") for name in signed)), asked.get("check_sum", "")):
            return {"error_code": "V01"}, Fault.NONE
        if asked["merchant_code"] != self.settings.merchant_code:
            return {"error_code": "M01"}, Fault.NONE
        if asked["cmd"] != "TRANS_INQUIRY":
            return {"error_code": "V04"}, Fault.NONE
        order_id = asked["order_id"]
        with self.ground.state.transaction() as db:
            row = db.execute("SELECT * FROM viettelpay_payments WHERE order_id = ?", (order_id,)).fetchone()
            fault, status = Fault.NONE, NOT_CREATED
            if row is not None:
                fault = faults.strike(
                    db, "viettelpay", call="search", reference=order_id, amount_vnd=row["amount_vnd"]
                )
                early = faults.believed_failed(db, "viettelpay", reference=order_id, now=self.ground.clock())
                status = FAILED if early else row["status"]
        told = {
            "error_code": "00",
            "merchant_code": self.settings.merchant_code,
            "order_id": order_id,
            "payment_status": status,
            "trans_amount": "" if row is None else str(row["amount_vnd"]),
            "version": VERSION,
            "vt_transaction_id": "" if row is None else _number(row),
        }
        return {**told, "check_sum": self.check_sum(*told.values())}, fault


def _number(row: sqlite3.Row) -> str:
    """Viettel's own number of a payment."""
    return f"2611240849{row['id']:06d}VTP"


def _acknowledged(_message: Message, reply: Reply) -> bool:
    return reply.status in SUCCESS and (json_object(reply.body) or {}).get("error_code") == "00"


def _well_formed(asked: Mapping[str, str]) -> bool:
    """Every required field of a payment, within its limits."""
    amount, url = asked.get("trans_amount", ""), asked.get("return_url", "")
    if asked.get("command") != "PAYMENT" or asked.get("version") != VERSION:
        return False
    if not (
        amount.isascii() and amount.isdigit() and len(amount) <= MAX_DIGITS and 0 < int(amount) <= MAX_VND
    ):
        return False
    codes = (asked.get("order_id", ""), asked.get("billcode", ""))
    if not all(code.isascii() and 0 < len(code) <= MAX_CODE for code in codes):
        return False
    return url.startswith(("http://", "https://")) and url.isascii() and url.isprintable()


def viettelpay_app(viettelpay: Viettelpay) -> Flask:
    """The two addresses of Viettel, the page's own, and `POST /_control`."""
    app = new_app("viettelpay")

    @app.get("/PaymentGateway/payment")
    def payment() -> Response:
        return viettelpay.open(request.args.to_dict())

    @app.post("/pay/confirm")
    def confirm() -> Response:
        return viettelpay.decide(request.form.get("token", ""), request.form.get("result", ""))

    @app.post("/PaymentAPI/webresources/postData")
    def post_data() -> Response:
        asked = dict(
            parse_qsl(request.get_data(cache=True).decode("utf-8", "replace"), keep_blank_values=True)
        )
        told, fault = viettelpay.answer(asked)
        slow_s = viettelpay.settings.slow_s
        return mishaps.answer(fault, json_answer(told), ground=viettelpay.ground, slow_s=slow_s)

    @app.post("/_control")
    def control() -> Response:
        with viettelpay.ground.state.transaction() as db:
            done = faults.control(db, "viettelpay", read_json() or {})
        if not done:
            return json_answer({"error": "drop_confirm_for or next"}, 400)
        return json_answer({"ok": True})

    return app
