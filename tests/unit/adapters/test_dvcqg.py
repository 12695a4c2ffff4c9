import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import dvcqg, dvcqg_wire
from gateway.domain.errors import (
    BadSignature,
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
    InboundMessage,
    Outcome,
    Payer,
    Report,
    StartOrder,
)

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_bytes())
SETTINGS = dvcqg.Settings(
    partner_code="GWTEST",
    secret=VECTORS["dvcqg_init"]["secret"],
    init_url="https://dvcqg.example/init",
    query_url="https://dvcqg.example/query",
)
INIT = VECTORS["dvcqg_init"]["body"]
CONFIRM = VECTORS["dvcqg_confirm"]["body"]
FACTS = {name: value for name, value in CONFIRM.items() if name != "MaXacThuc"}
NOW = datetime(2025, 11, 24, 8, 0, tzinfo=UTC)
ORDER = StartOrder(
    reference="GW2511240001",
    amount_vnd=180_000,
    description="Lệ phí hồ sơ 000.00.00.G17-251124-0001",
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


class Fixed:
    """A way out with one answer."""

    def send(self, request: object) -> HttpAnswer:
        return HttpAnswer(status=200, body=b"{}")


def document(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def signed(facts: Mapping[str, object], order: str = dvcqg_wire.CONFIRM_ORDER) -> dict[str, object]:
    """`facts` with the code that the rule gives them, made here without the adapter."""
    told = [facts.get(name) for name in order.split("|")]
    text = "|".join(["" if value is None else str(value) for value in told] + [SETTINGS.secret])
    return {**facts, "MaXacThuc": hashlib.sha256(text.encode()).hexdigest()}


def read(message: object, settings: dvcqg.Settings = SETTINGS) -> Report:
    return dvcqg.decode_confirm(settings, document(message))


def ask(message: object, settings: dvcqg.Settings = SETTINGS) -> Report:
    return dvcqg.decode_query(settings, HttpAnswer(200, document(message)), "GW2511240001")


def reply(answer: Answer, body: bytes, now: datetime = NOW) -> dict[str, object]:
    message = InboundMessage(method="POST", path="/callbacks/dvcqg", query=b"", headers={}, body=body)
    return json.loads(dvcqg.Dvcqg(SETTINGS, Fixed()).acknowledge(answer, message, now).body)


def test_the_worked_init_is_made_as_its_vector_says() -> None:
    request = dvcqg.encode_init(SETTINGS, ORDER)
    assert list(json.loads(request.body).items()) == list(INIT.items())
    assert json.loads(request.body)["MaXacThuc"] == VECTORS["dvcqg_init"]["expected"]


def test_the_worked_string_is_hashed_as_its_vector_says() -> None:
    for name, order in (
        ("init", dvcqg_wire.INIT_ORDER),
        ("query", dvcqg_wire.QUERY_ORDER),
        ("confirm", dvcqg_wire.CONFIRM_ORDER),
    ):
        vector = VECTORS[f"dvcqg_{name}"]
        assert order.split("|") == vector["fields_in_order"]
        assert signed(vector["body"], order)["MaXacThuc"] == vector["expected"]


def test_times_on_the_wire_have_24_hours() -> None:
    vector = VECTORS["dvcqg_time_12h_defect"]
    sent = json.loads(dvcqg.encode_init(SETTINGS, ORDER).body)["ThoiGianGD"]
    assert (sent, sent == vector["wrong"]) == (vector["expected"], False)


def test_a_bearer_token_travels_in_its_header_only_when_there_is_one() -> None:
    with_token = dvcqg.encode_init(replace(SETTINGS, bearer_token="tok"), ORDER)
    assert with_token.headers["authorization"] == "Bearer tok"
    assert "authorization" not in dvcqg.encode_init(SETTINGS, ORDER).headers


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_vnd": 180_001},
        {"amount_vnd": 0, "lines": ()},
        {"amount_vnd": -5, "lines": (FeeLine("phi", "P", "Phí", -5),)},
        {"lines": (FeeLine("fine", "F", "Phạt", 180_000),)},
        {"lines": (FeeLine("phi", "P", "Phí", 180_001), FeeLine("phi", "Q", "Phí", -1))},
        {"reference": ""},
        {"reference": "A" * 256},
        {"reference": "a|b"},
        {"case_code": ""},
        {"agency": Agency("", "UBND", "1", "970418", "UBND")},
        {"agency": Agency("G17", "", "1", "970418", "UBND")},
        {"created_at": datetime(2025, 11, 24, 7, 30)},  # noqa: DTZ001 - a time without a zone is the point
    ],
)
def test_an_order_that_the_wire_cannot_carry_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        dvcqg.encode_init(SETTINGS, replace(ORDER, **changes))


