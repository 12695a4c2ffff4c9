import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import vnpay, vnpay_wire
from gateway.domain.errors import BadSignature, GatewayError, InputError, Malformed, Refused, Unsupported
from gateway.ports import HttpAnswer, HttpRequest, Outcome, RefundOrder, RefundReport

VECTOR = json.loads((Path(__file__).parent / "vectors.json").read_bytes())["vnpay_refund_request"]
SECRET = VECTOR["secret"]
SETTINGS = vnpay.Settings(
    tmn_code="GWTEST01",
    secret=SECRET,
    pay_url="https://sandbox.vnpayment.vn/paymentv2/vpcpay.html",
    query_url="https://sandbox.vnpayment.vn/merchant_webapi/api/transaction",
    server_ip="203.0.113.7",
)
NOW = datetime(2025, 11, 24, 3, 15, tzinfo=UTC)
ORDER = RefundOrder(
    reference="R2511240001",
    payment_reference="GW2511240001",
    provider_ref="14226112",
    amount_vnd=180_000,
    paid_vnd=180_000,
    started_at=datetime(2025, 11, 24, 1, 30, tzinfo=UTC),
    created_at=NOW,
    reason="Nguyễn Văn A nộp thừa",
    requested_by="ketoan01",
)
# Written out from the document, not taken from the adapter.
ANSWER_FIELDS = (
    "ResponseId Command ResponseCode Message TmnCode TxnRef Amount BankCode PayDate TransactionNo TransactionType"
    " TransactionStatus OrderInfo"
)
ANSWER = {
    "vnp_ResponseId": "RESP0002",
    "vnp_Command": "refund",
    "vnp_ResponseCode": "00",
    "vnp_Message": "Refund Success",
    "vnp_TmnCode": "GWTEST01",
    "vnp_TxnRef": "GW2511240001",
    "vnp_Amount": "18000000",
    "vnp_BankCode": "NCB",
    "vnp_PayDate": "20251124101502",
    "vnp_TransactionNo": "15000001",
    "vnp_TransactionType": "02",
    "vnp_TransactionStatus": "05",
    "vnp_OrderInfo": "Hoan tien R2511240001",
}


