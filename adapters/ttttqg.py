"""The bank's side of the National Portal's payment management (TTTT): sections 3.1 to 3.9, called by us.

We stand where the portal stands: we ask a bank that serves it for a transaction with an alias account and a VietQR
code (3.1), its state (3.3), the electronic receipt (3.4), a refund (3.6), and, as functions that the core does not call
yet, for an account (3.5), the account that a payment came from (3.7), a disbursement (3.8) and the reconciliation file
(3.9). Section 3.2 is published nowhere; by its place, and by the queue of outgoing messages that the bank keeps, it is
the bank's notice of a result. Here a notice has the members of a state and our MaDoiTac.

The specification is not public. Our reading is section 1 of `specs/payments.md`, from two descriptions of one bank's
implementation. What they do not tell (algorithm, covered fields, most names, paths, columns) is in `Settings`
(`ttttqg_wire.py`); statuses are theirs: a transaction is PAID, PENDING or FAILED, a transfer SUCCESS, PENDING or
FAILED. A refund cannot be asked about: one that got no answer is told by the reconciliation file or the statement.

x-request-id makes a call idempotent at the bank: 3.1, 3.6 and 3.8 are sent under our own reference, always the same.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Final

from adapters.ttttqg_wire import (
    NOTICE,
    NOTICE_ANSWER,
    SIGNATURE,
    Settings,
    answered,
    call,
    opened,
    read_file,
    receipt,
    sign,
    signed_bytes,
    write_file,
)
from gateway.domain import wire
from gateway.domain.errors import ForeignPartner, Malformed, Misconfigured, Unsupported
from gateway.ports import (
    Answer,
    Capability,
    HttpAnswer,
    HttpDoor,
    HttpRequest,
    InboundMessage,
    Outcome,
    RefundOrder,
    RefundReport,
    Report,
    Started,
    StartOrder,
)

__all__ = ["BankAccount", "Day", "Disbursement", "ReconciliationFile", "Settings", "Ttttqg"]

TRANSACTION_STATES: Final[Mapping[str, Outcome]] = MappingProxyType(
    {"PAID": Outcome.PAID, "PENDING": Outcome.PENDING, "FAILED": Outcome.FAILED}
)
TRANSFER_STATES: Final[Mapping[str, Outcome]] = MappingProxyType(
    {"SUCCESS": Outcome.PAID, "PENDING": Outcome.PENDING, "FAILED": Outcome.FAILED}
)
# Only two words are known; a message that we have already booked is answered as the first time.
ACKNOWLEDGEMENTS: Final[Mapping[Answer, tuple[str, str]]] = MappingProxyType(
    {
        **dict.fromkeys(Answer, ("99", "Các lỗi khác")),
        **dict.fromkeys((Answer.OK, Answer.DUPLICATE), ("00", "Thành công")),
    }
)
BANK_BUILDS_FILE, RESULT_SENT_BACK = "1", "2"
MAX_TEXT: Final = 210
MAX_REFERENCE: Final = 20
_QR = re.compile(r"000201[\x20-\x7e]{1,506}")


@dataclass(frozen=True, slots=True)
class BankAccount:
    """An account at a bank (by its BIN), its owner's name as the bank writes it, and the bank's word on its state."""

    bank_bin: str
    number: str = field(repr=False)
    name: str = field(default="", repr=False)
    state: str = ""


@dataclass(frozen=True, slots=True)
class Disbursement:
    """Money to be passed on. `channel` is `internal`, `napas` or `citad` (the treasury); `reference` is ours."""

    reference: str
    amount_vnd: int
    to: BankAccount
    channel: str
    content: str
    created_at: datetime
    payment_reference: str = ""


@dataclass(frozen=True, slots=True)
class Day:
    """What a reconciliation is about; kind of file, service and channel are the contract's own words."""

    on: date
    service: str
    channel: str
    file_kind: str


@dataclass(frozen=True, slots=True)
class ReconciliationFile:
    """A file of a day: its name, and its rows by the agreed columns (ours have `result_column` too)."""

    name: str
    rows: tuple[Mapping[str, str], ...] = field(repr=False)


