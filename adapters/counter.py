"""The one-stop desk: cash or a transfer taken by a named clerk. There is no wire and nobody is called.

A clerk records what was taken against a paper with a number (a receipt from a book, or the bank's own slip), and
`report_of` turns that record into the same `Report` that a bank's word becomes. The paper's number stands for the
provider's reference: within the desk it is unique for ever, so the same paper is never booked twice. That the clerk may
do so is decided before this module is called.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from gateway.domain.errors import Malformed, Misconfigured, Unsupported
from gateway.domain.payment import DESK
from gateway.ports import (
    Answer,
    Capability,
    HttpAnswer,
    HttpDoor,
    InboundMessage,
    Method,
    Outcome,
    Report,
    Started,
    StartOrder,
    Taking,
)

__all__ = ["Counter", "Method", "Settings", "Taking", "report_of"]

MAX_VND: Final = 10**15 - 1
CLOCK_SKEW: Final = timedelta(minutes=5)
MAX_LATE_DAYS: Final = 3660

_REFERENCE = re.compile(r"[A-Z0-9]{1,20}")
_CLERK = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_PAPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9./_-]{0,39}")


@dataclass(frozen=True, slots=True)
class Settings:
    """`late_days`: how long after the taking it may be recorded."""

    late_days: int = 31

    def __post_init__(self) -> None:
        """Raises `Misconfigured`."""
        if not 0 < self.late_days <= MAX_LATE_DAYS:
            raise Misconfigured(f"counter: late_days is from 1 to {MAX_LATE_DAYS}")


def report_of(settings: Settings, taking: Taking, now: datetime) -> Report:
    """The clerk's record as a provider's word: always paid, its code the method and the clerk.

    Raises `Malformed` for what no desk can have taken.
    """
    if not _REFERENCE.fullmatch(taking.reference):
        raise Malformed("counter: a reference is up to 20 of A-Z0-9")
    if not 0 < taking.amount_vnd <= MAX_VND:
        raise Malformed("counter: a sum that was taken is positive")
    if not _CLERK.fullmatch(taking.clerk):
        raise Malformed("counter: the clerk is named by an account")
    if not _PAPER.fullmatch(taking.paper):
        raise Malformed("counter: the paper is named by its series and number")
    if taking.taken_at.utcoffset() is None:
        raise Malformed("counter: the time of the taking has no zone")
    if not timedelta(days=-settings.late_days) <= taking.taken_at - now <= CLOCK_SKEW:
        raise Malformed("counter: the time of the taking lies ahead, or too far back")
    return Report(
        outcome=Outcome.PAID,
        reference=taking.reference,
        amount_vnd=taking.amount_vnd,
        currency="VND",
        provider_ref=taking.paper.upper(),
        code=f"{taking.method}/{taking.clerk}",
        occurred_at=taking.taken_at.astimezone(UTC),
    )


class Counter:
    """The adapter: see `gateway.ports.PaymentProvider` and `Desk` for the contract."""

    name = DESK
    capabilities = frozenset({Capability.CODE})

    def __init__(self, settings: Settings, http: HttpDoor) -> None:  # noqa: ARG002 - built as every adapter is
        self.settings = settings

    def start(self, order: StartOrder) -> Started:
        """The citizen comes to the desk and names our reference."""
        return Started(pay_code=order.reference)

    def taken(self, taking: Taking, now: datetime) -> Report:
        return report_of(self.settings, taking, now)

    def read_callback(self, message: InboundMessage, now: datetime) -> Report:  # noqa: ARG002 - only refuses
        raise Unsupported("counter: nobody calls us from the desk")

    def acknowledge(self, answer: Answer, message: InboundMessage, now: datetime) -> HttpAnswer:  # noqa: ARG002 - nobody calls
        return HttpAnswer(status=404, body=b"")

    def query(self, reference: str, started_at: datetime, now: datetime, request_id: str) -> Report:  # noqa: ARG002 - only refuses
        raise Unsupported("counter: a desk cannot be asked")
