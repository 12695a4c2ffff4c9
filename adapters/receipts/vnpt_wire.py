"""SOAP 1.1 for VNPT: zeep as a pure codec over a WSDL that is kept here. Nothing goes out and nothing is fetched.

`data/vnpt.wsdl` is ours, written from the public names of the calls: what it gives is the form of the messages.
"""

import io
import re
from functools import cache
from importlib import resources
from typing import Any, Final, Protocol, cast

from lxml import etree
from zeep import Settings
from zeep.exceptions import Error as ZeepError
from zeep.wsdl import Document

from adapters.receipts.shared import decided
from gateway.domain.errors import Malformed
from gateway.ports import HttpAnswer

NAMESPACE: Final = "http://tempuri.org/"
SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
BINDING: Final = f"{{{NAMESPACE}}}ReceiptsSoap"

_DECLARATION = re.compile(r"\s*<\?xml[^<>]*\?>")


class _Message(Protocol):
    content: etree._Element


class _Operation(Protocol):
    """What is used of zeep's, which has no types."""

    soapaction: str

    def create(self, **arguments: str | int) -> _Message: ...
    def process_reply(self, envelope: etree._Element) -> object: ...


@cache
def _operations() -> dict[str, _Operation]:
    wsdl = resources.files("adapters.receipts").joinpath("data/vnpt.wsdl").read_bytes()
    closed: Any = None  # without a transport nothing can be fetched
    document = Document(
        io.BytesIO(wsdl), transport=closed, settings=Settings(forbid_dtd=True, forbid_external=True)
    )
    binding: Any = document.bindings[BINDING]
    return cast("dict[str, _Operation]", binding.all())


def ready() -> None:
    """Read the WSDL, once."""
    _operations()


def message(operation: str, **arguments: str | int) -> tuple[dict[str, str], bytes]:
    """Headers and body of a call; every argument is a text or a number in it, never markup."""
    called = _operations()[operation]
    body = etree.tostring(called.create(**arguments).content, xml_declaration=True, encoding="utf-8")
    return {"content-type": "text/xml; charset=utf-8", "soapaction": f'"{called.soapaction}"'}, body


def answer_text(operation: str, answer: HttpAnswer) -> str:
    """The text of an answer. Raises `Refused` (4xx), `OutcomeUnknown` (a fault is a breakdown too), `Malformed`."""
    envelope = decode_xml(decided(answer))
    body = envelope.find(f"{{{SOAP}}}Body") if envelope.tag == f"{{{SOAP}}}Envelope" else None
    if body is None or [child.tag for child in body] != [f"{{{NAMESPACE}}}{operation}Response"]:
        raise Malformed("vnpt: the answer is no answer to this call")
    response = body[0]
    if [child.tag for child in response] != [f"{{{NAMESPACE}}}{operation}Result"] or len(response[0]):
        raise Malformed("vnpt: the answer is not one text")
    try:
        text = _operations()[operation].process_reply(envelope)
    except ZeepError:
        raise Malformed("vnpt: the answer is not of its form") from None
    if not isinstance(text, str) or not text.strip():
        raise Malformed("vnpt: the answer is empty")
    return text.strip()


def decode_xml(data: bytes | str) -> etree._Element:
    """Without a document type, entities, comments or a fetch. Raises `Malformed`."""
    if isinstance(
        data, str
    ):  # the declaration of a text that travels in another speaks of bytes that are gone
        data = _DECLARATION.sub("", data, count=1).encode()
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise Malformed("vnpt: not XML") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Malformed("vnpt: XML with a document type")
    return root
