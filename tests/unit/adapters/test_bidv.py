import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import bidv
from gateway.domain.errors import BadSignature, ForeignPartner, InputError, Malformed, Misconfigured
from gateway.ports import Agency, Answer, Bill, HttpAnswer, InboundMessage, Outcome, Payer, Report, Started

VECTORS = json.loads((Path(__file__).parent / "vectors_collection.json").read_text(encoding="utf-8"))
SECRET = VECTORS["bidv_getbill_hmac"]["secret"]
SETTINGS = bidv.Settings(service_id="068001", secret=SECRET, customer_prefix="GWT")
DIGEST = replace(SETTINGS, checksum="sha256")
GETBILL = VECTORS["bidv_getbill_hmac"]["body"]
PAYBILL = VECTORS["bidv_paybill_hmac"]["body"]
PAYBILL_DIGEST = {**PAYBILL, "checksum": VECTORS["bidv_paybill_sha256"]["expected"]}
NOW = datetime(2025, 11, 24, 8, 0, tzinfo=UTC)
BILL = Bill(
    reference="GW2511240001",
    amount_vnd=180_000,
    description="Lệ phí hồ sơ",
    payable=True,
    case_code="000.00.00.G17-251124-0001",
    agency=Agency("G17", "UBND xã Thử Nghiệm", "0123456789", "970418", "UBND XA THU NGHIEM"),
    lines=(),
    payer=Payer("Nguyễn Văn A", address="Số 1 phố Thử"),
    expires_at=datetime(2025, 11, 25, tzinfo=UTC),
)


class Nowhere:
    """A way out that must not be taken."""

    def send(self, request: object) -> HttpAnswer:
        raise AssertionError("a collecting bank is never called")


def message(value: object, headers: Mapping[str, str] | None = None) -> InboundMessage:
    body = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    return InboundMessage(method="POST", path="/", query=b"", headers=headers or {}, body=body)


def mac(*values: object, secret: str = SECRET) -> str:
    """The checksum of the variant `hmac`, made here without the adapter."""
    text = "|".join([SECRET, *map(str, values)])
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode()


def digest(*values: object) -> str:
    return hashlib.sha256("|".join([SECRET, *map(str, values)]).encode()).hexdigest()


def read(value: object, settings: bidv.Settings = SETTINGS) -> Report:
    return bidv.decode_paybill(settings, message(value))


def shown(answer: Answer, *, bill: Bill | None = BILL, body: object = GETBILL) -> dict[str, object]:
    given_ = bidv.encode_getbill_answer(SETTINGS, answer=answer, bill=bill, body=message(body).body, now=NOW)
    assert 200 == given_.status
    return json.loads(given_.body)


def test_the_worked_getbill_is_read_and_answered_as_its_vector_says() -> None:
    assert "0000001" == bidv.decode_getbill(SETTINGS, message(GETBILL))
    assert VECTORS["bidv_getbill_hmac"]["reply"] == shown(Answer.OK)


@pytest.mark.parametrize(("settings", "body"), [(SETTINGS, PAYBILL), (DIGEST, PAYBILL_DIGEST)])
def test_the_worked_paybill_is_read_under_each_checksum(settings: bidv.Settings, body: object) -> None:
    expected = Report(
        outcome=Outcome.PAID,
        reference="GW2511240001",
        amount_vnd=180_000,
        currency="VND",
        provider_ref="TX0003",
        code="paybill",
    )
    assert expected == read(body, settings)


def test_one_checksum_is_not_taken_for_the_other() -> None:
    for settings, body in ((DIGEST, PAYBILL), (SETTINGS, PAYBILL_DIGEST)):
        with pytest.raises(BadSignature):
            read(body, settings)


def test_a_getbill_under_the_digest_is_signed_by_analogy() -> None:
    asked = {**GETBILL, "checksum": digest("068001", "GWT0000001")}
    assert "0000001" == bidv.decode_getbill(DIGEST, message(asked))
    with pytest.raises(BadSignature):
        bidv.decode_getbill(DIGEST, message({**asked, "customer_id": "GWT0000002"}))


