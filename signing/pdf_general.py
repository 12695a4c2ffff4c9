"""Signatures, document time stamps and validation data put into any PDF, as incremental updates: pyHanko's way."""

import io
from collections.abc import Callable
from datetime import datetime
from typing import Final

from asn1crypto import crl as asn1_crl
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigAppearanceSetup, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import DocumentTimestamp, PdfSignedData, SignatureObject
from pyhanko.sign.validation.dss import DocumentSecurityStore

from signing.pdf_stamp import VisibleStamp, style_of
from signing.verdicts import ValidationData

MAX_TOKEN_HOLE_BYTES: Final = 65_536

Fill = Callable[[bytes], bytes]
"""Takes the SHA-256 digest of all but the hole, gives what is put into the hole, DER."""


def signed(
    pdf: bytes,
    fill: Fill,
    *,
    reason: str,
    location: str,
    at: datetime,
    hole_bytes: int,
    stamp: VisibleStamp | None,
) -> bytes:
    """`pdf` with one more signature field and what `fill` makes in it."""
    placeholder = SignatureObject(
        timestamp=at,
        subfilter=SigSeedSubFilter.PADES,
        reason=reason or None,
        location=location or None,
        bytes_reserved=hole_bytes * 2,
    )
    appearance = None
    if stamp is not None:
        appearance = SigAppearanceSetup(style=style_of(stamp), timestamp=at, name=None)
    return _placed(pdf, "Signature", placeholder, fill, stamp=stamp, appearance=appearance)


def stamped(pdf: bytes, fill: Fill, *, hole_bytes: int) -> bytes:
    """`pdf` with a document time stamp (ETSI EN 319 142-1 section 5.4.3), whose token `fill` gets."""
    return _placed(pdf, "Timestamp", DocumentTimestamp(bytes_reserved=hole_bytes * 2), fill)  # type: ignore[no-untyped-call]


def with_data(pdf: bytes, data: ValidationData) -> bytes:
    """`pdf` with `data` added to its document security store (ETSI EN 319 142-1 section 5.4.2)."""
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    DocumentSecurityStore.supply_dss_in_writer(
        writer,
        None,
        certs=[asn1_x509.Certificate.load(der) for der in data.certificates],
        ocsps=[asn1_ocsp.OCSPResponse.load(der) for der in data.ocsps],
        crls=[asn1_crl.CertificateList.load(der) for der in data.crls],
    )
    output = io.BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    return output.getvalue()


def _placed(
    pdf: bytes,
    kind: str,
    placeholder: PdfSignedData,
    fill: Fill,
    *,
    stamp: VisibleStamp | None = None,
    appearance: SigAppearanceSetup | None = None,
) -> bytes:
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    name = _free_name(writer.prev, kind)
    spec = None if stamp is None else SigFieldSpec(name, on_page=stamp.page, box=stamp.box)
    steps = PdfCMSEmbedder(new_field_spec=spec).write_cms(field_name=name, writer=writer)
    next(steps)
    steps.send(SigObjSetup(sig_placeholder=placeholder, appearance_setup=appearance))
    prepared, output = steps.send(SigIOSetup(md_algorithm="sha256", output=io.BytesIO()))
    prepared.fill_with_cms(output, fill(prepared.document_digest))
    return bytes(output.getvalue())


def _free_name(reader: PdfFileReader, kind: str) -> str:
    """A name that no signature field of the file has, whatever others have called theirs."""
    taken = {each.field_name for each in reader.embedded_signatures}
    count = len(taken) + 1
    while f"{kind}{count}" in taken:
        count += 1
    return f"{kind}{count}"
