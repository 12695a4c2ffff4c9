"""Checks the container of a case, with no network, no database and nothing but the `cryptography` package.

This file stands alone: hand it to an auditor. `python verifier.py FILE… [--log-key FILE] [--root ROOT.pem]`

It goes from the outside to the inside and stops at the first thing that does not hold: the ZIP, which must be the one
that its files make, byte by byte; its manifest; the signature over the manifest; the checkpoint of the log; each
event's path to it; the order and completeness of the events of each thing; what is opened of the person; the receipts,
papers and orders that the events name. `gateway/web/static/verify.js` takes the same steps and uses the same words.
"""

import argparse
import base64
import hashlib
import hmac
import json
import re
import struct
import sys
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

VERSION = 1
MOST_BYTES = 200_000_000
MOST_FILES = 1_000
MOST_NAME = 200
MOST_DEPTH = 16
MOST_SHOWN = 80
LARGEST_INTEGER = 2**53 - 1
LEAST_RSA_BITS = 2048
MIMETYPE, MANIFEST, SIGNATURE = "mimetype", "META-INF/ASiCManifest.xml", "META-INF/signature.p7s"
ASIC_E = b"application/vnd.etsi.asic-e+zip"
FIXED = frozenset(
    {
        "README.txt",
        "evidence.json",
        "checkpoint.txt",
        "checkpoint.tsr",
        "keys.json",
        MIMETYPE,
        MANIFEST,
        SIGNATURE,
    }
)
"""What a container may hold besides the papers that its events name."""
_STEP = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_NAME = re.compile(rf"(?:{_STEP}/){{0,3}}{_STEP}")
_HEX = re.compile(r"[0-9a-f]{64}")
_SIZE = re.compile(r"0|[1-9][0-9]{0,14}")
_MOMENT = re.compile(r"2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_ORDERED = re.compile(r"inbox:([0-9]{1,19}):([0-9a-f]{64})")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_UNREADABLE = (
    *(ValueError, TypeError, LookupError, StopIteration, OverflowError, UnsupportedAlgorithm),
    *(x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType),
)
_Value = tuple[int, bytes, bytes]
_Event = tuple[str, Mapping[str, Any]]

# the version of the first event of a thing: these are put down as drafts and intentions, without an event of their own
_FIRST = {"delivery": 2, "legal_receipt": 2}

STEPS: Mapping[str, tuple[str, str]] = {
    "case.registered": ("đã nộp", "submitted"),
    "case.accepted": ("được tiếp nhận", "accepted"),
    "case.refused": ("không được tiếp nhận", "not accepted"),
    "case.withdrawn": ("đã rút", "withdrawn"),
    "case.stopped": ("dừng xử lý", "stopped"),
    "payment.succeeded": ("đã nhận được tiền", "the money received"),
    "refund.succeeded": ("đã hoàn tiền", "the money given back"),
    "case.result_ready": ("có kết quả", "the result ready"),
    "case.result_delivered": ("đã trả kết quả", "the result handed over"),
}
"""What a citizen is told of, in his words."""


