"""National payment platform (Nền tảng thanh toán, DVCQG) 1.0.6: INIT, CONFIRM and QUERY.

The platform's own document is not public; our reading is sections 2-3 of `specs/payments.md`, taken where two
published portals agree. MaXacThuc is the hexadecimal SHA-256 (no HMAC) of the fields of a message in a fixed
order and the secret, in UTF-8, joined by `|`. What is not public is a setting here: the order of a QUERY
answer, whether an INIT answer is signed, and which MaLoi mean that a payment has failed for certain.

Joining by `|` says where a field ends only when no field but the last holds one: others are refused.
INIT carries SoTien as text, CONFIRM as a number; each is hashed as it is printed, so fractions and exponents
have no place. ThoiGianGD is +07:00, 24-hour. CONFIRM may carry Token and SoThe: they are never read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from gateway.domain import wire
from gateway.domain.errors import BadSignature, ForeignPartner, Malformed, Misconfigured, Refused
from gateway.ports import (
    Answer,
    Capability,
    FeeLine,
    HttpAnswer,
    HttpDoor,
    HttpRequest,
    InboundMessage,
    Outcome,
    Report,
    Started,
    StartOrder,
)
from signing.mac import same, sha256_hex

INIT_ORDER: Final = (
    "LoaiBanTin|PhienBan|MaDoiTac|MaThamChieu|SoTien|LoaiHinhThanhToan|MaKenhThanhToan|MaThietBi|NgonNgu|"
    "MaTienTe|MaNganHang|ThongTinGiaoDich|ThoiGianGD|Ip"
)
CONFIRM_ORDER: Final = (
    "LoaiBanTin|MaLoi|MaDoiTac|MaThamChieu|SoTien|MaTienTe|MaGiaoDich|MaNganHang|ThoiGianGD|ThongTinGiaoDich"
)
QUERY_ORDER: Final = "LoaiBanTin|PhienBan|MaDoiTac|MaThamChieu|ThoiGianGD"

SUCCESS: Final = "00"
# TrangThaiGD of a QUERY answer; 3 stands for "pending or unknown" at the platform: not finished, for us.
TRANSACTION_STATES: Final[Mapping[str, Outcome]] = MappingProxyType(
    {"1": Outcome.PAID, "3": Outcome.PENDING, "4": Outcome.FAILED}
)
LINE_KINDS: Final[Mapping[str, str]] = MappingProxyType({"phi": "1", "le_phi": "2"})
FEE_SERVICE: Final = "2"  # MaDichVu: 2 a fee, 1 a fine, which needs a decision that our orders do not carry

# Only two words exist. A message that we have already booked is answered 00: the platform asks whether we
# know that it was paid, and 99 would have it ask for ever.
ACKNOWLEDGEMENTS: Final[Mapping[Answer, tuple[str, str]]] = MappingProxyType(
    {
        **dict.fromkeys(Answer, ("99", "Các lỗi khác")),
        **dict.fromkeys((Answer.OK, Answer.DUPLICATE), (SUCCESS, "Thành công")),
    }
)

MAX_REFERENCE: Final = 255
MAX_PARTNER: Final = 50
MAX_NAME: Final = 250
_CODE: Final = "MaXacThuc"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the contract with the platform gives, and our choice where its document is silent.

    `failure_codes`: MaLoi of a CONFIRM that mean "failed" for certain; empty, as the list is not public.
    `query_answer_order`: the fields under a QUERY answer's MaXacThuc, by default without TrangThaiGD.
    `init_answer_order`: the fields under an INIT answer's MaXacThuc; empty, the address rests on TLS alone.
    `postage_kind`: LoaiPhiLePhi for a postage line. Empty refuses such orders: postage is not a state fee,
    yet the platform wants the fees to make up the whole sum: what to write then must be agreed with it.
    """

    partner_code: str
    secret: str = field(repr=False)
    init_url: str
    query_url: str
    bearer_token: str = field(default="", repr=False)
    version: str = "1.0.6"
    payment_kind: str = "PAY"
    channel: str = "1"
    device: str = "1"
    language: str = "vi-VN"
    bank_code: str = "PAYMENT"
    service_suffix: str = ".01"
    postage_kind: str = ""
    failure_codes: frozenset[str] = frozenset()
    query_answer_order: str = CONFIRM_ORDER
    init_answer_order: str = ""
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        """Raises `Misconfigured`."""
        if not self.partner_code or len(self.partner_code) > MAX_PARTNER or "|" in self.partner_code:
            raise Misconfigured("dvcqg: partner_code is 1 to 50 characters without '|'")
        if not self.secret:
            raise Misconfigured("dvcqg: secret is empty")
        if SUCCESS in self.failure_codes:
            raise Misconfigured("dvcqg: 00 cannot be a failure code")
        if not all(url.startswith(("https://", "http://")) for url in (self.init_url, self.query_url)):
            raise Misconfigured("dvcqg: init_url and query_url are absolute http(s) URLs")


