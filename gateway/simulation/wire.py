"""Every connection of a simulated world: WSGI applications by their address, and what goes wrong on the way.

What a simulator does to its own answers is told through the WSGI environ (`sandbox.mishaps`); beside that the line
itself fails by chance, and a server may be away for a time.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

from werkzeug.test import EnvironBuilder, run_wsgi_app

from gateway.domain.errors import OutcomeUnknown, Unreachable
from gateway.ports import HttpAnswer, HttpRequest
from sandbox.mishaps import MISHAP
from sandbox.outward import Call, Reply

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]

SLOW = "slow"
NOT_CONNECTED, LOST_BEFORE, LOST_AFTER = "not_connected", "lost_before", "lost_after"
CHANCES: Mapping[str, float] = {NOT_CONNECTED: 0.01, LOST_BEFORE: 0.01, LOST_AFTER: 0.015}
"""How often a line fails: before it is made, before the other side reads, after it has done what was asked."""


@dataclass(slots=True)
class Wire:
    """The lines between the applications. `away` holds the addresses that nobody answers at now."""

    chance: Random
    apps: dict[str, Wsgi] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    faults: Counter[str] = field(default_factory=Counter)

    def exchange(self, request: HttpRequest, addresses: tuple[str, ...], ca_file: str | None) -> HttpAnswer:  # noqa: ARG002 - of the door
        """A call of the gateway, in the place of its door's own exchange. Raises `Unreachable`, `OutcomeUnknown`."""
        address = urlsplit(request.url).netloc
        fate = self._fate()
        if address not in self.apps or address in self.away or fate == NOT_CONNECTED:
            raise Unreachable("no connection to the other side")
        if fate == LOST_BEFORE:
            raise OutcomeUnknown("the connection ended before the answer was complete")
        told: list[tuple[str, float]] = []
        answer = self._carry(
            request.method, request.url, request.headers, request.body, lambda *mishap: told.append(mishap)
        )
        cut = [name for name, slow_s in told if name != SLOW or slow_s >= request.timeout_s]
        if cut or fate == LOST_AFTER:
            raise OutcomeUnknown("the connection ended before the answer was complete")
        return HttpAnswer(answer.status, answer.body, answer.headers)

    def send(self, call: Call) -> Reply | None:
        """A call of a simulator; None when no answer came."""
        address = urlsplit(call.url).netloc
        fate = self._fate()
        if address not in self.apps or address in self.away or fate in {NOT_CONNECTED, LOST_BEFORE}:
            return None
        reply = self._carry(call.method, call.url, call.headers, call.body, _nothing)
        return None if fate == LOST_AFTER else reply

    def browse(self, method: str, url: str, form: Mapping[str, str] | None = None) -> Reply:
        """What a browser gets; its line holds, and it waits as long as it takes."""
        builder = EnvironBuilder(method=method, base_url=_base(url), path=_path(url), data=form)
        builder.query_string = urlsplit(url).query
        return self._run(urlsplit(url).netloc, builder, _nothing)

    def tell(self, url: str, word: Mapping[str, object]) -> Reply:
        """A word of a story, as JSON."""
        body = json.dumps(word).encode()
        return self._carry("POST", url, {"content-type": "application/json"}, body, _nothing)

    def fetch(self, url: str) -> Reply:
        """What finance staff download; its line holds."""
        return self._carry("GET", url, {}, None, _nothing)

    def _carry(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        mishap: Callable[[str, float], None],
    ) -> Reply:
        builder = EnvironBuilder(
            method=method, base_url=_base(url), path=_path(url), headers=list(headers.items()), data=body
        )
        builder.query_string = urlsplit(url).query
        return self._run(urlsplit(url).netloc, builder, mishap)

    def _run(self, address: str, builder: EnvironBuilder, mishap: Callable[[str, float], None]) -> Reply:
        environ = builder.get_environ()
        environ[MISHAP] = mishap
        chunks, status, headers = run_wsgi_app(self.apps[address], environ, buffered=True)
        body = b"".join(chunks)
        return Reply(int(status.split(" ", 1)[0]), {n.lower(): v for n, v in headers.items()}, body)

    def _fate(self) -> str:
        drawn = self.chance.random()
        for name, share in CHANCES.items():
            if drawn < share:
                self.faults[name] += 1
                return name
            drawn -= share
        return ""


def _nothing(_name: str, _slow_s: float) -> None:
    """The caller meets nothing of it."""


def _base(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/"


def _path(url: str) -> str:
    return urlsplit(url).path or "/"