class Broken(Exception):  # noqa: N818 - named for what is found
    """The first thing that does not hold, in Vietnamese and in English."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(f"{vi} / {en}")


@dataclass(frozen=True, slots=True)
class Proof:
    """What holds. Times are the log's own, RFC 3339 in UTC. `key_given`: the log's key came from the reader.

    `steps` are (type, time) of what a citizen is told of; `receipts`, `papers` and `orders` what the container holds of
    them; `forgotten_at` when the person was forgotten, else nothing.
    """

    case_code: str
    events: int
    first_at: str
    last_at: str
    origin: str
    size: int
    stamped_at: str
    stamped_by: str
    steps: tuple[tuple[str, str], ...]
    receipts: tuple[str, ...]
    papers: tuple[str, ...]
    orders: tuple[str, ...]
    forgotten_at: str
    signed_by: str
    key_given: bool
    root_given: bool

    def sentence(self) -> str:
        """All of it in one sentence of each language; times are Vietnam's."""
        return f"{self._told(0)}. / {self._told(1)}."

    def _told(self, language: int) -> str:
        first, last = (_spoken(each)[language] for each in (self.first_at, self.last_at))
        steps = ", ".join(f"{STEPS[type_][language]} {_spoken(at)[language]}" for type_, at in self.steps)
        who, log = _shown(self.case_code), f"{_shown(self.origin)} ({self.size}"
        vi, en = f"Hồ sơ {who}: ", f"Case {who}: "
        if steps:
            vi, en = f"{vi}{steps}; ", f"{en}{steps}; "
        vi += f"{self.events} việc ghi từ {first} đến {last} (giờ Việt Nam) còn nguyên, không thiếu, "
        vi += f"đúng thứ tự trong sổ {log} mục)"
        en += f"{self.events} events recorded from {first} to {last} (Vietnam time) are whole, none is missing, "
        en += f"all in order in the log {log} leaves)"
        for more_vi, more_en in self._more():
            vi, en = f"{vi}{more_vi}", f"{en}{more_en}"
        return (vi, en)[language]

    def _more(self) -> Iterator[tuple[str, str]]:
        if self.stamped_at:
            by, (vi, en) = _shown(self.stamped_by), _spoken(self.stamped_at)
            yield f", sổ có dấu thời gian {vi} của {by}", f", which {by} time-stamped {en}"
        held = (("biên lai", "receipt", self.receipts), ("giấy", "paper", self.papers))
        for vi, en, names in (*held, ("lệnh nộp tiền của cổng", "order of the portal", self.orders)):
            if names:
                yield f"; kèm {vi} {', '.join(names)}", f"; with {en} {', '.join(names)}"
        if self.forgotten_at:
            vi, en = _spoken(self.forgotten_at)
            yield (
                f"; dữ liệu cá nhân đã được xóa {vi}: mã hồ sơ chỉ theo lời người ký",
                f"; what concerned the person was forgotten {en}: the code of the case is the signer's word",
            )
        yield f"; tệp do {_shown(self.signed_by)} ký", f"; the file is signed by {_shown(self.signed_by)}"
        if not self.root_given:
            yield ", chưa so với chứng thư đã công bố", ", not compared with the published certificate"
        if not self.key_given:
            yield (
                "; khóa của sổ lấy từ chính tệp này, hãy so với khóa đã công bố",
                "; the key of the log is the one in this file: compare it with the published one",
            )


def check(data: bytes, *, key: str | None = None, root: x509.Certificate | None = None) -> Proof:
    """What the container proves. `key` is the log's as published, `root` the one of the container's signer.

    Raises `Broken`.
    """
    files = _unzipped(data)
    _manifest(files)
    signed_by = _signature(files[SIGNATURE], files[MANIFEST], root)
    told = _json(files["evidence.json"], "evidence.json", "evidence.json")
    if _member(told, "v", int) != VERSION:
        raise Broken("Tệp thuộc phiên bản khác", "The file is of another version")
    origin, size, tree = _checkpoint(files["checkpoint.txt"], key, _text(_member(told, "log", dict), "key"))
    if _member(told, "size", int) != size or _text(told["log"], "origin") != origin:
        raise Broken("evidence.json là của sổ khác", "evidence.json is of another checkpoint")
    case_code, events = _text(told, "case_code"), _member(told, "events", list)
    leaves = [_event(each, at, size, tree) for at, each in enumerate(events, start=1)]
    if not leaves:
        raise Broken("Tệp không có sự kiện nào", "The file has no events")
    _order([each["index"] for each in events], leaves)
    forgotten_at = _moment(told, "forgotten_at") if "forgotten_at" in told else ""
    for at, (each, leaf) in enumerate(zip(events, leaves, strict=True), start=1):
        _opened(_member(each, "opened", dict), leaf, at, case_code, is_forgotten=bool(forgotten_at))
    held = _papers(files, list(map(_values, events, leaves)))
    stamped_at, stamped_by = _stamp(files)
    return Proof(
        case_code=case_code,
        events=len(leaves),
        first_at=_moment(leaves[0], "recorded_at"),
        last_at=_moment(leaves[-1], "recorded_at"),
        origin=origin,
        size=size,
        stamped_at=stamped_at,
        stamped_by=stamped_by,
        steps=tuple((each["type"], _moment(each, "occurred_at")) for each in leaves if each["type"] in STEPS),
        receipts=held["receipts"],
        papers=held["papers"],
        orders=held["orders"],
        forgotten_at=forgotten_at,
        signed_by=signed_by,
        key_given=key is not None,
        root_given=root is not None,
    )


