"""A file is what its content is, whatever it was announced as; what explodes, is locked or broken is not taken."""

import io
import tracemalloc
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import archives
from gateway.domain.errors import Malformed
from gateway.domain.media import TAKEN, Kind, kind_of
from gateway.inspection import inspect
from tests.papers import pdf, zipped

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ODT = "application/vnd.oasis.opendocument.text"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40
JPEG = b"\xff\xd8\xff\xe0" + b"\x00" * 40
DXF_TEXT = b"999\r\nmade by hand \xd0\xff\r\n  0\r\nSECTION\r\n  2\r\nHEADER\r\n  0\r\nEOF\r\n"
WORD = zipped({"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>"})
SHEET = zipped({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<w/>"})
OPEN_TEXT = zipped({"mimetype": ODT.encode(), "content.xml": b"<o/>"}, zipfile.ZIP_STORED)
GOOD = {
    "application/pdf": pdf("tờ khai"),
    "image/png": PNG,
    "image/jpeg": JPEG,
    "image/tiff": b"II*\x00" + b"\x00" * 20,
    "application/zip": zipped({"a.txt": b"a"}),
    DOCX: WORD,
    XLSX: SHEET,
    ODT: OPEN_TEXT,
    "image/vnd.dwg": b"AC1032" + b"\x00" * 40,
    "image/vnd.dxf": DXF_TEXT,
    "application/xml": "<?xml version='1.0'?><hồ-sơ>1</hồ-sơ>".encode(),
    "text/plain": "Đơn đề nghị".encode(),
}


def look(content: bytes, media_type: str) -> None:
    inspect(io.BytesIO(content), media_type)


def refused(content: bytes, media_type: str, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        look(content, media_type)


@pytest.mark.parametrize("media_type", GOOD)
def test_what_it_was_announced_as_is_taken_and_as_anything_else_refused(media_type: str) -> None:
    look(GOOD[media_type], media_type)
    for other in set(GOOD) - {media_type}:
        office_as_zip = other == "application/zip" and media_type in {DOCX, XLSX, ODT}
        xml_as_text = (media_type, other) == ("application/xml", "text/plain")
        if office_as_zip or xml_as_text:
            look(GOOD[media_type], other)
        else:
            refused(GOOD[media_type], other, f"announced as {other.replace('+', '.')}, but the content is ")


@pytest.mark.parametrize("media_type", ["application/x-msdownload", "text/html", "video/mp4", "a/b"])
def test_a_type_that_nobody_can_check_is_not_taken(media_type: str) -> None:
    refused(b"MZ", media_type, f"files of the type {media_type} are not taken")


def test_a_program_with_the_name_of_a_paper_is_named_as_what_it_is() -> None:
    refused(b"MZ\x90\x00" + b"\x00" * 99, "application/pdf", "the content is EXE/ELF")


@given(st.binary(max_size=300))
def test_any_bytes_are_judged_without_an_error_of_ours(content: bytes) -> None:
    for media_type, kind in TAKEN.items():
        begins = {Kind.PDF: b"%PDF-1.7\n", Kind.ZIP: b"PK\x03\x04"}.get(kind, b"")
        try:
            look(begins + content, media_type)
        except Malformed:
            continue
        assert kind_of(begins + content) in {kind, Kind.ZIP, Kind.XML}


# --- PDF ----------------------------------------------------------------------------------------


def test_a_pdf_without_its_end_is_broken() -> None:
    whole = pdf()
    for content in (whole[:-7], whole[: len(whole) // 2], b"%PDF-1.4 to khai", b"%PDF-1.4\n%%EOF\n"):
        refused(content, "application/pdf", "the PDF is broken: its end is missing")
    look(whole + b"\r\n" * 100, "application/pdf")
    refused(whole + b"\r\n" * 600, "application/pdf", "its end is missing")


def test_a_pdf_whose_reference_leads_nowhere_is_broken() -> None:
    whole = pdf()
    place = whole.index(b"startxref\n") + 10
    for other in (b"9999999999", b"0000000000", b"0000000030"):
        refused(whole[:place] + other + whole[place + 10 :], "application/pdf", "the PDF is broken")
    refused(pdf(trailer=b"/Rood 1 0 R"), "application/pdf", "its catalogue is not found")


@pytest.mark.parametrize("name", [b"/Encrypt 9 0 R", b"/#45ncrypt 9 0 R", b"/Encrypt<</V 1>>"])
def test_a_locked_pdf_is_refused(name: bytes) -> None:
    refused(pdf(trailer=b"/Root 1 0 R" + name), "application/pdf", "the PDF is encrypted")
    look(pdf(trailer=b"/Root 1 0 R/EncryptMetadata false"), "application/pdf")


def test_a_pdf_with_a_cross_reference_stream_is_read_without_inflating_it() -> None:
    body = b"%PDF-1.7\n"
    bomb = zlib.compress(b"\x00" * 50_000_000, 9)
    stream = b"7 0 obj<</Type/XRef/Root 1 0 R/Filter/FlateDecode/Length %d>>stream\n" % len(bomb)
    whole = body + stream + bomb + b"\nendstream endobj\nstartxref\n%d\n%%%%EOF" % len(body)
    tracemalloc.start()
    look(whole, "application/pdf")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000
    refused(whole.replace(b"/Root 1 0 R", b"/Encrypt 1 0 R"), "application/pdf", "the PDF is encrypted")
    refused(whole.replace(b"stream\n", b"strean\n"), "application/pdf", "cannot be read")


# --- archives -----------------------------------------------------------------------------------


def bomb(size: int) -> bytes:
    return zipped({"zeros": b"\x00" * size})


def test_an_archive_that_inflates_to_too_much_is_refused() -> None:
    look(bomb(1_000_000), "application/zip")
    refused(bomb(archives.FREE_BYTES + 1), "application/zip", "it inflates to too much")


def test_a_directory_that_lies_about_sizes_does_not_help() -> None:
    content = bytearray(bomb(archives.FREE_BYTES + 1))
    size = (archives.FREE_BYTES + 1).to_bytes(4, "little")
    while (at := content.find(size)) >= 0:
        content[at : at + 4] = (1000).to_bytes(4, "little")
    refused(bytes(content), "application/zip", "the archive is broken")


def test_an_archive_within_an_archive_spends_the_same_budget() -> None:
    part = zipped({"zeros": b"\x00" * (archives.FREE_BYTES // 2)})
    look(zipped({"a.zip": part}), "application/zip")
    refused(zipped({"a.zip": part, "b.zip": part, "c.zip": part}), "application/zip", "inflates to too much")


def test_archives_lie_in_each_other_twice_at_most() -> None:
    inner = zipped({"a": b"a"})
    look(zipped({"1.zip": inner}), "application/zip")
    refused(zipped({"2.zip": zipped({"1.zip": inner})}), "application/zip", "too deep")


def test_an_archive_with_too_many_files_is_refused() -> None:
    many = {f"{n}": b"" for n in range(archives.MAX_MEMBERS + 1)}
    content = zipped(many)
    refused(content, "application/zip", "its directory is too large")
    end = content.rindex(b"PK\x05\x06")
    fewer = content[: end + 8] + b"\x01\x00\x01\x00" + content[end + 12 :]
    refused(fewer, "application/zip", "it holds too many files")
    wide = fewer[: end + 12] + (archives.MAX_DIRECTORY_BYTES + 1).to_bytes(4, "little") + fewer[end + 16 :]
    refused(wide, "application/zip", "its directory is too large")
    few = zipped(dict(list(many.items())[: archives.MAX_MEMBERS]))
    look(few, "application/zip")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (zipped({"a.7z": b"7z\xbc\xaf\x27\x1c rest"}), "holds a 7Z that cannot be looked into"),
        (zipped({"a.rar": b"Rar!\x1a\x07\x00"}), "holds a RAR that cannot be looked into"),
        (zipped({"a": b"a" * 99}, zipfile.ZIP_LZMA), "uncommon way"),
        (zipped({"a": b"a"})[:-9], "broken"),
        (b"PK\x03\x04" + b"\x00" * 30, "its end is missing"),
        (zipped({"a": b"a"}).replace(b"PK\x05\x06", b"PK\x06\x07" + b"\x00" * 16 + b"PK\x05\x06"), "ZIP64"),
    ],
)
def test_what_cannot_be_looked_into_is_refused(content: bytes, words: str) -> None:
    refused(content, "application/zip", words)


def test_a_locked_archive_is_refused() -> None:
    content = bytearray(zipped({"a": b"abc"}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    refused(bytes(content), "application/zip", "locked by a password")


def test_an_office_document_that_explodes_is_refused() -> None:
    huge = {"[Content_Types].xml": b"<Types/>", "word/document.xml": b" " * (archives.FREE_BYTES + 1)}
    refused(zipped(huge), DOCX, "inflates to too much")


# --- texts --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "DOCTYPE is not taken"),
        (b"<?xml version='1.0'?><a><b></a>", "the XML is broken"),
        (b"<a>" * 10_000 + b"</a>" * 10_000, "nested too deeply"),
    ],
)
def test_xml_that_explodes_or_is_broken_is_refused(content: bytes, words: str) -> None:
    refused(content, "application/xml", words)


@pytest.mark.parametrize("rest", [b"\xff", b"\x00", b"\xc3"])
def test_a_text_is_utf_8_to_its_end(rest: bytes) -> None:
    refused(b"a" * 600_000 + rest, "text/plain", "no text in UTF-8")
