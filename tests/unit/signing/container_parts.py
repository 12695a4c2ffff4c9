"""A container made by hand: leaves of a small log, a checkpoint, a manifest, and a CMS by another library than ours."""

import base64
import hashlib
import hmac
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID

ORIGIN = "log.example/log"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CASE = "H28-261124-0001"
SALT = b"s" * 32
AT = datetime(2026, 11, 24, tzinfo=UTC)
MANIFEST = "META-INF/ASiCManifest.xml"
PDF, FACTS, JWS = b"%PDF-1.7 receipt", b'{"total_vnd":1}', b"a.b.c"


def spelled(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _certificate(
    key: ec.EllipticCurvePrivateKey,
    name: str,
    above: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer, signer = (subject, key) if above is None else (above[0].subject, above[1])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(0x80FF0000 + len(name))  # a number whose DER begins with a zero byte
        .not_valid_before(AT)
        .not_valid_after(AT + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=above is None, path_length=None), critical=True)
        .sign(signer, hashes.SHA256())
    )


ROOT_KEY, SIGNER_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
ROOT = _certificate(ROOT_KEY, "Root", None)
SIGNER = _certificate(SIGNER_KEY, "Cổng 4", (ROOT, ROOT_KEY))
OTHER_ROOT = _certificate(ROOT_KEY, "Another", None)


def log_key(key: Ed25519PrivateKey = LOG_KEY, origin: str = ORIGIN) -> str:
    raw = b"\x01" + key.public_key().public_bytes_raw()
    name = hashlib.sha256(origin.encode() + b"\n" + raw).hexdigest()[:8]
    return f"{origin}+{name}+{base64.b64encode(raw).decode()}"


def commit(salt: bytes, value: object) -> str:
    return hmac.new(salt, spelled(value).encode(), "sha256").hexdigest()


OPENED: dict[int, dict[str, object]] = {}
"""What stands behind the commitments of a leaf, by its number."""


def salt_of(number: int, name: str) -> bytes:
    return SALT + f"{number}:{name}".encode()


def leaf(
    number: int,
    type_: str,
    subject: tuple[str, str],
    version: int,
    moves: tuple[str | None, str | None],
    **hidden: object,
) -> dict[str, Any]:
    """A leaf that shows nothing but its frame: `hidden` are committed, as is a reason."""
    told = {"reason": f"vì sao {number}", **hidden}
    OPENED[number] = told
    return {
        "v": 1,
        "id": number,
        "type": type_,
        "subject": {"kind": subject[0], "id": subject[1]},
        "version": version,
        "from": moves[0],
        "to": moves[1],
        "actor": "gateway",
        "occurred_at": f"2026-11-24T02:55:{number:02d}.000000Z",
        "recorded_at": f"2026-11-24T02:55:{number:02d}.000000Z",
        "case": commit(SALT, CASE),
        "data": {},
        "committed": {name: commit(salt_of(number, name), value) for name, value in told.items()},
    }


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


LEAVES = (
    leaf(1, "case.draft", ("case", "c"), 1, (None, "draft")),
    leaf(2, "case.document_stored", ("case", "c"), 1, ("draft", None), document="to-khai"),
    leaf(3, "case.registered", ("case", "c"), 2, ("draft", "registered"), submission_receipt_sha256=sha(JWS)),
    leaf(4, "payment.created", ("payment", "p"), 1, (None, "created")),
    leaf(5, "payment.started", ("payment", "p"), 2, ("created", "pending")),
    leaf(6, "payment.succeeded", ("payment", "p"), 3, ("pending", "paid")),
    leaf(
        7,
        "receipt.issued",
        ("receipt", "r"),
        1,
        ("numbered", "issued"),
        receipt_number="H28-26E-0000001",
        pdf_sha256=sha(PDF),
        json_sha256=sha(FACTS),
    ),
)


