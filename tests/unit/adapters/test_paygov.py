import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import paygov, paygov_wire
from gateway.domain.codes import check_character
from gateway.domain.errors import (
    BadSignature,
    GatewayError,
    InputError,
    Malformed,
    Misconfigured,
    OutcomeUnknown,
    Refused,
    Unreachable,
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
    Report,
    StartOrder,
)

VECTOR = json.loads((Path(__file__).parent / "vectors_gates.json").read_text(encoding="utf-8"))[
    "paygov_create"
]
FULL = "secretKey|accessKey|partnerCode|orderId|requestCode|amount|transactionNo|payDate|transactionCode|errorCode"
SETTINGS = paygov.Settings(
    partner_code="PAYGOV-TEST",
    access_key="pg-access-01",
    secret_key="pg-secret-01",
    service_code="DVC",
    create_url="https://lgsp.example/paygate",
    callback_order=FULL,
    receipt_url="https://lgsp.example/receipt",
    bearer_token="<token>",
    lgsp_token="<lgsp token>",
    failure_codes=frozenset({"24"}),
)
ORDER = StartOrder(
    reference=VECTOR["body"]["requestCode"],
    amount_vnd=180_000,
    description="Lệ phí hồ sơ 000.00.00.G17-251124-0001",
    case_code="000.00.00.G17-251124-0001",
    procedure_code="1.000001",
    procedure_name="Cấp bản sao trích lục hộ tịch",
    lines=(FeeLine("le_phi", "LP01", "Lệ phí hộ tịch", 180_000),),
    agency=Agency("000.00.00.G17", "UBND xã Thử Nghiệm", "0123456789", "970418", "UBND XA THU NGHIEM"),
    payer=Payer("Nguyễn Đức Ánh", "001099000001", "Số 1 phố Thử", "Hà Nội"),
    return_url="https://dvc.example.gov.vn/paygov/return",
    client_ip="203.0.113.7",
    created_at=datetime(2025, 11, 24, 7, 30, tzinfo=UTC),
    expires_at=datetime(2025, 11, 24, 7, 45, tzinfo=UTC),
)
FACTS: dict[str, object] = {
    "orderId": "000.00.00.G17-251124-0001-01",
    "amount": 180_000,
    "orderInfo": "Le phi",
    "requestCode": "GW2511240001",
    "transactionNo": "14226112",
    "payDate": "20251124143215",
    "paygate": "VNPAY",
    "errorCode": "00",
    "type": "DVC",
    "transactionCode": "PG0001",
}


@dataclass
class Door:
    """A way out that gives its answers in turn, or raises them."""

    answers: list[HttpAnswer | GatewayError]
    sent: list[HttpRequest] = field(default_factory=list)

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, GatewayError):
            raise answer
        return answer


