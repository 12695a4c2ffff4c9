"""Receipt (biên lai): numbered first, in the transaction that claims the number; the paper follows.

A number belongs to one series (collector and year) and runs from 1 without a gap, at most eight digits
(NĐ 254/2026/NĐ-CP Đ23 k2). Printed with seven, as the sign `AA-22E` and number 0000001 are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.domain.money import format_vnd

LARGEST_NUMBER = 99_999_999
STATE_FEES = ("phi", "le_phi")
"""Kinds of line that a state receipt is for; postage is none (Luật phí và lệ phí 97/2015/QH13)."""


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


def series_of(agency_code: str, year: int, sign: str = "") -> str:
    """The series of an agency's own electronic receipts in a year: `H28-26E`.

    Only the province or ministry part of the identifier is used: `000.00.15.H28` and `H28.15` give `H28`. Where ours
    are the legal ones, each agency counts under its own sign (`H28.15-AA-26E`), which must have no gap (NĐ
    254/2026/NĐ-CP Đ23 k2).
    """
    if sign:
        return f"{agency_code}-{sign}"
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
    how: str = ""
    """How the sum came about, so that a reader can compute it again."""


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
    refunded_vnd: int = 0
    """Of the total, what was given back meanwhile: then this receipt took the place of the one before."""
    replaces: str = ""
    """The number of the receipt that this one took the place of."""
    form: str = ""
    sign: str = ""
    """Where ours is the legal receipt: the sign of its form (`01BLP0-001`) and its sign (`AA-26E`)."""


def kept_vnd(amount_vnd: int, paid_vnd: int, refunded_vnd: int) -> int:
    """What is kept of the sum that a receipt is for: money that came twice is given back first."""
    return max(min(amount_vnd, paid_vnd - refunded_vnd), 0)


def kept_lines(sums_vnd: Sequence[int], refunded_vnd: int) -> Sequence[int] | None:
    """What is kept of each line of a receipt; None where it cannot be told, for a refund names no line."""
    if refunded_vnd == 0:
        return sums_vnd
    if refunded_vnd >= sum(sums_vnd):
        return [0] * len(sums_vnd)
    return [sums_vnd[0] - refunded_vnd] if len(sums_vnd) == 1 else None


def how_computed(amount_vnd: int, full_vnd: int | None, reduction: str | None) -> str:
    """How a fee line came to its sum, in words: `200.000 đ, giảm còn 100.000 đ: Sinh viên`."""
    if full_vnd is None:
        return ""
    if reduction is None or full_vnd == amount_vnd:
        return f"Mức thu {format_vnd(full_vnd)}"
    return f"Mức thu {format_vnd(full_vnd)}, giảm còn {format_vnd(amount_vnd)}: {reduction}"
