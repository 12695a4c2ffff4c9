"""A paid payment has one receipt, whose number is never lost and whose paper says what was paid."""

import json
from dataclasses import dataclass, replace

import pytest
from lxml import etree
from paper_text import attached, words
from service_wires import FAILED, confirm, ipn, platform
from service_world import AGENCY, FEE_VND, NOW, PERSON, World, at_once, minutes
from sqlalchemy import text

from gateway.domain.errors import NotFound
from gateway.domain.money import format_vnd, in_words_vi
from gateway.domain.receipt import ReceiptFacts
from gateway.ports import Paper, Press
from gateway.service import receipts

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


class Jammed(Exception):  # noqa: N818 - named for what happened
    """The press stopped in the midst of its work."""


@dataclass
class JammingPress:
    """A press that jams once, then prints."""

    press: Press
    jams: int = 1

    def receipt(self, facts: ReceiptFacts) -> Paper:
        if self.jams:
            self.jams -= 1
            raise Jammed
        return self.press.receipt(facts)


def paid(world: World, case_code: str, number: str, **changes: object) -> str:
    payment_id = world.payment(case_code, **changes)
    amount_vnd = world.found(payment_id).amount_vnd
    world.hear("vnpay", ipn(world.start(payment_id, "vnpay").reference, number=number, amount_vnd=amount_vnd))
    return payment_id


def paper(world: World, payment_id: str) -> tuple[bytes, dict[str, object]]:
    """The PDF and the facts of a payment's issued receipt."""
    pdf, data = (receipts.paper_of(world.context, world.caller, payment_id, kind) for kind in ("pdf", "json"))
    return pdf, json.loads(data)


def numbers(world: World) -> list[int]:
    return [number for (number,) in world.rows("SELECT number FROM receipts ORDER BY number")]


def test_a_receipt_is_issued_once_however_often_and_by_how_many_it_is_asked_for(
    world: World, case_code: str
) -> None:
    payment_id = paid(world, case_code, "17000001")
    at_once(6, lambda _: receipts.issue(world.context, payment_id, NOW))
    receipts.issue(world.context, payment_id, minutes(60))
    (row,) = world.rows(
        "SELECT id, state, receipt_number FROM receipts WHERE payment_id = :id", id=payment_id
    )
    assert ("issued", "H28-26E-0000001") == row[1:]
    assert [("receipt.issued", "numbered", "issued", 1)] == world.spine(row[0])
    assert [1] == numbers(world)


@pytest.mark.parametrize("state", ["created", "pending", "failed"])
def test_what_is_not_paid_has_no_receipt_and_takes_no_number(
    world: World, case_code: str, state: str
) -> None:
    before = numbers(world)
    payment_id = world.payment(case_code)
    if state != "created":
        reference = world.start(payment_id, "vnpay").reference
        if state == "failed":
            world.hear("vnpay", ipn(reference, FAILED))
    receipts.issue(world.context, payment_id, NOW)
    receipts.issue(world.context, "pay_none", NOW)
    assert before == numbers(world)
    with pytest.raises(NotFound):
        receipts.paper_of(world.context, world.caller, payment_id, "pdf")


def test_after_a_crash_between_number_and_paper_the_same_number_gets_its_paper(
    world: World, case_code: str
) -> None:
    first, second = (paid(world, case_code, number) for number in ("17000010", "17000011"))
    press = JammingPress(world.context.press())
    context = replace(world.context, press=lambda: press)
    with pytest.raises(Jammed):
        receipts.issue(context, first, NOW)
    with pytest.raises(NotFound):
        receipts.paper_of(context, world.caller, first, "pdf")
    receipts.issue(context, second, NOW)
    before = numbers(world)
    receipts.issue(context, first, minutes(60))
    assert before == numbers(world)
    assert before == list(range(1, len(before) + 1))
    (facts, after) = (paper(world, each)[1] for each in (first, second))
    assert int(str(facts["number"])) + 1 == int(str(after["number"]))
    assert "2026-11-24T10:00:00+07:00" == facts["issued_at"], "the facts stand since the number was taken"


def test_a_fault_while_the_receipt_is_written_gives_its_number_back(world: World, case_code: str) -> None:
    payment_id, before = paid(world, case_code, "17000020"), numbers(world)
    world.do("ALTER TABLE receipts ADD CONSTRAINT fault CHECK (payment_id IS NULL) NOT VALID")
    receipts.issue(world.context, payment_id, NOW)
    world.do("ALTER TABLE receipts DROP CONSTRAINT fault")
    assert before == numbers(world)
    receipts.issue(world.context, payment_id, NOW)
    assert [*before, len(before) + 1] == numbers(world)


LINES = [
    {"kind": "phi", "code": "P1", "name": "Phí thẩm định", "amount_vnd": 1_234_500},
    {"kind": "le_phi", "code": "L1", "name": "Lệ phí cấp giấy", "amount_vnd": 8_001},
    {"kind": "postage", "code": "C1", "name": "Cước chuyển phát", "amount_vnd": 26_500},
]


