"""VNPAY payment gateway 2.1.0: the "PAY" redirect, the IPN and the return, "querydr" and "refund".

Documents: sandbox.vnpayment.vn/apis/docs, pages "pay" and "querydr&refund"; our reading is section 4 of
`specs/payments.md`. One shared secret signs everything with HMAC-SHA512, in hexadecimal:

* pay URL, IPN, return: over the form-encoded `name=value` pairs, empty fields dropped, sorted, joined by `&`;
* querydr, refund, their answers: over the values alone, in a fixed order, joined by `|`, an absent one empty.

A refund has no reference of ours on this wire, and querydr names a payment only: what became of a refund cannot
be asked (no `REFUND_QUERY`); the account's statement tells. Our reference stands in its vnp_OrderInfo.

An IPN is checked over the pairs exactly as they stand in the raw query: three form encoders in use disagree
on `*` and `~`, so whoever re-encodes what came makes another text. For the same reason our order information
keeps to the characters that all of them write alike. Sums travel times 100. Times are +07:00.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from adapters.vnpay_wire import (
    HASH,
    QUERY_ANSWER_ORDER,
    QUERY_ORDER,
    REFUND_ANSWER_ORDER,
    REFUND_ORDER,
    checked_reference,
    piped,
    sign,
    signed_query,
    verified_answer,
    verified_query,
    vnd,
    wire_amount,
)
from gateway.domain import wire
from gateway.domain.errors import (
    ForeignPartner,
    Malformed,
    Misconfigured,
    Refused,
    Unsupported,
)
from gateway.ports import (
    Answer,
    Capability,
    HttpAnswer,
    HttpDoor,
    HttpRequest,
    InboundMessage,
    Outcome,
    RefundOrder,
    RefundReport,
    Report,
    Started,
    StartOrder,
)

# What vnp_ResponseCode says of the payment. UNKNOWN stands for a listed code that speaks of the request or of
# nothing in particular (01 is "the transaction exists already"): vnp_TransactionStatus has to decide.
RESPONSE_CODES: Final[Mapping[str, Outcome]] = MappingProxyType(
    {
        "00": Outcome.PAID,
        "07": Outcome.PENDING,  # the payer was debited, the provider suspects fraud and has not decided
        **dict.fromkeys(("01", "02", "03", "04", "05", "06", "08", "99"), Outcome.UNKNOWN),
        **dict.fromkeys(("09", "10", "11", "12", "13", "24", "51", "65", "75", "79"), Outcome.FAILED),
    }
)
# What vnp_TransactionStatus says. With 04 the payer's bank was debited and the provider has not received it:
# that is no failure for the one who paid. 05, 06 and 09 speak of a refund: money had come, so a person looks.
TRANSACTION_STATUSES: Final[Mapping[str, Outcome]] = MappingProxyType(
    {
        "00": Outcome.PAID,
        "01": Outcome.PENDING,
        "02": Outcome.FAILED,
        "04": Outcome.PENDING,
        "07": Outcome.PENDING,
        **dict.fromkeys(("05", "06", "09"), Outcome.UNKNOWN),
    }
)
DONE: Final = "00"
# The payer has not opened our URL yet, or never will: not paid, and no word that it cannot be paid later.
QUERY_NOT_FOUND: Final = "91"
# Our request was refused before the order was looked at, some without a signature: bad TmnCode, bad format, bad
# checksum. A question about a payment may also be asked too soon (94) or meet another error (99).
NOT_LOOKED_AT: Final = frozenset({"02", "03", "97"})
QUERY_REFUSED: Final = NOT_LOOKED_AT | {"94", "99"}
# 91 no such payment, 95 it was not successful. But 94 says that a refund was asked for before and is under way,
# and 99 says nothing: a refund that meets one of them is not known, and never "refused, ask again".
REFUND_REFUSED: Final = NOT_LOOKED_AT | {"91", "95"}
# What vnp_TransactionStatus says of a refund that was taken on: 05 with VNPAY, 06 with the bank, 09 refused. An
# error (02) beside a success (00) contradicts itself, and 04 and 07 speak of a payment.
REFUND_STATUSES: Final[Mapping[str, Outcome]] = MappingProxyType(
    {
        "00": Outcome.PAID,
        **dict.fromkeys(("01", "05", "06"), Outcome.PENDING),
        "09": Outcome.FAILED,
        **dict.fromkeys(("02", "04", "07"), Outcome.UNKNOWN),
    }
)
PAYMENT, FULL_REFUND, PART_REFUND = "01", "02", "03"  # vnp_TransactionType

# 00 and 02 end the retries; the others are sent again up to ten times, five minutes apart.
ACKNOWLEDGEMENTS: Final[Mapping[Answer, tuple[str, str]]] = MappingProxyType(
    {
        Answer.OK: ("00", "Confirm Success"),
        Answer.DUPLICATE: ("02", "Order already confirmed"),
        Answer.WRONG_AMOUNT: ("04", "Invalid amount"),
        Answer.UNKNOWN_ORDER: ("01", "Order not found"),
        Answer.BAD_SIGNATURE: ("97", "Invalid Checksum"),
        Answer.MALFORMED: ("99", "Unknown error"),
        Answer.OUR_ERROR: ("99", "Unknown error"),
    }
)

MAX_ORDER_INFO: Final = 255
MAX_CREATE_BY: Final = 245


@dataclass(frozen=True, slots=True)
class Settings:
    """What the contract with VNPAY gives. `server_ip` is the address that our queries and refunds come from."""

    tmn_code: str
    secret: str = field(repr=False)
    pay_url: str
    query_url: str
    server_ip: str = "127.0.0.1"
    order_type: str = "other"
    bank_code: str = ""
    version: str = "2.1.0"
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        """Raises `Misconfigured`."""
        if not re.fullmatch(r"[A-Za-z0-9]{1,8}", self.tmn_code):
            raise Misconfigured("vnpay: tmn_code is up to eight letters and digits")
        if not self.secret:
            raise Misconfigured("vnpay: secret is empty")
        if not all(url.startswith(("https://", "http://")) for url in (self.pay_url, self.query_url)):
            raise Misconfigured("vnpay: pay_url and query_url are absolute http(s) URLs")


def encode_pay_url(settings: Settings, order: StartOrder) -> str:
    """Where the payer's browser is sent. Raises `Malformed` for an order that the wire cannot carry."""
    fields = {
        "vnp_Version": settings.version,
        "vnp_Command": "pay",
        "vnp_TmnCode": settings.tmn_code,
        "vnp_Amount": wire_amount(order.amount_vnd),
        "vnp_BankCode": settings.bank_code,
        "vnp_CreateDate": wire.local_stamp(order.created_at),
        "vnp_CurrCode": "VND",
        "vnp_IpAddr": order.client_ip,
        "vnp_Locale": "en" if order.locale == "en" else "vn",
        "vnp_OrderInfo": wire.plain_memo(order.description, MAX_ORDER_INFO) or order.reference,
        "vnp_OrderType": settings.order_type,
        "vnp_ReturnUrl": order.return_url,
        "vnp_ExpireDate": wire.local_stamp(order.expires_at),
        "vnp_TxnRef": checked_reference(order.reference),
    }
    return f"{settings.pay_url}?{signed_query(fields, settings.secret)}"


