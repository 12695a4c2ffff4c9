"""A container made by hand: leaves of a small log, a checkpoint, a manifest, and a CMS by another library than ours."""

import base64
import hashlib
import hmac
import io
import json
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
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
PDF, FACTS, XML, JWS = b"%PDF-1.7 receipt", b'{"total_vnd":1}', b"<BienLai/>", b"a.b.c"
PAPER, PAPER_FACTS = b"%PDF-1.7 form 01", b'{"form":"01"}'
ORDER = b"POST /v1/payments HTTP/1.1\r\n\r\n{}"


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


def certificate_of(key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    """A certificate that nobody but its holder issued."""
    return _certificate(key, name, None)


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
    return hashlib.sha256(SALT + f"{number}:{name}".encode()).digest()


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
    leaf(4, "payment.created", ("payment", "p"), 1, (None, "created"), cause=f"inbox:4:{sha(ORDER)}"),
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
        xml_sha256=sha(XML),
    ),
    leaf(
        8,
        "paper.issued",
        ("paper", "f1"),
        1,
        (None, "issued"),
        form="mau_01",
        paper_id="f1",
        pdf_sha256=sha(PAPER),
        json_sha256=sha(PAPER_FACTS),
    ),
)


@dataclass
class Parts:
    """What a container is made of; a test changes some of it and packs it again."""

    leaves: list[dict[str, Any]] = field(default_factory=lambda: [dict(each) for each in LEAVES])
    places: list[int] = field(default_factory=lambda: [0, 1, 3, 4, 5, 6, 8, 9])
    papers: dict[str, bytes] = field(
        default_factory=lambda: {
            "receipts/H28-26E-0000001.pdf": PDF,
            "receipts/H28-26E-0000001.json": FACTS,
            "receipts/H28-26E-0000001.xml": XML,
            "papers/f1.pdf": PAPER,
            "papers/f1.json": PAPER_FACTS,
            "submission-receipt.jws": JWS,
            "README.txt": "chứng cứ".encode(),
        }
    )
    key: Ed25519PrivateKey = LOG_KEY
    size: int = 11
    case_code: str = CASE
    respelled: dict[int, Callable[[str], str]] = field(default_factory=dict)
    """Of some leaves by their place, what makes another text of the canonical one."""
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
        plain = [spelled(each) for each in self.leaves]
        bodies = [self.respelled.get(at, str)(body) for at, body in enumerate(plain)]
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
        f'<asic:DataObjectReference URI="{name}">\n'
        '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>'
        f"<ds:DigestValue>{base64.b64encode(hashlib.sha256(content).digest()).decode()}</ds:DigestValue>\n"
        "</asic:DataObjectReference>\n"
        for name, content in sorted(files.items())
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" '
        'xmlns:ds="http://www.w3.org/2000/09/xmldsig#">\n'
        '<asic:SigReference URI="META-INF/signature.p7s" MimeType="application/pkcs7-signature"/>\n'
        f"{told}</asic:ASiCManifest>\n"
    ).encode()


def signed(
    data: bytes,
    key: ec.EllipticCurvePrivateKey = SIGNER_KEY,
    certificate: x509.Certificate = SIGNER,
    *,
    attached: bool = False,
) -> bytes:
    builder = pkcs7.PKCS7SignatureBuilder().set_data(data).add_signer(certificate, key, hashes.SHA256())
    options = [pkcs7.PKCS7Options.Binary, *([] if attached else [pkcs7.PKCS7Options.DetachedSignature])]
    return builder.sign(Encoding.DER, options)


def pack(files: Mapping[str, bytes], **meta: bytes) -> bytes:
    """The ZIP; `manifest` and `signature` may be given, else they are made for these files."""
    manifest = meta.get("manifest", manifest_of(files))
    return zipped(
        [
            ("mimetype", b"application/vnd.etsi.asic-e+zip"),
            *sorted(files.items()),
            (MANIFEST, manifest),
            ("META-INF/signature.p7s", meta.get("signature", signed(manifest))),
        ]
    )


def zipped(parts: Iterable[tuple[str, bytes]], **changes: object) -> bytes:
    """A ZIP of these files in this order, by Python's own library; `changes` to what it says of each."""
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as archive:
        warnings.filterwarnings("ignore", "Duplicate name", UserWarning)  # some are asked for
        for name, content in parts:
            told = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            told.external_attr = 0o100644 << 16
            for each, value in changes.items():
                setattr(told, each, value)
            archive.writestr(told, content)
    return out.getvalue()


def unzipped(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
