"""KeyPay, version 2 (an address for the browser). Version 3 is `keypay`.

A provider of its own, with a name of its own: what was begun here can be asked about also after new payments go to
version 3. No document is public; our reading is section 3 of `specs/payments.md`, taken from one published portal
(OpenCPS).

secure_hash is MD5 or SHA-256 over a secret and the values of the fields that are not empty, sorted by name, with
nothing between them. So each field of an answer is held to its form, and those that we know to our own value, before
the hash is believed: a digit cannot move, and nothing can be put behind the last field. The published portal puts the
secret into the address; we do not. good_code is our reference too, for the question about a payment needs it. KeyPay
brings the outcome by the payer's browser alone: a browser decides nothing here, so the question does.

Not public, therefore a setting: where the secret stands in what KeyPay sends.
"""

import hashlib
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
from signing.mac import same

# What response_code says of the payment. The list is that of the published portal. 8 and 97 leave open what the bank
# did, 25 and 26 let the payer try again, 41 is a card under suspicion, 4 and 99 are anything at all.
RESPONSE_CODES: Final[Mapping[str, Outcome]] = MappingProxyType(
    {
        "0": Outcome.PAID,
        **dict.fromkeys(("25", "26"), Outcome.PENDING),
        **dict.fromkeys(("17", "18", "21", "27", "54", "57", "61", "62", "65", "98"), Outcome.FAILED),
        **dict.fromkeys(("4", "6", "8", "41", "97", "99"), Outcome.UNKNOWN),
    }
)
# These speak of the request (merchant, hash, order, service, sums, form), which says nothing of a payment.
REQUEST_CODES: Final = frozenset(map(str, (1, 2, 3, 5, 7, *range(9, 17), 19, 20, *range(30, 41))))
CONSTANTS: Final[Mapping[str, str]] = MappingProxyType(
    {"command": "pay", "currency_code": "704", "ship_fee": "0", "tax": "0"}
)
# The form of each field that comes back under secure_hash.
FORMS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        **dict.fromkeys(("merchant_trans_id", "good_code"), re.compile(r"[A-Za-z0-9]{1,20}")),
        **dict.fromkeys(("command", "currency_code", "service_code"), re.compile(r"[A-Za-z0-9]{1,10}")),
        **dict.fromkeys(("bank_code", "trans_id"), re.compile(r"[A-Za-z0-9_.-]{0,50}")),
        "merchant_code": re.compile(r"[A-Za-z0-9_-]{1,50}"),
        "net_cost": re.compile(r"[1-9][0-9]{0,14}"),
        "response_code": re.compile(r"0|[1-9][0-9]?"),
        "ship_fee": re.compile(r"0"),
        "tax": re.compile(r"0"),
    }
)
UNSIGNED: Final = frozenset({"secure_hash", "desc_1", "desc_2", "desc_3", "desc_4", "desc_5"})

ACKNOWLEDGEMENTS: Final[Mapping[Answer, tuple[int, str]]] = MappingProxyType(
    {
        **dict.fromkeys((Answer.OK, Answer.DUPLICATE), (0, "success")),
        Answer.WRONG_AMOUNT: (-1, "error: trans_amount invalid"),
        Answer.UNKNOWN_ORDER: (-1, "error: transaction_id unknown"),
        Answer.BAD_SIGNATURE: (-1, "error: check_sum invalid"),
        Answer.MALFORMED: (-1, "error: data invalid"),
        Answer.OUR_ERROR: (-1, "error: system exception"),
    }
)

MAX_DESCRIPTION: Final = 89  # of desc_4, the longest that the published portal sends
_SECRET_NAME: Final = "merchant_secure_key"  # noqa: S105 - the name of a field, no secret


@dataclass(frozen=True, slots=True)
class Settings:
    """What the contract with KeyPay gives. `pay_url` is the pay page, `query_url` QuerryBillStatus as JSON.

    `secret_first`: the secret stands before the values that KeyPay sends; else among them, as a field named
    merchant_secure_key.
    """

    merchant_code: str
    secret: str = field(repr=False)
    pay_url: str
    query_url: str
    hash_name: str = "sha256"
    service_code: str = "720"
    internal_bank: str = ""
    secret_first: bool = True
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        """Raises `Misconfigured`."""
        if not FORMS["merchant_code"].fullmatch(self.merchant_code):
            raise Misconfigured("keypay2: merchant_code is 1 to 50 letters, digits, hyphens and underscores")
        if not FORMS["service_code"].fullmatch(self.service_code):
            raise Misconfigured("keypay2: service_code is 1 to 10 letters and digits")
        if not self.secret:
            raise Misconfigured("keypay2: secret is empty")
        if self.hash_name not in {"md5", "sha256"}:
            raise Misconfigured("keypay2: hash_name is md5 or sha256")
        if not all(url.startswith(("https://", "http://")) for url in (self.pay_url, self.query_url)):
            raise Misconfigured("keypay2: pay_url and query_url are absolute http(s) URLs")


def secure_hash(settings: Settings, fields: Mapping[str, str], *, secret_first: bool = True) -> str:
    """Over the values that are not empty, sorted by name."""
    secret = {} if secret_first else {_SECRET_NAME: settings.secret}
    values = [value for _, value in sorted({**fields, **secret}.items()) if value]
    text = "".join((settings.secret if secret_first else "", *values))
    return _digest(settings.hash_name, text)


