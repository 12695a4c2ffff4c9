"""The keys that the sandbox's signing service keeps for its people: one authority, and a certificate for each key."""

import base64
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

SCHEMA = """
CREATE TABLE IF NOT EXISTS csc_keys (
    name TEXT PRIMARY KEY, pem TEXT NOT NULL, certificate TEXT NOT NULL);
"""
AUTHORITY = "Nhà cung cấp chữ ký số thử nghiệm"
LIFETIME = timedelta(days=1095)
P256_BYTES = 32
ECDSA_SHA256, EC_KEY = "1.2.840.10045.4.3.2", "1.2.840.10045.2.1"
RSA_SHA256, RSA_KEY = "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.1"
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Person:
    """One whose key is kept. `by_phone`: consents on the phone, else by a PIN; `raw`: ECDSA is given as r||s."""

    credential: str
    name: str
    kind: str
    by_phone: bool = False
    raw: bool = False


PEOPLE: Mapping[str, Person] = {
    each.credential: each
    for each in (
        Person("can-bo-dien-thoai", "Trần Thị Thử Nghiệm", "p256", by_phone=True),
        Person("can-bo-pin", "Lê Văn Thử Nghiệm", "p256", raw=True),
        Person("con-dau-rsa", "Sở Tư pháp (thử nghiệm)", "rsa"),
    )
}


@dataclass(frozen=True, slots=True)
class Kept:
    """A key with its certificate and the authority's."""

    key: PrivateKey = field(repr=False)
    certificate: x509.Certificate
    authority: x509.Certificate

    @property
    def algorithms(self) -> list[str]:
        """What the key signs by, as the service offers it."""
        return (
            [EC_KEY, ECDSA_SHA256]
            if isinstance(self.key, ec.EllipticCurvePrivateKey)
            else [RSA_KEY, RSA_SHA256]
        )

    def chain(self) -> list[str]:
        """The certificates in Base64 of DER, the key's own first."""
        both = (self.certificate, self.authority)
        return [base64.b64encode(each.public_bytes(Encoding.DER)).decode() for each in both]

    def sign(self, digest: bytes, *, raw: bool) -> bytes:
        """The signature over a SHA-256 digest."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))
        made = self.key.sign(digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        if not raw:
            return made
        r, s = utils.decode_dss_signature(made)
        return r.to_bytes(P256_BYTES, "big") + s.to_bytes(P256_BYTES, "big")


def kept(db: sqlite3.Connection, person: Person, now: datetime) -> Kept:
    """The key of a person, made at the first look."""
    above, authority = _stored(db, "authority", "p256", lambda key: _certificate(key, AUTHORITY, None, now))
    key, leaf = _stored(
        db,
        person.credential,
        person.kind,
        lambda made: _certificate(made, person.name, (above, authority), now),
    )
    return Kept(key, leaf, authority)


def _stored(
    db: sqlite3.Connection, name: str, kind: str, certify: Callable[[PrivateKey], x509.Certificate]
) -> tuple[PrivateKey, x509.Certificate]:
    row = db.execute("SELECT pem, certificate FROM csc_keys WHERE name = ?", (name,)).fetchone()
    if row is not None:
        known = load_pem_private_key(row["pem"].encode(), password=None)
        assert isinstance(known, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey), "made below"
        return known, x509.load_pem_x509_certificate(row["certificate"].encode())
    key: PrivateKey = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if kind == "rsa"
        else ec.generate_private_key(ec.SECP256R1())
    )
    certificate = certify(key)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    values = (name, pem, certificate.public_bytes(Encoding.PEM).decode())
    db.execute("INSERT INTO csc_keys VALUES (?, ?, ?)", values)
    return key, certificate


def _certificate(
    key: PrivateKey, name: str, above: tuple[PrivateKey, x509.Certificate] | None, now: datetime
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    is_authority = above is None
    usage = x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=not is_authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )
    start = now.replace(microsecond=0) - timedelta(minutes=5)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if above is None else above[1].subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + LIFETIME)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(key if above is None else above[0], hashes.SHA256())
    )
