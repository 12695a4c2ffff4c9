"""How VNPAY 2.1.0 signs and writes: HMAC-SHA512 over a query string, and over values joined by `|`.

The rules and their source are in the docstring of `vnpay.py`, the only module that uses these.
"""

import re
from collections.abc import Mapping
from typing import Final

from gateway.domain import wire
from gateway.domain.errors import BadSignature, Malformed
from gateway.ports import HttpAnswer
from signing.mac import hmac_hex, same

QUERY_ORDER: Final = (
    "vnp_RequestId|vnp_Version|vnp_Command|vnp_TmnCode|vnp_TxnRef|vnp_TransactionDate|vnp_CreateDate|"
    "vnp_IpAddr|vnp_OrderInfo"
)
REFUND_ORDER: Final = (
    "vnp_RequestId|vnp_Version|vnp_Command|vnp_TmnCode|vnp_TransactionType|vnp_TxnRef|vnp_Amount|"
    "vnp_TransactionNo|vnp_TransactionDate|vnp_CreateBy|vnp_CreateDate|vnp_IpAddr|vnp_OrderInfo"
)
REFUND_ANSWER_ORDER: Final = (
    "vnp_ResponseId|vnp_Command|vnp_ResponseCode|vnp_Message|vnp_TmnCode|vnp_TxnRef|vnp_Amount|vnp_BankCode|"
    "vnp_PayDate|vnp_TransactionNo|vnp_TransactionType|vnp_TransactionStatus|vnp_OrderInfo"
)
QUERY_ANSWER_ORDER: Final = f"{REFUND_ANSWER_ORDER}|vnp_PromotionCode|vnp_PromotionAmount"

HASH: Final = "vnp_SecureHash"
_UNSIGNED: Final = frozenset({HASH, "vnp_SecureHashType"})
_REFERENCE = re.compile(r"[A-Za-z0-9._-]{1,100}")


def sign(secret: str, text: bytes) -> str:
    return hmac_hex(secret.encode(), text, "sha512")


def signed_query(fields: Mapping[str, str], secret: str) -> str:
    """`fields` as a query string with its vnp_SecureHash at the end."""
    query = "&".join(f"{name}={wire.form_encode(value)}" for name, value in sorted(fields.items()) if value)
    return f"{query}&{HASH}={sign(secret, query.encode())}"


def piped(fields: Mapping[str, str], order: str) -> bytes:
    return "|".join(fields.get(name, "") for name in order.split("|")).encode()


def verified_query(query: bytes, secret: str) -> dict[str, str]:
    """The decoded fields of a raw query whose hash holds, whatever the order of its pairs.

    The signer sorts the pairs. Should what came be in another order, both that order and the sorted one are
    tried: they hold the same pairs, so accepting either adds nothing that the secret's owner has not said.
    """
    pairs = wire.raw_query_pairs(query)
    signed = [(name, value) for name, value in pairs.items() if name not in _UNSIGNED]
    given = pairs.get(HASH, b"").decode("latin-1")
    texts = [
        b"&".join(name.encode() + b"=" + value for name, value in one) for one in (signed, sorted(signed))
    ]
    if not any(same(given, sign(secret, text)) for text in texts):
        raise BadSignature("vnpay: vnp_SecureHash does not hold")
    return {name: wire.form_decode(value) for name, value in pairs.items()}


def verified_answer(
    answer: HttpAnswer, secret: str, *, order: str, unsigned: frozenset[str]
) -> dict[str, str]:
    """The fields of an answer of the JSON interface whose hash holds.

    An answer with a vnp_ResponseCode of `unsigned` may come without a hash, but not with a wrong one. Raises
    `BadSignature`, `Malformed`, and `Refused` and `OutcomeUnknown` by the HTTP status.
    """
    wire.usable_status(answer.status)
    document = wire.strict_json_object(answer.body)
    fields = {name: wire.printed(document, name) for name in (*order.split("|"), HASH)}
    excused = not fields[HASH] and fields["vnp_ResponseCode"] in unsigned
    if not excused and not same(fields[HASH], sign(secret, piped(fields, order))):
        raise BadSignature("vnpay: vnp_SecureHash of the answer does not hold")
    return fields


def checked_reference(text: str) -> str:
    if not _REFERENCE.fullmatch(text):
        raise Malformed("vnpay: a reference is up to 100 letters, digits, dots, hyphens and underscores")
    return text


def wire_amount(amount_vnd: int) -> str:
    if amount_vnd <= 0:
        raise Malformed("vnpay: a sum to collect is positive")
    return str(amount_vnd * 100)


def vnd(text: str) -> int:
    amount = wire.whole_number(text)
    if amount % 100:
        raise Malformed("vnpay: vnp_Amount is not a whole number of VND times 100")
    return amount // 100
