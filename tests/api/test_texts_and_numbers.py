"""What reads alike is one content; what nobody sees, no number can hold or no day can be is refused, at once."""

import json
import time
import unicodedata
from typing import Any

import pytest
from api_world import World, fingerprint_of_world

from gateway.service import sealed

pytestmark = pytest.mark.service

NAME = "Phí thẩm định hồ sơ Nguyễn Thị Ngữ"
APART = unicodedata.normalize("NFD", NAME)
LINE = {"kind": "phi", "code": "P-1", "name": NAME, "amount_vnd": 50_000}
AT_ONCE_S = 5.0
"""Long for an answer, short for reading ten thousand documents one by one on a busy machine."""


def apart(value: Any) -> Any:
    """The same content with each letter and its marks apart (NFD)."""
    if isinstance(value, dict):
        return {name: apart(each) for name, each in value.items()}
    if isinstance(value, list):
        return [apart(each) for each in value]
    return unicodedata.normalize("NFD", value) if isinstance(value, str) else value


def refused(world: World, target: str, body: bytes, *answers: tuple[int, str]) -> Any:
    before = fingerprint_of_world(world)
    reply = world.call("POST", target, body).send()
    assert (reply.status, reply.json["code"]) in answers, reply.text
    assert before == fingerprint_of_world(world)
    return reply


def test_the_two_forms_of_vietnamese_are_different_bytes() -> None:
    assert NAME != APART
    assert NAME == unicodedata.normalize("NFC", APART)


def test_a_case_in_letters_apart_is_kept_composed_and_is_the_same_case(world: World) -> None:
    wanted = world.case_wanted(world.fresh("nfd"), answers={"ly_do": "Hồ sơ xin việc", "so": 3})
    assert apart(wanted) != wanted
    made = world.ask("POST", "/v1/cases", apart(wanted))
    again = world.ask("POST", "/v1/cases", wanted)
    assert (201, 200) == (made.status, again.status), again.text
    assert made.json == again.json
    query = "SELECT applicant_sealed, answers_sealed FROM cases WHERE case_code = :code"
    row, sealer = world.one(query, code=made.json["case_code"]), world.house.context.sealer
    assert wanted["applicant"] == sealed.unseal(sealer, row.applicant_sealed, sealed.APPLICANT)
    assert wanted["answers"] == sealed.unseal(sealer, row.answers_sealed, sealed.ANSWERS)
    other = {**wanted, "answers": {"ly_do": "Hô sơ xin việc", "so": 3}}
    assert (409, "reference_conflict") == (
        (reply := world.ask("POST", "/v1/cases", apart(other))).status,
        reply.json["code"],
    ), "another mark is another word"


def test_a_payment_in_letters_apart_is_shown_composed_and_its_order_kept_as_it_was_signed(
    world: World, case_code: str
) -> None:
    wanted, mark = world.payment_wanted(case_code, world.fresh("nfd"), lines=[LINE]), world.mark()
    made = world.ask("POST", "/v1/payments", apart(wanted))
    again = world.ask("POST", "/v1/payments", wanted)
    assert (201, 200) == (made.status, again.status), again.text
    assert [NAME] == [line["name"] for line in made.json["lines"]]
    assert apart(wanted) == json.loads(bytes(world.kept_since(mark)[0].body))


def test_a_refund_and_a_delivery_in_letters_apart_are_the_same_ones(world: World, case_code: str) -> None:
    refunds = f"/v1/payments/{world.paid(case_code)}/refunds"
    for target, wanted in (
        (refunds, world.refund_wanted(world.fresh("nfd"), reason="thu thừa\nđã đối chiếu")),
        ("/v1/deliveries", world.delivery_wanted(case_code, world.fresh("nfd"))),
    ):
        made, again = (world.ask("POST", target, each) for each in (apart(wanted), wanted))
        assert (201, 200) == (made.status, again.status), again.text
        assert made.json == again.json


def test_a_name_in_letters_apart_is_as_long_as_it_reads(world: World, case_code: str) -> None:
    line = {**LINE, "name": apart("ệ" * 250)}
    assert (
        201
        == world.ask(
            "POST", "/v1/payments", world.payment_wanted(case_code, world.fresh("nfd"), lines=[line])
        ).status
    )


UNSEEN = {
    "arabic letter mark": "\u061c",
    "zero width space": "\u200b",
    "left to right mark": "\u200e",
    "right to left mark": "\u200f",
    "embedding": "\u202b",
    "override": "\u202e",
    "word joiner": "\u2060",
    "invisible times": "\u2062",
    "isolate": "\u2067",
    "byte order mark": "\ufeff",
    "zero": "\x00",
}


@pytest.mark.parametrize("char", UNSEEN.values(), ids=UNSEEN.keys())
def test_what_is_not_seen_is_part_of_no_text(world: World, case_code: str, char: str) -> None:
    text = f"Nguyễn{char} Thị"
    wanted = world.case_wanted(world.fresh("un"))
    refund = world.refund_wanted(world.fresh("un"), reason=text)
    for target, body in (
        ("/v1/cases", {**wanted, "applicant": {**wanted["applicant"], "name": text}}),
        ("/v1/cases", {**wanted, "applicant": {**wanted["applicant"], "address": text}}),
        ("/v1/payments", world.payment_wanted(case_code, world.fresh("un"), lines=[{**LINE, "name": text}])),
        ("/v1/payments/pay_none/refunds", refund),
        (f"/v1/cases/{case_code}/transitions", {"reference": "un", "event": "stop", "reason": text}),
    ):
        refused(world, target, json.dumps(body).encode(), (422, "malformed"))


