import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adapters.receipts import misa
from gateway.domain.errors import GatewayError, Malformed, Misconfigured, OutcomeUnknown, Refused, Unreachable
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
SETTINGS = misa.Settings(
    tax_code="5400000000", base_url="https://receipts.example", app_id="a", username="u", password="p"
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
RECEIPT = IssuedReceipt(ORDER.key, SERIES, "0000001", provider_ref="T1", issued_at=NOW)


class Door:
    """Logs in without end, or with `login`; the others one by one."""

    def __init__(self, *answers: object, login: object = None) -> None:
        self.answers = [answered(each) for each in answers]
        self.login = answered(login or {"success": True, "errorCode": "", "data": "t"})
        self.logins, self.sent = list[HttpRequest](), list[HttpRequest]()

    def send(self, request: HttpRequest) -> HttpAnswer:
        if "token" in request.url:
            self.logins.append(request)
            return self.login
        self.sent.append(request)
        return self.answers.pop(0)


def answered(given: object) -> HttpAnswer:
    return given if isinstance(given, HttpAnswer) else HttpAnswer(200, json.dumps(given).encode())


def yes(**members: object) -> dict[str, object]:
    return {"success": True, "errorCode": "", **members}


def no(code: str) -> dict[str, object]:
    return {"success": False, "errorCode": code}


def told(**changes: object) -> dict[str, object]:
    usual: dict[str, object] = {"RefID": ORDER.key, "InvSeries": "AA-26E", "InvNo": "00000001"}
    return usual | {"TransactionID": "T1", "PublishStatus": 1, "ErrorCode": ""} | changes


def issue(listed: object) -> IssuedReceipt:
    return misa.Misa(SETTINGS, Door(yes(publishInvoiceResult=listed))).issue(ORDER, NOW)


def look_up(answer: object, **changes: object) -> IssuedReceipt | NotThere:
    return misa.Misa(replace(SETTINGS, **changes), Door(answer)).look_up(ORDER.key, SERIES, NOW)


def reading(answer: object) -> object:
    """What a look-up comes to: a standing, or the kind of an error."""
    try:
        found = look_up(answer)
    except GatewayError as error:
        return type(error)
    assert isinstance(found, IssuedReceipt)
    return found.standing


def test_a_list_is_read_as_json_and_as_a_text_that_holds_it() -> None:
    assert issue([told()]) == issue(json.dumps([told()]))
    assert ("0000001", "T1", "T1") == (
        (read := issue([told()])).number,
        read.provider_ref,
        read.lookup_code,
    )


@pytest.mark.parametrize(
    "listed",
    [
        None,
        "",
        "x",
        "[",
        "[]",
        [],
        {},
        [None],
        [[]],
        '[],"list":[]',
        '[{}],"x":[]',
        "[{}]}",
        [told(), told()],
        [told(RefID="another_one")],
        [told(RefID="")],
        [told(InvSeries="AB-26E")],
        [told(InvTemplateNo="01BLP0-002")],
        [told(InvNo="")],
        [told(InvNo=1.5)],
        [told(TransactionID="a\nb")],
        [told(ErrorCode="SomethingNew")],
        [told(ErrorCode="RefIdNotFound")],
    ],
    ids=str,
)
def test_an_answer_that_does_not_say_it_is_our_receipt_stays_in_doubt(listed: object) -> None:
    with pytest.raises(OutcomeUnknown):
        issue(listed)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"success": 1, "errorCode": "", "publishInvoiceResult": [told()]},
        {"success": "true", "publishInvoiceResult": [told()]},
        {"success": False, "errorCode": "", "publishInvoiceResult": [told()]},
        {"success": True, "errorCode": "SomethingNew", "publishInvoiceResult": [told()]},
        {"success": True, "errorCode": ["x"], "publishInvoiceResult": [told()]},
    ],
    ids=str,
)
def test_only_a_yes_without_a_code_is_one(answer: object) -> None:
    with pytest.raises(OutcomeUnknown):
        misa.Misa(SETTINGS, Door(answer)).issue(ORDER, NOW)


