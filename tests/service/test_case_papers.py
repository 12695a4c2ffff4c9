"""Each event that makes an official paper makes one, once for ever, which says what was so when it happened."""

import json
from dataclasses import dataclass, replace
from datetime import date, timedelta

import pytest
from paper_text import attached, words
from service_hooks import Listener
from service_papers import decide, extend, made, newest, planned, with_office
from service_post import Post, delivery_wanted
from service_refunds import paid
from service_world import NOW, PAPERS, PERSON, World, at_once, minutes

from gateway.domain.errors import Forbidden, Malformed, NotFound, ReferenceConflict
from gateway.domain.form import Form
from gateway.ports import Paper, Press
from gateway.service import behind, case_papers, cases, deliveries
from gateway.service.idempotency import fingerprint
from gateway.store import cases as case_store
from signing.mac import sha256_hex

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def town(world: World) -> World:
    return with_office(world)


class Jammed(Exception):  # noqa: N818 - named for what happened
    """The press stopped in the midst of its work."""


@dataclass
class JammingPress:
    """A press that signs and is then cut off, so often."""

    press: Press
    jams: int = 1

    def form(self, form: Form) -> Paper:
        paper = self.press.form(form)
        if self.jams:
            self.jams -= 1
            raise Jammed
        return paper


def forms(world: World, case_code: str) -> list[str]:
    return [form for form, _ in planned(world, case_code)]


# --- which event makes which paper --------------------------------------------------------------


def test_each_event_of_a_case_makes_the_paper_of_its_form(town: World) -> None:
    code = town.case()
    assert ["submission"] == forms(town, code)
    decide(town, code, "ask_supplement", reason="mờ")
    decide(town, code, "supplement_given")
    extend(town, code, date(2026, 12, 15))
    decide(town, code, "process")
    decide(town, code, "finish")
    assert ["submission", "02", "01", "04", "06"] == forms(town, code)


@pytest.mark.parametrize(("event", "form"), [("refuse", "03"), ("withdraw", "05")])
def test_a_case_that_ends_says_so_by_its_form(town: World, event: str, form: str) -> None:
    code = town.case()
    decide(town, code, event, reason="vì thế")
    assert ["submission", form] == forms(town, code)


def test_a_stop_is_told_by_form_05(town: World) -> None:
    code = town.case("processing")
    decide(town, code, "stop", reason="Quá hạn bổ sung")
    form, paper_id = newest(town, code)
    _, facts = made(town, code, paper_id)
    assert ("05", ["Quá hạn bổ sung"], None) == (form, facts["reasons"], facts["requested_on"])


def test_the_reception_is_the_first_move_into_work_by_whichever_event_and_happens_once(town: World) -> None:
    code = town.case()
    case = decide(town, code, "ask_fee")
    assert (None, None) == (case.accepted_at, case.due_on)
    paid(town, code)
    while behind.consume(town.context, "cases", NOW):
        pass
    with town.transaction() as connection:
        found = case_store.find(connection, code)
    assert found is not None
    assert ("accepted", date(2026, 12, 9)) == (found.state, found.due_on)
    decide(town, code, "process")
    assert ["submission", "01"] == forms(town, code)
    straight = town.case()
    decide(town, straight, "ask_supplement", reason="mờ")
    decide(town, straight, "process")
    assert ["submission", "02", "01"] == forms(town, straight)


def test_a_move_that_is_rolled_back_leaves_no_paper_and_no_job(town: World) -> None:
    code = town.case()
    before = planned(town, code), town.one("SELECT count(*) FROM procrastinate_jobs")
    with pytest.raises(Forbidden):
        decide(town, code, "finish")
    town.do("ALTER TABLE case_papers ADD CONSTRAINT fault CHECK (form <> '01') NOT VALID")
    with pytest.raises(Exception, match="fault"):
        decide(town, code, "accept")
    town.do("ALTER TABLE case_papers DROP CONSTRAINT fault")
    assert before == (planned(town, code), town.one("SELECT count(*) FROM procrastinate_jobs"))
    assert "registered" == cases.find(town.context, town.caller, code).state


