"""Legal receipts at a provider: one for each receipt of ours, however often the network, the provider or we fail."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from service_legal import SERIES, Provider, fails, follow, legal, receipted, refund, work
from service_refunds import paid
from service_wires import ipn
from service_world import AGENCY, FEE_VND, NOW, World

from gateway.domain.errors import OutcomeUnknown, ReferenceConflict, Refused, Unreachable
from gateway.ports import Standing
from gateway.service import behind, evidence, legal_receipts, receipts, sealing
from signing import verifier

pytestmark = pytest.mark.service


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def town(world: World, provider: Provider) -> World:
    agencies = {"H28": replace(AGENCY, legal=SERIES)}
    return replace(
        world,
        context=replace(world.context, agencies=agencies, receipt_providers={"vnpt": provider}),
    )


def test_each_receipt_has_one_legal_receipt(town: World, provider: Provider) -> None:
    receipt_id = receipted(town)
    found = work(town, receipt_id)
    number = provider.has[found.key].number
    assert ("issued", number, "01BLP0-001", "AA-26E") == (
        found.state,
        found.number,
        found.form,
        found.sign,
    )
    follow(town)
    assert found == work(town, receipt_id)
    assert 1 == len(provider.issued)
    assert ["legal_receipt.sent", "legal_receipt.issued"] == town.types(found.id)


def test_where_no_provider_is_wanted_there_is_none(world: World) -> None:
    payment_id = paid(world, world.case())
    receipts.issue(world.context, payment_id, NOW)
    while behind.consume(world.context, "receipts", NOW):
        pass
    query = (
        "SELECT count(*) FROM legal_receipts l JOIN receipts r ON r.id = l.receipt_id WHERE r.payment_id = :p"
    )
    assert 0 == world.one(query, p=payment_id)


def test_x23_an_answer_that_is_lost_is_looked_up_and_never_issued_again(
    town: World, provider: Provider
) -> None:
    receipt_id = receipted(town)
    provider.after.append(fails(OutcomeUnknown("no answer")))
    found = work(town, receipt_id)
    assert ("issued", provider.has[found.key].number) == (found.state, found.number)
    assert 1 == len(provider.issued)


def test_what_was_lost_on_the_way_is_asked_for_again_under_the_same_key(
    town: World, provider: Provider
) -> None:
    receipt_id = receipted(town)
    provider.before.append(fails(OutcomeUnknown("lost before")))
    found = work(town, receipt_id)
    assert ("issued", [found.key]) == (found.state, provider.issued)
    assert [
        "legal_receipt.sent",
        "legal_receipt.not_sent",
        "legal_receipt.sent",
        "legal_receipt.issued",
    ] == town.types(found.id)


def test_a_provider_that_is_away_is_tried_later(town: World, provider: Provider) -> None:
    receipt_id = receipted(town)
    provider.before += [fails(Unreachable("away"))] * 2
    assert "issued" == work(town, receipt_id).state
    assert 1 == len(provider.issued)


def test_what_the_provider_refuses_is_a_persons_work(town: World, provider: Provider) -> None:
    receipt_id = receipted(town)
    provider.before.append(fails(Refused("no numbers left", code="6")))
    found = work(town, receipt_id)
    assert ("refused", "6", ["legal_receipt_refused"]) == (found.state, found.code, town.alarms(found.id))
    legal_receipts.retry(town.context, found.id, NOW)
    assert "issued" == work(town, receipt_id).state


def test_another_sum_under_our_key_is_never_taken_for_ours(town: World, provider: Provider) -> None:
    receipt_id = receipted(town)
    provider.before.append(fails(ReferenceConflict("the key has a receipt of another sum")))
    assert "refused" == work(town, receipt_id).state
    again = receipted(town)
    provider.after.append(fails(OutcomeUnknown("no answer")))
    known = legal(town, again)
    legal_receipts.work(town.context, known.id, 0, NOW)
    provider.has[known.key] = replace(provider.has[known.key], amount_vnd=FEE_VND - 1)
    assert ("refused", "ReferenceConflict") == (work(town, again).state, legal(town, again).code)


def test_a_number_that_another_receipt_has_is_a_persons_work(town: World, provider: Provider) -> None:
    one = receipted(town)
    first, second = work(town, one), receipted(town)
    provider.after.append(fails(OutcomeUnknown("no answer")))
    known = legal(town, second)
    legal_receipts.work(town.context, known.id, 0, NOW)
    provider.has[known.key] = replace(provider.has[known.key], number=str(first.number))
    found = work(town, second)
    assert ("refused", ["legal_receipt_refused"]) == (found.state, town.alarms(found.id))


def test_two_workers_at_once_ask_once(town: World, provider: Provider) -> None:
    receipt_id = receipted(town)
    known = legal(town, receipt_id)
    provider.before.append(lambda: legal_receipts.work(town.context, known.id, 0, NOW))
    legal_receipts.work(town.context, known.id, 0, NOW)
    assert ("issued", 1) == (work(town, receipt_id).state, len(provider.issued))


@pytest.mark.parametrize("fault", [None, "before", "after", "away"])
def test_a_cancelled_receipt_cancels_its_legal_one(
    town: World, provider: Provider, fault: str | None
) -> None:
    receipt_id = receipted(town)
    work(town, receipt_id)
    if fault == "away":
        provider.before.append(fails(Unreachable("away")))
    elif fault is not None:
        getattr(provider, fault).append(fails(OutcomeUnknown("no answer")))
    refund(town, receipt_id, FEE_VND)
    found = work(town, receipt_id)
    assert ("cancelled", Standing.CANCELLED) == (found.state, provider.has[found.key].standing)


def test_a_receipt_that_ends_before_its_legal_one_is_asked_for_needs_none(
    town: World, provider: Provider
) -> None:
    receipt_id = receipted(town)
    refund(town, receipt_id, FEE_VND)
    assert "not_needed" == work(town, receipt_id).state
    assert [] == provider.issued


def test_a_receipt_that_ends_while_nobody_knows_is_issued_and_then_cancelled(
    town: World, provider: Provider
) -> None:
    receipt_id = receipted(town)
    provider.after.append(fails(OutcomeUnknown("no answer")))
    known = legal(town, receipt_id)
    legal_receipts.work(town.context, known.id, 0, NOW)
    assert "sent" == legal(town, receipt_id).state
    refund(town, receipt_id, FEE_VND)
    assert "cancelled" == work(town, receipt_id).state


def test_a_provider_that_will_not_cancel_is_a_persons_work(town: World, provider: Provider) -> None:
    receipt_id = receipted(town)
    work(town, receipt_id)
    provider.before.append(fails(Refused("already reported", code="9")))
    refund(town, receipt_id, FEE_VND)
    found = work(town, receipt_id)
    assert ("issued", ["legal_receipt_by_hand"]) == (found.state, town.alarms(found.id))


def test_the_questions_end_in_an_alarm(town: World, provider: Provider) -> None:
    receipt_id = receipted(town)
    known = legal(town, receipt_id)
    last = len(town.context.schedules.query_s) - 1
    provider.before.append(fails(Unreachable("away")))
    legal_receipts.work(town.context, known.id, last, NOW)
    assert ["legal_receipt_unclear"] == town.alarms(known.id)


def test_a_case_with_a_refund_and_a_legal_receipt_is_proved(town: World, provider: Provider) -> None:
    receipt_id = receipted(town)
    work(town, receipt_id)
    refund(town, receipt_id, FEE_VND)
    assert "cancelled" == work(town, receipt_id).state
    while sealing.seal(town.context, NOW):
        pass
    query = "SELECT p.case_code FROM receipts r JOIN payments p ON p.id = r.payment_id WHERE r.id = :id"
    case_code = str(town.one(query, id=receipt_id))
    data = evidence.container(town.context, town.caller, case_code, with_person=True, now=NOW)
    many = town.one("SELECT count(*) FROM events WHERE case_code = :c", c=case_code)
    assert many == verifier.check(data, key=town.context.notary.key).events


def test_an_agency_without_a_tax_code_is_a_persons_work_and_nothing_is_sent(
    town: World, provider: Provider
) -> None:
    receipt_id = receipted(town)
    agencies = {"H28": replace(AGENCY, legal=SERIES, tax_code="")}
    bare = replace(town, context=replace(town.context, agencies=agencies))
    found = work(bare, receipt_id)
    assert ("refused", "Malformed", []) == (found.state, found.code, provider.issued)
    assert ["legal_receipt_refused"] == town.alarms(found.id)
    legal_receipts.retry(town.context, found.id, NOW)
    assert "issued" == work(town, receipt_id).state


NEW_YEAR = datetime(2026, 12, 31, 17, 30, tzinfo=UTC)
"""Half past midnight of 1 January 2027 in Việt Nam."""


def test_a_legal_receipt_bears_the_sign_of_the_year_in_vietnam(town: World, provider: Provider) -> None:
    payment_id = paid(town, town.case())
    receipts.issue(town.context, payment_id, NEW_YEAR)
    follow(town)
    receipt_id = str(town.one("SELECT id FROM receipts WHERE payment_id = :p", p=payment_id))
    assert "AA-27E" == legal(town, receipt_id).sign


def test_what_was_delayed_bears_the_day_and_the_series_in_which_it_is_asked_for(
    town: World, provider: Provider
) -> None:
    receipt_id = receipted(town)
    known = legal(town, receipt_id)
    provider.before.append(fails(Unreachable("away")))
    legal_receipts.work(town.context, known.id, 0, NOW)
    legal_receipts.work(town.context, known.id, 1, NEW_YEAR)
    order = provider.orders[known.key]
    assert (NEW_YEAR, "AA-27E") == (order.issued_at, order.series.sign)
    assert ("issued", "AA-27E") == (legal(town, receipt_id).state, legal(town, receipt_id).sign)


def test_the_provider_is_told_who_paid_as_far_as_we_know(town: World, provider: Provider) -> None:
    who = {"name": "Nguyễn Thị Bí Mật", "id_number": "017099000001", "address": "Phường Hòa Bình"}
    payment_id = town.payment(town.case(), payer=who)
    reference = town.start(payment_id, "vnpay").reference
    town.hear("vnpay", ipn(reference, number=town.fresh("150")))
    receipts.issue(town.context, payment_id, NOW)
    follow(town)
    receipt_id = str(town.one("SELECT id FROM receipts WHERE payment_id = :p", p=payment_id))
    payer = provider.orders[work(town, receipt_id).key].payer
    assert who == {"name": payer.name, "id_number": payer.id_number, "address": payer.address}
