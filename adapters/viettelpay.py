"""ViettelPay (Viettel Money) payment gateway 2.0: the pay redirect, its confirmation, the result, TRANS_INQUIRY.

The document is not public; our reading is sections 2-3 of `specs/payments.md`, checked against the fields that several
published merchants send and read. check_sum is the Base64 HMAC-SHA1, under one key, of an access code and the values
of a message, in the order of their names, with nothing between them. Which values an answer signs is told only for
some messages, so every order is a setting; a value that is absent adds nothing.

One key signs in both directions, and no text says what it is a text of or where a value ends: whoever could have us
sign an answer of his choice could read it back to us as a result. So every value is held to its form before a check_sum
is looked at, and our answer is signed only for a caller who has proved himself; a stranger's has an empty check_sum.

Before it lets anyone pay, Viettel asks whether an order is ours. That question need not name the sum, though its
check_sum covers it: then it is proved only by the bill, when it is answered. Sums are VND; there are no times.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from adapters import viettelpay_wire
from adapters.viettelpay_wire import CHECK, FORMS, held, read_form, write_form
from gateway.domain import wire
from gateway.domain.errors import BadSignature, ForeignPartner, Malformed, Misconfigured, Refused
from gateway.ports import (
    Answer,
    Bill,
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
from signing.mac import same

# payment_status: -1 nobody has tried yet, 0 waiting, 1 paid, 2 failed, 3 not clear, 5 called off by the payer.
STATUSES: Final[Mapping[str, Outcome]] = MappingProxyType(
    {
        "1": Outcome.PAID,
        **dict.fromkeys(("-1", "0", "3"), Outcome.PENDING),
        **dict.fromkeys(("2", "5"), Outcome.FAILED),
    }
)
# error_code. FAILED: the payer did not get through (password, OTP, funds, called off). UNKNOWN: listed, but it speaks
# of the request, of a line that broke or of nothing in particular: payment_status decides, and never for paid.
SUCCESS: Final = "00"
CODES: Final[Mapping[str, Outcome]] = MappingProxyType(
    {
        SUCCESS: Outcome.PAID,
        **dict.fromkeys(("16", "21", "22", "685", "V02", "V03", "V06"), Outcome.FAILED),
        **dict.fromkeys(
            ("99", "813", "V01", "V04", "V05", "W04", "M01", "M02", "M03", "M04", "S_MAINTAIN"),
            Outcome.UNKNOWN,
        ),
    }
)
# 00 ends it; 01 not accepted, 02 bad check_sum, 03 an error of ours, which has the result sent again.
ACKNOWLEDGEMENTS: Final[Mapping[Answer, str]] = MappingProxyType(
    {
        **dict.fromkeys(Answer, "01"),
        **dict.fromkeys((Answer.OK, Answer.DUPLICATE), SUCCESS),
        Answer.BAD_SIGNATURE: "02",
        Answer.OUR_ERROR: "03",
    }
)
# The same words answer the question whether an order is ours; there, paid already is not to be paid again.
VERIFY_ANSWERS: Final[Mapping[Answer, str]] = MappingProxyType({**ACKNOWLEDGEMENTS, Answer.DUPLICATE: "01"})
MAX_DESCRIPTION: Final = 100

_ANSWERED: Final = frozenset({"error_code", "merchant_code", "order_id", "payment_status"})
_RESULT: Final = _ANSWERED | {"trans_amount"}
_VERIFIED: Final = frozenset({"billcode", "merchant_code", "order_id", "trans_amount"})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the contract with Viettel gives. `basic_auth` is `user:password` where TRANS_INQUIRY asks for one.

    The orders name the signed values of each message, joined by `|` here and by nothing on the wire. `ignored_fields`
    are what Viettel may add to its messages without signing it; any other name is refused.
    """

    merchant_code: str
    access_code: str = field(repr=False)
    hash_key: str = field(repr=False)
    pay_url: str
    query_url: str
    version: str = "2.0"
    basic_auth: str = field(default="", repr=False)
    start_order: str = "access_code|billcode|command|merchant_code|order_id|trans_amount|version"
    verify_order: str = "access_code|billcode|merchant_code|order_id|trans_amount"
    verify_answer_order: str = "access_code|billcode|error_code|merchant_code|order_id|trans_amount"
    result_order: str = (
        "access_code|billcode|cust_msisdn|error_code|merchant_code|order_id|payment_status|trans_amount|"
        "vt_transaction_id"
    )
    result_answer_order: str = "access_code|error_code|merchant_code|order_id"
    search_order: str = "access_code|cmd|merchant_code|order_id|version"
    search_answer_order: str = (
        "access_code|error_code|merchant_code|order_id|payment_status|trans_amount|version|vt_transaction_id"
    )
    ignored_fields: frozenset[str] = frozenset()
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        """Raises `Misconfigured`."""
        if not FORMS["merchant_code"].fullmatch(self.merchant_code):
            raise Misconfigured("viettelpay: merchant_code is letters and digits")
        if not self.access_code or not self.hash_key:
            raise Misconfigured("viettelpay: access_code or hash_key is empty")
        if not all(url.startswith(("https://", "http://")) for url in (self.pay_url, self.query_url)):
            raise Misconfigured("viettelpay: pay_url and query_url are absolute http(s) URLs")
        read = {
            self.result_order: _RESULT,
            self.search_answer_order: _ANSWERED,
            self.verify_order: _VERIFIED,
        }
        if not all(facts <= set(order.split("|")) for order, facts in read.items()):
            raise Misconfigured("viettelpay: a fact is read that no check_sum covers")