def document(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def hashed(*parts: object) -> str:
    return hashlib.sha256("".join(map(str, parts)).encode()).hexdigest()


def signed(facts: Mapping[str, object], order: str = FULL) -> dict[str, object]:
    """`facts` with the checksum over `order`, made here without the adapter."""
    secrets = {"secretKey": "pg-secret-01", "accessKey": "pg-access-01", "partnerCode": "PAYGOV-TEST"}
    told = [{**facts, **secrets}.get(name, "") for name in order.split("|")]
    return {**facts, "checksum": hashed(*told)}


def read(message: object, settings: paygov.Settings = SETTINGS) -> Report:
    return paygov.decode_callback(settings, document(message))


def test_the_worked_create_is_made_as_its_vector_says() -> None:
    request = paygov.encode_create(SETTINGS, ORDER, SETTINGS.bearer_token)
    assert request.body is not None
    assert list(VECTOR["body"].items()) == list(json.loads(request.body).items())
    headers = {name.lower(): value for name, value in VECTOR["headers"].items()}
    assert {**headers, "content-type": "application/json; charset=utf-8"} == dict(request.headers)


def test_the_worked_string_is_hashed_as_its_vector_says() -> None:
    signed_fields = {"orderId": VECTOR["body"]["orderId"], "requestCode": ORDER.reference, "amount": "180000"}
    assert VECTOR["expected"] == hashed(VECTOR["string_to_sign"])
    assert VECTOR["expected"] == paygov_wire.checksum(SETTINGS, signed_fields, paygov_wire.CREATE_ORDER)


@pytest.mark.parametrize(
    ("template", "reference", "order_id"),
    [
        ("{case_code}-{attempt}", "C4251124K7Q2M9XF", "000.00.00.G17-251124-0001-01"),
        ("{agency_code}-{reference}-01", "GW2511240001", "000.00.00.G17-GW2511240001-01"),
    ],
)
def test_the_form_of_an_order_id_is_agreed(template: str, reference: str, order_id: str) -> None:
    settings = replace(SETTINGS, order_id=template)
    request = paygov.encode_create(settings, replace(ORDER, reference=reference), "t")
    assert order_id == json.loads(request.body or b"")["orderId"]


def test_the_second_try_has_an_order_id_of_its_own() -> None:
    code = "C4261124K7Q2M9X"
    second = replace(ORDER, reference=f"{code}{check_character(code)}02")
    sent = json.loads(paygov.encode_create(SETTINGS, second, "t").body or b"")
    assert "000.00.00.G17-251124-0001-02" == sent["orderId"]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_vnd": 0},
        {"amount_vnd": -5},
        {"reference": ""},
        {"reference": "A" * 33},
        {"reference": "a b"},
        {"case_code": "hồ sơ"},
        {"case_code": "A" * 62},
    ],
)
def test_an_order_that_the_wire_cannot_carry_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        paygov.encode_create(SETTINGS, replace(ORDER, **changes), "t")


@given(description=st.text(max_size=400), amount=st.integers(1, 10**12))
def test_every_create_of_ours_is_signed_by_the_rule_and_plain(description: str, amount: int) -> None:
    made = replace(ORDER, description=description, amount_vnd=amount)
    sent = json.loads(paygov.encode_create(SETTINGS, made, "t").body or b"")
    text = ("pg-secret-01", "pg-access-01", "PAYGOV-TEST", sent["orderId"], ORDER.reference, amount)
    assert hashed(*text) == sent["checksum"]
    assert sent["orderInfo"].isascii()
    assert 0 < len(sent["orderInfo"]) <= 255


def test_a_callback_whose_checksum_covers_it_is_read() -> None:
    assert Report(
        outcome=Outcome.PAID,
        reference="GW2511240001",
        amount_vnd=180_000,
        currency="VND",
        provider_ref="PG0001",
        code="00",
        occurred_at=datetime(2025, 11, 24, 7, 32, 15, tzinfo=UTC),
    ) == read(signed(FACTS))


@pytest.mark.parametrize(
    ("code", "outcome"), [("00", Outcome.PAID), ("24", Outcome.FAILED), ("99", Outcome.UNKNOWN)]
)
def test_only_an_explicit_success_is_paid_and_only_an_agreed_failure_failed(
    code: str, outcome: Outcome
) -> None:
    assert outcome == read(signed({**FACTS, "errorCode": code})).outcome


@pytest.mark.parametrize("name", FULL.split("|")[3:])
def test_no_covered_field_can_be_changed(name: str) -> None:
    other = {"amount": 280_000, "errorCode": "01"}.get(name, f"{FACTS[name]}1")
    with pytest.raises(BadSignature):
        read({**signed(FACTS), name: other})


def test_what_stands_outside_the_checksum_is_not_read() -> None:
    order = "secretKey|accessKey|partnerCode|orderId|requestCode|amount"
    settings = replace(SETTINGS, callback_order=order)
    paid = read(signed(FACTS, order), settings)
    assert (Outcome.PENDING, None, "", None) == (paid.outcome, paid.provider_ref, paid.code, paid.occurred_at)
    assert paid == read({**signed({**FACTS, "errorCode": "24"}, order), "transactionCode": "X"}, settings)


def test_an_uncovered_result_counts_only_where_it_is_agreed_to() -> None:
    order = "secretKey|requestCode|amount"
    settings = replace(SETTINGS, callback_order=order, unsigned_result_counts=True)
    assert Outcome.PAID == read(signed(FACTS, order), settings).outcome
    assert Outcome.FAILED == read(signed({**FACTS, "errorCode": "24"}, order), settings).outcome


