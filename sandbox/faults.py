"""What goes wrong on demand: by the last three digits of an amount, or by a story's word.

Real fees are whole thousands, so an amount that does not end in one of `MAGIC` is served without a fault. Some
faults strike what the provider sends about a payment (`take`), the others the calls about it (`strike`).
"""

import random
import sqlite3
import string
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sandbox.state import get_control, set_control


class Fault(StrEnum):
    """What this world does to one payment. Documented, with its amounts, in `docs/sandbox.md`."""

    NONE = "none"
    DROP_CALLBACK = "drop_callback"
    DUPLICATE_CALLBACK = "duplicate_callback"
    WRONG_MAC = "wrong_mac"
    WRONG_AMOUNT = "wrong_amount"
    SLOW = "slow"
    FAIL = "fail"
    LOSE_ANSWER = "lose_answer"
    FAIL_FIRST = "fail_first"
    STALE_CALLBACK = "stale_callback"
    LATE_CALLBACK = "late_callback"
    CHANGED_BYTE = "changed_byte"
    RESET = "reset"
    GARBAGE = "garbage"
    UNAVAILABLE = "unavailable"
    SKEWED_CLOCK = "skewed_clock"
    HANG = "hang"
    RUN_OUT = "run_out"


MAGIC = {
    101: Fault.DROP_CALLBACK,
    102: Fault.DUPLICATE_CALLBACK,
    103: Fault.WRONG_MAC,
    104: Fault.WRONG_AMOUNT,
    105: Fault.SLOW,
    106: Fault.FAIL,
    107: Fault.LOSE_ANSWER,
    108: Fault.FAIL_FIRST,
    109: Fault.STALE_CALLBACK,
    110: Fault.LATE_CALLBACK,
    111: Fault.CHANGED_BYTE,
    112: Fault.RESET,
    113: Fault.GARBAGE,
    114: Fault.UNAVAILABLE,
    115: Fault.SKEWED_CLOCK,
    116: Fault.HANG,
    117: Fault.RUN_OUT,
}
UNDONE = frozenset({Fault.RESET, Fault.UNAVAILABLE, Fault.HANG})
"""A call that meets one of these is read, and nothing comes of it."""
ONCE = UNDONE | {Fault.LOSE_ANSWER, Fault.GARBAGE}
"""These meet the first call of each kind about a payment; the same call again is served."""


@dataclass(frozen=True, slots=True)
class Sending:
    """One sending of the callback: so many intervals late, and whether it still says that the payment failed."""

    late_intervals: int = 0
    says_failed: bool = False


LATE_INTERVALS = 10
"""How late a late message is, in intervals between two tries of a message."""
SENDINGS = {
    Fault.DROP_CALLBACK: (),
    Fault.DUPLICATE_CALLBACK: (Sending(), Sending()),
    Fault.FAIL_FIRST: (Sending(says_failed=True), Sending(LATE_INTERVALS)),
    Fault.STALE_CALLBACK: (Sending(), Sending(LATE_INTERVALS, says_failed=True)),
    Fault.LATE_CALLBACK: (Sending(LATE_INTERVALS),),
}
WRONG_BY_VND = 1000
SKEW = timedelta(hours=1)

DROP_KEY = "drop_confirm_for:"
NEXT_KEY = "drop_next"
STRUCK_KEY = "struck:"
FAILED_UNTIL_KEY = "failed_until:"
MAX_REFERENCE = 255
LETTERS = (string.ascii_letters + string.digits).encode()


def by_amount(amount_vnd: int) -> Fault:
    """The fault that the last three digits of `amount_vnd` ask for."""
    return MAGIC.get(amount_vnd % 1000, Fault.NONE)


def take(db: sqlite3.Connection, server: str, *, reference: str, amount_vnd: int) -> Fault:
    """The fault of this payment. A story's `next` is used up by the payment that takes it."""
    if get_control(db, server, NEXT_KEY) is not None:
        set_control(db, server, NEXT_KEY, value=None)
        return Fault.DROP_CALLBACK
    if get_control(db, server, DROP_KEY + reference) is not None:
        return Fault.DROP_CALLBACK
    return by_amount(amount_vnd)


def sendings(fault: Fault, *, paid: bool) -> tuple[Sending, ...]:
    """When the callback about a payment is sent, and what it says; a payment that failed is told once as it is."""
    if not paid and fault in {Fault.FAIL_FIRST, Fault.STALE_CALLBACK}:
        return (Sending(),)
    return SENDINGS.get(fault, (Sending(),))


def strike(db: sqlite3.Connection, server: str, *, call: str, reference: str, amount_vnd: int) -> Fault:
    """The fault that this call about a payment meets: one of `ONCE`, `SLOW` every time, or `NONE`."""
    fault = by_amount(amount_vnd)
    if fault not in ONCE:
        return fault if fault is Fault.SLOW else Fault.NONE
    key = f"{STRUCK_KEY}{call}:{reference}"
    if get_control(db, server, key) is not None:
        return Fault.NONE
    set_control(db, server, key, value="1")
    return fault


def fail_until(db: sqlite3.Connection, server: str, *, reference: str, until: datetime) -> None:
    """Let the provider believe until then that this payment has failed."""
    set_control(db, server, FAILED_UNTIL_KEY + reference, value=until.isoformat())


def believed_failed(db: sqlite3.Connection, server: str, *, reference: str, now: datetime) -> bool:
    """Whether the provider, at `now`, still believes that this payment has failed, though it was paid."""
    until = get_control(db, server, FAILED_UNTIL_KEY + reference)
    return until is not None and now < datetime.fromisoformat(until)


def changed_byte(message: bytes, *, seed: str) -> bytes:
    """`message` with one letter or digit, chosen by `seed`, turned into another."""
    chance = random.Random(seed)
    at = chance.choice([place for place, byte in enumerate(message) if byte in LETTERS])
    other = chance.choice([byte for byte in LETTERS if bytes([byte]).lower() != message[at : at + 1].lower()])
    return message[:at] + bytes([other]) + message[at + 1 :]


def control(db: sqlite3.Connection, server: str, order: dict[str, Any]) -> bool:
    """Carry out `{"drop_confirm_for": reference}` or `{"next": true}`; False when it is neither."""
    reference = order.get("drop_confirm_for")
    if isinstance(reference, str) and 0 < len(reference) <= MAX_REFERENCE:
        set_control(db, server, DROP_KEY + reference, value="1")
        return True
    if order.get("next") is True:
        set_control(db, server, NEXT_KEY, value="1")
        return True
    return False
