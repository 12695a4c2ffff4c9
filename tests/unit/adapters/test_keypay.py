import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import keypay, keypay_wire
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
    Capability,
    FeeLine,
    HttpAnswer,
    HttpRequest,
    InboundMessage,
    Outcome,
    Payer,
    RefundOrder,
    RefundReport,
    Report,
    StartOrder,
)

VECTORS = json.loads((Path(__file__).parent / "vectors_gates.json").read_text(encoding="utf-8"))
SETTINGS = keypay.Settings(
    client_id="GWTEST",
    key_1=VECTORS["keypay3_create"]["secret"],
    key_2=VECTORS["keypay3_callback"]["secret"],
    create_url="https://keypay.example/create",
    detail_url="https://keypay.example/detail",
    refund_url="https://keypay.example/refund",
)
COVERED = "addition_fee|client_id|command|status|trans_amount|transaction_code|transaction_id|version"
AGREED = replace(
    SETTINGS, callback_order=COVERED, pending_statuses=frozenset({"1"}), failure_statuses=frozenset({"2"})
)
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
    return_url="https://dvc.example.gov.vn/kp/return",
    client_ip="203.0.113.7",
    created_at=datetime(2025, 11, 24, 7, 30, tzinfo=UTC),
    expires_at=datetime(2025, 11, 24, 7, 45, tzinfo=UTC),
)
REFUND = RefundOrder(
    reference="R251124000001",
    payment_reference="GW2511240001",
    provider_ref="KP0001",
    amount_vnd=180_000,
    paid_vnd=180_000,
    started_at=NOW,
    created_at=NOW,
    reason="Hoan phi",
    requested_by="ketoan01",
)
CALLBACK: dict[str, object] = {
    "client_id": "GWTEST",
    "transaction_id": "GW2511240001",
    "transaction_code": "KP0001",
    "trans_amount": "180000",
    "command": "PAY",
    "version": "3.0",
    "addition_fee": "0",
    "status": 0,
}


@dataclass
class Door:
    """A way out with one answer."""

    answer: HttpAnswer
    sent: list[HttpRequest] = field(default_factory=list)

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        return self.answer


NOWHERE = Door(HttpAnswer(503, b""))


def document(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def mac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def signed(
    facts: Mapping[str, object], order: str = keypay_wire.PAY_ORDER, key: str = SETTINGS.key_2
) -> dict[str, object]:
    """`facts` with the check_sum that the rule gives them, made here without the adapter."""
    told = [facts.get(name) for name in order.split("|")]
    return {**facts, "check_sum": mac(key, "|".join("" if value is None else str(value) for value in told))}


def read(message: object, settings: keypay.Settings = SETTINGS) -> Report:
    return keypay.decode_callback(settings, document(message))


def detail(document_: object, settings: keypay.Settings = AGREED) -> Report:
    return keypay.decode_detail(settings, HttpAnswer(200, document(document_)), "GW2511240001")


@pytest.mark.parametrize(
    ("name", "key", "order"),
    [
        ("keypay3_create", SETTINGS.key_1, keypay_wire.PAY_ORDER),
        ("keypay3_callback", SETTINGS.key_2, keypay_wire.PAY_ORDER),
        ("keypay3_detail", SETTINGS.key_1, keypay_wire.DETAIL_ORDER),
        ("keypay3_refund", SETTINGS.key_1, keypay_wire.REFUND_ORDER),
    ],
)
def test_the_worked_strings_are_signed_as_their_vectors_say(name: str, key: str, order: str) -> None:
    vector = VECTORS[name]
    fields = dict(zip(order.split("|"), vector["string_to_sign"].split("|"), strict=True))
    assert vector["expected"] == mac(vector["secret"], vector["string_to_sign"])
    assert vector["expected"] == keypay_wire.check_sum(key, fields, order)


def test_the_worked_requests_are_signed_as_their_vectors_say() -> None:
    made = (
        keypay.encode_create(SETTINGS, ORDER),
        keypay.encode_detail(SETTINGS, "GW2511240001"),
        keypay.encode_refund(SETTINGS, REFUND),
    )
    expected = [VECTORS[f"keypay3_{name}"]["expected"] for name in ("create", "detail", "refund")]
    assert expected == [json.loads(request.body or b"")["check_sum"] for request in made]


def test_the_commands_of_detail_and_refund_are_agreed() -> None:
    settings = replace(SETTINGS, detail_command="PAY", refund_command="HOANTIEN")
    asked = json.loads(keypay.encode_detail(settings, "GW2511240001").body or b"")
    given_back = json.loads(keypay.encode_refund(settings, REFUND).body or b"")
    assert mac(SETTINGS.key_1, "GWTEST|PAY|GW2511240001") == asked["check_sum"]
    assert mac(SETTINGS.key_1, "180000|GWTEST|HOANTIEN|Hoan phi|GW2511240001") == given_back["check_sum"]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_vnd": 180_001},
        {"amount_vnd": 0, "lines": ()},
        {"lines": (FeeLine("fine", "F", "Phạt", 180_000),)},
        {"lines": (FeeLine("phi", "P", "Phí", 180_001), FeeLine("phi", "Q", "Phí", -1))},
        {"reference": ""},
        {"reference": "A" * 21},
        {"reference": "a|b"},
        {"case_code": ""},
        {"agency": Agency("", "UBND", "1", "970418", "UBND")},
    ],
)
def test_an_order_that_the_wire_cannot_carry_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        keypay.encode_create(SETTINGS, replace(ORDER, **changes))


