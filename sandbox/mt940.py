"""One day's statement as a plain SWIFT MT940 file.

No Vietnamese dialect is published, so this is the customer statement message as SWIFT describes it: character
set x, 65 characters a line, amounts with a decimal comma and, for VND, nothing behind it.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from textwrap import wrap

WIDTH = 64  # one less than SWIFT's 65: a continuation line starts with a blank
MAX_DETAIL_LINES = 6
MAX_REFERENCE = 16
BICS = {"970418": "BIDVVNVX", "970415": "ICBVVNVX", "970436": "BFTVVNVX", "970405": "VBAAVNVX"}
OTHER_BIC = "SBOXVNVX"
_OUTSIDE_X = re.compile(r"[^A-Za-z0-9/\-?:().,'+ \n]")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line. `amount_vnd` > 0 is money in, < 0 money out; `code` is SWIFT's four letters, as `NTRF`."""

    amount_vnd: int
    code: str
    customer_reference: str
    bank_reference: str
    memo: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One account and one day; `bank_bin` is the six digits of the bank."""

    bank_bin: str
    account: str
    on: date
    opening_vnd: int
    entries: Sequence[Entry]

    @property
    def closing_vnd(self) -> int:
        return self.opening_vnd + sum(entry.amount_vnd for entry in self.entries)


def swift_text(text: str) -> str:
    """`text` in SWIFT's character set x: Vietnamese letters lose their marks, other characters become blanks."""
    plain = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    without_marks = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return _OUTSIDE_X.sub(" ", without_marks)


def render(statement: Statement) -> str:
    """The whole message with CR LF line ends; opening + Σ entries = closing by construction."""
    day = statement.on.strftime("%y%m%d")
    bic = BICS.get(statement.bank_bin, OTHER_BIC)
    lines = [
        f"{{1:F01{bic}AXXX0000000000}}{{2:I940GATEWAYXXXXN}}{{4:",
        f":20:{day}STM0001",
        f":25:{statement.account}",
        f":28C:{statement.on.timetuple().tm_yday:05d}/001",
        f":60F:{_balance(statement.opening_vnd, day)}",
    ]
    for entry in statement.entries:
        lines.append(_entry_line(entry, statement.on))
        lines.extend(_details(entry.memo))
    lines += [f":62F:{_balance(statement.closing_vnd, day)}", "-}"]
    return "\r\n".join(lines)


def _balance(amount_vnd: int, day: str) -> str:
    return f"{'C' if amount_vnd >= 0 else 'D'}{day}VND{abs(amount_vnd)},"


def _entry_line(entry: Entry, on: date) -> str:
    mark = "C" if entry.amount_vnd > 0 else "D"
    reference = swift_text(entry.customer_reference)
    if not reference or len(reference) > MAX_REFERENCE:
        reference = "NONREF"  # the field holds 16 characters; the memo carries the whole reference
    day = on.strftime("%y%m%d%m%d")
    return f":61:{day}{mark}{abs(entry.amount_vnd)},{entry.code}{reference}//{entry.bank_reference}"


def _details(memo: str) -> list[str]:
    lines = [piece for part in swift_text(memo).split("\n") for piece in wrap(part, WIDTH)]
    if not lines:
        return []
    first, *rest = lines[:MAX_DETAIL_LINES]
    return [f":86:{first}", *(f" {line}" for line in rest)]