def test_x17_x18_paper_and_data_say_what_was_paid_in_figures_and_words(world: World, case_code: str) -> None:
    payment_id = paid(world, case_code, "17000030", lines=LINES)
    receipts.issue(world.context, payment_id, NOW)
    payment = world.found(payment_id)
    pdf, facts = paper(world, payment_id)
    total_vnd = 1_234_500 + 8_001 + 26_500
    assert (total_vnd, total_vnd, total_vnd) == (payment.amount_vnd, payment.paid_vnd, facts["total_vnd"])
    lines = facts["lines"]
    assert isinstance(lines, list)
    assert [(each["kind"], each["name"], each["amount_vnd"]) for each in LINES] == [
        (each["kind"], each["name"], each["amount_vnd"]) for each in lines
    ]
    expected = {
        "case_code": case_code,
        "order_code": payment.order_code,
        "payer_name": PERSON["name"],
        "collector_name": AGENCY.name,
        "collector_tax_code": AGENCY.tax_code,
        "provider_name": "vnpay",
        "provider_ref": "17000030",
        "paid_at": "2026-11-24T09:55:00+07:00",
    }
    assert expected == {name: facts[name] for name in expected}
    assert facts == json.loads(attached(pdf))
    shown = words(pdf)
    assert "Một triệu hai trăm sáu mươi chín nghìn không trăm linh một đồng" == in_words_vi(total_vnd)
    for told in (in_words_vi(total_vnd), format_vnd(total_vnd), case_code, payment.order_code, "17000030"):
        assert told in shown
    assert all(format_vnd(int(str(line["amount_vnd"]))) in shown for line in LINES)


def test_a_receipt_names_the_try_that_paid_and_not_the_one_that_brought_the_money_again(
    world: World, case_code: str
) -> None:
    payment_id = world.payment(case_code)
    first = world.start(payment_id, "vnpay").reference
    world.wire.answer = platform()
    second = world.start(payment_id, "dvcqg").reference
    world.hear("dvcqg", confirm(second, number="VNP-paid", paid_at="20261124093000"))
    world.hear("vnpay", ipn(first, number="17000040", paid_at="20261124094000"))
    receipts.issue(world.context, payment_id, NOW)
    _, facts = paper(world, payment_id)
    assert ("dvcqg", "VNP-paid") == (facts["provider_name"], facts["provider_ref"])
    assert ("2026-11-24T09:30:00+07:00", FEE_VND) == (facts["paid_at"], facts["total_vnd"])


def test_a_second_success_makes_no_second_receipt(world: World, case_code: str) -> None:
    payment_id = paid(world, case_code, "17000050")
    receipts.issue(world.context, payment_id, NOW)
    before = numbers(world)
    reference = world.found(payment_id).order_code
    world.hear("vnpay", ipn(reference, number="17000051"))
    receipts.issue(world.context, payment_id, NOW)
    assert before == numbers(world)


def test_a_receipt_is_shown_to_its_own_portal_only(world: World, case_code: str) -> None:
    payment_id = paid(world, case_code, "17000060")
    receipts.issue(world.context, payment_id, NOW)
    assert paper(world, payment_id)[0].startswith(b"%PDF")
    for kind in ("pdf", "json"):
        with pytest.raises(NotFound):
            receipts.paper_of(world.context, world.stranger, payment_id, kind)


def test_the_name_of_the_payer_is_sealed_in_the_database(world: World, case_code: str) -> None:
    payment_id = paid(world, case_code, "17000070")
    receipts.issue(world.context, payment_id, NOW)
    sealed = bytes(world.one("SELECT facts_sealed FROM receipts WHERE payment_id = :id", id=payment_id))
    assert len(sealed) > 500
    assert "Bí Mật".encode() not in sealed
    assert b"payer_name" not in sealed


def test_the_xml_of_a_receipt_is_signed_and_says_the_same(world: World, case_code: str) -> None:
    payment_id = paid(world, case_code, "70091")
    receipts.issue(world.context, payment_id, NOW)
    xml = receipts.paper_of(world.context, world.caller, payment_id, "xml")
    _, facts = paper(world, payment_id)
    root = etree.fromstring(xml)
    told = {each.findtext("TTruong"): each.findtext("DLieu") for each in root.iter("TTin")}
    assert (facts["receipt_number"], str(facts["total_vnd"])) == (
        told["MaBienLai"],
        root.findtext("DLCTu/NDCTu/TToan/TgTTTBSo"),
    )
    assert 1 == len(root.findall("DSCKS/NBan/{http://www.w3.org/2000/09/xmldsig#}Signature"))


def test_a_receipt_from_before_there_was_xml_has_none(world: World, case_code: str) -> None:
    payment_id = paid(world, case_code, "70092")
    receipts.issue(world.context, payment_id, NOW)
    with world.context.engine.begin() as connection:
        connection.execute(
            text("UPDATE receipts SET xml_sha256 = NULL WHERE payment_id = :id"), {"id": payment_id}
        )
    with pytest.raises(NotFound, match="issued without XML"):
        receipts.paper_of(world.context, world.caller, payment_id, "xml")
