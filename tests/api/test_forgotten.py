"""A forgotten case, as its portal and its citizen see it; and nothing that a portal ever sent about it is left."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from api_world import PERSON, World
from test_pages import shown

from gateway.domain.retention import Periods
from gateway.service import behind, case_papers, retention, sealing

pytestmark = pytest.mark.service

AFTER = datetime.now(UTC).replace(day=1, month=1) + (datetime(2032, 1, 1) - datetime(2026, 1, 1))  # noqa: DTZ001 - a span
PERSONAL = [value for name, value in PERSON.items() if name != "id_kind"]


@pytest.fixture(scope="module")
def forgotten(world: World) -> str:
    """The code of a case that was refused long ago; orders that were refused or repeated named its person too."""
    context, now = replace(world.house.context, periods=Periods(60, 120, 1200)), datetime.now(UTC)
    before = world.draft()
    code = str(world.submitted()["case_code"])
    reference = world.ask("GET", f"/v1/cases/{code}").json["reference"]
    for status, change in ((422, {"reduction": "x"}), (409, {"answers": {"reduction": "x"}})):
        assert status == world.ask("POST", "/v1/cases", world.case_wanted(reference, **change)).status
    delivery = {"reference": world.fresh("dl"), "case_code": code, "method": "counter", "recipient": PERSON}
    assert world.ask("POST", "/v1/deliveries", delivery).status >= 400
    payment = world.payment_wanted(code, world.fresh("pm"))
    made = world.ask("POST", "/v1/payments", payment).json["id"]
    refund = {"reference": "r", "amount_vnd": 1, "refundable_vnd": 1, "reason": PERSON["name"]}
    assert world.ask("POST", f"/v1/payments/{made}/refunds", refund).status >= 400
    wanted = {"reference": world.fresh("tr"), "event": "refuse", "reason": f"{PERSON['name']} khai sai"}
    assert 200 == world.ask("POST", f"/v1/cases/{code}/transitions", wanted).status
    for (paper_id,) in world.rows("SELECT id FROM case_papers WHERE case_code = :c", c=code):
        case_papers.issue(context, paper_id, now)
    for name in behind.consumers(context):
        while behind.consume(context, name, now):
            pass
    while sealing.seal(context, now):
        pass
    assert retention.forget_due(context, AFTER).people >= 1
    assert world.ask("GET", f"/v1/cases/{before['case_code']}").json["forgotten_at"] is None
    return code


def test_its_portal_sees_states_and_no_person(world: World, forgotten: str) -> None:
    told = world.ask("GET", f"/v1/cases/{forgotten}").json
    assert ("refused", True) == (told["state"], told["finished"])
    assert str(AFTER.year) in told["forgotten_at"]
    assert "case.forgotten" == told["timeline"][-1]["type"]
    assert {""} == {each["name"] for each in told["documents"]}
    events, page = [], world.ask("GET", "/v1/events?limit=500").json
    while page["events"]:
        events += page["events"]
        page = world.ask("GET", f"/v1/events?limit=500&after={page['next_cursor']}").json
    mine = [each for each in events if each["data"].get("case_code") == forgotten]
    assert mine
    said = json.dumps([told, mine], ensure_ascii=False)
    assert [] == [each for each in PERSONAL if each in said]


def test_its_citizen_reads_in_words_that_the_data_was_erased(world: World, forgotten: str) -> None:
    link = world.ask("GET", f"/v1/cases/{forgotten}").json["links"]["track"].removeprefix(world.url)
    page = shown(world.plain("GET", link), 200)
    assert "hết thời hạn lưu giữ dữ liệu cá nhân" in page
    assert "the time for which personal data is kept is over" in page
    assert "Tải gói có thông tin người nộp" not in page
    assert "/papers/" not in page
    found = world.form("/track", f"case_code={forgotten}&phone={PERSON['phone'][-4:]}")
    assert 404 == found.status


def test_no_message_about_it_is_left_in_words_also_none_that_was_refused(
    world: World, forgotten: str
) -> None:
    ((portal_id, reference),) = world.rows(
        "SELECT portal_id, reference FROM cases WHERE case_code = :c", c=forgotten
    )
    payments = [row.id for row in world.rows("SELECT id FROM payments WHERE case_code = :c", c=forgotten)]
    about = [forgotten, f"{portal_id}:{reference}", *payments]
    left = world.rows(
        "SELECT reference, path, verdict FROM inbox WHERE reference = ANY (:about) "
        "AND (body <> '' OR query <> '' OR headers <> '{}')",
        about=about,
    )
    assert [] == left
    kept = world.rows("SELECT path FROM inbox WHERE reference = ANY (:about)", about=about)
    assert {"/v1/cases", "/v1/deliveries", "/v1/payments"} < {row.path for row in kept}
