"""Receipts on paper: a PDF/A-3 page from a typst template, with the facts attached as canonical JSON.

The same facts give the same bytes: the time in the file is the receipt's own, and only fonts inside of the typst
wheel are used.
"""

import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Final

from gateway.domain.errors import Malformed
from gateway.domain.money import check_vnd, format_vnd, in_words_en, in_words_vi
from gateway.domain.receipt import ReceiptFacts, ReceiptLine
from gateway.ports import Completed, Paper
from gateway.receipt_xml import signed_xml
from gateway.typeset import (
    MAX_TEXT_CHARS,
    TEMPLATES,
    canonical_json,
    is_web_address,
    qr_svg,
    typeset,
)
from gateway.typeset import shown as _shown
from gateway.typeset import shown_time as _shown_time
from gateway.typeset import wire_time as _wire_time
from signing.pdf import Level, PdfSigner, Services, complete, level_name

__all__ = ["MAX_TEXT_CHARS", "ReceiptFacts", "ReceiptLine", "ReceiptPress", "receipt_json", "render_receipt"]

TEMPLATE: Final[Path] = TEMPLATES / "receipt.typ"
MAX_LINES: Final = 40

_STATE_FEES: Final = ("phi", "le_phi")
_KINDS: Final = {
    "phi": ("Phí", "Service fee"),
    "le_phi": ("Lệ phí", "State charge"),
    "postage": ("Cước bưu chính", "Postage"),
}
_FEE_TITLE: Final = ("BIÊN LAI THU PHÍ, LỆ PHÍ", "Fee receipt")
_POSTAGE_TITLE: Final = ("XÁC NHẬN THU CƯỚC BƯU CHÍNH", "Postage payment confirmation")
View = dict[str, object]


class ReceiptPress:
    """Makes and signs receipts: what `ports.Press` asks for. `location` goes into the signature.

    `level` is wanted of it; above B-B the services are asked for it.
    """

    def __init__(
        self,
        signer: PdfSigner,
        *,
        location: str,
        level: Level = Level.B_B,
        services: Services | None = None,
    ) -> None:
        self._signer = signer
        self._location = location
        self._level = level
        self._services = services

    def receipt(self, facts: ReceiptFacts) -> Paper:
        """Raises `Malformed` for facts that are not those of a receipt."""
        reason = f"Phát hành biên lai {facts.receipt_number}"
        pdf = render_receipt(facts)
        signed = self._signer.sign(
            pdf, reason=reason, location=self._location, at=facts.issued_at, level=self._level
        )
        xml = signed_xml(facts, self._signer.signer, at=facts.issued_at)
        level = level_name(signed.level)
        return Paper(pdf=signed.pdf, json=receipt_json(facts), xml=xml, missing=signed.missing, level=level)

    def complete(self, pdf: bytes, now: datetime) -> Completed:
        """A paper of ours at the level that is wanted, as far as the services answer now."""
        if self._services is None:
            return Completed(pdf, level_name(Level.B_B))
        signed = complete(pdf, self._level, self._services, at=now)
        return Completed(signed.pdf, level_name(signed.level), signed.missing)


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
    return canonical_json(members)


def render_receipt(facts: ReceiptFacts) -> bytes:
    """The receipt as an unsigned page, PDF/A-3a and PDF/UA-1, `receipt.json` attached.

    Raises `Malformed` for facts that are not those of a receipt.
    """
    attached = receipt_json(facts)
    inputs = {
        "view": json.dumps(_view(facts), ensure_ascii=False),
        "facts": attached.decode("utf-8"),
        "qr": qr_svg(facts.verify_url),
    }
    return typeset(TEMPLATE, inputs, at=facts.issued_at)


def _check(facts: ReceiptFacts) -> None:
    if not 1 <= len(facts.lines) <= MAX_LINES:
        raise Malformed(f"A receipt has 1 to {MAX_LINES} lines")
    if any(line.kind not in _KINDS for line in facts.lines):
        raise Malformed("A line of a receipt is phi, le_phi or postage")
    if sum(check_vnd(line.amount_vnd) for line in facts.lines) != check_vnd(facts.total_vnd):
        raise Malformed("The lines of the receipt do not add up to its total")
    if not 0 <= facts.refunded_vnd < max(facts.total_vnd, 1):
        raise Malformed("A receipt is for money that is kept")
    if facts.issued_at.tzinfo is None or facts.paid_at.tzinfo is None:
        raise Malformed("The times of a receipt have an offset")
    if not is_web_address(facts.verify_url):
        raise Malformed("The address for verifying is no web address")


def _view(facts: ReceiptFacts) -> View:
    fees = [line for line in facts.lines if line.kind in _STATE_FEES]
    title, title_en = _FEE_TITLE if fees else _POSTAGE_TITLE
    return {
        "document_title": f"{title.capitalize()} {_shown(facts.receipt_number)}",
        "title": title,
        "title_en": title_en,
        "collector_name": _shown(facts.collector_name),
        "collector_code": _shown(facts.collector_code),
        "collector_tax_code": _shown(facts.collector_tax_code),
        "form": _shown(facts.form),
        "series": _shown(facts.sign or facts.series),
        "receipt_number": _shown(facts.receipt_number),
        "number": f"{facts.number:07d}",
        "issued_at": _shown_time(facts.issued_at),
        "fields": _fields(facts, "Mã biên lai" if fees else "Mã chứng từ"),
        "lines": [_line(line) for line in facts.lines],
        "sums": _sums(facts, fees),
        "total": format_vnd(facts.total_vnd),
        "given_back": _given_back(facts),
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
        ("Thay thế biên lai", "Replaces receipt", facts.replaces),
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
        "how": _shown(line.how),
        "amount": format_vnd(line.amount_vnd),
    }


def _given_back(facts: ReceiptFacts) -> list[dict[str, str]]:
    if facts.refunded_vnd == 0:
        return []
    kept_vnd = facts.total_vnd - facts.refunded_vnd
    return [
        {"vi": "Đã hoàn trả", "en": "Given back", "amount": format_vnd(facts.refunded_vnd)},
        {"vi": "Còn lại", "en": "Remaining", "amount": format_vnd(kept_vnd)},
    ]


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
