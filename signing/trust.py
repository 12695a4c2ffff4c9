"""Whom we trust, for which purpose, and how revocation is looked up: `signing.verdicts.Trust`.

Paths are built and checked by pyHanko's validator (RFC 5280) over data that is gathered before, so the same data give
the same verdict whenever and wherever they are looked at. It runs a short event loop of its own: not to be called from
inside of one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko_certvalidator.policy_decl import NO_REVOCATION

from signing.errors import BadSignature, Malformed, SignerAway
from signing.revocation import CLOCK_SKEW, UNREADABLE, Answers, Lookup
from signing.timestamps import Stamp, read_stamp
from signing.trust_chains import Issuers, issued_by, ways_up
from signing.trust_paths import MAX_OTHERS, Case, judged, unrevoked
from signing.trust_policy import (
    Algorithms,
    Policy,
    Revocation,
    why_no_document_signer,
    why_no_time_stamper,
    why_weak,
)
from signing.trust_words import GENERAL, NO_CHAIN, PASSED, TRY_LATER, indeterminate
from signing.verdicts import Indication, Judgement, Sub, ValidationData

MAX_ASKED: Final = (
    4  # times that issuers are asked for, one step up each, and of how many certificates each time
)
UNDER_TEST_ROOT: Final = "The chain ends in a test root: this proves nothing outside of tests"
UNCHECKED: Final = "Whether a certificate is revoked could not be looked up"
_BROKEN: Final = (
    *UNREADABLE,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    NotImplementedError,
)
NOTHING: Final = ValidationData()


@dataclass(frozen=True, slots=True)
class Roots:
    """The roots that are trusted, by purpose. Those for tests stand apart: a verdict under one of them says so."""

    national: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    test: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    stamping: tuple[x509.Certificate, ...] = field(default=(), repr=False)
    test_stamping: tuple[x509.Certificate, ...] = field(default=(), repr=False)


class CertificateTrust:
    """Judges certificates under `roots` and `policy`. Without a `lookup` nothing is asked for. Safe between threads."""

    def __init__(self, roots: Roots, *, policy: Policy | None = None, lookup: Lookup | None = None) -> None:
        self._roots = roots
        self.policy = policy or Policy()
        self._lookup = lookup
        self._algorithms = Algorithms(self.policy)

    def hardened(self) -> "CertificateTrust":
        """The same, but nothing passes without proof that it was not revoked."""
        return CertificateTrust(
            self._roots, policy=replace(self.policy, revocation=Revocation.HARD), lookup=self._lookup
        )

    def judge(
        self,
        certificate: x509.Certificate,
        others: Sequence[x509.Certificate],
        *,
        at: datetime,
        data: ValidationData | None = None,
    ) -> Judgement:
        """See `signing.verdicts.Trust.judge`. A pass under a test root has `UNDER_TEST_ROOT` in its `why`."""
        try:
            case = Case(certificate, tuple(others)[:MAX_OTHERS], at, self._roots.national + self._roots.test)
            judgement = self._chain_judged(case, data, test_roots=self._roots.test)
            if not judgement.good:
                return judgement
            why = why_no_document_signer(certificate, self.policy)
            return indeterminate(Sub.CHAIN_CONSTRAINTS_FAILURE, why) if why else judgement
        except _BROKEN:
            return GENERAL

    def gather(
        self, certificate: x509.Certificate, others: Sequence[x509.Certificate], *, at: datetime
    ) -> ValidationData:
        """See `signing.verdicts.Trust.gather`. Time-stamping authorities are gathered for in the same way."""
        roots = self._roots
        anchors = roots.national + roots.test + roots.stamping + roots.test_stamping
        case = Case(certificate, tuple(others)[:MAX_OTHERS], at, anchors)
        try:
            ways = self._ways(case, NOTHING)
            data, away = self._gathered(ways[0]) if ways else (NOTHING, True)
        except _BROKEN:
            raise SignerAway("Nobody can be asked about a certificate that cannot be read") from None
        if away:
            raise SignerAway("Nobody says now whether a certificate of the chain is revoked")
        return data

    def stamped_at(
        self, token: bytes, digest: bytes, *, at: datetime | None = None, data: ValidationData | None = None
    ) -> datetime | Judgement:
        """See `signing.verdicts.Trust.stamped_at`.

        `at` is the moment at which the token is known to have been there: the authority's certificate must not have
        expired by then. Without it the token's own time is taken. With `data` nothing else is looked up.
        """
        try:
            stamp = read_stamp(token, digest)
        except (BadSignature, Malformed) as error:
            return Judgement(Indication.FAILED, Sub.SIG_CRYPTO_FAILURE, str(error))
        except _BROKEN:
            return Judgement(Indication.FAILED, Sub.FORMAT_FAILURE, "The time stamp cannot be read")
        judgement = self.judge_stamp(stamp, at=at or stamp.at, data=data)
        return stamp.at if judgement.good else judgement

    def judge_stamp(self, stamp: Stamp, *, at: datetime, data: ValidationData | None = None) -> Judgement:
        """Whether whoever signed the stamp may stamp, and was not expired by `at`. Never raises."""
        try:
            if not {stamp.digest_name, *stamp.signature_digests} <= self.policy.digests:
                return indeterminate(
                    Sub.CRYPTO_CONSTRAINTS_FAILURE, "The time stamp uses a digest that is refused"
                )
            roots = self._roots.stamping + self._roots.test_stamping
            case = Case(stamp.certificate, stamp.others[:MAX_OTHERS], stamp.at, roots)
            judgement = self._chain_judged(case, data, test_roots=self._roots.test_stamping)
            return _out_of_order(stamp, at) or judgement if judgement.good else judgement
        except _BROKEN:
            return GENERAL

    def _chain_judged(
        self, case: Case, data: ValidationData | None, *, test_roots: Sequence[x509.Certificate]
    ) -> Judgement:
        """By the first way to a root that holds; by the shortest where none does."""
        said: list[Judgement] = []
        for chain in self._ways(case, data or NOTHING, ask=data is None):
            judgement = self._way_judged(case, chain, data)
            if judgement.good and chain[-1] in test_roots:
                why = f"{judgement.why}. {UNDER_TEST_ROOT}" if judgement.why else UNDER_TEST_ROOT
                return replace(judgement, why=why)
            if judgement.good:
                return judgement
            said.append(judgement)
        return said[0] if said else NO_CHAIN

    def _way_judged(
        self, case: Case, chain: Sequence[x509.Certificate], data: ValidationData | None
    ) -> Judgement:
        beside = (*case.others, *_certificates(data or NOTHING))
        case = replace(case, others=(*chain[1:], *issued_by(chain, beside)))
        judgement = judged(case, NOTHING, NO_REVOCATION, self._algorithms)
        why = why_weak(case.certificate, self.policy)
        if judgement.good and why:
            return indeterminate(Sub.CRYPTO_CONSTRAINTS_FAILURE, why)
        if judgement.good and self.policy.revocation is not Revocation.NONE:
            return self._unrevoked(case, chain, data)
        return judgement

    def _unrevoked(
        self, case: Case, chain: Sequence[x509.Certificate], data: ValidationData | None
    ) -> Judgement:
        if data is None:
            data, _ = self._gathered(chain)
        judgement = unrevoked(case, chain, data, self._algorithms)
        if judgement != TRY_LATER:
            return judgement
        if self._lookup is not None:
            self._lookup.forget(chain)
        return judgement if self.policy.revocation is Revocation.HARD else replace(PASSED, why=UNCHECKED)

    def _ways(
        self, case: Case, data: ValidationData, *, ask: bool = True
    ) -> Sequence[Sequence[x509.Certificate]]:
        """From the certificate to roots; the addresses of issuers that are missing are asked where nothing leads up."""
        known = [*case.roots, *case.others, *_certificates(data)]
        for _ in range(MAX_ASKED + 1):
            found = ways_up(case.certificate, case.roots, Issuers(known, at=case.at))
            if found.ways or not ask or self._lookup is None:
                return found.ways
            asked = [each for end in found.ends[:MAX_ASKED] for each in self._lookup.issuers(end)]
            if all(each in known for each in asked):
                break
            known += asked
        return ()

    def _gathered(self, chain: Sequence[x509.Certificate]) -> tuple[ValidationData, bool]:
        """What the authorities say of the chain, and whether something of it is missing."""
        said: list[Answers] = []
        away = self._lookup is None
        for certificate, issuer in pairwise(chain):
            try:
                said += [] if self._lookup is None else [self._lookup.revocation(certificate, issuer)]
            except SignerAway:
                away = True
        ders = tuple(each.public_bytes(Encoding.DER) for each in chain)
        ocsps = dict.fromkeys(each.ocsp for each in said if each.ocsp)
        crls = dict.fromkeys(each.crl for each in said if each.crl)
        return ValidationData(ders, tuple(ocsps), tuple(crls)), away


def _certificates(data: ValidationData) -> tuple[x509.Certificate, ...]:
    return tuple(map(x509.load_der_x509_certificate, data.certificates[:MAX_OTHERS]))


def _out_of_order(stamp: Stamp, at: datetime) -> Judgement | None:
    """Why a stamp whose chain holds does not count at that moment all the same, if it does not."""
    why = why_no_time_stamper(stamp.certificate)
    if why:
        return indeterminate(Sub.CHAIN_CONSTRAINTS_FAILURE, why)
    if at < stamp.at - CLOCK_SKEW:
        return indeterminate(Sub.TIMESTAMP_ORDER_FAILURE, "The time stamp is of a time that has not come yet")
    if at > stamp.certificate.not_valid_after_utc:
        return indeterminate(Sub.OUT_OF_BOUNDS_NO_POE, "The time stamp's certificate has expired since")
    return None
