"""How ViettelPay 2.0 signs and writes: one HMAC over values joined by nothing, posted forms, the form of each value.

The rules and their source are in the docstring of `adapters.viettelpay`, the only module that uses these.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from gateway.domain import wire
from gateway.domain.errors import Malformed
from signing.mac import hmac_base64

FORMS: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        "billcode": re.compile(r"[A-Za-z0-9._-]{0,50}"),
        "cust_msisdn": re.compile(r"[0-9+*]{0,20}"),
        "error_code": re.compile(r"[A-Z0-9_]{2,12}"),
        "merchant_code": re.compile(r"[A-Za-z0-9_]{1,50}"),
        "order_id": re.compile(r"[A-Z0-9]{1,20}"),
        "payment_status": re.compile(r"-?[0-9]"),
        "trans_amount": re.compile(r"0|[1-9][0-9]{0,14}"),
        "version": re.compile(r"[0-9.]{1,8}"),
        "vt_transaction_id": re.compile(r"[A-Za-z0-9._-]{1,50}"),
    }
)
CHECK: Final = "check_sum"


def check_sum(fields: Mapping[str, str], order: str, *, access_code: str, hash_key: str) -> str:
    """Base64 HMAC-SHA1 of the values that `order` names; one that is absent adds nothing."""
    told = {**fields, "access_code": access_code}
    text = "".join(told.get(name, "") for name in order.split("|"))
    return hmac_base64(hash_key.encode(), text.encode("utf-8", "replace"), "sha1")


def read_form(body: bytes, ignored: frozenset[str] = frozenset()) -> dict[str, str]:
    """The values of a posted form, each held to its form; an empty one is as good as absent.

    Raises `Malformed`, also for a name that is neither known nor one of `ignored`: no check_sum covers it.
    """
    pairs = wire.raw_query_pairs(body)
    if not pairs.keys() <= FORMS.keys() | ignored | {CHECK}:
        raise Malformed("viettelpay: a message holds a name that is not of this protocol")
    told = {name: wire.form_decode(value) for name, value in pairs.items()}
    fields = {name: held(value, name) for name, value in told.items() if name in FORMS and value}
    # Base64 has no blank: one stands where a sender forgot to encode a plus
    return {**fields, CHECK: told.get(CHECK, "").replace(" ", "+")}


def held(value: str, name: str) -> str:
    """`value`, if it is of the form of `name`. Raises `Malformed`."""
    if not FORMS[name].fullmatch(value):
        raise Malformed(f"viettelpay: {name} is not of its form")
    return value


def write_form(fields: Mapping[str, str]) -> str:
    return "&".join(f"{name}={wire.form_encode(value)}" for name, value in fields.items())
