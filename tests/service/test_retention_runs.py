"""A run forgets whose time is over and nobody whom something keeps."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from service_papers import decide
from service_post import Post, delivery_wanted
from service_refunds import ask
from service_retention import PERSON, caught_up, ended, is_forgotten, issue, places
from service_wires import ipn
from service_world import NOW, PROCEDURE, World

from gateway.domain.catalogue import Catalogue
from gateway.domain.retention import Waits
from gateway.ports import InboundMessage
from gateway.service import (
    behind,
    cases,
    deliveries,
    holds,
    payments,
    refunds,
    retention,
    unclear,
)
from gateway.service.context import Context
from gateway.store import inbox, portal_sync
from gateway.store.retention import Hold

pytestmark = pytest.mark.service

AFTER = datetime(2031, 12, 1, tzinfo=UTC)
BY = "staff:phaply"


def why(world: World, code: str, at: datetime = AFTER) -> list[Waits]:
    """What keeps a case beyond its time; it is then not forgotten by a run either."""
    found = list(retention.kept(world.context, at, 500).get(code, []))
    retention.forget_due(world.context, at)
    assert bool(found) != is_forgotten(world, code)
    return found


# --- what keeps a case ----------------------------------------------------------------------------------


def test_a_case_waits_for_its_papers_and_for_the_proof_log(world: World) -> None:
    code = ended(world, sealed=False)
    decided = world.case()
    decide(world, decided, "refuse", reason="vì thế")
    for name in ("cases", "retention"):
        while behind.consume(world.context, name, NOW):
            pass
    assert [Waits.UNSEALED] == why(world, code)
    holds.set_hold(world.context, Hold(code, "tranh chấp", BY, NOW))
    caught_up(world)
    assert [Waits.UNISSUED] == why(world, decided)
    assert [Waits.HELD] == why(world, code)
    holds.clear_hold(world.context, code, by=BY, reason="xong", now=NOW)
    caught_up(world)
    assert [] == why(world, code)


def test_a_case_waits_while_money_may_come_is_owed_or_goes_back(world: World) -> None:
    code = world.case("processing")
    payment_id, _ = world.started(code)
    decide(world, code, "stop", reason="Quá hạn")
    issue(world, code)
    world.do("UPDATE attempts SET state = 'unknown' WHERE payment_id = :id", id=payment_id)
    world.do("UPDATE payments SET state = 'unknown' WHERE id = :id", id=payment_id)
    caught_up(world)
    assert [Waits.UNCLEAR] == why(world, code)
    (try_id,) = world.rows("SELECT id FROM attempts WHERE payment_id = :id", id=payment_id)[0]
    unclear.settle_not_paid(world.context, try_id, by=BY, proof=b"no money", now=NOW)
    caught_up(world)
    assert [Waits.UNCLEAR] == why(world, code), "it may still be paid"
    payments.cancel(world.context, world.caller, payment_id, NOW)
    caught_up(world)
    assert [] == why(world, code)

    owing = world.case("processing")
    payment_id, reference = world.started(owing)
    decide(world, owing, "withdraw", reason="đổi ý")
    world.hear("vnpay", ipn(reference, number=world.fresh("190")))
    issue(world, owing)
    caught_up(world)
    assert [Waits.OWED] == why(world, owing)
    refund = ask(world, payment_id)
    world.do("UPDATE obligations SET settled_at = now() WHERE payment_id = :id", id=payment_id)
    caught_up(world)
    assert [Waits.REFUNDING] == why(world, owing)
    refunds.decline(world.context, refund.id, "staff:chief", NOW)
    caught_up(world)
    assert [] == why(world, owing)


def test_a_case_waits_for_its_parcels_and_for_the_national_portal(world: World) -> None:
    code, post = world.case("result_ready"), Post(name=world.fresh("post"))
    town = replace(world, context=replace(world.context, operators={post.name: post}))
    made = deliveries.order(town.context, world.caller, delivery_wanted(world, code), NOW)[0]
    deliveries.send_order(town.context, made.id, 0, NOW)
    with world.transaction() as connection:
        cases.hand_over(connection, code, "desk", NOW)
        portal_sync.fall_behind(connection, {code: NOW})
    issue(world, code)
    caught_up(world)
    assert [Waits.DELIVERING, Waits.UNTOLD] == why(world, code)
    world.do("UPDATE deliveries SET state = 'returned' WHERE id = :id", id=made.id)
    world.do("UPDATE portal_sync SET state = 'in_step' WHERE case_code = :c", c=code)
    assert [] == why(world, code)


def test_a_delivery_that_waited_for_a_result_that_never_came_keeps_nobody(world: World) -> None:
    code, post = world.case("processing"), Post(name=world.fresh("post"))
    town = replace(world, context=replace(world.context, operators={post.name: post}))
    made = deliveries.order(town.context, world.caller, delivery_wanted(world, code), NOW)[0]
    decide(world, code, "stop", reason="Quá hạn")
    issue(world, code)
    caught_up(world)
    assert [] == why(world, code)
    deliveries.send_order(town.context, made.id, 0, AFTER)
    assert [] == post.parcels


def test_a_case_that_has_not_ended_is_kept_however_old(world: World) -> None:
    code = world.case("result_ready")
    issue(world, code)
    caught_up(world)
    assert code not in retention.kept(world.context, AFTER, 500)
    retention.forget_due(world.context, AFTER)
    assert not is_forgotten(world, code)


# --- the rule ------------------------------------------------------------------------------------------


def test_a_procedure_may_name_its_own_time(world: World) -> None:
    code = ended(world)
    versions = world.context.catalogue.by_code[PROCEDURE]

    def with_months(months: int) -> Context:
        own = tuple(replace(each, keep_months=months) for each in versions)
        return replace(
            world.context, catalogue=Catalogue({**world.context.catalogue.by_code, PROCEDURE: own})
        )

    retention.forget_due(with_months(61), AFTER)
    assert not is_forgotten(world, code), "longer than the installation's"
    retention.forget_due(with_months(3), datetime(2027, 2, 24, 2, 59, tzinfo=UTC))
    assert not is_forgotten(world, code)
    retention.forget_due(with_months(3), datetime(2027, 2, 24, 3, 1, tzinfo=UTC))
    assert is_forgotten(world, code)


def test_messages_are_emptied_by_their_own_age_whatever_they_are_about(world: World) -> None:
    retention.forget_due(world.context, NOW)
    body = b'{"name": "nobody knows whose"}'
    ids = []
    for at in (NOW, NOW + timedelta(days=1)):
        message = InboundMessage("POST", "/v1/cases", b"a=b", {"user-agent": "portal"}, body)
        with world.transaction() as connection:
            ids.append(inbox.record(connection, "portal", message, "bad_signature", at))
    world.do(
        "INSERT INTO calls (method, host, path, request_sha256, created_at, answer) VALUES "
        "('POST', 'h', '/', 'x', :at, :body)",
        at=NOW,
        body=body,
    )
    two_years = datetime(2028, 11, 24, 4, tzinfo=UTC)
    query = "SELECT query, headers, body, verdict FROM inbox WHERE id = ANY (:ids) ORDER BY id"
    done = retention.forget_due(world.context, two_years)
    assert done.messages >= 2
    first, second = world.rows(query, ids=ids)
    assert (b"", {}, b"", "bad_signature") == tuple(first)
    assert (b"a=b", body) == (second[0], second[2])
    assert 0 == world.one("SELECT count(*) FROM calls WHERE answer IS NOT NULL")
    assert 0 == retention.forget_due(world.context, two_years).messages


def test_what_comes_to_a_forgotten_case_later_has_its_time_too(world: World) -> None:
    code = world.case("result_ready")
    with world.transaction() as connection:
        cases.hand_over(connection, code, "desk", NOW)
    issue(world, code)
    caught_up(world)
    retention.forget_due(world.context, AFTER)
    assert is_forgotten(world, code)
    wanted = world.payment_wanted(code, payer={"name": PERSON["name"]})
    late = payments.create(world.context, world.caller, wanted, AFTER)[0]
    payments.cancel(world.context, world.caller, late.id, AFTER)
    world.do("DELETE FROM cursors WHERE name = 'consumer:retention'")
    world.do("UPDATE retention SET forgotten_at = now() - interval '1 hour' WHERE case_code = :c", c=code)
    caught_up(world, AFTER)
    assert "payments.payer_sealed" in places(world, [PERSON["name"]])
    again = datetime.now(UTC) + timedelta(days=61 * 31)
    retention.forget_due(world.context, again)
    assert "payments.payer_sealed" not in places(world, [PERSON["name"]])