def encode_create(settings: Settings, order: StartOrder) -> HttpRequest:
    """3.1. Raises `Malformed` for an order that the wire cannot carry, `Unsupported` for postage without a kind."""
    if not 0 < len(order.reference) <= MAX_REFERENCE:
        raise Malformed("ttttqg: MaHoaDon has 1 to 20 characters")
    fields = {
        "MaHoaDon": order.reference,
        "SoTien": settings.sum(order.amount_vnd),
        "MaTienTe": "VND",
        "NoiDungThanhToan": wire.one_line(order.description, MAX_TEXT),
        "ThoiGianGD": wire.local_stamp(order.created_at),
        "ThoiGianHetHan": wire.local_stamp(order.expires_at),
        **receipt(settings, order),
    }
    return call(settings, "create", fields, request_id=order.reference)


def decode_create(settings: Settings, answer: HttpAnswer, order: StartOrder) -> Started:
    """The QR code of the bank's transaction. Raises as `PaymentProvider.start`."""
    fields = answered(settings, "create", answer)
    _about(fields, "MaHoaDon", order.reference)
    if fields["SoTien"] and wire.whole_number(fields["SoTien"]) != order.amount_vnd:
        raise Malformed("ttttqg: the transaction is about another sum")
    if not _QR.fullmatch(fields["ChuoiQR"]):
        raise Malformed("ttttqg: ChuoiQR is not the text of a QR code")
    return Started(qr_payload=fields["ChuoiQR"], provider_ref=fields["MaGiaoDich"] or None)


def encode_status(settings: Settings, reference: str, *, request_id: str) -> HttpRequest:
    return call(settings, "status", {"MaHoaDon": reference}, request_id=request_id)


def decode_status(settings: Settings, answer: HttpAnswer, reference: str) -> Report:
    """3.3: the latest transaction of MaHoaDon. Raises as `PaymentProvider.query`."""
    fields = answered(settings, "status", answer)
    _about(fields, "MaHoaDon", reference)
    return _report(fields, TRANSACTION_STATES.get(fields["TrangThai"], Outcome.UNKNOWN))


def decode_notice(settings: Settings, message: InboundMessage) -> Report:
    """The bank's notice of a result. Raises `Malformed`, `BadSignature`, `ForeignPartner`."""
    fields = opened(settings, NOTICE, message.headers, message.body)
    if fields["MaDoiTac"] != settings.partner_code:
        raise ForeignPartner("ttttqg: the message names another MaDoiTac")
    if not fields["MaHoaDon"] or not fields["SoTien"]:
        raise Malformed("ttttqg: a notice names MaHoaDon and a sum")
    outcome = TRANSACTION_STATES.get(fields["TrangThai"], Outcome.UNKNOWN)
    if outcome is Outcome.PAID and fields["MaLoi"] not in {"", *settings.success_codes}:
        outcome = Outcome.UNKNOWN
    return _report(fields, outcome)


def encode_acknowledgement(settings: Settings, answer: Answer) -> HttpAnswer:
    """Our signed answer to a notice. Nothing of the notice goes back, so that nobody has us sign it."""
    code, text = ACKNOWLEDGEMENTS[answer]
    told = {"MaLoi": code, "MoTaLoi": text, "MaDoiTac": settings.partner_code}
    document = {settings.name(name): value for name, value in told.items()}
    body = wire.compact_json(document)
    signature = sign(settings, signed_bytes(settings, NOTICE_ANSWER, document, body))
    headers = {"content-type": "application/json; charset=utf-8", SIGNATURE: signature}
    return HttpAnswer(status=200, body=body, headers=headers)


def encode_receipt(
    settings: Settings, reference: str, provider_ref: str | None, *, request_id: str
) -> HttpRequest:
    fields = {"MaThamChieu": reference, "MaGiaoDich": provider_ref or ""}
    return call(settings, "receipt", fields, request_id=request_id)


def decode_receipt(settings: Settings, answer: HttpAnswer) -> HttpRequest:
    """3.4: the call that brings the receipt. Raises as `Billing.bill`."""
    url = answered(settings, "receipt", answer)["UrlBienLai"]
    if not wire.is_web_address(url, plain=settings.base_url.startswith("http://")):
        raise Malformed("ttttqg: UrlBienLai is not the address of a page")
    return HttpRequest(method="GET", url=url, timeout_s=settings.timeout_s)