def test_postage_is_not_passed_off_as_a_state_fee() -> None:
    lines = (*ORDER.lines, FeeLine("postage", "BCCP", "Cước trả kết quả", 30_000))
    posted = replace(ORDER, lines=lines, amount_vnd=210_000)
    with pytest.raises(Unsupported):
        keypay.encode_create(SETTINGS, posted)
    agreed = json.loads(keypay.encode_create(replace(SETTINGS, postage_kind="3"), posted).body or b"")
    fees = agreed["bill_info"]["PhiLePhi"]
    assert [("2", 180_000), ("3", 30_000)] == [(fee["LoaiPhiLePhi"], fee["SoTien"]) for fee in fees]


def test_a_callback_as_published_says_that_something_happened_and_not_what() -> None:
    unproved = Report(Outcome.PENDING, "GW2511240001", 180_000, "VND", None, "")
    for status in (0, 2, "x", None):
        assert unproved == read(signed({**CALLBACK, "status": status, "transaction_code": "?"}))


def test_an_uncovered_status_counts_only_where_it_is_agreed_to() -> None:
    trusting = replace(SETTINGS, unsigned_result_counts=True, failure_statuses=frozenset({"2"}))
    paid = Report(Outcome.PAID, "GW2511240001", 180_000, "VND", "KP0001", "0")
    assert paid == read(signed(CALLBACK), trusting)
    assert Outcome.FAILED == read(signed({**CALLBACK, "status": 2}), trusting).outcome


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (0, Outcome.PAID),
        ("0", Outcome.PAID),
        ("1", Outcome.PENDING),
        (2, Outcome.FAILED),
        (3, Outcome.UNKNOWN),
        ("", Outcome.UNKNOWN),
        ("00", Outcome.UNKNOWN),
    ],
)
def test_a_covered_status_makes_one_outcome(status: object, outcome: Outcome) -> None:
    assert outcome == read(signed({**CALLBACK, "status": status}, COVERED), AGREED).outcome


@pytest.mark.parametrize("name", COVERED.split("|"))
def test_no_covered_field_can_be_changed(name: str) -> None:
    genuine = signed(CALLBACK, COVERED)
    with pytest.raises(BadSignature):
        read({**genuine, name: f"{genuine[name]}1"}, AGREED)


def test_a_message_signed_with_our_own_key_is_not_genuine() -> None:
    with pytest.raises(BadSignature):
        read(signed(CALLBACK, key=SETTINGS.key_1))


def test_a_genuine_message_for_another_client_is_foreign() -> None:
    with pytest.raises(ForeignPartner):
        read(signed({**CALLBACK, "client_id": "OTHER"}))


@pytest.mark.parametrize("name", ["transaction_id", "trans_amount"])
def test_a_callback_without_order_or_sum_is_malformed(name: str) -> None:
    with pytest.raises(Malformed):
        read(signed({**CALLBACK, name: ""}))


@pytest.mark.parametrize("sum_", [180000.0, True, [1], {"a": 1}, "1e5", "-1", " 1", "１８", 10**20])
def test_a_sum_that_is_no_whole_number_is_refused(sum_: object) -> None:
    with pytest.raises(Malformed):
        read(signed({**CALLBACK, "trans_amount": sum_}))


def test_a_separator_inside_a_field_is_refused() -> None:
    with pytest.raises(Malformed):
        read(signed({**CALLBACK, "addition_fee": "0|GWTEST", "client_id": "PAY"}))


def test_a_detail_rests_on_tls_where_it_is_not_signed() -> None:
    told = {"error": 0, "data": {"transaction_id": "GW2511240001", "trans_amount": 180_000, "status": 0}}
    with pytest.raises(BadSignature):
        detail(told)
    report = detail(told, replace(AGREED, detail_answer_order=""))
    assert (Outcome.PAID, 180_000, None) == (report.outcome, report.amount_vnd, report.provider_ref)


def test_a_refused_detail_says_nothing_of_the_payment() -> None:
    with pytest.raises(Refused) as caught:
        detail({"error": "31"})
    assert "31" == caught.value.code


