import dataclasses
import io
import json
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.generic import ArrayObject, DictionaryObject, IndirectObject
from pyhanko.pdf_utils.reader import PdfFileReader

from gateway import forms
from gateway.domain.deadline_parts import Term, Unit
from gateway.domain.errors import Malformed
from gateway.domain.fees import FeeKind
from gateway.domain.form import Form, case_code_of
from gateway.domain.form_parts import MAX_TEXT_CHARS, Fee, Office, PaperItem
from gateway.forms import FormPress, form_json, render_form
from gateway.typeset import TEMPLATES
from signing.certificates import ensure_certificate
from signing.keystore import Keystore
from signing.pdf import PdfSigner, validate
from signing.signer import KeySigner
from tests.tools import tool
from tests.unit import sample_forms as sample

EVERY_FORM = pytest.mark.parametrize("form", sample.ALL, ids=lambda form: form.KIND.code)
VOWELS = "aàáảãạăằắẳẵặâầấẩẫậeèéẻẽẹêềếểễệiìíỉĩịoòóỏõọôồốổỗộơờớởỡợuùúủũụưừứửữựyỳýỷỹỵđ"
LETTERS = VOWELS + VOWELS.upper() + "bcghklmnpqrstvx BCGHKLMNPQRSTVX 0123456789.,;:/-()"
MARKUP = [
    "#panic()",
    ']#import "x"',
    "$x$",
    "*_`<a>@b",
    "\\",
    "= Tiêu đề",
    "- a",
    "\u202e",
    "\x00",
    "😀",
    "//",
    "</x>",
]
TEXTS = (
    st.text(LETTERS, min_size=1, max_size=60) | st.text(min_size=1, max_size=40) | st.sampled_from(MARKUP)
).filter(lambda text: bool(text.strip()))
MOMENTS = st.datetimes(datetime(2001, 1, 1), datetime(2098, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001 - given one
    lambda moment: moment.replace(microsecond=0)
)


def attachment(pdf: bytes) -> tuple[str, bytes, str]:
    """Its name, its bytes, and what it is to the page."""
    tree = PdfFileReader(io.BytesIO(pdf)).root["/Names"]["/EmbeddedFiles"]["/Names"]
    assert len(tree) == 2
    file = tree[1].get_object()
    return str(tree[0]), file["/EF"]["/F"].get_object().data, str(file["/AFRelationship"])


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def poppler(pdf: bytes, *options: str) -> str:
    done = subprocess.run([tool("pdftotext"), *options, "-", "-"], input=pdf, capture_output=True, check=True)
    return done.stdout.decode()


def printed(pdf: bytes) -> str:
    """What a reader that knows nothing of us finds on the pages, without blanks, in the order it was set."""
    return squeezed(poppler(pdf, "-raw"))


def parts(pdf: bytes) -> Iterator[DictionaryObject]:
    """Every element of the structure tree."""
    waiting = [PdfFileReader(io.BytesIO(pdf)).root["/StructTreeRoot"]]
    while waiting:
        here = waiting.pop()
        if isinstance(here, IndirectObject):
            here = here.get_object()
        if isinstance(here, ArrayObject):
            waiting += list(here)
        elif isinstance(here, DictionaryObject) and ("/S" in here or "/ParentTree" in here):
            yield here
            waiting.append(here.get("/K", ArrayObject()))


def pages(pdf: bytes) -> int:
    return int(PdfFileReader(io.BytesIO(pdf)).root["/Pages"]["/Count"])


def days(value: object) -> Iterator[dict[str, object]]:
    """Every time and day of what a template is given."""
    if isinstance(value, dict):
        if "weekday" in value:
            yield value
        else:
            for each in value.values():
                yield from days(each)
    elif isinstance(value, list):
        for each in value:
            yield from days(each)


def texts(value: object) -> Iterator[str]:
    """Every text of what a template is given; words in English and times apart."""
    if isinstance(value, dict):
        if "weekday" not in value:
            for name, each in value.items():
                if name not in {"is", "en"}:
                    yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


@EVERY_FORM
def test_each_form_says_in_its_metadata_that_it_is_pdf_a_3a_and_pdf_ua_1(form: Form) -> None:
    reader = PdfFileReader(io.BytesIO(render_form(form)))
    metadata = reader.root["/Metadata"].get_object().data.decode()
    expected = (
        "<pdfaid:part>3</pdfaid:part>", "<pdfaid:conformance>A</pdfaid:conformance>",
        "<pdfuaid:part>1</pdfuaid:part>", form.KIND.title,
    )  # fmt: skip
    assert [] == [text for text in expected if text not in metadata]
    assert reader.root["/MarkInfo"]["/Marked"]
    assert reader.root["/Lang"].startswith("vi")


@EVERY_FORM
def test_each_form_has_one_title_table_headers_and_english_marked_as_english(form: Form) -> None:
    found = list(parts(render_form(form)))
    sorts = [str(part.get("/S")) for part in found]
    assert sorts.count("/H1") == 1
    assert {"en"} <= {str(part["/Lang"]) for part in found if "/Lang" in part}
    has_table = form.KIND.code in {"01", "06", "07", "submission"}
    assert has_table is ("/TH" in sorts)
    assert all("/Alt" in part for part in found if part.get("/S") == "/Figure")


@EVERY_FORM
def test_the_facts_of_each_form_are_attached_as_its_data(form: Form) -> None:
    name, data, relationship = attachment(render_form(form))
    code = form.KIND.code
    assert ("submission.json" if code == "submission" else f"form-{code}.json") == name
    assert form_json(form) == data
    assert relationship == "/Data"
    assert form == sample.read_back(json.loads(data))


@EVERY_FORM
def test_the_data_of_a_form_are_canonical_json_with_times_of_vietnam(form: Form) -> None:
    data = form_json(form)
    again = json.dumps(json.loads(data), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert again.encode() == data
    assert json.loads(data)["head"]["issued_at"] == "2026-11-24T10:05:00+07:00"


@EVERY_FORM
def test_the_same_facts_give_the_same_bytes_in_whatever_zone_their_times_came(form: Form) -> None:
    head = dataclasses.replace(form.head, issued_at=form.head.issued_at.astimezone(UTC))
    assert render_form(form) == render_form(dataclasses.replace(form, head=head))
    other = dataclasses.replace(head, number="0124/TNHS")
    assert render_form(form) != render_form(dataclasses.replace(form, head=other))


@EVERY_FORM
def test_each_fact_of_a_form_stands_on_paper(form: Form) -> None:
    found = printed(render_form(form)).upper()
    wanted = [text for text in texts(forms._printed_fields(form)) if text]
    if form.KIND.code == "07":  # the book says how a result is returned in two words
        wanted = [text for text in wanted if not text.startswith(("Trực tiếp", "Qua dịch vụ", "Trực tuyến"))]
    if form.KIND.code != "submission":
        wanted = [text for text in wanted if text != form.head.office.code]
    assert [] == [text for text in wanted if squeezed(text).upper() not in found]


@EVERY_FORM
def test_each_time_of_a_form_stands_on_paper_with_its_day(form: Form) -> None:
    found = printed(render_form(form))
    unsaid = []
    for when in days(forms._printed_fields(form)):
        words = (
            [when["full"], when["stamp"], f"{when['short']} {when['clock']}"]
            if "stamp" in when
            else [when["day"], when["short"]]
        )
        if not any(squeezed(str(each)) in found for each in words):
            unsaid.append(when)
    issued = forms._printed_moment(form.head.issued_at)
    assert [] == [when for when in unsaid if when != issued]
    assert squeezed(str(issued["day"])) in found


@EVERY_FORM
def test_each_form_has_the_head_of_a_vietnamese_document(form: Form) -> None:
    found = printed(render_form(form))
    expected = [
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM", "Độc lập - Tự do - Hạnh phúc", "ỦY BAN NHÂN DÂN TỈNH HÒA BÌNH",
        "TRUNG TÂM PHỤC VỤ HÀNH CHÍNH CÔNG", "Hòa Bình, ngày 24 tháng 11 năm 2026", "Số: 0123/TNHS",
        form.KIND.title.upper(), form.KIND.title_en, "0218 3888 222", form.head.track_url,
    ]  # fmt: skip
    if form.KIND.code.isdigit():
        expected.append(f"Mẫu số {form.KIND.code}, Thông tư 03/2025/TT-VPCP, Phụ lục I")
    assert [] == [text for text in expected if squeezed(text) not in found]


@EVERY_FORM
def test_what_an_office_does_not_tell_is_left_out(form: Form) -> None:
    office = Office(authority="", unit=sample.OFFICE.unit, code=sample.OFFICE.code)
    bare = dataclasses.replace(form, head=dataclasses.replace(form.head, office=office))
    found = printed(render_form(bare))
    assert squeezed("Hỏi: " + sample.OFFICE.unit + ". Văn bản điện tử") in found
    told = [each for each in ("Whom to ring", "số điện thoại", "Hòa Bình, ngày") if squeezed(each) in found]
    assert [] == told
    assert squeezed("ngày 24 tháng 11 năm 2026") in found


@EVERY_FORM
def test_case_code_and_phone_come_before_everything_else(form: Form) -> None:
    if not case_code_of(form):
        return
    found = printed(render_form(form))
    after_title = found[found.index(squeezed(form.KIND.title_en)) + len(squeezed(form.KIND.title_en)) :]
    assert after_title.startswith(squeezed(f"Mã hồ sơ Case code {case_code_of(form)}"))
    assert squeezed("0218 3888 222") in after_title[:170]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (sample.RECEPTION, "Hẹn trả kết quả Come back 08/12/2026 16 giờ 30 phút, thứ Ba"),
        (sample.RECEPTION, "10 giờ 04 phút, ngày 24 tháng 11 năm 2026"),
        (sample.RECEPTION, "16 giờ 30 phút, ngày 08 tháng 12 năm 2026 (thứ Ba)"),
        (sample.RECEPTION, "10 ngày làm việc"),
        (sample.RECEPTION, "Ngoài các khoản ghi ở đây, cán bộ không được thu hay nhận thêm tiền"),
        (
            sample.RECEPTION,
            "Tổng cộng Total 234.500 đ Đã nộp Paid 208.000 đ Còn phải nộp Still owed 26.500 đ",
        ),
        (sample.RECEPTION, "Cộng phí, lệ phí State fees 208.000 đ Cộng cước bưu chính Postage 26.500 đ"),
        (sample.RECEPTION, "Hai trăm ba mươi tư nghìn năm trăm đồng"),
        (sample.RECEPTION, "Số lượng hồ sơ: Sets 1 (bộ)"),
        (sample.RECEPTION, "quyển số: 01/2026, số thứ tự: 122"),
        (sample.SUPPLEMENT, "Lần yêu cầu: Request no. 1"),
        (sample.SUPPLEMENT, "Hạn bổ sung Complete by 04/12/2026 thứ Sáu"),
        (sample.SUPPLEMENT, "hết ngày 04 tháng 12 năm 2026"),
        (sample.APOLOGY, "Hẹn trả lại New date 01/12/2026 16 giờ 30 phút, thứ Ba"),
        (sample.APOLOGY, "Đến nay Trung tâm Phục vụ hành chính công chưa trả kết quả"),
        (sample.STOP, "Dừng giải quyết từ Stopped 24/11/2026 09 giờ 00 phút, thứ Ba"),
        (sample.CONTROL, "Hạn 10/11/2026 17:00 Xong 09/11/2026 15:00 Trước hạn"),
        (sample.CONTROL, "Hạn 10/11/2026 17:00 Xong 10/11/2026 16:00 Đúng hạn"),
        (sample.CONTROL, "Hạn 10/11/2026 17:00 Xong 11/11/2026 08:00 Quá hạn"),
        (sample.BOOK, "Từ 02/11/2026 đến hết 30/11/2026"),
        (sample.BOOK, "Tổng số: 3 hồ sơ"),
        (sample.SUBMISSION, "Đã nhận lúc Received 24/11/2026 10 giờ 04 phút, thứ Ba"),
        (sample.SUBMISSION, "123.457 byte"),
        (sample.SUBMISSION, "5e5e5e5e 5e5e5e5e 5e5e5e5e"),
    ],
)
def test_what_matters_is_said_in_words_that_people_know(form: Form, expected: str) -> None:
    assert squeezed(expected) in printed(render_form(form))


