"""What pyHanko's validator raises, in the standard's words (EN 319 102-1 section 5.2.6). Total."""

from collections.abc import Callable
from typing import Any, Final

from pyhanko_certvalidator import errors

from signing.verdicts import Indication, Judgement, Sub

HOLD: Final = "certificate_hold"
PASSED: Final = Judgement(Indication.PASSED)


def indeterminate(sub: Sub, why: str) -> Judgement:
    """Neither valid nor invalid, for that reason."""
    return Judgement(Indication.INDETERMINATE, sub, why)


def said_of(error: Exception) -> Judgement:
    """The judgement that an error of the path's validation means; what is not known is a chain that does not hold."""
    for kinds, say in _SAID:
        if isinstance(error, kinds):
            return say(error)
    return GENERAL


def revoked_above(error: errors.RevokedError) -> Judgement:
    """The judgement that the revocation of an authority above the signer means, looked at by itself."""
    return _since(error, "A certificate above the signer's", Sub.REVOKED_CA_NO_POE)


def _revoked(error: errors.RevokedError) -> Judgement:
    if not error.is_ee_cert:
        return revoked_above(error)
    return _since(error, "The certificate", Sub.REVOKED_NO_POE)


def _since(error: errors.RevokedError, whose: str, sub: Sub) -> Judgement:
    # That the signature was made after the revocation is known only from a proof that signers do not give; so this is
    # INDETERMINATE in the standard's table 6 and not TOTAL-FAILED
    day = error.revocation_dt.strftime("%Y-%m-%d")
    if error.reason.native == HOLD:
        # section 5.2.6.4: a certificate on hold may come back
        return indeterminate(Sub.TRY_LATER, f"{whose} is suspended since {day}")
    return indeterminate(sub, f"{whose} was revoked on {day}")


def _not_yet(error: Any) -> Judgement:
    if error.is_ee_cert and not error.is_side_validation:
        # the signature was there before its certificate: nothing that is found later can change that
        return Judgement(
            Indication.FAILED, Sub.NOT_YET_VALID, "The certificate was not yet valid at that moment"
        )
    return indeterminate(Sub.OUT_OF_BOUNDS_NO_POE, "A certificate above was not yet valid at that moment")


def _expired(error: Any) -> Judgement:
    whose = "The certificate" if error.is_ee_cert else "A certificate above the signer's"
    return indeterminate(Sub.OUT_OF_BOUNDS_NO_POE, f"{whose} had expired at that moment")


TRY_LATER: Final = indeterminate(Sub.TRY_LATER, "It cannot be found out now whether a certificate is revoked")
NO_CHAIN: Final = indeterminate(
    Sub.NO_CERTIFICATE_CHAIN_FOUND, "The certificate leads to no root that is trusted"
)
GENERAL: Final = indeterminate(
    Sub.CERTIFICATE_CHAIN_GENERAL_FAILURE, "The chain of certificates does not hold"
)
_WEAK: Final = indeterminate(
    Sub.CRYPTO_CONSTRAINTS_FAILURE, "The chain is signed with an algorithm that is refused"
)
_SAID: Final[tuple[tuple[tuple[type[Exception], ...], Callable[[Any], Judgement]], ...]] = (
    ((errors.RevokedError,), _revoked),
    ((errors.InsufficientRevinfoError,), lambda _: TRY_LATER),
    ((errors.NotYetValidError,), _not_yet),
    ((errors.ExpiredError,), _expired),
    ((errors.DisallowedAlgorithmError,), lambda _: _WEAK),
    ((errors.PathBuildingError, errors.InvalidCertificateError), lambda _: NO_CHAIN),
    ((errors.OCSPValidationError, errors.CRLValidationError), lambda _: TRY_LATER),
)
