"""Receipts on paper: a PDF/A-3 page from a typst template, with the facts attached as canonical JSON.

The only importer of typst. The same facts give the same bytes: the time in the file is the receipt's own, and
only fonts inside of the typst wheel are used.
"""

import io
import json
import re
import threading
import unicodedata
from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Final

import rfc8785
import segno
import typst

from gateway.domain.errors import Malformed
from gateway.domain.money import check_vnd, format_vnd, in_words_en, in_words_vi
from gateway.domain.receipt import ReceiptFacts, ReceiptLine
from gateway.ports import Paper
from signing.pdf import PdfSigner

__all__ = ["ReceiptFacts", "ReceiptLine", "ReceiptPress", "receipt_json", "render_receipt"]

TEMPLATE: Final = Path(__file__).parent / "templates" / "receipt.typ"
VIETNAM: Final = timezone(timedelta(hours=7))
MAX_LINES: Final = 40
MAX_TEXT_CHARS: Final = 600
MAX_URL_CHARS: Final = 500

_STATE_FEES: Final = ("phi", "le_phi")
_KINDS: Final = {
    "phi": ("Phí", "Service fee"),
    "le_phi": ("Lệ phí", "State charge"),
    "postage": ("Cước bưu chính", "Postage"),
}
_FEE_TITLE: Final = ("BIÊN LAI THU PHÍ, LỆ PHÍ", "Fee receipt")
_POSTAGE_TITLE: Final = ("XÁC NHẬN THU CƯỚC BƯU CHÍNH", "Postage payment confirmation")
# What the fonts of the wheel can show; PDF/A refuses a file with a letter that has no picture.
_NOT_SHOWN: Final = re.compile(
    "[^ -~\u00a0-\u00ac\u00ae-\u017f\u0192\u01a0\u01a1\u01af\u01b0\u1ea0-\u1ef9–—‘’“”…₫]"
)
_URL: Final = re.compile(r"https?://[!-~]+")

View = dict[str, object]


class ReceiptPress:
    """Makes and signs receipts: what `ports.Press` asks for. `location` goes into the signature."""

    def __init__(self, signer: PdfSigner, *, location: str) -> None:
        self._signer = signer
        self._location = location

    def receipt(self, facts: ReceiptFacts) -> Paper:
        """Raises `Malformed` for facts that are not those of a receipt."""
        reason = f"Phát hành biên lai {facts.receipt_number}"
        pdf = render_receipt(facts)
        signed = self._signer.sign(pdf, reason=reason, location=self._location, at=facts.issued_at)
        return Paper(pdf=signed, json=receipt_json(facts))


def receipt_json(facts: ReceiptFacts) -> bytes:
    """The facts as canonical JSON (RFC 8785): one receipt, one spelling; times are +07:00.

    Raises `Malformed` for facts that are not those of a receipt.
    """
    _check(facts)
    members = {
        **asdict(facts),
        "issued_at": _wire_time(facts.issued_at),
        "paid_at": _wire_time(facts.paid_at),
        "lines": [asdict(line) for line in facts.lines],
    }
    try:
        return rfc8785.dumps(members)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise Malformed("The receipt holds a text that JSON cannot carry") from error


def render_receipt(facts: ReceiptFacts) -> bytes:
    """The receipt as an unsigned PDF/A-3a page, `receipt.json` attached.

    Raises `Malformed` for facts that are not those of a receipt.
    """
    attached = receipt_json(facts)
    inputs = {
        "view": json.dumps(_view(facts), ensure_ascii=False),
        "facts": attached.decode("utf-8"),
        "qr": _qr(facts.verify_url),
    }
    compiler, lock = _compiler()
    with lock:
        pdf = compiler.compile(
            format="pdf",
            sys_inputs=inputs,
            pdf_standards=["a-3a"],
            timestamp=facts.issued_at.astimezone(VIETNAM).replace(microsecond=0),
        )
    assert isinstance(pdf, bytes)
    return pdf


@cache
def _compiler() -> tuple[typst.Compiler, threading.Lock]:
    """One compiler, which keeps fonts and template parsed; it serves one caller at a time."""
    fonts = typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
    return typst.Compiler(input=str(TEMPLATE), root=str(TEMPLATE.parent), font_paths=fonts), threading.Lock()


