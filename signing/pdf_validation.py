"""What is said of the signatures of a PDF: EN 319 102-1 over PAdES, and against files changed after they were signed.

Looked at are the newest signature (who signed, when, how well) and every older one (was anything changed since). What
follows a signature may be validation data and document time stamps, nothing else; what follows an older one may also
be the field of a newer signature.
"""

import hashlib
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import IntEnum
from typing import Any, Final

from cryptography import x509
from pyhanko.pdf_utils.generic import IndirectObject
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.rw_common import PdfHandler
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from signing.errors import BadSignature, Malformed
from signing.pdf_found import Found, looked_at, signature_stamp, signer_of, stored, token_of
from signing.pdf_reading import MAX_SIGNATURES, UNREADABLE, check_size
from signing.timestamps import digest_name_of, read_stamp
from signing.trust import UNCHECKED, CertificateTrust, Roots
from signing.trust_policy import Algorithms, Policy, Revocation
from signing.verdicts import Indication, Judgement, Sub, ValidationData

_SIGNATURE_KINDS: Final = frozenset({"/ETSI.CAdES.detached", "/adbe.pkcs7.detached"})
MAX_STORED: Final = 256
_STAMP_KIND: Final = "/ETSI.RFC3161"
_END: Final = re.compile(rb"startxref\s+(\d{1,10})\s+%%EOF")
_WHITE: Final = b" \t\r\n\x00\x0c"


