"""Agencies' identifiers of both systems, the tree that they make, and what became of an agency.

* Old (QCVN 102:2016/BTTTT): from the unit up, `V1V2V3.Z1Z2.Y1Y2.MX1X2`, zeros where a level is not used.
* New (QĐ 20/2020/QĐ-TTg, QĐ 09/2025/QĐ-TTg): from the top down, `H28.15.05.13`, as deep as the unit lies.

An identifier is never used again: cases of a province that was merged keep its code and stay readable for ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from gateway.domain.codes import check_agency

LEVELS = 4
MOST_MERGERS = 10


@dataclass(frozen=True, slots=True)
class Name:
    """A name that an agency has from a day on."""

    from_on: date
    name_vi: str


@dataclass(frozen=True, slots=True)
class TopAgency:
    """An agency of the first level (a ministry, a province). `sure` False: its code was recalled, not seen."""

    code: str
    name_vi: str
    sure: bool
    merged_into: str | None = None
    merged_on: date | None = None
    renamed: tuple[Name, ...] = ()

    def name(self, on: date) -> str:
        names = [each.name_vi for each in self.renamed if each.from_on <= on]
        return names[-1] if names else self.name_vi


def path(code: str) -> tuple[str, ...]:
    """The way down to a unit, without what is not used: `000.05.15.H28` and `H28.15.05` are `(H28, 15, 5)`.

    Numbers lose their leading zeros, as the two systems write them with different many. Raises `Malformed`.
    """
    parts = check_agency(code).split(".")
    down = parts if parts[0][0].isalpha() else parts[::-1]
    numbers = [str(int(each)) for each in down[1:]]
    while numbers and numbers[-1] == "0":
        numbers.pop()
    return (down[0], *numbers)


def same(one: str, other: str) -> bool:
    """Whether both identifiers, of either system, are of one unit. Raises `Malformed`."""
    return path(one) == path(other)


def is_within(code: str, above: str) -> bool:
    """Whether the unit is `above` or lies under it, in either system. Raises `Malformed`."""
    upper = path(above)
    return path(code)[: len(upper)] == upper


def heir(code: str, on: date, known: Mapping[str, TopAgency]) -> str:
    """The code of the first-level agency that does on that day what the unit's own did when the code was given.

    An agency that nobody knows is its own heir. Raises `Malformed`.
    """
    top = path(code)[0]
    for _ in range(MOST_MERGERS):
        found = known.get(top)
        if found is None or found.merged_into is None or found.merged_on is None or on < found.merged_on:
            break
        top = found.merged_into
    return top
