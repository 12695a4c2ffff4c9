"""Where a payment is begun: by the rules, past who is down, and never at a second place while the first is unclear."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from service_transfers import with_transfers
from service_wires import confirm, ipn, paid_at_vnpay, platform
from service_world import DVCQG_SECRET, GUEST, NOW, PARTNER, World, at_once, nobody_listens

from adapters import dvcqg
from gateway.config import Settings
from gateway.domain.breaker import LIMITS, Failure, Health
from gateway.domain.errors import (
    Forbidden,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    Refused,
    Unreachable,
    Unsupported,
)
from gateway.domain.routing import Route, read
from gateway.ports import HttpAnswer, HttpRequest
from gateway.service import refund_sending, refunds, reports, routing, watch
from gateway.service.reports import Asked
from gateway.store import health as store
from gateway.store import payments as payment_store
from gateway.wiring import open_house

pytestmark = pytest.mark.service

VNPAY_FIRST = [{"groups": [{"vnpay": 1}, {"dvcqg": 1}]}]
DVCQG_FIRST = [{"groups": [{"dvcqg": 1}, {"vnpay": 1}]}]


def lost(_: HttpRequest) -> HttpAnswer:
    raise OutcomeUnknown("the connection broke after it was sent")


def garbage(_: HttpRequest) -> HttpAnswer:
    return HttpAnswer(200, b"<html>busy</html>")


def refused(_: HttpRequest) -> HttpAnswer:
    return HttpAnswer(200, b'{"MaLoi":"13"}')


@pytest.fixture(scope="module")
def case_code(world: World) -> str:
    return world.case()


@pytest.fixture(autouse=True)
def fresh(world: World) -> Iterator[None]:
    """Every test begins with providers of which nothing is known."""
    world.do("DELETE FROM provider_health")
    world.do("DELETE FROM alarms")
    world.wire.answer = platform()
    yield
    world.do("DELETE FROM provider_health")


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def routed(world: World, rules: list[dict[str, object]], **changes: object) -> World:
    names = routing.payable(world.context.providers)
    return replace(world, context=replace(world.context, routes=read(rules, names), **changes))  # type: ignore[arg-type]  # as named in the class


def begin(
    world: World, payment_id: str, wanted: str | None = None, at: datetime = NOW, **how: bool
) -> payment_store.Attempt:
    return routing.start(world.context, payment_id, wanted, GUEST, at, **how)


def tries(world: World, payment_id: str) -> list[tuple[str, str]]:
    query = "SELECT provider, state FROM attempts WHERE payment_id = :id ORDER BY number"
    return world.rows(query, id=payment_id)


def health(world: World, provider: str = "dvcqg") -> tuple[str, int, datetime | None]:
    query = "SELECT state, failures, since FROM provider_health WHERE provider = :name"
    (row,) = world.rows(query, name=provider)
    return row  # type: ignore[no-any-return]  # by the query


def offered(world: World, payment_id: str, at: datetime = NOW) -> tuple[str, ...]:
    with world.transaction() as connection:
        payment = payment_store.find(connection, payment_id)
        assert payment is not None
        return routing.offered(world.context, connection, payment, at)


def open_alarms(world: World) -> list[tuple[str, str, str]]:
    return world.rows("SELECT name, subject, detail FROM alarms WHERE closed_at IS NULL ORDER BY id")


def down(world: World, case_code: str, answer: object = nobody_listens) -> None:
    """The national platform is down since `NOW`."""
    world.wire.answer = answer  # type: ignore[assignment]  # each is one
    for _ in range(LIMITS.failures):
        payment_id = world.payment(case_code)
        if answer is nobody_listens:
            with pytest.raises(Unreachable):
                world.start(payment_id, "dvcqg")
        else:
            assert "unknown" == world.start(payment_id, "dvcqg").state
    assert ("down", 0, NOW) == health(world)
    world.wire.answer = platform()


# --- how it becomes known ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "failure"),
    [(nobody_listens, "unreachable"), (lost, "no_answer"), (garbage, "garbage")],
)
def test_after_five_failures_in_a_row_it_is_down_and_a_person_is_told_once(
    world: World, case_code: str, answer: object, failure: str
) -> None:
    down(world, case_code, answer)
    detail = f"5 calls in a row failed, the last one: {failure}"
    assert [("provider_down", "dvcqg", detail)] == open_alarms(world)


def test_nothing_is_begun_or_written_down_at_a_provider_that_is_down(world: World, case_code: str) -> None:
    down(world, case_code)
    payment_id = world.payment(case_code)
    world.wire.asked.clear()
    with pytest.raises(Unreachable, match="nothing was sent"):
        world.start(payment_id, "dvcqg", after(29))
    assert ([], []) == (tries(world, payment_id), world.wire.asked)
    assert "created" == world.found(payment_id).state


def test_after_the_pause_just_one_of_those_who_come_at_once_is_let_through(
    world: World, case_code: str
) -> None:
    down(world, case_code)
    payments = [world.payment(case_code) for _ in range(6)]

    def come(number: int) -> str:
        try:
            return world.start(payments[number], "dvcqg", after(30)).state
        except Unreachable:
            return "refused"

    assert ["refused"] * 5 + ["sent"] == sorted(at_once(6, come))
    assert "probing" == health(world)[0]


def test_a_question_is_asked_of_one_that_is_down_too_and_its_answer_ends_it(
    world: World, case_code: str
) -> None:
    payment_id, _ = world.started(case_code, "dvcqg")
    down(world, case_code)
    (attempt_id,) = [
        each for (each,) in world.rows("SELECT id FROM attempts WHERE payment_id = :i", i=payment_id)
    ]
    world.wire.answer = platform("3")
    assert Asked.OPEN == reports.ask(world.context, attempt_id, after(3))
    assert ("up", 0, after(3)) == health(world)
    assert [] == open_alarms(world)
    assert "sent" == world.start(world.payment(case_code), "dvcqg", after(4)).state


def test_a_no_is_an_answer_and_begins_the_count_again(world: World, case_code: str) -> None:
    for _ in range(3):
        world.wire.answer = nobody_listens
        for _ in range(LIMITS.failures - 1):
            with pytest.raises(Unreachable):
                world.start(world.payment(case_code), "dvcqg")
        world.wire.answer = refused
        with pytest.raises(Refused):
            world.start(world.payment(case_code), "dvcqg")
        assert ("up", 0, None) == health(world)


def test_of_a_provider_that_answers_nothing_is_written(world: World, case_code: str) -> None:
    payment_id, reference = world.started(case_code)
    attempt_id = world.one("SELECT id FROM attempts WHERE payment_id = :id", id=payment_id)
    world.wire.answer = paid_at_vnpay(reference)
    assert Asked.SETTLED == reports.ask(world.context, attempt_id, NOW)
    assert 0 == world.one("SELECT count(*) FROM provider_health")


def test_a_start_that_calls_nobody_shows_nothing_where_questions_do(world: World, case_code: str) -> None:
    """VNPAY's page is an address that we make: that it was made says nothing of VNPAY."""
    payment_id, _ = world.started(case_code)
    attempt_id = world.one("SELECT id FROM attempts WHERE payment_id = :id", id=payment_id)
    world.wire.answer = lost
    for _ in range(LIMITS.failures):
        assert "sent" == world.start(world.payment(case_code), "vnpay").state
        assert Asked.UNHEARD == reports.ask(world.context, attempt_id, NOW)
    assert ("down", 0, NOW) == health(world, "vnpay")


