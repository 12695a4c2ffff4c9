"""Who plays which fault, read from `docs/sandbox.md`: each cell of its table happens on the virtual wire.

The world and the adapters are those of this machine's world file and environment, so that both sides of every
contract are seen to fit as well.
"""

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sandbox_sides import SIDES, Side
from sandbox_virtual import INTERVAL_S

from sandbox.faults import LATE_INTERVALS
from sandbox.outward import Call

PAGE = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text("utf-8")
AS_ABOVE, NOT_PLAYED = "yes", "no"


class Row(NamedTuple):
    callbacks: str
    first_call: str
    in_the_end: str


def table(heading: str) -> dict[str, list[str]]:
    """The cells of each row of the table whose heading begins so, by the first one."""
    lines = PAGE.split(f"| {heading} |")[1].split("\n\n")[0].splitlines()
    cells = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells if re.fullmatch(r"\d{3}", row[0])}


ROWS = {ends_in: Row(*cells[1:]) for ends_in, cells in table("amount ends in").items()}
NAMES = PAGE.split("| ends in | fault |")[1].splitlines()[0].strip(" |").split(" | ")
WHO = {
    ends_in: dict(zip(NAMES, cells[1:], strict=True)) for ends_in, cells in table("ends in | fault").items()
}
REFUNDS = [
    (name, ends_in, cell)
    for ends_in, cells in table("asked back ends in").items()
    for name, cell in zip(("keypay", "ttttqg"), cells, strict=True)
]
FAULTLESS = Row("paid", "answered", "paid")


def callbacks(side: Side) -> list[Call]:
    return [call for call in side.wire.sent if "/callbacks/" in call.url]


def differing(call: Call, other: Call) -> int:
    return sum(a != b for a, b in zip(call.body or b"", other.body or b"", strict=False))


def seen(side: Side, twin: Side, amount_vnd: int) -> Row:
    """What happens; the same in a world of another seed tells where one byte was changed."""
    twin.play(amount_vnd)
    first_call = side.play(amount_vnd)
    for each in (side, twin):
        each.wire.deliver()
    prompt = len(callbacks(side))
    for each in (side, twin):
        each.wire.later(INTERVAL_S * (LATE_INTERVALS + 1))
    heard = []
    for number, (call, other) in enumerate(zip(callbacks(side), callbacks(twin), strict=True)):
        changed = "one byte changed" if 0 < differing(call, other) <= 2 else ""
        heard.append(("" if number < prompt else "late: ") + (changed or side.said(call, amount_vnd)))
    return Row("; ".join(heard) or "none", first_call, side.ended())


@pytest.mark.parametrize("ends_in", list(ROWS))
@pytest.mark.parametrize("name", list(SIDES))
def test_a_fault_happens_where_the_page_says(name: str, ends_in: str, local: Any) -> None:
    side, twin = (SIDES[name](name, *local, seed) for seed in (4, 5))
    amount_vnd = 10_000 + int(ends_in)
    row, cell = ROWS[ends_in], WHO[ends_in][name]
    expected = {AS_ABOVE: row, NOT_PLAYED: FAULTLESS}.get(cell, row._replace(callbacks=cell))
    happened = seen(side, twin, amount_vnd)
    if not side.counted:
        expected = expected._replace(first_call=expected.first_call.partition(",")[0])
    assert expected == happened
    assert (amount_vnd if expected.in_the_end == "paid" else 0) == side.wire.credited_vnd()


@pytest.mark.parametrize("name", ["keypay", "keypay2", "viettelpay", "ttttqg"])
def test_a_query_believes_in_the_failure_as_long_as_nothing_else_was_told(name: str, local: Any) -> None:
    side = SIDES[name](name, *local, 4)
    side.play(10_108)
    before = side.ended()
    side.wire.later(INTERVAL_S * LATE_INTERVALS)
    assert (10_108, "failed", "paid") == (side.wire.credited_vnd(), before, side.ended())


@pytest.mark.parametrize(("name", "ends_in", "cell"), REFUNDS)
def test_a_refund_meets_the_fault_of_its_own_sum(name: str, ends_in: str, cell: str, local: Any) -> None:
    side = SIDES[name](name, *local, 4)
    side.play(180_000)
    assert cell == side.refund(10_000 + int(ends_in))


def test_the_page_has_a_cell_for_every_fault_and_provider() -> None:
    assert ROWS.keys() == WHO.keys()
    assert list(SIDES) == NAMES
