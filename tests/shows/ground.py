"""Where the shows stand: the test PKI on loopback at a fixed moment, our trust in it, and a bench for the tools."""

from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sandbox.pki import Service
from signing.trust import CertificateTrust
from tests.shows.public_tools import Bench
from tests.unit.signing import pki_world
from tests.unit.signing.pki_world import NOW, World

PATIENCE_S = 20.0
"""Nothing here is about time: a busy machine may take its own."""
AUTHORITIES = ("root", "issuing", "revoked-issuing")


class Ground:
    """To be used in a `with`: the server of the PKI ends with it."""

    def __init__(self, folder: Path) -> None:
        self._was_s = pki_world.TIMEOUT_S
        pki_world.TIMEOUT_S = PATIENCE_S
        self.world = World(folder / "pki")
        bench = folder / "bench"
        bench.mkdir()
        self.bench = Bench(bench)

    @cached_property
    def trust(self) -> CertificateTrust:
        """Asks the authorities, and passes nobody without proof of not being revoked."""
        return self.world.trust()

    @cached_property
    def offline(self) -> CertificateTrust:
        """Knows only what it is given."""
        return self.world.trust(online=False)

    @cached_property
    def root(self) -> Path:
        return self.bench.file("root.pem", pem(self.world.certificate("root")))

    @cached_property
    def issuers(self) -> Path:
        """The authorities below the root, for tools that are given them beside."""
        return self.bench.file(
            "issuers.pem", b"".join(pem(self.world.certificate(each)) for each in AUTHORITIES[1:])
        )

    @cached_property
    def anchors(self) -> Path:
        """The root with the lists of revocation of the authorities in one file, as `openssl -CAfile` reads it."""
        lists = [x509.load_der_x509_crl(self.crl(each)).public_bytes(Encoding.PEM) for each in AUTHORITIES]
        return self.bench.file("anchors.pem", b"".join([pem(self.world.certificate("root")), *lists]))

    def crl(self, label: str) -> bytes:
        """The newest list of an authority, DER."""
        answer = self.world.server.pki.answer(Service.CRL, label, b"")
        assert answer.status == 200, label
        return answer.body

    @property
    def moment(self) -> tuple[str, str]:
        """The moment of this ground, for openssl."""
        return "-attime", str(int(NOW.timestamp()))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.world.server.stop()
        pki_world.TIMEOUT_S = self._was_s


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