class Level(IntEnum):
    """How long a signature can be checked: ETSI EN 319 142-1 section 6. `NONE` is a signature that is not valid."""

    NONE = 0
    B_B = 1
    B_T = 2
    B_LT = 3
    B_LTA = 4


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about the newest signature of a PDF.

    `intact`: no signed byte was changed, in this signature or an older one. `trusted`: the certificate leads to a root
    of ours and could sign at the time that is proved. `covers_whole_document`: nothing stands in the file outside of
    the signature but validation data and time stamps. `signed_by` is the certificate's common name, `signed_at` what
    the signer says of the time, `proved_at` what a trusted time stamp says. `judgement` sums it up.
    """

    intact: bool
    trusted: bool
    covers_whole_document: bool
    signed_by: str = field(repr=False)
    signed_at: datetime | None
    reason: str = field(repr=False)
    signatures: int
    judgement: Judgement
    level: Level
    proved_at: datetime | None = None

    @property
    def good(self) -> bool:
        return self.intact and self.trusted and self.covers_whole_document and self.judgement.good


def validate(pdf: bytes, trust: CertificateTrust | Iterable[x509.Certificate], *, at: datetime) -> Verdict:
    """Check the signatures of `pdf` as of `at`. Roots alone stand for a trust that looks nothing up.

    Raises `Malformed` for what is no PDF, `BadSignature` when there is no signature or an unreadable one.
    """
    check_size(pdf)
    if not isinstance(trust, CertificateTrust):
        trust = CertificateTrust(Roots(national=tuple(trust)), policy=Policy(revocation=Revocation.NONE))
    try:
        reader = PdfFileReader(io.BytesIO(pdf))
        embedded = list(reader.embedded_signatures)
        if len(embedded) > MAX_SIGNATURES:
            raise Malformed("The document has too many signatures")
        found = [looked_at(each, pdf) for each in embedded]
        if all(each.is_stamp for each in found):
            raise BadSignature("The document is not signed")
        return _verdict(_Document(pdf, reader, found, trust, at))
    except SignatureValidationError as error:
        raise BadSignature("The signature of the document cannot be read") from error
    except UNREADABLE as error:
        raise Malformed("This is not a PDF that can be checked") from error


# --- the document -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Document:
    """All that is asked about: the file, its signatures in the order of the file, whom to ask, and as of when."""

    pdf: bytes
    reader: PdfFileReader
    found: list[Found]
    trust: CertificateTrust
    at: datetime

    @property
    def newest(self) -> Found:
        return [each for each in self.found if not each.is_stamp][-1]

    @property
    def after(self) -> list[Found]:
        """The document time stamps that came after the newest signature."""
        revision = self.newest.embedded.signed_revision
        return [each for each in self.found if each.is_stamp and each.embedded.signed_revision > revision]


def _verdict(document: _Document) -> Verdict:
    newest, data = document.newest, stored(document.reader)
    intact = all(each.intact and each.genuine for each in document.found) and _older_unchanged(document)
    covers = _covers(document)
    proof, judged = _judged(document, data)
    judgement = judged
    if not newest.intact:
        judgement = Judgement(Indication.FAILED, Sub.HASH_FAILURE, "What was signed has been changed")
    elif not newest.genuine:
        judgement = Judgement(Indication.FAILED, Sub.SIG_CRYPTO_FAILURE, "The signature does not hold")
    elif not intact:
        judgement = Judgement(
            Indication.FAILED, Sub.HASH_FAILURE, "What an older signature signed has been changed"
        )
    elif not covers:
        why = "There is more in the file than what was signed"
        judgement = Judgement(Indication.FAILED, Sub.FORMAT_FAILURE, why)
    return Verdict(
        intact=intact,
        trusted=judged.good,
        covers_whole_document=covers,
        signed_by=str(newest.embedded.signer_cert.subject.native.get("common_name", "")),
        signed_at=newest.embedded.self_reported_timestamp,
        reason=str(newest.embedded.sig_object.get("/Reason", "")),
        signatures=sum(not each.is_stamp for each in document.found),
        judgement=judgement,
        level=_level(document, data, proof) if judgement.good else Level.NONE,
        proved_at=proof,
    )


def _older_unchanged(document: _Document) -> bool:
    """Whether what came after each older signature or stamp was no more than newer ones of either."""
    return all(
        each.whole_revision and each.change <= ModificationLevel.FORM_FILLING
        for each in document.found
        if each is not document.newest
    )


def _covers(document: _Document) -> bool:
    """Whether nothing stands after the newest signature but validation data and invisible document time stamps."""
    newest = document.newest
    if not newest.whole_revision or newest.change > ModificationLevel.LTA_UPDATES:
        return False
    coverage: Any = newest.embedded.coverage  # set later than its type says
    if coverage is SignatureCoverageLevel.ENTIRE_FILE:
        return True
    if not _updates_only(document.pdf, newest):
        return False
    before = document.reader.get_historical_resolver(newest.embedded.signed_revision)
    added = _fields(document.reader) - _fields(before)
    stamps = {each.embedded.field_name: each for each in document.after}
    # a field that is shown could draw anything over the page (PDF shadow and "sneaky signature" attacks)
    return added <= set(stamps) and all(_invisible(stamps[name].embedded) for name in added)


def _updates_only(pdf: bytes, newest: Found) -> bool:
    """Whether what follows the signed bytes are whole updates, each with its own cross-reference table in it.

    What stands between tables, or after the last one, is read by nobody who follows the tables, and by everybody who
    rebuilds them: that is where incremental saving attacks hide.
    """
    _, _, after, last = map(int, newest.embedded.byte_range)
    start = after + last
    while pdf[start:].strip(_WHITE):
        end = _END.search(pdf, start)
        if end is None or not start <= int(end[1]) < end.start():
            return False
        start = end.end()
    return True


def _fields(handler: PdfHandler) -> set[str]:
    return {str(name) for name, _, _ in enumerate_sig_fields(handler)}


def _invisible(embedded: EmbeddedPdfSignature) -> bool:
    shown = [embedded.sig_field, *(kid.get_object() for kid in embedded.sig_field.get("/Kids", ()))]
    boxes = [list(map(float, each["/Rect"])) for each in shown if "/Rect" in each]
    return all(left == right or bottom == top for left, bottom, right, top in boxes)


# --- whom, and since when -----------------------------------------------------------------------


def _judged(document: _Document, data: ValidationData) -> tuple[datetime | None, Judgement]:
    """When the newest signature is proved to have been there, and what is said of its signer at that moment."""
    newest, trust = document.newest, document.trust
    info = newest.embedded.signer_info
    strong = Algorithms(trust.policy)
    if not (
        strong.digest_algorithm_allowed(info["digest_algorithm"], None)
        and strong.signature_algorithm_allowed(info["signature_algorithm"], None, None)
    ):
        why = "The signature is made with an algorithm that is refused"
        return None, Judgement(Indication.INDETERMINATE, Sub.CRYPTO_CONSTRAINTS_FAILURE, why)
    proof = _proved(document, data)
    certificate, others = signer_of(newest)
    moment = proof or document.at
    return proof, _asked(trust, data, lambda said: trust.judge(certificate, others, at=moment, data=said))


def _proved(document: _Document, data: ValidationData) -> datetime | None:
    """The earliest moment that time stamps prove, each judged at the moment that the ones around it prove."""
    known, proof = document.at, None
    for each in reversed(document.after):
        moment = _stamped(document.trust, data, token_of(each.embedded), each.embedded.compute_digest, known)
        if each.holds and moment is not None:
            known = proof = moment
    token = signature_stamp(document.newest.embedded)
    if token:
        signature = document.newest.embedded.signer_info["signature"].native
        moment = _stamped(
            document.trust, data, token, lambda name: hashlib.new(name, signature).digest(), known
        )
        proof = moment or proof
    return proof


def _stamped(
    trust: CertificateTrust,
    data: ValidationData,
    token: bytes,
    digest_of: Callable[[str], bytes],
    known: datetime,
) -> datetime | None:
    try:
        digest = digest_of(digest_name_of(token))
        stamp = read_stamp(token, digest)
    except (BadSignature, Malformed, ValueError):
        return None
    judged = _asked(trust, data, lambda said: trust.judge_stamp(stamp, at=known, data=said))
    return stamp.at if judged.good else None


def _asked(
    trust: CertificateTrust, data: ValidationData, ask: Callable[[ValidationData | None], Judgement]
) -> Judgement:
    """The judgement by what stands in the file; only where that does not suffice are the authorities asked."""
    if trust.policy.revocation is Revocation.NONE or not (data.ocsps or data.crls):
        return ask(None)
    said = ask(data)
    return ask(None) if said.sub is Sub.TRY_LATER or UNCHECKED in said.why else said


def _level(document: _Document, data: ValidationData, proof: datetime | None) -> Level:
    if proof is None:
        return Level.B_B
    hard = document.trust.hardened()
    certificate, others = signer_of(document.newest)
    if not hard.judge(certificate, others, at=proof, data=data).good:
        return Level.B_T
    if signature_stamp(document.newest.embedded) and _proved(replace(document, trust=hard), data) is None:
        return Level.B_T
    return Level.B_LTA if _store_stamped(document, data) else Level.B_LT


def _store_stamped(document: _Document, data: ValidationData) -> bool:
    """Whether a trusted document time stamp stands over the validation data."""
    reader = document.reader
    reference = reader.root.raw_get("/DSS")
    if not isinstance(reference, IndirectObject):
        return False
    changed = reader.xrefs.get_last_change(reference.reference)
    return any(
        each.holds
        and each.embedded.signed_revision >= changed
        and _stamped(document.trust, data, token_of(each.embedded), each.embedded.compute_digest, document.at)
        for each in document.after
    )
