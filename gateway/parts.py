"""Files on their way in, in a folder beside the store of files: on the same disk, so that a whole one is linked across.

The lock of a part is the kernel's (`flock`): a process that dies lets go of it.
"""

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from gateway.disk import put_beside, sync_folder
from gateway.domain.errors import Locked

OWNER_ONLY = 0o600


class FolderPart:
    """One open file, under its lock."""

    def __init__(self, path: Path, handle: int) -> None:
        self.path = path
        self._handle = handle

    @property
    def size_bytes(self) -> int:
        return os.fstat(self._handle).st_size

    def cut(self, size_bytes: int) -> None:
        os.ftruncate(self._handle, size_bytes)
        os.lseek(self._handle, size_bytes, os.SEEK_SET)

    def write(self, block: bytes) -> None:
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(self._handle, rest) :]

    def sync(self) -> None:
        os.fsync(self._handle)

    def sha256(self) -> str:
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


class FolderParts:
    """In `folder`; safe from several processes."""

    def __init__(self, folder: Path) -> None:
        self._parts, self._coming = folder / "parts", folder / "coming"
        self._waiting, self._quarantine = folder / "waiting", folder / "quarantine"

    @contextmanager
    def hold(self, upload_id: str) -> Iterator[FolderPart]:
        self._parts.mkdir(parents=True, exist_ok=True)
        path = self._parts / upload_id
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Locked("another request is writing to this upload") from None
            sync_folder(self._parts)
            yield FolderPart(path, handle)
        finally:
            os.close(handle)

    def size_bytes(self, upload_id: str) -> int:
        try:
            return (self._parts / upload_id).stat().st_size
        except FileNotFoundError:
            return 0

    def there(self) -> Sequence[str]:
        return sorted(path.name for path in self._parts.iterdir()) if self._parts.exists() else []

    @contextmanager
    def temporary(self, content: bytes) -> Iterator[Path]:
        self._coming.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self._coming)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def forget_temporary(self, before: datetime) -> None:
        for path in self._coming.iterdir() if self._coming.exists() else ():
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()

    def keep_waiting(self, path: Path, sha256: str) -> None:
        put_beside(path, self._waiting / sha256)

    def waiting(self, sha256: str) -> Path | None:
        path = self._waiting / sha256
        return path if path.exists() else None

    def release(self, sha256: str) -> None:
        (self._waiting / sha256).unlink(missing_ok=True)

    def forget(self, sha256: str) -> None:
        self.release(sha256)
        (self._quarantine / sha256).unlink(missing_ok=True)

    def quarantine(self, path: Path, sha256: str) -> None:
        put_beside(path, self._quarantine / sha256)