@pytest.mark.parametrize("code", ["DuplicateInvoiceRefID", "InvoiceDuplicated"])
def test_a_known_key_is_looked_up_wherever_its_code_stands(code: str) -> None:
    for first in (no(code), yes(publishInvoiceResult=[told(ErrorCode=code, InvNo="", TransactionID="")])):
        door = Door(first, yes(data=[told(TotalAmount=150_000)]))
        assert misa.Misa(SETTINGS, door).issue(ORDER, NOW).repeated
        assert ["/invoice", "/invoice/status"] == [
            each.url.removeprefix("https://receipts.example").partition("?")[0] for each in door.sent
        ]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (told(), Standing.HOLDS),
        (told(EInvoiceStatus=1), Standing.HOLDS),
        (told(EInvoiceStatus=2), Standing.CANCELLED),
        (told(EInvoiceStatus=3), Standing.HOLDS),
        (told(EInvoiceStatus=5), Standing.HOLDS),
        (told(EInvoiceStatus=7), Standing.REPLACED),
        (told(InvTemplateNo="01BLP0-001"), Standing.HOLDS),
        (told(EInvoiceStatus=8), Standing.HOLDS),
        (told(IsDelete=True), Standing.CANCELLED),
        (told(EInvoiceStatus=99), OutcomeUnknown),
        (told(EInvoiceStatus=99, IsDelete=True), OutcomeUnknown),
        (told(PublishStatus=0), OutcomeUnknown),
        (told(PublishStatus=None), OutcomeUnknown),
        (told(RefID="another_one"), OutcomeUnknown),
        (told(InvNo=None), Malformed),
        (told(TotalAmount="150000"), Malformed),
        (told(TotalAmount=150_000.5), Malformed),
        (told(TotalAmount=True), Malformed),
    ],
    ids=str,
)
def test_a_status_is_read_as_what_it_says(item: dict[str, object], expected: object) -> None:
    assert expected == reading(yes(data=json.dumps([item])))


def test_a_status_tells_the_tax_offices_code() -> None:
    found = look_up(yes(data=[told(InvoiceCode="M1")]))
    assert isinstance(found, IssuedReceipt)
    assert ("M1", "T1", "T1") == (found.tax_authority_code, found.lookup_code, found.provider_ref)


def test_a_code_about_a_known_key_is_no_answer_to_another_call() -> None:
    provider = misa.Misa(SETTINGS, Door(*[no("DuplicateInvoiceRefID")] * 3))
    with pytest.raises(OutcomeUnknown):
        provider.look_up(ORDER.key, SERIES, NOW)
    with pytest.raises(OutcomeUnknown):
        provider.cancel(RECEIPT, "Thu sai", NOW)
    with pytest.raises(OutcomeUnknown):
        provider.fetch(RECEIPT, ReceiptFile.PDF, NOW)


@pytest.mark.parametrize("answer", [yes(data="[]"), yes(data=[]), no("RefIdNotFound")], ids=str)
def test_nothing_is_there_is_said_in_several_ways(answer: object) -> None:
    assert NotThere(ORDER.key) == look_up(answer)


@pytest.mark.parametrize(("sent", "amount"), [(150_000, 150_000), (150_000.0, 150_000), (None, None)])
def test_a_sum_is_read_where_it_is_said(sent: object, amount: int | None) -> None:
    found = look_up(yes(data=[told(TotalAmount=sent)]))
    assert isinstance(found, IssuedReceipt)
    assert amount == found.amount_vnd


@pytest.mark.parametrize("code", ["TokenExpiredCode", "InvalidTokenCode"])
def test_a_code_that_says_the_token_ended_renews_it_once(code: str) -> None:
    door = Door(no(code), yes(publishInvoiceResult=[told()]))
    assert "0000001" == misa.Misa(SETTINGS, door).issue(ORDER, NOW).number
    assert (2, 2) == (len(door.logins), len(door.sent))
    door = Door(no(code), no(code))
    with pytest.raises(Refused):
        misa.Misa(SETTINGS, door).issue(ORDER, NOW)


def test_a_login_is_refused_by_a_code_and_left_open_by_another() -> None:
    for code, error in (
        ("UnAuthorize", Refused),
        ("SomethingNew", Unreachable),
        ("DuplicateInvoiceRefID", Unreachable),
    ):
        door = Door(login=no(code))
        with pytest.raises(error):
            misa.Misa(SETTINGS, door).issue(ORDER, NOW)
        assert [] == door.sent


