"""Who makes and signs the papers of an installation, and what vouches for their time.

typst, pyHanko and the rest of it are heavy: a process loads them when it makes its first paper.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from cryptography import x509

from gateway.config import Settings
from gateway.domain.errors import Misconfigured
from gateway.http import Door
from gateway.ports import Press
from signing import errors as signing_errors
from signing.certificates import SigningCertificate, ensure_certificate
from signing.keystore import Keystore
from signing.signer import Signer
from signing.signers import FolderSigners, SignerStore, signer_for

if TYPE_CHECKING:
    from gateway.domain.form import Form
    from gateway.domain.receipt import ReceiptFacts
    from gateway.forms import FormPress
    from gateway.ports import Completed, Paper
    from gateway.render import ReceiptPress
    from signing.pdf import Services

RECEIPT = "receipt"
LOCATION = "Việt Nam"


def own_certificate(keystore: Keystore, now: datetime) -> SigningCertificate:
    """The certificate of our own making, for one machine and for tests."""
    return ensure_certificate(keystore, RECEIPT, subject="Cổng 4", now=now)


@dataclass(frozen=True, slots=True)
class HousePress:
    """Receipts and official forms of one signer: what `ports.Press` asks for."""

    receipts: "ReceiptPress"
    forms: "FormPress"

    def receipt(self, facts: "ReceiptFacts") -> "Paper":
        return self.receipts.receipt(facts)

    def form(self, form: "Form") -> "Paper":
        return self.forms.form(form)

    def complete(self, pdf: bytes, now: datetime) -> "Completed":
        return self.receipts.complete(pdf, now)


@dataclass(slots=False)
class Papers:
    """The signer of papers, the press over it, and the services for levels above B-B; each is made once.

    `door` leads to time-stamps, revocation answers and remote keys. `today` is the time of keys, which no simulated
    clock moves.
    """

    settings: Settings
    keystore: Keystore = field(repr=False)
    door: Door = field(repr=False)
    today: Callable[[], datetime]
    _made: dict[Signer, Press] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.settings.paper_level != "B-B" and not self.settings.tsa_url:
            raise Misconfigured("GATEWAY_PAPER_LEVEL above B-B needs GATEWAY_TSA_URL")

    @cached_property
    def _stores(self) -> list[SignerStore]:
        """Where the signers of papers are: as settings say, else in the folder of keys."""
        if RECEIPT in self.settings.signers:
            from gateway import trust

            return [trust.signers(self.settings, self.door, self.today())]
        return [FolderSigners(self.keystore)]

    @cached_property
    def _services(self) -> "Services | None":
        if not self.settings.tsa_url:
            return None
        from gateway import trust

        own_root = own_certificate(self.keystore, self.today()).root
        return trust.services(self.settings, self.door, own_root, self.today)

    def signer(self) -> Signer:
        """Who signs papers now: the same signer until another's turn begins."""
        if not any(store.held(RECEIPT) for store in self._stores):
            own_certificate(self.keystore, self.today())
        return signer_for(self._stores, RECEIPT, now=self.today())

    def root(self) -> x509.Certificate:
        """The certificate above the signer of papers: readers are given it to trust.

        The one right above it and not the uppermost: who checks a container looks one step up (ADR 0020).
        """
        held = self.signer()
        return held.chain[0] if held.chain else held.certificate

    def press(self) -> Press:
        from gateway.forms import FormPress
        from gateway.render import ReceiptPress
        from signing.pdf import LEVELS, PdfSigner

        held = self.signer()
        if held not in self._made:
            self._made.clear()
            level = LEVELS[self.settings.paper_level]
            maker = PdfSigner(held, services=self._services)
            self._made[held] = HousePress(
                ReceiptPress(maker, location=LOCATION, level=level, services=self._services),
                FormPress(maker, location=LOCATION, level=level),
            )
        return self._made[held]

    def bind(self, files: Mapping[str, bytes], at: datetime) -> bytes:
        """Files as one signed container (ASiC-E)."""
        from signing import asic

        return asic.build(files, self.signer(), at)

    def stamp(self) -> Callable[[bytes], bytes] | None:
        """What stamps the checkpoints of the proof log; None without an authority."""
        if not self.settings.tsa_url:
            return None

        def stamped(data: bytes) -> bytes:
            from gateway import trust

            return trust.stamped(self._services, data)

        return stamped


def look_at_signature(pdf: bytes, now: datetime) -> str:
    """Of a PDF that an agency gives: `intact`, `none`, `broken`, or `unknown` where it cannot be read."""
    from signing import pdf as signed_pdf

    try:
        verdict = signed_pdf.validate(pdf, [], at=now)
    except signing_errors.BadSignature:
        return "none"
    except signing_errors.Malformed:
        return "unknown"
    return "intact" if verdict.intact and verdict.covers_whole_document else "broken"
