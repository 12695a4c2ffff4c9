"""A legal electronic receipt (biên lai điện tử) at a provider, for a receipt of ours.

A payment has one that holds, at most: another one is asked for in its place (`REPLACE`), where the provider can, or
after it was cancelled. `sent` is written before the call, and what is sent is looked up by our key and never issued
again (failure X23); only what the provider does not have may be asked for once more, under the same key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class LegalState(StrEnum):
    INTENDED = "intended"
    SENT = "sent"
    ISSUED = "issued"
    REFUSED = "refused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    REPLACED = "replaced"
    NOT_NEEDED = "not_needed"


class LegalEvent(StrEnum):
    SEND = "send"
    NOT_SENT = "not_sent"
    ISSUE = "issue"
    REFUSE = "refuse"
    RETRY = "retry"
    CANCEL = "cancel"
    NOT_CANCELLED = "not_cancelled"
    CANCELLED = "cancelled"
    REPLACE = "replace"
    DROP = "drop"


_S, _E = LegalState, LegalEvent

TABLE: Mapping[tuple[LegalState, LegalEvent], LegalState] = {
    (_S.INTENDED, _E.SEND): _S.SENT,
    (_S.INTENDED, _E.DROP): _S.NOT_NEEDED,
    (_S.INTENDED, _E.REFUSE): _S.REFUSED,
    (_S.SENT, _E.NOT_SENT): _S.INTENDED,
    (_S.SENT, _E.ISSUE): _S.ISSUED,
    (_S.SENT, _E.REFUSE): _S.REFUSED,
    (_S.REFUSED, _E.RETRY): _S.INTENDED,
    (_S.REFUSED, _E.DROP): _S.NOT_NEEDED,
    (_S.ISSUED, _E.CANCEL): _S.CANCELLING,
    (_S.ISSUED, _E.REPLACE): _S.REPLACED,
    (_S.CANCELLING, _E.NOT_CANCELLED): _S.ISSUED,
    (_S.CANCELLING, _E.CANCELLED): _S.CANCELLED,
}

EVENTS: Mapping[LegalEvent, str] = {
    _E.SEND: "legal_receipt.sent",
    _E.NOT_SENT: "legal_receipt.not_sent",
    _E.ISSUE: "legal_receipt.issued",
    _E.REFUSE: "legal_receipt.refused",
    _E.RETRY: "legal_receipt.retried",
    _E.CANCEL: "legal_receipt.cancelling",
    _E.NOT_CANCELLED: "legal_receipt.not_cancelled",
    _E.CANCELLED: "legal_receipt.cancelled",
    _E.REPLACE: "legal_receipt.replaced",
    _E.DROP: "legal_receipt.dropped",
}
assert set(EVENTS) == set(LegalEvent), "every event has a name on the spine"


def key_of(receipt_id: str) -> str:
    """Our key at the provider, one for a receipt for ever: 10 to 36 letters and digits that every provider takes."""
    return receipt_id.replace("_", "-")[:36]


class PublicLegal(StrEnum):
    """What portals see."""

    PENDING = "pending"
    ISSUED = "issued"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    REPLACED = "replaced"


PUBLIC: Mapping[LegalState, PublicLegal] = {
    _S.INTENDED: PublicLegal.PENDING,
    _S.SENT: PublicLegal.PENDING,
    _S.ISSUED: PublicLegal.ISSUED,
    _S.REFUSED: PublicLegal.REFUSED,
    _S.CANCELLING: PublicLegal.ISSUED,
    _S.CANCELLED: PublicLegal.CANCELLED,
    _S.REPLACED: PublicLegal.REPLACED,
    _S.NOT_NEEDED: PublicLegal.CANCELLED,
}
assert set(PUBLIC) == set(LegalState), "every state is seen as something"

SETTLED: Final = frozenset({_S.CANCELLED, _S.REPLACED, _S.NOT_NEEDED})
"""Nothing of it holds, and nothing more comes of it."""
BY_HAND: Final = "by_hand"
"""Why it was refused where not the provider did it: a person is to say what the provider is to have."""
CONFLICT: Final = "ReferenceConflict"
"""Why it was refused where the provider has something else under our key, which may hold."""


class Way(StrEnum):
    """How a legal receipt can come into being now."""

    ISSUE = "issue"
    REPLACE = "replace"
    CANCEL_FIRST = "cancel_first"
    WAIT = "wait"
    BY_HAND = "by_hand"


@dataclass(frozen=True, slots=True)
class Other:
    """Another legal receipt of the same payment. `code` is why it was refused, or could not be cancelled."""

    state: LegalState
    code: str
    has_same_sum: bool


def way_beside(others: Sequence[Other], *, can_replace: bool) -> Way:
    """How one can come into being beside those that the payment has: never so that two of them hold.

    A sum that changed needs one act that puts the new receipt in the place of the old one; where the provider has none,
    it is a person's work, and so is whatever follows from that.
    """
    if any(other.code in {BY_HAND, CONFLICT} for other in others):
        return Way.BY_HAND
    open_ones = [other for other in others if other.state not in SETTLED]
    if not open_ones:
        return Way.ISSUE
    if len(open_ones) > 1 or open_ones[0].state != LegalState.ISSUED:
        return Way.WAIT
    if can_replace:
        return Way.REPLACE
    return Way.CANCEL_FIRST if open_ones[0].has_same_sum and not open_ones[0].code else Way.BY_HAND
