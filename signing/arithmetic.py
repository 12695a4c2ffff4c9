"""What the signature formats have in common: digests, the check of a signature, and how a verdict is put together.

SHA-1 and RSA below 2048 bits are refused; a provider's profile may allow them for reading, never for signing.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from signing.errors import (
    BadSignature,
    Expired,
    ForbiddenAlgorithm,
    Malformed,
    SignerAway,
    SigningError,
    UnknownKey,
)
from signing.keys import RSA_MAX_BITS, PublicKey, kind_of
from signing.signer import Scheme, Signer, public_key_of
from signing.timestamps import Stamp, digest_name_of, read_stamp
from signing.verdicts import Indication, Judgement, Sub, Trust, ValidationData

SHORTEST_RSA_BITS: Final = 1024  # where a profile allows short keys for reading
MOST_CERTIFICATES: Final = 32
_HASHES: Final[dict[str, Callable[[], hashes.HashAlgorithm]]] = {
    "sha1": hashes.SHA1,
    "sha256": hashes.SHA256,
    "sha384": hashes.SHA384,
    "sha512": hashes.SHA512,
}


class Allow(StrEnum):
    """What a provider's profile may let pass when reading, and only then."""

    SHA1 = "sha1"
    SHORT_RSA = "short-rsa"
    NO_ATTRIBUTES = "no-attributes"  # a CMS signature straight over the content, without signed attributes


@runtime_checkable
class StampJudge(Protocol):
    """A trust that also judges who stamped, by validation data that is given: `signing.trust.CertificateTrust`."""

    def judge_stamp(self, stamp: Stamp, *, at: datetime, data: ValidationData | None = None) -> Judgement: ...


class Family(StrEnum):
    """The arithmetic of a signature."""

    RSA = "rsa"  # RSASSA-PKCS1-v1_5
    PSS = "pss"
    ECDSA = "ecdsa"


@dataclass(frozen=True, slots=True)
class SignedBy:
    """One signer whose signature holds, and what is said of it.

    `level` is `CMS` or `XMLDSIG` (plain), `B-B` (the signer's certificate is signed with), `B-T` (a trusted time-stamp
    proves the time) or `B-LT` (what a later verdict needs is there too). `signed_at` is what the signer says,
    `stamped_at` what an authority proves.
    """

    certificate: x509.Certificate = field(repr=False)
    signed_at: datetime | None
    stamped_at: datetime | None
    level: str
    judgement: Judgement


class ContentChanged(BadSignature):
    """The content is not the one that was signed: its digest differs."""


def judgement_of(error: SigningError) -> Judgement:
    """The verdict that an error of reading amounts to, in the words of EN 319 102-1."""
    found: tuple[tuple[type[SigningError], Indication, Sub], ...] = (
        (ContentChanged, Indication.FAILED, Sub.HASH_FAILURE),
        (BadSignature, Indication.FAILED, Sub.SIG_CRYPTO_FAILURE),
        (Malformed, Indication.FAILED, Sub.FORMAT_FAILURE),
        (UnknownKey, Indication.INDETERMINATE, Sub.NO_SIGNING_CERTIFICATE_FOUND),
        (ForbiddenAlgorithm, Indication.INDETERMINATE, Sub.CRYPTO_CONSTRAINTS_FAILURE),
        (Expired, Indication.INDETERMINATE, Sub.SIG_CONSTRAINTS_FAILURE),
        (SignerAway, Indication.INDETERMINATE, Sub.TRY_LATER),
    )
    for kind, indication, sub in found:
        if isinstance(error, kind):
            return Judgement(indication, sub, str(error))
    return Judgement(Indication.INDETERMINATE, why=str(error))


def digest(name: str, data: bytes, allow: Collection[str] = ()) -> bytes:
    """The digest of `data`. Raises `ForbiddenAlgorithm` for a name that is not read here."""
    require_digest(name, allow)
    return hashlib.new(name, data, usedforsecurity=False).digest()


def require_digest(name: str, allow: Collection[str] = ()) -> None:
    """Raises `ForbiddenAlgorithm` for a digest that is neither SHA-2 nor allowed."""
    if name not in _HASHES or (name == "sha1" and Allow.SHA1 not in allow):
        raise ForbiddenAlgorithm("The digest algorithm is not one that is accepted")


def require_same(expected: bytes, found: bytes, sentence: str) -> None:
    """Raises `ContentChanged` with `sentence` where the two digests differ."""
    if not hmac.compare_digest(expected, found):
        raise ContentChanged(sentence)


def load_certificate(der: bytes) -> x509.Certificate:
    """Raises `Malformed` for bytes that are no certificate, or one whose names or extensions cannot be read."""
    try:
        # `cryptography` only warns of what RFC 5280 forbids, and reads names and extensions when asked
        if asn1_x509.Certificate.load(der, strict=True).serial_number <= 0:
            raise Malformed("A certificate in the signature has no serial number")
        found = x509.load_der_x509_certificate(der)
        _read_through(found)
    except (ValueError, TypeError, LookupError, UnsupportedAlgorithm, UserWarning):
        raise Malformed("A certificate in the signature cannot be read") from None
    except (x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType):
        raise Malformed("A certificate in the signature is none that RFC 5280 knows") from None
    return found


