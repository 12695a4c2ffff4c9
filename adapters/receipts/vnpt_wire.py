"""What goes to VNPT: the contract, the receipt as XML, and SOAP 1.1 around it. See `vnpt.py`, which alone uses this.

zeep is a pure codec here, over a WSDL that is kept beside it: nothing goes out and nothing is fetched.

`data/vnpt.wsdl` is ours, written from the public names of the calls: what it gives is the form of the messages.
"""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final, Protocol, cast

from lxml import etree
from zeep import Settings as ZeepSettings
from zeep.exceptions import Error as ZeepError
from zeep.wsdl import Document

from adapters.receipts.shared import MAX_CODE, checked_standings, decided, fitting, given
from gateway.domain import wire
from gateway.domain.errors import Malformed, Misconfigured
from gateway.ports import FeeLine, HttpAnswer, ReceiptOrder, Standing

NAMESPACE: Final = "http://tempuri.org/"
SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
BINDING: Final = f"{{{NAMESPACE}}}ReceiptsSoap"
STANDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "1": Standing.HOLDS,
        "2": Standing.HOLDS,  # declared to the tax office
        "3": Standing.REPLACED,
        "4": Standing.HOLDS,  # adjusted by another one
        "5": Standing.CANCELLED,
    }
)
LINE_KINDS: Final[Mapping[str, str]] = MappingProxyType({"phi": "0", "le_phi": "1"})
PAID: Final = "1"

_DECLARATION = re.compile(r"\s*<\?xml[^<>]*\?>")


@dataclass(frozen=True, slots=True)
class Settings:
    """The contract with VNPT: two logins, and the addresses of the three services.

    `standings` says what `status` means in a look-up, `unit` and `vat_rate` stand in every line.
    """

    tax_code: str
    publish_url: str
    portal_url: str
    business_url: str
    account: str
    account_password: str = field(repr=False)
    username: str
    password: str = field(repr=False)
    standings: Mapping[str, str] = field(default_factory=lambda: STANDINGS)
    unit: str = "lần"
    vat_rate: str = "-1"
    timeout_s: float = 15.0

    def __post_init__(self) -> None:
        """Raises `Misconfigured`."""
        urls = (self.publish_url, self.portal_url, self.business_url)
        if not all(url.startswith(("https://", "http://")) for url in urls):
            raise Misconfigured("vnpt: publish_url, portal_url and business_url are absolute http(s) URLs")
        if not all((self.tax_code, self.account, self.account_password, self.username, self.password)):
            raise Misconfigured("vnpt: a tax code and two logins are given")
        checked_standings(self.standings)


# --- the receipt --------------------------------------------------------------------------------


def encode_receipt(settings: Settings, order: ReceiptOrder) -> str:
    """XmlInvData of an issue: one receipt. Raises `Malformed`."""
    root = etree.Element("Invoices")
    held = etree.SubElement(root, "Inv")
    etree.SubElement(held, "key").text = order.key
    _fill(etree.SubElement(held, "Invoice"), settings, order)
    return etree.tostring(root, encoding="unicode")


def encode_replacement(settings: Settings, order: ReceiptOrder) -> str:
    """XmlInvData of a replacement: the same, with its key beside it. Raises `Malformed`."""
    root = etree.Element("ReplaceInv")
    etree.SubElement(root, "key").text = order.key
    _fill(root, settings, order)
    return etree.tostring(root, encoding="unicode")


def _fill(receipt: etree._Element, settings: Settings, order: ReceiptOrder) -> None:
    payer, amount = order.payer, str(order.amount_vnd)
    told = {
        "Extra1": given("the case code", order.case_code, MAX_CODE),
        "CusCode": fitting("the payer's number", payer.id_number, MAX_CODE) or order.key,
        "ArisingDate": order.issued_at.astimezone(wire.VIETNAM).strftime("%d/%m/%Y"),
        "CusName": given("the payer's name", payer.name),
        "CusAddress": fitting("the payer's address", payer.address),
        "PaymentMethod": order.form.value,
        "PaymentStatus": PAID,
        "Total": amount,
        "VATRate": settings.vat_rate,
        "VATAmount": "0",
        "Amount": amount,
        "AmountInWords": order.amount_in_words,
    }
    _write(receipt, told)
    products = etree.SubElement(receipt, "Products")
    for line in order.lines:
        _write(etree.SubElement(products, "Product"), _product(settings, line))


def _product(settings: Settings, line: FeeLine) -> dict[str, str]:
    amount = str(line.amount_vnd)
    return {
        "Code": fitting("the code of a fee", line.code, MAX_CODE),
        "ProdName": given("the name of a fee", line.name),
        "ProdUnit": settings.unit,
        "ProdQuantity": "1",
        "ProdPrice": amount,
        "Amount": amount,
        "Total": amount,
        "Extra2": LINE_KINDS[line.kind],
    }


def _write(parent: etree._Element, told: Mapping[str, str]) -> None:
    for name, text in told.items():
        if text:
            etree.SubElement(parent, name).text = text


# --- the message --------------------------------------------------------------------------------


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
        io.BytesIO(wsdl), transport=closed, settings=ZeepSettings(forbid_dtd=True, forbid_external=True)
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
