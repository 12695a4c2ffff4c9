"""Files on their way in: the parts of uploads, what waits for the virus scan, and what was put away for good."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol


class Part(Protocol):
    """What came of one upload, held by one at a time."""

    path: Path

    @property
    def size_bytes(self) -> int: ...

    def cut(self, size_bytes: int) -> None:
        """Keep only the beginning; the next write goes behind it."""

    def write(self, block: bytes) -> None: ...

    def sync(self) -> None:
        """What was written outlasts a power cut."""
        ...

    def sha256(self) -> str:
        """Of all of it, in lower-case hex; read as a stream."""
        ...

    def remove(self) -> None: ...


class Parts(Protocol):
    def hold(self, upload_id: str) -> AbstractContextManager[Part]:
        """The part, for one at a time: who died lets go of it. Raises `Locked`."""
        ...

    def size_bytes(self, upload_id: str) -> int:
        """How much is there; 0 for none."""
        ...

    def there(self) -> Sequence[str]:
        """The uploads that have a part."""
        ...

    def temporary(self, content: bytes) -> AbstractContextManager[Path]:
        """`content` as a file that is gone afterwards."""
        ...

    def forget_temporary(self, before: datetime) -> None:
        """Remove what a process that died left behind before then."""

    def keep_waiting(self, path: Path, sha256: str) -> None:
        """A file that waits for the scan, under its SHA-256; `path` stays."""

    def waiting(self, sha256: str) -> Path | None: ...

    def release(self, sha256: str) -> None:
        """It waits no longer."""

    def forget(self, sha256: str) -> None:
        """Remove what waited or was put away under that SHA-256."""

    def quarantine(self, path: Path, sha256: str) -> None:
        """Put away for a person to look at: never served. `path` stays."""
