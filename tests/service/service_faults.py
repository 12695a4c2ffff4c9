"""Faults on purpose: the process dies, the connection breaks, the database refuses."""

from collections.abc import Iterator
from contextlib import contextmanager

from service_world import World

from gateway.domain.errors import OutcomeUnknown
from gateway.ports import HttpAnswer, HttpRequest


class Killed(BaseException):
    """The process dies in the midst of a call."""


def lost(_: HttpRequest) -> HttpAnswer:
    raise OutcomeUnknown("the connection broke after it was sent")


def killed(_: HttpRequest) -> HttpAnswer:
    raise Killed


@contextmanager
def faulty(world: World, table: str, condition: str) -> Iterator[None]:
    """A fault in the midst of the work: for a while the database refuses rows that do not fulfil `condition`."""
    world.do(f"ALTER TABLE {table} ADD CONSTRAINT fault CHECK ({condition}) NOT VALID")
    try:
        yield
    finally:
        world.do(f"ALTER TABLE {table} DROP CONSTRAINT fault")
