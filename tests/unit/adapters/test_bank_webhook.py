import base64
import hashlib
import hmac
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from adapters import bank_webhook, bank_webhook_wire
from adapters.bank_webhook import BankWebhook, Settings, decode_notice
from adapters.bank_webhook_wire import CASSO_V2, PAYOS, SEPAY, Over, Profile, Proof, signed_text
from gateway.domain.errors import (
    BadSignature,
    ForeignPartner,
    InputError,
    Malformed,
    Misconfigured,
    Unsupported,
)
from gateway.ports import Answer, InboundMessage, Outcome, Report

VECTORS = json.loads((Path(__file__).parent / "vectors_transfers.json").read_bytes())
SEPAY_VECTOR, CASSO_VECTOR = VECTORS["sepay_webhook"], VECTORS["casso_v2_example"]
PAYOS_VECTOR, GPM_VECTOR = VECTORS["payos_webhook_example"], VECTORS["gpmpay_webhook"]

SEPAY_SETTINGS = Settings(account="0123456789", secret=SEPAY_VECTOR["secret"])
CASSO_SETTINGS = Settings(account="88888888", secret=CASSO_VECTOR["secret"], profile="casso_v2")
PAYOS_SETTINGS = Settings(account="12345678", secret=PAYOS_VECTOR["secret"], profile="payos")
SEPAY_NOW = datetime.fromtimestamp(1_764_000_000, UTC)
CASSO_NOW = datetime.fromtimestamp(1_727_948_258, UTC)