def test_originals_certified_copies_plain_copies_and_files_are_counted_in_their_columns() -> None:
    paper = PaperItem("Thẻ căn cước", originals=11, certified=22, copies=33, files=44)
    found = printed(render_form(dataclasses.replace(sample.RECEPTION, papers=(paper,))))
    assert squeezed("Bản chính Original Chứng thực Certified Bản sao Copy Tệp File") in found
    assert squeezed("1 Thẻ căn cước 11 22 33 44") in found


def test_the_file_says_that_it_was_made_when_the_form_was_issued() -> None:
    info = PdfFileReader(io.BytesIO(render_form(sample.REFUSAL))).trailer["/Info"]
    assert str(info["/CreationDate"]) == "D:20261124030500Z"


def test_what_is_free_asks_for_no_money() -> None:
    found = printed(render_form(dataclasses.replace(sample.RECEPTION, fees=(), paid_vnd=0)))
    assert squeezed("Hồ sơ này không phải nộp phí, lệ phí.") in found
    assert "0đ" not in found


def test_fees_of_one_sort_need_no_sums_apart() -> None:
    found = printed(render_form(dataclasses.replace(sample.SUBMISSION, fees=sample.FEES[:2])))
    assert squeezed("Tổng cộng Total 208.000 đ") in found
    assert squeezed("Cộng phí, lệ phí") not in found


