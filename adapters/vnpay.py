"""VNPAY payment gateway 2.1.0: the "PAY" redirect, the IPN, and "querydr".

Documents: sandbox.vnpayment.vn/apis/docs, pages "pay" and "querydr&refund"; our reading is section 4 of
`specs/payments.md`. One shared secret signs everything with HMAC-SHA512, in hexadecimal:

* pay URL and IPN: over the form-encoded `name=value` pairs, empty fields dropped, sorted, joined by `&`;
* querydr and its answer: over the values alone, in a fixed order, joined by `|`, an absent one being empty.

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

from gateway.domain import wire
from gateway.domain.errors import BadSignature, ForeignPartner, Malformed, Misconfigured, Refused
from gateway.ports import (
    Answer,
    Capability,
    HttpAnswer,
    HttpDoor,
    HttpRequest,
    InboundMessage,
    Outcome,
    Report,
    Started,
    StartOrder,
)
from signing.mac import hmac_hex, same

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
QUERY_DONE: Final = "00"
# The payer has not opened our URL yet, or never will: not paid, and no word that it cannot be paid later.
QUERY_NOT_FOUND: Final = "91"
# Our question was refused, which says nothing of the payment: bad TmnCode, bad format, asked again too soon,
# bad checksum, any other error. They are answered before the order is looked at, some without a signature.
QUERY_REFUSED: Final = frozenset({"02", "03", "94", "97", "99"})

QUERY_ORDER: Final = (
    "vnp_RequestId|vnp_Version|vnp_Command|vnp_TmnCode|vnp_TxnRef|vnp_TransactionDate|vnp_CreateDate|"
    "vnp_IpAddr|vnp_OrderInfo"
)
QUERY_ANSWER_ORDER: Final = (
    "vnp_ResponseId|vnp_Command|vnp_ResponseCode|vnp_Message|vnp_TmnCode|vnp_TxnRef|vnp_Amount|vnp_BankCode|"
    "vnp_PayDate|vnp_TransactionNo|vnp_TransactionType|vnp_TransactionStatus|vnp_OrderInfo|vnp_PromotionCode|"
    "vnp_PromotionAmount"
)

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
_REFERENCE = re.compile(r"[A-Za-z0-9._-]{1,100}")
_HASH: Final = "vnp_SecureHash"
_UNSIGNED: Final = frozenset({_HASH, "vnp_SecureHashType"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the contract with VNPAY gives. `server_ip` is the address that our queries come from."""

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


def sign(secret: str, text: bytes) -> str:
    return hmac_hex(secret.encode(), text, "sha512")


def signed_query(fields: Mapping[str, str], secret: str) -> str:
    """`fields` as a query string with its vnp_SecureHash at the end."""
    query = "&".join(f"{name}={wire.form_encode(value)}" for name, value in sorted(fields.items()) if value)
    return f"{query}&{_HASH}={sign(secret, query.encode())}"


def piped(fields: Mapping[str, str], order: str) -> bytes:
    return "|".join(fields.get(name, "") for name in order.split("|")).encode()


def encode_pay_url(settings: Settings, order: StartOrder) -> str:
    """Where the payer's browser is sent. Raises `Malformed` for an order that the wire cannot carry."""
    fields = {
        "vnp_Version": settings.version,
        "vnp_Command": "pay",
        "vnp_TmnCode": settings.tmn_code,
        "vnp_Amount": _wire_amount(order.amount_vnd),
        "vnp_BankCode": settings.bank_code,
        "vnp_CreateDate": wire.local_stamp(order.created_at),
        "vnp_CurrCode": "VND",
        "vnp_IpAddr": order.client_ip,
        "vnp_Locale": "en" if order.locale == "en" else "vn",
        "vnp_OrderInfo": wire.plain_memo(order.description, MAX_ORDER_INFO) or order.reference,
        "vnp_OrderType": settings.order_type,
        "vnp_ReturnUrl": order.return_url,
        "vnp_ExpireDate": wire.local_stamp(order.expires_at),
        "vnp_TxnRef": _checked_reference(order.reference),
    }
    return f"{settings.pay_url}?{signed_query(fields, settings.secret)}"