def test_paths_and_names_are_settings() -> None:
    changes = {
        "paths": {
            "token": "/t/token",
            "issue": "/i",
            "status": "/s?x=1",
            "download": "/d/{kind}",
            "cancel": "/c",
        },
        "names": {
            "success": "Success",
            "errorCode": "ErrorCode",
            "data": "Data",
            "InvNo": "So",
            "RefID": "Id",
            "publishInvoiceResult": "Result",
        },
    }
    theirs = {"Success": True, "ErrorCode": ""}
    item = {"Id": ORDER.key, "InvSeries": "AA-26E", "So": "7", "TransactionID": "T1", "PublishStatus": "1"}
    door = Door(
        {**theirs, "Result": [item]},
        {**theirs, "Data": [item]},
        {**theirs},
        {**theirs, "Data": [{"TransactionID": "T1", "Data": "PGEvPg=="}]},
        login={**theirs, "Data": "t"},
    )
    provider = misa.Misa(replace(SETTINGS, **changes), door)
    assert "0000007" == provider.issue(ORDER, NOW).number
    assert isinstance(provider.look_up(ORDER.key, SERIES, NOW), IssuedReceipt)
    provider.cancel(RECEIPT, "Thu sai", NOW)
    assert b"<a/>" == provider.fetch(RECEIPT, ReceiptFile.XML, NOW)
    urls = [each.url.removeprefix("https://receipts.example") for each in (*door.logins, *door.sent)]
    assert ["/t/token", "/i", "/s?x=1", "/c", "/d/xml"] == urls
    sent = json.loads(door.sent[0].body)["InvoiceData"][0]
    assert (ORDER.key, None) == (sent["Id"], sent.get("RefID"))
    with pytest.raises(Misconfigured):
        replace(SETTINGS, paths={"elsewhere": "/x"})


def test_a_file_is_of_the_receipt_that_was_asked_for() -> None:
    for item in (
        {"TransactionID": "T2", "Data": "JVBERi0xLjQK"},
        {"Data": "JVBERi0xLjQK"},
        {"TransactionID": "T1", "Data": None},
    ):
        with pytest.raises(Malformed):
            misa.Misa(SETTINGS, Door(yes(data=[item]))).fetch(RECEIPT, ReceiptFile.PDF, NOW)
    door = Door(yes(data=[{"TransactionID": "T1", "ErrorCode": "RefIdNotFound"}]))
    with pytest.raises(Refused):
        misa.Misa(SETTINGS, door).fetch(RECEIPT, ReceiptFile.PDF, NOW)


def test_a_receipt_without_misas_name_is_neither_cancelled_nor_fetched() -> None:
    door = Door()
    provider, nameless = misa.Misa(SETTINGS, door), replace(RECEIPT, provider_ref="")
    with pytest.raises(Malformed):
        provider.cancel(nameless, "Thu sai", NOW)
    with pytest.raises(Malformed):
        provider.fetch(nameless, ReceiptFile.PDF, NOW)
    for reason, now in (("", NOW), ("x" * 256, NOW), ("Thu sai", datetime(2026, 11, 24))):  # noqa: DTZ001 - refused
        with pytest.raises(Malformed):
            provider.cancel(RECEIPT, reason, now)
    assert [] == door.sent


def test_a_name_of_theirs_goes_back_as_it_came() -> None:
    door = Door(yes(data=[{"TransactionID": 'T"1', "Data": "JVBERi0xLjQK"}]))
    assert misa.Misa(SETTINGS, door).fetch(replace(RECEIPT, provider_ref='T"1'), ReceiptFile.PDF, NOW)
    assert ['T"1'] == json.loads(door.sent[0].body)


def test_the_day_of_a_receipt_is_that_of_vietnam() -> None:
    door = Door(yes(publishInvoiceResult=[told()]))
    misa.Misa(SETTINGS, door).issue(replace(ORDER, issued_at=datetime(2026, 11, 24, 17, tzinfo=UTC)), NOW)
    assert "2026-11-25" == json.loads(door.sent[0].body)["InvoiceData"][0]["InvDate"]


def test_the_settings_are_checked() -> None:
    for changes in (
        {"tax_code": ""},
        {"base_url": "receipts.example"},
        {"app_id": ""},
        {"username": ""},
        {"password": ""},
        {"absent": frozenset({"UnAuthorize"})},
        {"standings": {"1": "gone"}},
    ):
        with pytest.raises(Misconfigured):
            replace(SETTINGS, **changes)
