"""The documents of these tests, and a forger: one who has the key and signs what our own signer never would."""

import base64
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from signing.arithmetic import Allow
from signing.xml_core import ds
from signing.xml_document import EXCLUSIVE
from signing.xml_signatures import Verified, sign, verify
from tests.unit.signing.signing_people import AT, Clock, OneRoot, rsa_key, run, signer

XMLSEC = "/usr/bin/xmlsec1"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
PROPERTIES = f"{XADES}:SignedProperties@Id"
TRUST = OneRoot()
PLACE, SIGNED = ("DSCKS", "NBan"), ("DLBLai",)
RECEIPT = """<?xml version="1.0" encoding="UTF-8"?>
<BLai xmlns:x="urn:x">
  <DLBLai Id="data"><NMua>Nguyễn Văn Ánh &amp; con</NMua><Tien x:don="đồng">1250000</Tien></DLBLai>
  <DSCKS>
    <NBan/>
    <CQT/>
  </DSCKS>
</BLai>
""".encode()


def signed_receipt(kind: str = "rsa", *, stamped: bool = False) -> bytes:
    stamper = Clock() if stamped else None
    return sign(RECEIPT, signer(kind), at=AT, place=PLACE, signed=SIGNED, stamper=stamper)


def read_receipt(document: bytes, *, at: datetime = AT, allow: tuple[Allow, ...] = ()) -> Verified:
    return verify(document, TRUST, at=at, place=PLACE, signed=SIGNED, allow=allow)


def edited(document: bytes, change: Callable[[etree._Element], object]) -> bytes:
    root = etree.fromstring(document)
    change(root)
    return etree.tostring(root)


def forged(document: bytes, change: Callable[[etree._Element], object], *, sha1: bool = False) -> bytes:
    """The document after `change`, with a SignatureValue over the SignedInfo as it now is, by the RSA signer."""

    def change_and_sign(root: etree._Element) -> None:
        change(root)
        info = next(root.iter(ds("SignedInfo")))
        exclusive = info[0].get("Algorithm") == EXCLUSIVE
        octets = etree.tostring(info, method="c14n", exclusive=exclusive)
        digest = hashes.SHA1() if sha1 else hashes.SHA256()
        value = rsa_key().sign(octets, padding.PKCS1v15(), digest)
        next(root.iter(ds("SignatureValue"))).text = base64.b64encode(value).decode()

    return edited(document, change_and_sign)


def digest_of(octets: bytes, algorithm: hashes.HashAlgorithm) -> str:
    state = hashes.Hash(algorithm)
    state.update(octets)
    return base64.b64encode(state.finalize()).decode()


def text(element: etree._Element, name: str) -> str | None:
    found = element.find(name)
    assert found is not None
    return found.text


def xmlsec_accepts(document: bytes, folder: Path, *ids: str) -> bool:
    """Whether xmlsec1 finds that the signature holds; `ids` are the names of elements whose Id it is to know."""
    file, root = folder / "document.xml", folder / "xmlsec-root.pem"
    file.write_bytes(document)
    root.write_bytes(signer("rsa").chain[0].public_bytes(Encoding.PEM))
    known = [part for each in ids for part in (f"--id-attr:{each.split('@')[1]}", each.split("@")[0])]
    moment = ["--verification-time", AT.strftime("%Y-%m-%d %H:%M:%S")]
    return run(XMLSEC, "--verify", "--trusted-pem", root, *known, *moment, file)[0] == 0
