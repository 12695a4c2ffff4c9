"""Payment (thanh toán) and attempt: what became of the money, as far as we can prove.

Failed is never final: a success that comes late counts from every unpaid state, and paid is never undone
(house law 3). Giving money back is a refund, a fact of its own.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

DESK: Final = "counter"
"""The provider that is a desk of our own, where cash is taken too (quầy thu)."""


class PaymentState(StrEnum):
    CREATED = "created"
    PENDING = "pending"
    UNKNOWN = "unknown"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class PaymentEvent(StrEnum):
    START = "start"
    TAKE_BACK = "take_back"
    LOSE_SIGHT = "lose_sight"
    SEE_PENDING = "see_pending"
    PAY = "pay"
    FAIL = "fail"
    EXPIRE = "expire"
    CANCEL = "cancel"


_S, _E = PaymentState, PaymentEvent

TABLE: Mapping[tuple[PaymentState, PaymentEvent], PaymentState] = {
    (_S.CREATED, _E.START): _S.PENDING,
    (_S.PENDING, _E.START): _S.PENDING,
    (_S.FAILED, _E.START): _S.PENDING,
    (_S.PENDING, _E.TAKE_BACK): _S.CREATED,
    (_S.CREATED, _E.LOSE_SIGHT): _S.UNKNOWN,
    (_S.PENDING, _E.LOSE_SIGHT): _S.UNKNOWN,
    (_S.FAILED, _E.LOSE_SIGHT): _S.UNKNOWN,
    (_S.UNKNOWN, _E.SEE_PENDING): _S.PENDING,
    (_S.PENDING, _E.FAIL): _S.FAILED,
    (_S.UNKNOWN, _E.FAIL): _S.FAILED,
    (_S.CREATED, _E.EXPIRE): _S.EXPIRED,
    (_S.PENDING, _E.EXPIRE): _S.EXPIRED,
    (_S.FAILED, _E.EXPIRE): _S.EXPIRED,
    (_S.CREATED, _E.CANCEL): _S.CANCELLED,
    (_S.PENDING, _E.CANCEL): _S.CANCELLED,
    (_S.FAILED, _E.CANCEL): _S.CANCELLED,
    (_S.CREATED, _E.PAY): _S.PAID,
    (_S.PENDING, _E.PAY): _S.PAID,
    (_S.UNKNOWN, _E.PAY): _S.PAID,
    (_S.FAILED, _E.PAY): _S.PAID,
    (_S.EXPIRED, _E.PAY): _S.PAID,
    (_S.CANCELLED, _E.PAY): _S.PAID,
}
"""Unknown money neither expires nor is cancelled: it may only be found out."""


class PublicPayment(StrEnum):
    """What portals and citizens see: unknown is told as pending, never as success or failure."""

    CREATED = "created"
    PENDING = "pending"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


PUBLIC: Mapping[PaymentState, PublicPayment] = {
    _S.CREATED: PublicPayment.CREATED,
    _S.PENDING: PublicPayment.PENDING,
    _S.UNKNOWN: PublicPayment.PENDING,
    _S.PAID: PublicPayment.SUCCESS,
    _S.FAILED: PublicPayment.FAILED,
    _S.EXPIRED: PublicPayment.EXPIRED,
    _S.CANCELLED: PublicPayment.CANCELLED,
}
assert set(PUBLIC) == set(PaymentState), "every payment state has a public one"


class AttemptState(StrEnum):
    """One try at one provider."""

    INTENDED = "intended"
    SENT = "sent"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    ABANDONED = "abandoned"


class AttemptEvent(StrEnum):
    SEND = "send"
    LOSE_SIGHT = "lose_sight"
    SUCCEED = "succeed"
    FAIL = "fail"
    ABANDON = "abandon"


_A, _B = AttemptState, AttemptEvent

ATTEMPT_TABLE: Mapping[tuple[AttemptState, AttemptEvent], AttemptState] = {
    (_A.INTENDED, _B.SEND): _A.SENT,
    (_A.UNKNOWN, _B.SEND): _A.SENT,
    (_A.INTENDED, _B.LOSE_SIGHT): _A.UNKNOWN,
    (_A.SENT, _B.LOSE_SIGHT): _A.UNKNOWN,
    (_A.INTENDED, _B.ABANDON): _A.ABANDONED,
    (_A.SENT, _B.ABANDON): _A.ABANDONED,
    (_A.UNKNOWN, _B.ABANDON): _A.ABANDONED,
    (_A.INTENDED, _B.FAIL): _A.FAILED,
    (_A.SENT, _B.FAIL): _A.FAILED,
    (_A.UNKNOWN, _B.FAIL): _A.FAILED,
    **{(state, _B.SUCCEED): _A.SUCCEEDED for state in _A if state != _A.SUCCEEDED},
}


def is_finished(state: PaymentState) -> bool:
    """Whether nothing more is expected by rule; a late success may still come."""
    return state in {_S.PAID, _S.EXPIRED, _S.CANCELLED}
