import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import ttttqg, ttttqg_wire
from gateway.domain.errors import (
    BadSignature,
    ForeignPartner,
    GatewayError,
    InputError,
    Malformed,
    Misconfigured,
    Refused,
    Unsupported,
)
from gateway.ports import (
    Agency,
    Answer,
    FeeLine,
    HttpAnswer,
    HttpRequest,
    InboundMessage,
    Outcome,
    Payer,
    RefundOrder,
    RefundReport,
    StartOrder,
)
from signing.rsa import load_private, load_public, sign_base64, verify_base64

PEM = json.loads((Path(__file__).parent / "vectors_collection.json").read_text(encoding="utf-8"))[
    "rsa_test_key"
]
SECRET = "ttttqg-test-secret"
COLUMNS = "|".join(["MaGiaoDich", "MaHoaDon", "SoTien", *(f"Cot{n}" for n in range(4, 23))])
SETTINGS = ttttqg.Settings(
    partner_code="GWTEST",
    base_url="https://bank.example/ttttqg/",
    algorithm="hmac-sha256",
    secret=SECRET,
    columns=COLUMNS,
)
RSA = replace(
    SETTINGS, algorithm="rsa-sha256", private_key=PEM["private_pem"], bank_certificate=PEM["certificate_pem"]
)
REFERENCE = "GW2511240001"
NOW = datetime(2025, 11, 24, 8, 0, tzinfo=UTC)
QR = "00020101021238540010A00000072701240006970418011001234567890208QRIBFTTA5303704"
ORDER = StartOrder(
    reference=REFERENCE,
    amount_vnd=180_000,
    description="Lệ phí hồ sơ",
    case_code="000.00.00.G17-251124-0001",
    procedure_code="1.000001",
    procedure_name="Cấp bản sao trích lục hộ tịch",
    lines=(FeeLine("le_phi", "LP01", "Lệ phí hộ tịch", 180_000),),
    agency=Agency("000.00.00.G17", "UBND xã Thử Nghiệm", "0123456789", "970418", "UBND XA THU NGHIEM"),
    payer=Payer("Nguyễn Văn A", "001099000001", "Số 1 phố Thử", "Hà Nội"),
    return_url="https://dvc.example.gov.vn/pay/return",
    client_ip="203.0.113.7",
    created_at=datetime(2025, 11, 24, 7, 30, tzinfo=UTC),
    expires_at=datetime(2025, 11, 24, 7, 45, tzinfo=UTC),
)
REFUND = RefundOrder(
    reference="R251125000001",
    payment_reference=REFERENCE,
    provider_ref="SHB001",
    amount_vnd=80_000,
    paid_vnd=180_000,
    started_at=ORDER.created_at,
    created_at=datetime(2025, 11, 25, 2, 0, tzinfo=UTC),
    reason="Hoàn phí",
    requested_by="ketoan01",
)
PAYOUT = ttttqg.Disbursement(
    reference="D251125000001",
    amount_vnd=180_000,
    to=ttttqg.BankAccount("970418", "0123456789", name="KBNN"),
    channel="citad",
    content="Chuyển\nkho bạc",
    created_at=datetime(2025, 11, 25, 2, 0, tzinfo=UTC),
)
DAY = ttttqg.Day(date(2025, 11, 24), service="2", channel="ALL", file_kind="1")
PAID = {
    "MaLoi": "00",
    "MaDoiTac": "GWTEST",
    "MaHoaDon": REFERENCE,
    "MaGiaoDich": "SHB001",
    "SoTien": 180_000,
    "TrangThai": "PAID",
    "ThoiGianGD": "20251124143215",
}


def mac(data: bytes) -> str:
    """The signature of the profile under test, made here without the adapter."""
    return base64.b64encode(hmac.digest(SECRET.encode(), data, "sha256")).decode()


def answer(fields: Mapping[str, object], *, signature: str | None = None) -> HttpAnswer:
    body = json.dumps(fields, ensure_ascii=False).encode()
    return HttpAnswer(200, body, {"x-request-signature": mac(body) if signature is None else signature})


def notice(fields: Mapping[str, object] = PAID, *, signature: str | None = None) -> InboundMessage:
    given_ = answer(fields, signature=signature)
    return InboundMessage(method="POST", path="/", query=b"", headers=given_.headers, body=given_.body)


def sent(request: HttpRequest) -> dict[str, object]:
    assert mac(request.body or b"") == request.headers["x-request-signature"]
    return json.loads(request.body or b"")


