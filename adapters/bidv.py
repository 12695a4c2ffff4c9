"""BIDV collection ("thu hộ"): by getbill the bank asks what is owed, by paybill it says what was paid.

The payer gives a bill code (customer_id: the prefix of the contract, and our reference) at a counter or in the
bank's app. JSON by POST, always answered with HTTP 200 and a result_code. The bank's document is not public; fields
and codes are read from published implementations, and these disagree on the checksum, which each contract fixes:

* `hmac`: Base64 HMAC-SHA256 under the secret of `secret|service_id|customer_id`, and `secret|trans_id|amount`;
* `sha256`: hexadecimal SHA-256 of `secret|service_id|customer_id` (this one by analogy), and
  `secret|trans_id|bill_id|amount`.

Under `hmac` a paybill does not prove which bill it pays: who saw a genuine one can name another bill of the same sum.
The core knows a trans_id that comes a second time; ask for `sha256`, or for a bearer token, where there is a choice.
No checksum covers trans_date, so it is not believed: a report has no time of its own. The bank cannot be asked: a
payment whose paybill is lost is found by the statement.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

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
from signing.mac import hmac_base64, same, sha256_hex

# variant: what is signed in a getbill, and in a paybill, each after the secret
ORDERS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "hmac": ("service_id|customer_id", "trans_id|amount"),
        "sha256": ("service_id|customer_id", "trans_id|bill_id|amount"),
    }
)

RESULTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "000": "success",
        "001": "missing or malformed parameter",
        "004": "invalid checksum",
        "006": "unknown service",
        "011": "unknown customer",
        "012": "no bill to pay",
        "021": "unknown bill",
        "022": "wrong amount",
        "023": "bill already cleared",
        "031": "system error",
    }
)
SUCCESS: Final = "000"
UNKNOWN_SERVICE: Final = "006"
PAYBILL_ANSWERS: Final[Mapping[Answer, str]] = MappingProxyType(
    {
        Answer.OK: SUCCESS,
        Answer.DUPLICATE: "023",
        Answer.WRONG_AMOUNT: "022",
        Answer.UNKNOWN_ORDER: "021",
        Answer.BAD_SIGNATURE: "004",
        Answer.MALFORMED: "001",
        Answer.OUR_ERROR: "031",
    }
)
GETBILL_ANSWERS: Final[Mapping[Answer, str]] = MappingProxyType(
    {**PAYBILL_ANSWERS, Answer.DUPLICATE: "012", Answer.UNKNOWN_ORDER: "011"}
)

BILL_KIND: Final = "1"
PAYBILL: Final = "paybill"  # a paybill carries no code: that it is sent says that the money came
SHOWN_NAMES: Final = frozenset({"payer", "agency"})
MAX_NAME: Final = 100
MAX_REMARK: Final = 100
_REFERENCE = re.compile(r"[A-Z0-9]{1,20}")
_PREFIX = re.compile(r"[A-Z0-9]{0,10}")
_NUMBER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NAMES = re.compile(r"[a-z_]+(?:\|[a-z_]+)*")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the contract with the bank gives, and our choice where it is silent.

    `checksum` is `hmac` or `sha256`; `getbill_order` and `paybill_order` (names joined by `|`, without the secret)
    replace the usual order. `bearer_token`: asked for in every message when it is set. `shown_name`: whose name the
    payer is shown.
    """

    service_id: str
    secret: str = field(repr=False)
    checksum: str = "hmac"
    getbill_order: str = ""
    paybill_order: str = ""
    customer_prefix: str = ""
    bearer_token: str = field(default="", repr=False)
    shown_name: str = "payer"

    def __post_init__(self) -> None:
        """Raises `Misconfigured`."""
        if not self.service_id or not self.secret or "|" in self.service_id + self.secret:
            raise Misconfigured("bidv: service_id and secret are given, and hold no '|'")
        if self.checksum not in ORDERS or self.shown_name not in SHOWN_NAMES:
            raise Misconfigured("bidv: checksum is hmac or sha256, shown_name payer or agency")
        if not _PREFIX.fullmatch(self.customer_prefix):
            raise Misconfigured("bidv: customer_prefix is not of A-Z0-9")
        for order, needed in ((self.getbill_order, "customer_id"), (self.paybill_order, "amount")):
            if order and (not _NAMES.fullmatch(order) or needed not in order.split("|")):
                raise Misconfigured(f"bidv: an order is names joined by '|', with {needed} among them")


