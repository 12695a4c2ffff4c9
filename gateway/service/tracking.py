"""What a citizen may see of a case, in plain words: what happened, what is next, until when."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.domain.case import CaseState
from gateway.domain.codes import parse_case_code
from gateway.domain.errors import Malformed, NotFound
from gateway.domain.form import KINDS
from gateway.domain.published import PUBLISHED
from gateway.domain.receipt import ReceiptState
from gateway.service import case_papers, evidence, sealed
from gateway.service.accesses import VIEWED
from gateway.service.cases import Caller
from gateway.service.context import Context
from gateway.store import case_papers as paper_store
from gateway.store import cases as store
from gateway.store import payments as payment_store
from gateway.store import receipts as receipt_store
from gateway.store import retention as retention_store
from gateway.store import spine, tries

LARGEST_NUMBER_OF_TRIES = 5
LARGEST_NUMBER_OF_AN_ADDRESS = 30
TRIES_WINDOW = timedelta(minutes=15)
MOST_CHARS = 60
DIGITS = re.compile(r"[0-9]{4}")
ADDRESS = "track_tries.address"
"""The context of the blind index; no address is kept in the clear."""

WORDS: Mapping[str, tuple[str, str]] = {
    "case.registered": ("Hồ sơ đã nộp", "The case was submitted"),
    "case.accepted": ("Hồ sơ được tiếp nhận", "The case was accepted"),
    "case.refused": ("Hồ sơ không được tiếp nhận", "The case was not accepted"),
    "case.processing": ("Cơ quan đang xử lý hồ sơ", "The agency is processing the case"),
    "case.supplement_required": ("Cần bổ sung giấy tờ", "More documents are needed"),
    "case.fee_due": ("Cần nộp phí, lệ phí", "A fee is to be paid"),
    "case.fees_changed": ("Phí, lệ phí đã được tính lại", "The fees were set anew"),
    "case.extended": (
        "Cơ quan xin lỗi và hẹn lại ngày trả kết quả",
        "The agency apologised and named a new day for the result",
    ),
    "case.transferred": (
        "Hồ sơ được chuyển đến cơ quan giải quyết tiếp theo",
        "The case was handed over to the next agency",
    ),
    "case.step_acknowledged": ("Cơ quan nhận chuyển đã nhận hồ sơ", "The next agency has the case"),
    "case.step_returned": (
        "Hồ sơ được chuyển trả cơ quan trước",
        "The case was given back to the agency before",
    ),
    "case.forgotten": (
        "Dữ liệu cá nhân của hồ sơ đã được xóa vì hết thời hạn lưu giữ",
        "The personal data of the case was erased: the time for which it is kept is over",
    ),
    "case.due_moved": (
        "Ngày hẹn trả kết quả được tính lại do gián đoạn dịch vụ",
        "The day for the result was reckoned again because of an outage",
    ),
    "case.due_soon": ("Sắp đến ngày hẹn trả kết quả", "The day for the result is near"),
    "case.overdue": ("Đã quá ngày hẹn trả kết quả", "The day for the result has passed"),
    "payment.repriced": ("Số tiền cần nộp đã thay đổi", "The sum to pay has changed"),
    "case.withdrawn": ("Đã rút hồ sơ", "The case was withdrawn"),
    "case.stopped": ("Dừng xử lý hồ sơ", "The case was stopped"),
    "case.result_ready": ("Đã có kết quả", "The result is ready"),
    "case.result_delivered": ("Đã trả kết quả", "The result was handed over"),
    "case.document_refused": (
        "Một giấy tờ tải lên không được nhận",
        "A document that was uploaded was not taken",
    ),
    "case.document_scanned": ("Một giấy tờ đã được quét mã độc", "A document was scanned for harmful code"),
    "payment.created": ("Có khoản phí, lệ phí cần nộp", "There is a fee to pay"),
    "payment.succeeded": ("Đã nhận được tiền", "The money was received"),
    "payment.failed": ("Một lần thanh toán không thành công", "A try to pay did not succeed"),
    "payment.expired": ("Yêu cầu thanh toán đã hết hạn", "A request to pay has expired"),
    "payment.cancelled": ("Yêu cầu thanh toán đã hủy", "A request to pay was cancelled"),
    "payment.double_paid": (
        "Đã nhận thừa tiền, khoản thừa sẽ được hoàn lại",
        "More was paid than asked for; the surplus will be given back",
    ),
    "payment.part_paid": (
        "Đã nhận một phần tiền, phần còn thiếu xin nộp tiếp",
        "A part of the money was received; the rest is still to be paid",
    ),
    "refund.owed": (
        "Hồ sơ kết thúc không có kết quả, số tiền đã nộp sẽ được hoàn lại",
        "The case ended without a result; what was paid will be given back",
    ),
    "refund.requested": (
        "Có yêu cầu hoàn tiền, đang chờ duyệt",
        "A refund was asked for and waits for approval",
    ),
    "refund.approved": ("Yêu cầu hoàn tiền đã được duyệt", "The refund was approved"),
    "refund.sent": ("Đã gửi lệnh hoàn tiền", "The refund was sent"),
    "refund.succeeded": ("Đã hoàn tiền", "The money was given back"),
    "refund.failed": (
        "Một lần hoàn tiền chưa được, đang xử lý lại",
        "A refund did not go through; it is being solved",
    ),
    "refund.declined": ("Không duyệt hoàn tiền", "The refund was declined"),
    "receipt.issued": ("Đã cấp biên lai", "The receipt was issued"),
    "receipt.cancelled": ("Biên lai đã bị hủy", "The receipt was cancelled"),
    "receipt.replaced": (
        "Biên lai đã được thay bằng biên lai khác",
        "Another receipt took the place of the receipt",
    ),
    "paper.issued": ("Đã cấp văn bản", "A paper was issued"),
    "paper.completed": (
        "Chữ ký số của văn bản đã được bổ sung để kiểm tra được lâu dài",
        "The signature of a paper was completed, so that it can be checked for long",
    ),
    "delivery.ordered": ("Bưu điện đã nhận yêu cầu trả kết quả", "The post has taken the delivery order"),
    "delivery.moved": ("Bưu gửi đang trên đường", "The parcel is on its way"),
    "delivery.handed_over": ("Bưu điện đã trao kết quả tận tay", "The post has handed the result over"),
    "delivery.failed": (
        "Bưu gửi gặp trở ngại, đang xử lý",
        "The parcel met a difficulty; it is being solved",
    ),
    "delivery.returned": ("Bưu gửi đang chuyển hoàn", "The parcel is going back"),
    "delivery.cancelled": ("Đã hủy trả kết quả qua bưu điện", "Delivery by post was cancelled"),
    "reconciliation.closed": ("Đã chốt sổ ngày", "The day was closed"),
}
assert set(WORDS) == PUBLISHED, "every published event is put in words"

NEXT: Mapping[CaseState, tuple[str, str]] = {
    CaseState.DRAFT: ("Hoàn tất giấy tờ và nộp hồ sơ.", "Complete the documents and submit."),
    CaseState.REGISTERED: ("Cơ quan kiểm tra để tiếp nhận.", "The agency checks the case."),
    CaseState.ACCEPTED: ("Cơ quan bắt đầu xử lý.", "The agency starts to process it."),
    CaseState.PROCESSING: ("Chờ kết quả đúng ngày hẹn.", "Wait for the result on the day named."),
    CaseState.SUPPLEMENT_REQUIRED: ("Ông/bà bổ sung giấy tờ.", "You give the documents asked for."),
    CaseState.FEE_DUE: ("Ông/bà nộp phí, lệ phí.", "You pay the fee."),
    CaseState.RESULT_READY: ("Kết quả đang được chuyển đến ông/bà.", "The result is on its way to you."),
}

_LATE = (
    "Đã nhận một phần tiền sau khi yêu cầu hết hiệu lực, sẽ được hoàn lại",
    "A part of the money came after the request had ended; it will be given back",
)
VIEWED_WORDS = (
    "Một cán bộ đã xem dữ liệu cá nhân của hồ sơ này",
    "An official viewed the personal data of this case",
)
PART_WORDS: Mapping[tuple[str, str | None], tuple[str, str]] = {
    ("payment.part_paid", "cancelled"): _LATE,
    ("payment.part_paid", "expired"): _LATE,
    ("payment.part_paid", "paid"): (
        "Đã nhận phần tiền còn thiếu",
        "The missing part of the money was received",
    ),
}


@dataclass(frozen=True, slots=True)
class Step:
    at: datetime
    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class Found:
    """The case, or None and whether it was asked for too often."""

    case: store.Case | None
    too_many: bool = False


@dataclass(frozen=True, slots=True)
class IssuedPaper:
    """A paper of the case: of the `papers` by its id, or of the `receipts` by its number."""

    kind: str
    id: str
    at: datetime
    vi: str
    en: str


def papers(context: Context, case: store.Case) -> list[IssuedPaper]:
    """The official papers and the receipts that hold, newest first."""
    with context.engine.connect() as connection:
        made = [] if case.forgotten_at else paper_store.made_of_case(connection, case.case_code)
        gone = retention_store.are_accounts_forgotten(connection, case.case_code)
        receipts = [] if gone else receipt_store.of_case(connection, case.case_code)
    found = [
        IssuedPaper("papers", each.id, each.made_at, *_title(each.form, each.number))
        for each in made
        if each.made_at is not None
    ]
    found += [
        IssuedPaper(
            "receipts",
            each.receipt_number,
            each.issued_at,
            f"Biên lai số {each.receipt_number}",
            f"Receipt {each.receipt_number}",
        )
        for each in receipts
        if each.state == ReceiptState.ISSUED and each.issued_at is not None
    ]
    return sorted(found, key=lambda each: each.at, reverse=True)


def _title(form: str, number: int = 1) -> tuple[str, str]:
    kind = KINDS[form]
    if number == 1:
        return kind.title, kind.title_en
    return f"{kind.title} (lần {number})", f"{kind.title_en} (no. {number})"


def paper(context: Context, case: store.Case, paper_id: str) -> bytes:
    """The PDF of a paper of the case. Raises `NotFound`."""
    return case_papers.content(context, _as_its_portal(case), case.case_code, paper_id, "pdf")


def receipt(context: Context, case: store.Case, number: str) -> bytes:
    """The PDF of a receipt of the case that holds. Raises `NotFound`."""
    with context.engine.connect() as connection:
        found = receipt_store.by_number(connection, number)
        payment = None if found is None else payment_store.find(connection, found.payment_id)
    holds = found is not None and found.state == ReceiptState.ISSUED and found.pdf_sha256 is not None
    if found is None or not holds or payment is None or payment.case_code != case.case_code:
        raise NotFound("this case has no such receipt")
    return context.files.get(str(found.pdf_sha256))


def evidence_of(context: Context, case: store.Case, *, with_person: bool, now: datetime) -> bytes:
    """The container of the case. Raises `Forbidden` until its events are sealed."""
    return evidence.container(context, _as_its_portal(case), case.case_code, with_person=with_person, now=now)


def _as_its_portal(case: store.Case) -> Caller:
    """Who has the case's link may read of it what its portal may."""
    return Caller(case.portal_id, case.agency_code, "citizen")


