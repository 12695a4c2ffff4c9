"""A second try is never begun while an earlier one is unclear, and unclear money is asked about, never assumed."""

import json
from datetime import timedelta
from itertools import accumulate
from urllib.parse import parse_qs, urlsplit

import pytest
from service_faults import Killed, killed, lost
from service_wires import platform
from service_world import FEE_VND, NOW, World, minutes, nobody_listens

from gateway.config import Settings
from gateway.domain.errors import Forbidden, NotFound, Refused, Unreachable
from gateway.ports import HttpAnswer
from gateway.service import reports
from gateway.service.reports import Asked

pytestmark = pytest.mark.service


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


@pytest.fixture
def unclear(world: World, case_code: str) -> str:
    """A payment whose one try is unclear."""
    payment_id = world.payment(case_code)
    world.wire.answer = lost
    assert "unknown" == world.start(payment_id, "dvcqg").state
    assert ("unknown", ["unknown"]) == (world.found(payment_id).state, world.tries(payment_id))
    return payment_id


@pytest.mark.parametrize("provider", ["dvcqg", "vnpay"])
def test_x11_while_a_try_is_unclear_no_other_one_is_begun_anywhere(
    world: World, unclear: str, provider: str
) -> None:
    for answer in (lost, nobody_listens, platform("9"), platform(None)):
        world.wire.answer = answer
        with pytest.raises(Forbidden, match="not clear yet"):
            world.start(unclear, provider)
    assert ["unknown"] == world.tries(unclear)


def test_a_try_that_healed_as_failed_makes_room_for_another(world: World, unclear: str) -> None:
    world.wire.answer = platform("4")
    assert "sent" == world.start(unclear, "dvcqg").state
    assert ["failed", "sent"] == world.tries(unclear)
    assert ["payment.unclear", "payment.failed", "payment.started"] == world.types(unclear)[2:]


def test_a_try_that_healed_as_open_stays_open_beside_the_new_one(world: World, unclear: str) -> None:
    world.wire.answer = platform("3")
    assert "sent" == world.start(unclear, "vnpay").state
    assert ["sent", "sent"] == world.tries(unclear)


def test_a_try_that_healed_as_paid_ends_the_payment(world: World, unclear: str) -> None:
    world.wire.answer = platform("1", "VNP-healed")
    with pytest.raises(Forbidden, match="in state paid"):
        world.start(unclear, "vnpay")
    assert ("paid", FEE_VND) == (world.found(unclear).state, world.found(unclear).paid_vnd)


def test_x08_what_is_asked_about_goes_by_our_own_reference(world: World, unclear: str) -> None:
    world.wire.answer, reference = platform("3"), world.found(unclear).order_code
    world.start(unclear, "vnpay")
    asked = json.loads(world.wire.asked[-1].body or b"")
    assert ("QUERY", reference) == (asked["LoaiBanTin"], asked["MaThamChieu"])


def test_x06_a_try_cut_off_between_intention_and_call_is_given_up_only_once_its_provider_answered(
    world: World, case_code: str
) -> None:
    payment_id = world.payment(case_code)
    world.wire.answer = killed
    with pytest.raises(Killed):
        world.start(payment_id, "dvcqg")
    assert ["intended"] == world.tries(payment_id)
    world.wire.answer = lost
    with pytest.raises(Forbidden, match="not clear yet"):
        world.start(payment_id, "vnpay")
    assert ["intended"] == world.tries(payment_id)
    world.wire.answer = platform(None)
    assert "sent" == world.start(payment_id, "vnpay").state
    assert ["abandoned", "sent"] == world.tries(payment_id)


def test_a_try_that_never_left_us_is_over_and_the_next_may_begin_at_once(
    world: World, case_code: str
) -> None:
    payment_id = world.payment(case_code)
    world.wire.answer = nobody_listens
    with pytest.raises(Unreachable):
        world.start(payment_id, "dvcqg")
    assert ("created", ["abandoned"]) == (world.found(payment_id).state, world.tries(payment_id))
    world.wire.answer = platform()
    assert "sent" == world.start(payment_id, "dvcqg").state


def test_a_try_that_the_provider_refused_has_failed_and_the_next_may_begin_at_once(
    world: World, case_code: str
) -> None:
    payment_id = world.payment(case_code)
    world.wire.answer = lambda _: HttpAnswer(200, b'{"MaLoi":"13"}')
    with pytest.raises(Refused):
        world.start(payment_id, "dvcqg")
    assert ["failed"] == world.tries(payment_id)
    assert "sent" == world.start(payment_id, "vnpay").state


def test_an_answer_that_cannot_be_believed_leaves_the_try_unclear(world: World, case_code: str) -> None:
    payment_id = world.payment(case_code)
    world.wire.answer = lambda _: HttpAnswer(200, b"<html>busy</html>")
    assert "unknown" == world.start(payment_id, "dvcqg").state
    assert "unknown" == world.found(payment_id).state


