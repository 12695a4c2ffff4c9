"""The catalogue: every procedure with its versions, and which of them a case follows."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from gateway.domain.errors import Misconfigured, NotFound
from gateway.domain.procedure import Procedure, in_force


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Procedures by code, each with its versions, oldest first."""

    by_code: Mapping[str, tuple[Procedure, ...]]

    @classmethod
    def of(cls, known: Iterable[Procedure]) -> "Catalogue":
        """Raises `ValueError` where two versions of a code have one number, or are in force on one day."""
        by_code: dict[str, tuple[Procedure, ...]] = {}
        for each in sorted(known, key=lambda each: (each.code, each.version)):
            before = by_code.get(each.code, ())
            _check_apart(before, each)
            by_code[each.code] = (*before, each)
        return cls(by_code)

    def __iter__(self) -> Iterator[tuple[Procedure, ...]]:
        return iter(self.by_code.values())

    def now(self, code: str, on: date) -> Procedure:
        """The version in force on that day, also by a local code. Raises `NotFound`."""
        found = in_force(self.by_code.get(code, ()) or self._by_local_code(code), on)
        if found is None:
            raise NotFound(f"no procedure with this code is in force on {on.isoformat()}")
        return found

    def version(self, code: str, number: int) -> Procedure:
        """That very version: what a case follows. Raises `Misconfigured`: a file was taken away that cases need."""
        found = next((each for each in self.by_code.get(code, ()) if each.version == number), None)
        if found is None:
            raise Misconfigured(f"the catalogue has no version {number} of the procedure {code}")
        return found

    def search(self, on: date, *, level: int | None = None, part: str = "") -> list[Procedure]:
        """Those in force on that day, of a level, with a part of the code or name; marks and case do not count."""
        wanted = _plain(part)
        found = (in_force(versions, on) for versions in self.by_code.values())
        return [
            each
            for each in found
            if each is not None
            and level in {None, each.level}
            and wanted in _plain(f"{each.code} {each.name_vi} {each.name_en} {each.field}")
        ]

    def _by_local_code(self, code: str) -> tuple[Procedure, ...]:
        return next((versions for versions in self if any(code in each.local_codes for each in versions)), ())


def _check_apart(before: tuple[Procedure, ...], new: Procedure) -> None:
    for each in before:
        if each.version == new.version:
            raise ValueError(f"{new.code} has two versions {new.version}")
        one, other = each.period, new.period
        if (one.to_on or date.max) >= (other.from_on or date.min) and (other.to_on or date.max) >= (
            one.from_on or date.min
        ):
            raise ValueError(f"{new.code}: versions {each.version} and {new.version} are in force on one day")


def _plain(text: str) -> str:
    """As people type it who have no marks at hand: small, without diacritics, `đ` as `d`."""
    apart = unicodedata.normalize("NFD", text.casefold().replace("đ", "d"))
    return "".join(char for char in apart if not unicodedata.combining(char))
