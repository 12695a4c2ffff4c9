"""Matching: which money that we know of is the one that a bank line shows.

A line is a match only when our own reference stands in its memo (or is its reference) and the sum is the same to
the đồng. Two equal lines stay two (failure X35): each takes one known sum, and the one left over is a break. Money is
known by its event: a try that brought money twice is known twice.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.codes import MEMO_CHARS, attempt_reference, find_order_codes

PARTS = "\x1f"
"""Between what a payer wrote and what banks added to a line (memo, references)."""
_TRY = re.compile(r"0[2-9]|[1-9][0-9]")


class Reason(StrEnum):
    BY_REFERENCE = "by_reference"
    BY_REFUND = "by_refund"
    BY_HAND = "by_hand"
    NO_REFERENCE = "no_reference"
    NOT_AWAITED = "not_awaited"
    AMOUNT_DIFFERS = "amount_differs"
    WRONG_ACCOUNT = "wrong_account"
    UNEXPLAINED_DEBIT = "unexplained_debit"


@dataclass(frozen=True, slots=True)
class Seen:
    """A line: `references` are those of ours found in it; `amount_vnd` is signed, + for money in.

    `foreign`: what it names is to be paid on another account.
    """

    line_id: int
    amount_vnd: int
    references: tuple[str, ...]
    foreign: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """Money of one event that the bank has not shown yet: in (+) from a try, or out (-) by a refund (no try)."""

    event_id: int
    attempt_id: str | None
    reference: str
    amount_vnd: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What a line is: the event whose money it shows (and its try, if money came in), or None and why."""

    line_id: int
    event_id: int | None
    attempt_id: str | None
    reason: Reason


def match(lines: Sequence[Seen], awaited: Sequence[Expected]) -> tuple[Decision, ...]:
    """One decision a line, in the order of the lines; no event is given twice."""
    left: dict[str, list[Expected]] = {}
    for each in awaited:
        left.setdefault(each.reference, []).append(each)
    decisions = []
    for line in lines:
        named = [each for reference in line.references for each in left.get(reference, ())]
        equal = next((each for each in named if each.amount_vnd == line.amount_vnd), None)
        if equal is None:
            decisions.append(Decision(line.line_id, None, None, _why(line, named)))
        else:
            left[equal.reference].remove(equal)
            reason = Reason.BY_REFUND if equal.attempt_id is None else Reason.BY_REFERENCE
            decisions.append(Decision(line.line_id, equal.event_id, equal.attempt_id, reason))
    return tuple(decisions)


def _why(line: Seen, named: Sequence[Expected]) -> Reason:
    if named:
        return Reason.AMOUNT_DIFFERS
    if line.amount_vnd < 0:
        return Reason.UNEXPLAINED_DEBIT
    if line.foreign:
        return Reason.WRONG_ACCOUNT
    return Reason.NOT_AWAITED if line.references else Reason.NO_REFERENCE


def codes_in(text: str) -> tuple[str, ...]:
    """The order codes in a line's text, each once. A code is never read across two of its parts (`PARTS`).

    What the bank adds behind a memo that was cut could make it whole by chance: one time in 37 its check would hold.
    """
    found = (code for part in text.split(PARTS) for code in find_order_codes(part))
    return tuple(dict.fromkeys(found))


def references_in(text: str, tries: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    """Our references in a line's text, each once; `tries` are the references of the tries of each order code.

    A later try is named by the order code and two digits behind it, and is not the first one. Digits that are the
    number of no try belong to the bank's own words.
    """
    found: dict[str, None] = {}
    for part in text.split(PARTS):
        found.update(dict.fromkeys(_references_in(part, tries)))
    return tuple(found)


def _references_in(text: str, tries: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    squeezed = re.sub(r"[^0-9A-Z]", "", unicodedata.normalize("NFD", text[:MEMO_CHARS]).upper())
    found: dict[str, None] = {}
    for code in find_order_codes(text):
        named = [
            later
            for tail in re.findall(rf"(?={code}([0-9]{{2}}))", squeezed)
            if _TRY.fullmatch(tail) and (later := attempt_reference(code, int(tail))) in tries.get(code, ())
        ]
        found.update(dict.fromkeys(named or [code]))
    return tuple(found)


def names(text: str, reference: str) -> bool:
    """Whether a line's text holds another system's `reference` as whole words; case and punctuation do not count."""
    wanted = _words(reference)
    return bool(wanted.strip()) and wanted in _words(text)


def _words(text: str) -> str:
    return f" {' '.join(re.findall('[0-9A-Z]+', text[:MEMO_CHARS].upper()))} "
