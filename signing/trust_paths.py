"""One path of certificates against one set of answers: pyHanko's validator (RFC 5280), and what it leaves unsaid."""

import asyncio
import threading
from collections.abc import Iterable, Iterator, Sequence
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
    REQUIRE_REVINFO,
    CertRevTrustPolicy,
    RevocationCheckingPolicy,
    RevocationCheckingRule,
)

from signing.revocation import UNREADABLE
from signing.trust_policy import Algorithms
from signing.trust_words import PASSED, TRY_LATER, revoked_above, said_of
from signing.verdicts import Judgement, ValidationData

MAX_OTHERS: Final = 64
MAX_PARSED: Final = 128
_ASKED: Final = RevocationCheckingRule.CRL_OR_OCSP_REQUIRED
_NOT_ASKED: Final = RevocationCheckingRule.NO_CHECK
ONLY_SIGNER: Final = RevocationCheckingPolicy(_ASKED, _NOT_ASKED)
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


def unrevoked(
    case: Case, chain: Sequence[x509.Certificate], data: ValidationData, algorithms: Algorithms
) -> Judgement:
    """Whether none of the chain was revoked at the moment in question, by `data` alone.

    `TRY_LATER` is said only where nothing worse is: what is missing for one certificate does not hide what is known of
    another. Raises what the decoding of `data` raises.
    """
    data = replace(data, crls=tuple(der for der in data.crls if _is_direct(der)))
    links = [replace(case, certificate=each) for each in chain[:-1]]
    said = judged(case, data, REQUIRE_REVINFO, algorithms)
    if said == TRY_LATER:
        said = _worst(_link_judged(each, data, algorithms, above=each != case) for each in links)
    if said.good and len(data.ocsps) + len(data.crls) > len(links):
        said = _worst(_denied(each, data, algorithms, above=each != case) for each in links)
    return said


def _worst(judgements: Iterable[Judgement]) -> Judgement:
    found = [each for each in judgements if not each.good]
    return next((each for each in found if each != TRY_LATER), found[0] if found else PASSED)


def _link_judged(link: Case, data: ValidationData, algorithms: Algorithms, *, above: bool) -> Judgement:
    """One certificate of a chain by itself, `above` the signer's or not."""
    error = _validated(link, data, ONLY_SIGNER, algorithms)
    if error is None:
        return PASSED
    said = revoked_above(error) if above and isinstance(error, RevokedError) else said_of(error)
    return PASSED if said == TRY_LATER and _revoked_later(link, data, algorithms) else said


def _denied(link: Case, data: ValidationData, algorithms: Algorithms, *, above: bool) -> Judgement:
    """Whether a genuine answer says that the certificate was revoked, whatever another one says.

    pyHanko is content with the first answer that calls it good, which may be older.
    """
    for answer in _denials(link, data):
        said = _link_judged(link, answer, algorithms, above=above)
        if not said.good and said != TRY_LATER:
            return said
    return PASSED


def _denials(link: Case, data: ValidationData) -> Iterator[ValidationData]:
    """The answers, each alone, that name the certificate as revoked or on hold by the moment in question."""
    serial = link.certificate.serial_number
    for der in data.ocsps:
        for single in ocsp.load_der_ocsp_response(der).responses:
            since = single.revocation_time_utc
            if single.serial_number == serial and since is not None and since <= link.at:
                yield ValidationData(ocsps=(der,))
    for der in data.crls:
        listed = x509.load_der_x509_crl(der)
        entry = listed.get_revoked_certificate_by_serial_number(serial)
        if (
            entry is not None
            and listed.issuer == link.certificate.issuer
            and entry.revocation_date_utc <= link.at
        ):
            yield ValidationData(crls=(der,))


def _is_direct(der: bytes) -> bool:
    """Whether a list is of its issuer's own certificates.

    An indirect one (RFC 5280 section 5.2.5) needs a word of the certificate that it is for, which pyHanko does not ask
    for: an authority that was revoked itself could give out a list that does not name it.
    """
    try:
        place = x509.load_der_x509_crl(der).extensions.get_extension_for_class(x509.IssuingDistributionPoint)
    except x509.ExtensionNotFound:
        return True
    except UNREADABLE:
        return False
    return not place.value.indirect_crl


def _revoked_later(link: Case, data: ValidationData, algorithms: Algorithms) -> bool:
    """Whether a genuine OCSP answer says that the certificate was revoked, but after the moment in question.

    To pyHanko such an answer says nothing; RFC 6960 section 2.2 has it that the certificate was good until then.
    """
    for since in _revocations(link, data):
        later = replace(link, at=since + _A_MOMENT)
        error = _validated(later, data, ONLY_SIGNER, algorithms)
        if isinstance(error, RevokedError) and error.is_ee_cert and error.revocation_dt > link.at:
            return True
    return False


def _revocations(link: Case, data: ValidationData) -> list[datetime]:
    said = (single for der in data.ocsps for single in ocsp.load_der_ocsp_response(der).responses)
    mine = (each for each in said if each.serial_number == link.certificate.serial_number)
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
