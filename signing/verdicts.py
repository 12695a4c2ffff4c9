"""What is said of a signature once it was looked at, in the words of ETSI EN 319 102-1, and what it takes to say it.

`judge` of a `Trust` answers one question: may this certificate have signed, for this purpose, at this moment? Each
format (CMS, XML, PDF) asks it after its own arithmetic holds, and puts both into one `Verdict`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from cryptography import x509


class Indication(StrEnum):
    """EN 319 102-1 section 5.1.3: valid, invalid, or not to be said with what is known."""

    PASSED = "TOTAL-PASSED"
    INDETERMINATE = "INDETERMINATE"
    FAILED = "TOTAL-FAILED"


class Sub(StrEnum):
    """The sub-indications that are used here, by the standard's own names (EN 319 102-1 table 5 and 6)."""

    NONE = ""
    FORMAT_FAILURE = "FORMAT_FAILURE"
    HASH_FAILURE = "HASH_FAILURE"
    SIG_CRYPTO_FAILURE = "SIG_CRYPTO_FAILURE"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"
    NOT_YET_VALID = "NOT_YET_VALID"
    SIG_CONSTRAINTS_FAILURE = "SIG_CONSTRAINTS_FAILURE"
    CHAIN_CONSTRAINTS_FAILURE = "CHAIN_CONSTRAINTS_FAILURE"
    CERTIFICATE_CHAIN_GENERAL_FAILURE = "CERTIFICATE_CHAIN_GENERAL_FAILURE"
    CRYPTO_CONSTRAINTS_FAILURE = "CRYPTO_CONSTRAINTS_FAILURE"
    NO_SIGNING_CERTIFICATE_FOUND = "NO_SIGNING_CERTIFICATE_FOUND"
    NO_CERTIFICATE_CHAIN_FOUND = "NO_CERTIFICATE_CHAIN_FOUND"
    REVOKED_NO_POE = "REVOKED_NO_POE"
    REVOKED_CA_NO_POE = "REVOKED_CA_NO_POE"
    OUT_OF_BOUNDS_NO_POE = "OUT_OF_BOUNDS_NO_POE"
    CRYPTO_CONSTRAINTS_FAILURE_NO_POE = "CRYPTO_CONSTRAINTS_FAILURE_NO_POE"
    NO_POE = "NO_POE"
    TIMESTAMP_ORDER_FAILURE = "TIMESTAMP_ORDER_FAILURE"
    TRY_LATER = "TRY_LATER"
    SIGNED_DATA_NOT_FOUND = "SIGNED_DATA_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said of a signature or of a certificate. `why` is one plain sentence without personal data."""

    indication: Indication
    sub: Sub = Sub.NONE
    why: str = ""

    @property
    def good(self) -> bool:
        return self.indication is Indication.PASSED


@dataclass(frozen=True, slots=True)
class ValidationData:
    """What a verdict long after needs, each in DER: certificates, OCSP responses (RFC 6960), CRLs (RFC 5280)."""

    certificates: tuple[bytes, ...] = field(default=(), repr=False)
    ocsps: tuple[bytes, ...] = field(default=(), repr=False)
    crls: tuple[bytes, ...] = field(default=(), repr=False)


class TimeStamper(Protocol):
    """A time-stamping authority (RFC 3161)."""

    def stamp(self, digest: bytes) -> bytes:
        """The TimeStampToken (DER, a CMS ContentInfo) over a SHA-256 digest. Raises `SignerAway`, `BadSignature`."""
        ...


class Trust(Protocol):
    """Whom we trust, for which purpose, and how revocation is looked up."""

    def judge(
        self,
        certificate: x509.Certificate,
        others: Sequence[x509.Certificate],
        *,
        at: datetime,
        data: ValidationData | None = None,
    ) -> Judgement:
        """Whether the certificate leads to a root of ours, may sign documents, and stood unrevoked `at` that moment.

        With `data` nothing else is looked up. Never raises: what cannot be found out is INDETERMINATE.
        """
        ...

    def gather(
        self, certificate: x509.Certificate, others: Sequence[x509.Certificate], *, at: datetime
    ) -> ValidationData:
        """The chain and its revocation answers, fetched now, for a level LT. Raises `SignerAway` for what is down."""
        ...

    def stamped_at(self, token: bytes, digest: bytes) -> datetime | Judgement:
        """When a TimeStampToken of a trusted authority says that the digest was there; else why it does not count."""
        ...
