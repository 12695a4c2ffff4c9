"""How each way to pay is called and what the citizen does there, in words that can be read aloud."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.payment import DESK
from gateway.ports import Capability
from gateway.service import tries
from gateway.service.context import Context
from gateway.store import payments as store

NAMES = {
    "vnpay": "VNPAY: thẻ, ví, ứng dụng ngân hàng",
    "dvcqg": "Nền tảng thanh toán Cổng Dịch vụ công quốc gia",
    "paygov": "PayGov",
    "keypay": "KeyPay",
    "keypay2": "KeyPay (phiên bản 2)",
    "viettelpay": "Viettel Money",
    "ttttqg": "Chuyển khoản qua mã QR của Cổng Dịch vụ công quốc gia",
    "vietqr": "Chuyển khoản bằng mã VietQR",
    "vietinbank": "VietinBank: tại quầy hoặc ứng dụng",
    "bidv": "BIDV: tại quầy hoặc ứng dụng",
    DESK: "Nộp tại bộ phận một cửa",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """What a try shows on the page: a QR code, or a code to name; with what a payer copies by hand."""

    name: str
    qr: bool
    pay_code: str | None
    at_desk: bool
    account: str
    account_name: str
    bank: str
    memo: str


def name_of(provider: str) -> str:
    return NAMES.get(provider, provider)


def current(
    context: Context, payment: store.Payment, attempts: Sequence[store.Attempt]
) -> store.Attempt | None:
    """The newest open try that shows a code, if it can still be paid and shows the sum that is owed."""
    last = next((each for each in reversed(attempts) if each.state in tries.OPEN), None)
    if last is None or last.asked_vnd not in {None, tries.left_vnd(payment)}:
        return None
    if tries.ends_at(context, payment, last.provider, last.created_at) <= context.clock():
        return None
    return last if last.qr_payload or last.pay_code else None


def shown(context: Context, payment: store.Payment, attempt: store.Attempt) -> Shown:
    agency = context.agency(payment.agency_code)
    provider = context.providers.get(attempt.provider)
    by_hand = provider is not None and provider.capabilities == frozenset({Capability.QR})
    return Shown(
        name=name_of(attempt.provider),
        qr=attempt.qr_payload is not None,
        pay_code=attempt.pay_code,
        at_desk=attempt.provider == DESK,
        # only a plain transfer can be typed: a bank's own code leads to an account of its own
        account=agency.account if by_hand else "",
        account_name=agency.account_name if by_hand else "",
        bank=agency.bank_bin if by_hand else "",
        memo=attempt.reference if by_hand else "",
    )
