"""PayGov behind a province's LGSP, played: token, create, pay page, callback, receipt.

No document of it is public. Fields, the checksums of create and receipt, and the words of a reply are those that one
published portal sends and reads. What a callback's checksum covers, and every errorCode but 00, are this world's
choice. An orderId that was paid once cannot be paid again; the same create word for word is answered as before.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode, urlsplit

from flask import Flask, Response, redirect, request

from sandbox import faults, mishaps
from sandbox.bank import Bank, Movement
from sandbox.courier import Courier, Message
from sandbox.faults import Fault
from sandbox.outward import OK, Reply
from sandbox.pages import dong, error_page, page, pay_page
from sandbox.paygov_wire import (
    CALLBACK,
    CANCELLED,
    CREATE,
    MAX_DIGITS,
    PAID,
    RECEIPT,
    REFUSED,
    checksum,
    create_fault,
    holds,
    receipt_codes,
)
from sandbox.serving import json_answer, json_object, new_app, read_json, text_of
from sandbox.state import Ground

SCHEMA = """
CREATE TABLE IF NOT EXISTS paygov_payments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, request_code TEXT NOT NULL UNIQUE,
    order_id TEXT NOT NULL, checksum TEXT NOT NULL, amount_vnd INTEGER NOT NULL, info TEXT NOT NULL,
    return_url TEXT NOT NULL, error_code TEXT NOT NULL DEFAULT '', at TEXT NOT NULL DEFAULT '');
