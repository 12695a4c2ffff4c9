"""An agency that signs its results: a page of PDF with a PAdES signature by a key and a certificate of its own."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import typst
from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko_certvalidator.registry import SimpleCertificateStore

LIFETIME = timedelta(days=365)
NAME = "Sở Tư pháp tỉnh Hòa Bình (thử nghiệm)"
_PAGE = """
#set page(paper: "a4", margin: 25mm)
#set text(lang: "vi", size: 12pt)
#set document(title: [Phiếu lý lịch tư pháp (thử nghiệm)])
#align(center)[*CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM* \\ Độc lập – Tự do – Hạnh phúc]
#v(12mm)
#align(center)[= PHIẾU LÝ LỊCH TƯ PHÁP]
#v(8mm)
Mã hồ sơ: #sys.inputs.case_code

Kết quả: không có án tích. Văn bản này chỉ dùng để thử nghiệm.
"""


class Agency:
    """Keeps its key and certificate in `folder`; a restart signs with the same ones."""

    def __init__(self, folder: Path) -> None:
        key = _key(folder / "agency.pem")
        certificate = _certificate(folder / "agency.crt", key)
        der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        self._signer = signers.SimpleSigner(
            signing_cert=asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER)),
            signing_key=asn1_keys.PrivateKeyInfo.load(der),
            cert_registry=SimpleCertificateStore(),  # type: ignore[no-untyped-call]
        )

    def result(self, case_code: str) -> bytes:
        """The result of a case as a signed PDF."""
        page = typst.compile(_PAGE.encode(), sys_inputs={"case_code": case_code})
        assert isinstance(page, bytes)
        writer = IncrementalPdfFileWriter(io.BytesIO(page))
        meta = signers.PdfSignatureMetadata(
            field_name="Signature1",
            subfilter=SigSeedSubFilter.PADES,
            md_algorithm="sha256",
            reason="Cấp phiếu",
        )
        return bytes(signers.sign_pdf(writer, meta, signer=self._signer).getbuffer())


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    if path.exists():
        known = load_pem_private_key(path.read_bytes(), password=None)
        assert isinstance(known, ec.EllipticCurvePrivateKey), "made below"
        return known
    made = ec.generate_private_key(ec.SECP256R1())
    path.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    return made


def _certificate(path: Path, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    if path.exists():
        return x509.load_pem_x509_certificate(path.read_bytes())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(made.public_bytes(Encoding.PEM))
    return made
