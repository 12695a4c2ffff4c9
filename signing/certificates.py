"""Certificates of our keys: those of an authority that is licensed, or of one of our own making.

The authority of our own is meant for one machine and for tests: a public service signs with a certificate of a
licensed Vietnamese authority. Its PEM file is put into the keystore folder as `receipt.0001.crt`, the key's own
certificate first and those above it after. What is made here is ECDSA P-256 throughout; the signer's key usage is
digitalSignature and nonRepudiation (RFC 5280 section 4.2.1.3).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from signing.errors import Expired, ForbiddenAlgorithm, Malformed, UnknownKey
from signing.keyfiles import read_certificates
from signing.keys import Kind
from signing.keystore import Keystore, StoredKey
from signing.signer import KeySigner, Scheme, public_key_of, scheme_of

CA_PURPOSE: Final = "test-ca"
CA_NAME: Final = "Cổng 4 test authority"
LIFETIME: Final = timedelta(days=3650)
MAX_CHAIN: Final = 10
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
    """As `ensure_signer`, for a key that must be P-256. Raises `Malformed` also for another kind."""
    signer = ensure_signer(store, purpose, subject=subject, now=now)
    if not isinstance(signer.private_key, ec.EllipticCurvePrivateKey):
        raise Malformed(f"The key for {purpose} is not of kind {Kind.P256}")
    return SigningCertificate(signer.private_key, signer.certificate, signer.chain or (signer.certificate,))


def ensure_signer(store: Keystore, purpose: str, *, subject: str, now: datetime) -> KeySigner:
    """Who signs documents for `purpose` at `now`; a P-256 key with a certificate of our own is made if there is none.

    `subject` is the common name. Raises `Malformed` when a certificate cannot be read, is of another key, or came
    without those above it, `Expired` when none is valid at `now`, `ForbiddenAlgorithm` for a key that signs none.
    """
    if not store.all_keys(purpose):
        store.ensure(CA_PURPOSE, Kind.P256, now=now)
        store.ensure(purpose, Kind.P256, now=now)
    key = store.current(purpose, now=now)
    store.ensure_file(key.file("crt"), lambda: _made(store, key, subject, now))
    signer = signer_of(store, key)
    if not signer.certificate.not_valid_before_utc <= now <= signer.certificate.not_valid_after_utc:
        raise Expired(f"The certificate for {purpose} is not valid now")
    return signer


def signer_of(store: Keystore, key: StoredKey) -> KeySigner:
    """The key with the certificate beside it. Raises as `ensure_signer`, and `UnknownKey` where there is none."""
    if isinstance(key.private_key, Ed25519PrivateKey):
        raise ForbiddenAlgorithm(f"The key for {key.purpose} is of kind {key.kind}, which signs no documents")
    leaf, others = _read(key, store.read_file(key.file("crt")))
    if leaf.issuer == _name(CA_NAME) and leaf.issuer != leaf.subject:
        authority = store.all_keys(CA_PURPOSE)
        others = [*others, *(_read(each, store.read_file(each.file("crt")))[0] for each in authority)]
    chain = chain_of(leaf, others)
    if not chain and leaf.issuer != leaf.subject:
        raise Malformed(f"{key.file('crt')} is without the certificates above it")
    return KeySigner(key.private_key, leaf, chain)


def certify_next(store: Keystore, key: StoredKey, *, now: datetime) -> bool:
    """Give `key` a certificate as the key before it has, if that one is of our own making; else False.

    A key whose predecessor has a certificate of a licensed authority waits until its own is put beside it.
    """
    if key.generation == 1:
        return False
    before = f"{key.purpose}.{key.generation - 1:04d}.crt"
    try:
        leaf = read_certificates(before, store.read_file(before))[0]
    except UnknownKey:
        return False
    if leaf.issuer != _name(CA_NAME):
        return False
    names = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    subject = str(names[0].value) if names else key.owner
    store.ensure_file(key.file("crt"), lambda: _made(store, key, subject, now))
    return True


def chain_of(leaf: x509.Certificate, others: Iterable[x509.Certificate]) -> tuple[x509.Certificate, ...]:
    """Those of `others` that lead up from `leaf`, its issuer first, by names and signatures; at most `MAX_CHAIN`."""
    pool, chain, below = list(others), list[x509.Certificate](), leaf
    while len(chain) < MAX_CHAIN and below.issuer != below.subject:
        above = next((each for each in pool if _issued(below, each)), None)
        if above is None:
            break
        pool.remove(above)
        chain.append(above)
        below = above
    return tuple(chain)


def scheme_of_certificate(certificate: x509.Certificate) -> Scheme:
    """What the certificate's key signs documents with. Raises `ForbiddenAlgorithm`, also for a key of no known kind."""
    try:
        return scheme_of(public_key_of(certificate))
    except (ValueError, UnsupportedAlgorithm):
        raise ForbiddenAlgorithm("The certificate has a key of a kind that is not used here") from None


def _issued(below: x509.Certificate, above: x509.Certificate) -> bool:
    try:
        below.verify_directly_issued_by(above)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _read(key: StoredKey, pem: bytes) -> tuple[x509.Certificate, list[x509.Certificate]]:
    leaf, *others = read_certificates(key.file("crt"), pem)
    scheme_of_certificate(leaf)
    if leaf.public_key() != key.public_key:
        raise Malformed(f"{key.file('crt')} is the certificate of another key")
    return leaf, others


def _made(store: Keystore, key: StoredKey, subject: str, now: datetime) -> bytes:
    """A certificate of our own authority for `key`, in PEM. Raises `Malformed` for a key that is not P-256."""
    if not isinstance(key.private_key, ec.EllipticCurvePrivateKey):
        raise Malformed(f"{key.file('crt')} is absent: only P-256 keys get a certificate of our own making")
    authority = store.ensure(CA_PURPOSE, Kind.P256, now=now)
    made = _leaf(key.private_key, subject, issuer=authority, root=_root_of(store, now), now=now)
    return made.public_bytes(Encoding.PEM)


def _root_of(store: Keystore, now: datetime) -> x509.Certificate:
    authority = store.ensure(CA_PURPOSE, Kind.P256, now=now)
    pem = store.ensure_file(
        authority.file("crt"), lambda: _root(_private(authority), now).public_bytes(Encoding.PEM)
    )
    return _read(authority, pem)[0]


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
