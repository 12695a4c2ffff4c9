"""What is agreed with PayGov, and how it signs and writes.

The rules and their source are in the docstring of `paygov.py`, the only module that uses these.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from gateway.domain import wire
from gateway.domain.errors import Misconfigured
from gateway.ports import HttpRequest
from signing.mac import sha256_hex

CREATE_ORDER: Final = "secretKey|accessKey|partnerCode|orderId|requestCode|amount"
RECEIPT_ORDER: Final = (
    "secretKey|partnerCode|accessKey|payerId|payerName|payerAddress|payerDistrict|payerProvince|docCode|"
    "procedureName|paids|otherInfo|decisionDate"
)
SECRETS: Final = frozenset({"secretKey", "accessKey", "partnerCode"})
# The form of each field of a callback; of most of them nothing is public but the name.
CALLBACK_FORMS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        **dict.fromkeys(("orderId", "transactionNo", "transactionCode"), re.compile(r"[!-~]{0,64}")),
        **dict.fromkeys(("payDate", "paygate", "type"), re.compile(r"[ -~]{0,64}")),
        "orderInfo": re.compile(r"[^\x00-\x1f]{0,500}"),
        "requestCode": re.compile(r"[A-Za-z0-9._-]{1,64}"),
        "amount": re.compile(r"[1-9][0-9]{0,14}"),
        "errorCode": re.compile(r"[0-9A-Za-z]{2}"),
    }
)
MUST_BE_COVERED: Final = frozenset({"secretKey", "requestCode", "amount"})

SUCCESS: Final = "00"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the contract with PayGov and the LGSP gives.

    `callback_order`: the fields under a callback's checksum in their order, joined by `|` here, with `secretKey`,
    `requestCode` and `amount` among them. `failure_codes`: errorCode that mean "failed" for certain.
    `order_id`: a template over `case_code`, `agency_code`, `reference` and `attempt` (two digits).
    `bearer_token` is used as it is; else one is fetched from `token_url` before each start, by the LGSP's
    `grant_type=client_credentials`, and taken from `token_member` of the answer.
    """

    partner_code: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    service_code: str
    create_url: str
    callback_order: str
    receipt_url: str = ""
    bearer_token: str = field(default="", repr=False)
    lgsp_token: str = field(default="", repr=False)
    token_url: str = ""
    token_member: str = "access_token"  # noqa: S105 - the name of a member, no token
    order_id: str = "{case_code}-{attempt}"
    failure_codes: frozenset[str] = frozenset()
    unsigned_result_counts: bool = False
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        """Raises `Misconfigured`."""
        names = self.callback_order.split("|")
        if not all((self.partner_code, self.access_key, self.secret_key)):
            raise Misconfigured("paygov: partner_code, access_key and secret_key are not empty")
        known = SECRETS | CALLBACK_FORMS.keys()
        if not MUST_BE_COVERED <= set(names) <= known or len(set(names)) < len(names):
            raise Misconfigured("paygov: callback_order names secretKey, requestCode, amount and others once")
        if SUCCESS in self.failure_codes:
            raise Misconfigured("paygov: 00 cannot be a failure code")
        urls = [url for url in (self.create_url, self.receipt_url, self.token_url) if url]
        if not self.create_url or not all(url.startswith(("https://", "http://")) for url in urls):
            raise Misconfigured("paygov: create_url, receipt_url and token_url are absolute http(s) URLs")
        if not (self.bearer_token or self.token_url):
            raise Misconfigured("paygov: a bearer_token or a token_url is needed")
        try:
            self.order_id.format(case_code="", agency_code="", reference="", attempt="")
        except (LookupError, ValueError, AttributeError):
            raise Misconfigured(
                "paygov: order_id is not a template over the names that it may hold"
            ) from None


def checksum(settings: Settings, fields: Mapping[str, str], order: str) -> str:
    """The checksum over `fields` and the secrets, taken in `order`."""
    secrets = {
        "secretKey": settings.secret_key,
        "accessKey": settings.access_key,
        "partnerCode": settings.partner_code,
    }
    return sha256_hex("".join({**fields, **secrets}.get(name, "") for name in order.split("|")))


def post(settings: Settings, url: str, message: Mapping[str, object], bearer_token: str) -> HttpRequest:
    headers = {"authorization": f"Bearer {bearer_token}", "content-type": "application/json; charset=utf-8"}
    if settings.lgsp_token:
        headers["lgspaccesstoken"] = settings.lgsp_token
    return HttpRequest(
        method="POST", url=url, headers=headers, body=wire.compact_json(message), timeout_s=settings.timeout_s
    )