def test_a_decision_that_is_repeated_makes_no_second_paper(town: World) -> None:
    code, wanted = town.case(), {"reference": town.fresh("tr"), "event": "accept"}
    for _ in range(3):
        cases.transition(town.context, town.caller, code, wanted, NOW)
    assert ["submission", "01"] == forms(town, code)


def test_a_decision_from_before_there_was_a_supplement_is_answered_as_the_first_time(town: World) -> None:
    code = town.case()
    before = {"reference": town.fresh("tr"), "event": "accept", "reason": None}
    cases.transition(town.context, town.caller, code, before, NOW)
    case = cases.transition(
        town.context, town.caller, code, {**before, "supplement": [], "official": None}, NOW
    )
    assert "accepted" == case.state
    query = "SELECT fingerprint FROM case_transitions WHERE case_code = :c"
    assert fingerprint(before) == town.one(query, c=code)


# --- once for ever ------------------------------------------------------------------------------


def test_workers_at_one_event_make_one_paper(town: World) -> None:
    code = town.case()
    ((_, paper_id),) = planned(town, code)
    at_once(6, lambda _: case_papers.issue(town.context, paper_id, NOW))
    pdf, _ = made(town, code, paper_id)
    case_papers.issue(town.context, paper_id, minutes(60))
    assert [("paper.issued", "planned", "issued", 1)] == town.spine(paper_id)
    assert pdf == made(town, code, paper_id)[0], "what was issued stands"


def test_after_a_crash_between_signing_and_writing_there_is_one_paper(town: World) -> None:
    code = town.case()
    ((_, paper_id),) = planned(town, code)
    press = JammingPress(town.context.press())
    context = replace(town.context, press=lambda: press)
    with pytest.raises(Jammed):
        case_papers.issue(context, paper_id, NOW)
    assert [] == town.spine(paper_id)
    assert [] == case_papers.listed(context, town.caller, code)
    with pytest.raises(NotFound):
        case_papers.content(context, town.caller, code, paper_id, "pdf")
    case_papers.issue(context, paper_id, minutes(60))
    assert [("paper.issued", "planned", "issued", 1)] == town.spine(paper_id)
    assert "2026-11-24T10:00:00+07:00" == made(town, code, paper_id)[1]["head"]["issued_at"]


def test_a_fault_while_the_paper_is_written_leaves_it_to_be_made(town: World) -> None:
    code = town.case()
    ((_, paper_id),) = planned(town, code)
    town.do("ALTER TABLE events ADD CONSTRAINT fault CHECK (type <> 'paper.issued') NOT VALID")
    with pytest.raises(Exception, match="fault"):
        case_papers.issue(town.context, paper_id, NOW)
    town.do("ALTER TABLE events DROP CONSTRAINT fault")
    assert [] == case_papers.listed(town.context, town.caller, code)
    case_papers.issue(town.context, paper_id, NOW)
    assert ["paper.issued"] == town.types(paper_id)


def test_the_database_has_no_second_paper_of_an_event_and_form(town: World) -> None:
    ((_, paper_id),) = planned(town, town.case())
    again = (
        "INSERT INTO case_papers (case_code, form, number, event_id, facts_sealed) "
        "SELECT case_code, form, 2, event_id, facts_sealed FROM case_papers WHERE id = :id"
    )
    with pytest.raises(Exception, match="uq_case_papers_event_id_form"):
        town.do(again, id=paper_id)


# --- what they say ------------------------------------------------------------------------------


