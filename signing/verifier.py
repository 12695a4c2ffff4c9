"""Checks the container of a case, with no network, no database and nothing but the `cryptography` package.

This file stands alone: hand it to an auditor. `python verifier.py FILE [--key NAME+HASH+KEY] [--root ROOT.pem]`

It goes from the outside to the inside and stops at the first thing that does not hold: the ZIP and its manifest; the
signature over the manifest; the checkpoint of the log; each event's path to it; the order and completeness of the
events of each thing; what is opened of the person; the receipts and papers that the events name.
"""

import argparse
import base64
import hashlib
import hmac
import io
import json
import re
import sys
import xml.etree.ElementTree as ET
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MOST_BYTES = 200_000_000
MOST_FILES = 1_000
MANIFEST, SIGNATURE = "META-INF/ASiCManifest.xml", "META-INF/signature.p7s"
MIMETYPE = b"application/vnd.etsi.asic-e+zip"
_ASIC, _DS = "{http://uri.etsi.org/02918/v1.2.1#}", "{http://www.w3.org/2000/09/xmldsig#}"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")  # 1.2.840.113549.1.9.4
# the version of the first event of a thing: these are put down as drafts and intentions, without an event of their own
_FIRST = {"delivery": 2, "legal_receipt": 2}
_CONTEXT_0, _OCTETS = 0xA0, 0x04
_HASHES: Mapping[bytes, Callable[[], hashes.HashAlgorithm]] = {
    bytes.fromhex("608648016503040201"): hashes.SHA256,
    bytes.fromhex("608648016503040202"): hashes.SHA384,
    bytes.fromhex("608648016503040203"): hashes.SHA512,
}
_UNREADABLE = (OSError, ValueError, EOFError, NotImplementedError, RuntimeError, LookupError)
_Value = tuple[int, bytes, bytes]
_HEX = re.compile(r"[0-9a-f]{64}")


