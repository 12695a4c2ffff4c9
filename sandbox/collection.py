"""The counter of a bank that collects: a payer gives a bill code, the bank asks the biller and takes the money.

Shared by the banks of this world. What differs is how a bank asks and tells (`Wire`). A bill is asked about anew for
each payer at the counter; who has been shown a bill may pay it, also when somebody else has paid it meanwhile.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from flask import Flask, Response, request

from sandbox import faults, mishaps
from sandbox.bank import Bank, Movement
from sandbox.courier import NOTICE_TRIES, Courier, Message
from sandbox.faults import Fault
from sandbox.outward import OK, Call, Reply, Send
from sandbox.pages import dong, error_page, page, pay_page
from sandbox.serving import json_answer, json_object, new_app, read_json
from sandbox.state import Ground

SCHEMA = """
CREATE TABLE IF NOT EXISTS collections (
    id INTEGER PRIMARY KEY AUTOINCREMENT, server TEXT NOT NULL, token TEXT NOT NULL UNIQUE, code TEXT NOT NULL,
    bill_id TEXT NOT NULL DEFAULT '', name TEXT NOT NULL DEFAULT '', amount_vnd INTEGER NOT NULL DEFAULT 0,
    result TEXT NOT NULL DEFAULT '', at TEXT NOT NULL DEFAULT '');
"""
MAX_CODE = 64
PAID, REFUSED, CANCELLED = "paid", "refused", "cancelled"
SENTENCES = {
    PAID: "Đã thu tiền, hóa đơn đang được gạch nợ",
    REFUSED: "Tài khoản của quý khách không đủ tiền",
    CANCELLED: "Đã hủy giao dịch",
}
NO_ANSWER = "Đơn vị thu chưa trả lời"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the biller says is owed under a code."""

    bill_id: str
    name: str
    amount_vnd: int


class Wire(Protocol):
    """How one bank asks and tells."""

    name: str
    title: str
    account: str
    notify_url: str
    interval_s: float
    slow_s: float

    def ask(self, code: str, number: int) -> Shown | str:
        """What is owed, or a sentence for the payer. `number` is the bank's own of this question."""

    def notice(self, row: sqlite3.Row, *, amount_vnd: int, wrong_mac: bool) -> Mapping[str, object]:
        """The signed notice of one payment."""

    def headers(self) -> Mapping[str, str]:
        """Headers of a notice beside its content type."""

    def acknowledged(self, answer: Mapping[str, object]) -> bool:
        """Whether an answer of the biller ends the tries."""


