"""A bank of the National Portal's payment management, played: transactions with an alias account and a QR code.

Each call is a signed POST; x-request-id makes 3.1 idempotent, and a second active transaction of a MaHoaDon is
refused. A payer "scans" the code: `GET /quet?qr=` shows what it asks for. Written from two public descriptions of one
bank's implementation; what they do not tell is in `ttttqg_wire.py`.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from flask import Flask, Response, request

from sandbox import faults, mishaps
from sandbox.bank import Bank, Movement
from sandbox.courier import NOTICE_TRIES, Courier, Message
from sandbox.faults import Fault
from sandbox.outward import SUCCESS, Reply
from sandbox.pages import dong, error_page, page, pay_page
from sandbox.serving import json_object, new_app, read_json, text_of
from sandbox.state import Ground, read_stamp
from sandbox.ttttqg_desk import Desk, Told, number_of, said
from sandbox.ttttqg_wire import BANK_BIN, OK, Signer, TtttqgSettings, digits, order_fault, qr_text

SCHEMA = """
CREATE TABLE IF NOT EXISTS ttttqg_payments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, request_id TEXT NOT NULL UNIQUE,
    content TEXT NOT NULL, invoice TEXT NOT NULL, amount_vnd INTEGER NOT NULL, info TEXT NOT NULL,
    expires TEXT NOT NULL, alias TEXT NOT NULL DEFAULT '', qr TEXT NOT NULL DEFAULT '', account TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'PENDING', at TEXT NOT NULL DEFAULT '');