def test_who_comes_back_goes_on_with_the_open_try_and_another_provider_has_another_reference(
    world: World, case_code: str
) -> None:
    payment_id = world.payment(case_code)
    first, again = (world.start(payment_id, "vnpay") for _ in range(2))
    assert first == again
    world.wire.answer = platform()
    assert f"{first.reference}02" == world.start(payment_id, "dvcqg").reference
    assert ["sent", "sent"] == world.tries(payment_id)
    assert 2 == world.types(payment_id).count("payment.started")


def test_a_provider_that_we_do_not_have_and_a_payment_that_is_none_are_not_found(
    world: World, case_code: str
) -> None:
    with pytest.raises(NotFound):
        world.start(world.payment(case_code), "momo")
    with pytest.raises(NotFound):
        world.start("pay_none", "vnpay")


def test_x02_with_every_callback_lost_the_money_is_found_by_asking(world: World, case_code: str) -> None:
    payment_id = world.payment(case_code)
    world.wire.answer = platform()
    attempt = world.start(payment_id, "dvcqg")
    delays = world.context.schedules.query_s
    (job,) = world.jobs("query_attempt", attempt.id)
    assert ({"attempt_id": attempt.id, "round": 0}, NOW + timedelta(seconds=delays[0])) == job
    world.wire.answer = lost
    reports.ask_again(world.context, attempt.id, 0, NOW)
    job = world.jobs("query_attempt", attempt.id)[-1]
    assert ({"attempt_id": attempt.id, "round": 1}, NOW + timedelta(seconds=delays[1])) == job
    world.wire.answer = platform("1", "VNP-asked")
    reports.ask_again(world.context, attempt.id, 1, NOW)
    assert "paid" == world.found(payment_id).state
    assert 2 == len(world.jobs("query_attempt", attempt.id)), "nothing is left to ask"


def test_after_the_last_question_of_the_schedule_a_person_is_told(world: World, unclear: str) -> None:
    attempt_id = world.one("SELECT id FROM attempts WHERE payment_id = :id", id=unclear)
    waiting = len(world.jobs("query_attempt", attempt_id))
    reports.ask_again(world.context, attempt_id, len(world.context.schedules.query_s) - 1, NOW)
    assert ["money_unclear"] == world.alarms(attempt_id)
    assert waiting == len(world.jobs("query_attempt", attempt_id))
    assert "unknown" == world.found(unclear).state, "unclear is no failure"


@pytest.mark.parametrize(
    ("answer", "gives"),
    [
        (platform("1", "VNP-1"), Asked.SETTLED),
        (platform("4"), Asked.SETTLED),
        (platform("3"), Asked.OPEN),
        (platform("9"), Asked.OPEN),
        (platform(None), Asked.OPEN),
        (lost, Asked.UNHEARD),
        (nobody_listens, Asked.UNHEARD),
        (lambda _: HttpAnswer(200, b"{}"), Asked.UNHEARD),
    ],
)
def test_asking_says_whether_anything_is_left_to_ask(
    world: World, unclear: str, answer: object, gives: Asked
) -> None:
    world.wire.answer = answer  # type: ignore[assignment]  # each is one
    attempt_id = world.one("SELECT id FROM attempts WHERE payment_id = :id", id=unclear)
    assert gives == reports.ask(world.context, attempt_id, NOW)


# --- how long a try may be paid ---------------------------------------------------------------------


def test_a_page_may_be_paid_at_for_a_quarter_of_an_hour_and_then_another_one_is_made(
    world: World, case_code: str
) -> None:
    payment_id = world.payment(case_code)
    first = world.start(payment_id, "vnpay")
    fields = parse_qs(urlsplit(str(first.redirect_url)).query)
    assert ["20261124101500"] == fields["vnp_ExpireDate"]
    assert first == world.start(payment_id, "vnpay", minutes(14))
    world.do("DELETE FROM provider_health")
    assert first.reference != world.start(payment_id, "vnpay", minutes(15)).reference


def test_a_page_never_lives_longer_than_its_payment(world: World, case_code: str) -> None:
    payment_id = world.payment(case_code, expires_in_s=300)
    fields = parse_qs(urlsplit(str(world.start(payment_id, "vnpay").redirect_url)).query)
    assert ["20261124100500"] == fields["vnp_ExpireDate"]


@pytest.mark.parametrize(("paid_after_s", "known_within_s"), [(360, 300), (900, 900)])
def test_money_of_a_live_page_is_known_soon_though_callback_and_browser_are_lost(
    paid_after_s: int, known_within_s: int
) -> None:
    """Typical is who pays within six minutes; the last one pays as his page ends."""
    given = Settings.model_construct()
    asked_at = list(accumulate(given.query_delays_s[:6]))
    assert paid_after_s <= given.try_life_s
    waits = [next(at for at in asked_at if at >= paid) - paid for paid in range(1, paid_after_s + 1)]
    assert max(waits) <= known_within_s
