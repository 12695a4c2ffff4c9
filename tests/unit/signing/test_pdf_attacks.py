"""Files changed after they were signed, in the ways that the literature names, and none of them good.

Shadow attacks and incremental saving, signature wrapping, universal forgery: "1 Trillion Dollar Refund" (CCS 2019),
"Shadow Attacks" (NDSS 2021) and "Attacks on PDF Certification" (S&P 2021), each rebuilt here from its description.
"""

import hashlib
import io
import re
from collections.abc import Callable, Iterator

import pytest
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, SimpleSigner, sign_pdf
from pyhanko_certvalidator.registry import SimpleCertificateStore

from sandbox.pki import PkiFault, Service
from signing import pdf_append, pdf_general
from signing.errors import SigningError
from signing.pdf import Level, complete, validate
from signing.trust_policy import STRONG_DIGESTS, Policy
from signing.verdicts import Indication, Sub
from tests.unit.signing.pki_world import NOW, World, printed

TEXT = {"reason": "Phát hành", "location": "Huế"}
EVIL = b"BT /F1 24 Tf 72 700 Td (999.999.999 dong) Tj ET"
Writer = IncrementalPdfFileWriter


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("pki"))
    for service in Service:
        made.server.control(service, PkiFault.NONE)
    yield made
    made.server.stop()


@pytest.fixture(scope="module")
def prepared_by_the_attacker() -> bytes:
    return shadow_paper()


def shadow_paper() -> bytes:
    """A paper with what shadow attacks need: an overlay that hides, a second page tree, a form field of text."""
    writer = Writer(io.BytesIO(printed("Số tiền: 180.000 đ")))
    page_ref, _ = writer.find_page_for_modification(0)
    page = page_ref.get_object()
    hidden = writer.add_object(generic.StreamObject(stream_data=EVIL))
    overlay = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/Stamp"),
            pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (50, 50, 500, 800))),
            pdf_name("/F"): generic.NumberObject(4),
        }
    )
    field = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/Widget"),
            pdf_name("/FT"): pdf_name("/Tx"),
            pdf_name("/T"): generic.pdf_string("total"),
            pdf_name("/V"): generic.pdf_string("180000"),
            pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (50, 50, 200, 80))),
        }
    )
    refs = [writer.add_object(overlay), writer.add_object(field)]
    page["/Annots"] = generic.ArrayObject(refs)
    writer.update_container(page)
    second = generic.DictionaryObject(dict(page))
    second["/Contents"] = hidden
    second_ref = writer.add_object(second)
    pages = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Pages"),
            pdf_name("/Count"): generic.NumberObject(1),
            pdf_name("/Kids"): generic.ArrayObject([second_ref]),
        }
    )
    writer.root["/SecondPages"] = writer.add_object(pages)
    form = generic.DictionaryObject({pdf_name("/Fields"): generic.ArrayObject([refs[1]])})
    writer.root["/AcroForm"] = writer.add_object(form)
    writer.update_root()
    return written(writer)


@pytest.fixture(scope="module")
def genuine(world: World, prepared_by_the_attacker: bytes) -> bytes:
    return world.pdf_signer().sign(prepared_by_the_attacker, **TEXT, at=NOW).pdf


@pytest.fixture(scope="module")
def plain() -> bytes:
    return printed("Số tiền: 180.000 đ")


@pytest.fixture(scope="module")
def short(world: World, plain: bytes) -> bytes:
    """Signed by the short way."""
    return world.pdf_signer().sign(plain, **TEXT, at=NOW).pdf


def written(writer: Writer) -> bytes:
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def is_good(world: World, pdf: bytes) -> bool:
    try:
        return validate(pdf, world.trust(), at=NOW).good
    except SigningError:
        return False


# --- shadow attacks -----------------------------------------------------------------------------


def hide(writer: Writer) -> None:
    page = writer.find_page_for_modification(0)[0].get_object()
    page["/Annots"] = generic.ArrayObject([page["/Annots"].raw_get(1)])
    writer.update_container(page)


