"""Whether a provider is up, told by what became of our calls to it (the pattern is known as circuit breaker).

Up (closed) until so many calls in a row failed; then down (open): nothing new is begun there until a pause is over.
After it one call is let through (probing, half open): its failure makes the pause twice as long, its answer ends it.
An answer of any other call ends it too.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    UP = "up"
    DOWN = "down"
    PROBING = "probing"


class Failure(StrEnum):
    """How a call failed: nothing left us; something did and no answer came; none that can be believed."""

    UNREACHABLE = "unreachable"
    NO_ANSWER = "no_answer"
    GARBAGE = "garbage"


@dataclass(frozen=True, slots=True)
class Limits:
    """After how many failures in a row a provider is down, and how long it is then left alone."""

    failures: int = 5
    first_pause: timedelta = timedelta(seconds=30)
    longest_pause: timedelta = timedelta(minutes=10)


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Health:
    """What is known of a provider. `since` is when it went down or came up again; None: it was never down.

    `failures` in a row (while it is up), how the last call failed, the pause, and when one call may be let through.
    """

    state: State = State.UP
    since: datetime | None = None
    failures: int = 0
    failure: Failure | None = None
    pause: timedelta = timedelta(0)
    next_probe_at: datetime | None = None

    @property
    def is_up(self) -> bool:
        return self.state is State.UP

    def is_due(self, now: datetime) -> bool:
        """Whether the pause is over, and one call may be let through."""
        return self.next_probe_at is not None and self.next_probe_at <= now


def failed(health: Health, failure: Failure, now: datetime, limits: Limits = LIMITS) -> Health:
    """A call failed. Within the pause it tells nothing new: it may have begun before the provider was down."""
    if health.is_up:
        if health.failures + 1 < limits.failures:
            return replace(health, failures=health.failures + 1, failure=failure)
        return _down(replace(health, since=now), failure, now, limits.first_pause)
    if health.state is State.DOWN and not health.is_due(now):
        return health
    return _down(health, failure, now, min(health.pause * 2, limits.longest_pause))


def _down(health: Health, failure: Failure, now: datetime, pause: timedelta) -> Health:
    return Health(State.DOWN, health.since, 0, failure, pause, now + pause)


def answered(health: Health, now: datetime) -> Health:
    """A call was answered, if only by a no: it is up."""
    if health.is_up:
        return replace(health, failures=0, failure=None)
    return Health(since=now)


def let_one_through(health: Health, now: datetime) -> Health | None:
    """The health while the one call is out that is let through after a pause; None: not yet.

    Nothing is heard of a call whose process died, so the next one may go after another pause.
    """
    if health.is_up or not health.is_due(now):
        return None
    return replace(health, state=State.PROBING, next_probe_at=now + health.pause)


def keeps_its_place(health: Health, now: datetime, *, asked_anyway: bool) -> bool:
    """Whether a provider stands where its rule puts it, rather than behind those that are up.

    One that is down does when it may be tried again and nothing is lost by it: where calls did not even leave us, the
    payer goes on elsewhere at once. Where they left and no answer came, the payer who tries has to wait for one; so
    that is left to the questions about earlier tries, if it is `asked_anyway`.
    """
    if health.is_up:
        return True
    return health.is_due(now) and (health.failure is Failure.UNREACHABLE or not asked_anyway)
