"""PayGov, the online payment support of the Ministry of Information and Communications, reached over a province's LGSP.

No document is public; our reading is section 3 of `specs/payments.md`, taken from one published portal (OpenCPS). A
checksum is the hexadecimal SHA-256 (no HMAC) of a secret and fields, joined with nothing between them. Over it, TLS
and two tokens: `Authorization: Bearer` and the LGSP's `lgspaccesstoken`.

* create: secretKey, accessKey, partnerCode, orderId, requestCode, amount; the answer's `data.url` is the pay page;
* callback: which fields its checksum covers is not public, and the published portal never checks it. So the order is
  a setting without a default, and what stands outside it is not read: without errorCode under it, a callback says at
  most that something happened (`PENDING`), unless `unsigned_result_counts`;
* receipt: for the transactionCode of a paid order, an address of its PDF.

requestCode is our reference, as it comes back in the callback; orderId is a template. Joined with nothing between, a
digit may move from one field to the next under the same checksum: each field is held to its form first, errorCode to
two characters, and the core compares the sum with its own. There is no query: what no callback tells is found on
the account's statement. A callback names no partner; the secret and the access key under it are ours alone.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from adapters.paygov_wire import (
    CALLBACK_FORMS,
    CREATE_ORDER,
    RECEIPT_ORDER,
    SUCCESS,
    Settings,
    checksum,
    post,
)
from gateway.domain import codes, wire
from gateway.domain.errors import (
    BadSignature,
    Malformed,
    OutcomeUnknown,
    Refused,
    Unreachable,
    Unsupported,
)
from gateway.ports import (
    Agency,
    Answer,
    Capability,
    HttpAnswer,
    HttpDoor,
    HttpRequest,
    InboundMessage,
    Outcome,
    Payer,
    Report,
    Started,
    StartOrder,
)
from signing.mac import same

__all__ = ["Paygov", "ReceiptAsk", "Settings"]

# error_code of an answer that gives what was asked for
NO_ERROR: Final = frozenset({"", "00", "0", "SUCCESSFUL"})
ACKNOWLEDGEMENTS: Final[Mapping[Answer, tuple[str, str]]] = MappingProxyType(
    {
        Answer.OK: ("SUCCESSFUL", ""),
        Answer.DUPLICATE: ("SUCCESSFUL", ""),
        Answer.WRONG_AMOUNT: ("FAILED", "Wrong amount"),
        Answer.UNKNOWN_ORDER: ("FAILED", "Order not found"),
        Answer.BAD_SIGNATURE: ("SIGNATURE_WRONG", "Wrong checksum"),
        Answer.MALFORMED: ("FAILED", "Wrong data"),
        Answer.OUR_ERROR: ("FAILED", "System error"),
    }
)

MAX_ORDER_INFO: Final = 255
MAX_CODE: Final = 50
_REFERENCE = re.compile(r"[A-Za-z0-9]{1,32}")
_ORDER_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TOKEN = re.compile(r"[!-~]{1,4000}")


@dataclass(frozen=True, slots=True)
class ReceiptAsk:
    """What PayGov's receipt says. `transaction_codes` are transactionCode of callbacks; `now` gives its date."""

    transaction_codes: tuple[str, ...]
    case_code: str
    procedure_name: str
    agency: Agency
    payer: Payer
    now: datetime


def encode_create(settings: Settings, order: StartOrder, bearer_token: str) -> HttpRequest:
    """Raises `Malformed` for an order that the wire cannot carry."""
    if not _REFERENCE.fullmatch(order.reference) or order.amount_vnd <= 0:
        raise Malformed("paygov: an order has a reference of 1 to 32 letters and digits and a positive sum")
    order_id = settings.order_id.format(
        case_code=order.case_code,
        agency_code=order.agency.code,
        reference=order.reference,
        attempt=order.reference.removeprefix(codes.order_code_of(order.reference) or order.reference) or "01",
    )
    if not _ORDER_ID.fullmatch(order_id):
        raise Malformed("paygov: orderId is 1 to 64 letters, digits, dots, hyphens and underscores")
    signed = {"orderId": order_id, "requestCode": order.reference, "amount": str(order.amount_vnd)}
    return post(
        settings,
        settings.create_url,
        {
            "partnerCode": settings.partner_code,
            "accessKey": settings.access_key,
            "serviceCode": settings.service_code,
            "returnUrl": order.return_url,
            "orderId": order_id,
            "amount": order.amount_vnd,
            "orderInfo": wire.plain_memo(order.description, MAX_ORDER_INFO) or order.reference,
            "requestCode": order.reference,
            "ipAddress": order.client_ip,
            "checksum": checksum(settings, signed, CREATE_ORDER),
        },
        bearer_token,
    )


def decode_create(settings: Settings, answer: HttpAnswer) -> Started:
    """Reads the answer to a create. Raises `Refused`, `OutcomeUnknown`, `Malformed`."""
    wire.usable_status(answer.status)
    document = wire.strict_json_object(answer.body)
    data = document.get("data")
    url = wire.printed(data, "url") if isinstance(data, dict) else ""
    return Started(redirect_url=_address(settings, document, url))


