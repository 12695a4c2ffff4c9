"""Papers, files and statements."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from gateway.domain.receipt import ReceiptFacts
from gateway.domain.statement import Statement


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper as made: the signed PDF, the canonical JSON of the same facts, and of receipts the signed XML.

    `missing` says in one sentence what the signature lacks of the level that is wanted, as a time-stamp: it is signed
    all the same, and completed later.
    """

    pdf: bytes = field(repr=False)
    json: bytes = field(repr=False)
    xml: bytes = field(default=b"", repr=False)
    missing: str = ""


class Press(Protocol):
    """Makes and signs papers from facts; the same facts give a paper that says the same."""

    def receipt(self, facts: ReceiptFacts) -> Paper: ...

    def complete(self, pdf: bytes, now: datetime) -> tuple[bytes, str]:
        """The signed PDF with more of the level that is wanted, and what is missing still. What stood in it stays."""
        ...


class Files(Protocol):
    """Files by their SHA-256."""

    def put(self, content: bytes) -> str: ...

    def adopt(self, path: Path, sha256: str) -> None:
        """Keep the file at `path`, whose SHA-256 that is; `path` stays."""

    def get(self, sha256: str) -> bytes:
        """Raises `NotFound`."""
        ...

    def open(self, sha256: str) -> BinaryIO:
        """The file, to be read as a stream and closed. Raises `NotFound`."""
        ...


class StatementFormat(Protocol):
    """Reads one bank's statement file. Raises `Malformed`."""

    def __call__(self, data: bytes) -> Statement: ...
