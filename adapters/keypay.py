"""KeyPay, version 3 (JSON). Version 2 is `keypay2`.

No document is public; our reading is section 3 of `specs/payments.md`, taken from one published portal (OpenCPS).

check_sum is HMAC-SHA256 in hexadecimal over fields joined by `|`, with key 1 for what we send and key 2 for what KeyPay
sends. A callback's covers the same six fields as a create's, and not `status`: one callback about an order is as well
signed as another, whatever it says. What stands outside check_sum is not read, so such a callback says that something
happened (`PENDING`) and the detail call tells what; unless `callback_order` covers `status` by agreement, or
`unsigned_result_counts`. A refund names the payment alone and no reference of ours; what became of it can be asked only
by KeyPay's own code, so there is no question about a refund.

Not public, therefore settings: the values of `status` but 0, the commands of detail and refund, who signs what answer.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from adapters.keypay_wire import (
    CALLBACK_FIELDS,
    DETAIL_ORDER,
    DONE,
    FIELDS,
    PAY_ORDER,
    REFUND_ORDER,
    Settings,
    check_sum,
    post,
)
from gateway.domain import receipt_info, wire
from gateway.domain.errors import (
    BadSignature,
    ForeignPartner,
    Malformed,
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
from signing.mac import same

__all__ = ["Keypay", "Settings"]

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

MAX_TEXT: Final = 255
MAX_CODE: Final = 50
_REFERENCE = re.compile(r"[A-Za-z0-9]{1,20}")


def encode_create(settings: Settings, order: StartOrder) -> HttpRequest:
    """Raises `Malformed` for an order that the wire cannot carry, `Unsupported` for postage without a kind."""
    fields = {
        "client_id": settings.client_id,
        "transaction_id": _checked(order.reference),
        "trans_amount": _sum(order.amount_vnd),
        "command": "PAY",
        "version": "3.0",
        "description": wire.one_line(order.description, MAX_TEXT),
        "locale": "en" if order.locale == "en" else settings.locale,
        "country_code": settings.country_code,
        "currency_code": "VND",
        "environment": "1",
        "return_url": order.return_url,
        "addition_fee": "0",
    }
    bill = {**fields, "bill_info": _bill_info(settings, order)}
    return post(settings, settings.create_url, bill, check_sum(settings.key_1, fields, PAY_ORDER))


def decode_create(settings: Settings, answer: HttpAnswer) -> Started:
    """Raises `Refused`, `OutcomeUnknown`, `Malformed`."""
    document = _answered(answer)
    if (error := wire.printed(document, "error")) != DONE:
        raise Refused("keypay: the create was refused", code=error[:MAX_CODE])
    url = wire.printed(document, "payment_url")
    if not wire.is_web_address(url, plain=settings.create_url.startswith("http://")):
        raise Malformed("keypay: payment_url is not the address of a page")
    return Started(redirect_url=url)


def decode_callback(settings: Settings, body: bytes) -> Report:
    """Raises `Malformed`, `BadSignature`, `ForeignPartner`."""
    document = wire.strict_json_object(body)
    fields = {name: wire.printed(document, name) for name in CALLBACK_FIELDS}
    _verify(settings, document, fields, settings.callback_order)
    if not fields["transaction_id"] or not fields["trans_amount"]:
        raise Malformed("keypay: a callback names an order and a sum")
    order = settings.callback_order.split("|")
    if settings.unsigned_result_counts:
        order += ["status", "transaction_code"]
    return _report(settings, {name: fields[name] for name in order})


def encode_detail(settings: Settings, reference: str) -> HttpRequest:
    fields = _detail(settings, reference)
    return post(settings, settings.detail_url, fields, check_sum(settings.key_1, fields, DETAIL_ORDER))


def decode_detail(settings: Settings, answer: HttpAnswer, reference: str) -> Report:
    """An answer with its fields in `data` or beside `error`. Raises as `PaymentProvider.query`."""
    document = _answered(answer)
    if (error := wire.printed(document, "error")) != DONE:
        raise Refused("keypay: the detail call was refused", code=error[:MAX_CODE])
    ours = _detail(settings, reference)
    return _report(settings, _told(settings, document, ours, settings.detail_answer_order))


def encode_refund(settings: Settings, order: RefundOrder) -> HttpRequest:
    """Raises `Malformed` for a refund that the wire cannot carry."""
    fields = _refund(settings, order)
    return post(settings, settings.refund_url, fields, check_sum(settings.key_1, fields, REFUND_ORDER))


def decode_refund(settings: Settings, answer: HttpAnswer, order: RefundOrder) -> RefundReport:
    """An `error` that is not agreed to be a refusal leaves open whether money was given back.

    Raises as `PaymentProvider.start`.
    """
    document = _answered(answer)
    error = wire.printed(document, "error")
    if error in settings.refund_refusals:
        raise Refused("keypay: the refund was refused", code=error[:MAX_CODE])
    if error != DONE:
        return RefundReport(Outcome.UNKNOWN, order.reference, None, None, error[:MAX_CODE])
    told = _told(settings, document, _refund(settings, order), settings.refund_answer_order)
    agreed = {
        "": Outcome.PENDING,
        **_agreed(settings),
        **dict.fromkeys(settings.refunded_statuses, Outcome.PAID),
    }
    return RefundReport(
        outcome=agreed.get(told["status"], Outcome.UNKNOWN),
        reference=order.reference,
        amount_vnd=wire.whole_number(told["amount_refund"] or told["amount"]),
        provider_ref=told["transaction_refund_code"] or None,
        code=told["status"],
    )


def _report(settings: Settings, fields: Mapping[str, str]) -> Report:
    """Without a proved `status` it is not said what happened."""
    status, amount = fields.get("status"), fields["trans_amount"]
    outcomes = {**_agreed(settings), DONE: Outcome.PAID}
    return Report(
        outcome=Outcome.PENDING if status is None else outcomes.get(status, Outcome.UNKNOWN),
        reference=fields["transaction_id"],
        amount_vnd=wire.whole_number(amount) if amount else None,
        currency=fields.get("currency_code") or "VND",
        provider_ref=fields.get("transaction_code") or None,
        code=status or "",
    )


def _bill_info(settings: Settings, order: StartOrder) -> dict[str, object]:
    """bill_info: ThongTinBienLai, with the sums of its fees as numbers."""
    service = receipt_info.service_names(
        code=order.procedure_code, name=order.procedure_name, suffix=settings.service_suffix
    )
    told = receipt_info.receipt_info(order, service=service, postage_kind=settings.postage_kind, fee_sum=int)
    return {**told, "NoiDungThanhToan": wire.one_line(order.description, MAX_TEXT)}


def _detail(settings: Settings, reference: str) -> dict[str, str]:
    command = settings.detail_command
    return {"client_id": settings.client_id, "transaction_id": _checked(reference), "command": command}


def _refund(settings: Settings, order: RefundOrder) -> dict[str, str]:
    return {
        "client_id": settings.client_id,
        "transaction_id": _checked(order.payment_reference),
        "command": settings.refund_command,
        "amount": _sum(order.amount_vnd),
        "reason": wire.one_line(order.reason, MAX_TEXT, without="|") or order.reference,
    }


def _agreed(settings: Settings) -> dict[str, Outcome]:
    pending = dict.fromkeys(settings.pending_statuses, Outcome.PENDING)
    return {**pending, **dict.fromkeys(settings.failure_statuses, Outcome.FAILED)}


def _verify(
    settings: Settings, document: Mapping[str, object], fields: Mapping[str, str], order: str
) -> None:
    if order and not same(wire.printed(document, "check_sum"), check_sum(settings.key_2, fields, order)):
        raise BadSignature("keypay: check_sum does not hold")
    if fields["client_id"] != settings.client_id:
        raise ForeignPartner("keypay: the message names another client_id")


def _told(
    settings: Settings, document: Mapping[str, object], ours: Mapping[str, str], order: str
) -> dict[str, str]:
    """The fields of an answer to `ours`, proved and about the same payment; what it leaves out counts as we sent it."""
    told = {name: wire.printed(document, name) or ours.get(name, "") for name in FIELDS}
    _verify(settings, document, told, order)
    if told["transaction_id"] != ours["transaction_id"]:
        raise Malformed("keypay: the answer is about another transaction_id")
    return told


def _answered(answer: HttpAnswer) -> dict[str, object]:
    """The members of an answer and of its `data`, with the `error` that says whether it is good."""
    wire.usable_status(answer.status)
    document = wire.strict_json_object(answer.body)
    data = document.get("data")
    document |= data if isinstance(data, dict) else {}
    if not wire.printed(document, "error"):
        raise Malformed("keypay: an answer has no error")
    return document


def _checked(reference: str) -> str:
    if not _REFERENCE.fullmatch(reference):
        raise Malformed("keypay: a reference is 1 to 20 letters and digits")
    return reference


def _sum(amount_vnd: int) -> str:
    if amount_vnd <= 0:
        raise Malformed("keypay: a sum is positive")
    return str(amount_vnd)


class Keypay:
    """The adapter: see `gateway.ports.PaymentProvider` and `Refunding` for the contract."""

    name = "keypay"
    capabilities = frozenset({Capability.REDIRECT, Capability.CALLBACK, Capability.QUERY})

    def __init__(self, settings: Settings, http: HttpDoor) -> None:
        self._settings = settings
        self._http = http
        if settings.refund_url:
            self.capabilities = self.capabilities | {Capability.REFUND}

    def start(self, order: StartOrder) -> Started:
        return decode_create(self._settings, self._http.send(encode_create(self._settings, order)))

    def read_callback(self, message: InboundMessage, now: datetime) -> Report:  # noqa: ARG002 - has no clock
        return decode_callback(self._settings, message.body)

    def acknowledge(self, answer: Answer, message: InboundMessage, now: datetime) -> HttpAnswer:  # noqa: ARG002 - fixed
        code, text = ACKNOWLEDGEMENTS[answer]
        body = wire.compact_json({"return_code": code, "return_msg": text})
        return HttpAnswer(status=200, body=body, headers={"content-type": "application/json"})

    def query(self, reference: str, started_at: datetime, now: datetime, request_id: str) -> Report:  # noqa: ARG002 - none is on this wire
        answer = self._http.send(encode_detail(self._settings, reference))
        return decode_detail(self._settings, answer, reference)

    def refund(self, order: RefundOrder, request_id: str) -> RefundReport:  # noqa: ARG002 - is not on this wire
        if Capability.REFUND not in self.capabilities:
            raise Unsupported("keypay: refunds need a refund_url")
        request = encode_refund(self._settings, order)
        return decode_refund(self._settings, self._http.send(request), order)

    def query_refund(self, order: RefundOrder, now: datetime, request_id: str) -> RefundReport:  # noqa: ARG002 - cannot be asked
        raise Unsupported("keypay: a refund can be asked about by KeyPay's own code only")
