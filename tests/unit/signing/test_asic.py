import io
import struct
import subprocess
import sys
import warnings
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signing import asic_manifest, asic_zip, cms
from signing.asic import (
    MANIFEST,
    MIMETYPE,
    SIGNATURE,
    Container,
    build,
    read,
    unpack,
)
from signing.errors import BadSignature, Malformed, SigningError
from signing.verdicts import Sub
from tests.unit.signing.signing_people import (
    AT,
    LATER,
    Clock,
    OneRoot,
    run,
    signer,
    stranger,
    write_pem,
)

TRUST = OneRoot()
FILES = {
    "evidence.json": b'{"events": []}\n' * 40,
    "receipts/00012.pdf": b"%PDF-1.7 ...",
    "Đọc trước & hiểu.txt": "Hướng dẫn".encode(),
}
Entries = list[tuple[zipfile.ZipInfo, bytes]]


def made(kind: str = "rsa", *, stamped: bool = False) -> bytes:
    return build(FILES, signer(kind), AT, stamper=Clock() if stamped else None)


def opened(data: bytes) -> Container:
    return read(data, TRUST, AT)


def zipped(inside: dict[str, bytes], **options: object) -> bytes:
    """Those files by the ZIP writer of the standard library, mimetype stored."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")
        for name, content in inside.items():
            method = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def changed(change: Callable[[dict[str, bytes]], object]) -> bytes:
    """A sound ZIP whose files were changed after they were signed."""
    inside = unpack(made())
    change(inside)
    return zipped(inside)


@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_what_is_put_in_comes_out_with_who_signed_it(kind: str) -> None:
    container = opened(made(kind))
    assert FILES == container.files
    assert (signer(kind).certificate, AT, "B-B", True) == (
        container.signed_by.certificate,
        container.signed_by.signed_at,
        container.signed_by.level,
        container.judgement.good,
    )


def test_the_same_files_give_the_same_bytes_in_any_order_and_begin_with_the_mimetype() -> None:
    backwards = build(dict(reversed(FILES.items())), signer("rsa"), AT)
    assert made() == backwards
    assert MIMETYPE == made()[38 : 38 + len(MIMETYPE)]
    assert b"mimetype" == made()[30:38]


def test_other_programs_read_the_container(tmp_path: Path) -> None:
    data = made("p256")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert {"mimetype", *FILES, MANIFEST, SIGNATURE} == set(archive.namelist())
        inside = {name: archive.read(name) for name in archive.namelist()}
    _, _, root = write_pem(tmp_path, signer())
    (tmp_path / "manifest").write_bytes(inside[MANIFEST])
    (tmp_path / "signature").write_bytes(inside[SIGNATURE])
    command = [
        "/usr/bin/openssl",
        "cms",
        "-verify",
        "-inform",
        "DER",
        "-in",
        tmp_path / "signature",
        "-binary",
    ]
    command += ["-content", tmp_path / "manifest", "-CAfile", root, "-purpose", "any"]
    command += ["-attime", str(int(AT.timestamp())), "-out", tmp_path / "out"]
    assert 0 == run(*command)[0]
    (tmp_path / "manifest").write_bytes(inside[MANIFEST].replace(b"evidence", b"evidencf"))
    assert 0 != run(*command)[0]


def test_a_container_packed_again_by_another_program_is_still_the_same() -> None:
    assert FILES == opened(changed(lambda inside: None)).files


def streamed() -> bytes:
    """As a program writes that cannot go back: the sizes stand in a descriptor behind each file but the first."""
    data, inside = bytearray(), unpack(made())
    directory = bytearray()
    for name, content in inside.items():
        raw, at = name.encode(), len(data)
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        plain = name == "mimetype"
        packed = content if plain else packer.compress(content) + packer.flush()
        flags, method = (0x0800, 0) if plain else (0x0808, 8)
        told = (zlib.crc32(content), len(packed), len(content))
        there = told if plain else (0, 0, 0)
        data += (
            struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, flags, method, 0, 33, *there, len(raw), 0)
            + raw
            + packed
        )
        data += b"" if plain else b"PK\x07\x08" + struct.pack("<3L", *told)
        directory += struct.pack(
            "<4s6H3L5H2L", b"PK\x01\x02", 20, 20, flags, method, 0, 33, *told, len(raw), 0, 0, 0, 0, 0, at
        )
        directory += raw
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(inside), len(inside), len(directory), len(data), 0)
    return bytes(data + directory + end)


def test_sizes_in_a_descriptor_are_read_and_lying_ones_refused() -> None:
    data = streamed()
    assert FILES == opened(data).files
    at = data.index(b"PK\x07\x08")
    for place in (4, 8, 12):
        lying = data[: at + place] + bytes([data[at + place] ^ 1]) + data[at + place + 1 :]
        with pytest.raises(Malformed, match="described in another way"):
            opened(lying)


def test_a_time_stamp_lets_a_container_outlive_its_certificate() -> None:
    assert read(made(stamped=True), TRUST, LATER).judgement.good
    assert Sub.OUT_OF_BOUNDS_NO_POE is read(made(), TRUST, LATER).judgement.sub


def test_a_signer_whom_nobody_knows_is_named_in_the_verdict() -> None:
    assert Sub.NO_CERTIFICATE_CHAIN_FOUND is opened(build(FILES, stranger(), AT)).judgement.sub


def test_a_changed_a_foreign_and_a_missing_file_are_named() -> None:
    for change, words in (
        (
            lambda inside: inside.update({"receipts/00012.pdf": b"%PDF-1.7 ..!"}),
            "receipts/00012.pdf was changed",
        ),
        (lambda inside: inside.update({"more.txt": b""}), "more.txt is foreign"),
        (lambda inside: inside.pop("evidence.json"), "evidence.json is missing"),
        (lambda inside: inside.update({MANIFEST: asic_manifest.write({**FILES, "x": b""})}), "x is missing"),
    ):
        with pytest.raises(BadSignature, match=words):
            opened(changed(change))


def test_a_manifest_that_fits_other_files_is_not_the_one_that_was_signed() -> None:
    def both(inside: dict[str, bytes]) -> None:
        inside["evidence.json"] = b"{}"
        inside[MANIFEST] = asic_manifest.write({name: inside[name] for name in FILES})

    with pytest.raises(BadSignature, match=r"ASiCManifest\.xml was changed"):
        opened(changed(both))


def test_a_signature_over_something_else_is_named() -> None:
    other = cms.sign(b"other", signer(), at=AT)
    with pytest.raises(BadSignature, match=r"ASiCManifest\.xml was changed"):
        opened(changed(lambda inside: inside.update({SIGNATURE: other})))
    broken = bytearray(unpack(made())[SIGNATURE])
    broken[-1] ^= 1
    with pytest.raises(BadSignature, match=r"signature\.p7s does not hold"):
        opened(changed(lambda inside: inside.update({SIGNATURE: bytes(broken)})))


def test_what_is_missing_or_foreign_in_meta_inf_is_named() -> None:
    for change, words in (
        (lambda inside: inside.pop(MANIFEST), "has no manifest"),
        (lambda inside: inside.pop(SIGNATURE), "signature.p7s is missing"),
        (lambda inside: inside.update({"META-INF/more.xml": b""}), "META-INF/more.xml is foreign"),
        (lambda inside: inside.update({"meta-inf/x": b""}), "meta-inf/x is foreign"),
        (lambda inside: inside.update({"META-INF/signature2.p7s": b""}), "signature2.p7s is foreign"),
        (
            lambda inside: inside.update({"META-INF/ASiCManifest2.xml": inside[MANIFEST]}),
            "the same signature",
        ),
    ):
        with pytest.raises(Malformed, match=words):
            opened(changed(change))


def test_a_second_signature_over_everything_counts_and_one_over_a_part_does_not() -> None:
    def second(files: dict[str, bytes], who: str = "p256") -> Callable[[dict[str, bytes]], None]:
        def add(inside: dict[str, bytes]) -> None:
            text = asic_manifest.write(files).replace(b"signature.p7s", b"signature-2.p7s")
            inside["META-INF/ASiCManifest-2.xml"] = text
            inside["META-INF/signature-2.p7s"] = cms.sign(text, signer(who), at=AT)

        return add

    both = opened(changed(second(FILES)))
    assert [signer("rsa").certificate, signer().certificate] == [each.certificate for each in both.signers]
    with pytest.raises(BadSignature, match="is foreign"):
        opened(changed(second({"evidence.json": FILES["evidence.json"]})))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"<?xml", b'<!DOCTYPE a [<!ENTITY x "y">]><?xml', "DTD"),
        (b"?>\n", b"?>\n<!DOCTYPE a>\n", "DTD"),
        (b"?>\n", b"?>\n<!-- x -->\n", "DTD"),
        (b"?>\n", b"?>\n<", "well-formed"),
        (b"evidence", b"evid\xffence", "UTF-8"),
        (b"xmlenc#sha256", b"xmlenc#sha512", "no SHA-256"),
        (b"2001/04/xmlenc#sha256", b"2000/09/xmldsig#sha1", "no SHA-256"),
        (b"META-INF/signature.p7s", b"../signature.p7s", "no signature that is read"),
        (b"META-INF/signature.p7s", b"evidence.json", "no signature that is read"),
        (b"receipts/00012.pdf", b"evidence.json", "names something twice"),
        (b"receipts/00012.pdf", b"http://127.0.0.1/#x", "in a way that is not read"),
        (b"receipts/00012.pdf", b"%ff", "in a way that is not read"),
        (b"DataObjectReference", b"Other", "in a way that is not read"),
        (b"<asic:SigReference", b"<asic:Other", "not of its form"),
        (b"asic:ASiCManifest", b"asic:XAdES", "not of its form"),
        (b"v1.2.1#", b"v1.1.1#", "not of its form"),
        (b"</ds:DigestValue>", b"=</ds:DigestValue>", "not Base64"),
        (b"</ds:DigestValue>", b"AAAA</ds:DigestValue>", "not Base64"),
        (b"<ds:DigestValue>", b"<ds:DigestValue>AAAA", "not SHA-256"),
        (b"</ds:DigestValue>", b"<x/></ds:DigestValue>", "no SHA-256"),
    ],
)
def test_a_manifest_of_another_form_is_refused(old: bytes, new: bytes, words: str) -> None:
    def change(inside: dict[str, bytes]) -> None:
        assert old in inside[MANIFEST]
        inside[MANIFEST] = inside[MANIFEST].replace(old, new)

    with pytest.raises(Malformed, match=words):
        opened(changed(change))


def test_a_manifest_names_files_that_are_not_ascii_by_percent_encoding() -> None:
    assert list(FILES) == list(asic_manifest.read(asic_manifest.write(FILES)).digests)
    assert b'URI="%C4%90' in asic_manifest.write(FILES)


BAD_NAMES = [
    "../x", "/x", "a/../b", "a//b", "./x", "a/.", "", "a/", "a\\b", "c:x", "a\x00b", "a\nb", "a\u202eb", "a\u200bb",
    "x" * 301, "a.", "a ", " a/b", "a*", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_leads_out_or_misleads_is_refused_both_ways(name: str) -> None:
    with pytest.raises(Malformed, match=r"name|at least"):
        build({name: b"x"}, signer(), AT)
    with pytest.raises(Malformed):
        asic_zip.check_name(name)


@pytest.mark.parametrize("name", ["../x", "/x", "a/../b", "a\\b", "c:x", "folder/"])
def test_a_zip_with_such_a_name_is_refused(name: str) -> None:
    same = b"q" * len(name)
    data = zipped({**unpack(made()), same.decode(): b"1"})
    head, _, entry = data.partition(b"PK\x01\x02")  # by place: a signature between may hold the same bytes
    with pytest.raises(Malformed, match="name in the container"):
        opened(named(head, same, name) + b"PK\x01\x02" + named(entry, same, name))


def named(part: bytes, old: bytes, new: str) -> bytes:
    """The last place of the old name gets the new one: behind it stands one byte of content, or nothing of ours."""
    where = part.rindex(old)
    return part[:where] + new.encode() + part[where + len(old) :]


@pytest.mark.parametrize("name", ["mimetype", "META-INF/x", "meta-inf/x", "MIMETYPE"])
def test_a_file_may_not_pass_for_a_part_of_the_container(name: str) -> None:
    with pytest.raises(Malformed, match="may not be called"):
        build({name: b"x"}, signer(), AT)


def test_two_names_that_some_machines_take_for_one_are_refused() -> None:
    for one, other in (("a.txt", "A.TXT"), ("caf\u00e9", "cafe\u0301"), ("Ổ", "ổ")):
        with pytest.raises(Malformed, match="stands twice"):
            build({one: b"1", other: b"2"}, signer(), AT)
        with pytest.raises(Malformed, match="stands twice"):
            opened(zipped({**unpack(made()), one: b"1", other: b"2"}))


def test_a_name_that_stands_twice_is_refused() -> None:
    buffer = io.BytesIO(zipped(unpack(made())))
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(zipfile.ZipInfo("evidence.json"), b"{}")
    with pytest.raises(Malformed, match=r"evidence\.json stands twice"):
        opened(buffer.getvalue())


def test_a_link_is_refused() -> None:
    buffer = io.BytesIO(zipped(unpack(made())))
    with zipfile.ZipFile(buffer, "a") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, b"/etc/hostname")
    with pytest.raises(Malformed, match="link"):
        opened(buffer.getvalue())


def test_bytes_before_between_or_after_the_files_are_refused() -> None:
    data = made()
    directory = data.index(b"PK\x01\x02")
    end = len(data) - 22
    shifted = data[:directory] + b"hidden" + data[directory:]
    moved = shifted[: end + 6 + 16] + struct.pack("<L", directory + 6) + shifted[end + 6 + 20 :]
    for altered in (b"#!/bin/sh\n" + data, data + b"more", data[:-1], shifted, moved, data + data):
        with pytest.raises(Malformed):
            opened(altered)
    with pytest.raises(Malformed, match="belong to no file"):
        opened(moved)


def test_a_second_directory_is_refused() -> None:
    """Two containers in one file: a reader from the front and one from the back would see different files."""
    inner = zipped({"mimetype": MIMETYPE, "evidence.json": b"{}"})
    data = made()
    directory = data.index(b"PK\x01\x02")
    size = len(data) - 22 - directory
    whole = inner + data
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 6, 6, size, directory + len(inner), 0)
    for altered in (whole, whole[:-22] + end, data[:-2] + struct.pack("<H", len(inner)) + inner):
        with pytest.raises(Malformed):
            opened(altered)


def patched(data: bytes, mark: bytes, offset: int, value: bytes, number: int = 1) -> bytes:
    """`value` at `offset` of the header that begins with `mark`, of the file with this number."""
    at = -1
    for _ in range(number + 1):
        at = data.index(mark, at + 1)
    return data[: at + offset] + value + data[at + offset + len(value) :]


@pytest.mark.parametrize(
    ("mark", "offset", "value", "words"),
    [
        (b"PK\x03\x04", 6, b"\x01", "called something else"),
        (b"PK\x01\x02", 8, b"\x01", "encrypted"),
        (b"PK\x01\x02", 10, b"\x0c", "packed in a way"),
        (b"PK\x03\x04", 8, b"\x08", "called something else"),
        (b"PK\x03\x04", 14, b"\x00\x00\x00\x00", "another size"),
        (b"PK\x03\x04", 18, b"\x01", "another size"),
        (b"PK\x03\x04", 22, b"\x01", "another size"),
        (b"PK\x03\x04", 30, b"E", "called something else"),
        (b"PK\x01\x02", 16, b"\x00\x00\x00\x00", "another size"),
        (b"PK\x01\x02", 34, b"\x01", "not of its form"),
        (b"PK\x01\x02", 42, b"\x00\x00", "does not stand where"),
        (b"PK\x01\x02", 24, b"\xff\xff\xff\x7f", r"far more|too large"),
        (b"PK\x01\x02", 28, b"\xff\xff", "not of its form"),
    ],
)
def test_headers_that_say_different_things_are_refused(
    mark: bytes, offset: int, value: bytes, words: str
) -> None:
    data = made()
    altered = patched(data, mark, offset, value)
    assert altered != data
    with pytest.raises(Malformed, match=words):
        opened(altered)


def test_a_file_that_unpacks_to_far_more_is_refused_before_it_is_unpacked() -> None:
    bomb = zipped({"mimetype": MIMETYPE, "bomb": bytes(20_000_000)})
    with pytest.raises(Malformed, match="far more"):
        opened(bomb)


@pytest.mark.parametrize(("less", "words"), [(1, "damaged"), (10, "unpacks to another size")])
def test_a_packed_file_that_is_longer_than_told_is_refused(less: int, words: str) -> None:
    content = FILES["evidence.json"]
    length, short = struct.pack("<L", len(content)), struct.pack("<L", len(content) - less)
    assert 2 == streamed().count(length)
    with pytest.raises(Malformed, match=words):
        opened(streamed().replace(length, short))


def ended(
    data: bytes, *, count: int | None = None, here: int | None = None, disk: int = 0, more: bytes = b""
) -> bytes:
    """The ZIP with `more` at the end of its directory, and an end record that says so."""
    _, _, _, _, there, size, begin, _ = struct.unpack("<4s4H2LH", data[-22:])
    told = there if count is None else count
    end = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", disk, 0, told if here is None else here, told, size + len(more), begin, 0
    )
    return data[:-22] + more + end


def test_an_end_that_says_something_else_is_refused() -> None:
    data, count = made(), len(FILES) + 3
    assert data == ended(data)
    for altered, words in (
        (ended(data, disk=1), "more than one part"),
        (ended(data, here=count - 1), "more than one part"),
        (ended(data, count=0), "more files than are read"),
        (ended(data, count=count - 1), "more than its files"),
        (ended(data, count=count + 1), "cut off"),
        (ended(data, more=b"more"), "more than its files"),
        (data + b"more", "does not end with"),
        (data[:-2] + b"\x01\x00", "does not end with"),
        (b"PK", "not a ZIP"),
        (bytes(asic_zip.MOST_BYTES + 1), "too large"),
    ):
        with pytest.raises(Malformed, match=words):
            opened(altered)


def test_files_that_together_are_too_large_are_refused_before_they_are_unpacked() -> None:
    data = build({"a": bytes(1_100_000)}, signer(), AT)
    with pytest.raises(Malformed, match="files of the container are too large"):
        opened(patched(data, b"PK\x01\x02", 24, struct.pack("<L", asic_zip.MOST_BYTES)))


def test_a_file_that_is_longer_than_the_container_is_refused() -> None:
    data, long = made(), struct.pack("<2L", 1_000_000, 1_000_000)
    with pytest.raises(Malformed, match="is cut off"):
        opened(patched(patched(data, b"PK\x03\x04", 18, long), b"PK\x01\x02", 20, long))


def test_a_mimetype_with_extra_fields_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in unpack(made()).items():
            info = zipfile.ZipInfo(name)
            info.extra = struct.pack("<2HL", 0x9999, 4, 1)
            archive.writestr(info, content)
    with pytest.raises(Malformed, match="extra fields"):
        opened(buffer.getvalue())


def test_too_many_files_and_no_files_are_refused() -> None:
    with pytest.raises(Malformed, match="too many"):
        build({f"f{n}": b"" for n in range(asic_zip.MOST_ENTRIES + 1)}, signer(), AT)
    with pytest.raises(Malformed, match="at least one"):
        build({}, signer(), AT)


@pytest.mark.parametrize("first", ["mimetyp", "evidence.json"])
def test_a_zip_that_does_not_begin_with_its_mimetype_is_no_container(first: str) -> None:
    inside = unpack(made())
    del inside["mimetype"]
    with pytest.raises(Malformed, match="mimetype"):
        opened(zipped({first: MIMETYPE, **inside}))
    with pytest.raises(Malformed, match="mimetype"):
        opened(zipped({"mimetype": b"application/zip", **inside}))


def test_the_parsing_half_needs_only_the_standard_library() -> None:
    code = "import sys, signing.asic_zip, signing.asic_manifest;"
    code += "print([m for m in ('lxml', 'asn1crypto', 'cryptography') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert "[]" == done.stdout.strip()


SAMPLE = made("p256")


@settings(max_examples=300, deadline=None)
@given(at=st.integers(0, len(SAMPLE) - 1), to=st.integers(1, 255))
def test_one_changed_byte_gives_an_error_of_ours_or_the_same_files(at: int, to: int) -> None:
    altered = SAMPLE[:at] + bytes([SAMPLE[at] ^ to]) + SAMPLE[at + 1 :]
    try:
        container = opened(altered)
    except SigningError:
        return
    assert FILES == container.files
    assert AT == container.signed_by.signed_at


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_an_error_of_ours(data: bytes) -> None:
    for attempt in (data, SAMPLE[: len(data) * 5] + data, SAMPLE[:-22] + data, SAMPLE[: -len(data) - 1]):
        with pytest.raises(SigningError):
            opened(attempt)
    with pytest.raises(Malformed):
        asic_manifest.read(data)
