"""Official papers by REST and by the citizen's link; what another one may not have, he does not get."""

import hashlib
import io
import json
import re
import zipfile
from datetime import UTC, date, datetime, timedelta

import pytest
from api_papers import Papered, make_papers, seal, with_papers
from api_wire import JSON
from api_world import PERSON, World, fingerprint_of_world
from test_pages import shown

from gateway.service import receipt_changes
from gateway.service.tracking import LARGEST_NUMBER_OF_TRIES

pytestmark = pytest.mark.service

PDF, CONTAINER = "application/pdf", "application/vnd.etsi.asic-e+zip"


@pytest.fixture(scope="module")
def papered(world: World) -> Papered:
    return with_papers(world)


def later_day(world: World, case_code: str) -> date:
    due_on = world.one("SELECT due_on FROM cases WHERE case_code = :c", c=case_code).due_on
    day = date.fromisoformat(str(due_on)) + timedelta(days=1)
    days = world.house.context.calendar.of(case_code.split("-", maxsplit=1)[0])
    while not days.is_working(day):
        day += timedelta(days=1)
    return day


# --- by REST ------------------------------------------------------------------------------------


def test_papers_are_listed_newest_first_and_each_leads_to_itself(world: World, papered: Papered) -> None:
    case = world.ask("GET", f"/v1/cases/{papered.code}").json
    listed = world.ask("GET", case["links"]["papers"].removeprefix(world.url)).json["papers"]
    assert [("01", 1), ("submission", 1)] == [(each["form"], each["number"]) for each in listed]
    assert list(reversed(papered.papers)) == [each["id"] for each in listed]
    assert ("Giấy tiếp nhận hồ sơ và hẹn trả kết quả", "B-B", 1) == tuple(
        listed[0][name] for name in ("title", "level", "version")
    )
    for each in listed:
        pdf = world.call(
            "GET", each["links"]["self"].removeprefix(world.url), extra=(("Accept", PDF),)
        ).send()
        assert (200, PDF) == (pdf.status, pdf.media_type)
        assert each["pdf_sha256"] == hashlib.sha256(pdf.body).hexdigest()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [(PDF, PDF), (JSON, JSON), ("*/*", PDF), (f"text/html, {JSON};q=0.5", JSON), ("text/html", PDF)],
)
def test_a_paper_comes_as_it_is_accepted(world: World, papered: Papered, accept: str, kind: str) -> None:
    target = f"/v1/cases/{papered.code}/papers/{papered.papers[0]}"
    reply = world.call("GET", target, extra=(("Accept", accept),)).send()
    assert (200, kind) == (reply.status, reply.media_type)
    if kind == JSON:
        assert ("submission", papered.code) == (reply.json["form"], reply.json["subject"]["case_code"])
    else:
        assert reply.body.startswith(b"%PDF")


@pytest.mark.parametrize("paper", ["pap_none", "x", "%F0%9F%92%A9"])
def test_a_paper_that_is_not_there_is_not_found(world: World, papered: Papered, paper: str) -> None:
    reply = world.ask("GET", f"/v1/cases/{papered.code}/papers/{paper}")
    assert (404, "not_found") == (reply.status, reply.json["code"])


def test_a_paper_that_waits_to_be_made_is_neither_listed_nor_found(world: World) -> None:
    code = world.submitted()["case_code"]
    paper = world.one("SELECT id FROM case_papers WHERE case_code = :c", c=code).id
    assert [] == world.ask("GET", f"/v1/cases/{code}/papers").json["papers"]
    assert 404 == world.ask("GET", f"/v1/cases/{code}/papers/{paper}").status


def test_an_extension_is_answered_with_the_new_day_and_why(world: World) -> None:
    code = with_papers(world).code
    day = later_day(world, code).isoformat()
    wanted = {"reference": world.fresh("ex"), "reason": "Xác minh chậm", "new_due_on": day}
    case = world.ask("GET", f"/v1/cases/{code}").json
    target = case["links"]["extensions"].removeprefix(world.url)
    first, again = (world.ask("POST", target, wanted) for _ in range(2))
    assert [200, 200] == [first.status, again.status]
    assert (day, first.json) == (first.json["due_on"], again.json)
    assert "gia hạn" in first.json["due_reason"]
    assert "Xác minh chậm" in first.json["due_reason"]
    assert "case.extended" == first.json["timeline"][-1]["type"]
    conflict = world.ask("POST", target, {**wanted, "reason": "Khác"})
    assert (409, "reference_conflict") == (conflict.status, conflict.json["code"])


