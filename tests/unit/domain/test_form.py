import dataclasses
import typing
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.deadline_parts import Term, Unit
from gateway.domain.errors import Malformed
from gateway.domain.fees import FeeKind
from gateway.domain.form import FORMS, Form, Reception, case_code_of
from gateway.domain.form_parts import (
    MAX_ROWS,
    MAX_TEXT_CHARS,
    Fee,
    GivenFile,
    Head,
    Office,
    PaperItem,
    Person,
    Subject,
    Timeliness,
    timeliness,
    total_vnd,
)
from gateway.domain.money import LARGEST_VND
from tests.unit import sample_forms as sample
from tests.unit.sample_forms import at


def test_the_forms_have_the_numbers_and_the_titles_of_the_circular() -> None:
    expected = [
        ("01", "Giấy tiếp nhận hồ sơ và hẹn trả kết quả"),
        ("02", "Phiếu yêu cầu bổ sung, hoàn thiện hồ sơ"),
        ("03", "Phiếu từ chối tiếp nhận giải quyết hồ sơ"),
        ("04", "Văn bản xin lỗi và đề nghị gia hạn thời gian giải quyết"),
        ("05", "Thông báo dừng giải quyết hồ sơ"),
        ("06", "Phiếu kiểm soát quá trình giải quyết hồ sơ"),
        ("07", "Sổ theo dõi hồ sơ"),
    ]
    assert expected == [(each.KIND.code, each.KIND.title) for each in FORMS if each.KIND.code.isdigit()]


@pytest.mark.parametrize("form", sample.ALL, ids=lambda form: form.KIND.code)
def test_no_form_shows_a_person_or_a_private_address_in_its_repr(form: Form) -> None:
    private = [
        "Nhưỡng", "Vượng", "Thắng", "Đức", "Ánh", "Bình Thanh", "Cao Phong", "0912", "nhuong.bui", "017123456789",
        "7sT2vX9qLw4mKc1Z", "số 1", "bị mờ", "ủy quyền", "Đã gọi", "có đơn", "chậm", "thẩm quyền",
    ]  # fmt: skip
    shown = repr(form).replace("Văn bản ủy quyền", "")  # what a kind of paper is called is no secret
    assert [] == [text for text in private if text in shown]


def test_the_case_of_a_form_is_known_and_the_book_has_none() -> None:
    expected = [sample.SUBJECT.case_code] * 6 + ["", sample.SUBJECT.case_code]
    assert expected == [case_code_of(form) for form in sample.ALL]


def late(moment: datetime) -> datetime:
    return moment + timedelta(days=400)


