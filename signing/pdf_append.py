"""An invisible signature added by hand to a plain file of our own making: the short way of `signing.pdf`.

It knows one shape of PDF, the one that typst writes: one classical cross-reference table, no form, a first page whose
dictionary is plain. For every other file `prepared` is None and the general way is taken. The result is an incremental
update (ISO 32000-1 section 7.5.6): the given bytes stay as they are.
"""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

_TAIL_BYTES: Final = 4096
_ENTRY_BYTES: Final = 20
_END: Final = re.compile(rb"trailer\n<<([^\n]*)>>\nstartxref\n(\d{1,10})\n%%EOF\n?\Z")
_TRAILER: Final = re.compile(
    rb"/Size (\d{1,7})/Root (\d{1,7}) 0 R(?:/Info (\d{1,7}) 0 R)?"
    rb"/ID\[(\([^()\\<>]*\)|<[0-9A-Fa-f]*>)(?:\([^()\\<>]*\)|<[0-9A-Fa-f]*>)\]"
)
_OBJECT: Final = re.compile(rb"(\d{1,7}) 0 obj\n<<(.{1,100000}?)>>\nendobj\n", re.DOTALL)
# names, numbers, references, arrays, dictionaries and plain short strings: nothing that could hide an end
_PLAIN: Final = re.compile(rb"(?:[^()<>%\\]|<<|>>|\([A-Za-z0-9 .:_+-]*\))*")
_FIRST_KID: Final = re.compile(rb"/Kids\[(\d{1,7}) 0 R")
_PAGES: Final = re.compile(rb"/Pages (\d{1,7}) 0 R")
_ANNOTS: Final = re.compile(rb"/Annots\[([0-9 R\n]*)\]")
_FOREIGN: Final = (b"/AcroForm", b"/DSS", b"/Perms", b"/Encrypt", b"/Collection", b"/XFA")
_INVISIBLE: Final = b"/FT/Sig/Type/Annot/Subtype/Widget/F 132/Rect[0 0 0 0]"  # Print and Locked
_RANGE_BYTES: Final = 48


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file with a hole for the signature, and the digest of all but the hole."""

    head: bytes
    tail: bytes
    hole_bytes: int
    digest: bytes

    def filled(self, cms: bytes) -> bytes:
        """The file with the CMS, padded with zeros, in the hole, which has two letters for each byte."""
        assert len(cms) <= self.hole_bytes
        return b"".join(
            (self.head, b"<", cms.hex().encode().ljust(2 * self.hole_bytes, b"0"), b">", self.tail)
        )


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is to be known of the file: its table, its catalog, its first page, and the first half of its ID."""

    table_at: int
    size: int
    root: int
    info: bytes
    identity: bytes
    catalog: bytes
    page: int
    page_body: bytes


def prepared(pdf: bytes, *, reason: str, location: str, at: datetime, hole_bytes: int) -> Prepared | None:
    """`pdf` with a signature field and dictionary, or None where the file has another shape."""
    shape = _shape(pdf)
    if shape is None:
        return None
    signature, field = shape.size, shape.size + 1
    start = len(pdf) + 1
    before = b"%d 0 obj\n<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached%s/ByteRange" % (
        signature,
        _said(reason, location, at),
    )
    contents = b"/Contents"
    rest = [
        b"%d 0 obj\n<<%s/T(Signature1)/P %d 0 R/V %d 0 R>>\nendobj\n"
        % (field, _INVISIBLE, shape.page, signature),
        b"%d 0 obj\n<<%s>>\nendobj\n" % (shape.page, _with_annotation(shape.page_body, field)),
        b"%d 0 obj\n<<%s/AcroForm<</Fields[%d 0 R]/SigFlags 3>>>>\nendobj\n"
        % (shape.root, shape.catalog, field),
    ]
    hole_at = start + len(before) + _RANGE_BYTES + len(contents)
    hole_end = hole_at + 2 * hole_bytes + 2
    closing = b">>\nendobj\n"
    offsets = {signature: start}
    position = hole_end + len(closing)
    for number, body in zip((field, shape.page, shape.root), rest, strict=True):
        offsets[number] = position
        position += len(body)
    tail = b"".join((closing, *rest, _table(offsets), _trailer(shape, pdf, position)))
    span = (b"[0 %d %d %d]" % (hole_at, hole_end, len(tail))).ljust(_RANGE_BYTES)
    head = b"".join((pdf, b"\n", before, span, contents))
    assert len(head) == hole_at
    digest = hashlib.sha256(head)
    digest.update(tail)
    return Prepared(head, tail, hole_bytes, digest.digest())