def test_the_submission_receipt_names_each_document_and_the_receipt_that_was_signed(town: World) -> None:
    code = town.case()
    ((_, paper_id),) = planned(town, code)
    pdf, facts = made(town, code, paper_id)
    assert facts == json.loads(attached(pdf))
    case = cases.find(town.context, town.caller, code)
    assert sha256_hex(case.submission_receipt or "") == facts["receipt_sha256"]
    data = town.one("SELECT data FROM events WHERE case_code = :c AND type = 'case.registered'", c=code)
    assert facts["receipt_sha256"] == data["submission_receipt_sha256"]
    assert sorted(len(each) for each in PAPERS.values()) == sorted(
        each["size_bytes"] for each in facts["documents"]
    )
    shown = words(pdf)
    for said in (code, PERSON["name"], PERSON["id_number"], "BỘ PHẬN MỘT CỬA", "0218 3888 222"):
        assert said in shown
    assert f"{town.context.public_url}/track/{case.track_token}" == facts["head"]["track_url"]


def test_a_paper_says_what_was_so_when_its_event_happened(town: World) -> None:
    code = town.case("accepted")
    (_, first), (form, paper_id) = planned(town, code)
    assert "01" == form
    extend(town, code, date(2026, 12, 15))
    paid(town, code)
    _, facts = made(town, code, paper_id, minutes(60))
    assert "2026-12-09T17:00:00+07:00" == facts["due_at"], "not the day that was named later"
    assert (10, 0) == (facts["term"]["count"], facts["paid_vnd"])
    assert ("counter", "Bộ phận Một cửa, Số 5 đường An Dương Vương") == (facts["way"], facts["return_to"])
    assert facts["received_at"] == facts["head"]["issued_at"] == "2026-11-24T10:00:00+07:00"
    assert 0 == made(town, code, first)[1]["paid_vnd"]


def test_a_request_to_complete_names_each_document_and_why(town: World) -> None:
    code = town.case()
    supplement = [{"code": "giay-to-tuy-than", "reason": "Ảnh bị mờ"}]
    official = {"name": "Nguyễn Hữu Thắng", "title": "Người hướng dẫn"}
    decide(town, code, "ask_supplement", supplement=supplement, official=official)
    _, paper_id = newest(town, code)
    pdf, facts = made(town, code, paper_id)
    assert ["Bản chụp căn cước công dân hoặc hộ chiếu: Ảnh bị mờ"] == facts["wanted"]
    assert (1, official) == (facts["times"], facts["guide"])
    assert "Ảnh bị mờ" in words(pdf)
    decide(town, code, "supplement_given")
    decide(town, code, "ask_supplement", supplement=supplement, reason="Vẫn mờ")
    _, facts = made(town, code, newest(town, code)[1])
    assert (2, "Vẫn mờ") == (facts["times"], facts["reason"])
    data = town.rows(
        "SELECT data FROM events WHERE case_code = :c AND type = 'case.supplement_required' ORDER BY id",
        c=code,
    )
    assert [supplement] * 2 == [each["supplement"] for (each,) in data]
    assert "official" not in data[0][0], "who of the staff it was stands on the paper only"


@pytest.mark.parametrize(
    ("event", "supplement"),
    [
        ("accept", [{"code": "to-khai", "reason": "thiếu"}]),
        ("ask_supplement", [{"code": "ho-chieu-cu", "reason": "thiếu"}]),
    ],
)
def test_a_supplement_that_cannot_be_asked_for_is_refused_and_changes_nothing(
    town: World, event: str, supplement: list[dict[str, str]]
) -> None:
    code = town.case()
    before = town.types(code)
    with pytest.raises(Malformed):
        decide(town, code, event, supplement=supplement)
    assert (before, ["submission"]) == (town.types(code), forms(town, code))


@pytest.mark.parametrize("event", ["refuse", "ask_supplement"])
def test_a_reason_that_the_agency_owes_and_did_not_give_is_said_to_be_not_given(
    town: World, event: str
) -> None:
    code = town.case()
    decide(town, code, event)
    pdf, _ = made(town, code, newest(town, code)[1])
    assert "Cơ quan không ghi lý do" in words(pdf)


