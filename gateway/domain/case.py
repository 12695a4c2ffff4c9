"""Case (hồ sơ): draft, then the ten national states (`specs/case.md` B3, National portal codes 1 to 10).

Business, money, delivery and synchronisation are four columns: one never overwrites another.
"""

from collections.abc import Mapping
from enum import StrEnum


class CaseState(StrEnum):
    DRAFT = "draft"
    REGISTERED = "registered"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    PROCESSING = "processing"
    SUPPLEMENT_REQUIRED = "supplement_required"
    FEE_DUE = "fee_due"
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"
    RESULT_READY = "result_ready"
    RESULT_DELIVERED = "result_delivered"


class CaseEvent(StrEnum):
    SUBMIT = "submit"
    ACCEPT = "accept"
    REFUSE = "refuse"
    PROCESS = "process"
    ASK_SUPPLEMENT = "ask_supplement"
    SUPPLEMENT_GIVEN = "supplement_given"
    ASK_FEE = "ask_fee"
    FEE_PAID = "fee_paid"
    WITHDRAW = "withdraw"
    STOP = "stop"
    FINISH = "finish"
    DELIVER = "deliver"


_S, _E = CaseState, CaseEvent

TABLE: Mapping[tuple[CaseState, CaseEvent], CaseState] = {
    (_S.DRAFT, _E.SUBMIT): _S.REGISTERED,
    (_S.REGISTERED, _E.ACCEPT): _S.ACCEPTED,
    (_S.REGISTERED, _E.REFUSE): _S.REFUSED,
    (_S.REGISTERED, _E.ASK_SUPPLEMENT): _S.SUPPLEMENT_REQUIRED,
    (_S.REGISTERED, _E.ASK_FEE): _S.FEE_DUE,
    (_S.REGISTERED, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.ACCEPTED, _E.PROCESS): _S.PROCESSING,
    (_S.ACCEPTED, _E.ASK_SUPPLEMENT): _S.SUPPLEMENT_REQUIRED,
    (_S.ACCEPTED, _E.ASK_FEE): _S.FEE_DUE,
    (_S.ACCEPTED, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.ACCEPTED, _E.STOP): _S.STOPPED,
    (_S.PROCESSING, _E.ASK_SUPPLEMENT): _S.SUPPLEMENT_REQUIRED,
    (_S.PROCESSING, _E.ASK_FEE): _S.FEE_DUE,
    (_S.PROCESSING, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.PROCESSING, _E.STOP): _S.STOPPED,
    (_S.PROCESSING, _E.FINISH): _S.RESULT_READY,
    (_S.SUPPLEMENT_REQUIRED, _E.SUPPLEMENT_GIVEN): _S.ACCEPTED,
    (_S.SUPPLEMENT_REQUIRED, _E.PROCESS): _S.PROCESSING,
    (_S.SUPPLEMENT_REQUIRED, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.SUPPLEMENT_REQUIRED, _E.STOP): _S.STOPPED,
    (_S.FEE_DUE, _E.FEE_PAID): _S.ACCEPTED,
    (_S.FEE_DUE, _E.PROCESS): _S.PROCESSING,
    (_S.FEE_DUE, _E.WITHDRAW): _S.WITHDRAWN,
    (_S.FEE_DUE, _E.STOP): _S.STOPPED,
    (_S.RESULT_READY, _E.DELIVER): _S.RESULT_DELIVERED,
}

AGENCY_EVENTS = frozenset(_E) - {_E.SUBMIT, _E.DELIVER, _E.FEE_PAID}
"""What the agency side may ask for; the others follow from facts (a submission, a payment, a hand-over)."""

NATIONAL: Mapping[CaseState, tuple[int, str]] = {
    _S.REGISTERED: (1, "Mới đăng ký"),
    _S.ACCEPTED: (2, "Được tiếp nhận"),
    _S.REFUSED: (3, "Không được tiếp nhận"),
    _S.PROCESSING: (4, "Đang xử lý"),
    _S.SUPPLEMENT_REQUIRED: (5, "Yêu cầu bổ sung giấy tờ"),
    _S.FEE_DUE: (6, "Yêu cầu thực hiện nghĩa vụ tài chính"),
    _S.WITHDRAWN: (7, "Công dân yêu cầu rút hồ sơ"),
    _S.STOPPED: (8, "Dừng xử lý"),
    _S.RESULT_READY: (9, "Đã xử lý xong"),
    _S.RESULT_DELIVERED: (10, "Đã trả kết quả"),
}
"""The code and the words of the National portal; a draft is not told to it."""
assert set(NATIONAL) == set(CaseState) - {_S.DRAFT}, "every state but draft has a national code"


class MoneyState(StrEnum):
    """What is owed on the case."""

    NOT_DUE = "not_due"
    DUE = "due"
    PAID = "paid"


IN_WORK = frozenset({_S.ACCEPTED, _S.PROCESSING})
"""The agency has it, and its clock runs."""

ENDED_WITHOUT_RESULT = frozenset({_S.REFUSED, _S.WITHDRAWN, _S.STOPPED})
"""Nothing is owed any more: what is open is cancelled, and money that comes all the same is owed back."""

ENDED = ENDED_WITHOUT_RESULT | {_S.RESULT_DELIVERED}
"""Nothing more happens to it: from here on the time counts for which its person is kept."""
