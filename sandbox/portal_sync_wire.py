"""What the national portal takes of a case: the names, lengths and codes of its messages, and which state may follow.

Names, lengths and codes are those of the public integration code (`specs/case.md` B4, states and moves B3). A name that
is not among them is refused here: what nobody reads should not be sent.
"""

import re
from collections.abc import Mapping
from typing import Final

from sandbox.serving import text_of
from sandbox.state import read_stamp

CASE_CODE: Final = re.compile(
    r"(?:[0-9]{3}\.[0-9]{2}\.[0-9]{2}\.[GH][0-9]{2}|[GH][0-9]{2}(?:\.[0-9]{1,3}){0,3})-[0-9]{6}-[0-9]{4,8}"
)
MOVES: Final[Mapping[int, frozenset[int]]] = {
    1: frozenset({2, 3, 5, 6, 7}),
    2: frozenset({4, 5, 6, 7, 8}),
    3: frozenset(),
    4: frozenset({5, 6, 7, 8, 9}),
    5: frozenset({2, 4, 7, 8}),
    6: frozenset({2, 4, 7, 8}),
    7: frozenset(),
    8: frozenset(),
    9: frozenset({10}),
    10: frozenset(),
}
LISTS: Final[Mapping[str, frozenset[str]]] = {
    "TaiLieuNop": frozenset(
        {
            *("TepDinhKemId", "TenTepDinhKem", "IsDeleted", "MaThanhPhanHoSo", "DuongDanTaiTepTin"),
            *("DuocSoHoa", "DuocTaiSuDung", "DuocLayTuKhoDMQG", "MaKetQuaThayThe"),
        }
    ),
    "DanhSachLePhi": frozenset({"TenPhiLePhi", "MaPhiLePhi", "HinhThucThu", "Gia", "LoaiPhiLePhi"}),
    "DanhSachTepDinhKemKhac": frozenset({"TenGiayTo", "SoLuong", "LoaiGiayTo"}),
    "DanhSachHoSoBoSung": frozenset(
        {
            *("HoSoBoSungId", "NguoiYeuCauBoSung", "NoiDungBoSung", "NgayBoSung", "NguoiTiepNhanBoSung"),
            *("ThongTinTiepNhan", "NgayTiepNhanBoSung", "TrangThaiBoSung", "DanhSachGiayToBoSung"),
            *("DanhSachLePhiBoSung", "NgayHenTraTruoc", "NgayHenTraMoi"),
        }
    ),
    "DanhSachGiayToKetQua": frozenset(
        {"TenGiayTo", "MaThanhPhanHoSo", "GiayToId", "DuongDanTepTinKetQua", "MaGiayToKetQua"}
    ),
    "DinhDanhCHS": frozenset({"LoaiDinhDanh", "SoDinhDanh"}),
    "DSKetNoiCSDL": frozenset({"MaCSDL"}),
}
DATES: Final = frozenset(
    {"NgayTiepNhan", "NgayHenTra", "NgayTra", "NgayKetThucXuLy", "NgayTuChoi", "NgayNopHoSo", "NgayThanhToan"}
)
CHOICES: Final[Mapping[str, frozenset[str]]] = {
    "KenhThucHien": frozenset("123"),
    "LoaiDoiTuong": frozenset("1234"),
    "HinhThuc": frozenset("012"),
    "NoiNopHoSo": frozenset("12"),
    "HoSoCoThanhPhanSoHoa": frozenset("01"),
    "TaiKhoanDuocXacThucVoiVNeID": frozenset("01"),
    "DuocThanhToanTrucTuyen": frozenset("0123"),
    "TrangThaiHoSo": frozenset(map(str, MOVES)),
}
TEXTS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("MaHoSo", "MaTTHC", "MaLinhVuc", "MaDoiTuong", "SoGiayToChuHoSo", "Fax"), 50),
    **dict.fromkeys(("TenTTHC", "TenLinhVuc", "ChuHoSo", "DonViXuLy", "Email", "SoDienThoai"), 500),
    **dict.fromkeys(("TrichYeuHoSo", "ThongTinKhac", "ThongTinTra", "GhiChu"), 1000),
}
NEEDED: Final = (
    *("MaHoSo", "MaTTHC", "TenTTHC", "KenhThucHien", "ChuHoSo", "LoaiDoiTuong", "TrangThaiHoSo"),
    *("HinhThuc", "DonViXuLy", "NoiNopHoSo", "DuocThanhToanTrucTuyen", "NgayNopHoSo"),
)
ROW_TEXTS: Final[Mapping[str, int]] = {"TenTepDinhKem": 4000, "TenGiayTo": 2000}
ENDS: Final[Mapping[str, frozenset[int]]] = {
    "NgayKetThucXuLy": frozenset({3, 7, 8, 9, 10}),
    "NgayTra": frozenset({10}),
    "NgayTuChoi": frozenset({3}),
}
"""A date that belongs to an end, and the states in which it may be given."""