def test_a_digit_that_moves_to_the_next_field_makes_another_order_and_another_sum() -> None:
    moved = {**signed(FACTS), "requestCode": "GW25112400011", "amount": 80_000}
    assert ("GW25112400011", 80_000) == (read(moved).reference, read(moved).amount_vnd)
    with pytest.raises(Malformed):
        read({**signed({**FACTS, "errorCode": "100"}), "errorCode": "100"})


@pytest.mark.parametrize(
    "sum_", [180000.0, True, [1], {"a": 1}, "1e5", "-1", "", " 1", "0180000", "１８", 10**16]
)
def test_a_sum_that_is_no_whole_number_of_dong_is_refused(sum_: object) -> None:
    with pytest.raises(Malformed):
        read(signed({**FACTS, "amount": sum_}))


@pytest.mark.parametrize(
    "body",
    [
        document(signed(FACTS)).replace(b'"amount"', b'"amount": 1, "amount"'),
        document(signed(FACTS)) + b"{}",
        document([signed(FACTS)]),
        document(signed(FACTS)).decode().encode("utf-16"),
        b"[" * 200_000,
    ],
)
def test_json_that_two_readers_could_read_differently_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        paygov.decode_callback(SETTINGS, body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [*FACTS, "checksum", "data", "url", "error_code", "transactionReceipt", "access_token"]
)


@given(st.binary(max_size=300) | st.dictionaries(NAMES, JSON | st.sampled_from(["00", "1"])).map(document))
def test_any_bytes_are_refused_within_the_error_tree(body: bytes) -> None:
    with pytest.raises(InputError):
        paygov.decode_callback(SETTINGS, body)
    for decode in (paygov.decode_create, paygov.decode_receipt):
        with pytest.raises(GatewayError):
            decode(SETTINGS, HttpAnswer(200, body))


@given(answer=st.sampled_from(Answer), body=st.binary(max_size=100))
def test_every_message_whatever_it_holds_gets_a_reply(answer: Answer, body: bytes) -> None:
    message = InboundMessage(method="POST", path="/callbacks/paygov", query=b"", headers={}, body=body)
    told = json.loads(paygov.Paygov(SETTINGS, Door([])).acknowledge(answer, message, ORDER.created_at).body)
    good, wrong = {Answer.OK, Answer.DUPLICATE}, {Answer.BAD_SIGNATURE}
    word = "SUCCESSFUL" if answer in good else "SIGNATURE_WRONG" if answer in wrong else "FAILED"
    assert ["error_code", "error_message"] == list(told)
    assert word == told["error_code"]


def test_there_is_no_query() -> None:
    with pytest.raises(Unsupported):
        paygov.Paygov(SETTINGS, Door([])).query("GW1", ORDER.created_at, ORDER.created_at, "q")


# --- the token of the LGSP

FETCHED = replace(SETTINGS, bearer_token="", token_url="https://lgsp.example/token")
MADE = HttpAnswer(200, document({"data": {"url": "https://paygov.example/p"}}))


def test_a_token_is_fetched_before_each_start_where_none_is_set() -> None:
    door = Door([HttpAnswer(200, b'{"access_token":"fresh","expires_in":3600}'), MADE])
    started = paygov.Paygov(FETCHED, door).start(ORDER)
    asked, created = door.sent
    assert "https://paygov.example/p" == started.redirect_url
    assert ("POST", b"grant_type=client_credentials") == (asked.method, asked.body)
    assert {
        "content-type": "application/x-www-form-urlencoded",
        "lgspaccesstoken": "<lgsp token>",
    } == asked.headers
    assert "Bearer fresh" == created.headers["authorization"]


