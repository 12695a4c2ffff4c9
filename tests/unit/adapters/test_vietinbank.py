import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import vietinbank
from gateway.domain.errors import (
    BadSignature,
    ForeignPartner,
    GatewayError,
    InputError,
    Malformed,
    Misconfigured,
)
from gateway.ports import Agency, Answer, Bill, HttpAnswer, InboundMessage, Outcome, Payer, Report, Started
from signing.rsa import load_private, load_public, sign_base64, verify_base64

VECTORS = json.loads((Path(__file__).parent / "vectors_collection.json").read_text(encoding="utf-8"))
PEM = VECTORS["rsa_test_key"]
KEY, PUBLIC = load_private(PEM["private_pem"]), load_public(PEM["public_pem"])
SETTINGS = vietinbank.Settings(
    provider_id="GWTEST",
    private_key=PEM["private_pem"],
    bank_certificate=PEM["certificate_pem"],
    customer_prefix="GWT",
    reference_form="[0-9]{7}",
)
THVQR = replace(SETTINGS, edition="2026")
NOW = datetime(2025, 11, 24, 7, 31, tzinfo=UTC)
NOTICE = VECTORS["vietinbank_notify_request"]["body"]
SIGNED = {**NOTICE, "signature": VECTORS["vietinbank_notify_request"]["expected"]}
HEADER = {
    "msgId": "MSG0001",
    "msgType": "1100",
    "channelId": "211701",
    "providerId": "GWTEST",
    "merchantId": "GWM",
    "productId": "900000",
    "signature": VECTORS["vietinbank_inq_request"]["expected"],
}
ASKED = {
    "header": HEADER,
    "data": {"transId": "TX0001", "transTime": "20251124143000", "custCode": "GWT0000001"},
}
BILL = Bill(
    reference="GW2511240001",
    amount_vnd=180_000,
    description="Lệ phí",
    payable=True,
    case_code="000.00.00.G17-251124-0001",
    agency=Agency("G17", "UBND xã Thử Nghiệm", "0123456789", "970415", "UBND XA THU NGHIEM"),
    lines=(),
    payer=Payer("Nguyễn Văn A"),
    expires_at=datetime(2025, 11, 25, tzinfo=UTC),
)


def document(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def signed(notice: Mapping[str, object]) -> dict[str, object]:
    """`notice` with the signature that the rule gives it, made here without the adapter."""
    names = ("transId", "transTime", "custCode", "amount", "bankTransId", "remark")
    text = "".join(str(notice.get(name) or "") for name in names)
    return {**notice, "signature": sign_base64(KEY, text.encode())}


def read(notice: object, settings: vietinbank.Settings = SETTINGS) -> Report:
    return vietinbank.decode_notice(settings, document(notice))


def ask(message: object, settings: vietinbank.Settings = SETTINGS) -> str:
    return vietinbank.decode_inquiry(settings, document(message))


def answered(
    answer: Answer,
    *,
    bill: Bill | None = BILL,
    settings: vietinbank.Settings = SETTINGS,
    body: object = ASKED,
) -> dict[str, dict[str, dict[str, str]]]:
    given_ = vietinbank.encode_inquiry_answer(
        settings, answer=answer, bill=bill, body=document(body), now=NOW
    )
    return json.loads(given_.body)


class Nowhere:
    """A way out that must not be taken."""

    def send(self, request: object) -> HttpAnswer:
        raise AssertionError("a collecting bank is never called")


def test_the_worked_notice_is_read_as_paid() -> None:
    expected = Report(
        outcome=Outcome.PAID,
        reference="0000001",
        amount_vnd=180_000,
        currency="VND",
        provider_ref="TX0002",
        code="1200",
        occurred_at=datetime(2025, 11, 24, 7, 32, tzinfo=UTC),
    )
    assert expected == read(SIGNED)


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("vietinbank_inq_request", vietinbank.INQUIRY_ORDERS["1.4.1"][0]),
        ("vietinbank_inq_response", vietinbank.INQUIRY_ORDERS["1.4.1"][1]),
        ("vietinbank_notify_request", vietinbank.NOTICE_ORDER),
        ("vietinbank_notify_response_ok", vietinbank.NOTICE_ANSWER_ORDER),
    ],
)
def test_the_orders_are_those_of_the_worked_examples(name: str, order: str) -> None:
    assert VECTORS[name]["order"] == order.replace("|", "+")