def hide_by_freeing(writer: Writer) -> None:
    page = writer.find_page_for_modification(0)[0].get_object()
    overlay = page["/Annots"].raw_get(0).get_object()
    overlay["/F"] = generic.NumberObject(2)
    writer.update_container(overlay)


def replace_field_value(writer: Writer) -> None:
    field = writer.root["/AcroForm"]["/Fields"].raw_get(0).get_object()
    field["/V"] = generic.pdf_string("999999999")
    writer.update_container(field)


def replace_font(writer: Writer) -> None:
    page = writer.find_page_for_modification(0)[0].get_object()
    for name in page["/Resources"]["/Font"]:
        font = page["/Resources"]["/Font"][name]
        font["/BaseFont"] = pdf_name("/Evil")
        writer.update_container(font)


def replace_content(writer: Writer) -> None:
    page = writer.find_page_for_modification(0)[0].get_object()
    page["/Contents"] = writer.add_object(generic.StreamObject(stream_data=EVIL))
    writer.update_container(page)


def hide_and_replace(writer: Writer) -> None:
    writer.root["/Pages"] = writer.root.raw_get("/SecondPages")
    writer.update_root()


def hide_and_replace_within(writer: Writer) -> None:
    pages = writer.root["/Pages"]
    pages["/Kids"] = writer.root["/SecondPages"]["/Kids"]
    writer.update_container(pages)


def add_annotation(writer: Writer) -> None:
    page = writer.find_page_for_modification(0)[0].get_object()
    note = generic.DictionaryObject(dict(page["/Annots"].raw_get(0).get_object()))
    note["/Subtype"] = pdf_name("/FreeText")
    page["/Annots"].append(writer.add_object(note))
    writer.update_container(page["/Annots"])
    writer.update_container(page)


def add_javascript(writer: Writer) -> None:
    action = {pdf_name("/S"): pdf_name("/JavaScript"), pdf_name("/JS"): generic.pdf_string("app.alert(1)")}
    writer.root["/OpenAction"] = writer.add_object(generic.DictionaryObject(action))
    writer.update_root()


def add_empty_signature_field(writer: Writer) -> None:
    box = (50, 50, 500, 800)
    shown = generic.DictionaryObject(
        {
            pdf_name("/Type"): pdf_name("/Annot"),
            pdf_name("/Subtype"): pdf_name("/Widget"),
            pdf_name("/FT"): pdf_name("/Sig"),
            pdf_name("/T"): generic.pdf_string("Signature99"),
            pdf_name("/Rect"): generic.ArrayObject(map(generic.NumberObject, box)),
            pdf_name("/F"): generic.NumberObject(132),
        }
    )
    page = writer.find_page_for_modification(0)[0].get_object()
    ref = writer.add_object(shown)
    page["/Annots"].append(ref)
    writer.update_container(page["/Annots"])
    writer.update_container(page)
    fields = writer.root["/AcroForm"]["/Fields"]
    fields.append(ref)
    writer.update_container(fields)


SHADOWS: list[Callable[[Writer], None]] = [
    hide,
    hide_by_freeing,
    replace_field_value,
    replace_font,
    replace_content,
    hide_and_replace,
    hide_and_replace_within,
    add_annotation,
    add_javascript,
    add_empty_signature_field,
]


@pytest.mark.parametrize("attack", SHADOWS)
def test_a_shadow_attack_after_signing_is_refused(
    world: World, genuine: bytes, attack: Callable[[Writer], None]
) -> None:
    assert is_good(world, genuine)
    writer = Writer(io.BytesIO(genuine))
    attack(writer)
    changed = written(writer)
    assert changed.startswith(genuine)
    assert not is_good(world, changed)