def test_a_withdrawal_says_that_it_was_asked_for(town: World) -> None:
    code = town.case()
    decide(town, code, "withdraw")
    _, facts = made(town, code, newest(town, code)[1])
    assert (["Người nộp hồ sơ đề nghị rút hồ sơ."], "2026-11-24") == (facts["reasons"], facts["requested_on"])


def test_the_control_slip_has_each_hand_over_and_whether_the_end_was_in_time(town: World) -> None:
    code = town.case()
    for minute, event in enumerate(("accept", "process", "ask_supplement", "process", "finish"), 1):
        decide(town, code, event, minutes(minute), **({"reason": "mờ"} if "ask" in event else {}))
    pdf, facts = made(town, code, newest(town, code)[1])
    told = [(each["from_unit"], each["to_unit"], each["note"]) for each in facts["handovers"]]
    unit, citizen = "Bộ phận Một cửa", "Người nộp hồ sơ"
    assert [
        (citizen, unit, "Được tiếp nhận"),
        (unit, unit, "Đang xử lý"),
        (unit, citizen, "Yêu cầu bổ sung giấy tờ"),
        (unit, unit, "Đang xử lý"),
        (unit, unit, "Đã xử lý xong"),
    ] == told
    assert "Trước hạn" in words(pdf)


def test_a_delivery_by_post_stands_on_the_appointment(town: World) -> None:
    code = town.case()
    posted = replace(town.context, operators={"post": Post()})
    deliveries.order(posted, town.caller, delivery_wanted(town, code), NOW)
    decide(town, code, "accept")
    pdf, facts = made(town, code, newest(town, code)[1])
    assert ("post", "Số 1, phường Tân Hòa", "") == (facts["way"], facts["return_to"], facts["return_note"])
    assert "Số 1, phường Tân Hòa" in words(pdf)


def test_personal_data_of_a_paper_are_sealed_in_the_database(town: World) -> None:
    ((_, paper_id),) = planned(town, town.case())
    sealed = bytes(town.one("SELECT facts_sealed FROM case_papers WHERE id = :id", id=paper_id))
    assert len(sealed) > 500
    assert "Bí Mật".encode() not in sealed
    assert b"id_number" not in sealed


def test_no_event_of_a_paper_names_the_person(town: World) -> None:
    code = town.case()
    ((_, paper_id),) = planned(town, code)
    made(town, code, paper_id)
    text = town.one("SELECT data::text FROM events WHERE subject_id = :id", id=paper_id)
    assert PERSON["name"] not in text
    data = json.loads(text)
    assert {"form", "paper_id", "pdf_sha256", "json_sha256"} == set(data)
    assert ("submission", paper_id) == (data["form"], data["paper_id"])


def test_facts_that_no_form_can_say_stop_nothing_but_the_paper(town: World) -> None:
    code = town.case()
    context = replace(town.context, agencies={})
    ((_, paper_id),) = planned(town, code)
    with pytest.raises(Exception, match="H28"):
        case_papers.issue(context, paper_id, NOW)
    assert "accepted" == decide(town, code, "accept").state
    assert made(town, code, paper_id)[0].startswith(b"%PDF")


# --- a later day --------------------------------------------------------------------------------


def test_an_extension_moves_the_day_says_why_and_apologises(town: World) -> None:
    code = town.case("accepted")
    before = cases.find(town.context, town.caller, code)
    case = extend(town, code, date(2026, 12, 15))
    assert (date(2026, 12, 9), date(2026, 12, 15)) == (before.due_on, case.due_on)
    assert ("accepted", before.version + 1) == (case.state, case.version)
    assert ("case.extended", "accepted", "accepted", case.version) == town.spine(code)[-1]
    form, paper_id = newest(town, code)
    _, facts = made(town, code, paper_id)
    assert ("04", "Xác minh chậm", 1) == (form, facts["reason"], facts["times"])
    assert ("2026-12-09T17:00:00+07:00", "2026-12-15T17:00:00+07:00") == (
        facts["due_at"],
        facts["new_due_at"],
    )