def _shape(pdf: bytes) -> _Shape | None:
    end = _END.search(pdf[-_TAIL_BYTES:])
    trailer = _TRAILER.fullmatch(end[1]) if end else None
    if end is None or trailer is None or not pdf.startswith(b"%PDF-1.") or pdf.count(b"%%EOF") != 1:
        return None
    table_at, size, root = int(end[2]), int(trailer[1]), int(trailer[2])
    intro = b"xref\n0 %d\n" % size
    if pdf[table_at : table_at + len(intro)] != intro:
        return None
    entries = table_at + len(intro)
    if pdf[entries + size * _ENTRY_BYTES :][:8] != b"trailer\n":
        return None
    catalog = _dictionary(pdf, entries, size, root)
    pages = _PAGES.search(catalog)
    kid = _FIRST_KID.search(_dictionary(pdf, entries, size, int(pages[1]))) if pages else None
    page = int(kid[1]) if kid else 0
    body = _dictionary(pdf, entries, size, page)
    if b"/Type/Page/" not in body or any(word in catalog + body for word in _FOREIGN):
        return None
    if body.count(b"/Annots") != len(_ANNOTS.findall(body)) or body.count(b"/Annots") > 1:
        return None
    info = b"/Info %s 0 R" % trailer[3] if trailer[3] else b""
    return _Shape(table_at, size, root, info, trailer[4], catalog, page, body)


def _dictionary(pdf: bytes, entries: int, size: int, number: int) -> bytes:
    """What stands between the outer `<<` and `>>` of a plain object; empty for one that is not plain."""
    if not 0 < number < size:
        return b""
    entry = pdf[entries + number * _ENTRY_BYTES :][:_ENTRY_BYTES]
    if not re.fullmatch(rb"\d{10} 00000 n(?: \n|\r\n| \r)", entry):
        return b""
    found = _OBJECT.match(pdf, int(entry[:10]))
    if found is None or int(found[1]) != number or not _PLAIN.fullmatch(found[2]):
        return b""
    return found[2]


def _with_annotation(page: bytes, field: int) -> bytes:
    reference = b"%d 0 R" % field
    if b"/Annots" not in page:
        return page + b"/Annots[" + reference + b"]"
    return _ANNOTS.sub(
        lambda found: b"/Annots[" + (found[1] + b" " + reference).strip() + b"]", page, count=1
    )


def _said(reason: str, location: str, at: datetime) -> bytes:
    moment = at.astimezone(UTC).strftime("%Y%m%d%H%M%S")
    texts = b"".join(
        b"/%s<%s>" % (name, ("\ufeff" + text).encode("utf-16-be").hex().encode())
        for name, text in ((b"Reason", reason), (b"Location", location))
        if text
    )
    return b"/M(D:%sZ)%s" % (moment.encode(), texts)


def _table(offsets: dict[int, int]) -> bytes:
    """The cross-reference table of the update, one section for each object."""
    sections = (b"%d 1\n%010d 00000 n \n" % (number, offsets[number]) for number in sorted(offsets))
    return b"xref\n" + b"".join(sections)


def _trailer(shape: _Shape, pdf: bytes, table_at: int) -> bytes:
    changed = hashlib.sha256(pdf[-_TAIL_BYTES:]).hexdigest()[:32].encode()
    return b"trailer\n<</Size %d/Root %d 0 R%s/ID[%s<%s>]/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (
        shape.size + 2,
        shape.root,
        shape.info,
        shape.identity,
        changed,
        shape.table_at,
        table_at,
    )