@pytest.mark.parametrize("attack", [hide, replace_content, hide_and_replace, add_javascript])
def test_an_attack_between_two_signatures_is_refused(
    world: World, genuine: bytes, attack: Callable[[Writer], None]
) -> None:
    writer = Writer(io.BytesIO(genuine))
    attack(writer)
    twice = world.pdf_signer("signer-rsa").sign(written(writer), **TEXT, at=NOW).pdf
    verdict = validate(twice, world.trust(), at=NOW)
    assert (2, False, False) == (verdict.signatures, verdict.intact, verdict.good)


@pytest.mark.parametrize(
    "attack", [replace_content, hide_and_replace, add_annotation, add_empty_signature_field]
)
def test_an_attack_hidden_behind_a_document_time_stamp_is_refused(
    world: World, genuine: bytes, attack: Callable[[Writer], None]
) -> None:
    writer = Writer(io.BytesIO(genuine))
    attack(writer)
    stamped = pdf_general.stamped(written(writer), world.stamper().stamp, hole_bytes=8192)
    assert not is_good(world, stamped)


def test_a_document_time_stamp_that_is_shown_over_the_page_is_refused(world: World, genuine: bytes) -> None:
    stamped = pdf_general.stamped(genuine, world.stamper().stamp, hole_bytes=8192)
    assert is_good(world, stamped)
    writer = Writer(io.BytesIO(genuine))
    add_empty_signature_field(writer)
    original = pdf_general._free_name
    try:
        pdf_general._free_name = lambda *_: "Signature99"  # the attacker fills the field that is shown
        shown = pdf_general.stamped(written(writer), world.stamper().stamp, hole_bytes=8192)
    finally:
        pdf_general._free_name = original
    assert not is_good(world, shown)


# --- incremental saving -------------------------------------------------------------------------


def evil_page(pdf: bytes) -> tuple[bytes, int]:
    """The first page of the file once more, with another content, as an object; and its number."""
    reader = PdfFileReader(io.BytesIO(pdf))
    kids = reader.root["/Pages"]["/Kids"]
    number = kids.raw_get(0).reference.idnum
    size = int(reader.trailer["/Size"])
    body = b"%d 0 obj\n<</Length %d>>\nstream\n%s\nendstream\nendobj\n" % (size, len(EVIL), EVIL)
    body += b"%d 0 obj\n<</Type/Page/MediaBox[0 0 595 842]/Parent 1 0 R/Contents %d 0 R>>\nendobj\n" % (
        number,
        size,
    )
    return body, number


def last_table(pdf: bytes) -> int:
    return int(re.findall(rb"startxref\s+(\d+)", pdf)[-1])


def saved_without_table(pdf: bytes) -> bytes:
    return pdf + evil_page(pdf)[0]


def saved_with_trailer_only(pdf: bytes) -> bytes:
    body, _ = evil_page(pdf)
    return (
        pdf
        + body
        + b"trailer\n<</Root 22 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (last_table(pdf), last_table(pdf))
    )


def saved_with_comment(pdf: bytes) -> bytes:
    return pdf + b"\n% evil\n"


def saved_in_full(pdf: bytes) -> bytes:
    body, number = evil_page(pdf)
    at = len(pdf) + body.index(b"%d 0 obj\n<</Type/Page" % number)
    reader = PdfFileReader(io.BytesIO(pdf))
    size, root = int(reader.trailer["/Size"]), reader.root_ref.idnum
    table = b"xref\n%d 1\n%010d 00000 n \n%d 1\n%010d 00000 n \n" % (number, at, size, len(pdf))
    end = b"trailer\n<</Size %d/Root %d 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (
        size + 1,
        root,
        last_table(pdf),
        len(pdf) + len(body),
    )
    return pdf + body + table + end


