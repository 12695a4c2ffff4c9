"""What every payment adapter is asked, whoever the provider is. One function, one question, one `Case`.

The questions know the port and the samples, and no adapter by name. Differences between providers are
declared: by capabilities, by the expectations in `case.json`, and there under `silent` with a reason.
"""

from collections.abc import Callable

import questions_calls
import questions_discretion
import questions_inquiry
import questions_notice_and_bill
import questions_payment
import questions_refund
from wire_samples import Case

QUESTIONS: tuple[Callable[[Case], None], ...] = (
    *questions_payment.QUESTIONS,
    *questions_calls.QUESTIONS,
    *questions_refund.QUESTIONS,
    *questions_inquiry.QUESTIONS,
    *questions_notice_and_bill.QUESTIONS,
    *questions_discretion.QUESTIONS,
)
