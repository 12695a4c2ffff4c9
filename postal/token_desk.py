"""A bearer token by OAuth 2.0 client credentials (RFC 6749, 4.4), as the national service bus hands it out.

The token is the one thing that an operator's adapter may keep; it is kept here, for all threads.
"""

import base64
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gateway.domain.errors import Malformed, OutcomeUnknown, Refused, Unreachable
from gateway.ports import HttpDoor, HttpRequest

LIFE_MOST_S = 24 * 3600
"""Some gateways hand out tokens that never end; ours is asked for anew each day all the same."""

NOT_DECIDED = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
"""Answers of 4xx that say "not now" and not "no"."""


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Where the token is, what buys it, and how long before its end (`margin_s`) it is no longer used."""

    url: str
    key: str = field(repr=False)
    secret: str = field(repr=False)
    timeout_s: float = 10.0
    margin_s: int = 60


@dataclass(frozen=True, slots=True)
class Pass:
    """What goes into the Authorization header, and for how many seconds by the service's word."""

    header: str = field(repr=False)
    life_s: int


class _Answer(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)

    access_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,4096}\z", repr=False)]
    token_type: Annotated[str, Field(pattern=r"^[A-Za-z]{1,20}\z")]
    expires_in: Annotated[int, Field(ge=-(2**63), lt=2**63)]


def encode_request(settings: TokenSettings) -> HttpRequest:
    """The form request; the key and the secret go as HTTP Basic."""
    pair = f"{settings.key}:{settings.secret}".encode()
    return HttpRequest(
        method="POST",
        url=settings.url,
        headers={
            "Authorization": "Basic " + base64.b64encode(pair).decode("ascii"),
            "Content-Type": "application/x-www-form-urlencoded",
            "Accept": "application/json",
        },
        body=b"grant_type=client_credentials",
        timeout_s=settings.timeout_s,
    )


def decode_answer(body: bytes) -> Pass:
    """Raises `Malformed`, also for a token that does not fit into one header line."""
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError:
        raise Malformed("The token service's answer cannot be read.") from None
    return Pass(header=f"{answer.token_type} {answer.access_token}", life_s=answer.expires_in)


class TokenDesk:
    """Fetches the token and keeps it: one thread asks, the others wait for its answer."""

    def __init__(self, settings: TokenSettings, http: HttpDoor, *, clock: Callable[[], datetime]) -> None:
        self._settings, self._http, self._clock = settings, http, clock
        self._lock = threading.Lock()
        self._header: str | None = None
        self._until: datetime | None = None

    def header(self, *, unless: str | None = None) -> str:
        """The Authorization header; a new one when the kept one is `unless` or near its end.

        Raises `Unreachable` (what the token is for has not left us), `Refused`, `Malformed`.
        """
        with self._lock:
            kept, until = self._header, self._until
            if kept is None or until is None or kept == unless or until <= self._clock():
                return self._fetch()
            return kept

    def _fetch(self) -> str:
        asked_at = self._clock()
        self._header = None
        try:
            answer = self._http.send(encode_request(self._settings))
        except OutcomeUnknown:
            raise Unreachable("The token service did not answer.") from None
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in NOT_DECIDED:
            raise Unreachable(f"The token service answered {answer.status}.")
        if answer.status != HTTPStatus.OK:
            raise Refused("The token service does not take our key.", str(answer.status))
        token = decode_answer(answer.body)
        life_s = max(min(token.life_s, LIFE_MOST_S) - self._settings.margin_s, 0)
        self._header, self._until = token.header, asked_at + timedelta(seconds=life_s)
        return token.header
