import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs

import pytest

from adapters.receipts import viettel
from gateway.domain.errors import GatewayError, Malformed, Misconfigured, OutcomeUnknown, Refused
from gateway.ports import (
    FeeLine,
    HttpAnswer,
    HttpRequest,
    IssuedReceipt,
    NotThere,
    Payer,
    PayForm,
    ReceiptFile,
    ReceiptOrder,
    ReceiptSeries,
    Standing,
)

NOW = datetime(2026, 11, 24, 4, tzinfo=UTC)
SETTINGS = viettel.Settings(
    tax_code="5400000000", base_url="https://receipts.example", username="u", password="p"
)
SERIES = ReceiptSeries("5400000000", "01BLP0-001", "AA-26E")
ORDER = ReceiptOrder(
    key="rct_0001_00",
    series=SERIES,
    lines=(FeeLine("phi", "P01", "Phí", 150_000),),
    payer=Payer("Nguyễn Văn A"),
    collector_name="Sở Xây dựng",
    case_code="H28-261124-0001",
    form=PayForm.CASH,
    issued_at=NOW,
)
RECEIPT = IssuedReceipt(ORDER.key, SERIES, "0000001", issued_at=NOW)
LOGIN = HttpAnswer(200, b'{"access_token":"t","expires_in":1199}')
CALLS: dict[str, Callable[[viettel.Viettel], object]] = {
    "issue": lambda provider: provider.issue(ORDER, NOW),
    "look_up": lambda provider: provider.look_up(ORDER.key, SERIES, NOW),
    "cancel": lambda provider: provider.cancel(RECEIPT, "Thu sai", NOW),
    "fetch": lambda provider: provider.fetch(RECEIPT, ReceiptFile.PDF, NOW),
}


class Door:
    """Logs in without end; the others one by one."""

    def __init__(self, *answers: object) -> None:
        self.answers = [answered(each) for each in answers]
        self.logins, self.sent = 0, list[HttpRequest]()

    def send(self, request: HttpRequest) -> HttpAnswer:
        if request.url.endswith("/auth/login"):
            self.logins += 1
            return LOGIN
        self.sent.append(request)
        return self.answers.pop(0)


def answered(given: object) -> HttpAnswer:
    return given if isinstance(given, HttpAnswer) else HttpAnswer(200, json.dumps(given).encode())


def yes(result: object, code: object = None) -> dict[str, object]:
    return {"errorCode": code, "description": None, "result": result}


def told(**changes: object) -> dict[str, object]:
    usual: dict[str, object] = {"supplierTaxCode": "5400000000", "invoiceNo": "AA-26E0000001"}
    return usual | {"transactionID": "1", "reservationCode": "R", "codeOfTax": None} | changes


def issue(answer: object) -> IssuedReceipt:
    return viettel.Viettel(SETTINGS, Door(answer)).issue(ORDER, NOW)


def look_up(answer: object, **changes: object) -> IssuedReceipt | NotThere:
    return viettel.Viettel(replace(SETTINGS, **changes), Door(answer)).look_up(ORDER.key, SERIES, NOW)


def reading(answer: object) -> object:
    """What a look-up comes to: a standing, `NotThere`, or the kind of an error."""
    try:
        found = look_up(answer)
    except GatewayError as error:
        return type(error)
    return found.standing if isinstance(found, IssuedReceipt) else type(found)


@pytest.mark.parametrize("code", [None, "", "200", 200])
def test_yes_is_said_in_several_ways(code: object) -> None:
    assert "0000001" == issue(yes(told(), code)).number


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"result": told()},
        {"errorCode": None},
        yes(None),
        yes([told()]),
        yes(told(supplierTaxCode="5400000001")),
        yes(told(supplierTaxCode=None)),
        yes(told(invoiceNo="AA-26T0000001")),
        yes(told(invoiceNo="AA-26E")),
        yes(told(invoiceNo="0000001")),
        yes(told(invoiceNo=None)),
        yes(told(invoiceNo=1.5)),
        yes(told(transactionID="a\nb")),
        yes(told(reservationCode=True)),
        yes(told(codeOfTax="x" * 101)),
        yes(told(), True),
        yes(told(), "500"),
        yes(told(), "NOT_FOUND_DATA"),
    ],
    ids=str,
)
def test_an_answer_that_does_not_say_it_is_our_receipt_stays_in_doubt(answer: object) -> None:
    with pytest.raises(OutcomeUnknown):
        issue(answer)