"""
MAX_TEXT_FOR_MEMO = 100
FIRST_NUMBER = 26_000_000
UNAUTHORIZED = 401


@dataclass(frozen=True, slots=True)
class PaygovSettings:
    """`callback_order` is what a callback's checksum covers. `account` receives the money; `slow_s` is a fault's."""

    port: int
    partner_code: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    bearer_token: str = field(repr=False)
    lgsp_token: str = field(repr=False)
    callback_url: str
    callback_order: str = CALLBACK
    account: str = ""
    callback_interval_s: float = 1.0
    slow_s: float = 12.0

    @property
    def secrets(self) -> dict[str, str]:
        return {
            "secretKey": self.secret_key,
            "accessKey": self.access_key,
            "partnerCode": self.partner_code,
        }


class Paygov:
    """The transactions, and what happens to one when the payer decides."""

    def __init__(self, settings: PaygovSettings, ground: Ground, bank: Bank) -> None:
        self.settings = settings
        self.ground = ground
        self._bank = bank
        ground.state.define(SCHEMA)
        self.courier = Courier(
            ground, "paygov", acknowledged=_acknowledged, interval_s=settings.callback_interval_s
        )

    def knows(self, authorization: str, lgsp_token: str) -> bool:
        """Whether a caller has both tokens."""
        ours = (f"Bearer {self.settings.bearer_token}", self.settings.lgsp_token)
        return (authorization, lgsp_token) == ours

    def create(self, asked: Mapping[str, object] | None, base_url: str) -> tuple[dict[str, object], Fault]:
        """The answer to a create and the fault on its way; `base_url` is ours, without a slash at its end."""
        asked = asked or {}
        if not holds(self.settings.secrets, asked, CREATE):
            return _said("SIGNATURE_WRONG", "checksum không đúng"), Fault.NONE
        wrong = create_fault(asked, self.settings.partner_code, self.settings.access_key)
        if wrong is not None:
            return _said("FAILED", wrong), Fault.NONE
        code, amount_vnd = text_of(asked["requestCode"]), int(text_of(asked["amount"]))
        with self.ground.state.transaction() as db:
            fault = faults.strike(db, "paygov", call="create", reference=code, amount_vnd=amount_vnd)
            if fault in faults.UNDONE:
                return {}, fault
            if _is_paid(db, text_of(asked["orderId"])):
                return _said("FAILED", "orderId đã được thanh toán"), fault
            row = self._begin(db, asked, amount_vnd)
        if row["checksum"] != asked["checksum"]:
            return _said("FAILED", "requestCode đã tồn tại"), fault
        return {**_said("SUCCESSFUL", ""), "data": {"url": f"{base_url}/pay/{row['token']}"}}, fault

    def _begin(self, db: sqlite3.Connection, asked: Mapping[str, object], amount_vnd: int) -> sqlite3.Row:
        texts = [
            text_of(asked[name]) for name in ("requestCode", "orderId", "checksum", "orderInfo", "returnUrl")
        ]
        db.execute(
            "INSERT INTO paygov_payments (token, request_code, order_id, checksum, info, return_url, amount_vnd)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (request_code) DO NOTHING",
            (self.ground.token(), *texts, amount_vnd),
        )
        row: sqlite3.Row = db.execute(
            "SELECT * FROM paygov_payments WHERE request_code = ?", texts[:1]
        ).fetchone()
        return row

    def open(self, token: str) -> Response:
        """The pay page, or what became of the payment."""
        with self.ground.state.transaction() as db:
            row = db.execute("SELECT * FROM paygov_payments WHERE token = ?", (token,)).fetchone()
        if row is None:
            return error_page(code="FAILED", message="Không tìm thấy giao dịch", status=404)
        if row["error_code"]:
            return error_page(code=row["error_code"], message="Giao dịch đã kết thúc", status=409)
        rows = {"Mã đơn hàng": row["order_id"], "Nội dung": row["info"], "Số tiền": dong(row["amount_vnd"])}
        return pay_page(title="PayGov (thử nghiệm)", rows=rows, action=f"/pay/{token}/confirm", token=token)

    def decide(self, token: str, result: str) -> Response:
        """Carry out the payer's choice once; a second press only brings the browser back again."""
        with self.ground.state.transaction() as db:
            row = db.execute("SELECT * FROM paygov_payments WHERE token = ?", (token,)).fetchone()
            if row is None or result not in {"pay", "cancel"}:
                return error_page(code="FAILED", message="Yêu cầu không hợp lệ")
            if not row["error_code"]:
                row = self._finish(db, row, result)
        self.courier.wake()
        back = urlencode({"orderId": row["order_id"], "errorCode": row["error_code"]})
        answer = redirect(row["return_url"] + ("&" if urlsplit(row["return_url"]).query else "?") + back, 303)
        assert isinstance(answer, Response)
        return answer

    def _finish(self, db: sqlite3.Connection, row: sqlite3.Row, result: str) -> sqlite3.Row:
        fault = faults.take(db, "paygov", reference=row["request_code"], amount_vnd=row["amount_vnd"])
        code = CANCELLED if result == "cancel" else PAID
        if code == PAID and (fault in {Fault.FAIL, Fault.RUN_OUT} or _is_paid(db, row["order_id"])):
            code = REFUSED
        at = self.ground.stamp(faults.SKEW if fault is Fault.SKEWED_CLOCK else timedelta())
        db.execute("UPDATE paygov_payments SET error_code = ?, at = ? WHERE id = ?", (code, at, row["id"]))
        done: sqlite3.Row = db.execute("SELECT * FROM paygov_payments WHERE id = ?", (row["id"],)).fetchone()
        if code == PAID:
            self._settle(db, done)
        for sending in faults.sendings(fault, paid=code == PAID):
            message = Message(
                url=self.settings.callback_url,
                body=self._callback(done, fault, failed=sending.says_failed),
                delay_s=sending.late_intervals * self.settings.callback_interval_s,
            )
            self.courier.put(db, message)
        return done

    def _settle(self, db: sqlite3.Connection, row: sqlite3.Row) -> None:
        movement = Movement(
            account=self._bank.account_for(self.settings.account),
            amount_vnd=row["amount_vnd"],
            reference=row["request_code"],
            memo=f"{row['request_code']} {row['info'][:MAX_TEXT_FOR_MEMO]} PAYGOV {_number(row)}",
            cause=f"paygov:{row['id']}",
        )
        self._bank.move(db, movement)

    def _callback(self, row: sqlite3.Row, fault: Fault, *, failed: bool) -> bytes:
        """One callback as it goes out: signed, and then spoilt if the fault says so."""
        fields: dict[str, object] = {
            "orderId": row["order_id"],
            "amount": row["amount_vnd"] + (faults.WRONG_BY_VND if fault is Fault.WRONG_AMOUNT else 0),
            "orderInfo": row["info"],
            "requestCode": row["request_code"],
            "transactionNo": str(FIRST_NUMBER + row["id"]),
            "payDate": row["at"],
            "paygate": "VNPAY",
            "errorCode": REFUSED if failed else row["error_code"],
            "type": "DVC",
            "transactionCode": _number(row),
        }
        keys = self.settings.secrets
        if fault is Fault.WRONG_MAC:
            keys = {**keys, "secretKey": "another key"}
        told = {**fields, "checksum": checksum(keys, fields, self.settings.callback_order)}
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        seed = f"{self.ground.seed}:{row['request_code']}"
        return faults.changed_byte(body, seed=seed) if fault is Fault.CHANGED_BYTE else body

    def receipt(self, asked: Mapping[str, object] | None, base_url: str) -> dict[str, object]:
        """The answer to a question for a receipt: its address, once every named transaction is paid."""
        asked = asked or {}
        if not holds(self.settings.secrets, asked, RECEIPT):
            return _said("SIGNATURE_WRONG", "checksum không đúng")
        numbers = [_id_of(code) for code in receipt_codes(asked)]
        with self.ground.state.transaction() as db:
            rows = [
                db.execute(
                    "SELECT * FROM paygov_payments WHERE id = ? AND error_code = ?", (number, PAID)
                ).fetchone()
                for number in numbers
            ]
        if not rows or None in rows:
            return _said("FAILED", "Giao dịch chưa thành công")
        return {"transactionReceipt": f"{base_url}/receipt/{rows[0]['token']}"}

    def paper(self, token: str) -> Response:
        """The page behind `transactionReceipt`."""
        with self.ground.state.transaction() as db:
            row = db.execute(
                "SELECT * FROM paygov_payments WHERE token = ? AND error_code = ?", (token, PAID)
            ).fetchone()
        if row is None:
            return error_page(code="FAILED", message="Không tìm thấy biên lai", status=404)
        return page("Biên lai thu phí, lệ phí (thử nghiệm)", f"<p>Số tiền: {dong(row['amount_vnd'])}</p>")


