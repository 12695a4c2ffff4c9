"""What a portal asks its bank apart from collecting, played: 3.5 account, 3.6 refund, 3.7, 3.8 disbursement, 3.9 file.

A transfer is SUCCESS at once; a sum that ends in 106 or 117 is FAILED, and one that ends in 110 stays PENDING. It is
known by MaGiaoDichTTTT: the same call again is answered as before, another content under it is refused.
"""

import base64
import json
import sqlite3
from collections.abc import Mapping

from sandbox import faults
from sandbox.bank import Bank, Movement, read_day
from sandbox.faults import Fault
from sandbox.serving import text_of
from sandbox.state import Ground
from sandbox.ttttqg_wire import BANK_BIN, OK, OTHER, digits, read_results, write_file

SCHEMA = """
CREATE TABLE IF NOT EXISTS ttttqg_transfers (
    id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, reference TEXT NOT NULL UNIQUE, content TEXT NOT NULL,
    payment_id INTEGER, amount_vnd INTEGER NOT NULL, status TEXT NOT NULL, at TEXT NOT NULL, to_account TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS ttttqg_results (payment TEXT PRIMARY KEY, result TEXT NOT NULL);
"""
CHANNELS = ("NOIBO", "NAPAS", "CITAD")
PAYER_BIN, PAYER_ACCOUNT, PAYER_NAME = "970436", "0071000042424", "NGUYEN VAN A"
Told = dict[str, object]


def said(message: str, code: str = OTHER) -> Told:
    return {"MaLoi": code, "MoTaLoi": message}


