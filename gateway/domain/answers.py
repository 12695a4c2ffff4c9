"""The online form of a procedure (level 3): its fields as data, and what is wrong with the answers, field by field.

No rule here is a pattern written in data: a field has one of a few kinds, whose shape is checked by code.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from gateway.domain.errors import Missing

ANSWERS = "answers."
"""What is missing of the form is named by this and the field's code, so that it is told from a document."""
MOST_CHARS: Final = 2_000
OLDEST, NEWEST = date(1880, 1, 1), date(2199, 12, 31)

_EMPTY: Final = ("", None)


class FieldKind(StrEnum):
    TEXT = "text"
    WHOLE = "whole"
    DATE = "date"
    CHOICE = "choice"
    YES_NO = "yes_no"
    CITIZEN_ID = "citizen_id"
    TAX_CODE = "tax_code"
    PHONE = "phone"
    EMAIL = "email"


@dataclass(frozen=True, slots=True)
class Condition:
    """Holds when the answer `field` is one of `one_of`."""

    field: str
    one_of: tuple[str | int | bool, ...]

    def holds(self, answers: Mapping[str, object]) -> bool:
        given = answers.get(self.field)
        # True == 1 in Python, and a yes is not the number one
        return any(given == each and type(given) is type(each) for each in self.one_of)


@dataclass(frozen=True, slots=True)
class Choice:
    code: str
    vi: str
    en: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form. `least` and `most` bound a number, or the characters of a text."""

    code: str
    name_vi: str
    name_en: str
    kind: FieldKind
    required: bool = True
    only_if: Condition | None = None
    choices: tuple[Choice, ...] = ()
    least: int | None = None
    most: int | None = None


def wrong(fields: Iterable[Field], answers: Mapping[str, object]) -> tuple[Missing, ...]:
    """Each answer that is missing, or not of its field's kind, with the reason in both languages."""
    found = []
    for field in fields:
        if field.only_if is not None and not field.only_if.holds(answers):
            continue
        given = answers.get(field.code)
        if given in _EMPTY or (isinstance(given, str) and not given.strip()):
            reason = _not_answered(field) if field.required else None
        else:
            reason = _KINDS[field.kind](field, given)
        if reason is not None:
            found.append(Missing(f"{ANSWERS}{field.code}", reason))
    return tuple(found)


def unknown(fields: Iterable[Field], answers: Mapping[str, object]) -> tuple[Missing, ...]:
    """Answers that the form does not ask for: they may be a field with another name, so none is passed over."""
    known = {field.code for field in fields}
    return tuple(
        Missing(f"{ANSWERS}{code}", "tờ khai không có mục này / the form has no such field")
        for code in answers
        if code not in known
    )


def _not_answered(field: Field) -> str:
    return f"{field.name_vi} chưa được khai / {field.name_en} is not answered"


def _said(field: Field, vi: str, en: str) -> str:
    return f"{field.name_vi}: {vi} / {field.name_en}: {en}"


def _text(field: Field, given: object) -> str | None:
    if not isinstance(given, str):
        return _said(field, "phải là chữ", "must be text")
    most = field.most or MOST_CHARS
    if len(given) > most:
        return _said(field, f"dài quá {most} ký tự", f"longer than {most} characters")
    if len(given.strip()) < (field.least or 1):
        return _said(field, f"ngắn hơn {field.least} ký tự", f"shorter than {field.least} characters")
    return None


def _whole(field: Field, given: object) -> str | None:
    if isinstance(given, bool) or not isinstance(given, int):
        return _said(field, "phải là số nguyên", "must be a whole number")
    if field.least is not None and given < field.least:
        return _said(field, f"phải từ {field.least} trở lên", f"must be {field.least} or more")
    if field.most is not None and given > field.most:
        return _said(field, f"không được quá {field.most}", f"must be {field.most} or less")
    return None


def _date(field: Field, given: object) -> str | None:
    asked = _said(field, "phải là ngày dạng năm-tháng-ngày, ví dụ 1961-05-19", "must be a date as 1961-05-19")
    if not isinstance(given, str) or re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given) is None:
        return asked
    try:
        on = date.fromisoformat(given)
    except ValueError:
        return _said(field, f"không có ngày {given}", f"there is no day {given}")
    return None if OLDEST <= on <= NEWEST else asked


def _choice(field: Field, given: object) -> str | None:
    if any(given == each.code for each in field.choices):
        return None
    vi, en = (", ".join(getattr(each, language) for each in field.choices) for language in ("vi", "en"))
    return _said(field, f"phải là một trong: {vi}", f"must be one of: {en}")


def _yes_no(field: Field, given: object) -> str | None:
    return None if isinstance(given, bool) else _said(field, "phải là có hoặc không", "must be yes or no")


def _shaped(pattern: str, vi: str, en: str) -> "_Check":
    shape = re.compile(pattern)

    def check(field: Field, given: object) -> str | None:
        fits = isinstance(given, str) and shape.fullmatch(given) is not None
        return None if fits else _said(field, vi, en)

    return check


_Check = Callable[[Field, object], str | None]

_KINDS: Final[Mapping[FieldKind, _Check]] = {
    FieldKind.TEXT: _text,
    FieldKind.WHOLE: _whole,
    FieldKind.DATE: _date,
    FieldKind.CHOICE: _choice,
    FieldKind.YES_NO: _yes_no,
    FieldKind.CITIZEN_ID: _shaped(
        r"[0-9]{12}", "số định danh cá nhân có 12 chữ số", "a personal identification number has 12 digits"
    ),
    # Thông tư 105/2020/TT-BTC: 10 digits, a dependent unit has 3 more; a person's is the personal identification number
    FieldKind.TAX_CODE: _shaped(
        r"[0-9]{10}(-?[0-9]{3})?|[0-9]{12}",
        "mã số thuế có 10, 12 hoặc 13 chữ số",
        "a tax code has 10, 12 or 13 digits",
    ),
    FieldKind.PHONE: _shaped(
        r"(\+84|0)[0-9]{9,10}", "số điện thoại Việt Nam, ví dụ 0912345678", "a Vietnamese phone number"
    ),
    FieldKind.EMAIL: _shaped(r"[^\s@]{1,64}@[^\s@]{1,185}", "không phải địa chỉ thư", "not a mail address"),
}
assert set(_KINDS) == set(FieldKind), "every kind of field is checked"