def decode_paper(answer: HttpAnswer) -> bytes:
    wire.usable_status(answer.status)
    if not answer.body.startswith(b"%PDF-"):
        raise Malformed("ttttqg: the receipt is not a PDF")
    return answer.body


def encode_refund(settings: Settings, order: RefundOrder) -> HttpRequest:
    """3.6, of the whole or a part. Raises `Malformed`."""
    if not 0 < order.amount_vnd <= order.paid_vnd:
        raise Malformed("ttttqg: a refund is positive and not above what was paid")
    fields = {
        "MaGiaoDichTTTT": order.reference,
        "MaHoaDon": order.payment_reference,
        "MaGiaoDich": order.provider_ref or "",
        "SoTien": settings.sum(order.amount_vnd),
        "MaTienTe": "VND",
        "LyDo": wire.one_line(order.reason, MAX_TEXT),
        "ThoiGianGD": wire.local_stamp(order.created_at),
    }
    return call(settings, "refund", fields, request_id=order.reference)


def encode_disbursement(settings: Settings, order: Disbursement) -> HttpRequest:
    """3.8; the bank refuses a MaGiaoDichTTTT that it knows. Raises `Malformed`, `Misconfigured`."""
    if order.amount_vnd <= 0:
        raise Malformed("ttttqg: a disbursement is positive")
    if order.channel not in settings.channels:
        raise Misconfigured("ttttqg: channels does not name this channel")
    fields = {
        "MaGiaoDichTTTT": order.reference,
        "MaHoaDon": order.payment_reference,
        "SoTien": settings.sum(order.amount_vnd),
        "MaTienTe": "VND",
        "MaNganHang": order.to.bank_bin,
        "SoTaiKhoan": order.to.number,
        "TenTaiKhoan": order.to.name,
        "KenhThanhToan": settings.channels[order.channel],
        "NoiDungThanhToan": wire.one_line(order.content, MAX_TEXT),
        "ThoiGianGD": wire.local_stamp(order.created_at),
    }
    return call(settings, "disbursement", fields, request_id=order.reference)


def decode_transfer(settings: Settings, message: str, answer: HttpAnswer, reference: str) -> RefundReport:
    """What became of a refund (3.6) or a disbursement (3.8). Raises as `Refunding.refund`."""
    fields = answered(settings, message, answer)
    _about(fields, "MaGiaoDichTTTT", reference)
    return RefundReport(
        outcome=TRANSFER_STATES.get(fields["TrangThai"], Outcome.UNKNOWN),
        reference=reference,
        amount_vnd=wire.whole_number(fields["SoTien"]) if fields["SoTien"] else None,
        provider_ref=fields["SoThamChieu"] or None,
        code=f"{fields['MaLoi']}/{fields['TrangThai']}",
    )


def encode_account(settings: Settings, account: BankAccount, *, request_id: str) -> HttpRequest:
    """3.5: whose account this is, to be asked before money is passed on."""
    fields = {"MaNganHang": account.bank_bin, "SoTaiKhoan": account.number}
    return call(settings, "account", fields, request_id=request_id)


def encode_payment_account(
    settings: Settings, *, reference: str, provider_ref: str, request_id: str
) -> HttpRequest:
    """3.7: the account that a payment came from, by MaHoaDon, MaGiaoDich or both. Raises `Malformed`."""
    fields = {name: value for name, value in (("MaHoaDon", reference), ("MaGiaoDich", provider_ref)) if value}
    if not fields:
        raise Malformed("ttttqg: MaHoaDon or MaGiaoDich is needed")
    return call(settings, "payment_account", fields, request_id=request_id)


def decode_account(settings: Settings, message: str, answer: HttpAnswer) -> BankAccount:
    """The account of an answer to 3.5 (`account`) or 3.7 (`payment_account`). Raises as `decode_status`."""
    fields = answered(settings, message, answer)
    if not fields["SoTaiKhoan"]:
        raise Malformed("ttttqg: the answer names no account")
    return BankAccount(
        fields["MaNganHang"], fields["SoTaiKhoan"], name=fields["TenTaiKhoan"], state=fields["TrangThai"]
    )


