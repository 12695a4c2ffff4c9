"""Signed PDF: receipts at each level and the official forms; asked of poppler, of openssl, and of pyHanko itself."""

import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from asn1crypto import cms as asn1_cms
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError, SignatureValidationError
from pyhanko_certvalidator import ValidationContext

from gateway.forms import render_form
from gateway.render import render_receipt
from signing.pdf import Level, VisibleStamp, stamp_lines, validate
from signing.stamp_art import drawn
from signing.verdicts import Judgement
from tests.shows.asked import Thing, flipped, said
from tests.shows.ground import AUTHORITIES, Ground
from tests.shows.made_files import SignedFile, by_openssl, edited, recertified
from tests.shows.made_trust import stamp_of
from tests.unit import sample_forms
from tests.unit.signing import test_pdf_attacks as attacks
from tests.unit.signing.pki_world import NOW
from tests.unit.signing.test_pdf_append import cms_and_content
from tests.unit.test_render import FACTS

OTHER_FACTS = replace(FACTS, number=124, receipt_number="H36-26E-0000124")
LEVELS = {"B-B": Level.B_B, "B-T": Level.B_T, "B-LT": Level.B_LT, "B-LTA": Level.B_LTA}
TEXT = {"reason": "Phát hành biên lai", "location": "Đà Lạt"}


def receipts(ground: Ground) -> Iterator[Thing[bytes]]:
    paper = render_receipt(FACTS)
    for kind, label in (("P-256", "signer"), ("RSA", "signer-rsa")):
        for name, level in LEVELS.items():
            ours = _signed(ground, paper, label, level)
            altered = _byte_copies(ours) | _updated(ours) | _other_signers(ground, paper)
            altered |= _other_certificate(ground, ours, label) | _other_stamps(ground, ours, level)
            yield _thing(ground, f"receipt PDF, PAdES {name} by {kind}", ours, altered, level=level)


def forms(ground: Ground) -> Iterator[Thing[bytes]]:
    """Each of the official forms, at one level after the other."""
    for form, (name, level) in zip(sample_forms.ALL, [*LEVELS.items()] * 2, strict=True):
        ours = _signed(ground, render_form(form), "signer", level)
        altered = _byte_copies(ours) | {"an update with another page": attacks.saved_in_full(ours)}
        yield _thing(ground, f"form {form.KIND.code}, PAdES {name}", ours, altered, level=level)


def stamped_papers(ground: Ground) -> Iterator[Thing[bytes]]:
    """With a visible stamp, which makes the file by another way than without one."""
    lines = stamp_lines(signed_by="Cổng 4", agency="Sở Tư pháp tỉnh Lâm Đồng", at=NOW)
    stamp = VisibleStamp(drawn(lines, width=260, height=90), box=(300, 60, 560, 150))
    signer = ground.world.pdf_signer("signer")
    ours = signer.sign(render_receipt(FACTS), **TEXT, at=NOW, level=Level.B_LTA, stamp=stamp).pdf
    altered = _byte_copies(ours) | {"an update with another page": attacks.saved_in_full(ours)}
    yield _thing(ground, "receipt PDF with a visible stamp, B-LTA", ours, altered, level=Level.B_LTA)


def shadow_attacks(ground: Ground) -> Iterator[Thing[bytes]]:
    """A paper that its author prepared before it was signed, and changes after: NDSS 2021 and S&P 2021."""
    for name, level in (("B-B", Level.B_B), ("B-LTA", Level.B_LTA)):
        ours = _signed(ground, attacks.shadow_paper(), "signer", level)
        altered = {_words(attack): _attacked(ours, attack) for attack in attacks.SHADOWS}
        yield _thing(ground, f"PDF with shadows, PAdES {name}", ours, altered, level=level)


def _signed(ground: Ground, paper: bytes, label: str, level: Level) -> bytes:
    made = ground.world.pdf_signer(label).sign(paper, **TEXT, at=NOW, level=level)
    assert made.level is level, made.missing
    return made.pdf


def _thing(
    ground: Ground, name: str, ours: bytes, altered: dict[str, bytes], *, level: Level
) -> Thing[bytes]:
    tools = {
        "pdfsig": lambda each: _by_pdfsig(ground, each, whole=level is not Level.B_LT),
        "openssl cms": lambda each: _by_openssl(ground, each),
        "pyHanko": lambda each: _by_pyhanko(ground, each),
    }
    return Thing(name, ours, altered, tools, lambda each: _read(ground, each, level))


def _read(ground: Ground, pdf: bytes, level: Level) -> str:
    """A time-stamp that does not count is left out (EN 319 102-1, 5.5.4): what is left has a lower level."""
    found: list[Level] = []

    def judged() -> Judgement:
        verdict = validate(pdf, ground.trust, at=NOW)
        assert verdict.good == verdict.judgement.good, "the sum of a verdict is what it says"
        found.append(verdict.level)
        return verdict.judgement

    word = said(judged)
    return word or ("" if found == [level] else f"only {found[0].name.replace('_', '-')}, and no time-stamp")


# --- the tools -----------------------------------------------------------------------------------------------


def _by_pdfsig(ground: Ground, pdf: bytes, *, whole: bool) -> bool:
    """Whether every signature that it can check is valid, and `whole`: the last one is over the whole file.

    It checks no document time-stamps, and is not asked for certificates: it knows the roots of Firefox only.
    """
    words = ground.bench.said("pdfsig", "-nocert", ground.bench.file("signed.pdf", pdf)).decode()
    each = [part for part in words.split("Signature #")[1:] if "Signature Type: unknown" not in part]
    if not each or (whole and "Total document signed" not in words.split("Signature #")[-1]):
        return False
    return all("Signature Validation: Signature is Valid." in part for part in each)


