"""The national payment platform (DVCQG) 1.0.6, played: INIT, pay page, CONFIRM, QUERY, GET_BILL.

Only the error codes 00 and 99 are public, so every refusal is 99 with a sentence. An INIT carries no return
address; this world sends the browser to `return_url` of its settings with MaThamChieu and MaLoi. An INIT that is
sent again word for word is answered as before; the same MaThamChieu with other content is refused.
"""

import json
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from flask import Flask, Response, redirect, request

from sandbox import faults
from sandbox.bank import Bank, Movement
from sandbox.courier import Courier, Message
from sandbox.dvcqg_wire import ASK, CONFIRM, INIT, MAC, VERSION, digits, init_fault, mac, mac_holds
from sandbox.faults import Fault, by_amount
from sandbox.pages import dong, error_page, page, pay_page
from sandbox.serving import json_answer, json_object, new_app, read_json, text_of
from sandbox.state import Ground

SCHEMA = """
CREATE TABLE IF NOT EXISTS dvcqg_payments (
    id INTEGER PRIMARY KEY AUTOINCREMENT, token TEXT NOT NULL UNIQUE, reference TEXT NOT NULL UNIQUE,
    init_mac TEXT NOT NULL, amount_vnd INTEGER NOT NULL, info TEXT NOT NULL, account TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT '3', code TEXT NOT NULL DEFAULT '', at TEXT NOT NULL DEFAULT '');
"""
OK, OTHER = "00", "99"
PAID, PENDING, FAILED = "1", "3", "4"
BANK_CODE = "VIETINBANK"
FIRST_NUMBER = 14_000_000
MAX_TEXT_FOR_MEMO = 100