# --- the ZIP, which is read as the only one that its files make -------------------------------------------


def _unzipped(data: bytes) -> Mapping[str, bytes]:
    files: dict[str, bytes] = {}
    folded: set[str] = set()
    directory, at = [], 0
    while len(data) <= MOST_BYTES and len(files) < MOST_FILES and data[at : at + 4] == b"PK\x03\x04":
        name, content, central = _entry(data, at)
        if name.lower() in folded:
            raise Broken(f"{name} có hai lần trong gói", f"{name} stands twice in the container")
        folded.add(name.lower())
        files[name] = content
        directory.append(central)
        at += 30 + len(name) + len(content)
    if next(iter(files), "") != MIMETYPE or files[MIMETYPE] != ASIC_E:
        raise Broken("Tệp không phải là gói chứng cứ", "The file is no container of evidence")
    listed = b"".join(directory)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(files), len(files), len(listed), at, 0)
    if data[at:] != listed + end:
        raise Broken(
            "Mục lục của gói không khớp với các tệp",
            "The directory of the container is not that of its files",
        )
    for name in (MANIFEST, SIGNATURE, "evidence.json", "checkpoint.txt"):
        if name not in files:
            raise Broken(f"Thiếu {name}", f"{name} is missing")
    named = sorted(files.keys() - {MIMETYPE, MANIFEST, SIGNATURE})
    if list(files) != [MIMETYPE, *named, MANIFEST, SIGNATURE]:
        raise Broken("Các tệp trong gói không đúng thứ tự", "The files of the container stand out of order")
    return files


def _entry(data: bytes, at: int) -> tuple[str, bytes, bytes]:
    """Name and content of the file that stands at `at`, and its entry of the directory."""
    header = data[at : at + 30]
    crc, _, size, name_size = struct.unpack_from("<3LH", header.ljust(30, b"\0"), 14)
    start = at + 30 + name_size
    name, content = data[at + 30 : start].decode("latin-1"), data[start : start + size]
    if not (len(name) <= MOST_NAME and _NAME.fullmatch(name)):
        raise Broken("Gói có tên tệp không đúng", "A file of the container has a name that is not allowed")
    shared = (
        0,
        0,
        0,
        33,
        crc,
        size,
        size,
        name_size,
        0,
    )  # stored as it is, of 1 January 1980, without extra fields
    if header != struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, *shared):
        raise Broken(
            f"Phần đầu của {name} trong gói không đúng", f"The header of {name} is not as it was written"
        )
    if len(content) != size:
        raise Broken(f"{name} bị cắt cụt", f"{name} is cut off")
    if zlib.crc32(content) != crc:
        raise Broken(f"{name} đã bị sửa", f"{name} was changed")
    central = (b"PK\x01\x02", (3 << 8) | 20, 20, *shared, 0, 0, 0, 0o100644 << 16, at)
    return name, content, struct.pack("<4s6H3L5H2L", *central) + name.encode("ascii")


_MANIFEST_BEGIN = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">\n'
    f'<asic:SigReference URI="{SIGNATURE}" MimeType="application/pkcs7-signature"/>\n'
)
_MANIFEST_PART = (
    '<asic:DataObjectReference URI="{}">\n'
    '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>{}</ds:DigestValue>\n'
    "</asic:DataObjectReference>\n"
)
_MANIFEST_END = "</asic:ASiCManifest>\n"
_REFERENCE = re.compile(r'URI="([^"\n]*)">\n[^\n]*<ds:DigestValue>([^<\n]*)<')


