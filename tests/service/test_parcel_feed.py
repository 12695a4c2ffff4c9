"""The post's feed, whatever its order and however often, tells one state; only a hand-over hands over."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from service_post import Post, delivery_wanted
from service_world import NOW, World, at_once, minutes
from sqlalchemy.exc import IntegrityError

from gateway.domain.delivery import DeliveryEvent, DeliveryState
from gateway.domain.errors import OutcomeUnknown
from gateway.ports import ParcelEvent
from gateway.service import deliveries, parcel_feed
from gateway.service.context import Context
from gateway.store import deliveries as store

pytestmark = pytest.mark.service

S = DeliveryState


class Route:
    """A post of its own for one test, and deliveries that it has taken."""

    def __init__(self, world: World) -> None:
        self.world, self.post = world, Post(name=world.fresh("post"))
        self.context: Context = replace(world.context, operators={self.post.name: self.post})
        self.case_code = world.case("result_ready")

    def order(self, *, send: bool = True) -> store.Delivery:
        wanted = delivery_wanted(self.world, self.case_code)
        made, _ = deliveries.order(self.context, self.world.caller, wanted, NOW)
        if send:
            deliveries.send_order(self.context, made.id, 0, NOW)
        return made

    def read(self) -> int:
        """Read the feed to its end; returns how many events were new."""
        total = 0
        while len(self.post.feed) > int(self.cursor or "0"):
            total += parcel_feed.read_feed(self.context, self.post, NOW)
        return total

    @property
    def cursor(self) -> str | None:
        found = self.world.rows("SELECT position FROM cursors WHERE name = :n", n=f"post:{self.post.name}")
        return found[0][0] if found else None

    def found(self, delivery: store.Delivery) -> store.Delivery:
        return deliveries.find(self.context, self.world.caller, delivery.id)

    def case_states(self) -> str:
        query = "SELECT state || ' ' || delivery_state FROM cases WHERE case_code = :code"
        return str(self.world.one(query, code=self.case_code))


@pytest.fixture
def route(world: World) -> Route:
    return Route(world)


JOURNEYS = (
    ((S.ACCEPTED, S.COLLECTED, S.IN_TRANSIT, S.ATTEMPT_FAILED), S.ATTEMPT_FAILED),
    ((S.ACCEPTED, S.OUT_FOR_DELIVERY, S.ATTEMPT_FAILED, S.AT_DELIVERY_OFFICE), S.AT_DELIVERY_OFFICE),
    ((S.ACCEPTED, S.COLLECTED, S.IN_TRANSIT, S.DELIVERED), S.DELIVERED),
    ((S.ACCEPTED, S.DELIVERED, S.IN_TRANSIT, S.OUT_FOR_DELIVERY), S.DELIVERED),  # the post's clocks differ
    ((S.COLLECTED, S.IN_TRANSIT, S.ATTEMPT_FAILED, S.RETURNED), S.RETURNED),
)
"""What the post saw, a minute apart, and what that makes in the end."""


@pytest.mark.parametrize("page", [1, 500])
@pytest.mark.parametrize(("journey", "end"), JOURNEYS)
def test_events_in_any_order_and_repeated_give_the_same_state(
    route: Route,
    monkeypatch: pytest.MonkeyPatch,
    page: int,
    journey: Sequence[DeliveryState],
    end: DeliveryState,
) -> None:
    monkeypatch.setattr(parcel_feed, "FEED_PAGE", page)
    made = []
    for order in permutations(range(4)):
        made.append(delivery := route.order())
        for at in (*order, *order[:2]):  # the first two come again
            number = delivery.order_number
            route.post.tell(number, journey[at], minutes(at), source_id=f"{number}-{at}")
    random.Random(28).shuffle(route.post.feed)
    assert 4 * len(made) == route.read()
    assert {end.value} == {route.found(each).state for each in made}
    assert all(route.world.types(each.id)[:2] == ["delivery.ordering", "delivery.ordered"] for each in made)


def test_a_repeated_event_is_nothing_new(route: Route) -> None:
    delivery = route.order()
    for _ in range(3):
        route.post.tell(delivery.order_number, S.IN_TRANSIT, minutes(1), source_id="one")
    assert 1 == route.read()
    assert 1 == route.world.types(delivery.id).count("delivery.moved")


def test_x28_a_code_that_nobody_knows_moves_nothing_and_is_kept_with_an_alarm(route: Route) -> None:
    delivery = route.order()
    before = route.found(delivery)
    route.post.tell(delivery.order_number, None, minutes(1))
    assert 1 == route.read()
    assert before == route.found(delivery)
    assert ["unknown_postal_code"] == route.world.alarms(f"{route.post.name}:999")
    kept = "SELECT code, meaning FROM parcel_events WHERE operator = :post"
    assert [("999", None)] == route.world.rows(kept, post=route.post.name)


def test_x20_an_event_that_cannot_be_read_stops_nobody_else(route: Route) -> None:
    delivery = route.order()
    route.post.tell(delivery.order_number, S.ACCEPTED, minutes(1))
    route.post.feed.append(
        replace(route.post.feed[0], source_id="bad", order_number="", code="?4a", meaning=None)
    )
    route.post.tell(delivery.order_number, S.IN_TRANSIT, minutes(2))
    assert 3 == route.read()
    assert "in_transit" == route.found(delivery).state
    assert ["unreadable_parcel_event"] == route.world.alarms(f"{route.post.name}:?4a")
    assert [] == route.world.alarms(f"{route.post.name}:")
    kept = (
        "SELECT order_number, code, meaning FROM parcel_events WHERE source_id = 'bad' AND operator = :post"
    )
    assert [("", "?4a", None)] == route.world.rows(kept, post=route.post.name)


def test_x28_events_are_read_again_once_their_code_is_known(route: Route) -> None:
    first, second = route.order(), route.order()
    for minute, each in enumerate((first, second)):
        route.post.tell(each.order_number, None, minutes(minute))
    route.post.feed.append(replace(route.post.feed[0], source_id="bad", code="?999"))
    route.read()
    assert 0 == parcel_feed.read_again(route.context, route.post, NOW)
    route.post.codes["999"] = S.DELIVERED
    assert 2 == parcel_feed.read_again(route.context, route.post, NOW)
    for minute, each in enumerate((first, second)):
        found = route.found(each)
        assert ("delivered", minutes(minute)) == (found.state, found.handed_over_at)
        assert 1 == route.world.types(each.id).count("delivery.handed_over")
    closed = "SELECT closed_at FROM alarms WHERE name = 'unknown_postal_code' AND subject = :subject"
    assert route.world.one(closed, subject=f"{route.post.name}:999") == NOW
    assert 0 == parcel_feed.read_again(route.context, route.post, NOW)


def test_what_is_read_again_takes_its_place_among_what_came_after_it(route: Route) -> None:
    delivery = route.order()
    route.post.tell(delivery.order_number, None, minutes(1))
    route.post.tell(delivery.order_number, S.OUT_FOR_DELIVERY, minutes(2))
    route.read()
    route.post.codes["999"] = S.IN_TRANSIT
    assert 1 == parcel_feed.read_again(route.context, route.post, NOW)
    assert "out_for_delivery" == route.found(delivery).state


def test_a_parcel_that_we_never_gave_moves_nothing_and_raises_an_alarm(route: Route) -> None:
    draft = route.order(send=False)
    for number in (draft.order_number, "H28-261124-9999"):
        route.post.tell(number, S.DELIVERED, minutes(1))
    assert 2 == route.read()
    assert ("draft", "result_ready none") == (route.found(draft).state, route.case_states())
    for number in (draft.order_number, "H28-261124-9999"):
        assert ["unknown_parcel"] == route.world.alarms(f"{route.post.name}:{number}")


def test_only_the_event_of_the_hand_over_hands_over_and_the_case_follows_at_the_posts_own_time(
    route: Route,
) -> None:
    delivery = route.order()
    for minute, meaning in enumerate((S.ACCEPTED, S.IN_TRANSIT, S.AT_DELIVERY_OFFICE, S.OUT_FOR_DELIVERY)):
        route.post.tell(delivery.order_number, meaning, minutes(minute))
        route.read()
        assert ("result_ready moving", None) == (route.case_states(), route.found(delivery).handed_over_at)
    route.post.tell(delivery.order_number, S.DELIVERED, minutes(9))
    route.read()
    handed_over = route.found(delivery)
    assert ("delivered", minutes(9)) == (handed_over.state, handed_over.handed_over_at)
    assert "result_delivered handed_over" == route.case_states()
    when = "SELECT handed_over_at FROM cases WHERE case_code = :code"
    assert minutes(9) == route.world.one(when, code=route.case_code)
    assert ["case.result_ready", "case.result_delivered"] == route.world.types(route.case_code)[-2:]


def test_after_the_hand_over_nothing_moves_it_but_a_contradiction_is_told_to_a_person(route: Route) -> None:
    delivery = route.order()
    route.post.tell(delivery.order_number, S.DELIVERED, minutes(1))
    route.read()
    before = route.found(delivery)
    for minute, meaning in enumerate((S.IN_TRANSIT, S.ATTEMPT_FAILED, S.DELIVERED), 2):
        route.post.tell(delivery.order_number, meaning, minutes(minute))
    route.read()
    assert (before, []) == (route.found(delivery), route.world.alarms(delivery.id))
    route.post.tell(delivery.order_number, S.RETURNED, minutes(9))
    route.read()
    assert before == route.found(delivery)
    assert ["parcel_contradiction"] == route.world.alarms(delivery.id)


def test_the_correction_that_the_table_allows_is_the_only_way_out_of_a_hand_over(route: Route) -> None:
    delivery = route.order()
    route.post.tell(delivery.order_number, S.DELIVERED, minutes(1))
    route.read()
    with route.world.transaction() as connection:
        moved = [
            event
            for event in DeliveryEvent
            if event is not DeliveryEvent.CORRECT_TO_RETURNED
            and deliveries.move(connection, route.found(delivery), event, minutes(2), cause="test")
        ]
        assert [] == moved
        correct = DeliveryEvent.CORRECT_TO_RETURNED
        assert deliveries.move(connection, route.found(delivery), correct, minutes(3), cause="test")
    assert "returned" == route.found(delivery).state


def test_an_order_that_was_unclear_is_told_as_ordered_when_the_feed_knows_it(route: Route) -> None:
    delivery = route.order(send=False)

    def lose() -> None:
        raise OutcomeUnknown("the connection broke after it was sent")

    route.post.after = lose
    deliveries.send_order(route.context, delivery.id, 0, NOW)
    assert "unknown" == route.found(delivery).state
    route.post.tell(delivery.order_number, S.ACCEPTED, minutes(1))
    route.read()
    assert [
        ("delivery.ordering", "draft", "unknown", 2),
        ("delivery.ordered", "unknown", "ordered", 3),
        ("delivery.moved", "ordered", "accepted", 4),
    ] == route.world.spine(delivery.id)
    assert "RB123456785VN" == route.found(delivery).item_code


def test_the_cursor_of_the_feed_moves_only_with_its_events(route: Route) -> None:
    first, second = (route.order() for _ in range(2))
    for each in (first, second):
        route.post.tell(each.order_number, S.ACCEPTED, minutes(1))
    fault = f"order_number <> '{second.order_number}'"
    route.world.do(f"ALTER TABLE parcel_events ADD CONSTRAINT fault CHECK ({fault}) NOT VALID")
    with pytest.raises(IntegrityError):
        route.read()
    route.world.do("ALTER TABLE parcel_events DROP CONSTRAINT fault")
    assert (None, "ordered", "ordered") == (
        route.cursor,
        route.found(first).state,
        route.found(second).state,
    )
    assert 2 == route.read()
    assert ("2", "accepted", "accepted") == (
        route.cursor,
        route.found(first).state,
        route.found(second).state,
    )
    assert 0 == parcel_feed.read_feed(route.context, route.post, NOW)


def test_readers_at_once_take_each_event_once(route: Route) -> None:
    delivery = route.order()
    events: list[ParcelEvent] = [
        route.post.tell(delivery.order_number, S.IN_TRANSIT, NOW + timedelta(seconds=second))
        for second in range(20)
    ]
    totals = at_once(6, lambda _: parcel_feed.read_feed(route.context, route.post, NOW))
    assert len(events) == sum(totals)
    assert 1 == route.world.types(delivery.id).count("delivery.moved")