def decode_ipn(settings: Settings, query: bytes) -> Report:
    """Reads an IPN, and the browser's return, which has the same form but never decides.

    Raises `Malformed`, `BadSignature`, `ForeignPartner`.
    """
    fields = verified_query(query, settings.secret)
    if fields.get("vnp_TmnCode") != settings.tmn_code:
        raise ForeignPartner("vnpay: the message names another vnp_TmnCode")
    codes = fields.get("vnp_ResponseCode", ""), fields.get("vnp_TransactionStatus", "")
    return _report(fields, ipn_outcome(*codes), vnd(fields.get("vnp_Amount", "")), "/".join(codes))


def ipn_outcome(response: str, status: str) -> Outcome:
    """Paid when both say so; failed when one says so and the other does not speak against it."""
    said, stands = RESPONSE_CODES.get(response), TRANSACTION_STATUSES.get(status)
    if said is None or (status and stands is None):
        return Outcome.UNKNOWN
    if Outcome.PENDING in {said, stands}:
        return Outcome.PENDING
    if said == stands:
        return said
    failed = stands == Outcome.FAILED and said == Outcome.UNKNOWN
    return Outcome.FAILED if failed or (said == Outcome.FAILED and not status) else Outcome.UNKNOWN


def encode_query(
    settings: Settings, *, reference: str, started_at: datetime, now: datetime, request_id: str
) -> HttpRequest:
    """A querydr; `started_at` must be the `created_at` of the order's pay URL, to the second."""
    fields = {
        "vnp_RequestId": checked_reference(request_id),
        "vnp_Version": settings.version,
        "vnp_Command": "querydr",
        "vnp_TmnCode": settings.tmn_code,
        "vnp_TxnRef": checked_reference(reference),
        "vnp_TransactionDate": wire.local_stamp(started_at),
        "vnp_CreateDate": wire.local_stamp(now),
        "vnp_IpAddr": settings.server_ip,
        "vnp_OrderInfo": f"Truy van {reference}",
    }
    return _signed_request(settings, fields, QUERY_ORDER)


