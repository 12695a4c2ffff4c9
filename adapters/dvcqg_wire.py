"""How the national payment platform 1.0.6 signs and writes: what is agreed, MaXacThuc, the two shapes of an answer.

The rules and their source are in the docstring of `dvcqg.py`, the only module that uses these.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gateway.domain import wire
from gateway.domain.errors import BadSignature, Malformed, Misconfigured, Refused
from gateway.ports import HttpRequest
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
MAX_REFERENCE: Final = 255
MAX_CODE: Final = 50
CODE: Final = "MaXacThuc"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the contract with the platform gives, and our choice where its document is silent.

    `failure_codes`: MaLoi of a CONFIRM that mean "failed" for certain; empty, as the list is not public.
    `query_answer_order`: the fields under a QUERY answer's MaXacThuc, by default without TrangThaiGD.
    `init_answer_order`: the fields under an INIT answer's MaXacThuc; empty, the address rests on TLS alone.
    `postage_kind`: LoaiPhiLePhi for a postage line. Empty refuses such orders: postage is not a state fee,
    yet the platform wants the fees to make up the whole sum: what to write then must be agreed with it.
    `bill_url`: empty, the platform gives no receipts. `inquiry_token`: the bearer token that the platform shows
    when it looks up what is owed; empty, it may not. `client_id`: ours in the look-up, else the partner code.
    """

    partner_code: str
    secret: str = field(repr=False)
    init_url: str
    query_url: str
    bill_url: str = ""
    bearer_token: str = field(default="", repr=False)
    inquiry_token: str = field(default="", repr=False)
    client_id: str = ""
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
        if not self.partner_code or len(self.partner_code) > MAX_CODE or "|" in self.partner_code:
            raise Misconfigured("dvcqg: partner_code is 1 to 50 characters without '|'")
        if not self.secret:
            raise Misconfigured("dvcqg: secret is empty")
        if SUCCESS in self.failure_codes:
            raise Misconfigured("dvcqg: 00 cannot be a failure code")
        urls = (self.init_url, self.query_url, *([self.bill_url] if self.bill_url else ()))
        if not all(url.startswith(("https://", "http://")) for url in urls):
            raise Misconfigured("dvcqg: init_url, query_url and bill_url are absolute http(s) URLs")


def authentication_code(fields: Mapping[str, str], order: str, secret: str) -> str:
    """MaXacThuc of a message. Raises `Malformed` when a field but the last holds the separator."""
    values = [fields.get(name, "") for name in order.split("|")]
    if any("|" in value for value in values[:-1]):
        raise Malformed("dvcqg: a signed field holds '|'")
    return sha256_hex("|".join((*values, secret)))


def verified(document: dict[str, object], order: str, secret: str) -> dict[str, str]:
    """The texts of a message whose MaXacThuc holds. Raises `BadSignature`, `Malformed`."""
    names = {*order.split("|"), *CONFIRM_ORDER.split("|")}
    fields = {name: wire.printed(document, name) for name in names}
    if not same(wire.printed(document, CODE), authentication_code(fields, order, secret)):
        raise BadSignature("dvcqg: MaXacThuc does not hold")
    return fields


def unwrapped(body: bytes) -> dict[str, object]:
    """The message in an answer: the answer itself, or the JSON text in its `message`.

    Raises `Malformed`, and `Refused` for an error of the wrapper.
    """
    document = wire.strict_json_object(body)
    if "error_code" in document:
        code = wire.printed(document, "error_code")
        if code != "0":
            raise Refused("dvcqg: refused by the platform", code=code[:MAX_CODE])
        document = wire.strict_json_object(wire.printed(document, "message").encode())
    if not wire.printed(document, "MaLoi"):
        raise Malformed("dvcqg: an answer has no MaLoi")
    return document


def ask(settings: Settings, url: str, *, kind: str, reference: str, now: datetime) -> HttpRequest:
    """A message of `kind` that asks about one reference."""
    fields = {
        "LoaiBanTin": kind,
        "PhienBan": settings.version,
        "MaDoiTac": settings.partner_code,
        "MaThamChieu": reference,
        "ThoiGianGD": wire.local_stamp(now),
    }
    return post(settings, url, {**fields, CODE: authentication_code(fields, QUERY_ORDER, settings.secret)})


def post(settings: Settings, url: str, message: Mapping[str, object]) -> HttpRequest:
    headers = {"content-type": "application/json; charset=utf-8"}
    if settings.bearer_token:
        headers["authorization"] = f"Bearer {settings.bearer_token}"
    return HttpRequest(
        method="POST", url=url, headers=headers, body=wire.compact_json(message), timeout_s=settings.timeout_s
    )