def test_a_refund_that_gets_no_answer_counts(world: World, case_code: str) -> None:
    payment_id, reference = world.started(case_code)
    world.hear("vnpay", ipn(reference, number=world.fresh("150")))
    asked = {"reference": world.fresh("rf"), "amount_vnd": 1, "refundable_vnd": 200_000, "reason": "thừa"}
    refund = refunds.request(world.context, world.caller, payment_id, asked, NOW)[0]
    refunds.approve(world.context, refund.id, "staff:chief", NOW)
    world.wire.answer = lost
    refund_sending.send(world.context, refund.id, NOW)
    assert ("up", 1, None) == health(world, "vnpay")


def test_failures_at_the_same_moment_all_count(world: World) -> None:
    def fail(_: int) -> None:
        raise Unreachable("nobody listens there")

    def one(number: int) -> None:
        with pytest.raises(Unreachable):
            watch.spoken(world.context, "dvcqg", lambda: fail(number), NOW)

    at_once(4, one)
    assert ("up", 4, None) == health(world)


def test_a_note_that_cannot_be_made_does_not_spoil_the_call(world: World) -> None:
    world.do("ALTER TABLE provider_health RENAME TO elsewhere")
    try:
        assert 7 == watch.spoken(world.context, "dvcqg", lambda: 7, NOW)
    finally:
        world.do("ALTER TABLE elsewhere RENAME TO provider_health")