def test_each_call_is_signed_over_its_body_and_goes_to_its_path() -> None:
    calls: dict[str, HttpRequest] = {
        "/giao-dich/tao": ttttqg.encode_create(SETTINGS, ORDER),
        "/giao-dich/trang-thai": ttttqg.encode_status(SETTINGS, REFERENCE, request_id="q1"),
        "/giao-dich/bien-lai": ttttqg.encode_receipt(SETTINGS, REFERENCE, None, request_id="q1"),
        "/tai-khoan/van-tin": ttttqg.encode_account(SETTINGS, PAYOUT.to, request_id="q1"),
        "/giao-dich/hoan-tien": ttttqg.encode_refund(SETTINGS, REFUND),
        "/giao-dich/tai-khoan-thanh-toan": ttttqg.encode_payment_account(
            SETTINGS, reference=REFERENCE, provider_ref="", request_id="q1"
        ),
        "/chi-ho": ttttqg.encode_disbursement(SETTINGS, PAYOUT),
        "/doi-soat": ttttqg.encode_reconciliation(SETTINGS, DAY, request_id="q1"),
    }
    for path, request in calls.items():
        assert ("POST", f"https://bank.example/ttttqg{path}") == (request.method, request.url)
        assert "GWTEST" == sent(request)["MaDoiTac"]


def test_what_moves_money_is_sent_under_our_own_reference_each_time() -> None:
    for request, reference in (
        (ttttqg.encode_create(SETTINGS, ORDER), REFERENCE),
        (ttttqg.encode_refund(SETTINGS, REFUND), REFUND.reference),
        (ttttqg.encode_disbursement(SETTINGS, PAYOUT), PAYOUT.reference),
    ):
        assert reference == request.headers["x-request-id"]
    assert ttttqg.encode_refund(SETTINGS, REFUND) == ttttqg.encode_refund(SETTINGS, REFUND)


def test_a_transaction_is_asked_for_with_all_that_its_receipt_will_say() -> None:
    fields = sent(ttttqg.encode_create(SETTINGS, ORDER))
    assert (REFERENCE, 180_000, "20251124143000", "20251124144500") == (
        fields["MaHoaDon"],
        fields["SoTien"],
        fields["ThoiGianGD"],
        fields["ThoiGianHetHan"],
    )
    assert [{"NoiDung": "Lệ phí hộ tịch", "SoTien": 180_000}] == fields["DanhSachKhoanNop"]
    fees = [{"LoaiPhiLePhi": "2", "MaPhiLePhi": "LP01", "TenPhiLePhi": "Lệ phí hộ tịch", "SoTien": 180_000}]
    assert fees == fields["ThongTinBienLai"]["PhiLePhi"]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_vnd": 180_001},
        {"amount_vnd": 0, "lines": ()},
        {"lines": (FeeLine("fine", "F", "Phạt", 180_000),)},
        {"lines": (FeeLine("phi", "P", "Phí", 180_001), FeeLine("phi", "Q", "Phí", -1))},
        {"reference": ""},
        {"reference": "A" * 21},
        {"case_code": ""},
        {"agency": Agency("", "UBND", "1", "970418", "UBND")},
        {"created_at": datetime(2025, 11, 24, 7, 30)},  # noqa: DTZ001 - a time without a zone is the point
    ],
)
def test_an_order_that_the_wire_cannot_carry_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        ttttqg.encode_create(SETTINGS, replace(ORDER, **changes))


def test_postage_is_not_passed_off_as_a_state_fee() -> None:
    lines = (*ORDER.lines, FeeLine("postage", "BCCP", "Cước trả kết quả", 30_000))
    posted = replace(ORDER, lines=lines, amount_vnd=210_000)
    with pytest.raises(Unsupported):
        ttttqg.encode_create(SETTINGS, posted)
    agreed = sent(ttttqg.encode_create(replace(SETTINGS, postage_kind="3"), posted))
    assert ["2", "3"] == [fee["LoaiPhiLePhi"] for fee in agreed["ThongTinBienLai"]["PhiLePhi"]]


