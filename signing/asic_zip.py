"""The ZIP of a container (PKWARE APPNOTE, as far as EN 319 162-1 uses it), written one way and read strictly.

Read with the standard library alone. The local entries must stand end to end from the first byte to the one central
directory, which must stand directly before the end record, the last 22 bytes: so there is no second directory, no
hidden entry, and no reader can see other files than another. Encryption, ZIP64, links and folders are refused.
"""

import struct
import unicodedata
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from signing.errors import Malformed

MIMETYPE: Final = b"application/vnd.etsi.asic-e+zip"
MOST_ENTRIES: Final = 1_000
MOST_BYTES: Final = 200_000_000
MOST_RATIO: Final = 200
MOST_NAME_BYTES: Final = 300
_SMALL: Final = 10_000  # a short file of zeros may shrink as it likes
_LOCAL, _CENTRAL, _END, _DESCRIPTOR = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x07\x08"
_LOCAL_FORM: Final = struct.Struct("<4s5H3L2H")
_CENTRAL_FORM: Final = struct.Struct("<4s6H3L5H2L")
_END_FORM: Final = struct.Struct("<4s4H2LH")
_SIZES: Final = struct.Struct("<3L")
_UTF8, _STREAMED, _DEFLATE_HINTS = 0x0800, 0x0008, 0x0006
_STORED, _DEFLATED = 0, 8
_VERSION: Final = 20
_UNIX: Final = 3
_REGULAR: Final = 0o100644
_KIND_OF_FILE, _REGULAR_KIND = 0o170000, 0o100000
_FIRST_DAY: Final = (1 << 5) | 1  # 1 January 1980, the first day that a ZIP can name


@dataclass(frozen=True, slots=True)
class _Entry:
    """What the central directory says of a file."""

    name: str
    raw_name: bytes = field(repr=False)
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size_bytes: int
    local_at: int


def write(files: Mapping[str, bytes]) -> bytes:
    """A ZIP of the files in their order, stored as they are, all of the same day. Raises `Malformed` for a bad name.

    The same files give the same bytes on every machine: nothing is packed, as zlib's output differs by version.
    """
    if len(files) > MOST_ENTRIES or sum(map(len, files.values())) > MOST_BYTES:
        raise Malformed("The container has too many files or too many bytes")
    _require_different(list(files))
    body, directory = bytearray(), bytearray()
    for name, content in files.items():
        check_name(name)
        raw = name.encode("utf-8")
        flags = 0 if raw.isascii() else _UTF8
        shared = (flags, _STORED, 0, _FIRST_DAY, zlib.crc32(content), len(content), len(content), len(raw), 0)
        made_by, attributes = (_UNIX << 8) | _VERSION, _REGULAR << 16
        central = (_CENTRAL, made_by, _VERSION, *shared, 0, 0, 0, attributes, len(body))
        directory += _CENTRAL_FORM.pack(*central) + raw
        body += _LOCAL_FORM.pack(_LOCAL, _VERSION, *shared) + raw + content
    end = _END_FORM.pack(_END, 0, 0, len(files), len(files), len(directory), len(body), 0)
    return bytes(body + directory + end)


def read(data: bytes) -> dict[str, bytes]:
    """The files of a container by their names, in order. Raises `Malformed` with the first thing that is wrong."""
    if len(data) > MOST_BYTES:
        raise Malformed("The container is too large")
    entries, directory_at = _directory(data)
    _require_different([each.name for each in entries])
    files: dict[str, bytes] = {}
    at = 0
    for each in entries:
        files[each.name], at = _file(data, each, at)
    if at != directory_at:
        raise Malformed("There are bytes in the container that belong to no file")
    first = entries[0]
    plain = first.method == _STORED and data[: len(_LOCAL)] == _LOCAL and not first.flags & _STREAMED
    if first.name != "mimetype" or not plain or files["mimetype"] != MIMETYPE:
        raise Malformed("The container does not begin with its mimetype: it is no ASiC-E")
    return files


def check_name(name: str) -> None:
    """Raises `Malformed` for a name that would leave the folder a container is unpacked in, or be seen as another."""
    try:
        raw = name.encode("utf-8")
    except UnicodeEncodeError:
        raise Malformed("A name in the container is no text") from None
    steps = name.split("/")
    if not 1 <= len(raw) <= MOST_NAME_BYTES or any(step in {"", ".", ".."} for step in steps):
        raise Malformed("A name in the container leads out of it, is a folder, or is too long")
    if any(sign in '\\:*?"<>|' or unicodedata.category(sign) in {"Cc", "Cf", "Zl", "Zp"} for sign in name):
        raise Malformed("A name in the container has a sign that may not stand in one")
    if any(step != step.strip(" ") or step.endswith(".") for step in steps):
        raise Malformed("A name in the container ends in a dot or a space")


def _require_different(names: list[str]) -> None:
    """Also for a machine that does not tell upper and lower case, or composed and decomposed letters, apart."""
    seen: set[str] = set()
    for name in names:
        folded = unicodedata.normalize("NFC", name).casefold()
        if folded in seen:
            raise Malformed(f"{name} stands twice in the container")
        seen.add(folded)


