"""Legal electronic receipts (biên lai điện tử) at a provider: what is asked for, and what was issued. Sums are VND.

A receipt is one of a series: its issuer's tax code, the sign of the form (ký hiệu mẫu, `01BLP0-001`) and the sign (ký
hiệu, `AA-26E`); its number has seven digits, or eight in a series that large (NĐ 254/2026/NĐ-CP Đ23 k2). The provider
gives the number. The key is ours, one for a receipt for ever, and the provider gives a key no second number: so an
issue in doubt is looked up by its key, and only what is not there may be asked for again, under the same key.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from gateway.domain.errors import Malformed
from gateway.domain.money import LARGEST_VND, in_words_vi
from gateway.ports.money import FeeLine, Payer

MAX_LINES: Final = 50
KINDS: Final = frozenset({"phi", "le_phi"})

# what every provider takes: Viettel's key has 10 to 36 characters, VNPT's answer parts keys by commas
_KEY = re.compile(r"[A-Za-z0-9_-]{10,36}")
_TAX_CODE = re.compile(r"[0-9]{10}(?:-[0-9]{3}|[0-9]{2})?")
_FORM = re.compile(r"[0-9A-Z/-]{1,20}")
_SIGN = re.compile(r"[0-9A-Z/-]{1,12}")
_NUMBER = re.compile(r"[0-9]{7,8}")


class ReceiptCapability(StrEnum):
    CANCEL = "cancel"
    REPLACE = "replace"
    """Issues a receipt in the place of another one, in one act."""
    PDF = "pdf"
    XML = "xml"
    """Gives the signed file in the tax authority's form."""


class PayForm(StrEnum):
    """How it was paid, in the words that a receipt prints (hình thức thanh toán)."""

    CASH = "TM"
    TRANSFER = "CK"
    ONLINE = "TTO"


class ReceiptFile(StrEnum):
    PDF = "pdf"
    XML = "xml"


class Standing(StrEnum):
    """Whether a receipt that was issued still holds."""

    HOLDS = "holds"
    CANCELLED = "cancelled"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True)
class ReceiptSeries:
    """Whose series it is, the sign of its form and its sign. Raises `Malformed`."""

    issuer_tax_code: str
    form: str
    sign: str

    def __post_init__(self) -> None:
        parts = ((_TAX_CODE, self.issuer_tax_code), (_FORM, self.form), (_SIGN, self.sign))
        if not all(pattern.fullmatch(text) for pattern, text in parts):
            raise Malformed("a series is a tax code, the sign of a form as 01BLP0-001 and a sign as AA-26E")


@dataclass(frozen=True, slots=True)
class ReceiptOrder:
    """A receipt to be issued. Raises `Malformed`.

    `key` is ours, 10 to 36 of A-Z a-z 0-9 - _, and stable: made from our own receipt's id. Lines are `phi` or `le_phi`,
    never `postage`, which is no fee of the state (Luật phí và lệ phí 97/2015/QH13). `issued_at` is its moment.
    """

    key: str
    series: ReceiptSeries
    lines: tuple[FeeLine, ...]
    payer: Payer
    collector_name: str
    case_code: str
    form: PayForm
    issued_at: datetime

    def __post_init__(self) -> None:
        checked_key(self.key)
        if not 0 < len(self.lines) <= MAX_LINES or any(line.kind not in KINDS for line in self.lines):
            raise Malformed(f"a state receipt has 1 to {MAX_LINES} lines, each of them phi or le_phi")
        if (
            any(not 0 < line.amount_vnd <= LARGEST_VND for line in self.lines)
            or self.amount_vnd > LARGEST_VND
        ):
            raise Malformed("the sums of a receipt are above nothing and within the largest sum")
        if self.issued_at.utcoffset() is None:
            raise Malformed("the moment of a receipt has a zone")

    @property
    def amount_vnd(self) -> int:
        return sum(line.amount_vnd for line in self.lines)

    @property
    def amount_in_words(self) -> str:
        """As a receipt must also say its sum: `Một trăm tám mươi nghìn đồng`."""
        return in_words_vi(self.amount_vnd)


@dataclass(frozen=True, slots=True)
class IssuedReceipt:
    """A receipt that has its number: series and `number` (seven digits or eight) name it for ever.

    `provider_ref` is the provider's own name for it, `lookup_code` what a citizen types on the provider's page,
    `tax_authority_code` the tax office's code; empty where there is none. `amount_vnd` and `issued_at` are None where
    the provider does not say. `repeated`: it was there before this call. Raises `Malformed`.
    """

    key: str
    series: ReceiptSeries
    number: str
    standing: Standing = Standing.HOLDS
    provider_ref: str = ""
    lookup_code: str = field(default="", repr=False)
    tax_authority_code: str = ""
    amount_vnd: int | None = None
    issued_at: datetime | None = None
    repeated: bool = False

    def __post_init__(self) -> None:
        checked_key(self.key)
        if not _NUMBER.fullmatch(self.number) or not int(self.number):
            raise Malformed("the number of a receipt has seven or eight digits, from 1 on")


@dataclass(frozen=True, slots=True)
class NotThere:
    """The provider has no receipt under `key`: it may be asked for, under this same key."""

    key: str


class ReceiptProvider(Protocol):
    """Who issues legal receipts for an agency. An absent capability raises `Unsupported`.

    Every call: `Unreachable` says that it has not left us and may be made again, `Refused` that the provider did
    nothing, with its own code, `Misconfigured` that the series is not this contract's. A code that the adapter does
    not know is `OutcomeUnknown`: nothing is known of the receipt yet.
    """

    name: str
    capabilities: frozenset[ReceiptCapability]

    def issue(self, order: ReceiptOrder, now: datetime) -> IssuedReceipt:
        """Ask for a receipt, once. Where the provider knows the key already, what it has is looked up (`repeated`).

        After `OutcomeUnknown`, which an answer that cannot be read also is, only `look_up` may be called. `Malformed`:
        the order cannot be carried, and nothing was sent. `ReferenceConflict`: the key has a receipt of another sum,
        or one that does not hold any more.
        """

    def look_up(self, key: str, series: ReceiptSeries, now: datetime) -> IssuedReceipt | NotThere:
        """What the provider has under our key. Changes nothing; raises also `OutcomeUnknown` and `Malformed`."""

    def cancel(self, receipt: IssuedReceipt, reason: str, now: datetime) -> None:
        """Let a receipt hold no more. After `OutcomeUnknown` the `standing` that `look_up` gives tells."""

    def fetch(self, receipt: IssuedReceipt, kind: ReceiptFile, now: datetime) -> bytes:
        """The provider's paper or signed file. Raises as `look_up`, and `Unsupported`."""


class Replacing(Protocol):
    """What a provider with `REPLACE` also does."""

    def replace(self, order: ReceiptOrder, old: IssuedReceipt, reason: str, now: datetime) -> IssuedReceipt:
        """Ask for a receipt that takes the place of `old`, once: the old one holds no more when the new one is there.

        Raises as `ReceiptProvider.issue`, and `Malformed` where `old` lacks what the provider names a receipt by.
        After `OutcomeUnknown` only `look_up` of the order's key tells.
        """


def checked_key(key: str) -> str:
    """Our key as every provider takes it. Raises `Malformed`."""
    if not _KEY.fullmatch(key):
        raise Malformed("the key of a receipt is 10 to 36 letters, digits, hyphens and underscores")
    return key
