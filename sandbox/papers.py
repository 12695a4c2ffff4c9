"""How a portal checks the papers that the gateway gives: the submission receipt (JWS) and the receipt (signed PDF)."""

import base64
import binascii
import io
import json
from collections.abc import Mapping
from typing import Any

from asn1crypto import pem as asn1_pem
from asn1crypto import x509 as asn1_x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko_certvalidator import ValidationContext

from sandbox.errors import Untrusted

P256_BYTES = 32


def check_jws(text: str, key_set: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a compact JWS by ES256 (RFC 7515) under a key of `key_set`. Raises `Untrusted`."""
    try:
        head, payload, signature = (_decoded(part) for part in text.split("."))
        header = json.loads(head)
        key = next(each for each in key_set["keys"] if each.get("kid") == header["kid"])
        x, y = (int.from_bytes(_decoded(key[name]), "big") for name in ("x", "y"))
        public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        r, s = (int.from_bytes(part, "big") for part in (signature[:P256_BYTES], signature[P256_BYTES:]))
        signed = text.rpartition(".")[0].encode()
        public.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
        facts: dict[str, Any] = json.loads(payload)
    except (ValueError, KeyError, StopIteration, InvalidSignature) as error:
        raise Untrusted("the signature of the submission receipt does not hold") from error
    return facts


def _decoded(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise ValueError("not Base64url") from error


def check_pdf(pdf: bytes, roots_pem: bytes) -> str:
    """The name of who signed the whole of `pdf`, under one of the roots. Raises `Untrusted`."""
    roots = [asn1_x509.Certificate.load(der) for _, _, der in asn1_pem.unarmor(roots_pem, multiple=True)]
    context = ValidationContext(trust_roots=roots, allow_fetching=False)
    try:
        [signature] = PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures
        status = validate_pdf_signature(signature, context)
    except (PdfError, SignatureValidationError, ValueError) as error:
        raise Untrusted("the receipt is not a PDF with one signature") from error
    if not status.bottom_line:
        raise Untrusted("the signature of the receipt does not hold")
    return str(status.signing_cert.subject.native["common_name"])