def encode_reconciliation(settings: Settings, day: Day, *, request_id: str) -> HttpRequest:
    """3.9 type 1: ask for the bank's file of a day."""
    return call(settings, "reconciliation", _fields_of(day, BANK_BUILDS_FILE), request_id=request_id)


def decode_reconciliation(settings: Settings, answer: HttpAnswer) -> ReconciliationFile:
    """The bank's file. Raises as `decode_status`, and `Misconfigured` without `columns`."""
    fields = answered(settings, "reconciliation", answer)
    try:
        data = base64.b64decode(fields["NoiDungFile"].encode("ascii"), validate=True)
    except (ValueError, binascii.Error):
        raise Malformed("ttttqg: NoiDungFile is not Base64") from None
    return ReconciliationFile(name=fields["TenFile"], rows=read_file(settings, data))


def encode_reconciliation_result(
    settings: Settings, day: Day, found: ReconciliationFile, *, request_id: str
) -> HttpRequest:
    """3.9 type 2: send back how each row was found. Raises `Malformed`, `Misconfigured`."""
    content = base64.b64encode(write_file(settings, found.rows)).decode("ascii")
    fields = {**_fields_of(day, RESULT_SENT_BACK), "TenFile": found.name, "NoiDungFile": content}
    return call(settings, "reconciliation", fields, request_id=request_id)


def _fields_of(day: Day, kind: str) -> dict[str, object]:
    return {
        "NgayDoiSoat": f"{day.on:%Y%m%d}",
        "LoaiYeuCau": kind,
        "LoaiFile": day.file_kind,
        "MaDichVu": day.service,
        "KenhThanhToan": day.channel,
    }


def _about(fields: Mapping[str, str], name: str, reference: str) -> None:
    if fields[name] != reference:
        raise Malformed(f"ttttqg: the answer is about another {name}")


def _report(fields: Mapping[str, str], outcome: Outcome) -> Report:
    return Report(
        outcome=outcome,
        reference=fields["MaHoaDon"],
        amount_vnd=wire.whole_number(fields["SoTien"]) if fields["SoTien"] else None,
        currency=fields["MaTienTe"] or "VND",
        provider_ref=fields["MaGiaoDich"] or None,
        code=f"{fields['MaLoi']}/{fields['TrangThai']}",
        occurred_at=wire.readable_stamp(fields["ThoiGianGD"]),
    )


class Ttttqg:
    """The adapter: see `gateway.ports.PaymentProvider`, `Refunding` and `Billing` for the contract."""

    name = "ttttqg"
    capabilities = frozenset(
        {Capability.QR, Capability.CALLBACK, Capability.QUERY, Capability.REFUND, Capability.BILL}
    )

    def __init__(self, settings: Settings, http: HttpDoor) -> None:
        self._settings = settings
        self._http = http

    def start(self, order: StartOrder) -> Started:
        return decode_create(self._settings, self._http.send(encode_create(self._settings, order)), order)

    def read_callback(self, message: InboundMessage, now: datetime) -> Report:  # noqa: ARG002 - has no clock
        return decode_notice(self._settings, message)

    def acknowledge(self, answer: Answer, message: InboundMessage, now: datetime) -> HttpAnswer:  # noqa: ARG002 - says the same to all
        return encode_acknowledgement(self._settings, answer)

    def query(self, reference: str, started_at: datetime, now: datetime, request_id: str) -> Report:  # noqa: ARG002 - neither is on this wire
        request = encode_status(self._settings, reference, request_id=request_id)
        return decode_status(self._settings, self._http.send(request), reference)

    def refund(self, order: RefundOrder, request_id: str) -> RefundReport:  # noqa: ARG002 - our reference makes it idempotent
        answer = self._http.send(encode_refund(self._settings, order))
        return decode_transfer(self._settings, "refund", answer, order.reference)

    def query_refund(self, order: RefundOrder, now: datetime, request_id: str) -> RefundReport:  # noqa: ARG002 - there is no such call
        raise Unsupported("ttttqg: a refund cannot be asked about")

    def bill(self, reference: str, provider_ref: str | None, now: datetime, request_id: str) -> bytes:  # noqa: ARG002 - has no clock
        asked = encode_receipt(self._settings, reference, provider_ref, request_id=request_id)
        return decode_paper(self._http.send(decode_receipt(self._settings, self._http.send(asked))))
