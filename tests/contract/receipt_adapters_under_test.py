"""One line for each provider of legal receipts: how it is made, what its codes say, how its wire is read.

Adding a provider = `adapters/receipts/<name>.py`, one line here, samples in `wire/<name>/`. The samples are HTTP
messages as those of the payment adapters; `@@` in an answer stands for a code. A file without its line fails the suite.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from lxml import etree
from wire_samples import WIRE, answered

from adapters.receipts import misa, viettel, vnpt
from gateway.ports import (
    FeeLine,
    HttpAnswer,
    HttpDoor,
    HttpRequest,
    IssuedReceipt,
    Payer,
    PayForm,
    ReceiptFile,
    ReceiptOrder,
    ReceiptProvider,
    ReceiptSeries,
)

TAX_CODE = "5400000000"
NOW = datetime(2025, 11, 24, 4, 0, tzinfo=UTC)
ISSUED_AT = datetime(2025, 11, 24, 3, 30, tzinfo=UTC)
ORDER = ReceiptOrder(
    key="GW2511240001-LP",
    series=ReceiptSeries(TAX_CODE, "01BLP0-001", "BL-25E"),
    lines=(FeeLine("le_phi", "LP01", "Lệ phí cấp bản sao", 180_000),),
    payer=Payer(name="Nguyễn Văn A & con", id_number="001099000001", address="Hà Nội"),
    collector_name="Sở Xây dựng",
    case_code="000.00.00.G17-251124-0001",
    form=PayForm.TRANSFER,
    issued_at=ISSUED_AT,
)
REASON = "Thu sai"


@dataclass(frozen=True)
class Line:
    """What the questions need to know of one provider.

    `logs_in`: it hands out a token first. `refusals` gives codes by call, as they come out. `open_codes` are listed and
    decide nothing. `read` gives the texts that the provider reads in a request to issue, in their order, each after the
    name of its element; `kind` names that of a line's kind, and `kinds` are its words for phí and lệ phí. In the answer
    to an issue `ours` are the words that say whose it is, and `numbered` is where the number `as_number` stands.
    """

    name: str
    adapter: type
    settings: Any
    issued: IssuedReceipt
    secrets: tuple[str, ...]
    refusals: Mapping[str, tuple[tuple[str, str], ...]]
    read: Callable[[bytes], list[str]]
    kind: str
    kinds: tuple[str, str]
    ours: tuple[str, ...]
    numbered: str
    as_number: str
    logs_in: bool = True
    says_sum: bool = True
    chosen: tuple[str, ...] = ("number", "provider_ref", "lookup_code", "tax_authority_code")
    open_codes: tuple[str, ...] = ()
    files: tuple[ReceiptFile, ...] = (ReceiptFile.PDF, ReceiptFile.XML)
    replaces: bool = False

    def make(self, door: HttpDoor, **changes: object) -> ReceiptProvider:
        provider: ReceiptProvider = self.adapter(replace(self.settings, **changes), door)
        return provider

    def at(self, url: str, door: HttpDoor, *, timeout_s: float) -> ReceiptProvider:
        """The same with every address replaced, and less patience."""
        names = [each.name for each in fields(self.settings) if each.name.endswith("_url")]
        return self.make(door, **dict.fromkeys(names, url), timeout_s=timeout_s)

    def sample(self, name: str) -> bytes:
        return (WIRE / self.name / f"{name}.http").read_bytes()

    def answer(self, name: str) -> HttpAnswer:
        return answered(self.sample(name))

    def coded(self, call: str, code: str) -> list[HttpAnswer]:
        """Every answer to `call` that carries this code."""
        files = sorted((WIRE / self.name).glob(f"{call}.code*.http"))
        assert files, f"{self.name} says a code in an answer to {call}"
        return [answered(file.read_bytes().replace(b"@@", code.encode())) for file in files]

    def is_login(self, request: HttpRequest) -> bool:
        return self.logs_in and "/auth/" in request.url


def _vnpt_texts(body: bytes) -> list[str]:
    """Every text of the inner XML, after the name of its element."""
    envelope = etree.fromstring(body)
    inner = etree.fromstring(next(envelope.iter("{http://tempuri.org/}xmlInvData")).text)
    return [part for each in inner.iter() for part in (each.tag, each.text or "")]


def _json_texts(body: bytes) -> list[str]:
    return list(_walked(json.loads(body)))


def _walked(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from _walked(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _walked(inner)
    else:
        yield str(value)


def _errors(*codes: str) -> tuple[tuple[str, str], ...]:
    return tuple((code, f"ERR:{code}") for code in codes)


def _same(*codes: str) -> tuple[tuple[str, str], ...]:
    return tuple((code, code) for code in codes)


_ISSUED = IssuedReceipt(
    key=ORDER.key, series=ORDER.series, number="0000001", amount_vnd=180_000, issued_at=ISSUED_AT
)
_VIETTEL = _same("INVOICE_SERIAL_NOT_FOUND", "INVOICE_TEMPLATE_NOT_FOUND")
_MISA = _same(
    *("InvalidAppID", "InactiveAppID", "UnAuthorize", "InvalidTaxCode", "InvalidInvoiceDate"),
    *("InvalidInvoiceData", "LicenseInfo_OutOfInvoice"),
)

LINES: tuple[Line, ...] = (
    Line(
        name="vnpt",
        adapter=vnpt.Vnpt,
        settings=vnpt.Settings(
            tax_code=TAX_CODE,
            publish_url="https://receipts.vnpt.example/PublishService.asmx",
            portal_url="https://receipts.vnpt.example/PortalService.asmx",
            business_url="https://receipts.vnpt.example/BusinessService.asmx",
            account="gw_admin",
            account_password="gw_acpass",
            username="gw_service",
            password="gw_pass",
        ),
        issued=replace(_ISSUED, lookup_code=ORDER.key),
        secrets=("gw_acpass", "gw_pass"),
        refusals={
            "issue": _errors("1", "3", "6", "7", "10", "20", "21", "29", "30"),
            "look_up": _errors("1", "4", "7"),
            "cancel": _errors("1", "2", "8", "9"),
            "replace": _errors("1", "2", "3", "6", "7", "8", "9", "20", "29", "30"),
            "fetch": _errors("1", "4", "6", "7", "11", "12", "13"),
        },
        read=_vnpt_texts,
        kind="Extra2",
        kinds=("0", "1"),
        ours=("01BLP0-001", "BL-25E", ORDER.key),
        numbered="LP_@@<",
        as_number="1",
        logs_in=False,
        chosen=("number",),
        open_codes=("5", "35", "0", "99", "131", "x"),
        replaces=True,
        files=(ReceiptFile.PDF,),
    ),
    Line(
        name="viettel",
        adapter=viettel.Viettel,
        settings=viettel.Settings(
            tax_code=TAX_CODE,
            base_url="https://receipts.viettel.example/",
            username=TAX_CODE,
            password="viettel-pass",
        ),
        issued=replace(
            _ISSUED,
            provider_ref="251124103000123",
            lookup_code="MRI5WFVC8NXJ3DB",
            tax_authority_code="T0A1B2C3",
        ),
        secrets=("viettel-pass", "first-token"),
        refusals=dict.fromkeys(("issue", "look_up", "replace"), _VIETTEL)
        | dict.fromkeys(("cancel", "fetch"), (*_VIETTEL, ("NOT_FOUND_DATA", "NOT_FOUND_DATA"))),
        read=_json_texts,
        kind="itemNote",
        kinds=("Phí", "Lệ phí"),
        ours=("BL-25E", TAX_CODE),
        numbered='"BL-25E@@"',
        as_number="0000001",
        says_sum=False,
        open_codes=("SOMETHING_NEW", "GENERAL"),
        replaces=True,
    ),
    Line(
        name="misa",
        adapter=misa.Misa,
        settings=misa.Settings(
            tax_code=TAX_CODE,
            base_url="https://receipts.misa.example/api/integration",
            app_id="misa-app",
            username="thu@example.invalid",
            password="misa-pass",
        ),
        issued=replace(_ISSUED, provider_ref="4QJ7X2MN", lookup_code="4QJ7X2MN", tax_authority_code="M1-25"),
        secrets=("misa-pass", "first-token"),
        refusals=dict.fromkeys(("issue", "look_up"), _MISA)
        | dict.fromkeys(("cancel", "fetch"), (*_MISA, ("RefIdNotFound", "RefIdNotFound"))),
        read=_json_texts,
        kind="CustomField1Detail",
        kinds=("Phí", "Lệ phí"),
        ours=(ORDER.key, "BL-25E", "01BLP0-001"),
        numbered='InvNo\\":\\"@@\\"',
        as_number="00000001",
        open_codes=("InvoiceNumberNotCotinuous", "Exception"),
    ),
)