@dataclass(frozen=True, slots=True)
class DvcqgSettings:
    """`answer_shape` is `direct` or `wrapped`; `slow_s` belongs to the magic amount."""

    port: int
    partner_code: str
    confirm_url: str
    return_url: str
    secret: str = field(repr=False)
    answer_shape: str = "direct"
    confirm_interval_s: float = 1.0
    slow_s: float = 12.0


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

    def init(self, asked: Mapping[str, object] | None, base_url: str) -> dict[str, str]:
        """The answer to an INIT; `base_url` is ours, without a slash at its end."""
        asked = asked or {}
        wrong = self._refusal(asked, INIT) or init_fault(asked)
        if wrong is not None:
            return self._shaped({"MaLoi": OTHER, "MoTaLoi": wrong})
        row = self._begin(asked)
        if row["init_mac"] != asked[MAC]:
            return self._shaped({"MaLoi": OTHER, "MoTaLoi": "MaThamChieu đã tồn tại"})
        self._hold(row["amount_vnd"])
        return self._shaped(
            {
                "UrlThanhToan": f"{base_url}/thanhtoan/{row['token']}",
                "MaXacThuc": row["init_mac"],
                "MaLoi": OK,
                "MoTaLoi": "Thành công",
            }
        )

    def _refusal(self, asked: Mapping[str, object], order: tuple[str, ...]) -> str | None:
        if asked.get("MaDoiTac") != self.settings.partner_code:
            return "MaDoiTac không đúng"
        return None if mac_holds(self.settings.secret, asked, order) else "MaXacThuc không đúng"

    def _shaped(self, inner: dict[str, str]) -> dict[str, str]:
        if self.settings.answer_shape == "direct":
            return inner
        code = "0" if inner["MaLoi"] == OK else OTHER
        return {"error_code": code, "message": json.dumps(inner, ensure_ascii=False)}

    def _hold(self, amount_vnd: int) -> None:
        if by_amount(amount_vnd) is Fault.SLOW:
            self.ground.stopping.wait(self.settings.slow_s)

    def _begin(self, asked: Mapping[str, object]) -> sqlite3.Row:
        bill = asked["ThongTinBienLai"]
        account = text_of(bill.get("TKThuHuong")) if isinstance(bill, dict) else ""
        with self.ground.state.transaction() as db:
            db.execute(
                "INSERT INTO dvcqg_payments (token, reference, init_mac, amount_vnd, info, account)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (reference) DO NOTHING",
                (
                    secrets.token_urlsafe(24),
                    asked["MaThamChieu"],
                    asked[MAC],
                    digits(asked["SoTien"]),
                    asked["ThongTinGiaoDich"],
                    self._bank.account_for(account),
                ),
            )
            row: sqlite3.Row = db.execute(
                "SELECT * FROM dvcqg_payments WHERE reference = ?", (asked["MaThamChieu"],)
            ).fetchone()
        return row

    def open(self, token: str) -> Response:
        """The pay page, or what became of the payment."""
        row = self._by("token", token)
        if row is None:
            return error_page(code=OTHER, message="Không tìm thấy giao dịch", status=404)
        if row["code"]:
            return error_page(code=OTHER, message="Giao dịch đã kết thúc", status=409)
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

    def _by(self, column: str, value: str) -> sqlite3.Row | None:
        assert column in {"token", "reference"}
        with self.ground.state.transaction() as db:
            row: sqlite3.Row | None = db.execute(
                f"SELECT * FROM dvcqg_payments WHERE {column} = ?",  # noqa: S608 - one of two names, asserted
                (value,),
            ).fetchone()
        return row

    def decide(self, token: str, result: str) -> Response:
        """Carry out the payer's choice once; a second press only brings the browser back again."""
        with self.ground.state.transaction() as db:
            row = db.execute("SELECT * FROM dvcqg_payments WHERE token = ?", (token,)).fetchone()
            if row is None or result not in {"pay", "cancel"}:
                return error_page(code=OTHER, message="Yêu cầu không hợp lệ")
            if not row["code"]:
                row = self._finish(db, row, result)
        self.courier.wake()
        back = urlencode({"MaThamChieu": row["reference"], "MaLoi": row["code"]})
        answer = redirect(f"{self.settings.return_url}?{back}", 303)
        assert isinstance(answer, Response)
        return answer

    def _finish(self, db: sqlite3.Connection, row: sqlite3.Row, result: str) -> sqlite3.Row:
        fault = faults.take(db, "dvcqg", reference=row["reference"], amount_vnd=row["amount_vnd"])
        paid = result == "pay" and fault is not Fault.FAIL
        db.execute(
            "UPDATE dvcqg_payments SET status = ?, code = ?, at = ? WHERE id = ?",
            (PAID if paid else FAILED, OK if paid else OTHER, self.ground.stamp(), row["id"]),
        )
        done: sqlite3.Row = db.execute("SELECT * FROM dvcqg_payments WHERE id = ?", (row["id"],)).fetchone()
        if paid:
            memo = f"{row['reference']} {row['info'][:MAX_TEXT_FOR_MEMO]} DVCQG {_number(row)}"
            self._bank.move(
                db,
                Movement(
                    account=row["account"],
                    amount_vnd=row["amount_vnd"],
                    reference=row["reference"],
                    memo=memo,
                    cause=f"dvcqg:{row['id']}",
                ),
            )
        for confirm in self._confirms(done, fault):
            body = json.dumps(confirm, ensure_ascii=False, separators=(",", ":")).encode()
            message = Message(
                reference=row["reference"], method="POST", url=self.settings.confirm_url, body=body
            )
            self.courier.put(db, message)
        return done

    def _confirms(self, row: sqlite3.Row, fault: Fault) -> list[dict[str, object]]:
        """The CONFIRM messages that are sent for this outcome."""
        fields = self._outcome(row, "CONFIRM")
        match fault:
            case Fault.DROP_CALLBACK:
                return []
            case Fault.DUPLICATE_CALLBACK:
                return [self._signed(fields), self._signed(fields)]
            case Fault.WRONG_MAC:
                return [{**fields, MAC: mac("another secret", fields, CONFIRM)}]
            case Fault.WRONG_AMOUNT:
                return [self._signed({**fields, "SoTien": row["amount_vnd"] + faults.WRONG_BY_VND})]
            case Fault.NONE | Fault.SLOW | Fault.FAIL:
                return [self._signed(fields)]

    def _outcome(self, row: sqlite3.Row, kind: str) -> dict[str, object]:
        return {
            "LoaiBanTin": kind,
            "MaLoi": row["code"] or OK,
            "MaDoiTac": self.settings.partner_code,
            "MaThamChieu": row["reference"],
            "SoTien": row["amount_vnd"],
            "MaTienTe": "VND",
            "MaGiaoDich": _number(row),
            "MaNganHang": BANK_CODE,
            "ThoiGianGD": row["at"] or self.ground.stamp(),
            "ThongTinGiaoDich": row["info"],
        }

    def _signed(self, fields: dict[str, object]) -> dict[str, object]:
        return {**fields, MAC: mac(self.settings.secret, fields, CONFIRM)}

    def query(self, asked: Mapping[str, object] | None) -> dict[str, object]:
        """The answer to a QUERY: the CONFIRM's fields, signed in their order, and TrangThaiGD."""
        row, wrong = self._asked(asked or {}, "QUERY")
        if row is None:
            return {"MaLoi": OTHER, "MoTaLoi": wrong}
        self._hold(row["amount_vnd"])
        return {**self._signed(self._outcome(row, "QUERY")), "TrangThaiGD": row["status"]}

    def bill(self, asked: Mapping[str, object] | None, base_url: str) -> dict[str, str]:
        """The answer to a GET_BILL."""
        row, wrong = self._asked(asked or {}, "GET_BILL")
        if row is None:
            return {"MaLoi": OTHER, "MoTaLoi": wrong}
        if row["status"] != PAID:
            return {"MaLoi": OTHER, "MoTaLoi": "Giao dịch chưa thành công"}
        return {"MaLoi": OK, "MoTaLoi": "Thành công", "UrlBienLai": f"{base_url}/bienlai/{row['token']}"}

    def _asked(self, asked: Mapping[str, object], kind: str) -> tuple[sqlite3.Row | None, str]:
        """The payment that a QUERY or GET_BILL names, or None and why."""
        if asked.get("LoaiBanTin") != kind or asked.get("PhienBan") != VERSION:
            return None, "LoaiBanTin hoặc PhienBan không đúng"
        wrong = self._refusal(asked, ASK)
        if wrong is not None:
            return None, wrong
        return self._by("reference", text_of(asked.get("MaThamChieu"))), "Không tìm thấy giao dịch"

    def receipt(self, token: str) -> Response:
        """The page behind UrlBienLai."""
        row = self._by("token", token)
        if row is None or row["status"] != PAID:
            return error_page(code=OTHER, message="Không tìm thấy biên lai", status=404)
        return page("Biên lai thu phí, lệ phí (thử nghiệm)", f"<p>Số tiền: {dong(row['amount_vnd'])}</p>")


