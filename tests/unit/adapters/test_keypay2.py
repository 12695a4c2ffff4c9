import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote_plus, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import keypay2
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
    FeeLine,
    HttpAnswer,
    HttpRequest,
    InboundMessage,
    Outcome,
    Payer,
    Report,
    StartOrder,
)

VECTORS = json.loads((Path(__file__).parent / "vectors_gates.json").read_text(encoding="utf-8"))
SETTINGS = keypay2.Settings(
    merchant_code="GWTEST",
    secret="kp2-secret",
    pay_url="https://keypay.example/pay",
    query_url="https://keypay.example/bill_status",
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
RETURN = {
    "bank_code": "NCB",
    "command": "pay",
    "currency_code": "704",
    "good_code": "GW2511240001",
    "merchant_code": "GWTEST",
    "merchant_trans_id": "GW2511240001",
    "net_cost": "180000",
    "response_code": "0",
    "service_code": "720",
    "ship_fee": "0",
    "tax": "0",
    "trans_id": "KP0001",
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


def hashed(
    facts: Mapping[str, str], name: str = "sha256", *, secret_as_field: bool = False
) -> dict[str, str]:
    """`facts` with the secure_hash that the rule gives them, made here without the adapter."""
    fields = {**facts, "merchant_secure_key": "kp2-secret"} if secret_as_field else dict(facts)
    text = ("" if secret_as_field else "kp2-secret") + "".join(
        fields[key] for key in sorted(fields) if fields[key]
    )
    return {**facts, "secure_hash": hashlib.new(name, text.encode()).hexdigest()}


def query(fields: Mapping[str, str]) -> bytes:
    return "&".join(f"{name}={quote_plus(value)}" for name, value in fields.items()).encode()


def come_back(fields: Mapping[str, str], settings: keypay2.Settings = SETTINGS) -> Report:
    return keypay2.decode_return(settings, query(fields))


@pytest.mark.parametrize("name", ["md5", "sha256"])
def test_the_worked_fields_are_hashed_as_their_vector_says(name: str) -> None:
    vector = VECTORS["keypay2_create"]
    settings = replace(SETTINGS, hash_name=name)
    assert vector["expected"][name] == hashlib.new(name, vector["string_to_sign"].encode()).hexdigest()
    assert vector["expected"][name] == keypay2.secure_hash(settings, vector["fields"])


def test_the_address_is_that_of_the_worked_fields_with_our_reference_as_the_good() -> None:
    sent = dict(parse_qsl(urlsplit(keypay2.encode_pay_url(SETTINGS, ORDER)).query))
    worked = {**VECTORS["keypay2_create"]["fields"], "good_code": "GW2511240001"}
    assert worked.items() <= sent.items()
    assert hashed(worked)["secure_hash"] == sent["secure_hash"]


@given(description=st.text(max_size=300), amount=st.integers(1, 10**12), locale=st.sampled_from(["vi", "en"]))
def test_no_address_holds_the_secret_and_every_one_is_signed(
    description: str, amount: int, locale: str
) -> None:
    url = keypay2.encode_pay_url(
        SETTINGS, replace(ORDER, description=description, amount_vnd=amount, locale=locale)
    )
    sent = dict(parse_qsl(urlsplit(url).query))
    told = {name: value for name, value in sent.items() if name not in {"desc_4", "secure_hash"}}
    assert "kp2-secret" not in url
    assert hashed(told)["secure_hash"] == sent["secure_hash"]


@pytest.mark.parametrize("changes", [{"amount_vnd": 0}, {"reference": "a b"}, {"reference": ""}])
def test_an_order_that_an_address_cannot_carry_is_malformed(changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        keypay2.encode_pay_url(SETTINGS, replace(ORDER, **changes))


def test_what_comes_back_is_read_in_both_places_of_the_secret() -> None:
    paid = Report(Outcome.PAID, "GW2511240001", 180_000, "VND", "KP0001", "0")
    assert paid == come_back(hashed(RETURN))
    among = replace(SETTINGS, secret_first=False, hash_name="md5")
    assert paid == come_back(hashed(RETURN, "md5", secret_as_field=True), among)
    with pytest.raises(BadSignature):
        come_back(hashed(RETURN, "md5"), among)


CODES = {
    "0": Outcome.PAID,
    **dict.fromkeys(["25", "26"], Outcome.PENDING),
    **dict.fromkeys(["17", "18", "21", "27", "54", "57", "61", "62", "65", "98"], Outcome.FAILED),
}


@pytest.mark.parametrize("code", [str(code) for code in range(100)])
def test_each_response_code_means_one_thing_and_most_of_them_nothing_yet(code: str) -> None:
    assert CODES.get(code, Outcome.UNKNOWN) == come_back(hashed({**RETURN, "response_code": code})).outcome


@pytest.mark.parametrize("name", sorted(RETURN))
def test_no_field_that_comes_back_can_be_changed(name: str) -> None:
    for other in (RETURN[name] + "1", "1" + RETURN[name], ""):
        with pytest.raises((BadSignature, Malformed)):
            come_back({**hashed(RETURN), name: other})


@pytest.mark.parametrize(
    "changes",
    [
        {"response_code": "00"},
        {"net_cost": "0180000"},
        {"ship_fee": "1000"},
        {"tax": "1"},
        {"service_code": "721"},
        {"currency_code": "840"},
        {"command": "PAY"},
        {"good_code": "HS0001"},
        {"trans_id": "KP0001\x80\x00\x00"},
    ],
)
def test_a_field_that_we_know_otherwise_or_that_is_not_of_its_form_is_refused(
    changes: dict[str, str],
) -> None:
    with pytest.raises(Malformed):
        come_back(hashed({**RETURN, **changes}))


def test_a_genuine_return_for_another_merchant_is_foreign() -> None:
    with pytest.raises(ForeignPartner):
        come_back(hashed({**RETURN, "merchant_code": "OTHER"}))


def test_what_describes_the_order_is_not_read() -> None:
    assert come_back(hashed(RETURN)) == come_back({**hashed(RETURN), "desc_1": "x", "desc_5": ""})
    with pytest.raises(Malformed):
        come_back({**hashed(RETURN), "amount": "1"})


def test_a_bill_is_asked_about_with_the_published_hash() -> None:
    request = keypay2.encode_bill_status(SETTINGS, "GW2511240001")
    text = "GW2511240001" + "GW2511240001" + "" + "GWTEST" + "kp2-secret"
    sent = dict(parse_qsl(urlsplit(request.url).query))
    assert hashlib.md5(text.encode()).hexdigest() == sent["secure_hash"]
    assert ("GET", "GWTEST", None) == (request.method, sent["merchant_code"], request.body)


@pytest.mark.parametrize("code", ["1", "2", "3", "5", "30", "31", "39"])
def test_a_code_that_speaks_of_the_question_is_a_refusal_of_the_question(code: str) -> None:
    with pytest.raises(Refused):
        keypay2.decode_bill_status(
            SETTINGS, HttpAnswer(200, document({"response_code": code})), "GW2511240001"
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from([*RETURN, "secure_hash", "data"])
OBJECTS = st.dictionaries(NAMES, JSON | st.sampled_from(["0", "GWTEST", "1"])).map(document)


@given(st.binary(max_size=300) | OBJECTS)
def test_any_bytes_are_refused_within_the_error_tree(body: bytes) -> None:
    with pytest.raises(InputError):
        keypay2.decode_return(SETTINGS, body)
    with pytest.raises(GatewayError):
        keypay2.decode_bill_status(SETTINGS, HttpAnswer(200, body), "GW2511240001")


@given(st.dictionaries(st.sampled_from([*RETURN, "secure_hash", "desc_1"]), st.text(max_size=20)))
def test_any_address_is_refused_within_the_error_tree(fields: dict[str, str]) -> None:
    with pytest.raises(InputError):
        come_back(fields)


@given(answer=st.sampled_from(Answer), query_=st.binary(max_size=100))
def test_every_message_whatever_it_holds_gets_a_reply(answer: Answer, query_: bytes) -> None:
    message = InboundMessage(method="GET", path="/callbacks/keypay2", query=query_, headers={}, body=b"")
    told = json.loads(keypay2.Keypay2(SETTINGS, NOWHERE).acknowledge(answer, message, NOW).body)
    assert (0 if answer in {Answer.OK, Answer.DUPLICATE} else -1) == told["return_code"]


def test_an_answer_with_its_fields_in_data_is_read_too_and_one_without_a_code_is_malformed() -> None:
    wrapped = HttpAnswer(200, document({"data": hashed(RETURN)}))
    assert Outcome.PAID == keypay2.decode_bill_status(SETTINGS, wrapped, "GW2511240001").outcome
    for told in ({"data": {}}, {"response_code": ""}, {"response_code": None}):
        with pytest.raises(Malformed):
            keypay2.decode_bill_status(SETTINGS, HttpAnswer(200, document(told)), "GW2511240001")


def test_a_start_is_no_call() -> None:
    door = Door(HttpAnswer(503, b""))
    url = keypay2.Keypay2(SETTINGS, door).start(ORDER).redirect_url or ""
    assert url.startswith("https://keypay.example/pay?command=pay&")
    assert [] == door.sent


@pytest.mark.parametrize(
    "changes",
    [
        {"merchant_code": ""},
        {"merchant_code": "a|b"},
        {"secret": ""},
        {"hash_name": "sha1"},
        {"service_code": ""},
        {"pay_url": ""},
        {"query_url": "bill_status"},
    ],
)
def test_settings_that_cannot_be_right_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Misconfigured):
        replace(SETTINGS, **changes)