class Broken(Exception):  # noqa: N818 - named for what is found
    """The first thing that does not hold, in Vietnamese and in English."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(f"{vi} / {en}")


@dataclass(frozen=True, slots=True)
class Proof:
    """What holds. Times are the log's own, RFC 3339 in UTC. `key_given`: the log's key came from the reader."""

    case_code: str
    events: int
    first_at: str
    last_at: str
    origin: str
    size: int
    stamped_at: str
    receipts: tuple[str, ...]
    signed_by: str
    key_given: bool
    root_given: bool

    def sentence(self) -> str:
        many, first, last, log = self.events, self.first_at, self.last_at, f"{self.origin} ({self.size}"
        vi = f"Hồ sơ {self.case_code}: {many} sự kiện từ {first} đến {last} còn nguyên, đúng thứ tự trong sổ {log} lá)"
        who = f"Case {self.case_code}"
        en = f"{who}: {many} events from {first} to {last} are whole and in order in the log {log} leaves)"
        if self.stamped_at:
            vi += f", sổ có dấu thời gian {self.stamped_at}"
            en += f", which was time-stamped at {self.stamped_at}"
        if not self.key_given:
            vi += "; khóa của sổ lấy từ chính tệp này, hãy so với khóa đã công bố"
            en += "; the key of the log is the one in this file: compare it with the published one"
        return f"{vi}. / {en}."


def check(data: bytes, *, key: str | None = None, root: x509.Certificate | None = None) -> Proof:
    """What the container proves. `key` is the log's as published, `root` the one of the container's signer.

    Raises `Broken`.
    """
    files = _unzipped(data)
    _manifest(files)
    signed_by = _signature(files[SIGNATURE], files[MANIFEST], root)
    told = _json(files, "evidence.json")
    origin, size, tree = _checkpoint(files, key or _text(_member(told, "log", dict), "key"))
    case_code = _text(told, "case_code")
    leaves = [_event(each, at, size, tree) for at, each in enumerate(_member(told, "events", list), start=1)]
    if not leaves:
        raise Broken("Tệp không có sự kiện nào", "The file has no events")
    _order([_member(each, "index", int) for each in told["events"]], leaves)
    for at, (each, leaf) in enumerate(zip(told["events"], leaves, strict=True), start=1):
        _opened(_member(each, "opened", dict), leaf, at, case_code)
    receipts = _papers(files, list(map(_values, told["events"], leaves)))
    return Proof(
        case_code=case_code,
        events=len(leaves),
        first_at=_text(leaves[0], "recorded_at"),
        last_at=_text(leaves[-1], "recorded_at"),
        origin=origin,
        size=size,
        stamped_at=_stamp(files),
        receipts=receipts,
        signed_by=signed_by,
        key_given=key is not None,
        root_given=root is not None,
    )


# --- the container ------------------------------------------------------------------------------------


def _unzipped(data: bytes) -> Mapping[str, bytes]:
    bad = Broken("Tệp không phải là gói chứng cứ", "The file is no container of evidence")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            known = archive.infolist()
            names = [each.filename for each in known]
            if len(names) > MOST_FILES or len(set(names)) != len(names):
                raise bad
            if sum(each.file_size for each in known) > MOST_BYTES:
                raise bad
            files = {each.filename: archive.read(each) for each in known}
    except (zipfile.BadZipFile, zlib.error, *_UNREADABLE):
        raise bad from None
    if names[:1] != ["mimetype"] or files["mimetype"] != MIMETYPE:
        raise bad
    for name in (MANIFEST, SIGNATURE, "evidence.json", "checkpoint.txt"):
        if name not in files:
            raise Broken(f"Thiếu {name}", f"{name} is missing")
    return files


def _manifest(files: Mapping[str, bytes]) -> None:
    text = files[MANIFEST]
    bad = Broken("Không đọc được bảng kê của gói", "The manifest of the container cannot be read")
    if b"<!" in text:
        raise bad
    try:
        tree = ET.fromstring(text)  # noqa: S314 - as above
    except ET.ParseError:
        raise bad from None
    named = {}
    for each in tree.iter(f"{_ASIC}DataObjectReference"):
        method, value = each.find(f"{_DS}DigestMethod"), each.find(f"{_DS}DigestValue")
        if method is None or value is None or method.get("Algorithm") != _SHA256:
            raise bad
        named[unquote(each.get("URI", ""))] = (value.text or "").strip()
    for name, content in files.items():
        if name == "mimetype" or name.startswith("META-INF/"):
            continue
        wanted = named.pop(name, None)
        if wanted is None:
            raise Broken(
                f"{name} không có trong bảng kê", f"{name} is foreign: the manifest does not name it"
            )
        if base64.b64encode(hashlib.sha256(content).digest()).decode() != wanted:
            raise Broken(f"{name} đã bị sửa", f"{name} was changed")
    if named:
        name = min(named)
        raise Broken(f"Thiếu {name}", f"{name} is missing")


# --- the signature over the manifest (CMS, RFC 5652) ---------------------------------------------------


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
        certificate, _ = _signer(cms, manifest)
        if root is not None and certificate != root:
            certificate.verify_directly_issued_by(root)
    except InvalidSignature:
        raise Broken("Chữ ký của gói không đúng", "The signature of the container does not hold") from None
    except (ValueError, TypeError, LookupError, StopIteration, UnsupportedAlgorithm):
        raise Broken(
            "Không đọc được chữ ký của gói", "The signature of the container cannot be read"
        ) from None
    names = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[0].value) if names else certificate.subject.rfc4514_string()


def _signer(cms: bytes, content: bytes | None) -> tuple[x509.Certificate, bytes]:
    """Whose certificate signed what, where `content` None is what the CMS carries itself."""
    signed = _inner(_of(_inner(cms), _CONTEXT_0))
    carried = _first(_of(_parts(signed[2][1]), _CONTEXT_0))[1] if content is None else content
    certificates = [whole for _, _, whole in _parts(_of(signed[3:], _CONTEXT_0))]
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
    for each in map(x509.load_der_x509_certificate, certificates):
        if each.serial_number == number and each.issuer.public_bytes() == issuer[2]:
            _verify(each.public_key(), signature, b"\x31" + attributes[1:], hash_)
            return each, carried
    raise ValueError("the signer's certificate is not there")


def _verify(key: object, signature: bytes, data: bytes, hash_: hashes.HashAlgorithm) -> None:
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, data, ec.ECDSA(hash_))
    elif isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PKCS1v15(), hash_)
    else:
        raise TypeError("a key of another kind")


def _stamp(files: Mapping[str, bytes]) -> str:
    """When an authority saw the checkpoint (RFC 3161), in UTC; nothing where the container has no time-stamp."""
    if "checkpoint.tsr" not in files:
        return ""
    try:
        _, told = _signer(files["checkpoint.tsr"], None)
        parts = _inner(told)
        _, digest, *_ = _parts(parts[2][1])
        text = files["checkpoint.txt"].rpartition(b"\n\n")[0] + b"\n"
        wrong = digest[1] != hashlib.sha256(text).digest()
        at = datetime.strptime(parts[4][1].decode()[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except (ValueError, TypeError, LookupError, StopIteration, InvalidSignature, UnsupportedAlgorithm):
        raise Broken("Dấu thời gian không đúng", "The time-stamp does not hold") from None
    if wrong:
        raise Broken("Dấu thời gian là của sổ khác", "The time-stamp is of another checkpoint")
    return at.isoformat().replace("+00:00", "Z")


# --- the log (C2SP signed-note and tlog-checkpoint, RFC 6962) ------------------------------------------


def _checkpoint(files: Mapping[str, bytes], key: str) -> tuple[str, int, bytes]:
    try:
        name, told_id, encoded = key.split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
        public = Ed25519PublicKey.from_public_bytes(raw[1:])
        key_id = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    except ValueError:
        raise Broken("Khóa của sổ không đọc được", "The key of the log cannot be read") from None
    note = files["checkpoint.txt"].decode("utf-8", "replace")
    text, _, lines = note.rpartition("\n\n")
    bad = Broken("Chữ ký của sổ không đúng", "The checkpoint is not signed by this log")
    for line in lines.splitlines():
        words = line.split(" ")
        if len(words) == 3 and words[1] == name:  # noqa: PLR2004 - dash, name, signature
            try:
                signature = base64.b64decode(words[2], validate=True)
                if signature[:4] == key_id and key_id.hex() == told_id:
                    public.verify(signature[4:], f"{text}\n".encode())
                    origin, size, root = text.split("\n")[:3]
                    return origin, int(size), base64.b64decode(root, validate=True)
            except (ValueError, InvalidSignature):
                raise bad from None
    raise bad


def _event(told: object, at: int, size: int, tree: bytes) -> Mapping[str, Any]:
    """The leaf of an event, whose path leads to the root of the tree."""
    wrong = Broken(
        f"Sự kiện thứ {at} không có trong sổ", f"Event {at} does not stand in the log as it is told"
    )
    if not isinstance(told, dict):
        raise wrong
    body, index = _text(told, "leaf"), _member(told, "index", int)
    path = _member(told, "path", list)
    if not all(isinstance(each, str) and _HEX.fullmatch(each) for each in path) or not 0 <= index < size:
        raise wrong
    found = hashlib.sha256(b"\x00" + body.encode("utf-8", "surrogatepass")).digest()
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
    return _json({"leaf": body.encode()}, "leaf")


def _order(indexes: Sequence[int], leaves: Sequence[Mapping[str, Any]]) -> None:
    """In the order of the log; and of each thing every version from 1 on, each from the state of the one before."""
    seen: dict[tuple[str, str], tuple[int, object]] = {}
    for at, (before, index) in enumerate(zip([-1, *indexes[:-1]], indexes, strict=True), start=1):
        if index <= before:
            raise Broken(f"Sự kiện thứ {at} không đúng thứ tự", f"Event {at} stands out of order")
    for at, leaf in enumerate(leaves, start=1):
        subject = _member(leaf, "subject", dict)
        name = (_text(subject, "kind"), _text(subject, "id"))
        version, state = _member(leaf, "version", int), leaf.get("to")
        last, was = seen.get(name, (0, None))
        moved = state is not None
        follows = version in {last, last + 1} if last else version == _FIRST.get(name[0], 1)
        leads = not (moved and last and version == last + 1) or leaf.get("from") == was
        if not (follows and leads):
            raise Broken(
                f"Thiếu một sự kiện trước sự kiện thứ {at}", f"An event before event {at} is missing"
            )
        seen[name] = (version, state if moved else was)


def _opened(opened: Mapping[str, Any], leaf: Mapping[str, Any], at: int, case_code: str) -> None:
    committed = {**_member(leaf, "committed", dict), "case": leaf.get("case")}
    for name, each in opened.items():
        value, salt = each.get("value"), bytes.fromhex(_text(each, "salt"))
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        if hmac.new(salt, text.encode(), "sha256").hexdigest() != committed.get(name):
            raise Broken(
                f"{name} của sự kiện thứ {at} không đúng", f"{name} of event {at} is not what was recorded"
            )
    if "case" in opened and opened["case"]["value"] != case_code:
        raise Broken(f"Sự kiện thứ {at} là của hồ sơ khác", f"Event {at} is foreign: it is of another case")


def _values(told: Mapping[str, Any], leaf: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The type of an event, and its values: those that its leaf shows, and those that are opened."""
    opened = {name: each["value"] for name, each in told["opened"].items()}
    return str(leaf.get("type")), {**_member(leaf, "data", dict), **opened}


