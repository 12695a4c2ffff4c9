"""The national payment platform (DVCQG) 1.0.6, played: INIT, pay page, CONFIRM, QUERY, GET_BILL, the look-up.

Only the error codes 00 and 99 are public, so every refusal is 99 with a sentence. An INIT carries no return
address; this world sends the browser to `return_url` of its settings with MaThamChieu and MaLoi. An INIT that is
sent again word for word is answered as before; the same MaThamChieu with other content is refused.
"""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal
from urllib.parse import urlencode

from flask import Flask, Response, redirect, request

from sandbox import faults, mishaps, outward
from sandbox.bank import Bank, Movement
from sandbox.courier import Courier, Message
from sandbox.dvcqg_asks import FAILED, OK, OTHER, PAID, Asks, number
from sandbox.dvcqg_lookup import Owed, look_up
from sandbox.dvcqg_wire import CONFIRM, INIT, MAC, digits, init_fault, mac
from sandbox.faults import Fault
from sandbox.outward import Reply
from sandbox.pages import dong, error_page, pay_page
from sandbox.serving import json_answer, json_object, new_app, read_json, text_of
from sandbox.state import Ground, get_control, set_control

SCHEMA = """
CREATE TABLE IF NOT EXISTS dvcqg_payments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, reference TEXT NOT NULL UNIQUE,
    init_mac TEXT NOT NULL, amount_vnd INTEGER NOT NULL, info TEXT NOT NULL, account TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT '3', code TEXT NOT NULL DEFAULT '', at TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS dvcqg_cases (reference TEXT PRIMARY KEY, case_code TEXT NOT NULL);
"""
MAX_TEXT_FOR_MEMO = 100
INQUIRE_KEY = "inquire"


@dataclass(frozen=True, slots=True)
class DvcqgSettings:
    """`answer_shape` is that of INIT, `bill_shape` that of GET_BILL.

    `inquiry_url` is the portal's look-up; without it no case can be looked up. `slow_s` belongs to the magic amount.
    """

    port: int
    partner_code: str
    confirm_url: str
    return_url: str
    secret: str = field(repr=False)
    answer_shape: Literal["direct", "wrapped"] = "direct"
    confirm_interval_s: float = 1.0
    slow_s: float = 12.0
    bill_shape: Literal["link", "pdf"] = "link"
    inquiry_url: str = ""
    inquiry_token: str = field(default="", repr=False)


