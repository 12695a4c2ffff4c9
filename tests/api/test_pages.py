"""The citizen's pages: what is told is true, nothing personal is shown, nothing given is run, and a GET only shows."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest
from api_callbacks import Vnpay
from api_papers import with_papers
from api_wire import JSON, Reply
from api_world import FEE_VND, PERSON, World, but_for_the_schedule, fingerprint_of_world

from gateway.domain.payment import PUBLIC, PaymentState, PublicPayment
from gateway.web.pay import WORDS

pytestmark = pytest.mark.service

PROBLEM = "application/problem+json"
HOSTILE = "<script>alert(1)</script>&\"'{{7*7}}"


class Tags(HTMLParser):
    """The tags of a page, and whether each that opens closes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)


def shown(reply: Reply, status: int) -> str:
    """The page, with the headers that every page has, and no script in it but one that its policy names by its hash."""
    assert (status, "text/html") == (reply.status, reply.media_type), reply.text
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert ("no-store", "nosniff") == (
        reply.headers["cache-control"],
        reply.headers["x-content-type-options"],
    )
    assert "set-cookie" not in reply.headers
    scripts = re.findall(r"<script>(.*?)</script>", reply.text, re.DOTALL)
    assert len(scripts) == Tags(reply.text).opened.count("script")
    hashes = {base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts}
    assert hashes == set(re.findall(r"'sha256-([^']+)'", policy))
    return reply.text


def pay_target(payment: dict[str, object]) -> str:
    return str(payment["pay_url"]).partition("/pay/")[2]


UNKNOWN = "0" * 48


@pytest.mark.parametrize(
    "target",
    [
        f"/pay/{UNKNOWN}",
        "/pay/x",
        f"/track/{UNKNOWN}",
        f"/return/vnpay/{UNKNOWN}",
        f"/return/nobody/{UNKNOWN}",
        "/pay/",
        "/nothing",
        "/pay/%F0%9F%92%A9",
        "/pay/..%2f..%2fetc",
    ],
)
def test_a_link_that_leads_nowhere_is_a_page_in_two_languages(world: World, target: str) -> None:
    for accept in ("text/html,application/xhtml+xml,*/*;q=0.8", "*/*"):
        page = shown(world.plain("GET", target, headers=[("Accept", accept)]), 404)
        assert "Không tìm thấy" in page
        assert "No such thing" in page
    without = world.plain("GET", target)
    assert "Không tìm thấy" in shown(without, 404)


@pytest.mark.parametrize("accept", [JSON, PROBLEM, f"{PROBLEM}, {JSON};q=0.9"])
def test_who_takes_only_json_gets_a_problem_for_the_same_link(world: World, accept: str) -> None:
    reply = world.plain("GET", f"/pay/{UNKNOWN}", headers=[("Accept", accept)])
    assert (404, PROBLEM, "not_found") == (reply.status, reply.media_type, reply.json["code"])


@pytest.mark.parametrize("target", ["/v1/nothing", "/callbacks/nobody"])
def test_machines_get_a_problem_whatever_they_accept(world: World, target: str) -> None:
    reply = world.plain("GET", target, headers=[("Accept", "text/html")])
    assert (404, PROBLEM) == (reply.status, reply.media_type)


def test_the_page_of_a_problem_repeats_nothing_of_the_request(world: World) -> None:
    page = shown(world.plain("GET", "/%3Cscript%3Ealert(1)%3C/script%3E?x=%3Cimg%3E"), 404)
    assert "alert" not in page
    assert "img" not in Tags(page).opened


def test_names_that_portals_give_are_text_and_nothing_else(world: World, case_code: str) -> None:
    line = {"kind": "phi", "code": "P-1", "name": HOSTILE, "amount_vnd": FEE_VND}
    payment = world.payment(case_code, lines=[line], payer={"name": HOSTILE})
    page = shown(world.plain("GET", f"/pay/{pay_target(payment)}"), 200)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;&#34;&#39;{{7*7}}" in page
    assert 1 == page.count("alert(1)")  # the line's name; the payer's is not shown at all


