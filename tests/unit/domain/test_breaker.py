"""A provider is down after so many failures in a row, is tried one call at a time, and is up at the first answer."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.domain.breaker import (
    LIMITS,
    Failure,
    Health,
    State,
    answered,
    failed,
    keeps_its_place,
    let_one_through,
)

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
FAILURES = st.sampled_from(list(Failure))


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def fallen(failure: Failure = Failure.UNREACHABLE) -> Health:
    """Down since `NOW`."""
    health = Health()
    for _ in range(LIMITS.failures):
        health = failed(health, failure, NOW)
    return health


def test_it_is_down_at_the_fifth_failure_in_a_row_and_says_since_when() -> None:
    health = Health()
    for number in range(1, 5):
        health = failed(health, Failure.NO_ANSWER, NOW)
        assert (True, number, None) == (health.is_up, health.failures, health.since)
    health = failed(health, Failure.GARBAGE, after(7))
    assert (State.DOWN, after(7), after(37)) == (health.state, health.since, health.next_probe_at)
    assert Failure.GARBAGE == health.failure


def test_one_that_is_down_counts_no_failures_and_its_words_are_those_of_the_database() -> None:
    assert 0 == fallen().failures
    assert ["up", "down", "probing"] == [each.value for each in State]
    assert ["unreachable", "no_answer", "garbage"] == [each.value for each in Failure]


def test_an_answer_in_between_begins_the_count_again_and_one_more_changes_nothing() -> None:
    health = Health()
    for _ in range(20):
        for _ in range(LIMITS.failures - 1):
            health = failed(health, Failure.UNREACHABLE, NOW)
        health = answered(health, NOW)
        assert Health() == health
    assert Health() == answered(Health(), NOW)


def test_within_the_pause_nobody_is_let_through_and_more_failures_tell_nothing() -> None:
    health = fallen()
    assert None is let_one_through(health, after(29))
    assert health == failed(health, Failure.GARBAGE, after(29))


def test_after_the_pause_one_call_is_let_through_at_a_time() -> None:
    out = let_one_through(fallen(), after(30))
    assert out is not None
    assert (State.PROBING, NOW, False) == (out.state, out.since, out.is_up)
    assert None is let_one_through(out, after(59))
    again = let_one_through(out, after(60))  # nothing was heard of the first
    assert again is not None
    assert after(90) == again.next_probe_at


def test_nobody_is_let_through_to_one_that_is_up() -> None:
    assert None is let_one_through(Health(), NOW)
    assert None is let_one_through(answered(fallen(), NOW), after(900))


def test_each_failure_after_a_pause_makes_it_twice_as_long_up_to_ten_minutes() -> None:
    health, at, pauses = fallen(), NOW, []
    for _ in range(7):
        assert health.next_probe_at is not None
        pauses.append((health.next_probe_at - at).total_seconds())
        at = health.next_probe_at
        out = let_one_through(health, at)
        assert out is not None
        health = failed(out, Failure.NO_ANSWER, at)
    assert [30, 60, 120, 240, 480, 600, 600] == pauses
    assert NOW == health.since, "it has been down since the first of them"


def test_a_question_that_fails_after_the_pause_counts_as_the_call_that_was_let_through() -> None:
    health = failed(fallen(), Failure.NO_ANSWER, after(31))
    assert (State.DOWN, after(91)) == (health.state, health.next_probe_at)


@pytest.mark.parametrize("at_s", [1, 30, 4000])
@pytest.mark.parametrize("probing", [True, False])
def test_any_answer_ends_it_at_once_and_a_new_failure_is_the_first(at_s: float, *, probing: bool) -> None:
    health = let_one_through(fallen(), after(30)) if probing else fallen()
    assert health is not None
    up = answered(health, after(at_s))
    assert Health(since=after(at_s)) == up
    assert (True, 1) == (
        failed(up, Failure.GARBAGE, after(at_s)).is_up,
        failed(up, Failure.GARBAGE, after(at_s)).failures,
    )


@pytest.mark.parametrize(
    ("failure", "asked_anyway", "at_s", "keeps"),
    [
        (Failure.UNREACHABLE, True, 29, False),
        (Failure.UNREACHABLE, True, 30, True),
        (Failure.NO_ANSWER, True, 30, False),
        (Failure.GARBAGE, True, 3000, False),
        (Failure.NO_ANSWER, False, 30, True),
        (Failure.GARBAGE, False, 29, False),
    ],
)
def test_one_that_is_down_keeps_its_place_only_where_a_try_costs_nothing_or_nothing_else_would_tell(
    failure: Failure, at_s: float, *, asked_anyway: bool, keeps: bool
) -> None:
    assert keeps == keeps_its_place(fallen(failure), after(at_s), asked_anyway=asked_anyway)
    assert keeps_its_place(Health(), after(at_s), asked_anyway=asked_anyway)


class AnyCourse(RuleBasedStateMachine):
    """Whatever happens in whatever order, the picture stays one that can be read."""

    def __init__(self) -> None:
        super().__init__()
        self.health, self.now, self.in_a_row = Health(), NOW, 0

    @rule(seconds=st.integers(0, 900))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(failure=FAILURES)
    def a_call_fails(self, failure: Failure) -> None:
        self.in_a_row += 1
        self.health = failed(self.health, failure, self.now)

    @rule()
    def a_call_is_answered(self) -> None:
        self.in_a_row = 0
        self.health = answered(self.health, self.now)

    @rule()
    def one_is_let_through(self) -> None:
        self.health = let_one_through(self.health, self.now) or self.health

    @invariant()
    def it_is_up_just_when_fewer_failed_in_a_row(self) -> None:
        assert (self.in_a_row < LIMITS.failures) == self.health.is_up

    @invariant()
    def one_that_is_down_says_since_when_why_and_when_it_is_tried_again(self) -> None:
        here = self.health
        if here.is_up:
            assert (self.in_a_row, timedelta(0), None) == (here.failures, here.pause, here.next_probe_at)
        else:
            assert here.since is not None
            assert here.since <= self.now
            assert here.failure is not None
            assert LIMITS.first_pause <= here.pause <= LIMITS.longest_pause
            assert here.next_probe_at is not None
            assert here.next_probe_at <= self.now + LIMITS.longest_pause


test_any_course = AnyCourse.TestCase
