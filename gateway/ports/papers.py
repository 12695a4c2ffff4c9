"""Papers, files and statements."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from gateway.domain.form import Form
from gateway.domain.receipt import ReceiptFacts
from gateway.domain.statement import Statement


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper as made: the signed PDF, the canonical JSON of the same facts, and of receipts the signed XML.

    `level` is the signature's (`B-B` to `B-LTA`). `missing` says in one sentence what it lacks of the level that is
    wanted, as a time-stamp: it is signed all the same, and completed later.
    """

    pdf: bytes = field(repr=False)
    json: bytes = field(repr=False)
    xml: bytes = field(default=b"", repr=False)
    missing: str = ""
    level: str = "B-B"


@dataclass(frozen=True, slots=True)
class Completed:
    """A signed PDF with more of the level that is wanted, the level that it has, and what is missing still."""

    pdf: bytes = field(repr=False)
    level: str
    missing: str = ""


class Press(Protocol):
    """Makes and signs papers from facts; the same facts give a paper that says the same."""

    def receipt(self, facts: ReceiptFacts) -> Paper: ...

    def form(self, form: Form) -> Paper:
        """An official form. Raises `Malformed` for a text that JSON or a QR code cannot carry."""
        ...

    def complete(self, pdf: bytes, now: datetime) -> Completed:
        """Any paper of ours, as far as the services answer now. What stood in it stays."""
        ...


class Files(Protocol):
    """Files by their SHA-256."""

    def put(self, content: bytes) -> str: ...

    def adopt(self, path: Path, sha256: str) -> None:
        """Keep the file at `path`, whose SHA-256 that is; `path` stays."""

    def get(self, sha256: str) -> bytes:
        """Raises `NotFound`."""
        ...

    def discard(self, sha256: str, before: datetime) -> bool:
        """Remove a file that nothing names, unless it was put at `before` or later; whether it is gone."""
        ...

    def keep(self, sha256: str) -> None:
        """A file that was to be removed is needed after all."""

    def open(self, sha256: str) -> BinaryIO:
        """The file, to be read as a stream and closed. Raises `NotFound`."""
        ...


class StatementFormat(Protocol):
    """Reads one bank's statement file. Raises `Malformed`."""

    def __call__(self, data: bytes) -> Statement: ...
