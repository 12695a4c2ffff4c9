"""Receipt (biên lai): numbered first, in the transaction that claims the number; the paper follows.

A number belongs to one series (collector and year) and runs from 1 without a gap, at most eight digits
(NĐ 254/2026/NĐ-CP Đ23 k2). Printed with seven, as the sign `AA-22E` and number 0000001 are.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

LARGEST_NUMBER = 99_999_999


class ReceiptState(StrEnum):
    NUMBERED = "numbered"
    ISSUED = "issued"
    CANCELLED = "cancelled"
    REPLACED = "replaced"


class ReceiptEvent(StrEnum):
    ISSUE = "issue"
    CANCEL = "cancel"
    REPLACE = "replace"


_S, _E = ReceiptState, ReceiptEvent

TABLE: Mapping[tuple[ReceiptState, ReceiptEvent], ReceiptState] = {
    (_S.NUMBERED, _E.ISSUE): _S.ISSUED,
    (_S.ISSUED, _E.CANCEL): _S.CANCELLED,
    (_S.ISSUED, _E.REPLACE): _S.REPLACED,
}


def series_of(agency_code: str, year: int) -> str:
    """The series of an agency's own electronic receipts in a year: `H28-26E`.

    Only the province or ministry part of the identifier is used: `000.00.15.H28` and `H28.15` give `H28`.
    """
    level_1 = next((part for part in agency_code.split(".") if part[:1] in {"H", "G"}), agency_code)
    return f"{level_1}-{year % 100:02d}E"


def receipt_number(series: str, number: int) -> str:
    """The number as people quote it: `H28-26E-0000001`."""
    if not 1 <= number <= LARGEST_NUMBER:
        raise ValueError("a receipt number has one to eight digits")
    return f"{series}-{number:07d}"


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One fee line on a receipt; `kind` is `phi`, `le_phi` or `postage`."""

    kind: str
    name: str
    amount_vnd: int
    legal_basis: str


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """All that a receipt says, so that the paper can be made again and checked. Sums in VND."""

    series: str
    number: int
    receipt_number: str
    issued_at: datetime
    collector_name: str
    collector_code: str
    collector_tax_code: str
    payer_name: str = field(repr=False)
    case_code: str
    procedure_name: str
    lines: tuple[ReceiptLine, ...]
    total_vnd: int
    provider_name: str
    provider_ref: str
    order_code: str
    paid_at: datetime
    verify_url: str
