"""What is in a key folder now, at the price of one look at its time of change."""

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

REFRESH_S: Final = 1.0
"""How often the names are read although the folder's time of change says that nothing is new."""
SETTLED_NS: Final = 2_000_000_000
"""A folder that changed less than this ago may change again within the same tick of its clock."""

_NAME: Final = re.compile(r"([a-z][a-z0-9-]{0,39})\.(\d{4})\.(pem|crt|revoked|secret)")


@dataclass(frozen=True, slots=True)
class Listing:
    """The names of our files with (time of change in ns, size): a certificate may be replaced by another."""

    names: dict[str, tuple[int, int]]

    def generations(self, purpose: str, suffix: str) -> list[int]:
        """Which generations of a purpose have a file of this kind, in order."""
        found = (_NAME.fullmatch(name) for name in self.names)
        return sorted(int(each[2]) for each in found if each and (each[1], each[3]) == (purpose, suffix))

    def purposes(self, suffix: str) -> list[str]:
        """The purposes that have a file of this kind, in order."""
        found = (_NAME.fullmatch(name) for name in self.names)
        return sorted({each[1] for each in found if each and each[3] == suffix})


@dataclass(frozen=True, slots=True)
class _Look:
    listing: Listing
    changed_ns: int
    settled: bool
    at_s: float


class KeyFolder:
    """A folder that others write to as well. Safe between threads: what was seen is one value, put there whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: _Look | None = None

    def look(self) -> Listing:
        """The folder as it is; the same object as before if its names are the same. Raises `OSError` at first.

        Later a folder that cannot be read is as it was seen last: a share that is away takes nobody's key away.
        """
        seen, at_s = self._seen, time.monotonic()
        try:
            changed_ns = self.path.stat().st_mtime_ns
            known = seen is not None and seen.settled and seen.changed_ns == changed_ns
            if seen is not None and known and at_s - seen.at_s < REFRESH_S:
                return seen.listing
            names = self._names()
        except OSError:
            if seen is None:
                raise
            return seen.listing
        # the time was read before the names: what came between them is seen by the next look
        settled = time.time_ns() - changed_ns > SETTLED_NS
        listing = seen.listing if seen is not None and seen.listing.names == names else Listing(names)
        self._seen = _Look(listing, changed_ns, settled, at_s)
        return listing

    def _names(self) -> dict[str, tuple[int, int]]:
        with os.scandir(self.path) as entries:
            found = [(each.name, each.stat()) for each in entries if _NAME.fullmatch(each.name)]
        return {name: (stat.st_mtime_ns, stat.st_size) for name, stat in found}
