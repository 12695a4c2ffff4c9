import io
import re
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from asn1crypto import x509 as asn1_x509
from asn1crypto.cms import ContentInfo
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from signing import pdf_append
from signing.errors import BadSignature, Malformed, SigningError
from signing.pdf import Level, PdfSigner, validate
from signing.pdf_cms import CmsMaker, tlv
from signing.signer import KeySigner, Scheme
from tests.unit.signing.pki_world import NOW, World, printed

TEXT = {"reason": "Phát hành biên lai số 1", "location": "Huế"}
LABELS = ["signer", "signer-rsa"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("pki"))
    yield made
    made.server.stop()


@pytest.fixture(scope="module")
def plain() -> bytes:
    return printed("Số tiền: 180.000 đ")


@pytest.fixture(scope="module")
def linked() -> bytes:
    return printed('#link("https://cong.test")[cổng] Số tiền: 180.000 đ #pagebreak() trang hai')


def short_way(pdf: bytes) -> bool:
    return pdf_append.prepared(pdf, **TEXT, at=NOW, hole_bytes=3000) is not None


def general_way(signer: PdfSigner, pdf: bytes, monkeypatch: pytest.MonkeyPatch) -> bytes:
    with monkeypatch.context() as patched:
        patched.setattr(pdf_append, "_shape", lambda _: None)
        return signer.sign(pdf, **TEXT, at=NOW).pdf


def accepted_by_pyhanko(pdf: bytes, world: World) -> bool:
    root = asn1_x509.Certificate.load(world.certificate("root").public_bytes(Encoding.DER))
    context = ValidationContext(trust_roots=[root], allow_fetching=False, moment=NOW)
    embedded = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    return all(validate_pdf_signature(each, context).bottom_line for each in embedded)


def said_by_pdfsig(pdf: bytes, folder: Path) -> str:
    file = folder / "signed.pdf"
    file.write_bytes(pdf)
    done = subprocess.run(["/usr/bin/pdfsig", "-nocert", file], capture_output=True, check=False)
    return done.stdout.decode()


def cms_and_content(pdf: bytes) -> tuple[bytes, bytes]:
    embedded = PdfFileReader(io.BytesIO(pdf)).embedded_signatures[0]
    _, before, after, last = map(int, embedded.byte_range)
    return ContentInfo.load(bytes(embedded.pkcs7_content)).dump(), pdf[:before] + pdf[after : after + last]