def _manifest(files: Mapping[str, bytes]) -> None:
    """Each file is the one that the manifest names. It is read in the one way in which it is written."""
    text = files[MANIFEST].decode("latin-1")
    found = _REFERENCE.findall(text)
    told = "".join(_MANIFEST_PART.format(*each) for each in found)
    named = dict(found)
    if text != f"{_MANIFEST_BEGIN}{told}{_MANIFEST_END}" or [*named] != sorted(each for each, _ in found):
        raise Broken("Không đọc được bảng kê của gói", "The manifest of the container cannot be read")
    for name, content in files.items():
        if name in {MIMETYPE, MANIFEST, SIGNATURE}:
            continue
        wanted = named.pop(name, None)
        if wanted is None:
            raise Broken(
                f"{name} không có trong bảng kê", f"{name} is foreign: the manifest does not name it"
            )
        if base64.b64encode(hashlib.sha256(content).digest()).decode() != wanted:
            raise Broken(f"{name} đã bị sửa", f"{name} was changed")
    for name in named:
        raise Broken(f"Thiếu {_shown(name)}", f"{_shown(name)} is missing")


# --- the signature over the manifest (CMS, RFC 5652) ---------------------------------------------------

_SEQUENCE, _SET, _CONTEXT_0, _INTEGER, _BITS, _OCTETS = 0x30, 0x31, 0xA0, 0x02, 0x03, 0x04
_ONE = b"\x02\x01\x01"
_DATA = bytes.fromhex("06092a864886f70d010701")
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
_HASHES: Mapping[bytes, Callable[[], hashes.HashAlgorithm]] = {
    bytes.fromhex("608648016503040201"): hashes.SHA256,
    bytes.fromhex("608648016503040202"): hashes.SHA384,
    bytes.fromhex("608648016503040203"): hashes.SHA512,
}
# of SHA-256 to 512: the algorithm with the parameter NULL and without one, and how a signature by it is told, which is
# ecdsa-with-SHA…, sha…WithRSAEncryption or rsaEncryption
_SPELLED = {
    bytes.fromhex(f"{begin}060960864801650304020{number}{end}"): {
        bytes.fromhex(f"300a06082a8648ce3d04030{number + 1}"),
        bytes.fromhex(f"300d06092a864886f70d0101{number + 10:02x}0500"),
        bytes.fromhex("300d06092a864886f70d0101010500"),
    }
    for number in (1, 2, 3)
    for begin, end in (("300d", "0500"), ("300b", ""))
}


def _parts(data: bytes) -> Iterator[_Value]:
    """The tag, the content and the whole of each DER value that stands in `data`. Raises `ValueError`."""
    at = 0
    while at < len(data):
        tag, length, start = data[at], data[at + 1], at + 2
        if length & 0x80:
            count = length & 0x7F
            length, start = int.from_bytes(data[start : start + count], "big"), start + count
        if start + length > len(data):
            raise ValueError("a value is longer than what it stands in")
        yield tag, data[start : start + length], data[at : start + length]
        at = start + length


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:  # noqa: PLR2004 - the short form of DER
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _first(data: bytes) -> _Value:
    return next(_parts(data))


def _inner(data: bytes) -> list[_Value]:
    """What stands in the first value of `data`."""
    return list(_parts(_first(data)[1]))


def _of(values: Iterable[_Value], tag: int) -> bytes:
    """The content of the first value with this tag."""
    return next(content for found, content, _ in values if found == tag)


def _signature(cms: bytes, manifest: bytes, root: x509.Certificate | None) -> str:
    """The common name of who signed the manifest."""
    try:
        _require_one_spelling(cms)
        certificate, bag, _ = _signer(cms, manifest)
        is_known = root is None or certificate == root or _is_issued(certificate, root)
        _require_whole([each for each in bag if is_known or each != certificate], bag, root)
    except InvalidSignature:
        raise Broken("Chữ ký của gói không đúng", "The signature of the container does not hold") from None
    except _UNREADABLE:
        raise Broken(
            "Không đọc được chữ ký của gói", "The signature of the container cannot be read"
        ) from None
    name = _common_name(certificate)
    if not is_known:
        raise Broken(
            f"Gói do {_shown(name)} ký, không phải người ký đã biết",
            f"The container is signed by {_shown(name)}, who is not under the given root",
        )
    return name


