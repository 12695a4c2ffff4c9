"""What a partner asks the national platform, played: QUERY and GET_BILL, and the receipt (biên lai) itself."""

import sqlite3
from collections.abc import Mapping

from flask import Response

from sandbox import faults
from sandbox.dvcqg_wire import ASK, CONFIRM, MAC, VERSION, mac, mac_holds
from sandbox.faults import Fault
from sandbox.pages import error_page
from sandbox.serving import text_of
from sandbox.state import Ground

OK, OTHER = "00", "99"
PAID, PENDING, FAILED = "1", "3", "4"
BANK_CODE = "VIETINBANK"
FIRST_NUMBER = 14_000_000


class Asks:
    """Answers one decoded question; never raises, whatever it holds."""

    def __init__(self, partner_code: str, secret: str, ground: Ground) -> None:
        self._partner_code = partner_code
        self._secret = secret
        self._ground = ground

    def refusal(self, asked: Mapping[str, object], order: tuple[str, ...]) -> str | None:
        """What is wrong with who asks, in Vietnamese, or None."""
        if asked.get("MaDoiTac") != self._partner_code:
            return "MaDoiTac không đúng"
        return None if mac_holds(self._secret, asked, order) else "MaXacThuc không đúng"

    def query(self, asked: Mapping[str, object] | None) -> tuple[dict[str, object], Fault]:
        """The answer to a QUERY: the CONFIRM's fields, signed in their order, and TrangThaiGD."""
        with self._ground.state.transaction() as db:
            row, wrong = self._asked(db, asked or {}, "QUERY")
            if row is None:
                return {"MaLoi": OTHER, "MoTaLoi": wrong}, Fault.NONE
            fault = self._strike(db, row, "QUERY")
            failed = self.believed_failed(db, row)
        told = self.signed(self.outcome(row, "QUERY", failed=failed))
        return {**told, "TrangThaiGD": FAILED if failed else row["status"]}, fault

    def bill(self, asked: Mapping[str, object] | None, base_url: str) -> tuple[dict[str, str], Fault]:
        """The answer to a GET_BILL; `UrlBienLai` leads to the receipt."""
        with self._ground.state.transaction() as db:
            row, wrong = self._asked(db, asked or {}, "GET_BILL")
            if row is None:
                return {"MaLoi": OTHER, "MoTaLoi": wrong}, Fault.NONE
            fault = self._strike(db, row, "GET_BILL")
            failed = self.believed_failed(db, row)
        if row["status"] != PAID or failed:
            return {"MaLoi": OTHER, "MoTaLoi": "Giao dịch chưa thành công"}, fault
        url = f"{base_url}/bienlai/{row['token']}"
        return {"MaLoi": OK, "MoTaLoi": "Thành công", "UrlBienLai": url}, fault

    def receipt(self, token: str) -> Response:
        """The receipt behind UrlBienLai."""
        with self._ground.state.transaction() as db:
            row = db.execute("SELECT * FROM dvcqg_payments WHERE token = ?", (token,)).fetchone()
        if row is None or row["status"] != PAID:
            return error_page(code=OTHER, message="Không tìm thấy biên lai", status=404)
        lines = (
            "BIEN LAI THU PHI, LE PHI (THU NGHIEM)",
            row["reference"],
            f"{row['amount_vnd']} VND",
            number(row),
        )
        return Response(pdf(lines), content_type="application/pdf")

    def _asked(
        self, db: sqlite3.Connection, asked: Mapping[str, object], kind: str
    ) -> tuple[sqlite3.Row | None, str]:
        """The payment that a QUERY or GET_BILL names, or None and why."""
        if asked.get("LoaiBanTin") != kind or asked.get("PhienBan") != VERSION:
            return None, "LoaiBanTin hoặc PhienBan không đúng"
        wrong = self.refusal(asked, ASK)
        if wrong is not None:
            return None, wrong
        reference = text_of(asked.get("MaThamChieu"))
        row = db.execute("SELECT * FROM dvcqg_payments WHERE reference = ?", (reference,)).fetchone()
        return row, "Không tìm thấy giao dịch"

    def _strike(self, db: sqlite3.Connection, row: sqlite3.Row, call: str) -> Fault:
        reference, amount_vnd = row["reference"], row["amount_vnd"]
        return faults.strike(db, "dvcqg", call=call, reference=reference, amount_vnd=amount_vnd)

    def believed_failed(self, db: sqlite3.Connection, row: sqlite3.Row) -> bool:
        return faults.believed_failed(db, "dvcqg", reference=row["reference"], now=self._ground.clock())

    def outcome(self, row: sqlite3.Row, kind: str, *, failed: bool = False) -> dict[str, object]:
        """What is told of a payment; with `failed` what was told while the bank still refused it."""
        return {
            "LoaiBanTin": kind,
            "MaLoi": OTHER if failed else row["code"] or OK,
            "MaDoiTac": self._partner_code,
            "MaThamChieu": row["reference"],
            "SoTien": row["amount_vnd"],
            "MaTienTe": "VND",
            "MaGiaoDich": number(row),
            "MaNganHang": BANK_CODE,
            "ThoiGianGD": row["at"] or self._ground.stamp(),
            "ThongTinGiaoDich": row["info"],
        }

    def signed(self, fields: dict[str, object]) -> dict[str, object]:
        return {**fields, MAC: mac(self._secret, fields, CONFIRM)}


def number(row: sqlite3.Row) -> str:
    """The platform's own number of a transaction."""
    return f"VNP{FIRST_NUMBER + int(row['id'])}"


def pdf(lines: tuple[str, ...]) -> bytes:
    """One page with `lines`, printable ASCII each, as the smallest PDF that readers open."""
    shown = "".join(f"({_escaped(line)}) Tj T* " for line in lines)
    stream = f"BT /F1 12 Tf 18 TL 50 780 Td {shown}ET".encode("ascii", "replace")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Font << /F1 5 0 R >> >>",
    )
    body, places = b"%PDF-1.4\n", []
    for count, content in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (count, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return body + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (size, table, size, len(body))
    )


def _escaped(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "()\\" else letter for letter in text)