NAIVE = datetime(2026, 11, 24, 10, 4)  # noqa: DTZ001 - a time without an offset is what is refused
LONG = "x" * (MAX_TEXT_CHARS + 1)
EARLY_APOLOGY = dataclasses.replace(
    sample.APOLOGY, head=dataclasses.replace(sample.HEAD, issued_at=at(11, 10, 8))
)
REFUSED: list[tuple[object, dict[str, object]]] = [
    (sample.OFFICE, {"unit": " "}),
    (sample.OFFICE, {"phone": "hỏi quầy số 3"}),
    (sample.HEAD, {"track_url": "javascript:alert(1)"}),
    (sample.HEAD, {"track_url": "https://a b"}),
    (sample.HEAD, {"track_url": "https://" + "a" * 500}),
    (sample.HEAD, {"issued_at": NAIVE}),
    (sample.HEAD, {"issued_at": datetime.max.replace(tzinfo=sample.VIETNAM)}),
    (sample.HEAD, {"number": "9" * (MAX_TEXT_CHARS + 1)}),
    (sample.NHUONG, {"name": ""}),
    (sample.NHUONG, {"address": "x" * (MAX_TEXT_CHARS + 1)}),
    (sample.SUBJECT, {"case_code": "H28-250630-1"}),
    (sample.SUBJECT, {"case_code": "000.00.15.28-250630-0001"}),
    (sample.SUBJECT, {"case_code": "000.00.15.H28-260230-0001"}),
    (sample.SUBJECT, {"procedure_name": ""}),
    (sample.FEES[0], {"amount_vnd": -1}),
    (sample.FEES[0], {"amount_vnd": 1.5}),
    (sample.FEES[0], {"amount_vnd": LARGEST_VND + 1}),
    (sample.FEES[0], {"name": ""}),
    (sample.RECEPTION.papers[0], {"originals": 0, "files": 0}),
    (sample.RECEPTION.papers[0], {"copies": -1}),
    (sample.RECEPTION, {"papers": ()}),
    (sample.RECEPTION, {"papers": sample.RECEPTION.papers[:1] * (MAX_ROWS + 1)}),
    (sample.RECEPTION, {"sets": 0}),
    (sample.RECEPTION, {"return_to": ""}),
    (sample.RECEPTION, {"bring": ("",)}),
    (sample.RECEPTION, {"received_at": NAIVE}),
    (sample.RECEPTION, {"due_at": at(11, 24, 10, 3), "term": Term(0, Unit.SAME_DAY)}),
    (sample.RECEPTION, {"due_at": at(12, 3, 23, 59)}),
    (sample.RECEPTION, {"term": Term(2_000)}),
    (sample.RECEPTION, {"paid_vnd": 234_501}),
    (sample.RECEPTION, {"fees": (Fee(FeeKind.PHI, "x", LARGEST_VND),) * 2}),
    (sample.SUPPLEMENT, {"wanted": ()}),
    (sample.SUPPLEMENT, {"reason": ""}),
    (sample.SUPPLEMENT, {"times": 0}),
    (sample.SUPPLEMENT, {"reply_by": date(2026, 11, 23)}),
    (sample.SUPPLEMENT, {"reply_by": date(1999, 12, 31)}),
    (sample.SUPPLEMENT, {"received_at": late(sample.HEAD.issued_at)}),
    (sample.REFUSAL, {"reasons": ()}),
    (sample.REFUSAL, {"submitted_at": late(sample.HEAD.issued_at)}),
    (sample.APOLOGY, {"new_due_at": sample.APOLOGY.due_at}),
    (sample.APOLOGY, {"new_due_at": at(11, 23, 8)}),
    (sample.APOLOGY, {"received_at": late(sample.APOLOGY.due_at)}),
    (sample.APOLOGY, {"reason": "\n"}),
    (sample.APOLOGY, {"times": 0}),
    (sample.STOP, {"reasons": ()}),
    (sample.STOP, {"stopped_at": at(11, 1, 8)}),
    (sample.CONTROL, {"due_at": at(11, 1, 8)}),
    (sample.CONTROL, {"handovers": sample.CONTROL.handovers[::-1]}),
    (sample.CONTROL.handovers[0], {"to_unit": ""}),
    (sample.CONTROL.handovers[0], {"finished_at": at(11, 1, 8)}),
    (sample.BOOK, {"from_on": date(2026, 12, 1)}),
    (sample.BOOK, {"from_on": date(2026, 11, 3)}),
    (sample.BOOK, {"entries": sample.BOOK.entries[::-1]}),
    (sample.BOOK.entries[0], {"case_code": ""}),
    (sample.SUBMISSION, {"receipt_sha256": "5E" * 32}),
    (sample.SUBMISSION, {"reference": ""}),
    (sample.SUBMISSION, {"paid_vnd": 234_501}),
    (sample.SUBMISSION, {"submitted_at": late(sample.HEAD.issued_at)}),
    (sample.REFUSAL, {"instead": LONG}),
    (sample.STOP, {"legal_basis": LONG}),
    (sample.CONTROL, {"handovers": sample.CONTROL.handovers[:1] * (MAX_ROWS + 1)}),
    (sample.BOOK.entries[0], {"procedure_name": ""}),
    (sample.BOOK.entries[0], {"note": LONG}),
    (sample.BOOK, {"book": LONG}),
    (sample.BOOK, {"from_on": date(1999, 12, 31)}),
    (sample.THANG, {"title": LONG}),
    (dataclasses.replace(sample.BOOK, entries=()), {"from_on": date(2026, 12, 1)}),
    (EARLY_APOLOGY, {"new_due_at": sample.APOLOGY.due_at}),
    (sample.SUBMISSION.documents[0], {"sha256": "0" * 63}),
    (sample.SUBMISSION.documents[0], {"size_bytes": -1}),
]


@pytest.mark.parametrize(("good", "change"), REFUSED)
def test_facts_that_cannot_be_are_malformed(good: typing.Any, change: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        dataclasses.replace(good, **change)


def test_an_empty_optional_text_and_an_absent_owner_are_no_fault() -> None:
    office = Office(authority="", unit="Một cửa", code="")
    subject = Subject(case_code="H28.15-261124-0001", procedure_name="x", applicant=Person("Hà"))
    head = Head(office=office, issued_at=at(11, 24, 10), track_url="https://a.vn")
    form = dataclasses.replace(sample.RECEPTION, head=head, subject=subject, bring=(), fees=(), paid_vnd=0)
    assert isinstance(form, Reception)
    assert PaperItem("x", files=1) in {*form.papers, PaperItem("x", files=1)}
    assert GivenFile("a", "b", 0, "0" * 64).size_bytes == 0


@given(days=st.integers(0, 400), hours=st.integers(0, 23))
def test_an_appointment_is_never_sooner_than_the_working_days(days: int, hours: int) -> None:
    received = at(11, 24, 0)
    due = received + timedelta(days=days, hours=hours)
    fits = dataclasses.replace(
        sample.RECEPTION, received_at=received, due_at=due, term=Term.of_working_days(days)
    )
    assert days == fits.term.count
    with pytest.raises(Malformed):
        dataclasses.replace(sample.RECEPTION, received_at=received, due_at=due, term=Term(days + 1))


@pytest.mark.parametrize(
    ("finished_at", "expected"),
    [
        (at(11, 15, 23, 59), Timeliness.EARLY),
        (at(11, 16, 0, 0), Timeliness.ON_TIME),
        (at(11, 16, 16, 30), Timeliness.ON_TIME),
        (at(11, 16, 16, 31), Timeliness.LATE),
    ],
)
def test_a_step_is_early_by_days_and_late_by_minutes(finished_at: datetime, expected: Timeliness) -> None:
    assert expected is timeliness(at(11, 16, 16, 30), finished_at)


@given(st.lists(st.integers(0, 10**9), max_size=20))
def test_the_sum_of_the_fees_is_their_total(amounts: list[int]) -> None:
    assert sum(amounts) == total_vnd(Fee(FeeKind.PHI, "x", amount) for amount in amounts)