def _require_one_spelling(cms: bytes) -> None:
    """Nothing stands in the CMS that its signature would not cover. Raises `ValueError`."""
    signed = _inner(_of(_inner(cms), _CONTEXT_0))
    info = _inner(signed[4][1])
    digest, protection = info[2][2], info[4][2]
    issuer, serial = _parts(info[1][1])
    who = _der(_SEQUENCE, issuer[2], _der(_INTEGER, serial[1]))
    told = _der(_SEQUENCE, _ONE, who, *(whole for _, _, whole in info[2:6]))
    whole = _der(
        _SEQUENCE,
        _ONE,
        _der(_SET, digest),
        _der(_SEQUENCE, _DATA),
        _der(_CONTEXT_0, signed[3][1]),
        _der(_SET, told),
    )
    tags = [tag for tag, _, _ in info[1:]]
    if protection not in _SPELLED.get(digest, ()) or tags != [
        _SEQUENCE,
        _SEQUENCE,
        _CONTEXT_0,
        _SEQUENCE,
        _OCTETS,
    ]:
        raise ValueError("the signer is not told as we tell him")
    if cms != _der(_SEQUENCE, _SIGNED_DATA, _der(_CONTEXT_0, whole)):
        raise ValueError("the CMS holds more than a detached signature")


def _signer(cms: bytes, content: bytes | None) -> tuple[x509.Certificate, list[x509.Certificate], bytes]:
    """Whose certificate signed what, where `content` None is what the CMS carries itself; all its certificates."""
    signed = _inner(_of(_inner(cms), _CONTEXT_0))
    carried = _first(_of(_parts(signed[2][1]), _CONTEXT_0))[1] if content is None else content
    bag = [x509.load_der_x509_certificate(whole) for _, _, whole in _parts(_of(signed[3:], _CONTEXT_0))]
    signer = _inner(signed[-1][1])
    hash_ = _HASHES[_first(signer[2][1])[1]]()
    attributes = next(whole for tag, _, whole in signer if tag == _CONTEXT_0)
    found = [list(_parts(each)) for _, each, _ in _parts(_first(attributes)[1])]
    (digest,) = [_first(values[1])[1] for oid, values in found if oid[1] == _MESSAGE_DIGEST]
    hashed = hashes.Hash(hash_)
    hashed.update(carried)
    if hashed.finalize() != digest:
        raise InvalidSignature
    issuer, serial = _parts(signer[1][1])
    number = int.from_bytes(serial[1], "big", signed=True)
    signature = _of(signer[4:], _OCTETS)
    for each in bag:
        if each.serial_number == number and each.issuer.public_bytes() == issuer[2]:
            _verify(each.public_key(), signature, b"\x31" + attributes[1:], hash_)
            return each, bag, carried
    raise ValueError("the signer's certificate is not there")


def _verify(key: object, signature: bytes, data: bytes, hash_: hashes.HashAlgorithm) -> None:
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
        key.verify(signature, data, ec.ECDSA(hash_))
    elif isinstance(key, rsa.RSAPublicKey) and key.key_size >= LEAST_RSA_BITS:
        key.verify(signature, data, padding.PKCS1v15(), hash_)
    else:
        raise TypeError("a key of another kind")


def _require_whole(
    checked: Iterable[x509.Certificate], bag: Iterable[x509.Certificate], root: x509.Certificate | None
) -> None:
    """Each certificate is as its issuer signed it; the uppermost issuer may be missing where no root is given."""
    known = [*bag, *([] if root is None else [root])]
    for each in checked:
        above = [issuer for issuer in known if issuer.subject == each.issuer]
        if not any(_is_issued(each, issuer) for issuer in above) and (above or root is not None):
            raise InvalidSignature


def _is_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, *_UNREADABLE):
        return False
    return certificate.public_bytes(Encoding.DER).endswith(_der(_BITS, b"\0" + certificate.signature))


def _common_name(certificate: x509.Certificate) -> str:
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else ""