def test_the_contract_may_give_other_names_paths_and_sums_as_text() -> None:
    agreed = replace(
        SETTINGS,
        names={"MaHoaDon": "billNo", "SoTien": "amount", "TrangThai": "status", "PhiLePhi": "fees"},
        paths={"create": "/v2/create"},
        sums_as_text=True,
    )
    request = ttttqg.encode_create(agreed, ORDER)
    fields = sent(request)
    assert "https://bank.example/ttttqg/v2/create" == request.url
    assert (REFERENCE, "180000") == (fields["billNo"], fields["amount"])
    assert "180000" == fields["ThongTinBienLai"]["fees"][0]["amount"]
    told = {**PAID, "billNo": REFERENCE, "amount": "180000", "status": "PAID"}
    for name in ("MaHoaDon", "SoTien", "TrangThai"):
        del told[name]
    report = ttttqg.decode_status(agreed, answer(told), REFERENCE)
    assert (Outcome.PAID, 180_000) == (report.outcome, report.amount_vnd)


def test_the_contract_may_sign_some_fields_in_an_order() -> None:
    agreed = replace(
        SETTINGS,
        signed={"status": "MaHoaDon|MaDoiTac", "status.answer": "MaHoaDon|TrangThai|SoTien"},
        separator="~",
    )
    request = ttttqg.encode_status(agreed, REFERENCE, request_id="q1")
    assert mac(f"{REFERENCE}~GWTEST".encode()) == request.headers["x-request-signature"]
    signature = mac(f"{REFERENCE}~PAID~180000".encode())
    report = ttttqg.decode_status(agreed, answer(PAID, signature=signature), REFERENCE)
    assert Outcome.PAID == report.outcome
    with pytest.raises(BadSignature):
        ttttqg.decode_status(agreed, answer({**PAID, "SoTien": 18_000}, signature=signature), REFERENCE)
    with pytest.raises(Malformed):
        ttttqg.decode_status(agreed, answer({**PAID, "TrangThai": "PA~ID"}, signature=signature), REFERENCE)
    create = ttttqg.encode_create(agreed, ORDER)
    assert mac(create.body or b"") == create.headers["x-request-signature"]


@pytest.mark.parametrize("separator", ["", "|"])
def test_a_separator_may_be_nothing_and_absent_fields_are_empty(separator: str) -> None:
    agreed = replace(SETTINGS, signed={"notice": "MaHoaDon|Khong|SoTien"}, separator=separator)
    signature = mac(separator.join([REFERENCE, "", "180000"]).encode())
    assert REFERENCE == ttttqg.decode_notice(agreed, notice(signature=signature)).reference


def test_each_algorithm_signs_and_verifies_in_its_own_writing() -> None:
    body = json.dumps(PAID).encode()
    hexadecimal = hmac.digest(SECRET.encode(), body, "sha256").hex()
    rsa_signature = sign_base64(load_private(PEM["private_pem"]), body)
    settings = {
        "hmac-sha256": (SETTINGS, mac(body)),
        "hmac-sha256-hex": (replace(SETTINGS, algorithm="hmac-sha256-hex"), hexadecimal),
        "rsa-sha256": (RSA, rsa_signature),
    }
    for name, (agreed, right) in settings.items():
        assert ttttqg.decode_notice(agreed, notice(signature=right)).outcome == Outcome.PAID
        assert right == ttttqg_wire.sign(agreed, body)
        for other, (_, wrong) in settings.items():
            if other != name:
                with pytest.raises(BadSignature):
                    ttttqg.decode_notice(agreed, notice(signature=wrong))


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("PAID", Outcome.PAID),
        ("PENDING", Outcome.PENDING),
        ("FAILED", Outcome.FAILED),
        ("SUCCESS", Outcome.UNKNOWN),
        ("paid", Outcome.UNKNOWN),
        ("", Outcome.UNKNOWN),
        (1, Outcome.UNKNOWN),
    ],
)
def test_the_state_of_a_transaction_makes_one_outcome(state: object, outcome: Outcome) -> None:
    fields = {**PAID, "TrangThai": state}
    assert outcome == ttttqg.decode_status(SETTINGS, answer(fields), REFERENCE).outcome
    assert outcome == ttttqg.decode_notice(SETTINGS, notice(fields)).outcome


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("SUCCESS", Outcome.PAID),
        ("PENDING", Outcome.PENDING),
        ("FAILED", Outcome.FAILED),
        ("PAID", Outcome.UNKNOWN),
        ("", Outcome.UNKNOWN),
    ],
)
def test_the_state_of_a_transfer_makes_one_outcome(state: str, outcome: Outcome) -> None:
    fields = {"MaLoi": "00", "MaGiaoDichTTTT": "R1", "SoThamChieu": "FT1", "SoTien": 1, "TrangThai": state}
    for message in ("refund", "disbursement"):
        report = ttttqg.decode_transfer(SETTINGS, message, answer(fields), "R1")
        assert RefundReport(outcome, "R1", 1, "FT1", f"00/{state}") == report
    with pytest.raises(Malformed):
        ttttqg.decode_transfer(SETTINGS, "refund", answer(fields), "R2")