class Dvcqg:
    """The transactions, and what happens to one when the payer decides."""

    def __init__(self, settings: DvcqgSettings, ground: Ground, bank: Bank) -> None:
        self.settings = settings
        self.ground = ground
        self._bank = bank
        ground.state.define(SCHEMA)
        self.courier = Courier(
            ground, "dvcqg", acknowledged=_acknowledged, interval_s=settings.confirm_interval_s
        )
        self.asks = Asks(settings.partner_code, settings.secret, ground)

    def init(self, asked: Mapping[str, object] | None, base_url: str) -> tuple[dict[str, str], Fault]:
        """The answer to an INIT and the fault on its way; `base_url` is ours, without a slash at its end."""
        asked = asked or {}
        wrong = self.asks.refusal(asked, INIT) or init_fault(asked)
        if wrong is not None:
            return self._shaped({"MaLoi": OTHER, "MoTaLoi": wrong}), Fault.NONE
        reference, amount_vnd = text_of(asked["MaThamChieu"]), digits(asked["SoTien"]) or 0
        with self.ground.state.transaction() as db:
            fault = faults.strike(db, "dvcqg", call="INIT", reference=reference, amount_vnd=amount_vnd)
            if fault in faults.UNDONE:
                return {}, fault
            row = self._begin(db, asked)
        if row["init_mac"] != asked[MAC]:
            return self._shaped({"MaLoi": OTHER, "MoTaLoi": "MaThamChieu đã tồn tại"}), fault
        started = {
            "UrlThanhToan": f"{base_url}/thanhtoan/{row['token']}",
            "MaXacThuc": row["init_mac"],
            "MaLoi": OK,
            "MoTaLoi": "Thành công",
        }
        return self._shaped(started), fault

    def _shaped(self, inner: dict[str, str]) -> dict[str, str]:
        if self.settings.answer_shape == "direct":
            return inner
        code = "0" if inner["MaLoi"] == OK else OTHER
        return {"error_code": code, "message": json.dumps(inner, ensure_ascii=False)}

    def _begin(self, db: sqlite3.Connection, asked: Mapping[str, object]) -> sqlite3.Row:
        bill = asked["ThongTinBienLai"]
        assert isinstance(bill, dict), "checked before"
        owed = Owed(
            amount_vnd=digits(asked["SoTien"]) or 0,
            reference=text_of(asked["MaThamChieu"]),
            account=text_of(bill.get("TKThuHuong")),
            info=text_of(asked["ThongTinGiaoDich"]),
        )
        return self._book(db, owed, case_code=text_of(bill.get("MaHoSo")), init_mac=text_of(asked[MAC]))

    def _book(self, db: sqlite3.Connection, owed: Owed, *, case_code: str, init_mac: str) -> sqlite3.Row:
        """The payment of this reference, made if it is not there yet."""
        account = self._bank.account_for(owed.account)
        db.execute(
            "INSERT INTO dvcqg_payments (token, reference, init_mac, amount_vnd, info, account)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (reference) DO NOTHING",
            (self.ground.token(), owed.reference, init_mac, owed.amount_vnd, owed.info, account),
        )
        db.execute(
            "INSERT INTO dvcqg_cases VALUES (?, ?) ON CONFLICT DO NOTHING", (owed.reference, case_code)
        )
        row: sqlite3.Row = db.execute(
            "SELECT * FROM dvcqg_payments WHERE reference = ?", (owed.reference,)
        ).fetchone()
        return row

    def look_up(self, case_code: str) -> Response:
        """The way of a payer who has the code of a case and no page of a portal: what is owed becomes a payment."""
        owed = self._owed(case_code)
        if isinstance(owed, str):
            return error_page(code=OTHER, message=owed, status=404)
        with self.ground.state.transaction() as db:
            token = self._book(db, owed, case_code=case_code, init_mac="")["token"]
        self._charge(token, owed.amount_vnd)
        return _see_other(f"/thanhtoan/{token}")

    def _owed(self, case_code: str) -> Owed | str:
        return look_up(self.ground.send, self.settings.inquiry_url, self.settings.inquiry_token, case_code)

    def control(self, order: dict[str, object]) -> bool:
        """Carry out a story's word; `{"inquire": true}` has what is owed looked up before a page is shown."""
        with self.ground.state.transaction() as db:
            if isinstance(told := order.get("inquire"), bool):
                set_control(db, "dvcqg", INQUIRE_KEY, value="1" if told else None)
                return bool(self.settings.inquiry_url)
            return faults.control(db, "dvcqg", order)

    def open(self, token: str) -> Response:
        """The pay page, or what became of the payment. Looked up first if a story said so, and charged so."""
        row, case_code, inquire = self._page(token)
        if row is None:
            return error_page(code=OTHER, message="Không tìm thấy giao dịch", status=404)
        if row["code"]:
            return error_page(code=OTHER, message="Giao dịch đã kết thúc", status=409)
        if inquire:
            owed = self._owed(case_code)
            if isinstance(owed, str):
                return error_page(code=OTHER, message=owed, status=409)
            row = self._charge(token, owed.amount_vnd)
        return pay_page(
            title="Nền tảng thanh toán Cổng Dịch vụ công Quốc gia (thử nghiệm)",
            rows={
                "Mã tham chiếu": row["reference"],
                "Nội dung": row["info"],
                "Số tiền": dong(row["amount_vnd"]),
            },
            action=f"/thanhtoan/{token}/xacnhan",
            token=token,
        )

    def _page(self, token: str) -> tuple[sqlite3.Row | None, str, bool]:
        """The payment of a page, the code of its case, and whether what is owed is looked up first."""
        with self.ground.state.transaction() as db:
            row = db.execute("SELECT * FROM dvcqg_payments WHERE token = ?", (token,)).fetchone()
            reference = "" if row is None else row["reference"]
            case = db.execute("SELECT * FROM dvcqg_cases WHERE reference = ?", (reference,)).fetchone()
            inquire = get_control(db, "dvcqg", INQUIRE_KEY) is not None and bool(self.settings.inquiry_url)
        return row, "" if case is None else str(case["case_code"]), inquire

    def _charge(self, token: str, amount_vnd: int) -> sqlite3.Row:
        """Charge the live sum; nothing changes once the payer has decided."""
        with self.ground.state.transaction() as db:
            db.execute(
                "UPDATE dvcqg_payments SET amount_vnd = ? WHERE token = ? AND code = ''", (amount_vnd, token)
            )
            row: sqlite3.Row = db.execute("SELECT * FROM dvcqg_payments WHERE token = ?", (token,)).fetchone()
        return row

    def decide(self, token: str, result: str) -> Response:
        """Carry out the payer's choice once; a second press only brings the browser back again."""
        with self.ground.state.transaction() as db:
            row = db.execute("SELECT * FROM dvcqg_payments WHERE token = ?", (token,)).fetchone()
            if row is None or result not in {"pay", "cancel"}:
                return error_page(code=OTHER, message="Yêu cầu không hợp lệ")
            if not row["code"]:
                row = self._finish(db, row, result)
            code = OTHER if self.asks.believed_failed(db, row) else row["code"]
        self.courier.wake()
        back = urlencode({"MaThamChieu": row["reference"], "MaLoi": code})
        return _see_other(f"{self.settings.return_url}?{back}")

    def _finish(self, db: sqlite3.Connection, row: sqlite3.Row, result: str) -> sqlite3.Row:
        fault = faults.take(db, "dvcqg", reference=row["reference"], amount_vnd=row["amount_vnd"])
        paid = result == "pay" and fault not in {Fault.FAIL, Fault.RUN_OUT}
        at = self.ground.stamp(faults.SKEW if fault is Fault.SKEWED_CLOCK else None)
        db.execute(
            "UPDATE dvcqg_payments SET status = ?, code = ?, at = ? WHERE id = ?",
            (PAID if paid else FAILED, OK if paid else OTHER, at, row["id"]),
        )
        done: sqlite3.Row = db.execute("SELECT * FROM dvcqg_payments WHERE id = ?", (row["id"],)).fetchone()
        if paid:
            self._settle(db, done)
        if paid and fault is Fault.FAIL_FIRST:
            until = self.ground.clock() + timedelta(seconds=self._late_s(faults.LATE_INTERVALS))
            faults.fail_until(db, "dvcqg", reference=row["reference"], until=until)
        for sending in faults.sendings(fault, paid=paid):
            message = Message(
                url=self.settings.confirm_url,
                body=self._confirm(done, fault, failed=sending.says_failed),
                delay_s=self._late_s(sending.late_intervals),
            )
            self.courier.put(db, message)
        return done

    def _late_s(self, intervals: int) -> float:
        return self.settings.confirm_interval_s * intervals

    def _settle(self, db: sqlite3.Connection, row: sqlite3.Row) -> None:
        self._bank.move(
            db,
            Movement(
                account=row["account"],
                amount_vnd=row["amount_vnd"],
                reference=row["reference"],
                memo=f"{row['reference']} {row['info'][:MAX_TEXT_FOR_MEMO]} DVCQG {number(row)}",
                cause=f"dvcqg:{row['id']}",
            ),
        )

    def _confirm(self, row: sqlite3.Row, fault: Fault, *, failed: bool) -> bytes:
        """One CONFIRM as it goes out: signed, and then spoilt if the fault says so."""
        fields = self.asks.outcome(row, "CONFIRM", failed=failed)
        told = self.asks.signed(fields)
        if fault is Fault.WRONG_MAC:
            told[MAC] = mac("another secret", fields, CONFIRM)
        if fault is Fault.WRONG_AMOUNT:
            told = self.asks.signed({**fields, "SoTien": row["amount_vnd"] + faults.WRONG_BY_VND})
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
        seed = f"{self.ground.seed}:{row['reference']}"
        return faults.changed_byte(body, seed=seed) if fault is Fault.CHANGED_BYTE else body