def test_the_fields_under_a_checksum_can_be_agreed_otherwise() -> None:
    agreed = replace(
        SETTINGS, paybill_order="trans_id|trans_date|bill_id|amount", getbill_order="customer_id"
    )
    body = {**PAYBILL, "checksum": mac("TX0003", "20251124143000", "GW2511240001", "180000")}
    assert 180_000 == read(body, agreed).amount_vnd
    with pytest.raises(BadSignature):
        read({**body, "bill_id": "GW2511240002"}, agreed)
    asked = {**GETBILL, "checksum": mac("GWT0000001")}
    assert "0000001" == bidv.decode_getbill(agreed, message(asked))


def test_the_weak_variant_does_not_prove_the_bill_and_the_other_does() -> None:
    """Why the document of the adapter asks for the digest or a token where there is a choice."""
    assert "GW2511240002" == read({**PAYBILL, "bill_id": "GW2511240002"}).reference
    with pytest.raises(BadSignature):
        read({**PAYBILL_DIGEST, "bill_id": "GW2511240002"}, DIGEST)


@pytest.mark.parametrize("changed", [{"amount": "18000"}, {"amount": "1800000"}, {"trans_id": "TX0004"}])
@pytest.mark.parametrize(("settings", "body"), [(SETTINGS, PAYBILL), (DIGEST, PAYBILL_DIGEST)])
def test_a_changed_field_is_not_genuine(
    settings: bidv.Settings, body: dict[str, str], changed: dict[str, str]
) -> None:
    with pytest.raises(BadSignature):
        read({**body, **changed}, settings)


def test_base64_is_compared_exactly_and_hexadecimal_without_case() -> None:
    with pytest.raises(BadSignature):
        read({**PAYBILL, "checksum": PAYBILL["checksum"].swapcase()})
    upper = {**PAYBILL_DIGEST, "checksum": PAYBILL_DIGEST["checksum"].upper()}
    assert Outcome.PAID == read(upper, DIGEST).outcome


def test_a_sum_may_be_a_number_and_counts_as_its_digits() -> None:
    assert 180_000 == read({**PAYBILL, "amount": 180_000}).amount_vnd