def test_postage_is_not_passed_off_as_a_state_fee() -> None:
    lines = (*ORDER.lines, FeeLine("postage", "BCCP", "Cước trả kết quả", 30_000))
    posted = replace(ORDER, lines=lines, amount_vnd=210_000)
    with pytest.raises(Unsupported):
        dvcqg.encode_init(SETTINGS, posted)
    agreed = json.loads(dvcqg.encode_init(replace(SETTINGS, postage_kind="3"), posted).body)
    fees = agreed["ThongTinBienLai"]["PhiLePhi"]
    assert [(fee["LoaiPhiLePhi"], fee["SoTien"]) for fee in fees] == [("2", "180000"), ("3", "30000")]


@given(
    description=st.text(max_size=400),
    sums=st.lists(st.integers(0, 10**9), min_size=1, max_size=5),
    reference=st.from_regex(r"[A-Z0-9]{1,20}", fullmatch=True),
)
def test_every_init_of_ours_is_signed_by_the_rule_and_adds_up(
    description: str, sums: list[int], reference: str
) -> None:
    lines = tuple(FeeLine("phi", f"P{n}", "Phí", amount) for n, amount in enumerate([*sums, 1]))
    made = replace(ORDER, description=description, lines=lines, amount_vnd=sum(sums) + 1, reference=reference)
    sent = json.loads(dvcqg.encode_init(SETTINGS, made).body)
    assert sent["MaXacThuc"] == signed(sent, dvcqg_wire.INIT_ORDER)["MaXacThuc"]
    assert sent["ThongTinGiaoDich"].count("|") == 0
    for part in ("PhiLePhi", "DSKhoanNop"):
        assert sum(int(line["SoTien"]) for line in sent["ThongTinBienLai"][part]) == sum(sums) + 1


def test_the_worked_confirm_is_read_as_paid() -> None:
    assert read(CONFIRM) == Report(
        outcome=Outcome.PAID,
        reference="GW2511240001",
        amount_vnd=180_000,
        currency="VND",
        provider_ref="VNP14226112",
        code="00",
        occurred_at=datetime(2025, 11, 24, 7, 32, 15, tzinfo=UTC),
    )


def test_the_worked_confirm_with_another_amount_is_not_genuine() -> None:
    with pytest.raises(BadSignature):
        read(VECTORS["dvcqg_confirm_tampered_amount"]["body"])


@pytest.mark.parametrize(
    ("code", "outcome"),
    [("00", Outcome.PAID), ("07", Outcome.FAILED), ("99", Outcome.UNKNOWN), ("0", Outcome.UNKNOWN)],
)
def test_only_an_explicit_success_is_paid_and_only_an_agreed_failure_failed(
    code: str, outcome: Outcome
) -> None:
    settings = replace(SETTINGS, failure_codes=frozenset({"07"}))
    assert read(signed({**FACTS, "MaLoi": code}), settings).outcome == outcome


def test_absent_fields_are_signed_as_empty() -> None:
    told = {name: FACTS[name] for name in FACTS if name not in {"MaNganHang", "MaGiaoDich", "MaTienTe"}}
    report = read(signed({**told, "ThongTinGiaoDich": None}))
    assert (report.outcome, report.provider_ref, report.currency) == (Outcome.PAID, None, "VND")