@pytest.mark.parametrize("escape", ["\\ud800", "\\udfff", "\\udc00\\ud800", "\\ud83d x"])
def test_half_a_character_is_no_json_wherever_it_stands(world: World, escape: str) -> None:
    wanted = world.case_wanted(world.fresh("sg"), answers={"a": "HERE"})
    body = json.dumps(wanted).replace("HERE", escape).encode()
    refused(world, "/v1/cases", body, (400, "bad_request"))


def test_a_whole_pair_of_surrogates_is_one_character(world: World) -> None:
    wanted = world.case_wanted(world.fresh("sg"), answers={"a": "HERE"})
    body = json.dumps(wanted).replace("HERE", "\\ud83d\\ude00").encode()
    assert 201 == world.call("POST", "/v1/cases", body).send().status
    assert 200 == world.ask("POST", "/v1/cases", {**wanted, "answers": {"a": "😀"}}).status


NUMBERS = {
    "2**53": str(2**53),
    "2**63": str(2**63),
    "2**64": str(2**64),
    "-2**63": str(-(2**63)),
    "10**400": "1" + "0" * 400,
    "1e400": "1e400",
    "-1e400": "-1e400",
    "1e-400": "1e-400",
}


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS.keys())
def test_a_number_that_not_every_reader_can_hold_is_refused(
    world: World, case_code: str, number: str
) -> None:
    case, document = world.case_wanted(world.fresh("nu")), {"size_bytes": "HERE"}
    for target, body in (
        ("/v1/cases", {**case, "answers": {"a": "HERE"}}),
        ("/v1/cases", {**case, "documents": [{**case["documents"][0], **document}]}),
        ("/v1/payments", world.payment_wanted(case_code, "nu", lines=[{**LINE, "amount_vnd": "HERE"}])),
        ("/v1/payments", world.payment_wanted(case_code, "nu", expires_in_s="HERE")),
        ("/v1/payments/pay_none/refunds", world.refund_wanted("nu", refundable_vnd="HERE")),
        ("/v1/deliveries", world.delivery_wanted(case_code, "nu", cod_vnd="HERE")),
    ):
        reply = refused(
            world, target, json.dumps(body).replace('"HERE"', number).encode(), (422, "malformed")
        )
        assert len(reply.body) < 2_000, "what was sent is not thrown back"


@pytest.mark.parametrize(
    "day", ["0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01", "-001-01-01", "2026-02-29"]
)
def test_a_day_that_no_office_has_is_no_day_for_a_result(world: World, day: str) -> None:
    code = world.submitted()["case_code"]
    for event in ("accept", "process"):
        asked = {"reference": world.fresh("da"), "event": event}
        assert 200 == world.ask("POST", f"/v1/cases/{code}/transitions", asked).status
    body = json.dumps({"reference": world.fresh("da"), "reason": "bão", "new_due_on": day}).encode()
    refused(world, f"/v1/cases/{code}/extensions", body, (422, "malformed"))


@pytest.mark.parametrize("year", ["0000", "0001", "9999", "10000", "-0001"])
def test_a_time_of_another_age_is_refused_and_no_list_is_empty_for_it(world: World, year: str) -> None:
    for name in ("from", "to"):
        for time_ in ("01-01T00:00:00Z", "12-31T23:59:59%2B14:00", "01-01T00:00:00-12:00"):
            reply = world.ask("GET", f"/v1/payments?{name}={year}-{time_}")
            assert (422, "malformed") == (reply.status, reply.json["code"])


@pytest.mark.parametrize("code", ["H28-000000-0001", "H28-991332-0001", "H28-260229-0001", "000.28-1-1"])
def test_a_case_code_of_no_day_is_refused(world: World, code: str) -> None:
    body = json.dumps(world.case_wanted(world.fresh("co"), case_code=code)).encode()
    refused(world, "/v1/cases", body, (422, "malformed"))


@pytest.mark.parametrize(("many", "status"), [(101, 422), (400, 422), (10_000, 413)])
def test_ten_thousand_documents_are_refused_at_once(world: World, many: int, status: int) -> None:
    wanted = world.case_wanted(world.fresh("many"))
    documents = [{**wanted["documents"][0], "code": f"d{number}"} for number in range(many)]
    body = json.dumps({**wanted, "documents": documents}).encode()
    began = time.monotonic()
    refused(world, "/v1/cases", body, (status, "malformed" if status == 422 else "too_large"))
    assert time.monotonic() - began < AT_ONCE_S


def test_a_text_as_long_as_a_body_may_be_is_refused_and_not_thrown_back(world: World, case_code: str) -> None:
    long = "ệ" * 60_000
    wanted = world.case_wanted(world.fresh("long"))
    for target, body in (
        ("/v1/cases", {**wanted, "reference": long}),
        ("/v1/cases", {**wanted, "applicant": {**wanted["applicant"], "name": long}}),
        ("/v1/cases", {**wanted, "answers": {"a": long}}),
        ("/v1/payments", world.payment_wanted(case_code, "long", return_url=f"https://{long}")),
        (f"/v1/cases/{case_code}/transitions", {"reference": "long", "event": "stop", "reason": long}),
    ):
        reply = refused(world, target, json.dumps(body, ensure_ascii=False).encode(), (422, "malformed"))
        assert len(reply.body) < 2_000
