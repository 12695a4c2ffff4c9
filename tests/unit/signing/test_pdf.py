import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typst
from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from signing.certificates import SigningCertificate, ensure_certificate
from signing.errors import BadSignature, Malformed, SigningError
from signing.keystore import Keystore
from signing.pdf import Level, PdfSigner, Verdict, validate
from signing.signer import KeySigner
from signing.verdicts import Indication, Judgement

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> SigningCertificate:
    store = Keystore.open(tmp_path_factory.mktemp("keys"))
    return ensure_certificate(store, "receipt", subject="Sở Tư pháp tỉnh A", now=NOW)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    source = tmp_path_factory.mktemp("typst") / "page.typ"
    source.write_text('#set document(title: "Biên lai")\nSố tiền: 180.000 đ', encoding="utf-8")
    return typst.compile(str(source), format="pdf", pdf_standards="a-3b", ignore_system_fonts=True)


def signer_of(held: SigningCertificate) -> PdfSigner:
    return PdfSigner(KeySigner(held.private_key, held.certificate, held.chain))


@pytest.fixture(scope="module")
def signed(held: SigningCertificate, plain: bytes) -> bytes:
    return signer_of(held).sign(plain, reason="Phát hành biên lai", location="Hà Nội", at=NOW).pdf


def test_what_is_signed_is_intact_trusted_and_whole(signed: bytes, held: SigningCertificate) -> None:
    expected = Verdict(
        intact=True,
        trusted=True,
        covers_whole_document=True,
        signed_by="Sở Tư pháp tỉnh A",
        signed_at=NOW,
        reason="Phát hành biên lai",
        signatures=1,
        judgement=Judgement(Indication.PASSED),
        level=Level.B_B,
    )
    verdict = validate(signed, [held.root], at=NOW)
    assert expected == verdict
    assert verdict.good


def test_the_signature_is_of_the_pades_kind(signed: bytes) -> None:
    assert b"/ETSI.CAdES.detached" in signed


def test_the_signed_file_begins_with_the_file_that_was_given(signed: bytes, plain: bytes) -> None:
    assert signed.startswith(plain)


def test_no_signing_time_stands_in_the_cms_as_the_standard_wants(signed: bytes) -> None:
    # ETSI EN 319 142-1, table 1: the time of signing is in the signature dictionary only
    signature = PdfFileReader(io.BytesIO(signed)).embedded_signatures[0]
    types = {attribute["type"].native for attribute in signature.signer_info["signed_attrs"]}
    assert {"content_type", "message_digest", "signing_certificate_v2"} <= types
    assert "signing_time" not in types


@pytest.mark.parametrize("at", [20, 200, 900])
def test_one_changed_byte_is_seen(signed: bytes, held: SigningCertificate, at: int) -> None:
    changed = signed[:at] + bytes([signed[at] ^ 0x01]) + signed[at + 1 :]
    try:
        verdict = validate(changed, [held.root], at=NOW)
    except SigningError:
        return
    assert not verdict.intact
    assert not verdict.good


def test_a_changed_title_is_seen(signed: bytes, held: SigningCertificate) -> None:
    found = re.search(rb"/Producer ?\(([^)]+)\)|<xmp:CreatorTool>(\w+)", signed)
    assert found is not None
    at = found.start(1) if found[1] else found.start(2)
    changed = signed[:at] + b"X" + signed[at + 1 :]
    verdict = validate(changed, [held.root], at=NOW)
    assert (verdict.intact, verdict.good) == (False, False)


def test_what_is_added_after_the_signature_is_seen(signed: bytes, held: SigningCertificate) -> None:
    verdict = validate(signed + b"\n% added\n", [held.root], at=NOW)
    assert (verdict.covers_whole_document, verdict.good) == (False, False)


def test_an_update_after_the_signature_is_seen(signed: bytes, held: SigningCertificate) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(signed))
    writer.root["/PageMode"] = generic.NameObject("/UseOutlines")
    writer.update_root()
    changed = io.BytesIO()
    writer.write(changed)
    verdict = validate(changed.getvalue(), [held.root], at=NOW)
    assert (verdict.covers_whole_document, verdict.good) == (False, False)