def _number(row: sqlite3.Row) -> str:
    """The platform's own number of a transaction."""
    return f"VNP{FIRST_NUMBER + int(row['id'])}"


def _acknowledged(body: bytes) -> bool:
    return (json_object(body) or {}).get("MaLoi") == OK


def dvcqg_app(dvcqg: Dvcqg) -> Flask:
    """The platform's addresses, and `POST /_control`."""
    app = new_app("dvcqg")

    @app.post("/init")
    def init() -> Response:
        return json_answer(dvcqg.init(read_json(), request.host_url.rstrip("/")))

    @app.get("/thanhtoan/<token>")
    def pay(token: str) -> Response:
        return dvcqg.open(token)

    @app.post("/thanhtoan/<token>/xacnhan")
    def confirm(token: str) -> Response:
        return dvcqg.decide(token, request.form.get("result", ""))

    @app.post("/query")
    def query() -> Response:
        return json_answer(dvcqg.query(read_json()))

    @app.post("/get_bill")
    def get_bill() -> Response:
        return json_answer(dvcqg.bill(read_json(), request.host_url.rstrip("/")))

    @app.get("/bienlai/<token>")
    def receipt(token: str) -> Response:
        return dvcqg.receipt(token)

    @app.post("/_control")
    def control() -> Response:
        with dvcqg.ground.state.transaction() as db:
            done = faults.control(db, "dvcqg", read_json() or {})
        return json_answer({"ok": done}, 200 if done else 400)

    return app