@dataclass
class Parts:
    """What a container is made of; a test changes some of it and packs it again."""

    leaves: list[dict[str, Any]] = field(default_factory=lambda: [dict(each) for each in LEAVES])
    places: list[int] = field(default_factory=lambda: [0, 1, 3, 4, 6, 8, 9])
    papers: dict[str, bytes] = field(
        default_factory=lambda: {
            "receipts/H28-26E-0000001.pdf": PDF,
            "receipts/H28-26E-0000001.json": FACTS,
            "submission-receipt.jws": JWS,
            "README.txt": "chứng cứ".encode(),
        }
    )
    key: Ed25519PrivateKey = LOG_KEY
    size: int = 11
    case_code: str = CASE
    case_salt: bytes = SALT

    def evidence(self) -> dict[str, Any]:
        hashes_, bodies = self._hashes()
        return {
            "v": 1,
            "case_code": self.case_code,
            "log": {"origin": ORIGIN, "key": log_key(self.key)},
            "size": self.size,
            "events": [
                {
                    "index": place,
                    "leaf": body,
                    "path": [each.hex() for each in _path(place, hashes_)],
                    "opened": {
                        "case": {"value": CASE, "salt": self.case_salt.hex()},
                        **{
                            name: {"value": value, "salt": salt_of(told["id"], name).hex()}
                            for name, value in OPENED[told["id"]].items()
                        },
                    },
                }
                for place, body, told in zip(self.places, bodies, self.leaves, strict=True)
            ],
        }

    def _hashes(self) -> tuple[list[bytes], list[str]]:
        bodies = [spelled(each) for each in self.leaves]
        found = [hashlib.sha256(b"\x00other %d" % at).digest() for at in range(self.size)]
        for place, body in zip(self.places, bodies, strict=True):
            found[place] = hashlib.sha256(b"\x00" + body.encode()).digest()
        return found, bodies

    def checkpoint(self) -> str:
        root = base64.b64encode(_root(self._hashes()[0])).decode()
        text = f"{ORIGIN}\n{self.size}\n{root}\n"
        raw = bytes.fromhex(log_key(self.key).split("+")[1]) + self.key.sign(text.encode())
        return f"{text}\n— {ORIGIN} {base64.b64encode(raw).decode()}\n"

    def files(self) -> dict[str, bytes]:
        told = {
            "evidence.json": spelled(self.evidence()).encode(),
            "checkpoint.txt": self.checkpoint().encode(),
        }
        return {**told, **self.papers}

    def packed(self) -> bytes:
        return pack(self.files())


def _root(row: Sequence[bytes]) -> bytes:
    if len(row) == 1:
        return row[0]
    split = 1 << (len(row) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + _root(row[:split]) + _root(row[split:])).digest()


def _path(index: int, row: Sequence[bytes]) -> list[bytes]:
    if len(row) == 1:
        return []
    split = 1 << (len(row) - 1).bit_length() - 1
    if index < split:
        return [*_path(index, row[:split]), _root(row[split:])]
    return [*_path(index - split, row[split:]), _root(row[:split])]


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    told = "".join(
        f'<asic:DataObjectReference URI="{name}"><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        f"<ds:DigestValue>{base64.b64encode(hashlib.sha256(content).digest()).decode()}</ds:DigestValue>"
        "</asic:DataObjectReference>"
        for name, content in files.items()
    )
    return (
        '<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
        f'<asic:SigReference URI="META-INF/signature.p7s"/>{told}</asic:ASiCManifest>'
    ).encode()


def signed(data: bytes, key: ec.EllipticCurvePrivateKey = SIGNER_KEY) -> bytes:
    builder = pkcs7.PKCS7SignatureBuilder().set_data(data).add_signer(SIGNER, key, hashes.SHA256())
    return builder.sign(Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary])


def pack(files: Mapping[str, bytes], **meta: bytes) -> bytes:
    """The ZIP; `manifest` and `signature` may be given, else they are made for these files."""
    manifest = meta.get("manifest", manifest_of(files))
    parts = {
        "mimetype": b"application/vnd.etsi.asic-e+zip",
        **files,
        MANIFEST: manifest,
        "META-INF/signature.p7s": meta.get("signature", signed(manifest)),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 11, 24, 0, 0, 0)), content)
    return out.getvalue()
