"""KeyPay as KeyPay's side reads and writes it: check_sum of version 3, secure_hash of version 2, the fields of each.

check_sum is HMAC-SHA256 in lower-case hexadecimal over fields joined by `|`: key 1 for what a client sends, key 2 for
what KeyPay sends. secure_hash is a digest of a key and the values that are not empty, sorted by name.
Source: the public implementation of one portal (KeyPay's own document is not public).
"""

import hashlib
import hmac
from collections.abc import Mapping

from sandbox.serving import same, text_of

PAY = "addition_fee|client_id|command|trans_amount|transaction_id|version"
DETAIL = "client_id|command|transaction_id"
REFUND = "amount|client_id|command|reason|transaction_id"
SIGNED_2 = (
    "command|country_code|currency_code|current_locale|good_code|merchant_code|merchant_trans_id|net_cost|return_url"
    "|service_code|ship_fee|tax|version"
)
CONSTANTS_2 = {"command": "pay", "country_code": "+84", "currency_code": "704", "ship_fee": "0", "tax": "0"}
WAITING, PAID, FAILED, CANCELLED, REFUNDED = "1", "0", "2", "3", "4"
CODES_2 = {WAITING: "25", PAID: "0", FAILED: "17", CANCELLED: "18"}
MAX_DIGITS = 13
MAX_ID = 20
MAX_TEXT = 255


def check_sum(key: str, fields: Mapping[str, object], order: str) -> str:
    """Version 3: of `fields` taken in `order`."""
    text = "|".join(text_of(fields.get(name)) for name in order.split("|"))
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def holds(key: str, fields: Mapping[str, object], order: str) -> bool:
    """Whether a message of version 3 bears the check_sum of its fields."""
    return same(check_sum(key, fields, order), text_of(fields.get("check_sum")).lower())


def secure_hash(key: str, fields: Mapping[str, str], hash_name: str) -> str:
    """Version 2: of all `fields`, empty ones left out."""
    text = key + "".join(value for _, value in sorted(fields.items()))
    return hashlib.new(hash_name, text.encode(), usedforsecurity=False).hexdigest()


def whole(text: str) -> int:
    """A sum in VND, or 0 when it is none."""
    good = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if good else 0


def create_fault(fields: Mapping[str, object]) -> str | None:
    """The first thing that is wrong with a create of version 3, in Vietnamese, or None."""
    if (
        fields.get("command") != "PAY"
        or fields.get("version") != "3.0"
        or fields.get("currency_code") != "VND"
    ):
        return "command, version hoặc currency_code không đúng"
    number, amount = fields.get("transaction_id"), whole(text_of(fields.get("trans_amount")))
    if not isinstance(number, str) or not 0 < len(number) <= MAX_ID or not amount:
        return "transaction_id hoặc trans_amount không đúng"
    if not is_address(fields.get("return_url")) or text_of(fields.get("environment")) not in {"1", "2"}:
        return "return_url hoặc environment không đúng"
    bill = fields.get("bill_info")
    if not isinstance(bill, dict) or not all(
        text_of(bill.get(name)) for name in ("MaDonVi", "TenDonVi", "MaHoSo")
    ):
        return "Thiếu bill_info"
    sums = {name: _sum(bill.get(name)) for name in ("PhiLePhi", "DSKhoanNop")}
    return next((f"Tổng {name} khác trans_amount" for name, vnd in sums.items() if vnd != amount), None)


def _sum(rows: object) -> int:
    """Σ SoTien of a list, or 0 when it is not such a list."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return 0
    return sum(whole(text_of(row.get("SoTien"))) for row in rows)


def is_address(value: object) -> bool:
    return isinstance(value, str) and value.startswith(("http://", "https://")) and value.isascii()


def address_fault(fields: Mapping[str, str]) -> str | None:
    """The code of the first thing that is wrong with a pay address of version 2, or None."""
    number, good = fields.get("merchant_trans_id", ""), fields.get("good_code", "")
    wrong = {
        "3": not 0 < len(number) <= MAX_ID,
        "10": not 0 < len(good) <= MAX_ID,
        "11": not whole(fields.get("net_cost", "")),
        "5": not fields.get("service_code"),
        "30": fields.get("version") != "1.0",
        "31": not CONSTANTS_2.items() <= fields.items(),
        "39": not is_address(fields.get("return_url")),
    }
    return next((code for code, is_wrong in wrong.items() if is_wrong), None)