def test_a_same_day_procedure_says_what_holds_after_three_in_the_afternoon() -> None:
    found = printed(render_form(dataclasses.replace(sample.RECEPTION, term=Term(0, Unit.SAME_DAY))))
    assert squeezed("nhận sau 15 giờ thì trả trong ngày làm việc tiếp theo") in found


def test_an_apology_that_comes_in_time_does_not_say_that_the_day_is_over() -> None:
    early = dataclasses.replace(sample.APOLOGY, due_at=sample.at(11, 25, 16))
    found = printed(render_form(early))
    assert squeezed("không thể trả kết quả giải quyết hồ sơ đúng thời hạn") in found
    assert squeezed("Đến nay") not in found


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (sample.at(1, 5, 7, 9), "07 giờ 09 phút, ngày 05 tháng 01 năm 2026"),
        (sample.at(2, 28, 23, 59), "23 giờ 59 phút, ngày 28 tháng 02 năm 2026"),
        (sample.at(3, 9, 0), "00 giờ 00 phút, ngày 09 tháng 3 năm 2026"),
        (datetime(2026, 12, 31, 17, 30, tzinfo=UTC), "00 giờ 30 phút, ngày 01 tháng 01 năm 2027"),
    ],
)
def test_days_are_written_as_the_rule_for_documents_says(moment: datetime, expected: str) -> None:
    assert expected == forms._printed_moment(moment)["full"]


