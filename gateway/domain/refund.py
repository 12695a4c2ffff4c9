"""Refund (hoàn phí): money given back is a new fact beside a payment, never its undoing.

Intention, sent and accepted are three states (failure X09). `sent` is written before the call: if we die in between,
nobody takes it for "not sent". An unclear refund is asked about, never sent again.
"""

from collections.abc import Mapping
from enum import StrEnum


class RefundState(StrEnum):
    REQUESTED = "requested"
    APPROVED = "approved"
    SENT = "sent"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    DECLINED = "declined"


class RefundEvent(StrEnum):
    APPROVE = "approve"
    DECLINE = "decline"
    SEND = "send"
    NOT_SENT = "not_sent"
    SUCCEED = "succeed"
    FAIL = "fail"
    LOSE_SIGHT = "lose_sight"


_S, _E = RefundState, RefundEvent

TABLE: Mapping[tuple[RefundState, RefundEvent], RefundState] = {
    (_S.REQUESTED, _E.APPROVE): _S.APPROVED,
    (_S.REQUESTED, _E.DECLINE): _S.DECLINED,
    (_S.APPROVED, _E.SEND): _S.SENT,
    (_S.APPROVED, _E.DECLINE): _S.DECLINED,
    (_S.SENT, _E.NOT_SENT): _S.APPROVED,
    (_S.SENT, _E.SUCCEED): _S.SUCCEEDED,
    (_S.SENT, _E.FAIL): _S.FAILED,
    (_S.SENT, _E.LOSE_SIGHT): _S.UNKNOWN,
    (_S.UNKNOWN, _E.SUCCEED): _S.SUCCEEDED,
    (_S.UNKNOWN, _E.FAIL): _S.FAILED,
    (_S.FAILED, _E.SUCCEED): _S.SUCCEEDED,
    (_S.FAILED, _E.APPROVE): _S.APPROVED,
    (_S.FAILED, _E.DECLINE): _S.DECLINED,
}


class PublicRefund(StrEnum):
    REQUESTED = "requested"
    PENDING = "pending"
    SUCCESS = "success"
    FAILED = "failed"
    DECLINED = "declined"


PUBLIC: Mapping[RefundState, PublicRefund] = {
    _S.REQUESTED: PublicRefund.REQUESTED,
    _S.APPROVED: PublicRefund.PENDING,
    _S.SENT: PublicRefund.PENDING,
    _S.UNKNOWN: PublicRefund.PENDING,
    _S.SUCCEEDED: PublicRefund.SUCCESS,
    _S.FAILED: PublicRefund.FAILED,
    _S.DECLINED: PublicRefund.DECLINED,
}
assert set(PUBLIC) == set(RefundState), "every refund state has a public one"

HOLDS = frozenset(RefundState) - {_S.DECLINED, _S.FAILED}
"""The states in which a refund takes up part of what was paid: nothing else may give that part back."""
