"""PayGov as PayGov's side reads and writes it: checksums and the fields of each message.

A checksum is the lower-case hexadecimal SHA-256 of keys and fields, joined with nothing between them.
Source: the public implementation of one portal (PayGov's own document is not public).
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping

from sandbox.serving import same, text_of

CREATE = "secretKey|accessKey|partnerCode|orderId|requestCode|amount"
RECEIPT = (
    "secretKey|partnerCode|accessKey|payerId|payerName|payerAddress|payerDistrict|payerProvince|docCode|procedureName"
    "|paids|otherInfo|decisionDate"
)
CALLBACK = (
    "secretKey|accessKey|partnerCode|orderId|requestCode|amount|transactionNo|payDate|paygate|type|transactionCode"
    "|errorCode"
)
PAID, CANCELLED, REFUSED = "00", "24", "51"
MAX_DIGITS = 13
MAX_CODE = 64
MAX_INFO = 255


def checksum(keys: Mapping[str, str], fields: Mapping[str, object], order: str) -> str:
    """The checksum of `keys` and `fields` taken in `order`."""
    text = "".join(keys.get(name) or text_of(fields.get(name)) for name in order.split("|"))
    return hashlib.sha256(text.encode()).hexdigest()


def holds(keys: Mapping[str, str], fields: Mapping[str, object], order: str) -> bool:
    """Whether the message's own checksum is that of its fields."""
    return same(checksum(keys, fields, order), text_of(fields.get("checksum")).lower())


def create_fault(fields: Mapping[str, object], partner_code: str, access_key: str) -> str | None:
    """The first thing that is wrong with a create, in Vietnamese, or None."""
    if fields.get("partnerCode") != partner_code or fields.get("accessKey") != access_key:
        return "partnerCode hoặc accessKey không đúng"
    amount = text_of(fields.get("amount"))
    if not (amount.isascii() and amount.isdigit() and len(amount) <= MAX_DIGITS and int(amount)):
        return "amount không đúng"
    for name, limit in (("orderId", MAX_CODE), ("requestCode", MAX_CODE), ("orderInfo", MAX_INFO)):
        text = fields.get(name)
        if not isinstance(text, str) or not 0 < len(text) <= limit or not text.isascii():
            return f"{name} không đúng"
    url = fields.get("returnUrl")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")) or not url.isascii():
        return "returnUrl không đúng"
    return (
        None if text_of(fields.get("serviceCode")) and text_of(fields.get("ipAddress")) else "Thiếu dữ liệu"
    )


def receipt_codes(fields: Mapping[str, object]) -> list[str]:
    """The transactionCodes in `paids`, Base64 of a JSON array; empty when it is none."""
    try:
        codes = json.loads(base64.b64decode(text_of(fields.get("paids")), validate=True).decode())
    except (binascii.Error, ValueError, RecursionError):
        return []
    whole = isinstance(codes, list) and all(isinstance(code, str) for code in codes)
    return codes if whole else []
