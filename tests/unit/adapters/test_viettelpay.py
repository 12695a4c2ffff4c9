import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import viettelpay
from adapters.viettelpay import Settings, Viettelpay
from adapters.viettelpay_wire import read_form
from gateway.domain.errors import (
    BadSignature,
    ForeignPartner,
    GatewayError,
    InputError,
    Malformed,
    Misconfigured,
    Refused,
)
from gateway.ports import (
    Agency,
    Answer,
    Bill,
    HttpAnswer,
    HttpRequest,
    InboundMessage,
    Outcome,
    Payer,
    Report,
    StartOrder,
)

VECTORS = json.loads((Path(__file__).parent / "vectors_transfers.json").read_bytes())
KEY, ACCESS, MERCHANT, REFERENCE = "vtp-hash-key", "ACC01", "GWTEST", "GW2511240001"
SETTINGS = Settings(
    merchant_code=MERCHANT,
    access_code=ACCESS,
    hash_key=KEY,
    pay_url="https://pay.example/PaymentGateway/payment",
    query_url="https://pay.example/PaymentAPI/webresources/postData",
)
NOW = datetime(2025, 11, 24, 3, 0, tzinfo=UTC)
RESULT = {
    "billcode": REFERENCE,
    "cust_msisdn": "84980000123",
    "error_code": "00",
    "merchant_code": MERCHANT,
    "order_id": REFERENCE,
    "payment_status": "1",
    "trans_amount": "180000",
    "vt_transaction_id": "251124082110849ABC",
}
ANSWER = {name: RESULT[name] for name in RESULT if name not in ("billcode", "cust_msisdn")} | {
    "version": "2.0"
}
ASKED = {name: RESULT[name] for name in ("billcode", "merchant_code", "order_id", "trans_amount")}


