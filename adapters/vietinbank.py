"""VietinBank collection by identification code ("Thu hộ định danh") 1.4.1, and its edition of 2026 ("THVQR" 1.0).

The payer gives a bill code (custCode: the prefix that the bank gave us, and our reference) at a counter, in the
bank's app or in a transfer. The bank asks us what is owed (inq-bill, 1100/1110) and tells us of each payment
(notify-bill, 1200/1210). Each message carries an RSA signature (SHA256withRSA, Base64, keys exchanged as
certificates) over the values of some fields in a fixed order, joined by nothing, an empty one left out; our answers
are signed in the same way with our key. Source: section 6 of `specs/payments.md`, and published implementations.

Joined without separators, `12` and `3` are signed as `1` and `23`. So each field must have its form: the time has 14
digits, the code the bank's prefix and a reference of ours (another code is genuine perhaps, but not for us), the
bank's number the form seen in all published samples (a setting, as its document gives only a length). One doubt
remains: a second try's code ends in two digits more, which could be the first two of the sum; the caller compares the
sum. Payers type codes: small letters count as capital ones.

What is not signed (transType, currencyCode, providerId) can only have a message refused, never read otherwise.
A debit or another kind of transfer than those of `credit_types` is refused. The bank cannot be asked: a payment
whose notice is lost is found by the statement.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from gateway.domain import wire
from gateway.domain.errors import BadSignature, ForeignPartner, Malformed, Misconfigured, Unsupported
from gateway.ports import (
    Answer,
    Bill,
    Capability,
    HttpAnswer,
    HttpDoor,
    InboundMessage,
    Outcome,
    Report,
    Started,
    StartOrder,
)
from signing import errors as signing_errors
from signing.rsa import load_private, load_public, sign_base64, verify_base64

NOTICE_ORDER: Final = "transId|transTime|custCode|amount|bankTransId|remark"
NOTICE_ANSWER_ORDER: Final = "transId|errorCode|errorDesc"
# edition: what is signed in the question, and in our answer to it
INQUIRY_ORDERS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "1.4.1": (
            "transId|transTime|custCode",
            "transId|transTime|custCode|custName|billId|amount|errorCode",
        ),
        "2026": (
            "transId|channelId|transTime|transType|custCode|custName|custAcct",
            "transId|channelId|transTime|transType|custCode|custName|billId|billTerm|amount|errorCode",
        ),
    }
)

ERRORS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "00": "Thành công",
        "01": "Không xác nhận được chữ ký số",
        "02": "Mã khách hàng hoặc hóa đơn không tồn tại",
        "03": "Lỗi gạch nợ",
        "05": "Trùng giao dịch",
        "06": "Không có tài khoản",
        "99": "Lỗi không xác định",
    }
)
NOTICE_ANSWERS: Final[Mapping[Answer, str]] = MappingProxyType(
    {
        Answer.OK: "00",
        Answer.DUPLICATE: "05",
        Answer.WRONG_AMOUNT: "03",
        Answer.UNKNOWN_ORDER: "02",
        Answer.BAD_SIGNATURE: "01",
        Answer.MALFORMED: "99",
        Answer.OUR_ERROR: "99",
    }
)
# A bill that is paid or over is, for who asks before paying, no bill; 05 would speak of a transfer sent twice.
INQUIRY_ANSWERS: Final[Mapping[Answer, str]] = MappingProxyType({**NOTICE_ANSWERS, Answer.DUPLICATE: "02"})

INQUIRY_TYPE, INQUIRY_ANSWER_TYPE = "1100", "1110"
NOTICE_TYPE: Final = "1200"
IN_HEADER: Final = frozenset({"msgId", "msgType", "channelId", "providerId", "merchantId", "productId"})
SHOWN_NAMES: Final = frozenset({"payer", "agency"})
MAX_NAME: Final = 100
MAX_PROVIDER: Final = 20

_FORMS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "transId": r"[A-Za-z0-9._-]{1,50}",
        "transTime": r"[0-9]{14}",
        "custCode": r"[A-Za-z0-9]{1,30}",
        "amount": r"[1-9][0-9]{0,14}",
        "remark": r"(?s:.{0,500})",
        "channelId": r"[0-9]{6}",
        "transType": r"[0-9A-Z]{1,20}",
        "custName": r"(?:[^\x00-\x1f0-9][^\x00-\x1f]{0,199})?",
        "custAcct": r"[0-9A-Za-z]{0,25}",
    }
)
_PREFIX = re.compile(r"[A-Z0-9]{0,10}")
_ECHO = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the contract with the bank gives, and our choice where its document is silent.

    `private_key` is ours and `bank_certificate` the bank's, both in PEM. `reference_form` and `bank_reference_form`
    are regular expressions of the code after its prefix and of bankTransId. `credit_types`: transType of money that
    came in. `shown_name`: whose name the payer is shown.
    """

    provider_id: str
    private_key: str = field(repr=False)
    bank_certificate: str = field(repr=False)
    customer_prefix: str = ""
    edition: str = "1.4.1"
    reference_form: str = r"C4[0-9]{6}[0-9A-Z]{8}(?:[0-9]{2})?"
    bank_reference_form: str = r"[0-9]{3}[A-Z][0-9A-Z]{12}"
    credit_types: frozenset[str] = frozenset({"2", "3"})
    shown_name: str = "payer"
    our_key: RSAPrivateKey = field(init=False, repr=False, compare=False)
    bank_key: RSAPublicKey = field(init=False, repr=False, compare=False)
    forms: Mapping[str, re.Pattern[str]] = field(init=False, repr=False, compare=False)
    our_code: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Loads the keys, once. Raises `Misconfigured`."""
        if not 0 < len(self.provider_id) <= MAX_PROVIDER:
            raise Misconfigured(f"vietinbank: provider_id is 1 to {MAX_PROVIDER} characters")
        if self.edition not in INQUIRY_ORDERS or self.shown_name not in SHOWN_NAMES:
            raise Misconfigured("vietinbank: edition is 1.4.1 or 2026, shown_name payer or agency")
        if not self.credit_types or not _PREFIX.fullmatch(self.customer_prefix):
            raise Misconfigured("vietinbank: credit_types is empty, or customer_prefix is not of A-Z0-9")
        forms = {**_FORMS, "bankTransId": self.bank_reference_form}
        our_code = f"{self.customer_prefix}({self.reference_form})"
        try:
            object.__setattr__(self, "our_key", load_private(self.private_key))
            object.__setattr__(self, "bank_key", load_public(self.bank_certificate))
            object.__setattr__(self, "forms", {name: re.compile(form) for name, form in forms.items()})
            object.__setattr__(self, "our_code", re.compile(our_code))
        except signing_errors.SigningError as error:
            raise Misconfigured(f"vietinbank: a key cannot be used: {error}") from None
        except re.error:
            raise Misconfigured("vietinbank: a form is not a regular expression") from None


def signed_bytes(fields: Mapping[str, str], order: str) -> bytes:
    """What is signed: the values of `order` joined by nothing, in UTF-8; an empty or absent one leaves no trace."""
    return "".join(fields.get(name, "") for name in order.split("|")).encode()


def decode_inquiry(settings: Settings, body: bytes) -> str:
    """The reference that an inq-bill asks about. Raises `Malformed`, `BadSignature`, `ForeignPartner`."""
    header, data = _parts(wire.strict_json_object(body))
    if wire.printed(header, "msgType") != INQUIRY_TYPE:
        raise Malformed("vietinbank: not a question of the type 1100")
    order, _ = INQUIRY_ORDERS[settings.edition]
    fields = {
        name: wire.printed(header if name in IN_HEADER else data, name)
        for name in (*order.split("|"), "providerId")
    }
    return _verified_code(settings, fields, order, wire.printed(header, "signature"))


def encode_inquiry_answer(
    settings: Settings, *, answer: Answer, bill: Bill | None, body: bytes, now: datetime
) -> HttpAnswer:
    """The 1110 to a 1100: the bill only when it can be paid; else a code and nothing of it."""
    header, data = _readable_parts(body)
    code = INQUIRY_ANSWERS[answer]
    if answer is Answer.OK and (bill is None or not bill.payable):
        code = INQUIRY_ANSWERS[Answer.UNKNOWN_ORDER]
    echoed = {name: _echo(data, name) for name in ("transId", "transTime", "custCode", "transType")}
    shown = {"custName": "", "billId": "", "billTerm": "", "amount": ""}
    if code == "00" and bill is not None:
        shown = _shown(settings, bill, now)
    fields = {**echoed, **shown, "channelId": _echo(header, "channelId"), "errorCode": code}
    _, order = INQUIRY_ORDERS[settings.edition]
    edition_has = set(order.split("|")) | {"custName"}
    details = {name: value or None for name, value in {**echoed, **shown}.items() if name in edition_has}
    message = {
        "header": {
            "msgId": _echo(header, "msgId"),
            "msgType": INQUIRY_ANSWER_TYPE,
            "channelId": fields["channelId"],
            "providerId": settings.provider_id,
            "merchantId": _echo(header, "merchantId"),
            "productId": _echo(header, "productId"),
            "timestamp": wire.local_stamp(now),
            "signature": sign_base64(settings.our_key, signed_bytes(fields, order)),
        },
        "data": {"errors": {"errorCode": code, "errorDesc": ERRORS[code]}, "details": details},
    }
    return _json(message)


def decode_notice(settings: Settings, body: bytes) -> Report:
    """Reads a notify-bill: money that came. Raises `Malformed`, `BadSignature`, `ForeignPartner`."""
    document = wire.strict_json_object(body)
    names = (*NOTICE_ORDER.split("|"), "providerId", "transType", "currencyCode")
    fields = {name: wire.printed(document, name) for name in names}
    reference = _verified_code(settings, fields, NOTICE_ORDER, wire.printed(document, "signature"))
    if fields["transType"] not in settings.credit_types or fields["currencyCode"] not in {"", "VND"}:
        raise Malformed("vietinbank: not a notice of VND that came in")
    return Report(
        outcome=Outcome.PAID,
        reference=reference,
        amount_vnd=wire.whole_number(fields["amount"]),
        currency="VND",
        provider_ref=fields["transId"],
        code=NOTICE_TYPE,
        occurred_at=wire.readable_stamp(fields["transTime"]),
    )


def encode_notice_answer(settings: Settings, *, answer: Answer, body: bytes) -> HttpAnswer:
    """The 1210 to a 1200; transId goes back as it came, where it can be read."""
    code = NOTICE_ANSWERS[answer]
    try:
        trans_id = _echo(wire.strict_json_object(body), "transId")
    except Malformed:
        trans_id = ""
    fields = {"transId": trans_id, "errorCode": code, "errorDesc": ERRORS[code]}
    signature = sign_base64(settings.our_key, signed_bytes(fields, NOTICE_ANSWER_ORDER))
    told = {"transId": trans_id, "providerId": settings.provider_id, "errorCode": code}
    return _json({**told, "errorDesc": ERRORS[code], "signature": signature})


def _shown(settings: Settings, bill: Bill, now: datetime) -> dict[str, str]:
    name = bill.payer.name if settings.shown_name == "payer" else bill.agency.account_name
    return {
        "custName": f"{wire.plain_memo(name, MAX_NAME).upper()}_{bill.amount_vnd}VND",
        "billId": bill.reference,
        "billTerm": f"{now.astimezone(wire.VIETNAM):%m/%Y}",
        "amount": str(bill.amount_vnd),
    }


def _verified_code(settings: Settings, fields: Mapping[str, str], order: str, signature: str) -> str:
    """Our reference in custCode, after form, signature and partner.

    Raises `Malformed`, `BadSignature`, and `ForeignPartner` also for a code that is none of ours.
    """
    for name in order.split("|"):
        if not settings.forms[name].fullmatch(fields[name]):
            raise Malformed(f"vietinbank: {name} is not of its form")
    try:
        verify_base64(settings.bank_key, signature, signed_bytes(fields, order))
    except signing_errors.BadSignature:
        raise BadSignature("vietinbank: the signature does not hold") from None
    if fields["providerId"] != settings.provider_id:
        raise ForeignPartner("vietinbank: the message names another providerId")
    ours = settings.our_code.fullmatch(fields["custCode"].upper())
    if ours is None:
        raise ForeignPartner("vietinbank: custCode is no bill code of ours")
    return ours[1]


def _parts(document: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    header, data = document.get("header"), document.get("data")
    if not isinstance(header, dict) or not isinstance(data, dict):
        raise Malformed("vietinbank: a message has a header and data")
    return header, data


def _readable_parts(body: bytes) -> tuple[dict[str, object], dict[str, object]]:
    try:
        return _parts(wire.strict_json_object(body))
    except Malformed:
        return {}, {}


def _echo(fields: Mapping[str, object], name: str) -> str:
    """A member that may go back as it came: what is of no sober form is not signed by us either."""
    value = fields.get(name)
    return value if isinstance(value, str) and _ECHO.fullmatch(value) else ""


def _json(message: Mapping[str, object]) -> HttpAnswer:
    headers = {"content-type": "application/json; charset=utf-8"}
    return HttpAnswer(status=200, body=wire.compact_json(message), headers=headers)


class Vietinbank:
    """The adapter: see `gateway.ports.PaymentProvider` and `Inquiring` for the contract."""

    name = "vietinbank"
    capabilities = frozenset({Capability.CODE, Capability.CALLBACK, Capability.INQUIRY})

    def __init__(self, settings: Settings, http: HttpDoor) -> None:  # noqa: ARG002 - built as every adapter is
        self._settings = settings

    def start(self, order: StartOrder) -> Started:
        """The bank is told nothing: it asks, once the payer names this code."""
        return Started(pay_code=self._settings.customer_prefix + order.reference)

    def read_callback(self, message: InboundMessage, now: datetime) -> Report:  # noqa: ARG002 - has no clock
        return decode_notice(self._settings, message.body)

    def acknowledge(self, answer: Answer, message: InboundMessage, now: datetime) -> HttpAnswer:  # noqa: ARG002 - as above
        return encode_notice_answer(self._settings, answer=answer, body=message.body)

    def query(self, reference: str, started_at: datetime, now: datetime, request_id: str) -> Report:  # noqa: ARG002 - there is nobody to ask
        raise Unsupported("vietinbank: the bank cannot be asked about a payment")

    def read_inquiry(self, message: InboundMessage, now: datetime) -> str:  # noqa: ARG002 - has no clock
        return decode_inquiry(self._settings, message.body)

    def answer_inquiry(
        self, answer: Answer, bill: Bill | None, message: InboundMessage, now: datetime
    ) -> HttpAnswer:
        return encode_inquiry_answer(self._settings, answer=answer, bill=bill, body=message.body, now=now)