def test_a_code_that_we_print_ourselves_is_never_down(world: World, case_code: str) -> None:
    house = with_transfers(world)
    wrong = replace(house.context.agencies["H28"], bank_bin="000000")
    house = replace(house, context=replace(house.context, agencies={"H28": wrong}))
    for _ in range(LIMITS.failures):
        payment_id = house.payment(case_code)
        with pytest.raises(Misconfigured):
            house.start(payment_id, "vietqr")
        assert ("failed", ["failed"]) == (house.found(payment_id).state, house.tries(payment_id))
    assert 0 == world.one("SELECT count(*) FROM provider_health")


def test_the_status_tells_of_each_provider_whether_it_is_up_and_since_when(
    world: World, case_code: str
) -> None:
    down(world, case_code)
    with world.transaction() as connection:
        states = routing.states(world.context, connection)
    assert [("dvcqg", False, NOW), ("vnpay", True, None)] == [
        (each.name, each.is_up, each.since) for each in states
    ]
    assert {"callback", "query", "redirect"} <= set(states[0].capabilities)


# --- where a payment is begun -----------------------------------------------------------------------


def test_without_rules_each_provider_that_can_be_paid_at_is_offered_by_name(
    world: World, case_code: str
) -> None:
    payment_id = world.payment(case_code)
    assert ("dvcqg", "vnpay") == offered(world, payment_id)
    assert ("counter", "dvcqg", "vietqr", "vnpay") == offered(with_transfers(world), payment_id)


def test_rules_of_the_agency_and_the_procedure_decide_and_a_portals_wish_comes_first(
    world: World, case_code: str
) -> None:
    rules: list[dict[str, object]] = [
        {"agency": "H15", "groups": [{"dvcqg": 1}]},
        {"agency": "H28", "procedure": "2.000488", "groups": [{"vnpay": 1}, {"dvcqg": 1}]},
    ]
    house = routed(world, rules)
    assert ("vnpay", "dvcqg") == offered(house, world.payment(case_code))
    assert ("dvcqg", "vnpay") == offered(house, world.payment(case_code, provider="dvcqg"))


def test_one_that_is_down_is_offered_last_until_it_may_be_tried_again(world: World, case_code: str) -> None:
    house, payment_id = routed(world, DVCQG_FIRST), world.payment(case_code)
    down(world, case_code)
    assert ("vnpay", "dvcqg") == offered(house, payment_id, after(29))
    assert ("dvcqg", "vnpay") == offered(house, payment_id, after(30))


def test_a_payer_is_not_made_to_wait_for_one_whose_answers_do_not_come(world: World, case_code: str) -> None:
    house, payment_id = routed(world, DVCQG_FIRST), world.payment(case_code)
    down(world, case_code, lost)
    assert ("vnpay", "dvcqg") == offered(house, payment_id, after(3000))


def test_where_we_choose_the_next_one_is_tried_at_once_when_nothing_left_us(
    world: World, case_code: str
) -> None:
    house, payment_id = routed(world, DVCQG_FIRST), world.payment(case_code)
    world.wire.answer = nobody_listens
    assert ("vnpay", "sent") == (begin(house, payment_id).provider, begin(house, payment_id).state)
    assert [("dvcqg", "abandoned"), ("vnpay", "sent")] == tries(world, payment_id)
    assert "pending" == world.found(payment_id).state


def test_one_that_is_down_is_passed_over_without_a_call(world: World, case_code: str) -> None:
    house, payment_id = routed(world, [{"groups": [{"dvcqg": 1, "vnpay": 0}]}]), world.payment(case_code)
    down(world, case_code)
    world.wire.asked.clear()
    assert "vnpay" == begin(house, payment_id).provider
    assert ([("vnpay", "sent")], []) == (tries(world, payment_id), world.wire.asked)


def test_where_something_left_us_no_other_place_is_tried(world: World, case_code: str) -> None:
    house, payment_id = routed(world, DVCQG_FIRST), world.payment(case_code)
    world.wire.answer = lost
    assert ("dvcqg", "unknown") == (
        (made := begin(house, payment_id)).provider,
        made.state,
    )
    with pytest.raises(Forbidden, match="not clear yet"):
        begin(house, payment_id)
    assert [("dvcqg", "unknown")] == tries(world, payment_id)


def test_where_a_provider_was_named_nobody_else_is_tried(world: World, case_code: str) -> None:
    house, payment_id = routed(world, DVCQG_FIRST), world.payment(case_code)
    world.wire.answer = nobody_listens
    with pytest.raises(Unreachable):
        begin(house, payment_id, "dvcqg")
    assert [("dvcqg", "abandoned")] == tries(world, payment_id)