@pytest.mark.parametrize(
    "changed",
    [
        {"trans_id": "TX|0003", "checksum": mac("TX|0003", "180000")},
        {"amount": "180000.0", "checksum": mac("TX0003", "180000.0")},
        {"amount": "-1", "checksum": mac("TX0003", "-1")},
        {"amount": 180000.5},
        {"amount": True},
        {"bill_id": "gw 1"},
        {"bill_id": "A" * 21},
        {"trans_id": ""},
        {"trans_id": "TX 3", "checksum": mac("TX 3", "180000")},
        {"trans_id": "T" * 65, "checksum": mac("T" * 65, "180000")},
        {"service_id": None},
    ],
)
def test_what_is_not_of_its_form_is_malformed(changed: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        read({**PAYBILL, **changed})


def test_another_service_is_not_ours_and_is_told_so() -> None:
    asked = {**GETBILL, "service_id": "068002", "checksum": mac("068002", "GWT0000001")}
    with pytest.raises(ForeignPartner):
        bidv.decode_getbill(SETTINGS, message(asked))
    assert {"result_code": "006", "result_desc": "unknown service"} == shown(Answer.UNKNOWN_ORDER, body=asked)
    assert "004" == shown(Answer.BAD_SIGNATURE, body=asked)["result_code"]
    with pytest.raises(ForeignPartner):
        read({**PAYBILL, "service_id": "068002"})


@pytest.mark.parametrize("customer", ["XXX0000001", "GWT", "GWT-1", "GWT" + "1" * 21])
def test_a_code_that_cannot_be_ours_is_somebody_elses_customer(customer: str) -> None:
    asked = {**GETBILL, "customer_id": customer, "checksum": mac("068001", customer)}
    with pytest.raises(ForeignPartner):
        bidv.decode_getbill(SETTINGS, message(asked))
    assert "011" == shown(Answer.UNKNOWN_ORDER, body=asked)["result_code"]


def test_a_code_may_be_typed_in_small_letters() -> None:
    asked = {**GETBILL, "customer_id": "gwt000000a", "checksum": mac("068001", "gwt000000a")}
    assert "000000A" == bidv.decode_getbill(SETTINGS, message(asked))


def test_a_bearer_token_is_asked_for_where_one_was_agreed() -> None:
    agreed = replace(SETTINGS, bearer_token="tok")
    assert (
        180_000 == bidv.decode_paybill(agreed, message(PAYBILL, {"authorization": "Bearer tok"})).amount_vnd
    )
    for headers in ({}, {"authorization": "Bearer TOK"}, {"authorization": "tok"}, {"authorization": "Đ"}):
        with pytest.raises(BadSignature):
            bidv.decode_paybill(agreed, message(PAYBILL, headers))


@pytest.mark.parametrize(
    ("answer", "paybill", "getbill"),
    [
        (Answer.OK, "000", "000"),
        (Answer.DUPLICATE, "023", "012"),
        (Answer.WRONG_AMOUNT, "022", "022"),
        (Answer.UNKNOWN_ORDER, "021", "011"),
        (Answer.BAD_SIGNATURE, "004", "004"),
        (Answer.MALFORMED, "001", "001"),
        (Answer.OUR_ERROR, "031", "031"),
    ],
)
def test_each_answer_has_its_code(answer: Answer, paybill: str, getbill: str) -> None:
    told = json.loads(bidv.encode_paybill_answer(SETTINGS, answer=answer, body=message(PAYBILL).body).body)
    assert {"result_code": paybill, "result_desc": bidv.RESULTS[paybill]} == told
    assert getbill == shown(answer)["result_code"]


def test_a_bill_that_cannot_be_paid_is_not_shown() -> None:
    over = shown(Answer.OK, bill=replace(BILL, payable=False))
    assert {"result_code": "012", "result_desc": "no bill to pay"} == over
    assert {"result_code": "011", "result_desc": "unknown customer"} == shown(Answer.OK, bill=None)


@pytest.mark.parametrize(
    "body", [b"", b"[]", {}, {"service_id": "", "customer_id": "a b"}, {"customer_id": 1.5}]
)
def test_what_cannot_be_read_is_not_sent_back(body: object) -> None:
    assert "" == shown(Answer.OK, body=body)["customer_id"]
    assert "011" == shown(Answer.UNKNOWN_ORDER, body=body)["result_code"]


def test_the_bank_gets_a_name_and_no_address() -> None:
    assert ("NGUYEN VAN A", "") == (shown(Answer.OK)["customer_name"], shown(Answer.OK)["customer_addr"])
    agencys = bidv.encode_getbill_answer(
        replace(SETTINGS, shown_name="agency"), answer=Answer.OK, bill=BILL, body=b"", now=NOW
    )
    assert "UBND XA THU NGHIEM" == json.loads(agencys.body)["customer_name"]


def test_the_citizen_is_given_a_code_and_the_bank_is_told_nothing() -> None:
    code = SETTINGS.customer_prefix + BILL.reference
    adapter = bidv.Bidv(SETTINGS, Nowhere())
    assert Started(pay_code=code) == adapter.start(BILL)  # type: ignore[arg-type]
    assert {"CODE", "CALLBACK", "INQUIRY"} == {each.name for each in adapter.capabilities}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FLAT = st.dictionaries(
    st.sampled_from([*PAYBILL, *GETBILL]), JSON | st.sampled_from(["068001", "GW2511240001", "180000"])
)


@given(st.binary(max_size=300) | FLAT)
def test_anything_else_is_refused_within_the_error_tree(body: object) -> None:
    for settings in (SETTINGS, DIGEST, replace(SETTINGS, bearer_token="tok")):
        with pytest.raises(InputError):
            bidv.decode_paybill(settings, message(body))
        with pytest.raises(InputError):
            bidv.decode_getbill(settings, message(body))


@given(answer=st.sampled_from(Answer), body=st.binary(max_size=100) | FLAT)
def test_every_message_whatever_it_holds_gets_an_answer(answer: Answer, body: object) -> None:
    adapter = bidv.Bidv(SETTINGS, Nowhere())
    assert 200 == adapter.acknowledge(answer, message(body), NOW).status
    for bill in (None, BILL, replace(BILL, payable=False)):
        assert 200 == adapter.answer_inquiry(answer, bill, message(body), NOW).status


@pytest.mark.parametrize(
    "changes",
    [
        {"service_id": ""},
        {"service_id": "06|8"},
        {"secret": ""},
        {"checksum": "md5"},
        {"customer_prefix": "G|T"},
        {"shown_name": "nobody"},
        {"getbill_order": "service_id"},
        {"paybill_order": "trans_id|amount|"},
        {"paybill_order": "Trans_Id|amount"},
        {"paybill_order": "trans_id|bill_id"},
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        replace(SETTINGS, **changes)
