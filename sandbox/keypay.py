"""KeyPay 3 and 2, played: create, pay page, callback, the browser's return; detail and refund are in `keypay_api`.

No document of it is public. Fields and orders are those that one published portal sends and reads. Values of `status`
but 0, codes of `error` but 0, and what version 2 says of a payment that has not ended are this world's choice. A
callback is sent in version 3 alone; its check_sum covers what the published one does (`status` is not in it), unless
`callback_order` says otherwise.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, redirect, request

from sandbox import faults, mishaps
from sandbox.bank import Bank, Movement
from sandbox.courier import Courier, Message
from sandbox.faults import Fault
from sandbox.keypay_api import Api, said, told_2
from sandbox.keypay_wire import (
    CANCELLED,
    CODES_2,
    FAILED,
    PAID,
    PAY,
    SIGNED_2,
    WAITING,
    address_fault,
    check_sum,
    create_fault,
    secure_hash,
    whole,
)
from sandbox.outward import OK, Reply
from sandbox.pages import dong, error_page, pay_page
from sandbox.serving import json_answer, json_object, new_app, read_json, same, text_of
from sandbox.state import Ground

SCHEMA = """
CREATE TABLE IF NOT EXISTS keypay_payments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, version TEXT NOT NULL,
    transaction_id TEXT NOT NULL UNIQUE, good_code TEXT NOT NULL, proof TEXT NOT NULL, amount_vnd INTEGER NOT NULL,
    info TEXT NOT NULL, return_url TEXT NOT NULL, account TEXT NOT NULL, service_code TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT '1');
CREATE TABLE IF NOT EXISTS keypay_refunds (
    id INTEGER PRIMARY KEY AUTOINCREMENT, payment_id INTEGER NOT NULL, amount_vnd INTEGER NOT NULL);