"""
PENDING, PAID, FAILED = "PENDING", "PAID", "FAILED"
MAX_INVOICE = 20
MAX_INFO_IN_MEMO = 100
RECEIPT = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
)
Answer = tuple[Told, Fault]


class Ttttqg:
    """The transactions, and what happens to one when the payer decides."""

    def __init__(self, settings: TtttqgSettings, ground: Ground, bank: Bank) -> None:
        self.settings = settings
        self.ground = ground
        self._bank = bank
        self.signer = Signer(settings)
        ground.state.define(SCHEMA)
        self.desk = Desk(ground, bank, settings.account)
        self.courier = Courier(
            ground,
            "ttttqg",
            acknowledged=_acknowledged,
            interval_s=settings.notice_interval_s,
            max_tries=NOTICE_TRIES,
            seal=self._sealed,
        )

    def create(self, asked: Mapping[str, object], request_id: str) -> Answer:
        """3.1."""
        wrong = order_fault(asked)
        if wrong is not None or not request_id or len(text_of(asked["MaHoaDon"])) > MAX_INVOICE:
            return said(wrong or "Thiếu x-request-id, hoặc MaHoaDon quá dài"), Fault.NONE
        content = json.dumps(asked, ensure_ascii=False, sort_keys=True)
        invoice, amount = text_of(asked["MaHoaDon"]), digits(asked["SoTien"]) or 0
        with self.ground.state.transaction() as db:
            fault = faults.strike(db, "ttttqg", call="create", reference=invoice, amount_vnd=amount)
            if fault in faults.UNDONE:
                return {}, fault
            row = db.execute("SELECT * FROM ttttqg_payments WHERE request_id = ?", (request_id,)).fetchone()
            if row is None and self._active(db, invoice):
                return said("Hóa đơn đã thanh toán, hoặc đang có giao dịch còn hiệu lực"), fault
            if row is not None and row["content"] != content:
                return said("x-request-id đã dùng cho nội dung khác"), fault
            row = row or self._begin(db, asked, request_id, content)
        told = {
            "MaDoiTac": self.settings.partner_code,
            "MaHoaDon": invoice,
            "MaGiaoDich": number_of(row["id"]),
            "SoTaiKhoan": row["alias"],
            "TenTaiKhoan": self._bank.accounts[row["account"]].name,
            "MaNganHang": BANK_BIN,
            "SoTien": amount,
            "ChuoiQR": row["qr"],
        }
        return {**said("Thành công", OK), **told}, fault

    def _active(self, db: sqlite3.Connection, invoice: str) -> bool:
        rows = db.execute("SELECT * FROM ttttqg_payments WHERE invoice = ?", (invoice,)).fetchall()
        return any(
            row["status"] == PAID or (row["status"] == PENDING and not self._over(row)) for row in rows
        )

    def _over(self, row: sqlite3.Row) -> bool:
        expires: datetime | None = read_stamp(row["expires"])
        return expires is not None and self.ground.clock() > expires

    def _begin(
        self, db: sqlite3.Connection, asked: Mapping[str, object], request_id: str, content: str
    ) -> sqlite3.Row:
        invoice, amount = text_of(asked["MaHoaDon"]), digits(asked["SoTien"]) or 0
        info, expires = text_of(asked.get("NoiDungThanhToan")), text_of(asked["ThoiGianHetHan"])
        account = self._bank.account_for(self.settings.account)
        cursor = db.execute(
            "INSERT INTO ttttqg_payments (token, request_id, content, invoice, amount_vnd, info, expires, account)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (self.ground.token(), request_id, content, invoice, amount, info, expires, account),
        )
        alias = f"99{self.ground.now_local():%y%m%d}{cursor.lastrowid:05d}"
        db.execute(
            "UPDATE ttttqg_payments SET alias = ?, qr = ? WHERE id = ?",
            (alias, qr_text(alias, amount, invoice), cursor.lastrowid),
        )
        row: sqlite3.Row = db.execute(
            "SELECT * FROM ttttqg_payments WHERE id = ?", (cursor.lastrowid,)
        ).fetchone()
        return row

    def status(self, asked: Mapping[str, object]) -> Answer:
        """3.3: the latest transaction of MaHoaDon."""
        with self.ground.state.transaction() as db:
            row = self._latest(db, text_of(asked.get("MaHoaDon")))
            if row is None:
                return said("Không tìm thấy giao dịch"), Fault.NONE
            fault = self._strike(db, "status", row)
            failed = self._believed_failed(db, row)
        return {**said("Thành công", OK), **self._outcome(row, failed=failed)}, fault

    def receipt(self, asked: Mapping[str, object], base_url: str) -> Answer:
        """3.4: by MaThamChieu, and MaGiaoDich if it is given."""
        number = text_of(asked.get("MaGiaoDich"))
        with self.ground.state.transaction() as db:
            row = self._latest(db, text_of(asked.get("MaThamChieu")))
            if row is None or number not in {"", number_of(row["id"])}:
                return said("Không tìm thấy giao dịch"), Fault.NONE
            fault = self._strike(db, "receipt", row)
        if row["status"] != PAID:
            return said("Giao dịch chưa thanh toán"), fault
        return {**said("Thành công", OK), "UrlBienLai": f"{base_url}/bienlai/{row['token']}.pdf"}, fault

    def paper(self, token: str) -> Response:
        """The receipt behind UrlBienLai."""
        with self.ground.state.transaction() as db:
            row = db.execute(
                "SELECT * FROM ttttqg_payments WHERE token = ? AND status = ?", (token, PAID)
            ).fetchone()
        if row is None:
            return error_page(code="99", message="Không tìm thấy biên lai", status=404)
        text = f"% {row['invoice']} {row['amount_vnd']} VND\ntrailer<</Root 1 0 R>>\n%%EOF\n"
        return Response(RECEIPT + text.encode(), content_type="application/pdf")

    def _latest(self, db: sqlite3.Connection, invoice: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM ttttqg_payments WHERE invoice = ? ORDER BY id DESC", (invoice,)
        ).fetchone()
        return row

    def _strike(self, db: sqlite3.Connection, call: str, row: sqlite3.Row) -> Fault:
        return faults.strike(db, "ttttqg", call=call, reference=row["invoice"], amount_vnd=row["amount_vnd"])

    def _believed_failed(self, db: sqlite3.Connection, row: sqlite3.Row) -> bool:
        return faults.believed_failed(db, "ttttqg", reference=row["invoice"], now=self.ground.clock())

    def scan(self, qr: str) -> Response:
        """The payer's bank, with what the code asks for; the alias account is closed once paid or over."""
        with self.ground.state.transaction() as db:
            row = db.execute("SELECT * FROM ttttqg_payments WHERE qr = ? AND qr != ''", (qr,)).fetchone()
        if row is None:
            return error_page(code="99", message="Mã QR không đúng", status=404)
        if row["status"] != PENDING or self._over(row):
            return error_page(code="99", message="Tài khoản nhận đã đóng", status=409)
        rows = {
            "Tài khoản nhận": row["alias"],
            "Nội dung": row["invoice"],
            "Số tiền": dong(row["amount_vnd"]),
        }
        title = "Ngân hàng của người nộp (thử nghiệm)"
        return pay_page(title=title, rows=rows, action="/quet/xacnhan", token=row["token"])

    def decide(self, token: str, result: str) -> Response:
        """Carry out the payer's choice; who leaves changes nothing, a second press neither."""
        with self.ground.state.transaction() as db:
            row = db.execute("SELECT * FROM ttttqg_payments WHERE token = ?", (token,)).fetchone()
            if row is None or result not in {"pay", "cancel"}:
                return error_page(code="99", message="Yêu cầu không hợp lệ")
            if result == "pay" and row["status"] == PENDING and not self._over(row):
                row = self._finish(db, row)
        self.courier.wake()
        return page("Ngân hàng của người nộp (thử nghiệm)", f'<p id="result">{row["status"]}</p>')

    def _finish(self, db: sqlite3.Connection, row: sqlite3.Row) -> sqlite3.Row:
        fault = faults.take(db, "ttttqg", reference=row["invoice"], amount_vnd=row["amount_vnd"])
        status = FAILED if fault in {Fault.FAIL, Fault.RUN_OUT} else PAID
        at = self.ground.stamp(faults.SKEW if fault is Fault.SKEWED_CLOCK else timedelta())
        db.execute("UPDATE ttttqg_payments SET status = ?, at = ? WHERE id = ?", (status, at, row["id"]))
        done: sqlite3.Row = db.execute("SELECT * FROM ttttqg_payments WHERE id = ?", (row["id"],)).fetchone()
        if status == PAID:
            self._settle(db, done)
        late_s = faults.LATE_INTERVALS * self.settings.notice_interval_s
        if status == PAID and fault is Fault.FAIL_FIRST:
            until = self.ground.clock() + timedelta(seconds=late_s)
            faults.fail_until(db, "ttttqg", reference=row["invoice"], until=until)
        flaw = fault.value if fault in {Fault.WRONG_MAC, Fault.CHANGED_BYTE} else ""
        for sending in faults.sendings(fault, paid=status == PAID):
            told = self._outcome(done, failed=sending.says_failed)
            if fault is Fault.WRONG_AMOUNT:
                told["SoTien"] = row["amount_vnd"] + faults.WRONG_BY_VND
            body = _json({**said("Thành công", OK), "MaDoiTac": self.settings.partner_code, **told})
            delay_s = sending.late_intervals * self.settings.notice_interval_s
            self.courier.put(db, Message(self.settings.notice_url, body, flaw=flaw, delay_s=delay_s))
        return done

    def _settle(self, db: sqlite3.Connection, row: sqlite3.Row) -> None:
        movement = Movement(
            account=row["account"],
            amount_vnd=row["amount_vnd"],
            reference=row["invoice"],
            memo=f"{row['invoice']} {row['info'][:MAX_INFO_IN_MEMO]} TTTT {number_of(row['id'])}",
            cause=f"ttttqg:{row['id']}",
        )
        self._bank.move(db, movement)

    def _outcome(self, row: sqlite3.Row, *, failed: bool) -> Told:
        return {
            "MaHoaDon": row["invoice"],
            "MaGiaoDich": number_of(row["id"]),
            "SoTien": row["amount_vnd"],
            "MaTienTe": "VND",
            "TrangThai": FAILED if failed else row["status"],
            "ThoiGianGD": row["at"],
        }

    def _sealed(self, message: Message) -> tuple[Mapping[str, str], bytes]:
        body = message.body or b""
        signature = self.signer.sign(body + b" " if message.flaw == Fault.WRONG_MAC else body)
        if message.flaw == Fault.CHANGED_BYTE:
            body = faults.changed_byte(body, seed=str(self.ground.seed))
        headers = {"x-request-id": self.ground.hex(), "x-request-signature": signature}
        return {"Content-Type": "application/json; charset=utf-8", **headers}, body