# A bank whose document is not public: what most of them could ask for, in one profile.
PLAIN = Profile(
    proof=Proof.HMAC_SHA256,
    over=Over.BODY,
    signature_header="signature",
    account="data.accNo",
    amount="data.lcyAmount",
    memo="data.narrative",
    number="data.externalRefNo",
    moment="bankTime",
    code="data.drcr",
    codes_in=frozenset({"C"}),
    codes_out=frozenset({"D"}),
    currency="data.ccy",
)
PLAIN_DATA = {
    "accNo": "99MC000123",
    "lcyAmount": "235500",
    "narrative": "C4261124K7Q2M9XT",
    "externalRefNo": "OF0001",
    "drcr": "C",
    "ccy": "VND",
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def message(body: str | bytes, **headers: str) -> InboundMessage:
    raw = body.encode() if isinstance(body, str) else body
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return InboundMessage(method="POST", path="/callbacks/bank_webhook", query=b"", headers=told, body=raw)


def sepay(now: datetime = SEPAY_NOW, stamp: int | None = None, **changes: object) -> Report:
    """What is read of the worked notice with `changes`, well signed."""
    body = json.dumps({**json.loads(SEPAY_VECTOR["raw_body"]), **changes})
    at = int(SEPAY_NOW.timestamp()) if stamp is None else stamp
    mac = hmac.new(SEPAY_VECTOR["secret"].encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    told = message(body, x_sepay_signature=f"sha256={mac}", x_sepay_timestamp=str(at))
    return decode_notice(SEPAY_SETTINGS, told, now)


def payos(data: dict[str, object], **outer: object) -> Report:
    """What is read of a PayOS notice about `data`, whose values are texts and whole numbers."""
    text = "&".join(f"{name}={data[name]}" for name in sorted(data))
    mac = hmac.new(PAYOS_VECTOR["secret"].encode(), text.encode(), hashlib.sha256).hexdigest()
    body = json.dumps({"data": data, "signature": mac, **outer})
    return decode_notice(PAYOS_SETTINGS, message(body), CASSO_NOW)


def plain(profile: Profile = PLAIN, **changes: object) -> Report:
    """What is read of a notice over the raw body with `changes`, well signed."""
    body = json.dumps({"data": {**PLAIN_DATA, **changes}, "bankTime": "2026-11-25 00:04:12"})
    mac = hmac.new(b"key", body.encode(), hashlib.sha256).digest()
    given_ = base64.b64encode(mac).decode() if profile.in_base64 else mac.hex()
    settings = Settings(account="99MC000123", secret="key", own_profile=profile)
    return decode_notice(settings, message(body, signature=given_), SEPAY_NOW)


# --- the worked examples ---


def test_the_worked_notice_of_sepay_is_read() -> None:
    told = message(
        SEPAY_VECTOR["raw_body"], **{name.lower(): value for name, value in SEPAY_VECTOR["headers"].items()}
    )
    adapter = BankWebhook(SEPAY_SETTINGS, None)
    assert adapter.read_callback(told, SEPAY_NOW) == Report(
        outcome=Outcome.PAID,
        reference="",
        amount_vnd=180_000,
        currency="VND",
        provider_ref="92704",
        code="in",
        occurred_at=datetime(2025, 11, 24, 7, 32, 11, tzinfo=UTC),
        memo="LP 000G17 251124 0001 GW2511240001",
    )
    answer = adapter.acknowledge(Answer.OK, told, SEPAY_NOW)
    expected = SEPAY_VECTOR["expected"]
    assert (expected["status"], expected["body"]) == (answer.status, json.loads(answer.body))


def test_the_example_of_cassos_documentation_is_read_however_its_body_is_laid_out() -> None:
    for layout in ({}, {"indent": 2}, {"separators": (",", ":")}, {"sort_keys": True}):
        body = json.dumps(CASSO_VECTOR["body"], **layout)
        report = decode_notice(
            CASSO_SETTINGS, message(body, x_casso_signature=CASSO_VECTOR["header"]), CASSO_NOW
        )
        assert (Outcome.PAID, 599_000, "giao dich thu nghiem") == (
            report.outcome,
            report.amount_vnd,
            report.memo,
        )
        assert datetime(2024, 10, 3, 8, 6, 37, tzinfo=UTC) == report.occurred_at


def test_the_example_of_payos_documentation_is_read() -> None:
    report = decode_notice(PAYOS_SETTINGS, message(json.dumps(PAYOS_VECTOR["body"])), SEPAY_NOW)
    assert (Outcome.PAID, 3_000, "TF230204212323", "VQRIO123", "VND") == (
        report.outcome,
        report.amount_vnd,
        report.provider_ref,
        report.memo,
        report.currency,
    )


@pytest.mark.parametrize(
    ("seconds", "error"), [(1_764_000_100, ForeignPartner), (1_764_000_999, BadSignature)]
)
def test_the_worked_header_of_gpm_pay_is_genuine_until_it_is_too_old(
    seconds: int, error: type[Exception]
) -> None:
    profile = replace(
        PLAIN,
        over=Over.STAMPED_BODY,
        pairs=True,
        account="account",
        amount="amount",
        memo="memo",
        number="id",
        moment="at",
        code="kind",
        currency="",
    )
    settings = Settings(account="1", secret=GPM_VECTOR["secret"], own_profile=profile)
    told = message(GPM_VECTOR["raw_body"], signature=GPM_VECTOR["header"])
    with pytest.raises(error):  # genuine, but the body of the example names no account
        decode_notice(settings, told, datetime.fromtimestamp(seconds, UTC))


# --- money in, money out, and what else a notice may say ---


@pytest.mark.parametrize(
    ("changes", "outcome", "amount_vnd"),
    [
        ({}, Outcome.PAID, 180_000),
        ({"transferAmount": "180000"}, Outcome.PAID, 180_000),
        ({"transferAmount": 0}, Outcome.PENDING, None),
        ({"transferType": "out"}, Outcome.PENDING, None),
        ({"transferType": "out", "transferAmount": 0}, Outcome.PENDING, None),
        ({"transferType": "IN"}, Outcome.UNKNOWN, 180_000),
        ({"transferType": ""}, Outcome.UNKNOWN, 180_000),
        ({"transferType": None}, Outcome.UNKNOWN, 180_000),
    ],
)
def test_only_money_that_came_is_paid(
    changes: dict[str, object], outcome: Outcome, amount_vnd: int | None
) -> None:
    report = sepay(**changes)
    assert (outcome, amount_vnd) == (report.outcome, report.amount_vnd)


@pytest.mark.parametrize("amount", [-1, "-1", 1.5, True, [1], {"a": 1}, "1e4", "", None, "٣", 10**15])
def test_a_sum_that_is_no_whole_number_of_dong_is_malformed(amount: object) -> None:
    with pytest.raises(Malformed):
        sepay(transferAmount=amount)


@pytest.mark.parametrize("number", [None, "", "1 2", "1\n", "a" * 65, "số"])
def test_a_transaction_without_a_usable_number_is_malformed(number: object) -> None:
    with pytest.raises(Malformed):
        sepay(id=number)


@pytest.mark.parametrize("account", ["012345678", "01234567890", "", None, 123456789])
def test_a_notice_about_another_account_is_not_for_us(account: object) -> None:
    with pytest.raises(ForeignPartner):
        sepay(accountNumber=account)


@pytest.mark.parametrize("moment", [None, "", "24/11/2025", "2025-02-30 00:00:00", "0001-01-01 00:00:00"])
def test_money_is_not_lost_over_an_unreadable_time(moment: object) -> None:
    report = sepay(transactionDate=moment)
    assert (Outcome.PAID, None) == (report.outcome, report.occurred_at)


@given(st.text(max_size=2000))
def test_any_memo_becomes_one_line_that_can_be_kept(memo: str) -> None:
    body = {"transferType": "in", "content": memo}
    try:
        read = sepay(**body).memo
    except Malformed:  # half of a surrogate pair is no text
        return
    assert len(read) <= bank_webhook.MAX_MEMO
    assert "\x00" not in read
    assert read == " ".join(read.split())


def test_a_memo_is_not_shown() -> None:
    assert "GW2511240001" not in repr(sepay())


# --- the proof ---


@pytest.mark.parametrize(("late_s", "fresh"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_a_signed_timestamp_must_be_near(late_s: int, fresh: bool) -> None:  # noqa: FBT001 - a row of a table
    stamp = int(SEPAY_NOW.timestamp()) - late_s
    if fresh:
        assert Outcome.PAID == sepay(stamp=stamp).outcome
    else:
        with pytest.raises(BadSignature):
            sepay(stamp=stamp)


@pytest.mark.parametrize("stamp", ["", "1764000000.0", "+1764000000", " 1764000000", "1e9", "١٧٦٤", "9" * 16])
def test_a_timestamp_that_is_no_number_is_not_believed_however_well_it_is_signed(stamp: str) -> None:
    body = SEPAY_VECTOR["raw_body"]
    code = hmac.new(SEPAY_VECTOR["secret"].encode(), f"{stamp}.{body}".encode(), hashlib.sha256).hexdigest()
    headers = {"x_sepay_signature": f"sha256={code}", "x_sepay_timestamp": stamp}
    with pytest.raises(BadSignature):
        decode_notice(SEPAY_SETTINGS, message(body, **headers), SEPAY_NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_sepay_timestamp": "1764000000"},
        {"x_sepay_signature": SEPAY_VECTOR["headers"]["X-SePay-Signature"]},
        {"x_sepay_signature": "", "x_sepay_timestamp": "1764000000"},
        {"x_sepay_signature": "sha256=", "x_sepay_timestamp": "1764000000"},
        {"x_sepay_signature": "sha256=ÿ", "x_sepay_timestamp": "1764000000"},
        {
            "x_sepay_signature": SEPAY_VECTOR["headers"]["X-SePay-Signature"].removeprefix("sha256="),
            "x_sepay_timestamp": "1764000000",
        },
        {
            "x_sepay_signature": SEPAY_VECTOR["headers"]["X-SePay-Signature"],
            "x_sepay_timestamp": "1764000000.0",
        },
        {"authorization": f"Apikey {SEPAY_VECTOR['secret']}"},
    ],
)
def test_a_notice_without_its_whole_proof_is_not_genuine(headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        decode_notice(SEPAY_SETTINGS, message(SEPAY_VECTOR["raw_body"], **headers), SEPAY_NOW)


def test_a_signature_in_capitals_is_the_same_signature() -> None:
    mac = SEPAY_VECTOR["headers"]["X-SePay-Signature"].removeprefix("sha256=").upper()
    headers = {"x_sepay_signature": f"sha256={mac}", "x_sepay_timestamp": "1764000000"}
    report = decode_notice(SEPAY_SETTINGS, message(SEPAY_VECTOR["raw_body"], **headers), SEPAY_NOW)
    assert Outcome.PAID == report.outcome


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t,v1",
        "v1=00,t=1727948258788",
        CASSO_VECTOR["header"].replace("v1=", "v0="),
        CASSO_VECTOR["header"].replace("t=1727948258788", "t=1727948258789"),
        CASSO_VECTOR["header"].replace("t=1727948258788", "t=+1727948258788"),
        CASSO_VECTOR["header"].replace("t=1727948258788,", ""),
        CASSO_VECTOR["header"] + ",v1=00",
        CASSO_VECTOR["header"].replace("v1=", "v1=00,v1="),
    ],
)
def test_a_header_of_pairs_needs_one_time_and_one_signature(header: str) -> None:
    with pytest.raises(BadSignature):
        decode_notice(
            CASSO_SETTINGS, message(json.dumps(CASSO_VECTOR["body"]), x_casso_signature=header), CASSO_NOW
        )


def test_keys_are_sorted_at_every_depth_and_letters_are_kept() -> None:
    text = signed_text(CASSO_V2, '{"b":{"z":1,"a":"Đặng/&"},"a":[{"d":null,"c":true}]}'.encode(), "17")
    assert '17.{"a":[{"c":true,"d":null}],"b":{"a":"Đặng/&","z":1}}'.encode() == text


def test_members_are_sorted_and_printed_as_scripts_print_them() -> None:
    body = {
        "data": {"f": None, "e": "null", "d": "undefined", "c": True, "b": [{"y": 1, "x": "ô"}], "a": "A & B"}
    }
    text = signed_text(PAYOS, json.dumps(body).encode(), "")
    assert 'a=A & B&b=[{"x":"ô","y":1}]&c=true&d=&e=&f='.encode() == text


@pytest.mark.parametrize(
    "data",
    [
        {"description": "x&amount=1", "amount": 3000},
        {"a=1&b": "2"},
        {"số": 1},
        {"a": {"b": 1}},
        {"": 1},
    ],
)
def test_what_could_be_read_in_two_ways_is_malformed(data: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        signed_text(PAYOS, json.dumps({"data": data}).encode(), "")


names = st.from_regex(r"[A-Za-z0-9_]{1,4}", fullmatch=True)


@given(st.dictionaries(names, st.text(st.sampled_from("ab&=_1"), max_size=8), min_size=1, max_size=4))
def test_what_is_signed_can_be_taken_apart_again_in_one_way_only(members: dict[str, str]) -> None:
    try:
        text = signed_text(PAYOS, json.dumps({"data": members}).encode(), "").decode()
    except Malformed:
        return
    parts = re.split(r"(?:^|&)([A-Za-z0-9_]+)=", text)[1:]
    assert members == dict(zip(parts[::2], parts[1::2], strict=True))


def test_nothing_outside_of_what_payos_signs_is_read() -> None:
    outer = {"code": "99", "desc": "failed", "success": False, "amount": 1, "accountNumber": "0"}
    assert payos(PAYOS_VECTOR["body"]["data"]) == payos(PAYOS_VECTOR["body"]["data"], **outer)


def test_a_notice_nested_without_end_is_refused() -> None:
    """Where the reader just gets through and the writer does not, is known to neither: so every depth around it."""
    for depth in (100, *range(700, 1010), 5000):
        body = '{"data":{"a":' + "[" * depth + "]" * depth + '},"signature":"00"}'
        with pytest.raises(InputError):
            decode_notice(PAYOS_SETTINGS, message(body), SEPAY_NOW)
        with pytest.raises(InputError):
            decode_notice(CASSO_SETTINGS, message(body, x_casso_signature="t=1,v1=00"), SEPAY_NOW)


def test_what_is_nested_too_deep_to_be_written_again_is_malformed() -> None:
    value: list[object] = []
    for _ in range(5_000):
        value = [value]
    with pytest.raises(Malformed):
        bank_webhook_wire._compact(value)


# --- a profile of one's own ---


def test_a_bank_with_a_profile_of_its_own_is_read() -> None:
    assert plain() == Report(
        outcome=Outcome.PAID,
        reference="",
        amount_vnd=235_500,
        currency="VND",
        provider_ref="OF0001",
        code="C",
        occurred_at=datetime(2026, 11, 24, 17, 4, 12, tzinfo=UTC),
        memo="C4261124K7Q2M9XT",
    )
    assert plain(replace(PLAIN, in_base64=True)) == plain()
    assert ("USD", Outcome.PENDING) == (plain(ccy="USD").currency, plain(drcr="D").outcome)


def test_an_rsa_signature_over_the_raw_body_is_checked() -> None:
    private, stranger = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    settings = Settings(
        account="99MC000123", public_key=pem, own_profile=replace(PLAIN, proof=Proof.RSA_SHA256)
    )
    body = json.dumps({"data": PLAIN_DATA}).encode()
    good, bad = (
        base64.b64encode(key.sign(body, PKCS1v15(), SHA256())).decode() for key in (private, stranger)
    )
    assert Outcome.PAID == decode_notice(settings, message(body, signature=good), SEPAY_NOW).outcome
    for wrong in (bad, good[:-4], "", "ÿ", good.replace("=", "")):
        with pytest.raises(BadSignature):
            decode_notice(settings, message(body, signature=wrong), SEPAY_NOW)
    with pytest.raises(BadSignature):
        decode_notice(settings, message(body + b" ", signature=good), SEPAY_NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"signature_header": ""},
        {"signature_path": "signature"},
        {"over": Over.STAMPED_BODY},
        {"stamp_header": "x-time"},
        {"over": Over.SORTED_MEMBERS, "members_of": "data"},  # bankTime stands outside of data
        {"over": Over.SORTED_MEMBERS, "members_of": "data", "moment": "data.at", "currency": "ccy"},
    ],
)
def test_a_profile_that_cannot_be_right_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured):
        replace(PLAIN, **changes)