def steps(context: Context, case: store.Case) -> list[Step]:
    """What happened, oldest first."""
    with context.engine.connect() as connection:
        events = spine.of_case(connection, case.case_code)
    shown = WORDS.keys() | ({VIEWED} if context.shows_views else set())
    return [Step(event.occurred_at, *_words(event)) for event in events if event.type in shown]


def _words(event: spine.Event) -> tuple[str, str]:
    """A part that came means another thing when nothing more was asked for, or when it completed what was missing."""
    if event.type == "paper.issued":
        vi, en = _title(str(event.data["form"]))
        return f"Đã cấp: {vi}", f"Issued: {en}"
    if event.type == VIEWED:
        return VIEWED_WORDS
    return PART_WORDS.get((event.type, event.to_state), WORDS[event.type])


def next_step(state: CaseState) -> tuple[str, str] | None:
    """What comes next, in two languages; None when nothing does."""
    return NEXT.get(state)


def look_up(context: Context, case_code: str, digits: str, address: str | None, now: datetime) -> Found:
    """The case of that code, whose applicant's phone number ends in `digits`.

    Only failures count, for the code and for the address that asks (None where that is not known); what can be no
    case code or no four digits is no guess, and counts for nothing.
    """
    try:
        code = parse_case_code(tidy(case_code)).text
    except Malformed:
        return Found(None)
    if not DIGITS.fullmatch(digits):
        return Found(None)
    limits = {code: LARGEST_NUMBER_OF_TRIES}
    if address is not None:
        # its lock is taken first by everybody, so that no two look-ups wait for each other
        limits = {_of_address(context, address): LARGEST_NUMBER_OF_AN_ADDRESS, **limits}
    with context.engine.begin() as connection:
        since = now - TRIES_WINDOW
        for key, limit in limits.items():
            if tries.count(connection, key, since) >= limit:
                return Found(None, too_many=True)
        found = store.find_by_phone(connection, code, context.sealer.index(digits, sealed.PHONE))
        if found is None:
            for key in limits:
                tries.add(connection, key, now)
        return Found(found)


def tidy(case_code: str) -> str:
    """As it is printed: in upper case, without blanks, also none around the hyphens."""
    return re.sub(r"\s+", "", case_code[:MOST_CHARS]).upper()


def _of_address(context: Context, address: str) -> str:
    return f"address:{context.sealer.index(address, ADDRESS).hex()}"


def forget_tries(context: Context, now: datetime) -> int:
    """Drop what no longer counts; returns how many failures that were."""
    with context.engine.begin() as connection:
        return tries.forget(connection, now - TRIES_WINDOW)