def test_all_vietnamese_letters_come_out_of_the_page_as_they_went_in() -> None:
    everything = " ".join(f"b{letter}c" for letter in VOWELS + VOWELS.upper())
    subject = dataclasses.replace(sample.SUBJECT, summary=everything)
    assert squeezed(everything) in printed(render_form(dataclasses.replace(sample.REFUSAL, subject=subject)))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_text_in_any_field_is_shown_as_text_and_kept_in_the_data(data: st.DataObject) -> None:
    form = sample.refilled(data.draw(st.sampled_from(sample.ALL)), lambda: data.draw(TEXTS))
    _, attached, _ = attachment(render_form(form))
    assert form == sample.read_back(json.loads(attached))


@settings(max_examples=20, deadline=None)
@given(text=st.text(LETTERS, min_size=1, max_size=300).filter(lambda text: bool(text.strip())))
def test_a_vietnamese_reason_is_printed_letter_for_letter(text: str) -> None:
    form = dataclasses.replace(sample.REFUSAL, reasons=(text,), instead=text)
    assert printed(render_form(form)).count(squeezed(text)) >= 2


@settings(max_examples=25, deadline=None)
@given(
    received=MOMENTS,
    later=st.integers(0, 10**8),
    amounts=st.lists(st.integers(0, 10**9), min_size=1, max_size=4),
    kinds=st.lists(st.sampled_from(FeeKind), min_size=4, max_size=4),
)
def test_times_and_sums_are_the_same_on_paper_and_in_the_data(
    received: datetime, later: int, amounts: list[int], kinds: list[FeeKind]
) -> None:
    form = dataclasses.replace(
        sample.RECEPTION,
        received_at=received,
        due_at=received + timedelta(seconds=later),
        term=Term(0, Unit.SAME_DAY),
        fees=tuple(Fee(kind, "x", amount) for kind, amount in zip(kinds, amounts, strict=False)),
        paid_vnd=0,
    )
    pdf = render_form(form)
    found, facts = printed(pdf), json.loads(attachment(pdf)[1])
    for wire in (facts["received_at"], facts["due_at"]):
        year, month, day, hour, minute = (int(part) for part in re.findall(r"\d+", wire)[:5])
        month_words = f"{month:02}" if month < 3 else str(month)
        words = f"{hour:02} giờ {minute:02} phút, ngày {day:02} tháng {month_words} năm {year}"
        assert squeezed(words) in found
    sums = [fee["amount_vnd"] for fee in facts["fees"]]
    assert [] == [each for each in sums if f"{each:_}".replace("_", ".") + "đ" not in found]
    assert squeezed(f"Tổng cộng Total {sum(sums):_} đ".replace("_", ".")) in found


