"""The page behind a receipt's QR code: number, day, sum and agency of what we issued, and nothing of any person."""

from collections.abc import Callable
from urllib.parse import quote, urlsplit

import pytest
from api_callbacks import Vnpay
from api_world import FEE_VND, PERSON, World, fingerprint_of_world
from test_pages import shown

from gateway.domain.money import format_vnd
from gateway.service import receipt_changes, receipts
from gateway.service.cases import VIETNAM

pytestmark = pytest.mark.service


@pytest.fixture
def number(world: World, case_code: str) -> str:
    """The number of a receipt that was issued."""
    payment, reference = world.started(case_code, "vnpay")
    assert "00" == Vnpay().word(Vnpay().paid(reference, FEE_VND).send(world))
    context = world.app.extensions["cong4"].context
    receipts.issue(context, payment["id"], context.clock())
    return str(
        world.one(f"SELECT receipt_number FROM receipts WHERE payment_id = '{payment['id']}'").receipt_number
    )


def test_the_link_of_a_receipt_says_that_it_is_ours(world: World, number: str) -> None:
    context = world.app.extensions["cong4"].context
    issued = world.one(
        f"SELECT r.*, p.agency_code FROM receipts r JOIN payments p ON p.id = r.payment_id "
        f"WHERE receipt_number = '{number}'"
    )
    receipt = receipts.store.Receipt(
        **{each: getattr(issued, each) for each in receipts.store.Receipt.__slots__}
    )
    link = urlsplit(receipts.facts_of(context, receipt).verify_url)
    page = shown(world.plain("GET", f"{link.path}?{link.query}"), 200)
    day = issued.issued_at.astimezone(VIETNAM).strftime("%d/%m/%Y")
    for told in (number, day, format_vnd(FEE_VND), context.agency(issued.agency_code).name):
        assert told in page
    assert "do chúng tôi cấp." in page
    assert "/.well-known/paper-root.pem" in page
    for personal in PERSON.values():
        assert personal not in page


@pytest.mark.parametrize("change", [str.lower, lambda number: f" {number} "])
def test_a_number_may_be_typed_in_small_letters_and_with_blanks(
    world: World, number: str, change: object
) -> None:
    assert number in shown(world.plain("GET", f"/verify?r={quote(change(number))}"), 200)


@pytest.mark.parametrize("end", [receipt_changes.cancel, receipt_changes.replace])
def test_a_receipt_that_does_not_hold_any_more_is_told_as_such(
    world: World, number: str, end: Callable[..., object]
) -> None:
    context = world.app.extensions["cong4"].context
    end(context, number, by="staff:lan", reason="lập nhầm", now=context.clock())
    page = shown(world.plain("GET", f"/verify?r={number}"), 200)
    assert "không còn giá trị" in page
    assert "do chúng tôi cấp." not in page


def test_a_number_whose_paper_is_not_made_yet_is_not_issued(world: World, number: str) -> None:
    made = world.one(
        f"SELECT issued_at FROM receipts WHERE receipt_number = '{number}'"
    ).issued_at.isoformat()
    change = "UPDATE receipts SET state = '{}', issued_at = {} WHERE receipt_number = '" + number + "'"
    with world.altered(change.format("numbered", "NULL"), change.format("issued", f"'{made}'")):
        shown(world.plain("GET", f"/verify?r={number}"), 404)


@pytest.mark.parametrize(
    "asked", ["H28-26E-9999999", "x", "%25", "%27%20OR%201%3D1", "%FF", "9" * 5_000, "%F0%9F%92%A9", "_"]
)
def test_a_number_that_is_not_ours_is_told_in_words(world: World, number: str, asked: str) -> None:
    before = fingerprint_of_world(world)
    page = shown(world.plain("GET", f"/verify?r={asked}"), 404)
    assert "Không có biên lai nào mang số" in page
    assert "No receipt of the number" in page
    assert number not in page
    assert before == fingerprint_of_world(world)


def test_what_is_asked_for_is_shown_as_text(world: World) -> None:
    page = shown(world.plain("GET", "/verify?r=%3Cscript%3Ealert(1)%3C/script%3E"), 404)
    assert "&lt;SCRIPT&gt;" in page


def test_without_a_number_the_page_explains(world: World) -> None:
    for target in ("/verify", "/verify?r=", "/verify?r=%20"):
        page = shown(world.plain("GET", target), 200)
        assert "Nhập số in trên biên lai" in page
        assert "paper-root.pem" in page
    assert 'href="/verify"' in shown(world.plain("GET", "/", headers=[("Accept", "text/html")]), 200)


@pytest.mark.parametrize(
    ("accept", "kind", "begins"),
    [
        ("application/pdf", "application/pdf", b"%PDF-"),
        ("application/json", "application/json", b"{"),
        ("application/xml", "application/xml", b"<?xml"),
        ("text/html, application/xml;q=0.9, */*;q=0.1", "application/xml", b"<?xml"),
        ("*/*", "application/pdf", b"%PDF-"),
    ],
)
def test_a_portal_takes_the_receipt_in_the_form_that_it_accepts(
    accept: str, kind: str, begins: bytes, world: World, number: str
) -> None:
    payment_id = world.one(f"SELECT payment_id FROM receipts WHERE receipt_number = '{number}'").payment_id
    reply = world.call("GET", f"/v1/payments/{payment_id}/receipt", extra=(("Accept", accept),)).send()
    assert (200, kind, begins) == (reply.status, reply.headers["content-type"], reply.body[: len(begins)])