def _directory(data: bytes) -> tuple[list[_Entry], int]:
    """The entries of the one central directory, and where it begins."""
    end_at = len(data) - _END_FORM.size
    if end_at < 0:
        raise Malformed("This is not a ZIP")
    signature, disk, first_disk, here, count, size, begin, comment = _END_FORM.unpack_from(data, end_at)
    if signature != _END or comment:
        raise Malformed("The file does not end with the end of a ZIP")
    if disk or first_disk or here != count or not 1 <= count <= MOST_ENTRIES:
        raise Malformed("The ZIP has more than one part, or more files than are read")
    if begin + size != end_at:
        raise Malformed("The directory of the ZIP is not the one that stands before its end")
    directory, at = data[begin:end_at], 0
    entries: list[_Entry] = []
    for _ in range(count):
        entry, at = _entry(directory, at)
        entries.append(entry)
    if at != size:
        raise Malformed("The directory of the ZIP holds more than its files")
    if sum(each.size_bytes for each in entries) > MOST_BYTES:
        raise Malformed("The files of the container are too large")
    return entries, begin


def _entry(data: bytes, at: int) -> tuple[_Entry, int]:
    if at + _CENTRAL_FORM.size > len(data):
        raise Malformed("The directory of the ZIP is cut off")
    fields = _CENTRAL_FORM.unpack_from(data, at)
    signature, _, _, flags, method, _, _, crc, packed, size, name_len, extra_len, comment_len = fields[:13]
    disk, _, attributes, local_at = fields[13:]
    name_at = at + _CENTRAL_FORM.size
    after = name_at + name_len + extra_len + comment_len
    if signature != _CENTRAL or disk or after > len(data):
        raise Malformed("The directory of the ZIP is not of its form")
    if flags & ~(_UTF8 | _STREAMED | _DEFLATE_HINTS) or method not in {_STORED, _DEFLATED}:
        raise Malformed("A file of the ZIP is encrypted, or packed in a way that is not read")
    if (attributes >> 16) & _KIND_OF_FILE not in {0, _REGULAR_KIND}:
        raise Malformed("An entry of the ZIP is a link or something else than a file")
    if size > MOST_RATIO * packed + _SMALL:
        raise Malformed("A file of the ZIP unpacks to far more than it holds")
    raw = data[name_at : name_at + name_len]
    return _Entry(_name(raw, flags), raw, flags, method, crc, packed, size, local_at), after


def _name(raw: bytes, flags: int) -> str:
    try:
        name = raw.decode("utf-8" if flags & _UTF8 else "ascii")
    except UnicodeDecodeError:
        raise Malformed("A name in the container is no text") from None
    check_name(name)
    return name


def _file(data: bytes, entry: _Entry, at: int) -> tuple[bytes, int]:
    """The content of the file whose local entry stands at `at`, and where the next one stands."""
    if entry.local_at != at or at + _LOCAL_FORM.size > len(data):
        raise Malformed(f"{entry.name} does not stand where the directory of the ZIP says")
    signature, _, flags, method, _, _, *sizes, name_len, extra_len = _LOCAL_FORM.unpack_from(data, at)
    name_at = at + _LOCAL_FORM.size
    same = (signature, flags, method) == (_LOCAL, entry.flags, entry.method)
    if not same or data[name_at : name_at + name_len] != entry.raw_name:
        raise Malformed(f"{entry.name} is called something else where it stands")
    told = [entry.crc, entry.packed_bytes, entry.size_bytes]
    streamed = bool(flags & _STREAMED)
    if sizes != told and not (streamed and sizes == [0, 0, 0]):
        raise Malformed(f"{entry.name} has another size where it stands than in the directory of the ZIP")
    begin = name_at + name_len + extra_len
    after = begin + entry.packed_bytes
    if not at and extra_len:
        raise Malformed("The first file of the container has extra fields: its type cannot be told")
    if after > len(data):
        raise Malformed(f"{entry.name} is cut off")
    content = _unpacked(data[begin:after], entry)
    return content, _after_descriptor(data, after, told, entry.name) if streamed else after


def _after_descriptor(data: bytes, at: int, told: list[int], name: str) -> int:
    """Where the data descriptor ends, which must say what the directory says."""
    expected = _SIZES.pack(*told)
    for form in (_DESCRIPTOR + expected, expected):
        if data[at : at + len(form)] == form:
            return at + len(form)
    raise Malformed(f"{name} is described in another way behind it than in the directory of the ZIP")


def _unpacked(packed: bytes, entry: _Entry) -> bytes:
    content = packed
    if entry.method == _DEFLATED:
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            content = inflate.decompress(packed, entry.size_bytes + 1)
        except zlib.error:
            raise Malformed(f"{entry.name} cannot be unpacked") from None
        if not inflate.eof or inflate.unused_data or inflate.unconsumed_tail:
            raise Malformed(f"{entry.name} unpacks to another size than the directory of the ZIP says")
    if len(content) != entry.size_bytes or zlib.crc32(content) != entry.crc:
        raise Malformed(f"{entry.name} is not what the directory of the ZIP says: the file is damaged")
    return content
