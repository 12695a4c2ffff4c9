"""Signed files: CMS attached and detached, and the ASiC-E container, which is a ZIP with a CMS inside."""

import base64
import hashlib
import io
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from asn1crypto import cms as asn1_cms
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from signing import asic, cms
from tests.shows.asked import Thing, flipped, said
from tests.shows.ground import Ground
from tests.shows.made_trust import stamp_of
from tests.unit.signing.pki_world import NOW

CONTENT = "Sao kê ngày 24/11/2026\n1.250.000 đồng\n".encode()


@dataclass(frozen=True, slots=True)
class SignedFile:
    """A CMS, and the content beside it where it holds none."""

    cms: bytes
    beside: bytes | None


def cms_files(ground: Ground) -> Iterator[Thing[SignedFile]]:
    for label in ("signer", "signer-rsa"):
        for attached in (False, True):
            for level in ("B-B", "B-T"):
                how = "attached" if attached else "detached"
                name = f"CMS {how} {level} by {'RSA' if 'rsa' in label else 'P-256'}"
                yield _cms_thing(ground, name, label, attached=attached, stamped=level == "B-T")


def _cms_thing(ground: Ground, name: str, label: str, *, attached: bool, stamped: bool) -> Thing[SignedFile]:
    world, beside = ground.world, None if attached else CONTENT

    def made(who: str = label, content: bytes = CONTENT, *, stamped: bool = stamped) -> bytes:
        stamper = world.stamper() if stamped else None
        return cms.sign(content, world.key_signer(who), at=NOW, attached=attached, stamper=stamper)

    ours = SignedFile(made(), beside)
    info = _first(ours.cms)
    value, place = info["signature"].native, ours.cms.index(info["signature"].native)
    other_value = _first(made(content=CONTENT + b"0", stamped=False))["signature"].native
    digest = next(each for each in info["signed_attrs"] if each["type"].native == "message_digest").dump()
    altered = {
        "a byte of the content": _content_changed(ours),
        "a byte of the signature": replace(ours, cms=flipped(ours.cms, place + len(value) - 1)),
        "the signature of another content": replace(ours, cms=edited(ours.cms, signature=other_value)),
        "a byte of what is signed about it": replace(
            ours, cms=flipped(ours.cms, ours.cms.index(digest) + len(digest) - 1)
        ),
        "another signer's certificate": replace(ours, cms=recertified(ground, ours.cms, label)),
        "by a signer that is not ours": replace(ours, cms=made("signer-foreign")),
        "by a revoked signer": replace(ours, cms=made("signer-revoked")),
        "by an expired signer": replace(ours, cms=made("signer-expired")),
    }
    if stamped:
        elsewhere = world.stamper().stamp(hashlib.sha256(b"another signature").digest())
        foreign = stamp_of(ground, "tsa-foreign", hashlib.sha256(value).digest())
        altered |= {
            "the time-stamp of another": replace(ours, cms=edited(ours.cms, token=elsewhere)),
            "a time-stamp that is not ours": replace(ours, cms=edited(ours.cms, token=foreign)),
        }
    return Thing(
        name,
        ours,
        altered,
        {"openssl cms": lambda each: by_openssl(ground, each)},
        lambda each: _read(ground, each),
    )


def _read(ground: Ground, each: SignedFile) -> str:
    return said(lambda: cms.verify(each.cms, ground.trust, at=NOW, content=each.beside).judgement)


def by_openssl(ground: Ground, each: SignedFile, *options: str) -> bool:
    """Whether `openssl cms` finds that the signature holds and its signer leads, unrevoked, to the root."""
    bench = ground.bench
    files: list[str | Path] = [
        "-in",
        bench.file("signed.p7s", each.cms),
        "-CAfile",
        ground.anchors,
        "-out",
        bench.folder / "out",
    ]
    if each.beside is not None:
        files += ["-content", bench.file("content", each.beside)]
    how = [
        "-inform",
        "DER",
        "-binary",
        "-purpose",
        "any",
        "-crl_check_all",
        "-certfile",
        ground.issuers,
        *ground.moment,
    ]
    return bench.accepts("openssl", "cms", "-verify", *how, *files, *options)


def _first(data: bytes) -> asn1_cms.SignerInfo:
    return asn1_cms.ContentInfo.load(data)["content"]["signer_infos"][0]


def _content_changed(ours: SignedFile) -> SignedFile:
    if ours.beside is not None:
        return replace(ours, beside=flipped(ours.beside, 5))
    return replace(ours, cms=flipped(ours.cms, ours.cms.index(CONTENT) + 5))


def edited(data: bytes, *, signature: bytes | None = None, token: bytes | None = None) -> bytes:
    whole = asn1_cms.ContentInfo.load(data)
    info = whole["content"]["signer_infos"][0]
    if signature is not None:
        info["signature"] = signature
    if token is not None:
        stamp = {"type": "signature_time_stamp_token", "values": [asn1_cms.ContentInfo.load(token)]}
        info["unsigned_attrs"] = asn1_cms.CMSAttributes([asn1_cms.CMSAttribute(stamp)])
    return bytes(whole.dump(force=True))


