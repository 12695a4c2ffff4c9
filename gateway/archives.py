"""Archives that explode are refused: by what their directory says, and by what really comes out of them.

Sizes in a directory can lie, so every member is inflated into a buffer of fixed size and counted. An archive within an
archive is looked into with what is left of the same budget, once; archives that we cannot look into are not taken.
"""

import struct
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from typing import BinaryIO, Final

from gateway.domain.errors import Malformed
from gateway.domain.media import CLOSED_ARCHIVES, HEAD_BYTES, Kind, kind_of, office_kind

CHUNK_BYTES: Final = 1 << 18
MAX_MEMBERS: Final = 10_000
MAX_DIRECTORY_BYTES: Final = 2 << 20
MAX_DEPTH: Final = 2
MAX_TOTAL_BYTES: Final = 4 << 30
MAX_RATIO: Final = 200
"""Inflated bytes for a byte of the archive; drawings and spreadsheets reach 20 to 60."""
FREE_BYTES: Final = 16 << 20
"""A small archive may grow to this whatever the ratio: an empty spreadsheet is nearly all repetition."""
_END: Final = struct.Struct("<4s4H2LH")  # APPNOTE 4.3.16
_END_TAIL_BYTES: Final = _END.size + 65_535
_LOCATOR_BYTES: Final = 20  # APPNOTE 4.3.15
_ENCRYPTED: Final = 1
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    OverflowError,
    struct.error,
    UnicodeDecodeError,
)


@dataclass(slots=True)
class _Budget:
    """How many bytes may still come out, and how many members may still be met."""

    left_bytes: int
    left_members: int = MAX_MEMBERS

    def spend(self, size_bytes: int) -> None:
        self.left_bytes -= size_bytes
        if self.left_bytes < 0:
            raise _explodes("giải nén ra quá lớn", "it inflates to too much")

    def meet(self, members: int) -> None:
        self.left_members -= members
        if self.left_members < 0:
            raise _explodes("có quá nhiều tệp bên trong", "it holds too many files")


def look_into(file: BinaryIO) -> Kind:
    """`ZIP`, or the office document that it is. Raises `Malformed` for one that explodes, is locked or broken."""
    size = file.seek(0, 2)
    budget = _Budget(min(MAX_TOTAL_BYTES, max(FREE_BYTES, size * MAX_RATIO)))
    return _look(file, budget, depth=1)


def _look(file: BinaryIO, budget: _Budget, *, depth: int) -> Kind:
    if depth > MAX_DEPTH:
        raise _explodes("lồng quá nhiều lớp", "archives lie in it too deep")
    _check_directory(file, budget)
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            budget.meet(len(members))
            mimetype = b""
            for member in members:
                begun = _inflate(archive, member, budget, depth=depth)
                if member.filename == "mimetype":
                    mimetype = begun.strip()
            return office_kind(frozenset(each.filename for each in members), mimetype)
    except _UNREADABLE:
        raise Malformed("tệp nén bị hỏng / the archive is broken") from None


def _check_directory(file: BinaryIO, budget: _Budget) -> None:
    """Before anything reads it whole: how large it is, and how many members it names (APPNOTE 4.3.16)."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_TAIL_BYTES))
    tail = file.read(_END_TAIL_BYTES)
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or len(tail) - place < _END.size:
        raise Malformed("tệp nén bị hỏng: thiếu phần cuối / the archive is broken: its end is missing")
    _, _, _, _, members, directory_bytes, _, _ = _END.unpack_from(tail, place)
    # nothing of up to 2 GiB needs ZIP64, whose own record could name a directory of any size
    if tail[:place][-_LOCATOR_BYTES:].startswith(b"PK\x06\x07"):
        raise Malformed("không nhận tệp nén ZIP64 / ZIP64 archives are not taken")
    if directory_bytes > MAX_DIRECTORY_BYTES or members > budget.left_members:
        raise _explodes("thư mục quá lớn", "its directory is too large")


def _inflate(archive: zipfile.ZipFile, member: zipfile.ZipInfo, budget: _Budget, *, depth: int) -> bytes:
    """How a member begins, after all of it came out and was counted."""
    if member.flag_bits & _ENCRYPTED:
        raise Malformed("tệp nén được đặt mật khẩu / the archive is locked by a password")
    if member.compress_type not in _METHODS:
        raise Malformed("tệp nén dùng kiểu nén lạ / the archive is compressed in an uncommon way")
    with archive.open(member) as stream:
        begun = stream.read(HEAD_BYTES)
        budget.spend(len(begun))
        kind = kind_of(begun)
        if kind in CLOSED_ARCHIVES:
            raise Malformed(
                f"tệp nén chứa tệp {kind} không kiểm tra được / the archive holds a {kind} that cannot be looked into"
            )
        if kind is not Kind.ZIP:
            while chunk := stream.read(CHUNK_BYTES):
                budget.spend(len(chunk))
            return begun
        with tempfile.TemporaryFile() as inner:
            inner.write(begun)
            while chunk := stream.read(CHUNK_BYTES):
                budget.spend(len(chunk))
                inner.write(chunk)
            _look(inner, budget, depth=depth + 1)
    return begun


def _explodes(words_vi: str, words_en: str) -> Malformed:
    return Malformed(f"tệp nén không an toàn: {words_vi} / the archive is not safe: {words_en}")