def _is_paid(db: sqlite3.Connection, order_id: str) -> bool:
    found = db.execute(
        "SELECT 1 FROM paygov_payments WHERE order_id = ? AND error_code = ?", (order_id, PAID)
    ).fetchone()
    return found is not None


def _number(row: sqlite3.Row) -> str:
    """PayGov's own code of a payment (transactionCode)."""
    return f"PG{FIRST_NUMBER + int(row['id'])}"


def _id_of(code: str) -> int:
    digits = code.removeprefix("PG")
    whole = digits.isascii() and digits.isdigit() and len(digits) <= MAX_DIGITS
    return int(digits) - FIRST_NUMBER if whole else 0


def _said(code: str, message: str) -> dict[str, object]:
    return {"error_code": code, "error_message": message}


def _acknowledged(_message: Message, reply: Reply) -> bool:
    return reply.status == OK and (json_object(reply.body) or {}).get("error_code") == "SUCCESSFUL"


def paygov_app(paygov: Paygov) -> Flask:
    """The addresses of the LGSP and of PayGov, and `POST /_control`."""
    app = new_app("paygov")
    _calls(app, paygov)

    @app.get("/pay/<token>")
    def pay(token: str) -> Response:
        return paygov.open(token)

    @app.post("/pay/<token>/confirm")
    def confirm(token: str) -> Response:
        return paygov.decide(token, request.form.get("result", ""))

    @app.get("/receipt/<token>")
    def paper(token: str) -> Response:
        return paygov.paper(token)

    @app.post("/_control")
    def control() -> Response:
        with paygov.ground.state.transaction() as db:
            done = faults.control(db, "paygov", read_json() or {})
        return json_answer({"ok": done}, 200 if done else 400)

    return app


def _calls(app: Flask, paygov: Paygov) -> None:
    """What a portal calls; without both tokens every answer is 401."""
    settings = paygov.settings

    def known() -> bool:
        return paygov.knows(*(request.headers.get(name, "") for name in ("Authorization", "lgspaccesstoken")))

    @app.post("/token")
    def token() -> Response:
        partner = request.headers.get("lgspaccesstoken") == settings.lgsp_token
        if not partner or request.form.get("grant_type") != "client_credentials":
            return json_answer(_said("FAILED", "lgspaccesstoken không đúng"), UNAUTHORIZED)
        given = {"access_token": settings.bearer_token, "token_type": "Bearer", "expires_in": 3600}
        return json_answer(given)

    @app.post("/paygate")
    def paygate() -> Response:
        if not known():
            return json_answer(_said("FAILED", "token không đúng"), UNAUTHORIZED)
        told, fault = paygov.create(read_json(), request.host_url.rstrip("/"))
        return mishaps.answer(fault, json_answer(told), ground=paygov.ground, slow_s=settings.slow_s)

    @app.post("/receipt")
    def receipt() -> Response:
        if not known():
            return json_answer(_said("FAILED", "token không đúng"), UNAUTHORIZED)
        return json_answer(paygov.receipt(read_json(), request.host_url.rstrip("/")))