def encode_refund(settings: Settings, order: RefundOrder, request_id: str) -> HttpRequest:
    """A refund, full when it gives back all that was paid. Raises `Malformed`."""
    if order.amount_vnd > order.paid_vnd:
        raise Malformed("vnpay: a refund is not more than what was paid")
    full = order.amount_vnd == order.paid_vnd
    fields = {
        "vnp_RequestId": checked_reference(request_id),
        "vnp_Version": settings.version,
        "vnp_Command": "refund",
        "vnp_TmnCode": settings.tmn_code,
        "vnp_TransactionType": FULL_REFUND if full else PART_REFUND,
        "vnp_TxnRef": checked_reference(order.payment_reference),
        "vnp_Amount": wire_amount(order.amount_vnd),
        "vnp_TransactionNo": checked_reference(order.provider_ref) if order.provider_ref else "",
        "vnp_TransactionDate": wire.local_stamp(order.started_at),
        "vnp_CreateBy": wire.plain_memo(order.requested_by, MAX_CREATE_BY) or "-",
        "vnp_CreateDate": wire.local_stamp(order.created_at),
        "vnp_IpAddr": settings.server_ip,
        "vnp_OrderInfo": f"Hoan tien {checked_reference(order.reference)}",
    }
    return _signed_request(settings, fields, REFUND_ORDER)


def decode_query(settings: Settings, answer: HttpAnswer, reference: str) -> Report:
    """Reads the answer to a querydr about `reference`. Raises as `PaymentProvider.query`."""
    fields = verified_answer(answer, settings.secret, order=QUERY_ANSWER_ORDER, unsigned=QUERY_REFUSED)
    _about(settings, _unrefused(fields, QUERY_REFUSED), reference)
    amount = fields["vnp_Amount"]
    codes = "/".join((fields["vnp_ResponseCode"], fields["vnp_TransactionStatus"]))
    return _report(fields, query_outcome(fields), vnd(amount) if amount else None, codes)


def query_outcome(fields: Mapping[str, str]) -> Outcome:
    """What an answer says of the payment. A refund's record (type 02 or 03) says nothing of it."""
    if fields["vnp_ResponseCode"] == QUERY_NOT_FOUND:
        return Outcome.PENDING
    if fields["vnp_ResponseCode"] != DONE or fields["vnp_TransactionType"] not in {"", PAYMENT}:
        return Outcome.UNKNOWN
    return TRANSACTION_STATUSES.get(fields["vnp_TransactionStatus"], Outcome.UNKNOWN)