class Desk:
    """Answers one genuine call; never raises, whatever it holds."""

    def __init__(self, ground: Ground, bank: Bank, account: str) -> None:
        self._ground = ground
        self._bank = bank
        self._account = account
        ground.state.define(SCHEMA)

    def account(self, asked: Mapping[str, object]) -> Told:
        """3.5: an account that this world's bank keeps."""
        account = self._bank.accounts.get(text_of(asked.get("SoTaiKhoan")))
        if account is None or account.bin != text_of(asked.get("MaNganHang")):
            return said("Tài khoản không tồn tại")
        told = {"MaNganHang": account.bin, "SoTaiKhoan": account.number, "TenTaiKhoan": account.name}
        return {**said("Thành công", OK), **told, "TrangThai": "ACTIVE"}

    def payment_account(self, asked: Mapping[str, object]) -> Told:
        """3.7: where a payment came from, once it is paid."""
        invoice, number = text_of(asked.get("MaHoaDon")), text_of(asked.get("MaGiaoDich"))
        if not invoice and not number:
            return said("Thiếu MaHoaDon hoặc MaGiaoDich")
        with self._ground.state.transaction() as db:
            row = self._paid(db, invoice, number)
        if row is None:
            return said("Giao dịch chưa thanh toán")
        told = {"MaNganHang": PAYER_BIN, "SoTaiKhoan": PAYER_ACCOUNT, "TenTaiKhoan": PAYER_NAME}
        return {**said("Thành công", OK), **told}

    def refund(self, asked: Mapping[str, object]) -> tuple[Told, Fault]:
        """3.6: of a paid transaction, never more than it brought."""
        amount = digits(asked.get("SoTien"))
        with self._ground.state.transaction() as db:
            paid = self._paid(db, text_of(asked.get("MaHoaDon")), text_of(asked.get("MaGiaoDich")))
            if paid is None or amount is None or not text_of(asked.get("MaGiaoDichTTTT")):
                return said("Giao dịch gốc chưa thanh toán, hoặc SoTien không đúng"), Fault.NONE
            fault = self._strike(db, "refund", asked, amount)
            if fault in faults.UNDONE:
                return {}, fault
            known = self._known(db, asked)
            if known is None and amount + self._refunded(db, paid["id"]) > paid["amount_vnd"]:
                return said("Tổng tiền hoàn vượt quá số tiền đã nộp"), fault
            row = known or self._book(
                db, "refund", asked, amount_vnd=amount, to_account=PAYER_ACCOUNT, payment_id=paid["id"]
            )
        return self._transfer(row, asked), fault

    def disburse(self, asked: Mapping[str, object]) -> tuple[Told, Fault]:
        """3.8: by one of three channels."""
        amount, to_account = digits(asked.get("SoTien")), text_of(asked.get("SoTaiKhoan"))
        named = to_account and text_of(asked.get("MaGiaoDichTTTT"))
        if amount is None or not named or text_of(asked.get("KenhThanhToan")) not in CHANNELS:
            return said("SoTien, SoTaiKhoan hoặc KenhThanhToan không đúng"), Fault.NONE
        with self._ground.state.transaction() as db:
            fault = self._strike(db, "disbursement", asked, amount)
            if fault in faults.UNDONE:
                return {}, fault
            row = self._known(db, asked) or self._book(
                db, "disbursement", asked, amount_vnd=amount, to_account=to_account
            )
        return self._transfer(row, asked), fault

    def reconcile(self, asked: Mapping[str, object]) -> Told:
        """3.9: type 1 gives the file of a day, type 2 takes the results of one."""
        stamp, kind = text_of(asked.get("NgayDoiSoat")), text_of(asked.get("LoaiYeuCau"))
        day = read_day(f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:]}")
        if day is None or kind not in {"1", "2"}:
            return said("NgayDoiSoat hoặc LoaiYeuCau không đúng")
        if kind == "1":
            content = base64.b64encode(write_file(self._rows(stamp))).decode()
            return {**said("Thành công", OK), "TenFile": f"{stamp}_TTTT_DOISOAT.txt", "NoiDungFile": content}
        results = read_results(text_of(asked.get("NoiDungFile")))
        if results is None or not text_of(asked.get("TenFile")):
            return said("File kết quả không đúng định dạng")
        with self._ground.state.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO ttttqg_results VALUES (?, ?)", list(results.items()))
        return said("Thành công", OK)

    def results(self) -> dict[str, str]:
        """What the portal said of each transaction (`KetQua` by MaGiaoDich): for a story."""
        with self._ground.state.transaction() as db:
            rows = db.execute("SELECT payment, result FROM ttttqg_results ORDER BY payment").fetchall()
        return {row["payment"]: row["result"] for row in rows}

    def _rows(self, day: str) -> list[dict[str, str]]:
        with self._ground.state.transaction() as db:
            paid = db.execute(
                "SELECT * FROM ttttqg_payments WHERE status = 'PAID' AND substr(at, 1, 8) = ? ORDER BY id",
                (day,),
            ).fetchall()
        return [
            {
                "STT": str(place),
                "MaHoaDon": row["invoice"],
                "MaGiaoDich": number_of(row["id"]),
                "LoaiGiaoDich": "THU",
                "SoTien": str(row["amount_vnd"]),
                "MaTienTe": "VND",
                "TrangThai": row["status"],
                "ThoiGianGD": row["at"],
                "MaNganHangNhan": BANK_BIN,
                "SoTaiKhoanNhan": row["alias"],
                "NoiDung": row["info"],
            }
            for place, row in enumerate(paid, 1)
        ]

    def _paid(self, db: sqlite3.Connection, invoice: str, number: str) -> sqlite3.Row | None:
        rows = db.execute(
            "SELECT * FROM ttttqg_payments WHERE status = 'PAID' AND (invoice = ? OR ? = '') ORDER BY id DESC",
            (invoice, invoice),
        ).fetchall()
        matching = [row for row in rows if not number or number_of(row["id"]) == number]
        return matching[0] if matching and (invoice or number) else None

    def _refunded(self, db: sqlite3.Connection, payment_id: int) -> int:
        row = db.execute(
            "SELECT coalesce(sum(amount_vnd), 0) AS vnd FROM ttttqg_transfers"
            " WHERE payment_id = ? AND status != 'FAILED'",
            (payment_id,),
        ).fetchone()
        return int(row["vnd"])

    def _strike(
        self, db: sqlite3.Connection, call: str, asked: Mapping[str, object], amount_vnd: int
    ) -> Fault:
        reference = text_of(asked.get("MaGiaoDichTTTT"))
        return faults.strike(db, "ttttqg", call=call, reference=reference, amount_vnd=amount_vnd)

    def _known(self, db: sqlite3.Connection, asked: Mapping[str, object]) -> sqlite3.Row | None:
        reference = text_of(asked.get("MaGiaoDichTTTT"))
        row: sqlite3.Row | None = db.execute(
            "SELECT * FROM ttttqg_transfers WHERE reference = ?", (reference,)
        ).fetchone()
        return row

    def _book(
        self,
        db: sqlite3.Connection,
        kind: str,
        asked: Mapping[str, object],
        *,
        amount_vnd: int,
        to_account: str,
        payment_id: int | None = None,
    ) -> sqlite3.Row:
        fault = faults.by_amount(amount_vnd)
        status = "FAILED" if fault in {Fault.FAIL, Fault.RUN_OUT} else "SUCCESS"
        status = "PENDING" if fault is Fault.LATE_CALLBACK else status
        reference = text_of(asked.get("MaGiaoDichTTTT"))
        cursor = db.execute(
            "INSERT INTO ttttqg_transfers (kind, reference, content, payment_id, amount_vnd, status, at, to_account)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                kind,
                reference,
                _content(asked),
                payment_id,
                amount_vnd,
                status,
                self._ground.stamp(),
                to_account,
            ),
        )
        if status == "SUCCESS":
            movement = Movement(
                account=self._bank.account_for(self._account),
                amount_vnd=-amount_vnd,
                reference=reference,
                memo=f"{reference} {kind.upper()} TTTT",
                cause=f"ttttqg:{kind}:{cursor.lastrowid}",
            )
            self._bank.move(db, movement)
        row: sqlite3.Row = db.execute(
            "SELECT * FROM ttttqg_transfers WHERE id = ?", (cursor.lastrowid,)
        ).fetchone()
        return row

    def _transfer(self, row: sqlite3.Row, asked: Mapping[str, object]) -> Told:
        if row["content"] != _content(asked):
            return said("MaGiaoDichTTTT đã tồn tại")
        told = {"MaGiaoDichTTTT": row["reference"], "SoThamChieu": f"FT{int(row['id']):012d}"}
        return {
            **said("Thành công", OK),
            **told,
            "SoTien": row["amount_vnd"],
            "TrangThai": row["status"],
            "ThoiGianGD": row["at"],
        }


def number_of(payment_id: int) -> str:
    """The bank's own number of a transaction (MaGiaoDich)."""
    return f"SHB{int(payment_id):010d}"


def _content(asked: Mapping[str, object]) -> str:
    return json.dumps(asked, ensure_ascii=False, sort_keys=True)