def test_another_currency_is_passed_on_for_the_caller_to_refuse() -> None:
    assert read(signed({**FACTS, "MaTienTe": "USD"})).currency == "USD"


def test_the_order_of_members_means_nothing_and_an_upper_case_code_neither() -> None:
    turned = dict(reversed(CONFIRM.items()))
    assert read({**turned, "MaXacThuc": CONFIRM["MaXacThuc"].upper()}) == read(CONFIRM)


def test_the_last_field_alone_may_hold_the_separator() -> None:
    assert read(signed({**FACTS, "ThongTinGiaoDich": "a|b"})).outcome == Outcome.PAID
    with pytest.raises(Malformed):
        read(signed({**FACTS, "MaNganHang": "a|b"}))


@pytest.mark.parametrize(
    "sum_", [180000.0, 1.5, True, [180000], {"a": 1}, "1e5", "-1", "", " 1", "１８", 10**20]
)
def test_a_sum_that_is_no_whole_number_is_refused(sum_: object) -> None:
    with pytest.raises(Malformed):
        read(signed({**FACTS, "SoTien": sum_}))


@pytest.mark.parametrize(
    "body",
    [
        document(CONFIRM).replace(b"180000", b"1.8e5"),
        document(CONFIRM).replace(b"180000", b"NaN"),
        document(CONFIRM).replace(b'"MaLoi"', b'"MaDoiTac": "GWTEST", "MaLoi"'),
        document(CONFIRM) + b"{}",
        b"\xef\xbb\xbf" + document(CONFIRM),
        document(CONFIRM).decode().encode("utf-16"),
        document([CONFIRM]),
        b"[" * 200_000,
        b'{"a":' * 200_000,
    ],
)
def test_json_that_two_readers_could_read_differently_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        dvcqg.decode_confirm(SETTINGS, body)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_within_the_error_tree(body: bytes) -> None:
    with pytest.raises(InputError):
        dvcqg.decode_confirm(SETTINGS, body)
    for decode in (dvcqg.decode_init, lambda s, a: dvcqg.decode_query(s, a, "GW2511240001")):
        with pytest.raises(GatewayError):
            decode(SETTINGS, HttpAnswer(200, body))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [
        *dvcqg_wire.CONFIRM_ORDER.split("|"),
        "MaXacThuc",
        "TrangThaiGD",
        "UrlThanhToan",
        "error_code",
        "message",
    ]
)


@given(st.dictionaries(NAMES, JSON | st.sampled_from(["00", "0", "GWTEST"])))
def test_any_object_is_refused_or_started_within_the_error_tree(fields: dict[str, object]) -> None:
    answer = HttpAnswer(200, json.dumps(fields).encode())
    with pytest.raises(InputError):
        dvcqg.decode_confirm(SETTINGS, answer.body)
    with pytest.raises(GatewayError):
        dvcqg.decode_query(SETTINGS, answer, "GW2511240001")
    with pytest.raises(GatewayError):
        dvcqg.decode_init(SETTINGS, answer)


@given(
    answer=st.sampled_from(Answer), body=st.binary(max_size=200) | st.dictionaries(NAMES, JSON).map(document)
)
def test_every_message_whatever_it_holds_gets_a_reply(answer: Answer, body: bytes) -> None:
    told = reply(answer, body)
    assert list(told) == ["MaLoi", "MoTaLoi", "MaDoiTac", "MaThamChieu", "ThoiGianGD", "MaXacThuc"]
    assert told["MaLoi"] == ("00" if answer in {Answer.OK, Answer.DUPLICATE} else "99")