def saved_with_the_signature_once_more(pdf: bytes) -> bytes:
    """The attacker's update repeats the signature dictionary, so that it looks as if it were of the last revision."""
    reader = PdfFileReader(io.BytesIO(pdf))
    number = reader.embedded_signatures[0].sig_field.raw_get("/V").reference.idnum
    start = pdf.index(b"%d 0 obj\n<</Type/Sig" % number)
    copied = pdf[start : pdf.index(b"endobj\n", start) + 7]
    body, page = evil_page(pdf)
    size, root = int(reader.trailer["/Size"]), reader.root_ref.idnum
    at = len(pdf) + body.index(b"%d 0 obj\n<</Type/Page" % page)
    sections = sorted([(number, len(pdf) + len(body)), (page, at), (size, len(pdf))])
    table = b"xref\n" + b"".join(b"%d 1\n%010d 00000 n \n" % each for each in sections)
    end = b"trailer\n<</Size %d/Root %d 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (
        size + 1,
        root,
        last_table(pdf),
        len(pdf) + len(body) + len(copied),
    )
    return pdf + body + copied + table + end


@pytest.mark.parametrize(
    "attack",
    [
        saved_without_table,
        saved_with_trailer_only,
        saved_with_comment,
        saved_in_full,
        saved_with_the_signature_once_more,
    ],
)
def test_an_incremental_saving_attack_is_refused(
    world: World, short: bytes, attack: Callable[[bytes], bytes]
) -> None:
    assert is_good(world, short)
    assert not is_good(world, attack(short))


# --- signature wrapping -------------------------------------------------------------------------


def wrapped(pdf: bytes) -> bytes:
    """The second signed span is moved to the end, a second /ByteRange points at it.

    What stood at the place of the cross-reference table is now the attacker's.
    """
    found = re.search(rb"/ByteRange\[0 (\d+) (\d+) (\d+)\]", pdf)
    assert found is not None
    before, after, last = (int(found[each]) for each in (1, 2, 3))
    span, table_at = pdf[after : after + last], last_table(pdf)
    body, page = evil_page(pdf)
    reader = PdfFileReader(io.BytesIO(pdf))
    size, root, field = int(reader.trailer["/Size"]), reader.root_ref.idnum, size_of_field(reader)
    mark = b"@" * 10
    closing = b"/ByteRange[0 %d %s %d]>>\nendobj\n" % (before, mark, last)
    closing = closing.ljust(
        table_at - after
    )  # the attacker's table stands where the file says that the table is
    sizes = b"%d 1\n%010d 00000 n \n"
    trailer = b"trailer\n<</Size %d/Root %d 0 R/Prev %d>>\n" % (size + 1, root, last_table(pdf[:before]))
    table_bytes = (
        len(b"xref\n")
        + sum(len(sizes % (each, 0)) for each in (page, size, field, root, field - 1))
        + len(trailer)
    )
    at = after + len(closing) + table_bytes
    signature = pdf.index(b"%d 0 obj\n<</Type/Sig" % (field - 1))
    objects = {field - 1: signature, size: at, page: at + body.index(b"%d 0 obj\n<</Type/Page" % page)}
    for number in (field, root):
        start = span.index(b"%d 0 obj" % number)
        objects[number] = at + len(body)
        body += span[start : span.index(b"endobj\n", start) + 7]
    table = b"xref\n" + b"".join(sizes % each for each in sorted(objects.items())) + trailer
    assert len(table) == table_bytes
    gap = closing + table + body
    return pdf[:after] + gap.replace(mark, b"%010d" % (after + len(gap))) + span


def size_of_field(reader: PdfFileReader) -> int:
    return int(reader.root["/AcroForm"]["/Fields"].raw_get(0).reference.idnum)


def test_a_wrapped_signature_is_refused(world: World, short: bytes) -> None:
    changed = wrapped(short)
    reader = PdfFileReader(io.BytesIO(changed))
    assert (
        EVIL == reader.root["/Pages"]["/Kids"][0]["/Contents"].data
    )  # a reader shows what the attacker wants
    assert not is_good(world, changed)


