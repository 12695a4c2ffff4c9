"""The manifest of an ASiC-E container (ETSI EN 319 162-1 annex A), written and read with the standard library alone."""

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote, unquote
from xml.sax.saxutils import quoteattr

from signing.errors import Malformed

SIGNATURE: Final = "META-INF/signature.p7s"
MOST_MANIFEST_BYTES: Final = 2_000_000
_SIGNED: Final = "application/pkcs7-signature"
_ASIC: Final = "http://uri.etsi.org/02918/v1.2.1#"
_DS: Final = "http://www.w3.org/2000/09/xmldsig#"
_SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"


@dataclass(frozen=True, slots=True)
class Manifest:
    """Which signature file signs, and the SHA-256 of each file by its name, in order."""

    signature: str
    digests: Mapping[str, bytes] = field(repr=False)


def write(files: Mapping[str, bytes]) -> bytes:
    """The ASiCManifest that names the files with their SHA-256 (EN 319 162-1 annex A)."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<asic:ASiCManifest xmlns:asic="{_ASIC}" xmlns:ds="{_DS}">',
        f'<asic:SigReference URI="{SIGNATURE}" MimeType="{_SIGNED}"/>',
    ]
    for name, content in files.items():
        value = base64.b64encode(hashlib.sha256(content).digest()).decode("ascii")
        lines += [
            f"<asic:DataObjectReference URI={quoteattr(quote(name))}>",
            f'<ds:DigestMethod Algorithm="{_SHA256}"/><ds:DigestValue>{value}</ds:DigestValue>',
            "</asic:DataObjectReference>",
        ]
    return "\n".join([*lines, "</asic:ASiCManifest>", ""]).encode("utf-8")


def read(data: bytes) -> Manifest:
    """Raises `Malformed` for what is no manifest with SHA-256, `BadSignature` never: nothing is checked yet."""
    root = _root(data)
    if root.tag != f"{{{_ASIC}}}ASiCManifest" or len(root) < 2 or root[0].tag != f"{{{_ASIC}}}SigReference":  # noqa: PLR2004 - a signature and a file
        raise Malformed("The manifest is not of its form")
    digests: dict[str, bytes] = {}
    for each in list(root)[1:]:
        name = unquote(each.get("URI", ""), errors="strict") if _is_uri(each.get("URI")) else ""
        if each.tag != f"{{{_ASIC}}}DataObjectReference" or not name or name in digests:
            raise Malformed("The manifest names something twice, or in a way that is not read")
        digests[name] = _digest(each)
    return Manifest(signature=root[0].get("URI", ""), digests=digests)


def _is_uri(text: str | None) -> bool:
    """Whether a text can name a file: a relative path that is percent-encoded UTF-8, or written as it is."""
    if not text or "?" in text or "#" in text:
        return False
    try:
        unquote(text, errors="strict")
    except UnicodeDecodeError:
        return False
    return True


def _root(data: bytes) -> ET.Element:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("The manifest is not in UTF-8") from None
    if len(data) > MOST_MANIFEST_BYTES or "<!" in text or "\x00" in text:
        raise Malformed("The manifest is too large, or has a DTD or a comment")
    try:
        return ET.fromstring(re.sub(r"^\ufeff?<\?xml[^>]*\?>", "", text))  # noqa: S314 - without DTD, as text
    except (ET.ParseError, ValueError, RecursionError):
        raise Malformed("The manifest is not well-formed XML") from None


def _digest(reference: ET.Element) -> bytes:
    method, value = reference.find(f"{{{_DS}}}DigestMethod"), reference.find(f"{{{_DS}}}DigestValue")
    if method is None or value is None or len(value) or method.get("Algorithm") != _SHA256:
        raise Malformed("A file of the manifest has no SHA-256")
    try:
        found = base64.b64decode("".join((value.text or "").split()), validate=True)
    except ValueError:
        raise Malformed("A digest of the manifest is not Base64") from None
    if len(found) != hashlib.sha256().digest_size:
        raise Malformed("A digest of the manifest is not SHA-256")
    return found