class Fixed:
    """A way out with one answer."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.sent: list[HttpRequest] = []

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        return HttpAnswer(status=200, body=self.body)


def signed(fields: dict[str, object]) -> dict[str, object]:
    text = "|".join(str(fields.get(f"vnp_{name}", "")) for name in ANSWER_FIELDS.split())
    return {**fields, "vnp_SecureHash": hmac.digest(SECRET.encode(), text.encode(), "sha512").hex()}


def refund(fields: dict[str, object], order: RefundOrder = ORDER) -> RefundReport:
    door = Fixed(json.dumps(fields).encode())
    return vnpay.Vnpay(SETTINGS, door).refund(order, "REQ0002")


def sent(order: RefundOrder = ORDER) -> dict[str, str]:
    body = vnpay.encode_refund(SETTINGS, order, "REQ0002").body
    assert body is not None
    return json.loads(body)


def test_the_worked_refund_is_signed_as_its_vector_says() -> None:
    fields = {name: str(value) for name, value in VECTOR["body"].items()}
    text = vnpay_wire.piped(fields, vnpay_wire.REFUND_ORDER)
    assert VECTOR["string_to_sign"] == text.decode()
    assert VECTOR["expected"] == vnpay_wire.sign(SECRET, text)


def test_a_refund_carries_what_the_vector_carries_and_our_own_reference() -> None:
    told, worked = sent(), {name: str(value) for name, value in VECTOR["body"].items()}
    ours = {"vnp_OrderInfo": "Hoan tien R2511240001", "vnp_SecureHash": told["vnp_SecureHash"]}
    del worked["vnp_Locale"]  # the library's own: no part of the document, and not signed
    assert {**worked, **ours} == told
    text = VECTOR["string_to_sign"].replace("Hoan phi", "Hoan tien R2511240001")
    assert hmac.new(SECRET.encode(), text.encode(), hashlib.sha512).hexdigest() == told["vnp_SecureHash"]


def test_the_reason_of_a_clerk_stays_in_the_house() -> None:
    assert "Nguy" not in json.dumps(sent(), ensure_ascii=False)


def test_a_refund_of_all_that_was_paid_is_a_full_one_and_every_other_a_part() -> None:
    part = replace(ORDER, amount_vnd=179_999)
    assert ("02", "18000000") == (sent()["vnp_TransactionType"], sent()["vnp_Amount"])
    assert ("03", "17999900") == (sent(part)["vnp_TransactionType"], sent(part)["vnp_Amount"])


def test_a_payment_whose_number_we_never_learnt_is_named_by_our_reference_alone() -> None:
    assert "" == sent(replace(ORDER, provider_ref=None))["vnp_TransactionNo"]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_vnd": 0},
        {"amount_vnd": -1},
        {"amount_vnd": 180_001},
        {"payment_reference": "a|b"},
        {"reference": "a|b"},
        {"provider_ref": "1|2"},
        {"started_at": datetime(2025, 11, 24, 1, 30)},  # noqa: DTZ001 - a time without a zone is the point
    ],
)
def test_a_refund_that_the_wire_cannot_carry_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        vnpay.encode_refund(SETTINGS, replace(ORDER, **changes), "REQ0002")


@given(requested_by=st.text(max_size=300))
def test_no_name_of_a_clerk_moves_the_signed_fields(requested_by: str) -> None:
    told = sent(replace(ORDER, requested_by=requested_by))
    assert "|" not in told["vnp_CreateBy"]
    assert 0 < len(told["vnp_CreateBy"]) <= 245


def test_a_refund_that_was_taken_on_is_pending_with_its_own_number() -> None:
    wanted = RefundReport(
        outcome=Outcome.PENDING,
        reference="R2511240001",
        amount_vnd=180_000,
        provider_ref="15000001",
        code="00/05",
    )
    assert wanted == refund(signed(ANSWER))


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("00", Outcome.PAID),
        ("01", Outcome.PENDING),
        ("02", Outcome.UNKNOWN),
        ("04", Outcome.UNKNOWN),
        ("05", Outcome.PENDING),
        ("06", Outcome.PENDING),
        ("07", Outcome.UNKNOWN),
        ("09", Outcome.FAILED),
        ("", Outcome.UNKNOWN),
        ("42", Outcome.UNKNOWN),
    ],
)
def test_each_status_of_a_refund_has_its_outcome(status: str, outcome: Outcome) -> None:
    assert outcome == refund(signed({**ANSWER, "vnp_TransactionStatus": status})).outcome


@pytest.mark.parametrize("kind", ["", "01", "04"])
def test_an_answer_that_is_not_about_a_refund_says_nothing_of_one(kind: str) -> None:
    told = signed({**ANSWER, "vnp_TransactionType": kind, "vnp_TransactionStatus": "00"})
    assert Outcome.UNKNOWN == refund(told).outcome


@pytest.mark.parametrize("code", ["94", "99", "42", ""])
def test_a_refund_that_may_be_under_way_is_unknown_and_never_refused(code: str) -> None:
    told = {"vnp_ResponseCode": code, "vnp_TransactionStatus": "00"}
    assert Outcome.UNKNOWN == refund(signed({**ANSWER, **told})).outcome


@pytest.mark.parametrize("code", ["02", "03", "91", "95", "97"])
def test_a_refund_that_was_refused_keeps_its_code(code: str) -> None:
    with pytest.raises(Refused) as caught:
        refund(signed({**ANSWER, "vnp_ResponseCode": code}))
    assert code == caught.value.code


@pytest.mark.parametrize(
    ("code", "error"),
    [
        *[(code, Refused) for code in ("02", "03", "97")],
        *[(code, BadSignature) for code in ("00", "91", "94", "95", "99", "")],
    ],
)
def test_only_a_request_that_was_not_looked_at_may_be_refused_without_a_signature(
    code: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        refund({**ANSWER, "vnp_ResponseCode": code})
    with pytest.raises(BadSignature):
        refund({**ANSWER, "vnp_ResponseCode": code, "vnp_SecureHash": "0" * 128})


def test_each_signed_field_of_an_answer_is_under_its_signature() -> None:
    for name in ANSWER_FIELDS.split():
        with pytest.raises(BadSignature):
            refund({**signed(ANSWER), f"vnp_{name}": "7"})


@pytest.mark.parametrize("amount", [180.5, True, [1], "1e4", "-100", "18000050", 10**40])
def test_a_sum_given_back_that_is_no_whole_number_of_dong_is_refused(amount: object) -> None:
    with pytest.raises(Malformed):
        refund(signed({**ANSWER, "vnp_Amount": amount}))


def test_a_refund_cannot_be_asked_about() -> None:
    door = Fixed(b"")
    with pytest.raises(Unsupported):
        vnpay.Vnpay(SETTINGS, door).query_refund(ORDER, NOW, "REQ0003")
    assert door.sent == []


@given(st.binary(max_size=300))
def test_any_bytes_as_an_answer_to_a_refund_are_refused_within_the_error_tree(body: bytes) -> None:
    with pytest.raises(InputError):
        vnpay.decode_refund(SETTINGS, HttpAnswer(200, body), ORDER)


@given(
    st.dictionaries(
        st.sampled_from([f"vnp_{name}" for name in (*ANSWER_FIELDS.split(), "SecureHash", "X")]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | st.text()
        | st.sampled_from(["00", "02", "99"]),
    )
)
def test_any_object_as_an_answer_to_a_refund_is_refused_within_the_error_tree(
    fields: dict[str, object],
) -> None:
    with pytest.raises(GatewayError):
        refund(fields)