def checksum(settings: Settings, fields: Mapping[str, str], order: str) -> str:
    """The checksum of a message. Raises `Malformed` when a field holds the separator."""
    values = [fields.get(name, "") for name in order.split("|")]
    if any("|" in value for value in values):
        raise Malformed("bidv: a field under the checksum holds '|'")
    text = "|".join((settings.secret, *values))
    if settings.checksum == "sha256":
        return sha256_hex(text)
    return hmac_base64(settings.secret.encode(), text.encode(), "sha256")


def decode_getbill(settings: Settings, message: InboundMessage) -> str:
    """The reference that a getbill asks about. Raises `Malformed`, `BadSignature`, `ForeignPartner`."""
    order = settings.getbill_order or ORDERS[settings.checksum][0]
    fields = _verified(settings, message, order, ("service_id", "customer_id"))
    code, prefix = fields["customer_id"].upper(), settings.customer_prefix  # payers type codes
    if not code.startswith(prefix) or not _REFERENCE.fullmatch(code.removeprefix(prefix)):
        raise ForeignPartner("bidv: customer_id is no bill code of ours")
    return code.removeprefix(prefix)


def decode_paybill(settings: Settings, message: InboundMessage) -> Report:
    """Reads a paybill: a bill that was paid. Raises `Malformed`, `BadSignature`, `ForeignPartner`."""
    order = settings.paybill_order or ORDERS[settings.checksum][1]
    fields = _verified(settings, message, order, ("service_id", "trans_id", "bill_id", "amount"))
    if not _NUMBER.fullmatch(fields["trans_id"]) or not _REFERENCE.fullmatch(fields["bill_id"]):
        raise Malformed("bidv: trans_id or bill_id is not of its form")
    return Report(
        outcome=Outcome.PAID,
        reference=fields["bill_id"],
        amount_vnd=wire.whole_number(fields["amount"]),
        currency="VND",  # the wire knows no other
        provider_ref=fields["trans_id"],
        code=PAYBILL,
    )


def encode_getbill_answer(
    settings: Settings, *, answer: Answer, bill: Bill | None, body: bytes, now: datetime
) -> HttpAnswer:
    """The bill as the bank reads it, only when it can be paid; else a code and nothing of it."""
    if answer is Answer.OK and (bill is None or not bill.payable):
        answer = Answer.UNKNOWN_ORDER if bill is None else Answer.DUPLICATE
    code = _result(settings, GETBILL_ANSWERS[answer], answer, body)
    told: dict[str, object] = {"result_code": code, "result_desc": RESULTS[code]}
    if code == SUCCESS and bill is not None:
        told |= _shown(settings, bill, customer_id=_read(body, "customer_id"), now=now)
    return _json(told)


def encode_paybill_answer(settings: Settings, *, answer: Answer, body: bytes) -> HttpAnswer:
    code = _result(settings, PAYBILL_ANSWERS[answer], answer, body)
    return _json({"result_code": code, "result_desc": RESULTS[code]})


