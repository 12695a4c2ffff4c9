"""One signature of a PDF, looked at by itself: what it covers, whether its arithmetic holds, what came with it."""

import io
from dataclasses import dataclass
from typing import Final

from asn1crypto import cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY, DiffResult, ModificationLevel
from pyhanko.sign.general import extract_certificate_info
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError, SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_sig_integrity
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from signing.errors import BadSignature
from signing.timestamps import read_stamp
from signing.trust_paths import MAX_OTHERS
from signing.verdicts import ValidationData

MAX_STORED: Final = 256
_SIGNATURE_KINDS: Final = frozenset({"/ETSI.CAdES.detached", "/adbe.pkcs7.detached"})
_STAMP_KIND: Final = "/ETSI.RFC3161"
_SPAN_NUMBERS: Final = 4

CertificateAndOthers = tuple[x509.Certificate, list[x509.Certificate]]


@dataclass(frozen=True, slots=True)
class Found:
    """One signature or document time stamp, after its arithmetic."""

    embedded: EmbeddedPdfSignature
    is_stamp: bool
    intact: bool
    genuine: bool
    change: ModificationLevel
    whole_revision: bool

    @property
    def holds(self) -> bool:
        return self.intact and self.genuine and self.whole_revision


def looked_at(embedded: EmbeddedPdfSignature, pdf: bytes) -> Found:
    kind = str(embedded.sig_object.get("/SubFilter", ""))
    is_stamp = embedded.sig_object_type == "/DocTimeStamp"
    if (kind != _STAMP_KIND) if is_stamp else (kind not in _SIGNATURE_KINDS):
        raise SignatureValidationError("The signature is of another kind")
    embedded.compute_integrity_info(DEFAULT_DIFF_POLICY)  # type: ignore[no-untyped-call]
    embedded.summarise_integrity_info()
    whole = embedded.coverage >= SignatureCoverageLevel.ENTIRE_REVISION and _only_hole(embedded, pdf)
    result = embedded.diff_result
    change = result.modification_level if isinstance(result, DiffResult) else ModificationLevel.OTHER
    permitted = embedded.docmdp_level
    if permitted is not None and change.value > permitted.value:
        change = ModificationLevel.OTHER
    intact, genuine = _stamp_holds(embedded) if is_stamp else _signature_holds(embedded)
    return Found(embedded, is_stamp, intact=intact, genuine=genuine, change=change, whole_revision=whole)


def _only_hole(embedded: EmbeddedPdfSignature, pdf: bytes) -> bool:
    """Whether what the signature leaves out is its own contents and nothing else, padded with zeros alone."""
    if len(embedded.byte_range) != _SPAN_NUMBERS:
        return False
    _, before, after, last = map(int, embedded.byte_range)
    hole = pdf[before:after]
    if not (0 < before < after <= after + last <= len(pdf)) or hole[:1] + hole[-1:] != b"<>":
        return False
    try:
        contents = bytes.fromhex(hole[1:-1].decode("ascii"))
    except ValueError:
        return False
    return contents == embedded.pkcs7_content and not contents[_der_bytes(contents) :].strip(b"\x00")


def _der_bytes(contents: bytes) -> int:
    """How long the DER value is that `contents` begins with. Raises `ValueError` for one that is cut short."""
    return len(core.Asn1Value.load(contents).dump()) if contents else 0


def _signature_holds(embedded: EmbeddedPdfSignature) -> tuple[bool, bool]:
    info = embedded.signer_info
    inner = embedded.signed_data["encap_content_info"]
    if (
        info["signed_attrs"] is core.VOID
        or inner["content"] is not core.VOID
        or inner["content"].native is not None
    ):
        raise SignatureValidationError("The signature is not a detached one with signed attributes")
    intact, genuine = validate_sig_integrity(info, embedded.signer_cert, "data", embedded.compute_digest())
    return bool(intact), bool(genuine)


def _stamp_holds(embedded: EmbeddedPdfSignature) -> tuple[bool, bool]:
    try:
        read_stamp(token_of(embedded), embedded.compute_digest())
    except BadSignature:
        return False, False
    return True, True


def token_of(embedded: EmbeddedPdfSignature) -> bytes:
    contents = bytes(embedded.pkcs7_content)
    return contents[: _der_bytes(contents)]


def signer_of(found: Found) -> CertificateAndOthers:
    embedded = found.embedded
    return (
        _loaded(embedded.signer_cert),
        [_loaded(each) for each in embedded.other_embedded_certs[:MAX_OTHERS]],
    )


def signature_stamp(embedded: EmbeddedPdfSignature) -> bytes:
    """The signature-time-stamp attribute of CAdES, empty where there is none. The first one counts."""
    unsigned = embedded.signer_info["unsigned_attrs"]
    for attribute in () if unsigned is core.VOID else unsigned:
        if attribute["type"].native == "signature_time_stamp_token":
            return bytes(attribute["values"][0].dump())
    return b""


def stored(reader: PdfFileReader) -> ValidationData:
    """What stands in the document security store."""
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        return ValidationData()
    return ValidationData(
        tuple(each.dump() for each in store.load_certs()),
        tuple(each.get_object().data for each in store.ocsps[:MAX_STORED]),
        tuple(each.get_object().data for each in store.crls[:MAX_STORED]),
    )


def certificates_of(pdf: bytes) -> list[CertificateAndOthers]:
    """Everyone whose standing a verdict on the newest signature rests on: its signer, and those who stamped the time.

    Each comes with the certificates beside it. Raises what the reading of a PDF raises.
    """
    found = [looked_at(each, pdf) for each in PdfFileReader(io.BytesIO(pdf)).embedded_signatures]
    newest = [each for each in found if not each.is_stamp][-1]
    token = signature_stamp(newest.embedded)
    stamps = [stamp_signer(token)] if token else []
    return [signer_of(newest), *stamps, *(signer_of(each) for each in found if each.is_stamp)]


def stamp_signer(token: bytes) -> CertificateAndOthers:
    """Who signed a time-stamp token."""
    certificates = extract_certificate_info(cms.ContentInfo.load(token)["content"])
    return _loaded(certificates.signer_cert), [
        _loaded(each) for each in certificates.other_certs[:MAX_OTHERS]
    ]


def _loaded(certificate: asn1_x509.Certificate) -> x509.Certificate:
    return x509.load_der_x509_certificate(certificate.dump())