@pytest.mark.parametrize(
    "answer",
    [
        HttpAnswer(401, b'{"access_token":"stale"}'),
        HttpAnswer(503, b""),
        HttpAnswer(200, b"<html>"),
        HttpAnswer(200, b"{}"),
        HttpAnswer(200, b'{"access_token":"two words"}'),
        HttpAnswer(200, b'{"access_token":"line\\r\\nx: y"}'),
        OutcomeUnknown("read time-out"),
        Unreachable("refused"),
    ],
)
def test_without_a_token_nothing_of_the_order_has_left_us(answer: HttpAnswer | GatewayError) -> None:
    door = Door([answer])
    with pytest.raises(Unreachable):
        paygov.Paygov(FETCHED, door).start(ORDER)
    assert 1 == len(door.sent)


# --- receipts

ASK = paygov.ReceiptAsk(
    transaction_codes=("PG0001",),
    case_code=ORDER.case_code,
    procedure_name="Cấp bản sao",
    agency=ORDER.agency,
    payer=ORDER.payer,
    now=datetime(2025, 11, 24, 17, 30, tzinfo=UTC),
)


def test_a_receipt_is_asked_for_with_everything_under_its_checksum() -> None:
    sent = json.loads(paygov.encode_receipt(SETTINGS, ASK).body or b"")
    paids = base64.b64encode(b'["PG0001"]').decode()
    unit = '{"beneficiaryUnitCode":"000.00.00.G17","beneficiaryUnitName":"UBND xã Thử Nghiệm"}'
    other = base64.b64encode(unit.encode()).decode()
    text = (
        "pg-secret-01",
        "PAYGOV-TEST",
        "pg-access-01",
        "001099000001",
        "Nguyen Duc Anh",
        "So 1 pho Thu",
        "",
    )
    more = ("Ha Noi", ORDER.case_code, "Cấp bản sao", paids, other, "25-11-2025")
    assert hashed(*text, *more) == sent["checksum"]
    assert (paids, other, "25-11-2025", "Nguyen Duc Anh") == (
        sent["paids"],
        sent["otherInfo"],
        sent["decisionDate"],
        sent["payerName"],
    )


def test_a_receipt_is_asked_for_in_the_name_of_the_contract() -> None:
    sent = json.loads(paygov.encode_receipt(SETTINGS, ASK).body or b"")
    assert ("PAYGOV-TEST", "pg-access-01") == (sent["partnerCode"], sent["accessKey"])


def test_no_receipt_is_read_from_an_error_of_the_server() -> None:
    body = document({"transactionReceipt": "https://paygov.example/r.pdf"})
    with pytest.raises(OutcomeUnknown):
        paygov.decode_receipt(SETTINGS, HttpAnswer(503, body))


def test_a_receipt_is_an_address_or_refused() -> None:
    given = HttpAnswer(200, document({"transactionReceipt": "https://paygov.example/r.pdf"}))
    assert "https://paygov.example/r.pdf" == paygov.decode_receipt(SETTINGS, given)
    with pytest.raises(Refused):
        paygov.decode_receipt(SETTINGS, HttpAnswer(200, document({"error_code": "FAILED"})))
    with pytest.raises(Malformed):
        paygov.decode_receipt(
            SETTINGS, HttpAnswer(200, document({"transactionReceipt": "file:///etc/passwd"}))
        )
    with pytest.raises(Unsupported):
        paygov.encode_receipt(replace(SETTINGS, receipt_url=""), ASK)


def test_nobody_who_asks_for_a_receipt_is_shown() -> None:
    assert [] == [part for part in ("Nguyễn", "001099000001", "Số 1") if part in repr(ASK)]


@pytest.mark.parametrize(
    "changes",
    [
        {"partner_code": ""},
        {"access_key": ""},
        {"secret_key": ""},
        {"callback_order": ""},
        {"callback_order": "accessKey|requestCode|amount"},
        {"callback_order": "secretKey|requestCode"},
        {"callback_order": "secretKey|requestCode|amount|amount"},
        {"callback_order": "secretKey|requestCode|amount|MaLoi"},
        {"failure_codes": frozenset({"00"})},
        {"create_url": ""},
        {"create_url": "paygate"},
        {"receipt_url": "ftp://x"},
        {"token_url": "x"},
        {"bearer_token": ""},
        {"order_id": "{case}-01"},
        {"order_id": "{case_code"},
        {"order_id": "{}"},
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        replace(SETTINGS, **changes)