@pytest.mark.parametrize("call", CALLS)
def test_an_empty_object_is_never_yes(call: str) -> None:
    with pytest.raises((OutcomeUnknown, Malformed)):
        CALLS[call](viettel.Viettel(SETTINGS, Door({})))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"errorCode": "INVOICE_SERIAL_NOT_FOUND", "message": "x"}, "INVOICE_SERIAL_NOT_FOUND"),
        ({"code": 400, "message": "INVOICE_SERIAL_NOT_FOUND"}, "INVOICE_SERIAL_NOT_FOUND"),
        ({"errorCode": "400", "message": "INVOICE_SERIAL_NOT_FOUND"}, "INVOICE_SERIAL_NOT_FOUND"),
        ({"errorCode": "400", "message": "Nguyễn Văn A"}, "HTTP 400"),
        ({"errorCode": 1.5}, "HTTP 400"),
        ({"message": ["INVOICE_SERIAL_NOT_FOUND"]}, "HTTP 400"),
    ],
)
def test_a_refusal_is_read_by_its_word_or_else_by_its_status(body: dict[str, object], code: str) -> None:
    with pytest.raises(Refused) as caught:
        issue(HttpAnswer(400, json.dumps(body).encode()))
    assert code == caught.value.code


def test_yes_under_http_400_is_no_yes() -> None:
    with pytest.raises(Refused):
        issue(HttpAnswer(400, json.dumps(yes(told())).encode()))


@pytest.mark.parametrize("call", CALLS)
def test_a_token_that_ended_under_http_500_leaves_it_open_and_the_next_call_logs_in(call: str) -> None:
    door = Door(HttpAnswer(500, b'{"message":"GENERAL"}'), yes([told()]))
    provider = viettel.Viettel(SETTINGS, door)
    with pytest.raises(OutcomeUnknown):
        CALLS[call](provider)
    assert 1 == len(door.sent)
    assert isinstance(provider.look_up(ORDER.key, SERIES, NOW), IssuedReceipt)
    assert 2 == door.logins


def test_a_token_goes_as_a_cookie_where_the_contract_says_so() -> None:
    door = Door(yes(told()))
    viettel.Viettel(replace(SETTINGS, token_as="cookie"), door).issue(ORDER, NOW)
    headers = door.sent[0].headers
    assert ("access_token=t", None) == (headers["cookie"], headers.get("authorization"))


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ([], NotThere),
        ([told(status="Hóa đơn gốc")], Standing.HOLDS),
        ([told()], Standing.HOLDS),
        ([told(status="Hóa đơn thay thế")], Standing.HOLDS),
        ([told(status="Hóa đơn bị thay thế")], Standing.REPLACED),
        ([told(transactionUuid=ORDER.key, templateCode="01BLP0-001")], Standing.HOLDS),
        ([told(status="Hóa đơn xóa bỏ")], Standing.CANCELLED),
        ([told(status="Mới")], OutcomeUnknown),
        ([told(), told()], OutcomeUnknown),
        ([None], OutcomeUnknown),
        ([told(supplierTaxCode="5400000001")], OutcomeUnknown),
        ([told(transactionUuid="another_one")], OutcomeUnknown),
        ([told(templateCode="01BLP0-002")], OutcomeUnknown),
        ([told(invoiceNo="AB-26E0000001")], Malformed),
        ([told(status=1.5)], Malformed),
        (None, Malformed),
        (told(), Malformed),
        ("x", Malformed),
    ],
    ids=str,
)
def test_a_search_is_read_as_what_it_says(result: object, expected: object) -> None:
    assert expected == reading(yes(result))


def test_a_search_tells_the_tax_offices_code() -> None:
    found = look_up(yes([told(codeOfTax="T0A1")]))
    assert isinstance(found, IssuedReceipt)
    assert ("T0A1", "R", "1") == (found.tax_authority_code, found.lookup_code, found.provider_ref)


@pytest.mark.parametrize("call", ["look_up", "cancel", "fetch"])
def test_a_word_about_a_used_key_is_no_answer_to_another_call(call: str) -> None:
    with pytest.raises((OutcomeUnknown, Malformed)):
        CALLS[call](viettel.Viettel(SETTINGS, Door(yes([told()], "TRANSACTION_UUID_INVALID"))))


