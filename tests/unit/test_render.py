import dataclasses
import io
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import typst
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.reader import PdfFileReader

from gateway import render
from gateway.domain.errors import Malformed
from gateway.render import ReceiptFacts, ReceiptLine, ReceiptPress, receipt_json, render_receipt
from gateway.typeset import NOT_SHOWN
from signing.certificates import ensure_certificate
from signing.keystore import Keystore
from signing.pdf import PdfSigner, validate
from signing.signer import KeySigner

VIETNAM = timezone(timedelta(hours=7))
FACTS = ReceiptFacts(
    series="H36-26E",
    number=123,
    receipt_number="H36-26E-0000123",
    issued_at=datetime(2026, 11, 24, 10, 5, tzinfo=VIETNAM),
    collector_name="Sở Tư pháp tỉnh Lâm Đồng",
    collector_code="000.00.15.H36",
    collector_tax_code="5800000000",
    payer_name="Nguyễn Thị Hồng Nhung",
    case_code="000.00.15.H36-261124-0122",
    procedure_name="Cấp Phiếu lý lịch tư pháp",
    lines=(
        ReceiptLine("phi", "Phí cung cấp thông tin", 200_000, "Thông tư 16/2025/TT-BTC"),
        ReceiptLine("le_phi", "Lệ phí cấp bản sao", 8_000, "Nghị quyết 45/2024/NQ-HĐND"),
        ReceiptLine("postage", "Chuyển phát kết quả", 26_500, ""),
    ),
    total_vnd=234_500,
    provider_name="VNPAY",
    provider_ref="14623017",
    order_code="C4K7M2Q9XW3A",
    paid_at=datetime(2026, 11, 24, 10, 4, 31, tzinfo=VIETNAM),
    verify_url="https://cong4.example.vn/verify/r/7sT2vX9qLw4mKc1Z",
)
POSTAGE_ONLY = dataclasses.replace(FACTS, lines=FACTS.lines[2:], total_vnd=26_500)
FEES_ONLY = dataclasses.replace(FACTS, lines=FACTS.lines[:2], total_vnd=208_000)


def changed(**fields: object) -> ReceiptFacts:
    return dataclasses.replace(FACTS, **fields)  # type: ignore[arg-type]


def attachment(pdf: bytes) -> bytes:
    tree = PdfFileReader(io.BytesIO(pdf)).root["/Names"]["/EmbeddedFiles"]["/Names"]
    assert tree[0] == "receipt.json"
    return tree[1].get_object()["/EF"]["/F"].get_object().data


def texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def test_the_page_is_tagged_pdf_a_3a_in_vietnamese() -> None:
    reader = PdfFileReader(io.BytesIO(render_receipt(FACTS)))
    metadata = reader.root["/Metadata"].get_object().data.decode()
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in metadata
    assert reader.root["/MarkInfo"]["/Marked"]
    assert reader.root["/Lang"].startswith("vi")


def test_an_ordinary_receipt_has_one_page() -> None:
    assert PdfFileReader(io.BytesIO(render_receipt(FACTS))).root["/Pages"]["/Count"] == 1


def test_the_facts_are_attached_as_they_were_given() -> None:
    attached = attachment(render_receipt(FACTS))
    assert receipt_json(FACTS) == attached
    assert json.loads(attached)["payer_name"] == FACTS.payer_name


def test_the_same_facts_give_the_same_bytes() -> None:
    assert render_receipt(FACTS) == render_receipt(dataclasses.replace(FACTS))
    assert render_receipt(FACTS) != render_receipt(changed(number=124))


def test_the_time_zone_that_a_time_came_in_changes_nothing() -> None:
    elsewhere = changed(issued_at=FACTS.issued_at.astimezone(UTC), paid_at=FACTS.paid_at.astimezone(UTC))
    assert receipt_json(FACTS) == receipt_json(elsewhere)
    assert render_receipt(FACTS) == render_receipt(elsewhere)


