"""One form of each kind, filled in as an office would, and how to read one back from its data."""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, timezone

from gateway.domain.deadline_parts import Term
from gateway.domain.fees import Channel, FeeKind
from gateway.domain.form import (
    FORMS,
    Apology,
    BookEntry,
    CaseBook,
    ControlSlip,
    Form,
    HandOver,
    Reception,
    Refusal,
    StopNotice,
    Submission,
    SupplementRequest,
)
from gateway.domain.form_parts import (
    Fee,
    GivenFile,
    Head,
    Office,
    Official,
    PaperItem,
    Person,
    ResultWay,
    Subject,
)

VIETNAM = timezone(timedelta(hours=7))


def at(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=VIETNAM)


OFFICE = Office(
    authority="Ủy ban nhân dân tỉnh Hòa Bình",
    unit="Trung tâm Phục vụ hành chính công",
    code="000.00.15.H28",
    place="Hòa Bình",
    phone="0218 3888 222",
    address="Số 5 đường An Dương Vương, phường Phương Lâm",
    hours="7:00–11:30, 13:30–17:00, thứ Hai đến thứ Sáu",
)
HEAD = Head(
    office=OFFICE,
    issued_at=at(11, 24, 10, 5),
    track_url="https://cong4.example.vn/track/7sT2vX9qLw4mKc1Z",
    number="0123/TNHS",
)
NHUONG = Person(
    name="Bùi Thị Mỵ Nhưỡng",
    address="Xóm Mỗ, xã Bình Thanh",
    phone="0912 345 678",
    email="nhuong.bui@example.vn",
    id_number="017123456789",
)
SUBJECT = Subject(
    case_code="000.00.15.H28-261124-0122",
    procedure_name="Cấp Phiếu lý lịch tư pháp",
    applicant=NHUONG,
    procedure_code="2.000488",
    summary="Xin cấp Phiếu lý lịch tư pháp số 1",
    owner=Person(name="Đinh Công Vượng", address="Xóm Giang, xã Cao Phong"),
)
FEES = (
    Fee(FeeKind.PHI, "Phí cung cấp thông tin", 200_000, "PHI-LLTP"),
    Fee(FeeKind.LE_PHI, "Lệ phí cấp bản sao", 8_000),
    Fee(FeeKind.POSTAGE, "Chuyển phát kết quả", 26_500),
)
THANG = Official("Nguyễn Hữu Thắng")
DUC = Official("Hoàng Văn Đức", "Giám đốc")

RECEPTION = Reception(
    head=HEAD,
    subject=SUBJECT,
    channel=Channel.ONLINE,
    papers=(
        PaperItem("Tờ khai yêu cầu cấp Phiếu", originals=1, files=1),
        PaperItem("Thẻ căn cước", certified=2),
        PaperItem("Văn bản ủy quyền", copies=3),
    ),
    sets=1,
    term=Term(10),
    received_at=at(11, 24, 10, 4),
    due_at=at(12, 8, 16, 30),
    way=ResultWay.POST,
    return_to="Xóm Mỗ, xã Bình Thanh, tỉnh Hòa Bình",
    return_note="Có thể đổi trước ngày hẹn",
    bring=("Giấy hẹn này", "Thẻ căn cước hoặc VNeID mức 2"),
    fees=FEES,
    receiver=THANG,
    paid_vnd=208_000,
    book="01/2026",
    entry=122,
)
SUPPLEMENT = SupplementRequest(
    head=HEAD,
    subject=SUBJECT,
    received_at=at(11, 23, 9),
    wanted=("Ảnh hai mặt thẻ căn cước", "Văn bản ủy quyền có chứng thực"),
    reason="Ảnh thẻ căn cước bị mờ",
    reply_by=date(2026, 12, 4),
    guide=THANG,
    legal_basis="Luật Lý lịch tư pháp, Điều 45",
)
REFUSAL = Refusal(
    head=HEAD,
    subject=SUBJECT,
    submitted_at=at(11, 23, 9),
    reasons=("Không thuộc thẩm quyền của cơ quan",),
    refuser=THANG,
    legal_basis="Nghị định 118/2025/NĐ-CP",
    instead="Nộp tại Công an tỉnh",
)
APOLOGY = Apology(
    head=HEAD,
    subject=SUBJECT,
    received_at=at(11, 2, 8),
    due_at=at(11, 16, 16, 30),
    new_due_at=at(12, 1, 16, 30),
    reason="Cơ quan phối hợp trả lời xác minh chậm",
    signer=DUC,
)
STOP = StopNotice(
    head=HEAD,
    subject=SUBJECT,
    received_at=at(11, 2, 8),
    stopped_at=at(11, 24, 9),
    reasons=("Người nộp có đơn xin rút hồ sơ", "Hồ sơ quá hạn bổ sung"),
    returned=("Tờ khai (01 bản chính)",),
    signer=DUC,
    legal_basis="Nghị định 118/2025/NĐ-CP",
    requested_on=date(2026, 11, 20),
)


