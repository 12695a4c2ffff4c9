"""SWIFT MT940 customer statements: bytes in, one `Statement` out.

Source: SWIFT Standards MT, category 9, MT940 (fields 20, 25, 28C, 60, 61, 86, 62); no Vietnamese dialect is
published. A statement of several messages ("pages", field 28C, 60M and 62M) in one file is one statement.

Read here and not with the `mt-940` library, which was tried: it takes the front of a damaged amount for the
amount (`C1800garbage` is 1800), glues the statement's own closing :86: to the last payment's memo, absorbs
unknown fields into a memo, and logs payers' names when it cannot read a field. With money, a line that is not
wholly understood must stop the file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise

from gateway.domain.errors import Malformed
from gateway.domain.statement import Statement, StatementLine, check_sums

FILE_BYTES = 20_000_000
FIELD_CHARS = 4_000
"""Field 86 has six lines of 65 by the standard; banks write more, but nothing near this."""

_CURRENCY = "VND"
_CENTURY = 2000
_NO_REFERENCE = "NONREF"  # SWIFT's word for an absent customer reference

_FIELD = re.compile(r":([0-9]{2}[A-Z]?):(.*)")
_ENVELOPE = re.compile(r"(?:\{[1235]:.*)?(?:\{4:)?")
_END = ("-", "-}")
_READ = frozenset({"20", "25", "25P", "28", "28C", "60F", "60M", "61", "86", "62F", "62M"})
_PASSED_OVER = frozenset({"13D", "21", "34F", "64", "65", "90C", "90D"})
"""Fields of the standard (some of MT942) that do not change what was paid."""

_AMOUNT = r"[0-9]{1,15}(?:,[0-9]{0,3})?"
_NUMBER = re.compile(r"([0-9]{1,5})(?:/([0-9]{1,5}))?")
_BALANCE = re.compile(rf"([CD])([0-9]{{6}})([A-Z]{{3}})({_AMOUNT})")
_LINE = re.compile(
    rf"(?P<value>[0-9]{{6}})(?P<entry>[0-9]{{4}})?(?P<mark>R?[CD])(?P<funds>{_CURRENCY[2]})?(?P<amount>{_AMOUNT})"
    r"(?P<kind>[FNS][A-Z0-9]{3})(?P<customer>.{0,35}?)(?://(?P<bank>.{0,35}))?"
)
_SIGN = {"C": 1, "RD": 1, "D": -1, "RC": -1}
"""RC takes a credit back, RD gives a debit back."""


@dataclass(frozen=True, slots=True)
class _Field:
    tag: str
    lines: tuple[str, ...] = field(repr=False)

    @property
    def single(self) -> str:
        if len(self.lines) != 1:
            raise Malformed(f"Field {self.tag} of the statement has more than one line.")
        return self.lines[0]

    @property
    def raw(self) -> str:
        return f":{self.tag}:" + "\n".join(self.lines)


@dataclass(frozen=True, slots=True)
class _Balance:
    amount_vnd: int
    on: date
    intermediate: bool


@dataclass(frozen=True, slots=True)
class _Page:
    account: str
    number: str
    sequence: int | None
    opening: _Balance
    closing: _Balance
    lines: tuple[StatementLine, ...]


def parse(data: bytes) -> Statement:
    """Read one whole statement, UTF-8 or ASCII, with or without the SWIFT envelope.

    The sums are checked. Raises `Malformed`: also for a currency other than VND, a part of a đồng, a page
    that is missing, or a second statement in the file.
    """
    if len(data) > FILE_BYTES:
        raise Malformed(f"A statement file has at most {FILE_BYTES} bytes.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Malformed("The statement file is not text in UTF-8.") from None
    pages = [_read_page(fields) for fields in _split_pages(_split_fields(text))]
    statement = _join(pages)
    check_sums(statement)
    return statement


def _split_fields(text: str) -> list[_Field]:
    found: list[tuple[str, list[str]]] = []
    inside = False
    for line in re.split(r"\r\n|\r|\n", text):
        if match := _FIELD.fullmatch(line):
            inside = True
            found.append((match[1], [match[2].rstrip()]))
        elif line in _END or line.startswith("-}{5:"):
            inside = False
        elif line.startswith(":"):
            raise Malformed("A line of the statement begins with a colon but names no field.")
        elif inside:
            found[-1][1].append(line.rstrip())
        elif not _ENVELOPE.fullmatch(line.strip()):
            raise Malformed("The statement has text outside its fields.")
    return [_Field(tag, _trimmed(tag, lines)) for tag, lines in found]


def _trimmed(tag: str, lines: list[str]) -> tuple[str, ...]:
    if tag not in _READ | _PASSED_OVER:
        raise Malformed(f"Field {tag} is not of a statement.")
    if sum(map(len, lines)) > FIELD_CHARS:
        raise Malformed(f"Field {tag} of the statement is too long.")
    while len(lines) > 1 and not lines[-1]:
        lines.pop()
    return tuple(lines)


def _split_pages(fields: list[_Field]) -> Iterator[list[_Field]]:
    page: list[_Field] = []
    for each in fields:
        if each.tag == "20" and page:
            yield page
            page = []
        if each.tag not in _PASSED_OVER:
            page.append(each)
    yield page


def _read_page(fields: list[_Field]) -> _Page:
    """One message: 20, 25, 28C, 60, then 61 each with or without its 86, then 62 and perhaps an 86 of all."""
    head, rest = fields[:4], fields[4:]
    shape = "".join(each.tag[:2] for each in head)
    if shape != "20252860":
        raise Malformed("The statement does not begin with fields 20, 25, 28 and 60.")
    end = next((at for at, each in enumerate(rest) if each.tag[:2] == "62"), None)
    if end is None or [each.tag for each in rest[end + 1 :]] not in ([], ["86"]):
        raise Malformed("The statement does not end with field 62.")
    number = _NUMBER.fullmatch(head[2].single)
    account = head[1].lines[0].strip()
    if number is None or not account:
        raise Malformed("The statement's account or number cannot be read.")
    return _Page(
        account=account,
        number=number[1],
        sequence=int(number[2]) if number[2] else None,
        opening=_read_balance(head[3]),
        closing=_read_balance(rest[end]),
        lines=tuple(_read_lines(rest[:end])),
    )


def _read_balance(balance: _Field) -> _Balance:
    match = _BALANCE.fullmatch(balance.single)
    if match is None:
        raise Malformed(f"Field {balance.tag} of the statement is not a balance.")
    if match[3] != _CURRENCY:
        raise Malformed("The statement is not in VND.")
    return _Balance(
        amount_vnd=_SIGN[match[1]] * _dong(match[4]), on=_day(match[2]), intermediate=balance.tag[2:] == "M"
    )


def _read_lines(fields: list[_Field]) -> Iterator[StatementLine]:
    bookings: list[tuple[_Field, _Field | None]] = []
    for each in fields:
        if each.tag == "61":
            bookings.append((each, None))
        elif each.tag == "86" and bookings and bookings[-1][1] is None:
            bookings[-1] = (bookings[-1][0], each)
        else:
            raise Malformed(f"Field {each.tag} of the statement stands in the wrong place.")
    for line_no, (booking, details) in enumerate(bookings, 1):
        yield _read_line(line_no, booking, details)


def _read_line(line_no: int, booking: _Field, details: _Field | None) -> StatementLine:
    match = _LINE.fullmatch(booking.lines[0])
    if match is None:
        raise Malformed(f"Line {line_no} of the statement cannot be read.")
    value_on = _day(match["value"])
    customer_ref = match["customer"].strip()
    told = booking.lines[1:] + (details.lines if details else ())
    return StatementLine(
        line_no=line_no,
        value_on=value_on,
        booked_on=_nearest(value_on, match["entry"]) if match["entry"] else None,
        amount_vnd=_SIGN[match["mark"]] * _dong(match["amount"]),
        bank_ref=(match["bank"] or "").strip(),
        customer_ref="" if customer_ref == _NO_REFERENCE else customer_ref,
        memo="\n".join(told),
        raw=booking.raw + (f"\n{details.raw}" if details else ""),
    )


def _join(pages: list[_Page]) -> Statement:
    first, last = pages[0], pages[-1]
    if first.opening.intermediate or last.closing.intermediate:
        raise Malformed("The statement's first or last page is missing.")
    for before, after in pairwise(pages):
        same = (before.account, before.number) == (after.account, after.number)
        if not same or not before.closing.intermediate or not after.opening.intermediate:
            raise Malformed("The file holds more than one statement.")
        follows = before.sequence is not None and after.sequence == before.sequence + 1
        if not follows or before.closing.amount_vnd != after.opening.amount_vnd:
            raise Malformed("A page of the statement is missing or doubled.")
    lines = [line for page in pages for line in page.lines]
    return Statement(
        account=first.account,
        currency=_CURRENCY,
        number=first.number,
        opening_vnd=first.opening.amount_vnd,
        opening_on=first.opening.on,
        closing_vnd=last.closing.amount_vnd,
        closing_on=last.closing.on,
        lines=tuple(replace(line, line_no=line_no) for line_no, line in enumerate(lines, 1)),
    )


def _dong(amount: str) -> int:
    whole, _, part = amount.partition(",")
    if part.strip("0"):
        raise Malformed("The statement has a part of a đồng.")
    return int(whole)


def _day(yymmdd: str) -> date:
    try:
        return date(_CENTURY + int(yymmdd[:2]), int(yymmdd[2:4]), int(yymmdd[4:]))
    except ValueError:
        raise Malformed("The statement has a day that does not exist.") from None


def _nearest(value_on: date, mmdd: str) -> date:
    """The entry date has no year: it is the one nearest to the value date, also across New Year."""
    days: list[date] = []
    for year in (value_on.year - 1, value_on.year, value_on.year + 1):
        try:
            days.append(date(year, int(mmdd[:2]), int(mmdd[2:])))
        except ValueError:
            continue
    if not days:
        raise Malformed("The statement has an entry date that does not exist.")
    return min(days, key=lambda day: abs(day - value_on))
