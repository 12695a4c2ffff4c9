"""Signed PDF files: PAdES baseline B-B (ETSI EN 319 142-1), with ECDSA P-256 and SHA-256.

The signature is added as an incremental update with the sub-filter `ETSI.CAdES.detached` in an invisible
field. Nothing is fetched, neither when signing nor when validating: no revocation list, no time stamp.
Both run a short event loop of their own, so they are not to be called from inside of one.
"""

import asyncio
import io
import logging
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import signers
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.general import SigningError as PyHankoSigningError
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes, Signer
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signing.errors import BadSignature, Malformed

# Both libraries write the signer's name into what they log; the verdict says all that is to be said.
for _library in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_library).setLevel(logging.CRITICAL)

MAX_PDF_BYTES: Final = 50_000_000
MAX_SIGNATURES: Final = 16
_RESERVED_BYTES: Final = 6144  # a CMS with a chain of three P-256 certificates has about 2500
_DER_SIGNATURE_BYTES: Final = 72
# What a PDF parser may stumble into in a file made by an enemy; each of them means "not a PDF for us".
_UNREADABLE: Final = (
    PdfError,
    PyHankoSigningError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    NotImplementedError,
    EOFError,
    OSError,
    zlib.error,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about the newest signature of a PDF.

    `intact`: no signed byte was changed, in this signature or an older one. `trusted`: the certificate leads
    to a given root, valid at the time asked for. `covers_whole_document`: nothing stands in the file outside of
    the signature. `signed_by` is the certificate's common name, `signed_at` what the signer says of the time.
    """

    intact: bool
    trusted: bool
    covers_whole_document: bool
    signed_by: str = field(repr=False)
    signed_at: datetime | None
    reason: str
    signatures: int

    @property
    def good(self) -> bool:
        return self.intact and self.trusted and self.covers_whole_document


class PdfSigner:
    """Signs with one key, which is loaded once: make one and keep it. Safe to use from several threads."""

    def __init__(
        self,
        private_key: ec.EllipticCurvePrivateKey,
        certificate: x509.Certificate,
        chain: Iterable[x509.Certificate],
    ) -> None:
        if certificate.public_key() != private_key.public_key():
            raise Malformed("The certificate is not the one of the private key")
        self._private_key = private_key
        self._certificate = _asn1(certificate)
        self._chain = [_asn1(link) for link in chain]

    def sign(self, pdf: bytes, *, reason: str, location: str, at: datetime) -> bytes:
        """`pdf` with one more signature, which says that it was made `at`. Raises `Malformed` for what is no PDF."""
        _check_size(pdf)
        try:
            return self._signed(pdf, reason=reason, location=location, at=at)
        except _UNREADABLE as error:
            raise Malformed("This is not a PDF that can be signed") from error

    def _signed(self, pdf: bytes, *, reason: str, location: str, at: datetime) -> bytes:
        signer = _HeldKey(self._private_key, self._certificate, self._chain)
        writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
        meta = signers.PdfSignatureMetadata(
            field_name=f"Signature{len(writer.prev.embedded_signatures) + 1}",
            md_algorithm="sha256",
            subfilter=SigSeedSubFilter.PADES,
            reason=reason,
            location=location,
        )
        session = signers.PdfSigner(meta, signer=signer).init_signing_session(writer)
        session.system_time = at
        document = session.prepare_tbs_document(None, bytes_reserved=_RESERVED_BYTES * 2)
        prepared, output = document.digest_tbs_document(output=io.BytesIO())
        attributes = PdfCMSSignedAttributes(signing_time=at)
        asyncio.run(document.perform_signature(prepared.document_digest, attributes))
        assert isinstance(output, io.BytesIO)
        return output.getvalue()


def validate(pdf: bytes, roots: Iterable[x509.Certificate], *, at: datetime) -> Verdict:
    """Check the signatures of `pdf` against `roots` as of `at`, without the network.

    Raises `Malformed` for what is no PDF, `BadSignature` when there is no signature or an unreadable one.
    """
    _check_size(pdf)
    try:
        signatures = list(PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures)
        if not signatures:
            raise BadSignature("The document is not signed")
        if len(signatures) > MAX_SIGNATURES:
            raise Malformed("The document has too many signatures")
        statuses = [_status(signature, roots, at) for signature in signatures]
    except SignatureValidationError as error:
        raise BadSignature("The signature of the document cannot be read") from error
    except _UNREADABLE as error:
        raise Malformed("This is not a PDF that can be checked") from error
    return _verdict(signatures[-1], statuses)


class _HeldKey(Signer):
    """pyHanko's signer over a key that `cryptography` holds already; its own would parse it each time."""

    def __init__(
        self,
        private_key: ec.EllipticCurvePrivateKey,
        certificate: asn1_x509.Certificate,
        chain: list[asn1_x509.Certificate],
    ) -> None:
        registry = SimpleCertificateStore()  # type: ignore[no-untyped-call]
        registry.register_multiple(chain)
        super().__init__(signing_cert=certificate, cert_registry=registry)
        self._private_key = private_key

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: FBT001, FBT002 - pyHanko's signature
        assert digest_algorithm == "sha256"
        if dry_run:
            return bytes(_DER_SIGNATURE_BYTES)
        return self._private_key.sign(data, ec.ECDSA(hashes.SHA256()))


def _check_size(pdf: bytes) -> None:
    if len(pdf) > MAX_PDF_BYTES:
        raise Malformed("The document is too large")


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))


def _status(
    signature: EmbeddedPdfSignature, roots: Iterable[x509.Certificate], at: datetime
) -> PdfSignatureStatus:
    context = ValidationContext(trust_roots=[_asn1(root) for root in roots], allow_fetching=False, moment=at)
    return asyncio.run(async_validate_pdf_signature(signature, context, diff_policy=DEFAULT_DIFF_POLICY))


def _verdict(newest: EmbeddedPdfSignature, statuses: list[PdfSignatureStatus]) -> Verdict:
    status = statuses[-1]
    names = newest.signer_cert.subject.native
    return Verdict(
        intact=all(each.intact and each.valid for each in statuses),
        trusted=status.trusted,
        covers_whole_document=status.coverage is SignatureCoverageLevel.ENTIRE_FILE,
        signed_by=str(names.get("common_name", "")),
        signed_at=newest.self_reported_timestamp,
        reason=str(newest.sig_object.get("/Reason", "")),
        signatures=len(statuses),
    )