def _shown(settings: Settings, bill: Bill, *, customer_id: str, now: datetime) -> dict[str, object]:
    """One bill of one period. The address stays empty: a counter needs a name to confirm, and no more."""
    name = bill.payer.name if settings.shown_name == "payer" else bill.agency.account_name
    amount = str(bill.amount_vnd)
    remark = wire.plain_memo(bill.description, MAX_REMARK)
    return {
        "customer_id": customer_id,
        "customer_name": wire.plain_memo(name, MAX_NAME).upper(),
        "customer_addr": "",
        "bill_id": bill.reference,
        "type": BILL_KIND,
        "total_amount": amount,
        "data": [
            {
                "period": f"{now.astimezone(wire.VIETNAM):%m/%Y}",
                "data": [{"bill_id": bill.reference, "amount": amount, "remark": remark}],
            }
        ],
    }


def _verified(
    settings: Settings, message: InboundMessage, order: str, wanted: tuple[str, ...]
) -> dict[str, str]:
    """The texts of a message that is the bank's and for us. Raises `Malformed`, `BadSignature`, `ForeignPartner`."""
    document = wire.strict_json_object(message.body)
    fields = {name: wire.printed(document, name) for name in {*order.split("|"), *wanted}}
    if not all(fields[name] for name in wanted):
        raise Malformed("bidv: a parameter is missing")
    bearer = f"Bearer {settings.bearer_token}"
    if settings.bearer_token and not same(message.headers.get("authorization", ""), bearer):
        raise BadSignature("bidv: the bearer token is not ours")
    if not same(wire.printed(document, "checksum"), checksum(settings, fields, order)):
        raise BadSignature("bidv: the checksum does not hold")
    if fields["service_id"] != settings.service_id:
        raise ForeignPartner("bidv: the message names another service_id")
    return fields


def _result(settings: Settings, code: str, answer: Answer, body: bytes) -> str:
    """`code`, or "unknown service" where that is why we do not know the order."""
    service = _read(body, "service_id")
    if answer is Answer.UNKNOWN_ORDER and service and service != settings.service_id:
        return UNKNOWN_SERVICE
    return code


def _read(body: bytes, name: str) -> str:
    """A member of a message that may be anything; "" where it cannot be read."""
    try:
        value = wire.printed(wire.strict_json_object(body), name)
    except Malformed:
        return ""
    return value if _NUMBER.fullmatch(value) else ""


def _json(message: Mapping[str, object]) -> HttpAnswer:
    headers = {"content-type": "application/json; charset=utf-8"}
    return HttpAnswer(status=200, body=wire.compact_json(message), headers=headers)


class Bidv:
    """The adapter: see `gateway.ports.PaymentProvider` and `Inquiring` for the contract."""

    name = "bidv"
    capabilities = frozenset({Capability.CODE, Capability.CALLBACK, Capability.INQUIRY})

    def __init__(self, settings: Settings, http: HttpDoor) -> None:  # noqa: ARG002 - built as every adapter is
        self._settings = settings

    def start(self, order: StartOrder) -> Started:
        """The bank is told nothing: it asks, once the payer names this code."""
        return Started(pay_code=self._settings.customer_prefix + order.reference)

    def read_callback(self, message: InboundMessage, now: datetime) -> Report:  # noqa: ARG002 - has no clock
        return decode_paybill(self._settings, message)

    def acknowledge(self, answer: Answer, message: InboundMessage, now: datetime) -> HttpAnswer:  # noqa: ARG002 - as above
        return encode_paybill_answer(self._settings, answer=answer, body=message.body)

    def query(self, reference: str, started_at: datetime, now: datetime, request_id: str) -> Report:  # noqa: ARG002 - there is nobody to ask
        raise Unsupported("bidv: the bank cannot be asked about a payment")

    def read_inquiry(self, message: InboundMessage, now: datetime) -> str:  # noqa: ARG002 - has no clock
        return decode_getbill(self._settings, message)

    def answer_inquiry(
        self, answer: Answer, bill: Bill | None, message: InboundMessage, now: datetime
    ) -> HttpAnswer:
        return encode_getbill_answer(self._settings, answer=answer, bill=bill, body=message.body, now=now)
