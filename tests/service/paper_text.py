"""The words on a PDF page, read back through the fonts' own tables, and the file that is attached to it."""

import io
import re
from collections.abc import Iterator, Mapping

from pyhanko.pdf_utils.reader import PdfFileReader

_DRAWN = re.compile(rb"\bBT (.*?)\nET\b", re.DOTALL)
_FONT = re.compile(rb"/(f\d+) [\d.]+ Tf")
_OCTAL = re.compile(rb"[0-7]{1,3}")
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_MAPPED = re.compile(r"<([0-9A-F]{4})> <([0-9A-F]+)>")


def words(pdf: bytes) -> str:
    """The text of the first page; blanks are one, and the order is that of the page's drawing."""
    page = PdfFileReader(io.BytesIO(pdf)).root["/Pages"]["/Kids"][0].get_object()
    fonts = page["/Resources"]["/Font"]
    tables = {str(name)[1:]: _table(fonts[name]["/ToUnicode"].get_object().data.decode()) for name in fonts}
    found = []
    for drawn in _DRAWN.findall(page["/Contents"].get_object().data):
        font = _FONT.search(drawn)
        assert font is not None
        letters: Mapping[bytes, str] = tables[font[1].decode()]
        codes = b"".join(_strings(drawn))
        found.append("".join(letters[codes[at : at + 2]] for at in range(0, len(codes), 2)))
    return " ".join(" ".join(found).split())


def _table(text: str) -> dict[bytes, str]:
    pairs = _MAPPED.findall(text)
    return {bytes.fromhex(code): bytes.fromhex(letters).decode("utf-16-be") for code, letters in pairs}


def _strings(drawn: bytes) -> Iterator[bytes]:
    """The content of each literal string: parentheses in it are balanced or escaped."""
    at = depth = 0
    while at < len(drawn):
        char = drawn[at : at + 1]
        at += 1
        if char == b"\\":
            octal = _OCTAL.match(drawn, at)
            escaped = drawn[at : at + 1]
            yield bytes([int(octal[0], 8)]) if octal else _LETTERS.get(escaped, escaped)
            at = octal.end() if octal else at + 1
            continue
        inside = depth > 0
        depth += (char == b"(") - (char == b")")
        if inside and depth:
            yield char


def attached(pdf: bytes) -> bytes:
    names = PdfFileReader(io.BytesIO(pdf)).root["/Names"]["/EmbeddedFiles"]["/Names"]
    data = names[1].get_object()["/EF"]["/F"].get_object().data
    assert isinstance(data, bytes)
    return data