def test_the_worked_texts_are_joined_by_nothing() -> None:
    text = VECTORS["vietinbank_notify_request"]["string_to_sign"]
    assert text.encode() == vietinbank.signed_bytes(NOTICE, vietinbank.NOTICE_ORDER)
    without = vietinbank.signed_bytes({"transId": "T", "remark": "r"}, vietinbank.NOTICE_ORDER)
    assert b"Tr" == without


def test_a_remark_may_hold_anything() -> None:
    assert 180_000 == read(signed({**NOTICE, "remark": "Lệ phí\n\t(đợt 1) 164T"})).amount_vnd


def test_the_worked_question_is_read() -> None:
    assert "0000001" == ask(ASKED)


def test_the_worked_question_is_answered_with_the_worked_signature() -> None:
    told = answered(Answer.OK)
    assert VECTORS["vietinbank_inq_response"]["expected"] == told["header"]["signature"]
    details = {
        "transId": "TX0001",
        "transTime": "20251124143000",
        "custCode": "GWT0000001",
        "custName": "NGUYEN VAN A_180000VND",
        "billId": "GW2511240001",
        "amount": "180000",
    }
    assert details == told["data"]["details"]
    assert ("00", "1110") == (told["data"]["errors"]["errorCode"], told["header"]["msgType"])


def test_the_worked_notice_is_acknowledged_with_the_worked_signature() -> None:
    body = vietinbank.encode_notice_answer(SETTINGS, answer=Answer.OK, body=document(SIGNED)).body
    vector = VECTORS["vietinbank_notify_response_ok"]
    assert {**vector["body"], "signature": vector["expected"]} == json.loads(body)


@pytest.mark.parametrize(
    ("answer", "notice", "inquiry"),
    [
        (Answer.OK, "00", "00"),
        (Answer.DUPLICATE, "05", "02"),
        (Answer.WRONG_AMOUNT, "03", "03"),
        (Answer.UNKNOWN_ORDER, "02", "02"),
        (Answer.BAD_SIGNATURE, "01", "01"),
        (Answer.MALFORMED, "99", "99"),
        (Answer.OUR_ERROR, "99", "99"),
    ],
)
def test_each_answer_has_its_code_and_our_signature(answer: Answer, notice: str, inquiry: str) -> None:
    told = json.loads(vietinbank.encode_notice_answer(SETTINGS, answer=answer, body=document(SIGNED)).body)
    assert (notice, vietinbank.ERRORS[notice]) == (told["errorCode"], told["errorDesc"])
    verify_base64(PUBLIC, told["signature"], f"TX0002{notice}{told['errorDesc']}".encode())
    assert inquiry == answered(answer)["data"]["errors"]["errorCode"]


def test_a_bill_that_cannot_be_paid_is_not_shown() -> None:
    for bill in (None, replace(BILL, payable=False)):
        told = answered(Answer.OK, bill=bill)
        assert "02" == told["data"]["errors"]["errorCode"]
        assert {None} == {told["data"]["details"][name] for name in ("custName", "billId", "amount")}


def test_the_name_that_is_shown_can_be_the_agencys() -> None:
    told = answered(Answer.OK, settings=replace(SETTINGS, shown_name="agency"))
    assert "UBND XA THU NGHIEM_180000VND" == told["data"]["details"]["custName"]