def encode_pay_url(settings: Settings, order: StartOrder) -> str:
    """Where the payer's browser is sent. Raises `Malformed`."""
    if not FORMS["merchant_trans_id"].fullmatch(order.reference) or order.amount_vnd <= 0:
        raise Malformed("keypay2: an order has a reference of 1 to 20 letters and digits and a positive sum")
    signed = {
        **CONSTANTS,
        "version": "1.0",
        "current_locale": "en" if order.locale == "en" else "vi",
        "merchant_trans_id": order.reference,
        "merchant_code": settings.merchant_code,
        "country_code": "+84",
        "good_code": order.reference,
        "net_cost": str(order.amount_vnd),
        "service_code": settings.service_code,
        "return_url": order.return_url,
    }
    unsigned = {
        "internal_bank": settings.internal_bank,
        "desc_4": wire.plain_memo(order.description, MAX_DESCRIPTION),
        "secure_hash": secure_hash(settings, signed),
    }
    return f"{settings.pay_url}?{_query({**signed, **unsigned})}"


def decode_return(settings: Settings, query: bytes) -> Report:
    """What KeyPay sends back in an address. Raises `Malformed`, `BadSignature`, `ForeignPartner`."""
    pairs = wire.raw_query_pairs(query)
    if not pairs.keys() <= FORMS.keys() | UNSIGNED:
        raise Malformed("keypay2: a field that KeyPay does not send")
    signed = {name: value for name, value in pairs.items() if name in {*FORMS, "secure_hash"}}
    return _report(settings, {name: wire.form_decode(value) for name, value in signed.items()})


def encode_bill_status(settings: Settings, reference: str) -> HttpRequest:
    """QuerryBillStatus; trans_id is KeyPay's own, which who waits for an outcome does not have."""
    text = f"{reference}{reference}{settings.merchant_code}{settings.secret}"
    fields = {
        "merchant_code": settings.merchant_code,
        "good_code": reference,
        "merchant_trans_id": reference,
        "secure_hash": _digest("md5", text),
    }
    url = f"{settings.query_url}?{_query(fields)}"
    return HttpRequest(method="GET", url=url, timeout_s=settings.timeout_s)


def decode_bill_status(settings: Settings, answer: HttpAnswer, reference: str) -> Report:
    """The fields and the hash of an answer are read like those of a return. Raises as `query`."""
    wire.usable_status(answer.status)
    document = wire.strict_json_object(answer.body)
    data = document.get("data")
    document |= data if isinstance(data, dict) else {}
    code = wire.printed(document, "response_code")
    if code in REQUEST_CODES:
        raise Refused("keypay2: QuerryBillStatus was refused", code=code)
    report = _report(settings, {name: wire.printed(document, name) for name in (*FORMS, "secure_hash")})
    if report.reference != reference:
        raise Malformed("keypay2: the answer is about another merchant_trans_id")
    return report


def _report(settings: Settings, told: Mapping[str, str]) -> Report:
    fields = {name: told.get(name, "") for name in FORMS}
    if not all(form.fullmatch(fields[name]) for name, form in FORMS.items()):
        raise Malformed("keypay2: a field is not of its form")
    known = {**CONSTANTS, "service_code": settings.service_code, "good_code": fields["merchant_trans_id"]}
    if not known.items() <= fields.items():
        raise Malformed("keypay2: a field is not what we sent")
    if not same(
        told.get("secure_hash", ""), secure_hash(settings, fields, secret_first=settings.secret_first)
    ):
        raise BadSignature("keypay2: secure_hash does not hold")
    if fields["merchant_code"] != settings.merchant_code:
        raise ForeignPartner("keypay2: the message names another merchant_code")
    return Report(
        outcome=RESPONSE_CODES.get(fields["response_code"], Outcome.UNKNOWN),
        reference=fields["merchant_trans_id"],
        amount_vnd=wire.whole_number(fields["net_cost"]),
        currency="VND",
        provider_ref=fields["trans_id"] or None,
        code=fields["response_code"],
    )


def _digest(name: str, text: str) -> str:
    return hashlib.new(name, text.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()


def _query(fields: Mapping[str, str]) -> str:
    return "&".join(f"{name}={wire.form_encode(value)}" for name, value in fields.items() if value)


class Keypay2:
    """The adapter: see `gateway.ports.PaymentProvider` for the contract."""

    name = "keypay2"
    capabilities = frozenset({Capability.REDIRECT, Capability.CALLBACK, Capability.QUERY})

    def __init__(self, settings: Settings, http: HttpDoor) -> None:
        self._settings = settings
        self._http = http

    def start(self, order: StartOrder) -> Started:
        return Started(redirect_url=encode_pay_url(self._settings, order))

    def read_callback(self, message: InboundMessage, now: datetime) -> Report:  # noqa: ARG002 - has no clock
        return decode_return(self._settings, message.query)

    def acknowledge(self, answer: Answer, message: InboundMessage, now: datetime) -> HttpAnswer:  # noqa: ARG002 - fixed
        code, text = ACKNOWLEDGEMENTS[answer]
        body = wire.compact_json({"return_code": code, "return_msg": text})
        return HttpAnswer(status=200, body=body, headers={"content-type": "application/json"})

    def query(self, reference: str, started_at: datetime, now: datetime, request_id: str) -> Report:  # noqa: ARG002 - none is on this wire
        answer = self._http.send(encode_bill_status(self._settings, reference))
        return decode_bill_status(self._settings, answer, reference)
