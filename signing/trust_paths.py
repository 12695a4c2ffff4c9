"""One path of certificates against one set of answers: pyHanko's validator (RFC 5280), and what it leaves unsaid."""

import asyncio
import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    CRLValidationError,
    OCSPValidationError,
    PathError,
    RevokedError,
    ValidationError,
)
from pyhanko_certvalidator.policy_decl import (
    CertRevTrustPolicy,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)

from signing.trust_policy import Algorithms
from signing.trust_words import PASSED, said_of
from signing.verdicts import Judgement, ValidationData

MAX_OTHERS: Final = 64
MAX_PARSED: Final = 128
_ASKED: Final = RevocationCheckingRule.CRL_OR_OCSP_REQUIRED
_NOT_ASKED: Final = RevocationCheckingRule.NO_CHECK
ONLY_SIGNER: Final = RevocationCheckingPolicy(_ASKED, _NOT_ASKED)
ONLY_ABOVE: Final = RevocationCheckingPolicy(_NOT_ASKED, _ASKED)
_VALIDATION: Final = (ValidationError, PathError, OCSPValidationError, CRLValidationError)
_A_MOMENT: Final = timedelta(seconds=2)  # pyHanko takes two times within one second for the same


@dataclass(frozen=True, slots=True)
class Case:
    """One question: this certificate, among these, at this moment, under these roots.

    Whoever asks `judged` has chosen the `others`: pyHanko tries every way that their names allow.
    """

    certificate: x509.Certificate
    others: tuple[x509.Certificate, ...]
    at: datetime
    roots: tuple[x509.Certificate, ...]


def judged(
    case: Case, data: ValidationData, rules: RevocationCheckingPolicy, algorithms: Algorithms
) -> Judgement:
    """What is said of the certificate by `data` alone. Raises what the decoding of `data` raises."""
    error = _validated(case, data, rules, algorithms)
    return PASSED if error is None else said_of(error)


def revoked_later(case: Case, data: ValidationData, algorithms: Algorithms) -> bool:
    """Whether a genuine OCSP answer says that the certificate was revoked, but after the moment in question.

    To pyHanko such an answer says nothing; RFC 6960 section 2.2 has it that the certificate was good until then.
    """
    for since in _revocations(case, data):
        later = replace(case, at=since + _A_MOMENT)
        error = _validated(later, data, ONLY_SIGNER, algorithms)
        if isinstance(error, RevokedError) and error.is_ee_cert and error.revocation_dt > case.at:
            return True
    return False


def _revocations(case: Case, data: ValidationData) -> list[datetime]:
    said = (single for der in data.ocsps for single in ocsp.load_der_ocsp_response(der).responses)
    mine = (each for each in said if each.serial_number == case.certificate.serial_number)
    return [each.revocation_time_utc for each in mine if each.revocation_time_utc is not None]


def _validated(
    case: Case, data: ValidationData, rules: RevocationCheckingPolicy, algorithms: Algorithms
) -> Exception | None:
    beside = dict.fromkeys(each.public_bytes(Encoding.DER) for each in case.others)
    # An answer that is younger than the moment in question still says whether it was revoked by then
    context = ValidationContext(
        trust_roots=[_asn1(root) for root in case.roots],
        other_certs=[_PARSED.certificate(der) for der in beside],
        moment=case.at,
        crls=list(data.crls),
        ocsps=list(data.ocsps),
        allow_fetching=False,
        revinfo_policy=CertRevTrustPolicy(rules, retroactive_revinfo=True),
        algorithm_usage_policy=algorithms,
    )
    validator = CertificateValidator(_asn1(case.certificate), validation_context=context)
    try:
        asyncio.run(validator.async_validate_path())
    except _VALIDATION as error:
        return error
    return None


class _Parsed(threading.local):
    """Certificates as pyHanko wants them. They parse themselves bit by bit, so each thread has its own."""

    def __init__(self) -> None:
        self.certificate = lru_cache(MAX_PARSED)(asn1_x509.Certificate.load)


_PARSED: Final = _Parsed()


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return _PARSED.certificate(certificate.public_bytes(Encoding.DER))
