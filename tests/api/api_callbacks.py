"""What the two providers send, signed as they sign, and how to read what we answer in their words."""

import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from api_wire import JSON, Reply
from api_world import DVCQG_SECRET, PARTNER, TMN_CODE, VNPAY_SECRET, World

from sandbox import dvcqg_wire, vnpay_wire

NUMBERS = itertools.count(14_000_001)
PAID_AT = "20261124101500"


@dataclass(frozen=True)
class Said:
    """A message on its way to `/callbacks/…`: it travels in the query of a GET, or in the body of a POST."""

    method: str
    provider: str
    query: bytes = b""
    body: bytes = b""

    @property
    def content(self) -> bytes:
        return self.query if self.method == "GET" else self.body

    def with_content(self, content: bytes) -> "Said":
        if self.method == "GET":
            return Said("GET", self.provider, query=content)
        return Said("POST", self.provider, body=content)

    def send(self, world: World) -> Reply:
        target = f"/callbacks/{self.provider}" + (f"?{self.query.decode('latin-1')}" if self.query else "")
        if self.method == "GET":
            return world.plain("GET", target)
        return world.plain("POST", target, headers=[("Content-Type", JSON)], body=self.body)


class Provider(ABC):
    """One provider's side: `words` gives the code that it reads in our answer, for each thing that we can mean."""

    name: str
    words: Mapping[str, str]
    word_field: str
    failed_code: str | None
    reference_field: str
    amount_field: str
    partner_field: str
    number_field: str

    @abstractmethod
    def paid(self, reference: str, amount_vnd: int, *, code: str = "00", **changes: object) -> Said: ...

    @abstractmethod
    def amount(self, amount_vnd: int) -> object: ...

    def word(self, reply: Reply) -> str:
        assert (200, JSON) == (reply.status, reply.media_type)
        return str(reply.json[self.word_field])


class Vnpay(Provider):
    name = "vnpay"
    words = {  # noqa: RUF012 - a constant of the test
        "ok": "00",
        "duplicate": "02",
        "wrong_amount": "04",
        "unknown_order": "01",
        "foreign_partner": "01",
        "bad_signature": "97",
        "malformed": "99",
        "our_error": "99",
    }
    word_field, failed_code = "RspCode", "24"
    reference_field, amount_field, partner_field = "vnp_TxnRef", "vnp_Amount", "vnp_TmnCode"
    number_field = "vnp_TransactionNo"

    def amount(self, amount_vnd: int) -> str:
        return str(amount_vnd * 100)

    def paid(self, reference: str, amount_vnd: int, *, code: str = "00", **changes: object) -> Said:
        fields = {
            "vnp_Amount": self.amount(amount_vnd),
            "vnp_BankCode": "NCB",
            "vnp_CardType": "ATM",
            "vnp_OrderInfo": "Phi ho so *~",
            "vnp_PayDate": PAID_AT,
            "vnp_ResponseCode": code,
            "vnp_TmnCode": TMN_CODE,
            "vnp_TransactionNo": str(next(NUMBERS)),
            "vnp_TransactionStatus": "00" if code == "00" else "02",
            "vnp_TxnRef": reference,
            **{name: str(value) for name, value in changes.items()},
        }
        return Said("GET", self.name, query=vnpay_wire.signed_query(VNPAY_SECRET, fields).encode())


class Dvcqg(Provider):
    name = "dvcqg"
    words = {  # noqa: RUF012 - as above
        "ok": "00",
        "duplicate": "00",
        **dict.fromkeys(
            ("wrong_amount", "unknown_order", "foreign_partner", "bad_signature", "malformed", "our_error"),
            "99",
        ),
    }
    word_field, failed_code = "MaLoi", None
    reference_field, amount_field, partner_field = "MaThamChieu", "SoTien", "MaDoiTac"
    number_field = "MaGiaoDich"

    def amount(self, amount_vnd: int) -> int:
        return amount_vnd

    def paid(self, reference: str, amount_vnd: int, *, code: str = "00", **changes: object) -> Said:
        fields = {
            "LoaiBanTin": "CONFIRM",
            "MaLoi": code,
            "MaDoiTac": PARTNER,
            "MaThamChieu": reference,
            "SoTien": amount_vnd,
            "MaTienTe": "VND",
            "MaGiaoDich": f"VNP{next(NUMBERS)}",
            "MaNganHang": "VIETINBANK",
            "ThoiGianGD": PAID_AT,
            "ThongTinGiaoDich": "Phi ho so",
            **changes,
        }
        return self.signed(fields)

    def signed(self, fields: Mapping[str, object]) -> Said:
        mac = dvcqg_wire.mac(DVCQG_SECRET, fields, dvcqg_wire.CONFIRM)
        body = json.dumps({**fields, dvcqg_wire.MAC: mac}, ensure_ascii=False, separators=(",", ":"))
        return Said("POST", self.name, body=body.encode())


PROVIDERS = (Vnpay(), Dvcqg())
