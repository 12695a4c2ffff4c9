"""VNPT's receipts, played: PublishService, PortalService and BusinessService (SOAP 1.1), as far as they are public.

Names, the quoted SOAPAction, the codes and the text `OK:form;sign-key_number` are those of the portals that use VNPT;
the list that answers a search and what `status` says in it (1 issued, 5 cancelled) are read by public clients so.
"""

import base64
import dataclasses
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from flask import Flask, Response, request
from lxml import etree

from sandbox.faults import Fault
from sandbox.receipt_book import Book, Trouble, Wanted, number_text, paper
from sandbox.serving import new_app, read_json, same
from sandbox.state import VIETNAM, Ground

PROVIDER: Final = "vnpt_receipts"
SPACE: Final = "http://tempuri.org/"
SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
DONE: Final = "OK:"
CODES: Final[Mapping[Trouble, str]] = {
    Trouble.KNOWN: "ERR:13",
    Trouble.SERIES: "ERR:20",
    Trouble.NUMBERS: "ERR:6",
    Trouble.DATE: "ERR:30",
    Trouble.REFUSED: "ERR:29",
    Trouble.NOBODY: "ERR:2",
    Trouble.OVER: "ERR:8",
}
STATUS: Final[Mapping[str, str]] = {"issued": "1", "replaced": "3", "cancelled": "5"}
PAY_FORMS: Final = frozenset({"TM", "CK", "TTO", "TM/CK"})
MAX_DIGITS: Final = 13


@dataclass(frozen=True, slots=True)
class VnptReceiptsSettings:
    """Two logins of one company. `numbers`: how many a series has, 0 for no end."""

    port: int
    account: str
    account_password: str = field(repr=False)
    username: str
    password: str = field(repr=False)
    numbers: int = 0
    slow_s: float = 12.0


class VnptReceipts:
    """What each call does; every answer is one text."""

    def __init__(self, settings: VnptReceiptsSettings, ground: Ground) -> None:
        self._settings = settings
        self.book = Book(PROVIDER, ground, numbers=settings.numbers, slow_s=settings.slow_s)

    def _admits_service(self, username: str, password: str) -> bool:
        return same(self._settings.username, username) and same(self._settings.password, password)

    def _admits_account(self, account: str, password: str) -> bool:
        return same(self._settings.account, account) and same(self._settings.account_password, password)

    def publish(self, asked: Mapping[str, str]) -> tuple[str, Fault]:
        """An ImportAndPublishInv of one receipt."""
        account = self._admits_account(asked.get("Account", ""), asked.get("ACpass", ""))
        if not account or not self._admits_service(asked.get("username", ""), asked.get("password", "")):
            return "ERR:1", Fault.NONE
        receipts = _parsed(asked.get("xmlInvData", "").encode())
        if receipts is None or receipts.tag != "Invoices" or asked.get("convert") not in {"0", "1"}:
            return "ERR:3", Fault.NONE
        if len(receipts) != 1:
            return "ERR:10", Fault.NONE
        wanted = _wanted(receipts[0], asked.get("pattern", ""), asked.get("serial", ""))
        if wanted is None:
            return "ERR:3", Fault.NONE
        row, fault = self.book.issue(wanted)
        if isinstance(row, Trouble):
            return CODES[row], fault
        return f"OK:{row['form']};{row['sign']}-{row['key']}_{row['number']}", fault

    def replace(self, asked: Mapping[str, str]) -> tuple[str, Fault]:
        """A ReplaceInvoiceAction."""
        account = self._admits_account(asked.get("Account", ""), asked.get("ACpass", ""))
        if not account or not self._admits_service(asked.get("username", ""), asked.get("pass", "")):
            return "ERR:1", Fault.NONE
        root = _parsed(asked.get("xmlInvData", "").encode())
        if root is None or root.tag != "ReplaceInv" or asked.get("convert") not in {"0", "1"}:
            return "ERR:3", Fault.NONE
        wanted = _read(root, _texts(root).get("key", ""), asked.get("pattern", ""), asked.get("serial", ""))
        if wanted is None or not asked.get("fkey"):
            return "ERR:3", Fault.NONE
        row, fault = self.book.issue(dataclasses.replace(wanted, replaces=asked["fkey"]))
        if isinstance(row, Trouble):
            return CODES[row], fault
        return f"OK:{row['form']};{row['sign']};{number_text(row)}", fault

    def find(self, asked: Mapping[str, str]) -> tuple[str, Fault]:
        """A listInvByCusFkey: a list of one or none."""
        if not self._admits_service(asked.get("userName", ""), asked.get("userPass", "")):
            return "ERR:1", Fault.NONE
        row = self.book.by_key(asked.get("key", ""))
        root = etree.Element("Data")
        if row is not None:
            item = etree.SubElement(root, "Item")
            for name, text in _item(row).items():
                etree.SubElement(item, name).text = text
        return etree.tostring(root, encoding="unicode"), Fault.NONE

    def cancel(self, asked: Mapping[str, str]) -> tuple[str, Fault]:
        """A cancelInv."""
        account = self._admits_account(asked.get("Account", ""), asked.get("ACpass", ""))
        if not account or not self._admits_service(asked.get("userName", ""), asked.get("userPass", "")):
            return "ERR:1", Fault.NONE
        row = self.book.by_key(asked.get("fkey", ""))
        if row is None:
            return "ERR:2", Fault.NONE
        return (DONE if self.book.cancel(row, "") else "ERR:8"), Fault.NONE

    def download(self, asked: Mapping[str, str]) -> tuple[str, Fault]:
        """A downloadInvPDFFkey."""
        if not self._admits_service(asked.get("userName", ""), asked.get("userPass", "")):
            return "ERR:1", Fault.NONE
        row = self.book.by_key(asked.get("fkey", ""))
        return ("ERR:6" if row is None else base64.b64encode(paper(row)).decode()), Fault.NONE