def test_the_edition_of_2026_signs_more_of_the_question_and_of_the_answer() -> None:
    data = {**ASKED["data"], "transType": "2", "custName": "", "custAcct": "0071"}
    signature = sign_base64(KEY, b"TX000121170120251124143000" + b"2GWT00000010071")
    asked = {"header": {**HEADER, "signature": signature}, "data": data}
    assert "0000001" == ask(asked, THVQR)
    with pytest.raises(BadSignature):
        ask({**asked, "header": {**asked["header"], "channelId": "211702"}}, THVQR)
    with pytest.raises(BadSignature):
        ask(asked)
    told = answered(Answer.OK, settings=THVQR, body=asked)
    text = "TX0001211701202511241430002GWT0000001NGUYEN VAN A_180000VNDGW251124000111/202518000000"
    verify_base64(PUBLIC, told["header"]["signature"], text.encode())
    assert ("11/2025", "2") == (told["data"]["details"]["billTerm"], told["data"]["details"]["transType"])


@pytest.mark.parametrize(
    "moved",
    [
        {"custCode": "GWT000000", "custName": "1A"},
        {"channelId": "21170", "transTime": "12025112414300", "transType": "02"},
        {"channelId": "2117012", "transTime": "0251124143000", "transType": "2"},
    ],
)
def test_a_question_of_2026_is_not_read_with_digits_that_were_moved(moved: dict[str, str]) -> None:
    fields = {**ASKED["data"], "channelId": "211701", "transType": "2", "custName": "A", "custAcct": ""}
    genuine = {name: fields[name] for name in vietinbank.INQUIRY_ORDERS["2026"][0].split("|")}
    signature = sign_base64(KEY, "".join(genuine.values()).encode())

    def asked(told: dict[str, str]) -> dict[str, object]:
        header = {**HEADER, "channelId": told["channelId"], "signature": signature}
        return {"header": header, "data": {name: told[name] for name in told if name != "channelId"}}

    assert "0000001" == ask(asked(genuine), THVQR)
    with pytest.raises(Malformed):
        ask(asked({**genuine, **moved}), THVQR)


def test_a_month_ends_at_midnight_in_vietnam() -> None:
    data = {**ASKED["data"], "transType": "2"}
    given_ = vietinbank.encode_inquiry_answer(
        THVQR,
        answer=Answer.OK,
        bill=BILL,
        body=document({"header": HEADER, "data": data}),
        now=datetime(2025, 11, 30, 18, 0, tzinfo=UTC),
    )
    assert "12/2025" == json.loads(given_.body)["data"]["details"]["billTerm"]


@pytest.mark.parametrize("odd", ["TX0002\u000000Thành công", "a b", "A" * 65, 7, None, "Đ"])
def test_what_is_no_number_is_neither_sent_back_nor_signed(odd: object) -> None:
    body = document({**SIGNED, "transId": odd})
    told = json.loads(vietinbank.encode_notice_answer(SETTINGS, answer=Answer.OK, body=body).body)
    assert "" == told["transId"]
    verify_base64(PUBLIC, told["signature"], "00Thành công".encode())
    shown = answered(Answer.OK, body={**ASKED, "data": {**ASKED["data"], "transId": odd}})
    assert shown["data"]["details"]["transId"] is None


def divisions(text: str, count: int) -> Iterator[tuple[str, ...]]:
    """Every way to cut `text` into `count` parts that are not empty."""
    for cuts in combinations(range(1, len(text)), count - 1):
        yield tuple(text[start:end] for start, end in zip((0, *cuts), (*cuts, len(text)), strict=True))


def test_what_is_signed_without_separators_can_be_cut_in_one_way_only() -> None:
    """The weakness of the wire: 12 and 3 are signed as 1 and 23. The forms of the fields leave one reading."""
    notice = signed({**NOTICE, "remark": "LP 1"})
    names = vietinbank.NOTICE_ORDER.split("|")
    text = "".join(notice[name] for name in names)
    head, tail = (
        text[:30],
        text[30:],
    )  # the first two boundaries, and then the others, to keep the number small
    read_as = []
    for first in divisions(head, 3):
        for rest in divisions(tail, 3):
            parts = (*first[:2], first[2], *rest)
            formed = all(
                SETTINGS.forms[name].fullmatch(part) for name, part in zip(names, parts, strict=True)
            )
            if formed and SETTINGS.our_code.fullmatch(parts[2]):
                read_as.append(parts)
    assert [tuple(notice[name] for name in names)] == read_as