def accepted_by_openssl(pdf: bytes, world: World, folder: Path) -> bool:
    cms, content = cms_and_content(pdf)
    (folder / "cms").write_bytes(cms)
    (folder / "content").write_bytes(content)
    (folder / "root.pem").write_bytes(world.certificate("root").public_bytes(Encoding.PEM))
    command = ["/usr/bin/openssl", "cms", "-verify", "-inform", "DER", "-binary", "-purpose", "any", "-cades"]
    files = ["-in", folder / "cms", "-content", folder / "content", "-CAfile", folder / "root.pem"]
    done = subprocess.run([*command, *files, "-out", folder / "out"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("way", ["short", "general"])
def test_each_way_is_accepted_by_everybody_and_refused_with_a_byte_changed(
    world: World,
    plain: bytes,
    label: str,
    way: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    signer = world.pdf_signer(label)
    made = (
        signer.sign(plain, **TEXT, at=NOW).pdf if way == "short" else general_way(signer, plain, monkeypatch)
    )
    at = made.index(b"stream\n") + 12
    changed = made[:at] + bytes([made[at] ^ 1]) + made[at + 1 :]
    for pdf, good in ((made, True), (changed, False)):
        assert good == validate(pdf, world.trust(), at=NOW).good
        assert good == accepted_by_pyhanko(pdf, world)
        assert good == ("Signature is Valid" in said_by_pdfsig(pdf, tmp_path))
        assert good == accepted_by_openssl(pdf, world, tmp_path)
    assert "Total document signed" in said_by_pdfsig(made, tmp_path)


def test_both_ways_say_the_same(world: World, plain: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    signer = world.pdf_signer()
    made = [signer.sign(plain, **TEXT, at=NOW).pdf, general_way(signer, plain, monkeypatch)]
    assert short_way(plain)
    readers = [PdfFileReader(io.BytesIO(pdf)) for pdf in made]
    entries = [dict(each.embedded_signatures[0].sig_object) for each in readers]
    kept = [
        {name: str(value) for name, value in each.items() if name not in {"/Contents", "/ByteRange"}}
        for each in entries
    ]
    assert kept[0] == kept[1]
    fields = [dict(each.embedded_signatures[0].sig_field) for each in readers]
    assert fields[0].keys() == fields[1].keys()
    assert [(each["/F"], each["/Rect"], each["/FT"]) for each in fields] == [(132, [0, 0, 0, 0], "/Sig")] * 2
    assert validate(made[0], world.trust(), at=NOW) == validate(made[1], world.trust(), at=NOW)


def test_links_and_pages_stay_as_they_are(world: World, linked: bytes) -> None:
    assert short_way(linked)
    made = world.pdf_signer().sign(linked, **TEXT, at=NOW).pdf
    before, after = PdfFileReader(io.BytesIO(linked)), PdfFileReader(io.BytesIO(made))
    pages = [each.root["/Pages"]["/Kids"] for each in (before, after)]
    assert (2, 2) == tuple(map(len, pages))
    annotations = [page[0]["/Annots"] for page in pages]
    assert [str(each) for each in annotations[0]] == [str(each) for each in annotations[1]][:-1]
    assert "/Widget" == annotations[1][-1]["/Subtype"]
    assert validate(made, world.trust(), at=NOW).good


def test_the_time_in_the_file_is_utc_whatever_offset_it_came_with(world: World, plain: bytes) -> None:
    at = datetime(2026, 11, 24, 10, 0, 5, 999, tzinfo=timezone(timedelta(hours=7)))
    made = world.pdf_signer().sign(plain, **TEXT, at=at).pdf
    assert b"(D:20261124030005Z)" in made
    assert datetime(2026, 11, 24, 3, 0, 5, tzinfo=UTC) == validate(made, world.trust(), at=NOW).signed_at


@settings(max_examples=40, deadline=None)
@given(reason=st.text(max_size=40), location=st.text(max_size=40))
def test_any_text_is_kept_or_refused(world: World, plain: bytes, reason: str, location: str) -> None:
    try:
        made = world.pdf_signer().sign(plain, reason=reason, location=location, at=NOW).pdf
    except Malformed:
        assert any("\ud800" <= letter <= "\udfff" for letter in reason + location)
        return
    verdict = validate(made, world.trust(), at=NOW)
    assert (reason, True) == (verdict.reason, verdict.good)


def test_a_file_of_another_shape_takes_the_general_way(world: World, plain: bytes) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(plain))
    writer.update_root()
    output = io.BytesIO()
    writer.write(output)
    signed = world.pdf_signer().sign(plain, **TEXT, at=NOW).pdf
    for other in (output.getvalue(), signed, plain + b"\n%%EOF\n"):
        assert not short_way(other)
    again = world.pdf_signer().sign(output.getvalue(), **TEXT, at=NOW).pdf
    assert validate(again, world.trust(), at=NOW).good


@pytest.mark.parametrize(
    "entry", [b"/AcroForm<</Fields[]>>", b"/Perms<<>>", b"/DSS<<>>", b"/Lang(%)", b"/X<41>"]
)
def test_a_catalog_with_more_than_ours_takes_the_general_way(plain: bytes, entry: bytes) -> None:
    def with_entry(added: bytes) -> bytes:
        table = int(re.findall(rb"startxref\n(\d+)", plain)[0])
        moved = plain.replace(b"/Type/Catalog", b"/Type/Catalog" + added)
        return moved.replace(b"startxref\n%d" % table, b"startxref\n%d" % (table + len(added)))

    assert (True, False) == (short_way(with_entry(b"/Y 1")), short_way(with_entry(entry)))


def test_a_chain_is_written_in_order_and_each_certificate_once(world: World) -> None:
    key = world.key_signer("signer")
    links = [
        key.certificate,
        *world.chain("signer"),
        world.certificate("tsa"),
        world.certificate("issuing-ocsp"),
    ]
    written = set()
    for chain in (tuple(links), tuple(reversed(links))):
        maker = CmsMaker(KeySigner(key.private_key, key.certificate, chain))
        signed = ContentInfo.load(maker.wrapped(*maker.signature(bytes(32))))["content"]
        written.add(tuple(each.dump() for each in signed["certificates"]))
    assert {tuple(sorted({each.public_bytes(Encoding.DER) for each in links}))} == written


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_file_is_signed_well_or_refused(world: World, plain: bytes, data: st.DataObject) -> None:
    damaged = bytearray(plain)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(plain) - 1) | st.integers(len(plain) - 800, len(plain) - 1))
        piece = data.draw(
            st.binary(max_size=8) | st.sampled_from([b"<<", b">>", b"9 0 R", b"endobj", b"%%EOF", b"("])
        )
        damaged[start : start + len(piece)] = piece
    signer = PdfSigner(world.key_signer("signer"))
    with pytest.MonkeyPatch.context() as patched:
        try:
            expected = validate(
                general_way(signer, bytes(damaged), patched), [world.certificate("root")], at=NOW
            ).good
        except SigningError:
            expected = (
                False  # what cannot be signed in the general way may come out as anything but an exception
            )
    try:
        made = signer.sign(bytes(damaged), **TEXT, at=NOW).pdf
        assert made.startswith(bytes(damaged))
        assert validate(made, [world.certificate("root")], at=NOW).good >= expected
    except SigningError:
        assert not expected


@pytest.mark.parametrize("label", LABELS)
def test_the_cms_is_der_and_says_what_the_standard_wants(world: World, plain: bytes, label: str) -> None:
    made = world.pdf_signer(label).sign(plain, **TEXT, at=NOW).pdf
    embedded = PdfFileReader(io.BytesIO(made)).embedded_signatures[0]
    cms, _ = cms_and_content(made)
    assert cms == ContentInfo.load(cms, strict=True).dump(force=True)
    attributes = [each["type"].native for each in embedded.signer_info["signed_attrs"]]
    wanted = ["cms_algorithm_protection", "content_type", "message_digest", "signing_certificate_v2"]
    assert wanted == sorted(attributes)
    assert len(embedded.signed_data["certificates"]) == 2


def test_elements_have_the_length_of_their_content() -> None:
    lengths = [0, 1, 127, 128, 255, 256, 65_535, 65_536]
    heads = ["0400", "0401", "047f", "048180", "0481ff", "04820100", "0482ffff", "0483010000"]
    assert heads == [
        tlv(4, bytes(each))[: len(bytes.fromhex(head))].hex()
        for each, head in zip(lengths, heads, strict=True)
    ]


class Odd:
    """A signer whose service answers with something that is no signature."""

    def __init__(self, real: KeySigner, answer: bytes) -> None:
        self.certificate, self.chain, self.scheme = real.certificate, real.chain, Scheme.ECDSA_SHA256
        self._answer = answer

    def sign(self, data: bytes) -> bytes:
        return self._answer


@pytest.mark.parametrize("answer", [b"", bytes(73), bytes(4000)])
def test_a_signer_that_gives_no_signature_is_refused(world: World, plain: bytes, answer: bytes) -> None:
    with pytest.raises(BadSignature):
        PdfSigner(Odd(world.key_signer("signer"), answer)).sign(plain, **TEXT, at=NOW)


def test_the_longest_cms_fits_into_its_hole(world: World) -> None:
    for label in LABELS:
        maker = CmsMaker(world.key_signer(label))
        lengths = {len(maker.wrapped(*maker.signature(bytes(32)))) for _ in range(50)}
        assert maker.max_bytes - 4 <= max(lengths) <= maker.max_bytes


def test_one_signer_serves_many_threads(world: World, plain: bytes) -> None:
    signer = world.pdf_signer()
    with ThreadPoolExecutor(4) as pool:
        made = list(
            pool.map(lambda number: signer.sign(plain, reason=str(number), location="", at=NOW), range(40))
        )
    verdicts = [validate(each.pdf, [world.certificate("root")], at=NOW) for each in made]
    assert [(str(number), True, Level.B_B) for number in range(40)] == [
        (each.reason, each.good, each.level) for each in verdicts
    ]


def test_the_file_does_not_grow_more_than_it_has_to(world: World, plain: bytes) -> None:
    made = world.pdf_signer().sign(plain, **TEXT, at=NOW).pdf
    hole = re.search(rb"<([0-9a-f]{100,})>", made)
    assert hole is not None
    assert len(hole[1]) - len(hole[1].rstrip(b"0")) < 24
