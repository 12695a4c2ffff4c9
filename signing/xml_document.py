"""XML that comes from outside: read within limits, without DTD, entities or network; found by place; made canonical.

UTF-8 only, so that no other encoding can hide a DTD. Comments are dropped while reading and processing instructions
refused, so that a text is always whole (a comment inside a text would otherwise cut what a careless reader sees).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from signing.errors import Malformed

MOST_BYTES: Final = 20_000_000
MOST_DEPTH: Final = 100
MOST_ELEMENTS: Final = 500_000
DS: Final = "http://www.w3.org/2000/09/xmldsig#"
WSU: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_XML: Final = "http://www.w3.org/XML/1998/namespace"
_IDS: Final = ("Id", "ID", "id", f"{{{_XML}}}id", f"{{{WSU}}}Id")
_ENCODING: Final = re.compile(rb"""<\?xml[^>]{0,100}?encoding\s{0,9}=\s{0,9}["']([^"'>]{0,40})["']""")
_UTF8_NAMES: Final = {b"utf-8", b"utf8", b"us-ascii"}
_NAME: Final = re.compile(r"[^\s:]{1,200}")

EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
INCLUSIVE: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
INCLUSIVE_11: Final = "http://www.w3.org/2006/12/xml-c14n11"
C14N: Final = (EXCLUSIVE, INCLUSIVE, INCLUSIVE_11)

Path = Sequence[str]
"""The way from the root to an element: the names of its ancestors and itself in Clark notation, the root left out."""


@dataclass(frozen=True, slots=True)
class Canonical:
    """A way to write XML as bytes; `prefixes` are the InclusiveNamespaces of exclusive canonicalisation."""

    algorithm: str = EXCLUSIVE
    prefixes: tuple[str, ...] = ()


def parse(data: bytes) -> etree._Element:
    """The root of a document. Raises `Malformed` for what is no XML, not within the limits, or has a DTD."""
    if len(data) > MOST_BYTES:
        raise Malformed("The XML is too large")
    _check_encoding(data)
    if b"<!DOCTYPE" in data:
        raise Malformed("The XML has a DTD")
    try:
        root = etree.fromstring(data, _parser())
    except (etree.XMLSyntaxError, ValueError):
        raise Malformed("This is not well-formed XML") from None
    assert root.getroottree().docinfo.internalDTD is None
    _check_shape(root)
    return root


def _parser() -> etree.XMLParser:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
    )


def _check_encoding(data: bytes) -> None:
    declared = _ENCODING.match(data.removeprefix(b"\xef\xbb\xbf"))
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        raise Malformed("The XML is not in UTF-8") from None
    if b"\x00" in data or (declared is not None and declared[1].lower() not in _UTF8_NAMES):
        raise Malformed("The XML is not in UTF-8")


def _check_shape(root: etree._Element) -> None:
    depth = 0
    walk = etree.iterwalk(root, events=("start", "end", "pi"))
    for count, (event, element) in enumerate(walk):
        if event == "pi" or isinstance(element, etree._Entity):  # noqa: SLF001 - lxml's only name for the type
            raise Malformed("The XML has a processing instruction or an entity inside")
        depth += 1 if event == "start" else -1
        if depth > MOST_DEPTH or count > 2 * MOST_ELEMENTS:
            raise Malformed("The XML is too deep or has too many elements")


def ids(root: etree._Element) -> dict[str, etree._Element]:
    """The element of each Id (`Id`, `ID`, `id`, `xml:id`, `wsu:Id`). Raises `Malformed` where one stands twice."""
    found: dict[str, etree._Element] = {}
    for element in root.iter(etree.Element):
        for name in _IDS:
            value = element.get(name)
            if value is None:
                continue
            if value in found:
                raise Malformed("An Id stands twice in the XML")
            found[value] = element
    return found


def id_of(element: etree._Element) -> str:
    """The Id of an element. Raises `Malformed` where it has none, or one that no reference can name."""
    found = [value for name in _IDS if (value := element.get(name)) is not None]
    if len(found) != 1 or _NAME.fullmatch(found[0]) is None:
        raise Malformed("The element to be signed has no Id")
    return found[0]


def at_place(root: etree._Element, path: Path) -> etree._Element:
    """The one element at a place. Raises `Malformed` where there is none or more than one."""
    found = root
    for step in path:
        fitting = [child for child in found if child.tag == step]
        if len(fitting) != 1:
            raise Malformed(f"There is not exactly one {etree.QName(step).localname} at its place in the XML")
        found = fitting[0]
    return found


def only_child(parent: etree._Element, tag: str) -> etree._Element:
    """Raises `Malformed` where the parent has none or more than one child of this name."""
    return at_place(parent, (tag,))


def text_of(element: etree._Element) -> str:
    """The text of an element that has nothing but text. Raises `Malformed`."""
    if len(element):
        raise Malformed(f"{etree.QName(element).localname} holds more than text")
    return element.text or ""


def canonical(element: etree._Element, how: Canonical = Canonical()) -> bytes:
    """The canonical bytes of an element with everything in it, without comments.

    C14N 1.0 and 1.1 differ only in the `xml:` attributes that an element takes over from those above it: such a
    document is refused. Raises `Malformed` for what cannot be written.
    """
    assert how.algorithm in C14N
    exclusive = how.algorithm == EXCLUSIVE
    if not exclusive and any(
        str(name).startswith(f"{{{_XML}}}") for above in element.iterancestors() for name in above.attrib
    ):
        raise Malformed("Inclusive canonicalisation below an xml: attribute is not read")
    try:
        # lxml writes wrong namespaces for an element inside of a document: so it becomes the root of its own
        apart = etree.fromstring(etree.tostring(element, with_tail=False), _parser())
        written = etree.tostring(
            apart,
            method="c14n",
            exclusive=exclusive,
            with_comments=False,
            inclusive_ns_prefixes=list(how.prefixes) if exclusive and how.prefixes else None,
        )
    except (etree.LxmlError, ValueError):
        raise Malformed("The XML has no canonical form") from None
    return bytes(written)


def reparsed(octets: bytes) -> etree._Element:
    """The element of canonical bytes: nothing is in it but what the bytes say. Raises `Malformed`."""
    return parse(octets)


def take_out(element: etree._Element) -> None:
    """Removes an element and leaves the text behind it where it was."""
    parent, before = element.getparent(), element.getprevious()
    assert parent is not None
    tail = element.tail or ""
    if before is None:
        parent.text = (parent.text or "") + tail
    else:
        before.tail = (before.tail or "") + tail
    element.tail = None
    parent.remove(element)