@pytest.mark.parametrize(
    "moved",
    [
        {"transId": "TX000", "transTime": "22025112414320", "custCode": "0GWT0000001"},
        {"transTime": "20251124143200G", "custCode": "WT0000001"},
        {"custCode": "GWT00000011", "amount": "80000"},
        {"custCode": "GWT000000", "amount": "1180000"},
        {"amount": "1800001", "bankTransId": "64T25B0KAJ7BYCT"},
        {"amount": "1800001", "bankTransId": "64T25B0KAJ7BYCTL", "remark": "P 000G17 251124 0001"},
        {"amount": "18000", "bankTransId": "0164T25B0KAJ7BYC", "remark": "TLP 000G17 251124 0001"},
        {"bankTransId": "164T25B0KAJ7BYCTL", "remark": "P 000G17 251124 0001"},
    ],
)
def test_a_genuine_signature_does_not_carry_over_to_digits_that_were_moved(moved: dict[str, str]) -> None:
    names = vietinbank.NOTICE_ORDER.split("|")
    other = {**SIGNED, **moved}
    assert "".join(SIGNED[name] for name in names) == "".join(other[name] for name in names)
    with pytest.raises((Malformed, ForeignPartner)):
        read(other)


def test_a_second_trys_code_and_the_sum_are_left_to_the_caller() -> None:
    """Our references have two lengths; the caller knows which sum is owed under which."""
    settings = replace(
        SETTINGS, reference_form=vietinbank.Settings.__dataclass_fields__["reference_form"].default
    )
    genuine = signed({**NOTICE, "custCode": "GWTC4251124K7Q2M9XT", "amount": "235500"})
    moved = {**genuine, "custCode": "GWTC4251124K7Q2M9XT23", "amount": "5500"}
    assert ("C4251124K7Q2M9XT", 235_500) == (
        read(genuine, settings).reference,
        read(genuine, settings).amount_vnd,
    )
    assert ("C4251124K7Q2M9XT23", 5_500) == (
        read(moved, settings).reference,
        read(moved, settings).amount_vnd,
    )


@pytest.mark.parametrize("kind", ["C", "D", "O", "1", "COLLECTION", ""])
def test_a_debit_or_another_kind_of_transfer_is_not_money_that_came(kind: str) -> None:
    with pytest.raises(Malformed):
        read({**SIGNED, "transType": kind})


def test_the_kinds_of_transfer_can_be_agreed_otherwise() -> None:
    agreed = replace(SETTINGS, credit_types=frozenset({"C"}))
    assert Outcome.PAID == read({**SIGNED, "transType": "C"}, agreed).outcome
    with pytest.raises(Malformed):
        read(SIGNED, agreed)


def test_another_currency_and_another_partner_are_refused() -> None:
    with pytest.raises(Malformed):
        read({**SIGNED, "currencyCode": "USD"})
    with pytest.raises(ForeignPartner):
        read({**SIGNED, "providerId": "OTHER"})
    without = {name: value for name, value in SIGNED.items() if name != "currencyCode"}
    assert "VND" == read(without).currency


@pytest.mark.parametrize("code", ["GWT1", "GWT00000012", "XXX0000001", "0000001", "gwt"])
def test_a_code_that_is_none_of_ours_is_somebody_elses(code: str) -> None:
    with pytest.raises(ForeignPartner):
        read(signed({**NOTICE, "custCode": code}))
    data = {**ASKED["data"], "custCode": code}
    signature = sign_base64(KEY, f"TX000120251124143000{code}".encode())
    with pytest.raises(ForeignPartner):
        ask({"header": {**HEADER, "signature": signature}, "data": data})


def test_a_code_may_be_typed_in_small_letters() -> None:
    assert "0000001" == read(signed({**NOTICE, "custCode": "gwt0000001"})).reference