class Counter:
    """The payers at one bank's counter, and what becomes of each when they decide."""

    def __init__(self, wire: Wire, ground: Ground, bank: Bank) -> None:
        self.wire = wire
        self.ground = ground
        self._bank = bank
        ground.state.define(SCHEMA)
        self.courier = Courier(
            ground,
            wire.name,
            acknowledged=self._acknowledged,
            interval_s=wire.interval_s,
            max_tries=NOTICE_TRIES,
            seal=lambda message: (
                {"Content-Type": "application/json", **wire.headers()},
                message.body,
            ),
        )

    def _acknowledged(self, _message: Message, reply: Reply) -> bool:
        return reply.status == OK and self.wire.acknowledged(json_object(reply.body) or {})

    def look_up(self, code: str) -> Response:
        """The bill of a code with its two buttons, or why there is none."""
        if not code or len(code) > MAX_CODE or not code.isascii() or not code.isalnum():
            return error_page(code="MA", message="Mã hóa đơn không hợp lệ")
        with self.ground.state.transaction() as db:
            token = self.ground.token()
            number = db.execute(
                "INSERT INTO collections (server, token, code) VALUES (?, ?, ?)",
                (self.wire.name, token, code),
            ).lastrowid
        shown = self.wire.ask(code, number or 0)
        if isinstance(shown, str):
            return error_page(code="HD", message=shown, status=404)
        with self.ground.state.transaction() as db:
            db.execute(
                "UPDATE collections SET bill_id = ?, name = ?, amount_vnd = ? WHERE token = ?",
                (shown.bill_id, shown.name, shown.amount_vnd, token),
            )
        bill = pay_page(
            title=self.wire.title,
            rows={"Mã hóa đơn": code, "Khách hàng": shown.name, "Số tiền": dong(shown.amount_vnd)},
            action="/thuho/xacnhan",
            token=token,
        )
        slow = Fault.SLOW if faults.by_amount(shown.amount_vnd) is Fault.SLOW else Fault.NONE
        return mishaps.answer(slow, bill, ground=self.ground, slow_s=self.wire.slow_s)

    def decide(self, token: str, result: str) -> Response:
        """Carry out the payer's choice once; a second press shows what was done."""
        with self.ground.state.transaction() as db:
            row = db.execute(
                "SELECT * FROM collections WHERE token = ? AND server = ? AND amount_vnd > 0",
                (token, self.wire.name),
            ).fetchone()
            if row is None or result not in {"pay", "cancel"}:
                return error_page(code="YC", message="Yêu cầu không hợp lệ")
            done = row["result"] or self._finish(db, row, result)
        self.courier.wake()
        return page(self.wire.title, f'<p id="result">{SENTENCES[done]}</p>')

    def _finish(self, db: sqlite3.Connection, row: sqlite3.Row, result: str) -> str:
        fault = faults.take(db, self.wire.name, reference=row["code"], amount_vnd=row["amount_vnd"])
        done = CANCELLED if result == "cancel" else PAID
        if done == PAID and fault in {Fault.FAIL, Fault.RUN_OUT}:
            done = REFUSED
        at = self.ground.stamp(faults.SKEW if fault is Fault.SKEWED_CLOCK else timedelta())
        db.execute("UPDATE collections SET result = ?, at = ? WHERE id = ?", (done, at, row["id"]))
        if done == PAID:
            paid = db.execute("SELECT * FROM collections WHERE id = ?", (row["id"],)).fetchone()
            self._settle(db, paid)
            self._tell(db, paid, fault)
        return done

    def _settle(self, db: sqlite3.Connection, row: sqlite3.Row) -> None:
        movement = Movement(
            account=self._bank.account_for(self.wire.account),
            amount_vnd=row["amount_vnd"],
            reference=row["bill_id"],
            memo=f"{row['code']} {self.wire.name.upper()} THU HO {row['id']}",
            cause=f"{self.wire.name}:{row['id']}",
        )
        self._bank.move(db, movement)

    def _tell(self, db: sqlite3.Connection, row: sqlite3.Row, fault: Fault) -> None:
        """A bank that collects tells of money that came: it has no word for a failure, and sends none."""
        amount = row["amount_vnd"] + (faults.WRONG_BY_VND if fault is Fault.WRONG_AMOUNT else 0)
        told = self.wire.notice(row, amount_vnd=amount, wrong_mac=fault is Fault.WRONG_MAC)
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        if fault is Fault.CHANGED_BYTE:
            body = faults.changed_byte(body, seed=f"{self.ground.seed}:{row['code']}")
        for sending in faults.sendings(fault, paid=True):
            if not sending.says_failed:
                delay_s = sending.late_intervals * self.wire.interval_s
                self.courier.put(db, Message(self.wire.notify_url, body, delay_s=delay_s))


def post(
    send: Send, url: str, message: Mapping[str, object], headers: Mapping[str, str]
) -> dict[str, object] | None:
    """The biller's answer to one question; None when there is none that can be read."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
    reply = send(Call("POST", url, {"Content-Type": "application/json", **headers}, body))
    return json_object(reply.body) if reply is not None and reply.status == OK else None


def collection_app(counter: Counter) -> Flask:
    """`GET /thuho?ma=`, `POST /thuho/xacnhan` and `POST /_control`."""
    app = new_app(counter.wire.name)

    @app.get("/thuho")
    def look_up() -> Response:
        return counter.look_up(request.args.get("ma", "").strip())

    @app.post("/thuho/xacnhan")
    def confirm() -> Response:
        return counter.decide(request.form.get("token", ""), request.form.get("result", ""))

    @app.post("/_control")
    def control() -> Response:
        with counter.ground.state.transaction() as db:
            done = faults.control(db, counter.wire.name, read_json() or {})
        return json_answer({"ok": done}, 200 if done else 400)

    return app