def _by_openssl(ground: Ground, pdf: bytes) -> bool:
    """The CMS of the first signature over what it says that it is over: it knows nothing of PDF."""
    try:
        cms, content = cms_and_content(pdf)
    except _NO_PDF:
        return False
    return by_openssl(ground, SignedFile(cms, content), "-cades")


def _by_pyhanko(ground: Ground, pdf: bytes) -> bool:
    """Whether its bottom line is good for every signature and time-stamp; revocation by the file, else by the lists."""
    try:
        reader = PdfFileReader(io.BytesIO(pdf))
        signatures = list(reader.embedded_regular_signatures)
        stamps = list(reader.embedded_timestamp_signatures)
        context = _context(ground, reader)
        good = [validate_pdf_signature(each, context, context).bottom_line for each in signatures]
        found = [validate_pdf_timestamp(each, context) for each in stamps]
        good += [each.intact and each.valid and each.trusted for each in found]
    except _NO_PDF:
        return False
    return bool(signatures) and all(good)


_NO_PDF = (PdfError, SignatureValidationError, ValueError)
"""What pyHanko raises for files that were damaged."""


def _context(ground: Ground, reader: PdfFileReader) -> ValidationContext:
    root = _asn1(ground.world.certificate("root"))
    given = {"trust_roots": [root], "allow_fetching": False, "moment": NOW, "revocation_mode": "hard-fail"}
    try:
        return DocumentSecurityStore.read_dss(reader).as_validation_context(given)
    except NoDSSFoundError:
        return ValidationContext(crls=[ground.crl(each) for each in AUTHORITIES], **given)


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


# --- altered copies ------------------------------------------------------------------------------------------


def _byte_copies(ours: bytes) -> dict[str, bytes]:
    start, cms = _hole(ours)
    value = asn1_cms.ContentInfo.load(cms)["content"]["signer_infos"][0]["signature"].native
    spoilt = flipped(cms, cms.index(value) + len(value) - 1)
    return {
        "a byte of the page": flipped(ours, ours.index(b"stream\n") + 12),
        "a byte of the signature": _filled(ours, start, spoilt),
        "a byte beside the signature": flipped(ours, ours.index(b">", start) + 12),
        "a byte of what fills the hole": flipped(ours, ours.index(b">", start) - 2),
    }


def _hole(pdf: bytes) -> tuple[int, bytes]:
    """Where the hexadecimal CMS of the first signature begins, and the CMS."""
    found = re.search(rb"/Contents ?<([0-9a-fA-F]{500,})>", pdf)
    assert found is not None
    raw = bytes.fromhex(found[1].decode())
    return found.start(1), asn1_cms.ContentInfo.load(raw).dump()


def _filled(pdf: bytes, start: int, cms: bytes) -> bytes:
    end = pdf.index(b">", start)
    text = cms.hex().encode()
    assert len(text) <= end - start, "another CMS fits into the hole"
    return pdf[:start] + text.ljust(end - start, b"0") + pdf[end:]


def _updated(ours: bytes) -> dict[str, bytes]:
    """What was added after it was signed: incremental saving attacks and signature wrapping, CCS 2019."""
    copies = {
        _words(attack): attack(ours)
        for attack in (
            attacks.saved_without_table,
            attacks.saved_with_trailer_only,
            attacks.saved_with_comment,
            attacks.saved_in_full,
            attacks.saved_with_the_signature_once_more,
        )
    }
    copies["a page replaced by an update"] = _attacked(ours, attacks.replace_content)
    copies["a script added by an update"] = _attacked(ours, attacks.add_javascript)
    return copies


def _words(attack: Callable[..., object]) -> str:
    return attack.__name__.replace("_", " ")


def _attacked(pdf: bytes, attack: Callable[[attacks.Writer], None]) -> bytes:
    writer = attacks.Writer(io.BytesIO(pdf))
    attack(writer)
    return attacks.written(writer)


def _other_signers(ground: Ground, paper: bytes) -> dict[str, bytes]:
    """Whole papers by others; a level above B-B cannot be had for them."""
    signers = {"not ours": "signer-foreign", "revoked": "signer-revoked", "expired": "signer-expired"}
    return {
        f"by a signer that is {what}": ground.world.pdf_signer(who).sign(paper, **TEXT, at=NOW).pdf
        for what, who in signers.items()
    }


def _other_certificate(ground: Ground, ours: bytes, label: str) -> dict[str, bytes]:
    start, cms = _hole(ours)
    elsewhere = _signed(ground, render_receipt(OTHER_FACTS), label, Level.B_B)
    return {
        "another signer's certificate": _filled(ours, start, recertified(ground, cms, label)),
        "the signature of another": _filled(ours, start, _hole(elsewhere)[1]),
    }


def _other_stamps(ground: Ground, ours: bytes, level: Level) -> dict[str, bytes]:
    if level is Level.B_B:
        return {}
    start, cms = _hole(ours)
    value = asn1_cms.ContentInfo.load(cms)["content"]["signer_infos"][0]["signature"].native
    elsewhere = ground.world.stamper().stamp(hashlib.sha256(b"another signature").digest())
    foreign = stamp_of(ground, "tsa-foreign", hashlib.sha256(value).digest())
    return {
        "the time-stamp of another": _filled(ours, start, edited(cms, token=elsewhere)),
        "a time-stamp that is not ours": _filled(ours, start, edited(cms, token=foreign)),
    }
