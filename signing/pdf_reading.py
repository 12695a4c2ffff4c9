"""What both sides of a signed PDF share: its limits, and what a file made by an enemy may do to a parser."""

import logging
import zlib
from typing import Final

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.sign.general import CMSExtractionError, CMSStructuralError
from pyhanko.sign.general import SigningError as PyHankoSigningError

from signing.errors import Malformed
from signing.revocation import UNREADABLE as UNREADABLE_CERTIFICATES

# Both libraries write the signer's name into what they log; the verdict says all that is to be said.
for _library in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)

MAX_PDF_BYTES: Final = 50_000_000
MAX_SIGNATURES: Final = 16
# What a PDF parser may stumble into in a file made by an enemy; each of them means "not a PDF for us".
UNREADABLE: Final = (
    *UNREADABLE_CERTIFICATES,
    PdfError,
    PyHankoSigningError,
    CMSExtractionError,
    CMSStructuralError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    RecursionError,
    NotImplementedError,
    EOFError,
    OSError,
    zlib.error,
)


def check_size(pdf: bytes) -> None:
    """Raises `Malformed` for a file that is larger than `MAX_PDF_BYTES`."""
    if len(pdf) > MAX_PDF_BYTES:
        raise Malformed("The document is too large")
