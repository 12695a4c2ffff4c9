"""A legal electronic receipt (biên lai điện tử) at a provider, for a receipt of ours.

`sent` is written before the call, and what is sent is looked up by our key and never issued again (failure X23); only
what the provider does not have may be asked for once more, under the same key.
"""

from collections.abc import Mapping
from enum import StrEnum


class LegalState(StrEnum):
    INTENDED = "intended"
    SENT = "sent"
    ISSUED = "issued"
    REFUSED = "refused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
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
    _E.DROP: "legal_receipt.dropped",
}
assert set(EVENTS) == set(LegalEvent), "every event has a name on the spine"


def key_of(receipt_id: str) -> str:
    """Our key at the provider, one for a receipt for ever: 10 to 36 letters and digits that every provider takes."""
    return receipt_id.replace("_", "-")[:36]
