"""Matching: which money that a provider took is the one that a bank line shows.

A line is a match only when our own reference stands in its memo (or is its reference) and the sum is the same to
the đồng. Two equal lines stay two (failure X35): each takes one awaited sum, and the one left over is a break.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    BY_REFERENCE = "by_reference"
    NO_REFERENCE = "no_reference"
    NOT_AWAITED = "not_awaited"
    AMOUNT_DIFFERS = "amount_differs"


@dataclass(frozen=True, slots=True)
class Seen:
    """An incoming line: `references` are those of ours found in it."""

    line_id: int
    amount_vnd: int
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """Money taken by a provider and not yet seen at the bank."""

    attempt_id: str
    reference: str
    amount_vnd: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What a line is: the attempt it pays, or None and why nobody knows."""

    line_id: int
    attempt_id: str | None
    reason: Reason


def match(lines: Sequence[Seen], awaited: Sequence[Expected]) -> tuple[Decision, ...]:
    """One decision a line, in the order of the lines; no attempt is given twice."""
    left = {each.attempt_id: each for each in awaited}
    decisions = []
    for line in lines:
        named = [each for each in left.values() if each.reference in line.references]
        equal = [each for each in named if each.amount_vnd == line.amount_vnd]
        if equal:
            del left[equal[0].attempt_id]
            decisions.append(Decision(line.line_id, equal[0].attempt_id, Reason.BY_REFERENCE))
        else:
            decisions.append(Decision(line.line_id, None, _why(line, named)))
    return tuple(decisions)


def _why(line: Seen, named: Sequence[Expected]) -> Reason:
    if not line.references:
        return Reason.NO_REFERENCE
    return Reason.AMOUNT_DIFFERS if named else Reason.NOT_AWAITED
