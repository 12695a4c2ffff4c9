import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import vnpay, vnpay_wire
from gateway.domain.errors import BadSignature, GatewayError, InputError, Malformed, Misconfigured, Refused
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

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_bytes())
SECRET = VECTORS["vnpay_ipn_ok"]["secret"]
SETTINGS = vnpay.Settings(
    tmn_code="GWTEST01",
    secret=SECRET,
    pay_url="https://sandbox.vnpayment.vn/paymentv2/vpcpay.html",
    query_url="https://sandbox.vnpayment.vn/merchant_webapi/api/transaction",
    server_ip="203.0.113.7",
)
NOW = datetime(2025, 11, 24, 3, 0, tzinfo=UTC)
CREATED = datetime(2025, 11, 24, 1, 30, tzinfo=UTC)


class Fixed:
    """A way out with one answer."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.sent: list[HttpRequest] = []

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        return HttpAnswer(status=200, body=self.body)


def order(**changes: object) -> StartOrder:
    told = {
        "reference": "GW2511240001",
        "amount_vnd": 180_000,
        "description": "Lệ phí hồ sơ 000.00.00.G17-251124-0001",
        "case_code": "000.00.00.G17-251124-0001",
        "procedure_code": "1.000001",
        "procedure_name": "Cấp bản sao",
        "lines": (FeeLine("le_phi", "LP01", "Lệ phí", 180_000),),
        "agency": Agency("G17", "UBND", "0123456789", "970418", "UBND"),
        "payer": Payer("Nguyễn Văn A"),
        "return_url": "https://dvc.example.gov.vn/pay/return?a=1&b=2",
        "client_ip": "203.0.113.7",
        "created_at": CREATED,
        "expires_at": datetime(2025, 11, 24, 1, 45, tzinfo=UTC),
    }
    return StartOrder(**{**told, **changes})


def call(query: str | bytes) -> InboundMessage:
    raw = query.encode() if isinstance(query, str) else query
    return InboundMessage(method="GET", path="/callbacks/vnpay", query=raw, headers={}, body=b"")


def read(query: str | bytes) -> Report:
    return vnpay.Vnpay(SETTINGS, Fixed(b"")).read_callback(call(query), NOW)


def reading(query: bytes) -> Report | type[Exception]:
    try:
        return read(query)
    except InputError as error:
        return type(error)


def ask(fields: dict[str, object]) -> Report:
    text = "|".join(str(fields.get(name, "")) for name in vnpay_wire.QUERY_ANSWER_ORDER.split("|"))
    body = json.dumps({**fields, "vnp_SecureHash": vnpay_wire.sign(SECRET, text.encode())}).encode()
    return vnpay.Vnpay(SETTINGS, Fixed(body)).query("GW2511240001", CREATED, NOW, "REQ0001")


ANSWER = {
    name: value for name, value in VECTORS["vnpay_query_response"]["body"].items() if name != "vnp_SecureHash"
}


def test_the_worked_pay_url_is_signed_as_its_vector_says() -> None:
    vector = VECTORS["vnpay_pay_url"]
    query = urlsplit(vector["url"]).query
    fields = {name: value for name, value in parse_qsl(query) if name != "vnp_SecureHash"}
    assert vnpay_wire.signed_query({**fields, "vnp_BankCode": ""}, vector["secret"]) == query


def test_a_pay_url_carries_the_order_and_no_accents() -> None:
    url = vnpay.Vnpay(SETTINGS, Fixed(b"")).start(order(description="Lệ phí/đợt (1) *~")).redirect_url
    assert dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)) == {
        "vnp_Amount": "18000000",
        "vnp_Command": "pay",
        "vnp_CreateDate": "20251124083000",
        "vnp_CurrCode": "VND",
        "vnp_ExpireDate": "20251124084500",
        "vnp_IpAddr": "203.0.113.7",
        "vnp_Locale": "vn",
        "vnp_OrderInfo": "Le phi dot 1",
        "vnp_OrderType": "other",
        "vnp_ReturnUrl": "https://dvc.example.gov.vn/pay/return?a=1&b=2",
        "vnp_TmnCode": "GWTEST01",
        "vnp_TxnRef": "GW2511240001",
        "vnp_Version": "2.1.0",
        "vnp_SecureHash": url[-128:],
    }


def test_a_bank_that_was_agreed_on_is_named_in_the_pay_url() -> None:
    chosen = replace(SETTINGS, bank_code="VNBANK")
    assert "&vnp_BankCode=VNBANK&" in vnpay.encode_pay_url(chosen, order())
    assert "vnp_BankCode" not in vnpay.encode_pay_url(SETTINGS, order())


@pytest.mark.parametrize(("locale", "wire"), [("vi", "vn"), ("en", "en"), ("fr", "vn")])
def test_the_locale_of_the_wire_is_vn_or_en(locale: str, wire: str) -> None:
    assert f"&vnp_Locale={wire}&" in vnpay.encode_pay_url(SETTINGS, order(locale=locale))


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_vnd": 0},
        {"amount_vnd": -1},
        {"reference": ""},
        {"reference": "A" * 101},
        {"reference": "a|b"},
        {"created_at": datetime(2025, 11, 24, 1, 30)},  # noqa: DTZ001 - a time without a zone is the point
    ],
)
def test_an_order_that_the_wire_cannot_carry_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        vnpay.encode_pay_url(SETTINGS, order(**changes))


@given(
    description=st.text(max_size=400),
    amount=st.integers(1, 10**12),
    return_url=st.text(st.characters(codec="utf-8"), min_size=1, max_size=200),
    reference=st.from_regex(r"[A-Z0-9]{1,20}", fullmatch=True),
)
def test_the_rule_for_an_ipn_verifies_every_pay_url_of_ours(
    description: str, amount: int, return_url: str, reference: str
) -> None:
    made = order(description=description, amount_vnd=amount, return_url=return_url, reference=reference)
    query = urlsplit(vnpay.encode_pay_url(SETTINGS, made)).query
    report = vnpay.decode_ipn(SETTINGS, query.encode())
    assert (report.reference, report.amount_vnd, report.outcome) == (reference, amount, Outcome.UNKNOWN)
    fields = dict(parse_qsl(query))
    assert fields["vnp_ReturnUrl"] == return_url
    signed, _, code = query.rpartition("&vnp_SecureHash=")
    assert code == hmac.new(SECRET.encode(), signed.encode(), hashlib.sha512).hexdigest()


def test_the_worked_ipn_is_read_as_paid() -> None:
    assert read(VECTORS["vnpay_ipn_ok"]["query"]) == Report(
        outcome=Outcome.PAID,
        reference="GW2511240001",
        amount_vnd=180_000,
        currency="VND",
        provider_ref="14226112",
        code="00/00",
        occurred_at=datetime(2025, 11, 24, 1, 32, 11, tzinfo=UTC),
    )


def test_the_worked_ipn_with_another_amount_is_not_genuine() -> None:
    with pytest.raises(BadSignature):
        read(VECTORS["vnpay_ipn_tampered"]["query"])


def test_genuine_ipns_give_amount_and_order_for_the_caller_to_compare() -> None:
    told = [read(VECTORS[name]["query"]) for name in ("vnpay_ipn_wrong_amount", "vnpay_ipn_unknown_order")]
    assert [(report.amount_vnd, report.reference) for report in told] == [
        (10_000, "GW2511240001"),
        (180_000, "NOSUCH"),
    ]


def test_an_ipn_is_checked_over_its_raw_text_whatever_encoder_wrote_it() -> None:
    pitfall = VECTORS["vnpay_encoding_pitfall"]
    read_ = []
    for encoder, code in pitfall["hashes"].items():
        query = f"{pitfall[encoder]}&vnp_SecureHash={code}"
        read_.append(vnpay.decode_ipn(SETTINGS, query.encode()).reference)
    assert read_ == ["GW2511240001"] * 3


def test_an_ipn_whose_pairs_were_signed_in_the_order_they_came_in_is_genuine_too() -> None:
    signed, _, _ = VECTORS["vnpay_ipn_ok"]["query"].rpartition("&")
    turned = "&".join(reversed(signed.split("&")))
    assert read(f"{turned}&vnp_SecureHash={vnpay_wire.sign(SECRET, turned.encode())}").outcome == Outcome.PAID


@pytest.mark.parametrize(
    ("response", "status", "outcome"),
    [
        ("00", "00", Outcome.PAID),
        ("00", "", Outcome.UNKNOWN),
        ("", "00", Outcome.UNKNOWN),
        ("", "", Outcome.UNKNOWN),
        ("00", "01", Outcome.PENDING),
        ("00", "02", Outcome.UNKNOWN),
        ("00", "04", Outcome.PENDING),
        ("00", "05", Outcome.UNKNOWN),
        ("00", "06", Outcome.UNKNOWN),
        ("00", "09", Outcome.UNKNOWN),
        ("00", "77", Outcome.UNKNOWN),
        ("07", "00", Outcome.PENDING),
        ("07", "02", Outcome.PENDING),
        ("07", "07", Outcome.PENDING),
        ("07", "77", Outcome.UNKNOWN),
        ("24", "00", Outcome.UNKNOWN),
        ("24", "01", Outcome.PENDING),
        ("24", "02", Outcome.FAILED),
        ("24", "", Outcome.FAILED),
        ("24", "05", Outcome.UNKNOWN),
        ("24", "77", Outcome.UNKNOWN),
        ("99", "02", Outcome.FAILED),
        ("99", "99", Outcome.UNKNOWN),
        ("99", "", Outcome.UNKNOWN),
        ("77", "00", Outcome.UNKNOWN),
        ("77", "02", Outcome.UNKNOWN),
        *[(code, "02", Outcome.FAILED) for code in vnpay.RESPONSE_CODES if code not in {"00", "07"}],
    ],
)
def test_two_codes_of_an_ipn_make_one_outcome(response: str, status: str, outcome: Outcome) -> None:
    assert vnpay.ipn_outcome(response, status) == outcome


@pytest.mark.parametrize("response", ["09", "10", "11", "12", "13", "24", "51", "65", "75", "79"])
def test_a_payer_who_gave_up_or_was_refused_did_not_pay(response: str) -> None:
    assert [Outcome.FAILED] * 2 == [vnpay.ipn_outcome(response, status) for status in ("", "02")]


@pytest.mark.parametrize("response", ["01", "02", "03", "04", "05", "06", "08", "99"])
def test_a_code_that_speaks_of_the_request_leaves_it_to_the_status(response: str) -> None:
    told = [vnpay.ipn_outcome(response, status) for status in ("02", "04", "00", "")]
    assert [Outcome.FAILED, Outcome.PENDING, Outcome.UNKNOWN, Outcome.UNKNOWN] == told


@given(response=st.text(max_size=3), status=st.text(max_size=3))
def test_only_two_successes_are_paid(response: str, status: str) -> None:
    paid = vnpay.ipn_outcome(response, status) == Outcome.PAID
    assert paid == (response == status == "00")


def test_a_payment_is_not_lost_over_an_unreadable_time() -> None:
    signed = VECTORS["vnpay_ipn_ok"]["string_to_sign"].replace("20251124083211", "24-11-2025")
    report = read(f"{signed}&vnp_SecureHash={vnpay_wire.sign(SECRET, signed.encode())}")
    assert (report.outcome, report.occurred_at) == (Outcome.PAID, None)


@given(
    st.binary(max_size=300) | st.from_regex(rb"(vnp_[A-Za-z]{1,9}=[%0-9A-Fa-f+]{0,9}&?){0,9}", fullmatch=True)
)
def test_any_bytes_as_a_query_are_refused_within_the_error_tree(query: bytes) -> None:
    with pytest.raises(InputError):
        read(query)


@given(name=st.binary(max_size=9) | st.just(b"extra"), value=st.binary(max_size=60))
def test_whatever_else_is_signed_changes_no_fact_or_is_malformed(name: bytes, value: bytes) -> None:
    genuine = VECTORS["vnpay_ipn_ok"]["query"]
    signed = VECTORS["vnpay_ipn_ok"]["string_to_sign"].encode() + b"&" + name + b"=" + value
    query = signed + b"&vnp_SecureHash=" + vnpay_wire.sign(SECRET, signed).encode()
    assert reading(query) in (read(genuine), Malformed)


def test_the_worked_query_is_signed_as_its_vector_says() -> None:
    vector = VECTORS["vnpay_query_request"]
    request = vnpay.encode_query(
        SETTINGS, reference="GW2511240001", started_at=CREATED, now=NOW, request_id="REQ0001"
    )
    wanted = {name: str(value) for name, value in vector["body"].items() if name != "vnp_TransactionNo"}
    assert (request.method, request.url) == ("POST", SETTINGS.query_url)
    assert json.loads(request.body) == wanted


def test_the_worked_answer_to_a_query_is_read_as_paid() -> None:
    body = json.dumps(VECTORS["vnpay_query_response"]["body"]).encode()
    report = vnpay.decode_query(SETTINGS, HttpAnswer(200, body), "GW2511240001")
    assert (report.outcome, report.reference, report.amount_vnd, report.provider_ref, report.code) == (
        Outcome.PAID,
        "GW2511240001",
        180_000,
        "14226112",
        "00/00",
    )


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"vnp_TransactionStatus": "01"}, Outcome.PENDING),
        ({"vnp_TransactionStatus": "02"}, Outcome.FAILED),
        ({"vnp_TransactionStatus": "04"}, Outcome.PENDING),
        ({"vnp_TransactionStatus": "05"}, Outcome.UNKNOWN),
        ({"vnp_TransactionStatus": "07"}, Outcome.PENDING),
        ({"vnp_TransactionStatus": ""}, Outcome.UNKNOWN),
        ({"vnp_TransactionType": "03"}, Outcome.UNKNOWN),
        ({"vnp_TransactionType": ""}, Outcome.PAID),
        ({"vnp_TransactionType": None}, Outcome.PAID),
        ({"vnp_ResponseCode": "91", "vnp_TransactionStatus": "00"}, Outcome.PENDING),
        ({"vnp_ResponseCode": "42"}, Outcome.UNKNOWN),
    ],
)
def test_an_answer_to_a_query_is_read_by_its_codes(changes: dict[str, str], outcome: Outcome) -> None:
    told = {name: value for name, value in {**ANSWER, **changes}.items() if value is not None}
    assert ask(told).outcome == outcome


@pytest.mark.parametrize("amount", [180.5, True, [1], {"a": 1}, "1e4", "-100", "18000050", "٣٠٠", 10**40])
def test_a_sum_that_is_no_whole_number_of_dong_is_refused(amount: object) -> None:
    with pytest.raises(Malformed):
        ask({**ANSWER, "vnp_Amount": amount})


@pytest.mark.parametrize("code", ["02", "03", "94", "97", "99"])
def test_a_refused_query_says_nothing_of_the_payment_and_a_forged_refusal_is_no_refusal(code: str) -> None:
    with pytest.raises(Refused) as caught:
        ask({"vnp_ResponseCode": code})
    assert caught.value.code == code
    forged = json.dumps({"vnp_ResponseCode": code, "vnp_SecureHash": "0" * 128}).encode()
    with pytest.raises(BadSignature):
        vnpay.decode_query(SETTINGS, HttpAnswer(200, forged), "GW2511240001")


@pytest.mark.parametrize("pair", ["", "&vnp_TxnRef="])
def test_an_ipn_about_no_order_is_malformed(pair: str) -> None:
    signed = VECTORS["vnpay_ipn_ok"]["string_to_sign"].replace("&vnp_TxnRef=GW2511240001", pair)
    assert (
        reading(f"{signed}&vnp_SecureHash={vnpay_wire.sign(SECRET, signed.encode())}".encode()) == Malformed
    )


@given(st.binary(max_size=300))
def test_any_bytes_as_an_answer_are_refused_within_the_error_tree(body: bytes) -> None:
    with pytest.raises(InputError):
        vnpay.decode_query(SETTINGS, HttpAnswer(200, body), "GW2511240001")


@given(
    st.dictionaries(
        st.sampled_from([*vnpay_wire.QUERY_ANSWER_ORDER.split("|"), "vnp_SecureHash", "other"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
    )
)
def test_any_object_as_an_answer_is_refused_within_the_error_tree(fields: dict[str, object]) -> None:
    with pytest.raises(GatewayError):
        vnpay.decode_query(SETTINGS, HttpAnswer(200, json.dumps(fields).encode()), "GW2511240001")


def test_the_acknowledgements_are_those_of_the_vectors() -> None:
    adapter = vnpay.Vnpay(SETTINGS, Fixed(b""))
    given_ = {
        answer: json.loads(adapter.acknowledge(answer, call(b""), NOW).body)
        for answer in (
            Answer.OK,
            Answer.DUPLICATE,
            Answer.WRONG_AMOUNT,
            Answer.UNKNOWN_ORDER,
            Answer.BAD_SIGNATURE,
        )
    }
    assert given_ == {
        Answer.OK: VECTORS["vnpay_ipn_ok"]["expected"]["reply"],
        Answer.DUPLICATE: VECTORS["vnpay_ipn_ok"]["expected"]["second_time"],
        Answer.WRONG_AMOUNT: VECTORS["vnpay_ipn_wrong_amount"]["expected"]["reply"],
        Answer.UNKNOWN_ORDER: VECTORS["vnpay_ipn_unknown_order"]["expected"]["reply"],
        Answer.BAD_SIGNATURE: VECTORS["vnpay_ipn_tampered"]["expected"]["reply"],
    }


@pytest.mark.parametrize(
    "changes", [{"tmn_code": ""}, {"tmn_code": "TOOLONG01"}, {"secret": ""}, {"pay_url": "pay.html"}]
)
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, str]) -> None:
    told = {
        "tmn_code": "GWTEST01",
        "secret": SECRET,
        "pay_url": "https://a.example",
        "query_url": "https://a.example",
    }
    with pytest.raises(Misconfigured):
        vnpay.Settings(**{**told, **changes})