def test_a_refund_without_a_word_on_its_state_is_pending_and_an_open_error_is_unknown() -> None:
    settings = replace(SETTINGS, refund_answer_order="")
    told = {"error": "0", "data": {"transaction_refund_code": "KPR1", "amount_refund": 180_000}}
    pending = RefundReport(Outcome.PENDING, REFUND.reference, 180_000, "KPR1", "")
    assert pending == keypay.decode_refund(settings, HttpAnswer(200, document(told)), REFUND)
    terse = RefundReport(Outcome.PENDING, REFUND.reference, 180_000, None, "")
    assert terse == keypay.decode_refund(settings, HttpAnswer(200, b'{"error":0}'), REFUND)
    unclear = RefundReport(Outcome.UNKNOWN, REFUND.reference, None, None, "12")
    assert unclear == keypay.decode_refund(settings, HttpAnswer(200, b'{"error":"12"}'), REFUND)


def test_an_error_of_a_refund_is_a_refusal_only_where_that_is_agreed() -> None:
    settings = replace(SETTINGS, refund_refusals=frozenset({"12"}))
    with pytest.raises(Refused):
        keypay.decode_refund(settings, HttpAnswer(200, b'{"error":"12"}'), REFUND)


@pytest.mark.parametrize("changes", [{"amount_vnd": 0}, {"payment_reference": "a|b"}])
def test_a_refund_that_the_wire_cannot_carry_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        keypay.encode_refund(SETTINGS, replace(REFUND, **changes))


def test_a_reason_loses_the_separator_and_is_never_empty() -> None:
    made = [
        keypay.encode_refund(SETTINGS, replace(REFUND, reason=reason)).body
        for reason in ("Hoàn|phí\r\n2", " | ")
    ]
    assert ["Hoàn phí 2", REFUND.reference] == [json.loads(body or b"")["reason"] for body in made]


def test_refunds_need_an_address_and_cannot_be_asked_about() -> None:
    adapter = keypay.Keypay(replace(SETTINGS, refund_url=""), NOWHERE)
    assert Capability.REFUND not in adapter.capabilities
    with pytest.raises(Unsupported):
        adapter.refund(REFUND, "q")
    assert Capability.REFUND in keypay.Keypay(SETTINGS, NOWHERE).capabilities
    with pytest.raises(Unsupported):
        keypay.Keypay(SETTINGS, NOWHERE).query_refund(REFUND, NOW, "q")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*CALLBACK, "check_sum", "error", "data", "payment_url", "amount_refund"])
OBJECTS = st.dictionaries(NAMES, JSON | st.sampled_from(["0", "GWTEST", "1"])).map(document)


@given(st.binary(max_size=300) | OBJECTS)
def test_any_bytes_are_refused_within_the_error_tree(body: bytes) -> None:
    with pytest.raises(InputError):
        keypay.decode_callback(SETTINGS, body)
    answer = HttpAnswer(200, body)
    with pytest.raises(GatewayError):
        keypay.decode_detail(SETTINGS, answer, "GW2511240001")
    with pytest.raises(GatewayError):
        keypay.decode_create(SETTINGS, answer)
    try:
        report = keypay.decode_refund(SETTINGS, answer, REFUND)
    except GatewayError:
        return
    assert Outcome.UNKNOWN == report.outcome


@given(answer=st.sampled_from(Answer), body=st.binary(max_size=100))
def test_every_message_whatever_it_holds_gets_a_reply(answer: Answer, body: bytes) -> None:
    message = InboundMessage(method="POST", path="/callbacks/keypay", query=body, headers={}, body=body)
    told = json.loads(keypay.Keypay(SETTINGS, NOWHERE).acknowledge(answer, message, NOW).body)
    assert (0 if answer in {Answer.OK, Answer.DUPLICATE} else -1) == told["return_code"]


def test_the_replies_are_those_of_the_vector() -> None:
    message = InboundMessage(method="POST", path="/callbacks/keypay", query=b"", headers={}, body=b"")
    adapter = keypay.Keypay(SETTINGS, NOWHERE)
    for answer, name in ((Answer.OK, "reply_ok"), (Answer.BAD_SIGNATURE, "reply_error")):
        assert VECTORS["keypay3_callback"][name] == json.loads(adapter.acknowledge(answer, message, NOW).body)


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": ""},
        {"client_id": "a|b"},
        {"key_1": ""},
        {"key_2": ""},
        {"create_url": ""},
        {"detail_url": "detail"},
        {"refund_url": "ftp://x"},
        {"callback_order": "client_id|trans_amount"},
        {"callback_order": "client_id|transaction_id"},
        {"callback_order": "trans_amount|transaction_id"},
        {"callback_order": f"{keypay_wire.PAY_ORDER}|TrangThaiGD"},
        {"failure_statuses": frozenset({"0"})},
        {"failure_statuses": frozenset({"2"}), "pending_statuses": frozenset({"2"})},
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        replace(SETTINGS, **changes)