"""
MAX_TEXT_FOR_MEMO = 100


@dataclass(frozen=True, slots=True)
class KeypaySettings:
    """`client_id` is merchant_code in version 2, `key_1` its key. `account` receives what names no known account."""

    port: int
    client_id: str
    key_1: str = field(repr=False)
    key_2: str = field(repr=False)
    callback_url: str
    callback_order: str = PAY
    hash_name: str = "sha256"
    account: str = ""
    callback_interval_s: float = 1.0
    slow_s: float = 12.0


class Order(NamedTuple):
    """What is asked for, whichever the version; `proof` is its check_sum or secure_hash."""

    version: str
    transaction_id: str
    good_code: str
    proof: str
    amount_vnd: int
    info: str
    return_url: str
    account: str
    service_code: str


class Keypay:
    """The transactions, and what happens to one when the payer decides."""

    def __init__(self, settings: KeypaySettings, ground: Ground, bank: Bank) -> None:
        self.settings = settings
        self.ground = ground
        self._bank = bank
        ground.state.define(SCHEMA)
        self.courier = Courier(
            ground, "keypay", acknowledged=_acknowledged, interval_s=settings.callback_interval_s
        )
        self.api = Api(settings.client_id, (settings.key_1, settings.key_2), settings.hash_name, ground, bank)

    def create(self, asked: Mapping[str, object] | None, base_url: str) -> tuple[dict[str, object], Fault]:
        """The answer to a create of version 3 and the fault on its way; `base_url` has no slash at its end."""
        asked = asked or {}
        wrong = self.api.refusal(asked, PAY) or create_fault(asked)
        if wrong is not None:
            return said("12", wrong), Fault.NONE
        bill = asked["bill_info"]
        assert isinstance(bill, dict), "checked before"
        order = Order(
            version="3",
            transaction_id=text_of(asked["transaction_id"]),
            good_code="",
            proof=text_of(asked["check_sum"]),
            amount_vnd=whole(text_of(asked["trans_amount"])),
            info=text_of(asked.get("description")),
            return_url=text_of(asked["return_url"]),
            account=text_of(bill.get("TKThuHuong")),
            service_code="",
        )
        with self.ground.state.transaction() as db:
            reference, amount_vnd = order.transaction_id, order.amount_vnd
            fault = faults.strike(db, "keypay", call="create", reference=reference, amount_vnd=amount_vnd)
            if fault in faults.UNDONE:
                return {}, fault
            row = self._begin(db, order)
        if row["proof"] != order.proof:
            return said("6", "transaction_id đã tồn tại"), fault
        return {**said("0", "success"), "payment_url": f"{base_url}/pay/{row['token']}"}, fault

    def _begin(self, db: sqlite3.Connection, order: Order) -> sqlite3.Row:
        known = order._replace(account=self._bank.account_for(order.account or self.settings.account))
        db.execute(
            f"INSERT INTO keypay_payments ({', '.join(Order._fields)}, token)"  # noqa: S608 - names of our own
            f" VALUES ({'?, ' * len(Order._fields)}?) ON CONFLICT (transaction_id) DO NOTHING",
            (*known, self.ground.token()),
        )
        row: sqlite3.Row = db.execute(
            "SELECT * FROM keypay_payments WHERE transaction_id = ?", (order.transaction_id,)
        ).fetchone()
        return row

    def open_address(self, asked: Mapping[str, str]) -> Response:
        """The pay page of an address of version 2, or its error page."""
        signed = {name: asked.get(name, "") for name in SIGNED_2.split("|")}
        proof = secure_hash(self.settings.key_1, signed, self.settings.hash_name)
        if asked.get("merchant_code") != self.settings.client_id:
            return error_page(code="1", message="Đại lý không tồn tại trong hệ thống")
        if not same(proof, asked.get("secure_hash", "").lower()):
            return error_page(code="2", message="Chuỗi mã hóa không hợp lệ")
        wrong = address_fault(asked)
        if wrong is not None:
            return error_page(code=wrong, message="Dữ liệu không hợp lệ")
        order = Order(
            version="2",
            transaction_id=asked["merchant_trans_id"],
            good_code=asked["good_code"],
            proof=proof,
            amount_vnd=whole(asked["net_cost"]),
            info=asked.get("desc_4", ""),
            return_url=asked["return_url"],
            account="",
            service_code=asked["service_code"],
        )
        with self.ground.state.transaction() as db:
            row = self._begin(db, order)
        if row["proof"] != proof:
            return error_page(code="6", message="Giao dịch đã tồn tại trong hệ thống")
        return self.open(row["token"])

    def open(self, token: str) -> Response:
        """The pay page, or what became of the payment."""
        with self.ground.state.transaction() as db:
            row = db.execute("SELECT * FROM keypay_payments WHERE token = ?", (token,)).fetchone()
        if row is None:
            return error_page(code="4", message="Không tìm thấy giao dịch", status=404)
        if row["status"] != WAITING:
            return error_page(code="6", message="Giao dịch đã kết thúc", status=409)
        rows = {
            "Mã giao dịch": row["transaction_id"],
            "Nội dung": row["info"],
            "Số tiền": dong(row["amount_vnd"]),
        }
        return pay_page(title="KeyPay (thử nghiệm)", rows=rows, action=f"/pay/{token}/confirm", token=token)

    def decide(self, token: str, result: str) -> Response:
        """Carry out the payer's choice once; a second press only brings the browser back again."""
        with self.ground.state.transaction() as db:
            row = db.execute("SELECT * FROM keypay_payments WHERE token = ?", (token,)).fetchone()
            if row is None or result not in {"pay", "cancel"}:
                return error_page(code="4", message="Yêu cầu không hợp lệ")
            if row["status"] == WAITING:
                row = self._finish(db, row, result)
        self.courier.wake()
        answer = redirect(
            row["return_url"] + ("&" if urlsplit(row["return_url"]).query else "?") + self._back(row), 303
        )
        assert isinstance(answer, Response)
        return answer

    def _back(self, row: sqlite3.Row) -> str:
        """What the browser brings: unsigned in version 3, signed in version 2."""
        if row["version"] == "3":
            return urlencode({"transaction_id": row["transaction_id"], "status": row["status"]})
        told = told_2(self.settings.client_id, row, CODES_2[row["status"]])
        return urlencode(
            {**told, "secure_hash": secure_hash(self.settings.key_1, told, self.settings.hash_name)}
        )

    def _finish(self, db: sqlite3.Connection, row: sqlite3.Row, result: str) -> sqlite3.Row:
        reference = row["transaction_id"]
        fault = faults.take(db, "keypay", reference=reference, amount_vnd=row["amount_vnd"])
        status = CANCELLED if result == "cancel" else PAID
        if status == PAID and fault in {Fault.FAIL, Fault.RUN_OUT}:
            status = FAILED
        db.execute("UPDATE keypay_payments SET status = ? WHERE id = ?", (status, row["id"]))
        done: sqlite3.Row = db.execute("SELECT * FROM keypay_payments WHERE id = ?", (row["id"],)).fetchone()
        if status == PAID:
            self._settle(db, done)
        if status == PAID and fault is Fault.FAIL_FIRST:
            late = timedelta(seconds=faults.LATE_INTERVALS * self.settings.callback_interval_s)
            faults.fail_until(db, "keypay", reference=reference, until=self.ground.clock() + late)
        if row["version"] == "3":
            self._tell(db, done, fault)
        return done

    def _settle(self, db: sqlite3.Connection, row: sqlite3.Row) -> None:
        movement = Movement(
            account=row["account"],
            amount_vnd=row["amount_vnd"],
            reference=row["transaction_id"],
            memo=f"{row['transaction_id']} {row['info'][:MAX_TEXT_FOR_MEMO]} KEYPAY {self.api.number(row)}",
            cause=f"keypay:{row['id']}",
        )
        self._bank.move(db, movement)

    def _tell(self, db: sqlite3.Connection, row: sqlite3.Row, fault: Fault) -> None:
        for sending in faults.sendings(fault, paid=row["status"] == PAID):
            message = Message(
                url=self.settings.callback_url,
                body=self._callback(row, fault, failed=sending.says_failed),
                delay_s=sending.late_intervals * self.settings.callback_interval_s,
            )
            self.courier.put(db, message)

    def _callback(self, row: sqlite3.Row, fault: Fault, *, failed: bool) -> bytes:
        """One callback as it goes out: signed, and then spoilt if the fault says so."""
        more = faults.WRONG_BY_VND if fault is Fault.WRONG_AMOUNT else 0
        fields: dict[str, object] = {
            "client_id": self.settings.client_id,
            "transaction_id": row["transaction_id"],
            "transaction_code": self.api.number(row),
            "trans_amount": str(row["amount_vnd"] + more),
            "payment_fee": "0",
            "command": "PAY",
            "addition_fee": "0",
            "version": "3.0",
            "description": row["info"],
            "currency_code": "VND",
            "status": int(FAILED if failed else row["status"]),
        }
        key = "another key" if fault is Fault.WRONG_MAC else self.settings.key_2
        told = {**fields, "check_sum": check_sum(key, fields, self.settings.callback_order)}
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        seed = f"{self.ground.seed}:{row['transaction_id']}"
        return faults.changed_byte(body, seed=seed) if fault is Fault.CHANGED_BYTE else body


