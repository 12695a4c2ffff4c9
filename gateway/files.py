"""Files by content: a document, result, receipt or statement is stored under its SHA-256, in a folder.

Writing is whole or not at all (a temporary file is renamed), and the same bytes twice are one file. Whoever puts a file
that is there touches it, so that `discard` sees that it is wanted again.
"""

import contextlib
import hashlib
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from gateway.disk import put_beside
from gateway.domain.errors import NotFound


class FolderFiles:
    """A content-addressed store in `folder`; safe from several processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, content: bytes) -> str:
        """Keep `content`; returns its SHA-256 in lower-case hex."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self._path(sha256)
        if _touched(path):
            return sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
        return sha256

    def adopt(self, path: Path, sha256: str) -> None:
        """Keep the file at `path`, whose SHA-256 that is; `path` stays."""
        while not _touched(self._path(sha256)):  # it may be discarded just now
            put_beside(path, self._path(sha256))

    def discard(self, sha256: str, before: datetime) -> bool:
        """Remove the file unless somebody put it at `before` or later; whether it is gone.

        It is taken out of sight before it is looked at: who puts it meanwhile finds none, and writes it anew.
        """
        path, aside = self._path(sha256), self._aside(sha256)
        with contextlib.suppress(FileNotFoundError):
            path.replace(aside)
        try:
            is_wanted = aside.stat().st_mtime >= before.timestamp()
        except FileNotFoundError:
            return True
        if is_wanted:
            aside.replace(path)
        else:
            aside.unlink()
        return not is_wanted

    def keep(self, sha256: str) -> None:
        """It is needed after all: what a process that died had taken out of sight comes back."""
        with contextlib.suppress(FileNotFoundError):
            self._aside(sha256).replace(self._path(sha256))

    def open(self, sha256: str) -> BinaryIO:
        """The file, to be read as a stream and closed. Raises `NotFound`."""
        try:
            return self._path(sha256).open("rb")
        except FileNotFoundError:
            raise NotFound("the file is not in the store") from None

    def get(self, sha256: str) -> bytes:
        """The bytes. Raises `NotFound`."""
        try:
            return self._path(sha256).read_bytes()
        except FileNotFoundError:
            raise NotFound("the file is not in the store") from None

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def _aside(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / f"{sha256}.doomed"


def _touched(path: Path) -> bool:
    """Whether it is there, and now counts as put anew."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True