def test_a_notice_that_contradicts_itself_is_not_known_yet() -> None:
    report = ttttqg.decode_notice(SETTINGS, notice({**PAID, "MaLoi": "99"}))
    assert (Outcome.UNKNOWN, "99/PAID") == (report.outcome, report.code)
    agreed = replace(SETTINGS, success_codes=frozenset({"0", "99"}))
    assert Outcome.PAID == ttttqg.decode_notice(agreed, notice({**PAID, "MaLoi": "99"})).outcome


@pytest.mark.parametrize(
    ("code", "outcome"), [("", Outcome.PAID), ("00", Outcome.PAID), ("05", Outcome.UNKNOWN)]
)
def test_a_notice_of_money_is_believed_unless_its_code_speaks_against_it(code: str, outcome: Outcome) -> None:
    assert outcome == ttttqg.decode_notice(SETTINGS, notice({**PAID, "MaLoi": code})).outcome


def test_a_transaction_keeps_the_banks_number_where_it_has_one() -> None:
    told = {"MaLoi": "00", "MaHoaDon": REFERENCE, "ChuoiQR": QR}
    assert None is ttttqg.decode_create(SETTINGS, answer(told), ORDER).provider_ref
    numbered = ttttqg.decode_create(SETTINGS, answer({**told, "MaGiaoDich": "SHB001"}), ORDER)
    assert ("SHB001", QR) == (numbered.provider_ref, numbered.qr_payload)


@pytest.mark.parametrize("length", [1, 20])
def test_the_shortest_and_the_longest_reference_are_sent_as_they_are(length: int) -> None:
    fields = sent(ttttqg.encode_create(SETTINGS, replace(ORDER, reference="A" * length)))
    assert "A" * length == fields["MaHoaDon"]


def test_a_refund_is_the_whole_or_a_part_and_never_more() -> None:
    fields = sent(ttttqg.encode_refund(SETTINGS, REFUND))
    assert (80_000, "SHB001", REFERENCE, "Hoàn phí") == (
        fields["SoTien"],
        fields["MaGiaoDich"],
        fields["MaHoaDon"],
        fields["LyDo"],
    )
    assert 180_000 == sent(ttttqg.encode_refund(SETTINGS, replace(REFUND, amount_vnd=180_000)))["SoTien"]
    assert "" == sent(ttttqg.encode_refund(SETTINGS, replace(REFUND, provider_ref=None)))["MaGiaoDich"]
    for wrong in (0, -1, 180_001):
        with pytest.raises(Malformed):
            ttttqg.encode_refund(SETTINGS, replace(REFUND, amount_vnd=wrong))


def test_a_disbursement_goes_by_a_channel_that_the_contract_names() -> None:
    fields = sent(ttttqg.encode_disbursement(SETTINGS, PAYOUT))
    assert ("CITAD", "D251125000001", "0123456789", "Chuyển kho bạc") == (
        fields["KenhThanhToan"],
        fields["MaGiaoDichTTTT"],
        fields["SoTaiKhoan"],
        fields["NoiDungThanhToan"],
    )
    with pytest.raises(Misconfigured):
        ttttqg.encode_disbursement(SETTINGS, replace(PAYOUT, channel="swift"))
    with pytest.raises(Malformed):
        ttttqg.encode_disbursement(SETTINGS, replace(PAYOUT, amount_vnd=0))


def test_a_disbursement_says_whose_money_it_is_and_where_it_goes() -> None:
    assert {
        "MaDoiTac": "GWTEST",
        "MaGiaoDichTTTT": "D251125000001",
        "MaHoaDon": REFERENCE,
        "SoTien": 180_000,
        "MaTienTe": "VND",
        "MaNganHang": "970418",
        "SoTaiKhoan": "0123456789",
        "TenTaiKhoan": "KBNN",
        "KenhThanhToan": "CITAD",
        "NoiDungThanhToan": "Chuyển kho bạc",
        "ThoiGianGD": "20251125090000",
    } == sent(ttttqg.encode_disbursement(SETTINGS, replace(PAYOUT, payment_reference=REFERENCE)))