def test_the_reply_to_the_worked_confirm_is_that_of_its_vector() -> None:
    now = datetime(2025, 11, 24, 7, 32, 16, tzinfo=UTC)
    assert reply(Answer.OK, document(CONFIRM), now) == VECTORS["dvcqg_confirm"]["reply_ok"]
    other = VECTORS["dvcqg_confirm"]["reply_other_error"]
    assert reply(Answer.OUR_ERROR, document(CONFIRM), now).items() >= other.items()


def test_the_worked_query_is_made_as_its_vector_says() -> None:
    request = dvcqg.encode_query(SETTINGS, "GW2511240001", NOW)
    assert (request.method, request.url) == ("POST", SETTINGS.query_url)
    assert json.loads(request.body) == VECTORS["dvcqg_query"]["body"]


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("1", Outcome.PAID),
        (1, Outcome.PAID),
        ("3", Outcome.PENDING),
        (4, Outcome.FAILED),
        ("2", Outcome.UNKNOWN),
    ],
)
def test_the_state_of_a_transaction_makes_one_outcome(state: object, outcome: Outcome) -> None:
    assert ask({**CONFIRM, "TrangThaiGD": state}).outcome == outcome


def test_the_fields_under_the_code_of_a_query_answer_can_be_agreed_otherwise() -> None:
    order = f"{dvcqg_wire.CONFIRM_ORDER}|TrangThaiGD"
    settings = replace(SETTINGS, query_answer_order=order)
    genuine = signed({**FACTS, "TrangThaiGD": "3"}, order)
    assert ask(genuine, settings).outcome == Outcome.PENDING
    with pytest.raises(BadSignature):
        ask({**genuine, "TrangThaiGD": "1"}, settings)


def test_a_refused_query_says_nothing_of_the_payment() -> None:
    with pytest.raises(Refused) as caught:
        ask({"MaLoi": "99", "MoTaLoi": "Các lỗi khác"})
    assert caught.value.code == "99"


def test_a_forged_refusal_of_a_query_is_no_refusal() -> None:
    with pytest.raises(BadSignature):
        ask({"MaLoi": "99", "MaXacThuc": "0" * 64})


def test_a_confirm_about_no_order_is_malformed() -> None:
    with pytest.raises(Malformed):
        read(signed({**FACTS, "MaThamChieu": ""}))


def test_a_description_loses_the_separator_and_its_line_ends() -> None:
    sent = json.loads(dvcqg.encode_init(SETTINGS, replace(ORDER, description="Phí|lệ phí\r\nđợt 1")).body)
    assert sent["ThongTinGiaoDich"] == "Phí lệ phí đợt 1"


def test_the_address_of_an_init_can_be_agreed_to_be_signed() -> None:
    order = "MaLoi|UrlThanhToan"
    settings = replace(SETTINGS, init_answer_order=order)
    genuine = signed({"MaLoi": "00", "UrlThanhToan": "https://dvcqg.example/p"}, order)
    assert (
        dvcqg.decode_init(settings, HttpAnswer(200, document(genuine))).redirect_url
        == "https://dvcqg.example/p"
    )
    with pytest.raises(BadSignature):
        dvcqg.decode_init(
            settings, HttpAnswer(200, document({**genuine, "UrlThanhToan": "https://evil.example/p"}))
        )


def test_a_page_without_tls_is_taken_from_a_test_world_only() -> None:
    answer = HttpAnswer(200, document({"MaLoi": "00", "UrlThanhToan": "http://127.0.0.1:8182/thanhtoan/1"}))
    world = replace(SETTINGS, init_url="http://127.0.0.1:8182/init")
    assert dvcqg.decode_init(world, answer).redirect_url == "http://127.0.0.1:8182/thanhtoan/1"
    with pytest.raises(Malformed):
        dvcqg.decode_init(SETTINGS, answer)


@pytest.mark.parametrize(
    "changes",
    [
        {"partner_code": ""},
        {"partner_code": "a|b"},
        {"partner_code": "A" * 51},
        {"secret": ""},
        {"init_url": "init"},
        {"failure_codes": frozenset({"00"})},
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        replace(SETTINGS, **changes)
