"""VNPAY 2.1.0 as VNPAY's side reads and writes it: signed strings and the fields of each message.

HMAC-SHA512, lower-case hexadecimal. A pay address and an IPN sign the sorted form-encoded string; the JSON
interface signs its values in a fixed order, joined by `|`, an absent value being empty.
Source: VNPAY's sandbox documentation, "thanh-toan-pay" and "truy-van-hoan-tien".
"""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import quote_plus, unquote_plus

from sandbox.serving import same, text_of

VERSION = "2.1.0"
HASH = "vnp_SecureHash"
UNSIGNED = frozenset({HASH, "vnp_SecureHashType"})
MAX_QUERY = 8000
FIRST_NUMBER = 14_000_000
BANK_CODE = "NCB"
QUERY_REQUEST = (
    "vnp_RequestId",
    "vnp_Version",
    "vnp_Command",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_TransactionDate",
    "vnp_CreateDate",
    "vnp_IpAddr",
    "vnp_OrderInfo",
)
REFUND_REQUEST = (
    "vnp_RequestId",
    "vnp_Version",
    "vnp_Command",
    "vnp_TmnCode",
    "vnp_TransactionType",
    "vnp_TxnRef",
    "vnp_Amount",
    "vnp_TransactionNo",
    "vnp_TransactionDate",
    "vnp_CreateBy",
    "vnp_CreateDate",
    "vnp_IpAddr",
    "vnp_OrderInfo",
)
REFUND_ANSWER = (
    "vnp_ResponseId",
    "vnp_Command",
    "vnp_ResponseCode",
    "vnp_Message",
    "vnp_TmnCode",
    "vnp_TxnRef",
    "vnp_Amount",
    "vnp_BankCode",
    "vnp_PayDate",
    "vnp_TransactionNo",
    "vnp_TransactionType",
    "vnp_TransactionStatus",
    "vnp_OrderInfo",
)
QUERY_ANSWER = (*REFUND_ANSWER, "vnp_PromotionCode", "vnp_PromotionAmount")


def number_of(payment_id: int) -> str:
    """VNPAY's own number of a payment."""
    return str(FIRST_NUMBER + payment_id)


def hmac_hex(secret: str, text: str) -> str:
    """HMAC-SHA512 over the UTF-8 of `text`."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha512).hexdigest()


def read_signed_query(secret: str, raw: str) -> dict[str, str] | None:
    """The fields of a query string whose hash holds, or None.

    The hash is taken over the pairs as received, put in the order of their names: never over a re-encoding,
    since encoders differ on `*` and `~`.
    """
    if len(raw) > MAX_QUERY:
        return None
    pairs = [pair.partition("=") for pair in raw.split("&") if pair]
    given = [value for name, _, value in pairs if name == HASH]
    signed = sorted((name, value) for name, _, value in pairs if name not in UNSIGNED and value)
    names = [name for name, _ in signed]
    if len(given) != 1 or len(set(names)) != len(names):
        return None
    expected = hmac_hex(secret, "&".join(f"{name}={value}" for name, value in signed))
    if not same(expected, given[0].lower()):
        return None
    return {name: unquote_plus(value, errors="replace") for name, value in signed}


def signed_query(secret: str, fields: Mapping[str, str]) -> str:
    """The query string of `fields`, empty ones left out, with its hash at the end."""
    pairs = sorted((name, value) for name, value in fields.items() if value)
    text = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    return f"{text}&{HASH}={hmac_hex(secret, text)}"


def pipe_text(fields: Mapping[str, object], order: tuple[str, ...]) -> str:
    """The string that the JSON interface signs. JSON numbers count as their digits."""
    return "|".join(text_of(fields.get(name)) for name in order)


def pipe_holds(secret: str, fields: Mapping[str, object], order: tuple[str, ...]) -> bool:
    """Whether the message's own hash is that of its fields."""
    given = text_of(fields.get(HASH))
    return same(hmac_hex(secret, pipe_text(fields, order)), given.lower())


def signed_answer(secret: str, fields: dict[str, str], order: tuple[str, ...]) -> dict[str, str]:
    """`fields` with every name of `order` present, and the hash."""
    full = {name: fields.get(name, "") for name in order}
    return {**full, HASH: hmac_hex(secret, pipe_text(full, order))}
