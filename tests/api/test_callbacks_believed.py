"""Callbacks that are believed: once, however often they come, and also when they come late."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from api_callbacks import PROVIDERS, Provider, Vnpay
from api_world import FEE_VND, World, but_for_the_schedule, fingerprint_of_world

from gateway.service import payments
from gateway.wiring import now

pytestmark = pytest.mark.service
EACH = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda each: each.name)


def booked(provider: Provider) -> list[tuple[str, int, int]]:
    return [(f"provider:{provider.name}", FEE_VND, 0), ("collected:H28", 0, FEE_VND)]


@EACH
def test_a_success_is_booked_once_and_its_second_telling_is_a_duplicate(
    world: World, case_code: str, provider: Provider
) -> None:
    payment, reference = world.started(case_code, provider.name)
    said, mark = provider.paid(reference, FEE_VND), world.mark()
    assert provider.words["ok"] == provider.word(said.send(world))
    after = fingerprint_of_world(world)
    assert provider.words["duplicate"] == provider.word(said.send(world))
    assert after == fingerprint_of_world(world)
    assert ["ok", "duplicate"] == [kept.verdict for kept in world.kept_since(mark)]
    assert [said.content] * 2 == [bytes(kept.query or kept.body) for kept in world.kept_since(mark)]
    assert "paid" == world.payment_state(payment["id"])
    assert booked(provider) == world.bookings(payment["id"])


@EACH
def test_eight_tellings_at_once_are_booked_once(world: World, case_code: str, provider: Provider) -> None:
    payment, reference = world.started(case_code, provider.name)
    said, mark = provider.paid(reference, FEE_VND), world.mark()
    with ThreadPoolExecutor(8) as pool:
        words = list(pool.map(lambda _: provider.word(said.send(world)), range(8)))
    expected = [provider.words["ok"], *[provider.words["duplicate"]] * 7]
    assert sorted(expected) == sorted(words)
    assert ["duplicate"] * 7 + ["ok"] == sorted(kept.verdict for kept in world.kept_since(mark))
    assert booked(provider) == world.bookings(payment["id"])


@EACH
def test_x01_a_success_after_expiry_still_counts(world: World, case_code: str, provider: Provider) -> None:
    payment, reference = world.started(case_code, provider.name)
    payments.expire(world.house.context, payment["id"], now() + timedelta(days=2))
    assert "expired" == world.payment_state(payment["id"])
    assert provider.words["ok"] == provider.word(provider.paid(reference, FEE_VND).send(world))
    assert "paid" == world.payment_state(payment["id"])
    assert booked(provider) == world.bookings(payment["id"])


@EACH
def test_x01_a_success_after_cancelling_still_counts(
    world: World, case_code: str, provider: Provider
) -> None:
    payment, reference = world.started(case_code, provider.name)
    assert 200 == world.ask("POST", f"/v1/payments/{payment['id']}/cancel").status
    assert "cancelled" == world.payment_state(payment["id"])
    assert provider.words["ok"] == provider.word(provider.paid(reference, FEE_VND).send(world))
    assert "paid" == world.payment_state(payment["id"])
    assert booked(provider) == world.bookings(payment["id"])


def test_x01_a_success_after_a_failure_still_counts(world: World, case_code: str) -> None:
    provider = Vnpay()
    payment, reference = world.started(case_code, provider.name)
    failed = provider.paid(reference, FEE_VND, code="24")
    assert "00" == provider.word(failed.send(world))
    assert "failed" == world.payment_state(payment["id"])
    assert [] == world.bookings(payment["id"])
    assert "02" == provider.word(failed.send(world))
    assert "00" == provider.word(provider.paid(reference, FEE_VND).send(world))
    assert "paid" == world.payment_state(payment["id"])
    assert booked(provider) == world.bookings(payment["id"])


def test_a_failure_after_the_success_changes_nothing(world: World, case_code: str) -> None:
    provider = Vnpay()
    payment, reference = world.started(case_code, provider.name)
    assert "00" == provider.word(provider.paid(reference, FEE_VND).send(world))
    before = fingerprint_of_world(world)
    provider.word(provider.paid(reference, FEE_VND, code="24").send(world))
    assert before == fingerprint_of_world(world)
    assert "paid" == world.payment_state(payment["id"])


@EACH
@pytest.mark.parametrize("code", ["77", "", "000", "ĐÃ TRẢ"])
def test_x04_a_code_that_is_in_no_table_is_an_alarm_and_no_progress(
    world: World, case_code: str, provider: Provider, code: str
) -> None:
    payment, reference = world.started(case_code, provider.name)
    before, mark = fingerprint_of_world(world), world.mark()
    said = provider.paid(reference, FEE_VND, code=code)
    assert provider.words["ok"] == provider.word(said.send(world))
    assert before == fingerprint_of_world(world)
    assert [said.content] == [bytes(kept.query or kept.body) for kept in world.kept_since(mark)]
    assert ["unknown_code"] == world.alarms_of(f"{provider.name}:{reference}")
    assert "pending" == world.payment_state(payment["id"])
    assert provider.words["ok"] == provider.word(provider.paid(reference, FEE_VND).send(world))
    assert "paid" == world.payment_state(payment["id"])


@EACH
def test_a_second_try_that_is_paid_too_is_owed_back(world: World, case_code: str, provider: Provider) -> None:
    payment, reference = world.started(case_code, provider.name)
    (other,) = (each for each in PROVIDERS if each.name != provider.name)
    target = f"/v1/payments/{payment['id']}/attempts"
    second = world.ask("POST", target, {"provider": other.name}).json["id"]
    row = world.one("SELECT reference FROM attempts WHERE id = :id", id=second)
    assert provider.words["ok"] == provider.word(provider.paid(reference, FEE_VND).send(world))
    assert other.words["ok"] == other.word(other.paid(row.reference, FEE_VND).send(world))
    assert booked(provider) + booked(other) == world.bookings(payment["id"])
    owed = world.one("SELECT kind, amount_vnd FROM obligations WHERE payment_id = :id", id=payment["id"])
    assert ("refund_due", FEE_VND) == tuple(owed)


@EACH
def test_x20_a_bad_message_among_good_ones_at_the_same_moment_costs_none_of_them_anything(
    world: World, case_code: str, provider: Provider
) -> None:
    orders = [world.started(case_code, provider.name) for _ in range(6)]
    good = [provider.paid(reference, FEE_VND) for _, reference in orders]
    bad = provider.paid("C4\x00X", FEE_VND)  # no database takes it
    said = [*good[:3], bad, *good[3:]]
    with ThreadPoolExecutor(len(said)) as pool:
        words = list(pool.map(lambda each: provider.word(each.send(world)), said))
    expected = [provider.words["ok"]] * 3 + [provider.words["our_error"]] + [provider.words["ok"]] * 3
    assert expected == words
    assert ["paid"] * 6 == [world.payment_state(payment["id"]) for payment, _ in orders]


@EACH
def test_a_number_of_the_provider_that_another_order_has_is_no_second_success(
    world: World, case_code: str, provider: Provider
) -> None:
    number = {provider.number_field: world.fresh("2611240")}
    _, first = world.started(case_code, provider.name)
    payment, second = world.started(case_code, provider.name)
    assert provider.words["ok"] == provider.word(provider.paid(first, FEE_VND, **number).send(world))
    before, mark = fingerprint_of_world(world), world.mark()
    said = provider.paid(second, FEE_VND, **number)
    assert provider.words["our_error"] == provider.word(said.send(world))
    assert before == fingerprint_of_world(world)
    assert [said.content] == [bytes(kept.query or kept.body) for kept in world.kept_since(mark)]
    assert "pending" == world.payment_state(payment["id"])


@EACH
def test_a_get_of_any_page_changes_nothing_of_a_payment(
    world: World, case_code: str, provider: Provider
) -> None:
    payment, _ = world.started(case_code, provider.name)
    token = payment["pay_url"].rsplit("/", 1)[1]
    before = but_for_the_schedule(world)
    for target in (f"/pay/{token}", f"/return/{provider.name}/{token}?vnp_ResponseCode=00&MaLoi=00"):
        assert world.plain("GET", target).status in {200, 303}
    assert before == but_for_the_schedule(world)