def authentication_code(fields: Mapping[str, str], order: str, secret: str) -> str:
    """MaXacThuc of a message. Raises `Malformed` when a field but the last holds the separator."""
    values = [fields.get(name, "") for name in order.split("|")]
    if any("|" in value for value in values[:-1]):
        raise Malformed("dvcqg: a signed field holds '|'")
    return sha256_hex("|".join((*values, secret)))


def encode_init(settings: Settings, order: StartOrder) -> HttpRequest:
    """An INIT. Raises `Malformed` for an order that the wire cannot carry, `Misconfigured` for postage."""
    if not 0 < len(order.reference) <= MAX_REFERENCE or order.amount_vnd <= 0:
        raise Malformed("dvcqg: an order has a reference of 1 to 255 characters and a positive sum")
    fields = {
        "LoaiBanTin": "INIT",
        "PhienBan": settings.version,
        "MaDoiTac": settings.partner_code,
        "MaThamChieu": order.reference,
        "SoTien": str(order.amount_vnd),
        "LoaiHinhThanhToan": settings.payment_kind,
        "MaKenhThanhToan": settings.channel,
        "MaThietBi": settings.device,
        "NgonNgu": settings.language,
        "MaTienTe": "VND",
        "MaNganHang": settings.bank_code,
        "ThongTinGiaoDich": wire.one_line(order.description, MAX_REFERENCE, without="|"),
        "ThoiGianGD": wire.local_stamp(order.created_at),
        "Ip": order.client_ip,
    }
    code = authentication_code(fields, INIT_ORDER, settings.secret)
    return _post(
        settings, settings.init_url, {**fields, _CODE: code, "ThongTinBienLai": _receipt(settings, order)}
    )


def decode_init(settings: Settings, answer: HttpAnswer) -> Started:
    """Reads the answer to an INIT in either shape. Raises `Refused`, `BadSignature`, `Malformed`."""
    document = _unwrapped(answer)
    code = wire.printed(document, "MaLoi")
    if code != SUCCESS:
        raise Refused("dvcqg: INIT was refused", code=code[:MAX_PARTNER])
    if settings.init_answer_order:
        _verify(document, settings.init_answer_order, settings.secret)
    url = wire.printed(document, "UrlThanhToan")
    if not wire.is_web_address(url, plain=settings.init_url.startswith("http://")):
        raise Malformed("dvcqg: UrlThanhToan is not the address of a page")
    return Started(redirect_url=url)


def decode_confirm(settings: Settings, body: bytes) -> Report:
    """Reads a CONFIRM. Raises `Malformed`, `BadSignature`, `ForeignPartner`."""
    fields = _verify(wire.strict_json_object(body), CONFIRM_ORDER, settings.secret)
    if fields["LoaiBanTin"] != "CONFIRM" or not fields["SoTien"]:
        raise Malformed("dvcqg: not a CONFIRM with a sum")
    code = fields["MaLoi"]
    failed = Outcome.FAILED if code in settings.failure_codes else Outcome.UNKNOWN
    return _report(settings, fields, Outcome.PAID if code == SUCCESS else failed, code)