def test_the_json_is_canonical_with_times_of_vietnam() -> None:
    data = receipt_json(FACTS)
    expected = json.dumps(json.loads(data), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert expected.encode() == data
    assert json.loads(data)["issued_at"] == "2026-11-24T10:05:00+07:00"
    assert json.loads(data)["paid_at"] == "2026-11-24T10:04:31+07:00"


def test_every_fact_is_shown() -> None:
    shown = " | ".join(texts(render._view(FACTS)))
    for text in (
        "H36-26E", "0000123", "H36-26E-0000123", "24/11/2026 10:05", FACTS.collector_name, FACTS.collector_code,
        FACTS.collector_tax_code, FACTS.payer_name, FACTS.case_code, FACTS.procedure_name, "VNPAY", "14623017",
        "C4K7M2Q9XW3A", "24/11/2026 10:04", FACTS.verify_url, "Phí cung cấp thông tin", "200.000 đ", "8.000 đ",
        "26.500 đ", "Thông tư 16/2025/TT-BTC", "Nghị quyết 45/2024/NQ-HĐND", "234.500 đ",
        "Hai trăm ba mươi tư nghìn năm trăm đồng",
        "Two hundred thirty-four thousand five hundred Vietnamese dong",
    ):  # fmt: skip
        assert text in shown


def test_the_template_shows_every_field_of_what_it_is_given() -> None:
    template = render.TEMPLATE.read_text(encoding="utf-8")
    used = set(re.findall(r"view\.(\w+)", template))
    assert used == set(render._view(FACTS))


def test_fees_and_postage_are_summed_apart() -> None:
    expected = ["208.000 đ", "26.500 đ"]
    sums = render._view(FACTS)["sums"]
    assert isinstance(sums, list)
    assert expected == [line["amount"] for line in sums]


@pytest.mark.parametrize("facts", [FEES_ONLY, POSTAGE_ONLY])
def test_a_receipt_of_one_sort_needs_no_sums(facts: ReceiptFacts) -> None:
    assert render._view(facts)["sums"] == []


def test_only_what_holds_a_state_fee_is_called_a_fee_receipt() -> None:
    titles = [render._view(facts)["title"] for facts in (FACTS, FEES_ONLY, POSTAGE_ONLY)]
    expected = ["BIÊN LAI THU PHÍ, LỆ PHÍ", "BIÊN LAI THU PHÍ, LỆ PHÍ", "XÁC NHẬN THU CƯỚC BƯU CHÍNH"]
    assert expected == titles
    assert "biên lai" not in " ".join(texts(render._view(POSTAGE_ONLY))).lower()
    assert render_receipt(POSTAGE_ONLY).startswith(b"%PDF-1.7")


@pytest.mark.parametrize(
    "facts",
    [
        changed(total_vnd=234_501),
        changed(lines=(), total_vnd=0),
        changed(lines=(ReceiptLine("tip", "x", 234_500, ""),)),
        changed(lines=(ReceiptLine("phi", "x", -1, ""), ReceiptLine("phi", "y", 234_501, ""))),
        changed(lines=(ReceiptLine("phi", "x", 1.5, ""),), total_vnd=1.5),  # type: ignore[arg-type]
        changed(lines=FACTS.lines[:1] * 41, total_vnd=200_000 * 41),
        changed(issued_at=datetime(2026, 11, 24, 10, 5)),  # noqa: DTZ001 - a time without offset is what is refused
        changed(paid_at=datetime(2026, 11, 24, 10, 5)),  # noqa: DTZ001 - as above
        changed(verify_url="javascript:alert(1)"),
        changed(verify_url="https://a b"),
        changed(verify_url="https://" + "a" * 500),
        changed(payer_name="\ud800"),
    ],
)
def test_facts_that_are_not_those_of_a_receipt_are_malformed(facts: ReceiptFacts) -> None:
    with pytest.raises(Malformed):
        render_receipt(facts)
    with pytest.raises(Malformed):
        receipt_json(facts)


def every_letter() -> str:
    return "".join(chr(code) for code in range(32, 0x3000) if not NOT_SHOWN.match(chr(code)))


def test_vietnamese_has_all_its_letters_on_paper() -> None:
    vowels = "aàáảãạăằắẳẵặâầấẩẫậeèéẻẽẹêềếểễệiìíỉĩịoòóỏõọôồốổỗộơờớởỡợuùúủũụưừứửữựyỳýỷỹỵđ"
    assert set(vowels + vowels.upper()) <= set(every_letter())


def test_every_letter_that_is_let_through_has_a_picture_in_the_fonts() -> None:
    letters = every_letter()
    assert render_receipt(changed(payer_name=letters[:300])).startswith(b"%PDF")
    assert render_receipt(changed(payer_name=letters[300:])).startswith(b"%PDF")
    assert len(letters) < 2 * render.MAX_TEXT_CHARS


def test_pdf_a_refuses_a_letter_without_picture_so_such_letters_are_not_let_through(tmp_path: Path) -> None:
    source = tmp_path / "page.typ"
    source.write_text('#set text(font: "Libertinus Serif", fallback: false)\n王', encoding="utf-8")
    with pytest.raises(typst.TypstError):
        typst.compile(str(source), format="pdf", pdf_standards="a-3a", ignore_system_fonts=True)
    pdf = render_receipt(changed(payer_name="王小明 Vương"))
    assert json.loads(attachment(pdf))["payer_name"] == "王小明 Vương"
    assert render._shown("王小明 Vương") == "??? Vương"


def test_decomposed_letters_are_put_together() -> None:
    assert render._shown("Nguye\u0302\u0303n") == "Nguyễn"


def test_a_long_text_is_cut_on_paper_and_whole_in_the_data() -> None:
    facts = changed(procedure_name="Thủ tục " * 200)
    assert render._shown(facts.procedure_name).endswith("…")
    assert json.loads(attachment(render_receipt(facts)))["procedure_name"] == facts.procedure_name


@settings(max_examples=40, deadline=None)
@given(
    text=st.text(max_size=80)
    | st.sampled_from(
        ["#panic()", ']#import "x"', "$x$", "*_`<a>@b", "\\", "\u202e", "\x00", "العربية", "😀"]
    )
)
def test_any_text_is_shown_as_text_or_refused(text: str) -> None:
    lines = (ReceiptLine("phi", text, 234_500, text),)
    facts = changed(payer_name=text, procedure_name=text, collector_name=text, provider_ref=text, lines=lines)
    assert json.loads(attachment(render_receipt(facts)))["payer_name"] == text


def test_threads_print_at_the_same_time_without_mixing_their_receipts() -> None:
    several = [changed(number=number) for number in range(1, 9)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        printed = list(pool.map(render_receipt, several))
    assert [receipt_json(facts) for facts in several] == [attachment(pdf) for pdf in printed]


def test_the_press_signs_what_it_prints(tmp_path: Path) -> None:
    held = ensure_certificate(Keystore.open(tmp_path), "receipt", subject="Sở Tư pháp", now=FACTS.issued_at)
    press = ReceiptPress(
        PdfSigner(KeySigner(held.private_key, held.certificate, held.chain)), location="Đà Lạt"
    )
    paper = press.receipt(FACTS)
    assert paper.json == receipt_json(FACTS)
    assert paper.pdf.startswith(render_receipt(FACTS))
    verdict = validate(paper.pdf, [held.root], at=FACTS.issued_at)
    assert verdict.good
    assert (verdict.signed_at, verdict.reason) == (FACTS.issued_at, "Phát hành biên lai H36-26E-0000123")
