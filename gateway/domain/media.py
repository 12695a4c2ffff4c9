"""What a file is, by how it begins: the kinds that procedures take, and some that are named when they are refused.

Magic numbers are those of the formats' own documents: ISO 32000 (PDF), ITU-T T.81 (JPEG), ISO/IEC 15948 (PNG), TIFF
6.0, APPNOTE 4.3.7 (ZIP), the version tags of DWG, and the first group of DXF.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

HEAD_BYTES: Final = 4096
"""So much of the beginning decides."""

_OPEN_XML: Final = "application/vnd.openxmlformats-officedocument."
_OPEN_DOCUMENT: Final = "application/vnd.oasis.opendocument."


class Kind(StrEnum):
    """What the content is. The values are told to people."""

    PDF = "PDF"
    JPEG = "JPEG"
    PNG = "PNG"
    TIFF = "TIFF"
    ZIP = "ZIP"
    DOCX = "DOCX"
    XLSX = "XLSX"
    ODT = "ODT"
    ODS = "ODS"
    OLE = "DOC/XLS (OLE)"
    DWG = "DWG"
    DXF = "DXF"
    XML = "XML"
    TEXT = "TXT (UTF-8)"
    GIF = "GIF"
    RAR = "RAR"
    SEVEN_ZIP = "7Z"
    GZIP = "GZIP"
    BZIP2 = "BZIP2"
    XZ = "XZ"
    PROGRAM = "EXE/ELF"
    UNKNOWN = "?"


TAKEN: Final[Mapping[str, Kind]] = {
    "application/pdf": Kind.PDF,
    "image/jpeg": Kind.JPEG,
    "image/png": Kind.PNG,
    "image/tiff": Kind.TIFF,
    "application/zip": Kind.ZIP,
    "application/x-zip-compressed": Kind.ZIP,
    f"{_OPEN_XML}wordprocessingml.document": Kind.DOCX,
    f"{_OPEN_XML}spreadsheetml.sheet": Kind.XLSX,
    f"{_OPEN_DOCUMENT}text": Kind.ODT,
    f"{_OPEN_DOCUMENT}spreadsheet": Kind.ODS,
    "application/msword": Kind.OLE,
    "application/vnd.ms-excel": Kind.OLE,
    "image/vnd.dwg": Kind.DWG,
    "image/x-dwg": Kind.DWG,
    "application/acad": Kind.DWG,
    "image/vnd.dxf": Kind.DXF,
    "application/dxf": Kind.DXF,
    "application/xml": Kind.XML,
    "text/xml": Kind.XML,
    "text/plain": Kind.TEXT,
}
"""The media types that documents may be announced with, and the kind that the content then is."""

ARCHIVES: Final = frozenset({Kind.ZIP, Kind.DOCX, Kind.XLSX, Kind.ODT, Kind.ODS})
CLOSED_ARCHIVES: Final = frozenset({Kind.RAR, Kind.SEVEN_ZIP, Kind.GZIP, Kind.BZIP2, Kind.XZ})
"""What holds files that we cannot look at."""

_BEGINNINGS: Final[tuple[tuple[bytes, Kind], ...]] = (
    (b"%PDF-", Kind.PDF),
    (b"\xff\xd8\xff", Kind.JPEG),
    (b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (b"II*\x00", Kind.TIFF),
    (b"MM\x00*", Kind.TIFF),
    (b"PK\x03\x04", Kind.ZIP),
    (b"PK\x05\x06", Kind.ZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind.OLE),
    (b"AutoCAD Binary DXF\r\n\x1a\x00", Kind.DXF),
    (b"GIF8", Kind.GIF),
    (b"Rar!\x1a\x07", Kind.RAR),
    (b"7z\xbc\xaf\x27\x1c", Kind.SEVEN_ZIP),
    (b"\x1f\x8b", Kind.GZIP),
    (b"BZh", Kind.BZIP2),
    (b"\xfd7zXZ\x00", Kind.XZ),
    (b"MZ", Kind.PROGRAM),
    (b"\x7fELF", Kind.PROGRAM),
)
_DWG: Final = re.compile(rb"AC(1\.\d|10\d\d)")
_DXF: Final = re.compile(rb"(\s*999\r?\n[^\n]*\n)*\s*0\r?\n\s*SECTION\r?\n")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_OFFICE: Final[tuple[tuple[str, Kind], ...]] = (("word/", Kind.DOCX), ("xl/", Kind.XLSX))
_OPEN_DOCUMENTS: Final[Mapping[bytes, Kind]] = {
    f"{_OPEN_DOCUMENT}text".encode(): Kind.ODT,
    f"{_OPEN_DOCUMENT}spreadsheet".encode(): Kind.ODS,
}


def kind_of(head: bytes) -> Kind:
    """The kind of a file that begins with `head` (up to `HEAD_BYTES`); an office document is still `ZIP` here."""
    for beginning, kind in _BEGINNINGS:
        if head.startswith(beginning):
            return kind
    if _DWG.match(head):
        return Kind.DWG
    if _DXF.match(head):
        return Kind.DXF
    return _text_kind(head.removeprefix(_BYTE_ORDER_MARK))


def _text_kind(head: bytes) -> Kind:
    if not head or b"\x00" in head:
        return Kind.UNKNOWN
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data":  # a letter that the end of the head cuts through is one
            return Kind.UNKNOWN
    return Kind.XML if head.lstrip().startswith(b"<") else Kind.TEXT


def office_kind(names: frozenset[str], mimetype: bytes) -> Kind:
    """What a ZIP is by the names in it (ECMA-376 part 2) and its member `mimetype` (OpenDocument 1.3 part 2)."""
    if mimetype in _OPEN_DOCUMENTS:
        return _OPEN_DOCUMENTS[mimetype]
    if "[Content_Types].xml" in names:
        for folder, kind in _OFFICE:
            if any(name.startswith(folder) for name in names):
                return kind
    return Kind.ZIP