@pytest.mark.parametrize(("channel", "wire"), [("internal", "NOIBO"), ("napas", "NAPAS"), ("citad", "CITAD")])
def test_the_three_channels_have_the_words_of_the_bank(channel: str, wire: str) -> None:
    assert (
        wire == sent(ttttqg.encode_disbursement(SETTINGS, replace(PAYOUT, channel=channel)))["KenhThanhToan"]
    )


def test_an_account_is_asked_for_by_its_bank_and_number() -> None:
    fields = sent(ttttqg.encode_account(SETTINGS, PAYOUT.to, request_id="q1"))
    assert {"MaDoiTac": "GWTEST", "MaNganHang": "970418", "SoTaiKhoan": "0123456789"} == fields


def test_an_account_is_read_and_not_shown() -> None:
    told = {
        "MaLoi": "00",
        "MaNganHang": "970443",
        "SoTaiKhoan": "1017777",
        "TenTaiKhoan": "NGUYEN VAN A",
        "TrangThai": "A",
    }
    for message in ("account", "payment_account"):
        account = ttttqg.decode_account(SETTINGS, message, answer(told))
        assert ttttqg.BankAccount("970443", "1017777", name="NGUYEN VAN A", state="A") == account
        assert "1017777" not in repr(account)
        assert "NGUYEN" not in repr(account)
    with pytest.raises(Malformed):
        ttttqg.decode_account(SETTINGS, "account", answer({**told, "SoTaiKhoan": ""}))


def test_the_account_of_a_payment_is_asked_for_by_one_number_at_least() -> None:
    def asked(reference: str, provider_ref: str) -> dict[str, object]:
        request = ttttqg.encode_payment_account(
            SETTINGS, reference=reference, provider_ref=provider_ref, request_id="q1"
        )
        return {name: value for name, value in sent(request).items() if name != "MaDoiTac"}

    assert {"MaHoaDon": "A"} == asked("A", "")
    assert {"MaGiaoDich": "B"} == asked("", "B")
    assert {"MaHoaDon": "A", "MaGiaoDich": "B"} == asked("A", "B")
    with pytest.raises(Malformed):
        asked("", "")


ROWS = tuple(
    {
        column: {"SoTien": amount, "MaHoaDon": f"GW{n}"}.get(column, f"v{n}")
        for n, column in enumerate(COLUMNS.split("|"))
    }
    for amount in ("180000", "55000")
)


def file_of(rows: tuple[Mapping[str, str], ...] = ROWS, *, algorithm: str = "sha256") -> bytes:
    """A bank's file, made here without the adapter."""
    lines = ["|".join(row.values()) for row in rows]
    total = sum(int(row["SoTien"]) for row in rows)
    checksum = hashlib.new(algorithm, "\n".join(lines).encode()).hexdigest()
    return "\n".join([*lines, f"{len(rows)}|{total}|{checksum}"]).encode()


def reconciled(data: bytes, settings: ttttqg.Settings = SETTINGS) -> tuple[Mapping[str, str], ...]:
    told = {"MaLoi": "00", "TenFile": "F.txt", "NoiDungFile": base64.b64encode(data).decode()}
    found = ttttqg.decode_reconciliation(settings, answer(told))
    assert "F.txt" == found.name
    return found.rows


def test_a_days_file_is_asked_for_and_its_rows_are_read() -> None:
    fields = sent(ttttqg.encode_reconciliation(SETTINGS, DAY, request_id="q1"))
    assert {
        "MaDoiTac": "GWTEST",
        "NgayDoiSoat": "20251124",
        "LoaiYeuCau": "1",
        "LoaiFile": "1",
        "MaDichVu": "2",
        "KenhThanhToan": "ALL",
    } == fields
    assert ROWS == reconciled(file_of())
    assert ROWS == reconciled(b"\xef\xbb\xbf" + file_of().replace(b"\n", b"\r\n") + b"\r\n")
    md5 = replace(SETTINGS, file_checksum="md5")
    assert ROWS == reconciled(file_of(algorithm="md5"), md5)
    assert () == reconciled(file_of(()))


