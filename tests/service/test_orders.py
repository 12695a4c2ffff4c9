"""An order to the post is written down before it is sent, and is never sent twice where that makes two parcels."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import pytest
from service_post import FORGETS, Post, delivery_wanted
from service_world import NOW, World, at_once, minutes

from gateway.domain.delivery import DeliveryState
from gateway.domain.errors import Forbidden, NotFound, OutcomeUnknown, ReferenceConflict, Refused, Unreachable
from gateway.ports import OrderVerdict
from gateway.service import behind, cases, deliveries, parcel_feed
from gateway.service.context import Context

pytestmark = pytest.mark.service


class Killed(BaseException):
    """The process dies in the midst of a call."""


class Office:
    """A post of its own for one test, and one delivery to a case whose result is ready."""

    def __init__(self, world: World, post: Post) -> None:
        self.world, self.post = world, post
        post.name = world.fresh("post")
        self.context: Context = replace(world.context, operators={post.name: post})
        self.case_code = world.case("result_ready")
        wanted = delivery_wanted(world, self.case_code)
        self.id = deliveries.order(self.context, world.caller, wanted, NOW)[0].id

    def send(self, round_: int = 0) -> str:
        """One try to order; returns the state after it."""
        deliveries.send_order(self.context, self.id, round_, NOW)
        return self.state

    @property
    def state(self) -> str:
        return deliveries.find(self.context, self.world.caller, self.id).state

    @property
    def told(self) -> list[str]:
        return self.world.types(self.id)

    def later(self) -> list[object]:
        """When the order is looked at again, and as which round; the first job is of its registration."""
        return [(args["round"], at) for args, at in self.world.jobs("order_parcel", self.id)[1:]]


@pytest.fixture
def office(world: World) -> Office:
    return Office(world, Post())


def raises(error: BaseException) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise error

    return fail


LOST = OutcomeUnknown("the connection broke after it was sent")


def test_the_order_is_unknown_before_the_call_and_ordered_after_it(office: Office) -> None:
    seen: list[str] = []
    office.post.before = lambda: seen.append(office.state)
    assert "draft" == office.state
    assert "ordered" == office.send()
    assert ["unknown"] == seen
    assert ["delivery.ordering", "delivery.ordered"] == office.told
    (parcel,) = office.post.parcels
    assert (office.case_code, "Nguyễn Thị Bí Mật") == (parcel.order_number, parcel.receiver.name)
    assert "ordered" == office.send(), "an order that was taken is not sent again"
    assert 1 == len(office.post.parcels)


def test_x23_an_order_that_was_taken_though_we_saw_no_answer_makes_one_parcel(office: Office) -> None:
    office.post.after = raises(LOST)
    assert "unknown" == office.send()
    delays = office.context.schedules.order_s
    assert [(1, NOW + timedelta(seconds=delays[0]))] == office.later()
    assert "ordered" == office.send(1)
    assert 1 == len(office.post.parcels)
    assert ["delivery.ordering", "delivery.ordered"] == office.told


@pytest.mark.parametrize("where", ["before", "after"])
def test_x23_a_crash_around_the_call_makes_one_parcel(office: Office, where: str) -> None:
    setattr(office.post, where, raises(Killed()))
    with pytest.raises(Killed):
        office.send()
    assert "unknown" == office.state
    setattr(office.post, where, lambda: None)
    assert "ordered" == office.send()
    assert 1 == len(office.post.parcels)


def test_x23_where_a_repetition_makes_a_second_parcel_a_person_is_asked_instead(world: World) -> None:
    office = Office(world, Post(capabilities=FORGETS))
    office.post.after = raises(LOST)
    assert "unknown" == office.send()
    assert "unknown" == office.send(1)
    assert 1 == len(office.post.parcels)
    assert ["order_unclear"] == world.alarms(office.id)


def test_an_order_that_did_not_leave_us_is_not_sent_and_goes_out_later(world: World) -> None:
    office = Office(world, Post(capabilities=FORGETS))
    for error in (Unreachable("nobody listens"), Refused("our token is not taken", "401")):
        office.post.before = raises(error)
        assert "draft" == office.send()
    office.post.before = lambda: None
    assert "ordered" == office.send(2)
    assert ["delivery.ordering", "delivery.not_sent"] * 2 + [
        "delivery.ordering",
        "delivery.ordered",
    ] == office.told
    assert 1 == len(office.post.parcels)


def test_an_unclear_order_stays_unclear_though_the_next_try_did_not_leave_us(office: Office) -> None:
    office.post.after = raises(LOST)
    office.send()
    office.post.before = raises(Unreachable("nobody listens"))
    assert "unknown" == office.send(1), "the first one may have been taken"
    assert "delivery.not_sent" not in office.told
    assert [1, 2] == [round_ for round_, _ in office.later()]


def test_after_the_last_try_of_the_schedule_a_person_is_told(office: Office) -> None:
    office.post.before = raises(LOST)
    assert "unknown" == office.send(len(office.context.schedules.order_s))
    assert ["order_unclear"] == office.world.alarms(office.id)
    assert [] == office.later()


def test_an_order_that_the_post_refuses_is_refused_and_a_person_is_told(office: Office) -> None:
    office.post.verdict = OrderVerdict.REFUSED
    assert "refused" == office.send()
    assert ["delivery.ordering", "delivery.failed"] == office.told
    assert ["parcel_refused"] == office.world.alarms(office.id)


def test_an_answer_that_comes_after_the_feed_told_more_takes_nothing_back(office: Office) -> None:
    def deliver_meanwhile() -> None:
        for minute, meaning in enumerate((DeliveryState.ACCEPTED, DeliveryState.DELIVERED)):
            office.post.tell(office.case_code, meaning, minutes(minute))
        parcel_feed.read_feed(office.context, office.post, NOW)

    office.post.after = deliver_meanwhile
    assert "delivered" == office.send()
    side = "SELECT state || ' ' || delivery_state FROM cases WHERE case_code = :code"
    assert "result_delivered handed_over" == office.world.one(side, code=office.case_code)


# --- registering --------------------------------------------------------------------------------


def test_a_delivery_waits_for_the_result_and_is_sent_when_it_is_ready(world: World) -> None:
    post = Post(name=world.fresh("post"))
    context = replace(world.context, operators={post.name: post})
    case_code = world.case("processing")
    made, _ = deliveries.order(context, world.caller, delivery_wanted(world, case_code), NOW)
    assert [] == world.jobs("order_parcel", made.id)
    world.decide(case_code, "finish")
    while behind.consume(context, "cases", NOW):
        pass
    assert [({"delivery_id": made.id, "round": 0}, None)] == world.jobs("order_parcel", made.id)


def test_a_delivery_registered_by_eight_threads_under_one_reference_is_one(office: Office) -> None:
    world, context = office.world, office.context
    wanted = delivery_wanted(world, office.case_code)
    made = at_once(8, lambda _: deliveries.order(context, world.caller, wanted, NOW))
    assert 1 == len({delivery.id for delivery, _ in made})
    assert [True] == [new for _, new in made if new]
    assert 1 == len(world.jobs("order_parcel", made[0][0].id))
    with pytest.raises(ReferenceConflict):
        deliveries.order(context, world.caller, {**wanted, "cod_vnd": 5_000}, NOW)


def test_the_second_order_of_a_case_has_an_order_number_of_its_own(office: Office) -> None:
    wanted = delivery_wanted(office.world, office.case_code)
    made, _ = deliveries.order(office.context, office.world.caller, wanted, NOW)
    assert f"{office.case_code}-2" == made.order_number


def test_nothing_is_delivered_for_a_draft_and_anothers_case_is_not_found(
    world: World, office: Office
) -> None:

    draft, _ = cases.register(world.context, world.caller, world.case_wanted(), NOW)
    with pytest.raises(Forbidden):
        deliveries.order(office.context, world.caller, delivery_wanted(world, draft.case_code), NOW)
    with pytest.raises(NotFound):
        deliveries.order(office.context, world.stranger, delivery_wanted(world, office.case_code), NOW)
    with pytest.raises(NotFound):
        deliveries.find(office.context, world.stranger, office.id)