def _check(facts: ReceiptFacts) -> None:
    if not 1 <= len(facts.lines) <= MAX_LINES:
        raise Malformed(f"A receipt has 1 to {MAX_LINES} lines")
    if any(line.kind not in _KINDS for line in facts.lines):
        raise Malformed("A line of a receipt is phi, le_phi or postage")
    if sum(check_vnd(line.amount_vnd) for line in facts.lines) != check_vnd(facts.total_vnd):
        raise Malformed("The lines of the receipt do not add up to its total")
    if facts.issued_at.tzinfo is None or facts.paid_at.tzinfo is None:
        raise Malformed("The times of a receipt have an offset")
    if len(facts.verify_url) > MAX_URL_CHARS or not _URL.fullmatch(facts.verify_url):
        raise Malformed("The address for verifying is no web address")


def _wire_time(moment: datetime) -> str:
    return moment.astimezone(VIETNAM).isoformat(timespec="seconds")


def _shown_time(moment: datetime) -> str:
    return moment.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M")


def _shown(text: str) -> str:
    """`text` as it can be printed: composed, without controls, at most 600 letters, `?` for a letter unknown here.

    The attached JSON keeps every letter.
    """
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    cut = composed if len(composed) <= MAX_TEXT_CHARS else composed[: MAX_TEXT_CHARS - 1] + "…"
    return _NOT_SHOWN.sub("?", cut)


def _qr(url: str) -> str:
    out = io.BytesIO()
    try:
        segno.make_qr(url, error="m").save(out, kind="svg", border=0, xmldecl=False, dark="#1b2733")
    except ValueError as error:
        raise Malformed("The address for verifying is too long for a QR code") from error
    return out.getvalue().decode("utf-8")


def _view(facts: ReceiptFacts) -> View:
    fees = [line for line in facts.lines if line.kind in _STATE_FEES]
    title, title_en = _FEE_TITLE if fees else _POSTAGE_TITLE
    issued = facts.issued_at.astimezone(VIETNAM)
    return {
        "document_title": f"{title.capitalize()} {_shown(facts.receipt_number)}",
        "date": {
            name: getattr(issued, name) for name in ("year", "month", "day", "hour", "minute", "second")
        },
        "title": title,
        "title_en": title_en,
        "collector_name": _shown(facts.collector_name),
        "collector_code": _shown(facts.collector_code),
        "collector_tax_code": _shown(facts.collector_tax_code),
        "series": _shown(facts.series),
        "receipt_number": _shown(facts.receipt_number),
        "number": f"{facts.number:07d}",
        "issued_at": _shown_time(facts.issued_at),
        "fields": _fields(facts, "Mã biên lai" if fees else "Mã chứng từ"),
        "lines": [_line(line) for line in facts.lines],
        "sums": _sums(facts, fees),
        "total": format_vnd(facts.total_vnd),
        "words_vi": in_words_vi(facts.total_vnd),
        "words_en": in_words_en(facts.total_vnd),
        "verify_url": facts.verify_url,
    }


def _fields(facts: ReceiptFacts, number_label: str) -> list[dict[str, str | bool]]:
    rows = (
        ("Người nộp", "Payer", facts.payer_name),
        ("Mã hồ sơ", "Case code", facts.case_code),
        ("Thủ tục", "Procedure", facts.procedure_name),
        (number_label, "Receipt number", facts.receipt_number),
        ("Nộp qua", "Paid through", facts.provider_name),
        ("Mã giao dịch", "Transaction reference", facts.provider_ref),
        ("Mã đơn hàng", "Order code", facts.order_code),
        ("Thời điểm nộp", "Paid at", _shown_time(facts.paid_at)),
    )
    return [
        {"vi": vi, "en": en, "value": _shown(value), "strong": value is facts.payer_name}
        for vi, en, value in rows
        if value
    ]


def _line(line: ReceiptLine) -> dict[str, str]:
    kind, kind_en = _KINDS[line.kind]
    return {
        "kind": kind,
        "kind_en": kind_en,
        "name": _shown(line.name),
        "legal_basis": _shown(line.legal_basis),
        "amount": format_vnd(line.amount_vnd),
    }


def _sums(facts: ReceiptFacts, fees: list[ReceiptLine]) -> list[dict[str, str]]:
    """State fees and postage apart, where a receipt has both: postage is no revenue of the state."""
    if not fees or len(fees) == len(facts.lines):
        return []
    fees_vnd = sum(line.amount_vnd for line in fees)
    return [
        {"vi": "Cộng phí, lệ phí", "en": "State fees", "amount": format_vnd(fees_vnd)},
        {
            "vi": "Cước bưu chính (không phải phí, lệ phí)",
            "en": "Postage, not a state fee",
            "amount": format_vnd(facts.total_vnd - fees_vnd),
        },
    ]
