"""What the national portal is written: settings, the login, a call, a case (HoSo), a step of progress.

Names and lengths of members are those of `specs/case.md` B4; `dvcqg_sync.py` says where they are from.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gateway.domain import wire
from gateway.domain.case import NATIONAL, CaseState
from gateway.domain.errors import Malformed
from gateway.domain.fees import NATIONAL_CHANNELS
from gateway.ports import Applicant, CaseRecord, CaseStep, HttpRequest

IDENTITY: Final = {"cccd": ("1", r"[0-9]{12}"), "cmnd": ("2", r"[0-9]{9}")}
"""LoaiDinhDanh and the form of the number; an identity of another kind is told in SoGiayToChuHoSo alone."""
CITIZEN, ENTERPRISE = "1", "2"
FEE_KINDS: Final = {"phi": "1", "le_phi": "2"}
COUNTER, POST = "0", "1"
ABSTRACT_CHARS, NAME_CHARS, FILE_CHARS, HANDLER_CHARS, CODE_CHARS = 1000, 500, 4000, 50, 60


@dataclass(frozen=True, slots=True)
class Settings:
    """One contract with the portal. `units` gives the `madonvi` of agencies that have another one than `unit_code`.

    `taken`, `exists`, `absent` and `refusals` are values of `error_code` about a case; `stale` says that the session is
    over, `shut` that we may not call at all. `place` is NoiNopHoSo; `handler` and
    `handler_title` stand for whoever worked on a case, since names of staff are not told.
    """

    auth_url: str
    adapter_url: str
    destination: str
    unit_code: str
    username: str
    password: str = field(repr=False)
    units: Mapping[str, str] = field(default_factory=dict)
    taken: frozenset[str] = frozenset({"0"})
    exists: frozenset[str] = frozenset({"3", "-3"})
    absent: frozenset[str] = frozenset({"201"})
    refusals: frozenset[str] = frozenset({"200", "302", "500"})
    stale: frozenset[str] = frozenset({"100"})
    shut: frozenset[str] = frozenset({"101", "106", "108"})
    exists_text: str = "đã tồn tại"
    taken_text: str = "thành công"
    message_names: tuple[str, ...] = ("message", "error_message", "error_desc")
    record_service: str = "DongBoHoSoMC"
    steps_service: str = "CapNhatTienDoHoSoMC"
    lookup_service: str = "TraCuuHoSo"
    lookup_list: str = "data"
    place: str = "2"
    verified_by_vneid: str = "0"
    fee_taken: str = "Thu trước"
    fee_exempt: str = "Đối tượng miễn phí"
    handler: str = "Bộ phận Một cửa"
    handler_title: str = ""
    session_life_s: int = 900
    timeout_s: float = 10.0


def encode_login(settings: Settings) -> HttpRequest:
    body = wire.compact_json({"username": settings.username, "password": settings.password})
    return _request(settings, settings.auth_url, body)


def encode_call(
    settings: Settings,
    session: str,
    *,
    service: str,
    agency_code: str,
    data: list[dict[str, object]],
    known: bool = False,
) -> HttpRequest:
    """One service over `data`; `known` becomes isUpdating."""
    message: dict[str, object] = {
        "session": session,
        "madonvi": settings.units.get(agency_code, settings.unit_code),
        "service": service,
        "isUpdating": known,
        "data": data,
    }
    return _request(settings, settings.adapter_url, wire.compact_json(message))


def _request(settings: Settings, url: str, body: bytes) -> HttpRequest:
    headers = {
        "accept": "application/json",
        "content-type": "application/json; charset=utf-8",
        "dstcode": settings.destination,
    }
    return HttpRequest("POST", url, headers=headers, body=body, timeout_s=settings.timeout_s)


def encode_record(settings: Settings, record: CaseRecord) -> dict[str, object]:
    """A HoSo, without what is empty. Raises `Malformed`."""
    paper = record.applicant
    told: dict[str, object] = {
        "MaHoSo": given("MaHoSo", record.case_code, CODE_CHARS),
        "MaTTHC": given("MaTTHC", record.procedure_code, CODE_CHARS),
        "TenTTHC": given("TenTTHC", record.procedure_name, NAME_CHARS),
        "TenLinhVuc": wire.one_line(record.field_name, NAME_CHARS),
        "KenhThucHien": str(NATIONAL_CHANNELS[record.channel]),
        "SoGiayToChuHoSo": wire.one_line(paper.id_number, CODE_CHARS),
        "ChuHoSo": given("ChuHoSo", paper.name, NAME_CHARS),
        "LoaiDoiTuong": ENTERPRISE if paper.id_kind == "tax_code" else CITIZEN,
        "TrichYeuHoSo": wire.one_line(record.procedure_name, ABSTRACT_CHARS),
        "NgayNopHoSo": wire.local_stamp(record.submitted_at),
        "NgayTiepNhan": _stamp(record.accepted_at),
        "NgayHenTra": _stamp(record.due_at),
        "TrangThaiHoSo": _state(record.state),
        "NgayTuChoi": _stamp(record.refused_at),
        "NgayKetThucXuLy": _stamp(record.ended_at),
        "NgayTra": _stamp(record.handed_over_at),
        "HinhThuc": POST if record.by_post else COUNTER,
        "DonViXuLy": given("DonViXuLy", record.agency_name, NAME_CHARS),
        "NoiNopHoSo": settings.place,
        "HoSoCoThanhPhanSoHoa": "1" if record.documents else "0",
        "TaiKhoanDuocXacThucVoiVNeID": settings.verified_by_vneid,
        "DuocThanhToanTrucTuyen": str(record.payment.value),
        "TaiLieuNop": _documents(record),
        "DanhSachLePhi": _fees(settings, record),
        "DinhDanhCHS": _identities(paper),
    }
    return {name: value for name, value in told.items() if value not in ("", [])}


def _documents(record: CaseRecord) -> list[dict[str, str]]:
    return [
        {
            "TepDinhKemId": document.sha256,
            "TenTepDinhKem": wire.one_line(document.name, FILE_CHARS),
            "IsDeleted": "False",
            "MaThanhPhanHoSo": document.code,
            "DuongDanTaiTepTin": "",
            "DuocSoHoa": "1",
            "DuocTaiSuDung": "0",
            "DuocLayTuKhoDMQG": "0",
            "MaKetQuaThayThe": "",
        }
        for document in record.documents
    ]


def _fees(settings: Settings, record: CaseRecord) -> list[dict[str, str]]:
    """phí and lệ phí, never mixed; postage is no fee of the state."""
    return [
        {
            "TenPhiLePhi": wire.one_line(line.name, NAME_CHARS),
            "MaPhiLePhi": line.code,
            "HinhThucThu": settings.fee_taken if line.amount_vnd else settings.fee_exempt,
            "Gia": str(line.amount_vnd),
            "LoaiPhiLePhi": FEE_KINDS[line.kind],
        }
        for line in record.fees
        if line.kind in FEE_KINDS
    ]


def _identities(paper: Applicant) -> list[dict[str, str]]:
    kind, form = IDENTITY.get(paper.id_kind, ("", ""))
    if not kind or not re.fullmatch(form, paper.id_number):
        return []
    return [{"LoaiDinhDanh": kind, "SoDinhDanh": paper.id_number}]


def encode_step(settings: Settings, step: CaseStep) -> dict[str, object]:
    """One step of progress, without what is empty. Raises `Malformed`."""
    words = NATIONAL[step.state][1] if step.state in NATIONAL else ""
    told: dict[str, object] = {
        "MaHoSo": given("MaHoSo", step.case_code, CODE_CHARS),
        "NguoiXuLy": given("NguoiXuLy", settings.handler, HANDLER_CHARS),
        "ChucDanh": settings.handler_title,
        "ThoiDiemXuLy": wire.local_stamp(step.at),
        "PhongBanXuLy": given("PhongBanXuLy", step.agency_name, NAME_CHARS),
        "NoiDungXuLy": wire.one_line(f"{words}: {step.note}" if step.note else words, ABSTRACT_CHARS),
        "TrangThai": _state(step.state),
        "NgayBatDau": wire.local_stamp(step.at),
        "NgayKetThucTheoQuyDinh": _stamp(step.due_at),
    }
    return {name: value for name, value in told.items() if value != ""}


def _state(state: CaseState) -> str:
    if state not in NATIONAL:
        raise Malformed("a draft is not told to the national portal")
    return str(NATIONAL[state][0])


def _stamp(moment: datetime | None) -> str:
    return "" if moment is None else wire.local_stamp(moment)


def given(name: str, text: str, limit: int) -> str:
    line = wire.one_line(text, limit)
    if not line:
        raise Malformed(f"the national portal needs {name}")
    return line
