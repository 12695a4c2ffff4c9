"""What becomes of a receipt when its money goes back: history stays, numbers stay, and one at most holds."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from lxml import etree
from paper_text import words
from service_refunds import approved, paid, vnpay_says
from service_wires import ipn
from service_world import AGENCY, FEE_VND, NOW, World, at_once, minutes
from sqlalchemy.exc import IntegrityError

from gateway.domain.errors import Forbidden, NotFound
from gateway.domain.money import format_vnd
from gateway.ports import LegalSeries
from gateway.service import behind, receipt_changes, receipt_summary, receipts, refund_sending
from gateway.store import payments as payment_store
from gateway.store import receipts as store

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


def receipted(world: World, case_code: str) -> tuple[str, str]:
    """A paid payment with its receipt: the payment's id, the receipt's number."""
    payment_id = paid(world, case_code)
    receipts.issue(world.context, payment_id, NOW)
    return payment_id, live(world, payment_id)


def live(world: World, payment_id: str) -> str:
    with world.transaction() as connection:
        found = store.live_of(connection, payment_id)
    return "" if found is None else found.receipt_number


def give_back(world: World, payment_id: str, amount_vnd: int, left_vnd: int = FEE_VND) -> None:
    world.wire.answer = vnpay_says("00", "00", vnp_TransactionNo=world.fresh("16"))
    refund = approved(world, payment_id, amount_vnd, left_vnd)
    refund_sending.send(world.context, refund.id, NOW)
    while behind.consume(world.context, "receipts", NOW):
        pass
    assert world.jobs("follow_refund", payment_id), "the refund asks for it"
    receipt_changes.follow_refund(world.context, payment_id, minutes(60))


def states(world: World, payment_id: str) -> Sequence[tuple[str, ...]]:
    query = "SELECT receipt_number, state FROM receipts WHERE payment_id = :id ORDER BY number"
    return [tuple(row) for row in world.rows(query, id=payment_id)]


def numbers(world: World) -> list[int]:
    return [number for (number,) in world.rows("SELECT number FROM receipts ORDER BY number")]


def facts(world: World, payment_id: str) -> dict[str, object]:
    told = json.loads(receipts.paper_of(world.context, world.caller, payment_id, "json"))
    assert isinstance(told, dict)
    return told


def test_all_of_the_money_back_cancels_the_receipt(world: World, case_code: str) -> None:
    payment_id, number = receipted(world, case_code)
    give_back(world, payment_id, FEE_VND)
    assert [(number, "cancelled")] == states(world, payment_id)
    receipt_changes.follow_refund(world.context, payment_id, minutes(61))
    receipts.issue(world.context, payment_id, minutes(62))
    assert [(number, "cancelled")] == states(world, payment_id), "and none is issued again"
    with pytest.raises(NotFound):
        receipts.paper_of(world.context, world.caller, payment_id, "pdf")


def test_a_part_of_the_money_back_puts_another_receipt_in_its_place(world: World, case_code: str) -> None:
    payment_id, number = receipted(world, case_code)
    give_back(world, payment_id, 50_000)
    second = live(world, payment_id)
    assert [(number, "replaced"), (second, "issued")] == states(world, payment_id)
    told = facts(world, payment_id)
    assert (FEE_VND, 50_000, number) == (told["total_vnd"], told["refunded_vnd"], told["replaces"])
    shown = words(receipts.paper_of(world.context, world.caller, payment_id, "pdf"))
    assert all(
        text in shown for text in (number, format_vnd(50_000), format_vnd(FEE_VND - 50_000), "Thay thế")
    )
    give_back(world, payment_id, FEE_VND - 50_000, FEE_VND - 50_000)
    assert [(number, "replaced"), (second, "cancelled")] == states(world, payment_id)


def test_what_happened_to_a_receipt_stands_on_the_spine(world: World, case_code: str) -> None:
    payment_id, _ = receipted(world, case_code)
    give_back(world, payment_id, 10_000)
    ids = [
        each
        for (each,) in world.rows(
            "SELECT id FROM receipts WHERE payment_id = :id ORDER BY number", id=payment_id
        )
    ]
    assert [
        [("receipt.issued", "numbered", "issued", 1), ("receipt.replaced", "issued", "replaced", 2)],
        [("receipt.issued", "numbered", "issued", 1)],
    ] == [world.spine(each) for each in ids]


def test_a_refund_before_the_paper_is_made_still_tells_the_truth(world: World, case_code: str) -> None:
    payment_id = paid(world, case_code)
    world.wire.answer = vnpay_says("00", "00", vnp_TransactionNo=world.fresh("16"))
    refund_sending.send(world.context, approved(world, payment_id, 30_000).id, NOW)
    receipt_changes.follow_refund(world.context, payment_id, NOW)
    assert [] == states(world, payment_id)
    receipts.issue(world.context, payment_id, NOW)
    assert 30_000 == facts(world, payment_id)["refunded_vnd"]


def test_money_that_came_twice_goes_back_without_touching_the_receipt(world: World, case_code: str) -> None:
    payment_id, number = receipted(world, case_code)
    world.hear("vnpay", ipn(world.found(payment_id).order_code, number=world.fresh("151")))
    assert 2 * FEE_VND == world.found(payment_id).paid_vnd
    give_back(world, payment_id, FEE_VND, 2 * FEE_VND)
    assert [(number, "issued")] == states(world, payment_id)


def test_a_fee_line_that_is_paid_again_by_another_payment_has_no_second_receipt(world: World) -> None:
    case_code = world.case()
    first, second = paid(world, case_code), paid(world, case_code)
    while behind.consume(world.context, "cases", NOW):
        pass
    assert world.jobs("issue_receipt", first)
    assert world.jobs("issue_receipt", second)
    for payment_id in (first, second):
        receipts.issue(world.context, payment_id, NOW)
    assert [1, 0] == [len(states(world, payment_id)) for payment_id in (first, second)]


def test_a_person_cancels_and_replaces_with_a_reason(world: World, case_code: str) -> None:
    payment_id, number = receipted(world, case_code)
    second = receipt_changes.replace(
        world.context, number, by="staff:lan", reason="sai tên người nộp", now=minutes(1)
    )
    assert [(number, "replaced"), (second, "issued")] == states(world, payment_id)
    receipt_changes.cancel(world.context, second, by="staff:lan", reason="in thử", now=minutes(2))
    for change in (receipt_changes.cancel, receipt_changes.replace):
        with pytest.raises(Forbidden):
            change(world.context, number, by="staff:lan", reason="lần nữa", now=minutes(3))
        with pytest.raises(NotFound):
            change(world.context, "H28-26E-9999999", by="staff:lan", reason="không có", now=minutes(3))


def test_many_at_once_replace_a_receipt_once(world: World, case_code: str) -> None:
    payment_id, number = receipted(world, case_code)
    before = numbers(world)

    def change(_: int) -> bool:
        try:
            receipt_changes.replace(world.context, number, by="staff:lan", reason="cùng lúc", now=minutes(1))
        except Forbidden:
            return False
        return True

    assert [True] == [each for each in at_once(6, change) if each]
    assert 2 == len(states(world, payment_id))
    assert [*before, before[-1] + 1] == numbers(world), "and what was refused took no number"


def test_a_receipt_keeps_its_number_and_is_never_deleted(world: World, case_code: str) -> None:
    _, number = receipted(world, case_code)
    for statement in (
        "DELETE FROM receipts WHERE receipt_number = :n",
        "UPDATE receipts SET number = number + 1000 WHERE receipt_number = :n",
        "UPDATE receipts SET state = 'cancelled' WHERE receipt_number = :n",
    ):
        with pytest.raises(IntegrityError):
            world.do(statement, n=number)


# --- the tax office's table of a day ----------------------------------------------------------------

LEGAL = LegalSeries("own", "01BLP0-001", "AA")


def town_with(world: World, legal: LegalSeries) -> World:
    """The same town, whose agency issues legal receipts of its own."""
    return replace(world, context=replace(world.context, agencies={"H28": replace(AGENCY, legal=legal)}))


def test_legal_receipts_of_an_agencys_own_are_counted_under_its_own_sign_without_a_gap(world: World) -> None:
    receipted(world, world.case())
    ours, others = (town_with(world, LegalSeries("own", "01BLP0-001", letters)) for letters in ("CA", "CB"))
    made = [receipted(town, town.case())[1] for town in (ours, others, ours)]
    assert ["H28-CA-26E-0000001", "H28-CB-26E-0000001", "H28-CA-26E-0000002"] == made


def test_the_days_summary_names_the_day_that_a_receipt_bears(world: World) -> None:
    """Its paper was made after midnight, and it was cancelled a day later still."""
    town = town_with(world, LegalSeries("own", "01BLP0-001", "DA"))
    night = datetime(2026, 12, 31, 16, 59, 59, tzinfo=UTC)  # one second before midnight in Việt Nam
    payment_id = paid(town, town.case())
    with town.transaction() as connection:
        payment = payment_store.find(connection, payment_id, lock=True)
        assert payment is not None
        numbered = receipts.add(town.context, connection, payment, night)
    receipts.issue(town.context, payment_id, night + timedelta(seconds=2))
    receipt_changes.cancel(
        town.context, numbered.receipt_number, by="staff:lan", reason="nhầm", now=night + timedelta(days=1)
    )
    new, cancelled = (
        row
        for day in (date(2026, 12, 31), date(2027, 1, 1))
        for row in receipt_summary.rows_of(town.context, day)
        if row.sign == "DA-26E"
    )
    assert (receipt_summary.NEW, receipt_summary.CANCELLED) == (new.status, cancelled.status)
    assert (date(2026, 12, 31), date(2026, 12, 31)) == (new.on, cancelled.on)


def test_the_days_summary_has_every_receipt_that_was_issued_or_ended_on_it(world: World) -> None:
    town = town_with(world, LEGAL)
    before = len(receipt_summary.rows_of(town.context, NOW.date()))
    payment_id, first = receipted(town, town.case())
    give_back(town, payment_id, 50_000)
    second = live(town, payment_id)
    rows = receipt_summary.rows_of(town.context, NOW.date())
    mine = [row for row in rows if row.sign == "AA-26E"]
    assert before + 3 == len(rows)
    assert [
        (first[-7:], receipt_summary.NEW, "01BLP0-001", "AA-26E", FEE_VND, 0, ""),
        (first[-7:], receipt_summary.REPLACED, "01BLP0-001", "AA-26E", FEE_VND, 0, ""),
        (second[-7:], receipt_summary.NEW, "01BLP0-001", "AA-26E", FEE_VND - 50_000, 0, first),
    ] == [
        (row.number, row.status, row.form, row.sign, row.fees_vnd, row.charges_vnd, row.replaces)
        for row in mine
    ]
    assert [] == list(receipt_summary.rows_of(town.context, date(2026, 11, 23)))


def test_the_summary_is_a_table_that_a_program_reads(world: World) -> None:
    rows = receipt_summary.rows_of(world.context, NOW.date())
    table = etree.fromstring(receipt_summary.xml_of(NOW.date(), rows))
    assert ("01/TH-BLĐT", "2026-11-24") == (table.get("MSo"), table.get("Ngay"))
    assert [row.number for row in rows] == [each.text for each in table.iter("SCTu")]
    assert sum(row.total_vnd for row in rows) == sum(int(each.text) for each in table.iter("TTien"))


def own(world: World) -> World:
    """The same town, whose agency issues its own legal receipts."""
    return replace(world, context=replace(world.context, agencies={"H28": replace(AGENCY, legal=LEGAL)}))


def told(world: World, payment_id: str, day: date) -> list[tuple[str, date, int]]:
    """What the table of a day says of the receipts of a payment: status, day, total."""
    query = "SELECT receipt_number FROM receipts WHERE payment_id = :p"
    numbers = {number[-7:] for (number,) in world.rows(query, p=payment_id)}
    rows = receipt_summary.rows_of(world.context, day)
    return [(row.status, row.on, row.total_vnd) for row in rows if row.number in numbers]


def test_a_receipt_that_ends_on_a_later_day_keeps_its_own_day(world: World) -> None:
    town, later = own(world), NOW + timedelta(days=2)
    payment_id, number = receipted(town, town.case())
    receipt_changes.cancel(town.context, number, by="staff:thuquy", reason="sai", now=later)
    assert [(receipt_summary.NEW, NOW.date(), FEE_VND)] == told(town, payment_id, NOW.date())
    assert [] == told(town, payment_id, NOW.date() + timedelta(days=1))
    assert [(receipt_summary.CANCELLED, NOW.date(), FEE_VND)] == told(town, payment_id, later.date())


def test_a_paper_that_came_after_midnight_belongs_to_the_day_that_stands_on_it(world: World) -> None:
    town, night = own(world), datetime(2026, 11, 26, 16, 59, 59, tzinfo=UTC)
    payment_id = paid(town, town.case())
    receipts.issue(town.context, payment_id, night)
    town.do(
        "UPDATE receipts SET issued_at = :at WHERE payment_id = :p",
        at=night + timedelta(hours=3),
        p=payment_id,
    )
    assert [(receipt_summary.NEW, date(2026, 11, 26), FEE_VND)] == told(town, payment_id, date(2026, 11, 26))
    assert [] == told(town, payment_id, date(2026, 11, 27))


def test_only_receipts_of_an_own_series_are_in_the_table(world: World) -> None:
    payment_id, _ = receipted(world, world.case())
    assert [] == told(own(world), payment_id, NOW.date())


def test_a_table_is_that_of_one_issuer(world: World) -> None:
    town = own(world)
    payment_id, _ = receipted(town, town.case())
    rows = receipt_summary.rows_of(town.context, NOW.date(), AGENCY.tax_code)
    assert {AGENCY.tax_code} == {row.issuer_tax_code for row in rows}
    assert told(town, payment_id, NOW.date())
    assert [] == receipt_summary.rows_of(town.context, NOW.date(), "5400000001")


def test_what_was_given_back_of_several_lines_is_told_beside_them(world: World) -> None:
    town = own(world)
    lines = [
        {"kind": "phi", "code": "P1", "name": "Phí thẩm định", "amount_vnd": 150_000},
        {"kind": "le_phi", "code": "L1", "name": "Lệ phí cấp giấy", "amount_vnd": 50_000},
    ]
    payment_id = town.payment(town.case(), lines=lines)
    town.hear("vnpay", ipn(town.start(payment_id, "vnpay").reference, number=town.fresh("150")))
    receipts.issue(town.context, payment_id, NOW)
    give_back(town, payment_id, 20_000)
    number = live(town, payment_id)
    [row] = [each for each in receipt_summary.rows_of(town.context, NOW.date()) if each.number == number[-7:]]
    assert (150_000, 50_000, 20_000, 180_000) == (
        row.fees_vnd,
        row.charges_vnd,
        row.given_back_vnd,
        row.total_vnd,
    )


def test_a_day_without_receipts_is_an_empty_table() -> None:
    table = etree.fromstring(receipt_summary.xml_of(date(2026, 2, 17), []))
    assert ("2026-02-17", 0) == (table.get("Ngay"), len(list(table.iter("CTu"))))


def due(world: World, day: date) -> list[str]:
    return world.alarms(day.isoformat())


def test_in_the_evening_the_table_of_the_day_is_asked_for_once(world: World) -> None:
    town, day = own(world), date(2026, 11, 30)
    at = datetime(2026, 11, 30, 3, 0, tzinfo=UTC)
    receipts.issue(town.context, paid(town, town.case()), at)
    town.do("UPDATE receipts SET issued_at = :at WHERE issued_at > :at", at=at)
    evening = datetime(2026, 11, 30, 13, 0, tzinfo=UTC)  # 20:00 in Việt Nam
    receipt_summary.remind(town.context, evening - timedelta(seconds=1))
    receipt_summary.remind(world.context, evening)
    assert [] == due(town, day)
    for minute in range(3):
        receipt_summary.remind(town.context, evening + timedelta(minutes=minute))
    assert ["receipt_summary_due"] == due(town, day)
    receipt_summary.written(town.context, day, evening)
    receipt_summary.remind(town.context, evening + timedelta(hours=5))
    query = "SELECT count(*) FROM alarms WHERE subject = :s AND closed_at IS NULL"
    assert (["receipt_summary_due"], 0) == (due(town, day), town.one(query, s=day.isoformat()))


def test_a_day_without_receipts_asks_for_nothing(world: World) -> None:
    receipt_summary.remind(own(world).context, datetime(2026, 12, 20, 14, 0, tzinfo=UTC))
    assert [] == due(world, date(2026, 12, 20))