def decode_callback(settings: Settings, body: bytes) -> Report:
    """Raises `Malformed`, `BadSignature`."""
    document = wire.strict_json_object(body)
    fields = {name: wire.printed(document, name) for name in CALLBACK_FORMS}
    if not all(form.fullmatch(fields[name]) for name, form in CALLBACK_FORMS.items()):
        raise Malformed("paygov: a field of the callback is not of its form")
    if not same(wire.printed(document, "checksum"), checksum(settings, fields, settings.callback_order)):
        raise BadSignature("paygov: the checksum does not hold")
    order = settings.callback_order.split("|")
    if settings.unsigned_result_counts:
        order.append("errorCode")
    proved = {name: fields[name] for name in order if name in fields}
    code = proved.get("errorCode", "")
    return Report(
        outcome=_outcome(settings, code),
        reference=proved["requestCode"],
        amount_vnd=wire.whole_number(proved["amount"]),
        currency="VND",  # the protocol knows no other
        provider_ref=proved.get("transactionCode") or proved.get("transactionNo") or None,
        code=code,
        occurred_at=wire.readable_stamp(proved.get("payDate", "")),
    )


def _outcome(settings: Settings, code: str) -> Outcome:
    """`code` is empty where no proof covers it: then the message says no more than that something happened."""
    if not code:
        return Outcome.PENDING
    failed = Outcome.FAILED if code in settings.failure_codes else Outcome.UNKNOWN
    return Outcome.PAID if code == SUCCESS else failed


def encode_receipt(settings: Settings, ask: ReceiptAsk) -> HttpRequest:
    """Asks for the receipt's address. Raises `Malformed`, `Unsupported` (no `receipt_url`)."""
    if not settings.receipt_url:
        raise Unsupported("paygov: no receipt_url is set")
    unit = {"beneficiaryUnitCode": ask.agency.code, "beneficiaryUnitName": ask.agency.name}
    on = wire.local_stamp(ask.now)
    fields = {
        "payerId": ask.payer.id_number,
        "payerName": wire.ascii_fold(ask.payer.name),
        "payerAddress": wire.ascii_fold(ask.payer.address),
        "payerDistrict": "",  # districts ended on 1 July 2025
        "payerProvince": wire.ascii_fold(ask.payer.province),
        "docCode": ask.case_code,
        "procedureName": ask.procedure_name,
        "paids": _base64(json.dumps(ask.transaction_codes, separators=(",", ":")).encode()),
        "otherInfo": _base64(wire.compact_json(unit)),
        "decisionDate": f"{on[6:8]}-{on[4:6]}-{on[:4]}",
    }
    message = {
        "partnerCode": settings.partner_code,
        "accessKey": settings.access_key,
        **fields,
        "checksum": checksum(settings, fields, RECEIPT_ORDER),
    }
    return post(settings, settings.receipt_url, message, settings.bearer_token)


def decode_receipt(settings: Settings, answer: HttpAnswer) -> str:
    """The address of the receipt's PDF. Raises `Refused` (there is none), `OutcomeUnknown`, `Malformed`."""
    wire.usable_status(answer.status)
    document = wire.strict_json_object(answer.body)
    return _address(settings, document, wire.printed(document, "transactionReceipt"))


def _address(settings: Settings, document: Mapping[str, object], url: str) -> str:
    """`url` where the answer gives one without an error beside it."""
    error = wire.printed(document, "error_code")
    if error not in NO_ERROR:
        raise Refused("paygov: refused", code=error[:MAX_CODE])
    if not wire.is_web_address(url, plain=settings.create_url.startswith("http://")):
        raise Malformed("paygov: the answer gives no address of a page")
    return url


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


class Paygov:
    """The adapter: see `gateway.ports.PaymentProvider` for the contract."""

    name = "paygov"
    capabilities = frozenset({Capability.REDIRECT, Capability.CALLBACK})

    def __init__(self, settings: Settings, http: HttpDoor) -> None:
        self._settings = settings
        self._http = http

    def start(self, order: StartOrder) -> Started:
        request = encode_create(self._settings, order, self._settings.bearer_token or self._token())
        return decode_create(self._settings, self._http.send(request))

    def read_callback(self, message: InboundMessage, now: datetime) -> Report:  # noqa: ARG002 - has no clock
        return decode_callback(self._settings, message.body)

    def acknowledge(self, answer: Answer, message: InboundMessage, now: datetime) -> HttpAnswer:  # noqa: ARG002 - fixed
        code, text = ACKNOWLEDGEMENTS[answer]
        body = wire.compact_json({"error_code": code, "error_message": text})
        return HttpAnswer(status=200, body=body, headers={"content-type": "application/json"})

    def query(self, reference: str, started_at: datetime, now: datetime, request_id: str) -> Report:  # noqa: ARG002 - has none
        raise Unsupported("paygov: has no query")

    def _token(self) -> str:
        """Whatever fails here, nothing of the order has left us: it may be tried again."""
        settings = self._settings
        headers = {
            "content-type": "application/x-www-form-urlencoded",
            "lgspaccesstoken": settings.lgsp_token,
        }
        request = HttpRequest(
            method="POST",
            url=settings.token_url,
            headers=headers,
            body=b"grant_type=client_credentials",
            timeout_s=settings.timeout_s,
        )
        try:
            answer = self._http.send(request)
            wire.usable_status(answer.status)
            token = wire.printed(wire.strict_json_object(answer.body), settings.token_member)
        except (OutcomeUnknown, Refused, Malformed):
            token = ""
        if not _TOKEN.fullmatch(token):
            raise Unreachable("paygov: the LGSP gave no token; the order was not sent")
        return token