def decode_refund(settings: Settings, answer: HttpAnswer, order: RefundOrder) -> RefundReport:
    """Reads the answer to the refund `order`. Raises as `Refunding.refund`.

    vnp_TransactionNo is the refund's own number. An answer of another type than a refund's says nothing of it.
    """
    fields = verified_answer(answer, settings.secret, order=REFUND_ANSWER_ORDER, unsigned=NOT_LOOKED_AT)
    _about(settings, _unrefused(fields, REFUND_REFUSED), order.payment_reference)
    amount, number = fields["vnp_Amount"], fields["vnp_TransactionNo"]
    taken_on = fields["vnp_ResponseCode"] == DONE and fields["vnp_TransactionType"] in {
        FULL_REFUND,
        PART_REFUND,
    }
    stands = REFUND_STATUSES.get(fields["vnp_TransactionStatus"], Outcome.UNKNOWN)
    return RefundReport(
        outcome=stands if taken_on else Outcome.UNKNOWN,
        reference=order.reference,
        amount_vnd=vnd(amount) if amount else None,
        provider_ref=number if number.strip("0") else None,
        code="/".join((fields["vnp_ResponseCode"], fields["vnp_TransactionStatus"])),
    )


def _signed_request(settings: Settings, fields: Mapping[str, str], order: str) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=settings.query_url,
        headers={"content-type": "application/json"},
        body=wire.compact_json({**fields, HASH: sign(settings.secret, piped(fields, order))}),
        timeout_s=settings.timeout_s,
    )


def _unrefused(fields: dict[str, str], refusals: frozenset[str]) -> dict[str, str]:
    if fields["vnp_ResponseCode"] in refusals:
        raise Refused("vnpay: the request was refused", code=fields["vnp_ResponseCode"])
    return fields


def _about(settings: Settings, fields: Mapping[str, str], reference: str) -> None:
    if fields["vnp_TmnCode"] != settings.tmn_code:
        raise ForeignPartner("vnpay: the answer names another vnp_TmnCode")
    if fields["vnp_TxnRef"] != reference:
        raise Malformed("vnpay: the answer is about another vnp_TxnRef")


def _report(fields: Mapping[str, str], outcome: Outcome, amount_vnd: int | None, code: str) -> Report:
    number = fields.get("vnp_TransactionNo", "")
    if not fields.get("vnp_TxnRef"):
        raise Malformed("vnpay: vnp_TxnRef is absent")
    return Report(
        outcome=outcome,
        reference=fields["vnp_TxnRef"],
        amount_vnd=amount_vnd,
        currency=fields.get("vnp_CurrCode") or "VND",  # the protocol knows no other
        provider_ref=number if number.strip("0") else None,  # 0 stands for "no transaction was made"
        code=code,
        occurred_at=wire.readable_stamp(fields.get("vnp_PayDate", "")),
    )


class Vnpay:
    """The adapter: see `gateway.ports.PaymentProvider` for the contract."""

    name = "vnpay"
    capabilities = frozenset({Capability.REDIRECT, Capability.CALLBACK, Capability.QUERY, Capability.REFUND})

    def __init__(self, settings: Settings, http: HttpDoor) -> None:
        self._settings = settings
        self._http = http

    def start(self, order: StartOrder) -> Started:
        """Makes the pay URL; nothing is sent, so nothing can be in doubt."""
        return Started(redirect_url=encode_pay_url(self._settings, order))

    def read_callback(self, message: InboundMessage, now: datetime) -> Report:  # noqa: ARG002 - has no clock
        return decode_ipn(self._settings, message.query)

    def acknowledge(self, answer: Answer, message: InboundMessage, now: datetime) -> HttpAnswer:  # noqa: ARG002 - fixed
        code, text = ACKNOWLEDGEMENTS[answer]
        body = wire.compact_json({"RspCode": code, "Message": text})
        return HttpAnswer(status=200, body=body, headers={"content-type": "application/json"})

    def query(self, reference: str, started_at: datetime, now: datetime, request_id: str) -> Report:
        request = encode_query(
            self._settings, reference=reference, started_at=started_at, now=now, request_id=request_id
        )
        return decode_query(self._settings, self._http.send(request), reference)

    def refund(self, order: RefundOrder, request_id: str) -> RefundReport:
        request = encode_refund(self._settings, order, request_id)
        return decode_refund(self._settings, self._http.send(request), order)

    def query_refund(self, order: RefundOrder, now: datetime, request_id: str) -> RefundReport:  # noqa: ARG002 - cannot
        raise Unsupported("vnpay: a refund cannot be asked about")
