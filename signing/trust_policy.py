"""What a certificate, its keys and its algorithms must be like, before anyone is trusted."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from asn1crypto import algos, keys
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier
from pyhanko_certvalidator.policy_decl import AlgorithmUsageConstraint, AlgorithmUsagePolicy

from signing.revocation import extension_of

DOCUMENT_SIGNING: Final = ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336
_MICROSOFT_DOCUMENT_SIGNING: Final = ObjectIdentifier("1.3.6.1.4.1.311.10.3.12")
_ADOBE_DOCUMENT_SIGNING: Final = ObjectIdentifier("1.2.840.113583.1.1.5")
STRONG_DIGESTS: Final = frozenset({"sha256", "sha384", "sha512"})
_SIGNATURES: Final = frozenset({"rsassa_pkcs1v15", "rsassa_pss", "ecdsa"})


class Revocation(StrEnum):
    """Whether revocation is asked for. With `HARD` an outage is INDETERMINATE/TRY_LATER, with `SOFT` it is a note."""

    NONE = "none"
    SOFT = "soft"
    HARD = "hard"


@dataclass(frozen=True, slots=True)
class Policy:
    """Whose signature counts.

    `digital_signature_suffices`: a certificate without the bit nonRepudiation is accepted when it has digitalSignature
    (or no key usage at all), as some national authorities issue them. `extended_usages`: one of these must be there,
    or anyExtendedKeyUsage, when the certificate has extended key usages. `min_rsa_bits`, `curves` and `digests` are
    those that may be READ; what is made here follows `signing.keys` whatever stands in a policy.
    """

    revocation: Revocation = Revocation.HARD
    digital_signature_suffices: bool = True
    extended_usages: frozenset[ObjectIdentifier] = frozenset(
        {
            DOCUMENT_SIGNING,
            ExtendedKeyUsageOID.EMAIL_PROTECTION,
            _MICROSOFT_DOCUMENT_SIGNING,
            _ADOBE_DOCUMENT_SIGNING,
        }
    )
    min_rsa_bits: int = 2048
    curves: frozenset[str] = frozenset({"secp256r1"})
    digests: frozenset[str] = STRONG_DIGESTS


def why_no_document_signer(certificate: x509.Certificate, policy: Policy) -> str:
    """Why the certificate may not sign documents, in one sentence; empty when it may."""
    if _is_authority(certificate):
        return "The certificate is an authority's, which does not sign documents"
    usage = extension_of(certificate, x509.KeyUsage)
    if usage is None:
        if not policy.digital_signature_suffices:
            return "The certificate does not say that it is for signing documents"
    elif not usage.value.content_commitment:
        if not usage.value.digital_signature:
            return "The certificate's key is not for signatures"
        if not policy.digital_signature_suffices:
            return "The certificate's key is not for signatures that bind (nonRepudiation)"
    extended = extension_of(certificate, x509.ExtendedKeyUsage)
    if extended is not None:
        wanted = policy.extended_usages | {ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
        if wanted.isdisjoint(extended.value):
            return "The certificate is for another purpose than signing documents"
    return ""


def why_no_time_stamper(certificate: x509.Certificate) -> str:
    """Why the certificate may not sign time stamps (RFC 3161 section 2.3), in one sentence; empty when it may."""
    if _is_authority(certificate):
        return "The certificate is an authority's, which does not sign time stamps"
    extended = extension_of(certificate, x509.ExtendedKeyUsage)
    only = extended is not None and list(extended.value) == [ExtendedKeyUsageOID.TIME_STAMPING]
    if extended is None or not only or not extended.critical:
        return "The certificate is not for time stamps alone (RFC 3161 section 2.3)"
    usage = extension_of(certificate, x509.KeyUsage)
    if usage is not None and not (usage.value.digital_signature or usage.value.content_commitment):
        return "The certificate's key is not for signatures"
    return ""


def _is_authority(certificate: x509.Certificate) -> bool:
    constraints = extension_of(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.value.ca


def why_weak(certificate: x509.Certificate, policy: Policy) -> str:
    """Why the certificate's key is refused, in one sentence; empty when it is strong enough."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return "" if key.key_size >= policy.min_rsa_bits else "The RSA key is too short"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "" if key.curve.name in policy.curves else "The key's curve is not one that is read here"
    return "The key is of a kind that is not read here"


class Algorithms(AlgorithmUsagePolicy):
    """A policy in pyHanko's words: what is not named is refused, whatever the moment."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def digest_algorithm_allowed(
        self, algo: algos.DigestAlgorithm, moment: datetime | None
    ) -> AlgorithmUsageConstraint:
        del moment
        return _constraint(allowed=algo["algorithm"].native in self._policy.digests)

    def signature_algorithm_allowed(
        self,
        algo: algos.SignedDigestAlgorithm,
        moment: datetime | None,
        public_key: keys.PublicKeyInfo | None,
    ) -> AlgorithmUsageConstraint:
        del moment
        try:
            kind, digest = algo.signature_algo, algo.hash_algo
        except ValueError:
            return _constraint(allowed=False)
        strong = public_key is None or self._strong(public_key)
        return _constraint(allowed=kind in _SIGNATURES and digest in self._policy.digests and strong)

    def _strong(self, key: Any) -> bool:
        if key.algorithm in {"rsa", "rsassa_pss"}:
            return bool(key.bit_size >= self._policy.min_rsa_bits)
        return bool(key.algorithm == "ec" and key.curve[1] in self._policy.curves)


def _constraint(*, allowed: bool) -> AlgorithmUsageConstraint:
    return AlgorithmUsageConstraint(
        allowed=allowed, failure_reason=None if allowed else "refused by our policy"
    )