def _stamp(files: Mapping[str, bytes]) -> tuple[str, str]:
    """When (UTC) and by whom the checkpoint was seen (RFC 3161); nothing where the container has no time-stamp."""
    if "checkpoint.tsr" not in files:
        return "", ""
    try:
        certificate, _, told = _signer(files["checkpoint.tsr"], None)
        parts = _inner(told)
        _, digest, *_ = _parts(parts[2][1])
        text = files["checkpoint.txt"].rpartition(b"\n\n")[0] + b"\n"
        wrong = digest[1] != hashlib.sha256(text).digest()
        at = datetime.strptime(parts[4][1].decode()[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except (*_UNREADABLE, InvalidSignature):
        raise Broken("Dấu thời gian không đúng", "The time-stamp does not hold") from None
    if wrong:
        raise Broken("Dấu thời gian là của sổ khác", "The time-stamp is of another checkpoint")
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), _common_name(certificate)


# --- the log (C2SP signed-note and tlog-checkpoint, RFC 6962) ------------------------------------------


def _checkpoint(raw: bytes, key: str | None, own_key: str) -> tuple[str, int, bytes]:
    """Name, size and root of the log whose key signed; `own_key` is the one that the container says."""
    found = _signed_by(raw, own_key if key is None else key)
    if found is None and key is not None and (foreign := _signed_by(raw, own_key)):
        other = f"{_shown(foreign[0])}, {_shown(own_key.split('+')[1])}"
        raise Broken(f"Gói là của sổ khác ({other})", f"The container is of another log ({other})")
    if found is None:
        raise Broken("Chữ ký của sổ không đúng", "The checkpoint is not signed by this log")
    return found


def _signed_by(raw: bytes, key: str) -> tuple[str, int, bytes] | None:
    """What the checkpoint says, where this key signed it. Raises `Broken` for what is no key."""
    name, told_id, encoded = [*key.strip().split("+", 2), "", "", ""][:3]
    try:
        known = _base64(encoded)
        public = Ed25519PublicKey.from_public_bytes(known[1:])
    except ValueError:
        raise Broken("Khóa của sổ không đọc được", "The key of the log cannot be read") from None
    key_id = hashlib.sha256(name.encode() + b"\n" + known).digest()[:4]
    text, _, lines = raw.decode("utf-8", "replace").rpartition("\n\n")
    for line in lines.split("\n"):
        words = line.split(" ")
        if len(words) == 3 and words[:2] == ["—", name]:  # noqa: PLR2004 - dash, name, signature
            try:
                signature = _base64(words[2])
                if signature[:4] == key_id and key_id.hex() == told_id and known[0] == 1:
                    public.verify(signature[4:], f"{text}\n".encode())
                    return _told_of(text)
            except (ValueError, InvalidSignature):
                return None
    return None


def _told_of(text: str) -> tuple[str, int, bytes]:
    """Name, size and root of a checkpoint. Raises `ValueError`."""
    origin, size, root = [*text.split("\n"), "", "", ""][:3]
    tree = _base64(root)
    if not origin or not _SIZE.fullmatch(size) or len(tree) != hashlib.sha256().digest_size:
        raise ValueError("this is no checkpoint")
    return origin, int(size), tree


def _base64(text: str) -> bytes:
    raw = base64.b64decode(text.encode("ascii"), validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("this is not written as Base64 writes it")
    return raw


def _event(told: object, at: int, size: int, tree: bytes) -> Mapping[str, Any]:
    """The leaf of an event, whose path leads to the root of the tree."""
    wrong = Broken(
        f"Sự kiện thứ {at} không có trong sổ", f"Event {at} does not stand in the log as it is told"
    )
    if not isinstance(told, dict):
        raise wrong
    body, index = _text(told, "leaf").encode(), _member(told, "index", int)
    path = _member(told, "path", list)
    if not all(isinstance(each, str) and _HEX.fullmatch(each) for each in path) or not 0 <= index < size:
        raise wrong
    found = hashlib.sha256(b"\x00" + body).digest()
    here, last = index, size - 1
    for each in map(bytes.fromhex, path):
        if last == 0:
            raise wrong
        if here & 1 or here == last:
            found = hashlib.sha256(b"\x01" + each + found).digest()
            while not here & 1 and here:
                here, last = here >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + each).digest()
        here, last = here >> 1, last >> 1
    if last != 0 or found != tree:
        raise wrong
    leaf = _json(body, f"sự kiện thứ {at}", f"event {at}")
    _text(leaf, "type")
    return leaf


def _order(indexes: Sequence[int], leaves: Sequence[Mapping[str, Any]]) -> None:
    """In the order of the log; and of each thing every version from 1 on, each from the state of the one before."""
    seen: dict[tuple[str, str], tuple[int, object]] = {}
    for at, (before, index) in enumerate(zip([-1, *indexes[:-1]], indexes, strict=True), start=1):
        if index <= before:
            raise Broken(f"Sự kiện thứ {at} không đúng thứ tự", f"Event {at} stands out of order")
    for at, leaf in enumerate(leaves, start=1):
        subject = _member(leaf, "subject", dict)
        name = (_text(subject, "kind"), _text(subject, "id"))
        version, begins, state = _member(leaf, "version", int), _state(leaf, "from"), _state(leaf, "to")
        last, was = seen.get(name, (0, None))
        moved = state is not None
        follows = version in {last, last + 1} if last else version == _FIRST.get(name[0], 1)
        leads = not (moved and last and version == last + 1) or begins == was
        if not (follows and leads):
            raise Broken(
                f"Thiếu một sự kiện trước sự kiện thứ {at}", f"An event before event {at} is missing"
            )
        seen[name] = (version, state if moved else was)


def _opened(
    opened: Mapping[str, Any], leaf: Mapping[str, Any], at: int, case_code: str, *, is_forgotten: bool
) -> None:
    """What is opened is what was recorded, and of this case; of who was forgotten nothing is opened."""
    committed = {**_member(leaf, "committed", dict), "case": leaf.get("case")}
    for name in sorted(opened):
        each, shown = opened[name], _shown(name)
        is_told = isinstance(each, dict) and each.keys() == {"salt", "value"}
        salt = each["salt"] if is_told else None
        wrong = Broken(
            f"{shown} của sự kiện thứ {at} không đúng", f"{shown} of event {at} is not what was recorded"
        )
        if not isinstance(salt, str) or not _HEX.fullmatch(salt) or is_forgotten:
            raise wrong
        text = _spelled(each["value"]).encode()
        if hmac.new(bytes.fromhex(salt), text, "sha256").hexdigest() != committed.get(name):
            raise wrong
    if not is_forgotten and ("case" not in opened or opened["case"]["value"] != case_code):
        raise Broken(f"Sự kiện thứ {at} là của hồ sơ khác", f"Event {at} is foreign: it is of another case")


# --- the papers ------------------------------------------------------------------------------------------


def _values(told: Mapping[str, Any], leaf: Mapping[str, Any]) -> _Event:
    """The type of an event, and its values: those that its leaf shows, and those that are opened."""
    opened = {name: each["value"] for name, each in told["opened"].items()}
    return leaf["type"], {**_member(leaf, "data", dict), **opened}


def _papers(files: Mapping[str, bytes], events: Sequence[_Event]) -> Mapping[str, tuple[str, ...]]:
    """The papers that the events name are there as they were issued, and no other ones; those there are, by kind."""
    wanted: dict[str, str] = {}
    for type_, values in events:
        wanted.update(_named(type_, values))
    for name, digest in wanted.items():
        if name not in files:
            if name.startswith("orders/"):
                continue  # they hold what concerns a person, and are given to who may see it
            raise Broken(f"Thiếu {_shown(name)}", f"{_shown(name)} is missing")
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise Broken(f"{name} không phải là tệp đã cấp", f"{name} is not the one that was issued")
    for name in files:
        if name not in FIXED and name not in wanted:
            raise Broken(f"{name} không phải của hồ sơ này", f"{name} is foreign: no event issued it")
    return {
        kind: tuple(sorted({Path(name).stem for name in files if name.startswith(f"{kind}/")}))
        for kind in ("receipts", "papers", "orders")
    }


def _named(type_: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The files that an event names, with the SHA-256 of each; none where nothing is opened."""
    noun, _, what = type_.partition(".")
    if noun in {"receipt", "paper"} and what in {"issued", "completed"} and "pdf_sha256" in values:
        # completed was the signature of the PDF: it says what it said
        name = f"{noun}s/{_text(values, 'receipt_number' if noun == 'receipt' else 'paper_id')}"
        for kind in ("pdf", "json", "xml"):
            if kind == "pdf" or f"{kind}_sha256" in values:
                yield f"{name}.{kind}", _text(values, f"{kind}_sha256")
    if "submission_receipt_sha256" in values:
        yield "submission-receipt.jws", _text(values, "submission_receipt_sha256")
    cause = values.get("cause")
    ordered = _ORDERED.fullmatch(cause) if type_ == "payment.created" and isinstance(cause, str) else None
    if ordered is not None:
        yield f"orders/{ordered[1]}.http", ordered[2]


# --- reading ---------------------------------------------------------------------------------------------


def _json(data: bytes, vi: str, en: str) -> Mapping[str, Any]:
    """An object that is written as RFC 8785 says, of text, whole numbers, lists and objects with ASCII names."""
    value: object = None
    is_canonical = False
    try:
        value = json.loads(data.decode("utf-8"))
        is_canonical = _is_plain(value) and _spelled(value).encode() == data
    except (ValueError, RecursionError):
        pass
    if not is_canonical or not isinstance(value, dict):
        raise Broken(
            f"Không đọc được {vi} theo dạng chuẩn RFC 8785",
            f"{en} cannot be read as canonical JSON (RFC 8785)",
        )
    return value


def _is_plain(value: object, depth: int = 0) -> bool:
    if isinstance(value, dict):
        names = depth < MOST_DEPTH and all(map(str.isascii, value))
        return names and all(_is_plain(each, depth + 1) for each in value.values())
    if isinstance(value, list):
        return depth < MOST_DEPTH and all(_is_plain(each, depth + 1) for each in value)
    if isinstance(value, int):
        return abs(value) <= LARGEST_INTEGER
    return value is None or isinstance(value, str)


def _spelled(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _member(value: Mapping[str, Any], name: str, kind: type) -> Any:
    found = value.get(name)
    if not isinstance(found, kind) or isinstance(found, bool):
        raise Broken(f"Thiếu hoặc sai {name}", f"{name} is missing or wrong")
    return found


def _text(value: Mapping[str, Any], name: str) -> str:
    return str(_member(value, name, str))


def _state(leaf: Mapping[str, Any], name: str) -> str | None:
    return None if leaf.get(name) is None else _text(leaf, name)


def _moment(value: Mapping[str, Any], name: str) -> str:
    """A time as the log writes it."""
    text = _text(value, name)
    try:
        datetime.strptime(text if _MOMENT.fullmatch(text) else "", "%Y-%m-%dT%H:%M:%S.%fZ").replace(
            tzinfo=UTC
        )
    except ValueError:
        raise Broken(f"Thiếu hoặc sai {name}", f"{name} is missing or wrong") from None
    return text


def _spoken(text: str) -> tuple[str, str]:
    """A time of the log in Vietnam's time, as people say it in Vietnamese and in English."""
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    there = at.astimezone(timezone(timedelta(hours=7)))
    return f"lúc {there:%H:%M} ngày {there:%d/%m/%Y}", f"at {there:%H:%M} on {there:%d/%m/%Y}"


def _shown(text: str) -> str:
    """A name out of a file on one line of a terminal: nothing that moves the cursor or turns the writing round."""
    plain = "".join("?" if unicodedata.category(each) in _UNSEEN else each for each in text)
    return plain if len(plain) <= MOST_SHOWN else f"{plain[:MOST_SHOWN]}…"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 and one sentence for each file when all of it holds; 1 and the first thing that does not."""
    parser = argparse.ArgumentParser(description="Check the containers of cases, offline.")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    keys = parser.add_mutually_exclusive_group()
    keys.add_argument("--key", help="public key of the log, NAME+HASH+KEY, as it is published")
    keys.add_argument(
        "--log-key", type=Path, help="file with the public key of the log, as GET /log/key gives it"
    )
    parser.add_argument("--root", type=Path, help="certificate (PEM) above the one that signs containers")
    given = parser.parse_args(arguments)
    failed = False
    try:
        root = None if given.root is None else x509.load_pem_x509_certificate(given.root.read_bytes())
        key = given.key if given.log_key is None else given.log_key.read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        sys.stderr.write("Không đọc được khóa hoặc chứng thư / The key or the certificate cannot be read\n")
        return 1
    for path in given.files:
        begin = f"{path}: " if len(given.files) > 1 else ""
        try:
            sys.stdout.write(f"{begin}{check(path.read_bytes(), key=key, root=root).sentence()}\n")
        except (Broken, OSError) as broken:
            unread = "Không đọc được tệp / The file cannot be read"
            sys.stderr.write(f"{begin}{broken if isinstance(broken, Broken) else unread}\n")
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
