"""What an agency is called, and in which agency of the first level it lies since the mergers of 2025.

Nothing is said of a code that nobody knows: neither the agencies file nor the list of first-level agencies.
"""

from dataclasses import dataclass
from datetime import date

from gateway.domain.agencies import heir, path, same
from gateway.service.context import Context


@dataclass(frozen=True, slots=True)
class Called:
    """`now_within`: the agency that its own of the first level has become a part of; None where it stands as it was."""

    name: str
    now_within: str | None

    @property
    def vi(self) -> str:
        return self.name if self.now_within is None else f"{self.name}, nay thuộc {self.now_within}"

    @property
    def en(self) -> str:
        return self.name if self.now_within is None else f"{self.name}, now part of {self.now_within}"


def called(context: Context, code: str, on: date) -> Called | None:
    """The agency of a code of either system, as it is called on that day; None for one that nobody knows."""
    name = _name(context, code, on)
    if name is None:
        return None
    top, known = path(code)[0], context.top_agencies
    after = heir(code, on, known)
    return Called(name, known[after].name(on) if after != top and after in known else None)


def _name(context: Context, code: str, on: date) -> str | None:
    agency = context.agencies.get(code)
    agency = agency or next((each for each in context.agencies.values() if same(each.code, code)), None)
    if agency is not None:
        return agency.name
    way = path(code)
    top = context.top_agencies.get(way[0])
    return top.name(on) if top is not None and len(way) == 1 else None
