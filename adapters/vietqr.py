"""VietQR / NAPAS 247: the text of a QR code that asks a payer's bank for a transfer to the agency's account.

Document: NAPAS "QR format for IBFT" 1.5.2, which fills EMVCo's merchant-presented mode; our reading is section 5
of `specs/payments.md`. Nothing is signed: the CRC finds slips, not forgers. Nothing is sent and nobody calls us
by this way: the money becomes known by a notice of the bank or by the statement, through the memo, which is our
reference and nothing else, since banks cut what is longer and drop what is not a letter, a digit or a blank.

A length counts characters in every library in use while the CRC is taken over UTF-8, so what we build is plain
ASCII, where the two counts agree; in what we read a length counts characters.
"""

import json
import re
from binascii import crc_hqx
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

from gateway.domain import wire
from gateway.domain.errors import Malformed, Misconfigured, Unsupported
from gateway.ports import (
    Answer,
    Capability,
    HttpAnswer,
    HttpDoor,
    InboundMessage,
    Report,
    Started,
    StartOrder,
)

TO_ACCOUNT: Final = "QRIBFTTA"
TO_CARD: Final = "QRIBFTTC"
SERVICES: Final = frozenset({TO_ACCOUNT, TO_CARD, "QRPUSH", "QRCASH"})
STATIC, DYNAMIC = "11", "12"

MAX_PAYLOAD: Final = 512
MAX_VALUE: Final = 99
PURPOSE_LIMIT: Final = 25  # EMVCo's own for 62.08, and about what a payer's bank keeps of a memo

_TAG_CHARS: Final = 4  # two digits of tag, two of length
_CRC_TAG: Final = "6304"
_CRC_CHARS: Final = 4
_VND: Final = "704"
_NAPAS_GUID: Final = "A000000727"
_VNPAY_GUID: Final = "A000000775"
_BIN = re.compile(r"[0-9]{6}")
_ACCOUNT = re.compile(r"[A-Za-z0-9]{1,19}")
_AMOUNT = re.compile(r"[1-9][0-9]{0,12}")
_SHORT_ACCOUNT = re.compile(r"0006(?P<bin>[0-9]{6})01(?P<length>[0-9]{2})(?P<account>[A-Za-z0-9]{1,19})")
_BILL = re.compile(r"[A-Za-z0-9.-]{0,25}")
_HEX = re.compile(r"[0-9A-Fa-f]{4}")
_NOT_PURPOSE = re.compile(r"[^A-Za-z0-9 ]+")


class Scheme(StrEnum):
    """Whose code it is: one of a bank account (VietQR), or one of VNPAY's merchants (VNPAY-QR)."""

    VIETQR = "vietqr"
    VNPAY_QR = "vnpay_qr"


@dataclass(frozen=True, slots=True)
class Bank:
    """A bank by its NAPAS BIN. `qr` says that it takes part in VietQR; `swift` may be empty."""

    bin: str
    code: str
    short: str
    name: str
    swift: str
    qr: bool


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a code asks for. `amount_vnd` None: the payer types the sum (a static code)."""

    bin: str
    account: str
    service: str = TO_ACCOUNT
    amount_vnd: int | None = None
    purpose: str = ""
    bill: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """`more_bins` are banks that our table does not know yet; `purpose_limit` is what a payer's bank keeps."""

    purpose_limit: int = PURPOSE_LIMIT
    more_bins: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Raises `Misconfigured`."""
        if not 1 <= self.purpose_limit <= PURPOSE_LIMIT:
            raise Misconfigured(f"vietqr: purpose_limit is from 1 to {PURPOSE_LIMIT}")
        if not all(_BIN.fullmatch(each) for each in self.more_bins):
            raise Misconfigured("vietqr: more_bins are six digits each")


@cache
def banks() -> Mapping[str, Bank]:
    """The banks by BIN (`gateway/data/banks.json`)."""
    text = resources.files("gateway").joinpath("data", "banks.json").read_text(encoding="utf-8")
    return MappingProxyType({each: Bank(bin=each, **told) for each, told in json.loads(text).items()})


def crc(data: bytes) -> str:
    """CRC-16/CCITT-FALSE (polynomial 1021, start FFFF) as four upper-case hexadecimal digits."""
    return f"{crc_hqx(data, 0xFFFF):04X}"


def purpose_text(text: str, limit: int = PURPOSE_LIMIT) -> str:
    """`text` as a bank's memo keeps it: no accents, letters, digits and single blanks, at most `limit` long."""
    return " ".join(_NOT_PURPOSE.sub(" ", wire.ascii_fold(text)).split())[:limit].rstrip()