def check_sum(settings: Settings, fields: Mapping[str, str], order: str) -> str:
    return viettelpay_wire.check_sum(
        fields, order, access_code=settings.access_code, hash_key=settings.hash_key
    )


def encode_pay_url(settings: Settings, order: StartOrder) -> str:
    """Where the payer's browser is sent. Raises `Malformed` for an order that the wire cannot carry."""
    if order.amount_vnd <= 0:
        raise Malformed("viettelpay: a sum to collect is positive")
    fields = {
        "billcode": order.reference,  # asked for, and the order's own number where there is no bill
        "command": "PAYMENT",
        "desc": wire.plain_memo(order.description, MAX_DESCRIPTION) or order.reference,
        "locale": "Vi",
        "merchant_code": settings.merchant_code,
        "order_id": held(order.reference, "order_id"),
        "return_url": order.return_url,
        "cancel_url": order.return_url,
        "trans_amount": held(str(order.amount_vnd), "trans_amount"),
        "version": settings.version,
    }
    return f"{settings.pay_url}?{write_form({**fields, CHECK: check_sum(settings, fields, settings.start_order)})}"


def decode_result(settings: Settings, body: bytes) -> Report:
    """Reads the result that Viettel posts. Raises `Malformed`, `BadSignature`, `ForeignPartner`."""
    fields = _proved(settings, read_form(body, settings.ignored_fields), settings.result_order)
    if not fields.keys() >= _RESULT:
        raise Malformed("viettelpay: a result names order, sum, status and code")
    outcome = _outcome(fields["error_code"], fields["payment_status"])
    if fields["error_code"] == SUCCESS and outcome == Outcome.FAILED:
        outcome = Outcome.UNKNOWN  # it speaks against itself; in an answer to a query, success is the query's
    return _report(fields, outcome, int(fields["trans_amount"]))


def encode_search(settings: Settings, reference: str) -> HttpRequest:
    fields = {
        "cmd": "TRANS_INQUIRY",
        "merchant_code": settings.merchant_code,
        "order_id": held(reference, "order_id"),
        "version": settings.version,
    }
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    if settings.basic_auth:
        headers["authorization"] = f"Basic {base64.b64encode(settings.basic_auth.encode()).decode()}"
    body = write_form({**fields, CHECK: check_sum(settings, fields, settings.search_order)}).encode()
    return HttpRequest(
        method="POST", url=settings.query_url, headers=headers, body=body, timeout_s=settings.timeout_s
    )


def decode_search(settings: Settings, answer: HttpAnswer, reference: str) -> Report:
    """Reads the answer to a TRANS_INQUIRY about `reference`. Raises as `PaymentProvider.query`."""
    wire.usable_status(answer.status)
    document = wire.strict_json_object(answer.body)
    told = {name: wire.printed(document, name) for name in (*FORMS, CHECK)}
    fields = {name: value for name, value in told.items() if value}
    for name in fields.keys() & FORMS.keys():
        held(fields[name], name)
    code = fields.get("error_code", "")
    refused = code not in {"", SUCCESS} and "payment_status" not in fields
    if not (refused and CHECK not in fields):  # before an order is looked at, a refusal may be unsigned
        fields = _proved(settings, fields, settings.search_answer_order)
    if refused:
        raise Refused("viettelpay: the query was refused", code=code)
    if not fields.keys() >= _ANSWERED or fields["order_id"] != reference:
        raise Malformed("viettelpay: the answer is not about the order that was asked about")
    sum_told = fields.get("trans_amount")
    outcome = _outcome(code, fields["payment_status"])
    return _report(fields, outcome, int(sum_told) if sum_told else None)


def decode_verify(settings: Settings, body: bytes) -> dict[str, str]:
    """Reads the question whether an order is ours; its check_sum is proved only where it names the sum.

    Raises `Malformed`, `BadSignature`, `ForeignPartner`.
    """
    fields = read_form(body, settings.ignored_fields)
    if not fields.keys() >= _VERIFIED - {"trans_amount"}:
        raise Malformed("viettelpay: a question names bill, partner and order")
    if "trans_amount" in fields:
        return _proved(settings, fields, settings.verify_order)
    if fields["merchant_code"] != settings.merchant_code:
        raise ForeignPartner("viettelpay: the message names another merchant_code")
    return fields


