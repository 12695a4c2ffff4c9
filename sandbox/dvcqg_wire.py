"""The national payment platform 1.0.6 as the platform reads and writes it: MaXacThuc and the fields of each message.

MaXacThuc is the lower-case hexadecimal SHA-256 of the fields in a fixed order and the secret, joined by `|`.
Source: the public implementations of two portals (the platform's own document is not public).
"""

import hashlib
from collections.abc import Mapping

from sandbox.serving import same, text_of

VERSION = "1.0.6"
INIT = (
    "LoaiBanTin",
    "PhienBan",
    "MaDoiTac",
    "MaThamChieu",
    "SoTien",
    "LoaiHinhThanhToan",
    "MaKenhThanhToan",
    "MaThietBi",
    "NgonNgu",
    "MaTienTe",
    "MaNganHang",
    "ThongTinGiaoDich",
    "ThoiGianGD",
    "Ip",
)
CONFIRM = (
    "LoaiBanTin",
    "MaLoi",
    "MaDoiTac",
    "MaThamChieu",
    "SoTien",
    "MaTienTe",
    "MaGiaoDich",
    "MaNganHang",
    "ThoiGianGD",
    "ThongTinGiaoDich",
)
ASK = ("LoaiBanTin", "PhienBan", "MaDoiTac", "MaThamChieu", "ThoiGianGD")
MAC = "MaXacThuc"
MAX_DIGITS = 13
CONSTANTS = {
    "LoaiBanTin": "INIT",
    "PhienBan": VERSION,
    "LoaiHinhThanhToan": "PAY",
    "MaKenhThanhToan": "1",
    "MaThietBi": "1",
    "MaTienTe": "VND",
    "MaNganHang": "PAYMENT",
}


def mac(secret: str, fields: Mapping[str, object], order: tuple[str, ...]) -> str:
    """The MaXacThuc of `fields` taken in `order`."""
    text = "|".join([*(text_of(fields.get(name)) for name in order), secret])
    return hashlib.sha256(text.encode()).hexdigest()


def mac_holds(secret: str, fields: Mapping[str, object], order: tuple[str, ...]) -> bool:
    return same(mac(secret, fields, order), text_of(fields.get(MAC)).lower())


def digits(value: object) -> int | None:
    """A sum in VND from a JSON string of digits, or a JSON integer; None for anything else."""
    text = text_of(value)
    if not text.isascii() or not text.isdigit() or len(text) > MAX_DIGITS:
        return None
    return int(text)


def init_fault(fields: Mapping[str, object]) -> str | None:
    """The first thing that is wrong with an INIT, in Vietnamese, or None."""
    for name, wanted in CONSTANTS.items():
        if fields.get(name) != wanted:
            return f"{name} không đúng"
    if not isinstance(fields.get("SoTien"), str) or not digits(fields["SoTien"]):
        return "SoTien không đúng"
    for name, limit in (("MaThamChieu", 255), ("ThoiGianGD", 50), ("ThongTinGiaoDich", 1000)):
        value = fields.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= limit:
            return f"{name} không đúng"
    bill = fields.get("ThongTinBienLai")
    return _bill_fault(bill, digits(fields["SoTien"])) if isinstance(bill, dict) else "Thiếu ThongTinBienLai"


def _bill_fault(bill: Mapping[str, object], amount_vnd: int | None) -> str | None:
    if bill.get("MaDichVu") not in {"1", "2"}:
        return "MaDichVu không đúng"
    if bill["MaDichVu"] == "2":
        for name in ("MaDonVi", "TenDonVi", "MaHoSo"):
            if not text_of(bill.get(name)):
                return f"Thiếu {name}"
    for name in ("PhiLePhi", "DSKhoanNop"):
        if sum_of(bill.get(name)) != amount_vnd:
            return f"Tổng {name} khác SoTien"
    return None


def sum_of(rows: object) -> int | None:
    """Σ SoTien of a list, or None when it is not such a list."""
    if not isinstance(rows, list) or not rows:
        return None
    sums = [digits(row.get("SoTien")) if isinstance(row, dict) else None for row in rows]
    return None if None in sums else sum(vnd for vnd in sums if vnd is not None)
