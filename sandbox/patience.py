"""How a portal asks again: the same call with the same reference in it, until the gateway is back."""

import time
from collections.abc import Callable
from typing import TypeVar

import requests

from sandbox.errors import Untrusted

PATIENCE_S = 60.0
PAUSE_S = 0.2
SERVER_ERROR = 500

A = TypeVar("A")


def patiently(call: Callable[[], A], status: Callable[[A], int]) -> A:
    """The same call again, with the same reference in it, while the gateway is away or says that it is in trouble."""
    limit = time.monotonic() + PATIENCE_S
    while True:
        try:
            answer = call()
        except (requests.RequestException, Untrusted):
            if time.monotonic() > limit:
                raise
        else:
            if status(answer) < SERVER_ERROR or time.monotonic() > limit:
                return answer
        time.sleep(PAUSE_S)
