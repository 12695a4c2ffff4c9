"""Whether a file is what it was announced as, and harmless to open. Read as a stream, in fixed memory.

What a citizen may read why a file was refused is in both languages.
"""

import codecs
import re
from collections.abc import Callable, Mapping
from typing import BinaryIO, Final

from lxml import etree

from gateway.archives import look_into
from gateway.domain.errors import Malformed
from gateway.domain.media import ARCHIVES, HEAD_BYTES, TAKEN, Kind, kind_of

CHUNK_BYTES: Final = 1 << 18
PDF_TAIL_BYTES: Final = 2048
PDF_END_BYTES: Final = 1024
"""`%%EOF` stands in the last 1024 bytes (ISO 32000-1 annex H, note 18)."""
PDF_DICTIONARY_BYTES: Final = 1 << 16
XML_DEPTH: Final = 200
_STARTXREF: Final = re.compile(rb"startxref\s+(\d{1,12})\s+%%EOF")
_OBJECT: Final = re.compile(rb"\s*\d{1,10}\s+\d{1,5}\s+obj\b")
_STREAM: Final = re.compile(rb">>\s*stream\r?\n")
_ESCAPED: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
_ENCRYPT: Final = re.compile(rb"/Encrypt(?![A-Za-z])")
_ROOT: Final = re.compile(rb"/Root\s+\d+\s+\d+\s+R")


def inspect(file: BinaryIO, media_type: str) -> None:
    """Raises `Malformed` unless the content is of that media type, whole, open to be read, and within the limits.

    `file` can seek; where it stands afterwards is not told.
    """
    wanted = TAKEN.get(media_type)
    if wanted is None:
        raise Malformed(f"không nhận loại tệp {media_type} / files of the type {media_type} are not taken")
    file.seek(0)
    found = kind_of(file.read(HEAD_BYTES))
    if found is Kind.ZIP and wanted in ARCHIVES:
        found = look_into(file)
    if found in {Kind.XML, Kind.TEXT} and wanted is Kind.TEXT:
        found = Kind.TEXT  # a text may begin with "<"
    if found is not wanted and not (wanted is Kind.ZIP and found in ARCHIVES):
        raise Malformed(
            f"tệp được khai là {media_type} ({wanted}) nhưng nội dung là {found} / "
            f"announced as {media_type}, but the content is {found}"
        )
    looks = _LOOKS.get(wanted)
    if looks is not None:
        looks(file)


def _look_at_pdf(file: BinaryIO) -> None:
    """Its end, its last cross-reference and what that one's dictionary says (ISO 32000-1 section 7.5).

    Nothing is decompressed: the dictionary stands in clear before a cross-reference stream too.
    """
    size = file.seek(0, 2)
    start = max(0, size - PDF_TAIL_BYTES)
    file.seek(start)
    tail = file.read(PDF_TAIL_BYTES)
    found = list(_STARTXREF.finditer(tail))
    if not found or b"%%EOF" not in tail[-PDF_END_BYTES:]:
        raise _broken("thiếu phần cuối tệp", "its end is missing")
    dictionary = _trailer(file, int(found[-1][1]))
    plain = _ESCAPED.sub(lambda each: bytes([int(each[1], 16)]), dictionary)
    if _ENCRYPT.search(plain):
        raise Malformed(
            "tệp PDF được đặt mật khẩu hoặc mã hóa; hãy gửi bản không khóa / "
            "the PDF is encrypted: send one that is not locked"
        )
    if not _ROOT.search(plain):
        raise _broken("không tìm thấy mục lục", "its catalogue is not found")


def _trailer(file: BinaryIO, position: int) -> bytes:
    """The dictionary of the cross-reference at `position`. Raises `Malformed`."""
    file.seek(position)
    head = file.read(PDF_DICTIONARY_BYTES)
    if _OBJECT.match(head):
        end = _STREAM.search(head)
        if end is not None:
            return head[: end.start()]
    elif head.lstrip().startswith(b"xref"):
        place = _find(file, position, b"trailer")
        if place is not None:
            file.seek(place)
            return file.read(PDF_DICTIONARY_BYTES).partition(b"startxref")[0]
    raise _broken("không đọc được bảng tham chiếu", "its cross-reference cannot be read")


def _find(file: BinaryIO, position: int, word: bytes) -> int | None:
    """Where `word` first stands at or behind `position`."""
    file.seek(position)
    kept = b""
    while chunk := file.read(CHUNK_BYTES):
        place = (kept + chunk).find(word)
        if place >= 0:
            return position - len(kept) + place
        position += len(chunk)
        kept = (kept + chunk)[1 - len(word) :]
    return None


def _broken(words_vi: str, words_en: str) -> Malformed:
    return Malformed(f"tệp PDF bị hỏng: {words_vi} / the PDF is broken: {words_en}")


def _look_at_text(file: BinaryIO) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while chunk := file.read(CHUNK_BYTES):
            if b"\x00" in chunk:
                raise _no_text()
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise _no_text() from None


def _no_text() -> Malformed:
    return Malformed("tệp không phải văn bản UTF-8 / the file is no text in UTF-8")


class _Unbuilt:
    """Takes what the parser reads and builds nothing of it. A document type may define what explodes: none is taken."""

    def __init__(self) -> None:
        self._depth = 0

    def start(self, _tag: str | bytes, _attributes: object) -> None:
        self._depth += 1
        if self._depth > XML_DEPTH:
            raise Malformed("tệp XML lồng quá nhiều lớp / the XML is nested too deeply")

    def end(self, _tag: str | bytes) -> None:
        self._depth -= 1

    def data(self, _text: str | bytes) -> None:
        """Nothing is kept."""

    def comment(self, _text: str | bytes) -> None:
        """Nothing is kept."""

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        raise Malformed("tệp XML có khai báo DOCTYPE, không được nhận / XML with a DOCTYPE is not taken")

    def close(self) -> None:
        """Nothing was kept."""


def _look_at_xml(file: BinaryIO) -> None:
    parser = etree.XMLParser(target=_Unbuilt(), resolve_entities=False, no_network=True, huge_tree=False)
    file.seek(0)
    try:
        while chunk := file.read(CHUNK_BYTES):
            parser.feed(chunk)
        parser.close()
    except etree.XMLSyntaxError:
        raise Malformed("tệp XML bị hỏng / the XML is broken") from None


_LOOKS: Final[Mapping[Kind, Callable[[BinaryIO], None]]] = {
    Kind.PDF: _look_at_pdf,
    Kind.TEXT: _look_at_text,
    Kind.XML: _look_at_xml,
}
