"""The papers that a case goes by: forms 01 to 07 of TT 03/2025/TT-VPCP, Phụ lục I, and our submission receipt.

A form is the facts that it says; making one checks them, so that a form that exists can be printed. Titles are the
circular's own words. Every maker raises `Malformed`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import ClassVar, Final

from gateway.domain.codes import parse_case_code
from gateway.domain.deadline_parts import Term, Unit
from gateway.domain.fees import Channel
from gateway.domain.form_parts import (
    Fee,
    FormKind,
    GivenFile,
    Head,
    Official,
    PaperItem,
    Person,
    ResultWay,
    Subject,
    check,
    day_of,
    demand,
    in_order,
    is_sha256,
    total_vnd,
)
from gateway.domain.money import Vnd, check_vnd

BASIS: Final = "Thông tư 03/2025/TT-VPCP, Phụ lục I"


@dataclass(frozen=True, slots=True)
class Reception:
    """01. Also the appointment slip. `term` is the procedure's time.

    `due_at` is when the result can be fetched, computed by the working-day rule of `deadline`.
    """

    KIND: ClassVar = FormKind(
        "01",
        "Giấy tiếp nhận hồ sơ và hẹn trả kết quả",
        "Acknowledgement of receipt and appointment for the result",
    )
    head: Head
    subject: Subject
    channel: Channel
    papers: tuple[PaperItem, ...]
    sets: int
    term: Term
    received_at: datetime
    due_at: datetime
    way: ResultWay
    return_to: str = field(repr=False)
    return_note: str = field(repr=False)
    bring: tuple[str, ...]
    fees: tuple[Fee, ...]
    receiver: Official
    paid_vnd: Vnd = 0
    book: str = ""
    entry: int = 0

    def __post_init__(self) -> None:
        check(self, required=("return_to",))
        _check_sums(self.fees, self.paid_vnd)
        demand(bool(self.papers) and self.sets > 0, "A case that is taken in has papers, in one set or more")
        in_order(self.received_at, self.due_at)
        days = self.term.count if self.term.unit is Unit.WORKING_DAYS else 0
        soonest = day_of(self.received_at) + timedelta(days=days)
        demand(
            day_of(self.due_at) >= soonest, "The appointment is sooner than the working days of the procedure"
        )


@dataclass(frozen=True, slots=True)
class SupplementRequest:
    """02. `wanted` names each thing, `reason` why. `times` counts the requests of this case: the law knows one."""

    KIND: ClassVar = FormKind(
        "02", "Phiếu yêu cầu bổ sung, hoàn thiện hồ sơ", "Request to complete the application"
    )
    head: Head
    subject: Subject
    received_at: datetime
    wanted: tuple[str, ...] = field(repr=False)
    reason: str = field(repr=False)
    reply_by: date | None
    guide: Official
    legal_basis: str = ""
    times: int = 1

    def __post_init__(self) -> None:
        check(self, required=("reason",))
        demand(
            bool(self.wanted) and self.times > 0,
            "A request names what is wanted, and is the first or a later one",
        )
        in_order(self.received_at, self.head.issued_at)
        on_time = self.reply_by is None or self.reply_by >= day_of(self.head.issued_at)
        demand(on_time, "The day for the reply lies behind")


@dataclass(frozen=True, slots=True)
class Refusal:
    """03. `instead` says where to go or what to do instead, empty where there is nothing to say."""

    KIND: ClassVar = FormKind(
        "03", "Phiếu từ chối tiếp nhận giải quyết hồ sơ", "Refusal to accept the application"
    )
    head: Head
    subject: Subject
    submitted_at: datetime
    reasons: tuple[str, ...] = field(repr=False)
    refuser: Official
    legal_basis: str = ""
    instead: str = ""

    def __post_init__(self) -> None:
        check(self)
        demand(bool(self.reasons), "A refusal has a reason")
        in_order(self.submitted_at, self.head.issued_at)


@dataclass(frozen=True, slots=True)
class Apology:
    """04. The agency is late: it says sorry, says why, and names the new time."""

    KIND: ClassVar = FormKind(
        "04",
        "Văn bản xin lỗi và đề nghị gia hạn thời gian giải quyết",
        "Apology and request for more time",
    )
    head: Head
    subject: Subject
    received_at: datetime
    due_at: datetime
    new_due_at: datetime
    reason: str = field(repr=False)
    signer: Official
    times: int = 1

    def __post_init__(self) -> None:
        check(self, required=("reason",))
        demand(self.times > 0, "An extension is the first or a later one")
        in_order(self.received_at, self.due_at, self.new_due_at)
        demand(self.due_at < self.new_due_at, "The new time is later than the old one")
        in_order(self.head.issued_at, self.new_due_at)


@dataclass(frozen=True, slots=True)
class StopNotice:
    """05. Work on the case ends without a result. `returned` lists the papers that go back to the citizen."""

    KIND: ClassVar = FormKind(
        "05", "Thông báo dừng giải quyết hồ sơ", "Notice that work on the case has stopped"
    )
    head: Head
    subject: Subject
    received_at: datetime
    stopped_at: datetime
    reasons: tuple[str, ...] = field(repr=False)
    returned: tuple[str, ...] = field(repr=False)
    signer: Official
    legal_basis: str = ""
    requested_on: date | None = None

    def __post_init__(self) -> None:
        check(self)
        demand(bool(self.reasons), "A stop has a reason")
        in_order(self.received_at, self.stopped_at)


@dataclass(frozen=True, slots=True)
class HandOver:
    """One step of the control slip; times are None while they lie ahead or where the step has no time of its own."""

    from_unit: str
    from_person: str = field(repr=False)
    to_unit: str
    to_person: str = field(repr=False)
    at: datetime
    due_at: datetime | None = None
    finished_at: datetime | None = None
    note: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        check(self, required=("from_unit", "to_unit"))
        in_order(*(moment for moment in (self.at, self.finished_at) if moment is not None))


@dataclass(frozen=True, slots=True)
class ControlSlip:
    """06. Goes with the case from desk to desk."""

    KIND: ClassVar = FormKind(
        "06",
        "Phiếu kiểm soát quá trình giải quyết hồ sơ",
        "Control slip of the case's way through the offices",
    )
    head: Head
    subject: Subject
    received_at: datetime
    due_at: datetime
    handovers: tuple[HandOver, ...]

    def __post_init__(self) -> None:
        check(self)
        in_order(self.received_at, self.due_at)
        in_order(*(each.at for each in self.handovers))


@dataclass(frozen=True, slots=True)
class BookEntry:
    """One case of the book; `applicant` as one is written to."""

    case_code: str
    procedure_name: str
    sets: int
    applicant: Person
    handled_by: str
    received_at: datetime
    due_at: datetime
    way: ResultWay
    returned_at: datetime | None = None
    note: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        check(self, required=("procedure_name",))
        parse_case_code(self.case_code)


@dataclass(frozen=True, slots=True)
class CaseBook:
    """07. The cases that were received from one day to another, both counted, in the order of reception."""

    KIND: ClassVar = FormKind("07", "Sổ theo dõi hồ sơ", "Register of cases")
    head: Head
    from_on: date
    to_on: date
    entries: tuple[BookEntry, ...]
    book: str = ""

    def __post_init__(self) -> None:
        check(self)
        demand(self.from_on <= self.to_on, "The book ends before it begins")
        in_order(*(each.received_at for each in self.entries))
        inside = all(self.from_on <= day_of(each.received_at) <= self.to_on for each in self.entries)
        demand(inside, "A case of the book was received on another day")


@dataclass(frozen=True, slots=True)
class Submission:
    """What the signed submission receipt (JWS) says, for people. `receipt_sha256` is that of the compact JWS."""

    KIND: ClassVar = FormKind("submission", "Xác nhận đã nhận hồ sơ nộp", "Submission receipt")
    head: Head
    subject: Subject
    reference: str
    channel: Channel
    submitted_at: datetime
    documents: tuple[GivenFile, ...]
    fees: tuple[Fee, ...]
    receipt_sha256: str
    paid_vnd: Vnd = 0

    def __post_init__(self) -> None:
        check(self, required=("reference",))
        _check_sums(self.fees, self.paid_vnd)
        demand(is_sha256(self.receipt_sha256), "A SHA-256 is 64 hex digits")
        in_order(self.submitted_at, self.head.issued_at)


Form = Reception | SupplementRequest | Refusal | Apology | StopNotice | ControlSlip | CaseBook | Submission
FORMS: Final[tuple[type[Form], ...]] = (
    *(Reception, SupplementRequest, Refusal, Apology, StopNotice, ControlSlip, CaseBook, Submission),
)

KINDS: Final[Mapping[str, FormKind]] = {form.KIND.code: form.KIND for form in FORMS}
"""What each form is called, by its code."""


def case_code_of(form: Form) -> str:
    """The case that a form is about; empty for the book, which is about many."""
    return "" if isinstance(form, CaseBook) else form.subject.case_code


def _check_sums(fees: Iterable[Fee], paid_vnd: Vnd) -> None:
    """What came beyond the fees is owed back, and no matter for a form."""
    demand(paid_vnd <= check_vnd(total_vnd(fees)), "No more is paid than the fees of the form")