@pytest.mark.parametrize("content", ["*", "QQ", "QUJD\n", "Đ"])
def test_a_file_that_is_not_base64_is_malformed(content: str) -> None:
    with pytest.raises(Malformed, match="not Base64"):
        ttttqg.decode_reconciliation(SETTINGS, answer({"MaLoi": "00", "NoiDungFile": content}))


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.replace(b"180000", b"18000", 1),
        lambda data: data.replace(b"GW1", b"GW2", 1),
        lambda data: data.replace(b"2|235000", b"3|235000"),
        lambda data: data.replace(b"2|235000", b"2|235001"),
        lambda data: data.replace(b"v0|", b"", 1),
        lambda data: data.replace(b"v0|", b"v0|v0|", 1),
        lambda data: data.split(b"\n", 1)[1],
        lambda data: data.rsplit(b"\n", 1)[0],
        lambda data: data + b"0",
        lambda data: b"\xff" + data,
        lambda data: b"",
        lambda data: data.replace(b"180000", b"-80000", 1),
    ],
)
def test_a_file_that_is_not_whole_is_malformed(damage: Callable[[bytes], bytes]) -> None:
    assert damage(file_of()) != file_of()
    with pytest.raises(Malformed):
        reconciled(damage(file_of()))


def test_how_each_row_was_found_is_sent_back() -> None:
    rows = tuple({**row, "KetQua": "00"} for row in ROWS)
    found = ttttqg.ReconciliationFile("F_KQ.txt", rows)
    fields = sent(ttttqg.encode_reconciliation_result(SETTINGS, DAY, found, request_id="q1"))
    assert ("2", "F_KQ.txt") == (fields["LoaiYeuCau"], fields["TenFile"])
    lines = base64.b64decode(str(fields["NoiDungFile"])).decode().split("\n")
    assert ["|".join(row.values()) for row in rows] == lines[:2]
    checksum = hashlib.sha256("\n".join(lines[:2]).encode()).hexdigest()
    assert [f"2|235000|{checksum}", ""] == lines[2:]


@pytest.mark.parametrize("value", ["a|b", "a\nb", "a\rb"])
def test_a_value_that_would_break_a_row_is_not_written(value: str) -> None:
    row = {**ROWS[0], "KetQua": "00", "Cot4": value}
    with pytest.raises(Malformed):
        ttttqg_wire.write_file(SETTINGS, [row])
    with pytest.raises(Malformed):
        ttttqg_wire.write_file(SETTINGS, [ROWS[0]])


def test_without_the_agreed_columns_no_file_is_read_or_written() -> None:
    unknown = replace(SETTINGS, columns="")
    with pytest.raises(Misconfigured):
        reconciled(file_of(), unknown)
    with pytest.raises(Misconfigured):
        ttttqg_wire.write_file(unknown, [])


def test_our_acknowledgement_is_signed_and_holds_nothing_of_the_notice() -> None:
    for given_, code in ((Answer.OK, "00"), (Answer.DUPLICATE, "00"), (Answer.OUR_ERROR, "99")):
        told = ttttqg.encode_acknowledgement(RSA, given_)
        verify_base64(load_public(PEM["public_pem"]), told.headers["x-request-signature"], told.body)
        assert {"MaLoi", "MoTaLoi", "MaDoiTac"} == set(json.loads(told.body))
        assert code == json.loads(told.body)["MaLoi"]


class Door:
    """A way out with prepared answers, that keeps what was sent."""

    def __init__(self, *answers: HttpAnswer) -> None:
        self.answers, self.sent = list(answers), []

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        return self.answers.pop(0)


def test_a_receipt_is_fetched_from_where_the_bank_says() -> None:
    url = "https://bank.example/bienlai/1.pdf"
    door = Door(answer({"MaLoi": "00", "UrlBienLai": url}), HttpAnswer(200, b"%PDF-1.7"))
    assert b"%PDF-1.7" == ttttqg.Ttttqg(SETTINGS, door).bill(REFERENCE, "SHB001", NOW, "q1")
    assert [("POST", "q1"), ("GET", None)] == [
        (each.method, each.headers.get("x-request-id")) for each in door.sent
    ]
    assert "SHB001" == sent(door.sent[0])["MaGiaoDich"]


def test_a_page_without_tls_is_taken_from_a_test_world_only() -> None:
    world = replace(SETTINGS, base_url="http://127.0.0.1:8190")
    told = answer({"MaLoi": "00", "UrlBienLai": "http://127.0.0.1:8190/bienlai/1"})
    assert "http://127.0.0.1:8190/bienlai/1" == ttttqg.decode_receipt(world, told).url
    with pytest.raises(Malformed):
        ttttqg.decode_receipt(SETTINGS, told)