def decode_ipn(settings: Settings, query: bytes) -> Report:
    """Reads an IPN, and the browser's return, which has the same form but never decides.

    Raises `Malformed`, `BadSignature`, `ForeignPartner`.
    """
    fields = _verified_query(settings, query)
    if fields.get("vnp_TmnCode") != settings.tmn_code:
        raise ForeignPartner("vnpay: the message names another vnp_TmnCode")
    codes = fields.get("vnp_ResponseCode", ""), fields.get("vnp_TransactionStatus", "")
    return _report(fields, ipn_outcome(*codes), _vnd(fields.get("vnp_Amount", "")), "/".join(codes))


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
        "vnp_RequestId": _checked_reference(request_id),
        "vnp_Version": settings.version,
        "vnp_Command": "querydr",
        "vnp_TmnCode": settings.tmn_code,
        "vnp_TxnRef": _checked_reference(reference),
        "vnp_TransactionDate": wire.local_stamp(started_at),
        "vnp_CreateDate": wire.local_stamp(now),
        "vnp_IpAddr": settings.server_ip,
        "vnp_OrderInfo": f"Truy van {reference}",
    }
    body = {**fields, _HASH: sign(settings.secret, piped(fields, QUERY_ORDER))}
    return HttpRequest(
        method="POST",
        url=settings.query_url,
        headers={"content-type": "application/json"},
        body=wire.compact_json(body),
        timeout_s=settings.timeout_s,
    )


def decode_query(settings: Settings, answer: HttpAnswer, reference: str) -> Report:
    """Reads the answer to a querydr about `reference`. Raises as `PaymentProvider.query`."""
    wire.usable_status(answer.status)
    document = wire.strict_json_object(answer.body)
    fields = {name: wire.printed(document, name) for name in (*QUERY_ANSWER_ORDER.split("|"), _HASH)}
    code = fields["vnp_ResponseCode"]
    if code in QUERY_REFUSED and not fields[_HASH]:
        raise Refused("vnpay: the query was refused", code=code)
    if not same(fields[_HASH], sign(settings.secret, piped(fields, QUERY_ANSWER_ORDER))):
        raise BadSignature("vnpay: vnp_SecureHash of the answer does not hold")
    if code in QUERY_REFUSED:
        raise Refused("vnpay: the query was refused", code=code)
    if fields["vnp_TmnCode"] != settings.tmn_code:
        raise ForeignPartner("vnpay: the answer names another vnp_TmnCode")
    if fields["vnp_TxnRef"] != reference:
        raise Malformed("vnpay: the answer is about another vnp_TxnRef")
    amount = fields["vnp_Amount"]
    codes = "/".join((code, fields["vnp_TransactionStatus"]))
    return _report(fields, query_outcome(fields), _vnd(amount) if amount else None, codes)


def query_outcome(fields: Mapping[str, str]) -> Outcome:
    """What an answer says of the payment. A refund's record (type 02 or 03) says nothing of it."""
    if fields["vnp_ResponseCode"] == QUERY_NOT_FOUND:
        return Outcome.PENDING
    if fields["vnp_ResponseCode"] != QUERY_DONE or fields["vnp_TransactionType"] not in {"", "01"}:
        return Outcome.UNKNOWN
    return TRANSACTION_STATUSES.get(fields["vnp_TransactionStatus"], Outcome.UNKNOWN)


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


def _verified_query(settings: Settings, query: bytes) -> dict[str, str]:
    """The decoded fields of a raw query whose hash holds, whatever the order of its pairs.

    The signer sorts the pairs. Should what came be in another order, both that order and the sorted one are
    tried: they hold the same pairs, so accepting either adds nothing that the secret's owner has not said.
    """
    pairs = wire.raw_query_pairs(query)
    signed = [(name, value) for name, value in pairs.items() if name not in _UNSIGNED]
    given = pairs.get(_HASH, b"").decode("latin-1")
    texts = [
        b"&".join(name.encode() + b"=" + value for name, value in one) for one in (signed, sorted(signed))
    ]
    if not any(same(given, sign(settings.secret, text)) for text in texts):
        raise BadSignature("vnpay: vnp_SecureHash does not hold")
    return {name: wire.form_decode(value) for name, value in pairs.items()}


def _checked_reference(text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        raise Malformed("vnpay: a reference is up to 100 letters, digits, dots, hyphens and underscores")
    return text


def _wire_amount(amount_vnd: int) -> str:
    if amount_vnd <= 0:
        raise Malformed("vnpay: a sum to collect is positive")
    return str(amount_vnd * 100)


def _vnd(text: str) -> int:
    amount = wire.whole_number(text)
    if amount % 100:
        raise Malformed("vnpay: vnp_Amount is not a whole number of VND times 100")
    return amount // 100


class Vnpay:
    """The adapter: see `gateway.ports.PaymentProvider` for the contract."""

    name = "vnpay"
    capabilities = frozenset({Capability.REDIRECT, Capability.CALLBACK, Capability.QUERY})

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