def test_the_page_to_pay_shows_what_is_owed_and_nothing_personal(world: World, case_code: str) -> None:
    payment = world.payment(case_code)
    page = shown(world.plain("GET", f"/pay/{pay_target(payment)}"), 200)
    assert case_code in page
    assert payment["order_code"] in page
    for personal in (PERSON["name"], PERSON["id_number"], PERSON["phone"], PERSON["address"]):
        assert personal not in page


@pytest.mark.parametrize("state", PaymentState, ids=lambda each: each.value)
def test_x05_every_state_is_told_in_its_own_words(world: World, case_code: str, state: PaymentState) -> None:
    payment, _ = world.started(case_code, "vnpay")
    with world.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE payments SET state = %(state)s WHERE id = %(id)s",
            {"state": state.value, "id": payment["id"]},
        )
    page = shown(world.plain("GET", f"/pay/{pay_target(payment)}"), 200)
    words = WORDS[PUBLIC[state]]
    for text in (words.title_vi, words.title_en, words.text_vi):
        assert text in page
    is_failure = PUBLIC[state] is PublicPayment.FAILED
    assert is_failure == ("không thành công" in page)
    assert is_failure == ("did not succeed" in page)
    for said_early in ("thất bại", "unsuccessful", "Unsuccessful"):
        assert said_early not in page
    assert (state in {PaymentState.PENDING, PaymentState.UNKNOWN}) == ('http-equiv="refresh"' in page)
    assert (state in {PaymentState.CREATED, PaymentState.FAILED}) == ("<form" in page)
    assert (state is PaymentState.PENDING) == ("Chọn cách khác" in page)


def test_who_waits_is_asked_for_no_money_and_may_choose_another_way(world: World, case_code: str) -> None:
    payment, _ = world.started(case_code, "vnpay")
    target = f"/pay/{pay_target(payment)}"
    page = shown(world.plain("GET", target), 200)
    assert ("form" in Tags(page).opened, "button" in Tags(page).opened) == (False, False)
    assert '<meta http-equiv="refresh" content="10">' in page
    for link in (f'href="{target}"', f'href="{target}?still=1"', f'href="{target}?again=1"'):
        assert link in page
    choosing = shown(world.plain("GET", f"{target}?again=1"), 200)
    assert ("<form" in choosing, 'http-equiv="refresh"' in choosing) == (True, False)
    assert "Chọn cách khác" not in choosing


def test_a_page_that_waits_can_be_told_to_stand_still(world: World, case_code: str) -> None:
    payment, _ = world.started(case_code, "vnpay")
    target = f"/pay/{pay_target(payment)}"
    page = shown(world.plain("GET", f"{target}?still=1"), 200)
    assert ('http-equiv="refresh"' in page, "<form" in page) == (False, False)
    assert f'href="{target}?still=1"' in page  # it stays still when it is reloaded by hand
    assert f'href="{target}?again=1"' in page


@pytest.mark.parametrize("asked", ["?again=1", "?again=1&still=1"])
def test_another_way_is_offered_only_while_it_may_be_paid(world: World, case_code: str, asked: str) -> None:
    payment, reference = world.started(case_code, "vnpay")
    assert "00" == Vnpay().word(Vnpay().paid(reference, FEE_VND).send(world))
    page = shown(world.plain("GET", f"/pay/{pay_target(payment)}{asked}"), 200)
    assert ("<form" in page, "Chọn cách khác" in page) == (False, False)


@pytest.mark.parametrize(
    "fields", ["provider=nobody", "", "provider=", "provider=vnpay%00", "provider=%FF", "x=1"]
)
def test_a_provider_that_we_do_not_know_is_told_and_starts_nothing(
    world: World, case_code: str, fields: str
) -> None:
    payment = world.payment(case_code)
    before = fingerprint_of_world(world)
    page = shown(world.form(f"/pay/{pay_target(payment)}", fields), 409)
    assert "Không có nơi thu này" in page
    assert before == fingerprint_of_world(world)


def test_a_choice_sends_the_citizen_on_and_the_same_choice_again_goes_the_same_way(
    world: World, case_code: str
) -> None:
    target = f"/pay/{pay_target(world.payment(case_code))}"
    first = world.form(target, "provider=vnpay")
    after = fingerprint_of_world(world)
    again = world.form(target, "provider=vnpay")
    assert (303, 303) == (first.status, again.status)
    assert first.headers["location"] == again.headers["location"]
    assert after == fingerprint_of_world(world)


