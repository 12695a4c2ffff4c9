"""The one way out: every call that a simulator makes goes through a `Send`, which a virtual wire may replace."""

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field

import requests

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 1_000_000
CHUNK_BYTES = 65_536
OK = 200
SUCCESS = range(200, 300)


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `timeout_s` is how long each step of it may take: connecting, and every read."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    timeout_s: float = TIMEOUT_S


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, as it came: a redirect is not followed. Names of `headers` are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Send = Callable[[Call], Reply | None]
"""Makes a call; None when no answer came, or none of a size that is read."""


def send(call: Call) -> Reply | None:
    """Over real sockets. Loopback never goes through a proxy, whatever the environment says."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            with closing(
                session.request(
                    call.method,
                    call.url,
                    headers=dict(call.headers),
                    data=call.body,
                    timeout=call.timeout_s,
                    allow_redirects=False,
                    stream=True,
                )
            ) as answer:
                body = b""
                for chunk in answer.iter_content(CHUNK_BYTES):
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        return None
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Reply(answer.status_code, headers, body)
    except (requests.RequestException, OSError):
        return None