def test_a_second_signature_stands_beside_the_first(signed: bytes, held: SigningCertificate) -> None:
    twice = signer_of(held).sign(signed, reason="Đóng dấu", location="Huế", at=NOW + timedelta(hours=1)).pdf
    verdict = validate(twice, [held.root], at=NOW)
    assert (verdict.signatures, verdict.reason, verdict.good) == (2, "Đóng dấu", True)
    broken = twice.replace(b"/Producer", b"/Prodicer", 1).replace(b"CreatorTool>T", b"CreatorTool>X", 1)
    assert broken != twice
    assert not validate(broken, [held.root], at=NOW).intact


def test_a_stranger_is_intact_but_not_trusted(
    signed: bytes, tmp_path: Path, held: SigningCertificate
) -> None:
    other = ensure_certificate(Keystore.open(tmp_path / "k"), "receipt", subject="Kẻ lạ", now=NOW)
    verdict = validate(signed, [other.root], at=NOW)
    assert (verdict.intact, verdict.trusted, verdict.good) == (True, False, False)
    assert not validate(signed, [], at=NOW).trusted


def test_after_the_end_of_the_certificate_the_signature_is_not_trusted(
    signed: bytes, held: SigningCertificate
) -> None:
    assert not validate(signed, [held.root], at=NOW + timedelta(days=4000)).trusted


def test_a_file_without_signature_is_said_to_be_unsigned(plain: bytes, held: SigningCertificate) -> None:
    with pytest.raises(BadSignature, match="not signed"):
        validate(plain, [held.root], at=NOW)


def test_a_certificate_of_another_key_makes_no_signer(held: SigningCertificate) -> None:
    with pytest.raises(Malformed):
        KeySigner(held.private_key, held.root, held.chain)


@pytest.mark.parametrize("junk", [b"", b"%PDF-1.7\n", b"hello" * 100])
def test_what_is_no_pdf_is_malformed(junk: bytes, held: SigningCertificate) -> None:
    with pytest.raises(Malformed):
        signer_of(held).sign(junk, reason="", location="", at=NOW)
    with pytest.raises(Malformed):
        validate(junk, [], at=NOW)


def test_no_name_of_a_person_is_in_the_repr_of_a_verdict(signed: bytes, held: SigningCertificate) -> None:
    assert "Tư pháp" not in repr(validate(signed, [held.root], at=NOW))


ROOTS: list[x509.Certificate] = []


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_file_raises_nothing_but_the_tree(data: st.DataObject, signed: bytes) -> None:
    damaged = bytearray(signed)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(signed) - 1))
        piece = data.draw(
            st.binary(max_size=12) | st.sampled_from([b"<<", b">>", b"[", b"/Kids", b"9 0 R", b"null"])
        )
        damaged[start : start + len(piece)] = piece
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(damaged))) :]
    try:
        verdict = validate(bytes(damaged), ROOTS, at=NOW)
    except SigningError:
        return
    assert not verdict.good


def test_no_part_of_the_signed_update_can_be_of_another_kind_without_being_noticed(
    signed: bytes, plain: bytes, held: SigningCertificate
) -> None:
    found = set()
    for token in re.finditer(rb"/\w+|\d+ 0 R|<<|\[|\]", signed[len(plain) :]):
        start, end = len(plain) + token.start(), len(plain) + token.end()
        for other in (b"[]", b"true"):
            changed = signed[:start] + other.ljust(end - start)[: end - start] + signed[end:]
            try:
                verdict = validate(changed, [held.root], at=NOW)
            except SigningError as error:
                found.add(type(error))
                continue
            assert not verdict.good or changed == signed
    assert found == {Malformed, BadSignature}


def test_the_libraries_write_no_name_into_the_log(signed: bytes, caplog: pytest.LogCaptureFixture) -> None:
    assert not validate(signed, [], at=NOW).trusted
    assert caplog.text == ""


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_raise_nothing_but_the_tree(junk: bytes) -> None:
    with pytest.raises(SigningError):
        validate(b"%PDF-1.7\n" + junk + b"\nstartxref\n9\n%%EOF\n", [], at=NOW)
