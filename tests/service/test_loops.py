"""The loops of a worker: a feed that stands still is told, what no longer counts is cleaned away."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from service_post import Post, delivery_wanted
from service_world import NOW, World, minutes

from gateway import jobs
from gateway.domain.delivery import DeliveryState
from gateway.domain.errors import Unreachable
from gateway.service import deliveries, tracking
from gateway.service.context import Context

pytestmark = pytest.mark.service

PACE = jobs.Pace(post_poll_s=1, heartbeat_s=1, stalled_after_s=1)


def turn_of(context: Context, name: str) -> Callable[[], bool]:
    """One turn of the loop of that name, as a worker would make it."""
    found = {loop.name: loop for loop in jobs.loops(context, PACE, threading.Event())}
    return found[name]._turn


@pytest.fixture
def post(world: World) -> Post:
    return Post(name=world.fresh("post"))


def with_post(world: World, post: Post) -> Context:
    return replace(world.context, operators={post.name: post})


def test_x20_a_feed_that_stands_still_for_long_is_told_to_a_person(world: World, post: Post) -> None:
    turn, subject = turn_of(with_post(world, post), f"feed:{post.name}"), f"post:{post.name}"
    post.away = True
    for _ in range(jobs.FEED_ERRORS_IN_A_ROW):
        with pytest.raises(Unreachable):
            turn()
    assert [] == world.alarms(subject)
    with pytest.raises(Unreachable):
        turn()
    assert ["feed_stands"] == world.alarms(subject)


def test_a_feed_that_comes_back_in_between_is_told_to_nobody(world: World, post: Post) -> None:
    turn, subject = turn_of(with_post(world, post), f"feed:{post.name}"), f"post:{post.name}"
    for _ in range(2):
        post.away = True
        for _ in range(jobs.FEED_ERRORS_IN_A_ROW):
            with pytest.raises(Unreachable):
                turn()
        post.away = False
        assert turn() is False
    assert [] == world.alarms(subject)


def test_a_worker_that_starts_with_more_codes_moves_the_parcels_that_waited_for_them(
    world: World, post: Post
) -> None:
    context = with_post(world, post)
    wanted = delivery_wanted(world, world.case("result_ready"))
    delivery, _ = deliveries.order(context, world.caller, wanted, NOW)
    deliveries.send_order(context, delivery.id, 0, NOW)
    post.tell(delivery.order_number, None, minutes(1))
    assert turn_of(context, f"feed:{post.name}")() is True
    assert "ordered" == deliveries.find(context, world.caller, delivery.id).state
    post.codes["999"] = DeliveryState.IN_TRANSIT
    turn_of(context, f"feed:{post.name}")()
    assert "in_transit" == deliveries.find(context, world.caller, delivery.id).state


def tries_kept(world: World, code: str) -> int:
    return int(world.one("SELECT count(*) FROM track_tries WHERE case_code = :code", code=code))


def test_failures_to_follow_a_case_are_kept_as_long_as_they_count(world: World) -> None:
    code = "H28-261124-7777"
    tracking.look_up(world.context, code, "0000", None, NOW)
    for later, expected in (
        (tracking.TRIES_WINDOW, 1),
        (tracking.TRIES_WINDOW + timedelta(seconds=1), 0),
    ):
        turn_of(replace(world.context, clock=lambda later=later: NOW + later), "cleaning")()
        assert expected == tries_kept(world, code)