def build(transfer: Transfer, *, purpose_limit: int = PURPOSE_LIMIT) -> str:
    """The text of the code. Raises `Malformed` for what a code cannot carry; the purpose is made to fit."""
    _check(transfer)
    if not _BILL.fullmatch(transfer.bill):
        raise Malformed("vietqr: a bill number is up to 25 letters, digits, dots and hyphens")
    beneficiary = _field("00", transfer.bin) + _field("01", transfer.account)
    merchant = _field("00", _NAPAS_GUID) + _field("01", beneficiary) + _field("02", transfer.service)
    purpose = purpose_text(transfer.purpose, min(purpose_limit, PURPOSE_LIMIT))
    additional = _optional("01", transfer.bill) + _optional("08", purpose)
    amount = "" if transfer.amount_vnd is None else str(transfer.amount_vnd)
    body = (
        _field("00", "01")
        + _field("01", DYNAMIC if amount else STATIC)
        + _field("38", merchant)
        + _field("53", _VND)
        + _optional("54", amount)
        + _field("58", "VN")
        + _optional("62", additional)
        + _CRC_TAG
    )
    return body + crc(body.encode("ascii"))


def scheme_of(payload: str) -> Scheme:
    """Whose code `payload` is. Raises `Malformed` for a broken code, and for one of neither scheme."""
    fields = read_fields(payload)
    for tag, guid, scheme in (("38", _NAPAS_GUID, Scheme.VIETQR), ("26", _VNPAY_GUID, Scheme.VNPAY_QR)):
        if tag in fields and _split(fields[tag]).get("00") == guid:
            return scheme
    raise Malformed("vietqr: the code is neither of NAPAS nor of VNPAY")


def parse(payload: str) -> Transfer:
    """What a VietQR code asks for.

    Raises `Malformed` for a wrong CRC or length, a tag given twice, another scheme, currency or country.
    """
    fields = read_fields(payload)
    merchant = _split(fields.get("38", ""))
    if merchant.get("00") != _NAPAS_GUID:
        raise Malformed("vietqr: the code is not one of NAPAS")
    if fields.get("53") != _VND or fields.get("58") != "VN" or fields.get("01") not in {STATIC, DYNAMIC}:
        raise Malformed("vietqr: the code is not one for VND in Vietnam")
    bank_bin, account = _beneficiary(merchant.get("01", ""))
    additional = _split(fields.get("62", ""))
    amount = fields.get("54")
    if amount is not None and not _AMOUNT.fullmatch(amount):
        raise Malformed("vietqr: the sum is not a whole number of VND")
    transfer = Transfer(
        bin=bank_bin,
        account=account,
        service=merchant.get("02", TO_ACCOUNT),
        amount_vnd=None if amount is None else int(amount),
        purpose=additional.get("08", ""),
        bill=additional.get("01", ""),
    )
    _check(transfer)
    return transfer


def read_fields(payload: str) -> dict[str, str]:
    """The outermost fields of any EMVCo code by tag, its CRC proved and left out. Raises `Malformed`."""
    if not 0 < len(payload) <= MAX_PAYLOAD or payload[-8:-4] != _CRC_TAG:
        raise Malformed("vietqr: a code ends with its CRC")
    given = payload[-_CRC_CHARS:]
    wanted = crc(payload[:-_CRC_CHARS].encode("utf-8", "surrogatepass"))
    if not _HEX.fullmatch(given) or given.upper() != wanted:  # lower case exists in the wild
        raise Malformed("vietqr: the CRC does not hold")
    fields = _split(payload)
    if not payload.startswith("000201") or list(fields)[-1] != "63":
        raise Malformed("vietqr: a code begins with its version and ends with its CRC")
    del fields["63"]
    return fields