def _see_other(url: str) -> Response:
    answer = redirect(url, 303)
    assert isinstance(answer, Response)
    return answer


def _acknowledged(_message: Message, reply: Reply) -> bool:
    return reply.status == outward.OK and (json_object(reply.body) or {}).get("MaLoi") == OK


def dvcqg_app(dvcqg: Dvcqg) -> Flask:
    """The platform's addresses, and `POST /_control`."""
    app = new_app("dvcqg")
    _calls(app, dvcqg)

    @app.get("/thanhtoan/<token>")
    def pay(token: str) -> Response:
        return dvcqg.open(token)

    @app.post("/thanhtoan/<token>/xacnhan")
    def confirm(token: str) -> Response:
        return dvcqg.decide(token, request.form.get("result", ""))

    @app.get("/tracuu")
    def look_up_case() -> Response:
        return dvcqg.look_up(request.args.get("MaHoSo", ""))

    @app.get("/bienlai/<token>")
    def receipt(token: str) -> Response:
        return dvcqg.asks.receipt(token)

    @app.post("/_control")
    def control() -> Response:
        done = dvcqg.control(read_json() or {})
        return json_answer({"ok": done}, 200 if done else 400)

    return app


def _calls(app: Flask, dvcqg: Dvcqg) -> None:
    """What a portal calls, each with what may become of its answer."""

    def answer(given: Response, fault: Fault) -> Response:
        return mishaps.answer(fault, given, ground=dvcqg.ground, slow_s=dvcqg.settings.slow_s)

    @app.post("/init")
    def init() -> Response:
        given, fault = dvcqg.init(read_json(), request.host_url.rstrip("/"))
        return answer(json_answer(given), fault)

    @app.post("/query")
    def query() -> Response:
        given, fault = dvcqg.asks.query(read_json())
        return answer(json_answer(given), fault)

    @app.post("/get_bill")
    def get_bill() -> Response:
        given, fault = dvcqg.asks.bill(read_json(), request.host_url.rstrip("/"))
        link = given.get("UrlBienLai", "")
        if link and dvcqg.settings.bill_shape == "pdf":
            return answer(dvcqg.asks.receipt(link.rpartition("/")[2]), fault)
        return answer(json_answer(given), fault)