GOOD = {"reference": "ex-bad", "reason": "x", "new_due_on": "2027-01-04"}


@pytest.mark.parametrize(
    "change",
    [
        {"new_due_on": "2027-02-30"},
        {"new_due_on": "04/01/2027"},
        {"new_due_on": "2027-01-04T00:00:00+07:00"},
        {"new_due_on": 1_800_000_000},
        {"new_due_on": None},
        {"new_due_on": "２０２７-01-04"},
        {"new_due_on": "2020-01-06"},
        {"reason": ""},
        {"reason": None},
        {"official": {"title": "Giám đốc"}},
        {"more": 1},
    ],
)
def test_an_extension_that_is_not_as_agreed_is_refused_and_changes_nothing(
    world: World, papered: Papered, change: dict[str, object]
) -> None:
    before = fingerprint_of_world(world)
    reply = world.ask("POST", f"/v1/cases/{papered.code}/extensions", {**GOOD, **change})
    assert 422 == reply.status, reply.text
    assert before == fingerprint_of_world(world)


@pytest.mark.parametrize(
    "change",
    [
        {"event": "accept", "supplement": [{"code": "to-khai", "reason": "thiếu"}]},
        {"supplement": [{"code": "khong-co", "reason": "thiếu"}]},
        {"supplement": [{"code": "to-khai", "reason": ""}]},
        {"supplement": [{"code": "to-khai", "reason": "x" * 1001}]},
        {"supplement": [{"code": "to-khai"}]},
        {"supplement": [{"code": "to-khai", "reason": "a"}, {"code": "to-khai", "reason": "b"}]},
        {"supplement": [{"code": f"d-{n}", "reason": "a"} for n in range(101)]},
        {"supplement": None},
        {"official": {"name": ""}},
        {"official": {"name": "A", "phone": "1"}},
    ],
)
def test_a_supplement_that_is_not_as_agreed_is_refused_and_changes_nothing(
    world: World, change: dict[str, object]
) -> None:
    code = world.submitted()["case_code"]
    before = fingerprint_of_world(world)
    wanted = {"reference": world.fresh("tr"), "event": "ask_supplement", "reason": "thiếu", **change}
    reply = world.ask("POST", f"/v1/cases/{code}/transitions", wanted)
    assert 422 == reply.status, reply.text
    assert before == fingerprint_of_world(world)


def test_what_is_lacking_is_asked_for_by_document(world: World) -> None:
    code = world.submitted()["case_code"]
    wanted = {
        "reference": world.fresh("tr"),
        "event": "ask_supplement",
        "supplement": [{"code": "giay-to-tuy-than", "reason": "Ảnh mờ"}],
        "official": {"name": "Nguyễn Hữu Thắng"},
    }
    assert 200 == world.ask("POST", f"/v1/cases/{code}/transitions", wanted).status
    paper = make_papers(world, code)[-1]
    target = f"/v1/cases/{code}/papers/{paper}"
    facts = world.call("GET", target, extra=(("Accept", JSON),)).send().json
    assert ["Bản chụp căn cước công dân hoặc hộ chiếu: Ảnh mờ"] == facts["wanted"]
    assert "Nguyễn Hữu Thắng" == facts["guide"]["name"]


# --- by the citizen's link ----------------------------------------------------------------------


def test_the_page_of_the_link_leads_to_each_paper_and_receipt(world: World, papered: Papered) -> None:
    page = shown(world.plain("GET", f"/track/{papered.token}"), 200)
    targets = set(re.findall(r'href="(/track/[^"]+)"', page))
    base = f"/track/{papered.token}"
    assert targets == {
        *(f"{base}/papers/{each}" for each in papered.papers),
        f"{base}/receipts/{papered.receipt}",
        f"{base}/evidence",
    }
    for target in targets - {f"{base}/evidence"}:
        reply = world.plain("GET", target)
        assert (200, PDF, "no-store") == (reply.status, reply.media_type, reply.headers["cache-control"])
        assert reply.body.startswith(b"%PDF")
    assert "Giấy tiếp nhận hồ sơ và hẹn trả kết quả" in page
    assert "/verify" in page
    for personal in PERSON.values():
        assert personal not in page