def _acknowledged(_message: Message, reply: Reply) -> bool:
    return reply.status in SUCCESS and (json_object(reply.body) or {}).get("MaLoi") == OK


def _json(told: Mapping[str, object]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def ttttqg_app(bank: Ttttqg) -> Flask:
    """The calls of the portal, the payer's pages, and `POST /_control`."""
    app = new_app("ttttqg")
    _calls(app, bank)

    @app.get("/bienlai/<token>.pdf")
    def paper(token: str) -> Response:
        return bank.paper(token)

    @app.get("/quet")
    def scan() -> Response:
        return bank.scan(request.args.get("qr", ""))

    @app.post("/quet/xacnhan")
    def confirm() -> Response:
        return bank.decide(request.form.get("token", ""), request.form.get("result", ""))

    @app.get("/_results")
    def results() -> Response:
        return Response(_json(dict(bank.desk.results())), content_type="application/json; charset=utf-8")

    @app.post("/_control")
    def control() -> Response:
        with bank.ground.state.transaction() as db:
            done = faults.control(db, "ttttqg", read_json() or {})
        return Response(_json({"ok": done}), 200 if done else 400, content_type="application/json")

    return app


def _calls(app: Flask, bank: Ttttqg) -> None:
    """3.1 and 3.3 to 3.9: checked before they are read, and every answer signed."""

    def quiet(answer: Callable[[Mapping[str, object]], Told]) -> Callable[[Mapping[str, object]], Answer]:
        return lambda asked: (answer(asked), Fault.NONE)

    calls: dict[str, Callable[[Mapping[str, object]], Answer]] = {
        "/giao-dich/tao": lambda asked: bank.create(asked, request.headers.get("x-request-id", "")),
        "/giao-dich/trang-thai": bank.status,
        "/giao-dich/bien-lai": lambda asked: bank.receipt(asked, request.host_url.rstrip("/")),
        "/giao-dich/hoan-tien": bank.desk.refund,
        "/giao-dich/tai-khoan-thanh-toan": quiet(bank.desk.payment_account),
        "/tai-khoan/van-tin": quiet(bank.desk.account),
        "/chi-ho": bank.desk.disburse,
        "/doi-soat": quiet(bank.desk.reconcile),
    }

    def answer() -> Response:
        asked, body = read_json(), request.get_data(cache=True)
        told, fault = said("Chữ ký hoặc MaDoiTac không đúng"), Fault.NONE
        genuine = bank.signer.holds(body, request.headers.get("x-request-signature", ""))
        if asked is not None and genuine and asked.get("MaDoiTac") == bank.settings.partner_code:
            told, fault = calls[request.path](asked)
        given = Response(_json(told), content_type="application/json; charset=utf-8")
        given.headers["x-request-signature"] = bank.signer.sign(given.get_data())
        return mishaps.answer(fault, given, ground=bank.ground, slow_s=bank.settings.slow_s)

    for path in calls:
        app.add_url_rule(path, endpoint=path, view_func=answer, methods=["POST"])