def _read_through(certificate: x509.Certificate) -> None:
    for name in (certificate.issuer, certificate.subject):
        name.public_bytes()
    for _ in certificate.extensions:
        pass


def key_of(certificate: x509.Certificate, allow: Collection[str] = ()) -> PublicKey:
    """The public key of a certificate. Raises `ForbiddenAlgorithm` for a kind or a size that is not accepted."""
    try:
        key = public_key_of(certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ForbiddenAlgorithm("The certificate has a key of a kind that is not used here") from None
    short = isinstance(key, rsa.RSAPublicKey) and SHORTEST_RSA_BITS <= key.key_size <= RSA_MAX_BITS
    if not (short and Allow.SHORT_RSA in allow):
        kind_of(key)
    return key


def check(
    key: PublicKey, signature: bytes, data: bytes, *, family: Family, name: str, salt_bytes: int = 0
) -> None:
    """The signature over `data` (DER for ECDSA) with the digest `name`.

    Raises `BadSignature`; `ForbiddenAlgorithm` where the algorithm that the message names is not one of its key.
    """
    digest_of = _HASHES[name]()
    try:
        if isinstance(key, rsa.RSAPublicKey) and family is Family.RSA:
            key.verify(signature, data, padding.PKCS1v15(), digest_of)
        elif isinstance(key, rsa.RSAPublicKey) and family is Family.PSS:
            key.verify(signature, data, padding.PSS(padding.MGF1(digest_of), salt_bytes), digest_of)
        elif isinstance(key, ec.EllipticCurvePublicKey) and family is Family.ECDSA:
            key.verify(signature, data, ec.ECDSA(digest_of))
        else:
            raise ForbiddenAlgorithm("The signature algorithm is not one of the key that is named")
    except (InvalidSignature, ValueError):
        raise BadSignature("The signature does not fit the key and the data") from None


def make(signer: Signer, data: bytes) -> bytes:
    """The signer's signature over `data`, checked before it leaves: a module or a service may use another key.

    Raises `SignerAway` and `Refused` as the signer does, `BadSignature` for a signature that does not hold.
    """
    signature = signer.sign(data)
    family = Family.ECDSA if signer.scheme is Scheme.ECDSA_SHA256 else Family.RSA
    check(key_of(signer.certificate), signature, data, family=family, name="sha256")
    return signature


def require_one_certificate(found: Sequence[x509.Certificate]) -> x509.Certificate:
    """Raises `UnknownKey` for none, `Malformed` for more than one."""
    different = list(dict.fromkeys(found))
    if not different:
        raise UnknownKey("The certificate that the signature names is not there")
    if len(different) > 1:
        raise Malformed("More than one certificate fits what the signature names")
    return different[0]


def key_identifier(certificate: x509.Certificate) -> bytes | None:
    """The subject key identifier (RFC 5280 section 4.2.1.2), None where the certificate has none."""
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return None


def judged(
    certificate: x509.Certificate,
    others: Sequence[x509.Certificate],
    trust: Trust,
    *,
    at: datetime,
    stamps: Sequence[tuple[bytes, bytes]],
    data: ValidationData | None = None,
) -> tuple[Judgement, datetime | None]:
    """What is said of a signature whose arithmetic holds, and when a time-stamp proves it to have been there.

    The certificate is judged at the earliest proven time, without a time-stamp at `at`: what the signer says of the
    time proves nothing. `stamps` are tokens, each with the bytes that it is over. A time-stamp that does not count
    spoils the verdict: it would be a part that was altered.
    """
    proven: list[datetime] = []
    for token, stamped in stamps:
        found = _stamped_at(trust, token, stamped, at=at, data=data)
        if isinstance(found, Judgement):
            return found, None
        proven.append(found)
    stamped_at = min(proven) if proven else None
    return _asked(
        data, lambda said: trust.judge(certificate, others, at=stamped_at or at, data=said)
    ), stamped_at


def _stamped_at(
    trust: Trust, token: bytes, stamped: bytes, *, at: datetime, data: ValidationData | None
) -> datetime | Judgement:
    """What a time-stamp proves, by what stands beside it where the trust can judge by that."""
    if not isinstance(trust, StampJudge):
        return trust.stamped_at(token, hashlib.sha256(stamped).digest())
    try:
        name = digest_name_of(token)
        stamp = read_stamp(token, digest(name, stamped))
    except SigningError as error:
        return judgement_of(error)
    said = _asked(data, lambda known: trust.judge_stamp(stamp, at=at, data=known))
    return stamp.at if said.good else said


def _asked(data: ValidationData | None, ask: Callable[[ValidationData | None], Judgement]) -> Judgement:
    """The judgement by what is given; the authorities are asked only where that does not suffice."""
    said = ask(data)
    return ask(None) if data is not None and said.sub is Sub.TRY_LATER else said
