"""The files of procedures: those that ship are sound, and one that is not is refused with what is wrong."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from gateway import procedures
from gateway.domain.catalogue import Catalogue
from gateway.domain.errors import Malformed, Misconfigured, NotFound
from gateway.domain.fees import Asked, Channel, Period, charges
from gateway.domain.procedure import GivenDocument, Procedure, missing

TODAY = date(2026, 11, 24)
SHIPPED = procedures.catalogue()
PASSPORT = SHIPPED.now("1.001456", TODAY)


def test_twelve_procedures_of_different_fields_and_all_four_levels_ship() -> None:
    known = SHIPPED.search(TODAY)
    online = [each for each in known if each.level >= 3]
    assert len(online) >= 12
    assert {1, 2, 3, 4} == {each.level for each in known}
    assert len({each.field for each in online}) >= 10


@pytest.mark.parametrize("known", SHIPPED.search(TODAY), ids=lambda each: each.code)
def test_a_shipped_procedure_is_told_in_two_languages_with_its_basis(known: Procedure) -> None:
    names = [(each.name_vi, each.name_en) for each in (*known.documents, *known.fields)]
    assert all(vi and en and vi != en for vi, en in [*names, (known.name_vi, known.name_en)])
    assert known.legal_basis
    assert all(rule.legal_basis for rule in known.fees)
    assert known.fees or known.fees_note_vi


@pytest.mark.parametrize("known", SHIPPED.search(TODAY), ids=lambda each: each.code)
def test_a_shipped_file_is_written_as_it_is_read(known: Procedure) -> None:
    assert (known,) == procedures.parse(procedures.written((known,)), "again")


# specs/case.md B7
FEES = [
    ("1.001456", {"truong-hop": "moi"}, Channel.ONLINE, date(2026, 11, 24), 100_000),
    ("1.001456", {"truong-hop": "mat"}, Channel.ONLINE, date(2026, 12, 31), 200_000),
    ("1.001456", {"truong-hop": "moi"}, Channel.ONLINE, date(2027, 1, 1), 200_000),
    ("1.001456", {"truong-hop": "hong"}, Channel.COUNTER, date(2025, 6, 30), 400_000),
    ("3.000347", {}, Channel.ONLINE, date(2024, 5, 1), 115_000),
    ("3.000347", {}, Channel.COUNTER, date(2024, 5, 1), 135_000),
    ("1.004222", {}, Channel.COUNTER, TODAY, 20_000),
    ("1.004222", {}, Channel.POST, TODAY, 20_000),
    ("1.004222", {}, Channel.ONLINE, TODAY, 10_000),
    ("1.004194", {}, Channel.COUNTER, TODAY, 15_000),
    ("1.004194", {}, Channel.ONLINE, TODAY, 7_000),
    ("2.001195", {}, Channel.COUNTER, date(2026, 7, 1), 25_000),
    ("2.001195", {}, Channel.ONLINE, date(2026, 8, 14), 25_000),
    ("2.001195", {}, Channel.ONLINE, date(2026, 8, 15), 0),
    ("2.001195", {}, Channel.ONLINE, date(2027, 2, 28), 0),
    ("2.001195", {}, Channel.ONLINE, date(2027, 3, 1), 50_000),
    ("2.001610", {}, Channel.ONLINE, TODAY, 25_000),
    ("2.000635", {"so-ban": 3}, Channel.ONLINE, TODAY, 24_000),
    ("1.001193", {}, Channel.ONLINE, TODAY, 0),
]


@pytest.mark.parametrize(("code", "answers", "channel", "on", "expected"), FEES)
def test_the_fees_of_the_law_on_their_day(
    code: str, answers: dict[str, object], channel: Channel, on: date, expected: int
) -> None:
    found = charges(SHIPPED.now(code, on).fees, Asked(on, channel, answers=answers))
    assert expected == sum(each.amount_vnd for each in found)


def test_a_visa_in_dollars_is_told_and_never_collected() -> None:
    with pytest.raises(Malformed, match="10 USD"):
        charges(SHIPPED.now("1.008891", TODAY).fees, Asked(TODAY, Channel.COUNTER))


ANSWERS: dict[str, object] = {
    "ho-ten": "Bùi Thị Lan",
    "ngay-sinh": "1961-05-19",
    "so-dinh-danh": "017161000123",
    "noi-cu-tru": "Mai Châu",
    "truong-hop": "mat",
    "tre-em": False,
}
GIVEN = [
    GivenDocument(code, kind, stored=True)
    for code, kind in (("tk01", "application/pdf"), ("anh", "image/jpeg"), ("don-bao-mat", "image/png"))
]


def test_a_case_is_complete_when_each_field_and_document_that_its_answers_ask_for_is_there() -> None:
    assert () == missing(PASSPORT, GIVEN, answers=ANSWERS)
    first = {**ANSWERS, "truong-hop": "moi"}
    assert () == missing(PASSPORT, GIVEN[:2], answers=first)
    assert ["don-bao-mat"] == [each.code for each in missing(PASSPORT, GIVEN[:2], answers=ANSWERS)]


def test_fields_and_documents_that_are_missing_are_named_each_with_why() -> None:
    answers = {**ANSWERS, "tre-em": True, "so-dinh-danh": "12", "mau-mat": "đen"}
    said = missing(PASSPORT, GIVEN[1:], answers=answers)
    assert ["answers.so-dinh-danh", "answers.nguoi-dai-dien", "answers.mau-mat", "tk01"] == [
        each.code for each in said
    ]


def test_a_reduction_is_no_field_of_the_form_and_asks_for_its_proof() -> None:
    judicial = SHIPPED.now("3.000333", TODAY)
    said = [each.code for each in missing(judicial, [], "giam-phi", {"reduction": "giam-phi"})]
    assert "giay-to-giam-phi" in said
    assert "answers.reduction" not in said


def test_a_case_keeps_its_version_and_a_new_one_follows_the_day() -> None:
    old = replace(PASSPORT, period=Period(None, date(2026, 6, 30)))
    new = replace(PASSPORT, version=2, working_days=5, period=Period(date(2026, 7, 1), None))
    known = Catalogue.of([new, old])
    assert 1 == known.now("1.001456", date(2026, 6, 30)).version
    assert 2 == known.now("1.001456", date(2026, 7, 1)).version
    assert 8 == known.version("1.001456", 1).working_days
    with pytest.raises(Misconfigured, match=r"no version 3 of the procedure 1\.001456"):
        known.version("1.001456", 3)
    with pytest.raises(NotFound):
        known.now("1.001457", date(2026, 7, 1))


def test_versions_of_one_day_are_refused() -> None:
    with pytest.raises(ValueError, match="in force on one day"):
        Catalogue.of([PASSPORT, replace(PASSPORT, version=2)])
    with pytest.raises(ValueError, match="two versions 1"):
        Catalogue.of([PASSPORT, PASSPORT])


def test_a_procedure_is_found_by_a_local_code_and_by_words_without_marks() -> None:
    known = Catalogue.of([replace(PASSPORT, local_codes=("1.001456.000.00.00.H28",))])
    assert "1.001456" == known.now("1.001456.000.00.00.H28", TODAY).code
    assert ["1.001456"] == [each.code for each in SHIPPED.search(TODAY, part="HO CHIEU PHO THONG")]
    assert {"3.000347"} == {each.code for each in SHIPPED.search(TODAY, part="đổi giấy phép lái xe")}
    assert {1} == {each.level for each in SHIPPED.search(TODAY, level=1)}


def shipped(code: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(procedures.written((SHIPPED.now(code, TODAY),)))
    return found


WRONG = [
    (lambda one: one.update(level=5), "level 5 is none"),
    (lambda one: one.update(level="4"), "level"),
    (lambda one: one.update(colour="red"), "colour"),
    (lambda one: one.pop("legal_basis"), "legal_basis"),
    (lambda one: one["documents"].append(one["documents"][0]), "a document stands twice"),
    (lambda one: one["fields"].pop(4), "asks for the field truong-hop"),
    (lambda one: one["fees"][0].update(only_if=None), "two rules HC-02|two rules HC-01"),
    (lambda one: one["fees"][0].update(amount_vnd="200000"), "amount_vnd"),
    (lambda one: one["fees"][0].update(from_on="2021-13-06"), "from_on"),
    (lambda one: one.update(deliveries=["counter"]), "brings the result home"),
    (lambda one: one["ways"].pop(1), "handed in online"),
]


@pytest.mark.parametrize(("spoil", "why"), WRONG)
def test_a_wrong_file_is_refused_with_its_name_and_what_is_wrong(spoil: object, why: str) -> None:
    data = shipped("1.001456")
    one = data["versions"][0]  # type: ignore[index]
    if "two rules" in why:
        one["fees"][1].update(code="HC-01")
    spoil(one)  # type: ignore[operator]
    with pytest.raises(Misconfigured, match=f"x.json.*({why})"):
        procedures.parse(json.dumps(data), "x.json")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"code": "1.1"}', '{"code": "1", "versions": []}', "null"])
def test_what_is_no_procedure_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match=r"x\.json"):
        procedures.parse(text, "x.json")


def test_a_folder_replaces_what_ships_code_by_code(tmp_path: Path) -> None:
    data = shipped("1.001456")
    data["versions"][0]["ways"][0]["term"]["count"] = 6  # type: ignore[index]
    (tmp_path / "1.001456.json").write_text(json.dumps(data), encoding="utf-8")
    known = procedures.catalogue(tmp_path)
    assert 6 == known.now("1.001456", TODAY).term(Channel.COUNTER).count
    assert 5 == known.now("3.000347", TODAY).working_days
    (tmp_path / "bad.json").write_bytes(b"\xff\xfe")
    with pytest.raises(Misconfigured, match=r"bad\.json cannot be read"):
        procedures.catalogue(tmp_path)
