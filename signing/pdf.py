"""Signed PDF files: PAdES baseline levels B-B, B-T, B-LT and B-LTA (ETSI EN 319 142-1).

Everything is an incremental update with the sub-filter `ETSI.CAdES.detached`; the given bytes stay as they are. A
service that is down costs a level and not the signature: `Signed.missing` says which one, and `complete` goes on from
there later. What judges certificates runs a short event loop, so nothing here is to be called from inside of one.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from signing import pdf_append, pdf_general
from signing.errors import BadSignature, Malformed, SignerAway
from signing.pdf_cms import CmsMaker
from signing.pdf_found import certificates_of
from signing.pdf_reading import MAX_PDF_BYTES, MAX_SIGNATURES, UNREADABLE, check_size
from signing.pdf_stamp import VisibleStamp, stamp_lines
from signing.pdf_validation import Level, Verdict, validate
from signing.signer import Signer
from signing.trust import CertificateTrust
from signing.verdicts import Judgement, Sub, TimeStamper, ValidationData

__all__ = [
    "LEVELS",
    "MAX_PDF_BYTES",
    "MAX_SIGNATURES",
    "Level",
    "PdfSigner",
    "Services",
    "Signed",
    "Verdict",
    "VisibleStamp",
    "complete",
    "level_name",
    "stamp_lines",
    "tally",
    "validate",
]

LEVELS: Final[Mapping[str, Level]] = {
    "B-B": Level.B_B,
    "B-T": Level.B_T,
    "B-LT": Level.B_LT,
    "B-LTA": Level.B_LTA,
}
"""The levels by the standard's names."""
_NAMES: Final = {level: name for name, level in LEVELS.items()}
_TOKEN_BYTES: Final = (
    8192  # what is set aside for a time stamp: with three RSA certificates it has about 6000
)
_LARGEST_TOKEN_BYTES: Final = 65_536


def level_name(level: Level) -> str:
    """The standard's name of a level. Raises `KeyError` for that of no valid signature."""
    return _NAMES[level]