@pytest.mark.parametrize("changed", [{"amount": "1800000"}, {"remark": "LP"}, {"custCode": "GWT0000002"}])
def test_a_changed_field_is_not_genuine(changed: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        read({**SIGNED, **changed})


@pytest.mark.parametrize("sum_", ["0", "-1", "1e5", "180.000", "180000.0", "１８", " 1", "", "1" * 16])
def test_a_sum_that_is_no_whole_positive_number_is_refused(sum_: str) -> None:
    with pytest.raises(Malformed):
        read(signed({**NOTICE, "amount": sum_}))


def test_the_citizen_is_given_a_code_and_the_bank_is_told_nothing() -> None:
    adapter = vietinbank.Vietinbank(SETTINGS, Nowhere())
    code = SETTINGS.customer_prefix + BILL.reference
    assert Started(pay_code=code) == adapter.start(BILL)  # type: ignore[arg-type]
    assert {"CODE", "CALLBACK", "INQUIRY"} == {each.name for each in adapter.capabilities}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*SIGNED, *HEADER])
FLAT = st.dictionaries(NAMES, JSON | st.sampled_from(list(SIGNED.values())))
NESTED = st.fixed_dictionaries({"header": FLAT | JSON, "data": FLAT | JSON})


@given(st.binary(max_size=300) | (FLAT | NESTED).map(document))
def test_anything_else_is_refused_within_the_error_tree(body: bytes) -> None:
    for settings in (SETTINGS, THVQR):
        with pytest.raises(InputError):
            vietinbank.decode_notice(settings, body)
        with pytest.raises(InputError):
            vietinbank.decode_inquiry(settings, body)


@given(changed=st.dictionaries(st.sampled_from(list(SIGNED)), JSON, min_size=1, max_size=2))
def test_a_genuine_notice_with_a_member_changed_is_refused_or_says_the_same(
    changed: dict[str, object],
) -> None:
    try:
        report = read({**SIGNED, **changed})
    except GatewayError:
        return
    assert read(SIGNED) == report


@given(
    answer=st.sampled_from(Answer),
    body=st.binary(max_size=100) | (FLAT | NESTED).map(document),
    bill=st.sampled_from([None, BILL, replace(BILL, payable=False)]),
)
def test_every_message_whatever_it_holds_gets_an_answer_that_we_signed(
    answer: Answer, body: bytes, bill: Bill | None
) -> None:
    message = InboundMessage(method="POST", path="/", query=b"", headers={}, body=body)
    adapter = vietinbank.Vietinbank(SETTINGS, Nowhere())
    told = json.loads(adapter.acknowledge(answer, message, NOW).body)
    text = told["transId"] + told["errorCode"] + told["errorDesc"]
    verify_base64(PUBLIC, told["signature"], text.encode())
    shown = json.loads(adapter.answer_inquiry(answer, bill, message, NOW).body)
    assert {"header", "data"} == set(shown)


@pytest.mark.parametrize(
    "changes",
    [
        {"provider_id": ""},
        {"provider_id": "A" * 21},
        {"customer_prefix": "G.T"},
        {"customer_prefix": "gwt"},
        {"edition": "2027"},
        {"shown_name": "nobody"},
        {"credit_types": frozenset()},
        {"private_key": ""},
        {"private_key": PEM["public_pem"]},
        {"bank_certificate": PEM["private_pem"]},
        {"reference_form": "("},
        {"bank_reference_form": "[0-9"},
    ],
)
def test_settings_that_cannot_be_right_are_refused_without_showing_a_key(changes: dict[str, object]) -> None:
    with pytest.raises(Misconfigured) as caught:
        replace(SETTINGS, **changes)
    assert PEM["private_pem"].splitlines()[1] not in str(caught.value)


def test_the_keys_are_not_shown() -> None:
    assert [] == [line for line in PEM["private_pem"].splitlines() if line in repr(SETTINGS)]
    assert SETTINGS == replace(SETTINGS)