def recertified(ground: Ground, data: bytes, label: str) -> bytes:
    """Names another signer of the same authority, and holds his certificate instead."""
    other = "signer" if label == "signer-rsa" else "signer-rsa"
    whole = asn1_cms.ContentInfo.load(data)
    certificate = asn1_cms.CertificateChoices.load(ground.world.certificate(other).public_bytes(Encoding.DER))
    named = {"issuer": certificate.chosen.issuer, "serial_number": certificate.chosen.serial_number}
    whole["content"]["signer_infos"][0]["sid"] = asn1_cms.SignerIdentifier("issuer_and_serial_number", named)
    whole["content"]["certificates"] = [certificate]
    return bytes(whole.dump(force=True))


# --- containers --------------------------------------------------------------------------------------------

FILES = {
    "evidence.json": b'{"events": []}\n' * 40,
    "receipts/H28-26E-0000001.pdf": b"%PDF-1.7 ...",
    "checkpoint.txt": b"cong4.example.vn/log\n7\nAAAA\n",
}
Change = Callable[[dict[str, bytes]], None]


def containers(ground: Ground) -> Iterator[Thing[bytes]]:
    for kind, label in (("P-256", "signer"), ("RSA", "signer-rsa")):
        signer = ground.world.key_signer(label)
        ours = asic.build(FILES, signer, NOW, stamper=ground.world.stamper())
        another = asic.unpack(asic.build({"a.txt": b"another"}, signer, NOW))
        altered = {what: _changed(ours, change) for what, change in CHANGES.items()}
        altered |= {
            "the signature of another": _changed(
                ours, _set(asic.SIGNATURE, lambda _, a=another: a[asic.SIGNATURE])
            ),
            "by a signer that is not ours": asic.build(FILES, ground.world.key_signer("signer-foreign"), NOW),
        }
        yield Thing(
            f"container ASiC-E by {kind}",
            ours,
            altered,
            {"unzip, openssl cms": lambda each: _unzipped(ground, each)},
            lambda each: said(lambda: asic.read(each, ground.trust, NOW).judgement),
        )


def _changed(data: bytes, change: Change) -> bytes:
    """A sound ZIP whose files were changed after they were signed."""
    inside = asic.unpack(data)
    change(inside)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in inside.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _set(name: str, make: Callable[[dict[str, bytes]], bytes]) -> Change:
    def change(inside: dict[str, bytes]) -> None:
        inside[name] = make(inside)

    return change


def _left_out(inside: dict[str, bytes]) -> None:
    del inside["checkpoint.txt"]


def _signature_flipped(inside: Mapping[str, bytes]) -> bytes:
    data = inside[asic.SIGNATURE]
    value = _first(data)["signature"].native
    return flipped(data, data.index(value) + len(value) - 1)


def _digest(content: bytes) -> bytes:
    return base64.b64encode(hashlib.sha256(content).digest())


def _rewritten(inside: dict[str, bytes]) -> None:
    before, after = inside["evidence.json"], b"{}"
    inside["evidence.json"] = after
    inside[asic.MANIFEST] = inside[asic.MANIFEST].replace(_digest(before), _digest(after))


def _exchanged(inside: dict[str, bytes]) -> None:
    one, other = "evidence.json", "checkpoint.txt"
    inside[one], inside[other] = inside[other], inside[one]


def _unzipped(ground: Ground, data: bytes) -> bool:
    """As a reader by EN 319 162-1: unpack, the signature over the manifest, each file that the manifest names."""
    folder = ground.bench.folder / "unzipped"
    shutil.rmtree(folder, ignore_errors=True)
    if not ground.bench.accepts("unzip", "-q", "-d", folder, ground.bench.file("container.asice", data)):
        return False
    manifest = (folder / asic.MANIFEST).read_bytes()
    if not by_openssl(ground, SignedFile((folder / asic.SIGNATURE).read_bytes(), manifest)):
        return False
    references = etree.fromstring(manifest).iter("{*}DataObjectReference")
    told = [(folder / each.get("URI", ""), each.findtext("{*}DigestValue") or "") for each in references]
    return bool(told) and all(
        path.is_file() and _digest(path.read_bytes()) == value.encode() for path, value in told
    )


CHANGES: dict[str, Change] = {
    "a byte of a file": _set("evidence.json", lambda inside: flipped(inside["evidence.json"], 3)),
    "a byte of the manifest": _set(
        asic.MANIFEST, lambda inside: inside[asic.MANIFEST].replace(b"evidence", b"evidencf")
    ),
    "a byte of the signature": _set(asic.SIGNATURE, _signature_flipped),
    "a file and its digest": _rewritten,
    "a file left out": _left_out,
    "two files exchanged": _exchanged,
    "a foreign file": _set("receipts/H28-26E-0000002.pdf", lambda _: b"%PDF-1.7 more"),
}
"""What is done to the files of a container after it was signed."""
