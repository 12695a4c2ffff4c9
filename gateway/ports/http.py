"""Messages over HTTP: what goes out by the one door, and what comes in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One call to the outside. `timeout_s` bounds the whole call."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout_s: float = 10.0
    max_answer_bytes: int = 5_000_000


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer, ours or theirs. Header names are lower case."""

    status: int
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpDoor(Protocol):
    """The one way out. Raises `Unreachable` when nothing left us, `OutcomeUnknown` when something did."""

    def send(self, request: HttpRequest) -> HttpAnswer: ...


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """A message as it came: `query` is the raw query string (never re-encoded), header names lower case."""

    method: str
    path: str
    query: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