EC_PEM = (
    ec.generate_private_key(ec.SECP256R1())
    .public_key()
    .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    .decode()
)


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": ""},
        {"profile": "momo"},
        {"account": ""},
        {"account": "1 2"},
        {"name": "bank-1"},
        {"name": ""},
        {"window_s": 0},
        {"window_s": 86_401},
        {"own_profile": replace(PLAIN, proof=Proof.RSA_SHA256)},
        {"own_profile": replace(PLAIN, proof=Proof.RSA_SHA256), "public_key": EC_PEM},
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Misconfigured):
        replace(SEPAY_SETTINGS, **changes)


# --- any bytes ---


@given(st.binary(max_size=300), st.text(max_size=80))
def test_any_bytes_and_any_header_are_refused_within_the_error_tree(body: bytes, header: str) -> None:
    headers = {"x_sepay_signature": header, "x_sepay_timestamp": header, "x_casso_signature": header}
    for settings in (SEPAY_SETTINGS, CASSO_SETTINGS, PAYOS_SETTINGS):
        with pytest.raises(InputError):
            decode_notice(settings, message(body, **headers), SEPAY_NOW)


@given(
    st.dictionaries(st.sampled_from(sorted(PAYOS_VECTOR["body"]["data"])) | st.text(max_size=4), json_values)
)
def test_whatever_is_well_signed_is_a_report_or_refused(data: dict[str, object]) -> None:
    raw = json.dumps({"data": data, "error": 0}).encode()
    for settings, profile in ((CASSO_SETTINGS, CASSO_V2), (PAYOS_SETTINGS, PAYOS)):
        stamp = str(int(SEPAY_NOW.timestamp() * 1000))
        try:
            text = signed_text(profile, raw, stamp)
        except Malformed:
            continue
        digest = hashlib.sha512 if profile is CASSO_V2 else hashlib.sha256
        mac = hmac.new(settings.secret.encode(), text, digest).hexdigest()
        body = raw[:-1] + f',"signature":"{mac}"}}'.encode() if profile is PAYOS else raw
        try:
            report = decode_notice(
                settings, message(body, x_casso_signature=f"t={stamp},v1={mac}"), SEPAY_NOW
            )
        except InputError:
            continue
        assert report.reference == ""
        assert report.outcome is not Outcome.PAID or (report.amount_vnd or 0) > 0


