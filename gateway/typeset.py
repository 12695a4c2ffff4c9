"""What every paper is made with: letters that print, QR codes, times, canonical JSON, and the typst compiler.

The only importer of typst. The same inputs give the same bytes: the time in a file is a fact's own, and only fonts
inside of the typst wheel are used.
"""

import io
import re
import threading
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Final

import rfc8785
import segno
import typst

from gateway.domain.errors import Malformed

TEMPLATES: Final = Path(__file__).parent / "templates"
VIETNAM: Final = timezone(timedelta(hours=7))
MAX_TEXT_CHARS: Final = 600
MAX_URL_CHARS: Final = 500

# What the fonts of the wheel can show; PDF/A refuses a file with a letter that has no picture.
NOT_SHOWN: Final = re.compile(
    "[^ -~\u00a0-\u00ac\u00ae-\u017f\u0192\u01a0\u01a1\u01af\u01b0\u1ea0-\u1ef9–—‘’“”…₫]"
)
_URL: Final = re.compile(r"https?://[!-~]+")
# Any of the eight masks of ISO/IEC 18004 can be read; to weigh them all against each other costs more than the rest of
# the code, and a quarter of a receipt.
_QR_MASK: Final = 3


def shown(text: str, *, limit: int = MAX_TEXT_CHARS) -> str:
    """`text` as it can be printed: composed, without controls, at most `limit` letters, `?` for a letter unknown here.

    The attached JSON keeps every letter.
    """
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    cut = composed if len(composed) <= limit else composed[: limit - 1] + "…"
    return NOT_SHOWN.sub("?", cut)


def shown_time(moment: datetime) -> str:
    """In Vietnam, as in `24/11/2026 10:05`."""
    return moment.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M")


def wire_time(moment: datetime) -> str:
    """In Vietnam, RFC 3339 to the second: `2026-11-24T10:05:00+07:00`."""
    return moment.astimezone(VIETNAM).isoformat(timespec="seconds")


def is_web_address(text: str) -> bool:
    """Whether `text` can be printed as a link: http(s), ASCII, no blanks, at most 500 characters."""
    return len(text) <= MAX_URL_CHARS and _URL.fullmatch(text) is not None


def qr_svg(text: str) -> str:
    """A QR code, error correction M, as SVG without a border. Raises `Malformed` for a text too long for one."""
    out = io.BytesIO()
    try:
        segno.make_qr(text, error="m", mask=_QR_MASK).save(
            out, kind="svg", border=0, xmldecl=False, dark="#1b2733"
        )
    except ValueError as error:
        raise Malformed("The text is too long for a QR code") from error
    return out.getvalue().decode("utf-8")


def canonical_json(members: Mapping[str, object]) -> bytes:
    """RFC 8785: the same facts, one spelling. Raises `Malformed` for a text that JSON cannot carry."""
    try:
        return rfc8785.dumps(dict(members))  # type: ignore[arg-type]  # its own recursive type; it checks what it is given
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise Malformed("The paper holds a text that JSON cannot carry") from error


def typeset(template: Path, inputs: Mapping[str, str], *, at: datetime) -> bytes:
    """`template`, which sees its own folder only, with `sys.inputs`: PDF/A-3a and PDF/UA-1, said to be made `at`."""
    compiler, lock = _compiler(template)
    with lock:
        pdf = compiler.compile(
            format="pdf",
            sys_inputs=dict(inputs),
            pdf_standards=["a-3a", "ua-1"],
            timestamp=at.astimezone(VIETNAM).replace(microsecond=0),
        )
    assert isinstance(pdf, bytes)
    return pdf


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)


@cache
def _compiler(template: Path) -> tuple[typst.Compiler, threading.Lock]:
    """One compiler for a template, which keeps fonts and template parsed; it serves one caller at a time."""
    compiler = typst.Compiler(input=str(template), root=str(template.parent), font_paths=_fonts())
    return compiler, threading.Lock()
