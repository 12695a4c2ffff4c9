"""One fee, one legal receipt that holds: after a part was given back, after a clerk's word, and whatever goes wrong."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service_legal import (
    SERIES,
    Provider,
    fails,
    follow,
    legal,
    live,
    receipted,
    refund,
    work,
    work_all,
)
from service_world import AGENCY, FEE_VND, NOW, World
from sqlalchemy.exc import IntegrityError

from gateway.domain.errors import Forbidden, OutcomeUnknown, Refused, Unreachable
from gateway.ports import ReceiptCapability
from gateway.service import legal_receipts, receipt_changes

pytestmark = pytest.mark.service

BACK_VND = 50_000
ABLE = frozenset({ReceiptCapability.CANCEL, ReceiptCapability.REPLACE})


def town_of(world: World, provider: Provider) -> World:
    agencies = {"H28": replace(AGENCY, legal=SERIES)}
    context = replace(world.context, agencies=agencies, receipt_providers={"vnpt": provider})
    return replace(world, context=context)


@pytest.fixture
def able() -> Provider:
    """A provider that issues a receipt in the place of another one."""
    return Provider(capabilities=ABLE)


@pytest.fixture
def unable() -> Provider:
    return Provider()


def replaced(town: World, receipt_id: str) -> str:
    """The receipt that a clerk put in the place of this one, with the same sums."""
    number = str(town.one("SELECT receipt_number FROM receipts WHERE id = :id", id=receipt_id))
    receipt_changes.replace(town.context, number, by="staff:thuquy", reason="sai tên", now=NOW)
    follow(town)
    return live(town, receipt_id)


FAULTS = [None, "before", "after", "away"]


def break_(provider: Provider, fault: str | None) -> None:
    if fault == "away":
        provider.before.append(fails(Unreachable("away")))
    elif fault is not None:
        getattr(provider, fault).append(fails(OutcomeUnknown("no answer")))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_part_that_was_given_back_puts_another_legal_receipt_in_its_place(
    world: World, able: Provider, fault: str | None
) -> None:
    town = town_of(world, able)
    first = receipted(town)
    work(town, first)
    break_(able, fault)
    refund(town, first, BACK_VND)
    second = live(town, first)
    assert {first: "replaced", second: "issued"} == work_all(town, first)
    kept = legal(town, second)
    assert [kept.key] == able.holding()
    assert FEE_VND - BACK_VND == able.orders[kept.key].amount_vnd == kept.amount_vnd
    assert [] == town.alarms(kept.id)


def test_a_part_and_then_another_and_then_all_leaves_nothing(world: World, able: Provider) -> None:
    town = town_of(world, able)
    first = receipted(town)
    work(town, first)
    refund(town, first, BACK_VND)
    second = live(town, first)
    work_all(town, first)
    refund(town, first, BACK_VND, FEE_VND - BACK_VND)
    third = live(town, first)
    assert {first: "replaced", second: "replaced", third: "issued"} == work_all(town, first)
    assert FEE_VND - 2 * BACK_VND == legal(town, third).amount_vnd
    refund(town, first, FEE_VND - 2 * BACK_VND, FEE_VND - 2 * BACK_VND)
    assert "cancelled" == work_all(town, first)[third]
    assert [] == able.holding()


def test_two_parts_before_anything_was_done_make_one_replacement(world: World, able: Provider) -> None:
    town = town_of(world, able)
    first = receipted(town)
    work(town, first)
    refund(town, first, BACK_VND)
    second = live(town, first)
    refund(town, first, BACK_VND, FEE_VND - BACK_VND)
    third = live(town, first)
    assert {first: "replaced", second: "not_needed", third: "issued"} == work_all(town, first)
    assert [legal(town, third).key] == able.holding()


def test_all_given_back_before_the_replacement_was_asked_for_cancels_the_first(
    world: World, able: Provider
) -> None:
    town = town_of(world, able)
    first = receipted(town)
    work(town, first)
    refund(town, first, BACK_VND)
    second = live(town, first)
    refund(town, first, FEE_VND - BACK_VND, FEE_VND - BACK_VND)
    assert {first: "cancelled", second: "not_needed"} == work_all(town, first)
    assert [] == able.holding()


def test_a_replacement_that_is_refused_leaves_the_old_one_and_a_person_mends_it(
    world: World, able: Provider
) -> None:
    town = town_of(world, able)
    first = receipted(town)
    work(town, first)
    able.before.append(fails(Refused("no numbers left", code="6")))
    refund(town, first, BACK_VND)
    second = live(town, first)
    assert {first: "issued", second: "refused"} == work_all(town, first)
    known = legal(town, second)
    assert ("6", ["legal_receipt_refused"]) == (known.code, town.alarms(known.id))
    assert [legal(town, first).key] == able.holding()
    legal_receipts.retry(town.context, known.id, NOW)
    assert {first: "replaced", second: "issued"} == work_all(town, first)
    assert "0" == str(
        town.one("SELECT count(*) FROM alarms WHERE subject = :s AND closed_at IS NULL", s=known.id)
    )


def test_where_the_provider_has_no_such_act_a_part_is_a_persons_work_and_the_old_one_stands(
    world: World, unable: Provider
) -> None:
    town = town_of(world, unable)
    first = receipted(town)
    work(town, first)
    refund(town, first, BACK_VND)
    second = live(town, first)
    assert {first: "issued", second: "refused"} == work_all(town, first)
    known = legal(town, second)
    assert ("by_hand", ["legal_receipt_by_hand"]) == (known.code, town.alarms(known.id))
    assert [legal(town, first).key] == unable.holding()
    refund(town, first, BACK_VND, FEE_VND - BACK_VND)
    third = live(town, first)
    states = work_all(town, first)
    assert ("issued", "not_needed", "refused") == tuple(states[each] for each in (first, second, third))
    refund(town, first, FEE_VND - 2 * BACK_VND, FEE_VND - 2 * BACK_VND)
    states = work_all(town, first)
    assert ("cancelled", "not_needed", "not_needed") == tuple(states[each] for each in (first, second, third))
    assert [] == unable.holding()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_clerks_replacement_waits_until_the_old_one_is_cancelled(
    world: World, unable: Provider, fault: str | None
) -> None:
    town = town_of(world, unable)
    first = receipted(town)
    work(town, first)
    break_(unable, fault)
    second = replaced(town, first)
    assert {first: "cancelled", second: "issued"} == work_all(town, first)
    assert [legal(town, second).key] == unable.holding()


def test_a_clerks_replacement_where_the_old_one_cannot_be_cancelled_is_a_persons_work(
    world: World, unable: Provider
) -> None:
    town = town_of(world, unable)
    first = receipted(town)
    work(town, first)
    unable.before.append(fails(Refused("already reported", code="9")))
    second = replaced(town, first)
    assert {first: "issued", second: "refused"} == work_all(town, first)
    assert [legal(town, first).key] == unable.holding()
    assert ["legal_receipt_by_hand"] == town.alarms(legal(town, first).id)


def test_what_may_be_there_under_the_old_key_keeps_the_new_one_waiting(world: World, able: Provider) -> None:
    town = town_of(world, able)
    first = receipted(town)
    able.after.append(fails(OutcomeUnknown("no answer")))
    legal_receipts.work(town.context, legal(town, first).id, 0, NOW)
    able.before += [fails(OutcomeUnknown("still no answer"))]
    refund(town, first, BACK_VND)
    second = live(town, first)
    legal_receipts.work(town.context, legal(town, second).id, 0, NOW)
    assert ("sent", "intended") == (legal(town, first).state, legal(town, second).state)
    assert {first: "replaced", second: "issued"} == work_all(town, first)
    assert [legal(town, second).key] == able.holding()


def test_nothing_is_tried_again_that_is_not_open(world: World, able: Provider) -> None:
    town = town_of(world, able)
    first = receipted(town)
    known = work(town, first)
    with pytest.raises(Forbidden):
        legal_receipts.retry(town.context, known.id, NOW)


def test_questions_that_are_used_up_can_be_asked_again(world: World, able: Provider) -> None:
    town = town_of(world, able)
    first = receipted(town)
    known = legal(town, first)
    town.do("DELETE FROM procrastinate_jobs WHERE lock = :l", l=f"{legal_receipts.TASK}:{known.id}")
    able.before.append(fails(Unreachable("away")))
    legal_receipts.work(town.context, known.id, len(town.context.schedules.query_s) - 1, NOW)
    assert (["legal_receipt_unclear"], []) == (
        town.alarms(known.id),
        town.jobs(legal_receipts.TASK, known.id),
    )
    legal_receipts.retry(town.context, known.id, NOW)
    assert "issued" == work(town, first).state
    query = "SELECT count(*) FROM alarms WHERE subject = :s AND closed_at IS NULL"
    assert 0 == town.one(query, s=known.id)


# --- whatever happens ----------------------------------------------------------------------------

STEPS = st.lists(
    st.sampled_from(["part", "all", "clerk", "cancel", "work", "before", "after", "away", "refuses"]),
    min_size=2,
    max_size=9,
)


@pytest.mark.parametrize("can", [True, False])
def test_never_do_two_legal_receipts_hold_for_one_fee(world: World, can: bool) -> None:  # noqa: FBT001 - a parameter
    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(STEPS)
    def hold(steps: list[str]) -> None:
        provider = Provider(capabilities=ABLE if can else frozenset({ReceiptCapability.CANCEL}))
        watched = Watched(provider)
        town = town_of(world, provider)
        first, left_vnd = receipted(town), FEE_VND
        for step in steps:
            left_vnd = take(town, provider, first, step, left_vnd)
        provider.before.clear()
        provider.after.clear()
        work_all(town, first, rounds=30)
        assert 1 >= max(watched.most, len(provider.holding()))
        if left_vnd == 0:
            states = work_all(town, first)
            stuck = {"refused"} & set(states.values())
            assert [] == provider.holding() or stuck or watched.by_hand(town, states)

    hold()


class Watched:
    """How many receipts of a provider held at once, at the most."""

    def __init__(self, provider: Provider) -> None:
        self.most = 0
        made: Callable[..., None] = provider._fail

        def look(faults: list[Callable[[], None]]) -> None:
            self.most = max(self.most, len(provider.holding()))
            made(faults)

        provider._fail = look  # type: ignore[method-assign]

    @staticmethod
    def by_hand(town: World, states: dict[str, str]) -> bool:
        """Whether a person was called: the provider refused to cancel."""
        return any("legal_receipt_by_hand" in town.alarms(legal(town, each).id) for each in states)


def take(town: World, provider: Provider, first: str, step: str, left_vnd: int) -> int:
    """One thing that happens; what is left of the money."""
    match step:
        case "part" if left_vnd > BACK_VND:
            refund(town, first, BACK_VND, left_vnd)
            return left_vnd - BACK_VND
        case "all" if left_vnd > 0:
            refund(town, first, left_vnd, left_vnd)
            return 0
        case "clerk" if left_vnd > 0 and is_live(town, first):
            replaced(town, live(town, first))
        case "cancel" if is_live(town, first):
            number = str(town.one("SELECT receipt_number FROM receipts WHERE id = :id", id=live(town, first)))
            receipt_changes.cancel(town.context, number, by="staff:thuquy", reason="sai", now=NOW)
            follow(town)
        case "work":
            work_all(town, first, rounds=2)
        case "refuses":
            provider.before.append(fails(Refused("not now", code="9")))
        case "before" | "after" | "away":
            break_(provider, step)
        case _:
            pass
    return left_vnd


def is_live(town: World, first: str) -> bool:
    query = (
        "SELECT count(*) FROM receipts l JOIN receipts r ON r.payment_id = l.payment_id "
        "WHERE r.id = :id AND l.state = 'issued'"
    )
    return bool(town.one(query, id=first))


def test_the_database_lets_no_two_hold(world: World, able: Provider) -> None:
    town = town_of(world, able)
    first = receipted(town)
    work(town, first)
    second = replaced(town, first)
    with pytest.raises(IntegrityError, match="uq_legal_receipts_live_payment"):
        town.do("UPDATE legal_receipts SET state = 'issued' WHERE receipt_id = :id", id=second)
    assert ("issued", "intended") == (legal(town, first).state, legal(town, second).state)