@given(st.dictionaries(st.sampled_from(sorted(json.loads(SEPAY_VECTOR["raw_body"]))), json_values))
def test_a_well_signed_notice_of_anything_is_a_report_or_refused(changes: dict[str, object]) -> None:
    try:
        report = sepay(**changes)
    except InputError:
        return
    assert report.outcome is not Outcome.PAID or (report.amount_vnd or 0) > 0


# --- the class ---


def test_several_senders_go_by_names_of_their_own() -> None:
    assert "bank_webhook" == BankWebhook(SEPAY_SETTINGS, None).name
    assert "sepay_bidv" == BankWebhook(replace(SEPAY_SETTINGS, name="sepay_bidv"), None).name


def test_what_was_understood_is_done_and_the_rest_is_sent_again() -> None:
    adapter = BankWebhook(SEPAY_SETTINGS, None)
    answers = {answer: adapter.acknowledge(answer, message(b""), SEPAY_NOW) for answer in Answer}
    done = {Answer.OK, Answer.DUPLICATE, Answer.WRONG_AMOUNT, Answer.UNKNOWN_ORDER}
    assert done == {answer for answer, given_ in answers.items() if given_.status == 200}
    assert done == {answer for answer, given_ in answers.items() if json.loads(given_.body)["success"]}
    assert {401, 400, 500} == {given_.status for answer, given_ in answers.items() if answer not in done}


def test_a_notice_starts_nothing_and_answers_no_question() -> None:
    adapter = BankWebhook(SEPAY_SETTINGS, None)
    with pytest.raises(Unsupported):
        adapter.start(None)
    with pytest.raises(Unsupported):
        adapter.query("C4", SEPAY_NOW, SEPAY_NOW, "q1")


def test_no_secret_is_shown() -> None:
    own = replace(SEPAY_SETTINGS, own_profile=SEPAY)
    shown = repr((SEPAY_SETTINGS, own, BankWebhook(own, None)))
    assert SEPAY_VECTOR["secret"] not in shown
