"""A certificate authority of our own making, and the certificate that signs receipts.

It is meant for one machine and for tests: a public service signs with a certificate of a licensed Vietnamese
authority, whose PEM files are put in the keystore folder under the same names. ECDSA P-256 throughout;
the signer's key usage is digitalSignature and nonRepudiation (RFC 5280 section 4.2.1.3).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from signing.errors import Expired, Malformed
from signing.keys import Kind
from signing.keystore import Keystore, StoredKey

CA_PURPOSE: Final = "test-ca"
CA_NAME: Final = "Cổng 4 test authority"
LIFETIME: Final = timedelta(days=3650)
_BACKDATE: Final = timedelta(minutes=5)  # two machines never agree on the minute


@dataclass(frozen=True, slots=True)
class SigningCertificate:
    """A signer: its private key, its certificate, and the certificates above it (the root last)."""

    private_key: ec.EllipticCurvePrivateKey = field(repr=False)
    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]

    @property
    def root(self) -> x509.Certificate:
        return self.chain[-1]


def ensure_certificate(store: Keystore, purpose: str, *, subject: str, now: datetime) -> SigningCertificate:
    """The certificate for the P-256 key of `purpose`, made with key and authority if there is none.

    `subject` is the common name. Files: `<purpose>.0001.crt` and `test-ca.0001.crt`. Raises `Malformed` when
    a file cannot be read or is of another key, `Expired` when the certificate is not valid at `now`.
    """
    authority = store.ensure(CA_PURPOSE, Kind.P256, now=now)
    key = store.ensure(purpose, Kind.P256, now=now)
    root = _stored(store, authority, lambda: _root(_private(authority), now))
    leaf = _stored(store, key, lambda: _leaf(_private(key), subject, issuer=authority, root=root, now=now))
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise Expired(f"The certificate for {purpose} is not valid now")
    return SigningCertificate(private_key=_private(key), certificate=leaf, chain=(root,))


def _stored(store: Keystore, key: StoredKey, make: Callable[[], x509.Certificate]) -> x509.Certificate:
    name = f"{key.purpose}.{key.generation:04d}.crt"
    pem = store.ensure_file(name, lambda: make().public_bytes(Encoding.PEM))
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise Malformed(f"{name} is not a PEM certificate") from error
    if certificate.public_key() != key.public_key:
        raise Malformed(f"{name} is the certificate of another key")
    return certificate


def _private(key: StoredKey) -> ec.EllipticCurvePrivateKey:
    assert isinstance(key.private_key, ec.EllipticCurvePrivateKey)
    return key.private_key


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(subject: str, issuer: x509.Name, now: datetime) -> x509.CertificateBuilder:
    start = now.astimezone(UTC).replace(microsecond=0) - _BACKDATE
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + LIFETIME)
    )


def _root(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    public = key.public_key()
    return (
        _builder(CA_NAME, _name(CA_NAME), now)
        .public_key(public)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(ca=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    key: ec.EllipticCurvePrivateKey, subject: str, *, issuer: StoredKey, root: x509.Certificate, now: datetime
) -> x509.Certificate:
    public, authority = key.public_key(), _private(issuer)
    authority_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
    return (
        _builder(subject, root.subject, now)
        .public_key(public)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(ca=False), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(authority_id, critical=False)
        .sign(authority, hashes.SHA256())
    )


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
