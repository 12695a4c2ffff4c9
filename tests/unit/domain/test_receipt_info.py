from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import Malformed, Unsupported
from gateway.domain.receipt_info import receipt_info, service_names
from gateway.ports import Agency, Bill, FeeLine, Payer

OWED = Bill(
    reference="C4261124K7Q2M9XT",
    amount_vnd=235_500,
    description="Phí, lệ phí",
    payable=True,
    case_code="H28.16-261124-0042",
    agency=Agency("H28.16", "UBND phường Thử Nghiệm", "1017777000042", "970415", "UBND PHUONG"),
    lines=(FeeLine("phi", "P01", "Phí thẩm định", 150_500), FeeLine("le_phi", "LP07", "Lệ phí", 85_000)),
    payer=Payer("Đặng Thị Mẫu", "017199000123", "Tổ 9", "Phú Thọ"),
    expires_at=datetime(2026, 11, 24, tzinfo=UTC),
)
POSTED = replace(
    OWED, amount_vnd=265_500, lines=(*OWED.lines, FeeLine("postage", "BC", "Cước trả kết quả", 30_000))
)


def test_a_receipt_is_told_who_collects_who_pays_and_every_line_twice() -> None:
    expected = {
        "MaDichVu": "2",
        "MaDonVi": "H28.16",
        "TenDonVi": "UBND phường Thử Nghiệm",
        "MaHoSo": "H28.16-261124-0042",
        "TKThuHuong": "1017777000042",
        "MaNHThuHuong": "970415",
        "TenTKThuHuong": "UBND PHUONG",
        "HoTenNguoiNop": "Đặng Thị Mẫu",
        "SoCMNDNguoiNop": "017199000123",
        "DiaChiNguoiNop": "Tổ 9",
        "HuyenNguoiNop": "",
        "TinhNguoiNop": "Phú Thọ",
        "PhiLePhi": [
            {"LoaiPhiLePhi": "1", "MaPhiLePhi": "P01", "TenPhiLePhi": "Phí thẩm định", "SoTien": "150500"},
            {"LoaiPhiLePhi": "2", "MaPhiLePhi": "LP07", "TenPhiLePhi": "Lệ phí", "SoTien": "85000"},
        ],
        "DSKhoanNop": [
            {"NoiDung": "Phí thẩm định", "SoTien": "150500"},
            {"NoiDung": "Lệ phí", "SoTien": "85000"},
        ],
    }
    assert expected == receipt_info(OWED, service={}, postage_kind="")


def test_the_service_is_named_by_its_procedure_on_one_line_of_at_most_250() -> None:
    service = service_names(code="1.004194", name="Đăng ký\nkhai sinh " + "x" * 300, suffix=".01")
    assert ("1.004194.01", "1.004194") == (service["MaDVC"], service["MaTTHC"])
    assert service["TenDVC"] == service["TenTTHC"]
    assert ("Đăng ký khai sinh x", 250) == (service["TenDVC"][:19], len(service["TenDVC"]))
    assert service.items() <= receipt_info(OWED, service=service, postage_kind="").items()


def test_the_sum_of_a_fee_is_written_as_the_wire_wants_it_and_that_of_a_payment_as_text() -> None:
    told = receipt_info(OWED, service={}, postage_kind="", fee_sum=int)
    assert [[150_500, 85_000], ["150500", "85000"]] == [
        [line["SoTien"] for line in told[part]] for part in ("PhiLePhi", "DSKhoanNop")
    ]


def test_postage_is_a_fee_only_of_the_kind_that_is_agreed() -> None:
    with pytest.raises(Unsupported):
        receipt_info(POSTED, service={}, postage_kind="")
    fees = receipt_info(POSTED, service={}, postage_kind="3")["PhiLePhi"]
    assert ["1", "2", "3"] == [fee["LoaiPhiLePhi"] for fee in fees]


@pytest.mark.parametrize(
    "changes",
    [
        {"case_code": ""},
        {"agency": replace(OWED.agency, code="")},
        {"agency": replace(OWED.agency, name="")},
        {"amount_vnd": 235_501},
        {"amount_vnd": 0, "lines": ()},
        {"lines": (FeeLine("fine", "F", "Phạt", 235_500),)},
        {"lines": (FeeLine("phi", "P", "Phí", 235_501), FeeLine("phi", "Q", "Phí", -1))},
    ],
)
def test_what_makes_no_receipt_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        receipt_info(replace(OWED, **changes), service={}, postage_kind="3")


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=5))
def test_both_lists_make_up_the_sum_of_the_order(sums: list[int]) -> None:
    lines = tuple(FeeLine("phi", f"P{i}", "Phí", each) for i, each in enumerate((1, *sums)))
    told = receipt_info(
        replace(OWED, lines=lines, amount_vnd=sum(sums) + 1), service={}, postage_kind="", fee_sum=int
    )
    for part in ("PhiLePhi", "DSKhoanNop"):
        assert sum(sums) + 1 == sum(int(line["SoTien"]) for line in told[part])