STEP_TEXTS: Final[Mapping[str, int]] = {
    "MaHoSo": 50,
    "NguoiXuLy": 50,
    "ChucDanh": 200,
    "PhongBanXuLy": 500,
    "NoiDungXuLy": 1000,
}
STEP_DATES: Final = frozenset({"ThoiDiemXuLy", "NgayBatDau", "NgayKetThucTheoQuyDinh"})
STEP_NEEDED: Final = ("MaHoSo", "NguoiXuLy", "ThoiDiemXuLy", "NoiDungXuLy", "TrangThai")
LONGEST_LIST: Final = 1000
IDENTITY: Final = {"1": re.compile(r"[0-9]{12}"), "2": re.compile(r"[0-9]{9}")}


def case_fault(case: Mapping[str, object]) -> str | None:
    """What is wrong with a HoSo, or None."""
    known = {*TEXTS, *CHOICES, *DATES, *LISTS}
    if strange := sorted(set(case) - known):
        return f"{strange[0][:40]} không có trong đặc tả"
    wrong = _missing(case, NEEDED) or _texts(case, TEXTS) or _dates(case, DATES)
    if wrong is not None:
        return wrong
    if not CASE_CODE.fullmatch(text_of(case["MaHoSo"])):
        return "MaHoSo không đúng"
    for name, words in CHOICES.items():
        if name in case and text_of(case[name]) not in words:
            return f"{name} không đúng"
    state = int(text_of(case["TrangThaiHoSo"]))
    for name, states in ENDS.items():
        if text_of(case.get(name)) and state not in states:
            return f"{name} không phù hợp với TrangThaiHoSo {state}"
    return _lists(case)


def _lists(case: Mapping[str, object]) -> str | None:
    for name, known in LISTS.items():
        rows = case.get(name, [])
        if not isinstance(rows, list) or len(rows) > LONGEST_LIST:
            return f"{name} không phải danh sách"
        for row in rows:
            if not isinstance(row, dict) or set(row) - known:
                return f"{name} có trường không đúng"
            if any(len(text_of(row.get(each))) > most for each, most in ROW_TEXTS.items()):
                return f"{name} quá dài"
    for row in _rows(case, "DinhDanhCHS"):
        form = IDENTITY.get(text_of(row.get("LoaiDinhDanh")))
        if form is None or not form.fullmatch(text_of(row.get("SoDinhDanh"))):
            return "DinhDanhCHS không đúng"
    for row in _rows(case, "DanhSachLePhi"):
        if not text_of(row.get("Gia")).isdigit() or text_of(row.get("LoaiPhiLePhi")) not in {"1", "2"}:
            return "DanhSachLePhi không đúng"
    return None


def _rows(case: Mapping[str, object], name: str) -> list[dict[str, object]]:
    rows = case.get(name, [])
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def step_fault(step: Mapping[str, object]) -> str | None:
    """What is wrong with a step of progress, or None; whether it may follow is asked elsewhere."""
    if strange := sorted(set(step) - {*STEP_TEXTS, *STEP_DATES, "TrangThai"}):
        return f"{strange[0][:40]} không có trong đặc tả"
    wrong = _missing(step, STEP_NEEDED) or _texts(step, STEP_TEXTS) or _dates(step, STEP_DATES)
    if wrong is None and text_of(step["TrangThai"]) not in CHOICES["TrangThaiHoSo"]:
        return "TrangThai không đúng"
    return wrong


def _missing(message: Mapping[str, object], needed: tuple[str, ...]) -> str | None:
    return next((f"Thiếu {name}" for name in needed if not text_of(message.get(name))), None)


def _texts(message: Mapping[str, object], texts: Mapping[str, int]) -> str | None:
    for name, most in texts.items():
        value = message.get(name, "")
        if not isinstance(value, str) or len(value) > most:
            return f"{name} quá dài hoặc không phải chuỗi"
    return None


def _dates(message: Mapping[str, object], names: frozenset[str]) -> str | None:
    for name in sorted(names):
        text = text_of(message.get(name))
        if text and read_stamp(text) is None:
            return f"{name} không đúng định dạng yyyyMMddHHmmss"
    return None