@dataclass(frozen=True, slots=True)
class Services:
    """Whom a level above B-B needs: a time-stamping authority, and who knows the roots and looks up revocation."""

    stamper: TimeStamper
    trust: CertificateTrust


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed file, the level that it has, and one sentence on the next level where that could not be reached."""

    pdf: bytes = field(repr=False)
    level: Level
    missing: str = ""


class PdfSigner:
    """Signs with one key, which is loaded once: make one and keep it. Safe to use from several threads."""

    def __init__(self, signer: Signer, *, services: Services | None = None) -> None:
        self.signer = signer
        self._maker = CmsMaker(signer)
        self._services = services

    def sign(
        self,
        pdf: bytes,
        *,
        reason: str,
        location: str,
        at: datetime,
        level: Level = Level.B_B,
        stamp: VisibleStamp | None = None,
    ) -> Signed:
        """`pdf` with one more signature, which says that it was made `at`, at `level` or as near to it as can be.

        Raises `Malformed` for what is no PDF, and what `Signer.sign` raises. An outage of a service raises nothing.
        """
        check_size(pdf)
        services = self._services
        if level > Level.B_B and services is None:
            raise Malformed("A level above B-B needs a time-stamping authority")
        making = _Making(self._maker, services.stamper if services and level > Level.B_B else None)
        try:
            made = self._made(pdf, making, reason=reason, location=location, at=at, stamp=stamp)
        except UNREADABLE as error:
            raise Malformed("This is not a PDF that can be signed") from error
        if level <= Level.B_B or services is None:
            return Signed(made, Level.B_B)
        if making.missing:
            return Signed(made, Level.B_B, making.missing)
        if not making.stamped:
            return complete(made, level, services, at=at)
        return _raised(Signed(made, Level.B_T), level, services, at=at)

    def _made(
        self,
        pdf: bytes,
        making: "_Making",
        *,
        reason: str,
        location: str,
        at: datetime,
        stamp: VisibleStamp | None,
    ) -> bytes:
        hole_bytes = self._maker.max_bytes + (_TOKEN_BYTES if making.stamper else 0)
        if stamp is None:
            plain = pdf_append.prepared(pdf, reason=reason, location=location, at=at, hole_bytes=hole_bytes)
            if plain is not None:
                return plain.filled(making.cms(plain.digest))
        return pdf_general.signed(
            pdf, making.cms, reason=reason, location=location, at=at, hole_bytes=hole_bytes, stamp=stamp
        )


class _Making:
    """One signature in the making: the CMS, and what came of its time stamp."""

    def __init__(self, maker: CmsMaker, stamper: TimeStamper | None) -> None:
        self._maker = maker
        self.stamper = stamper
        self.stamped = False
        self.missing = ""

    def cms(self, digest: bytes) -> bytes:
        attributes, made = self._maker.signature(digest)
        return self._maker.wrapped(attributes, made, self._token(made))

    def _token(self, made: bytes) -> bytes:
        if self.stamper is None:
            return b""
        try:
            token = self.stamper.stamp(hashlib.sha256(made).digest())
        except (SignerAway, BadSignature) as error:
            self.missing = _missing(Level.B_T, error)
            return b""
        if len(token) > _TOKEN_BYTES - 64:  # larger than its place: a document time stamp is taken instead
            return b""
        self.stamped = True
        return token


def complete(pdf: bytes, level: Level, services: Services, *, at: datetime) -> Signed:
    """The newest signature of `pdf` raised to `level`, as far as the services answer now.

    What is there already is kept; a signature without a time stamp gets a document time stamp, which counts alike.
    Raises `Malformed` for what is no PDF, `BadSignature` for one without a signature that is valid but for an outage.
    """
    verdict = validate(pdf, services.trust, at=at)
    have = verdict.level
    if have is Level.NONE:
        if verdict.judgement.sub is not Sub.TRY_LATER:
            raise BadSignature(verdict.judgement.why)
        have = Level.B_T if verdict.proved_at else Level.B_B
    if have >= level:
        return Signed(pdf, have)
    if have is Level.B_B:
        stamped = _with_document_stamp(Signed(pdf, have), Level.B_T, services)
        if stamped.missing:
            return stamped
        return _raised(stamped, level, services, at=at)
    return _raised(Signed(pdf, have), level, services, at=at)


def _raised(signed: Signed, level: Level, services: Services, *, at: datetime) -> Signed:
    """From B-T or above up to `level`, one step after the other, as far as it goes."""
    if signed.level < Level.B_LT <= level:
        signed = _with_validation_data(signed, services, at=at)
    if signed.missing or signed.level >= level:
        return signed
    return _with_document_stamp(signed, Level.B_LTA, services)


def _with_validation_data(signed: Signed, services: Services, *, at: datetime) -> Signed:
    try:
        parts = [services.trust.gather(each, others, at=at) for each, others in certificates_of(signed.pdf)]
    except SignerAway as error:
        return replace(signed, missing=_missing(Level.B_LT, error))
    data = ValidationData(
        tuple(dict.fromkeys(each for part in parts for each in part.certificates)),
        tuple(dict.fromkeys(each for part in parts for each in part.ocsps)),
        tuple(dict.fromkeys(each for part in parts for each in part.crls)),
    )
    return Signed(pdf_general.with_data(signed.pdf, data), Level.B_LT)


def _with_document_stamp(signed: Signed, level: Level, services: Services) -> Signed:
    hole_bytes = _TOKEN_BYTES
    while True:
        got: list[bytes] = []

        def fill(digest: bytes, got: list[bytes] = got, room: int = hole_bytes) -> bytes:
            got.append(services.stamper.stamp(digest))
            return got[0] if len(got[0]) <= room else b""

        try:
            pdf = pdf_general.stamped(signed.pdf, fill, hole_bytes=hole_bytes)
        except (SignerAway, BadSignature) as error:
            return replace(signed, missing=_missing(level, error))
        if len(got[0]) <= hole_bytes:
            return Signed(pdf, level)
        if hole_bytes >= _LARGEST_TOKEN_BYTES:
            return replace(signed, missing=f"{_NAMES[level]}: the time stamp is too long")
        hole_bytes = _LARGEST_TOKEN_BYTES


def tally(
    pdfs: Iterable[bytes], trust: CertificateTrust, *, at: datetime
) -> dict[tuple[Level, Judgement], int]:
    """How many of the documents have which verdict: one entry where all are alike. Raises what `validate` raises."""
    verdicts = (validate(pdf, trust, at=at) for pdf in pdfs)
    return dict(Counter((each.level, each.judgement) for each in verdicts))


def _missing(level: Level, error: Exception) -> str:
    return f"{level_name(level)}: {error}"