def _acknowledged(_message: Message, reply: Reply) -> bool:
    return reply.status == OK and (json_object(reply.body) or {}).get("return_code") == 0


def keypay_app(keypay: Keypay) -> Flask:
    """The addresses of both versions, and `POST /_control`."""
    app = new_app("keypay")
    _calls(app, keypay)

    @app.get("/pay")
    def pay_address() -> Response:
        return keypay.open_address(request.args.to_dict())

    @app.get("/pay/<token>")
    def pay(token: str) -> Response:
        return keypay.open(token)

    @app.post("/pay/<token>/confirm")
    def confirm(token: str) -> Response:
        return keypay.decide(token, request.form.get("result", ""))

    @app.post("/_control")
    def control() -> Response:
        with keypay.ground.state.transaction() as db:
            done = faults.control(db, "keypay", read_json() or {})
        return json_answer({"ok": done}, 200 if done else 400)

    return app


def _calls(app: Flask, keypay: Keypay) -> None:
    """What a client calls, each with what may become of its answer."""

    def answer(given: tuple[dict[str, object], Fault]) -> Response:
        told, fault = given
        slow_s = keypay.settings.slow_s
        return mishaps.answer(fault, json_answer(told), ground=keypay.ground, slow_s=slow_s)

    @app.post("/v3/create")
    def create() -> Response:
        return answer(keypay.create(read_json(), request.host_url.rstrip("/")))

    @app.post("/v3/detail")
    def detail() -> Response:
        return answer(keypay.api.detail(read_json()))

    @app.post("/v3/refund")
    def refund() -> Response:
        return answer(keypay.api.refund(read_json()))

    @app.get("/bill_status")
    def bill_status() -> Response:
        return answer(keypay.api.bill_status(request.args.to_dict()))