def test_two_hundred_documents_flow_over_numbered_pages_with_the_header_on_each() -> None:
    many = tuple(sample.given_file(number) for number in range(200))
    pdf = render_form(dataclasses.replace(sample.SUBMISSION, documents=many))
    found, count = printed(pdf), pages(pdf)
    assert count > 5
    assert [] == [each for each in many if each.sha256 not in found]
    assert [] == [number for number in range(1, count + 1) if f"Trang{number}/{count}" not in found]
    header = squeezed("Tài liệu và mã SHA-256 của nó")
    assert found.count(header) in {count - 1, count}
    assert found.count("000.00.15.H28-261124-0122") >= count


def test_a_book_of_a_thousand_cases_is_printed() -> None:
    entries = tuple(sample.entry(number) for number in range(1, 1001))
    pdf = render_form(dataclasses.replace(sample.BOOK, entries=entries))
    found = printed(pdf)
    assert [] == [each for each in entries if each.case_code not in found]
    assert f"Trang{pages(pdf)}/{pages(pdf)}" in found


def test_empty_lists_are_said_to_be_empty() -> None:
    empty = [
        (dataclasses.replace(sample.BOOK, entries=()), "Không tiếp nhận hồ sơ nào"),
        (dataclasses.replace(sample.CONTROL, handovers=()), "Chưa có lần giao, nhận nào"),
        (dataclasses.replace(sample.STOP, returned=()), "Không có giấy tờ phải trả lại"),
        (dataclasses.replace(sample.SUBMISSION, documents=()), "Không có tài liệu đính kèm"),
        (dataclasses.replace(sample.SUPPLEMENT, reply_by=None), "càng sớm càng tốt"),
    ]
    assert [] == [words for form, words in empty if squeezed(words) not in printed(render_form(form))]


@EVERY_FORM
def test_nothing_runs_off_the_page_however_long_it_is(form: Form) -> None:
    wide = sample.refilled(form, lambda: "Ẫ" * 118)
    boxes = poppler(render_form(wide), "-bbox")
    width = 841.89 if form.KIND.code == "07" else 595.28
    edges = [float(edge) for edge in re.findall(r'xMax="([0-9.]+)"', boxes)]
    assert len(edges) > 10
    assert max(edges) <= width


def test_the_longest_text_that_is_let_in_is_printed_whole() -> None:
    longest = "".join(chr(ord("a") + number % 26) for number in range(MAX_TEXT_CHARS))
    form = dataclasses.replace(sample.SUPPLEMENT, reason=longest)
    assert longest in printed(render_form(form))


def test_a_text_that_json_cannot_carry_is_malformed() -> None:
    form = dataclasses.replace(sample.SUPPLEMENT, reason="\ud800")
    with pytest.raises(Malformed):
        render_form(form)
    with pytest.raises(Malformed):
        form_json(form)


def test_each_form_has_its_template_and_each_template_its_form() -> None:
    expected = {f"{form.KIND.code}.typ" for form in sample.ALL} | {"shared.typ"}
    assert expected == {path.name for path in (TEMPLATES / "forms").iterdir()}


def test_threads_print_at_the_same_time_without_mixing_their_forms() -> None:
    with ThreadPoolExecutor(max_workers=4) as pool:
        printed_forms = list(pool.map(render_form, sample.ALL * 2))
    assert [form_json(form) for form in sample.ALL * 2] == [attachment(pdf)[1] for pdf in printed_forms]


def test_the_press_signs_what_it_prints(tmp_path: Path) -> None:
    now = sample.HEAD.issued_at
    held = ensure_certificate(Keystore.open(tmp_path), "receipt", subject="Sở Tư pháp", now=now)
    signer = PdfSigner(KeySigner(held.private_key, held.certificate, held.chain))
    press = FormPress(signer, location="Hòa Bình")
    for form in (sample.RECEPTION, sample.BOOK):
        paper = press.form(form)
        assert form_json(form) == paper.json
        assert paper.pdf.startswith(render_form(form))
        verdict = validate(paper.pdf, [held.root], at=now)
        assert verdict.good
        expected = " ".join(filter(None, (form.KIND.title, case_code_of(form))))
        assert (now, expected) == (verdict.signed_at, verdict.reason)
