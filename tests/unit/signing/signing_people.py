"""Who signs in these tests, and whom they trust: one root, signers with RSA and P-256, a stranger, a time authority."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from asn1crypto import cms, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from signing.errors import SigningError
from signing.signer import KeySigner
from signing.timestamps import read_stamp
from signing.verdicts import Indication, Judgement, Sub, ValidationData

AT = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
LATER = AT + timedelta(days=3650)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def p256(_name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def certify(
    common: str,
    key: Key,
    issuer: str,
    issuer_key: Key,
    *,
    ca: bool = False,
    stamps: bool = False,
    serial: int = 0,
) -> x509.Certificate:
    """A certificate that is valid from a day before to a year after `AT`."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(AT - timedelta(days=1))
        .not_valid_after(AT + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .add_extension(
            x509.KeyUsage(
                digital_signature=not ca,
                content_commitment=not ca,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=ca,
                crl_sign=ca,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if stamps:
        usage = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.TIME_STAMPING])
        builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


ROOT = certify("Root", p256("root"), "Root", p256("root"), ca=True)
OTHER_ROOT = certify("Other root", p256("other root"), "Other root", p256("other root"), ca=True)


def signer(kind: str = "p256") -> KeySigner:
    return _signer(kind, "Signer")


@cache
def _signer(kind: str, name: str) -> KeySigner:
    key = rsa_key() if kind == "rsa" else p256(name)
    return KeySigner(key, certify(name, key, "Root", p256("root")), (ROOT,))


@cache
def stranger() -> KeySigner:
    key = p256("stranger")
    return KeySigner(key, certify("Stranger", key, "Other root", p256("other root")), (OTHER_ROOT,))


@dataclass(frozen=True, slots=True)
class OneRoot:
    """Trusts what the root issued itself, in its time, and every time-stamp that fits its digest."""

    root: x509.Certificate = ROOT

    def judge(
        self,
        certificate: x509.Certificate,
        others: Sequence[x509.Certificate],
        *,
        at: datetime,
        data: ValidationData | None = None,
    ) -> Judgement:
        try:
            certificate.verify_directly_issued_by(self.root)
        except (ValueError, TypeError, InvalidSignature):
            return Judgement(Indication.INDETERMINATE, Sub.NO_CERTIFICATE_CHAIN_FOUND, "No root of ours")
        if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
            return Judgement(Indication.INDETERMINATE, Sub.OUT_OF_BOUNDS_NO_POE, "Out of its time")
        return Judgement(Indication.PASSED)

    def gather(
        self, certificate: x509.Certificate, others: Sequence[x509.Certificate], *, at: datetime
    ) -> ValidationData:
        return ValidationData(certificates=(self.root.public_bytes(Encoding.DER),), ocsps=(), crls=())

    def stamped_at(self, token: bytes, digest: bytes) -> datetime | Judgement:
        try:
            return read_stamp(token, digest).at
        except SigningError:
            return Judgement(Indication.FAILED, Sub.HASH_FAILURE, "The time-stamp does not fit")


@dataclass(frozen=True, slots=True)
class Clock:
    """A time-stamping authority of the tests; `moment` is what its clock shows.

    `signs_with` is the digest under its signature.
    """

    moment: datetime = AT + timedelta(minutes=1)
    signs_with: str = "sha256"

    def stamp(self, digest: bytes) -> bytes:
        info = tsp.TSTInfo(
            {
                "version": "v1",
                "policy": "1.2.3.4",
                "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest},
                "serial_number": 7,
                "gen_time": self.moment,
            }
        )
        authority = p256("clock")
        certificate = asn1_x509.Certificate.load(_clock_certificate().public_bytes(Encoding.DER))
        kind = {"sha1": hashes.SHA1, "sha256": hashes.SHA256}[self.signs_with]()
        digested = hashes.Hash(kind)
        digested.update(info.dump())
        attributes = cms.CMSAttributes(
            [
                cms.CMSAttribute({"type": "content_type", "values": ["tst_info"]}),
                cms.CMSAttribute({"type": "message_digest", "values": [digested.finalize()]}),
            ]
        )
        encapsulated = {"content_type": "tst_info", "content": cms.ParsableOctetString(info.dump())}
        signed = {
            "version": "v3",
            "digest_algorithms": [{"algorithm": self.signs_with}],
            "encap_content_info": encapsulated,
            "certificates": [cms.CertificateChoices("certificate", certificate)],
            "signer_infos": [
                {
                    "version": "v1",
                    "sid": {
                        "issuer_and_serial_number": {
                            "issuer": certificate.issuer,
                            "serial_number": certificate.serial_number,
                        }
                    },
                    "digest_algorithm": {"algorithm": self.signs_with},
                    "signed_attrs": attributes,
                    "signature_algorithm": {"algorithm": f"{self.signs_with}_ecdsa"},
                    "signature": authority.sign(attributes.dump(), ec.ECDSA(kind)),
                }
            ],
        }
        return bytes(cms.ContentInfo({"content_type": "signed_data", "content": signed}).dump())


@cache
def _clock_certificate() -> x509.Certificate:
    return certify("Clock", p256("clock"), "Root", p256("root"), stamps=True)


def write_pem(folder: Path, who: KeySigner) -> tuple[Path, Path, Path]:
    """The files of key, certificate and root, for the programs that read such files."""
    key, certificate, root = folder / "key.pem", folder / "certificate.pem", folder / "root.pem"
    pem = who.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key.write_bytes(pem)
    certificate.write_bytes(who.certificate.public_bytes(Encoding.PEM))
    root.write_bytes(who.chain[-1].public_bytes(Encoding.PEM))
    return key, certificate, root


def run(*command: str | Path) -> tuple[int, bytes]:
    """The exit code and everything that a program of the system said."""
    done = subprocess.run([str(each) for each in command], capture_output=True, check=False, timeout=20)
    return done.returncode, done.stdout + done.stderr


def with_certificate(who: KeySigner, certificate: x509.Certificate) -> KeySigner:
    return replace(who, certificate=certificate)
