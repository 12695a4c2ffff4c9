"""Part payments: what is left to ask for when less than the whole has come.

Money is counted towards the lines in their order, so that what is left is made of the last ones.
"""

from collections.abc import Mapping, Sequence
from typing import Any


def left_vnd(amount_vnd: int, paid_vnd: int, refunded_vnd: int) -> int:
    """What is still to be paid, in VND; nothing where enough has come."""
    return max(amount_vnd - (paid_vnd - refunded_vnd), 0)


def left_lines(lines: Sequence[Mapping[str, Any]], left: int) -> list[dict[str, Any]]:
    """The last lines that make up `left` VND, the first of them cut to fit. Their `amount_vnd` sum up to `left`."""
    kept: list[dict[str, Any]] = []
    for line in reversed(lines):
        amount_vnd = min(line["amount_vnd"], left)
        if amount_vnd > 0:
            kept.append({**line, "amount_vnd": amount_vnd})
            left -= amount_vnd
    return kept[::-1]