def test_who_takes_the_first_of_the_page_leaves_the_choice_to_us_and_who_takes_another_does_not(
    world: World, case_code: str
) -> None:
    world.wire.answer = nobody_listens
    first, second = world.payment(case_code), world.payment(case_code)
    assert "vnpay" == begin(routed(world, DVCQG_FIRST), first, "dvcqg", first_is_ours=True).provider
    with pytest.raises(Unreachable):
        begin(routed(world, VNPAY_FIRST), second, "dvcqg", first_is_ours=True)


def test_when_all_are_away_it_is_said_and_the_payment_is_as_it_was(world: World, case_code: str) -> None:
    house, payment_id = routed(world, [{"groups": [{"dvcqg": 1}]}]), world.payment(case_code)
    down(world, case_code)
    with pytest.raises(Unreachable):
        begin(house, payment_id)
    assert ([], "created") == (tries(world, payment_id), world.found(payment_id).state)


def test_no_more_than_three_are_called_for_one_click(world: World, case_code: str) -> None:
    class Branch(dvcqg.Dvcqg):
        """One of many contracts with the platform."""

        def __init__(self, name: str) -> None:
            super().__init__(dvcqg.Settings(PARTNER, DVCQG_SECRET, "http://p/i", "http://p/q"), world.wire)
            self.name = name

    names = [f"branch{number}" for number in range(5)]
    house = replace(world, context=replace(world.context, providers={name: Branch(name) for name in names}))
    world.wire.answer = nobody_listens
    payment_id = world.payment(case_code)
    with pytest.raises(Unreachable):
        begin(house, payment_id)
    assert [(name, "abandoned") for name in names[:3]] == tries(world, payment_id)


def test_another_rule_moves_new_payments_and_leaves_begun_ones_where_they_are(
    world: World, case_code: str
) -> None:
    old, new = world.payment(case_code), world.payment(case_code)
    begun = begin(routed(world, DVCQG_FIRST), old)
    switched = routed(world, VNPAY_FIRST)
    assert begun == begin(switched, old)
    assert ("dvcqg", "vnpay") == (begun.provider, begin(switched, new).provider)
    switched.hear("dvcqg", confirm(begun.reference, number="VNP-switched"))
    assert "paid" == world.found(old).state


def test_the_rules_of_the_environment_are_read_when_the_house_is_opened(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_PROVIDERS", '{"counter": {}, "vietqr": {}}')
    monkeypatch.setenv("GATEWAY_ROUTES", '[{"agency": "H28", "groups": [{"vietqr": 9}, {"counter": 1}]}]')
    house = open_house(Settings(var_dir=tmp_path), world.house.database_url)
    house.close()
    assert (Route("H28", "*", ((("vietqr", 9),), (("counter", 1),))),) == house.context.routes
    monkeypatch.setenv("GATEWAY_ROUTES", '[{"groups": [{"vietqr": 1}]}, {"groups": [{"momo": 1}]}]')
    with pytest.raises(Misconfigured, match="GATEWAY_ROUTES: rule 2: nobody can pay at a provider momo"):
        read(Settings().routes, routing.payable(house.context.providers))


def test_what_is_not_offered_cannot_be_begun(world: World, case_code: str) -> None:
    house = routed(with_transfers(world), [{"groups": [{"dvcqg": 1}]}])
    payment_id = world.payment(case_code)
    with pytest.raises(Forbidden, match="not offered"):
        begin(house, payment_id, "vnpay")
    with pytest.raises(NotFound):
        begin(house, payment_id, "momo")
    with pytest.raises(Unsupported):
        begin(house, payment_id, "sepay")
    with pytest.raises(NotFound):
        begin(house, "pay_none")
    nobody = replace(house, context=replace(house.context, providers={}))
    with pytest.raises(NotFound, match="no payment provider is offered"):
        begin(nobody, payment_id)
    assert [] == tries(world, payment_id)


def test_what_is_kept_of_a_provider_comes_back_as_it_was(world: World) -> None:
    made = Health(since=NOW, failures=3, failure=Failure.GARBAGE)
    with world.transaction() as connection:
        unseen = store.see(connection, "vnpay")
        assert store.change(connection, "vnpay", unseen, made)
        assert not store.change(connection, "vnpay", unseen, made), "somebody was first"
        seen = store.see(connection, "vnpay")
        assert (made, {"vnpay": made}) == (seen.health, store.of_all(connection))
        assert store.change(connection, "vnpay", seen, Health())
        assert not store.change(connection, "vnpay", seen, made), "somebody was first"