class Fixed:
    """A way out with one answer."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.sent: list[HttpRequest] = []

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        return HttpAnswer(status=200, body=self.body)


def mac(*values: str, key: str = KEY) -> str:
    made = hmac.new(key.encode(), "".join(values).encode(), hashlib.sha1).digest()
    return base64.b64encode(made).decode()


def signed(fields: dict[str, str]) -> dict[str, str]:
    """`fields` with the check_sum that Viettel would put: every value in the order of its name."""
    return {**fields, "check_sum": mac(ACCESS, *(fields[name] for name in sorted(fields)))}


def result(**changes: str) -> Report:
    fields = {name: value for name, value in {**RESULT, **changes}.items() if value}
    return viettelpay.decode_result(SETTINGS, urlencode(signed(fields)).encode())


def search(**changes: object) -> Report:
    fields = {name: value for name, value in {**ANSWER, **changes}.items() if value is not None}
    texts = {name: str(value) for name, value in fields.items()}
    body = json.dumps({**fields, "check_sum": signed(texts)["check_sum"]}).encode()
    return Viettelpay(SETTINGS, Fixed(body)).query(REFERENCE, NOW, NOW, "q1")


def call(fields: dict[str, str]) -> InboundMessage:
    body = urlencode(fields).encode()
    return InboundMessage(method="POST", path="/callbacks/viettelpay", query=b"", headers={}, body=body)


def order(**changes: object) -> StartOrder:
    told = {
        "reference": REFERENCE,
        "amount_vnd": 180_000,
        "description": "Lệ phí hồ sơ 000.00.00.G17-251124-0001",
        "case_code": "000.00.00.G17-251124-0001",
        "procedure_code": "1.000001",
        "procedure_name": "Cấp bản sao",
        "lines": (),
        "agency": Agency("G17", "UBND", "0123456789", "970418", "UBND"),
        "payer": Payer("Nguyễn Văn A"),
        "return_url": "https://dvc.example.gov.vn/pay/return?a=1&b=2",
        "client_ip": "203.0.113.7",
        "created_at": NOW,
        "expires_at": NOW,
    }
    return StartOrder(**{**told, **changes})


def bill(**changes: object) -> Bill:
    made = order()
    told = {
        "reference": made.reference,
        "amount_vnd": made.amount_vnd,
        "description": made.description,
        "payable": True,
        "case_code": made.case_code,
        "agency": made.agency,
        "lines": (),
        "payer": made.payer,
        "expires_at": NOW,
    }
    return Bill(**{**told, **changes})


def answered(answer: Answer, owed: Bill | None, fields: dict[str, str]) -> dict[str, str]:
    adapter = Viettelpay(SETTINGS, Fixed(b""))
    told = json.loads(adapter.answer_inquiry(answer, owed, call(fields), NOW).body)
    assert isinstance(told, dict)
    return told


@pytest.mark.parametrize(
    ("name", "order_setting"),
    [
        ("viettelpay_verify", "verify_order"),
        ("viettelpay_result", "result_answer_order"),
        ("viettelpay_search", "search_order"),
    ],
)
def test_a_check_sum_is_that_of_its_worked_example(name: str, order_setting: str) -> None:
    fields = {
        "billcode": "HS0001",
        "merchant_code": MERCHANT,
        "order_id": REFERENCE,
        "trans_amount": "180000",
        "error_code": "00",
        "cmd": "TRANS_INQUIRY",
        "version": "2.0",
    }
    order_ = getattr(SETTINGS, order_setting)
    assert VECTORS[name]["parts"] == [{**fields, "access_code": ACCESS}[part] for part in order_.split("|")]
    assert VECTORS[name]["expected"] == viettelpay.check_sum(SETTINGS, fields, order_)


def test_a_pay_url_carries_the_order_and_never_the_access_code() -> None:
    url = Viettelpay(SETTINGS, Fixed(b"")).start(order()).redirect_url or ""
    assert dict(parse_qsl(urlsplit(url).query)) == {
        "billcode": REFERENCE,
        "command": "PAYMENT",
        "desc": "Le phi ho so 000.00.00.G17-251124-0001",
        "locale": "Vi",
        "merchant_code": MERCHANT,
        "order_id": REFERENCE,
        "return_url": "https://dvc.example.gov.vn/pay/return?a=1&b=2",
        "cancel_url": "https://dvc.example.gov.vn/pay/return?a=1&b=2",
        "trans_amount": "180000",
        "version": "2.0",
        "check_sum": mac(ACCESS, REFERENCE, "PAYMENT", MERCHANT, REFERENCE, "180000", "2.0"),
    }
    assert ACCESS not in url


@pytest.mark.parametrize(
    "changes",
    [{"amount_vnd": 0}, {"amount_vnd": -1}, {"amount_vnd": 10**15}, {"reference": ""}, {"reference": "gw1"}],
)
def test_an_order_that_the_wire_cannot_carry_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        viettelpay.encode_pay_url(SETTINGS, order(**changes))


# --- the result ---


def test_a_result_is_read_and_the_payers_telephone_is_not() -> None:
    assert result() == Report(
        outcome=Outcome.PAID,
        reference=REFERENCE,
        amount_vnd=180_000,
        currency="VND",
        provider_ref="251124082110849ABC",
        code="00/1",
    )
    assert "84980000123" not in repr(result())


LISTED = [
    "16",
    "21",
    "22",
    "685",
    "V02",
    "V03",
    "V06",
    "99",
    "813",
    "V01",
    "V04",
    "V05",
    "W04",
    "M01",
    "M02",
    "M03",
    "M04",
    "S_MAINTAIN",
]
CASES = [
    ("00", "1", Outcome.PAID),
    ("00", "2", Outcome.UNKNOWN),
    ("00", "5", Outcome.UNKNOWN),
    ("00", "0", Outcome.PENDING),
    ("00", "-1", Outcome.PENDING),
    ("00", "3", Outcome.PENDING),
    ("00", "4", Outcome.UNKNOWN),
    ("00", "9", Outcome.UNKNOWN),
    ("V05", "2", Outcome.FAILED),
    ("V06", "5", Outcome.FAILED),
    ("W04", "0", Outcome.PENDING),
    ("99", "3", Outcome.PENDING),
    ("01", "2", Outcome.UNKNOWN),
    ("X9", "1", Outcome.UNKNOWN),
    *[(code, "1", Outcome.UNKNOWN) for code in LISTED],
    *[(code, "2", Outcome.FAILED) for code in LISTED],
]


@pytest.mark.parametrize(("code", "status", "outcome"), CASES)
def test_code_and_status_of_a_result_make_one_outcome(code: str, status: str, outcome: Outcome) -> None:
    report = result(error_code=code, payment_status=status)
    assert (outcome, f"{code}/{status}") == (report.outcome, report.code)


def test_every_code_and_status_is_among_the_cases() -> None:
    assert set(viettelpay.CODES) <= {code for code, _, _ in CASES}
    assert set(viettelpay.STATUSES) <= {status for _, status, _ in CASES}


@pytest.mark.parametrize(
    "changes",
    [
        {"trans_amount": "180000.0"},
        {"trans_amount": "0180000"},
        {"trans_amount": "-180000"},
        {"trans_amount": "1" * 16},
        {"trans_amount": ""},
        {"payment_status": "10"},
        {"payment_status": ""},
        {"error_code": "0"},
        {"error_code": ""},
        {"order_id": "GW-1"},
        {"order_id": "G" * 21},
        {"order_id": ""},
        {"vt_transaction_id": "a b"},
        {"billcode": "hồ sơ"},
    ],
)
def test_a_value_that_is_not_of_its_form_is_malformed_however_well_it_is_signed(
    changes: dict[str, str],
) -> None:
    with pytest.raises(Malformed):
        result(**changes)


def test_values_that_move_between_fields_are_told_as_they_stand_for_the_caller_to_compare() -> None:
    moved = {**RESULT, "trans_amount": "18000", "vt_transaction_id": f"0{RESULT['vt_transaction_id']}"}
    body = urlencode({**moved, "check_sum": signed(RESULT)["check_sum"]}).encode()
    assert 18_000 == viettelpay.decode_result(SETTINGS, body).amount_vnd


def test_a_foreign_partner_is_told_from_a_forger() -> None:
    with pytest.raises(ForeignPartner):
        result(merchant_code="OTHER")
    with pytest.raises(BadSignature):
        viettelpay.decode_result(SETTINGS, urlencode({**RESULT, "check_sum": mac("x")}).encode())
    with pytest.raises(BadSignature):
        viettelpay.decode_result(SETTINGS, urlencode(RESULT).encode())


def test_a_question_without_a_sum_for_another_merchant_is_foreign() -> None:
    asked = {"billcode": "B1", "merchant_code": SETTINGS.merchant_code, "order_id": "GW2511240001"}
    assert (
        asked.items()
        <= viettelpay.decode_verify(SETTINGS, urlencode({**asked, "check_sum": "x"}).encode()).items()
    )
    with pytest.raises(ForeignPartner):
        viettelpay.decode_verify(
            SETTINGS, urlencode({**asked, "merchant_code": "OTHER", "check_sum": "x"}).encode()
        )


def test_a_plus_that_a_sender_forgot_to_encode_does_not_cost_the_payment() -> None:
    made = (signed({**RESULT, "vt_transaction_id": f"V{number}"}) for number in range(1000))
    fields = next(each for each in made if "+" in each["check_sum"])
    body = "&".join(f"{name}={quote_plus(value, safe='+')}" for name, value in fields.items())
    assert "+" in body
    assert Outcome.PAID == viettelpay.decode_result(SETTINGS, body.encode()).outcome


def test_a_name_that_nothing_covers_is_refused_unless_it_is_expected() -> None:
    body = urlencode({**signed(RESULT), "other_info": "x"}).encode()
    with pytest.raises(Malformed):
        viettelpay.decode_result(SETTINGS, body)
    settings = replace(SETTINGS, ignored_fields=frozenset({"other_info"}))
    assert result() == viettelpay.decode_result(settings, body)


@given(st.binary(max_size=300) | st.from_regex(rb"([a-z_]{1,17}=[%0-9A-Za-z+]{0,9}&?){0,9}", fullmatch=True))
def test_any_bytes_as_a_result_or_a_question_are_refused_within_the_error_tree(body: bytes) -> None:
    with pytest.raises(InputError):
        viettelpay.decode_result(SETTINGS, body)
    with pytest.raises(InputError):
        viettelpay.decode_verify(SETTINGS, body)


@given(st.dictionaries(st.sampled_from([*RESULT, "version", "check_sum"]), st.text(max_size=30)))
def test_whatever_values_come_a_form_is_read_or_malformed(fields: dict[str, str]) -> None:
    try:
        read = read_form(urlencode(fields, errors="surrogatepass").encode())
    except Malformed:
        return
    assert {name: value for name, value in read.items() if name != "check_sum"} == {
        name: value for name, value in fields.items() if value and name != "check_sum"
    }


# --- the query ---


def test_a_query_asks_as_the_worked_example_and_carries_a_password_where_one_is_set() -> None:
    door = Fixed(b"{}")
    with pytest.raises(InputError):
        Viettelpay(replace(SETTINGS, basic_auth="user:pass"), door).query(REFERENCE, NOW, NOW, "q1")
    request = door.sent[0]
    assert dict(parse_qsl((request.body or b"").decode())) == {
        "cmd": "TRANS_INQUIRY",
        "merchant_code": MERCHANT,
        "order_id": REFERENCE,
        "version": "2.0",
        "check_sum": VECTORS["viettelpay_search"]["expected"],
    }
    assert "Basic dXNlcjpwYXNz" == request.headers["authorization"]
    assert "authorization" not in viettelpay.encode_search(SETTINGS, REFERENCE).headers


@pytest.mark.parametrize(
    ("changes", "outcome", "amount_vnd"),
    [
        ({}, Outcome.PAID, 180_000),
        ({"trans_amount": 180_000}, Outcome.PAID, 180_000),
        ({"trans_amount": None}, Outcome.PAID, None),
        ({"payment_status": 1}, Outcome.PAID, 180_000),
        ({"payment_status": "2"}, Outcome.FAILED, 180_000),
        ({"payment_status": "5", "error_code": "V06"}, Outcome.FAILED, 180_000),
        ({"payment_status": "-1"}, Outcome.PENDING, 180_000),
        ({"payment_status": "3"}, Outcome.PENDING, 180_000),
        ({"payment_status": "7"}, Outcome.UNKNOWN, 180_000),
        ({"error_code": "16"}, Outcome.UNKNOWN, 180_000),
        ({"error_code": "ZZ"}, Outcome.UNKNOWN, 180_000),
    ],
)
def test_an_answer_to_a_query_is_read_by_its_status(
    changes: dict[str, object], outcome: Outcome, amount_vnd: int | None
) -> None:
    report = search(**changes)
    assert (outcome, amount_vnd) == (report.outcome, report.amount_vnd)


def test_what_the_check_sum_of_an_answer_does_not_cover_is_not_believed() -> None:
    settings = replace(
        SETTINGS, search_answer_order="access_code|error_code|merchant_code|order_id|payment_status|version"
    )
    code = mac(ACCESS, "00", MERCHANT, REFERENCE, "1", "2.0")
    body = json.dumps({**ANSWER, "check_sum": code}).encode()
    report = viettelpay.decode_search(settings, HttpAnswer(200, body), REFERENCE)
    assert (Outcome.PAID, None, None) == (report.outcome, report.amount_vnd, report.provider_ref)


@pytest.mark.parametrize("changes", [{"order_id": "GW2511240002"}, {"order_id": None}, {"error_code": None}])
def test_an_answer_about_something_else_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        search(**changes)


def test_a_refused_query_says_nothing_of_the_payment_and_a_forged_refusal_is_no_refusal() -> None:
    for body in (
        b'{"error_code":"M01"}',
        json.dumps(signed({"error_code": "M01", "merchant_code": MERCHANT})),
    ):
        raw = body if isinstance(body, bytes) else body.encode()
        with pytest.raises(Refused) as caught:
            viettelpay.decode_search(SETTINGS, HttpAnswer(200, raw), REFERENCE)
        assert "M01" == caught.value.code
    forged = b'{"error_code":"M01","check_sum":"AAAA"}'
    with pytest.raises(BadSignature):
        viettelpay.decode_search(SETTINGS, HttpAnswer(200, forged), REFERENCE)


@given(st.binary(max_size=300))
def test_any_bytes_as_an_answer_are_refused_within_the_error_tree(body: bytes) -> None:
    with pytest.raises(InputError):
        viettelpay.decode_search(SETTINGS, HttpAnswer(200, body), REFERENCE)


@given(
    st.dictionaries(
        st.sampled_from([*ANSWER, "check_sum", "other"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
    )
)
def test_any_object_as_an_answer_is_refused_within_the_error_tree(fields: dict[str, object]) -> None:
    with pytest.raises(GatewayError):
        viettelpay.decode_search(SETTINGS, HttpAnswer(200, json.dumps(fields).encode()), REFERENCE)


# --- the question whether an order is ours ---


def test_a_question_is_proved_by_the_sum_it_names_or_by_the_bill() -> None:
    whole = signed(ASKED)
    assert VECTORS["viettelpay_verify"]["expected"] == signed({**ASKED, "billcode": "HS0001"})["check_sum"]
    without = {name: value for name, value in whole.items() if name != "trans_amount"}
    good = {
        "billcode": REFERENCE,
        "error_code": "00",
        "merchant_code": MERCHANT,
        "order_id": REFERENCE,
        "trans_amount": "180000",
        "check_sum": mac(ACCESS, REFERENCE, "00", MERCHANT, REFERENCE, "180000"),
    }
    for fields in (whole, without):
        assert REFERENCE == Viettelpay(SETTINGS, Fixed(b"")).read_inquiry(call(fields), NOW)
        assert good == answered(Answer.OK, bill(), fields)


@pytest.mark.parametrize(
    ("answer", "owed", "changes", "code"),
    [
        (Answer.OK, bill(), {"check_sum": mac("x")}, "02"),
        (Answer.OK, bill(amount_vnd=180_001), {}, "01"),
        (Answer.OK, bill(payable=False), {}, "01"),
        (Answer.OK, None, {}, "01"),
        (Answer.DUPLICATE, bill(payable=False), {}, "01"),
        (Answer.UNKNOWN_ORDER, None, {}, "01"),
        (Answer.WRONG_AMOUNT, bill(), {}, "01"),
        (Answer.MALFORMED, None, {}, "01"),
        (Answer.BAD_SIGNATURE, None, {}, "02"),
        (Answer.OUR_ERROR, None, {}, "03"),
    ],
)
def test_what_is_not_to_be_paid_is_answered_without_its_sum(
    answer: Answer, owed: Bill | None, changes: dict[str, str], code: str
) -> None:
    told = answered(answer, owed, {**signed(ASKED), **changes})
    assert (code, "0") == (told["error_code"], told["trans_amount"])


def test_a_question_that_does_not_name_the_sum_is_not_believed_on_another_one() -> None:
    without = {name: value for name, value in signed(ASKED).items() if name != "trans_amount"}
    assert "02" == answered(Answer.OK, bill(amount_vnd=180_001), without)["error_code"]


def test_a_strangers_answer_is_not_signed() -> None:
    """Signed, this one would read back as a result: billcode `00` + partner + order + 1 + sum + number."""
    hidden = f"00{MERCHANT}{REFERENCE}1180000V"
    forged = {"billcode": hidden, "merchant_code": MERCHANT, "order_id": "X", "check_sum": "AAAA"}
    adapter = Viettelpay(SETTINGS, Fixed(b""))
    for answer in Answer:
        assert "" == answered(answer, None, forged)["check_sum"]
        assert (
            ""
            == json.loads(adapter.acknowledge(answer, call({**RESULT, "check_sum": "A"}), NOW).body)[
                "check_sum"
            ]
        )


def test_a_result_that_was_proved_gets_a_signed_answer() -> None:
    told = json.loads(Viettelpay(SETTINGS, Fixed(b"")).acknowledge(Answer.OK, call(signed(RESULT)), NOW).body)
    assert VECTORS["viettelpay_result"]["expected"] == told["check_sum"]
    assert ("00", REFERENCE, MERCHANT) == (told["error_code"], told["order_id"], told["merchant_code"])


@given(st.sampled_from(Answer), st.binary(max_size=200))
def test_any_bytes_are_answered(answer: Answer, body: bytes) -> None:
    for owed in (None, bill(), bill(payable=False)):
        assert json.loads(viettelpay.answer_verify(SETTINGS, answer, owed, body))["check_sum"] == ""
    assert json.loads(viettelpay.answer_result(SETTINGS, answer, body))["check_sum"] == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"merchant_code": ""},
        {"merchant_code": "A B"},
        {"access_code": ""},
        {"hash_key": ""},
        {"pay_url": "pay.html"},
        {"query_url": ""},
        {"result_order": "access_code|error_code|merchant_code|order_id"},
        {"search_answer_order": "access_code|error_code|merchant_code|order_id|version"},
        {"verify_order": "access_code|billcode|merchant_code|order_id"},
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(Misconfigured):
        replace(SETTINGS, **changes)
