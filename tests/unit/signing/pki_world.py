"""The test PKI on real HTTP, and what the tests make of it: a network, trusts, signers, papers."""

import http.client
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import typst
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sandbox.pki import PkiServer, Service
from signing.errors import SignerAway
from signing.pdf import PdfSigner, Services
from signing.revocation import Lookup
from signing.signer import KeySigner
from signing.timestamps import HttpTimeStamper
from signing.trust import CertificateTrust, Roots
from signing.trust_policy import Policy, Revocation

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
TIMEOUT_S = 1.0


def fetch(url: str, media_type: str, body: bytes | None) -> bytes:
    """One call over a real socket, which ends within `TIMEOUT_S`."""
    parts = urlsplit(url)
    line = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=TIMEOUT_S)
    headers = {"Content-Type": media_type} if body is not None else {}
    try:
        line.request("GET" if body is None else "POST", parts.path, body, headers)
        answer = line.getresponse()
        said = answer.read()
    except (OSError, http.client.HTTPException):
        raise SignerAway("The service is away") from None
    finally:
        line.close()
    if answer.status != 200:
        raise SignerAway("The service is away")
    return said


class World:
    """A server of the PKI with its clock in hand."""

    def __init__(self, folder: Path) -> None:
        self.now = NOW
        self.server = PkiServer(folder, clock=lambda: self.now)
        # an authority reads its key when it is first asked: on a busy machine that alone is longer than `TIMEOUT_S`
        for authority in ("root", "issuing"):
            self.server.pki.answer(Service.CRL, authority, b"")
        self.server.start()

    def certificate(self, label: str) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.server.pki.certificate(label))

    def chain(self, label: str) -> tuple[x509.Certificate, ...]:
        return tuple(map(x509.load_der_x509_certificate, self.server.pki.chain(label)))

    def key_signer(self, label: str) -> KeySigner:
        key = load_pem_private_key(self.server.pki.key(label), None)
        assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
        return KeySigner(key, self.certificate(label), self.chain(label)[:-1])

    @property
    def roots(self) -> Roots:
        root = (self.certificate("root"),)
        return Roots(national=root, stamping=root)

    def trust(
        self,
        revocation: Revocation = Revocation.HARD,
        *,
        roots: Roots | None = None,
        policy: Policy | None = None,
        online: bool = True,
    ) -> CertificateTrust:
        lookup = Lookup(fetch, clock=lambda: self.now) if online else None
        return CertificateTrust(
            roots or self.roots, policy=policy or Policy(revocation=revocation), lookup=lookup
        )

    def stamper(self, label: str = "tsa", **options: object) -> HttpTimeStamper:
        url = self.server.pki.address(Service.TSA, label)
        return HttpTimeStamper(url, fetch, trust=self.trust(), **options)  # type: ignore[arg-type]

    def services(self, label: str = "tsa") -> Services:
        return Services(self.stamper(label), self.trust())

    def pdf_signer(self, label: str = "signer", *, tsa: str = "tsa") -> PdfSigner:
        return PdfSigner(self.key_signer(label), services=self.services(tsa))


def printed(text: str) -> bytes:
    """A small PDF/A as the receipts' press makes it."""
    source = f'#set document(title: "Biên lai")\n{text}'.encode()
    compiled = typst.compile(source, format="pdf", pdf_standards="a-3b", ignore_system_fonts=True)
    assert isinstance(compiled, bytes)
    return compiled