def encode_query(settings: Settings, reference: str, now: datetime) -> HttpRequest:
    fields = {
        "LoaiBanTin": "QUERY",
        "PhienBan": settings.version,
        "MaDoiTac": settings.partner_code,
        "MaThamChieu": reference,
        "ThoiGianGD": wire.local_stamp(now),
    }
    code = authentication_code(fields, QUERY_ORDER, settings.secret)
    return _post(settings, settings.query_url, {**fields, _CODE: code})


def decode_query(settings: Settings, answer: HttpAnswer, reference: str) -> Report:
    """Reads the answer to a QUERY about `reference`, in either shape. Raises as `PaymentProvider.query`.

    TrangThaiGD is not under MaXacThuc unless `query_answer_order` says so. Therefore success must be said
    twice, by it and by the signed MaLoi; and a signed "no" outweighs an unsigned "paid".
    """
    document = _unwrapped(answer)
    code, state = wire.printed(document, "MaLoi"), wire.printed(document, "TrangThaiGD")
    if code != SUCCESS and not state and not document.get(_CODE):
        raise Refused("dvcqg: QUERY was refused", code=code[:MAX_PARTNER])
    fields = _verify(document, settings.query_answer_order, settings.secret)
    if fields["MaThamChieu"] != reference:
        raise Malformed("dvcqg: the answer is about another MaThamChieu")
    outcome = TRANSACTION_STATES.get(state, Outcome.UNKNOWN)
    if outcome is Outcome.PAID and code != SUCCESS:
        outcome = Outcome.UNKNOWN
    return _report(settings, fields, outcome, f"{code}/{state}")


def encode_reply(settings: Settings, *, answer: Answer, body: bytes, now: datetime) -> HttpAnswer:
    """The reply to a CONFIRM; MaThamChieu and MaXacThuc go back as they came, where they can be read."""
    code, text = ACKNOWLEDGEMENTS[answer]
    try:
        document = wire.strict_json_object(body)
        reference, echo = (wire.printed(document, name)[:MAX_REFERENCE] for name in ("MaThamChieu", _CODE))
    except Malformed:
        reference = echo = ""
    reply = {
        "MaLoi": code,
        "MoTaLoi": text,
        "MaDoiTac": settings.partner_code,
        "MaThamChieu": reference,
        "ThoiGianGD": wire.local_stamp(now),
        _CODE: echo,
    }
    return HttpAnswer(status=200, body=wire.compact_json(reply), headers={"content-type": "application/json"})


def _receipt(settings: Settings, order: StartOrder) -> dict[str, object]:
    """ThongTinBienLai: what the receipt will say, every line as a fee (PhiLePhi) and as a payment."""
    agency, payer = order.agency, order.payer
    if not (agency.code and agency.name and order.case_code):
        raise Malformed("dvcqg: MaDonVi, TenDonVi and MaHoSo are mandatory for a fee")
    if sum(line.amount_vnd for line in order.lines) != order.amount_vnd:
        raise Malformed("dvcqg: the lines do not make up the sum of the order")
    name = wire.one_line(order.procedure_name, MAX_NAME)
    return {
        "MaDichVu": FEE_SERVICE,
        "MaDVC": order.procedure_code + settings.service_suffix,
        "TenDVC": name,
        "MaTTHC": order.procedure_code,
        "TenTTHC": name,
        "MaDonVi": agency.code,
        "TenDonVi": agency.name,
        "MaHoSo": order.case_code,
        "TKThuHuong": agency.account,
        "MaNHThuHuong": agency.bank_bin,
        "TenTKThuHuong": agency.account_name,
        "HoTenNguoiNop": payer.name,
        "SoCMNDNguoiNop": payer.id_number,
        "DiaChiNguoiNop": payer.address,
        "HuyenNguoiNop": "",  # districts ended on 1 July 2025
        "TinhNguoiNop": payer.province,
        "PhiLePhi": [_fee(settings, line) for line in order.lines],
        "DSKhoanNop": [{"NoiDung": line.name, "SoTien": str(line.amount_vnd)} for line in order.lines],
    }