def answer_verify(settings: Settings, answer: Answer, bill: Bill | None, body: bytes) -> bytes:
    """Our answer to the question; the sum is in it only for one who knew it. Never raises."""
    told, code = _echo(settings, body), VERIFY_ANSWERS[answer]
    owed = "" if bill is None else str(bill.amount_vnd)
    asked = {**told, "trans_amount": told.get("trans_amount", owed)}
    proved = bool(asked["trans_amount"]) and _proves(settings, asked, settings.verify_order)
    if answer is Answer.OK and not proved:
        code = VERIFY_ANSWERS[Answer.BAD_SIGNATURE]
    if answer is Answer.OK and (bill is None or not bill.payable or asked["trans_amount"] != owed):
        code = VERIFY_ANSWERS[Answer.UNKNOWN_ORDER]
    fields = {
        "billcode": told.get("billcode", ""),
        "error_code": code,
        "merchant_code": settings.merchant_code,
        "order_id": told.get("order_id", ""),
        "trans_amount": owed if code == SUCCESS else "0",
    }
    return _answer(settings, fields, settings.verify_answer_order if proved else "")


def answer_result(settings: Settings, answer: Answer, body: bytes) -> bytes:
    """Our answer to a result. Never raises."""
    told = _echo(settings, body)
    fields = {
        "error_code": ACKNOWLEDGEMENTS[answer],
        "merchant_code": settings.merchant_code,
        "order_id": told.get("order_id", ""),
        "return_url": "",
        "return_bill_code": "",
        "return_other_info": "",
    }
    proved = _proves(settings, told, settings.result_order)
    return _answer(settings, fields, settings.result_answer_order if proved else "")


def _answer(settings: Settings, fields: Mapping[str, str], order: str) -> bytes:
    return wire.compact_json({**fields, CHECK: check_sum(settings, fields, order) if order else ""})


def _outcome(code: str, status: str) -> Outcome:
    """What a status says; paid only together with the code of success, nothing under a code that is not listed."""
    said, stands = CODES.get(code), STATUSES.get(status)
    if said is None or stands is None or (stands == Outcome.PAID and said != Outcome.PAID):
        return Outcome.UNKNOWN
    return stands


def _report(fields: Mapping[str, str], outcome: Outcome, amount_vnd: int | None) -> Report:
    return Report(
        outcome=outcome,
        reference=fields["order_id"],
        amount_vnd=amount_vnd,
        currency="VND",
        provider_ref=fields.get("vt_transaction_id") or None,
        code=f"{fields['error_code']}/{fields['payment_status']}",
    )


def _proves(settings: Settings, fields: Mapping[str, str], order: str) -> bool:
    return same(fields.get(CHECK, ""), check_sum(settings, fields, order))


def _proved(settings: Settings, fields: Mapping[str, str], order: str) -> dict[str, str]:
    """What the check_sum covers of `fields`, and nothing else."""
    if not _proves(settings, fields, order):
        raise BadSignature("viettelpay: check_sum does not hold")
    if fields.get("merchant_code") != settings.merchant_code:
        raise ForeignPartner("viettelpay: the message names another merchant_code")
    return {name: fields[name] for name in order.split("|") if name in fields}


def _echo(settings: Settings, body: bytes) -> dict[str, str]:
    try:
        return read_form(body, settings.ignored_fields)
    except Malformed:
        return {}


class Viettelpay:
    """The adapter: see `gateway.ports.PaymentProvider` and `Inquiring` for the contract."""

    name = "viettelpay"
    capabilities = frozenset({Capability.REDIRECT, Capability.CALLBACK, Capability.QUERY, Capability.INQUIRY})

    def __init__(self, settings: Settings, http: HttpDoor) -> None:
        self._settings = settings
        self._http = http

    def start(self, order: StartOrder) -> Started:
        """Makes the pay URL; nothing is sent, so nothing can be in doubt."""
        return Started(redirect_url=encode_pay_url(self._settings, order))

    def read_callback(self, message: InboundMessage, now: datetime) -> Report:  # noqa: ARG002 - has no clock
        return decode_result(self._settings, message.body)

    def acknowledge(self, answer: Answer, message: InboundMessage, now: datetime) -> HttpAnswer:  # noqa: ARG002 - has no clock
        return _json(answer_result(self._settings, answer, message.body))

    def query(self, reference: str, started_at: datetime, now: datetime, request_id: str) -> Report:  # noqa: ARG002 - none of them is on this wire
        return decode_search(
            self._settings, self._http.send(encode_search(self._settings, reference)), reference
        )

    def read_inquiry(self, message: InboundMessage, now: datetime) -> str:  # noqa: ARG002 - has no clock
        return decode_verify(self._settings, message.body)["order_id"]

    def answer_inquiry(
        self,
        answer: Answer,
        bill: Bill | None,
        message: InboundMessage,
        now: datetime,  # noqa: ARG002 - has no clock
    ) -> HttpAnswer:
        return _json(answer_verify(self._settings, answer, bill, message.body))


def _json(body: bytes) -> HttpAnswer:
    return HttpAnswer(status=200, body=body, headers={"content-type": "application/json"})