def test_an_extension_is_one_by_its_reference(town: World) -> None:
    code, key = town.case("accepted"), town.fresh("ex")
    first, again = (extend(town, code, date(2026, 12, 15), reference=key) for _ in range(2))
    assert first.version == again.version
    with pytest.raises(ReferenceConflict):
        extend(town, code, date(2026, 12, 16), reference=key)
    with pytest.raises(ReferenceConflict):
        decide(town, code, "process", reference=key)
    assert ["submission", "01", "04"] == forms(town, code)


@pytest.mark.parametrize(
    "on",
    [
        date(2026, 12, 9),
        date(2026, 11, 25),
        date(2026, 12, 12),
        date(2027, 12, 13),
        date(2099, 12, 9),
    ],
    ids=["the same day", "sooner", "a Saturday", "too far", "another age"],
)
def test_a_day_that_cannot_be_promised_is_refused(town: World, on: date) -> None:
    code = town.case("accepted")
    with pytest.raises(Malformed):
        extend(town, code, on)
    case = cases.find(town.context, town.caller, code)
    assert (date(2026, 12, 9), ["submission", "01"]) == (case.due_on, forms(town, code))


def test_a_day_that_is_over_is_refused(town: World) -> None:
    code = town.case("accepted")
    with pytest.raises(Malformed, match="over"):
        extend(town, code, date(2026, 12, 15), NOW + timedelta(days=21, hours=7))
    extend(town, code, date(2026, 12, 15), NOW + timedelta(days=21, hours=6))


@pytest.mark.parametrize("event", ["refuse", "ask_supplement", "ask_fee"])
def test_a_case_that_is_not_in_work_has_no_day_to_move(town: World, event: str) -> None:
    code = town.case()
    with pytest.raises(Forbidden):
        extend(town, code, date(2026, 12, 15))
    decide(town, code, event)
    with pytest.raises(Forbidden):
        extend(town, code, date(2026, 12, 15))


def test_another_portal_neither_reads_nor_extends(town: World) -> None:
    code = town.case("accepted")
    _, paper_id = newest(town, code)
    made(town, code, paper_id)
    theirs = replace(town, caller=town.stranger)
    with pytest.raises(NotFound):
        extend(theirs, code, date(2026, 12, 15))
    with pytest.raises(NotFound):
        case_papers.listed(town.context, town.stranger, code)
    with pytest.raises(NotFound):
        case_papers.content(town.context, town.stranger, code, paper_id, "pdf")
    with pytest.raises(NotFound):
        case_papers.content(town.context, town.caller, town.case(), paper_id, "pdf")


def test_two_extensions_at_the_same_time_come_one_after_the_other(town: World) -> None:
    code = town.case("accepted")
    days = [date(2026, 12, 15), date(2026, 12, 16)]

    def one(number: int) -> bool:
        try:
            extend(town, code, days[number])
        except Malformed:
            return False
        return True

    at_once(2, one)
    assert days[1] == cases.find(town.context, town.caller, code).due_on
    numbers = town.rows(
        "SELECT number FROM case_papers WHERE case_code = :c AND form = '04' ORDER BY 1", c=code
    )
    assert [(each,) for each in range(1, len(numbers) + 1)] == numbers


# --- told to portals ----------------------------------------------------------------------------


def test_portals_are_told_of_papers(town: World) -> None:
    while behind.consume(town.context, "webhooks", NOW):
        pass
    listener = Listener(town, ("paper.*", "case.extended"))
    code = town.case("accepted")
    extend(town, code, date(2026, 12, 15))
    for _, paper_id in planned(town, code):
        made(town, code, paper_id)
    while behind.consume(listener.context, "webhooks", NOW):
        pass
    assert ["case.extended", *["paper.issued"] * 3] == [type_ for _, type_ in listener.told()]
