"""Files by content: a document, result, receipt or statement is stored under its SHA-256, in a folder.

Writing is whole or not at all (a temporary file is renamed), and the same bytes twice are one file.
"""

import hashlib
import os
import tempfile
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
        if path.exists():
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
        put_beside(path, self._path(sha256))

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