def _check(transfer: Transfer) -> None:
    if not _BIN.fullmatch(transfer.bin) or not _ACCOUNT.fullmatch(transfer.account):
        raise Malformed("vietqr: a bank is six digits, an account up to 19 letters and digits")
    if transfer.service not in SERVICES:
        raise Malformed("vietqr: the service is not one of NAPAS")
    if transfer.amount_vnd is not None and not _AMOUNT.fullmatch(str(transfer.amount_vnd)):
        raise Malformed("vietqr: a sum is from 1 VND up to 13 digits")


def _field(tag: str, value: str) -> str:
    assert value.isascii(), "a length that counts characters counts bytes too"
    assert len(value) <= MAX_VALUE, "every part is limited before"
    return f"{tag}{len(value):02d}{value}"


def _optional(tag: str, value: str) -> str:
    return _field(tag, value) if value else ""


def _beneficiary(text: str) -> tuple[str, str]:
    """BIN and account. The account is last and ends with what holds it, should its own length say less.

    It does so in the first sample of the NAPAS document itself.
    """
    found = _SHORT_ACCOUNT.fullmatch(text)
    if found and len(found["account"]) > int(found["length"]):
        return found["bin"], found["account"]
    fields = _split(text)
    return fields.get("00", ""), fields.get("01", "")


def _split(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    at = 0
    while at < len(text):
        head = text[at : at + _TAG_CHARS]
        if len(head) < _TAG_CHARS or not (head.isascii() and head.isdigit()):
            raise Malformed("vietqr: a tag and a length are two digits each")
        end = at + _TAG_CHARS + int(head[2:])
        if end > len(text) or head[:2] in fields:
            raise Malformed("vietqr: a field ends after its code, or is given twice")
        fields[head[:2]] = text[at + _TAG_CHARS : end]
        at = end
    return fields


class Vietqr:
    """The adapter: see `gateway.ports.PaymentProvider` for the contract."""

    name = "vietqr"
    capabilities = frozenset({Capability.QR})

    def __init__(self, settings: Settings, http: HttpDoor) -> None:  # noqa: ARG002 - built as every adapter is
        self._settings = settings

    def start(self, order: StartOrder) -> Started:
        """Makes the code; nothing is sent. Raises `Malformed`, and `Misconfigured` for a bank that nobody knows."""
        agency = order.agency
        if agency.bank_bin not in banks() and agency.bank_bin not in self._settings.more_bins:
            raise Misconfigured("vietqr: no bank has the BIN of the agency's account")
        if not re.fullmatch(r"[A-Z0-9]{1,20}", order.reference):
            raise Malformed("vietqr: a reference is up to 20 of A-Z0-9")
        limit = self._settings.purpose_limit
        if len(order.reference) > limit:
            raise Malformed("vietqr: the memo cannot hold the reference")
        transfer = Transfer(
            bin=agency.bank_bin,
            account=agency.account,
            amount_vnd=order.amount_vnd,
            purpose=order.reference,
        )
        return Started(qr_payload=build(transfer, purpose_limit=limit))

    def read_callback(self, message: InboundMessage, now: datetime) -> Report:  # noqa: ARG002 - only refuses
        raise Unsupported("vietqr: nobody calls us about a QR code")

    def acknowledge(self, answer: Answer, message: InboundMessage, now: datetime) -> HttpAnswer:  # noqa: ARG002 - nobody calls
        return HttpAnswer(status=404, body=b"")

    def query(self, reference: str, started_at: datetime, now: datetime, request_id: str) -> Report:  # noqa: ARG002 - only refuses
        raise Unsupported("vietqr: nobody can be asked about a QR code")
