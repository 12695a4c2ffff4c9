"""`Together`: who is alone goes at once, what comes meanwhile goes in one batch, and nobody gets another's error."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Event, Lock, Thread
from typing import NoReturn

import pytest

from gateway.store.together import LARGEST_BATCH, Together

WAIT_S = 5.0


class Stopped(BaseException):
    """What stops a thread from outside."""


class Desk:
    """Work that doubles numbers, keeps its batches, and can be held at its door."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.doing, self.door, self.guard = Event(), Event(), Lock()
        self.door.set()
        self.refuses: Callable[[Sequence[int]], None] = lambda _: None

    def __call__(self, things: Sequence[int]) -> list[int]:
        self.doing.set()
        assert self.door.wait(WAIT_S)
        with self.guard:
            self.batches.append(list(things))
            self.refuses(things)
        return [2 * each for each in things]


def wait_until(true: Callable[[], bool]) -> None:
    limit = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < limit, "it never came to that"
        time.sleep(0.001)


def begin(together: Together[int, int], thing: int) -> Future[int]:
    """Submit from a thread of its own, which holds up nobody where it is never served."""
    future: Future[int] = Future()

    def run() -> None:
        try:
            future.set_result(together.submit(thing))
        except BaseException as error:  # noqa: BLE001 - handed to the test
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


def queue_up(together: Together[int, int], desk: Desk, things: Sequence[int]) -> list[Future[int]]:
    """The first of `things` stands at the closed door; the others wait behind it, in their order."""
    desk.door.clear()
    futures = [begin(together, things[0])]
    assert desk.doing.wait(WAIT_S)
    for waiting, thing in enumerate(things[1:], 1):
        futures.append(begin(together, thing))
        wait_until(lambda waiting=waiting: len(together._waiting) == waiting)
    return futures


def test_one_alone_goes_at_once() -> None:
    desk = Desk()
    together = Together(desk)
    assert [2, 4] == [together.submit(1), together.submit(2)]
    assert [[1], [2]] == desk.batches


def test_what_comes_meanwhile_goes_in_one_batch_in_its_order() -> None:
    desk = Desk()
    futures = queue_up(Together(desk), desk, [1, 2, 3, 4])
    desk.door.set()
    assert [2, 4, 6, 8] == [future.result(WAIT_S) for future in futures]
    assert [[1], [2, 3, 4]] == desk.batches


def test_a_batch_is_never_larger_than_its_limit() -> None:
    desk = Desk()
    things = list(range(LARGEST_BATCH + 3))
    futures = queue_up(Together(desk), desk, things)
    desk.door.set()
    assert [2 * each for each in things] == [future.result(WAIT_S) for future in futures]
    assert [1, LARGEST_BATCH, 2] == [len(batch) for batch in desk.batches]


def test_one_bad_thing_does_not_become_anothers_error() -> None:
    desk = Desk()

    def refuse_three(things: Sequence[int]) -> None:
        if 3 in things:
            raise ValueError("three")

    desk.refuses = refuse_three
    futures = queue_up(Together(desk), desk, [1, 2, 3, 4])
    desk.door.set()
    assert [2, 4, 8] == [futures[n].result(WAIT_S) for n in (0, 1, 3)]
    with pytest.raises(ValueError, match="three"):
        futures[2].result(WAIT_S)
    assert [[1], [2, 3, 4], [2], [3], [4]] == desk.batches


def test_after_an_error_the_next_one_is_served() -> None:
    desk = Desk()

    def refuse_one(things: Sequence[int]) -> None:
        if things == [1]:
            raise ValueError("one")

    desk.refuses = refuse_one
    together = Together(desk)
    with pytest.raises(ValueError, match="one"):
        together.submit(1)
    assert 4 == together.submit(2)


def test_a_leader_that_is_stopped_leaves_the_others_to_be_done_by_someone_else() -> None:
    desk = Desk()
    stops = [True]

    def stop_the_first_batch_of_many(things: Sequence[int]) -> None:
        if len(things) > 1 and stops and stops.pop():
            raise Stopped

    desk.refuses = stop_the_first_batch_of_many
    futures = queue_up(Together(desk), desk, [1, 2, 3, 4])
    desk.door.set()
    with pytest.raises(Stopped):
        futures[1].result(WAIT_S)
    assert [2, 6, 8] == [futures[n].result(WAIT_S) for n in (0, 2, 3)]
    assert [[1], [2, 3, 4], [3, 4]] == desk.batches


def test_a_leader_that_is_stopped_with_nobody_behind_it_leaves_the_desk_open() -> None:
    def stop(_: Sequence[int]) -> NoReturn:
        raise Stopped

    desk = Desk()
    desk.refuses = stop
    together = Together(desk)
    with pytest.raises(Stopped):
        together.submit(1)
    desk.refuses = lambda _: None
    assert 4 == together.submit(2)


def test_of_many_threads_each_gets_its_own_result_and_nothing_is_done_twice() -> None:
    desk = Desk()
    together = Together(desk)
    results: list[list[int]] = [[] for _ in range(16)]

    def submit_many(number: int) -> None:
        results[number] = [together.submit(each) for each in range(number, 1600, 16)]

    threads = [Thread(target=submit_many, args=(number,), daemon=True) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert [[2 * each for each in range(number, 1600, 16)] for number in range(16)] == results
    assert list(range(1600)) == sorted(each for batch in desk.batches for each in batch)