@pytest.mark.parametrize("filler", [b"00" * 4 + b"41" * 4, b"41" * 8, b"\n" * 16, b"%" * 16])
def test_a_hole_that_holds_more_than_the_signature_is_refused(
    world: World, plain: bytes, filler: bytes
) -> None:
    made = world.pdf_signer().sign(plain, **TEXT, at=NOW, level=Level.B_T).pdf
    end = made.index(b">", made.index(b"/Contents<"))
    assert b"0" * 200 == made[end - 200 : end]  # padding, which nobody signed
    assert not is_good(world, made[: end - len(filler)] + filler + made[end:])


@pytest.mark.parametrize(
    "shift", [(0, -20, 0, 0), (0, 0, 20, -20), (20, -20, 0, 0), (0, 0, 0, -30), (0, 4, 0, 0), (0, -20, 0, 20)]
)
def test_a_signature_that_does_not_cover_the_file_is_refused(
    world: World, plain: bytes, monkeypatch: pytest.MonkeyPatch, shift: tuple[int, int, int, int]
) -> None:
    """The signer itself leaves a part of the file out: its arithmetic holds over what is left."""
    made = pdf_append.prepared(plain, reason="", location="", at=NOW, hole_bytes=3000)
    assert made is not None
    whole = made.filled(b"")
    found = re.search(rb"\[0 (\d+) (\d+) (\d+)\] *", whole)
    assert found is not None
    spans = [each + by for each, by in zip((0, *map(int, found.groups())), shift, strict=True)]
    text = (b"[%d %d %d %d]" % tuple(spans)).ljust(len(found[0]))
    whole = whole[: found.start()] + text + whole[found.end() :]
    digest = hashlib.sha256(
        whole[spans[0] : spans[0] + spans[1]] + whole[spans[2] : spans[2] + spans[3]]
    ).digest()
    maker = world.pdf_signer()._maker
    cms = maker.wrapped(*maker.signature(digest))
    place = whole.index(b"/Contents<") + 10
    partial = whole[:place] + cms.hex().encode() + whole[place + 2 * len(cms) :]
    assert not is_good(world, partial)


# --- universal forgery --------------------------------------------------------------------------

CONTENTS = [b"null", b"<>", b"<00>", b"<3000>", b"[]", b"()", b"true", b"0", b""]
RANGES = [
    b"",
    b"null",
    b"[]",
    b"[0 0 0 0]",
    b"[0 10 20 10]",
    b"[0 -1 0 -1]",
    b"[-1 10 20 30]",
    b"[0 1]",
    b"[0 99999999 0 0]",
    b"[0 1 2 3 4 5]",
    b"(0 1 2 3)",
    b"[/A /B /C /D]",
    b"[0 0.5 1 2]",
    b"[0 10 5 99999999]",
]


@pytest.mark.parametrize("value", CONTENTS)
def test_a_forged_contents_entry_is_refused(world: World, short: bytes, value: bytes) -> None:
    start = short.index(b"/Contents<") + 9
    end = short.index(b">", start) + 1
    assert not is_good(world, short[:start] + value.ljust(end - start) + short[end:])


@pytest.mark.parametrize("value", RANGES)
def test_a_forged_byte_range_is_refused(world: World, short: bytes, value: bytes) -> None:
    found = re.search(rb"\[0 \d+ \d+ \d+\] *", short)
    assert found is not None
    assert not is_good(world, short[: found.start()] + value.ljust(len(found[0])) + short[found.end() :])


@pytest.mark.parametrize("name", [b"/ByteRange", b"/Contents", b"/SubFilter", b"/Type/Sig"])
def test_a_forged_dictionary_without_one_of_its_entries_is_refused(
    world: World, short: bytes, name: bytes
) -> None:
    at = short.rindex(name)
    assert not is_good(world, short[:at] + name[:2] + b"X" + name[3:] + short[at + len(name) :])


