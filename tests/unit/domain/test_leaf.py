"""Leaves: nothing personal stands in them, everything can be opened, and what is forgotten stays proved."""

import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain import leaf
from gateway.domain.evidence import canonical
from gateway.domain.leaf import Fact

SALT = bytes(range(32))
AT = datetime(2026, 11, 24, 9, 55, 0, 1, tzinfo=timezone(timedelta(hours=7)))
FACT = Fact(
    id=17,
    type="case.supplement_required",
    subject_kind="case",
    subject_id="H28-261124-0001",
    version=3,
    from_state="processing",
    to_state="supplement_required",
    actor="portal:prt_1",
    cause="inbox:12",
    occurred_at=AT,
    recorded_at=AT,
    case_code="H28-261124-0001",
    data={"national_code": "5", "reason": "Thiếu bản sao căn cước của ông Nguyễn Văn An"},
)


def told(fact: Fact = FACT, salt: bytes = SALT) -> dict[str, object]:
    read = json.loads(leaf.body(fact, salt))
    assert isinstance(read, dict)
    return read


def test_a_leaf_is_spelled_in_one_way() -> None:
    """By hand, so that a change of the format is seen: a leaf that was sealed can never be spelled anew."""
    case = hmac.digest(hmac.digest(SALT, b"case", "sha256"), b'"H28-261124-0001"', "sha256").hex()
    cause = hmac.digest(hmac.digest(SALT, b"17:cause", "sha256"), b'"inbox:12"', "sha256").hex()
    reason_salt = hmac.digest(SALT, b"17:reason", "sha256")
    reason = hmac.digest(reason_salt, canonical(FACT.data["reason"]), "sha256").hex()
    expected = (
        f'{{"actor":"portal:prt_1","case":"{case}","committed":{{"cause":"{cause}","reason":"{reason}"}},'
        '"data":{"national_code":"5"},"from":"processing","id":17,"occurred_at":"2026-11-24T02:55:00.000001Z",'
        '"recorded_at":"2026-11-24T02:55:00.000001Z",'
        f'"subject":{{"id":"{case}","kind":"case"}},"to":"supplement_required","type":"case.supplement_required",'
        '"v":1,"version":3}'
    )
    assert expected == leaf.body(FACT, SALT).decode()


def test_free_text_and_the_code_of_the_case_do_not_stand_in_it() -> None:
    body = leaf.body(FACT, SALT).decode()
    assert "Nguyễn" not in body
    assert "H28-261124" not in body
    assert "inbox" not in body


@given(name=st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=1), value=st.text(max_size=30))
def test_a_member_that_nobody_has_looked_at_is_committed(name: str, value: str) -> None:
    body = told(replace(FACT, data={f"zz_{name}": f"personal {value}"}))
    assert {} == body["data"]
    assert f"zz_{name}" in body["committed"]
    assert f"personal {value}" not in json.dumps(body, ensure_ascii=False)


@pytest.mark.parametrize("actor", ["staff:lan", "staff:nguyễn văn an", "Lan", "unknown:1"])
def test_who_of_the_staff_it_was_is_committed(actor: str) -> None:
    body = told(replace(FACT, actor=actor))
    assert body["actor"] in {"staff", "other"}
    opened = leaf.commitment(leaf.field_salt(SALT, FACT.id, "actor"), actor)
    assert opened == body["committed"]["actor"]  # type: ignore[index]


@pytest.mark.parametrize(
    "actor", ["citizen", "gateway", "finance", "portal:prt_1", "provider:vnpay", "operator:vnpost"]
)
def test_an_actor_that_is_nobody_stands_as_it_is(actor: str) -> None:
    body = told(replace(FACT, actor=actor))
    assert actor == body["actor"]
    assert "actor" not in body["committed"]  # type: ignore[operator]


def test_what_the_person_said_of_himself_can_be_opened_field_by_field() -> None:
    personal = {"applicant.name": "Nguyễn Văn An", "applicant.phone": "0912345678"}
    body = told(replace(FACT, personal=personal))
    for name, value in personal.items():
        salt = leaf.field_salt(SALT, FACT.id, name)
        assert leaf.commitment(salt, value) == body["committed"][name]  # type: ignore[index]
    salts = {leaf.field_salt(SALT, FACT.id, name) for name in personal}
    assert len(personal) == len(salts), "opening one field opens no other one"


def test_the_code_of_a_case_is_committed_alike_in_all_of_its_events_and_apart_from_other_cases() -> None:
    first, second = told(), told(replace(FACT, id=18, type="case.processing"))
    assert first["case"] == second["case"]
    assert first["case"] != told(salt=bytes(32))["case"]


def test_an_event_of_no_case_has_no_case() -> None:
    body = told(replace(FACT, case_code=None, subject_kind="close", subject_id="2026-11-24:1"))
    assert "case" not in body
    assert {"kind": "close", "id": "2026-11-24:1"} == body["subject"]


def test_moments_are_told_in_utc_with_microseconds() -> None:
    assert "2026-11-24T02:55:00.000001Z" == leaf.moment(AT)
    assert "2026-11-24T02:55:00.000000Z" == leaf.moment(datetime(2026, 11, 24, 2, 55, tzinfo=UTC))


@pytest.mark.parametrize(
    "name",
    [
        *("sha256", "pdf_sha256", "json_sha256", "xml_sha256", "submission_receipt_sha256", "proof_sha256"),
        *("documents", "document", "receipt_number", "replaces", "number", "reason"),
    ],
)
def test_what_could_be_looked_up_by_who_holds_a_paper_is_committed(name: str) -> None:
    body = told(replace(FACT, data={name: "5d41402a"}))
    assert {} == body["data"]
    opened = leaf.commitment(leaf.field_salt(SALT, FACT.id, name), "5d41402a")
    assert opened == body["committed"][name]  # type: ignore[index]


@pytest.mark.parametrize("name", ["amount_vnd", "national_code", "provider", "detail_state", "green"])
def test_states_codes_and_sums_can_be_read_by_all(name: str) -> None:
    body = told(replace(FACT, data={name: "5"}))
    assert {name: "5"} == body["data"]
