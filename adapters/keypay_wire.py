"""What is agreed with KeyPay for its version 3, and how that signs and writes.

The rules and their source are in the docstring of `keypay.py`, the only module that uses these.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.domain import wire
from gateway.domain.errors import Malformed, Misconfigured
from gateway.ports import HttpRequest
from signing.mac import hmac_hex

# The fields under check_sum, in their order.
PAY_ORDER: Final = "addition_fee|client_id|command|trans_amount|transaction_id|version"
DETAIL_ORDER: Final = "client_id|command|transaction_id"
REFUND_ORDER: Final = "amount|client_id|command|reason|transaction_id"
CALLBACK_FIELDS: Final = frozenset(
    f"{PAY_ORDER}|{REFUND_ORDER}|status|currency_code|transaction_code".split("|")
)
FIELDS: Final = CALLBACK_FIELDS | {"amount_refund", "transaction_refund_code"}
MUST_BE_COVERED: Final = frozenset({"client_id", "trans_amount", "transaction_id"})
DONE: Final = "0"  # `error` of an answer, and `status` of a payment that was made

_CLIENT = re.compile(r"[A-Za-z0-9_-]{1,50}")


@dataclass(frozen=True, slots=True)
class Settings:
    """What the contract with KeyPay gives. An empty `refund_url`: no refunds.

    `callback_order`, `detail_answer_order`, `refund_answer_order`: the fields under the check_sum of what KeyPay sends;
    empty, an answer rests on TLS alone. `pending_statuses`, `failure_statuses`, `refunded_statuses`: `status` but 0
    whose meaning is agreed. `refund_refusals`: `error` of a refund after which nothing was given back for certain.
    `postage_kind`: LoaiPhiLePhi of postage, which is no state fee; empty refuses such orders.
    """

    client_id: str
    key_1: str = field(repr=False)
    key_2: str = field(repr=False)
    create_url: str
    detail_url: str
    refund_url: str = ""
    detail_command: str = "QUERY"
    refund_command: str = "REFUND"
    locale: str = "vn"
    country_code: str = "vi"
    service_suffix: str = ".01"
    postage_kind: str = ""
    callback_order: str = PAY_ORDER
    detail_answer_order: str = DETAIL_ORDER
    refund_answer_order: str = REFUND_ORDER
    pending_statuses: frozenset[str] = frozenset()
    failure_statuses: frozenset[str] = frozenset()
    refunded_statuses: frozenset[str] = frozenset()
    refund_refusals: frozenset[str] = frozenset()
    unsigned_result_counts: bool = False
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        """Raises `Misconfigured`."""
        if not _CLIENT.fullmatch(self.client_id):
            raise Misconfigured("keypay: client_id is 1 to 50 letters, digits, hyphens and underscores")
        if not self.key_1 or not self.key_2:
            raise Misconfigured("keypay: key_1 or key_2 is empty")
        urls = (self.create_url, self.detail_url, self.refund_url or self.create_url)
        if not all(url.startswith(("https://", "http://")) for url in urls):
            raise Misconfigured("keypay: create_url, detail_url and refund_url are absolute http(s) URLs")
        if not MUST_BE_COVERED <= set(self.callback_order.split("|")) <= CALLBACK_FIELDS:
            raise Misconfigured("keypay: callback_order names client_id, trans_amount and transaction_id")
        agreed = (self.pending_statuses, self.failure_statuses, self.refunded_statuses)
        if sum(map(len, agreed)) != len(frozenset().union(*agreed)) or DONE in self.failure_statuses:
            raise Misconfigured("keypay: a status means one thing, and 0 no failure")


def check_sum(key: str, fields: Mapping[str, str], order: str) -> str:
    """Raises `Malformed` when a field holds the separator."""
    values = [fields.get(name, "") for name in order.split("|")]
    if any("|" in value for value in values):
        raise Malformed("keypay: a signed field holds '|'")
    return hmac_hex(key.encode(), "|".join(values).encode("utf-8", "surrogatepass"), "sha256")


def post(settings: Settings, url: str, fields: Mapping[str, object], code: str) -> HttpRequest:
    return HttpRequest(
        method="POST",
        url=url,
        headers={"content-type": "application/json; charset=utf-8"},
        body=wire.compact_json({**fields, "check_sum": code}),
        timeout_s=settings.timeout_s,
    )