@pytest.mark.parametrize("kind", [b"/adbe.pkcs7.sha1    ", b"/adbe.x509.rsa_sha1 ", b"/ETSI.RFC3161       "])
def test_another_kind_of_signature_is_refused(world: World, plain: bytes, kind: bytes) -> None:
    changed = world.pdf_signer().sign(plain, **TEXT, at=NOW).pdf.replace(b"/ETSI.CAdES.detached", kind)
    assert not is_good(world, changed)


# --- changed bytes ------------------------------------------------------------------------------


def test_a_changed_byte_in_what_is_signed_is_a_hash_failure(world: World, short: bytes) -> None:
    at = short.index(b"stream\n") + 12
    verdict = validate(short[:at] + bytes([short[at] ^ 1]) + short[at + 1 :], world.trust(), at=NOW)
    expected = (Indication.FAILED, Sub.HASH_FAILURE, Level.NONE)
    assert expected == (verdict.judgement.indication, verdict.judgement.sub, verdict.level)


def test_a_changed_byte_in_the_signature_is_a_crypto_failure(world: World, short: bytes) -> None:
    start = short.index(b"/Contents<") + 10
    cms = bytes.fromhex(short[start : short.index(b">", start)].decode()).rstrip(b"\x00")
    changed = cms[:-6] + bytes([cms[-6] ^ 1]) + cms[-5:]
    verdict = validate(
        short[:start] + changed.hex().encode() + short[start + 2 * len(cms) :], world.trust(), at=NOW
    )
    assert (False, Sub.SIG_CRYPTO_FAILURE) == (verdict.good, verdict.judgement.sub)


def test_of_two_signatures_one_that_was_altered_is_seen(world: World, short: bytes) -> None:
    twice = world.pdf_signer("signer-rsa").sign(short, **TEXT, at=NOW).pdf
    assert is_good(world, twice)
    for start in [found.end() for found in re.finditer(rb"/Contents ?<", twice)]:
        # the last byte that is not padding belongs to the signature's value
        end = twice.index(b">", start)
        used = len(twice[start:end].rstrip(b"0")) - 8
        digit = twice[start + used : start + used + 1]
        changed = twice[: start + used] + (b"1" if digit != b"1" else b"2") + twice[start + used + 1 :]
        verdict = validate(changed, world.trust(), at=NOW)
        assert (False, False) == (verdict.intact, verdict.good)


def test_a_signature_over_sha1_is_read_only_where_the_profile_lets_it(world: World, plain: bytes) -> None:
    key = world.key_signer("signer-rsa")
    der = key.private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    signer = SimpleSigner(
        signing_cert=asn1_x509.Certificate.load(key.certificate.public_bytes(Encoding.DER)),
        signing_key=asn1_keys.PrivateKeyInfo.load(der),
        cert_registry=SimpleCertificateStore(),
    )
    meta = PdfSignatureMetadata(field_name="Old", md_algorithm="sha1", subfilter=SigSeedSubFilter.PADES)
    made = sign_pdf(Writer(io.BytesIO(plain)), meta, signer=signer).getvalue()
    trusts = [world.trust(), world.trust(policy=Policy(digests=STRONG_DIGESTS | {"sha1"}))]
    verdicts = [validate(made, trust, at=NOW) for trust in trusts]
    assert [False, True] == [each.good for each in verdicts]
    assert Sub.CRYPTO_CONSTRAINTS_FAILURE is verdicts[0].judgement.sub


@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_an_update_after_a_long_term_signature_is_refused(world: World, plain: bytes, level: Level) -> None:
    made = world.pdf_signer().sign(plain, **TEXT, at=NOW, level=level).pdf
    writer = Writer(io.BytesIO(made))
    replace_content(writer)
    assert not is_good(world, written(writer))
    assert not is_good(world, made + b"\n% more\n")
    assert not is_good(world, saved_in_full(made))


def test_what_was_completed_later_hides_no_change(world: World, short: bytes) -> None:
    writer = Writer(io.BytesIO(short))
    replace_content(writer)
    with pytest.raises(SigningError):
        complete(written(writer), Level.B_LTA, world.services(), at=NOW)