def _item(row: sqlite3.Row) -> dict[str, str]:
    return {
        "index": "1",
        "cusCode": "",
        "name": row["payer"],
        "publishDate": row["issued_on"],
        "signStatus": "1",
        "pattern": row["form"],
        "serial": row["sign"],
        "invNum": number_text(row),
        "amount": str(row["amount_vnd"]),
        "status": STATUS[row["state"]],
        "payment": "1",
    }


def _parsed(data: bytes) -> etree._Element | None:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True)
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    return None if root.getroottree().docinfo.internalDTD is not None else root


def _texts(parent: etree._Element | None) -> dict[str, str]:
    return {} if parent is None else {str(child.tag): child.text or "" for child in parent}


def _vnd(text: str) -> int:
    """A sum above nothing; -1 for what is none."""
    digits = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if digits and int(text) else -1


def _wanted(held: etree._Element, form: str, sign: str) -> Wanted | None:
    """One Inv, or None when it is not as prescribed."""
    receipt = held.find("Invoice")
    return None if receipt is None else _read(receipt, _texts(held).get("key", ""), form, sign)


def _read(receipt: etree._Element, key: str, form: str, sign: str) -> Wanted | None:
    """A receipt, or None when it is not as prescribed: names given twice, sums that do not add up, no words."""
    told = _texts(receipt)
    products = [_texts(each) for each in receipt.iterfind("Products/Product")]
    if len(told) != len(receipt) or not products or not key:
        return None
    amount = _vnd(told.get("Amount", ""))
    lines = [_vnd(line.get("Amount", "")) for line in products]
    kinds = {line.get("Extra2") for line in products}
    sums = amount > 0 and min(lines) > 0 and sum(lines) == amount and told.get("Total") == told["Amount"]
    texts = all(told.get(name) for name in ("CusName", "CusCode", "AmountInWords", "Extra1"))
    if not sums or not texts or kinds - {"0", "1"} or told.get("PaymentMethod") not in PAY_FORMS:
        return None
    try:
        day = datetime.strptime(told.get("ArisingDate", ""), "%d/%m/%Y").replace(tzinfo=VIETNAM)
    except ValueError:
        return None
    return Wanted(
        key=key,
        form=form,
        sign=sign,
        amount_vnd=amount,
        payer=told["CusName"],
        case_code=told["Extra1"],
        issued_on=day.date(),
        issued_ms=round(day.timestamp() * 1000),
    )


def _answered(operation: str, text: str) -> Response:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})
    body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    response = etree.SubElement(body, f"{{{SPACE}}}{operation}Response")
    etree.SubElement(response, f"{{{SPACE}}}{operation}Result").text = text
    content = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
    return Response(content, content_type="text/xml; charset=utf-8")


def _fault(text: str) -> Response:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap={"soap": SOAP})
    fault = etree.SubElement(etree.SubElement(envelope, f"{{{SOAP}}}Body"), f"{{{SOAP}}}Fault")
    etree.SubElement(fault, "faultcode").text = "soap:Client"
    etree.SubElement(fault, "faultstring").text = text
    return Response(etree.tostring(envelope), status=500, content_type="text/xml; charset=utf-8")


Call = Callable[[Mapping[str, str]], tuple[str, Fault]]


def vnpt_receipts_app(vnpt: VnptReceipts) -> Flask:
    """The three services, `GET /_receipts` and `POST /_control`."""
    app = new_app(PROVIDER)
    services: dict[str, dict[str, Call]] = {
        "PublishService": {"ImportAndPublishInv": vnpt.publish},
        "PortalService": {"listInvByCusFkey": vnpt.find, "downloadInvPDFFkey": vnpt.download},
        "BusinessService": {"cancelInv": vnpt.cancel, "ReplaceInvoiceAction": vnpt.replace},
    }

    @app.post("/<service>.asmx")
    def serve(service: str) -> Response:
        envelope = _parsed(request.get_data(cache=True))
        body = None if envelope is None else envelope.find(f"{{{SOAP}}}Body")
        if body is None or len(body) != 1:
            return _fault("The message cannot be read")
        space, _, operation = str(body[0].tag).removeprefix("{").partition("}")
        call = services.get(service, {}).get(operation)
        if space != SPACE or call is None or request.headers.get("SOAPAction") != f'"{SPACE}{operation}"':
            return _fault("Server did not recognize the value of HTTP Header SOAPAction")
        asked = {str(child.tag).rpartition("}")[2]: child.text or "" for child in body[0]}
        text, fault = call(asked)
        return vnpt.book.sent(fault, _answered(operation, text))

    @app.get("/_receipts")
    def receipts() -> Response:
        return vnpt.book.listed()

    @app.post("/_control")
    def control() -> Response:
        return vnpt.book.control(read_json() or {})

    return app
