"""Time and chance of a simulated world: both begin at the seed, so that a failing world can be seen again."""

import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

START = datetime(2026, 11, 1, 17, 0, tzinfo=UTC)
"""Midnight in Việt Nam at the beginning of 2 November 2026."""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def __call__(self) -> datetime:
        return self._now

    def move_to(self, at: datetime) -> None:
        """Never back: what is due already is done now."""
        self._now = max(self._now, at)


class Agenda:
    """What happens when; things of one moment in the order in which they were put down."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = itertools.count()

    def put(self, at: datetime, do: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (at, next(self._count), do))

    def next_at(self) -> datetime | None:
        return self._heap[0][0] if self._heap else None

    def take(self) -> Callable[[], None]:
        return heapq.heappop(self._heap)[2]


def draws(seed: int, purpose: str) -> Callable[[int], bytes]:
    """Random bytes of a world, apart for each purpose."""
    chance = Random(f"{seed}:{purpose}")  # noqa: S311 - a world that can be seen again is the purpose
    return chance.randbytes


def seconds(chance: Random, least: float, most: float) -> timedelta:
    return timedelta(seconds=chance.uniform(least, most))
