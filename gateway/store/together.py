"""Things that arrive together are committed together: one statement and one flush to disk for all of them.

Nobody waits for company: who comes first goes alone at once, and who comes meanwhile goes next, in one batch. When a
batch fails, each of its things is done again alone, so that no one's error becomes another's.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")

LARGEST_BATCH = 100


@dataclass(slots=True)
class _Ticket(Generic[T, R]):
    """One thing to be done, what came of it, and the lock that its thread sleeps on."""

    thing: T
    wake: Lock
    done: bool = False
    result: R | None = None
    error: Exception | None = None


class Together(Generic[T, R]):
    """Hands what several threads submit to `work`, one batch at a time; `work` is all or nothing."""

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]]) -> None:
        self._work = work
        self._guard = Lock()
        self._waiting: deque[_Ticket[T, R]] = deque()
        self._has_leader = False

    def submit(self, thing: T) -> R:
        """The result for `thing`, once it is durable. Raises what `work` raised for it."""
        ticket: _Ticket[T, R] = _Ticket(thing, Lock())
        ticket.wake.acquire()
        with self._guard:
            self._waiting.append(ticket)
            leads, self._has_leader = not self._has_leader, True
        if not leads:
            ticket.wake.acquire()  # until it is done, or its turn to lead
        if not ticket.done:
            self._lead()
        if ticket.error is not None:
            raise ticket.error
        return ticket.result  # type: ignore[return-value]  # set with `done`, and R itself may be None

    def _lead(self) -> None:
        """Do what waits, the leader's own thing first; then the next in the queue leads."""
        with self._guard:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_BATCH))]
        try:
            self._settle(batch)
        finally:
            with self._guard:
                # a leader that is being stopped leaves to the others what it could not do
                self._waiting.extendleft(ticket for ticket in reversed(batch[1:]) if not ticket.done)
                self._has_leader = bool(self._waiting)
                if self._has_leader:
                    self._waiting[0].wake.release()
            for ticket in batch[1:]:
                if ticket.done:
                    ticket.wake.release()

    def _settle(self, batch: Sequence[_Ticket[T, R]]) -> None:
        try:
            results = self._work([ticket.thing for ticket in batch])
        except Exception as error:  # noqa: BLE001 - handed to the one whose thing it is
            if len(batch) == 1:
                batch[0].error, batch[0].done = error, True
                return
            for ticket in batch:
                self._settle([ticket])
            return
        for ticket, result in zip(batch, results, strict=True):
            ticket.result, ticket.done = result, True