def _fee(settings: Settings, line: FeeLine) -> dict[str, str]:
    kind = settings.postage_kind if line.kind == "postage" else LINE_KINDS.get(line.kind)
    if kind is None or line.amount_vnd < 0:
        raise Malformed("dvcqg: a line is phi, le_phi or postage, and not negative")
    if not kind:
        raise Misconfigured("dvcqg: postage_kind is not set, so postage cannot be collected here")
    names = {"LoaiPhiLePhi": kind, "MaPhiLePhi": line.code, "TenPhiLePhi": line.name}
    return {**names, "SoTien": str(line.amount_vnd)}


def _report(settings: Settings, fields: Mapping[str, str], outcome: Outcome, code: str) -> Report:
    if fields["MaDoiTac"] != settings.partner_code:
        raise ForeignPartner("dvcqg: the message names another MaDoiTac")
    if not fields["MaThamChieu"]:
        raise Malformed("dvcqg: MaThamChieu is absent")
    return Report(
        outcome=outcome,
        reference=fields["MaThamChieu"],
        amount_vnd=wire.whole_number(fields["SoTien"]) if fields["SoTien"] else None,
        currency=fields["MaTienTe"] or "VND",
        provider_ref=fields["MaGiaoDich"] or None,
        code=code,
        occurred_at=wire.readable_stamp(fields["ThoiGianGD"]),
    )


def _verify(document: dict[str, object], order: str, secret: str) -> dict[str, str]:
    """The texts of a message whose MaXacThuc holds. Raises `BadSignature`, `Malformed`."""
    names = {*order.split("|"), *CONFIRM_ORDER.split("|")}
    fields = {name: wire.printed(document, name) for name in names}
    if not same(wire.printed(document, _CODE), authentication_code(fields, order, secret)):
        raise BadSignature("dvcqg: MaXacThuc does not hold")
    return fields


def _unwrapped(answer: HttpAnswer) -> dict[str, object]:
    """The message in an answer: the answer itself, or the JSON text in its `message`."""
    wire.usable_status(answer.status)
    document = wire.strict_json_object(answer.body)
    if "error_code" in document:
        code = wire.printed(document, "error_code")
        if code != "0":
            raise Refused("dvcqg: refused by the platform", code=code[:MAX_PARTNER])
        document = wire.strict_json_object(wire.printed(document, "message").encode())
    if not wire.printed(document, "MaLoi"):
        raise Malformed("dvcqg: an answer has no MaLoi")
    return document


def _post(settings: Settings, url: str, message: Mapping[str, object]) -> HttpRequest:
    headers = {"content-type": "application/json; charset=utf-8"}
    if settings.bearer_token:
        headers["authorization"] = f"Bearer {settings.bearer_token}"
    return HttpRequest(
        method="POST", url=url, headers=headers, body=wire.compact_json(message), timeout_s=settings.timeout_s
    )


class Dvcqg:
    """The adapter: see `gateway.ports.PaymentProvider` for the contract."""

    name = "dvcqg"
    capabilities = frozenset({Capability.REDIRECT, Capability.CALLBACK, Capability.QUERY})

    def __init__(self, settings: Settings, http: HttpDoor) -> None:
        self._settings = settings
        self._http = http

    def start(self, order: StartOrder) -> Started:
        return decode_init(self._settings, self._http.send(encode_init(self._settings, order)))

    def read_callback(self, message: InboundMessage, now: datetime) -> Report:  # noqa: ARG002 - has no clock
        return decode_confirm(self._settings, message.body)

    def acknowledge(self, answer: Answer, message: InboundMessage, now: datetime) -> HttpAnswer:
        return encode_reply(self._settings, answer=answer, body=message.body, now=now)

    def query(self, reference: str, started_at: datetime, now: datetime, request_id: str) -> Report:  # noqa: ARG002 - neither is on this wire
        answer = self._http.send(encode_query(self._settings, reference, now))
        return decode_query(self._settings, answer, reference)
