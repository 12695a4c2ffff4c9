"""National payment platform (Nền tảng thanh toán, DVCQG) 1.0.6: INIT, CONFIRM, QUERY, GET_BILL and the look-up.

The platform's own document is not public; our reading is sections 2-3 of `specs/payments.md`, taken where two
published portals agree. MaXacThuc is the hexadecimal SHA-256 (no HMAC) of the fields of a message in a fixed
order and the secret, in UTF-8, joined by `|`. What is not public is a setting here: the order of a QUERY
answer, whether an INIT answer is signed, and which MaLoi mean that a payment has failed for certain.

Joining by `|` says where a field ends only when no field but the last holds one: others are refused.
INIT carries SoTien as text, CONFIRM as a number; each is hashed as it is printed, so fractions and exponents
have no place. ThoiGianGD is +07:00, 24-hour. CONFIRM may carry Token and SoThe: they are never read.

The look-up ("dptracuuthanhtoanhs"): the platform asks by MaHoSo what is owed now, and charges that. It carries
no MaXacThuc in public code, and its answer holds a person's data: it is answered only to who shows the agreed
token. A GET_BILL answer is not signed either; what it brings rests on TLS. No wire of the platform for giving
money back is public, so there is no refund.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from adapters.dvcqg_wire import (
    CODE,
    CONFIRM_ORDER,
    INIT_ORDER,
    MAX_CODE,
    MAX_REFERENCE,
    SUCCESS,
    Settings,
    ask,
    authentication_code,
    post,
    unwrapped,
    verified,
)
from gateway.domain import receipt_info, wire
from gateway.domain.errors import (
    BadSignature,
    ForeignPartner,
    GatewayError,
    Malformed,
    Refused,
    Unsupported,
)
from gateway.ports import (
    Answer,
    Bill,
    Capability,
    HttpAnswer,
    HttpDoor,
    HttpRequest,
    InboundMessage,
    Outcome,
    Report,
    Started,
    StartOrder,
)
from signing.mac import same

__all__ = ["Dvcqg", "Settings"]

# TrangThaiGD of a QUERY answer; 3 stands for "pending or unknown" at the platform: not finished, for us.
TRANSACTION_STATES: Final[Mapping[str, Outcome]] = MappingProxyType(
    {"1": Outcome.PAID, "3": Outcome.PENDING, "4": Outcome.FAILED}
)
# Only two words exist. A message that we have already booked is answered 00: the platform asks whether we
# know that it was paid, and 99 would have it ask for ever.
ACKNOWLEDGEMENTS: Final[Mapping[Answer, tuple[str, str]]] = MappingProxyType(
    {
        **dict.fromkeys(Answer, ("99", "Các lỗi khác")),
        **dict.fromkeys((Answer.OK, Answer.DUPLICATE), (SUCCESS, "Thành công")),
    }
)
# error_code of the look-up: 1 to be paid, 0 nothing to pay, -1 for all that is wrong, which has one word.
INQUIRY_CODES: Final[Mapping[Answer, int]] = MappingProxyType(
    {**dict.fromkeys(Answer, -1), Answer.OK: 1, Answer.DUPLICATE: 0}
)

PDF: Final = b"%PDF-"
_CASE_CODE = re.compile(r"[!-~]{1,255}")


def encode_init(settings: Settings, order: StartOrder) -> HttpRequest:
    """An INIT. Raises `Malformed` for an order that the wire cannot carry, `Unsupported` for postage without a kind."""
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
    return post(
        settings, settings.init_url, {**fields, CODE: code, "ThongTinBienLai": _receipt(settings, order)}
    )


def decode_init(settings: Settings, answer: HttpAnswer) -> Started:
    """Reads the answer to an INIT in either shape. Raises `Refused`, `BadSignature`, `Malformed`."""
    document = _answered(answer)
    code = wire.printed(document, "MaLoi")
    if code != SUCCESS:
        raise Refused("dvcqg: INIT was refused", code=code[:MAX_CODE])
    if settings.init_answer_order:
        verified(document, settings.init_answer_order, settings.secret)
    url = wire.printed(document, "UrlThanhToan")
    if not wire.is_web_address(url, plain=settings.init_url.startswith("http://")):
        raise Malformed("dvcqg: UrlThanhToan is not the address of a page")
    return Started(redirect_url=url)


def decode_confirm(settings: Settings, body: bytes) -> Report:
    """Reads a CONFIRM. Raises `Malformed`, `BadSignature`, `ForeignPartner`."""
    fields = verified(wire.strict_json_object(body), CONFIRM_ORDER, settings.secret)
    if fields["LoaiBanTin"] != "CONFIRM" or not fields["SoTien"]:
        raise Malformed("dvcqg: not a CONFIRM with a sum")
    code = fields["MaLoi"]
    failed = Outcome.FAILED if code in settings.failure_codes else Outcome.UNKNOWN
    return _report(settings, fields, Outcome.PAID if code == SUCCESS else failed, code)


def encode_query(settings: Settings, reference: str, now: datetime) -> HttpRequest:
    return ask(settings, settings.query_url, kind="QUERY", reference=reference, now=now)


def decode_query(settings: Settings, answer: HttpAnswer, reference: str) -> Report:
    """Reads the answer to a QUERY about `reference`, in either shape. Raises as `PaymentProvider.query`.

    TrangThaiGD is not under MaXacThuc unless `query_answer_order` says so. Therefore success must be said
    twice, by it and by the signed MaLoi; and a signed "no" outweighs an unsigned "paid".
    """
    document = _answered(answer)
    code, state = wire.printed(document, "MaLoi"), wire.printed(document, "TrangThaiGD")
    if code != SUCCESS and not state and not document.get(CODE):
        raise Refused("dvcqg: QUERY was refused", code=code[:MAX_CODE])
    fields = verified(document, settings.query_answer_order, settings.secret)
    if fields["MaThamChieu"] != reference:
        raise Malformed("dvcqg: the answer is about another MaThamChieu")
    outcome = TRANSACTION_STATES.get(state, Outcome.UNKNOWN)
    if outcome is Outcome.PAID and code != SUCCESS:
        outcome = Outcome.UNKNOWN
    return _report(settings, fields, outcome, f"{code}/{state}")


def encode_bill(settings: Settings, reference: str, now: datetime) -> HttpRequest:
    return ask(settings, settings.bill_url, kind="GET_BILL", reference=reference, now=now)


def decode_bill(settings: Settings, answer: HttpAnswer) -> bytes | HttpRequest:
    """The receipt (PDF), or the call that fetches it where the answer is an address. Raises as `Billing.bill`."""
    wire.usable_status(answer.status)
    if answer.body.startswith(PDF):
        return answer.body
    document = _answered(answer)
    code, url = wire.printed(document, "MaLoi"), wire.printed(document, "UrlBienLai")
    if code != SUCCESS:
        raise Refused("dvcqg: there is no receipt", code=code[:MAX_CODE])
    if not wire.is_web_address(url, plain=settings.bill_url.startswith("http://")):
        raise Malformed("dvcqg: UrlBienLai is not the address of a receipt")
    # without our token: the address may lead anywhere
    return HttpRequest(method="GET", url=url, timeout_s=settings.timeout_s)


def decode_paper(answer: HttpAnswer) -> bytes:
    wire.usable_status(answer.status)
    if not answer.body.startswith(PDF):
        raise Malformed("dvcqg: what UrlBienLai leads to is not a PDF")
    return answer.body


def decode_inquiry(settings: Settings, message: InboundMessage) -> str:
    """The MaHoSo that the platform looks up. Raises `BadSignature`, `Malformed`."""
    given, token = message.headers.get("authorization", ""), settings.inquiry_token
    if not token or not same(given, f"Bearer {token}"):
        raise BadSignature("dvcqg: whoever looks up does not show the token of the platform")
    case_code = wire.printed(wire.strict_json_object(message.body), "MaHoSo")
    if not _CASE_CODE.fullmatch(case_code):
        raise Malformed("dvcqg: MaHoSo is 1 to 255 printable characters without blanks")
    return case_code


def encode_inquiry_answer(settings: Settings, answer: Answer, bill: Bill | None, now: datetime) -> HttpAnswer:
    """What is owed now, or the word for why it is not told; a bill that this wire cannot carry is not found."""
    if answer is Answer.OK:
        answer = Answer.UNKNOWN_ORDER if bill is None else Answer.OK if bill.payable else Answer.DUPLICATE
    message: object = []
    if answer is Answer.OK and bill is not None:
        try:
            message = {
                "MaTraCuuTT": bill.case_code + wire.local_stamp(now),
                "transaction_id": bill.reference,
                "client_id": settings.client_id or settings.partner_code,
                **_receipt(settings, bill),
                "NoiDungThanhToan": wire.one_line(bill.description, MAX_REFERENCE),
            }
        except GatewayError:
            answer = Answer.UNKNOWN_ORDER
    return _said({"error_code": INQUIRY_CODES[answer], "message": message})


def encode_reply(settings: Settings, *, answer: Answer, body: bytes, now: datetime) -> HttpAnswer:
    """The reply to a CONFIRM; MaThamChieu and MaXacThuc go back as they came, where they can be read."""
    code, text = ACKNOWLEDGEMENTS[answer]
    try:
        document = wire.strict_json_object(body)
        reference, echo = (wire.printed(document, name)[:MAX_REFERENCE] for name in ("MaThamChieu", CODE))
    except Malformed:
        reference = echo = ""
    reply = {
        "MaLoi": code,
        "MoTaLoi": text,
        "MaDoiTac": settings.partner_code,
        "MaThamChieu": reference,
        "ThoiGianGD": wire.local_stamp(now),
        CODE: echo,
    }
    return _said(reply)


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


def _receipt(settings: Settings, owed: StartOrder | Bill) -> dict[str, object]:
    """ThongTinBienLai, without the service where it is not known."""
    service = {}
    if owed.procedure_code:
        service = receipt_info.service_names(
            code=owed.procedure_code, name=owed.procedure_name, suffix=settings.service_suffix
        )
    return receipt_info.receipt_info(owed, service=service, postage_kind=settings.postage_kind)


def _answered(answer: HttpAnswer) -> dict[str, object]:
    wire.usable_status(answer.status)
    return unwrapped(answer.body)


def _said(reply: Mapping[str, object]) -> HttpAnswer:
    return HttpAnswer(status=200, body=wire.compact_json(reply), headers={"content-type": "application/json"})


class Dvcqg:
    """The adapter: see `gateway.ports.PaymentProvider`, `Billing` and `Inquiring` for the contract.

    Without `bill_url` it has no `BILL`, without `inquiry_token` no `INQUIRY`.
    """

    name = "dvcqg"
    capabilities = frozenset(
        {
            Capability.REDIRECT,
            Capability.CALLBACK,
            Capability.QUERY,
            Capability.BILL,
            Capability.INQUIRY,
        }
    )

    def __init__(self, settings: Settings, http: HttpDoor) -> None:
        self._settings = settings
        self._http = http
        agreed = {Capability.BILL: settings.bill_url, Capability.INQUIRY: settings.inquiry_token}
        self.capabilities = self.capabilities - {each for each, setting in agreed.items() if not setting}

    def start(self, order: StartOrder) -> Started:
        return decode_init(self._settings, self._http.send(encode_init(self._settings, order)))

    def read_callback(self, message: InboundMessage, now: datetime) -> Report:  # noqa: ARG002 - has no clock
        return decode_confirm(self._settings, message.body)

    def acknowledge(self, answer: Answer, message: InboundMessage, now: datetime) -> HttpAnswer:
        return encode_reply(self._settings, answer=answer, body=message.body, now=now)

    def query(self, reference: str, started_at: datetime, now: datetime, request_id: str) -> Report:  # noqa: ARG002 - neither is on this wire
        answer = self._http.send(encode_query(self._settings, reference, now))
        return decode_query(self._settings, answer, reference)

    def bill(self, reference: str, provider_ref: str | None, now: datetime, request_id: str) -> bytes:  # noqa: ARG002 - neither is on this wire
        """The platform's receipt (biên lai) of a paid try."""
        self._need(Capability.BILL)
        found = decode_bill(self._settings, self._http.send(encode_bill(self._settings, reference, now)))
        return found if isinstance(found, bytes) else decode_paper(self._http.send(found))

    def read_inquiry(self, message: InboundMessage, now: datetime) -> str:  # noqa: ARG002 - has no clock
        """The code of the case (MaHoSo) that is asked about: this wire knows no reference of ours."""
        self._need(Capability.INQUIRY)
        return decode_inquiry(self._settings, message)

    def answer_inquiry(
        self,
        answer: Answer,
        bill: Bill | None,
        message: InboundMessage,  # noqa: ARG002 - nothing of it is echoed
        now: datetime,
    ) -> HttpAnswer:
        return encode_inquiry_answer(self._settings, answer, bill, now)

    def _need(self, capability: Capability) -> None:
        if capability not in self.capabilities:
            raise Unsupported(f"dvcqg: {capability} is not agreed with the platform")