@pytest.mark.parametrize(
    "moment",
    [None, "1763955000000", True, 1.5, 0, -1, 1_763_955_000, 10**18, 946_684_799_999, 4_102_444_800_000],
)
def test_a_moment_that_is_none_is_not_told(moment: object) -> None:
    found = look_up(yes([told(issueDate=moment)]))
    assert isinstance(found, IssuedReceipt)
    assert found.issued_at is None


@pytest.mark.parametrize("moment", [946_684_800_000, 4_102_444_799_999])
def test_a_moment_of_this_century_is_told(moment: int) -> None:
    found = look_up(yes([told(issueDate=moment)]))
    assert isinstance(found, IssuedReceipt)
    assert found.issued_at == datetime.fromtimestamp(moment / 1000, UTC)


def test_a_moment_is_written_and_read_in_milliseconds() -> None:
    moment = datetime(2026, 11, 24, 11, 0, 0, 123_000, tzinfo=timezone(timedelta(hours=7)))
    door = Door(yes(told()), yes([told(issueDate=1_795_492_800_123)]))
    provider = viettel.Viettel(SETTINGS, door)
    provider.issue(replace(ORDER, issued_at=moment), NOW)
    assert 1_795_492_800_123 == json.loads(door.sent[0].body)["generalInvoiceInfo"]["invoiceIssuedDate"]
    found = provider.look_up(ORDER.key, SERIES, NOW)
    assert isinstance(found, IssuedReceipt)
    assert moment == found.issued_at


def test_a_cancellation_names_the_receipts_moment_and_a_reason() -> None:
    door = Door(yes(None))
    provider = viettel.Viettel(SETTINGS, door)
    for receipt, reason in (
        (replace(RECEIPT, issued_at=None), "Thu sai"),
        (RECEIPT, " "),
        (RECEIPT, "x" * 256),
    ):
        with pytest.raises(Malformed):
            provider.cancel(receipt, reason, NOW)
    with pytest.raises(Malformed):
        provider.cancel(RECEIPT, "Thu sai", datetime(2026, 11, 24))  # noqa: DTZ001 - what is refused
    assert [] == door.sent
    provider.cancel(RECEIPT, "a=1&b=2", NOW)
    assert ["a=1&b=2"] == parse_qs((door.sent[0].body or b"").decode())["reasonDelete"]


@pytest.mark.parametrize("text", ["", "x", "JVBER", "JVBERi0=\n", "é", "PGE+", "JVBERg==", None, 7])
def test_a_file_that_is_none_is_malformed(text: object) -> None:
    with pytest.raises(Malformed):
        viettel.Viettel(SETTINGS, Door({"errorCode": None, "fileToBytes": text})).fetch(
            RECEIPT, ReceiptFile.PDF, NOW
        )


@pytest.mark.parametrize(
    ("form", "method"), [(PayForm.CASH, "6"), (PayForm.TRANSFER, "7"), (PayForm.ONLINE, "7")]
)
def test_every_form_of_payment_has_its_number(form: PayForm, method: str) -> None:
    door = Door(yes(told()))
    viettel.Viettel(SETTINGS, door).issue(replace(ORDER, form=form), NOW)
    assert method == json.loads(door.sent[0].body)["payments"][0]["paymentMethod"]


def test_codes_are_settings_and_each_means_one_thing() -> None:
    door = Door({"errorCode": "USED"}, yes([told()]), {"errorCode": "NONE"}, {"errorCode": "NO"})
    given = {"duplicates": frozenset({"USED"}), "absent": frozenset({"NONE"}), "refusals": frozenset({"NO"})}
    provider = viettel.Viettel(replace(SETTINGS, **given), door)
    assert provider.issue(ORDER, NOW).repeated
    assert NotThere(ORDER.key) == provider.look_up(ORDER.key, SERIES, NOW)
    with pytest.raises(Refused):
        provider.issue(ORDER, NOW)
    for name in given:
        with pytest.raises(Misconfigured):
            replace(SETTINGS, **(given | {name: frozenset({"USED", "NONE", "NO"})}))


def test_the_settings_are_checked() -> None:
    for changes in (
        {"tax_code": ""},
        {"base_url": "receipts.example"},
        {"username": ""},
        {"password": ""},
        {"token_as": "basic"},
        {"success_codes": frozenset({"", "NOT_FOUND_DATA"})},
        {"standings": {"x": "y"}},
    ):
        with pytest.raises(Misconfigured):
            replace(SETTINGS, **changes)
