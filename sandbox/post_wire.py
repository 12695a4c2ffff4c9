"""The order of the NGSP interface, read strictly."""

from collections.abc import Mapping

MAX_TEXT = 500
MAX_COD_VND = 1_000_000_000
MAX_PAGE = 1000
REQUIRED_TEXT = (
    "CustomerCode",
    "OrderNumber",
    "SenderAddress",
    "SenderName",
    "SenderTel",
    "ReceiverName",
    "ReceiverAddress",
    "ReceiverTel",
)
REQUIRED_CODES = ("SenderProvince", "ReceiverProvince")


def cod_vnd(value: object) -> int:
    """CODAmount is a double on this wire; whole VND or 0."""
    return round(value) if isinstance(value, int | float) else 0


def order_fault(asked: Mapping[str, object], customer_code: str) -> str | None:
    """The first thing that is wrong with an order, or None."""
    for name in REQUIRED_TEXT:
        value = asked.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT:
            return f"Thiếu hoặc sai {name}"
    for name in REQUIRED_CODES:
        code = asked.get(name)
        if not isinstance(code, int) or isinstance(code, bool) or code <= 0:
            return f"Thiếu hoặc sai {name}"
    cod = asked.get("CODAmount")
    if cod is not None and (
        not isinstance(cod, int | float) or isinstance(cod, bool) or not 0 <= cod <= MAX_COD_VND
    ):
        return "CODAmount không đúng"
    return None if asked["CustomerCode"] == customer_code else "CustomerCode không đúng"


def page_size(text: str) -> int | None:
    """A `pagesize` from 1 to 1000, or None."""
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_PAGE)):
        return None
    return int(text) if 0 < int(text) <= MAX_PAGE else None
