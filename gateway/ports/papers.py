"""Papers, files and statements."""

from dataclasses import dataclass, field
from typing import Protocol

from gateway.domain.receipt import ReceiptFacts
from gateway.domain.statement import Statement


@dataclass(frozen=True, slots=True)
class Paper:
    """A receipt as made: the signed PDF and the canonical JSON of the same facts."""

    pdf: bytes = field(repr=False)
    json: bytes = field(repr=False)


class Press(Protocol):
    """Makes and signs papers from facts; the same facts give a paper that says the same."""

    def receipt(self, facts: ReceiptFacts) -> Paper: ...


class Files(Protocol):
    """Files by their SHA-256."""

    def put(self, content: bytes) -> str: ...

    def get(self, sha256: str) -> bytes:
        """Raises `NotFound`."""


class StatementFormat(Protocol):
    """Reads one bank's statement file. Raises `Malformed`."""

    def __call__(self, data: bytes) -> Statement: ...