def test_a_refund_cannot_be_asked_about() -> None:
    with pytest.raises(Unsupported):
        ttttqg.Ttttqg(SETTINGS, Door()).query_refund(REFUND, NOW, "q1")


def test_a_refusal_gives_the_banks_code_and_must_be_signed_too() -> None:
    with pytest.raises(Refused) as caught:
        ttttqg.decode_status(SETTINGS, answer({"MaLoi": "14"}), REFERENCE)
    assert "14" == caught.value.code
    with pytest.raises(BadSignature):
        ttttqg.decode_status(SETTINGS, answer({"MaLoi": "14"}, signature=""), REFERENCE)


def test_another_partners_message_is_foreign() -> None:
    with pytest.raises(ForeignPartner):
        ttttqg.decode_status(SETTINGS, answer({**PAID, "MaDoiTac": "X"}), REFERENCE)
    with pytest.raises(ForeignPartner):
        ttttqg.decode_notice(SETTINGS, notice({**PAID, "MaDoiTac": ""}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(["MaLoi", "MaDoiTac", "MaHoaDon", "SoTien", "TrangThai", "ChuoiQR", "NoiDungFile"])
FIELDS = st.dictionaries(NAMES, JSON | st.sampled_from(["00", "GWTEST", REFERENCE, 180_000, "PAID", QR]))
DECODERS: tuple[Callable[[HttpAnswer], object], ...] = (
    lambda given_: ttttqg.decode_create(SETTINGS, given_, ORDER),
    lambda given_: ttttqg.decode_status(SETTINGS, given_, REFERENCE),
    lambda given_: ttttqg.decode_receipt(SETTINGS, given_),
    lambda given_: ttttqg.decode_transfer(SETTINGS, "refund", given_, REFERENCE),
    lambda given_: ttttqg.decode_account(SETTINGS, "account", given_),
    lambda given_: ttttqg.decode_reconciliation(SETTINGS, given_),
)


@given(body=st.binary(max_size=300), signature=st.text(max_size=60))
def test_any_bytes_are_refused_within_the_error_tree(body: bytes, signature: str) -> None:
    told = HttpAnswer(200, body, {"x-request-signature": signature})
    for settings in (SETTINGS, RSA):
        with pytest.raises(InputError):
            ttttqg.decode_notice(settings, InboundMessage("POST", "/", b"", told.headers, body))
    for decode in DECODERS:
        with pytest.raises(GatewayError):
            decode(told)
    if not body.startswith(b"%PDF-"):
        with pytest.raises(Malformed):
            ttttqg.decode_paper(told)


@given(FIELDS)
def test_a_genuine_message_with_any_members_is_read_or_refused_within_the_error_tree(
    fields: dict[str, object],
) -> None:
    def calm(decode: Callable[[], object]) -> None:
        try:
            decode()
        except GatewayError:
            return

    for decode in DECODERS:
        calm(lambda decode=decode: decode(answer(fields)))
    calm(lambda: ttttqg.decode_notice(SETTINGS, notice(fields)))


@given(st.binary(max_size=300) | st.text(alphabet="|\n0123456789ab", max_size=300).map(str.encode))
def test_any_file_is_read_or_refused_within_the_error_tree(data: bytes) -> None:
    with pytest.raises(Malformed):
        reconciled(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"partner_code": ""},
        {"base_url": "bank.example"},
        {"algorithm": "none"},
        {"secret": ""},
        {"success_codes": frozenset()},
        {"paths": {"pay": "/x"}},
        {"signed": {"pay": "A"}},
        {"signed": {"status": ""}},
        {"columns": "SoTien|MaGiaoDich"},
        {"columns": COLUMNS.replace("SoTien", "Tien")},
        {"columns": COLUMNS.replace("Cot4", "Cot5")},
        {"file_checksum": "crc32"},
        {"algorithm": "rsa-sha256"},
        {"algorithm": "rsa-sha256", "private_key": PEM["private_pem"]},
        {"algorithm": "rsa-sha256", "private_key": PEM["public_pem"], "bank_certificate": PEM["public_pem"]},
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        replace(SETTINGS, **changes)


def test_no_secret_is_shown() -> None:
    assert SECRET not in repr(RSA)
    assert [] == [line for line in PEM["private_pem"].splitlines() if line in repr(RSA)]