def _papers(files: Mapping[str, bytes], events: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[str, ...]:
    """The receipts that the events name are there as they were issued, and no other ones."""
    wanted: dict[str, str] = {}
    for type_, values in events:
        wanted.update(_named(type_, values))
    for name, digest in wanted.items():
        if name not in files:
            raise Broken(f"Thiếu {name}", f"{name} is missing")
        if hashlib.sha256(files[name]).hexdigest() != digest:
            raise Broken(f"{name} không phải là tệp đã cấp", f"{name} is not the one that was issued")
    for name in files:
        if name.startswith("receipts/") and name not in wanted:
            raise Broken(f"{name} không phải của hồ sơ này", f"{name} is foreign: no event issued it")
    return tuple(sorted(Path(name).stem for name in wanted if name.endswith(".pdf")))


def _named(type_: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The files that an event names, with the SHA-256 of each; none where nothing is opened."""
    if type_ in {"receipt.issued", "receipt.completed"} and "pdf_sha256" in values:
        # completed was its signature: it says what it said
        yield f"receipts/{_text(values, 'receipt_number')}.pdf", _text(values, "pdf_sha256")
        if "json_sha256" in values:
            yield f"receipts/{_text(values, 'receipt_number')}.json", _text(values, "json_sha256")
    if "submission_receipt_sha256" in values:
        yield "submission-receipt.jws", _text(values, "submission_receipt_sha256")


# --- reading ---------------------------------------------------------------------------------------------


def _json(files: Mapping[str, bytes], name: str) -> Mapping[str, Any]:
    try:
        value = json.loads(files[name])
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Broken(f"Không đọc được {name}", f"{name} cannot be read")
    return value


def _member(value: Mapping[str, Any], name: str, kind: type) -> Any:
    found = value.get(name)
    if not isinstance(found, kind) or isinstance(found, bool):
        raise Broken(f"Thiếu hoặc sai {name}", f"{name} is missing or wrong")
    return found


def _text(value: Mapping[str, Any], name: str) -> str:
    return str(_member(value, name, str))


def main(arguments: Sequence[str] | None = None) -> int:
    """0 and one sentence when all of it holds; 1 and the first thing that does not."""
    parser = argparse.ArgumentParser(description="Check the container of a case, offline.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--key", help="public key of the log, NAME+HASH+KEY, as it is published")
    parser.add_argument("--root", type=Path, help="certificate (PEM) above the one that signs containers")
    given = parser.parse_args(arguments)
    try:
        root = None if given.root is None else x509.load_pem_x509_certificate(given.root.read_bytes())
        proof = check(given.file.read_bytes(), key=given.key, root=root)
    except Broken as broken:
        sys.stderr.write(f"{broken}\n")
        return 1
    except (OSError, ValueError):
        sys.stderr.write("Không đọc được tệp / A file cannot be read\n")
        return 1
    sys.stdout.write(f"{proof.sentence()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
