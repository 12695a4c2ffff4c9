"""The online form: what is wrong is said field by field, in both languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.answers import Choice, Condition, Field, FieldKind, unknown, wrong

_CHOICES = (Choice("moi", "Cấp lần đầu", "First"), Choice("doi", "Đổi", "Exchange"))


def field(kind: FieldKind, **more: object) -> Field:
    return Field("f", "Mục", "Field", kind, choices=_CHOICES, **more)  # type: ignore[arg-type]


GOOD = [
    (FieldKind.TEXT, "Nguyễn Văn A"),
    (FieldKind.WHOLE, 0),
    (FieldKind.DATE, "1961-05-19"),
    (FieldKind.DATE, "2024-02-29"),
    (FieldKind.CHOICE, "moi"),
    (FieldKind.YES_NO, False),
    (FieldKind.CITIZEN_ID, "017085000123"),
    (FieldKind.TAX_CODE, "0100109106"),
    (FieldKind.TAX_CODE, "0100109106-001"),
    (FieldKind.PHONE, "+84912345678"),
    (FieldKind.PHONE, "0912345678"),
    (FieldKind.EMAIL, "a@b.vn"),
]
BAD = [
    (FieldKind.TEXT, 5, "must be text"),
    (FieldKind.TEXT, "x" * 2_001, "longer than 2000"),
    (FieldKind.WHOLE, "5", "whole number"),
    (FieldKind.WHOLE, True, "whole number"),
    (FieldKind.WHOLE, 1.0, "whole number"),
    (FieldKind.DATE, "19/05/1961", "must be a date"),
    (FieldKind.DATE, "2023-02-29", "there is no day 2023-02-29"),
    (FieldKind.DATE, "0000-01-01", "there is no day"),
    (FieldKind.DATE, "0001-01-01", "must be a date"),
    (FieldKind.DATE, "9999-12-31", "must be a date"),
    (FieldKind.DATE, "١٩٦١-٠٥-١٩", "must be a date"),
    (FieldKind.DATE, "1961-05-19\n", "must be a date"),
    (FieldKind.CHOICE, "MOI", "must be one of: First, Exchange"),
    (FieldKind.YES_NO, 1, "yes or no"),
    (FieldKind.YES_NO, "true", "yes or no"),
    (FieldKind.CITIZEN_ID, "01708500012", "12 digits"),
    (FieldKind.CITIZEN_ID, 17085000123, "12 digits"),
    (FieldKind.TAX_CODE, "010010910", "tax code"),
    (FieldKind.PHONE, "12345", "phone"),
    (FieldKind.EMAIL, "a b@c", "mail"),
]


@pytest.mark.parametrize(("kind", "answer"), GOOD)
def test_a_good_answer_is_taken(kind: FieldKind, answer: object) -> None:
    assert () == wrong([field(kind)], {"f": answer})


@pytest.mark.parametrize(("kind", "answer", "why"), BAD)
def test_a_wrong_answer_is_named_with_its_field(kind: FieldKind, answer: object, why: str) -> None:
    (said,) = wrong([field(kind)], {"f": answer})
    assert "answers.f" == said.code
    assert said.reason.startswith("Mục")
    assert why in said.reason


@pytest.mark.parametrize("answer", [None, "", "   "])
def test_nothing_is_no_answer(answer: object) -> None:
    (said,) = wrong([field(FieldKind.TEXT)], {"f": answer})
    assert "Mục chưa được khai / Field is not answered" == said.reason
    assert () == wrong([field(FieldKind.TEXT, required=False)], {"f": answer})


def test_bounds_are_told() -> None:
    number = field(FieldKind.WHOLE, least=1, most=50)
    assert "must be 1 or more" in wrong([number], {"f": 0})[0].reason
    assert "must be 50 or less" in wrong([number], {"f": 51})[0].reason
    assert "shorter than 3" in wrong([field(FieldKind.TEXT, least=3)], {"f": "ab"})[0].reason


def test_a_field_is_asked_only_where_its_condition_holds() -> None:
    asked = field(FieldKind.TEXT, only_if=Condition("g", (True,)))
    assert () == wrong([asked], {"g": False})
    assert 1 == len(wrong([asked], {"g": True}))


def test_a_yes_is_not_the_number_one() -> None:
    asked = Condition("g", (True,))
    assert [True, False, False, False] == [asked.holds({"g": each}) for each in (True, 1, "true", None)]


def test_an_answer_to_no_field_is_not_passed_over() -> None:
    assert ["answers.g"] == [each.code for each in unknown([field(FieldKind.TEXT)], {"f": "x", "g": 1})]


@given(st.sampled_from(FieldKind), st.none() | st.booleans() | st.integers() | st.text())
def test_any_answer_is_judged_without_an_error(kind: FieldKind, answer: object) -> None:
    assert len(wrong([field(kind)], {"f": answer})) <= 1
