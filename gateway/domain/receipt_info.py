"""ThongTinBienLai: what a receipt (biên lai) will say, as a payment wire is told it beside the sum.

The national platform's own list; KeyPay 3 carries the same as bill_info (`specs/payments.md` section 2). Every line is
told twice, as a fee (PhiLePhi) and as a payment (DSKhoanNop), and the sums of both must be the sum of the order.
MaDichVu is that of a fee: a fine needs a decision, which our orders do not carry.
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, Protocol

from gateway.domain import wire
from gateway.domain.errors import Malformed, Unsupported

FEE_SERVICE: Final = "2"
LINE_KINDS: Final[Mapping[str, str]] = MappingProxyType({"phi": "1", "le_phi": "2"})
MAX_NAME: Final = 250  # of TenDVC and TenTTHC


class Line(Protocol):
    """A line of what is owed."""

    @property
    def kind(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def amount_vnd(self) -> int: ...


class Collector(Protocol):
    """The agency and the account that the money goes to."""

    @property
    def code(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def account(self) -> str: ...
    @property
    def bank_bin(self) -> str: ...
    @property
    def account_name(self) -> str: ...


class Person(Protocol):
    """Who pays."""

    @property
    def name(self) -> str: ...
    @property
    def id_number(self) -> str: ...
    @property
    def address(self) -> str: ...
    @property
    def province(self) -> str: ...


class Owed(Protocol):
    """What an order to start and a bill that is looked up have in common."""

    @property
    def case_code(self) -> str: ...
    @property
    def amount_vnd(self) -> int: ...
    @property
    def lines(self) -> Sequence[Line]: ...
    @property
    def agency(self) -> Collector: ...
    @property
    def payer(self) -> Person: ...


def service_names(*, code: str, name: str, suffix: str) -> dict[str, str]:
    """The names of the service, and of the procedure `code` that it belongs to; `suffix` makes one of the other."""
    short = wire.one_line(name, MAX_NAME)
    return {"MaDVC": code + suffix, "TenDVC": short, "MaTTHC": code, "TenTTHC": short}


def receipt_info(
    owed: Owed,
    *,
    service: Mapping[str, str],
    postage_kind: str,
    fee_sum: Callable[[int], object] = str,
) -> dict[str, object]:
    """What the receipt for `owed` will say.

    `service` comes from `service_names`, or is empty where it is not known. `postage_kind` is LoaiPhiLePhi
    of postage, which is no state fee; empty refuses it. `fee_sum` writes SoTien of a fee, in VND. Raises `Malformed`
    for what the wire cannot carry, `Unsupported` for postage without its kind.
    """
    agency, payer = owed.agency, owed.payer
    if not (agency.code and agency.name and owed.case_code):
        raise Malformed("MaDonVi, TenDonVi and MaHoSo are mandatory for a fee")
    if owed.amount_vnd <= 0 or sum(line.amount_vnd for line in owed.lines) != owed.amount_vnd:
        raise Malformed("the lines do not make up a positive sum")
    return {
        "MaDichVu": FEE_SERVICE,
        **service,
        "MaDonVi": agency.code,
        "TenDonVi": agency.name,
        "MaHoSo": owed.case_code,
        "TKThuHuong": agency.account,
        "MaNHThuHuong": agency.bank_bin,
        "TenTKThuHuong": agency.account_name,
        "HoTenNguoiNop": payer.name,
        "SoCMNDNguoiNop": payer.id_number,
        "DiaChiNguoiNop": payer.address,
        "HuyenNguoiNop": "",  # districts ended on 1 July 2025
        "TinhNguoiNop": payer.province,
        "PhiLePhi": [{**_fee(line, postage_kind), "SoTien": fee_sum(line.amount_vnd)} for line in owed.lines],
        "DSKhoanNop": [{"NoiDung": line.name, "SoTien": str(line.amount_vnd)} for line in owed.lines],
    }


def _fee(line: Line, postage_kind: str) -> dict[str, str]:
    kind = postage_kind if line.kind == "postage" else LINE_KINDS.get(line.kind)
    if kind is None or line.amount_vnd < 0:
        raise Malformed("a line is phi, le_phi or postage, and not negative")
    if not kind:
        raise Unsupported("this provider collects no postage here: postage_kind is not set")
    return {"LoaiPhiLePhi": kind, "MaPhiLePhi": line.code, "TenPhiLePhi": line.name}
