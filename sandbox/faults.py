"""What goes wrong on demand: by the last three digits of an amount, or by a story's word.

Real fees are whole thousands, so an amount that does not end in one of `MAGIC` is served without a fault.
"""

import sqlite3
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


MAGIC = {
    101: Fault.DROP_CALLBACK,
    102: Fault.DUPLICATE_CALLBACK,
    103: Fault.WRONG_MAC,
    104: Fault.WRONG_AMOUNT,
    105: Fault.SLOW,
    106: Fault.FAIL,
}
WRONG_BY_VND = 1000
DROP_KEY = "drop_confirm_for:"
NEXT_KEY = "drop_next"
MAX_REFERENCE = 255


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
