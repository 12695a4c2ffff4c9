"""The official forms on paper: PDF/A-3 pages from typst templates, with the facts attached as canonical JSON.

The words that the circular gives stand in `templates/forms`; what comes from outside gets there as data only. The same
facts give the same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gateway.domain.deadline_parts import Term, Unit
from gateway.domain.deadline_words import term_en, term_vi
from gateway.domain.fees import Channel, FeeKind
from gateway.domain.form import (
    BASIS,
    Apology,
    ControlSlip,
    Form,
    HandOver,
    Reception,
    Submission,
    case_code_of,
)
from gateway.domain.form_parts import MAX_TEXT_CHARS, Fee, ResultWay, Timeliness, timeliness, total_vnd
from gateway.domain.money import format_vnd, in_words_en, in_words_vi
from gateway.ports import Paper
from gateway.typeset import TEMPLATES, VIETNAM, canonical_json, qr_svg, shown, typeset, wire_time
from signing.pdf import Level, PdfSigner, level_name

View = dict[str, object]
Words = Mapping[StrEnum, tuple[str, str]]

_FEBRUARY: Final = 2
_WEEKDAYS: Final = ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật")
_WORDS: Final[Mapping[type[StrEnum], Words]] = MappingProxyType(
    {
        Channel: {
            Channel.COUNTER: ("Trực tiếp tại Bộ phận Một cửa", "in person"),
            Channel.ONLINE: ("Trực tuyến", "online"),
            Channel.POST: ("Qua dịch vụ bưu chính công ích", "by post"),
        },
        ResultWay: {
            ResultWay.COUNTER: ("Trực tiếp tại Bộ phận Một cửa", "in person"),
            ResultWay.POST: ("Qua dịch vụ bưu chính công ích", "by post"),
            ResultWay.ONLINE: ("Trực tuyến, bản điện tử", "online"),
        },
        FeeKind: {
            FeeKind.PHI: ("Phí", "Service fee"),
            FeeKind.LE_PHI: ("Lệ phí", "State charge"),
            FeeKind.POSTAGE: ("Cước bưu chính", "Postage"),
        },
        Timeliness: {
            Timeliness.EARLY: ("Trước hạn", "early"),
            Timeliness.ON_TIME: ("Đúng hạn", "on time"),
            Timeliness.LATE: ("Quá hạn", "late"),
        },
    }
)
assert all(set(words) == set(names) for names, words in _WORDS.items()), (
    "every word of the domain has its print"
)


class FormPress:
    """Makes and signs forms. `location` goes into the signature; `level` is wanted of it.

    What `Paper.missing` names is completed later as for a receipt: `Press.complete`.
    """

    def __init__(self, signer: PdfSigner, *, location: str, level: Level = Level.B_B) -> None:
        self._signer = signer
        self._location = location
        self._level = level

    def form(self, form: Form) -> Paper:
        """The signed page and its data. Raises `Malformed` for a text that JSON or a QR code cannot carry."""
        reason = " ".join(filter(None, (form.KIND.title, case_code_of(form))))
        signed = self._signer.sign(
            render_form(form),
            reason=reason,
            location=self._location,
            at=form.head.issued_at,
            level=self._level,
        )
        level = level_name(signed.level)
        return Paper(pdf=signed.pdf, json=form_json(form), missing=signed.missing, level=level)


def form_json(form: Form) -> bytes:
    """The facts as canonical JSON (RFC 8785), `form` being the circular's number; times are +07:00 to the second.

    Raises `Malformed` for a text that JSON cannot carry.
    """
    return canonical_json({"form": form.KIND.code, **_members(form)})


def render_form(form: Form) -> bytes:
    """The form as an unsigned file, PDF/A-3a and PDF/UA-1, with `form-….json` attached.

    Raises `Malformed` for a text that JSON or a QR code cannot carry.
    """
    inputs = {
        "facts": form_json(form).decode("utf-8"),
        "view": json.dumps(_view(form), ensure_ascii=False),
        "qr": qr_svg(form.head.track_url),
        "code_qr": qr_svg(case_code_of(form) or form.head.track_url),
    }
    return typeset(TEMPLATES / "forms" / f"{form.KIND.code}.typ", inputs, at=form.head.issued_at)


def _members(value: object) -> dict[str, object]:
    return {each.name: _member(getattr(value, each.name)) for each in fields(value)}  # type: ignore[arg-type]  # dataclasses


def _member(value: object) -> object:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, datetime):
        return wire_time(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_member(each) for each in value]
    return value if value is None or isinstance(value, str | int) else _members(value)


# --- what is shown ------------------------------------------------------------------------------


def _view(form: Form) -> View:
    code, kind = case_code_of(form), form.KIND
    return {
        **_printed_fields(form),
        **_added(form),
        "code": kind.code,
        "case_code": shown(code),
        "title": kind.title.upper(),
        "title_en": kind.title_en,
        "document_title": " ".join(filter(None, (kind.title, shown(code)))),
        "basis": f"Mẫu số {kind.code}, {BASIS}" if kind.code.isdigit() else "",
    }


def _added(form: Form) -> View:
    """What follows from the facts and is said beside them."""
    if isinstance(form, Reception | Submission):
        return {"sums": _sums(form.fees, form.paid_vnd)}
    if isinstance(form, ControlSlip):
        return {"outcomes": [_outcome(each) for each in form.handovers]}
    if isinstance(form, Apology):
        return {"late": form.head.issued_at > form.due_at}
    return {}


def _term(term: Term) -> View:
    vi, en = term_vi(term), term_en(term)
    if term.unit is not Unit.SAME_DAY:
        return {"vi": vi, "en": en}
    return {
        "vi": f"{vi}; nhận sau 15 giờ thì trả trong ngày làm việc tiếp theo",
        "en": f"{en}; the next one when received after 3 p.m.",
    }


def _outcome(step: HandOver) -> object:
    if step.due_at is None or step.finished_at is None:
        return None
    return _printed("", timeliness(step.due_at, step.finished_at))


def _sums(fees: Sequence[Fee], paid: int) -> View:
    """State fees and postage apart where there are both: postage is no revenue of the state."""
    total = total_vnd(fees)
    state = total_vnd(fee for fee in fees if fee.kind is not FeeKind.POSTAGE)
    apart = (
        _sum("Cộng phí, lệ phí", "State fees", state),
        _sum("Cộng cước bưu chính", "Postage", total - state),
    )
    owed = (_sum("Đã nộp", "Paid", paid), _sum("Còn phải nộp", "Still owed", total - paid))
    return {
        "parts": apart if 0 < state < total else (),
        "total": _sum("Tổng cộng", "Total", total),
        "paid": owed if paid else (),
        "words_vi": in_words_vi(total),
        "words_en": in_words_en(total),
    }


def _sum(vi: str, en: str, amount_vnd: int) -> View:
    return {"vi": vi, "en": en, "amount": format_vnd(amount_vnd)}


def _printed_fields(value: object) -> View:
    return {each.name: _printed(each.name, getattr(value, each.name)) for each in fields(value)}  # type: ignore[arg-type]  # dataclasses


def _printed(name: str, value: object) -> object:
    """A fact as the templates get it: words, times and sums as text, counts as numbers, None and lists as they are."""
    match value:
        case None:
            shows: object = None
        case Term():
            shows = _term(value)
        case StrEnum():
            shows = _printed_word(value)
        case str():
            shows = _printed_text(name, value)
        case datetime():
            shows = _printed_moment(value)
        case date():
            shows = _printed_day(value)
        case int():
            shows = _printed_number(name, value)
        case tuple():
            shows = [_printed(name, each) for each in value]
        case _:
            shows = _printed_fields(value)
    return shows


def _printed_word(value: StrEnum) -> View:
    vi, en = _WORDS[type(value)][value]
    return {"vi": vi, "en": en, "is": value.value}


def _printed_text(name: str, value: str) -> str:
    if name.endswith("sha256"):
        return " ".join(value[start : start + 8] for start in range(0, len(value), 8))
    return shown(value, limit=MAX_TEXT_CHARS)


def _printed_number(name: str, value: int) -> object:
    if name.endswith("_vnd"):
        return format_vnd(value)
    return f"{value:,}".replace(",", ".") + " byte" if name.endswith("_bytes") else value


def _printed_moment(value: datetime) -> View:
    local = value.astimezone(VIETNAM)
    clock = f"{local:%H} giờ {local:%M} phút"
    return {
        **_printed_day(local.date()),
        "clock": clock,
        "full": f"{clock}, {_day_words(local.date())}",
        "stamp": f"{local:%d/%m/%Y %H:%M}",
    }


def _printed_day(value: date) -> View:
    return {"day": _day_words(value), "weekday": _WEEKDAYS[value.weekday()], "short": f"{value:%d/%m/%Y}"}


def _day_words(on: date) -> str:
    """As NĐ 30/2020/NĐ-CP Phụ lục I writes it: days under 10 and the months 1 and 2 with a zero in front."""
    month = f"{on.month:02d}" if on.month <= _FEBRUARY else str(on.month)
    return f"ngày {on.day:02d} tháng {month} năm {on.year}"