def hand_over(minute: int, finished_at: datetime | None) -> HandOver:
    return HandOver(
        from_unit="Bộ phận Một cửa",
        from_person="Nguyễn Hữu Thắng",
        to_unit="Phòng Hành chính tư pháp",
        to_person="Lê Thị Ngọc Ánh",
        at=at(11, 2, 8, minute),
        due_at=at(11, 10, 17),
        finished_at=finished_at,
        note="Chuyển hồ sơ giấy",
    )


CONTROL = ControlSlip(
    head=HEAD,
    subject=SUBJECT,
    received_at=at(11, 2, 8),
    due_at=at(11, 16, 16, 30),
    handovers=(
        hand_over(1, at(11, 9, 15)),
        hand_over(2, at(11, 10, 16)),
        hand_over(3, at(11, 11, 8)),
        hand_over(4, None),
    ),
)


def entry(number: int) -> BookEntry:
    return BookEntry(
        case_code=f"000.00.15.H28-261102-{number:04d}",
        procedure_name="Cấp Phiếu lý lịch tư pháp",
        sets=1,
        applicant=NHUONG,
        handled_by="Sở Tư pháp",
        received_at=at(11, 2, 8) + timedelta(minutes=number),
        due_at=at(11, 20, 16, 30),
        way=tuple(ResultWay)[number % 3],
        returned_at=at(11, 19, 9) if number % 2 else None,
        note="Đã gọi điện",
    )


BOOK = CaseBook(
    head=HEAD,
    from_on=date(2026, 11, 2),
    to_on=date(2026, 11, 30),
    entries=(entry(1), entry(2), entry(3)),
    book="01/2026",
)


def given_file(number: int) -> GivenFile:
    return GivenFile(f"GT{number:03d}", f"Bản vẽ số {number}.pdf", 123_456 + number, f"{number:032x}" * 2)


SUBMISSION = Submission(
    head=HEAD,
    subject=SUBJECT,
    reference="DVCQG-2026-9981",
    channel=Channel.COUNTER,
    submitted_at=at(11, 24, 10, 4),
    documents=(given_file(1), given_file(2)),
    fees=FEES,
    receipt_sha256="5e" * 32,
)

ALL: tuple[Form, ...] = (*(RECEPTION, SUPPLEMENT, REFUSAL, APOLOGY, STOP, CONTROL, BOOK, SUBMISSION),)
assert tuple(type(form) for form in ALL) == FORMS


def read_back(data: Mapping[str, object]) -> Form:
    """The form that JSON members are the data of: the inverse, made from the types alone."""
    members = dict(data)
    code = members.pop("form")
    (kind,) = (each for each in FORMS if code == each.KIND.code)
    return typing.cast("Form", _made(kind, members))


def _made(kind: object, value: object) -> typing.Any:
    if isinstance(kind, types.UnionType):
        return None if value is None else _made(typing.get_args(kind)[0], value)
    if typing.get_origin(kind) is tuple:
        assert isinstance(value, list)
        return tuple(_made(typing.get_args(kind)[0], each) for each in value)
    assert isinstance(kind, type)
    if dataclasses.is_dataclass(kind):
        assert isinstance(value, dict)
        hints = typing.get_type_hints(kind)
        return kind(**{name: _made(hints[name], each) for name, each in value.items()})
    if issubclass(kind, date):
        return kind.fromisoformat(str(value))
    maker: Callable[[object], object] = kind
    return maker(value)


def refilled(form: Form, draw: Callable[[], str]) -> Form:
    """The same form with another text in each place where an office may write what it likes."""
    return typing.cast("Form", _refilled("", form, draw))


_OF_A_SHAPE = {"case_code", "track_url", "sha256", "receipt_sha256"}


def _refilled(name: str, value: object, draw: Callable[[], str]) -> object:
    if isinstance(value, tuple):
        return tuple(_refilled(name, each, draw) for each in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = {"phone"} if isinstance(value, Office) else set()
        others = {
            each.name: _refilled(each.name, getattr(value, each.name), draw)
            for each in dataclasses.fields(value)
            if each.name not in _OF_A_SHAPE | kept
        }
        return dataclasses.replace(value, **others)
    return draw() if type(value) is str else value