def test_what_is_paid_cannot_be_paid_again(world: World, case_code: str) -> None:
    payment, reference = world.started(case_code, "vnpay")
    assert "00" == Vnpay().word(Vnpay().paid(reference, FEE_VND).send(world))
    before = fingerprint_of_world(world)
    page = shown(world.form(f"/pay/{pay_target(payment)}", "provider=dvcqg"), 409)
    assert "<form" not in page
    assert before == fingerprint_of_world(world)


@pytest.mark.parametrize("content_type", ["application/json", "text/xml", "text/plain", ""])
def test_another_media_type_than_a_forms_is_415(world: World, case_code: str, content_type: str) -> None:
    token = pay_target(world.payment(case_code))
    before = fingerprint_of_world(world)
    for target in (f"/pay/{token}", "/track"):
        reply = world.plain("POST", target, headers=[("Content-Type", content_type)], body=b"provider=vnpay")
        shown(reply, 415)
    assert before == fingerprint_of_world(world)


def test_a_form_that_is_too_large_or_broken_is_refused_as_a_page(world: World, case_code: str) -> None:
    token = pay_target(world.payment(case_code))
    before = fingerprint_of_world(world)
    shown(world.form(f"/pay/{token}", "provider=" + "x" * 300_000), 413)
    parts = "--b\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n" * 1_500
    kind = [("Content-Type", "multipart/form-data; boundary=b")]
    shown(world.plain("POST", f"/pay/{token}", headers=kind, body=f"{parts}--b--".encode()), 413)
    broken = world.plain("POST", f"/pay/{token}", headers=kind, body=b"--b\r\nbroken")
    assert broken.status in {400, 409}
    assert before == fingerprint_of_world(world)


def test_coming_back_from_a_provider_shows_and_never_decides(world: World, case_code: str) -> None:
    payment, reference = world.started(case_code, "vnpay")
    said = Vnpay().paid(reference, FEE_VND).query.decode()
    before = but_for_the_schedule(world)
    reply = world.plain("GET", f"/return/vnpay/{pay_target(payment)}?{said}")
    assert (303, f"/pay/{pay_target(payment)}") == (reply.status, reply.headers["location"])
    assert before == but_for_the_schedule(world)
    assert "pending" == world.payment_state(payment["id"])


def test_no_page_changes_anything_by_being_looked_at(world: World, case_code: str) -> None:
    payment, _ = world.started(case_code, "vnpay")
    papered = with_papers(world)
    before, tries = but_for_the_schedule(world), world.one("SELECT count(*) AS many FROM track_tries").many
    known = {"provider": "vnpay", "token": pay_target(payment)}
    for rule in world.app.url_map.iter_rules():
        if "GET" in rule.methods and not rule.rule.startswith(("/v1/", "/callbacks/", "/static/", "/log/")):
            token = papered.token if rule.rule.startswith("/track") else known["token"]
            target = re.sub(r"<provider>", "vnpay", rule.rule).replace("<token>", token)
            target = target.replace("<paper_id>", papered.papers[0]).replace("<number>", papered.receipt)
            for method in ("GET", "HEAD"):
                wanted = {404} if target.endswith("/qr.svg") else {200, 303}
                assert world.plain(method, target).status in wanted, target
    assert before == but_for_the_schedule(world)
    assert tries == world.one("SELECT count(*) AS many FROM track_tries").many


def test_who_comes_back_from_a_provider_has_it_asked_at_once(world: World, case_code: str) -> None:
    payment, _ = world.started(case_code, "vnpay")
    attempt = world.one("SELECT id FROM attempts WHERE payment_id = :id", id=payment["id"]).id
    due = "SELECT scheduled_at AS at FROM procrastinate_jobs WHERE lock = :lock"
    assert world.one(due, lock=f"query_attempt:{attempt}").at is not None
    world.plain("GET", f"/return/vnpay/{pay_target(payment)}")
    assert world.one(due, lock=f"query_attempt:{attempt}").at is None


@pytest.mark.parametrize(
    "target", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/"]
)
def test_the_static_folder_gives_nothing_else(world: World, target: str) -> None:
    assert 404 == world.plain("GET", target).status