def test_who_knows_the_code_and_four_digits_sees_that_there_are_papers_and_gets_no_link(
    world: World, papered: Papered
) -> None:
    page = shown(world.form("/track", f"case_code={papered.code}&phone={PERSON['phone'][-4:]}"), 200)
    assert "Giấy tiếp nhận hồ sơ và hẹn trả kết quả" in page
    assert papered.token not in page
    assert "evidence" not in page


def test_a_link_opens_nothing_of_another_case(world: World, papered: Papered) -> None:
    other = with_papers(world)
    for target in (f"papers/{other.papers[0]}", f"receipts/{other.receipt}", "papers/x", "receipts/x"):
        assert 404 == world.plain("GET", f"/track/{papered.token}/{target}").status
    for target in (f"papers/{papered.papers[0]}", f"receipts/{papered.receipt}", "evidence"):
        assert 404 == world.plain("GET", f"/track/{'0' * 40}/{target}").status
    assert 404 == world.form(f"/track/{'0' * 40}/evidence", f"phone={PERSON['phone'][-4:]}").status


def opened(body: bytes) -> str:
    """What the container opens of the submission."""
    with zipfile.ZipFile(io.BytesIO(body)) as container:
        told = json.loads(container.read("evidence.json"))
    return json.dumps([each["opened"] for each in told["events"]], ensure_ascii=False)


def test_the_container_names_the_applicant_to_who_knows_the_phone_only(
    world: World, papered: Papered
) -> None:
    target = f"/track/{papered.token}/evidence"
    for asked in (target, f"{target}?person=1", f"{target}?phone={PERSON['phone'][-4:]}&person=1"):
        plain = world.plain("GET", asked)
        assert (200, CONTAINER) == (plain.status, plain.media_type)
        assert PERSON["id_number"] not in opened(plain.body)
    known = world.form(target, f"phone={PERSON['phone'][-4:]}")
    assert (200, CONTAINER) == (known.status, known.media_type)
    assert PERSON["id_number"] in opened(known.body)
    assert papered.code in known.headers["content-disposition"]
    page = shown(world.form(target, "phone=0000"), 404)
    assert "không khớp" in page


def test_guesses_at_the_phone_are_counted(world: World) -> None:
    papered = with_papers(world)
    target = f"/track/{papered.token}/evidence"
    for guess in range(LARGEST_NUMBER_OF_TRIES):
        assert 404 == world.form(target, f"phone={guess:04d}").status
    reply = world.form(target, f"phone={PERSON['phone'][-4:]}")
    shown(reply, 429)
    assert "900" == reply.headers["retry-after"]
    assert 200 == world.plain("GET", target).status, "what asks for no digits is not held back"


def test_a_container_that_is_not_sealed_yet_is_told_to_come_later(world: World) -> None:
    seal(world)
    case = world.submitted()
    token = case["links"]["track"].partition("/track/")[2]
    assert 409 == world.plain("GET", f"/track/{token}/evidence").status
    seal(world)
    assert 200 == world.plain("GET", f"/track/{token}/evidence").status


def test_the_evidence_takes_forms_only(world: World, papered: Papered) -> None:
    headers = [("Content-Type", JSON)]
    reply = world.plain("POST", f"/track/{papered.token}/evidence", headers=headers, body=b"{}")
    assert 415 == reply.status


def test_a_receipt_that_does_not_hold_is_not_offered(world: World) -> None:
    papered = with_papers(world)
    receipt_changes.cancel(
        world.house.context, papered.receipt, by="staff:x", reason="nhầm", now=datetime.now(UTC)
    )
    assert papered.receipt not in shown(world.plain("GET", f"/track/{papered.token}"), 200)
    assert 404 == world.plain("GET", f"/track/{papered.token}/receipts/{papered.receipt}").status
