"""Authorities of the tests that are put together by hand, with every mistake an authority can make: DER, no network."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from signing.verdicts import ValidationData

AT = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Extension = tuple[x509.ExtensionType, bool]
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
INDIRECT = x509.IssuingDistributionPoint(
    full_name=None,
    relative_name=None,
    only_contains_user_certs=False,
    only_contains_ca_certs=False,
    only_some_reasons=None,
    indirect_crl=True,
    only_contains_attribute_certs=False,
)


@cache
def key_of(name: str) -> ec.EllipticCurvePrivateKey:
    """The same name, the same key."""
    return ec.generate_private_key(ec.SECP256R1())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=not ca,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def certificate(
    subject: str,
    issuer: str,
    *,
    ca: bool = False,
    key: str = "",
    issuer_key: str = "",
    begins: datetime = AT - DAY,
    ends: datetime = AT + 365 * DAY,
    key_ids: bool = True,
    more: Sequence[Extension] = (),
) -> x509.Certificate:
    """`subject` as `issuer` certified it; keys are those of the names unless others are named."""
    own, above = key_of(key or subject), key_of(issuer_key or issuer)
    responder = x509.AccessDescription(
        AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier("http://ocsp.example/")
    )
    lists = x509.DistributionPoint([x509.UniformResourceIdentifier("http://crl.example/")], None, None, None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(_usage(ca=ca), critical=True)
    )
    if key_ids:
        authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(above.public_key())
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False
        ).add_extension(authority_id, critical=False)
    if subject != issuer:
        builder = builder.add_extension(x509.AuthorityInformationAccess([responder]), critical=False)
        builder = builder.add_extension(x509.CRLDistributionPoints([lists]), critical=False)
    for extension, critical in more:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(above, hashes.SHA256())


def ocsp_answer(
    about: x509.Certificate,
    issuer: x509.Certificate,
    *,
    revoked_at: datetime | None = None,
    reason: x509.ReasonFlags | None = None,
    begins: datetime = AT - HOUR,
    ends: datetime | None = AT + HOUR,
    by: x509.Certificate | None = None,
) -> bytes:
    """What the issuer's responder says of a certificate; `by` is the responder's certificate where it has its own."""
    status = ocsp.OCSPCertStatus.GOOD if revoked_at is None else ocsp.OCSPCertStatus.REVOKED
    name = (by or issuer).subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=about,
            issuer=issuer,
            algorithm=hashes.SHA1(),
            cert_status=status,
            this_update=begins,
            next_update=ends,
            revocation_time=revoked_at,
            revocation_reason=reason,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, by or issuer)
    )
    if by is not None:
        builder = builder.certificates([by])
    return builder.sign(key_of(str(name)), hashes.SHA256()).public_bytes(Encoding.DER)


def crl(
    issuer: str,
    *revoked: tuple[x509.Certificate, datetime],
    reason: x509.ReasonFlags | None = None,
    begins: datetime = AT - HOUR,
    ends: datetime = AT + HOUR,
    more: Sequence[Extension] = (),
) -> bytes:
    """The list that an authority gave out, with the certificates that it had revoked and since when."""
    key = key_of(issuer)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(_name(issuer))
        .last_update(begins)
        .next_update(ends)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    for each, since in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(each.serial_number).revocation_date(since)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    for extension, critical in more:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def data_of(*, ocsps: Sequence[bytes] = (), crls: Sequence[bytes] = ()) -> ValidationData:
    return ValidationData((), tuple(ocsps), tuple(crls))
