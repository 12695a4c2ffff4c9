"""The platform's receipt, and its question what is owed."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters import dvcqg
from gateway.domain.errors import (
    BadSignature,
    GatewayError,
    InputError,
    Malformed,
    Misconfigured,
    OutcomeUnknown,
    Refused,
    Unsupported,
)
from gateway.ports import (
    Agency,
    Answer,
    Bill,
    Capability,
    FeeLine,
    HttpAnswer,
    HttpRequest,
    InboundMessage,
    Payer,
)

VECTOR = json.loads((Path(__file__).parent / "vectors.json").read_bytes())["dvcqg_get_bill"]
SETTINGS = dvcqg.Settings(
    partner_code="GWTEST",
    secret=VECTOR["secret"],
    init_url="https://dvcqg.example/init",
    query_url="https://dvcqg.example/query",
    bill_url="https://dvcqg.example/get_bill",
    bearer_token="invented-bearer",
    inquiry_token="invented-look-up",
)
NOW = datetime(2025, 11, 24, 8, 0, tzinfo=UTC)
CASE = "000.00.00.G17-251124-0001"
BILL = Bill(
    reference="GW2511240001",
    amount_vnd=180_000,
    description="Lệ phí hồ sơ",
    payable=True,
    case_code=CASE,
    agency=Agency("000.00.00.G17", "UBND xã Thử Nghiệm", "0123456789", "970418", "UBND XA THU NGHIEM"),
    lines=(FeeLine("le_phi", "LP01", "Lệ phí hộ tịch", 180_000),),
    payer=Payer("Nguyễn Văn A", "001099000001", "Số 1 phố Thử", "Hà Nội"),
    expires_at=datetime(2025, 11, 24, 9, 0, tzinfo=UTC),
)
PDF = b"%PDF-1.7\n\xff\x00 paper"
LINK = "https://dvcqg.example/bienlai/1"


class Replies:
    """A way out that gives its answers in turn."""

    def __init__(self, *bodies: bytes) -> None:
        self.bodies = list(bodies)
        self.sent: list[HttpRequest] = []

    def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        return HttpAnswer(status=200, body=self.bodies.pop(0))


def document(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def bill(*bodies: bytes) -> bytes:
    return dvcqg.Dvcqg(SETTINGS, Replies(*bodies)).bill("GW2511240001", None, NOW, "REQ1")


def asked(body: bytes, token: str = "Bearer invented-look-up") -> InboundMessage:
    headers = {"authorization": token} if token else {}
    return InboundMessage(method="POST", path="/x", query=b"", headers=headers, body=body)


def owed(answer: Answer, about: Bill | None, settings: dvcqg.Settings = SETTINGS) -> dict[str, object]:
    message = asked(document({"MaHoSo": CASE}))
    given_ = dvcqg.Dvcqg(settings, Replies()).answer_inquiry(answer, about, message, NOW)
    assert 200 == given_.status
    return json.loads(given_.body)


def test_the_worked_get_bill_is_made_as_its_vector_says() -> None:
    request = dvcqg.encode_bill(SETTINGS, "GW2511240001", NOW)
    assert ("POST", SETTINGS.bill_url) == (request.method, request.url)
    assert VECTOR["body"] == json.loads(request.body or b"")


def test_a_receipt_comes_as_it_is_or_from_the_address_in_the_answer() -> None:
    assert PDF == bill(PDF)
    assert PDF == bill(document({"MaLoi": "00", "UrlBienLai": LINK}), PDF)


def test_our_token_does_not_go_to_an_address_that_an_answer_names() -> None:
    door = Replies(document({"MaLoi": "00", "UrlBienLai": LINK}), PDF)
    dvcqg.Dvcqg(SETTINGS, door).bill("GW2511240001", None, NOW, "REQ1")
    assert ["Bearer invented-bearer", None] == [request.headers.get("authorization") for request in door.sent]
    assert ("GET", LINK, None) == (door.sent[1].method, door.sent[1].url, door.sent[1].body)


def test_while_there_is_no_receipt_the_call_is_refused_with_the_code_of_the_platform() -> None:
    with pytest.raises(Refused) as caught:
        bill(document({"MaLoi": "99", "MoTaLoi": "Giao dịch chưa thành công", "UrlBienLai": LINK}))
    assert "99" == caught.value.code


@pytest.mark.parametrize(
    "answer",
    [
        {"MaLoi": "00"},
        {"MaLoi": "00", "UrlBienLai": "http://dvcqg.example/bienlai/1"},
        {"MaLoi": "00", "UrlBienLai": "file:///etc/passwd"},
        {"MaLoi": "00", "UrlBienLai": ["https://dvcqg.example"]},
        {"MaLoi": "00", "UrlBienLai": "https://dvcqg.example/a b"},
        {"UrlBienLai": LINK},
    ],
)
def test_an_answer_that_names_no_receipt_is_malformed(answer: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        bill(document(answer))


def test_no_paper_is_taken_from_an_error_of_the_server() -> None:
    broken = HttpAnswer(503, b"%PDF-1.7 half")
    for decode in (dvcqg.decode_paper, lambda answer: dvcqg.decode_bill(SETTINGS, answer)):
        with pytest.raises(OutcomeUnknown):
            decode(broken)


def test_what_the_address_leads_to_must_be_a_paper() -> None:
    with pytest.raises(Malformed):
        bill(document({"MaLoi": "00", "UrlBienLai": LINK}), b"<html>%PDF-1.7</html>")


@given(st.binary(max_size=300).filter(lambda body: not body.startswith(b"%PDF-")))
def test_any_bytes_as_an_answer_to_get_bill_are_refused_within_the_error_tree(body: bytes) -> None:
    with pytest.raises(InputError):
        dvcqg.decode_bill(SETTINGS, HttpAnswer(200, body))
    with pytest.raises(Malformed):
        dvcqg.decode_paper(HttpAnswer(200, body))


@given(
    st.dictionaries(
        st.sampled_from(["MaLoi", "error_code", "message", "UrlBienLai"]), st.text() | st.integers()
    )
)
def test_any_object_as_an_answer_to_get_bill_is_refused_within_the_error_tree(
    fields: dict[str, object],
) -> None:
    with pytest.raises(GatewayError):
        dvcqg.decode_bill(SETTINGS, HttpAnswer(200, document(fields)))


def test_the_platform_asks_by_the_code_of_the_case() -> None:
    assert CASE == dvcqg.decode_inquiry(SETTINGS, asked(document({"MaHoSo": CASE})))


@pytest.mark.parametrize(
    "token",
    [
        "",
        "Bearer ",
        "Bearer invented-look-up ",
        "bearer invented-look-up",
        "Bearer INVENTED-LOOK-UP",
        "Bearer invented-bearer",
        "invented-look-up",
        "Bearer invented-look-úp",
    ],
)
def test_what_is_owed_is_told_only_to_who_shows_the_token(token: str) -> None:
    with pytest.raises(BadSignature):
        dvcqg.decode_inquiry(SETTINGS, asked(document({"MaHoSo": CASE}), token))


@pytest.mark.parametrize("value", ["", " ", "a b", "a\n", "hồ sơ", "A" * 256, None, 1.5, [CASE], {"a": CASE}])
def test_a_code_that_no_case_can_have_is_malformed(value: object) -> None:
    with pytest.raises(Malformed):
        dvcqg.decode_inquiry(SETTINGS, asked(document({"MaHoSo": value})))


@given(st.binary(max_size=300))
def test_any_bytes_as_a_look_up_are_refused_within_the_error_tree(body: bytes) -> None:
    with pytest.raises(Malformed):
        dvcqg.decode_inquiry(SETTINGS, asked(body))
    with pytest.raises(BadSignature):
        dvcqg.decode_inquiry(SETTINGS, asked(body, ""))


def test_the_live_sum_is_told_in_the_lines_and_the_reference_as_transaction() -> None:
    lines = (FeeLine("phi", "P01", "Phí thẩm định", 20_000), *BILL.lines)
    told = owed(Answer.OK, replace(BILL, amount_vnd=200_000, lines=lines))
    assert 1 == told["error_code"]
    message = told["message"]
    assert isinstance(message, dict)
    assert ("GW2511240001", "GWTEST", f"{CASE}20251124150000") == (
        message["transaction_id"],
        message["client_id"],
        message["MaTraCuuTT"],
    )
    for part in ("PhiLePhi", "DSKhoanNop"):
        assert 200_000 == sum(int(line["SoTien"]) for line in message[part])
    assert "MaTTHC" not in message


def test_our_identity_in_a_look_up_can_be_another_than_the_partner_code() -> None:
    message = owed(Answer.OK, BILL, replace(SETTINGS, client_id="HB01"))["message"]
    assert isinstance(message, dict)
    assert "HB01" == message["client_id"]


@pytest.mark.parametrize(
    ("answer", "about", "code"),
    [
        (Answer.OK, None, -1),
        (Answer.OK, replace(BILL, payable=False), 0),
        (Answer.DUPLICATE, replace(BILL, payable=False), 0),
        (Answer.DUPLICATE, BILL, 0),
        (Answer.UNKNOWN_ORDER, None, -1),
        (Answer.BAD_SIGNATURE, None, -1),
        (Answer.MALFORMED, None, -1),
        (Answer.WRONG_AMOUNT, BILL, -1),
        (Answer.OUR_ERROR, BILL, -1),
    ],
)
def test_every_other_answer_says_its_code_and_nothing_more(
    answer: Answer, about: Bill | None, code: int
) -> None:
    assert {"error_code": code, "message": []} == owed(answer, about)


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_vnd": 180_001},
        {"amount_vnd": 0, "lines": ()},
        {"case_code": ""},
        {"lines": (FeeLine("postage", "BCCP", "Cước trả kết quả", 180_000),)},
        {"lines": (FeeLine("fine", "F", "Phạt", 180_000),)},
    ],
)
def test_a_bill_that_this_wire_cannot_carry_is_not_offered(changes: dict[str, object]) -> None:
    assert {"error_code": -1, "message": []} == owed(Answer.OK, replace(BILL, **changes))


def test_without_its_settings_a_capability_is_absent() -> None:
    bare = dvcqg.Dvcqg(replace(SETTINGS, bill_url="", inquiry_token=""), Replies())
    assert {Capability.BILL, Capability.INQUIRY}.isdisjoint(bare.capabilities)
    with pytest.raises(Unsupported):
        bare.bill("GW2511240001", None, NOW, "REQ1")
    with pytest.raises(Unsupported):
        bare.read_inquiry(asked(document({"MaHoSo": CASE}), "Bearer "), NOW)


def test_without_a_token_of_its_own_no_look_up_is_genuine() -> None:
    for token in ("", "Bearer ", "Bearer"):
        with pytest.raises(BadSignature):
            dvcqg.decode_inquiry(
                replace(SETTINGS, inquiry_token=""), asked(document({"MaHoSo": CASE}), token)
            )


def test_an_address_of_bills_that_is_none_is_refused() -> None:
    with pytest.raises(Misconfigured):
        replace(SETTINGS, bill_url="get_bill")
